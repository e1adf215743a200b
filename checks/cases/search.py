"""Draws problems and shrinks those that fail: the only place that runs Hypothesis."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING

from checks.cases.wide import ONE_IN
from checks.op import Problem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


ENDLESS = 1 << 40  # problems: what ends the run is the time


class Failed(Exception):
    """The problem fails: Hypothesis is to look for a simpler one that fails too."""


class Stopped(Exception):
    """No problem can be tried any more."""


class Search:
    """Hypothesis draws the same problems again and again from one seed; nothing is kept on disk.

    examples  how many are drawn, with those of `also`
    also      problems to try beside those that are drawn
    until     in place of `examples`: none is begun later than that (of `time.perf_counter`), but the first; then those of
              `also` take their turns, one in `ONE_IN`, and `late` says that the time was up
    most      how many problems are visited at most while they are shrunk, where each is expensive
    """

    def __init__(
        self,
        strategy: SearchStrategy[Problem],
        examples: int,
        seed: int,
        also: Iterable[Problem] = (),
        until: float | None = None,
        most: int | None = None,
    ) -> None:
        self.strategy = strategy
        self.also = tuple(also) if until is None else iter(also)
        self.examples = examples
        self.until = until
        self.most = most
        self.seed = seed
        self.drawn = 0
        self.late = False
        self.interrupted = False

    def run(self, visit: Callable[[Problem], None], *, shrink: bool = False) -> None:
        """Visit each problem, then those given beside; where `visit` raises Failed, shrink to the simplest that does.

        Ctrl-C sets `interrupted` and ends the run.
        """
        import hypothesis
        from hypothesis import HealthCheck, Phase, Verbosity, given, settings

        phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
        if shrink:
            step = self._again(visit)
        else:
            step = visit if self.until is None else self._until(self.until, visit)

        @hypothesis.seed(self.seed)
        @settings(
            max_examples=ENDLESS if self.until is not None else self.examples - len(tuple(self.also)),
            phases=phases,
            deadline=None,
            database=None,
            derandomize=False,
            report_multiple_bugs=False,
            print_blob=False,
            verbosity=Verbosity.quiet,
            suppress_health_check=list(HealthCheck),
        )
        @given(self.strategy)
        def each(problem: Problem) -> None:
            step(problem)

        with _no_files():
            try:
                each()
                for problem in () if shrink or self.until is not None else self.also:
                    visit(problem)
            except KeyboardInterrupt:
                self.interrupted = True
            except (Failed, Stopped, hypothesis.errors.Flaky):
                pass

    def _until(self, until: float, visit: Callable[[Problem], None]) -> Callable[[Problem], None]:
        """What is done with each problem that is drawn, while there is time."""

        def step(problem: Problem) -> None:
            if self.drawn and perf_counter() > until:
                self.late = True
                raise Stopped
            self.drawn += 1
            visit(problem)
            if not self.drawn % (ONE_IN - 1):
                for other in islice(self.also, 1):
                    visit(other)

        return step

    def _again(self, visit: Callable[[Problem], None]) -> Callable[[Problem], None]:
        """The same when they are drawn again, to be shrunk: no more than there were, until one fails."""
        if self.until is None and self.most is None:
            return visit
        left = self.examples if self.until is None else self.drawn
        left = left if self.most is None else min(left, self.most)
        asked = 0
        failed = False

        def again(problem: Problem) -> None:
            nonlocal left, failed, asked
            asked += 1
            if (not failed and left <= 0) or (self.most is not None and asked > self.most):
                raise Stopped
            left -= 1
            try:
                visit(problem)
            except Failed:
                failed = True
                raise

        return again


@contextmanager
def _no_files() -> Iterator[None]:
    """Hypothesis reads all local modules for numbers to try, and caches what it finds in the working directory: not here.

    Reading takes a second or more, and draws would depend on what else is imported; it has no option that leaves it out.
    Where a version of it reads elsewhere, its files lie in another folder, and not for long. What was read before is kept.
    """
    from hypothesis.configuration import set_hypothesis_home_dir, storage_directory
    from hypothesis.internal.conjecture import providers

    home = storage_directory(intent_to_write=False).home_directory
    read, known = getattr(providers, "_get_local_constants", None), getattr(providers, "_local_constants", None)
    with TemporaryDirectory(prefix="gradoracle-") as folder:
        set_hypothesis_home_dir(folder)
        if read is not None and known is not None:
            providers._get_local_constants = lambda: known
        try:
            yield
        finally:
            set_hypothesis_home_dir(home)
            if read is not None and known is not None:
                providers._get_local_constants = read
