"""What never returns ends with the judge, however the judge ends."""

import os
import signal
import subprocess
import sys
import time

import pytest

from checks.subjects import system

fcntl = pytest.importorskip("fcntl")

HANGS = """
import fcntl, pathlib
from reference import tanh

held = open("held", "w")
fcntl.flock(held, fcntl.LOCK_SH)
forward = tanh.forward

def backward(g, x):
    pathlib.Path("begun").touch()
    while True:
        pass
"""
LONG = 60  # seconds, of a machine that is busy; it takes a tenth of one


def until(true):
    deadline = time.monotonic() + LONG
    while not (found := true()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def is_free(held):
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@pytest.mark.skipif(system.WINDOWS, reason="a pipe there does not tell that it has lost its writer")
@pytest.mark.parametrize("crew", [[], ["--jobs", "2"]], ids=["one", "crew"])
def test_a_call_that_never_returns_ends_with_the_judge(tmp_path, crew):
    (tmp_path / "theirs.py").write_text(HANGS)
    words = [sys.executable, "-m", "checks.gradcheck", "tanh", "--impl", "theirs.py", "--timeout", "1000", *crew]
    judge = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with (tmp_path / "held").open("w") as held:
        try:
            assert until((tmp_path / "begun").exists)
            assert not is_free(held)
        finally:
            os.kill(judge.pid, signal.SIGKILL)
            judge.wait()
        assert until(lambda: is_free(held))
