"""Known ways to get the gradients of activations of today wrong: GELU, SiLU, softplus, ELU, hard swish, log softmax."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Mistake
from checks.ops._mistakes import right
from reference import gelu, relu, sigmoid, silu, softmax

Wrong = Callable[[Case], Mapping[str, Array]]


def forward(case: Case) -> Array:
    """The right y."""
    return np.asarray(case.op.reference.forward(*case.inputs, **case.parameters))


def _slope(case: Case, x: Array | None = None) -> Array:
    """The right derivative, at x or elsewhere."""
    x = case.input("x") if x is None else x
    return np.asarray(case.op.reference.backward(np.ones_like(x), x, **case.parameters)[0])


def _by(factor: Callable[[Case], Any]) -> Wrong:
    """The cotangent times something that is not the derivative."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        with np.errstate(all="ignore"):
            product = case.cotangent * factor(case)
        return {"x": np.asarray(product, case.cotangent.dtype)}

    return wrong_gradient


def _of_x(factor: Callable[[Array], Any]) -> Wrong:
    return _by(lambda case: factor(case.input("x")))


def _where(below: Callable[[Case], Any], above: Callable[[Case], Any] = lambda _: 1.0) -> Wrong:
    """Of ELU: one derivative where x ≤ 0 and another above."""
    return _by(lambda case: np.where(case.input("x") > 0, above(case), below(case)))


def _with(y: bool = False, **parameters: Any) -> Wrong:
    """Backward, and with `y` forward too, with other parameters than were given."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        other = replace(case, parameters={**case.parameters, **parameters})
        return {"y": forward(other), **right(other)} if y else right(other)

    return wrong_gradient


def _exchanged(*, y: bool) -> Wrong:
    """The other GELU."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        other = "none" if case.parameters["approximate"] == "tanh" else "tanh"
        return _with(y, approximate=other)(case)

    return wrong_gradient


def made(source: str, *mistakes: tuple[str, str, Wrong]) -> tuple[Mistake, ...]:
    """Mistakes of one source."""
    return tuple(Mistake(name, explanation, source, wrong) for name, explanation, wrong in mistakes)


def _common(derivative: str) -> tuple[tuple[str, str, Wrong], ...]:
    """What any function of one number can be got wrong with."""
    return (
        (
            "derivative forgotten",
            f"The cotangent came through unchanged, where it is multiplied by {derivative}.",
            _of_x(np.ones_like),
        ),
        ("value for derivative", f"The cotangent was multiplied by y, where it is by {derivative}.", _by(forward)),
        (
            "derivative at y",
            "The derivative was taken at y, which is what came out, where it is taken at x.",
            _by(lambda case: _slope(case, forward(case))),
        ),
    )


def _share(case: Case) -> Array:
    """What x is multiplied by in a GELU."""
    x = case.input("x")
    with np.errstate(all="ignore"):
        return np.where(x == 0, x.dtype.type(0.5), forward(case) / np.where(x == 0, 1, x))


def _product(case: Case) -> Array:
    """The other term of its derivative, x times the derivative of that."""
    return _slope(case) - _share(case)


def _bell(case: Case, power: float) -> Array:
    x = case.input("x")
    return np.asarray(_share(case) + x * np.exp(-x * x * x.dtype.type(power)) / x.dtype.type(np.sqrt(2 * np.pi)))


def _inner_forgotten(case: Case) -> Array:
    """The tanh of a cubic without the derivative of the cubic; of Φ the same inner derivative, 1/√2, once too often."""
    x = case.input("x")
    inner = 1 + 3 * gelu.CUBE * x * x if case.parameters["approximate"] == "tanh" else np.sqrt(2)
    return _share(case) + _product(case) / inner


GELU = made(
    "T3",
    *_common("Φ + x·φ"),
    (
        "distribution alone",
        "Φ(x) was taken, the first term of the product rule, where x·φ(x) is added.",
        _by(_share),
    ),
    ("density alone", "x·φ(x) was taken, the second term of the product rule, where Φ(x) is added.", _by(_product)),
    (
        "density subtracted",
        "Φ − x·φ was computed, where the sum stands.",
        _by(lambda case: _share(case) - _product(case)),
    ),
    (
        "density without x",
        "Φ + φ was computed, where φ is multiplied by x.",
        _by(lambda case: _share(case) + _phi(case)),
    ),
    (
        "inner derivative forgotten",
        "The derivative of what the function is taken of was left out, or taken twice.",
        _by(_inner_forgotten),
    ),
    (
        "density not halved",
        "e^{−x²} was taken for the density, where the exponent is halved.",
        _by(lambda c: _bell(c, 1.0)),
    ),
    ("backward of the other", "Backward is that of the other function called GELU.", _exchanged(y=False)),
    (
        "both the other",
        "Forward and backward agree with each other, on the other function called GELU.",
        _exchanged(y=True),
    ),
    (
        "quick GELU",
        "The derivative of x·σ(1.702x) was taken, a stand-in for both.",
        _of_x(lambda x: silu.backward(np.ones_like(x), x.dtype.type(1.702) * x)[0]),
    ),
)


