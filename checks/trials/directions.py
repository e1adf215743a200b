"""Lines through a case, and inner products: the vocabulary of the laws that compare derivatives along a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from operator import add

import numpy as np

from checks.numbers.bounds import Bound, gamma, rounding, unit_roundoff
from checks.numbers.precision import PRECISIONS, Array
from checks.op import Case
from checks.trials.finding import Finding, Verdict
from checks.trials.trial import Run

# A projection has decided something only if it would have seen an error of this share of its typical size.
RESOLUTION = 0.01


@dataclass(frozen=True, eq=False)
class Line:
    """Some inputs of a run and a direction for each: what their gradients claim the derivative along it to be."""

    run: Run
    moves: Mapping[str, Array]

    @property
    def result(self) -> str:
        """The gradients that are claimed to be right."""
        return " + ".join(f"grad_{name}" for name in self.moves)

    @cached_property
    def claim(self) -> float:
        """Σ⟨gradient, v⟩."""
        return sum(inner(self.run.gradients[name], v) for name, v in self.moves.items())

    @cached_property
    def claim_bound(self) -> Bound:
        """What rounding in the gradients can do to the claim."""
        return reduce(add, (self.run.gradient_bounds[name].dot(v) for name, v in self.moves.items()))

    @cached_property
    def tangent_bound(self) -> Bound:
        """What rounding in complex float64 can do to ⟨g, J v⟩ (laws/complex_step.py)."""
        terms, magnitudes = 2 * self.run.problem.most_terms, self.run.gradient_magnitudes
        parts = (rounding(terms, magnitudes[name], (), "float64").dot(v) for name, v in self.moves.items())
        return reduce(add, parts)

    @cached_property
    def typical(self) -> float:
        """The size that a random projection typically has: of the gradient for which that is smallest."""
        sizes = (np.linalg.norm((self.run.gradients[n].astype(np.float64) * v).ravel()) for n, v in self.moves.items())
        return float(min(sizes))

    def begin(self, step: float) -> Line:
        """Let forward begin at both points so far from the run's own."""
        if step not in self._ends:
            runs = (replace(self.run, case=self.moved(self.run.case, h), watched=False) for h in (step, -step))
            self._ends[step] = [run.begin("forward") for run in runs]
        return self

    def ends(self, step: float) -> tuple[Array, Array]:
        """y at these two points."""
        self.begin(step)
        ahead, behind = self._ends.pop(step)
        return ahead.y, behind.y

    @cached_property
    def _ends(self) -> dict[float, list[Run]]:
        return {}

    def moved(self, case: Case, step: float) -> Case:
        """The case moved along the line: step 1 adds v."""
        for name, v in self.moves.items():
            a = case.input(name)
            precision = PRECISIONS[self.run.problem.dtype]
            case = case.with_input(name, precision.rounded(a + precision.rounded(step * v.astype(np.float64))))
        return case


def lines(
    run: Run,
    use: int,
    finding: Callable[[Run, Line], Finding],
    move: Callable[[Run, str, int], Array] | None = None,
    along: Line | None = None,
) -> Iterator[Finding]:
    """The finding along one line that moves all inputs, if it holds and is fine enough for each; else one an input.

    Errors in several gradients cancel along a random line with probability 0, so one line for all of them suffices as
    long as its bound is small beside what each of them contributes. `move` draws the direction, if not `direction`;
    `along` is that line where it is known.
    """
    along = together(run, use, move) if along is None else along
    found = finding(run, along)
    if found.verdict is Verdict.HOLDS and found.bound <= RESOLUTION * along.typical:
        yield found
        return
    for name, v in along.moves.items():
        yield finding(run, Line(run, {name: v}))


def together(run: Run, use: int, move: Callable[[Run, str, int], Array] | None = None) -> Line:
    """A line that moves all inputs."""
    return Line(run, {name: (move or direction)(run, name, use) for name in run.problem.present})


def direction(run: Run, name: str, use: int) -> Array:
    """A random v for one input a, in its dtype, with |a|/2 ≤ |v| ≤ |a| element by element.

    A direction relative to the input moves large and small elements by the same share, so it asks about each of them,
    and sums of magnitudes at v stay below those at a.
    """
    a = run.case.input(name)
    rng = run.problem.rng(use, run.problem.op.inputs.index(name))
    share = rng.uniform(-0.5, 0.5, a.shape)
    return PRECISIONS[run.problem.dtype].rounded((share + np.copysign(0.5, share)) * a)


def inner(a: Array, b: Array) -> float:
    """⟨a, b⟩ in float64, summed pairwise."""
    return float(np.sum((np.asarray(a, np.float64) * b).ravel()))


def inner_gamma(size: int) -> float:
    """γ of an inner product of that many terms: |inner(a, b) − ⟨a, b⟩| ≤ γ Σ|a||b|.

    NumPy sums blocks of 128 in 8 interleaved runs (16 roundings, then 3) and the blocks pairwise; the product is one more.
    """
    return gamma(20 + max(1, size).bit_length(), unit_roundoff("float64"))
