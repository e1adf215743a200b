"""Mistakes that any op can be got wrong with: each computes, from the right gradients of a case, what came out instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from weakref import WeakKeyDictionary

import numpy as np

from checks.numbers.bounds import rounding
from checks.numbers.precision import NATIVE, Array
from checks.op import Case, Mistake

MOST_AXES = 5  # of a cotangent: samples, channels and three more
Change = Callable[[Array, Case], Array]


_right: WeakKeyDictionary[Case, Mapping[str, Array]] = WeakKeyDictionary()  # as long as the case is there


def right(case: Case) -> dict[str, Array]:
    """The reference's gradients by input name, those that exist; of a case that many mistakes are asked of, asked once."""
    if case not in _right:
        gradients = case.op.reference.backward(case.cotangent, *case.inputs, **case.parameters)
        _right[case] = {n: g for n, g in zip(case.op.inputs, gradients, strict=True) if g is not None}
    return {n: np.array(g) for n, g in _right[case].items()}


def general() -> tuple[Mistake, ...]:
    """The mistakes that can be made with any op."""
    return (
        *(_each(name, explanation, change) for name, explanation, change in _CHANGES),
        Mistake(
            "cotangent ignored", "grad_output counts as ones: right for a plain sum of y only.", "chain rule", _ignored
        ),
        Mistake(
            "cotangent averaged",
            "Every output got the mean of grad_output in place of its own.",
            "chain rule",
            _averaged,
        ),
    )


def _each(name: str, explanation: str, change: Change) -> Mistake:
    """The same change of every gradient."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        return {n: change(g, case) for n, g in right(case).items()}

    return Mistake(name, explanation, "chain rule", wrong_gradient)


def _negated(gradient: Array, case: Case) -> Array:  # noqa: ARG001, changes share one signature
    return -gradient


def _doubled(gradient: Array, case: Case) -> Array:  # noqa: ARG001, changes share one signature
    return 2 * gradient


def _over_samples(gradient: Array, case: Case) -> Array:
    samples = _samples(case)
    return np.divide(gradient, max(1, samples), dtype=gradient.dtype)


def _samples(case: Case) -> int:
    first = case.inputs[0]
    return len(first) if first is not None and first.ndim else 1


def _shifted(gradient: Array, case: Case) -> Array:  # noqa: ARG001, changes share one signature
    return np.roll(gradient, 1, -1) if gradient.ndim else gradient


def _turned(gradient: Array, case: Case) -> Array:  # noqa: ARG001, changes share one signature
    return np.flip(gradient, tuple(range(min(2, gradient.ndim - 1), gradient.ndim))) if gradient.ndim else gradient


def _element_off(gradient: Array, case: Case) -> Array:  # noqa: ARG001, changes share one signature
    changed = gradient.copy()
    changed.ravel()[-1:] *= gradient.dtype.type(1 + 1e-6)
    return changed


def _narrower(gradient: Array, case: Case) -> Array:
    narrower = NATIVE[NATIVE.index(case.cotangent.dtype.name) + 1 :]
    if not narrower:
        return gradient
    with np.errstate(over="ignore"):
        return gradient.astype(narrower[0]).astype(gradient.dtype)


_CHANGES: tuple[tuple[str, str, Change], ...] = (
    ("negated", "Every sign is wrong.", _negated),
    ("doubled", "Twice what it should be.", _doubled),
    (
        "averaged over the batch",
        "Divided by the number of samples, where the chain rule sums over them.",
        _over_samples,
    ),
    ("shifted", "Shifted by one along the last axis.", _shifted),
    ("turned", "Turned by 180 degrees.", _turned),
    ("narrower precision", "Computed in the next narrower precision and stored in this one.", _narrower),
    ("one element off", "One element is off by one part in a million.", _element_off),
)


def _ignored(case: Case) -> Mapping[str, Array]:
    return right(_with_cotangent(case, np.ones_like(case.cotangent)))


def _averaged(case: Case) -> Mapping[str, Array]:
    mean = case.cotangent.mean() if case.cotangent.size else 0
    return right(_with_cotangent(case, np.full_like(case.cotangent, mean)))


def _with_cotangent(case: Case, cotangent: Array) -> Case:
    return Case(case.op, case.inputs, case.parameters, cotangent, case.whole)


def last_sample(*names: str) -> Mistake:
    """Of the gradients of these parameters only the last sample's part is left."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        cotangent = np.zeros_like(case.cotangent)
        cotangent[-1:] = case.cotangent[-1:]
        gradients = right(_with_cotangent(case, cotangent))
        return {name: gradients[name] for name in names if name in gradients}

    return Mistake(
        "last sample only",
        "The gradient was assigned in the loop over samples, where each sample adds to it.",
        "004, C17",
        wrong_gradient,
    )


