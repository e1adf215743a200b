"""Euclidean loss and cross-entropy: how problems are drawn, their twins in torch, how they round.

**Euclidean.** Σ(p − t)² may be computed as it stands or multiplied out, so it rounds relative to Σ(|p| + |t|)², and its
gradients relative to |p| + |t|. On whole numbers it is exact where the number of samples is a power of two.

**Cross-entropy.** log Σe^x is max x plus the logarithm of a sum: x − max x rounds relative to |x| + max|x|, so the sum has
that as its relative error, and its logarithm as its error; the logarithm itself is at most log n and rounds relative to
that. A sample's loss rounds relative to 1 + 3 max|x| + log n therefore (once more max|x| for the logit that is subtracted),
and the gradient, softmax minus one, relative to y·(1 + 2 max|x|) and to 1 where the one is (activation.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Op, Problem
from checks.ops import _formulas as formulas
from checks.ops import _loss_mistakes as mistakes
from checks.ops.activation import EXP, within_reach_of
from checks.signature.drawing import among
from checks.signature.options import Option, Pinned, one_of, shape, whole
from checks.signature.windows import BATCH, SIZE, not_too_large, pinned_axes
from reference import cross_entropy, euclidean_loss, softmax

if TYPE_CHECKING:
    import torch
    from hypothesis.strategies import DrawFn, SearchStrategy

REDUCTION = Option("reduction", "what becomes of the losses of the samples", "mean | sum", one_of("mean", "sum"))


def validate(pinned: Pinned) -> None:
    """Raise ValueError if the pinned values disagree on the number of axes."""
    pinned_axes(pinned)


def samples(problem: Problem) -> int:
    """How many losses are averaged: all elements but for the axis of features or classes."""
    shape_ = problem.shape(problem.op.inputs[0])
    return (
        shape_[0] if "classes" not in {option.name for option in problem.op.options} else shape_[0] * prod(shape_[2:])
    )


def share(case: Case, count: int) -> float:
    """1/N for a mean, 1 for a sum."""
    return 1 / count if case.parameters["reduction"] == "mean" else 1.0


def euclidean_problems(op: Op, pinned: Pinned, dtype: str) -> SearchStrategy[Problem]:
    """Problems in which the pinned values hold: the number of samples is a power of two in most."""
    from hypothesis import strategies as st

    @st.composite
    def draw_problem(draw: DrawFn) -> Problem:
        drawn = (draw(among(2, 1, 4, 3, 8, 5)), *draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
        drawn = pinned.get("shape", drawn)
        not_too_large(pinned, drawn)
        scale = draw(among(*((0, 0, 20, -20) if dtype != "float16" else (0,))))
        return Problem(
            op,
            shapes={"prediction": drawn, "target": drawn, "y": ()},
            parameters={"reduction": pinned.get("reduction", draw(among("mean", "sum")))},
            dtype=dtype,
            seed=draw(st.integers(0, 2**32 - 1)),
            small=draw(st.booleans()),
            exponents={"prediction": scale, "target": scale},
        )

    return draw_problem()


def euclidean_unit(problem: Problem) -> int | None:
    """2, and N times that for a mean, where N is a power of two."""
    count = samples(problem) if problem.parameters["reduction"] == "mean" else 1
    return 2 * count if count and not count & (count - 1) else None


def euclidean_terms(problem: Problem) -> dict[str, int]:
    """Four products for each square of a difference, summed; a difference, and two scales, for the gradients."""
    return {"y": 4 * prod(problem.shape("prediction")) + 2, "prediction": 4, "target": 4}


def euclidean_magnitudes(case: Case) -> dict[str, Array]:
    """Σ(|p| + |t|)² / 2N and |g|(|p| + |t|)/N."""
    both = np.abs(case.input("prediction")) + np.abs(case.input("target"))
    scale = share(case, max(1, len(both)))
    gradient = np.abs(case.cotangent) * both * scale
    return {"y": np.asarray(np.square(both).sum() * scale / 2), "prediction": gradient, "target": gradient}


def euclidean_twin(prediction: torch.Tensor, target: torch.Tensor, *, reduction: str) -> torch.Tensor:
    """The same function by torch, whose own has neither the half nor the mean over samples alone."""
    import torch

    total = torch.nn.functional.mse_loss(prediction, target, reduction="sum") / 2
    return total / len(prediction) if reduction == "mean" else total


def euclidean_coverage(problem: Problem) -> Mapping[str, tuple[Any, ...]]:
    """What a reader wants to know was tried."""
    return {"reduction": (problem.parameters["reduction"],), "samples": (samples(problem),)}


def euclidean_pins(problem: Problem) -> dict[str, Any]:
    """The options that pin this very problem."""
    return {"shape": problem.shape("prediction"), **problem.parameters}


def entropy_problems(op: Op, pinned: Pinned, dtype: str) -> SearchStrategy[Problem]:
    """Problems in which the pinned values hold: none to three axes behind the classes."""
    from hypothesis import strategies as st

    @st.composite
    def draw_problem(draw: DrawFn) -> Problem:
        axes = pinned_axes(pinned)
        axes = draw(among(0, 0, 1, 2, 3)) if axes is None else axes
        size = pinned.get("size", tuple(draw(st.integers(1, 3)) for _ in range(axes)))
        size = size if isinstance(size, tuple) else (size,) * axes
        batch = pinned["batch"] if "batch" in pinned else draw(among(2, 1, 3, 5))
        logits = (batch, pinned.get("classes") or draw(among(3, 2, 5, 1, 10)), *size)
        not_too_large(pinned, logits)
        return Problem(
            op,
            shapes={"logits": logits, "target": (batch, *size), "y": ()},
            parameters={"reduction": pinned.get("reduction", draw(among("mean", "sum")))},
            dtype=dtype,
            seed=draw(st.integers(0, 2**32 - 1)),
            exponents={"logits": draw(among(*((0, 1, 3, -20) if dtype != "float16" else (0, 2))))},
        )

    return draw_problem()


def entropy_draw(problem: Problem, name: str, rng: np.random.Generator, whole: bool) -> Array | None:  # noqa: ARG001, every op is asked alike
    """Classes, uniform."""
    return rng.integers(0, problem.shape("logits")[1], problem.shape("target")) if name == "target" else None


def entropy_terms(problem: Problem) -> dict[str, int]:
    """The difference, e^x, the sum over classes, its logarithm, the sum over samples; softmax minus one, times g/N."""
    classes = problem.shape("logits")[1]
    return {"y": classes + 2 * EXP + 4 + samples(problem), "logits": classes + EXP + 8}


def entropy_magnitudes(case: Case) -> dict[str, Array]:
    """Σ(1 + 3 max|x| + log n)/N, and |g|(y·(1 + 2 max|x|) + one-hot)/N."""
    x = case.input("logits")
    largest = np.abs(x).max(1, keepdims=True)
    chosen = np.arange(x.shape[1]).reshape(1, -1, *(1,) * (x.ndim - 2)) == np.expand_dims(case.input("target"), 1)
    scale = share(case, max(1, largest.size))
    probabilities = softmax.forward(x) * (1 + 2 * largest)
    return {
        "y": np.asarray((1 + 3 * largest + np.log(x.shape[1])).sum() * scale),
        "logits": np.abs(case.cotangent) * (probabilities + chosen) * scale,
    }


def entropy_twin(logits: torch.Tensor, target: torch.Tensor, *, reduction: str) -> torch.Tensor:
    """The same function by torch."""
    import torch

    return torch.nn.functional.cross_entropy(logits, target, reduction=reduction)


def entropy_coverage(problem: Problem) -> Mapping[str, tuple[Any, ...]]:
    """What a reader wants to know was tried."""
    logits = problem.shape("logits")
    return {
        "reduction": (problem.parameters["reduction"],),
        "classes": (logits[1],),
        "dims": (len(logits) - 2,),
        "samples": ("one" if samples(problem) == 1 else "several",),
        "scale of logits": (f"2^{problem.exponents['logits']}",),
    }


def entropy_pins(problem: Problem) -> dict[str, Any]:
    """The options that pin this very problem."""
    batch, classes, *size = problem.shape("logits")
    spatial = {"size": tuple(size)} if size else {}
    return {"batch": batch, "classes": classes, "dims": len(size), **spatial, **problem.parameters}


EUCLIDEAN = Op(
    name="euclidean_loss",
    inputs=("prediction", "target"),
    reference=euclidean_loss,
    defaults={"reduction": "mean"},
    options=(REDUCTION, Option("shape", "shape of the prediction, samples first", "4,10", shape(1))),
    validate=validate,
    problems=euclidean_problems,
    twin=euclidean_twin,
    coverage=euclidean_coverage,
    pins=euclidean_pins,
    terms=euclidean_terms,
    magnitudes=euclidean_magnitudes,
    degree=2,
    unit=euclidean_unit,
    letters={"y": "E"},
    usual={"shape": (1, 2)},
    sources={"y": "004, C18", "prediction": "004, C16", "target": "004, C16"},
    mistakes=mistakes.EUCLIDEAN_LOSS,
)
CROSS_ENTROPY = Op(
    name="cross_entropy",
    inputs=("logits", "target"),
    reference=cross_entropy,
    defaults={"reduction": "mean"},
    options=(
        REDUCTION,
        Option("classes", "number of classes", "10", whole(1)),
        Option("dims", "axes behind the classes", "0 | 1 | 2 | 3", whole(0, 3)),
        SIZE,
        BATCH,
    ),
    validate=validate,
    problems=entropy_problems,
    twin=entropy_twin,
    coverage=entropy_coverage,
    pins=entropy_pins,
    terms=entropy_terms,
    magnitudes=entropy_magnitudes,
    radius=within_reach_of("logits"),
    constant=("target",),
    bounded=True,
    draw=entropy_draw,
    letters={"y": "E"},
    sources={"y": "004, C18", "logits": "004, C18"},
    formula=formulas.cross_entropy,
    usual={"dims": 0},
    mistakes=mistakes.CROSS_ENTROPY,
)

OPS = (EUCLIDEAN, CROSS_ENTROPY)
