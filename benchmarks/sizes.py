"""Layers that go wrong from some size on: what kernels that cut their work into tiles do wrong at an edge.

From a threshold on along an axis, a result is 0, or a hundredth too large, or one element of it is; or the last tile, where
not full, is left out, or makes all of it a hundredth too large. Of a result that has no such axis, what is summed over it
stops there. Axes are those of all arrays, what follows from another one too; and pairs of them, where a result is 0 from a
threshold on along both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import combinations, islice
from random import Random
from typing import Any

import numpy as np

from benchmarks.outcome import outcome, where
from checks.cases.series import EXAMPLES
from checks.cases.wide import ONE_IN, wide_problems
from checks.numbers.precision import Array
from checks.op import Op, Problem
from checks.signature.axes import parts
from checks.signature.places import TILES
from checks.signature.protocol import Reference
from checks.subjects.implementation import Implementation

OTHERS = 1000  # the seed of cases in which a mistake is seen to be one: not those that are to catch it
FORMS = ("zero", "off", "tail", "ragged", "one")
CAUGHT = ("size", "threshold")  # what can be: that it is wrong, and from which size on
ENDS = ("zero", "tail")  # what is 0 there
BOTH = TILES[:2]  # tiles that two axes are beyond, in all cases that are wide along both


@dataclass(frozen=True)
class Along:
    """An axis by its name, or the first (0) or last (−1) of those that it stands for."""

    name: str
    at: int = 0

    def of(self, names: tuple[str, ...], rank: int) -> int | None:
        """Which axis of an array with axes of these names it is, if any."""
        names = tuple(name if "/" in name else parts(name)[1] for name in names)  # the first of those of 4H
        if self.name not in names:
            return None
        before, after = names.index(self.name), len(names) - 1 - names.index(self.name)
        starred = any(name.startswith("*") for name in names[:before])
        last = self.name.startswith("*") and self.at
        axis = rank - 1 - after if starred or last else before
        return axis if 0 <= axis < rank else None


@dataclass(frozen=True)
class GoesWrong:
    """The reference of an op, but for one result from some size on; `beside`: where another axis is as large, too."""

    op: Op
    along: Along
    tile: int
    form: str
    result: str
    beside: Along | None = None

    def forward(self, *inputs: Any, **parameters: Any) -> Any:
        """Y, wrong or right."""
        if self.result != "y":
            return self.op.reference.forward(*inputs, **parameters)
        cut = inputs if self._axis("y", 99) is not None else self._short(inputs)
        return self._wrong("y", self.op.reference.forward(*cut, **parameters))

    def backward(self, grad_output: Any, *inputs: Any, **parameters: Any) -> tuple[Any, ...]:
        """The gradients, one of them wrong."""
        right = tuple(self.op.reference.backward(grad_output, *inputs, **parameters))
        at = self.op.inputs.index(self.result.removeprefix("grad_")) if self.result != "y" else None
        if at is None or right[at] is None:
            return right
        if self._axis(self.op.inputs[at], 99) is not None:
            return (*right[:at], self._wrong(self.op.inputs[at], right[at]), *right[at + 1 :])
        short = self.op.reference.backward(self._cut("y", grad_output), *self._short(inputs), **parameters)
        return (*right[:at], short[at], *right[at + 1 :])

    @property
    def named(self) -> tuple[int, ...]:
        """The tile, as it may be named: along 2H as so many, or as half of it along H."""
        whole = (name for name in self.op.takes.axes[self.result.removeprefix("grad_")].names if "/" not in name)
        times = (parts(name)[0] for name in whole if parts(name)[1] == self.along.name)
        return self.tile, *(self.tile // many for many in times if many > 1)

    def shows(self, problem: Problem) -> bool:
        """Whether anything is wrong in this case."""
        pairs = zip(results_of(self, problem), results_of(self.op.reference, problem), strict=True)
        return any(one is not None and not np.array_equal(one, other) for one, other in pairs)

    def _axis(self, name: str, rank: int) -> int | None:
        return self.along.of(self.op.takes.axes[name].names, rank)

    def _beyond(self, name: str, a: Array) -> tuple[Any, ...] | None:
        """The part that goes wrong, if there is one."""
        axis = self._axis(name, a.ndim)
        if axis is None or a.shape[axis] <= self.tile or not self._beside(name, a):
            return None
        size = a.shape[axis]
        left = size % self.tile
        if self.form == "ragged":
            return (...,) if left else None
        if self.form == "one":
            at = [n // 2 for n in a.shape]
            at[axis] = min(self.tile + 1, size - 1)
            return tuple(at)
        return (*[slice(None)] * axis, slice(size - left if self.form == "tail" else self.tile, None))

    def _beside(self, name: str, a: Array) -> bool:
        """Whether the other axis is as large, if it has to be."""
        if self.beside is None:
            return True
        axis = self.beside.of(self.op.takes.axes[name].names, a.ndim)
        return axis is not None and a.shape[axis] > self.tile

    def _wrong(self, name: str, a: Any) -> Any:
        if (beyond := self._beyond(name, a)) is None:
            return a
        wrong = np.array(a)
        wrong[beyond] *= 0 if self.form in ENDS else 1.01
        return wrong

    def _cut(self, name: str, a: Any) -> Any:
        """What is left of it in a sum that stops."""
        if a is None or a.dtype.kind != "f" or (beyond := self._beyond(name, a)) is None:
            return a
        cut = np.array(a)
        cut[beyond] *= 0 if self.form in ENDS else 0.99
        return cut

    def _short(self, inputs: tuple[Any, ...]) -> list[Any]:
        named = zip(self.op.inputs, inputs, strict=True)
        return [a if name in self.op.takes.constant else self._cut(name, a) for name, a in named]


def planted(op: Op) -> Iterator[GoesWrong]:
    """One for each axis of each array; tiles, forms and results take turns."""
    chance = Random(op.name)  # noqa: S311, no secret
    tiles, forms = (chance.sample(values, len(values)) for values in (TILES, FORMS))
    for turn, along in enumerate(axes_of(op)):
        wrong = partial(GoesWrong, op, along, tiles[turn % len(tiles)], forms[turn % len(forms)])
        shuffled = map(wrong, chance.sample(_results(op), len(_results(op))))
        yield from islice(filter(_shows, shuffled), 1)


def planted_in_pairs(op: Op) -> Iterator[GoesWrong]:
    """One for each two axes that some result has, which is 0 from a threshold on along both."""
    chance = Random(f"{op.name} pairs")  # noqa: S311, no secret
    for along, beside in combinations(axes_of(op), 2):
        wrong = (
            GoesWrong(op, along, chance.choice(BOTH), "zero", result, beside)
            for result in chance.sample(_results(op), len(_results(op)))
            if _has(op, result, along) and _has(op, result, beside)
        )
        yield from islice(filter(_shows, wrong), 1)


def axes_of(op: Op) -> list[Along]:
    """Those of all arrays; of several by one name the first and the last."""
    names = dict.fromkeys(parts(name)[1] for axes in op.takes.axes.values() for name in axes.names)
    return [Along(name, at) for name in names for at in ((0, -1) if name.startswith("*") else (0,))]


def _results(op: Op) -> list[str]:
    return ["y", *(f"grad_{name}" for name in op.takes.differentiable)]


def _has(op: Op, result: str, along: Along) -> bool:
    return along.of(op.takes.axes[result.removeprefix("grad_")].names, 99) is not None


def _shows(layer: GoesWrong) -> bool:
    """Whether it does anything wrong at all: what a gradient is not summed over cannot be left out of it."""
    return any(map(layer.shows, wide_problems(layer.op, {}, "float64", 2 * EXAMPLES // ONE_IN, OTHERS)))


def results_of(layer: Reference, problem: Problem) -> tuple[Any, ...]:
    """Y and the gradients."""
    case = problem.reals()
    y = layer.forward(*case.inputs, **case.parameters)
    return y, *layer.backward(case.cotangent, *case.inputs, **case.parameters)


def caught(layer: GoesWrong, seed: int) -> Iterator[str]:
    """Yield "size" if the wide cases of a run with defaults see it, and "threshold" if the size is named."""
    op, judged = layer.op, Implementation.of(layer.op, layer)
    # All others are smaller than the smallest tile, where the layer is the reference.
    report = outcome(op, judged, wide_problems(op, {}, "float64", EXAMPLES // ONE_IN, seed), "float64")
    if report.exit_code:
        yield "size"
    with np.errstate(all="ignore"):
        said = where(report, judged, layer.result)
        if any(re.search(rf"\b{tile}\b", said) for tile in layer.named):
            yield "threshold"
