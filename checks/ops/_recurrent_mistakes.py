"""Known ways to get a step of an LSTM or of a GRU wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Mistake
from checks.ops._mistakes import last_sample
from reference.lstm_cell import sigmoid

Wrong = Callable[[Case], Mapping[str, Array]]
Parts = dict[str, Array]


def _wide(case: Case) -> list[Any]:
    return [0.0 if a is None else a.astype(np.float64) for a in case.inputs]


def _made(case: Case, found: Mapping[str, Array]) -> Mapping[str, Array]:
    """In the dtype of the cotangent, without those of what is not there."""
    absent = {n for n, a in zip(case.op.inputs, case.inputs, strict=True) if a is None}
    return {n: np.asarray(a).astype(case.cotangent.dtype) for n, a in found.items() if n not in absent}


def _order(a: Array, order: str, letters: str) -> dict[str, Array]:
    """Gates by their letters, where the rows of the weights stand in this order."""
    return dict(zip(order, np.split(a, len(letters), 1), strict=True))


def _lstm(
    *,
    order: str = "ifgo",
    both: bool = False,
    forget: float = 0.0,
    candidate: Callable[[Array], Array] = np.tanh,
    change: Callable[[Parts], Parts] = lambda _: {},
    carried: Callable[[Parts], Array] | None = None,
) -> Wrong:
    """Gradients with another order of gates, bias of f, or candidate (in forward too if `both`), or with ∂J/∂a changed.

    change   makes of all parts those that are other than they should be
    carried  ∂J/∂c' of the parts, where it is not what it should be
    """

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        x, h, c, weight_x, weight_h, bias = _wide(case)
        p = _order(x @ weight_x.T + h @ weight_h.T + bias, order, "ifgo")
        p |= {"i": sigmoid(p["i"]), "f": sigmoid(p["f"] + forget), "o": sigmoid(p["o"]), "g": candidate(p["g"]), "c": c}
        p["new"] = p["f"] * c + p["i"] * p["g"]
        p["t"] = np.tanh(p["new"])
        p["η"], p["κ"] = np.split(case.cotangent.astype(np.float64), 2, 1)
        p["δ"] = carried(p) if carried else p["κ"] + p["η"] * p["o"] * (1 - p["t"] ** 2)
        slope = 1 - p["g"] ** 2 if candidate is np.tanh else p["g"] * (1 - p["g"])
        of = {
            "i": p["δ"] * p["g"] * p["i"] * (1 - p["i"]),
            "f": p["δ"] * c * p["f"] * (1 - p["f"]),
            "g": p["δ"] * p["i"] * slope,
            "o": p["η"] * p["t"] * p["o"] * (1 - p["o"]),
            "c": p["δ"] * p["f"],
        }
        of |= change({**p, **{f"of_{name}": a for name, a in of.items()}})
        of_a = np.concatenate([of[letter] for letter in order], 1)
        found = {
            "x": of_a @ weight_x,
            "h": of_a @ weight_h,
            "c": of["c"],
            "weight_x": of_a.T @ x,
            "weight_h": of_a.T @ h,
            "bias": of_a.sum(0),
        }
        y = {"y": np.concatenate((p["o"] * p["t"], p["new"]), 1)} if both else {}
        return _made(case, {**found, **y})

    return wrong_gradient


def _gru(
    *,
    order: str = "rzn",
    both: bool = False,
    before: bool = False,
    exchanged: bool = False,
    change: Callable[[Parts], Parts] = lambda _: {},
) -> Wrong:
    """Gradients with another order of gates, r before the product with weight_h, or z and 1 − z exchanged; or changed."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        x, h, weight_x, weight_h, bias_x, bias_h = _wide(case)
        a = _order(x @ weight_x.T + bias_x, order, "rzn")
        b = _order(h @ weight_h.T + bias_h, order, "rzn")
        rows = dict(zip(order, np.split(weight_h, 3), strict=True))
        bias = dict(zip(order, np.split(np.broadcast_to(bias_h, len(weight_h)), 3), strict=True))
        g = case.cotangent.astype(np.float64)
        p = {"r": sigmoid(a["r"] + b["r"]), "z": sigmoid(a["z"] + b["z"]), "g": g, "h": h, "b": b["n"]}
        inner = (p["r"] * h) @ rows["n"].T + bias["n"] if before else p["r"] * b["n"]
        p["n"] = np.tanh(a["n"] + inner)
        kept, written = (1 - p["z"], p["z"]) if exchanged else (p["z"], 1 - p["z"])
        of = {"n": g * written * (1 - p["n"] ** 2), "kept": g * kept}
        of["z"] = g * (h - p["n"]) * (-1 if exchanged else 1) * p["z"] * (1 - p["z"])
        back = of["n"] @ rows["n"]
        of["r"] = (back * h if before else of["n"] * b["n"]) * p["r"] * (1 - p["r"])
        of["b_n"] = of["n"] if before else of["n"] * p["r"]
        of |= change({**p, **{f"of_{name}": part for name, part in of.items()}})
        of_a = np.concatenate([of[letter] for letter in order], 1)
        of_b = np.concatenate([of["b_n" if letter == "n" else letter] for letter in order], 1)
        of_h, of_weight = of_b @ weight_h, of_b.T @ h
        if before:
            of_h = of_h - of["n"] @ rows["n"] + back * p["r"]
            at = order.index("n") * h.shape[1]
            of_weight[at : at + h.shape[1]] = of["n"].T @ (p["r"] * h)
        found = {
            "x": of_a @ weight_x,
            "h": of_h + of["kept"],
            "weight_x": of_a.T @ x,
            "weight_h": of_weight,
            "bias_x": of_a.sum(0),
            "bias_h": of_b.sum(0),
        }
        y = {"y": written * p["n"] + kept * h} if both else {}
        return _made(case, {**found, **y})

    return wrong_gradient


