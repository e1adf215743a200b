"""What a notebook shows while a verdict is still to come: a progress bar, by tqdm where it is installed, and nothing else.

Elsewhere a library is silent, and the command line has a bar of its own (command/progress.py).
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from checks.verdict.tried import Progress


def is_notebook() -> bool:
    """Whether this process is the kernel of a notebook; a shell of IPython in a terminal is none."""
    asked = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)
    return "IPKernelApp" in getattr(asked(), "config", ())


@contextmanager
def watched(progress: Progress | None, name: str, total: int) -> Iterator[Progress | None]:
    """What is called with the number of cases done: `progress`, or in a notebook a bar, if none is given.

    There what is judged may warn as often as it likes: warnings between the bar and the report are not shown. Filters
    stay as they are, so one that makes an error of a warning still does.
    """
    if not is_notebook():
        yield progress
        return
    with warnings.catch_warnings():
        warnings.showwarning = _nothing
        if progress is not None or find_spec("tqdm") is None:
            yield progress
            return
        with import_module("tqdm.auto").tqdm(total=total, desc=name, unit=" cases", leave=False) as bar:
            yield lambda done: bar.update(done - bar.n)


def _nothing(*_: Any, **__: Any) -> None:
    """In place of what shows a warning."""
