"""Every block of the README, of CONTRIBUTING and of docs/ runs, in a folder of a reader's own, and prints what is shown.

A block whose language is followed by a name is a file. `sh` runs, and so does `python` without a name; a `text` block after
it is what comes out, up to a line "…" and but for seconds. A `text` block that begins with "$ " is a command with what it
prints, each `run` of a workflow is a command too. Anything else is a block that nothing runs, which is an error here: a new
block in a document needs nothing but to be right.
"""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from checks import judge
from checks.ops import ops
from tests import warm
from tests.blocks import PROMPT, Block, sections

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
SECTIONS = [section for document in DOCUMENTS for section in sections(document)]
SHOWN_ONLY = ("", "math")  # a listing; formulas, which test_docs.py reads
SECONDS = re.compile(r"[\d.]+ s\b")
ROUNDING = re.compile(
    r"^(\w+(?: +\d+){3} +)\d[\d.e-]*", re.MULTILINE
)  # a law's largest share: processors sum in an order of theirs
# What readers have, where the README speaks of code of theirs.
THEIRS = {
    "mine.py": "import reference\n\nclass Conv:\n"
    "    def forward(self, *a, **p): return reference.conv.forward(*a, **p)\n"
    "    def backward(self, *a, **p): return reference.conv.backward(*a, **p)\n",
    "mypackage/__init__.py": "",
    "mypackage/conv.py": "from mine import Conv\n",
    "mypackage/layers.py": "from reference import max_pool as pool\n",
    "mypackage/ops.py": "import torch\n\ndef MyConvFunction(x, weight, bias, **p):\n"
    "    if x.ndim != 4 or isinstance(p['padding'], str) or p.pop('flip'): raise NotImplementedError('not yet')\n"
    "    return torch.nn.functional.conv2d(x, weight, bias, **p)\n",
}
# Commands that another test runs, since they take long: it has to be there.
ELSEWHERE = {
    "python -m examples.lenet --picture loss.png": ("tests/examples/test_lenet.py", "def test_it_learns_the_digits("),
}
# Where nothing that is printed is shown a few cases do, in place of as many as are usual, or of a profile's; the same ones
# in each run, since a few may leave undecided what many decide.
FEWER = {
    "python -m checks.gradcheck": "--examples 10 --seed 1",
    "pytest --pyargs checks.conformance": "-o judge_examples=10",
}
COUNTED = ("--examples", "--hypothesis-profile", "--skeleton")


@pytest.mark.parametrize("section", SECTIONS, ids=lambda s: f"{s.document.stem}: {s.title}")
def test_what_a_document_shows_is_what_comes_out(section, tmp_path):
    theirs = THEIRS if section.document.name == "README.md" else {}
    for name, text in [*theirs.items(), *((block.name, block.text) for block in section.files)]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    for block in section.blocks:
        CHECKS.get(block.language, _unknown)(block, tmp_path)


def test_the_derivations_have_no_blocks_but_formulas():
    """And the documents that are run are all there are."""
    found = {section.document.name for section in SECTIONS}
    assert {"README.md", "CONTRIBUTING.md", "judge-your-own.md", "known.md", "ci.md", "precision.md"} <= found
    languages = {b.language for s in SECTIONS if s.document.parent.name == "derivations" for b in s.blocks}
    assert languages == {"math"}


def _unknown(block: Block, folder: Path):
    assert block.language in SHOWN_ONLY, f"nothing runs a block of {block.language!r}: {block.text}"
    assert block.shown is None, f"nothing prints this: {block.shown}"


def _file(block: Block, folder: Path):
    assert block.name, f"a block of {block.language} that is no file, and that nothing runs: {block.text}"
    assert block.shown is None, f"a file prints nothing, so not: {block.shown}"
    (folder / block.name).write_text(block.text, encoding="utf-8")


def _python(block: Block, folder: Path):
    if block.name:
        _file(block, folder)
    elif block.shown is None:
        _assert_is_the_protocol(block.text)
    else:
        (folder / "shown.py").write_text(block.text, encoding="utf-8")
        _compare(_ran("python shown.py", folder), block.shown)


def _shell(block: Block, folder: Path):
    if block.shown is None or block.text.startswith("pip "):
        for line in block.text.splitlines():
            _assert_runs(line, folder, shown=block.shown)
    else:
        _compare(_ran(block.text, folder), block.shown)


