"""A sum has as many terms as its case says, and no more: what is counted twice makes a bound twice as wide."""

from itertools import product

import numpy as np
import pytest

from checks.op import Problem
from checks.ops import find
from checks.ops.pooling import containing
from reference._window import Window, scatter


@pytest.mark.parametrize(("stride", "dilation"), [*product((1, 2, 3, 4), (1, 2, 3)), (6, 4)])
def test_no_input_is_in_more_windows_than_are_counted_and_some_input_is_in_as_many(stride, dilation):
    for kernel, size in product((1, 2, 3, 5), (17, 40)):
        over = Window((size,), (kernel,), (stride,), (dilation,), (0,), (0,))
        windows = scatter(np.ones((1, 1, kernel, *over.output)), over)
        assert windows.max() == containing(over), over


def test_few_windows_are_counted_where_there_are_few():
    assert containing(Window((5,), (3,), (1,), (1,), (0,), (0,))) == 3
    assert containing(Window((4,), (3,), (1,), (1,), (0,), (0,))) == 2
    assert containing(Window((4, 9), (3, 3), (1, 3), (1, 1), (0, 0), (0, 0))) == 2


@pytest.mark.parametrize(("mode", "scale", "terms"), [
    ("nearest", (2, 3), {"y": 1 + 2, "x": 6 + 2}),
    ("cubic", (2, 1), {"y": 16 + 2, "x": 50 + 2}),
    ("cubic", (3, 1), {"y": 16 + 24, "x": 75 + 24}),
])  # fmt: skip
def test_weights_of_few_bits_are_not_rounded(mode, scale, terms):
    shapes = {"x": (2, 3, 7, 7), "y": (2, 3, 7 * scale[0], 7 * scale[1])}
    op = find("upsample")
    assert op.rounds.terms(Problem(op, shapes, {"scale": scale, "mode": mode, "align_corners": False})) == terms