def bias_of_parts() -> tuple[Mistake, ...]:
    """Of a bias that is added at every position of (samples, channels, …): what is left where some are not summed."""

    def of_the_first(case: Case) -> Mapping[str, Array]:
        cotangent = np.zeros_like(case.cotangent)
        cotangent[:1] = case.cotangent[:1]
        return {n: g for n, g in right(_with_cotangent(case, cotangent)).items() if n == "bias"}

    def over_positions(case: Case) -> Mapping[str, Array]:
        positions = case.cotangent.dtype.type(max(1, np.prod(case.cotangent.shape[2:])))
        return {n: g / positions for n, g in right(case).items() if n == "bias"}

    return (
        Mistake(
            "bias of the first sample",
            "The cotangent was summed over positions alone, of the first sample, where each sample adds to it.",
            "001, B5",
            of_the_first,
        ),
        Mistake(
            "bias averaged over positions",
            "The mean over positions, summed over samples, where the bias is added at every position.",
            "001, B5",
            over_positions,
        ),
    )


def bias_subtracted(source: str) -> Mistake:
    """In forward alone."""

    def wrong_result(case: Case) -> Mapping[str, Array]:
        bias = case.inputs[case.op.inputs.index("bias")]
        other = case if bias is None else case.with_input("bias", -bias)
        return {"y": np.asarray(case.op.reference.forward(*other.inputs, **other.parameters))}

    return Mistake("bias subtracted", "Forward subtracts the bias, where it is added.", source, wrong_result)


def reshaped(name: str, *, features_last: bool = False) -> tuple[Mistake, ...]:
    """Ways to sum the cotangent over other elements than those of one feature, by reading its axes in another order.

    name  of a parameter that is added to every sample and position, one number for each feature
    """

    def by(shape: Callable[[int], tuple[int, int]], axis: int) -> Callable[[Case], Mapping[str, Array]]:
        def wrong_gradient(case: Case) -> Mapping[str, Array]:
            gradient = right(case).get(name)
            if gradient is None:
                return {}
            g = case.cotangent
            return {name: g.reshape(shape(len(gradient))).sum(axis) if g.size else gradient}

        return wrong_gradient

    first = Mistake(
        f"{name} reshaped before its sum",
        "The cotangent was read as (features, all else), which its axes have to be moved for.",
        "chain rule",
        by(lambda n: (n, -1), 1),
    )
    last = Mistake(
        f"{name} reshaped with features last",
        "The cotangent was read as (all else, features), where features are not the last of its axes.",
        "chain rule",
        by(lambda n: (-1, n), 0),
    )
    return (first,) if features_last else (first, last)


def by_accident_of_shape() -> tuple[Mistake, ...]:
    """Mistakes that come out only where two axes have the same size: a parameter's gradient, summed over the wrong ones."""
    return tuple(_keeping(axis) for axis in range(MOST_AXES))


def _keeping(axis: int) -> Mistake:
    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        g = case.cotangent
        named = zip(case.op.inputs, case.inputs, strict=True)
        fits = {n for n, a in named if a is not None and axis < g.ndim and a.shape == g.shape[axis : axis + 1]}
        if not fits - {*case.op.takes.constant} or not g.size:
            return {}
        return {n: _but(g, axis) for n, a in right(case).items() if n in fits and _is_sum(g, a)}

    return Mistake(
        "summed over the wrong axes",
        f"It is grad_output summed over all axes but axis {axis}, which is as long as that of the features.",
        "chain rule",
        wrong_gradient,
    )


def _but(g: Array, axis: int) -> Array:
    """The sum over all axes but this one."""
    return np.asarray(g.sum(tuple(a for a in range(g.ndim) if a != axis)))


def _is_sum(g: Array, gradient: Array) -> bool:
    """Whether the gradient is the cotangent, summed over all axes but one, to within the rounding of such a sum."""
    axes = [axis for axis in range(g.ndim) if g.shape[axis : axis + 1] == gradient.shape]
    bounds = (rounding(g.size, _but(np.abs(g), axis), (), g.dtype.name).elementwise for axis in axes)
    return any(bool(np.all(np.abs(_but(g, axis) - gradient) <= b)) for axis, b in zip(axes, bounds, strict=True))
