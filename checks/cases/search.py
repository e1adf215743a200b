"""Draws problems and shrinks those that fail: the only place that runs Hypothesis."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
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
    """Hypothesis draws the same problems again and again from one seed; nothing is kept on disk."""

    def __init__(
        self, strategy: SearchStrategy[Problem], examples: int, seed: int, also: Iterable[Problem] = ()
    ) -> None:
        self.strategy = strategy
        self.also = tuple(also)
        self.examples = examples
        self.seed = seed
        self.interrupted = False

    def run(self, visit: Callable[[Problem], None], *, shrink: bool = False) -> None:
        """Visit each problem, then those given beside; where `visit` raises Failed, shrink to the simplest that does.

        Ctrl-C sets `interrupted` and ends the run.
        """
        import hypothesis
        from hypothesis import HealthCheck, Phase, Verbosity, given, settings

        phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)

        @hypothesis.seed(self.seed)
        @settings(
            max_examples=self.examples - len(self.also),
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
            visit(problem)

        with _no_files():
            try:
                each()
                for problem in () if shrink else self.also:
                    visit(problem)
            except KeyboardInterrupt:
                self.interrupted = True
            except (Failed, Stopped, hypothesis.errors.Flaky):
                pass


@contextmanager
def _no_files() -> Iterator[None]:
    """Hypothesis caches what it learns of the modules around it in the working directory: elsewhere, and not for long."""
    from hypothesis.configuration import set_hypothesis_home_dir, storage_directory

    home = storage_directory(intent_to_write=False).home_directory
    with TemporaryDirectory(prefix="gradoracle-") as folder:
        set_hypothesis_home_dir(folder)
        try:
            yield
        finally:
            set_hypothesis_home_dir(home)
