"""Lp pooling: how it rounds, and what is right where it has no derivative.

A sum of m powers has m + EXP + p roundings relative to itself (p of them from numbers that were divided before), its root
1/p of these, and EXP and one more for the root itself. The exponent 1/p is rounded too, which moves the root by |ln y|
roundings of it. So y rounds relative to y·(1 + |ln y|). A share (|x|/y)^{p − 1} has p − 1 times what y has, or, made of
the powers' sum s as s^{1/p − 1}, (p − 1)·|ln y| for that exponent. What an exponent that is stored is off by, all windows
have alike, so it is no rounding that falls to both sides (`constants`).

All of this is so where no power leaves the range. Inputs are drawn between ¼ and 1, so that those of a usual p do not; of
a larger one in few bits nothing follows (`leaves`), though the reference, which divides by the largest, has it right.

Where a window is all 0, s·g is right for every s with ‖s‖_q ≤ 1, 1/p + 1/q = 1; for p = 1 that is |s| ≤ 1 for each element
by itself, and in other windows too where x is 0.
"""

from __future__ import annotations

from math import ceil, frexp, ldexp, log2, prod
from typing import TYPE_CHECKING, Any

import numpy as np

from checks.numbers.precision import PRECISIONS, Array
from checks.op import Case, Documents, Inputs, Kind, Kinks, Op, Problem, Rounding
from checks.ops import _formulas as formulas
from checks.ops import pooling
from checks.ops._lp_mistakes import LP_POOL
from checks.ops.activation import EXP
from checks.ops.pooling import Gathered, apart, window_of
from checks.signature.drawing import Draws
from checks.signature.options import Pinned, real
from checks.signature.takes import Drawn, Parameter, Takes
from reference import lp_pool

if TYPE_CHECKING:
    import torch

NORM_TYPE = Parameter("norm_type", 2.0, "p of the norm, at least 1", "2", real(1), (2.0, 1.0, 3.0, 1.5, 4.0))
LEAST, LARGEST = 1 / 4, 4  # sizes of inputs that are not scaled
NOTHING = 1 << 62  # roundings: no precision says anything of so many
NEAR = 2  # by powers of two that x is scaled: what a power of 4 of it is, float16 holds


def leaves(problem: Problem) -> bool:
    """Whether a formula that divides by nothing first may leave the range of normal numbers, by powers or their inverse."""
    precision, p = PRECISIONS[problem.dtype], problem.parameters["norm_type"]
    scale, sums = problem.exponents.get("x", 0), log2(prod(window_of(problem).kernel))
    low, high = min(0, scale) + log2(LEAST), max(0, scale, log2(LARGEST))
    apart = log2(LARGEST / LEAST)
    return bool(p * high + sums >= precision.highest or min(p * low, (1 - p) * apart) < precision.lowest)


def terms(problem: Problem) -> dict[str, int]:
    """As the module counts them; as many shares are added as an element is in windows. `NOTHING` follows out of range."""
    many, p = prod(window_of(problem).kernel), ceil(problem.parameters["norm_type"])
    of_y = many + 2 * EXP + 4
    of_x = of_y + many + p * (EXP + 2) + EXP
    return {"y": NOTHING, "x": NOTHING} if leaves(problem) else {"y": of_y, "x": of_x}


def constants(case: Case) -> dict[str, float]:
    """What a stored p, 1/p or 1/p − 1 moves results by, as the module derives it; nothing of those that fit."""
    p, x, y = case.parameters["norm_type"], case.input("x").astype(np.float64), case.y
    rounded = (frexp(p)[0] != 1 / 2 and p != 1) + (not ldexp(frexp(p)[0], PRECISIONS["bfloat16"].bits).is_integer())
    far = rounded * max(float(np.abs(np.log(np.abs(a[a != 0]))).max(initial=0.0)) for a in (x, y))
    return {"y": far, "x": p * far}


def magnitudes(case: Case) -> dict[str, Array]:
    """As the module derives them."""
    p, x = case.parameters["norm_type"], case.input("x")
    y = np.asarray(case.op.reference.forward(np.abs(x), **case.parameters))
    far = np.abs(np.log(np.where(y > 0, y, 1)))
    (of_x,) = case.op.reference.backward(np.abs(case.cotangent) * (1 + p * far), np.abs(x), **case.parameters)
    return {"y": y * (1 + far), "x": np.asarray(of_x)}


def running(case: Case) -> dict[str, tuple[int, float]]:
    """Sums of powers along all axes, and of what the windows pass back, that corners are taken of (pooling.running_on).

    A sum s of powers that is off by δ has a root that is off by s^{1/p − 1}·δ at most, and the share s^{1/p − 1} is off by
    (1 − 1/p)·s^{1/p − 2}·δ, twice that beyond first order. A window of nothing but 0 stays one: nothing is added to it.
    """
    p, x, y = case.parameters["norm_type"], case.input("x"), case.y
    terms, powers = pooling.running_on(x**p)
    back, shares = pooling.running_on(_over(case.cotangent, y, p - 1), x.shape)
    (moved,) = case.op.reference.backward(_over(case.cotangent, y, p), x, **case.parameters)
    inner = 2 * (1 - 1 / p) * powers * float(moved.max(initial=0.0))
    return {
        "y": (terms, powers * float(_over(np.ones_like(y), y, p - 1).max(initial=0.0))),
        "x": (max(terms, back), inner + shares * float((x ** (p - 1)).max(initial=0.0))),
    }


def _over(a: Array, y: Array, power: float) -> Array:
    """a · y^−power; 0 where y is."""
    return np.asarray(np.where(y > 0, a / np.where(y > 0, y, 1) ** power, 0))


