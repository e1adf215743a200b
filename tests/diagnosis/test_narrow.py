"""A kernel of a narrower precision hears that before anything else."""

import numpy as np
import pytest

from checks import judge
from checks.render.words import verdict
from reference import linear


def computing_in(dtype, *, spoil=lambda grad: grad):
    """A layer that converts what it is given, and what it returns."""

    def narrow(a):
        return None if a is None else a.astype(dtype)

    def wide(a):
        return None if a is None else np.asarray(a, np.float64)

    class Layer:
        @staticmethod
        def forward(*inputs):
            return wide(linear.forward(*map(narrow, inputs)))

        @staticmethod
        def backward(*arrays):
            grad_x, *others = map(wide, linear.backward(*map(narrow, arrays)))
            return (spoil(grad_x), *others)

    return Layer


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_the_headline_says_which_precision_it_computes_in(dtype):
    with np.errstate(over="ignore"):
        report = judge("linear", computing_in(dtype), seed=1, examples=30, laws=["agreement"], batch=(3,))
    said = f"It computes in {dtype}: --dtype {dtype} judges it as that."
    assert verdict(report).endswith(f"wrong. {said}")
    assert {(f.mistake, f.explanation) for f in report.failures} == {("narrower precision", said)}


def test_large_whole_numbers_tell_it_too():
    report = judge("linear", computing_in("float32"), seed=1, examples=30, laws=["exact"])
    assert report.failures
    assert "It computes in float32" in verdict(report)


def test_a_mistake_beside_it_is_said_of_its_result():
    layer = computing_in("float32", spoil=lambda grad: 2 * grad)
    report = judge("linear", layer, seed=1, examples=30, laws=["exact", "agreement"])
    told = {f.result: f.explanation for f in report.failures}
    assert told["y"] == "It computes in float32: --dtype float32 judges it as that."
    assert "float32" not in told["grad_x"]
    assert "It computes" not in verdict(report)


def test_whole_numbers_that_are_wrong_are_no_narrower_precision():
    """Small ones are numbers of every precision."""

    class OffByOne:
        forward = staticmethod(linear.forward)

        @staticmethod
        def backward(*arrays):
            grad_x, *others = linear.backward(*arrays)
            return (grad_x + 1, *others)

    (found,) = judge("linear", OffByOne, seed=1, examples=30, laws=["exact"]).failures
    assert found.mistake == ""


class AddsInFloat64:
    """Multiplied in float32; the bias is added as it is."""

    def __init__(self, factor=1.0):
        self.factor = factor

    def forward(self, x, weight, bias):
        y = self.factor * (np.float32(x) @ np.float32(weight).T).astype(x.dtype)
        return y if bias is None else y + bias

    backward = staticmethod(linear.backward)


@pytest.mark.parametrize("laws", [["exact"], ["agreement"]])
def test_inputs_that_are_rounded_are_named_where_the_rest_is_not(laws):
    (found,) = judge("linear", AddsInFloat64(), seed=1, examples=20, laws=laws, batch=(3,)).failures
    assert found.explanation == (
        "x and weight are rounded to float32 before they are used: --dtype float32 judges it as that."
    )


def test_a_part_in_float32_is_named_as_one():
    class Layer(AddsInFloat64):
        backward = staticmethod(computing_in("float32").backward)

    report = judge("linear", Layer(), seed=1, examples=20, laws=["agreement"], batch=(3,))
    assert len(report.failures) == 4
    assert verdict(report).endswith("wrong. It computes in float32: --dtype float32 judges it as that.")


def test_a_mistake_is_not_excused_by_inputs_that_are_rounded():
    (found,) = judge("linear", AddsInFloat64(1.001), seed=1, examples=20, laws=["agreement"], batch=(3,)).failures
    assert "float32" not in found.explanation


def test_an_error_of_the_size_of_rounding_is_no_rounding():
    class Off(AddsInFloat64):
        def forward(self, *arrays):
            return linear.forward(*arrays) * (1 + 2**-25)

    (found,) = judge("linear", Off(), seed=1, examples=20, laws=["agreement"], batch=(3,)).failures
    assert found.explanation == "It is the right one multiplied by 1 + 3e-08, in every case."
