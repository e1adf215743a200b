"""Fully connected layers of real widths in low precision: 0, doubled, a hundredth off, a term short, or right.

Sums are kept in float32 and rounded once, as kernels do it: float32 and float16 in NumPy, bfloat16 in torch, by its bridge.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import torch

from benchmarks.outcome import outcome
from checks.cases.drawing import problems_of
from checks.cases.search import Search
from checks.op import Problem
from checks.ops import find
from checks.subjects.bridges.torch import bridged
from checks.subjects.implementation import Implementation, Judged

OP = find("linear")
DTYPES = ("float32", "float16", "bfloat16")
TERMS = (10, 577, 4608)
RESULTS = ("y", "grad_x", "grad_weight", "grad_bias")
FORMS = ("zero", "twice", "off", "short")
FACTORS = {"zero": 0.0, "twice": 2.0, "off": 1.01}
CASES = 4


@dataclass(frozen=True)
class Layer:
    """One with a mistake in one result, or right; on float32 arrays or tensors."""

    result: str = ""
    form: str = ""

    def y(self, x: Any, weight: Any, bias: Any) -> Any:
        """The weighted sums."""
        last = self._last("y")
        y = x[:, :last] @ weight[:, :last].T
        return self._spoiled("y", y if bias is None else y + bias)

    def gradients(self, g: Any, x: Any, weight: Any, bias: Any) -> tuple[Any, Any, Any]:
        """Those of all three inputs."""
        out, rows, biases = map(self._last, RESULTS[1:])
        return (
            self._spoiled("grad_x", g[:, :out] @ weight[:out]),
            self._spoiled("grad_weight", g[:rows].T @ x[:rows]),
            None if bias is None else self._spoiled("grad_bias", g[:biases].sum(0)),
        )

    def _last(self, result: str) -> int | None:
        """Where the sum of a result ends."""
        return -1 if (self.result, self.form) == (result, "short") else None

    def _spoiled(self, result: str, a: Any) -> Any:
        return a * FACTORS.get(self.form, 1.0) if self.result == result else a


def planted() -> Iterator[tuple[Layer, str, int]]:
    """Every mistake, in every dtype, for every number of terms."""
    for dtype, terms, result, form in product(DTYPES, TERMS, RESULTS, FORMS):
        yield Layer(result, form), dtype, terms


def right() -> Iterator[tuple[Layer, str, int, str]]:
    """The right layer, for as many terms in each of the sums."""
    for dtype, terms, result in product(DTYPES, TERMS, RESULTS):
        yield Layer(), dtype, terms, result


def exit_code(layer: Layer, dtype: str, terms: int, summed: str = "") -> int:
    """That of a run in which the sums of the wrong result, or of this one, have so many terms."""
    problems: list[Problem] = []
    Search(problems_of(OP, _pinned(summed or layer.result, terms), dtype), CASES, 7).run(problems.append)
    return outcome(OP, _judged(layer, dtype), problems, dtype).exit_code


def _pinned(result: str, terms: int) -> Mapping[str, Any]:
    features = {"y": (terms, 3), "grad_x": (3, terms)}.get(result, (3, 2))
    return {"features": features, "batch": (4,) if result in {"y", "grad_x"} else (terms,)}


def _judged(layer: Layer, dtype: str) -> Judged:
    made = bridged(OP, _in_torch(layer), dtype=dtype, device="cpu") if dtype == "bfloat16" else _InNumPy(layer)
    return Implementation.of(OP, made)


@dataclass(frozen=True)
class _InNumPy:
    layer: Layer

    def forward(self, x: Any, weight: Any, bias: Any) -> Any:
        return self.layer.y(*map(_kept, (x, weight, bias))).astype(x.dtype)

    def backward(self, grad_output: Any, x: Any, weight: Any, bias: Any) -> tuple[Any, ...]:
        found = self.layer.gradients(*map(_kept, (grad_output, x, weight, bias)))
        return tuple(None if a is None else a.astype(x.dtype) for a in found)


def _kept(a: Any) -> Any:
    return None if a is None else a.astype(np.float32)


def _in_torch(layer: Layer) -> type[torch.autograd.Function]:
    """The layer as torch has those with a backward of their own."""

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, weight: Any, bias: Any) -> Any:
            ctx.inputs = x, weight, bias
            return layer.y(*map(_wide, ctx.inputs)).to(x.dtype)

        @staticmethod
        def backward(ctx: Any, *grad_outputs: Any) -> Any:
            found = layer.gradients(*map(_wide, (*grad_outputs, *ctx.inputs)))
            return tuple(None if a is None else a.to(ctx.inputs[0].dtype) for a in found)

    return Function


def _wide(tensor: Any) -> Any:
    return None if tensor is None else tensor.float()
