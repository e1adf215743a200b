"""What is right on usual numbers in usual memory is called by no mistake's name, which would show there as well."""

import numpy as np

from checks import judge
from reference import linear, tanh


class ReadsInMemoryOrder:
    """The cotangent as it lies, whatever its strides say."""

    forward = staticmethod(linear.forward)

    def backward(self, g, x, weight, bias=None):
        lies = np.ravel(g, order="K").reshape(-1, len(weight))
        rows = x.reshape(-1, x.shape[-1])
        return g @ weight, lies.T @ rows, None if bias is None else g.reshape(-1, len(weight)).sum(0)


class Saturates:
    """A tanh whose derivative is 0 beyond 9, where it is 6e-8."""

    forward = staticmethod(tanh.forward)

    def backward(self, g, x):
        return (np.where(np.abs(x) > 9, 0, tanh.backward(g, x)[0]),)


def test_a_layout_that_is_read_wrongly_is_no_transposed_gradient():
    (failure,) = judge("linear", ReadsInMemoryOrder, seed=21, examples=30).failures
    assert failure.result == "grad_weight"
    assert failure.note.startswith("arrays ")
    assert (failure.mistake, failure.explanation, failure.where) == ("", "", "")


def test_a_tail_that_is_cut_off_is_no_factor_that_was_forgotten():
    (failure,) = judge("tanh", Saturates, seed=21, examples=30).failures
    assert (failure.law, failure.mistake) == ("digits", "")
    assert failure.explanation.startswith("It loses digits")
