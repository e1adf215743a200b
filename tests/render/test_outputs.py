"""What command lines write: from a run, and later from its JSON, the same to the last byte."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from checks import gradcheck
from checks.render import __main__ as render
from checks.render import github, summary
from checks.render import json as as_json
from checks.render.load import from_text, load
from checks.render.outputs import FORMATS, WRITTEN, rendered, written
from tests.judged import JUDGED, judged

ROOT = Path(__file__).parents[2]
FEW = ("--examples", "8", "--seed", "3", "--laws", "exact,forward")
WRONG = """
from reference import conv
def forward(*a, **p): return conv.forward(*a, **p)
def backward(*a, **p): return (lambda x, *o: (-x, *o))(*conv.backward(*a, **p))
def f(x): return x ** 3
def b(g, x): return g * x ** 2
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A folder to work in, with a wrong implementation in mine.py; not one of GitHub Actions."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    (tmp_path / "mine.py").write_text(WRONG)
    return tmp_path


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", JUDGED)
def test_every_output_is_that_of_the_report_also_when_it_was_read(name, form):
    report = judged(name)
    loaded = from_text(as_json.render(report), "r.json")
    assert rendered(form, loaded) == rendered(form, [report])


@pytest.mark.parametrize("form", FORMATS)
def test_an_output_ends_with_the_end_of_a_line(form):
    assert rendered(form, [judged("mine"), judged("ties")]).endswith("\n")


def test_one_run_writes_them_all(mine, capsys):
    files = [word for name in WRITTEN for word in (f"--{name}", f"r.{name}")]
    assert gradcheck.main(["conv", "--impl", "mine.py", *FEW, "--github", *files]) == 1
    out = capsys.readouterr().out
    reports = load(mine / "r.json")
    shown, marked = out.split("::error ")
    assert shown == rendered("text", reports)
    assert "::error " + marked == github.render(*reports)
    assert "file=mine.py::" in marked
    for name in WRITTEN:
        assert (mine / f"r.{name}").read_text(encoding="utf-8") == rendered(name, reports)


def test_the_same_is_written_of_a_function(mine, capsys):
    how = ["--function", "mine.py:f", "--backward", "mine.py:b", "--inputs", "2,3", "--seed", "5", "--examples", "5"]
    assert gradcheck.main([*how, "--json", "r.json", "--markdown", "-", "--junit", "r.xml", "-q"]) == 1
    reports = load(mine / "r.json")
    assert capsys.readouterr().out == summary.render(*reports), "and nothing else"
    assert ET.parse(mine / "r.xml").getroot()[0].get("name") == "f"


@pytest.mark.parametrize("form", WRITTEN)
def test_a_format_takes_standard_output_in_place_of_the_verdict(mine, capsys, form):
    assert (
        gradcheck.main(
            ["conv", "--impl", "mine.py", *FEW, f"--{form}", "-", "--json" if form != "json" else "--junit", "r"]
        )
        == 1
    )
    out = capsys.readouterr().out
    if form != "json":
        assert out == rendered(form, load(mine / "r"))
    else:
        assert json.loads(out)["reports"][0]["verdict"] == "wrong"


def test_the_summary_is_appended_where_github_says(mine, monkeypatch, capsys):
    path = mine / "summary.md"
    path.write_text("before")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    assert gradcheck.main(["conv", "--impl", "mine.py", *FEW, "--json", "r.json"]) == 1
    assert path.read_text() == "before", "nobody asked"
    assert gradcheck.main(["conv", "--impl", "mine.py", *FEW, "--json", "r.json", "--github"]) == 1
    text = path.read_text(encoding="utf-8")
    assert text == "before\n" + summary.render(*load(mine / "r.json"))
    capsys.readouterr()
    path.write_bytes(b"x" * ((1 << 20) - 700))
    assert render.main(["r.json", "--to", "github"]) == 0
    assert capsys.readouterr().out == github.render(*load(mine / "r.json"))
    assert path.read_text().endswith("The rest is left out: a summary may have no more than 1 MiB.\n")
    assert path.stat().st_size <= 1 << 20


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        ("--json - --markdown -", "--json and --markdown both write to standard output; name a file for each"),
        ("--json - --github", "--github and --json both write to standard output; name a file for each"),
        ("--junit out --markdown ./out", "--junit and --markdown both write to out; name a file for each"),
        (
            "--markdown no/such/folder",
            "--markdown no/such/folder cannot be written; expected a file in a folder that exists",
        ),
        ("--junit .", "--junit . cannot be written; expected a file in a folder that exists"),
        ("--markdwon out", "conv has no option --markdwon; did you mean --markdown?"),
    ],
)
@pytest.mark.parametrize("function", [False, True])
def test_what_cannot_be_written_is_refused_before_the_run(mine, capsys, words, refusal, function):
    judged_ = ["--function", "mine.py:f", "--backward", "mine.py:b", "--inputs", "2"] if function else ["conv", *FEW]
    with pytest.raises(SystemExit) as stopped:
        gradcheck.main([*judged_, *words.split()])
    assert stopped.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"gradcheck: {refusal}\n" or (function and "--markdwon" in err)


