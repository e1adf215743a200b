"""The book of derivations: every result with its formula, its code, its figure and a proof that was run."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from html import unescape
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from checks.book import binding
from checks.book.contents import Outcome
from checks.book.figures import FIGURES
from checks.book.page import render
from checks.book.proofs import Outcomes, prove
from checks.book.sources import called

ROOT = Path(__file__).parents[2]
LIMIT = 2_000_000  # bytes, so that it can be sent by mail, which takes five times as much nearly everywhere
IDS = [
    f"{letter}{n}"
    for letter, last in zip("SBLPCTW", (6, 13, 11, 8, 20, 20, 14), strict=True)
    for n in range(1, last + 1)
]
L7 = "tests/derivations/test_002_convolutional_layer.py", "test_L7_gradient_of_the_centre_of_a_3x3_input"


class AllProved(Outcomes):
    """What comes of proofs that nobody has run: they pass."""

    def of(self, file, name):
        return self.by_test.get((file.relative_to(self.root).as_posix(), name), Outcome(cases=2, seconds=0.25))


@pytest.fixture(scope="module")
def book():
    return binding.bind(ROOT, AllProved(ROOT))


@pytest.fixture(scope="module")
def page(book):
    return render(book)


@pytest.fixture(scope="module")
def body(page):
    """The body of the page as a tree, which it is only if every element is closed where it should be."""
    (text,) = re.findall(r"<body.*</body>", page, flags=re.DOTALL)
    bare = re.sub(r"<script>.*</script>", "", text, flags=re.DOTALL)
    return ET.fromstring(re.sub(r"&(?!lt|gt|amp|quot)\w+;", lambda name: unescape(name[0]), bare))


@pytest.fixture(scope="module")
def rows(body):
    return {section.get("id"): section for section in body.iter("section") if section.get("class") == "row"}


def text(element):
    return "".join(element.itertext())


def ids(body):
    return [element.get("id") for element in body.iter() if element.get("id")]


def test_the_book_is_of_all_results_in_order(book, rows):
    assert [row.entry.id for row in book.rows] == IDS
    assert [id_ for id_ in rows if id_ in IDS] == IDS


@pytest.mark.parametrize("id_", IDS)
def test_a_row_has_its_formula_its_code_and_its_proof(rows, body, id_):
    section = rows[id_]
    (formula,) = (math for math in section.iter("math") if math.get("display") == "block")
    assert len(list(formula.iter())) > 3
    assert text(section.find("h3")).startswith(id_)
    code = [a.get("href")[1:] for a in section.iter("a") if a.get("href").startswith("#code-")]
    assert code
    assert set(code) <= set(ids(body))
    proofs = [details for details in section.iter("details") if details.get("class") == "proof"]
    assert proofs
    for details in proofs:
        assert f"def test_{id_}_" in text(details)
        assert "✓ proved, 2 cases, 250 ms" in text(details.find("summary"))


def test_code_is_the_function_with_its_file_and_line(book):
    (source,) = (s for row in book.rows if row.entry.id == "L10" for s in row.code)
    assert (source.name, source.path) == ("backward", "reference/conv.py")
    lines = (ROOT / source.path).read_text(encoding="utf-8").splitlines()
    assert lines[source.line - 1] == source.text.splitlines()[0] == "def backward("
    assert source.text.splitlines()[-1].lstrip().startswith("return")


def test_a_method_and_a_decorated_test_are_shown_whole(book):
    (method,) = {s for row in book.rows for s in row.code if s.name == "Layer.error"}
    assert method.text.startswith("def error(self")
    (proof,) = (p for p in book.proofs if p.test.name == "test_L1_output")
    assert proof.test.text.startswith("@pytest.mark.parametrize")


def test_what_code_calls_is_found_through_one_another():
    found = [source.name for source in called(ROOT, ROOT / "reference" / "conv.py", ["backward"])]
    assert {"_under_inputs", "_swapped", "_turned"} <= set(found), "_swapped is called by _under_inputs alone"
    assert not {"forward", "backward"} & set(found)


def test_the_open_questions_are_at_its_end(body):
    sections = [section for section in body.iter("section") if section.get("class") == "chapter"]
    assert [section.get("id") for section in sections[-2:]] == ["open-questions", "notation"]
    open_questions = sections[-2]
    assert [text(h)[:3] for h in open_questions.iter("h3")] == [*(f"{n}. "[:3] for n in range(1, 17)), "Whe"]
    assert open_questions.find(".//table") is not None


def test_every_address_is_in_the_page_and_every_id_is_one(body):
    found = ids(body)
    assert len(found) == len(set(found))
    addresses = [a.get("href") for a in body.iter("a")]
    assert len(addresses) > 3 * len(IDS)
    assert {address[1:] for address in addresses} <= set(found)
    assert all(address.startswith("#") for address in addresses)


def test_it_asks_nothing_of_a_network(page):
    assert "default-src 'none'" in page
    assert not re.search(r"\bsrc=|url\(|@import|<link|https?:", page)
    assert len(page.encode()) < LIMIT


def test_no_latex_is_left_over(body):
    def prose(element):
        """The text of an element without that of code."""
        if element.tag in ("pre", "code"):
            return element.tail or ""
        return (element.text or "") + "".join(map(prose, element)) + (element.tail or "")

    left = re.findall(r".{0,20}(?:\\\w|\$|`|\*\*|\]\().{0,20}", prose(body))
    assert not left


def test_it_has_the_structure_that_readers_of_screens_go_by(page, body):
    levels = [int(e.tag[1]) for e in body.iter() if re.fullmatch(r"h\d", e.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert '<html lang="en">' in page
    assert len(list(body.iter("main"))) == 1
    for svg in body.iter("svg"):
        assert svg.get("role") == "img"
        assert svg.findtext("title")
        assert svg.findtext("desc")
    for box in (e for e in body.iter("div") if "scroll" in (e.get("class") or "").split()):
        assert (box.get("tabindex"), box.get("role")) == ("0", "group")
        assert box.get("aria-label")


def test_what_is_wide_scrolls_in_a_box_of_its_own(body):
    parents = {child: parent for parent in body.iter() for child in parent}
    wide = [e for e in body.iter() if e.tag in ("pre", "table", "svg") or e.get("display") == "block"]
    assert all("scroll" in parents[e].get("class").split() for e in wide)


def test_figures_belong_to_rows_and_are_drawn(rows):
    assert set(FIGURES) <= set(IDS)
    drawn = {id_ for id_, section in rows.items() if section.find("figure") is not None}
    assert drawn == set(FIGURES)


def lit(figure):
    return [[cell.text for row in part.cells for cell in row if cell.style == "lit"] for part in figure.parts]


def test_figures_show_what_the_reference_computes():
    assert lit(FIGURES["L7"]()) == [["K₂₂"], ["K₂₁"], ["K₁₂"], ["K₁₁"]]
    assert [part.caption for part in FIGURES["B10"]().parts] == ["k₂₂ · δ₂", "k₂₁ · δ₃", "k₁₂ · δ₅", "k₁₁ · δ₆"]
    strides_2_and_3 = [[cell.text for cell in part.cells[-1][1:]] for part in FIGURES["L9"]().parts]
    assert strides_2_and_3 == [list("11212110"), list("1101101100")]
    _, sums = FIGURES["B12"]().parts
    assert [[cell.text for cell in row] for row in sums.cells] == [["10", "26"], ["42", "58"]]
    (table,) = FIGURES["C20"]().parts
    assert sum(cell is not None and cell.text == "×" for row in table.cells for cell in row) == 60
    _, _, conv2, turned, gradient = FIGURES["B7"]().parts
    assert turned.cells == gradient.cells != conv2.cells


def test_a_proof_that_fails_is_shown_and_makes_the_book_fail():
    outcome = Outcome(cases=3, failed=1, seconds=1.5, says="assert K₂₂ == <K₁₁>")
    made = binding.bind(ROOT, AllProved(ROOT, {L7: outcome}))
    assert made.exit_code == 1
    assert [proof.test.name for proof in made.unproved] == [L7[1]]
    shown = render(made)
    assert "✗ 1 of" in shown
    assert shown.count('<span class="wrong">✗ failed</span>, 1 of 3 cases, 1.5 s') == 2, "in its row, and at the top"
    assert f'class="proof failed" open id="{L7[1]}"' in shown
    assert "assert K₂₂ == &lt;K₁₁&gt;" in shown


def test_all_proved_is_no_failure(book, page):
    assert book.exit_code == 0
    assert f"✓ All {len(IDS)} results are proved." in page
    assert 'class="wrong"' not in page


@pytest.fixture(scope="module")
def broken_copy(tmp_path_factory):
    """A clone in which the sign of a gradient is wrong."""
    root = tmp_path_factory.mktemp("clone")
    for folder in ("reference", "checks", "docs", "tests/derivations"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("conftest.py", "tox.ini", "tests/__init__.py"):
        shutil.copy(ROOT / file, root / file)
    conv = root / "reference" / "conv.py"
    right = conv.read_text(encoding="utf-8")
    wrong = right.replace(
        "multiply(kernel, columns, grad_x[block][inputs])", "multiply(-kernel, columns, grad_x[block][inputs])"
    )
    assert wrong != right
    conv.write_text(wrong, encoding="utf-8")
    return root


def test_a_formula_that_is_broken_in_the_reference_is_not_proved(broken_copy, monkeypatch):
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")  # whoever calls may have their own
    seen = []
    path, _ = L7
    outcomes = prove(broken_copy, [path], lambda done, of: seen.append((done, of)))
    broken = outcomes.of(broken_copy / path, L7[1])
    assert (broken.cases, broken.failed) == (1, 1)
    assert "assert" in broken.says
    assert outcomes.of(broken_copy / path, "test_L1_output") == replace(
        Outcome(cases=24), seconds=outcomes.by_test[path, "test_L1_output"].seconds
    ), "the output does not depend on it"
    assert seen[-1] == (len(seen) - 1, len(seen) - 1), "first how many there are, then one after the other"
    made = binding.bind(broken_copy, outcomes)
    assert made.exit_code == 1
    assert "-G_{1,1}*K_{2,2}" in render(made)


def test_what_did_not_run_says_why(tmp_path):
    (tmp_path / "test_some.py").write_text(
        "import pytest\ndef test_right(): print('heard by nobody')\ndef test_skipped(): pytest.skip('no time')\n",
        encoding="utf-8",
    )
    (tmp_path / "test_broken.py").write_text("import no_such_module\n", encoding="utf-8")
    outcomes = prove(tmp_path, ["test_some.py", "test_broken.py"])
    # pytest runs nothing where something cannot be read
    assert "no_such_module" in outcomes.of(tmp_path / "test_broken.py", "test_any").says
    assert not outcomes.of(tmp_path / "test_some.py", "test_right").proved
    outcomes = prove(tmp_path, ["test_some.py"])
    assert outcomes.of(tmp_path / "test_some.py", "test_right").proved
    skipped = outcomes.of(tmp_path / "test_some.py", "test_skipped")
    assert not skipped.proved
    assert "no time" in skipped.says
    assert outcomes.of(tmp_path / "test_some.py", "test_other") == Outcome(says="it was not run")


def test_a_process_that_dies_proves_nothing(tmp_path):
    (tmp_path / "test_dies.py").write_text("import os\ndef test_first(): os._exit(9)\n", encoding="utf-8")
    outcome = prove(tmp_path, ["test_dies.py"]).of(tmp_path / "test_dies.py", "test_first")
    assert not outcome.proved
    assert outcome.says.startswith("the process of the proofs ended with exit code 9")


def test_writing_runs_every_proof_and_leaves_one_file(tmp_path, monkeypatch):
    asked = []

    def run(root, paths, progress):
        asked.append((root, paths))
        progress(1, 1)
        return AllProved(root)

    monkeypatch.setattr(binding, "prove", run)
    seen = []
    made = binding.write(tmp_path / "derivations.html", progress=lambda *counts: seen.append(counts))
    assert asked == [(ROOT, ["tests/derivations"])]
    assert seen == [(1, 1)]
    assert made.exit_code == 0
    assert (tmp_path / "derivations.html").read_text(encoding="utf-8") == render(made)
    assert [file.name for file in tmp_path.iterdir()] == ["derivations.html"]


def test_what_is_missing_is_said_in_one_sentence(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=re.escape(f"docs/derivations is not in {tmp_path}")) as refused:
        binding.write(tmp_path / "book.html", root=tmp_path)
    assert str(refused.value).startswith("the book is made in a clone of the repository: ")
    monkeypatch.setattr(binding, "find_spec", lambda name: None if name == "math_core" else object())
    sentence = r"the book needs math-core: pip install -c constraints.txt -e '.[book]' in"
    with pytest.raises(ValueError, match=re.escape(sentence)):
        binding.write(tmp_path / "book.html")
    assert not list(tmp_path.iterdir())
