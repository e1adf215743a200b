"""euclidean_loss exactly, cross_entropy in fifty digits where the right class is almost certain; both against torch."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest
import sympy
import torch

from reference import cross_entropy, euclidean_loss
from tests.reference.drawn import whole_numbers
from tests.reference.witnesses import MP, assert_all_close, assert_close, complex_step, digits, each, of_torch, ulps

BOTH = ["mean", "sum"]


@pytest.mark.parametrize("reduction", BOTH)
@pytest.mark.parametrize("shape", [(4, 3), (4,), (2, 3, 2), (1, 0)])
def test_the_euclidean_loss_is_the_textbooks(shape, reduction):
    """E = 1/2N · Σ_n Σ_i (p_ni − t_ni)² and ∂E/∂p_ni = (p_ni − t_ni) / N, in fractions; N counts samples alone."""
    rng = np.random.default_rng(0)
    p, t = (whole_numbers(rng, shape, object) * Fraction(1, 3) for _ in range(2))
    samples = shape[0] if reduction == "mean" else 1
    loss = sum((p[i] - t[i]) ** 2 for i in np.ndindex(shape))
    found = euclidean_loss.forward(p, t, reduction=reduction)
    assert found.shape == ()
    assert found == loss / 2 / samples
    g = np.array(Fraction(6, 5))
    of_p, of_t = euclidean_loss.backward(g, p, t, reduction=reduction)
    assert of_p.shape == of_t.shape == shape
    for i in np.ndindex(shape):
        assert of_p[i] == -of_t[i] == g[()] * (p[i] - t[i]) / samples


def test_the_euclidean_loss_of_symbols():
    p, q, t = sympy.symbols("p q t")
    loss = euclidean_loss.forward(np.array([[p, q]]), np.array([[t, 2]]))
    assert sympy.expand(loss.item() - (p - t) ** 2 / 2 - (q - 2) ** 2 / 2) == 0


@pytest.mark.parametrize("reduction", BOTH)
def test_the_euclidean_loss_is_torchs(reduction):
    rng = np.random.default_rng(1)
    p, t = rng.standard_normal((2, 5, 7, 3))
    half = 2 * (len(p) if reduction == "mean" else 1)
    y, gradients = of_torch(lambda a, b: torch.nn.functional.mse_loss(a, b, reduction="sum") / half, 1.7, p, t)
    assert_close(euclidean_loss.forward(p, t, reduction=reduction), y, 16)
    assert_all_close(euclidean_loss.backward(1.7, p, t, reduction=reduction), gradients, 8)
    assert_all_close(complex_step(euclidean_loss, 1.7, (p, t), reduction=reduction), gradients, 8)


def textbook_cross_entropy(row, right):
    """E = log Σ_j e^{x_j} − x_t of one row, and ∂E/∂x_j = e^{x_j} / Σ_i e^{x_i} − [j = t]."""
    with MP.workdps(400):  # both subtractions may leave 1e−303
        x = digits(np.array(row, float))
        powers = each(MP.exp, x)
        gradient = powers / sum(powers)
        gradient[right] -= 1
        return np.array([MP.log(sum(powers)) - x[right]]), gradient


@pytest.mark.parametrize(
    ("row", "right", "of_y", "of_gradient"),
    [  # bounds in ulp; behind them the largest errors seen
        pytest.param([0.5, -1.25, 3, 0, 2], 1, 1.5, 2.5, id="ordinary"),  # 0.3 0.7
        pytest.param([1e4, 1e4 - 1, 1e4 - 2.5], 1, 1.5, 2.5, id="ten thousand"),  # 0.5 1.5
        pytest.param([1e4, 1e4 - 30, 1e4 - 37.5, 1e4 - 300], 0, 1.5, 2.5, id="right and almost certain"),  # 0.6 0.8
        pytest.param([1e4, 1e4 - 30, 1e4 - 37.5, 1e4 - 300], 3, 1.5, 2.5, id="wrong and almost certain"),  # 0.4 1.7
        pytest.param([700, 0, 1, 2], 0, 1.5, 2.5, id="right and all but certain"),
    ],
)
def test_the_cross_entropy_is_right_to_a_few_units_in_the_last_place(row, right, of_y, of_gradient):
    """−log p and 1 − p would have no digits left where the class is right and certain: the last loss is 1e−303."""
    loss, gradient = textbook_cross_entropy(row, right)
    x, t = np.array([row], float), np.array([right])
    assert ulps(cross_entropy.forward(x, t).reshape(1), loss) <= of_y
    assert ulps(cross_entropy.backward(1.0, x, t)[0][0], gradient) <= of_gradient


@pytest.mark.parametrize("reduction", BOTH)
@pytest.mark.parametrize("shape", [(4, 5), (2, 3, 4), (3, 4, 2, 2), (2, 1), (1, 2, 0)])
def test_the_cross_entropy_is_torchs_and_its_gradient_the_complex_step(shape, reduction):
    rng = np.random.default_rng(2)
    x, t = 3 * rng.standard_normal(shape), rng.integers(shape[1], size=(shape[0], *shape[2:]))
    if t.size == 0 and reduction == "mean":
        assert np.isnan(cross_entropy.forward(x, t))
    else:
        y, gradients = of_torch(lambda a, b: torch.nn.functional.cross_entropy(a, b, reduction=reduction), 1.7, x, t)
        assert_close(cross_entropy.forward(x, t, reduction=reduction), y, 16)
        assert_all_close(cross_entropy.backward(1.7, x, t, reduction=reduction), gradients, 16)
        assert_all_close(complex_step(cross_entropy, 1.7, (x, t), reduction=reduction), gradients, 16)


def test_a_class_at_minus_infinity_is_impossible():
    """To name it costs everything, as in torch; not to name it costs nothing, and it gets no gradient."""
    x = np.array([[0, -np.inf, 0], [-np.inf, 2, -np.inf], [-np.inf, -np.inf, -np.inf]])
    for t, loss, gradient in [(0, np.log(2), [-0.5, 0, 0.5]), (1, np.inf, [0.5, -1, 0.5])]:
        assert cross_entropy.forward(x[:1], np.array([t])) == loss
        assert cross_entropy.backward(1.0, x[:1], np.array([t]))[0].tolist() == [gradient]
    assert cross_entropy.forward(x[1:2], np.array([1])) == 0
    assert cross_entropy.backward(1.0, x[1:2], np.array([1]))[0].tolist() == [[0, 0, 0]]
    assert np.isnan(cross_entropy.forward(x[2:], np.array([1])))


@pytest.mark.parametrize(("op", "second"), [(euclidean_loss, np.zeros((0, 3))), (cross_entropy, np.zeros(0, int))])
def test_a_batch_of_none(op, second):
    """The mean is NaN, the sum 0, as in torch; the gradients have nothing in them."""
    x = np.zeros((0, 3))
    assert np.isnan(op.forward(x, second))
    assert op.forward(x, second, reduction="sum") == 0
    assert all(op.backward(1.0, x, second, reduction=reduction)[0].shape == (0, 3) for reduction in BOTH)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble", "complex64", "complex128"])
@pytest.mark.parametrize("op", [euclidean_loss, cross_entropy])
def test_dtypes_are_what_numpy_promotes_to_and_inputs_stay_as_they_were(op, dtype):
    """A cotangent that is a Python number does not change it."""
    x = np.linspace(-2, 2, 6).reshape(2, 3).astype(dtype)
    second = x if op is euclidean_loss else np.array([0, 2], np.int8)
    x.flags.writeable = second.flags.writeable = False
    assert op.forward(x, second).dtype == x.dtype
    assert op.backward(1.0, x, second)[0].dtype == op.backward(np.float16(1), x, second)[0].dtype == x.dtype
    assert op.backward(np.float64(1), x, second)[0].dtype == np.result_type(x, float)


ERRORS = [
    (
        euclidean_loss,
        (3, 2),
        np.zeros(3),
        {},
        "prediction has shape (3, 2) and target (3,); expected one shape (N, ...)",
    ),
    (euclidean_loss, (), np.zeros(()), {}, "prediction has shape () and target ()"),
    (euclidean_loss, (3,), np.zeros(3), {"reduction": "none"}, "reduction is 'none'; expected 'mean' or 'sum'"),
    (cross_entropy, (3,), np.zeros(3, int), {}, "logits have shape (3,) and target (3,)"),
    (
        cross_entropy,
        (2, 3, 4),
        np.zeros(2, int),
        {},
        "logits have shape (2, 3, 4) and target (2,); expected (N, C, *size)",
    ),
    (cross_entropy, (2, 0), np.zeros(2, int), {}, "logits have shape (2, 0) and target (2,)"),
    (cross_entropy, (2, 3), np.array([0, 3]), {}, "target names class 3; logits (2, 3) have classes 0 to 2"),
    (cross_entropy, (2, 3), np.array([-1, 0]), {}, "target names class -1; logits (2, 3) have classes 0 to 2"),
    (cross_entropy, (2, 3), np.zeros(2), {}, "target has dtype float64; expected whole numbers"),
    (cross_entropy, (2, 3), np.zeros(2, int), {"reduction": None}, "reduction is None; expected 'mean' or 'sum'"),
]


@pytest.mark.parametrize(("op", "shape", "second", "parameters", "message"), ERRORS, ids=[case[-1] for case in ERRORS])
def test_what_does_not_fit_is_named_with_its_numbers(op, shape, second, parameters, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        op.forward(np.zeros(shape), second, **parameters)
    with pytest.raises(ValueError, match=re.escape(message)):
        op.backward(1.0, np.zeros(shape), second, **parameters)


@pytest.mark.parametrize(("op", "second"), [(euclidean_loss, np.zeros((2, 3))), (cross_entropy, np.zeros(2, int))])
def test_a_cotangent_that_is_not_a_single_number_is_named_with_its_shape(op, second):
    with pytest.raises(ValueError, match=re.escape("grad_output has shape (1,); y has ()")):
        op.backward(np.ones(1), np.zeros((2, 3)), second)
