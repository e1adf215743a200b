"""Layers that go wrong from some size on: what kernels that cut their work into tiles do wrong at an edge.

From a threshold on along an axis, a result is 0, or a hundredth too large; or the last tile, where it is not full, is left
out. Of a result that has no such axis, what is summed over it stops there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from random import Random
from typing import Any

import numpy as np

from benchmarks.outcome import outcome, where
from checks.cases.wide import ONE_IN, wide_problems
from checks.numbers.precision import Array
from checks.op import Op, Problem, Reference
from checks.signature.axes import parts
from checks.signature.places import TILES
from checks.subjects.implementation import Implementation
from checks.verdict.judging import EXAMPLES

OTHERS = 1000  # the seed of cases in which a mistake is seen to be one: not those that are to catch it
FORMS = ("zero", "off", "tail")


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
    """The reference of an op, but for one result from some size on."""

    op: Op
    along: Along
    tile: int
    form: str
    result: str

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

    def _axis(self, name: str, rank: int) -> int | None:
        return self.along.of(self.op.takes.axes[name].names, rank)

    def _beyond(self, name: str, a: Array) -> tuple[Any, ...] | None:
        """The part that goes wrong, if there is one."""
        axis = self._axis(name, a.ndim)
        if axis is None or a.shape[axis] <= self.tile:
            return None
        size = a.shape[axis]
        return (*[slice(None)] * axis, slice(size // self.tile * self.tile if self.form == "tail" else self.tile, None))

    def _wrong(self, name: str, a: Any) -> Any:
        if (beyond := self._beyond(name, a)) is None:
            return a
        wrong = np.array(a)
        wrong[beyond] *= 1.01 if self.form == "off" else 0
        return wrong

    def _cut(self, name: str, a: Any) -> Any:
        """What is left of it in a sum that stops."""
        if a is None or a.dtype.kind != "f" or (beyond := self._beyond(name, a)) is None:
            return a
        cut = np.array(a)
        cut[beyond] *= 0.99 if self.form == "off" else 0
        return cut

    def _short(self, inputs: tuple[Any, ...]) -> list[Any]:
        named = zip(self.op.inputs, inputs, strict=True)
        return [a if name in self.op.takes.constant else self._cut(name, a) for name, a in named]


def planted(op: Op) -> Iterator[GoesWrong]:
    """One for each axis that the op is tried wide along; sizes, forms and results take turns."""
    chance = Random(op.name)  # noqa: S311, no secret
    axes = [
        Along(name, at)
        for sizes in op.takes.sizes
        if sizes.wide
        for name in sizes.names
        for at in ((0, -1) if name.startswith("*") else (0,))
    ]
    tiles, forms = (chance.sample(values, len(values)) for values in (TILES, FORMS))
    results = ["y", *(f"grad_{name}" for name in op.takes.differentiable)]
    for turn, along in enumerate(axes):
        wrong = partial(GoesWrong, op, along, tiles[turn % len(tiles)], forms[turn % len(forms)])
        shuffled = map(wrong, chance.sample(results, len(results)))
        yield from islice(filter(_shows, shuffled), 1)


def _shows(layer: GoesWrong) -> bool:
    """Whether it does anything wrong at all: what a gradient is not summed over cannot be left out of it."""
    op = layer.op
    for problem in wide_problems(op, {}, "float64", 2 * EXAMPLES // ONE_IN, OTHERS):
        pairs = zip(results_of(layer, problem), results_of(op.reference, problem), strict=True)
        if any(one is not None and not np.array_equal(one, other) for one, other in pairs):
            return True
    return False


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
