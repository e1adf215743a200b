"""GELU, SiLU, softplus, ELU, hard swish, log softmax and two gates: how they round, and what kinks some have.

σ, Φ and the tanh in their place go through numbers of size 1 and may be computed as 1 minus something, so their error is
relative to 1 (activation.py): k = EXP + 3 roundings, since Φ also rounds its argument by 1/√2, which moves it by
|x|φ(x) < 1/4 for each rounding. y = x·Φ is relative to |x| then.

**Their derivatives.** σ is off by 4 at most and σ' by 5.1 (activation.py). SiLU's is σ + xσ', σ(1 + x(1 − σ)) or y + σ(1
− y): the first is off by 4 + 5.3|x|, the second by (1 + |x||t|)·4 + |x|σ', the third by 4 + 4|x| + σ'|x| + 2σ(1 + |y|),
each with up to three roundings of a number below 1.1 + |x|/4: no more than 9(1 + |x|). A gate's are 5.8 at most, y(1 − σ)
with y and σ from different formulas, of |g| and of |g·a|: SIGMOID_SLOPE again; SwiGLU's is SiLU's with one more factor.

GELU's is Φ + x·φ. Φ rounds its argument twice, |x|φ each, and is off by 6Φ by erfc and by 3|erf| + Φ by erf: 6.5 at most.
The exponent of φ rounds up to 5 times, x²/2 each; e^x 6 times, constants and products 5 times: (11 + 2.5x²)·|x|φ. With
the sum and g that is less than 11·(1 + |x|·φ·(1 + x²)). In the tanh's place, u is off by 6 of itself; (1 + t)/2 by 4 +
3|u|(1 − t²) and 1 − t² by 17|t| + 12|u|(1 − t²) if it is 4σ(1 − σ), by less otherwise, with |x|u'/2 and five roundings of
products: less than 11·(1 + |x|·u'·(1 + |u|·(1 − t²))).

Softplus is relative to (1 + |βx|)/|β|: e^{βx} rounds its exponent relative to |βx|, and the logarithm of 1 + e^{βx} too.
ELU is relative to |x| above 0 and to |α| below, since e^x − 1 may be that difference. Hard swish is a product of x and a
sum of numbers of at most |x| + 3.

Log softmax rounds as cross-entropy does (loss.py). Its gradient, g − pΣg, takes p from it by e^y, so p is off by EXP and
what y is off by, with |Σg|, since p is one number; or goes through the whole Jacobian, with n + 3 roundings of |g| and
pΣ|g|.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import inf, pi, sqrt
from typing import TYPE_CHECKING

import numpy as np

from checks.numbers.precision import PRECISIONS, Array
from checks.op import Case, Documents, Inputs, Kind, Kinks, Op, Problem, Rounding
from checks.ops import _gate_mistakes, _tails
from checks.ops import _smooth_formulas as formulas
from checks.ops import _smooth_mistakes as mistakes
from checks.ops.activation import EXP, SIGMOID_SLOPE, SOFTMAX, TO_THE_TAILS, elementwise, within_reach_of
from checks.ops.loss import of_logarithms
from checks.signature.options import one_of, real
from checks.signature.takes import Parameter, Sizes, Takes
from reference import elu, gelu, glu, hard_swish, log_softmax, silu, softmax, softplus, swiglu
from reference.gelu import CUBE, TWICE

if TYPE_CHECKING:
    import torch

OF_ONE = EXP + 3  # roundings in σ, Φ or a tanh, relative to 1
FAR_OUT = (0, 0, 1, 2, 3, -20)  # x up to 8 and more, where what is exponential in it is small
SILU_SLOPE, GELU_SLOPE = 9, 11  # in the derivatives, as the module derives them
Places = Callable[[Case], Mapping[float, tuple[float, float]]]


def counted(y: int, **gradients: int) -> Callable[[Problem], Mapping[str, int]]:
    """The same roundings in every problem."""
    return lambda _: {"y": y, **gradients}


def relative_to(y: Callable[[Case], Array], slope: Callable[[Case], Array]) -> Callable[[Case], Mapping[str, Array]]:
    """Of a function of x: what y, and the derivative that g is multiplied by, round relative to."""
    return lambda case: {"y": np.abs(y(case)), "x": np.abs(case.cotangent) * slope(case)}


def of_gelu(case: Case) -> Array:
    """As the module derives it."""
    x = np.abs(case.input("x"))
    if case.parameters["approximate"] == "none":
        return np.asarray(1 + x * (1 + x * x) * np.exp(-x * x / 2) / sqrt(2 * pi))
    u, slope = TWICE / 2 * x * (1 + CUBE * x * x), TWICE / 2 * (1 + 3 * CUBE * x * x)
    return np.asarray(1 + x * slope * (1 + u * (1 - np.tanh(u) ** 2)))


def of_gelu_y(case: Case) -> Array:
    """|x|, and for the tanh what rounding does to its argument."""
    x = np.abs(case.input("x"))
    u = TWICE / 2 * x * (1 + CUBE * x * x) * (case.parameters["approximate"] == "tanh")
    return np.asarray(x * (1 + u * (1 - np.tanh(u) ** 2)))


def of_softplus(case: Case) -> Array:
    """(1 + |βx|)/|β|."""
    beta = abs(case.parameters["beta"])
    return np.asarray(1 / beta + np.abs(case.input("x")))


def of_softplus_slope(case: Case) -> Array:
    """1, and what rounding βx does to σ, which is less."""
    return np.ones(case.input("x").shape)


def of_elu(case: Case) -> Array:
    """|x| above 0, |α| below."""
    x = case.input("x")
    return np.where(x > 0, np.abs(x), abs(case.parameters["alpha"]))


def of_elu_slope(case: Case) -> Array:
    """1 above 0; below it may be y + α, relative to |α|."""
    return np.where(case.input("x") > 0, 1.0, abs(case.parameters["alpha"]))


def of_hard_swish(case: Case) -> Array:
    """|x|(|x| + 3)/6 where the parabola is, |x| above, nothing below."""
    x = case.input("x")
    return np.where(x <= -3, 0, np.abs(x) * np.where(x > 3, 1, (np.abs(x) + 3) / 6))


def of_hard_swish_slope(case: Case) -> Array:
    """(2|x| + 3)/6 where the parabola is, 1 above, nothing below."""
    x = case.input("x")
    return np.where(x <= -3, 0, np.where(x > 3, 1, (2 * np.abs(x) + 3) / 6))


def size_of_x(case: Case) -> Array:
    """|x|."""
    return np.abs(case.input("x"))


def reach_of_hard_swish(case: Case) -> float:
    """Steps that reach neither −3 nor 3."""
    x = np.abs(case.input("x").astype(np.float64))
    with np.errstate(divide="ignore"):
        nearest = np.abs(x - 3) / x
    return float(min(0.5, nearest.min(initial=inf) / 2))


def draw_off_the_ends(problem: Problem, name: str, rng: np.random.Generator, whole: bool) -> Array:  # noqa: ARG001, every op is asked alike
    """Numbers that, once they are scaled, keep an eighth away from −3 and 3, for steps that have to stay on one side."""
    scale = 2.0 ** problem.exponents.get("x", 0)
    x = rng.uniform(-scale, scale, problem.shape("x"))
    return PRECISIONS[problem.dtype].rounded(np.where(np.abs(np.abs(x) - 3) < 1 / 8, x * 0.75, x) / scale)


def log_softmax_terms(problem: Problem) -> dict[str, int]:
    """How many roundings the magnitudes are the mean of."""
    row = problem.shape("x")[problem.parameters["axis"]]
    return {"y": row + 2 * EXP + 4, "x": row + EXP + 10}


def log_softmax_magnitudes(case: Case) -> dict[str, Array]:
    """As the module says."""
    x, g, axis = case.input("x"), case.cotangent, case.parameters["axis"]
    row, y, p = x.shape[axis], log_softmax.forward(x, axis=axis), softmax.forward(x, axis=axis)
    of_y = of_logarithms(x, np.abs(y), axis)
    both, together = np.abs(g).sum(axis, keepdims=True), np.abs(g.sum(axis, keepdims=True))
    of_x = (row + 3) * (np.abs(g) + p * both) + p * (of_y + EXP) * together
    return {"y": of_y / (row + 2 * EXP + 4), "x": of_x / (row + EXP + 10)}


def glu_magnitudes(case: Case) -> dict[str, Array]:
    """Relative to what each is with 1 for σ and its derivative."""
    (a, _), g = np.split(np.abs(case.input("x")), 2, -1), np.abs(case.cotangent)
    return {"y": a, "x": np.concatenate((g, g * a), -1)}


def swiglu_magnitudes(case: Case) -> dict[str, Array]:
    """Relative to what each is with 1 for σ, and 1 + |a| for the derivative."""
    a, x, g = np.abs(case.input("gate")), np.abs(case.input("x")), np.abs(case.cotangent)
    return {"y": a * x, "gate": g * x * (1 + a), "x": g * a}


# Kinks


def corners(places: Places) -> Kinks:
    """Of a function of each element by itself, with these slopes left and right of some places, in this case."""

    def case(problem: Problem) -> Case:
        """Off the places whole numbers above 0: there no formula of a derivative rounds relative to more than itself."""
        made = replace(problem.reals(), whole=False)
        rng, x = problem.rng(2), problem.rng(3).integers(1, 10, problem.shape("x")).astype(made.cotangent.dtype)
        at = [x.dtype.type(place) for place in places(made)]
        moved = rng.choice(at, x.shape) if at else x
        return made.with_input("x", np.where(rng.integers(0, 2, x.shape) == 0, moved, x))

    def ends(case: Case) -> tuple[Array, Array]:
        """What comes through from the left and from the right, the same where there is no kink."""
        x = case.input("x")
        (slope,) = case.op.reference.backward(np.ones(x.shape), x.astype(np.float64), **case.parameters)
        left, right = np.array(slope), np.array(slope)
        for place, (before, after) in places(case).items():
            left[x == place], right[x == place] = before, after
        return left, right

    def nearest(case: Case, gradient: Array) -> Array:
        left, right = (end * case.cotangent.astype(np.float64) for end in ends(case))
        return np.clip(gradient, np.minimum(left, right), np.maximum(left, right))

    def convention(case: Case, gradient: Array) -> str:
        x, rounding = case.input("x"), 4 * float(np.finfo(gradient.dtype).eps)
        said = []
        for place, slopes in places(case).items():
            at = x == place
            if at.any():
                seen = gradient[at].astype(np.float64) / case.cotangent[at]
                named = dict(zip(("the left one", "the right one", "halfway"), (*slopes, sum(slopes) / 2), strict=True))
                words = [
                    w for w, slope in named.items() if np.all(np.abs(seen - slope) <= rounding * max(1, abs(slope)))
                ]
                said.append(f"the derivative at {place:g} is {words[0] if words else 'between the two'}")
        return ", ".join(said)

    return Kinks(case, lambda case: [np.ones(case.cotangent.shape, case.cotangent.dtype)], nearest, convention)


def of_elu_places(case: Case) -> Mapping[float, tuple[float, float]]:
    """0, unless α is 1."""
    alpha = float(case.parameters["alpha"])
    return {} if alpha == 1 else {0.0: (alpha, 1.0)}


def of_hard_swish_places(case: Case) -> Mapping[float, tuple[float, float]]:  # noqa: ARG001, asked alike
    """The ends of the parabola."""
    return {-3.0: (0.0, -0.5), 3.0: (1.5, 1.0)}


# Torch's


def gelu_twin(x: torch.Tensor, *, approximate: str) -> torch.Tensor:
    """The same function by torch."""
    import torch

    return torch.nn.functional.gelu(x, approximate=approximate)


def silu_twin(x: torch.Tensor) -> torch.Tensor:
    """The same function by torch."""
    import torch

    return torch.nn.functional.silu(x)


def softplus_twin(x: torch.Tensor, *, beta: float) -> torch.Tensor:
    """The same function by torch, whose threshold is moved to where e^{−βx} is less than rounding."""
    import torch

    return torch.nn.functional.softplus(x, beta, threshold=40)


def elu_twin(x: torch.Tensor, *, alpha: float) -> torch.Tensor:
    """The same function by torch."""
    import torch

    return torch.nn.functional.elu(x, alpha)


def hard_swish_twin(x: torch.Tensor) -> torch.Tensor:
    """The same function by torch."""
    import torch

    return torch.nn.functional.hardswish(x)


def log_softmax_twin(x: torch.Tensor, *, axis: int) -> torch.Tensor:
    """The same function by torch."""
    return x.log_softmax(axis)


def glu_twin(x: torch.Tensor) -> torch.Tensor:
    """The same function by torch."""
    import torch

    return torch.nn.functional.glu(x, -1)


def swiglu_twin(gate: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """The same function by torch."""
    import torch

    return torch.nn.functional.silu(gate) * x


SILU = Op(
    name="silu",
    reference=silu,
    takes=replace(elementwise(), scales={"x": TO_THE_TAILS}),
    twin=silu_twin,
    rounds=Rounding(
        counted(OF_ONE + 2, x=SILU_SLOPE), relative_to(size_of_x, lambda case: 1 + np.abs(case.input("x")))
    ),
    kind=Kind(radius=within_reach_of("x"), bounded=True, hard=_tails.SILU),
    told=Documents(sources={"y": "T4", "x": "T4"}, formula=formulas.silu),
    mistakes=mistakes.SILU,
)
GELU = replace(
    SILU,
    name="gelu",
    reference=gelu,
    takes=replace(
        elementwise(
            Parameter(
                "approximate",
                "none",
                "the function, or its stand-in by a tanh",
                "none | tanh",
                one_of("none", "tanh"),
                ("none", "tanh"),
            )
        ),
        scales={"x": FAR_OUT},
    ),
    twin=gelu_twin,
    rounds=Rounding(counted(OF_ONE + 6, x=GELU_SLOPE), relative_to(of_gelu_y, of_gelu)),
    kind=replace(SILU.kind, hard=_tails.GELU),
    told=Documents(sources={"y": "T3", "x": "T3"}, formula=formulas.gelu),
    mistakes=mistakes.GELU,
)
SOFTPLUS = replace(
    SILU,
    name="softplus",
    reference=softplus,
    takes=elementwise(Parameter("beta", 1.0, "how steep it is at 0", "1.0", real(0, above=True), (1.0, 0.5, 2.0, 3.0))),
    twin=softplus_twin,
    rounds=Rounding(counted(2 * EXP + 5, x=OF_ONE + 3), relative_to(of_softplus, of_softplus_slope)),
    kind=Kind(
        radius=lambda case: within_reach_of("x")(case) / max(1.0, case.parameters["beta"]),
        bounded=True,
        hard=_tails.SOFTPLUS,
    ),
    told=Documents(sources={"y": "T6", "x": "T6"}, formula=formulas.softplus),
    mistakes=mistakes.SOFTPLUS,
)
ELU = replace(
    SILU,
    name="elu",
    reference=elu,
    takes=replace(
        elementwise(
            Parameter("alpha", 1.0, "minus the limit far left of 0", "1.0", real(-inf), (1.0, 0.5, 2.0, 0.3, -0.5))
        ),
        scales={"x": FAR_OUT},
    ),
    twin=elu_twin,
    rounds=Rounding(counted(EXP + 4, x=EXP + 6), relative_to(of_elu, of_elu_slope)),
    kind=Kind(analytic=False, radius=within_reach_of("x"), bounded=True, hard=_tails.ELU),
    kinks=corners(of_elu_places),
    told=Documents(sources={"y": "T5", "x": "T5"}, formula=formulas.elu),
    mistakes=mistakes.ELU,
)
HARD_SWISH = replace(
    SILU,
    name="hard_swish",
    reference=hard_swish,
    takes=replace(elementwise(), scales={"x": (0, 2, 2, 3, -20)}),
    twin=hard_swish_twin,
    rounds=Rounding(counted(5, x=8), relative_to(of_hard_swish, of_hard_swish_slope)),
    kind=Kind(analytic=False, radius=reach_of_hard_swish),
    kinks=corners(of_hard_swish_places),
    cases=Inputs(draw_off_the_ends),
    told=Documents(sources={"y": "T7", "x": "T7"}, formula=formulas.hard_swish),
    mistakes=mistakes.HARD_SWISH,
)
LOG_SOFTMAX = replace(
    SOFTMAX,
    name="log_softmax",
    reference=log_softmax,
    twin=log_softmax_twin,
    rounds=Rounding(log_softmax_terms, log_softmax_magnitudes),
    kind=SOFTMAX.kind,
    told=Documents(sources={"y": "T8", "x": "T8"}, formula=formulas.log_softmax, usual={"shape": (1, 3)}),
    mistakes=mistakes.LOG_SOFTMAX,
)
GLU = Op(
    name="glu",
    reference=glu,
    takes=Takes(
        arrays={"x": "*batch 2H", "y": "*batch H"},
        sizes=(
            Sizes("batch", "*batch", "the axes before the last", (2, 1, 3, 4), (1, 2), 0, "8 | 2,3"),
            Sizes("width", "H", "half of the last axis", (2, 1, 3, 5), metavar="4"),
        ),
        scales={"x": TO_THE_TAILS},
    ),
    twin=glu_twin,
    rounds=Rounding(counted(OF_ONE + 2, x=SIGMOID_SLOPE), glu_magnitudes),
    kind=Kind(radius=within_reach_of("x"), bounded=True),
    told=Documents(sources={"y": "T9", "x": "T9"}, formula=formulas.glu, usual={"batch": (1,), "width": 1}),
    mistakes=_gate_mistakes.GLU,
)
SWIGLU = Op(
    name="swiglu",
    reference=swiglu,
    takes=Takes(
        arrays={"gate": "*shape", "x": "*shape", "y": "*shape"},
        sizes=elementwise().sizes,
        scales={"gate": TO_THE_TAILS, "x": (0, 0, 3, -20)},
    ),
    twin=swiglu_twin,
    rounds=Rounding(counted(OF_ONE + 3, gate=SILU_SLOPE + 1, x=OF_ONE + 3), swiglu_magnitudes),
    kind=Kind(linear_in=(("x",),), radius=within_reach_of("gate"), bounded=True),
    told=Documents(letters={"gate": "a"}, sources=dict.fromkeys(("y", "gate", "x"), "T10"), formula=formulas.swiglu),
    mistakes=_gate_mistakes.SWIGLU,
)

OPS = (SILU, GELU, SOFTPLUS, ELU, HARD_SWISH, LOG_SOFTMAX, GLU, SWIGLU)
