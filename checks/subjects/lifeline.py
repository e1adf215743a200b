"""A process that works for the judge ends when the judge does, whatever it is in the middle of.

Who serves reads to the end of a pipe, and leaves. But a kernel that never returns never reads: where the judge was killed
in the meantime, by CI or a window that was closed, it would run on for ever, and nobody would know whose it is. So a thread
of each such process waits for that end as well. On Windows a process is not told that a pipe has lost its writer.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from multiprocessing import parent_process
from typing import NoReturn

from checks.subjects import system


def hold(descriptor: int) -> None:
    """End this process, and what it started, once nobody can write any more to the pipe that it reads from here."""
    if not system.WINDOWS:
        threading.Thread(target=_until_alone, args=(descriptor,), daemon=True).start()


def follow() -> None:
    """End this process once that which started it, by multiprocessing, is gone; a pool's queues do not tell."""
    threading.Thread(target=_until_orphaned, daemon=True).start()


def _until_alone(descriptor: int) -> NoReturn:
    looking = select.poll()
    looking.register(descriptor, select.POLLHUP)
    looking.poll()
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _until_orphaned() -> NoReturn:
    parent = parent_process()
    assert parent is not None  # noqa: S101, it is for those alone that have one
    parent.join()
    os._exit(1)
