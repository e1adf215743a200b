"""The scoreboard: cells are judged once, kept as JSON, and drawn as a page that tells what is wrong."""

import json
from collections import Counter
from pathlib import Path

import pytest

from checks import scoreboard
from checks.render import board
from checks.subjects.refusals import Crashed, NotAnImplementation

FEW = (
    "--frameworks",
    "torch",
    "--ops",
    "relu,dropout",
    "--dtypes",
    "float32",
    "--plain",
    "--examples",
    "3",
    "--laws",
    "exact",
)


def test_a_cell_is_judged_once_and_shown(tmp_path, monkeypatch):
    where = ("--json", str(tmp_path / "board.json"), "--html", str(tmp_path / "board.html"))
    assert scoreboard.main([*FEW, *where]) == 0
    (cell,) = json.loads((tmp_path / "board.json").read_text())[
        "cells"
    ]  # torch's dropout takes no mask, so it has none
    assert (cell["op"], cell["verdict"], cell["cases"]) == ("relu", "right", 3)
    assert cell["command"] == "gradoracle relu --impl torch --dtype float32 --examples 3 --seed 1 --laws exact"
    assert "✓" in (tmp_path / "board.html").read_text()
    monkeypatch.setattr(scoreboard.Cell, "judged", lambda _: pytest.fail("it was judged already"))
    assert scoreboard.main([*FEW, *where]) == 0


def test_what_is_interrupted_keeps_what_was_judged(tmp_path, monkeypatch):
    def judged(self):
        if self.op == "tanh":
            raise KeyboardInterrupt
        return {**CELL, "op": self.op}

    monkeypatch.setattr(scoreboard.Cell, "judged", judged)
    path = tmp_path / "board.json"
    assert scoreboard.main([*FEW[:3], "relu,tanh,softmax", *FEW[4:], "--json", str(path)]) == 3
    assert [cell["op"] for cell in json.loads(path.read_text())["cells"]] == ["relu"]


def test_the_published_page_is_that_of_the_cells_that_are_kept():
    docs = Path(__file__).parents[2] / "docs"
    cells = json.loads((docs / "scoreboard.json").read_text(encoding="utf-8"))["cells"]
    page = (docs / "scoreboard.html").read_text(encoding="utf-8")
    assert len({scoreboard._key(cell) for cell in cells}) == len(cells)
    for verdict, many in Counter(cell["verdict"] for cell in cells).items():
        assert page.count(f'title="{verdict}"') == many
    assert all(cell["command"] in page for cell in cells)


@pytest.mark.parametrize(
    ("cause", "verdict"), [(Crashed("did not return within 60 s"), "not judged"), (None, "not offered")]
)
def test_what_does_not_come_up_is_not_said_to_be_missing(monkeypatch, cause, verdict):
    def refuse(*_, **__):
        raise NotAnImplementation("while it was loaded did not return within 60 s") from cause

    monkeypatch.setattr(scoreboard, "judge", refuse)
    cell = scoreboard.Cell("torch", "2", "relu", "float32", compiled=False, examples=3, seed=1).judged()
    assert (cell["verdict"], cell["said"]) == (verdict, ["while it was loaded did not return within 60 s"])


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        (("--frameworks", "torhc"), "--frameworks: 'torhc' given; did you mean torch?"),
        (("--ops", "relu,cnov"), "--ops: 'relu,cnov' given; did you mean conv?"),
        (
            ("--json", "there.json"),
            "--json there.json is no scoreboard; expected a file that this command wrote, or none yet",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, monkeypatch, capsys, words, refusal):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.json").write_text("[]")
    with pytest.raises(SystemExit, match="2"):
        scoreboard.main(words)
    assert refusal in capsys.readouterr().err


CELL = {
    "framework": "torch", "version": "2", "op": "relu", "dtype": "float32", "compiled": False, "examples": 3, "seed": 1,
    "laws": [], "command": "gradoracle relu", "date": "2026-01-02", "verdict": "right", "said": [],
}  # fmt: skip


def test_the_page_tells_what_is_wrong_and_how_it_is_judged_again():
    wrong = {
        **CELL,
        "op": "tanh",
        "compiled": True,
        "verdict": "wrong",
        "said": ["grad_x is wrong: <half>"],
        "again": ["gradoracle tanh"],
    }
    page = board.render(
        [CELL, wrong, {**CELL, "dtype": "float64", "verdict": "not offered", "said": ["no such dtype"]}]
    )
    assert "torch 2, compiled" in page
    assert "grad_x is wrong: &lt;half&gt;" in page
    assert page.count("gradoracle tanh") == 1
    assert "no such dtype" in page
    assert "2026-01-02." in page