LSTM = (
    *(
        Mistake(name, explanation, "W4", wrong_gradient)
        for name, explanation, wrong_gradient in (
            (
                "cell through the output only",
                "c' got what comes back through h' alone, where its own cotangent adds to it.",
                _lstm(carried=lambda p: p["η"] * p["o"] * (1 - p["t"] ** 2)),
            ),
            (
                "output's part of the cell forgotten",
                "c' got its own cotangent alone, where h' = o·tanh(c') brings another part.",
                _lstm(carried=lambda p: p["κ"]),
            ),
            (
                "tanh of the cell forgotten",
                "What comes to c' through h' lacks 1 − tanh²(c').",
                _lstm(carried=lambda p: p["κ"] + p["η"] * p["o"]),
            ),
            (
                "slope of the cell for its tanh",
                "1 − c'² stands where 1 − tanh²(c') should.",
                _lstm(carried=lambda p: p["κ"] + p["η"] * p["o"] * (1 - p["new"] ** 2)),
            ),
            (
                "forget gate by the new cell",
                "The forget gate got δ·c', where it multiplies the cell before, c.",
                _lstm(change=lambda p: {"f": p["δ"] * p["new"] * p["f"] * (1 - p["f"])}),
            ),
            (
                "output gate by the cell",
                "The output gate got η·c', where it multiplies tanh(c').",
                _lstm(change=lambda p: {"o": p["η"] * p["new"] * p["o"] * (1 - p["o"])}),
            ),
            (
                "candidate as a sigmoid",
                "g(1 − g) was taken for the derivative of the candidate, which is a tanh: 1 − g².",
                _lstm(change=lambda p: {"g": p["δ"] * p["i"] * p["g"] * (1 - p["g"])}),
            ),
            (
                "both with a sigmoid candidate",
                "Forward and backward agree with each other, on a candidate that is a sigmoid, where it is a tanh.",
                _lstm(candidate=sigmoid, both=True),
            ),
            (
                "slopes of gates forgotten",
                "The gates got no σ(1 − σ).",
                _lstm(
                    change=lambda p: {"i": p["δ"] * p["g"], "f": p["δ"] * p["c"], "o": p["η"] * p["t"]},
                ),
            ),
            (
                "cell before passed on",
                "∂J/∂c is δ, where the forget gate multiplies it.",
                _lstm(change=lambda p: {"c": p["δ"]}),
            ),
            (
                "gates as i, f, o, g",
                "Forward and backward agree with each other, on rows in the order i, f, o, g, where it is i, f, g, o.",
                _lstm(order="ifog", both=True),
            ),
            (
                "gates as i, g, f, o",
                "Forward and backward agree with each other, on rows in the order i, g, f, o, where it is i, f, g, o.",
                _lstm(order="igfo", both=True),
            ),
            (
                "gates as f, i, g, o",
                "Forward and backward agree with each other, on rows in the order f, i, g, o, where it is i, f, g, o.",
                _lstm(order="figo", both=True),
            ),
            (
                "forget bias of 1",
                "Forward and backward add 1 to the forget gate, as some do at the start, where the bias is given.",
                _lstm(forget=1.0, both=True),
            ),
        )
    ),
    last_sample("weight_x", "weight_h", "bias"),
)

