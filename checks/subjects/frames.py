"""Where somebody's own code raised: the frames of a traceback that are theirs, and neither ours nor those of a library.

Theirs is what the first frame behind ours belongs to: their files, or a package that is installed. What calls into NumPy
and fails there is told by the line that called.
"""

from __future__ import annotations

import os
import sysconfig
import traceback
from collections.abc import Sequence
from pathlib import Path

OURS = tuple(str(Path(__file__).resolve().parents[2] / name) + os.sep for name in ("checks", "reference"))
LIBRARIES = tuple({f"{sysconfig.get_paths()[name]}{os.sep}" for name in ("stdlib", "platstdlib", "purelib", "platlib")})
SITES = tuple({f"{sysconfig.get_paths()[name]}{os.sep}" for name in ("purelib", "platlib")})
MOST = 8  # frames: of a recursion the last


def own_frames(error: BaseException) -> list[traceback.FrameSummary]:
    """The frames of their own code, outermost first; empty where there are none, as of a built-in function."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(("<", *OURS))]
    theirs = [f for f in frames if not f.filename.startswith(LIBRARIES)]
    if not theirs and frames:
        package = _package(frames[0].filename)
        theirs = [f for f in frames if package and f.filename.startswith(package)]
    return theirs[-MOST:]


def _package(file: str) -> str:
    """The folder of the installed package that a file is part of."""
    site = next((site for site in sorted(SITES, key=len, reverse=True) if file.startswith(site)), "")
    return f"{site}{file.removeprefix(site).split(os.sep)[0]}" if site else ""  # noqa: PTH206, text that a traceback holds


def place(frames: Sequence[traceback.FrameSummary]) -> str:
    """The innermost of them: mine.py:14."""
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""


def told(frames: Sequence[traceback.FrameSummary]) -> tuple[str, ...]:
    """A line for each: mine.py:14 in forward: n, c, h, w = x.shape."""
    return tuple(f"{Path(f.filename).name}:{f.lineno} in {f.name}: {f.line}".removesuffix(": ") for f in frames)
