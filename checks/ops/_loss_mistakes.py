"""Known ways to get the gradients of the Euclidean loss and of cross-entropy wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Mistake
from checks.ops._mistakes import right
from reference import softmax

Wrong = Callable[[Case], Mapping[str, Array]]


def _forward(case: Case) -> Array:
    return np.asarray(case.op.reference.forward(*case.inputs, **case.parameters))


def _averages(case: Case) -> bool:
    return bool(case.parameters["reduction"] == "mean")


def _scaled(case: Case, scale: float, *, y: bool = False) -> Mapping[str, Array]:
    """The right gradients times a number, and with `y` the right loss too."""
    gradients = {name: g * g.dtype.type(scale) for name, g in right(case).items()}
    return {"y": np.asarray(_forward(case) * scale), **gradients} if y else gradients


def _not_averaged(case: Case) -> Mapping[str, Array]:
    return right(replace(case, parameters={"reduction": "sum"}))


def _averaged_a_sum(case: Case) -> Mapping[str, Array]:
    return right(replace(case, parameters={"reduction": "mean"}))


# Euclidean loss.


def _features(case: Case) -> int:
    prediction = case.input("prediction")
    return max(1, prediction.size // max(1, len(prediction)))


def _over_all_elements(case: Case) -> Mapping[str, Array]:
    return _scaled(case, 1 / _features(case) if _averages(case) else 1.0)


def _both_over_all_elements(case: Case) -> Mapping[str, Array]:
    return _scaled(case, 1 / _features(case) if _averages(case) else 1.0, y=True)


def _half_kept(case: Case) -> Mapping[str, Array]:
    return _scaled(case, 0.5)


def _both_without_half(case: Case) -> Mapping[str, Array]:
    return _scaled(case, 2.0, y=True)


def _target_with_the_same_sign(case: Case) -> Mapping[str, Array]:
    return {"target": right(case)["prediction"]}


def _target_forgotten(case: Case) -> Mapping[str, Array]:
    return {"target": np.zeros_like(right(case)["target"])}


def _samples_of(case: Case) -> float:
    return max(1, len(case.input("prediction"))) if _averages(case) else 1


def _sign_only(case: Case) -> Mapping[str, Array]:
    signs = np.sign(case.input("prediction") - case.input("target")) * (case.cotangent / _samples_of(case))
    return {"prediction": signs, "target": -signs}


def _distance(case: Case) -> Mapping[str, Array]:
    difference = case.input("prediction") - case.input("target")
    norm = np.sqrt(np.square(difference).sum(tuple(range(1, difference.ndim)), keepdims=True))
    unit = difference / np.where(norm == 0, 1, norm) * (case.cotangent / _samples_of(case))
    return {"prediction": unit, "target": -unit}


# Cross-entropy.


def _probabilities(case: Case) -> Array:
    return softmax.forward(case.input("logits"), axis=1)


def _chosen(case: Case) -> Array:
    """One for the right class of each position, 0 for the others."""
    x, target = case.input("logits"), case.input("target")
    classes = np.arange(x.shape[1]).reshape(1, -1, *(1,) * (x.ndim - 2))
    return np.asarray(classes == np.expand_dims(target, 1), x.dtype)


def _in_place(difference: Callable[[Case], Array]) -> Wrong:
    """Something else in place of softmax minus one-hot, times g/N."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        positions = max(1, case.input("target").size) if _averages(case) else 1
        with np.errstate(all="ignore"):
            gradient = difference(case) * (case.cotangent / positions)
        return {"logits": np.asarray(gradient, right(case)["logits"].dtype)}

    return wrong_gradient


def _axis_exchanged(case: Case) -> Array:
    x = case.input("logits")
    return softmax.forward(x, axis=x.ndim - 1 if x.ndim > 2 else 0) - _chosen(case)


def _softmax_twice(case: Case) -> Mapping[str, Array]:
    return right(case.with_input("logits", _probabilities(case)))


def _both_softmax_twice(case: Case) -> Mapping[str, Array]:
    inner = case.with_input("logits", _probabilities(case))
    outer = right(inner)["logits"]
    return {"y": _forward(inner), "logits": softmax.backward(outer, case.input("logits"), axis=1)[0]}


def _one_off(case: Case) -> Mapping[str, Array]:
    return right(case.with_input("target", (case.input("target") + 1) % case.input("logits").shape[1]))


