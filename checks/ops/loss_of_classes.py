"""Cross-entropy with weights, and hinge loss: how they round, and the kinks of the latter.

**Weighted cross-entropy** rounds as cross-entropy does (loss.py), each −log p_c relative to 1 + 3 max|x| + log C, times its
weight a_c; the gradient p_c·Σa − a_c relative to p_c·(1 + 2 max|x|)·Σa + a_c. The sum of weights that a mean divides by has
as many roundings as there are positions.

**Hinge** sums differences that are relative to m + |x_t| + |x_j| where they count. Its gradient counts, and is not rounded
but by g, C and N. Where m − x_t + x_j is 0, any share of g/CN is right, and x_t has what all shares have together. Cases
are drawn at least an eighth away from that, so that rounding decides nothing, but those that lie on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import inf, prod
from typing import TYPE_CHECKING, Any

import numpy as np

from checks.numbers.precision import PRECISIONS, Array
from checks.op import Case, Documents, Inputs, Kind, Kinks, Op, Problem, Rounding
from checks.ops import _class_loss_mistakes as mistakes
from checks.ops import _loss_formulas as formulas
from checks.ops.activation import EXP, within_reach_of
from checks.ops.loss import CLASSES, CROSS_ENTROPY, REDUCTION, entropy_few, number_of_samples, places_of_targets
from checks.signature.drawing import Draws
from checks.signature.options import Pinned, real, whole
from checks.signature.places import REST
from checks.signature.takes import Drawn, Parameter, Sizes, Takes
from reference import hinge, softmax, weighted_cross_entropy

if TYPE_CHECKING:
    import torch

NONE = -100  # what torch ignores unless it is told: no class
CLOSE = 1 / 8
HEAVIER = 5  # what is drawn with (Problem.rng)
MUCH = 512.0  # a loss, beside which those of thousands of samples, of 1 each, are no more than a few

# Weighted cross-entropy


def ignored(drawn: Drawn) -> tuple[int, ...]:
    """Mostly what is no class; the first or the last class, where there is another."""
    return (NONE, NONE, 0, drawn["C"] - 1) if drawn["C"] > 1 else (NONE,)


def others(draws: Draws, pinned: Pinned, _: int) -> Drawn:
    """The classes, where one of them is said to be ignored: more than that, and two at least."""
    ignored = pinned.get("ignore_index", NONE)
    if ignored < 0 or "classes" in pinned:
        return {}
    least = max(1, ignored)
    return {"C": draws.among(*(n for n in CLASSES if n > least), least + 1)}


def refuse(pinned: Pinned) -> None:
    """Raise ValueError, in one sentence with a suggestion, if no problem has these values."""
    if pinned.get("classes") == 1 and pinned.get("ignore_index") == 0:
        raise ValueError("class 0 of 1 is ignored, and nothing counts; --classes 2 would leave one")


def weighted_draw(problem: Problem, name: str, rng: np.random.Generator, whole: bool) -> Array | None:  # noqa: ARG001, every op is asked alike
    """Classes, a quarter of them ignored but never all; weights of few bits, so that sums of them are exact."""
    classes, none = problem.shape("logits")[1], problem.parameters["ignore_index"]
    if name == "target":
        shape = problem.shape("target")
        target = np.where(rng.random(shape) < 1 / 4, none, rng.integers(0, classes, shape))
        if target.size and np.all(target == none):
            target.ravel()[0] = classes - 1 if none == 0 else 0
        return target
    if name == "weight" and problem.shapes["weight"] is not None:
        return PRECISIONS[problem.dtype].rounded(rng.integers(1, 33, problem.shape("weight")) / 16)
    return None


def weighted_few(problem: Problem, case: Case) -> Case | None:
    """As of cross-entropy, none of the few ignored; where all classes have a share, so that none is small, large ones."""
    here, target = places_of_targets(problem, case), case.input("target")
    if here is None:
        return _heavy_few(problem, case) if weighted_heavy(problem) else entropy_few(problem, case)
    none, x = problem.parameters["ignore_index"], case.input("logits")
    target = np.where(here & (target == none), x.shape[1] - 1 if none == 0 else 0, target)
    case = case.with_input("target", target)
    if not problem.parameters["label_smoothing"]:
        return entropy_few(problem, case)
    chosen = np.arange(x.shape[1]).reshape(1, -1, *(1,) * (x.ndim - 2)) == np.expand_dims(target, 1)
    logits = np.clip(x, -REST, REST) - MUCH * (chosen & np.expand_dims(here, 1))
    return case.with_input("logits", PRECISIONS[problem.dtype].rounded(logits))


def weighted_heavy(problem: Problem) -> bool:
    """Whether few classes have a large weight, where all have a share: one of thousands that are alike is lost in Σ a."""
    places, given = problem.places, problem.shapes["weight"] is not None
    if places is None or not places.inputs or places.axis != ("C", 0) or 0 in problem.shape("logits"):
        return False
    return given and bool(problem.parameters["label_smoothing"]) and bool(problem.rng(HEAVIER).integers(2))


def _heavy_few(problem: Problem, case: Case) -> Case:
    """Weights that are n times as large and more at few classes, which are no targets, and logits between −1 and 1.

    The target has (1 − s)·n of Σ a where weights are alike, and a class that is left out s. Logits of 7 or so, as they are
    where exponentials are to count, would allow Σ a fifteen roundings for each that it has; those of 0 one, and a logarithm
    of p that is stored is off by more. Weights are as far above 1 as they are below, so that neither their sums overflow in
    float16 nor what they are multiplied with is lost.
    """
    places, rounded, none = problem.places, PRECISIONS[problem.dtype].rounded, problem.parameters["ignore_index"]
    target, weight, classes = case.input("target"), case.inputs[2], problem.shape("logits")[1]
    if places is None or weight is None:
        return case
    others = np.setdiff1d(np.arange(classes), [*places.at, none])
    target = np.where(np.isin(target, places.at) & (target != none), others[target % len(others)], target)
    bits = classes.bit_length()
    small = weight.astype(np.float64) * 2.0 ** (bits // 2 - bits - 1)
    weight = np.where(np.isin(np.arange(classes), places.at), 2.0 ** (bits // 2), small)
    x = np.clip(case.input("logits").astype(np.float64), -1, 1)
    case = case.with_input("logits", rounded(x)).with_input("target", target)
    return case.with_input("weight", rounded(weight))


def weighted_terms(problem: Problem) -> dict[str, int]:
    """As of cross-entropy, with products by weights, and a sum of those of all positions."""
    classes, places = problem.shape("logits")[1], prod(problem.shape("target"))
    return {"y": 2 * classes + 2 * EXP + 10 + 2 * places, "logits": 2 * classes + EXP + 14 + places}


def shares(case: Case) -> tuple[Array, float]:
    """a of each class at each position, and what is divided by."""
    x, target, weight = case.input("logits"), case.input("target"), case.inputs[2]
    classes, smoothing = x.shape[1], case.parameters["label_smoothing"]
    laid = (1, classes, *(1,) * (x.ndim - 2))
    w = (np.ones(classes) if weight is None else weight.astype(np.float64)).reshape(laid)
    at = np.expand_dims(target, 1)
    counts, chosen = at != case.parameters["ignore_index"], np.arange(classes).reshape(laid) == at
    total = (counts * chosen * w).sum() if case.parameters["reduction"] == "mean" else 1.0
    return counts * ((1 - smoothing) * chosen + smoothing / classes) * w, float(total) or 1.0


def weighted_magnitudes(case: Case) -> dict[str, Array]:
    """As the module derives them."""
    x, (a, total) = case.input("logits"), shares(case)
    largest = np.abs(x).max(1, keepdims=True)
    p, g = softmax.forward(x) * (1 + 2 * largest), np.abs(case.cotangent)
    return {
        "y": np.asarray((a * (1 + 3 * largest + np.log(x.shape[1]))).sum() / total),
        "logits": g * (p * a.sum(1, keepdims=True) + a) / total,
    }


def weighted_tried(problem: Problem) -> Mapping[str, tuple[Any, ...]]:
    """Whether what is ignored is a class."""
    given = problem.parameters["ignore_index"] >= 0
    return {**number_of_samples(problem), "ignore_index": ("a class" if given else "no class",)}


def weighted_twin(
    logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None, **parameters: Any
) -> torch.Tensor:
    """The same function by torch."""
    import torch

    w = None if weight is None else weight.to(logits.dtype)
    return torch.nn.functional.cross_entropy(logits, target, weight=w, **parameters)


# Hinge


def classes_of(problem: Problem) -> Array:
    """The right class of each sample, which the logits are drawn by."""
    return problem.rng(4).integers(0, problem.shape("logits")[1], problem.shape("target"))


def hinge_draw(problem: Problem, name: str, rng: np.random.Generator, whole: bool) -> Array:  # noqa: ARG001, every op is asked alike
    """Classes, and logits of which none is within an eighth of where its class begins to count."""
    target = classes_of(problem)
    if name == "target":
        return target
    scale = 2.0 ** problem.exponents.get("logits", 0)
    x = rng.uniform(-scale, scale, problem.shape("logits"))
    gap = x - np.take_along_axis(x, target[:, None], 1) + problem.parameters["margin"]
    near = (np.abs(gap) < CLOSE) & (np.arange(x.shape[1]) != target[:, None])
    return PRECISIONS[problem.dtype].rounded((x + 2 * CLOSE * near) / scale)


def hinge_few(problem: Problem, case: Case) -> Case | None:
    """Losses of 0, by targets that lead by more than the margin, but in few samples, or of few classes, that lead them."""
    places, x, target = problem.places, case.input("logits"), case.input("target")
    if places is None or 0 in x.shape:
        return None
    at = int(places.axis[0] == "C")
    here = np.expand_dims(np.isin(np.arange(x.shape[at]), places.at), 1 - at)
    others = np.where(here, 1, -1 - problem.parameters["margin"]) + np.clip(x.astype(np.float64), -REST, REST)
    logits = np.where(np.arange(x.shape[1]) == target[:, None], 0, others)
    return case.with_input("logits", PRECISIONS[problem.dtype].rounded(logits))


def gaps(case: Case) -> tuple[Array, Array]:
    """How far each class is too close, in float64, and which is the right one."""
    x, target = case.input("logits").astype(np.float64), case.input("target")[:, None]
    return x - np.take_along_axis(x, target, 1) + case.parameters["margin"], np.arange(x.shape[1]) == target


def each(case: Case) -> float:
    """The share of one class in the mean, or the sum."""
    samples, classes = case.input("logits").shape
    many = max(1, samples) if case.parameters["reduction"] == "mean" else 1
    return 1 / float(classes * many)


def hinge_terms(problem: Problem) -> dict[str, int]:
    """Two differences, the sum over classes and samples, two quotients; a count, a product and quotients."""
    return {"y": prod(problem.shape("logits")) + 6, "logits": problem.shape("logits")[1] + 4}


def hinge_magnitudes(case: Case) -> dict[str, Array]:
    """As the module derives them."""
    gap, right = gaps(case)
    x, counts = np.abs(case.input("logits")), (gap > 0) & ~right
    sizes = case.parameters["margin"] + x + np.take_along_axis(x, case.input("target")[:, None], 1)
    pulls = np.where(right, counts.sum(1, keepdims=True), counts)
    return {"y": np.asarray((sizes * counts).sum() * each(case)), "logits": np.abs(case.cotangent) * pulls * each(case)}


def hinge_radius(case: Case) -> float:
    """Steps at which no class begins or ceases to count."""
    (gap, right), x = gaps(case), np.abs(case.input("logits").astype(np.float64))
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.abs(gap) / (x + np.take_along_axis(x, case.input("target")[:, None], 1))
    return float(min(0.5, reach[~right].min(initial=inf) / 2))


def on_the_margin(problem: Problem) -> Case:
    """Logits of which every second one is where its class begins to count, in numbers that leave nothing rounded."""
    case, rng, target = problem.reals(), problem.rng(2), classes_of(problem)[:, None]
    x = rng.integers(-4, 5, problem.shape("logits")).astype(np.float64)
    at = np.take_along_axis(x, target, 1) - problem.parameters["margin"]
    moved = np.where((rng.integers(0, 2, x.shape) == 0) & (np.arange(x.shape[1]) != target), at, x)
    return replace(case.with_input("logits", PRECISIONS[problem.dtype].rounded(moved)), whole=False)


def _pulls(case: Case, gradient: Array) -> tuple[Array, Array, Array]:
    """What each class but the right one has of g/CN, which of them lie on a kink, and which is the right one."""
    (gap, right), g = gaps(case), float(case.cotangent) * each(case)
    return (gradient.astype(np.float64) / g if g else np.zeros(gap.shape)), (gap == 0) & ~right, right


def nearest(case: Case, gradient: Array) -> Array:
    """Shares between 0 and 1 on kinks; minus all that its sample has, for the right class."""
    seen, tied, right = _pulls(case, gradient)
    gap, _ = gaps(case)
    pulls = np.where(tied, np.clip(seen, 0, 1), (gap > 0) & ~right)
    pulls = np.where(right, -pulls.sum(1, keepdims=True), pulls)
    return np.asarray(pulls * (float(case.cotangent) * each(case)))


def convention(case: Case, gradient: Array) -> str:
    """The share of a class that is just as far off as it should be."""
    seen, tied, _ = _pulls(case, gradient)
    if not tied.any() or not float(case.cotangent):
        return ""
    for share, words in ((0.0, "does not count"), (1.0, "counts"), (0.5, "counts half")):
        if np.all(np.abs(seen[tied] - share) < 1 / 64):  # far more than rounding, and less than any other share in use
            return f"a class on the margin {words}"
    return "a class on the margin counts in part"


def hinge_twin(logits: torch.Tensor, target: torch.Tensor, *, margin: float, reduction: str) -> torch.Tensor:
    """The same function by torch."""
    import torch

    return torch.nn.functional.multi_margin_loss(logits, target, margin=margin, reduction=reduction)


WEIGHTED_CROSS_ENTROPY = Op(
    name="weighted_cross_entropy",
    reference=weighted_cross_entropy,
    takes=Takes(
        arrays={"logits": "N C *size", "target": "N *size", "weight": "C ?", "y": ""},
        parameters=(
            # Powers of two, so that no formula rounds what is left for the right class.
            Parameter(
                "label_smoothing",
                0.0,
                "share that all classes have alike",
                "0.125",
                real(0, 1),
                (0.0, 0.125, 0.25, 0.5),
            ),
            Parameter("ignore_index", NONE, "target of a position that does not count", "0", whole(NONE), ignored),
            REDUCTION,
        ),
        sizes=CROSS_ENTROPY.takes.sizes,
        dims=(0, 0, 1, 2),
        geometry=others,
        scales={"logits": (0, 1, 3, 5, -20)},
        constant=("target", "weight"),
        refuse=refuse,
    ),
    twin=weighted_twin,
    rounds=Rounding(weighted_terms, weighted_magnitudes),
    kind=Kind(radius=within_reach_of("logits"), bounded=True),
    cases=Inputs(weighted_draw, weighted_tried, few=weighted_few, heavy=weighted_heavy),
    told=Documents(
        letters={"y": "E", "weight": "w"},
        sources={"y": "T16", "logits": "T16"},
        formula=formulas.weighted_cross_entropy,
        usual={"dims": 0, "batch": 1, "classes": 2},
    ),
    mistakes=mistakes.WEIGHTED_CROSS_ENTROPY,
)
HINGE = Op(
    name="hinge",
    reference=hinge,
    takes=Takes(
        arrays={"logits": "N C", "target": "N", "y": ""},
        parameters=(
            Parameter(
                "margin", 1.0, "how much lower other classes should be", "1.0", real(0, above=True), (1.0, 0.5, 2.0)
            ),
            REDUCTION,
        ),
        sizes=(
            Sizes("classes", "C", "number of classes", (3, 2, 5, 10), metavar="10", tells=2),
            Sizes("batch", "N", "samples", (2, 1, 3, 5), least=0, metavar="2"),
        ),
        scales={"logits": (0, 1, 3, -20)},
        constant=("target",),
    ),
    twin=hinge_twin,
    rounds=Rounding(hinge_terms, hinge_magnitudes),
    kind=Kind(analytic=False, radius=hinge_radius),
    kinks=Kinks(on_the_margin, lambda case: [np.ones_like(case.cotangent)], nearest, convention),
    cases=Inputs(hinge_draw, few=hinge_few),
    told=Documents(
        letters={"y": "E"},
        sources={"y": "T20", "logits": "T20"},
        formula=formulas.hinge,
        usual={"batch": 1, "classes": 2},
    ),
    mistakes=mistakes.HINGE,
)

OPS = (WEIGHTED_CROSS_ENTROPY, HINGE)
