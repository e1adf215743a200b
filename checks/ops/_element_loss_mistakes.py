"""Known ways to get the gradients of losses of elements wrong: Huber, smooth L1, Kullback–Leibler, binary cross-entropy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Mistake
from checks.ops._mistakes import right
from reference import sigmoid

Wrong = Callable[[Case], Mapping[str, Array]]
Named = tuple[str, str, Wrong]


def reduced(to: str, *of: str) -> Wrong:
    """Where one of these reductions is asked for, the gradients of another."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        asked = case.parameters["reduction"]
        return right(replace(case, parameters={**case.parameters, "reduction": to if asked in of else asked}))

    return wrong_gradient


def _share(case: Case) -> Array:
    """g times what the loss of an element is multiplied by."""
    first = case.inputs[0]
    assert first is not None  # noqa: S101, the first input of a loss is always there
    many = {"mean": first.size, "batchmean": len(first), "sum": 1}[case.parameters["reduction"]]
    return np.asarray(case.cotangent / case.cotangent.dtype.type(max(1, many)))


def _of(**changed: Callable[[Case], Array]) -> Wrong:
    """Something else in place of some derivatives, times g/N."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        with np.errstate(all="ignore"):
            share = _share(case)
            return {name: np.asarray(share * made(case), case.cotangent.dtype) for name, made in changed.items()}

    return wrong_gradient


def _with_y(y: Callable[[Case], Array], gradients: Wrong) -> Wrong:
    """A loss that is another, of each element, and its gradients."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        with np.errstate(all="ignore"):
            first = case.input(case.op.inputs[0])
            many = {"mean": first.size, "batchmean": len(first), "sum": 1}[case.parameters["reduction"]]
            total = np.asarray(y(case).sum() / max(1, many), case.cotangent.dtype)
            return {"y": total, **gradients(case)}

    return wrong_gradient


def over_samples(case: Case) -> Mapping[str, Array]:
    """The mean of all elements taken for one of samples, forward and backward alike."""
    first = case.input(case.op.inputs[0])
    many = first.size / max(1, len(first)) if case.parameters["reduction"] == "mean" else 1.0
    y = np.asarray(case.op.reference.forward(*case.inputs, **case.parameters))
    return {"y": np.asarray(y * y.dtype.type(many)), **{n: g * g.dtype.type(many) for n, g in right(case).items()}}


def _mistakes(source: str, *named: Named) -> tuple[Mistake, ...]:
    means: tuple[Named, ...] = (
        ("not averaged", "The gradient of the sum, where the mean divides it.", reduced("sum", "mean", "batchmean")),
        ("averaged a sum", "Divided by the number of elements, where the loss is their sum.", reduced("mean", "sum")),
        (
            "both over samples only",
            "Forward and backward agree with each other, on a mean of samples, where it is that of all elements.",
            over_samples,
        ),
    )
    return tuple(Mistake(name, explanation, source, wrong) for name, explanation, wrong in (*means, *named))


# Huber and smooth L1


def _difference(case: Case) -> Array:
    return np.asarray(case.input("prediction") - case.input("target"))


def _width(case: Case) -> Array:
    parameters = case.parameters
    return np.asarray(parameters["delta" if "delta" in parameters else "beta"], case.cotangent.dtype)


def _both(slope: Callable[[Case], Array]) -> Wrong:
    """The same slope for the prediction, and minus it for the target."""
    return _of(prediction=slope, target=lambda case: -slope(case))


def _of_a_mean(slope: Callable[[Case], Array]) -> Wrong:
    """The same slopes, divided by how many there are whatever the reduction."""
    gradients = _both(slope)
    return lambda case: gradients(replace(case, parameters={**case.parameters, "reduction": "mean"}))


def _within(case: Case) -> Array:
    return np.abs(_difference(case)) <= _width(case)


def _of_one(case: Case) -> Mapping[str, Array]:
    """With a width of 1 in backward."""
    name = "delta" if "delta" in case.parameters else "beta"
    return right(replace(case, parameters={**case.parameters, name: 1.0}))


def _same_sign(case: Case) -> Mapping[str, Array]:
    return {"target": right(case)["prediction"]}


def _nothing_for_the_target(case: Case) -> Mapping[str, Array]:
    return {"target": np.zeros_like(right(case)["target"])}