def _over_classes_too(case: Case) -> Mapping[str, Array]:
    return _scaled(case, 1 / case.input("logits").shape[1] if _averages(case) else 1.0)


def _over_samples_only(case: Case) -> Mapping[str, Array]:
    target = case.input("target")
    return _scaled(case, target.size / max(1, len(target)) if _averages(case) else 1.0)


EUCLIDEAN_LOSS = (
    Mistake(
        "not averaged",
        "The gradient of the sum, where that of the mean is divided by the number of samples.",
        "004, C17",
        _not_averaged,
    ),
    Mistake(
        "averaged a sum",
        "Divided by the number of samples, where the loss is their sum.",
        "004, C17",
        _averaged_a_sum,
    ),
    Mistake(
        "over all elements",
        "Divided by the number of all elements, where the loss is divided by that of the samples.",
        "004, C18",
        _over_all_elements,
    ),
    Mistake(
        "both over all elements",
        "Forward and backward agree with each other, on the mean of all elements, where it is that of the samples.",
        "004, C18",
        _both_over_all_elements,
    ),
    Mistake(
        "half kept",
        "(p − t)/2N was computed, where the exponent cancels the half.",
        "004, C18",
        _half_kept,
    ),
    Mistake(
        "both without the half",
        "Forward and backward agree with each other, on a loss without its half.",
        "004, C18",
        _both_without_half,
    ),
    Mistake(
        "target with the same sign",
        "The target got the gradient of the prediction, where it has the other sign.",
        "chain rule",
        _target_with_the_same_sign,
    ),
    Mistake(
        "target forgotten",
        "The target got zeros, where the loss depends on it as on the prediction.",
        "chain rule",
        _target_forgotten,
    ),
    Mistake(
        "sign only",
        "sign(p − t) was computed, the gradient of the absolute difference, where it is p − t.",
        "004, C18",
        _sign_only,
    ),
    Mistake(
        "distance not squared",
        "(p − t)/‖p − t‖ was computed, the gradient of the distance, where that of half its square is p − t.",
        "004, C18",
        _distance,
    ),
)

CROSS_ENTROPY = (
    Mistake(
        "not averaged",
        "softmax − one-hot as it is, where the mean divides it by the number of positions.",
        "004, C17",
        _not_averaged,
    ),
    Mistake(
        "averaged a sum",
        "Divided by the number of positions, where the loss is their sum.",
        "004, C17",
        _averaged_a_sum,
    ),
    Mistake(
        "over samples only",
        "Divided by the number of samples, where the mean is over their positions too.",
        "004, C17",
        _over_samples_only,
    ),
    Mistake(
        "over classes too",
        "Divided by the number of classes too, as the mean of an array would be, where it is over positions.",
        "004, C17",
        _over_classes_too,
    ),
    Mistake(
        "one-hot forgotten",
        "The softmax alone, where 1 is subtracted at the right class.",
        "004, C18",
        _in_place(_probabilities),
    ),
    Mistake(
        "softmax forgotten",
        "Logits − one-hot was computed, where the softmax of the logits stands.",
        "004, C18",
        _in_place(lambda case: case.input("logits") - _chosen(case)),
    ),
    Mistake(
        "right class only",
        "All but the right class got 0, where they get their probabilities.",
        "004, C18",
        _in_place(lambda case: (_probabilities(case) - 1) * _chosen(case)),
    ),
    Mistake(
        "of the probabilities",
        "−1/p at the right class was computed, the gradient of the probabilities, where the softmax is part of the loss.",
        "004, C18",
        _in_place(lambda case: -_chosen(case) / _probabilities(case)),
    ),
    Mistake(
        "softmax over another axis",
        "Probabilities that add to 1 along an axis that is not that of the classes.",
        "004, C18",
        _in_place(_axis_exchanged),
    ),
    Mistake(
        "softmax applied twice",
        "Probabilities were taken for logits in backward, and their softmax computed.",
        "004, C18",
        _softmax_twice,
    ),
    Mistake(
        "both softmax twice",
        "Forward and backward agree with each other, on the softmax of a softmax, where the loss takes logits.",
        "004, C18",
        _both_softmax_twice,
    ),
    Mistake(
        "classes one off",
        "1 was subtracted at the class after the right one, as if classes began with 1.",
        "004, C18",
        _one_off,
    ),
)
