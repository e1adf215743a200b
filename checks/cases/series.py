"""The cases of a run, each by its number: the same for a seed, whoever asks for which of them.

Of six cases two are drawn by chance alone, one with parameters as they usually are (usual.py), two are among those in which
what is rare takes turns (turns.py), and one is wide (wide.py). What takes turns is chosen among cases that are drawn
together, `BLOCK` cases at a time: so a part of a run draws the blocks in which its cases are, and no others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count, islice
from random import Random
from time import perf_counter
from typing import TYPE_CHECKING

from checks.cases import drawing, turns, wide
from checks.cases.few import like
from checks.cases.kinds import EVERYTHING, Among
from checks.cases.search import Search, Stopped
from checks.cases.usual import as_usual
from checks.op import Op, Problem
from checks.signature.drawing import ByChance
from checks.signature.options import Pinned

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Shard = tuple[int, int]  # the k-th of n parts of a run, k from 1 on

TURN, USUAL, WIDE = "in turn", "as usual", "wide"
PATTERN = ("", TURN, "", TURN, USUAL, WIDE)
BLOCK = 34 * len(PATTERN)  # of as many cases as are usual there is one
EXAMPLES = 200  # cases of a run, if nobody says how many
ATTEMPTS = 200  # at a case that is of no kind which is left out
LIKE = 50  # problems that are drawn of those which are like one, where no other fails


class Series:
    """The cases of one run, and simpler ones that fail as one of them does.

    examples     how many cases the run has, of which a shard tries its part
    shard        which part; every part of a block has cases of each sort
    until        in place of `examples`: none is begun later than that (of `time.perf_counter`), but the first; `late` says
                 that the time was up
    few          a problem for each of the only shapes that there are (few.py)
    most         how many problems are visited at most while one is shrunk, where each is expensive
    drawn        how many have been visited
    interrupted  whether Ctrl-C ended it
    """

    def __init__(
        self,
        op: Op,
        pinned: Pinned,
        dtype: str,
        examples: int,
        seed: int,
        *,
        reach: int = wide.REACH,
        among: Among = EVERYTHING,
        until: float | None = None,
        few: Sequence[Problem] = (),
        most: int | None = None,
        shard: Shard | None = None,
    ) -> None:
        self.op, self.pinned, self.dtype, self.among = op, pinned, dtype, among
        self.examples = examples
        self.seed = seed
        self.reach = 1 if few else reach
        self.until = until
        self.few = few
        self.most = most
        self.shard = shard or (1, 1)
        self.drawn = 0
        self.late = False
        self.interrupted = False
        self._block = -1
        self._special: dict[str, Iterator[Problem]] = {}

    @property
    def numbers(self) -> Iterator[int]:
        """Those of its cases: a piece of the run; where the time ends it, every so many blocks one."""
        which, of = self.shard
        if self.until is None:
            return iter(range(self.examples * (which - 1) // of, self.examples * which // of))
        return (block * BLOCK + n for block in count(which - 1, of) for n in range(BLOCK))

    def run(self, visit: Callable[[Problem], None]) -> None:
        """Visit each case. Ctrl-C sets `interrupted` and ends the run; so does a visit that raises Stopped."""
        with self._ending():
            for number, problem in self._problems():
                if self.drawn and self.until is not None and perf_counter() > self.until:
                    self.late = True
                    break
                self.drawn += 1
                visit(like(self.few[number % len(self.few)], problem) if self.few else problem)

    def go_on(self, visit: Callable[[Problem], None], many: int) -> None:
        """Visit so many cases more, drawn by chance alone, which end as those of the run do."""
        with self._ending():
            for number in range(self.examples, self.examples + many):
                problem = self._by_chance(number, usual=False)
                if problem is not None:
                    visit(like(self.few[number % len(self.few)], problem) if self.few else problem)

    def go_on_wide(self, visit: Callable[[Problem], None], many: int) -> None:
        """Visit so many wide cases more, of a block that the run has not come to; none where there are few shapes."""
        after = self.examples // BLOCK + 1
        with self._ending():
            for problem in self._wide(self.op, self.pinned, self.dtype, many, self.seed, among=self.among, block=after):
                visit(problem)

    @contextmanager
    def _ending(self) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:
            self.interrupted = True
        except Stopped:
            return

    def shrink(self, visit: Callable[[Problem], None], near: Problem | None = None) -> None:
        """Draw problems until `visit` raises Failed, then simpler ones, as Hypothesis does; Ctrl-C sets `interrupted`.

        near  a problem: those that are drawn have its parameters, and its number of axes
        """
        search = Search(self._strategy(near), LIKE if near else max(1, self.drawn // 2), self.seed, self.most)
        search.run(visit, shrink=True)
        self.interrupted |= search.interrupted

    def _strategy(self, near: Problem | None) -> SearchStrategy[Problem]:
        pins = {} if near is None else near.pins
        alike = {n: value for n, value in pins.items() if n in self.op.takes.defaults or n == "dims"}
        return drawing.problems_of(self.op, {**alike, **self.pinned}, self.dtype, self.among)

    def _problems(self) -> Iterator[tuple[int, Problem]]:
        """Each case with its number; where nothing of its sort is left, one that is drawn by chance alone."""
        for number in self.numbers:
            sort = PATTERN[number % len(PATTERN)]
            problem = next(self._of_block(sort, number), None) if sort in {TURN, WIDE} else None
            if problem is None:
                problem = self._by_chance(number, usual=sort == USUAL)
            if problem is not None:
                yield number, problem

    def _of_block(self, sort: str, number: int) -> Iterator[Problem]:
        """The cases of this sort from this one on, which are those of its block until another block begins."""
        block, within = divmod(number, BLOCK)
        if block != self._block:
            self._block, self._special = block, {}
        if sort not in self._special:
            make = turns.problems_in_turn if sort == TURN else self._wide
            many = BLOCK // len(PATTERN) * PATTERN.count(sort)
            made = make(self.op, self.pinned, self.dtype, many, self.seed, among=self.among, block=block)
            before = within // len(PATTERN) * PATTERN.count(sort) + PATTERN[: within % len(PATTERN)].count(sort)
            self._special[sort] = islice(made, before, None)
        return self._special[sort]

    def _wide(
        self, op: Op, pinned: Pinned, dtype: str, many: int, seed: int, *, among: Among, block: int
    ) -> Iterator[Problem]:
        return wide.wide_problems(op, pinned, dtype, many, seed, self.reach, among, block)

    def _by_chance(self, number: int, *, usual: bool) -> Problem | None:
        chance = Random(f"{self.op.name} {self.dtype} {self.seed} case {number}")  # noqa: S311, no secret
        held = as_usual(chance, self.op, self.pinned) if usual else self.pinned
        if not self.among.out and held is self.pinned:
            return drawing.problem(ByChance(chance), self.op, held, self.dtype)
        for _ in range(ATTEMPTS):
            one = drawing.attempt(ByChance(chance), self.op, held, self.dtype, self.among)
            if one is not None:
                return one
        return self._by_chance(number, usual=False) if usual else None
