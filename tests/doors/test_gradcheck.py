"""The command line: what it prints, which exit code it gives, and how it refuses what makes no sense."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from checks import gradcheck, judge
from checks.command.progress import Bar
from checks.laws import laws
from checks.ops import ops
from reference import conv

ROOT = Path(__file__).parents[2]
RUN = ("conv", "--stride", "2", "--examples", "20", "--seed", "1")
FEW = ("--examples", "8", "--seed", "3", "--laws", "exact")
OPTIONS = "stride padding dilation groups flip no-flip dims kernel size channels batch"
SHARED = "dtype examples seed laws list verbose quiet json help"
COLOUR = "\x1b["


def python(folder, *arguments, **environment):
    """Run this interpreter in a folder, with the project on its path and both streams in pipes."""
    inherited = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR"}}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**inherited, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", **environment},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def timeless(text):
    return re.sub(r"\d+\.\d s\b", "… s", text)


@pytest.fixture
def printed(capsys):
    """What a command line prints on standard output, once its exit code has been found to be 0."""

    def run(*arguments):
        assert gradcheck.main(arguments) == 0
        out, err = capsys.readouterr()
        assert err == "", "standard error is for refusals and the progress bar"
        return out

    return run


@pytest.fixture(scope="module")
def verdict(tmp_path_factory):
    """The run of the README in a subprocess, and the folder it ran in."""
    folder = tmp_path_factory.mktemp("empty")
    return python(folder, "-m", "checks.gradcheck", *RUN), folder


def test_right_code_exits_0_with_nothing_on_standard_error_and_no_file_left_behind(verdict):
    done, folder = verdict
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "no progress bar in a pipe, no warnings"
    assert list(folder.iterdir()) == []


def test_the_first_line_is_the_verdict(verdict):
    assert verdict[0].stdout.splitlines()[0] == "conv: right.  reference.conv, float64"


def test_the_verdict_counts_cases_and_checks(verdict):
    counts = re.search(
        r"^(\d+) cases, (\d+) checks: (\d+) hold, (\d+) broken, (\d+) undecided; (\d+) cases not supported$",
        verdict[0].stdout,
        re.MULTILINE,
    )
    assert counts, verdict[0].stdout
    cases, checks, hold, broken, undecided, unsupported = map(int, counts.groups())
    assert (cases, broken, unsupported) == (20, 0, 0)
    assert checks == hold + undecided > 20 * len(laws())


def test_the_verdict_has_a_row_for_each_law_sharpest_first(verdict):
    out = verdict[0].stdout
    assert re.search(r"^law +hold +broken +undecided +worst error / bound$", out, re.MULTILINE)
    rows = re.findall(r"^(\w+) +(\d+) +(\d+) +(\d+)   (not a bit off|[\d.e+-]+)", out, re.MULTILINE)
    assert [row[0] for row in rows] == [name for name in laws() if name not in {"kinks", "digits", "accumulation"}]
    assert re.search(r"^kinks +0 +0 +0   does not apply$", out, re.MULTILINE), "a convolution has no kinks"
    assert all(int(hold) > 0 for _, hold, *_ in rows)
    assert [share for name, *_, share in rows if name == "exact"] == ["not a bit off"]
    assert all(float(share) <= 1 for name, *_, share in rows if name != "exact")


def test_the_rows_add_up_to_the_counts(verdict):
    out = verdict[0].stdout
    rows = re.findall(r"^\w+ +(\d+) +(\d+) +(\d+)   \S", out, re.MULTILINE)
    total = re.search(r": (\d+) hold, (\d+) broken, (\d+) undecided", out)
    assert [sum(map(int, column)) for column in zip(*rows, strict=True)] == [int(n) for n in total.groups()]


def test_the_verdict_says_what_was_tried(verdict):
    out = verdict[0].stdout
    assert "  stride          2: 100 %\n" in out, out
    assert re.search(r"^  rows left over  no: \d+ %, yes: \d+ %$", out, re.MULTILINE), out
    for label in ("dims", "padding", "dilation", "kernel", "groups", "channels", "flip", "bias", "batch"):
        assert re.search(rf"^  {label} +\S.*: \d+ %", out, re.MULTILINE), label


def test_the_verdict_says_what_it_proves_and_where_it_comes_from(verdict):
    out = verdict[0].stdout
    assert re.search(r"passes `exact` with probability at most \de-\d\d$", out, re.MULTILINE), out
    last = out.splitlines()[-1]
    number = r"\d+\.\d+\S*"
    versions = rf"python {number} · numpy {number} · torch {number} · hypothesis {number}"
    assert re.fullmatch(rf"seed 1 · {versions} · \d+\.\d s", last), last


def test_the_same_seed_prints_the_same_from_anywhere_but_for_the_seconds(verdict, printed):
    assert timeless(printed(*RUN)) == timeless(verdict[0].stdout)


def test_without_a_seed_a_fresh_one_is_drawn_and_shown(printed):
    first, second = (re.search(r"^seed (\d+)", printed("conv", *FEW[:2], *FEW[4:]), re.MULTILINE) for _ in range(2))
    assert first.group(1) != second.group(1)


def test_a_shown_seed_repeats_the_run(printed):
    out = printed("conv", *FEW[:2], *FEW[4:])
    seed = re.search(r"^seed (\d+)", out, re.MULTILINE).group(1)
    assert timeless(printed("conv", *FEW[:2], *FEW[4:], "--seed", seed)) == timeless(out)


@pytest.mark.parametrize("flag", ["-q", "--quiet"])
def test_quiet_prints_the_verdict_only(printed, flag):
    assert printed("conv", *FEW, flag) == "conv: right.  reference.conv, float64\n"


def test_verbose_adds_each_finding_that_does_not_hold(printed):
    run = "conv", "--dtype", "float16", "--kernel", "4", "--dims", "2", "--examples", "15", "--seed", "3"
    plain, verbose = printed(*run), printed(*run, "-v")
    undecided = int(re.search(r"(\d+) undecided", plain).group(1))
    assert undecided > 0, "this run is meant to have some"
    assert timeless(verbose).startswith(timeless(plain.rstrip("\n")))
    assert len(re.findall(r"^undecided \w+ .*: error .*, bound .*; x \(", verbose, re.MULTILINE)) == undecided


def test_all_judges_every_op(printed):
    assert [line.split(":")[0] for line in printed("all", *FEW, "-q").splitlines()] == list(ops())


def test_list_names_every_op_and_every_law_with_what_it_says(printed):
    lines = printed("--list").splitlines()
    assert lines[0] == "ops"
    assert {f"  {name}" for name in ops()} <= set(lines)
    for name in laws():
        assert any(re.match(rf"  {name} +\S.*", line) for line in lines), name


@pytest.mark.parametrize(("arguments", "options"), [(["--help"], SHARED), (["conv", "--help"], f"{SHARED} {OPTIONS}")])
def test_help_shows_the_options_and_exits_0(capsys, arguments, options):
    with pytest.raises(SystemExit) as stopped:
        gradcheck.main(arguments)
    assert stopped.value.code == 0
    out = capsys.readouterr().out
    assert "python -m checks.gradcheck" in out
    assert set(options.split()) <= set(re.findall(r"--([a-z-]+)", out))


def test_options_of_an_op_are_not_shown_for_all_ops(capsys):
    with pytest.raises(SystemExit):
        gradcheck.main(["--help"])
    assert "--dilation" not in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--help"], ["conv", "--help"], ["--list"], ["conv", "--strid", "2"]])
def test_help_waits_for_neither_torch_nor_hypothesis(tmp_path, arguments):
    script = f"""