def _half(case: Case) -> Mapping[str, Array]:
    return {n: np.where(_within(case), g / 2, g).astype(g.dtype) for n, g in right(case).items()}


def _times(power: int) -> Wrong:
    """Loss and gradients times the width to this power."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        scale = _width(case) ** power
        y = np.asarray(case.op.reference.forward(*case.inputs, **case.parameters))
        return {"y": np.asarray(y * scale, y.dtype), **{n: g * scale for n, g in right(case).items()}}

    return wrong_gradient


_FOR_BOTH: tuple[Named, ...] = (
    (
        "target with the same sign",
        "The target got the gradient of the prediction, where it has the other sign.",
        _same_sign,
    ),
    (
        "target forgotten",
        "The target got zeros, where the loss depends on it as on the prediction.",
        _nothing_for_the_target,
    ),
    ("half kept", "The half of the parabola was kept, where the exponent cancels it.", _half),
    ("width of 1", "Backward ends the parabola at 1, whatever forward does.", _of_one),
)
HUBER = _mistakes(
    "T17",
    ("not cut off", "d was computed everywhere, the gradient of the parabola, where it ends at δ.", _both(_difference)),
    (
        "as a mean of squares",
        "d/N was computed everywhere, where the parabola ends at δ, and a sum is not divided by N.",
        _of_a_mean(_difference),
    ),
    (
        "sign only",
        "sign(d) was computed everywhere, the gradient of the absolute value.",
        _both(lambda case: np.sign(_difference(case))),
    ),
    (
        "delta forgotten",
        "sign(d) beyond δ, where the slope of the tangent is δ·sign(d).",
        _both(lambda case: np.where(_within(case), _difference(case), np.sign(_difference(case)))),
    ),
    (
        "nothing beyond delta",
        "0 beyond δ, as if the loss were cut off, where its slope is.",
        _both(lambda case: _difference(case) * _within(case)),
    ),
    ("both smooth L1", "Forward and backward agree with each other, on the loss divided by δ.", _times(-1)),
    *_FOR_BOTH,
)
SMOOTH_L1 = _mistakes(
    "T18",
    (
        "not cut off",
        "d/β was computed everywhere, the gradient of the parabola, where it ends at β.",
        _both(lambda case: _difference(case) / _width(case)),
    ),
    (
        "sign only",
        "sign(d) was computed everywhere, the gradient of the absolute value.",
        _both(lambda case: np.sign(_difference(case))),
    ),
    (
        "beta forgotten",
        "d within β, where the parabola is divided by β.",
        _both(lambda case: np.where(_within(case), _difference(case), np.sign(_difference(case)))),
    ),
    (
        "nothing beyond beta",
        "0 beyond β, as if the loss were cut off, where its slope is.",
        _both(lambda case: _difference(case) / _width(case) * _within(case)),
    ),
    ("both Huber", "Forward and backward agree with each other, on the loss multiplied by β.", _times(1)),
    *_FOR_BOTH,
)


# Kullback–Leibler


def _target(case: Case) -> tuple[Array, Array]:
    """The target's probabilities and their logarithms."""
    t = case.input("target")
    return (np.exp(t), t) if case.parameters["log_target"] else (t, np.log(t))


def _minus_x(case: Case) -> Array:
    return np.asarray(_target(case)[1] - case.input("x"))


def _outer(case: Case) -> Array:
    """What the derivative by the target is multiplied by, of logarithms."""
    return _target(case)[0] if case.parameters["log_target"] else np.ones_like(case.input("target"))


def _other_target(case: Case) -> Mapping[str, Array]:
    """Logarithms taken for probabilities, and the other way round, in backward."""
    other = replace(case, parameters={**case.parameters, "log_target": not case.parameters["log_target"]})
    with np.errstate(all="ignore"):
        return right(other)


# Σ e^x·(x − log t), the divergence the other way round
_EXCHANGED = _with_y(
    lambda case: -np.exp(case.input("x")) * _minus_x(case),
    _of(
        x=lambda case: np.exp(case.input("x")) * (1 - _minus_x(case)),
        target=lambda case: -np.exp(case.input("x")) / (1 if case.parameters["log_target"] else case.input("target")),
    ),
)


