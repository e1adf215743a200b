"""Known ways to get the gradients of weighted cross-entropy and of the hinge loss wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Mistake
from checks.ops._element_loss_mistakes import reduced
from checks.ops._mistakes import right
from reference import softmax

Wrong = Callable[[Case], Mapping[str, Array]]
Named = tuple[str, str, Wrong]


def _mistakes(source: str, *named: Named) -> tuple[Mistake, ...]:
    means: tuple[Named, ...] = (
        ("not averaged", "The gradient of the sum, where the mean divides it.", reduced("sum", "mean")),
        ("averaged a sum", "Divided as for a mean, where the loss is a sum.", reduced("mean", "sum")),
    )
    return tuple(Mistake(name, explanation, source, wrong) for name, explanation, wrong in (*means, *named))


# Weighted cross-entropy


@dataclass(frozen=True)
class Parts:
    """What E is made of: logits, 1 where a position counts, 1 at its class, w of each class, the smoothing."""

    x: Array
    counts: Array
    chosen: Array
    w: Array
    smoothing: float
    mean: bool

    @property
    def own(self) -> Array:
        """The weight of each position."""
        return np.asarray((self.counts * self.chosen * self.w).sum(1, keepdims=True))

    @property
    def a(self) -> Array:
        """What −log p of each class is multiplied by."""
        classes = self.x.shape[1]
        return np.asarray(self.counts * ((1 - self.smoothing) * self.chosen + self.smoothing / classes) * self.w)

    @property
    def p(self) -> Array:
        """The softmax."""
        return softmax.forward(self.x)


def _parts(case: Case) -> Parts:
    x, at, weight = case.input("logits"), np.expand_dims(case.input("target"), 1), case.inputs[2]
    laid = (1, x.shape[1], *(1,) * (x.ndim - 2))
    w = np.ones(laid, x.dtype) if weight is None else weight.reshape(laid)
    counts = (at != case.parameters["ignore_index"]).astype(x.dtype)
    chosen = (np.arange(x.shape[1]).reshape(laid) == at).astype(x.dtype)
    return Parts(x, counts, chosen, w, case.parameters["label_smoothing"], case.parameters["reduction"] == "mean")


Weights = Callable[[Parts], Array]


def _sum_of_weights(p: Parts) -> Array:
    return np.asarray(p.own.sum())


def _in_place(
    weights: Weights = lambda p: p.a,
    *,
    total: Weights = _sum_of_weights,
    slope: Callable[[Parts, Array], Array] = lambda p, a: p.p * a.sum(1, keepdims=True) - a,
    forward: bool = False,
) -> Wrong:
    """Something else in place of a, of what a mean divides by, or of the slope; with `forward` in y too."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        with np.errstate(all="ignore"):
            parts = _parts(case)
            a, many = weights(parts), total(parts) if parts.mean else np.ones(())
            many = np.where(many == 0, 1, many)
            found = {"logits": np.asarray(slope(parts, a) * (case.cotangent / many), case.cotangent.dtype)}
            if forward:
                x = parts.x - parts.x.max(1, keepdims=True)
                losses = a * (np.log(np.exp(x).sum(1, keepdims=True)) - x)
                found["y"] = np.asarray(losses.sum() / many, case.cotangent.dtype)
            return found

    return wrong_gradient


def _smoothed(p: Parts, uniform: Array | float) -> Array:
    """a, with something else for what all classes have alike."""
    return np.asarray(p.counts * ((1 - p.smoothing) * p.chosen * p.w + p.smoothing * uniform))


def _over_others(p: Parts) -> Array:
    """The smoothing shared out among the other classes alone."""
    others = max(1, p.x.shape[1] - 1)
    return _smoothed(p, (1 - p.chosen) / others * p.w)


def _one_off(case: Case) -> Mapping[str, Array]:
    t, ignored = case.input("target"), case.parameters["ignore_index"]
    return right(case.with_input("target", np.where(t == ignored, t, (t + 1) % case.input("logits").shape[1])))


def _not_smoothed(case: Case) -> Mapping[str, Array]:
    return right(replace(case, parameters={**case.parameters, "label_smoothing": 0.0}))


