"""Folders that have a `checks` or a `reference` of their own: every door works there, by the right one of the two.

What is judged there scales its gradient by a number of *their* `reference`, found late, and adds up by *their* `checks`; so
it is right with both of theirs, and cannot even be loaded with one of ours.
"""

import os
import subprocess
import sys
from importlib import import_module

import pytest

from checks import gradcheck
from checks.subjects import names
from checks.subjects.names import ROOT, first_on_the_path, ours, theirs, theirs_of

MINE = """
import numpy as np
from checks{late} import total

class Linear:
    sign = 1
    def forward(self, x, weight, bias):
        from checks{late} import total
        return total(x @ weight.T, 0 if bias is None else bias)
    def backward(self, g, x, weight, bias):
        from reference{late} import SCALE
        batch = tuple(range(g.ndim - 1))
        return g @ weight, self.sign * SCALE * np.tensordot(g, x, (batch, batch)), None if bias is None else g.sum(batch)

class Wrong(Linear):
    sign = -1

def square(x):
    from checks{late} import total
    return total(x * x, 0)

def gradient(g, x):
    from reference{late} import SCALE
    return 2 * SCALE * g * x

def wrong(g, x):
    from reference{late} import SCALE
    return 3 * SCALE * g * x
"""
TESTS = """
import checks{late}, reference{late}
from mine import Linear

def test_theirs():
    assert checks{late}.total(1, 2) == 3
    assert reference{late}.SCALE == 1
"""
CHECKS, REFERENCE = "def total(a, b): return a + b\n", "SCALE = 1\n"
FOLDERS = {
    "packages": {
        "checks/__init__.py": "",
        "checks/late.py": CHECKS,
        "reference/__init__.py": "",
        "reference/late.py": REFERENCE,
    },
    "folders": {"checks/late.py": CHECKS, "reference/late.py": REFERENCE},
    "files": {"checks.py": CHECKS, "reference.py": REFERENCE},
}
FEW = ["--examples", "5", "--seed", "3", "-q"]
QUICK = [*FEW, "--laws", "exact"]


def filled(folder, kind):
    """The folder, with names of one kind and what uses them in it."""
    late = "" if kind == "files" else ".late"
    files = FOLDERS[kind] | {"mine.py": MINE.format(late=late), "test_mine.py": TESTS.format(late=late)}
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def ran(*command, cwd, path=""):
    """Exit code, and what was printed."""
    environment = {n: v for n, v in os.environ.items() if n not in {"PYTEST_ADDOPTS", "PYTHONPATH"}}
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=environment | ({"PYTHONPATH": str(path)} if path else {}),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(params=list(FOLDERS))
def folder(tmp_path, request):
    """One folder of each kind."""
    return filled(tmp_path, request.param)


def test_the_command_judges_by_theirs(folder, environment, tmp_path_factory):
    command = environment / "bin" / "gradoracle"
    wrong = (1, "linear: grad_weight is wrong.  Wrong, float64\n")
    assert ran(command, "linear", "--impl", "mine.py:Wrong", *QUICK, cwd=folder) == wrong
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    right = (0, "linear: right.  Linear, float64\n")
    assert ran(command, "linear", "--impl", "mine:Linear", *QUICK, cwd=elsewhere, path=folder) == right


def test_the_module_answers_where_theirs_cannot(folder, environment):
    code, said = ran(
        environment / "bin" / "python", "-m", "checks.gradcheck", "linear", "--impl", "mine:Wrong", *QUICK, cwd=folder
    )
    assert (code, said) == (1, "linear: grad_weight is wrong.  Wrong, float64\n")


def test_their_tests_run_alone_and_beside_ours(folder, environment):
    python = environment / "bin" / "python"
    code, said = ran(python, "-m", "pytest", "-q", "-W", "error", cwd=folder)
    assert code == 0, said
    assert "1 passed" in said
    both = "--pyargs checks.conformance --impl mine.py:Wrong --op linear -o judge_examples=5"
    code, said = ran(  # as the command pytest, which has not the current folder on its path
        python,
        "-P",
        "-m",
        "pytest",
        "-q",
        "-W",
        "error",
        "test_mine.py",
        *both.split(),
        "-k",
        "theirs or exact",
        cwd=folder,
    )
    assert code == 1, said
    assert "1 failed, 1 passed, 12 deselected" in said
    assert "linear: grad_weight is wrong.  Wrong, float64" in said
    assert "linear  BROKEN" in said


def test_several_ops_are_judged_beside_their_names(environment, tmp_path):
    """Each in a process that multiprocessing starts."""
    command = environment / "bin" / "gradoracle"
    code, said = ran(
        command, "all", "--examples", "1", "--seed", "3", "--laws", "linearity", "-q", cwd=filled(tmp_path, "files")
    )
    assert code == 0, said
    assert "conv: right." in said