def draw(problem: Problem, name: str, rng: np.random.Generator, whole: bool) -> Array | None:  # noqa: ARG001, x is all there is
    """Numbers of either sign, of size ¼ to 1."""
    x = rng.uniform(LEAST, 1, problem.shape("x")) * rng.choice((-1, 1), problem.shape("x"))
    return PRECISIONS[problem.dtype].rounded(x)


def few(problem: Problem, case: Case) -> Case:
    """The same where few places count: no smaller and no larger than powers have room for."""
    x = case.input("x")
    sizes = np.minimum(np.abs(x) + x.dtype.type(LEAST), x.dtype.type(LARGEST))
    return case.with_input("x", PRECISIONS[problem.dtype].rounded(np.copysign(sizes, x)))


def with_zeros(problem: Problem) -> Case:
    """Whole numbers of which half are 0, and all of some maps."""
    rng, precision = problem.rng(2), PRECISIONS[problem.dtype]
    x = rng.integers(1, 4, problem.shape("x")) * rng.choice((-1, 1, 0, 0), problem.shape("x"))
    x[rng.random(x.shape[:2]) < 0.3] = 0
    g = rng.integers(1, 10, problem.shape("y")) * rng.choice((-1, 1), problem.shape("y"))
    return Case(problem.op, (precision.rounded(x),), problem.parameters, precision.rounded(g))


def _parts(case: Case, gradient: Array) -> tuple[Array, Array, Array, Array]:
    """Of each window its elements, which of them are free, what each got of the cotangent, and the cotangents."""
    over, p = Gathered(case), case.parameters["norm_type"]
    x, inside = over.laid(case.input("x").astype(np.float64)), over.inside()
    free = inside & (x == 0) & ((p == 1) | (x == 0).all(-1, keepdims=True))
    g = case.cotangent[..., None].astype(np.float64)
    shares = np.where(free & (g != 0), over.laid(gradient.astype(np.float64)) / np.where(g == 0, 1, g), 0.0)
    return x, free, shares, g


def _norm(shares: Array, p: float) -> Array:
    """‖s‖_q of each window."""
    sizes = np.abs(shares)
    if p == 1:
        return np.asarray(sizes.max(-1, keepdims=True))
    q = p / (p - 1)
    return np.asarray((sizes**q).sum(-1, keepdims=True) ** (1 / q))


def nearest(case: Case, gradient: Array) -> Array:
    """The shares that came where they are right; too large ones cut: for p = 1 each, else all of a window alike."""
    p = case.parameters["norm_type"]
    x, free, shares, g = _parts(case, gradient)
    cut = np.clip(shares, -1, 1) if p == 1 else shares / np.maximum(1, _norm(shares, p))
    y = (np.abs(x) ** p).sum(-1, keepdims=True) ** (1 / p)
    fixed = np.sign(x) * (np.abs(x) / np.where(y == 0, 1, y)) ** (p - 1)
    return Gathered(case).back(np.where(free, cut, fixed) * g)


def convention(case: Case, gradient: Array) -> str:
    """What came where there is no derivative."""
    _, free, shares, g = _parts(case, gradient)
    if not np.any(free & (g != 0)):
        return ""
    return f"the derivative at 0 is {'a subgradient other than ' if shares.any() else ''}0"


def twin(x: torch.Tensor, *, norm_type: float, **moves: Any) -> torch.Tensor:
    """The same function by torch's mean, with a divisor of 1: its own has x^p for |x|^p, and scales what ceil_mode adds.

    Over one axis there is no such divisor, so there is one of 1 beside it. ReLU keeps the root's slope at 0 from ∞ · 0.
    """
    import torch

    f, flat = torch.nn.functional, x.ndim == 3
    kernel, stride, ceil_mode = moves["kernel_size"], moves["stride"], moves["ceil_mode"]
    stride = kernel if stride is None else stride
    if flat:
        x = x.unsqueeze(2)
        kernel, stride = ((1, *(v if isinstance(v, tuple) else (v,))) for v in (kernel, stride))
    pool = f.avg_pool3d if x.ndim == 5 else f.avg_pool2d
    total = pool(x.abs().pow(norm_type), kernel, stride, 0, ceil_mode, True, 1)
    y: torch.Tensor = total.relu().pow(1 / norm_type)
    return y.squeeze(2) if flat else y


def refuse(pinned: Pinned) -> None:
    """Raise ValueError, in one sentence with a suggestion, if no problem has these values."""
    pooling.refuse({**pinned, "padding": 0})


def geometry(draw: Draws, pinned: Pinned, axes: int) -> Drawn:
    """The windows of max pooling without padding."""
    return pooling.geometry("kernel_size", "stride", "ceil_mode")(draw, {**pinned, "padding": 0}, axes)


OP = Op(
    name="lp_pool",
    reference=lp_pool,
    takes=Takes(
        arrays={"x": "N C *size", "y": "N C *output"},
        parameters=(NORM_TYPE, pooling.KERNEL_SIZE, pooling.MOVES[1], pooling.CEIL_MODE),
        sizes=pooling.WHERE,
        dims=(2, 1, 2, 3),
        geometry=geometry,
        scales={"x": (0, 0, 0, NEAR, -1, 20, -20)},
        refuse=refuse,
    ),
    twin=twin,
    rounds=Rounding(terms, magnitudes, constants=constants, running=running),
    kind=Kind(analytic=False),
    kinks=Kinks(with_zeros, apart, nearest, convention),
    cases=Inputs(draw, pooling.tried, pooling.written, few),
    told=Documents(letters={"x": "x", "y": "y", "g": "g"}, sources={"y": "W13", "x": "W13"}, formula=formulas.lp_pool),
    mistakes=LP_POOL,
)

OPS = (OP,)
