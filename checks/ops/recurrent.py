"""One step of an LSTM and of a GRU: how they round.

All errors are in units of n·u, n the most roundings of an element: those of the sums over features in and hidden (I + H,
and a bias), and `STEP` for what comes after them. Capitals are sums of sizes, A = |weight_x||x| + |weight_h||h| + |bias|.
A sigmoid's slope is at most 1/4, tanh's is at most 1, wherever rounding leads; each is computed to within EXP + 2 roundings
of numbers of size 1 (activation.py). So with e(·) the error of a gate, of its σ(1 − σ), and of a 1 − t²,

    e(σ) = A/4 + 1,   e(tanh) = A + 1,   e(σ(1 − σ)) = e(σ) + 1,   e(1 − t²) = 2e(t) + 1

since the derivatives of σ(1 − σ) and of 1 − t² by σ and by t are at most 1 and 2. A product a·b has |a|·e(b) + e(a)·|b| and
|a·b| of its own, and what goes through a weight has Σ(e(∂J/∂a) + |∂J/∂a|)·|w|. Nothing depends on where a gate stands, so
only products of two errors are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from checks.numbers.precision import PRECISIONS, Array
from checks.op import Case, Documents, Inputs, Kind, Op, Problem, Rounding
from checks.ops._recurrent_formulas import gru, lstm
from checks.ops._recurrent_mistakes import GRU, LSTM
from checks.signature.takes import Sizes, Takes
from reference import gru_cell, lstm_cell
from reference.lstm_cell import sigmoid

if TYPE_CHECKING:
    import torch

STEP = 16  # EXP + 2 in a sigmoid, and the products and sums of the longest way through a step
QUIET = (0, 0, 1, -20)  # powers of two: gates that are open or shut altogether test little
SIZES = (
    Sizes("features", "I", "features in", (2, 1, 3, 4), metavar="4"),
    Sizes("hidden", "H", "numbers in the state", (2, 1, 3), metavar="4"),
    Sizes("batch", "N", "samples", (2, 1, 3, 2, 1, 3, 2, 0), least=0, metavar="2"),
)


def draw(problem: Problem, name: str, rng: np.random.Generator, whole: bool) -> Array | None:  # noqa: ARG001, every op is asked alike
    """Weights as they are at the start of training: smaller the more are summed, so that no gate is stuck."""
    if not name.startswith("weight_"):
        return None
    rows, columns = problem.shape(name)
    small = 2.0 ** -((columns.bit_length() - 1) // 2)  # a power of 2 near 1/√columns
    return PRECISIONS[problem.dtype].rounded(rng.uniform(-1, 1, (rows, columns)) * small)


def terms(many: int) -> Callable[[Problem], Mapping[str, int]]:
    """What goes into a gate, and what comes after; for gradients the sum over gates, or over samples, as well."""

    def counted(problem: Problem) -> dict[str, int]:
        samples, features = problem.shape("x")
        hidden = problem.shape("h")[1]
        step = features + hidden + STEP
        through, along = step + many * hidden, step + samples
        return {
            name: step if name in {"y", "c"} else through if name in {"x", "h"} else along
            for name in (*problem.op.inputs, "y")
        }

    return counted


def _absolute(case: Case) -> dict[str, Array]:
    """Magnitudes of what is there, by name; 0 for a bias that is not."""
    named = zip(case.op.inputs, case.inputs, strict=True)
    return {name: np.zeros(()) if a is None else np.abs(a) for name, a in named}


def _values(case: Case) -> tuple[Array, ...]:
    """The inputs; 0 for a bias that is not there."""
    return tuple(np.zeros(()) if a is None else a for a in case.inputs)


def _parts(a: Array, many: int) -> list[Array]:
    """Gates apart."""
    return np.split(a, many, 1)


def lstm_magnitudes(case: Case) -> dict[str, Array]:
    """As the module derives them."""
    of, (x, h, cell, weight_x, weight_h, bias) = _absolute(case), _values(case)
    i, f, g, o = _parts(x @ weight_x.T + h @ weight_h.T + bias, 4)
    sums = _parts(of["x"] @ of["weight_x"].T + of["h"] @ of["weight_h"].T + of["bias"], 4)
    i, f, o = map(sigmoid, (i, f, o))
    e_i, e_f, e_o = (sums[k] / 4 + 1 for k in (0, 1, 3))
    new = np.abs(f * cell + i * np.tanh(g))
    g, e_g, c = np.abs(np.tanh(g)), sums[2] + 1, of["c"]
    e_new = c * e_f + g * e_i + i * e_g + 2 * (f * c + i * g)
    t, e_t = np.tanh(new), e_new + 1
    of_h, of_new = _parts(np.abs(case.cotangent), 2)
    slope, e_slope = 1 - t * t, 2 * e_t + 1
    d, e_d = of_new + of_h * o * slope, of_new + of_h * (o * e_slope + slope * e_o + 2 * o * slope)

    def gate(value: Array, error: Array, by: Array, e_by: Array) -> tuple[Array, Array]:
        """∂J/∂a of a sigmoid, δ times `by` times σ(1 − σ): its size and its error."""
        w, e_w = value * (1 - value), error + 1
        return d * by * w, e_d * by * w + d * e_by * w + d * by * (e_w + w)

    of_i, of_f = gate(i, e_i, g, e_g), gate(f, e_f, c, np.zeros(()))
    w, e_w = o * (1 - o), e_o + 1
    of_o = of_h * t * w, of_h * (e_t * w + t * e_w + t * w)
    squares, e_squares = 1 - g * g, 2 * e_g + 1
    of_g = d * i * squares, (e_d * i + d * e_i + d * i) * squares + d * i * e_squares
    size, error = (np.concatenate(parts, 1) for parts in zip(of_i, of_f, of_g, of_o, strict=True))
    of_a = size + error
    return {
        "y": np.concatenate((t * e_o + o * e_t + o * t, e_new), 1),
        "x": of_a @ of["weight_x"],
        "h": of_a @ of["weight_h"],
        "c": e_d * f + d * (e_f + f),
        "weight_x": of_a.T @ of["x"],
        "weight_h": of_a.T @ of["h"],
        "bias": of_a.sum(0),
    }


def gru_magnitudes(case: Case) -> dict[str, Array]:
    """As the module derives them; y may be n + z·(h − n), too."""
    of, (x, h, weight_x, weight_h, bias_x, bias_h) = _absolute(case), _values(case)
    a_r, a_z, a_n = _parts(x @ weight_x.T + bias_x, 3)
    b_r, b_z, b_n = _parts(h @ weight_h.T + bias_h, 3)
    sums = _parts(of["x"] @ of["weight_x"].T + of["bias_x"], 3)
    others = _parts(of["h"] @ of["weight_h"].T + of["bias_h"], 3)
    r, z = sigmoid(a_r + b_r), sigmoid(a_z + b_z)
    n = np.tanh(a_n + r * b_n)
    e_r, e_z = ((sums[k] + others[k]) / 4 + 1 for k in (0, 1))
    b, h, n = others[2], of["h"], np.abs(n)
    e_n = sums[2] + 2 * r * b + b * e_r + 1
    g, kept = np.abs(case.cotangent), 1 - z
    slope, e_slope = 1 - n * n, 2 * e_n + 1
    d, e_d = g * kept * slope, g * ((e_z + 1) * slope + kept * e_slope + 2 * kept * slope)

    def gate(value: Array, error: Array, size: Array, e_size: Array) -> Array:
        """Size and error together of ∂J/∂a of a sigmoid that is multiplied by `size`."""
        w, e_w = value * (1 - value), error + 1
        return np.asarray((size + e_size) * w + size * (e_w + w))

    of_r = gate(r, e_r, d * b, e_d * b + 2 * d * b)
    of_z = gate(z, e_z, g * (h + n), g * (2 * (h + n) + e_n))
    of_a = np.concatenate((of_r, of_z, d + e_d), 1)
    of_b = np.concatenate((of_r, of_z, e_d * r + d * (e_r + 2 * r)), 1)
    return {
        "y": (n + h) * (e_z + 3) + 2 * e_n,
        "x": of_a @ of["weight_x"],
        "h": of_b @ of["weight_h"] + g * (e_z + 2),
        "weight_x": of_a.T @ of["x"],
        "weight_h": of_b.T @ h,
        "bias_x": of_a.sum(0),
        "bias_h": of_b.sum(0),
    }


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
    cases=Inputs(draw),
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
    cases=Inputs(draw),
    told=Documents(
        letters={**LETTERS, "bias_x": "b", "bias_h": "d"},
        sources=dict.fromkeys(("y", "x", "h", "weight_x", "weight_h", "bias_x", "bias_h"), "W5"),
        formula=gru,
        usual=USUAL,
    ),
    mistakes=GRU,
)

OPS = (LSTM_CELL, GRU_CELL)
