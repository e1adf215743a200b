"""What a terminal shows while the verdict is still to come: a progress bar, and the first thing that is wrong."""

from __future__ import annotations

import sys
import time
from typing import TextIO


def watched(*, output: bool) -> TextIO | None:
    """The stream that somebody watches: standard error, or standard output if it is for the verdict; None in a pipe."""
    streams = (sys.stderr, sys.stdout) if output else (sys.stderr,)
    return next((stream for stream in streams if stream.isatty()), None)


class Bar:
    """Shows how much of a total, or of a time in seconds, is done, in one line that `clear` removes again."""

    WIDTH = 30

    def __init__(self, name: str, total: int = 0, seconds: float | None = None) -> None:
        self.name = name
        self.total = total
        self.seconds = seconds
        self.started = time.perf_counter()
        self.shown = False

    def __call__(self, done: int, total: int | None = None) -> None:
        """Show that so many are done; `total` where it was not known before, 0 while it is not known."""
        of = self.total if total is None else total
        if self.seconds is not None:
            share = (time.perf_counter() - self.started) / self.seconds
        else:
            share = done / of if of else 0.0
        filled = int(self.WIDTH * min(share, 1.0))
        print(f"\r{self.name} {'█' * filled}{'·' * (self.WIDTH - filled)} {done}", end="", file=sys.stderr, flush=True)
        self.shown = True

    def clear(self) -> None:
        """Remove the bar: the verdict takes its place."""
        if self.shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self.shown = False
