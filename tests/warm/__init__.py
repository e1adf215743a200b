"""`python` and `gradoracle` for commands that documents show: forked off a process that has imported what takes seconds.

What a command prints and leaves is the same. It starts in a tenth of a second, where importing NumPy, torch and Hypothesis
takes three, and a hundred commands are run. Anything but `-m module` and a file is run as usual, and so is everything on a
system that cannot fork.
"""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

ASK = Path(__file__).parent / "ask.py"
ROOT = Path(__file__).parents[2]


@cache
def folder() -> Path:
    """A folder for the front of PATH, with a `python` and a `gradoracle`; what is behind them ends with this process."""
    if not hasattr(os, "fork"):
        return Path(sys.executable).parent
    home = Path(tempfile.mkdtemp(prefix="warm-"))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(home / "socket"))
        listening.listen()
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.warm.serve", str(listening.fileno())], cwd=ROOT, pass_fds=[listening.fileno()]
        )
    atexit.register(process.wait)
    atexit.register(process.terminate)
    scripts = Path(sys.executable).parent
    for name, first in (("python", ""), ("gradoracle", f'"{scripts / "gradoracle"}" ')):
        asks = f'#!/bin/sh\nexec "{sys.executable}" -IS "{ASK}" "{home / "socket"}" {first}"$@"\n'
        (home / name).write_text(asks, encoding="utf-8")
        (home / name).chmod(0o755)
    return home