GRU = (
    *(
        Mistake(name, explanation, "W5", wrong_gradient)
        for name, explanation, wrong_gradient in (
            (
                "state kept forgotten",
                "∂J/∂h lacks g·z, which is what comes straight through.",
                _gru(change=lambda p: {"kept": 0 * p["g"]}),
            ),
            (
                "state passed on",
                "∂J/∂h got all of g beside the gates' part, where z multiplies it.",
                _gru(change=lambda p: {"kept": p["g"]}),
            ),
            (
                "update gate by the state alone",
                "The update gate got g·h, where 1 − z also takes n away: g·(h − n).",
                _gru(change=lambda p: {"z": p["g"] * p["h"] * p["z"] * (1 - p["z"])}),
            ),
            (
                "update gate negated",
                "The update gate got g·(n − h), where y grows with z by h − n.",
                _gru(change=lambda p: {"z": -p["of_z"]}),
            ),
            (
                "reset gate by the state",
                "The reset gate got ν·h, where it multiplies b_n, what the state was multiplied to.",
                _gru(change=lambda p: {"r": p["of_n"] * p["h"] * p["r"] * (1 - p["r"])}),
            ),
            (
                "reset gate forgotten",
                "The gradients of weight_h and bias_h lack r in the rows of n.",
                _gru(change=lambda p: {"b_n": p["of_n"]}),
            ),
            (
                "slope of the candidate forgotten",
                "ν lacks 1 − n².",
                _gru(
                    change=lambda p: {
                        "n": p["g"] * (1 - p["z"]),
                        "b_n": p["g"] * (1 - p["z"]) * p["r"],
                        "r": p["g"] * (1 - p["z"]) * p["b"] * p["r"] * (1 - p["r"]),
                    }
                ),
            ),
            (
                "slopes of gates forgotten",
                "The gates got no σ(1 − σ).",
                _gru(change=lambda p: {"r": p["of_n"] * p["b"], "z": p["g"] * (p["h"] - p["n"])}),
            ),
            (
                "reset before the product",
                (
                    "Forward and backward agree with each other, on weight_h·(r·h) as in the paper, where it is "
                    "r·(weight_h·h)."
                ),
                _gru(before=True, both=True),
            ),
            (
                "update exchanged",
                "Forward and backward agree with each other, on z·n + (1 − z)·h, where z is what is kept of h.",
                _gru(exchanged=True, both=True),
            ),
            (
                "gates as z, r, n",
                "Forward and backward agree with each other, on rows in the order z, r, n (Keras), where it is r, z, n.",
                _gru(order="zrn", both=True),
            ),
        )
    ),
    last_sample("weight_x", "weight_h", "bias_x", "bias_h"),
)
