"""Black boxes to be asked for their formulas: convolutions that are right but for what a function makes of a gradient."""

from __future__ import annotations

from dataclasses import replace

from checks.cases.pins import small_problem
from checks.ops import find
from reference import conv


def small(name="conv", *, bias=False, dtype="float64", **pinned):
    """A small problem of an op."""
    return replace(small_problem(find(name), pinned, bias=bias), dtype=dtype)


def box(backward=conv.backward, forward=conv.forward):
    """An implementation of convolution of these two functions, counting what it is asked."""

    class Box:
        calls = 0

        @classmethod
        def forward(cls, *arrays, **parameters):
            cls.calls += 1
            return forward(*arrays, **parameters)

        @classmethod
        def backward(cls, *arrays, **parameters):
            cls.calls += 1
            return backward(*arrays, **parameters)

    return Box


def changed(change):
    """Convolution whose gradient of x is this function of the right one, x and the weight."""

    def backward(grad_output, x, weight, bias, **parameters):
        grad_x, *others = conv.backward(grad_output, x, weight, bias, **parameters)
        return change(grad_x, x, weight), *others

    return box(backward)
