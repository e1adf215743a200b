"""Shrinks problems that fail: the only place that runs Hypothesis."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from checks.op import Problem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


class Failed(Exception):
    """The problem fails: Hypothesis is to look for a simpler one that fails too."""


class Stopped(Exception):
    """No problem can be tried any more."""


class Search:
    """Hypothesis draws the same problems again and again from one seed; nothing is kept on disk.

    examples  how many are drawn
    most      how many problems are visited at most while they are shrunk, where each is expensive
    """

    def __init__(self, strategy: SearchStrategy[Problem], examples: int, seed: int, most: int | None = None) -> None:
        self.strategy = strategy
        self.examples = examples
        self.most = most
        self.seed = seed
        self.interrupted = False

    def run(self, visit: Callable[[Problem], None], *, shrink: bool = False) -> None:
        """Visit each problem; where `visit` raises Failed, shrink to the simplest that does.

        Ctrl-C sets `interrupted` and ends the run; so does a visit that raises Stopped.
        """
        import hypothesis
        from hypothesis import HealthCheck, Phase, Verbosity, given, settings

        phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
        step = self._few(self.most, visit) if shrink and self.most is not None else visit

        @hypothesis.seed(self.seed)
        @settings(
            max_examples=self.examples,
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

        with _no_files(), warnings.catch_warnings():
            # It writes out what is tried, and an op of an op is long.
            warnings.filterwarnings("ignore", "Generating overly large repr", hypothesis.errors.HypothesisWarning)
            try:
                each()
            except KeyboardInterrupt:
                self.interrupted = True
            except (Failed, Stopped, hypothesis.errors.Flaky):
                pass

    def _few(self, most: int, visit: Callable[[Problem], None]) -> Callable[[Problem], None]:
        """Visit so many, and no more."""
        asked = 0

        def visited(problem: Problem) -> None:
            nonlocal asked
            asked += 1
            if asked > most:
                raise Stopped
            visit(problem)

        return visited


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
