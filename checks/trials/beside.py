"""A witness in a process of its own: torch is imported, and asked, while this one goes on.

    python -P names.py checks.trials.beside

Problems go there as they are tried, and what torch makes of them comes back in the same order; a thread takes it from the
pipe, so that neither side ever waits for the other to read. The process lives as long as this one, and is asked by every
run. Where it ends before its time, what it has not said is computed here.
"""

from __future__ import annotations

import atexit
import os
import pickle
import subprocess
import sys
import threading
from dataclasses import replace
from functools import cache
from typing import IO

from checks.op import Problem
from checks.subjects import lifeline, names, system
from checks.trials.witness import HERE, Refused, Testimony, Witness, testimony


def witness() -> Witness:
    """Whoever answers first: a process of its own, unless this one has imported torch anyway."""
    return HERE if "torch" in sys.modules else _beside(os.getpid())


@cache
def _beside(of: int) -> Beside:  # noqa: ARG001, a process that was forked must not share the pipes
    return Beside()


class Beside:
    """torch in a process of its own."""

    def __init__(self) -> None:
        self.running = subprocess.Popen(  # noqa: S603, this interpreter and this package
            [sys.executable, "-P", names.__file__, "checks.trials.beside"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the judge
            env=system.patient(),
        )
        self.asked: set[str] = set()
        self.said: dict[str, Testimony | Refused] = {}
        self.news = threading.Condition()
        self.ended = False
        threading.Thread(target=self._listen, daemon=True).start()
        atexit.register(self.close)

    def of(self, problem: Problem) -> Testimony:
        """As Witness has it."""
        self.summon(problem)
        with self.news:
            self.news.wait_for(lambda: self.ended or problem.identity in self.said)
            said = self.said.pop(problem.identity, None)
        self.asked.discard(problem.identity)
        if isinstance(said, Refused):
            raise said
        return testimony(problem) if said is None else said

    def summon(self, problem: Problem) -> None:
        """Send the problem there, if it is not there yet."""
        if problem.identity in self.asked:
            return
        self.asked.add(problem.identity)
        try:
            pickle.dump(replace(problem), _pipe(self.running.stdin))  # without what it has worked out
            _pipe(self.running.stdin).flush()
        except (BrokenPipeError, ValueError):  # it has ended, or has been closed: that shows when it is waited for
            return

    def is_ready(self, problem: Problem) -> bool:
        """Whether it has been said, or will never be."""
        return self.ended or problem.identity in self.said

    def close(self) -> None:
        """End the process."""
        self.running.kill()
        self.running.wait()
        for pipe in (self.running.stdin, self.running.stdout):
            with self.news:
                self.news.wait_for(lambda: self.ended, timeout=1)
            try:
                _pipe(pipe).close()
            except BrokenPipeError:
                continue

    def _listen(self) -> None:
        replies = _pipe(self.running.stdout)
        while True:
            try:
                identity, said = pickle.load(replies)  # noqa: S301, written by this very module
            except Exception:  # noqa: BLE001, whatever ended it in the middle of a word
                break
            with self.news:
                self.said[identity] = said
                self.news.notify_all()
        with self.news:
            self.ended = True
            self.news.notify_all()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # noqa: S101, both were asked for
    return pipe


def main() -> None:
    """Answer until the judge closes its end."""
    commands, replies = sys.stdin.buffer, sys.stdout.buffer
    lifeline.hold(commands.fileno())
    import torch  # noqa: F401, before the first problem comes

    while True:
        try:
            problem = pickle.load(commands)  # noqa: S301, written by this very module
        except EOFError:
            return
        said: Testimony | Refused
        try:
            said = testimony(problem)
        except Refused as refusal:
            said = Refused(str(refusal))
        pickle.dump((problem.identity, said), replies)
        replies.flush()