WEIGHTED_CROSS_ENTROPY = _mistakes(
    "T16",
    (
        "averaged over all positions",
        "Divided by the number of positions, ignored ones too, where the mean divides by the weights of those that count.",
        _in_place(total=lambda p: np.asarray(p.counts.size)),
    ),
    (
        "averaged over those that count",
        "Divided by how many positions count, where the mean divides by the sum of their weights.",
        _in_place(total=lambda p: p.counts.sum()),
    ),
    (
        "both averaged over those that count",
        "Forward and backward agree with each other, on a mean divided by how many count, where it is by their weights.",
        _in_place(total=lambda p: p.counts.sum(), forward=True),
    ),
    (
        "both averaged over all positions",
        "Forward and backward agree with each other, on a mean divided by all positions, ignored ones too.",
        _in_place(total=lambda p: np.asarray(p.counts.size), forward=True),
    ),
    (
        "weights forgotten",
        "Every class counts 1 in backward, where forward has weights.",
        _in_place(lambda p: replace(p, w=np.ones_like(p.w)).a),
    ),
    (
        "weight of each class",
        "p − [c = t] was multiplied by the weight of c, where it is that of the right class.",
        _in_place(slope=lambda p, _: p.w * (p.p * p.counts - replace(p, w=np.ones_like(p.w)).a)),
    ),
    (
        "ignored positions pull",
        "Positions that do not count got their softmax, where they get 0.",
        _in_place(slope=lambda p, a: p.p * np.where(p.counts == 0, 1, a.sum(1, keepdims=True)) - a),
    ),
    ("smoothing forgotten", "Backward is that of labels that are not smoothed.", _not_smoothed),
    (
        "right class keeps all",
        "The right class kept 1 and every class got s/C more, where it gives up s.",
        _in_place(lambda p: p.counts * (p.chosen + p.smoothing / p.x.shape[1]) * p.w),
    ),
    (
        "both smoothed over the others",
        "Forward and backward agree with each other, on s/(C − 1) for each other class, where all have s/C.",
        _in_place(_over_others, forward=True),
    ),
    (
        "both smoothed without weights",
        "Forward and backward agree with each other, on s/C without the weight of its class.",
        _in_place(lambda p: _smoothed(p, 1 / p.x.shape[1]), forward=True),
    ),
    (
        "both smoothed with the right class's weight",
        "Forward and backward agree with each other, on s/C times the weight of the right class for every class.",
        _in_place(
            lambda p: p.counts * ((1 - p.smoothing) * p.chosen + p.smoothing / p.x.shape[1]) * p.own, forward=True
        ),
    ),
    (
        "one-hot forgotten",
        "The softmax alone, where a is subtracted.",
        _in_place(slope=lambda p, a: p.p * a.sum(1, keepdims=True)),
    ),
    (
        "sum of a taken for 1",
        "p − a was computed, where p is multiplied by the sum of a.",
        _in_place(slope=lambda p, a: p.p * p.counts - a),
    ),
    ("classes one off", "The class after the right one was taken for it, as if classes began with 1.", _one_off),
)


# Hinge


def _gaps(case: Case) -> tuple[Array, Array]:
    """How far each class is too close, and 1 at the right one."""
    x, target = case.input("logits"), case.input("target")[:, None]
    gap = x - np.take_along_axis(x, target, 1) + x.dtype.type(case.parameters["margin"])
    return gap, (np.arange(x.shape[1]) == target).astype(x.dtype)


def _each(case: Case, classes: int | None = None) -> Array:
    samples, own = case.input("logits").shape
    many = max(1, samples) if case.parameters["reduction"] == "mean" else 1
    return np.asarray(case.cotangent / case.cotangent.dtype.type(many * (own if classes is None else classes)))


def _pulled(case: Case, pulls: Array, right_one: Array, **of: int) -> Mapping[str, Array]:
    """What others pull with, and all of it against the right class."""
    others = pulls * (1 - right_one)
    gradient = others - right_one * others.sum(1, keepdims=True)
    return {"logits": np.asarray(gradient * _each(case, **of), case.cotangent.dtype)}