def _phi(case: Case) -> Array:
    x = case.input("x")
    return np.asarray(np.exp(-x * x / 2) / x.dtype.type(np.sqrt(2 * np.pi)))


def sigma(x: Array) -> Array:
    """The sigmoid."""
    return sigmoid.forward(x)


def sigma_slope(x: Array) -> Array:
    """Its derivative."""
    return sigmoid.backward(np.ones_like(x), x)[0]


SILU = made(
    "T4",
    *_common("σ + x·σ'"),
    ("sigmoid alone", "σ(x) was taken, the first term of the product rule, where x·σ'(x) is added.", _of_x(sigma)),
    (
        "slope alone",
        "x·σ'(x) was taken, the second term of the product rule, where σ(x) is added.",
        _of_x(lambda x: x * sigma_slope(x)),
    ),
    (
        "slope without x",
        "σ + σ' was computed, where σ' is multiplied by x.",
        _of_x(lambda x: sigma(x) + sigma_slope(x)),
    ),
    ("derivative of sigmoid", "σ'(x) was taken, the derivative of the factor alone.", _of_x(sigma_slope)),
    (
        "slope subtracted",
        "σ − x·σ' was computed, where the sum stands.",
        _of_x(lambda x: sigma(x) - x * sigma_slope(x)),
    ),
    (
        "one minus forgotten",
        "σ + x·σ was computed, where σ' is σ(1 − σ).",
        _of_x(lambda x: sigma(x) * (1 + x)),
    ),
    (
        "y for x",
        "σ(1 + y(1 − σ)) was computed, from what came out, where x stands for y.",
        _by(lambda c: sigma(c.input("x")) * (1 + forward(c) * (1 - sigma(c.input("x"))))),
    ),
    (
        "derivative of the rectifier",
        "1 where x > 0, and 0 elsewhere: that of ReLU, which it only resembles.",
        _of_x(lambda x: relu.backward(np.ones_like(x), x)[0]),
    ),
)


def _beta(case: Case) -> Any:
    return case.input("x").dtype.type(case.parameters["beta"])


SOFTPLUS = made(
    "T6",
    *_common("σ(βx)"),
    (
        "inner derivative kept",
        "β·σ(βx) was computed, where the β of the exponent cancels the one divided by.",
        _by(lambda c: _beta(c) * _slope(c)),
    ),
    ("beta divided by", "σ(βx)/β was computed, where that β cancels.", _by(lambda c: _slope(c) / _beta(c))),
    ("beta forgotten", "σ(x) was taken in backward, where it is σ(βx).", _with(beta=1.0)),
    ("both without beta", "Forward and backward agree with each other, with β = 1.", _with(y=True, beta=1.0)),
    ("sign of the exponent", "σ(−βx) was computed, where it is σ(βx).", _by(lambda c: sigma(-_beta(c) * c.input("x")))),
    (
        "derivative of sigmoid",
        "σ' was computed, one derivative further.",
        _by(lambda c: sigma_slope(_beta(c) * c.input("x"))),
    ),
    (
        "exponential alone",
        "e^{βx} was taken, and not divided by 1 + e^{βx}.",
        _by(lambda c: np.exp(_beta(c) * c.input("x"))),
    ),
    (
        "derivative of the rectifier",
        "1 where x > 0, and 0 elsewhere: that of ReLU, which it only resembles.",
        _of_x(lambda x: relu.backward(np.ones_like(x), x)[0]),
    ),
)


def _alpha(case: Case) -> Any:
    return case.input("x").dtype.type(case.parameters["alpha"])


def _e(case: Case) -> Array:
    return np.exp(np.minimum(case.input("x"), 0))


ELU = made(
    "T5",
    *_common("1 or α·e^x"),
    (
        "both with the default alpha",
        "Forward and backward have α = 1, whatever they were given.",
        _with(y=True, alpha=1.0),
    ),
    ("alpha forgotten", "e^x where x < 0, where it is α·e^x.", _where(_e)),
    ("alpha squared", "α was taken twice where x < 0.", _where(lambda c: _alpha(c) ** 2 * _e(c))),
    ("alpha on both sides", "α where x > 0 too, where it is 1.", _where(lambda c: _alpha(c) * _e(c), _alpha)),
    (
        "y without alpha",
        "y was taken where x < 0, where the derivative is y + α.",
        _where(lambda c: _alpha(c) * (_e(c) - 1)),
    ),
    ("y and one", "y + 1 was taken where x < 0, where it is y + α.", _where(lambda c: _alpha(c) * (_e(c) - 1) + 1)),
    ("exponential forgotten", "α where x < 0, as for a leaky ReLU.", _where(_alpha)),
    ("nothing below 0", "0 where x < 0, as for ReLU.", _where(lambda _: 0.0)),
    ("sign of the exponent", "α·e^{−x} where x < 0.", _where(lambda c: _alpha(c) / _e(c))),
)


