"""`python -m checks.gradcheck`, typed where `checks` is a user's own: ours answers what theirs cannot.

Python looks for `checks.gradcheck` in the first `checks` that it finds, and ends with exit code 1, the code of a wrong
gradient, if that one has none. So gradoracle.pth, which Python reads when it starts, imports this if a module of `checks`
is what it was started to run, and only then. What the user's own `checks` has is left to it.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from _gradoracle.subjects.names import ours, theirs_of

DOORS = ("checks.gradcheck", "checks.explain", "checks.render", "checks")


def asked_for(command: list[str]) -> str:
    """The module that a command of Python's runs, "" if it runs none."""
    words = iter(command[1:])
    for word in words:
        if word in {"-X", "-W", "--check-hash-based-pycs"}:
            next(words, "")  # its value
        elif word == "-m":
            return next(words, "")
        elif not word.startswith("-") or word == "-c":
            break
    return ""


def has(package: ModuleSpec, module: str) -> bool:
    """Whether a package has the module that `python -m` would run."""
    inside = list(package.submodule_search_locations or ())
    if module == package.name:
        return package.submodule_search_locations is None or PathFinder.find_spec("__main__", inside) is not None
    return PathFinder.find_spec(module.rpartition(".")[2], inside) is not None


def answer(module: str) -> None:
    """Let ours be found from here on, if a door of ours is asked for and theirs is in its way."""
    if module not in DOORS:
        return
    # The current folder comes on the path once Python has started.
    package = theirs_of("checks", *([] if sys.flags.safe_path else [str(Path.cwd())]))
    if package and not has(package, module):
        ours.__enter__()


answer(asked_for(sys.orig_argv))
