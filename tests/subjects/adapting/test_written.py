"""Functions that are handed the arrays that they write into: what is kept comes back, gradients are added to zeros."""

from __future__ import annotations

import numpy as np
import pytest

from checks.ops import find
from checks.subjects.adapting.written import Handed, Spread
from checks.subjects.implementation import Implementation
from checks.subjects.refusals import NotAnImplementation
from checks.verdict.judging import judge


def scale_forward(out, mean, inp, weight, bias, N, C, OC):
    """As C is called by pointers: of float32 only."""
    assert {a.dtype for a in (out, mean, inp, weight, bias)} == {np.dtype("float32")}
    out[:] = inp @ weight.T + bias
    mean[:] = 7


def scale_backward(dinp, dweight, dbias, dout, inp, weight, mean, N, C, OC):
    assert (mean == 7).all()
    assert inp.shape == (N, C)
    assert len(weight) == OC
    dinp += dout @ weight
    dweight += dout.T @ inp
    dbias += dout.sum(0)


def test_what_takes_float32_alone_is_judged_there_and_gets_back_what_it_kept():
    report = judge("linear", scale_forward, examples=8, seed=1, dtype="float32")
    assert report.exit_code == 0
    assert (
        "y is written into out, arrays of as many axes as numbers count, in float32; zeros are handed over as mean"
        in (report.assumed[1])
    )
    assert "grad_weight is written into dweight" in report.assumed[1]


def gelu_forward(out, inp, N): ...


def gelu_backward(dinp, inp, dout, whatever, N): ...


def test_a_backward_whose_argument_is_unknown_is_refused_by_its_name():
    with pytest.raises(NotAnImplementation, match="what backward's argument whatever means is not known"):
        Implementation.of(find("gelu"), gelu_forward)


@pytest.mark.parametrize(
    ("counts", "flat", "shapes", "numbers"),
    [
        ("B T C OC", False, ((6, 5, 3), (6, 5, 4)), (6, 5, 3, 4)),
        ("N C OC", False, ((30, 3), (30, 4)), (30, 3, 4)),
        ("N C OC", True, ((90,), (120,)), (30, 3, 4)),
        ("n", True, ((90,), (120,)), (90,)),
    ],
)
def test_numbers_count_what_arrays_have(counts, flat, shapes, numbers):
    groups = {"x": (("*batch", (2, 3, 5)), ("I", (3,))), "y": (("*batch", (2, 3, 5)), ("O", (4,)))}
    handed = Handed(Spread(flat=flat), groups, "x", counts.split())
    assert (handed.shape("x"), handed.shape("y")) == shapes
    assert tuple(handed.number(name) for name in counts.split()) == numbers