import sys
from checks import gradcheck
try:
    gradcheck.main({arguments})
except SystemExit:
    pass
print("loaded", sorted({{"torch", "hypothesis", "pytest"}} & set(sys.modules)))
"""
    done = python(tmp_path, "-c", script)
    assert done.stdout.splitlines()[-1:] == ["loaded []"], done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


def test_json_to_a_file_is_written_beside_the_usual_text(tmp_path, printed):
    path = tmp_path / "report.json"
    out = printed("conv", "--stride", "2", *FEW, "--json", str(path))
    assert out.startswith("conv: right.")
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["schema"] == "gradoracle-report/1"
    assert list(tmp_path.iterdir()) == [path]


def test_json_to_standard_output_is_all_that_is_there(printed):
    document = json.loads(printed("conv", "--stride", "2,1", "--padding", "same", *FEW, "--json", "-"))
    assert document["schema"] == "gradoracle-report/1"
    (report,) = document["reports"]
    assert report["pinned"] == {"stride": [2, 1], "padding": "same"}
    assert (report["seed"], report["examples"], report["cases"]) == (3, 8, 8)


def test_json_in_a_pipe_is_utf_8_json_and_nothing_else(tmp_path):
    done = python(tmp_path, "-m", "checks.gradcheck", "conv", *FEW, "--json", "-", FORCE_COLOR="1")
    assert json.loads(done.stdout)["reports"][0]["verdict"] == "right", done.stderr
    assert list(tmp_path.iterdir()) == []


def test_laws_asks_those_laws_only_and_in_their_own_order(printed):
    out = printed("conv", *FEW[:4], "--laws", "adjoint,exact")
    assert re.findall(r"^(\w+) +\d+ +\d+ +\d+ ", out, re.MULTILINE) == ["exact", "adjoint"]


def test_without_the_exact_law_no_bound_on_a_miss_is_claimed(printed):
    assert "probability" not in printed("conv", *FEW[:4], "--laws", "adjoint")


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_dtype_is_what_the_implementation_is_given(monkeypatch, capsys, dtype):
    given = set()

    class Recording:
        def forward(self, *inputs, **parameters):
            given.update(a.dtype.name for a in inputs if a is not None)
            return conv.forward(*inputs, **parameters)

        backward = staticmethod(conv.backward)

    monkeypatch.setattr(gradcheck, "judge", lambda op, **options: judge(op, **{**options, "implementation": Recording}))
    assert gradcheck.main(["conv", "--dtype", dtype, *FEW]) == 0
    assert given == {dtype}
    assert capsys.readouterr().out.startswith(f"conv: right.  Recording, {dtype}\n")


def test_a_refusal_from_a_shell_has_no_traceback_and_no_colour(tmp_path):
    done = python(tmp_path, "-m", "checks.gradcheck", "conv", "--groups", "3", "--channels", "4,6")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert COLOUR not in done.stderr


@pytest.fixture
def paints(monkeypatch, capsys):
    """Whether the verdict has colours in this environment; pytest's capture is a pipe."""

    def run(terminal=None, **environment):
        for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        if terminal is not None:
            monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
        assert gradcheck.main(["conv", *FEW]) == 0
        return COLOUR in capsys.readouterr().out

    return run