def test_what_cannot_be_written_after_all_is_said_in_a_sentence(mine, monkeypatch, capsys):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(mine))
    with pytest.raises(SystemExit) as stopped:
        gradcheck.main(["conv", *FEW, "--github", "-q"])
    assert stopped.value.code == 2
    assert capsys.readouterr().err == f"gradcheck: GITHUB_STEP_SUMMARY {mine} cannot be written: Is a directory\n"


def test_names_that_are_no_text_can_be_written(mine):
    """A report says what it was given: half of a surrogate pair in a file's name does not lose the whole of it."""
    report = replace(judged("ties"), implementation="half \ud800")
    for form in FORMATS:
        written(rendered(form, [report]), mine / form)
    assert load(mine / "json")[0].implementation == "half \ud800"
    assert b"\r" not in (mine / "json").read_bytes()


@pytest.fixture
def report(mine):
    """A report on two ops, in a file."""
    (mine / "report.json").write_text(as_json.render(judged("mine"), judged("ties")), encoding="utf-8")
    return mine


@pytest.mark.parametrize("form", FORMATS)
def test_a_report_is_drawn_to_standard_output_or_to_a_file(report, capsys, form):
    assert render.main(["report.json", "--to", form]) == 0
    shown = capsys.readouterr().out
    assert shown == rendered(form, [judged("mine"), judged("ties")])
    assert render.main(["report.json", "--to", form, "--output", "out"]) == 0
    assert capsys.readouterr().out == ""
    assert (report / "out").read_text(encoding="utf-8") == shown


def test_text_is_what_is_drawn_if_nothing_is_said(report, capsys, monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    assert render.main(["report.json"]) == 0
    plain = capsys.readouterr().out
    assert plain == f"{judged('mine')}\n{judged('ties')}\n"
    assert render.main(["report.json", "-v"]) == 0
    assert "grad_bias is wrong" in capsys.readouterr().out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert render.main(["report.json", "--output", "out"]) == 0
    assert (report / "out").read_text(encoding="utf-8") == plain, "colours are for a terminal"
    assert render.main(["report.json"]) == 0
    assert "\x1b[1;31m" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        (
            "report.json --to mardown",
            f"--to: 'mardown' given; expected {' or '.join(FORMATS)}; did you mean markdown?",
        ),
        ("reprot.json", "reprot.json cannot be read: No such file or directory; did you mean report.json?"),
        ("mine.py --to json", "mine.py is no JSON: Expecting value: line 2 column 1 (char 1)"),
        ("report.json --ot json", "render has no option --ot; did you mean --to?"),
        ("report.json more", "more cannot be read: No such file or directory"),
        ("", "the following arguments are required: REPORT"),
        ("report.json --to json -v", "--verbose is about text; --to json has all there is"),
        ("report.json --output no/file", "--output no/file cannot be written; expected a file in a folder that exists"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(report, capsys, words, refusal):
    with pytest.raises(SystemExit) as stopped:
        render.main(words.split())
    assert stopped.value.code == 2
    assert capsys.readouterr().err == f"render: {refusal}\n"


def test_a_report_may_come_through_a_pipe(report):
    text = (report / "report.json").read_text(encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "checks.render", "-", "--to", "junit"],
        input=text,
        cwd=report,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == rendered("junit", [judged("mine"), judged("ties")])


def test_drawing_waits_for_neither_torch_nor_hypothesis(report):
    script = """
import sys
from checks.render.__main__ import main
main(sys.argv[1:])
print({"torch", "hypothesis"} & {*sys.modules})
"""
    done = subprocess.run(
        [sys.executable, "-c", script, "report.json", "--to", "markdown", "--output", "out"],
        cwd=report,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout == "set()\n"
