"""The command line of everything: each door by its word, and the name that it was called by in what it says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from checks import __main__ as program
from checks import explain, gradcheck
from checks.ops import ops
from checks.render import __main__ as render

ROOT = Path(__file__).parents[2]
SECONDS = re.compile(r"[\d.]+ s\b")
HALF = """
from reference import linear
class Half:
    forward = staticmethod(linear.forward)
    def backward(self, *arrays):
        return (linear.backward(*arrays)[0] / 2, *linear.backward(*arrays)[1:])
"""
FEW = ["linear", "--examples", "5", "--seed", "3"]


@pytest.fixture
def said(capsys):
    """Run a `main`; returns the exit code and both streams, but for seconds."""

    def run(main, *given):
        try:
            code = main(*given)
        except SystemExit as ended:
            code = ended.code
        return code, *(SECONDS.sub("", text) for text in capsys.readouterr())

    return run


def test_it_judges_as_gradcheck_does(said):
    verdict = said(gradcheck.main, FEW)
    assert verdict[0] == 0
    assert verdict[1].startswith("linear: right.")
    assert said(program.main, FEW, "gradoracle") == verdict
    assert said(program.main, ["--list"], "gradoracle") == said(gradcheck.main, ["--list"])


def test_explain_and_render_are_words_of_it(said, tmp_path):
    asked = ["linear", "--wrt", "y"]
    assert said(program.main, ["explain", *asked], "gradoracle") == said(explain.main, asked)
    report = str(tmp_path / "report.json")
    assert said(program.main, [*FEW, "--json", report], "gradoracle")[0] == 0
    drawn = said(program.main, ["render", report, "--to", "markdown"], "gradoracle")
    assert drawn == said(render.main, [report, "--to", "markdown"])
    assert drawn[0] == 0
    assert "linear" in drawn[1]


def test_help_lists_the_commands_and_the_ops(said):
    code, out, _ = said(program.main, ["--help"], "gradoracle")
    assert code == 0
    for words in ("gradoracle OP", "gradoracle explain OP", "gradoracle render REPORT", "gradoracle function F"):
        assert words in out
    assert re.search(r"^ops: (.*)$", out, re.MULTILINE).group(1).split(", ") == list(ops())
    starts = [line[len("usage: gradoracle ") :].index(" " * 2) for line in out.splitlines() if "[options]  " in line]
    assert starts, "what a command does stands behind two spaces"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            ["prelu"],
            "there is no op 'prelu'; did you mean relu? Any other function is judged by ",
        ),
        ([], "name an op: "),
        (["linear", "--batsh", "2"], "linear has no option --batsh; did you mean --batch?"),
        (["linear", "--impl", "nowhere.py"], "there is no file nowhere.py"),
        (["--function", "nowhere.py:f", "--backward", "nowhere.py:b", "--inputs", "3"], "there is no file nowhere.py"),
        (["explain", "prelu"], "there is no op 'prelu'; did you mean relu?"),
        (["explain", "linear", "--wrt", "q"], ""),
        (["render", "nowhere.json"], "nowhere.json cannot be read: No such file or directory"),
    ],
)
def test_what_makes_no_sense_is_said_in_its_own_name(said, given, sentence):
    for name, called in ("gradoracle", "gradoracle"), ("python -m checks", "checks"):
        code, out, err = said(program.main, given, name)
        assert code in {2, 3}
        assert not out
        assert err.startswith(f"{called}: {sentence}")


def test_help_of_an_op_names_the_command(said):
    assert said(program.main, ["linear", "--help"], "gradoracle")[1].startswith("usage: gradoracle linear [")
    assert said(program.main, ["explain", "linear", "-h"], "gradoracle")[1].startswith(
        "usage: gradoracle explain linear"
    )
    assert said(program.main, ["render", "--help"], "gradoracle")[1].startswith("usage: gradoracle render [")


def test_gradcheck_itself_says_what_it_said(said):
    assert said(gradcheck.main, ["prelu"]) == (2, "", "gradcheck: there is no op 'prelu'; did you mean relu?\n")


def test_python_runs_it_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "checks", *FEW, "-q"], cwd=ROOT, capture_output=True, encoding="utf-8", check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "linear: right.  reference.linear, float64\n", "")


def test_a_door_loads_what_it_needs_and_no_other():
    """Whoever asks for a function waits for its process, which begins before the judge is loaded."""
    code = "import sys; from checks import __main__ as m; m._door(*m.DOORS['function']); print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    loaded = set(said.split())
    assert "checks.gradcheck" in loaded
    assert not loaded & {"checks.explain", "checks.vectors.__main__", "checks.verdict.judging", "hypothesis", "torch"}


def test_what_shrinks_failures_is_loaded_without_extensions(tmp_path):
    (tmp_path / "half.py").write_text(HALF)
    end = "import sys; print('hypothesis' in sys.modules, gradcheck.os.environ.get('HYPOTHESIS_NO_PLUGINS'))"
    given = ["linear", "--impl", "half.py:Half", "--examples", "5", "--seed", "1", "-q"]
    code = f"from checks import gradcheck; assert gradcheck.main({given}) == 1; {end}"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert ran.stdout.splitlines()[-1] == "True 1"
