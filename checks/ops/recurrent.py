"""One step of an LSTM and of a GRU: how they round.

Roundings are counted along the formulas of the reference (numbers/counted.py, which says what a sigmoid, a tanh and their
slopes are off by). Sums over features in and hidden, with a bias, are rounded as often as they have terms, in any order.
Where other formulas round larger numbers, these are counted: δ may be κ + η·o − η·o·t², so 3η·o; a GRU's y may be n +
z·(h − n), so 3(|n| + z|h|); g·(1 − z) may be g − g·z, and g·(h − n) be g·h − g·n. z and h − n meet in z·(h − n), so what
z is off by counts with |h − n|. Others have 1 − z for z, so z may be 1 − σ(−a), rounded once more, and its slope that of
1 − z. What goes through a weight is summed over the gates, what goes to one over samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil, floor, log2
from typing import TYPE_CHECKING, Any

import numpy as np

from checks.numbers.counted import Counted, exact, sigmoid, slope_of_sigmoid, slope_of_tanh, tanh
from checks.numbers.precision import PRECISIONS, Array, accumulator
from checks.op import Case, Documents, Inputs, Kind, Op, Problem, Rounding
from checks.ops._recurrent_formulas import gru, lstm
from checks.ops._recurrent_mistakes import GRU, LSTM
from checks.signature.takes import Sizes, Takes
from reference import gru_cell, lstm_cell

if TYPE_CHECKING:
    import torch

LEFT = 1 / 256
OPEN = 2.0  # what goes into a gate that is open, and not stuck
STEP = 16  # EXP + 2 in a sigmoid, and the products and sums of the longest way through a step
QUIET = (0, 0, 1, -20)  # powers of two: gates that are open or shut altogether test little
SIZES = (
    Sizes("features", "I", "features in", (2, 1, 3, 4), metavar="4"),
    Sizes("hidden", "H", "numbers in the state", (2, 1, 3), metavar="4"),
    Sizes("batch", "N", "samples", (2, 1, 3, 2, 1, 3, 2, 0), least=0, metavar="2"),
)


def draw(problem: Problem, name: str, rng: np.random.Generator, whole: bool) -> Array | None:  # noqa: ARG001, every op is asked alike
    """Weights as they are at the start of training: smaller the more are summed, so that no gate is stuck.

    And so small that what sums of n products may be off by, n·v of Σ|wx|, a quarter of n weights, leaves gates as they are:
    `LEFT` of 1, for a gradient goes through several, and x may be twice as large.
    """
    if not name.startswith("weight_"):
        return None
    rows, columns = problem.shape(name)
    small = 2.0 ** -((columns.bit_length() - 1) // 2)  # a power of 2 near 1/√columns
    lost = columns**2 * accumulator(problem.dtype).unit_roundoff / 4
    if problem.places is None or not problem.places.inputs:  # where few count they are smaller anyway
        small = min(small, 2.0 ** floor(log2(LEFT / lost)))
    return PRECISIONS[problem.dtype].rounded(rng.uniform(-1, 1, (rows, columns)) * small)


def few(problem: Problem, case: Case) -> Case:
    """Where few numbers count they are large: weights so much smaller that the largest sum opens a gate, and no more."""
    of = _absolute(case)
    biases = sum(of[name] for name in of if name.startswith("bias"))
    largest = (of["x"] @ of["weight_x"].T + of["h"] @ of["weight_h"].T + biases).max(initial=0.0)
    small = 2.0 ** -max(0, ceil(log2(largest / OPEN))) if largest else 1.0
    for name in problem.present:
        if name.startswith(("weight_", "bias")):
            case = case.with_input(name, PRECISIONS[problem.dtype].rounded(case.input(name) * small))
    return case


def roundings(many: int, x: tuple[int, ...], h: tuple[int, ...], inputs: tuple[str, ...]) -> dict[str, int]:
    """What goes into a gate, and what comes after; for gradients the sum over gates, or over samples, as well."""
    (samples, features), hidden = x, h[1]
    step = features + hidden + STEP
    through, along = step + many * hidden, step + samples
    return {name: step if name in {"y", "c"} else through if name in {"x", "h"} else along for name in (*inputs, "y")}


def terms(many: int) -> Callable[[Problem], Mapping[str, int]]:
    """How many roundings the magnitudes are the mean of."""
    return lambda problem: roundings(many, problem.shape("x"), problem.shape("h"), problem.op.inputs)


def _absolute(case: Case) -> dict[str, Array]:
    """Magnitudes of what is there, by name; 0 for a bias that is not."""
    return {name: np.abs(a) for name, a in _values(case).items()}


def _values(case: Case) -> dict[str, Array]:
    """The inputs, by name; 0 for a bias that is not there."""
    named = zip(case.op.inputs, case.inputs, strict=True)
    return {name: np.zeros(()) if a is None else a for name, a in named}


def _gates(many: int, *layers: tuple[Array, Array, Array]) -> list[Counted]:
    """x·weightᵀ + bias, of all of these together, each gate by itself."""
    value = np.sum([x @ weight.T + bias for x, weight, bias in layers], 0)
    size = np.sum([np.abs(x) @ np.abs(weight).T + np.abs(bias) for x, weight, bias in layers], 0)
    count = sum(x.shape[1] + (bias.ndim > 0) for x, _, bias in layers)
    return [Counted(v, count * s) for v, s in zip(np.split(value, many, 1), np.split(size, many, 1), strict=True)]


def _beside(parts: list[Counted]) -> Counted:
    return Counted(np.concatenate([a.value for a in parts], 1), np.concatenate([a.error for a in parts], 1))


def _over_samples(of_a: Counted, x: Array) -> Array:
    """What ∂J/∂weight is off by."""
    return np.asarray((of_a.error + len(x) * of_a.size).T @ np.abs(x))


def _meant(case: Case, many: int, counted: Mapping[str, Array]) -> dict[str, Array]:
    """What each of the roundings is relative to, on the mean."""
    of = roundings(many, case.input("x").shape, case.input("h").shape, case.op.inputs)
    return {name: count / of[name] for name, count in counted.items()}


def lstm_magnitudes(case: Case) -> dict[str, Array]:
    """As the module derives them."""
    of = _values(case)
    x, h, c = of["x"], of["h"], of["c"]
    a_i, a_f, a_g, a_o = _gates(4, (x, of["weight_x"], of["bias"]), (h, of["weight_h"], np.zeros(())))
    i, f, o, g = sigmoid(a_i), sigmoid(a_f), sigmoid(a_o), tanh(a_g)
    new = f * exact(c) + i * g
    t = tanh(new)
    eta, kappa = map(exact, np.split(case.cotangent, 2, 1))
    delta = kappa + (eta * o * slope_of_tanh(t)).rounded(3 * eta.size * o.size)
    of_a = _beside(
        [
            delta * g * slope_of_sigmoid(i),
            delta * exact(c) * slope_of_sigmoid(f),
            delta * i * slope_of_tanh(g),
            eta * t * slope_of_sigmoid(o),
        ]
    )
    counted = {
        "y": np.concatenate(((o * t).error, new.error), 1),
        "x": of_a.summed_with(of["weight_x"]),
        "h": of_a.summed_with(of["weight_h"]),
        "c": (delta * f).error,
        "weight_x": _over_samples(of_a, x),
        "weight_h": _over_samples(of_a, h),
        "bias": _over_samples(of_a, np.ones((len(x), 1)))[:, 0],
    }
    return _meant(case, 4, counted)


def gru_magnitudes(case: Case) -> dict[str, Array]:
    """As the module derives them."""
    of = _values(case)
    x, h, g = of["x"], of["h"], exact(case.cotangent)
    by_x, by_h = (x, of["weight_x"], of["bias_x"]), (h, of["weight_h"], of["bias_h"])
    r, z = map(sigmoid, _gates(3, by_x, by_h)[:2])
    z = Counted(z.value, z.error + z.value)
    a, b = _gates(3, by_x)[2], _gates(3, by_h)[2]
    n = tanh(a + r * b)
    kept, apart = Counted(1 - z.value, z.error + 1), Counted(h - n.value, n.error + np.abs(h) + n.size)
    of_y = kept.value * n.error + apart.size * z.error + 3 * (n.size + z.value * np.abs(h))
    d = (g * kept * slope_of_tanh(n)).rounded(2 * g.size * (1 - np.square(n.value)))
    of_r = d * b * slope_of_sigmoid(r)
    slope = Counted(slope_of_sigmoid(z).value, np.maximum(slope_of_sigmoid(z).error, slope_of_sigmoid(kept).error))
    of_z = (g * apart * slope).rounded(g.size * (np.abs(h) + n.size) * z.value * kept.value)
    of_a, of_b = _beside([of_r, of_z, d]), _beside([of_r, of_z, d * r])
    ones = np.ones((len(x), 1))
    counted = {
        "y": of_y,
        "x": of_a.summed_with(of["weight_x"]),
        "h": of_b.summed_with(of["weight_h"]) + (g * z).error + g.size * z.value,
        "weight_x": _over_samples(of_a, x),
        "weight_h": _over_samples(of_b, h),
        "bias_x": _over_samples(of_a, ones)[:, 0],
        "bias_h": _over_samples(of_b, ones)[:, 0],
    }
    return _meant(case, 3, counted)


def radius(case: Case) -> float:
    """Steps that move no gate by more than a quarter: it is then near its tangent, and far from its poles."""
    of = _absolute(case)
    biases = sum(of[name] for name in of if name.startswith("bias"))
    largest = (of["x"] @ of["weight_x"].T + of["h"] @ of["weight_h"].T + biases).max(initial=0.0)
    return float(1 / (16 * max(1.0, largest, of.get("c", np.zeros(1)).max(initial=0.0))))


def lstm_twin(*inputs: Any) -> torch.Tensor:
    """The same function by torch, which has two biases, and gives h' and c' apart."""
    import torch

    x, h, c, weight_x, weight_h, bias = inputs
    bias = torch.zeros(len(weight_x), dtype=x.dtype) if bias is None else bias
    y: torch.Tensor = torch.cat(torch.lstm_cell(x, (h, c), weight_x, weight_h, bias, torch.zeros_like(bias)), 1)
    return y


def gru_twin(*inputs: Any) -> torch.Tensor:
    """The same function by torch."""
    import torch

    x, h, weight_x, weight_h, *biases = inputs
    zeros = torch.zeros(len(weight_x), dtype=x.dtype)
    y: torch.Tensor = torch.gru_cell(x, h, weight_x, weight_h, *(zeros if b is None else b for b in biases))
    return y


LETTERS = {"x": "x", "h": "h", "c": "c", "weight_x": "W", "weight_h": "U", "y": "y", "g": "G"}
USUAL = {"features": 1, "hidden": 1, "batch": 1}
LSTM_CELL = Op(
    name="lstm_cell",
    reference=lstm_cell,
    takes=Takes(
        arrays={
            "x": "N I",
            "h": "N H",
            "c": "N H",
            "weight_x": "4H I",
            "weight_h": "4H H",
            "bias": "4H ?",
            "y": "N 2H",
        },
        sizes=SIZES,
        scales=dict.fromkeys(("x", "h", "c", "weight_x", "weight_h", "bias"), QUIET),
    ),
    twin=lstm_twin,
    rounds=Rounding(terms(4), lstm_magnitudes),
    kind=Kind(radius=radius),
    cases=Inputs(draw, few=few),
    told=Documents(
        letters={**LETTERS, "bias": "b"},
        sources=dict.fromkeys(("y", "x", "h", "c", "weight_x", "weight_h", "bias"), "W4"),
        formula=lstm,
        usual=USUAL,
    ),
    mistakes=LSTM,
)
GRU_CELL = Op(
    name="gru_cell",
    reference=gru_cell,
    takes=Takes(
        arrays={
            "x": "N I",
            "h": "N H",
            "weight_x": "3H I",
            "weight_h": "3H H",
            "bias_x": "3H ?",
            "bias_h": "3H ?",
            "y": "N H",
        },
        sizes=SIZES,
        scales=dict.fromkeys(("x", "h", "weight_x", "weight_h", "bias_x", "bias_h"), QUIET),
    ),
    twin=gru_twin,
    rounds=Rounding(terms(3), gru_magnitudes),
    kind=Kind(radius=radius),
    cases=Inputs(draw, few=few),
    told=Documents(
        letters={**LETTERS, "bias_x": "b", "bias_h": "d"},
        sources=dict.fromkeys(("y", "x", "h", "weight_x", "weight_h", "bias_x", "bias_h"), "W5"),
        formula=gru,
        usual=USUAL,
    ),
    mistakes=GRU,
)

OPS = (LSTM_CELL, GRU_CELL)
