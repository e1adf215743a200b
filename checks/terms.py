"""The formula of one element of a gradient, term by term, found by asking the black box on arrays of zeros and one 1.

Where a gradient is a sum of products of one element of each of its factors (grad_output and one input, or grad_output
alone), its coefficient for a pair of elements is what comes out when both are 1 and everything else in the two is 0. That
takes a call for each pair, so it is done on small cases only.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from checks.implementation import Crashed, Judged, Malformed, Unsupported
from checks.op import Array, Case, Problem

MOST_CALLS = 400
MOST_TERMS = 8


def formula(implementation: Judged, problem: Problem, result: str, index: tuple[int, ...]) -> str:
    """The terms of one element, such as weight[0,0,1]·grad_output[0,0,0], or "" where they cannot be told."""
    name = result.removeprefix("grad_")
    factors = problem.op.factors.get(name, ())
    if not result.startswith("grad_") or not factors or not problem.largest:
        return ""
    case = problem.whole_numbers()
    arrays = {f: case.cotangent if f == "g" else case.input(f) for f in factors}
    if np.prod([a.size for a in arrays.values()]) > MOST_CALLS:
        return ""
    terms = []
    for places in product(*(np.ndindex(*a.shape) for a in arrays.values())):
        try:
            coefficient = float(
                implementation.backward(_with_ones(case, dict(zip(arrays, places, strict=True))))[name][index]
            )
        except (Crashed, Malformed, Unsupported):
            return ""
        if coefficient:
            # The inputs first, the cotangent last, as the documents write products.
            words = [
                _element(f, at) for f, at in sorted(zip(arrays, places, strict=True), key=lambda pair: pair[0] == "g")
            ]
            terms.append(_coefficient(coefficient) + "·".join(words))
    shown = " + ".join(terms[:MOST_TERMS]) + (" + …" if len(terms) > MOST_TERMS else "")
    return shown.replace("+ −", "− ") or "0"


def _with_ones(case: Case, places: dict[str, tuple[int, ...]]) -> Case:
    for factor, at in places.items():
        one: Array = np.zeros_like(case.cotangent if factor == "g" else case.input(factor))
        one[at] = 1
        case = Case(case.op, case.inputs, case.parameters, one) if factor == "g" else case.with_input(factor, one)
    return case


def _element(factor: str, at: tuple[int, ...]) -> str:
    return f"{'grad_output' if factor == 'g' else factor}[{','.join(map(str, at))}]"


def _coefficient(value: float) -> str:
    sign = "−" if value < 0 else ""
    return sign if abs(value) == 1 else f"{sign}{abs(value):g}·"
