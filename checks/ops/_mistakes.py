"""Mistakes that any op can be got wrong with: each computes, from the right gradients of a case, what came out instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from checks.numbers.precision import NATIVE, Array
from checks.op import Case, Mistake

Change = Callable[[Array, Case], Array]


def right(case: Case) -> dict[str, Array]:
    """The reference's gradients by input name, those that exist."""
    gradients = case.op.reference.backward(case.cotangent, *case.inputs, **case.parameters)
    return {n: np.array(g) for n, g in zip(case.op.inputs, gradients, strict=True) if g is not None}


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


def over_wrong_axes(name: str, *, feature: int) -> tuple[Mistake, ...]:
    """Ways to sum the cotangent over other axes than all but that of the features, as far as shapes allow them.

    name     of a parameter that is added to every sample and position, one number for each feature
    feature  the axis of the cotangent that counts features: 1, with samples before and positions behind, or the last
    """
    front = feature == 1

    def by(total: Callable[[Array, int], Array | None]) -> Callable[[Case], Mapping[str, Array]]:
        def wrong_gradient(case: Case) -> Mapping[str, Array]:
            gradient = right(case).get(name)
            if gradient is None:
                return {}
            found = total(case.cotangent, len(gradient)) if case.cotangent.size else None
            return {name: gradient if found is None or found.shape != gradient.shape else found}

        return wrong_gradient

    def keeping(axis: int) -> Callable[[Array, int], Array | None]:
        """The sum over all axes but this one."""

        def total(g: Array, _: int) -> Array | None:
            kept = axis % g.ndim if -g.ndim <= axis < g.ndim else feature % g.ndim
            return None if kept == feature % g.ndim else np.asarray(g.sum(tuple(a for a in range(g.ndim) if a != kept)))

        return total

    here = "where the sum goes over all axes but that of the features"
    ways = [
        ("summed over all but samples", f"Summed over all axes but the first, {here}.", keeping(0)),
        (
            "summed over all but positions",
            f"Summed over all axes but {'the last' if front else 'the second'}, {here}.",
            keeping(-1 if front else 1),
        ),
        (
            "reshaped before its sum",
            f"The cotangent was read as (features, all else), {here}: that needs its axes moved first.",
            lambda g, n: g.reshape(n, -1).sum(1),
        ),
    ]
    if front:
        ways.append(
            (
                "reshaped with features last",
                f"The cotangent was read as (all else, features), {here}, and features are not the last of them.",
                lambda g, n: g.reshape(-1, n).sum(0),
            )
        )
    return tuple(Mistake(f"{name} {of}", says, "chain rule", by(total)) for of, says, total in ways)
