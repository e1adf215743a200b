"""Known ways to get the gradients of subsampling wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Mistake
from checks.ops._mistakes import last_sample, reshaped, right
from reference._window import Window, pooling_window


def _over(case: Case) -> Window:
    return pooling_window(case.input("x").shape[2:], case.parameters["kernel_size"])


def _coefficient_forgotten(case: Case) -> Mapping[str, Array]:
    return {"x": right(case.with_input("coefficient", np.ones_like(case.input("coefficient"))))["x"]}


def _coefficient_of_another_map(case: Case) -> Mapping[str, Array]:
    return {"x": right(case.with_input("coefficient", np.roll(case.input("coefficient"), 1)))["x"]}


def _divided_by_the_block(*names: str) -> Callable[[Case], Mapping[str, Array]]:
    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        gradients, block = right(case), prod(_over(case).kernel)
        return {name: gradients[name] / gradients[name].dtype.type(block) for name in names}

    return wrong_gradient


def _not_subsampled(case: Case) -> Mapping[str, Array]:
    return {"coefficient": right(case)["bias"]}


def _bias_averaged(case: Case) -> Mapping[str, Array]:
    g = case.cotangent
    return {"bias": right(case)["bias"] / g.dtype.type(max(1, g.size // g.shape[1]))}


def _left_over(over: Window) -> list[int]:
    return [n - o * k for n, o, k in zip(over.size, over.output, over.kernel, strict=True)]


def _rows_left_over_filled(case: Case) -> Mapping[str, Array]:
    over, gradient = _over(case), right(case)["x"]
    left = _left_over(over)
    filled: Any = (..., *(slice(0, n - rest) for n, rest in zip(over.size, left, strict=True)))
    return {"x": np.pad(gradient[filled], [(0, 0), (0, 0), *((0, rest) for rest in left)], "edge")}


def _rows_left_over_first(case: Case) -> Mapping[str, Array]:
    left = _left_over(_over(case))
    return {"x": np.roll(right(case)["x"], left, tuple(range(2, 2 + len(left))))}


def _zeros_between(case: Case) -> Mapping[str, Array]:
    over, gradient = _over(case), right(case)["x"]
    corner: Any = (..., *(slice(None, None, k) for k in over.kernel))
    grad = np.zeros_like(gradient)
    grad[corner] = gradient[corner]
    return {"x": grad}


def _mean_for_sum(case: Case) -> Mapping[str, Array]:
    coefficient, block = case.input("coefficient"), prod(_over(case).kernel)
    scaled = case.with_input("coefficient", coefficient / coefficient.dtype.type(block))
    y = case.op.reference.forward(*scaled.inputs, **scaled.parameters)
    return {"y": np.asarray(y), **_divided_by_the_block("x", "coefficient")(case)}


SUBSAMPLE = (
    Mistake(
        "coefficient forgotten",
        "The residual was repeated over its block alone, where it is multiplied by β too.",
        "001, B4",
        _coefficient_forgotten,
    ),
    Mistake(
        "coefficient of another map",
        "Each map was multiplied by the β of the map before it, where each has its own.",
        "001, B4",
        _coefficient_of_another_map,
    ),
    Mistake(
        "divided by the block",
        "The residual was shared out over its block as in average pooling, where forward sums and every element gets all.",
        "001, B4",
        _divided_by_the_block("x"),
    ),
    Mistake(
        "zeros between",
        "Only the first element of each block got the residual, where up() repeats it over the block.",
        "001, B3",
        _zeros_between,
    ),
    Mistake(
        "not subsampled",
        "The gradient of β is the sum of the residuals alone, where each is multiplied by its block's sum d.",
        "001, B11",
        _not_subsampled,
    ),
    Mistake(
        "mean for the coefficient",
        "The gradient of β took the mean of each block, where down() is its sum.",
        "001, B12",
        _divided_by_the_block("coefficient"),
    ),
    Mistake(
        "mean for sum",
        "Forward and backward agree with each other, on the mean of each block, where down() is its sum.",
        "001, B8",
        _mean_for_sum,
    ),
    Mistake(
        "bias averaged",
        "The mean over samples and positions, where the bias is added at every one of them.",
        "001, B13",
        _bias_averaged,
    ),
    Mistake(
        "rows left over filled",
        "up() was extended to the size of x, where rows that fill no block get 0.",
        "001, B3",
        _rows_left_over_filled,
    ),
    Mistake(
        "rows left over shifted",
        "Rows that fill no block are taken to be the first, where they are the last.",
        "001, B3",
        _rows_left_over_first,
    ),
    last_sample("coefficient", "bias"),
    *reshaped("bias"),
)
