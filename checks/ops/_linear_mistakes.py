"""Known ways to get the gradients of a fully connected layer wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Mistake
from checks.ops._mistakes import bias_subtracted, last_sample, reshaped, right


def _transposed(case: Case) -> Case:
    """The case with its weight transposed, if it is square."""
    weight = case.input("weight")
    return case.with_input("weight", weight.T) if weight.shape[0] == weight.shape[1] else case


def _forward(case: Case) -> Array:
    return np.asarray(case.op.reference.forward(*case.inputs, **case.parameters))


def _weight_transposed(case: Case) -> Mapping[str, Array]:
    return {"x": right(_transposed(case))["x"]}


def _gradient_transposed(case: Case) -> Mapping[str, Array]:
    gradient = right(case)["weight"]
    return {"weight": gradient.T if gradient.shape[0] == gradient.shape[1] else gradient}


def _both_transposed(case: Case) -> Mapping[str, Array]:
    other = _transposed(case)
    return {"y": _forward(other), "x": right(other)["x"], **_gradient_transposed(case)}


def _of_y(case: Case) -> Mapping[str, Array]:
    y = _forward(case)
    return {"weight": right(case.with_input("x", y) if y.shape == case.input("x").shape else case)["weight"]}


def _samples(case: Case) -> Array:
    g = case.cotangent
    return np.asarray(max(1, g.size // max(1, g.shape[-1])), g.dtype)


def _weight_averaged(case: Case) -> Mapping[str, Array]:
    return {"weight": right(case)["weight"] / _samples(case)}


def _bias_averaged(case: Case) -> Mapping[str, Array]:
    gradients = right(case)
    return {"bias": gradients["bias"] / _samples(case)} if "bias" in gradients else {}


def _one_leading_axis_only(case: Case) -> Mapping[str, Array]:
    g = case.cotangent.copy()
    if g.ndim > 2:
        g[..., :-1, :] = 0
    gradients = right(replace(case, cotangent=g))
    return {name: gradients[name] for name in ("weight", "bias") if name in gradients}


LINEAR = (
    Mistake(
        "weight transposed",
        "The cotangent was multiplied by the transpose of the weight; shapes tell only where it is not square.",
        "003, P1",
        _weight_transposed,
    ),
    Mistake(
        "gradient transposed",
        "The axes of the weight gradient are exchanged; shapes tell only where it is not square.",
        "004, C13",
        _gradient_transposed,
    ),
    Mistake(
        "both transposed",
        "Forward and backward agree with each other, on the transpose of a weight that is (out, in).",
        "004, C18",
        _both_transposed,
    ),
    Mistake(
        "of y for x",
        "The weight gradient took the layer's output, where it takes the input that was multiplied; shapes may hide it.",
        "004, C13",
        _of_y,
    ),
    Mistake(
        "weight averaged",
        "The weight gradient is the mean over samples, where the chain rule sums over them.",
        "004, C17",
        _weight_averaged,
    ),
    Mistake(
        "bias averaged",
        "The mean over samples, where the bias is added in every one of them.",
        "004, C13",
        _bias_averaged,
    ),
    Mistake(
        "last step only",
        "Of a second leading axis the last step alone counts, where parameters are shared by all of them.",
        "004, C17",
        _one_leading_axis_only,
    ),
    last_sample("weight", "bias"),
    *reshaped("bias", features_last=True),
    bias_subtracted("004, C18"),
)
