"""Known ways to get a double backward wrong, of any op.

Those of its backward, differentiated as they are: whoever loses the stride there loses it here as well. And terms that
are left out: a backward that is taken for linear in the cotangent alone, or for one in which inputs do not meet.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Mistake, Op
from checks.orders.moved import along

SOURCE = "product rule"


def lifted(op: Op) -> tuple[Mistake, ...]:
    """Those of the terms, then those of the backward."""
    several = len(op.takes.differentiable) > 1
    terms = (
        Mistake(
            "a double backward of the cotangent alone",
            "The gradient by the inputs is 0, as if the backward did not depend on them.",
            SOURCE,
            _still(op),
        ),
        Mistake(
            "mixed terms missing",
            "The cotangent of each gradient reaches its own input alone: the derivatives by two inputs are left out.",
            SOURCE,
            _parts(op, own=True),
        ),
        Mistake(
            "own terms missing",
            "The cotangent of each gradient reaches the other inputs alone: second derivatives by one input are left out.",
            SOURCE,
            _parts(op, own=False),
        ),
    )
    backward = tuple(
        replace(m, explanation=f"Already in the backward: {m.explanation}", wrong_gradient=_derived(op, m))
        for m in op.mistakes
        if op.kind.analytic
    )
    return (*(terms if several else terms[:1]), *backward)


def _still(op: Op) -> Callable[[Case], Mapping[str, Array]]:
    def wrong(case: Case) -> dict[str, Array]:
        return {n: np.zeros(case.input(n).shape) for n in _present(op, case)}

    return wrong


def _parts(op: Op, *, own: bool) -> Callable[[Case], Mapping[str, Array]]:
    """Each gradient from the cotangent of its own, or from all others."""

    def wrong(case: Case) -> dict[str, Array]:
        found = {}
        sizes = {n: case.input(n).size for n in _present(op, case)}
        ends = dict(zip(sizes, np.cumsum(list(sizes.values())), strict=True))
        for name, size in sizes.items():
            kept = np.zeros(case.cotangent.shape, bool)
            kept[ends[name] - size : ends[name]] = True
            part = replace(case, cotangent=np.where(kept == own, case.cotangent, 0).astype(case.cotangent.dtype))
            gradients = dict(zip(case.op.inputs, part.gradients, strict=True))
            found[name] = np.asarray(gradients[name])
        return found

    return wrong


def _derived(op: Op, mistake: Mistake) -> Callable[[Case], Mapping[str, Array]]:
    """What comes of differentiating the backward that makes this mistake."""

    def wrong(case: Case) -> dict[str, Array]:
        g, *inputs = case.widened().inputs
        names: list[str] = []

        def mistaken(*arrays: Array | None) -> list[Array]:
            moved = Case(
                op, arrays, case.parameters, np.asarray(g) + 0j, case.whole
            )  # results have the dtype of the cotangent
            found = {n: a for n, a in mistake.wrong_gradient(moved).items() if n != "y"}
            names[:] = list(found)
            return list(found.values())

        parts: list[Array | None] = []
        start = 0
        for name, a in zip(op.inputs, inputs, strict=True):
            if a is None or name in op.takes.constant:
                parts.append(None)
                continue
            parts.append(case.cotangent[start : start + a.size].reshape(a.shape).astype(np.float64))
            start += a.size
        try:
            with warnings.catch_warnings(action="error", category=np.exceptions.ComplexWarning):
                moved = along(mistaken, inputs, parts, analytic=True)
        except Exception:  # noqa: BLE001, what complex numbers do not go through has no such derivative
            return {}
        return {n: np.asarray(m) for n, m in zip(names, moved, strict=True)}

    return wrong


def _present(op: Op, case: Case) -> list[str]:
    return [n for n in op.takes.differentiable if case.inputs[case.op.inputs.index(n)] is not None]
