"""--impl: what is found, what is refused in a sentence, and that nothing an implementation does ends in exit 0."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import pytest

from checks import gradcheck
from checks.command.skeleton import skeleton
from checks.op import Case, Problem
from checks.ops import find
from checks.subjects import process
from checks.subjects.isolation import Isolated, half_the_memory
from checks.subjects.loading import split
from checks.subjects.refusals import Crashed
from tests.ops.test_ops import drawn

FEW = ("--examples", "10", "--seed", "7", "--laws", "exact,agreement")
RIGHT = """
from reference import conv
import ctypes, os, sys, threading, time
import numpy as np

class Right:
    def forward(self, x, weight, bias, **p): return conv.forward(x, weight, bias, **p)
    def backward(self, g, x, weight, bias, **p): return conv.backward(g, x, weight, bias, **p)

class Plain:
    def forward(self, x, weight, bias, *, stride=1):
        if stride == 3: raise NotImplementedError("stride 3 is too far")
        return conv.forward(x, weight, bias, stride=stride)
    def backward(self, g, x, weight, bias, *, stride=1): return conv.backward(g, x, weight, bias, stride=stride)

class Sometimes(Right):
    def forward(self, x, *others, **p):
        if len(x) == 2: os._exit(1)
        return super().forward(x, *others, **p)

class Slow(Right):
    def forward(self, *inputs, **p):
        open("started", "w").close()
        time.sleep(0.3)
        return super().forward(*inputs, **p)

class Wrong(Right):
    def backward(self, *arrays, **p):
        return tuple(None if g is None else -g for g in super().backward(*arrays, **p))

class ExitsOnEmpty(Right):
    def forward(self, x, *others, **p):
        if not len(x): os._exit(0)
        return super().forward(x, *others, **p)

class RaisesOnEmpty(Right):
    def forward(self, x, *others, **p):
        if not len(x): raise ValueError("no samples")
        return super().forward(x, *others, **p)

class inner:
    class Nested(Right): pass
"""
LOUD = """
print("PASS " * 200_000)
sys.stderr.write("x" * 1_000_000)
sys.stdout.close()
"""
EVIL = {
    "ExitsInside": "os._exit(0)",
    "ExitsPolitely": "sys.exit(0)",
    "Raises": "raise KeyboardInterrupt",
    "Segfaults": "ctypes.string_at(0)",
    "Hangs": "time.sleep(60)",
    "EatsMemory": "return np.ones(1 << 40)",
    "ReturnsNone": "return None",
    "ReturnsText": "return 'PASS'",
    "ReturnsTooFew": "return (conv.backward(g, x, weight, bias, **p)[0],)",
    "ReturnsNaN": "return tuple(np.full_like(a, np.nan) if a is not None else None for a in (x, weight, bias))",
    "Broadcasts": "return x[:1, :1] * 0, weight[:1] * 0, None if bias is None else bias[:1] * 0",
    "ClosesEverything": "os.closerange(0, 1000)",
    "SaysPass": "[os.write(n, b'PASS\\n') for n in range(3, 20) if os.path.exists(f'/proc/self/fd/{n}')]; return None",
    "PatchesNumpy": """
        np.array_equal = lambda *a, **k: True
        np.abs = np.zeros_like
        return tuple(None if a is None else a * 0 for a in (x, weight, bias))""",
    "AlwaysEqual": """
        class Always(np.ndarray):
            def __eq__(self, other): return np.True_
            def __le__(self, other): return np.True_
        return tuple(None if a is None else (a * 0).view(Always) for a in (x, weight, bias))""",
    "PatchesTheJudge": """
        import checks.verdict.report, checks.trials.comparison
        checks.verdict.report.Report.exit_code = 0
        checks.trials.comparison.compared = None
        return tuple(None if a is None else a * 0 for a in (x, weight, bias))""",
}
# What each must be said to have done, where there are words for it.
WORDS = {
    "ExitsInside": "the process ended with exit code 0",
    "ExitsPolitely": "raised SystemExit",
    "Raises": "raised KeyboardInterrupt",
    "Segfaults": "was killed by SIGSEGV",
    "Hangs": "backward did not return within 1 s",
    "EatsMemory": "MemoryError",
    "ReturnsNone": "backward returned None; expected one gradient for each",
    "ReturnsText": "backward returned 'PASS'; expected one gradient for each",
    "ReturnsTooFew": "backward returned 1 gradients; expected one for each",
    "Broadcasts": "has shape",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with implementations in it."""
    path = tmp_path_factory.mktemp("theirs")
    evil = "".join(
        f"\nclass {n}(Right):\n    def backward(self, g, x, weight, bias, **p):\n        {b}\n" for n, b in EVIL.items()
    )
    (path / "mine.py").write_text(RIGHT + evil)
    (path / "beside.py").write_text("from helper import forward, backward\n")
    (path / "helper.py").write_text("from reference.conv import forward, backward\n")
    (path / "broken.py").write_text("import does_not_exist\n")
    (path / "exits.py").write_text("raise SystemExit(0)\n")
    (path / "half.py").write_text("def forward(x, weight, bias): return x\n")
    (path / "few.py").write_text("def forward(x): ...\ndef backward(g, x, w, b): ...\n")
    (path / "more.py").write_text("def forward(x, w, b): ...\ndef backward(g, x, w, b, y, *, cache): ...\n")
    return path


