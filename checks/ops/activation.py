"""Sigmoid, tanh, ReLU and softmax: how they round, and the kink of ReLU.

**How they round.** e^x comes within 3 units in the last place (6 roundings) from every library that is in use; its
argument is an input, so it is exact. σ = 1/(1 + e^{−x}) and tanh = (e^{2x} − 1)/(e^{2x} + 1) go through numbers of size 1
and may be computed as 1 minus something, so their error is relative to 1: EXP + 2 roundings, and for 1 − t² twice that
and three more. (That `reference` does better, in ulp, is for its own tests.)

σ' = w is sharper. With t = 2σ − 1 = tanh(x/2), σ itself is off by 6w + 2 at most, or by 3|t| + σ as (1 + t)/2, so by no
more than 4. The slope of w by σ is −t; w = σ − σ² rounds σ² and itself more, so it and its product with g are off by

    4|t| + σ² + 2w ≤ 5.1,  and as   (1 − t²)/4 by 13t²/4 + 2w,   e^{−x}/(1 + e^{−x})² by 6w|t| + 5w,   σ(x)·σ(−x) by 12w,

the quotient with every e^{−x} counted by itself by (6 + 2·7 + 3)w < 6: SIGMOID_SLOPE roundings of |g|, the one that
stores it apart.

Softmax is counted along its formula (numbers/counted.py). Of its gradient 4 roundings are a difference and products; and g
may have that of the largest x taken off first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from checks.numbers import counted
from checks.numbers.precision import PRECISIONS, Array
from checks.op import Case, Documents, Hard, Kind, Kinks, Op, Problem, Rounding
from checks.ops import _activation_mistakes as mistakes
from checks.ops import _formulas as formulas
from checks.ops._tails import TAIL, gradient_only, reach
from checks.signature.options import Pinned, real, whole
from checks.signature.takes import Drawn, Parameter, Sizes, Takes
from reference import leaky_relu, relu, sigmoid, softmax, tanh

if TYPE_CHECKING:
    import torch

EXP = 6  # roundings in e^x, log x or a power: 3 ulp
SIGMOID_SLOPE = 6  # roundings in σ', and its product with g
AMONG = (1, 2, 3, 4, 5, 7)
TO_THE_TAILS = (0, 0, 1, 2, 5, -20)  # e^x for x up to 32 apart from what is largest, which is far below u and no 0


def refuse(pinned: Pinned) -> None:
    """Raise ValueError, in one sentence with a suggestion, if no problem has these values."""
    given, axis = pinned.get("shape"), pinned.get("axis")
    if given is not None and axis is not None and (axis >= len(given) or not given[axis]):
        fits = [str(i) for i, n in enumerate(given) if n]
        which = f"--axis {' or '.join(fits)} would" if fits else "no axis of it does"
        raise ValueError(f"shape {','.join(map(str, given))} has no elements along an axis {axis}; {which}")


def counts(pinned: Pinned) -> tuple[int, ...]:
    """Two axes at least where one of them is chosen."""
    least = max(2, pinned.get("axis", 0) + 1)
    return (least, max(least, 4))


def with_elements(drawn: Drawn) -> tuple[int, ...]:
    """Axes that have elements, the usual one first."""
    return tuple(sorted((i for i, n in enumerate(drawn["*shape"]) if n), key=(1).__ne__))


def within_reach_of(name: str) -> Callable[[Case], float]:
    """Steps that move this input by a quarter at most: e^x is then near its tangent, far from the poles of tanh and σ."""

    def radius(case: Case) -> float:
        return 1 / (2 * max(1.0, float(np.abs(case.input(name)).max(initial=0.0))))

    return radius


def relative_to_one(case: Case) -> dict[str, Array]:
    """Errors are relative to 1 in y, and to the cotangent in the gradient."""
    return {"y": np.ones(case.input("x").shape), "x": np.abs(case.cotangent)}


def roundings_of_a_sigmoid(problem: Problem) -> dict[str, int]:  # noqa: ARG001, every op is asked alike
    """EXP for e^x, one each for the sum and the quotient; of the gradient as the module derives it."""
    return {"y": EXP + 2, "x": SIGMOID_SLOPE}


def roundings_of_a_tanh(problem: Problem) -> dict[str, int]:  # noqa: ARG001, every op is asked alike
    """EXP for e^x, one each for the sum and the quotient; for a product of two such, and g, twice that and three more."""
    return {"y": EXP + 2, "x": 2 * (EXP + 2) + 3}


def sigmoid_twin(x: torch.Tensor) -> torch.Tensor:
    """The same function by torch."""
    return x.sigmoid()


def tanh_twin(x: torch.Tensor) -> torch.Tensor:
    """The same function by torch."""
    return x.tanh()


def relu_twin(x: torch.Tensor) -> torch.Tensor:
    """The same function by torch."""
    return x.relu()


def _in_the_tails(problem: Problem) -> Case:
    """Far from 0 on both sides, as far as e^{−2x} is a normal number of the dtype, and 36 at most."""
    rng, precision = problem.rng(3), PRECISIONS[problem.dtype]
    x = rng.uniform(2, reach(problem), problem.shape("x")) * rng.choice((-1, 1), problem.shape("x"))
    return problem.reals().with_input("x", precision.rounded(x))


def _on_one_side(case: Case, result: str) -> Array:
    """Where 1 − σ cancels, σ being near 1; and where (1 + tanh(x/2))/2 does, which is small there."""
    return np.asarray(case.input("x") < 0 if result == "y" else case.input("x") > 0)


def leaky_relu_twin(x: torch.Tensor, *, negative_slope: float) -> torch.Tensor:
    """The same function by torch."""
    import torch

    return torch.nn.functional.leaky_relu(x, negative_slope)


def leaky_roundings(problem: Problem) -> dict[str, int]:  # noqa: ARG001, every op is asked alike
    """The slope is stored, and multiplied by."""
    return {"y": 2, "x": 2}


def leaky_magnitudes(case: Case) -> dict[str, Array]:
    """|y|, and the cotangents that come through."""
    x, g, slope = case.input("x"), np.abs(case.cotangent), abs(_slope(case))
    return {"y": np.abs(x) * np.where(x > 0, 1, slope), "x": g * np.where(x > 0, 1, slope)}


def leaky_unit(problem: Problem) -> int | None:
    """The denominator of a slope that is a fraction of few bits, with which products stay whole."""
    slope = Fraction(problem.parameters["negative_slope"])
    return slope.denominator if max(abs(slope.numerator), slope.denominator) <= 4 else None


def softmax_twin(x: torch.Tensor, *, axis: int) -> torch.Tensor:
    """The same function by torch."""
    return x.softmax(axis)


def softmax_terms(problem: Problem) -> dict[str, int]:
    """How many roundings the magnitudes are the mean of."""
    n = problem.shape("x")[problem.parameters["axis"]]
    return {"y": 2 * n + 2 * EXP, "x": 2 * n + 2 * EXP}


def softmax_magnitudes(case: Case) -> dict[str, Array]:
    """As the module says."""
    axis = case.parameters["axis"]
    x, g = (np.moveaxis(a, axis, -1) for a in (case.input("x"), case.cotangent))
    shares = counted.softmax(counted.exact(x))
    first = np.take_along_axis(g, x.argmax(-1)[..., None], -1)
    of_x = shares.slope(counted.exact(g), np.abs(g), 4, first).error
    roundings = 2 * x.shape[-1] + 2 * EXP
    return {"y": np.moveaxis(shares.error, -1, axis) / roundings, "x": np.moveaxis(of_x, -1, axis) / roundings}


def relu_magnitudes(case: Case) -> dict[str, Array]:
    """What is chosen is not rounded but to be stored."""
    x = case.input("x")
    return {"y": np.maximum(x, 0), "x": np.abs(case.cotangent) * (x > 0)}


def relu_roundings(problem: Problem) -> dict[str, int]:  # noqa: ARG001, every op is asked alike
    """None, but one for a product with 1 or 0."""
    return {"y": 1, "x": 1}


def _at_zero(problem: Problem) -> Case:
    """Every second element is 0, the others whole numbers of either sign."""
    rng = problem.rng(2)
    case = problem.whole_numbers(problem.largest or 9)  # 9 where the slope makes no sum exact, which is no matter here
    case = replace(case, whole=problem.largest > 0)
    return case.with_input("x", case.input("x") * rng.integers(0, 2, problem.shape("x"), np.int8))


def _all_at_once(case: Case) -> list[Array]:
    """No input is part of two outputs."""
    return [np.ones(case.cotangent.shape, case.cotangent.dtype)]


def _slope(case: Case) -> float:
    """The derivative left of 0."""
    return float(case.parameters.get("negative_slope", 0))


def _nearest_share(case: Case, gradient: Array) -> Array:
    """G where x > 0, slope·G where x < 0, and at 0 what is nearest between the two, in whichever order they lie."""
    x, g = case.input("x"), case.cotangent.astype(np.float64)
    left = _slope(case) * g
    between = np.clip(gradient, np.minimum(g, left), np.maximum(g, left))
    return np.where(x == 0, between, np.where(x > 0, g, left))


def _share_at_zero(case: Case, gradient: Array) -> str:
    """The share of the cotangent that comes through where x is 0.

    A share of its own is rounded where the slope is stored, where it is multiplied by G, and perhaps in the making.
    """
    at, slope = case.input("x") == 0, _slope(case)
    if not at.any() or slope == 1:
        return ""
    shares = gradient[at].astype(np.float64) / case.cotangent[at] + 0.0  # and so −0 is 0
    rounding = 4 * float(np.finfo(gradient.dtype).eps)
    named = {slope: "negative_slope", (1 + slope) / 2: "halfway between negative_slope and 1"}
    named = named if "negative_slope" in case.parameters else {}
    for share in (slope, 1.0, (1 + slope) / 2, float(shares[0])):
        if np.all(np.abs(shares - share) <= rounding * abs(share)):
            return f"the derivative at 0 is {named.get(share, f'{share:g}')}"
    return f"the derivative at 0 is between {named.get(slope, 0)} and 1"


def elementwise(*parameters: Parameter) -> Takes:
    """An array of any shape, and another of the same."""
    return Takes(
        arrays={"x": "*shape", "y": "*shape"},
        sizes=(Sizes("shape", "*shape", "shape of x", AMONG, (1, 2, 3, 4), 0),),
        parameters=parameters,
        scales={"x": (0, 0, 1, 2, -20)},
    )


SIGMOID = Op(
    name="sigmoid",
    reference=sigmoid,
    takes=elementwise(),
    twin=sigmoid_twin,
    rounds=Rounding(roundings_of_a_sigmoid, relative_to_one),
    kind=Kind(radius=within_reach_of("x"), bounded=True, hard=(Hard(TAIL, _in_the_tails, None, _on_one_side),)),
    told=Documents(sources={"y": "004, C18", "x": "004, C18"}, formula=formulas.sigmoid),
    mistakes=mistakes.SIGMOID,
)
TANH = replace(
    SIGMOID,
    name="tanh",
    reference=tanh,
    twin=tanh_twin,
    rounds=Rounding(roundings_of_a_tanh, relative_to_one),
    kind=replace(SIGMOID.kind, hard=(Hard(TAIL, _in_the_tails, None, gradient_only),)),
    told=Documents(formula=formulas.tanh),
    mistakes=mistakes.TANH,
)
RELU = Op(
    name="relu",
    reference=relu,
    takes=elementwise(),
    twin=relu_twin,
    rounds=Rounding(relu_roundings, relu_magnitudes),
    kind=Kind(degree=1, euler_in=(("x",),), analytic=False, radius=within_reach_of("x")),
    kinks=Kinks(_at_zero, _all_at_once, _nearest_share, _share_at_zero),
    told=Documents(sources={"y": "004, C18", "x": "004, C18"}, formula=formulas.relu),
    mistakes=mistakes.RELU,
)
SLOPE = Parameter(
    "negative_slope", 0.01, "the derivative left of 0", "0.01", real(-inf), (0.25, 0.01, 0.5, 2.0, -0.5, 0.3)
)
LEAKY_RELU = replace(
    RELU,
    name="leaky_relu",
    reference=leaky_relu,
    takes=elementwise(SLOPE),
    twin=leaky_relu_twin,
    rounds=Rounding(leaky_roundings, leaky_magnitudes),
    kind=replace(RELU.kind, unit=leaky_unit),
    told=Documents(sources={"y": "T1", "x": "T1"}, formula=formulas.leaky_relu),
    mistakes=mistakes.LEAKY_RELU,
)
AXIS = Parameter("axis", 1, "the axis along which y adds to 1; -1 is the last", "1", whole(-1), with_elements)
SOFTMAX = Op(
    name="softmax",
    reference=softmax,
    takes=replace(
        elementwise(AXIS),
        sizes=(Sizes("shape", "*shape", "shape of x", AMONG, counts, 0, tells=2),),
        scales={"x": TO_THE_TAILS},
        refuse=refuse,
    ),
    twin=softmax_twin,
    rounds=Rounding(softmax_terms, softmax_magnitudes),
    kind=Kind(radius=within_reach_of("x"), bounded=True, mixes=lambda problem: problem.parameters["axis"] == 0),
    told=Documents(sources={"y": "004, C18", "x": "004, C18"}, formula=formulas.softmax, usual={"shape": (1, 3)}),
    mistakes=mistakes.SOFTMAX,
)

OPS = (SIGMOID, TANH, RELU, LEAKY_RELU, SOFTMAX)
