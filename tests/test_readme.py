"""What the README says of the project, beside what its commands print (test_documents_run.py): links, and counts."""

import re
from pathlib import Path

from checks.laws import laws
from checks.ops import ops
from checks.ops._mistakes import general
from checks.render import svg

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_file_that_the_readme_links_to_exists():
    for path in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / path).exists(), path


def test_its_picture_is_that_of_its_code(monkeypatch):
    """The first block of Python that has a verdict, and what is drawn of that."""
    block = next(text for text in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "report = judge(" in text)
    shown = {"print": lambda _: None}
    exec(block, shown)  # noqa: S102, our own README
    kept = (ROOT / "docs" / "pictures" / "failing.svg").read_text(encoding="utf-8")
    assert kept == svg.render(shown["report"])


def test_the_mistakes_are_as_many_as_it_says():
    said = re.search(r"\((\d+) of convolution, (\d+) to (\d+) of each other op, (\d+) of any\)", README).groups()
    own = {name: len(op.mistakes) for name, op in ops().items()}
    of_conv = own.pop("conv")
    assert said == tuple(map(str, (of_conv, min(own.values()), max(own.values()), len(general()))))
    measured = [op for op in ops().values() if _is_measured(op)]
    # A loss has one cotangent, so that to take the mean of them is no mistake.
    losses = [op for op in measured if "reduction" in op.takes.defaults]
    planted = sum(len(op.mistakes) + len(general()) for op in measured) - len(losses)
    assert re.findall(r"(?:caught|wrong code), of (\d+) ", README) == [str(planted)] * 2


def _is_measured(op):
    """Whether one of the five documents has it, or it is one of the first two that came later."""
    return all(source[:1].isdigit() or source in {"T1", "T2"} for source in op.told.sources.values())


def test_every_op_and_every_law_has_its_row():
    rows = re.findall(r"^\| (\S.*?) \|", README, flags=re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert {*ops(), *laws()} <= named