def run(capsys, *arguments):
    """Exit code and what was printed."""
    code = gradcheck.main([*arguments, *FEW])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize("name", ["mine.py:Right", "mine.py:inner.Nested", "beside.py", "mine.py:Plain"])
def test_a_file_a_class_in_it_and_an_attribute_path_are_found(folder, capsys, name):
    code, out, _ = run(capsys, "conv", "--impl", str(folder / name))
    assert code == 0
    assert "conv: right." in out


def test_a_module_on_the_path_is_found(capsys):
    code, out, _ = run(capsys, "conv", "--impl", "reference.conv")
    assert code == 0
    assert "conv: right.  reference.conv" in out


def test_what_is_refused_is_counted_and_shown(folder, capsys):
    plain = ("conv", "--impl", f"{folder / 'mine.py'}:Plain", "--stride", "3", "--dims", "1")
    code, out, _ = run(capsys, *plain, "--padding", "0", "--dilation", "1")
    assert code == 3
    assert "none of the cases is supported" in out
    assert "not supported: stride 3 is too far" in out


REFUSED = [
    ("mine.py", "mine.py has no forward and no backward; ", "mine.py:Right has both"),
    ("mine.py:Rigth", "mine.py has no Rigth; did you mean Right?", ""),
    ("mien.py", "there is no file ", "mine.py?"),
    ("broken.py", "broken.py cannot be imported: ModuleNotFoundError: No module named 'does_not_exist'", ""),
    ("exits.py", "exits.py cannot be imported: SystemExit: 0", ""),
    ("half.py", "half.py has no backward; ", "conv needs backward(grad_output, x, weight, bias, …)"),
    (
        "few.py",
        "few: forward takes (x); conv needs forward(x, weight, bias, …); ",
        "nor adapted: forward takes no weight that could be told by its name",
    ),
    (
        "more.py",
        "more: backward needs y and cache as well; conv needs backward(grad_output, x, weight, bias, …); ",
        "nor adapted: what backward's argument y means is not known",
    ),
]


@pytest.mark.parametrize(("name", "begins", "ends"), REFUSED, ids=[name for name, *_ in REFUSED])
def test_what_cannot_be_loaded_is_said_in_a_sentence_with_a_skeleton(folder, capsys, name, begins, ends):
    code, out, err = run(capsys, "conv", "--impl", str(folder / name))
    assert code == 3
    assert not out
    first = err.splitlines()[0].replace(f"{folder}/", "")
    assert first.startswith(f"gradcheck: {begins}")
    assert first.endswith(ends)
    assert skeleton(find("conv")) in err


@pytest.mark.parametrize("name", ["conv", "max_pool", "dropout", "sigmoid"])
def test_the_skeleton_runs_and_says_what_is_to_be_written(tmp_path, capsys, name):
    assert gradcheck.main([name, "--skeleton"]) == 0
    file = tmp_path / "start.py"
    file.write_text(capsys.readouterr().out)
    code, out, _ = run(capsys, name, "--impl", str(file))
    assert code == 3
    assert "not supported: forward is still to be written: return y" in out


@pytest.fixture
def impatient(monkeypatch):
    """A judge that starts no process for the fourth time."""
    monkeypatch.setattr(process, "CRASHES", 3)
    monkeypatch.setattr(process, "HANGS", 1)


@pytest.mark.parametrize("name", EVIL)
@pytest.mark.usefixtures("impatient")
def test_nothing_that_an_implementation_does_passes(folder, capsys, name):
    """Some are wrong, some never return; none is right, and the judge says why."""
    code, out, err = run(capsys, "conv", "--impl", f"{folder / 'mine.py'}:{name}", "--timeout", "1")
    assert code in {1, 3}, out
    assert "right." not in out.splitlines()[0]
    assert WORDS.get(name, "") in out
    assert "PASS" not in out.splitlines()[0]
    assert "Traceback" not in err


