"""Euclidean loss and cross-entropy: how they round.

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
from checks.op import Case, Documents, Inputs, Kind, Op, Problem, Rounding
from checks.ops import _formulas as formulas
from checks.ops import _loss_mistakes as mistakes
from checks.ops.activation import EXP, within_reach_of
from checks.signature.options import one_of
from checks.signature.takes import FAIR, Parameter, Sizes, Takes
from reference import cross_entropy, euclidean_loss, softmax

if TYPE_CHECKING:
    import torch

REDUCTIONS = ("mean", "sum")
REDUCTION = Parameter(
    "reduction", "mean", "what becomes of the losses of the samples", "mean | sum", one_of(*REDUCTIONS), REDUCTIONS
)


def samples(problem: Problem) -> int:
    """How many losses are averaged: one for each sample, and for each place behind the classes."""
    first, *rest = problem.shape(problem.op.inputs[0])
    return first * prod(rest[1:]) if "classes" in problem.pins else first


def number_of_samples(problem: Problem) -> Mapping[str, tuple[Any, ...]]:
    """What a mean divides by."""
    return {"samples": (samples(problem),)}


def share(case: Case, count: int) -> float:
    """1/N for a mean, 1 for a sum."""
    return 1 / count if case.parameters["reduction"] == "mean" else 1.0


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


EUCLIDEAN = Op(
    name="euclidean_loss",
    reference=euclidean_loss,
    takes=Takes(
        arrays={"prediction": "*shape", "target": "*shape", "y": ""},
        parameters=(REDUCTION,),
        sizes=(Sizes("shape", "*shape", "shape of the prediction, samples first", (2, 1, 4, 3), (2, 3, 4)),),
        scales={"prediction": FAIR, "target": "prediction"},
    ),
    twin=euclidean_twin,
    rounds=Rounding(euclidean_terms, euclidean_magnitudes),
    kind=Kind(degree=2, unit=euclidean_unit),
    cases=Inputs(tried=number_of_samples),
    told=Documents(
        letters={"y": "E"},
        sources={"y": "004, C18", "prediction": "004, C16", "target": "004, C16"},
        usual={"shape": (1, 2)},
    ),
    mistakes=mistakes.EUCLIDEAN_LOSS,
)
CROSS_ENTROPY = Op(
    name="cross_entropy",
    reference=cross_entropy,
    takes=Takes(
        arrays={"logits": "N C *size", "target": "N *size", "y": ""},
        parameters=(REDUCTION,),
        sizes=(
            Sizes("classes", "C", "number of classes", (3, 2, 5, 1, 10), metavar="10", tells=2),
            Sizes("size", "*size", "spatial size of the input", (1, 2, 3)),
            Sizes("batch", "N", "samples", (2, 1, 3, 5), least=0, metavar="2"),
        ),
        dims=(0, 0, 1, 2, 3),
        scales={"logits": (0, 1, 3, -20)},
        constant=("target",),
    ),
    twin=entropy_twin,
    rounds=Rounding(entropy_terms, entropy_magnitudes),
    kind=Kind(radius=within_reach_of("logits"), bounded=True),
    cases=Inputs(entropy_draw, number_of_samples),
    told=Documents(
        letters={"y": "E"},
        sources={"y": "004, C18", "logits": "004, C18"},
        formula=formulas.cross_entropy,
        usual={"dims": 0},
    ),
    mistakes=mistakes.CROSS_ENTROPY,
)

OPS = (EUCLIDEAN, CROSS_ENTROPY)
