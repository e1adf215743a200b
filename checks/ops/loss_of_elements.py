"""Huber loss, smooth L1, Kullback–Leibler divergence, and binary cross-entropy: how they round.

**Huber and smooth L1.** d = p − t has one rounding, but inputs are rounded too, so it is off by |p| + |t| =: a at most. The
slope is d within δ and δ beyond, so the gradient rounds relative to a within and to δ beyond. The loss ℓ has that slope: a
counts once in min(|d|, δ)·a, and of the products and the difference that make it (½d²; δ(|d| − ½δ)) each rounds relative to
min(|d|, δ)·|d| at most, which is at most 2ℓ: 4 of them, also in units of β or by what |d| exceeds δ. The sum of n losses
has n − 1 more, relative to Σℓ, and two scales. Smooth L1 is the same divided by β.

**Kullback–Leibler.** t·(log t − x) rounds relative to t·(|log t| + |x| + 1), the last for what rounds t; of logarithms u,
e^u rounds relative to itself times 1 + |u|. The gradients likewise, as they stand. In the loss the logarithm, or e^u, has
`EXP` roundings and the difference and the products 4; the sum of n has n + 1 more, relative to t·(|log t| + |x|), since
both parts may be added by themselves.

**Binary cross-entropy.** Libraries compute (1 − t)·x + c·softplus(−x), c = 1 + (q − 1)·t, of sizes (1 + |t|)|x| and
(1 + |q − 1||t|)·softplus. Of the first, 1 − t, the product, the sum of both and x itself round once each; c three times,
and softplus(−x), max(−x, 0) + log(1 + e^{−|x|}), 2·`EXP` times relative to the logarithm and twice to itself, beside the
product and the sum. n losses are added in n + 1 roundings, of all of these sizes, as the parts may be added apart.
Of the gradient, (1 − t) − c·σ(−x), σ is off by `SIGMOID` (numbers/counted.py), however it is computed; 1 − t, c, the
product, the difference and two scales round as above: `SIGMOID` roundings of 1 + |t| and of 1 + |q − 1||t| times 1 + 8σ/5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import inf, prod
from typing import TYPE_CHECKING, Any

import numpy as np

from checks.numbers.counted import SIGMOID
from checks.numbers.precision import PRECISIONS, Array
from checks.op import Case, Documents, Inputs, Kind, Op, Problem, Rounding
from checks.ops import _element_loss_mistakes as mistakes
from checks.ops import _loss_formulas as formulas
from checks.ops import _tails
from checks.ops.activation import EXP, within_reach_of
from checks.ops.loss import REDUCTION
from checks.signature.options import one_of, real
from checks.signature.places import REST
from checks.signature.takes import Parameter, Sizes, Takes
from reference import bce_with_logits, huber, kl_div, smooth_l1

if TYPE_CHECKING:
    import torch

NEAR = 1 / 2  # to the side of its target, a logit adds 0.5 to a sum of losses, which may be off by thrice that at most
WRONG = 64  # to the other side a loss is more than what sums of 30 000 such are off by, and e^64 is far within float32
SHAPE = Sizes("shape", "*shape", "shape of the arrays, samples first", (2, 1, 4, 3), (1, 2, 3))
WIDTHS = (1.0, 0.5, 2.0, 0.1)
DELTA = Parameter("delta", 1.0, "where the parabola ends", "1.0", real(0, above=True), WIDTHS)
BETA = Parameter("beta", 1.0, "where the parabola ends", "1.0", real(0, above=True), WIDTHS)
REDUCTIONS = ("mean", "batchmean", "sum")
THREE = replace(REDUCTION, metavar=" | ".join(REDUCTIONS), parse=one_of(*REDUCTIONS), among=REDUCTIONS)
LOG_TARGET = Parameter("log_target", False, "whether the target holds logarithms", among=(False, True))


def share(case: Case) -> float:
    """What the loss of an element is multiplied by."""
    first = case.inputs[0]
    many = 1 if first is None else {"mean": first.size, "batchmean": len(first), "sum": 1}[case.parameters["reduction"]]
    return 1 / max(1, many)


def elements(problem: Problem) -> int:
    """How many losses are added."""
    return prod(problem.shape(problem.op.inputs[0]))


def counted(problem: Problem) -> Mapping[str, tuple[Any, ...]]:
    """How many losses are added."""
    many = elements(problem)
    return {"losses": (many if many < 10 else "10 or more",)}


# Huber and smooth L1


def width(parameters: Mapping[str, Any]) -> float:
    """Where the parabola ends, by either name."""
    return float(parameters["delta" if "delta" in parameters else "beta"])


def drawn_apart(problem: Problem, name: str, rng: np.random.Generator, whole: bool) -> Array:  # noqa: ARG001, every op is asked alike
    """Numbers whose differences keep an eighth of it away from where the parabola ends, for steps that stay on one side."""
    own, end = problem.rng(4), width(problem.parameters)
    scale, shape = 2.0 ** problem.exponents.get("prediction", 0), problem.shape("prediction")
    p, t = own.uniform(-scale, scale, (2, *shape))
    d = p - t
    near = np.abs(np.abs(d) - end) < end / 8
    found = {"prediction": np.where(near, t + 0.75 * d, p), "target": t}[name]
    return PRECISIONS[problem.dtype].rounded(found / scale)


def huber_terms(problem: Problem) -> dict[str, int]:
    """How many roundings the magnitudes of the loss are the mean of; a difference, a choice, two scales."""
    return {"y": elements(problem) + 8, "prediction": 6, "target": 6}


def huber_magnitudes(case: Case) -> dict[str, Array]:
    """As the module derives them."""
    p, t, end = case.input("prediction"), case.input("target"), width(case.parameters)
    size, d = np.abs(p) + np.abs(t), np.abs(p.astype(np.float64) - t)
    scale = share(case) / (end if "beta" in case.parameters else 1)
    gradient = np.abs(case.cotangent) * np.where(d <= end, size, end) * scale
    slope, many = np.minimum(d, end), d.size
    losses = slope * (d - slope / 2)
    y = (slope * (size + 4 * d) + (many + 1) * losses).sum() * scale / (many + 8)
    return {"y": np.asarray(y), "prediction": gradient, "target": gradient}


def huber_radius(case: Case) -> float:
    """Steps that reach no place where the parabola ends."""
    p, t = (case.input(name).astype(np.float64) for name in ("prediction", "target"))
    with np.errstate(divide="ignore", invalid="ignore"):
        nearest = np.abs(np.abs(p - t) - width(case.parameters)) / (np.abs(p) + np.abs(t))
    return float(min(0.5, nearest.min(initial=inf) / 2))


def huber_twin(prediction: torch.Tensor, target: torch.Tensor, *, delta: float, reduction: str) -> torch.Tensor:
    """The same function by torch."""
    import torch

    return torch.nn.functional.huber_loss(prediction, target, reduction=reduction, delta=delta)


def smooth_l1_twin(prediction: torch.Tensor, target: torch.Tensor, *, beta: float, reduction: str) -> torch.Tensor:
    """The same function by torch."""
    import torch

    return torch.nn.functional.smooth_l1_loss(prediction, target, reduction=reduction, beta=beta)


# Kullback–Leibler


def divergence_draw(problem: Problem, name: str, rng: np.random.Generator, whole: bool) -> Array | None:  # noqa: ARG001, every op is asked alike
    """Targets from 1/64 to 1, or their logarithms: 0 has no gradient of its own."""
    if name != "target":
        return None
    logarithms = rng.uniform(-6, 0, problem.shape("target")) * np.log(2)
    made = logarithms if problem.parameters["log_target"] else np.exp(logarithms)
    return PRECISIONS[problem.dtype].rounded(made)


def divergence_few(problem: Problem, case: Case) -> Case | None:
    """Small targets that x is nearly right about, but at few places, of nearly all, where it is far below."""
    places, x = problem.places, case.input("x").astype(np.float64)
    if places is None or 0 in x.shape:
        return None
    at, a = places.axis[1], np.clip(x, -1, 1)
    here = np.isin(np.arange(x.shape[at]), places.at).reshape([-1 if axis == at else 1 for axis in range(x.ndim)])
    logarithms = np.where(here, -np.abs(a) / 4, -4.0)
    made = np.where(here, -places.large * (1 + np.abs(a)), logarithms * (1 + REST * a))
    target = logarithms if problem.parameters["log_target"] else np.exp(logarithms)
    rounded = PRECISIONS[problem.dtype].rounded
    return case.with_input("x", rounded(made)).with_input("target", rounded(target))


def divergence_terms(problem: Problem) -> dict[str, int]:
    """How many roundings the magnitudes of the loss are the mean of; a logarithm or a power, a difference and products."""
    return {"y": elements(problem) + EXP + 6, "x": EXP + 5, "target": 2 * EXP + 8}


def divergence_magnitudes(case: Case) -> dict[str, Array]:
    """As the module derives them."""
    x, t = np.abs(case.input("x")), case.input("target").astype(np.float64)
    g = np.abs(case.cotangent) * share(case)
    if case.parameters["log_target"]:
        p, logarithm = np.exp(t) * (1 + np.abs(t)), np.abs(t)
        target = p * (logarithm + x + 1)
    else:
        p, logarithm = t, np.abs(np.log(t))
        target = logarithm + x + 1
    sizes, many = logarithm + x, x.size
    of_y = (p * ((EXP + 4) * sizes + 1)).sum() + (many + 1) * (p * sizes).sum()
    y = np.asarray(of_y * share(case) / (many + EXP + 6))
    return {"y": y, "x": g * p, "target": g * target}


def divergence_radius(case: Case) -> float:
    """Steps that keep a target above 0, where its logarithm is near its tangent."""
    return within_reach_of("target")(case) / 2


def divergence_twin(x: torch.Tensor, target: torch.Tensor, *, log_target: bool, reduction: str) -> torch.Tensor:
    """The same function by torch, which warns of its mean."""
    import torch

    total = torch.nn.functional.kl_div(x, target, reduction="sum", log_target=log_target)
    return total / {"mean": x.numel(), "batchmean": len(x), "sum": 1}[reduction]


# Binary cross-entropy


def binary_draw(problem: Problem, name: str, rng: np.random.Generator, whole: bool) -> Array | None:  # noqa: ARG001, every op is asked alike
    """Targets that are 0, 1 or between; weights above 0.

    From a half to 2, and logits of 2³ in one case of six: σ − t and q·σ − q·t, stored in few bits on the way as libraries
    do, are off by as much as is judged where a gradient is a tail, and by more the larger q is, in the worst of 10 000.
    """
    if name == "target":
        shape = problem.shape("target")
        soft = np.where(rng.random(shape) < 0.5, rng.uniform(0, 1, shape), rng.integers(0, 2, shape))
        return PRECISIONS[problem.dtype].rounded(soft)
    if name == "pos_weight" and problem.shapes["pos_weight"] is not None:
        return PRECISIONS[problem.dtype].rounded(np.exp2(rng.uniform(-1, 1, problem.shape("pos_weight"))))
    return None


def binary_few(problem: Problem, case: Case) -> Case | None:
    """Logits of `NEAR` to the side of their targets, but at few places of `WRONG` to the other side, of large losses."""
    places, x = problem.places, case.input("logits")
    if places is None or 0 in x.shape:
        return None
    at = x.ndim - 1 if places.axis[0] == "C" else places.axis[1]
    here = np.isin(np.arange(x.shape[at]), places.at).reshape([-1 if axis == at else 1 for axis in range(x.ndim)])
    target = np.round(case.input("target").astype(np.float64))
    side = np.where(here, -WRONG, NEAR) * np.where(target > 0, 1, -1)
    logits = side * (1 + np.clip(np.abs(x.astype(np.float64)), 0, 1) / 4)
    rounded = PRECISIONS[problem.dtype].rounded
    return case.with_input("logits", rounded(logits)).with_input("target", rounded(target))


def binary_terms(problem: Problem) -> dict[str, int]:
    """How many roundings the magnitudes are the mean of."""
    return {"y": elements(problem) + 2 * EXP + 10, "logits": SIGMOID}


def binary_magnitudes(case: Case) -> dict[str, Array]:
    """As the module derives them."""
    x, t = (case.input(name).astype(np.float64) for name in ("logits", "target"))
    q = np.ones(()) if case.inputs[2] is None else case.inputs[2].astype(np.float64)
    one, other, size, many = 1 + np.abs(t), 1 + np.abs(q - 1) * np.abs(t), np.abs(x), x.size
    logarithm = np.log1p(np.exp(-size))
    softplus, sigma = np.maximum(-x, 0) + logarithm, np.exp(-np.maximum(x, 0) - logarithm)
    added = one * size + other * softplus
    of_y = 4 * one * size + other * (2 * EXP * logarithm + 7 * (softplus + size)) + (many + 1) * added
    of_x = 5 * one + other * (SIGMOID + 8 * sigma)
    gradient = np.abs(case.cotangent) * of_x * share(case)
    return {
        "y": np.asarray(of_y.sum() * share(case) / (many + 2 * EXP + 10)),
        "logits": gradient / SIGMOID,
    }


def binary_twin(
    logits: torch.Tensor, target: torch.Tensor, pos_weight: torch.Tensor | None, *, reduction: str
) -> torch.Tensor:
    """The same function by torch."""
    import torch

    q = None if pos_weight is None else pos_weight.to(logits.dtype)
    t = target.to(logits.dtype)
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, t, reduction=reduction, pos_weight=q)


def _told(number: str, formula: Callable[..., Any], *inputs: str) -> Documents:
    return Documents(
        letters={"y": "E"}, sources=dict.fromkeys(("y", *inputs), number), formula=formula, usual={"shape": (1, 2)}
    )


HUBER = Op(
    name="huber",
    reference=huber,
    takes=Takes(
        arrays={"prediction": "*shape", "target": "*shape", "y": ""},
        parameters=(DELTA, REDUCTION),
        sizes=(SHAPE,),
        scales={"prediction": (0, 0, 1, 20, -20), "target": "prediction"},
    ),
    twin=huber_twin,
    rounds=Rounding(huber_terms, huber_magnitudes),
    kind=Kind(analytic=False, radius=huber_radius),
    cases=Inputs(drawn_apart, counted),
    told=_told("T17", formulas.huber, "prediction", "target"),
    mistakes=mistakes.HUBER,
)
SMOOTH_L1 = replace(
    HUBER,
    name="smooth_l1",
    reference=smooth_l1,
    takes=replace(HUBER.takes, parameters=(BETA, REDUCTION)),
    twin=smooth_l1_twin,
    told=_told("T18", formulas.huber, "prediction", "target"),
    mistakes=mistakes.SMOOTH_L1,
)
KL_DIV = Op(
    name="kl_div",
    reference=kl_div,
    takes=Takes(
        arrays={"x": "*shape", "target": "*shape", "y": ""},
        parameters=(LOG_TARGET, THREE),
        sizes=(SHAPE,),
        scales={"x": (0, 1, 3, -20)},
    ),
    twin=divergence_twin,
    rounds=Rounding(divergence_terms, divergence_magnitudes),
    kind=Kind(radius=divergence_radius),
    cases=Inputs(divergence_draw, counted, few=divergence_few),
    told=replace(_told("T19", formulas.kl_div, "x", "target"), letters={"y": "E", "target": "t"}),
    mistakes=mistakes.KL_DIV,
)
BCE_WITH_LOGITS = Op(
    name="bce_with_logits",
    reference=bce_with_logits,
    takes=Takes(
        arrays={"logits": "*batch C", "target": "*batch C", "pos_weight": "C ?", "y": ""},
        parameters=(REDUCTION,),
        sizes=(
            Sizes("batch", "*batch", "the axes before that", (2, 1, 3, 4), (1, 2), 0, "8 | 2,3"),
            Sizes("classes", "C", "the last axis, one answer for each", (2, 1, 3, 5), metavar="10"),
        ),
        scales={"logits": (0, 0, 0, 1, 3, -20)},
        constant=("target", "pos_weight"),
    ),
    twin=binary_twin,
    rounds=Rounding(binary_terms, binary_magnitudes),
    kind=Kind(radius=within_reach_of("logits"), bounded=True, hard=_tails.BINARY),
    cases=Inputs(binary_draw, counted, few=binary_few),
    told=Documents(
        letters={"y": "E", "logits": "x", "target": "t", "pos_weight": "q"},
        sources={"y": "T15", "logits": "T15"},
        formula=formulas.bce_with_logits,
        usual={"batch": (1,), "classes": 2},
    ),
    mistakes=mistakes.BCE_WITH_LOGITS,
)

OPS = (HUBER, SMOOTH_L1, KL_DIV, BCE_WITH_LOGITS)