def _by(pulls: Callable[[Case, Array], Array]) -> Wrong:
    """Another way to say which classes pull, and how much."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        gap, own = _gaps(case)
        return _pulled(case, np.asarray(pulls(case, gap), case.cotangent.dtype), own)

    return wrong_gradient


def _for_the_right_one(made: Callable[[Array], Array]) -> Wrong:
    """Something else of those that pull, for the right class alone."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        gap, own = _gaps(case)
        others = (gap > 0) * (1 - own)
        gradient = others + own * made(others.sum(1, keepdims=True))
        return {"logits": np.asarray(gradient * _each(case), case.cotangent.dtype)}

    return wrong_gradient


def _loss(case: Case, losses: Array) -> Array:
    samples, classes = losses.shape
    many = classes * (max(1, samples) if case.parameters["reduction"] == "mean" else 1)
    return np.asarray(losses.sum() / many, case.cotangent.dtype)


def _both_squared(case: Case) -> Mapping[str, Array]:
    gap, own = _gaps(case)
    above = np.maximum(gap, 0) * (1 - own)
    return {"y": _loss(case, above * above), **_pulled(case, 2 * above, own)}


def _both_largest(case: Case) -> Mapping[str, Array]:
    """Crammer and Singer: the one class that is closest."""
    gap, own = _gaps(case)
    above = np.maximum(gap, 0) * (1 - own)
    first = (np.arange(gap.shape[1]) == above.argmax(1)[:, None]) * (above > 0)
    return {"y": _loss(case, above * first), **_pulled(case, first.astype(gap.dtype), own)}


def _both_with_the_right_one(case: Case) -> Mapping[str, Array]:
    """The right class in the sum: m more for each, and the gradient as it is."""
    gap, _ = _gaps(case)
    return {"y": _loss(case, np.maximum(gap, 0))}


def _both_over_other_classes(case: Case) -> Mapping[str, Array]:
    gap, own = _gaps(case)
    classes = gap.shape[1]
    others = max(1, classes - 1)
    y = _loss(case, np.maximum(gap, 0) * (1 - own)) * case.cotangent.dtype.type(classes / others)
    return {"y": np.asarray(y), **_pulled(case, (gap > 0).astype(gap.dtype), own, classes=others)}


def _hinge_one_off(case: Case) -> Mapping[str, Array]:
    return right(case.with_input("target", (case.input("target") + 1) % case.input("logits").shape[1]))


def _not_divided(case: Case) -> Mapping[str, Array]:
    gap, own = _gaps(case)
    return _pulled(case, (gap > 0).astype(gap.dtype), own, classes=1)


HINGE = _mistakes(
    "T20",
    ("not divided by the classes", "g/N was computed for each, where the loss is divided by C too.", _not_divided),
    (
        "both over the other classes",
        "Forward and backward agree with each other, divided by C − 1, where it is C.",
        _both_over_other_classes,
    ),
    (
        "right class pulled once",
        "The right class got −1 if any is too close, where every one of them pushes it.",
        _for_the_right_one(lambda many: -np.sign(many)),
    ),
    (
        "right class forgotten",
        "The right class got 0, where all push it.",
        _for_the_right_one(lambda many: 0 * many),
    ),
    (
        "right class counted too",
        "The right class was among those that pull, so that one push is missing.",
        _for_the_right_one(lambda many: 1 - many),
    ),
    (
        "right class with the others' sign",
        "The right class got what all have together, without the minus.",
        _for_the_right_one(lambda many: many),
    ),
    (
        "margin forgotten",
        "Classes pull where they are above the right one, where they do as soon as they come within the margin.",
        _by(lambda case, gap: gap > case.parameters["margin"]),
    ),
    (
        "the other side",
        "Classes that are far enough pull, and those that are too close do not.",
        _by(lambda _, gap: gap <= 0),
    ),
    ("all pull", "Every class pulls, however far it is.", _by(lambda _, gap: np.ones_like(gap))),
    (
        "loss for its slope",
        "Classes pull with what they add to the loss, where they pull alike.",
        _by(lambda _, gap: np.maximum(gap, 0)),
    ),
    ("both squared", "Forward and backward agree with each other, on squares of what is above 0.", _both_squared),
    (
        "both of the closest class",
        "Forward and backward agree with each other, on the largest of them, where all are added.",
        _both_largest,
    ),
    (
        "margin of the right class",
        "Forward counts the right class too, which adds m to every sample.",
        _both_with_the_right_one,
    ),
    ("classes one off", "The class after the right one was taken for it, as if classes began with 1.", _hinge_one_off),
)