def test_there_is_no_colour_in_a_pipe_unless_it_is_forced(paints):
    assert not paints()
    assert paints(FORCE_COLOR="1")
    assert not paints(NO_COLOR="1", FORCE_COLOR="1")


def test_there_is_colour_on_a_terminal_unless_it_is_unwanted(paints):
    assert paints(terminal=True, TERM="xterm")
    assert paints(terminal=True, TERM="xterm", NO_COLOR=""), "an empty NO_COLOR means nothing (no-color.org)"
    assert not paints(terminal=True, TERM="xterm", NO_COLOR="1")
    assert not paints(terminal=True, TERM="dumb")


def test_a_terminal_shows_a_progress_bar_and_clears_it(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert gradcheck.main(["conv", *FEW]) == 0
    err = capsys.readouterr().err
    assert err.endswith("\r\x1b[K"), "cleared: the verdict takes its place"
    done = [int(number) for number in re.findall(r" (\d+)(?=\r)", err)]
    assert done == sorted(done)
    assert done[-1] == 8
    lengths = [bar.count("█") for bar in err.split("\r")[1:-1]]
    assert all(before <= after for before, after in pairwise(lengths))
    assert lengths[-1] == Bar.WIDTH


def test_quiet_shows_no_progress_bar_on_a_terminal_either(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert gradcheck.main(["conv", *FEW, "-q"]) == 0
    assert capsys.readouterr().err == ""


def test_a_terminal_shows_what_is_wrong_at_once(monkeypatch, capsys, tmp_path):
    """The result, an element, yours and right, before the smallest case is looked for."""
    (tmp_path / "wrong.py").write_text(
        "from reference.relu import forward\n\ndef backward(grad_output, x):\n    return (2 * grad_output * (x > 0),)\n"
    )
    arguments = ["relu", "--impl", str(tmp_path / "wrong.py"), "--examples", "8", "--seed", "3"]
    assert gradcheck.main(arguments) == 1
    assert capsys.readouterr().err == "", "nobody watches a pipe"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert gradcheck.main(arguments) == 1
    shown = capsys.readouterr().err
    assert shown.endswith("\r\x1b[K"), "the bar goes on behind it, and goes"
    told = shown[shown.index("relu: ") :].splitlines()
    assert told[0].startswith("relu: grad_x is wrong: the law `")
    yours, right = map(float, re.match(r"  grad_x\[[\d,]+\]   yours (\S+)   right (\S+)   ", told[1]).groups())
    assert yours == 2 * right
    assert re.match(r"  in x \(.*; looking for the smallest case$", told[2])