def test_a_file_of_theirs_beside_our_checks_is_in_nobodys_way(tmp_path):
    """Where this project is found by PYTHONPATH alone, and installed nowhere."""
    (tmp_path / "reference.py").write_text(REFERENCE, encoding="utf-8")
    code, said = ran(sys.executable, "-m", "checks.gradcheck", "linear", *FEW, cwd=tmp_path, path=ROOT)
    assert (code, said) == (0, "linear: right.  reference.linear, float64\n")


@pytest.mark.parametrize(("backward", "code"), [("gradient", 0), ("wrong", 1)])
def test_a_function_that_is_no_op_runs_by_theirs_here(folder, monkeypatch, capsys, forgotten, backward, code):
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    given = ["--function", "mine.py:square", "--backward", f"mine.py:{backward}", "--inputs", "3", *FEW]
    assert gradcheck.main(given) == code, capsys.readouterr()


@pytest.fixture
def forgotten(monkeypatch):
    """What `theirs` has loaded in another test is not what it is in this one."""
    monkeypatch.setattr(theirs, "modules", {})
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    yield
    sys.modules.pop("mine", None)


def test_each_meaning_is_given_back_as_it_was(folder, monkeypatch, forgotten):
    monkeypatch.syspath_prepend(str(folder))
    before = {n: m for n, m in sys.modules.items() if n.split(".")[0] in names.NAMES}
    late = next((".late" for _ in [0] if (folder / "checks").is_dir()), "")
    with theirs:
        found = import_module(f"reference{late}")
        assert found.SCALE == 1
        with theirs:
            assert import_module(f"reference{late}") is found, "twice is once"
        with ours:
            assert import_module("checks.gradcheck").ours is ours
        assert import_module(f"reference{late}") is found
    assert {n: m for n, m in sys.modules.items() if n.split(".")[0] in names.NAMES} == before
    with theirs:
        assert import_module(f"reference{late}") is found


def test_where_they_have_none_it_is_ours(tmp_path, monkeypatch, forgotten):
    """A folder of papers is nothing to import."""
    (tmp_path / "reference").mkdir()
    (tmp_path / "reference" / "paper.pdf").write_bytes(b"")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert theirs_of("reference") is None
    with theirs:
        assert import_module("reference.conv").__file__ == str(ROOT / "reference" / "conv.py")
    path = list(sys.path)
    with first_on_the_path():
        assert sys.path == path, "nothing is in the way"


THEIRS_BESIDE_OURS = """
import checks
from hypothesis import HealthCheck, given, settings
from reference import SCALE

class Wrong:
    def forward(self, x): return x * SCALE
    def backward(self, g, x): return g

@settings(max_examples=3, suppress_health_check=list(HealthCheck), database=None)
@given(case=checks.cases("relu"))
def test_cases(case):
    assert case.op.name == "relu"

def test_verdict():
    assert not checks.judge("relu", Wrong(), examples=5)
"""


def test_their_tests_may_use_our_checks_beside_their_reference(environment, tmp_path):
    (tmp_path / "reference.py").write_text(REFERENCE, encoding="utf-8")
    (tmp_path / "test_theirs.py").write_text(THEIRS_BESIDE_OURS, encoding="utf-8")
    code, said = ran(environment / "bin" / "python", "-m", "pytest", "-q", cwd=tmp_path)
    assert code == 0, said
    assert "2 passed" in said


def test_processes_get_a_path_on_which_we_come_first(folder, monkeypatch):
    monkeypatch.syspath_prepend(str(folder))
    path = list(sys.path)
    with first_on_the_path():
        assert sys.path == [str(ROOT), *path]
    assert sys.path == path


@pytest.fixture
def start(monkeypatch):
    """The module that Python's start imports."""
    monkeypatch.syspath_prepend(str(ROOT / "checks" / "installed"))
    return import_module("_gradoracle.start")


@pytest.mark.parametrize(
    ("command", "module"),
    [
        ("python -m checks.gradcheck conv", "checks.gradcheck"),
        ("python -X importtime -W error -I -m checks.explain conv", "checks.explain"),
        ("python -m pytest -m checks.gradcheck", "pytest"),
        ("python script.py -m checks.gradcheck", ""),
        ("python -c pass -m checks.gradcheck", ""),
        ("python", ""),
    ],
)
def test_the_start_reads_what_python_was_asked_to_run(start, command, module):
    assert start.asked_for(command.split()) == module


def test_the_start_leaves_to_theirs_what_they_have(start, tmp_path, monkeypatch):
    for name in ("__init__", "gradcheck"):
        (tmp_path / "checks").mkdir(exist_ok=True)
        (tmp_path / "checks" / f"{name}.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    package = theirs_of("checks")
    assert start.has(package, "checks.gradcheck")
    assert not start.has(package, "checks.explain")
    assert not start.has(package, "checks"), "it has no __main__"
    monkeypatch.chdir(tmp_path)
    for door, answers in ("checks.gradcheck", False), ("checks.explain", True), ("pytest", False):
        before = list(sys.meta_path)
        start.answer(door)
        added = [finder for finder in sys.meta_path if finder not in before]
        for meaning in added:
            meaning.__exit__()
        assert bool(added) == answers, door