@pytest.mark.usefixtures("impatient")
def test_an_empty_batch_may_be_refused_but_is_no_excuse_for_ending(folder, capsys):
    code, out, _ = run(capsys, "conv", "--impl", f"{folder / 'mine.py'}:ExitsOnEmpty", "--batch", "0")
    assert code == 3
    assert "the process ended with exit code 0" in out
    code, out, _ = run(capsys, "conv", "--impl", f"{folder / 'mine.py'}:RaisesOnEmpty", "--batch", "0")
    assert code == 3, "nothing held"
    assert out.startswith("conv: nothing could be judged, all there is are warnings.")
    assert "warning: an empty batch is not taken: forward raised ValueError: no samples" in out
    code, out, _ = run(capsys, "conv", "--impl", f"{folder / 'mine.py'}:RaisesOnEmpty")
    assert code == 0


def test_the_judge_goes_on_in_a_fresh_process_after_a_crash(folder):
    conv = find("conv")
    isolated = Isolated.loaded(conv, f"{folder / 'mine.py'}:Sometimes")
    try:
        for samples in (2, 1, 2, 3, 2, 1):
            shapes = {"x": (samples, 1, 3), "weight": (1, 1, 2), "bias": (1,), "y": (samples, 1, 2)}
            case = Problem(conv, shapes, conv.takes.defaults).reals()
            ends = pytest.raises(Crashed, match="the process ended with exit code 1")
            with ends if samples == 2 else nullcontext():
                isolated.forward(case)
    finally:
        isolated.close()


def test_what_is_printed_stays_away_from_the_verdict(folder):
    (folder / "loud.py").write_text(RIGHT + LOUD)
    command = [sys.executable, "-m", "checks.gradcheck", "conv", "--impl", "loud.py:Right", *FEW]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith("conv: right.  Right")
    assert "PASS" not in done.stdout + done.stderr


def test_a_result_is_a_copy_that_the_other_process_cannot_reach(folder):
    case: Case = drawn(find("conv"))[1].reals()
    isolated = Isolated.loaded(find("conv"), f"{folder / 'mine.py'}:Right")
    try:
        first = isolated.backward(case)
        before = {name: gradient.tobytes() for name, gradient in first.items()}
        isolated.backward(drawn(find("conv"))[2].reals())
        assert {name: gradient.tobytes() for name, gradient in first.items()} == before
    finally:
        isolated.close()


def test_interruption_ends_both_processes(folder):
    command = [sys.executable, "-m", "checks.gradcheck", "conv", "--impl", "mine.py:Slow", "--seed", "1", "--json", "-"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    judge = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not (folder / "started").exists():
        time.sleep(0.05)
    judge.send_signal(signal.SIGINT)
    out, err = judge.communicate()
    assert judge.returncode == 3, err
    assert json.loads(out)["reports"][0]["interrupted"]
    assert "Traceback" not in err


def test_the_reproducing_command_names_the_implementation(folder, capsys):
    code, out, _ = run(capsys, "conv", "--impl", f"{folder / 'mine.py'}:Wrong")
    assert code == 1
    again = next(line for line in out.splitlines() if line.startswith("  again: "))
    arguments = again.removeprefix("  again: python -m checks.gradcheck ").split()
    assert arguments[:3] == ["conv", "--impl", f"{folder / 'mine.py'}:Wrong"]
    assert gradcheck.main([*arguments, "--examples", "3", "--laws", "exact", "-q"]) == 1


def test_a_bridge_is_told_from_a_module():
    assert split("torch:mine.py:conv") == ("torch", "mine.py", "conv")
    assert split("mine.py:conv") == (None, "mine.py", "conv")
    assert split("torch:package.module") == ("torch", "package.module", "")
    assert split("package.module") == (None, "package.module", "")


def test_half_of_the_memory_is_what_it_may_take():
    assert 1 << 28 < half_the_memory() < 1 << 50


def test_all_and_impl_do_not_go_together(capsys):
    with pytest.raises(SystemExit) as stopped:
        gradcheck.main(["all", "--impl", "mine.py"])
    assert stopped.value.code == 2
    assert capsys.readouterr().err == (
        "gradcheck: --impl mine.py is about one op of several; expected OP=mine.py, such as sigmoid=mine.py\n"
    )
