"""The cases of one run, split among processes: what comes out is what one process would have found.

One process draws all cases, in its order, and counts them in that order; others answer what every law says of them. So the
report is the same with any number of processes, and shrinks to the same case, as long as what is judged remembers nothing
between calls. A process that dies takes nothing along: its cases are judged here.
"""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import active_children, get_context

from checks import ops
from checks.cases.search import Stopped
from checks.laws import laws_of
from checks.op import Problem
from checks.subjects import lifeline
from checks.subjects.implementation import Implementation, Judged
from checks.subjects.isolation import Isolated
from checks.subjects.names import first_on_the_path
from checks.subjects.refusals import Unsupported
from checks.verdict.report import Finding
from checks.verdict.tried import Tried, refused

CHUNK = 4  # cases that are sent at a time; one, where there is a time at which to end
AHEAD = 4  # chunks that are drawn for each process before the first has been answered
PATIENCE = 5.0  # seconds of work done, and still to do, from which on other processes are worth starting
LONG = 20.0  # seconds to go, from which on they are, where there is a time at which to end
CROWDED = 2  # processes that want to run for each core, on average of a minute, from which on others are in the way
LOOKING = 3.0  # seconds without an answer, after which it is looked whether all processes live


@dataclass(frozen=True)
class Subject:
    """What is judged and by which laws, as another process can be told. `spec` is None for the reference."""

    op: str
    spec: str | None
    dtype: str
    device: str
    timeout: float
    memory: int | None
    promised: str
    laws: tuple[str, ...]

    def judged(self) -> Judged:
        """The implementation, in a process of its own unless it is the reference."""
        op = ops.find(self.op)
        if self.spec is None:
            return replace(Implementation.of(op, op.reference), promised=self.promised)
        return Isolated(op, self.spec, self.dtype, self.device, self.timeout, self.memory, promised=self.promised)


@dataclass(frozen=True)
class Answer:
    """What was found in one case, or why it is not supported; and how often what is judged crashed and hung in it."""

    found: tuple[Finding, ...] = ()
    refused: str = ""
    ended: tuple[int, int] = (0, 0)


