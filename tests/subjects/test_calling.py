"""What is called may yield its gradients one after another."""

import numpy as np

from checks import judge


class Yields:
    """A fully connected layer whose gradients come one after another."""

    def forward(self, x, weight, bias=None):
        return x @ weight.T + (0 if bias is None else bias)

    def backward(self, grad_output, x, weight, bias=None):
        samples = tuple(range(x.ndim - 1))
        yield grad_output @ weight
        yield np.tensordot(grad_output, x, (samples, samples))
        yield None if bias is None else grad_output.sum(samples)


def test_a_generator_of_gradients_is_what_it_yields():
    assert judge("linear", Yields(), seed=1, examples=60, laws=["exact", "agreement"]).exit_code == 0
