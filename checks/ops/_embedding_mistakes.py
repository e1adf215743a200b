"""Known ways to get the gradient of an embedding wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Mistake
from checks.ops._mistakes import last_sample

Into = Callable[[Array, Array, Array], None]


def _filled(into: Into, *, padded: bool = True) -> Callable[[Case], Mapping[str, Array]]:
    """The gradient filled so from indices and cotangents, one a row; the padding row left 0 if `padded`."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        weight, g = case.input("weight"), case.cotangent
        of_weight = np.zeros(weight.shape, np.promote_types(g.dtype, np.float32))
        into(of_weight, case.input("index").ravel(), g.reshape(case.input("index").size, weight.shape[1]))
        padding = case.parameters["padding_index"]
        if padded and padding is not None:
            of_weight[padding] = 0
        return {"weight": of_weight.astype(g.dtype)}

    return wrong_gradient


def _assigned(into: Array, index: Array, g: Array) -> None:
    into[index] = g


def _added_once(into: Array, index: Array, g: Array) -> None:
    """What `grad[index] += g` does in NumPy: it reads all, adds, and writes all."""
    _, first = np.unique(index, return_index=True)
    into[index[first]] += g[first]


def _averaged(into: Array, index: Array, g: Array) -> None:
    np.add.at(into, index, g)
    into /= np.maximum(np.bincount(index, minlength=len(into)), 1)[:, None]


def _by_root(into: Array, index: Array, g: Array) -> None:
    np.add.at(into, index, g)
    into /= np.sqrt(np.maximum(np.bincount(index, minlength=len(into)), 1))[:, None]


def _over_places(into: Array, index: Array, g: Array) -> None:
    np.add.at(into, index, g)
    into /= max(1, len(index))


def _everywhere(into: Array, index: Array, g: Array) -> None:  # noqa: ARG001, what is forgotten
    into += g.sum(0)


def _off_by_one(into: Array, index: Array, g: Array) -> None:
    np.add.at(into, (index + 1) % len(into), g)


def _last_left_out(into: Array, index: Array, g: Array) -> None:
    np.add.at(into, index[:-1], g[:-1])


def _first_row_pads(case: Case) -> Mapping[str, Array]:
    right = _filled(np.add.at)(case)["weight"]
    right[:1] = 0
    return {"weight": right}


EMBEDDING = (
    *(
        Mistake(name, explanation, "W2", wrong_gradient)
        for name, explanation, wrong_gradient in (
            (
                "duplicates assigned",
                "Of the places that ask for the same row the last one counts, where each adds to its gradient.",
                _filled(_assigned),
            ),
            (
                "duplicates added once",
                "Of the places that ask for the same row the first one counts, where each adds to its gradient.",
                _filled(_added_once),
            ),
            (
                "averaged over duplicates",
                "Each row got the mean over the places that ask for it, as by `scale_grad_by_freq`, where it is a sum.",
                _filled(_averaged),
            ),
            (
                "divided by the root of duplicates",
                "Each row's gradient was divided by the root of how often it is asked for, where it is their sum.",
                _filled(_by_root),
            ),
            (
                "averaged over places",
                "The gradient was divided by the number of places, where the chain rule sums over them.",
                _filled(_over_places),
            ),
            (
                "every row",
                "Every row got all cotangents, where only those of the places that ask for it reach it.",
                _filled(_everywhere),
            ),
            ("next row", "The gradient went to the row after the one that was asked for.", _filled(_off_by_one)),
            (
                "last place left out",
                "The last place did not add its cotangent.",
                _filled(_last_left_out),
            ),
            (
                "padding learns",
                "The padding row got a gradient, where it is a constant.",
                _filled(np.add.at, padded=False),
            ),
            (
                "first row pads",
                "The first row got no gradient, as if it were padding, whether or not it is.",
                _first_row_pads,
            ),
        )
    ),
    last_sample("weight"),
)