def _inside(x: Array) -> Array:
    return np.asarray((x > -3) & (x <= 3))


HARD_SWISH = made(
    "T7",
    *_common("0, (2x + 3)/6 or 1"),
    (
        "first factor only",
        "min(max(x + 3, 0), 6)/6 was taken, where x times its derivative is added.",
        _of_x(lambda x: np.clip(x + 3, 0, 6) / 6),
    ),
    (
        "second factor only",
        "x/6 between −3 and 3, where (x + 3)/6 is added, and 0 above.",
        _of_x(lambda x: _inside(x) * x / 6),
    ),
    ("parabola everywhere", "(2x + 3)/6 beyond −3 and 3 too.", _of_x(lambda x: (2 * x + 3) / 6)),
    (
        "nothing above",
        "0 where x > 3, where y is x.",
        _of_x(lambda x: _inside(x) * (2 * x + 3) / 6),
    ),
    ("one below", "1 where x < −3 too.", _of_x(lambda x: np.where(_inside(x), (2 * x + 3) / 6, 1))),
    (
        "third for half",
        "x/3 + 1/3 was computed, where it is x/3 + 1/2.",
        _of_x(lambda x: np.where(_inside(x), (x + 1) / 3, x > 3)),
    ),
    (
        "clipped at 1",
        "The derivative was kept in [0, 1], which that of hard sigmoid is in, and this one is not.",
        _by(lambda c: np.clip(_slope(c), 0, 1)),
    ),
    (
        "derivative of hard sigmoid",
        "1/6 between −3 and 3, that of the factor alone.",
        _of_x(lambda x: _inside(x) / x.dtype.type(6)),
    ),
    (
        "derivative of swish",
        "σ + x·σ' was taken, of the function that it stands in for.",
        _of_x(lambda x: silu.backward(np.ones_like(x), x)[0]),
    ),
)


def _rows(gradient: Callable[[Array, Array, int], Array]) -> Wrong:
    """A function of cotangent, softmax and axis."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        g, axis = case.cotangent, case.parameters["axis"]
        return {"x": np.asarray(gradient(g, softmax.forward(case.input("x"), axis=axis), axis), g.dtype)}

    return wrong_gradient


def _other(ndim: int, axis: int) -> int:
    return ndim - 1 if axis % ndim != ndim - 1 else 0


def _last_axis(case: Case) -> Mapping[str, Array]:
    x = case.input("x")
    return _with(y=True, axis=x.ndim - 1)(case) if x.shape[-1] else right(case)


def _of_y(case: Case) -> Mapping[str, Array]:
    g, axis = case.cotangent, case.parameters["axis"]
    return {"x": g - forward(case) * g.sum(axis, keepdims=True)}


LOG_SOFTMAX = made(
    "T8",
    (
        "of softmax",
        "p(g − Σ g·p) was computed, the gradient of softmax without its logarithm.",
        _rows(lambda g, p, axis: p * (g - (g * p).sum(axis, keepdims=True))),
    ),
    ("sum forgotten", "g − g·p was computed, where every g of the row comes in.", _rows(lambda g, p, _: g - g * p)),
    (
        "sum added",
        "g + p·Σ g was computed, where it is subtracted.",
        _rows(lambda g, p, axis: g + p * g.sum(axis, keepdims=True)),
    ),
    (
        "mean for sum",
        "g − p·mean g was computed, where the sum stands.",
        _rows(lambda g, p, axis: g - p * g.mean(axis, keepdims=True)),
    ),
    (
        "mean subtracted",
        "g − mean g was computed, as if all probabilities were alike.",
        _rows(lambda g, _, axis: g - g.mean(axis, keepdims=True)),
    ),
    (
        "weighted sum",
        "g − p·Σ g·p was computed, where Σ g stands.",
        _rows(lambda g, p, axis: g - p * (g * p).sum(axis, keepdims=True)),
    ),
    ("logarithm for softmax", "g − y·Σ g was computed, where p = e^y stands.", _of_y),
    ("identity", "g was passed on, where the logarithm of the sum has a gradient too.", _rows(lambda g, _p, _a: g)),
    (
        "sum over another axis",
        "Σ g was taken along an axis that softmax was not.",
        _rows(lambda g, p, axis: g - p * g.sum(_other(g.ndim, axis), keepdims=True)),
    ),
    (
        "sum over everything",
        "Σ g was taken over samples and positions too, where each has a row of its own.",
        _rows(lambda g, p, _: g - p * g.sum()),
    ),
    (
        "last axis",
        "Forward and backward agree with each other, on the last axis, whatever the axis was to be.",
        _last_axis,
    ),
)
