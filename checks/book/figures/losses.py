"""Figures of losses of today: how hard each answer pulls."""

from __future__ import annotations

from typing import Any

import numpy as np

from checks.book.contents import Figure
from checks.book.figures.panels import Index, numbers
from checks.numbers.precision import Array
from reference import bce_with_logits, hinge, huber, kl_div, log_softmax, smooth_l1, weighted_cross_entropy

LOGITS = np.array([-50.0, -1, 0, 1, 50])
APART = np.array([-4.0, -2, -1, 0, 1, 2, 4])


def T15() -> Figure:
    """Nothing but yes."""
    ones = np.ones(5)
    (of_x, *_) = bce_with_logits.backward(np.array(1.0), LOGITS, ones, reduction="sum")
    return Figure(
        "Every answer should be 1, with $`g = 1`$ and the sum: a logit that is certain and wrong is pulled by 1, one that "
        "is right by nothing.",
        (numbers("x", LOGITS), numbers("t", ones), numbers("∂J/∂x", np.round(of_x, 3) + 0.0, sign="→")),
    )


def T16() -> Figure:
    """Two that count, and one that does not."""
    x, t = np.log(np.array([[1.0, 2, 1], [1, 2, 1], [1, 2, 1]])), np.array([[0], [1], [-100]])
    w = np.array([1.0, 3, 2])
    (of_x, *_) = weighted_cross_entropy.backward(np.array(4.0), x, t[:, 0], w)
    last: dict[Index, str] = {(2, i): "tint" for i in range(3)}
    return Figure(
        "Three positions with the softmax $`p`$, the weights 1, 3, 2 of the classes, and $`g = 4`$: the second pulls three "
        "times as hard as the first, and the last, tinted, does not count. What is divided by is 1 + 3.",
        (
            numbers("p", np.exp(log_softmax.forward(x)), last),
            numbers("t", t, {(2, 0): "tint"}),
            numbers("∂J/∂x", np.round(of_x, 3) + 0.0, last, sign="→"),
        ),
    )


def _of_differences(op: Any, text: str, **parameters: float) -> Figure:
    zero: Array = 0 * APART
    (end,) = parameters.values()
    within: dict[Index, str] = {i: "tint" for i, n in np.ndenumerate(APART) if abs(n) <= end}
    losses = np.array([op.forward(APART[i : i + 1], zero[:1], **parameters) for i in range(len(APART))])
    of_p, _ = op.backward(np.array(1.0), APART, zero, reduction="sum", **parameters)
    return Figure(
        text,
        (
            numbers("d", APART, within),
            numbers("E", losses, within, sign="→"),
            numbers("∂J/∂p", of_p, within, sign="→"),
        ),
    )


def T17() -> Figure:
    """The slope is cut off."""
    text = "$`\\delta = 2`$, with $`g = 1`$ and the sum: within it, tinted, the parabola, and beyond it its tangents."
    return _of_differences(huber, text, delta=2.0)


def T18() -> Figure:
    """The slope is 1 far off."""
    text = "$`\\beta = 2`$: all of it half as large, so that the slope beyond is 1."
    return _of_differences(smooth_l1, text, beta=2.0)


def T19() -> Figure:
    """A distribution from another."""
    t = np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]])
    x = np.log(np.array([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]]))
    of_x, of_t = kl_div.backward(np.array(4.0), x, t, reduction="batchmean")
    return Figure(
        "Two samples with $`g = 4`$ and the mean over them: where both are the same, the target's gradient is that of "
        "adding to all alike.",
        (
            numbers("p", np.exp(x)),
            numbers("t", t),
            numbers("∂J/∂x", of_x, sign="→"),
            numbers("∂J/∂t", np.round(of_t, 3), sign="→"),
        ),
    )


def T20() -> Figure:
    """Who pulls, and who is pulled."""
    x, t = np.array([[2.0, 1.5, 0, 3], [2, 0, 1, -1]]), np.array([0, 0])
    own: dict[Index, str] = {(0, 0): "tint", (1, 0): "tint"}
    of_x, _ = hinge.backward(np.array(8.0), x, t)
    return Figure(
        "The first class, tinted, is right, $`m = 1`$ and $`g = 8`$: two classes of the first sample come too close, and "
        "none of the second, where one is on the margin.",
        (numbers("x", x, own), numbers("∂J/∂x", of_x, own, sign="→")),
    )