class Crew:
    """Tries problems, here or in other processes, and has them counted in order.

    jobs   how many processes; None: as many as there are cores, once the run is seen to take longer than a few seconds,
           on a machine that has cores to spare
    until  in place of `examples`: when it is to end (of `time.perf_counter`)
    """

    def __init__(
        self, tried: Tried, subject: Subject | None, jobs: int | None, examples: int, until: float | None = None
    ) -> None:
        self.tried = tried
        self.subject = subject
        self.jobs = jobs
        self.examples = examples
        self.until = until
        self.drawn: list[Problem] = []
        self.sent: deque[tuple[list[Problem], Future[list[Answer]]]] = deque()
        self.pool: ProcessPoolExecutor | None = None
        self.living: set[int | None] = set()  # by their numbers, when it was last looked
        self.is_broken = False
        self.is_alone = subject is None or (cores() if jobs is None else jobs) < 2

    def add(self, problem: Problem) -> None:
        """Try one more problem. Raises Stopped where no other can be tried."""
        if self.is_alone or not self._is_worth_it():
            self.tried.add(problem)
            return
        self.drawn.append(problem)
        if len(self.drawn) == (CHUNK if self.until is None else 1):
            self._send()
        while len(self.sent) > AHEAD * (self.jobs or cores()) or (self.sent and self.sent[0][1].done()):
            self._count(*self.sent.popleft())

    def settle(self, *, interrupted: bool, late: bool = False) -> None:
        """Count what is still to be answered; after Ctrl-C what has been, and nothing else is waited for.

        late  the time is up: what no process has begun is left out
        """
        if self.drawn and not interrupted:
            self._send()
        with suppress(Stopped):
            while self.sent:
                problems, answers = self.sent.popleft()
                if late and answers.cancel():
                    continue
                if not interrupted or (answers.done() and not answers.exception()):
                    self._count(problems, answers)
        self.tried.settle(wait=True, hear=not interrupted)

    def close(self) -> None:
        """End the processes."""
        if self.pool is not None:
            self.pool.shutdown(wait=not self.is_broken, cancel_futures=True)
        if self.is_broken:
            for process in active_children():
                process.kill()

    def _is_worth_it(self) -> bool:
        """Whether others have been started, or are to be: then all that was tried before is counted first."""
        if self.pool is not None:
            return True
        if self.jobs is None:
            done = self.tried.done
            spent = time.perf_counter() - self.tried.started
            if is_crowded():
                return False
            if self.until is not None:
                if not done or self.until - time.perf_counter() < LONG:
                    return False
            elif not done or spent < PATIENCE or spent / done * (self.examples - done) < PATIENCE:
                return False
        self.tried.settle(wait=True)
        # Spawned, not forked: what torch and NumPy hold of threads does not survive a fork.
        self.pool = ProcessPoolExecutor(self.jobs or cores(), get_context("spawn"), partial(_begin, self.subject))
        return True

    def _send(self) -> None:
        assert self.pool is not None  # noqa: S101, nothing is kept before there is one
        chunk, self.drawn = self.drawn, []
        answers: Future[list[Answer]]
        try:
            with first_on_the_path():
                answers = self.pool.submit(_answers, [replace(problem) for problem in chunk])
        except BrokenProcessPool as broken:
            answers = Future()
            answers.set_exception(broken)
        self.living |= {process.pid for process in active_children()}
        self.sent.append((chunk, answers))

    def _count(self, problems: list[Problem], answers: Future[list[Answer]]) -> None:
        answered = self._answered(answers)
        for problem, answer in zip(problems, answered or [None] * len(problems), strict=True):
            if answer is None or self.is_alone or self._ends_too_often(answer):
                self.tried.add(problem)
                self.tried.settle(wait=True)
            elif answer.refused:
                self.tried.trip()
                self.tried.unsupported[answer.refused] += 1
            else:
                if any(f.crashed for f in answer.found) and not any(answer.ended):
                    self.tried.trip()
                found = self.tried.taken(list(answer.found))
                self.tried.tell_first(found)
                self.tried.count(problem, found)
            if self.tried.progress is not None:
                self.tried.progress(self.tried.done)

    def _answered(self, answers: Future[list[Answer]]) -> Sequence[Answer | None]:
        """What came, or nothing where the process that was asked has died.

        A pool notices most deaths by itself, but not that of a process which was about to read or write in its queues.
        """
        while not self.is_broken and not wait([answers], LOOKING).done:
            living = {process.pid for process in active_children()}
            self.is_broken = bool(self.living - living)
            self.living = living
        if self.is_broken and not answers.done():
            self.is_alone = True
            return ()
        try:
            return answers.result()
        except BrokenProcessPool:
            return ()

    def _ends_too_often(self, answer: Answer) -> bool:
        """Whether one process would give it up about here: then it is for one process to say when."""
        judged = self.tried.implementation
        if any(answer.ended) and isinstance(judged, Isolated):
            self.is_alone = not judged.bears(*answer.ended)
        return self.is_alone


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def is_crowded() -> bool:
    """Whether others have more to do than there are cores: then more processes make a run no shorter, and dearer."""
    return hasattr(os, "getloadavg") and os.getloadavg()[0] > CROWDED * cores()


_here: list[Tried] = []  # in a process of a crew: what it judges


def _begin(subject: Subject | None) -> None:
    assert subject is not None  # noqa: S101, without one there is no crew
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever draws
    lifeline.follow()
    known = laws_of(ops.find(subject.op))
    _here.append(Tried(subject.judged(), {name: known[name] for name in subject.laws}))


def _answers(problems: Sequence[Problem]) -> list[Answer]:
    return [_answer(_here[0], problem) for problem in problems]


def _answer(tried: Tried, problem: Problem) -> Answer:
    """What all laws say of one case; crashes of others before it are counted by whoever has drawn them."""
    judged = tried.implementation
    if isinstance(judged, Isolated):
        judged.forget()
    try:
        found = tried.ask(tried.laws, problem)
    except Unsupported as refusal:
        return Answer(refused=refused(problem, refusal), ended=_ended(judged))
    light: dict[int, Problem] = {}  # without what it has worked out, and once each
    return Answer(
        tuple(replace(f, problem=light.setdefault(id(f.problem), replace(f.problem))) for f in found),
        ended=_ended(judged),
    )


def _ended(judged: Judged) -> tuple[int, int]:
    return judged.ended if isinstance(judged, Isolated) else (0, 0)
