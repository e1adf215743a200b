"""What an implementation does in place of returning a result: one exception for each kind.

The judge raises them where it calls what it judges, and counts them by kind: what is not taken is no failure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from checks.subjects.frames import own_frames, place, told


class Unsupported(Exception):
    """The implementation does not take this case: counted and shown, never a failure."""


class Malformed(Exception):
    """What the implementation returned cannot be a result; the message says what it was and what is needed."""


class Crashed(Exception):
    """The implementation raised something of its own; the message names it.

    raised  what, as "ValueError: not enough values"
    at      the line of its own code in which it did, as "mine.py:14"
    frames  a line for each of its own frames (frames.py)
    """

    def __init__(self, message: str, raised: str = "", at: str = "", frames: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.raised, self.at, self.frames = raised, at, tuple(frames)

    @classmethod
    def by(cls, name: str, error: BaseException) -> Self:
        """What was raised where this was called."""
        own = own_frames(error)
        error.__traceback__ = None  # to raise the same object again would add its frames to these, call after call
        return cls(f"{name} raised {brief(error)}", brief(error), place(own), told(own))


class Ended(Crashed):
    """The implementation ended its process, or tried to, or had to be ended: no mere exception."""


class NotAnImplementation(TypeError):
    """The object to be judged has no forward and backward, or none that take the inputs.

    subject  the op, and the text that names the object, where several are judged
    """

    subject: tuple[str, str | None] | None = None


def brief(error: BaseException) -> str:
    """Its kind and the first line of its message."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