KL_DIV = _mistakes(
    "T19",
    (
        "batch mean for mean",
        "Divided by the number of samples, where the mean is over all elements.",
        reduced("batchmean", "mean"),
    ),
    (
        "mean for batch mean",
        "Divided by the number of elements, where that of samples was asked for.",
        reduced("mean", "batchmean"),
    ),
    (
        "as after softmax",
        "e^x − t was computed, the gradient of the logits, where x are logarithms already.",
        _of(x=lambda case: np.exp(case.input("x")) - _target(case)[0]),
    ),
    (
        "of the probabilities",
        "−t/e^x was computed, the gradient of e^x, where x is its logarithm.",
        _of(x=lambda case: -_target(case)[0] / np.exp(case.input("x"))),
    ),
    (
        "logarithm differentiated for nothing",
        "log t − x was computed for the target, without the 1 that t·(1/t) is.",
        _of(target=lambda case: _outer(case) * _minus_x(case)),
    ),
    (
        "entropy forgotten",
        "The target got −x alone, as in cross-entropy, where t·log t depends on it too.",
        _of(target=lambda case: -_outer(case) * case.input("x")),
    ),
    (
        "target forgotten",
        "The target got zeros, where the loss depends on it.",
        _of(target=lambda case: np.zeros_like(case.input("target"))),
    ),
    (
        "log_target the other way",
        "Backward took logarithms for probabilities, or probabilities for logarithms.",
        _other_target,
    ),
    (
        "both the other way round",
        "Forward and backward agree with each other, on the divergence of the target from x.",
        _EXCHANGED,
    ),
)


# Binary cross-entropy


def _sigmoid(case: Case) -> Array:
    return sigmoid.forward(case.input("logits"))


def _positive(case: Case) -> Array:
    """q, or 1."""
    q = case.inputs[2]
    return np.ones((), case.cotangent.dtype) if q is None else q


def _slope(case: Case, t: Array, p: Array) -> Array:
    return np.asarray((1 - t) * p - _positive(case) * t * (1 - p))


def _in_place(made: Callable[[Case, Array, Array], Array]) -> Wrong:
    """Something else of the case, its targets and its probabilities."""
    return _of(logits=lambda case: made(case, case.input("target"), _sigmoid(case)))


def _softplus(x: Array) -> Array:
    return np.asarray(np.logaddexp(0, x))


BCE_WITH_LOGITS = _mistakes(
    "T15",
    (
        "sigmoid forgotten",
        "x − t was computed, where the sigmoid of x stands.",
        _in_place(lambda case, t, _: _slope(case, t, case.input("logits"))),
    ),
    ("target not subtracted", "The sigmoid alone, where a positive is subtracted.", _in_place(lambda _, __, p: p)),
    (
        "of the probabilities",
        "The gradient of the probabilities was computed, where the sigmoid is part of the loss.",
        _in_place(lambda case, t, p: (1 - t) / (1 - p) - _positive(case) * t / p),
    ),
    (
        "sigmoid differentiated twice",
        "Multiplied by σ(1 − σ) once more, as a squared error has it.",
        _in_place(lambda case, t, p: _slope(case, t, p) * p * (1 - p)),
    ),
    (
        "sigmoid applied twice",
        "Probabilities were taken for logits in backward, and their sigmoid computed.",
        _in_place(lambda case, t, p: _slope(case, t, sigmoid.forward(p))),
    ),
    (
        "pos_weight forgotten",
        "A positive counts 1 in backward, where forward has its weight.",
        _in_place(lambda _, t, p: p - t),
    ),
    (
        "pos_weight of all",
        "Every element was multiplied by the weight, which positives alone have.",
        _in_place(lambda case, t, p: _positive(case) * (p - t)),
    ),
    (
        "pos_weight of the negatives",
        "The weight counts for negatives, where it is that of positives.",
        _in_place(lambda case, t, p: _positive(case) * (1 - t) * p - t * (1 - p)),
    ),
    (
        "targets rounded",
        "Targets were taken to be 0 or 1, where they may lie between.",
        _in_place(lambda case, t, p: _slope(case, np.round(t), p)),
    ),
    (
        "both with pos_weight of all",
        "Forward and backward agree with each other, on a weight that negatives have too.",
        _with_y(
            lambda case: (
                _positive(case)
                * (
                    case.input("target") * _softplus(-case.input("logits"))
                    + (1 - case.input("target")) * _softplus(case.input("logits"))
                )
            ),
            _in_place(lambda case, t, p: _positive(case) * (p - t)),
        ),
    ),
)
