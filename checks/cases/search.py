"""Draws problems and shrinks those that fail: the only place that runs Hypothesis; and what the cases of a run are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING

from checks.cases import turns, wide
from checks.cases.drawing import problems_of
from checks.cases.kinds import EVERYTHING, Among
from checks.op import Op, Problem
from checks.signature.options import Pinned

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


ENDLESS = 1 << 40  # problems: what ends the run is the time
IN_TIME = 60  # problems in turn, where what ends the run is the time
LIKE = 50  # problems that are drawn of those which are like one


class Failed(Exception):
    """The problem fails: Hypothesis is to look for a simpler one that fails too."""


class Stopped(Exception):
    """No problem can be tried any more."""


class Search:
    """Hypothesis draws the same problems again and again from one seed; nothing is kept on disk.

    examples  how many are drawn, with those of `also` and `between`
    also      problems to try after those that are drawn
    between   problems to try between them, one after each, as long as there are any
    near      the strategy of problems that are like one, from which to shrink where none that is drawn fails
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
        between: Iterable[Problem] = (),
        near: Callable[[Problem], SearchStrategy[Problem]] | None = None,
    ) -> None:
        self.strategy = strategy
        self.also = tuple(also) if until is None else iter(also)
        self.between = tuple(between)
        self.near = near
        self.examples = examples
        self.until = until
        self.most = most
        self.seed = seed
        self.drawn = 0
        self.late = False
        self.interrupted = False

    def about(self, problem: Problem) -> Search | None:
        """The search for simpler problems that are like this one, where none of those that are drawn fails."""
        return None if self.near is None else Search(self.near(problem), LIKE, self.seed, most=self.most)

    def run(self, visit: Callable[[Problem], None], *, shrink: bool = False) -> None:
        """Visit each problem, and those given beside; where `visit` raises Failed, shrink to the simplest that does.

        What is shrunk is one of those that are drawn. Ctrl-C sets `interrupted` and ends the run.
        """
        import hypothesis
        from hypothesis import HealthCheck, Phase, Verbosity, given, settings

        phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
        drawn = visit if self.until is None else self._until(self.until, visit)
        step = self._again(visit) if shrink else drawn

        @hypothesis.seed(self.seed)
        @settings(
            max_examples=ENDLESS if self.until is not None else self.examples - len([*self.also, *self.between]),
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
            for other in islice(between, 1):
                step_between(other)

        between = iter(() if shrink else self.between)
        step_between = visit if self.until is None else self._in_time(self.until, visit)
        with _no_files():
            try:
                each()
                for problem in () if shrink or self.until is not None else chain(between, self.also):
                    visit(problem)
            except KeyboardInterrupt:
                self.interrupted = True
            except (Failed, Stopped, hypothesis.errors.Flaky):
                pass

    def _until(self, until: float, visit: Callable[[Problem], None]) -> Callable[[Problem], None]:
        """What is done with each problem that is drawn, while there is time."""
        in_time = self._in_time(until, visit)

        def step(problem: Problem) -> None:
            in_time(problem)
            if not self.drawn % (wide.ONE_IN - 1):
                for other in islice(self.also, 1):
                    visit(other)

        return step

    def _in_time(self, until: float, visit: Callable[[Problem], None]) -> Callable[[Problem], None]:
        """A visit, or an end where there is no time left."""

        def one(problem: Problem) -> None:
            if self.drawn and perf_counter() > until:
                self.late = True
                raise Stopped
            self.drawn += 1
            visit(problem)

        return one

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


def search_of(
    op: Op,
    pinned: Pinned,
    dtype: str,
    examples: int,
    seed: int,
    *,
    reach: int = wide.REACH,
    among: Among = EVERYTHING,
    until: float | None = None,
    most: int | None = None,
) -> Search:
    """The cases of a run: what Hypothesis draws and varies, what takes turns (turns.py), and wide ones (wide.py)."""

    def near(problem: Problem) -> SearchStrategy[Problem]:
        alike = {name: value for name, value in problem.pins.items() if name in op.takes.defaults or name == "dims"}
        return problems_of(op, {**alike, **pinned}, dtype, among)

    in_turn, as_wide = examples // turns.ONE_IN, examples // wide.ONE_IN
    if until is not None:
        in_turn, as_wide = IN_TIME, ENDLESS
    return Search(
        problems_of(op, pinned, dtype, among),
        examples,
        seed,
        also=wide.wide_problems(op, pinned, dtype, as_wide, seed, reach, among),
        until=until,
        most=most,
        between=turns.problems_in_turn(op, pinned, dtype, in_turn, seed, among),
        near=near,
    )


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
            providers._get_local_constants = lambda: known  # noqa: SLF001, there is no setting for it
        try:
            yield
        finally:
            set_hypothesis_home_dir(home)
            if read is not None and known is not None:
                providers._get_local_constants = read  # noqa: SLF001, as it was
