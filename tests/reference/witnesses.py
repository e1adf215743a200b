"""Witnesses for the layers that are not sums of products: fifty digits, the complex step, and torch.

None of them knows how `reference/` computes. Small arrays only: all of this is slow and plain on purpose.
"""

import mpmath
import numpy as np
import torch

MP = mpmath.MPContext()
MP.dps = 50  # so that what a textbook formula cancels, 1 − σ(40) say, leaves more digits than any dtype has
STEP = 1e-200  # of the complex step: its square is 0 in float64


def digits(a):
    """The same numbers with fifty digits, as an array of objects; a longdouble goes there in two halves."""
    fraction, exponent = np.frexp(a)
    return each(lambda m, e: MP.ldexp(MP.mpf(float(m)) + float(m - float(m)), int(e)), fraction, exponent)


def each(function, *arrays):
    """function of each element, as an array of objects."""
    return np.asarray(np.frompyfunc(function, len(arrays), 1)(*arrays), object)


def ulps(found, exact):
    """The largest error of found, in units in the last place that its dtype has at the exact value."""
    assert found.shape == exact.shape
    dtype = np.finfo(found.dtype)

    def error(number, right):
        exponent = MP.frexp(right)[1] if right else dtype.minexp
        return abs(number - right) / MP.ldexp(1, max(exponent - 1, dtype.minexp) - dtype.nmant)

    return float(max(each(error, digits(found), exact).ravel(), default=0))


def ulps_of_the_largest(found, exact):
    """The same for results that are sums: in units that the dtype has at the largest exact value of all."""
    unit = np.spacing(found.dtype.type(max(abs(exact))))
    return float(max(abs(digits(found) - exact)) / float(unit))


def complex_step(op, g, inputs, **parameters):
    """The gradient for each input that is not of whole numbers: Σ g · Im f(x + ih) / h, one element after the other.

    It is exact to rounding (Squire and Trapp 1998), and needs forward alone, which must be analytic.
    """
    gradients = []
    for moved, x in enumerate(inputs):
        if not np.issubdtype(x.dtype, np.floating):
            gradients.append(None)
            continue
        gradient = np.empty(x.shape)
        for index in np.ndindex(x.shape):
            shifted = [a.astype(complex) if np.issubdtype(a.dtype, np.floating) else a for a in inputs]
            shifted[moved][index] += 1j * STEP
            gradient[index] = np.sum(g * (op.forward(*shifted, **parameters).imag / STEP))
        gradients.append(gradient)
    return gradients


def of_torch(function, g, *inputs):
    """y and the gradients that torch.autograd gives in the dtype of the inputs; None for whole numbers."""
    tensors = [torch.tensor(a, requires_grad=np.issubdtype(a.dtype, np.floating)) for a in inputs]
    y = function(*tensors)
    found = iter(torch.autograd.grad(y, [t for t in tensors if t.requires_grad], torch.tensor(g, dtype=y.dtype)))
    return y.detach().numpy(), [next(found).numpy() if t.requires_grad else None for t in tensors]


def assert_close(found, expected, roundings):
    """As far apart as `roundings` of the largest number may bring them: two right ways round differently."""
    assert (found is None) == (expected is None)
    if expected is not None:
        assert found.shape == expected.shape
        unit = np.finfo(found.dtype).eps / 2 * np.abs(expected).max(initial=0)
        assert np.abs(found - expected).max(initial=0) <= roundings * unit


def assert_all_close(found, expected, roundings):
    for a, b in zip(found, expected, strict=True):
        assert_close(a, b, roundings)


def assert_keeps_dtypes_and_inputs(norm, x, many):
    """A layer of forward(x, gamma, beta, eps) gives x's dtype, or what NumPy promotes to, and writes to no input."""
    ones, g = np.ones(many, x.dtype), x.copy()
    for a in (x, ones, g):
        a.flags.writeable = False
    for eps in (1e-5, np.float64(1e-5)):
        results = norm.forward(x, ones, ones, eps=eps), *norm.backward(g, x, ones, ones, eps=eps)
        assert {a.dtype for a in results} == {x.dtype}
    assert norm.forward(x, np.ones(many, np.longdouble), ones).dtype == np.result_type(x, np.longdouble)
