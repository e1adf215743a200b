"""Sigmoid, tanh, ReLU and softmax: how problems are drawn, their twins in torch, how they round, ReLU's kink.

**How they round.** e^x comes within 3 units in the last place (6 roundings) from every library that is in use; its
argument is an input, so it is exact. σ = 1/(1 + e^{−x}) and tanh = (e^{2x} − 1)/(e^{2x} + 1) go through numbers of size 1
and may be computed as 1 minus something, so their error is relative to 1: EXP + 2 roundings, and for the derivatives
σ(1 − σ) and 1 − t² twice that and three more. (That `reference` does better, in ulp, is for its own tests.)

How softmax rounds its reference tells by itself (numbers/running.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Kinks, Op, Problem
from checks.ops import _activation_mistakes as mistakes
from checks.ops import _formulas as formulas
from checks.signature.drawing import among
from checks.signature.options import Option, Pinned, shape, whole
from checks.signature.windows import not_too_large
from reference import relu, sigmoid, softmax, tanh

if TYPE_CHECKING:
    import torch
    from hypothesis.strategies import DrawFn, SearchStrategy

EXP = 6  # roundings in e^x, log x or a power: 3 ulp
SHAPE = Option("shape", "shape of x", "2,3,4", shape(0))
AXIS = Option("axis", "the axis along which y adds to 1", "1", whole(0))


def problems(op: Op, pinned: Pinned, dtype: str) -> SearchStrategy[Problem]:
    """Problems in which the pinned values hold; two axes at least where one of them is to be chosen."""
    from hypothesis import strategies as st

    @st.composite
    def draw_problem(draw: DrawFn) -> Problem:
        has_axis = "axis" in op.defaults
        least = max(1 + has_axis, pinned.get("axis", 0) + 1)
        sizes = st.lists(among(1, 2, 3, 4, 5, 7), min_size=least, max_size=max(least, 4))
        drawn = pinned.get("shape") or tuple(draw(sizes))
        not_too_large(pinned, drawn)
        axes = sorted((i for i, n in enumerate(drawn) if n), key=op.defaults.get("axis", 0).__ne__)
        return Problem(
            op,
            shapes={"x": drawn, "y": drawn},
            parameters={"axis": pinned.get("axis", draw(among(*axes)))} if has_axis else {},
            dtype=dtype,
            seed=draw(st.integers(0, 2**32 - 1)),
            small=draw(st.booleans()),
            exponents={"x": draw(among(*((0, 0, 1, 2, -20) if dtype != "float16" else (0, 1))))},
        )

    return draw_problem()


def validate(pinned: Pinned) -> None:
    """Raise ValueError, in one sentence with a suggestion, if no problem has these values."""
    given, axis = pinned.get("shape"), pinned.get("axis")
    if given is None:
        return
    if axis is not None and (axis >= len(given) or not given[axis]):
        fits = [str(i) for i, n in enumerate(given) if n]
        which = f"--axis {' or '.join(fits)} would" if fits else "no axis of it does"
        raise ValueError(f"shape {','.join(map(str, given))} has no elements along an axis {axis}; {which}")


def samples(problem: Problem) -> tuple[str, ...]:
    """The first axis, unless the sum runs along it."""
    return () if problem.parameters.get("axis") == 0 else ("x",)


def coverage(problem: Problem) -> Mapping[str, tuple[Any, ...]]:
    """What a reader wants to know was tried."""
    return {
        "axes": (len(problem.shape("x")),),
        "scale of x": (f"2^{problem.exponents['x']}",),
        **{name: (value,) for name, value in problem.parameters.items()},
    }


def pins(problem: Problem) -> dict[str, Any]:
    """The options that pin this very problem."""
    return {"shape": problem.shape("x"), **problem.parameters}


def within_reach_of(name: str) -> Callable[[Case], float]:
    """Steps that move this input by a quarter at most: e^x is then near its tangent, far from the poles of tanh and σ."""

    def radius(case: Case) -> float:
        return 1 / (2 * max(1.0, float(np.abs(case.input(name)).max(initial=0.0))))

    return radius


def relative_to_one(case: Case) -> dict[str, Array]:
    """Errors are relative to 1 in y, and to the cotangent in the gradient."""
    return {"y": np.ones(case.input("x").shape), "x": np.abs(case.cotangent)}


def roundings_of_a_sigmoid(problem: Problem) -> dict[str, int]:  # noqa: ARG001, every op is asked alike
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


def softmax_twin(x: torch.Tensor, *, axis: int) -> torch.Tensor:
    """The same function by torch."""
    return x.softmax(axis)


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
    case = problem.whole_numbers()
    return case.with_input("x", case.input("x") * rng.integers(0, 2, problem.shape("x"), np.int8))


def _all_at_once(case: Case) -> list[Array]:
    """No input is part of two outputs."""
    return [np.ones(case.cotangent.shape, case.cotangent.dtype)]


def _nearest_share(case: Case, gradient: Array) -> Array:
    """G where x > 0, 0 where x < 0, and at 0 what is nearest between 0 and g."""
    x, g = case.input("x"), case.cotangent
    between = np.clip(gradient, np.minimum(g, 0), np.maximum(g, 0))
    return np.where(x == 0, between, np.where(x > 0, g, 0))


def _share_at_zero(case: Case, gradient: Array) -> str:
    """The share of the cotangent that comes through where x is 0."""
    at = case.input("x") == 0
    if not at.any():
        return ""
    shares = np.unique(np.abs(gradient[at] / case.cotangent[at]))
    return f"the derivative at 0 is {shares[0]:g}" if len(shares) == 1 else "the derivative at 0 is between 0 and 1"


SIGMOID = Op(
    name="sigmoid",
    inputs=("x",),
    reference=sigmoid,
    defaults={},
    options=(SHAPE,),
    validate=validate,
    problems=problems,
    twin=sigmoid_twin,
    coverage=coverage,
    pins=pins,
    terms=roundings_of_a_sigmoid,
    magnitudes=relative_to_one,
    radius=within_reach_of("x"),
    samples=samples,
    bounded=True,
    sources={"y": "004, C18", "x": "004, C18"},
    formula=formulas.sigmoid,
    mistakes=mistakes.SIGMOID,
)
TANH = replace(
    SIGMOID,
    name="tanh",
    reference=tanh,
    twin=tanh_twin,
    sources={},
    formula=formulas.tanh,
    mistakes=mistakes.TANH,
)
RELU = replace(
    SIGMOID,
    name="relu",
    reference=relu,
    twin=relu_twin,
    terms=relu_roundings,
    magnitudes=relu_magnitudes,
    degree=1,
    euler_in=(("x",),),
    analytic=False,
    bounded=False,
    kinks=Kinks(_at_zero, _all_at_once, _nearest_share, _share_at_zero),
    sources={"y": "004, C18", "x": "004, C18"},
    formula=formulas.relu,
    mistakes=mistakes.RELU,
)
SOFTMAX = replace(
    SIGMOID,
    name="softmax",
    reference=softmax,
    defaults={"axis": 1},
    options=(SHAPE, AXIS),
    twin=softmax_twin,
    terms=None,
    magnitudes=None,
    formula=formulas.softmax,
    usual={"shape": (1, 3)},
    mistakes=mistakes.SOFTMAX,
)

OPS = (SIGMOID, TANH, RELU, SOFTMAX)
