"""Euclidean loss and cross-entropy: how they round.

**Euclidean.** Σ(p − t)² may be computed as it stands or multiplied out, so it rounds relative to Σ(|p| + |t|)², and its
gradients relative to |p| + |t|. On whole numbers it is exact where the number of samples is a power of two.

**Cross-entropy.** A sample's loss ℓ = L − x_t, L = log Σe^x over n classes, is computed in one of these ways; X = max|x|:

- −log of the softmax: 2·EXP + n for the quotient, and EXP·ℓ for its logarithm.
- max x + log Σe^{x − max x}, less x_t: Σp(max x − x) ≤ log n for the differences, EXP + n for the sum, EXP·log n at most
  for the logarithm, |L| and ℓ for the sums. Or x_t − max x first, which is ℓ at most. Or with nothing taken off: EXP·|L|
  for the logarithm.
- L from one class to the next, by log(e^a + e^b) = a + log(1 + e^{b − a}): each step is off by max(|L|, X) and 7.5 more,
  and makes e^{a − L} of what came before, with L the new sum. No step takes L down, and one that takes it up by g is off
  by no more than 12g: all of them together by 24, or by 8 each.
- With a sum that is scaled by e^{m − m'} where a larger one comes, which rounds 8 times at most: after k of them k/(k +
  1) of it is left, which makes 4(n − 1) of n.

All of them are off by max((n − 1)·(4 + max(|L|, X)) + min(4(n − 1), 24), 2·EXP + n + EXP·max(ℓ, |L|)) + 7·log n + |L| +
2ℓ at most, and a sum over N samples by N + 1 of Σℓ more. The gradient is p, or p − 1, times g/N: p from its logarithm is
off by EXP and by what that is off by, of itself, and with the products 3 more of p are rounded, and 4 of 1; p − 1 as
minus the sum of the others by 2·EXP + 2n of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from checks.numbers.precision import PRECISIONS, Array
from checks.op import Case, Documents, Inputs, Kind, Op, Problem, Rounding
from checks.ops import _formulas as formulas
from checks.ops import _loss_mistakes as mistakes
from checks.ops.activation import EXP, within_reach_of
from checks.signature.options import one_of
from checks.signature.places import REST
from checks.signature.takes import FAIR, Parameter, Sizes, Takes
from reference import cross_entropy, euclidean_loss, log_softmax

if TYPE_CHECKING:
    import torch

REDUCTIONS = ("mean", "sum")
FAR = (
    8  # above the others, a logit has a loss of e^−8 = 3e-4 a class: 10 000 of them are few, and σ − 1 is not yet lost
)
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


def euclidean_few(problem: Problem, case: Case) -> Case | None:
    """Targets of the other sign at few places: differences of two that are large may be small."""
    places, target = problem.places, case.input("target")
    if places is None or 0 in target.shape:
        return None
    at = places.axis[1]
    here = np.isin(np.arange(target.shape[at]), places.at).reshape(
        [-1 if axis == at else 1 for axis in range(target.ndim)]
    )
    return case.with_input("target", np.where(here, -target, target))


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


def places_of_targets(problem: Problem, case: Case) -> Array | None:
    """Where numbers count, along the axis of the targets (N, *size) that it is; None if it is none of theirs."""
    places, x = problem.places, case.input("logits")
    if places is None or places.axis == ("C", 0) or 0 in x.shape:
        return None
    at = 0 if places.axis[0] == "N" else 1 + places.axis[1]
    here = np.isin(np.arange(case.input("target").shape[at]), places.at)
    return here.reshape([-1 if axis == at else 1 for axis in range(x.ndim - 1)])


def entropy_few(problem: Problem, case: Case) -> Case | None:
    """Losses that are small, by logits of `FAR` at the targets, but of few samples, whose are as far below the others."""
    x, here = case.input("logits"), places_of_targets(problem, case)
    if here is None:
        return _classes_alike(problem, case)
    signs = np.where(here, -1.0, 1.0)
    chosen = np.arange(x.shape[1]).reshape(1, -1, *(1,) * (x.ndim - 2)) == np.expand_dims(case.input("target"), 1)
    logits = np.where(chosen, FAR * np.expand_dims(signs, 1), np.clip(x, -REST, REST))
    return case.with_input("logits", PRECISIONS[problem.dtype].rounded(logits))


def _classes_alike(problem: Problem, case: Case) -> Case | None:
    """Of few classes that are large, none so much larger that it has the share of all; the last is not the largest.

    The largest is mostly taken off, and 1 in the sum of powers: it is no term that a sum of the others can leave out.
    """
    places, x = problem.places, case.input("logits")
    if places is None or 0 in x.shape:
        return None
    at = np.arange(x.shape[1]).reshape(1, -1, *(1,) * (x.ndim - 2))
    alike = (3 * places.large + np.where(at == x.shape[1] - 1, places.large / 2, x)) / 4
    logits = np.where(np.isin(at, places.at), alike, x)
    return case.with_input("logits", PRECISIONS[problem.dtype].rounded(logits))


def entropy_terms(problem: Problem) -> dict[str, int]:
    """How many roundings the magnitudes are the mean of."""
    classes = problem.shape("logits")[1]
    return {"y": classes + 2 * EXP + 4 + max(1, samples(problem)), "logits": classes + EXP + 8}


def entropy_magnitudes(case: Case) -> dict[str, Array]:
    """As the module derives them."""
    x = case.input("logits")
    target = np.expand_dims(case.input("target"), 1)
    chosen = np.arange(x.shape[1]).reshape(1, -1, *(1,) * (x.ndim - 2)) == target
    scale = share(case, max(1, target.size))
    logarithms = log_softmax.forward(x)
    losses, p = -np.take_along_axis(logarithms, target, 1), np.exp(logarithms)
    n, count = x.shape[1], max(1, target.size)
    of_losses = of_logarithms(x, losses, 1) + (count + 1) * losses
    of_x = p * (of_logarithms(x, -logarithms, 1) + EXP + 3) + chosen * (4 + (2 * EXP + 2 * n) * (1 - p))
    return {
        "y": np.asarray(of_losses.sum() * scale / (n + 2 * EXP + 4 + count)),
        "logits": np.abs(case.cotangent) * of_x * scale / (n + EXP + 8),
    }


def of_logarithms(x: Array, sizes: Array, axis: int) -> Array:
    """What logarithms of a softmax along this axis are off by, those of these sizes: as the module derives it."""
    n, largest = x.shape[axis], np.abs(x).max(axis, keepdims=True)
    total = np.abs(np.logaddexp.reduce(x, axis, keepdims=True))
    stepwise = (n - 1) * (4 + np.maximum(total, largest)) + min(4 * (n - 1), 24)
    at_once = 2 * EXP + n + EXP * np.maximum(sizes, total)
    return np.asarray(np.maximum(stepwise, at_once) + 7 * np.log(n) + total + 2 * sizes)


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
    cases=Inputs(tried=number_of_samples, few=euclidean_few),
    told=Documents(
        letters={"y": "E"},
        sources={"y": "004, C18", "prediction": "004, C16", "target": "004, C16"},
        usual={"shape": (1, 2)},
    ),
    mistakes=mistakes.EUCLIDEAN_LOSS,
)
CLASSES = (3, 2, 5, 1, 10)
CROSS_ENTROPY = Op(
    name="cross_entropy",
    reference=cross_entropy,
    takes=Takes(
        arrays={"logits": "N C *size", "target": "N *size", "y": ""},
        parameters=(REDUCTION,),
        sizes=(
            Sizes("classes", "C", "number of classes", CLASSES, metavar="10", tells=2),
            Sizes("size", "*size", "spatial size of the input", (1, 2, 3)),
            Sizes("batch", "N", "samples", (2, 1, 3, 5), least=0, metavar="2"),
        ),
        dims=(0, 0, 1, 2, 3),
        scales={"logits": (0, 1, 3, 5, -20)},
        constant=("target",),
    ),
    twin=entropy_twin,
    rounds=Rounding(entropy_terms, entropy_magnitudes),
    kind=Kind(radius=within_reach_of("logits"), bounded=True),
    cases=Inputs(entropy_draw, number_of_samples, few=entropy_few),
    told=Documents(
        letters={"y": "E"},
        sources={"y": "004, C18", "logits": "004, C18"},
        formula=formulas.cross_entropy,
        usual={"dims": 0},
    ),
    mistakes=mistakes.CROSS_ENTROPY,
)

OPS = (EUCLIDEAN, CROSS_ENTROPY)