def _transcript(block: Block, folder: Path):
    command, shown = block.text.removeprefix(PROMPT).split("\n", 1)
    _compare(_ran(command, folder), shown)


def _workflow(block: Block, folder: Path):
    """Its commands, in which whatever is uploaded then has to be found; a verdict is no failure of the command."""
    _file(block, folder)
    for command in re.findall(r"- run: (.*)", block.text):
        if command.startswith("pip "):
            assert command == 'pip install "$GRADORACLE"'
        else:
            code, out, err = _ran(_shortened(command), folder)
            assert code in {0, 1}, (command, out, err)
    for pattern in re.findall(r"path: (.*)", block.text):
        assert list(folder.glob(pattern)), f"{pattern} is uploaded, and was not written"


CHECKS = {"sh": _shell, "python": _python, "c": _file, "toml": _file, "yaml": _workflow, "text": _transcript}


def _assert_runs(line: str, folder: Path, shown: str | None):
    """Each command of a line; what is shown comes out of the last."""
    for command in line.split(" && "):
        if command.startswith("pip "):
            _assert_installs(command)
        elif command == "tox":
            assert "pip install tox && tox" in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
        elif command in ELSEWHERE:
            file, test = ELSEWHERE[command]
            assert test in (ROOT / file).read_text(encoding="utf-8")
        elif shown is not None:
            _compare(_ran(command, folder), shown)
        else:
            code, out, err = _ran(_shortened(command), folder)
            assert code == 0, (command, out, err)


def _shortened(command: str) -> str:
    plain, *into = command.replace("--hypothesis-profile=ci", "--hypothesis-profile=dev").split(" > ")
    if not any(word in plain for word in COUNTED):
        plain += next((f" {few}" for start, few in FEWER.items() if plain.startswith(start)), "")
    return " > ".join([plain, *into])


def _assert_installs(command: str):
    """It asks for what there is; that it can be installed is for the test below."""
    words = iter(shlex.split(command)[2:])
    assert command.startswith("pip install ")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for word in words:
        if word == "-c":
            assert (ROOT / next(words)).is_file()
        elif word == "-e":
            (extra,) = re.fullmatch(r"\.(?:\[(\w+)\])?", next(words)).groups()
            assert extra is None or extra in extras
        else:
            assert word == "tox", f"nothing says that {word} can be installed"


def test_the_project_can_be_installed_as_the_readme_says():
    """In this environment, without the network, changing nothing."""
    options = "--dry-run --no-deps --no-build-isolation --disable-pip-version-check -c constraints.txt -e ."
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options.split()],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Would install gradoracle" in done.stdout


def _assert_is_the_protocol(text: str):
    """Functions with these very signatures are right for every op, once they do what the reference does."""
    assert [line.partition("  # -> ")[2] for line in text.splitlines()] == [
        "y",
        "one gradient for each input, None where there is none",
    ]
    given = {"forward": "*inputs, **parameters", "backward": "grad_output, *inputs, **parameters"}
    for name, arguments in given.items():
        assert text.count(f"def {name}({arguments}): ...") == 1
        text = text.replace(": ...", f": return reference.{name}({arguments})", 1)
    for name, op in ops().items():
        written = ModuleType("written")
        exec(text, vars(written) | {"reference": op.reference}, vars(written))  # noqa: S102, our own README
        assert judge(name, written, examples=2, seed=1, laws=["agreement"])


def _ran(command: str, where: Path):
    """Exit code and both streams; `python` and `pytest` are those that run the tests."""
    environment = {**os.environ, "PATH": f"{warm.folder()}:{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", command],  # noqa: S607, whichever there is
        cwd=where,
        env=environment | {"PYTHONPATH": f"{ROOT}:{where}"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert "Traceback" not in done.stderr, (command, done.stderr)
    return done.returncode, done.stdout, done.stderr


def _compare(ran, shown: str):
    """What came out is what is shown, up to a line "…" and but for seconds, and shares of bounds that rounding took."""
    _, out, err = ran
    expected, cut, _ = shown.partition("…\n")
    out, expected = (ROUNDING.sub(r"\1", SECONDS.sub("", text)) for text in (out, expected))
    assert out.startswith(expected) if cut else out == expected, (out, err)
