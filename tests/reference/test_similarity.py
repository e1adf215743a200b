"""reference.similarity: the textbook in fifty digits, torch, the complex step; scales, norms of 0, dtypes, errors."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import similarity
from tests.reference.drawn import LARGEST, whole_numbers
from tests.reference.witnesses import (
    MP,
    assert_all_close,
    complex_step,
    digits,
    of_torch,
    ulps,
    ulps_of_the_largest,
)

SHAPES = [((2, 2, 5), (3, 2, 2)), ((1, 1, 4, 5), (2, 1, 3, 2)), ((1, 2, 2, 3, 3), (2, 2, 2, 2, 1))]


def textbook(x, template, g):
    """⟨w, t⟩ / (‖w‖‖t‖), and both derivatives as the quotient rule writes them: t / (‖w‖‖t‖) − ⟨w, t⟩ · w / (‖w‖³‖t‖)."""
    x, template, g = digits(x), digits(template), digits(g)
    y, grad_x, grad_template = (np.full(a.shape, MP.mpf(0), object) for a in (g, x, template))
    for n, o, *i in np.ndindex(g.shape):
        under = (n, slice(None), *(slice(a, a + k) for a, k in zip(i, template.shape[2:], strict=True)))
        w, t = x[under], template[o]
        norm_w, norm_t, inner = MP.sqrt((w * w).sum()), MP.sqrt((t * t).sum()), (w * t).sum()
        if norm_w and norm_t:
            y[n, o, *i] = inner / (norm_w * norm_t)
            grad_x[under] += g[n, o, *i] * (t / (norm_w * norm_t) - inner * w / (norm_w**3 * norm_t))
            grad_template[o] += g[n, o, *i] * (w / (norm_w * norm_t) - inner * t / (norm_t**3 * norm_w))
    return y, grad_x, grad_template


def drawn(shapes, seed=0, dtype=np.float64):
    """g, x and template, normally distributed."""
    rng = np.random.default_rng(seed)
    x, template = shapes
    output = (x[0], template[0], *(n - k + 1 for n, k in zip(x[2:], template[2:], strict=True)))
    return [rng.standard_normal(shape).astype(dtype) for shape in (output, *shapes)]


def results(g, x, template):
    return similarity.forward(x, template), *similarity.backward(g, x, template)


@pytest.mark.parametrize("dtype", ["float32", "float64", "longdouble"])
@pytest.mark.parametrize("shapes", SHAPES)
def test_every_result_is_right_to_a_few_units_in_the_last_place(shapes, dtype):
    """In units of 1 for y, whose terms cancel, and of the largest number for each gradient."""
    g, x, template = drawn(shapes, dtype=dtype)
    y, grad_x, grad_template = results(g, x, template)
    right = textbook(x, template, g)
    assert {a.dtype for a in (y, grad_x, grad_template)} == {np.dtype(dtype)}
    for found, exact in zip((y, grad_x, grad_template), right, strict=True):
        assert ulps_of_the_largest(found.ravel(), exact.ravel()) <= 6


@st.composite
def whole(draw):
    """Templates over a whole number of windows, all of small whole numbers, many of them 0."""
    axes = draw(st.integers(1, 3))
    upto = st.integers(1, LARGEST[axes])
    kernel = draw(st.tuples(*[upto] * axes))
    size = [k + draw(st.integers(0, 2)) for k in kernel]
    batch, channels, templates = draw(st.integers(0, 2)), draw(st.integers(1, 2)), draw(st.integers(1, 2))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    x, template = (batch, channels, *size), (templates, channels, *kernel)
    output = (batch, templates, *(n - k + 1 for n, k in zip(size, kernel, strict=True)))
    return [np.trunc(whole_numbers(rng, shape, np.float64) / 4) for shape in (output, x, template)]


@settings(derandomize=True, max_examples=40)
@given(whole())
def test_every_shape_is_the_textbooks_and_0_where_a_norm_is_0(arrays):
    g, x, template = arrays
    found, right = results(g, x, template), textbook(x, template, g)
    for a, exact in zip(found, right, strict=True):
        assert a.shape == exact.shape
        # A gradient that is 0 may be a difference of two numbers of the size of g, once for each window over it.
        assert np.abs(digits(a) - exact).max(initial=0) <= 2.0**-53 * 32 * max(1, np.abs(g).sum())


@pytest.mark.parametrize("shapes", SHAPES)
def test_every_result_is_torchs(shapes):
    def cosine(x, template):
        windows = x
        for axis, k in enumerate(template.shape[2:], start=2):
            windows = windows.unfold(axis, k, 1)
        axes = range(2, x.ndim)
        t = template.reshape(1, len(template), template.shape[1], *(1 for _ in axes), *template.shape[2:])
        over = (2, *range(-len(axes), 0))
        w = windows[:, None]
        return (w * t).sum(over) / ((w * w).sum(over) * (t * t).sum(over)).sqrt()

    g, x, template = drawn(shapes)
    y, gradients = of_torch(cosine, g, x, template)
    assert_all_close(results(g, x, template), (y, *gradients), roundings=32)


@pytest.mark.parametrize("shapes", SHAPES)
def test_a_complex_step_gives_the_gradients(shapes):
    g, x, template = drawn(shapes, seed=1)
    assert_all_close(similarity.backward(g, x, template), complex_step(similarity, g, (x, template)), roundings=32)


def test_a_complex_step_from_a_window_of_norm_0_is_0():
    x, template = np.array([[[0.0, 0.0, 3.0]]]), np.array([[[1.0, 2.0]]])
    (of_x, _) = complex_step(similarity, np.ones((1, 1, 2)), (x, template))
    right = similarity.backward(np.ones((1, 1, 2)), x, template)[0]
    assert of_x[0, 0, 0] == right[0, 0, 0] == 0
    assert similarity.forward(np.array([[[1e-200j, 0, 3]]]), template)[0, 0, 0] == 0


def test_complex_numbers_are_neither_conjugated_nor_made_absolute():
    """y² · Σw² · Σt² = (Σ w·t)², and a factor of i on both sides is a factor of 1.

    Fewer than 32 roundings lead to either side, each of at most one part in 2⁵² of what the sums are without cancelling.
    """
    rng = np.random.default_rng(2)
    x, template = rng.standard_normal((2, 1, 1, 3)) + 1j * rng.standard_normal((2, 1, 1, 3))
    y = similarity.forward(x, template)[0, 0, 0]
    sums = (abs(x) ** 2).sum() * (abs(template) ** 2).sum()  # no less than (Σ |w·t|)²
    off = abs(y**2 * (x**2).sum() * (template**2).sum() - (x * template).sum() ** 2)
    assert off < 32 * 2.0**-52 * (1 + abs(y) ** 2) * sums
    real = drawn(SHAPES[0])[1:]
    assert np.abs(similarity.forward(*(1j * a for a in real)) - similarity.forward(*real)).max() < 32 * 2.0**-52


def test_the_gradients_of_complex_numbers_are_complex_derivatives():
    """(J(a + hv) − J(a − hv)) / 2h = ⟨∂J/∂a, v⟩ + O(h²) in a complex direction v, with J = Σ g·y and complex g."""
    first, second = drawn(SHAPES[1], seed=3), drawn(SHAPES[1], seed=4)
    g, *inputs = (a + 0.5j * b for a, b in zip(first, second, strict=True))

    def J(step, place):
        return (g * similarity.forward(*(a + step if at == place else a for at, a in enumerate(inputs)))).sum()

    for place, gradient in enumerate(similarity.backward(g, *inputs)):
        step = (1 - 2j) * 2.0**-17 * second[1 + place]
        difference = (J(step, place) - J(-step, place)) / 2
        assert abs(difference - (gradient * step).sum()) <= 2.0**-26 * np.abs(gradient * step).sum()


@pytest.mark.parametrize("dtype", ["float32", "float64", "longdouble"])
@pytest.mark.parametrize("exponents", [(20, -20), (-20, 20), (-60, -60), (60, 60), (100, -100)])
def test_scaling_by_a_power_of_2_changes_not_a_bit(exponents, dtype):
    """Y stays, and each gradient is divided by the scale of its input, though squares would overflow float32."""
    g, x, template = drawn(SHAPES[1], dtype=dtype)
    y, grad_x, grad_template = results(g, x, template)
    a, b = exponents
    scaled = results(g, np.ldexp(x, a), np.ldexp(template, b))
    for found, right in zip(scaled, (y, np.ldexp(grad_x, -a), np.ldexp(grad_template, -b)), strict=True):
        assert np.array_equal(found, right)


def test_windows_of_very_different_size_are_each_as_precise():
    """2⁻⁶⁰⁰ beside 2⁶⁰⁰: one scale for both would lose one of them, their squares all the more."""
    g, x, template = drawn(((1, 1, 6), (1, 1, 2)))
    y, grad_x, _ = results(g, x, template)
    large = np.ldexp(x, [600] * 3 + [-600] * 3)
    found, of_x, _ = results(g, large, template)
    for i in (0, 1, 3, 4):  # but for the window that holds both
        assert found[0, 0, i] == y[0, 0, i]
    assert np.array_equal(of_x[0, 0, [0, 1]], np.ldexp(grad_x[0, 0, [0, 1]], -600))
    assert np.array_equal(of_x[0, 0, [4, 5]], np.ldexp(grad_x[0, 0, [4, 5]], 600))


@pytest.mark.parametrize("number", [5e-324, 2.0**-1060, 2.0**1023, np.finfo(float).max])
def test_the_smallest_and_the_largest_numbers_have_directions(number):
    y = similarity.forward(np.full((1, 1, 4), number), np.full((1, 1, 4), 3.0))
    assert abs(y - 1) <= 2.0**-51
    similarity.backward(y, np.full((1, 1, 4), number), np.full((1, 1, 4), number))


def test_of_what_has_no_norm_there_is_no_similarity_and_no_gradient():
    x, template = np.array([[[0.0, 0.0, 3.0, 4.0]]]), np.array([[[0.0, 0.0]], [[3.0, 4.0]]])
    y, grad_x, grad_template = results(np.ones((1, 2, 3)), x, template)
    assert np.abs(y - [[[0, 0, 0], [0, 0.8, 1]]]).max() <= 2.0**-52
    assert not y[0, 0].any()
    assert y[0, 1, 0] == 0
    assert grad_x[0, 0, 0] == 0
    assert not grad_template[0].any()
    nothing = results(np.ones((1, 2, 3)), 0 * x, template)
    assert not any(a.any() for a in nothing)


def test_a_gradient_is_orthogonal_to_what_it_is_of():
    """y does not change along w or t (its degree is 0), so Euler's ⟨∂J/∂x, x⟩ = 0 and ⟨∂J/∂t, t⟩ = 0."""
    g, x, template = drawn(SHAPES[1])
    _, grad_x, grad_template = results(g, x, template)
    assert abs((grad_x * x).sum()) <= 2.0**-46
    assert (np.abs((grad_template * template).sum(axis=(1, 2, 3))) <= 2.0**-46).all()


@pytest.mark.parametrize("dtype", ["int8", "int64", bool])
def test_whole_numbers_give_float64(dtype):
    x, template = np.array([[[1, 0, 1]]]).astype(dtype), np.array([[[1, 1]]]).astype(dtype)
    found = results(np.array([[[1, 2]]]), x, template)
    assert {a.dtype for a in found} == {np.dtype(np.float64)}
    for a, b in zip(found, results(np.array([[[1.0, 2.0]]]), x.astype(float), template.astype(float)), strict=True):
        assert np.array_equal(a, b)


def test_float16_is_computed_in_float32_and_rounded_once():
    """Squares of 300 are no float16, and what is found in float32 is rounded to half a unit in the last place."""
    g, x, template = (
        a.astype(np.float16) for a in (a * s for a, s in zip(drawn(SHAPES[1]), (1, 300, 300), strict=True))
    )
    found, right = results(g, x, template), textbook(x, template, g)
    for a, exact in zip(found[:1], right[:1], strict=True):
        assert a.dtype == np.float16
        assert ulps(a, exact) <= 0.51
    assert all(a.dtype == np.float16 for a in found)


def test_an_infinite_window_has_no_direction_and_the_others_keep_theirs():
    x, template = np.array([[[3.0, 4.0, np.inf, np.nan]]]), np.array([[[3.0, 4.0]]])
    y, grad_x, _ = results(np.ones((1, 1, 3)), x, template)
    assert abs(y[0, 0, 0] - 1) <= 2.0**-52
    assert np.isnan(y[0, 0, 1:]).all()
    assert np.isnan(grad_x[0, 0, 1:]).all()
    assert abs(grad_x[0, 0, 0]) <= 2.0**-53


def test_an_empty_batch_gives_no_outputs_and_zero_gradients():
    x, template = np.zeros((0, 2, 4), np.float32), np.ones((3, 2, 2), np.float32)
    y, grad_x, grad_template = results(np.zeros((0, 3, 3), np.float32), x, template)
    assert (y.shape, grad_x.shape) == ((0, 3, 3), (0, 2, 4))
    assert grad_template.shape == template.shape
    assert not grad_template.any()
    assert {a.dtype for a in (y, grad_x, grad_template)} == {np.dtype(np.float32)}


def test_inputs_stay_as_they_are_and_any_layout_will_do():
    arrays = drawn(SHAPES[1])
    expected = results(*arrays)
    for layout in (
        lambda a: a.T.copy().T,
        lambda a: np.flip(np.flip(a).copy()),
        lambda a: np.repeat(a, 2, -1)[..., ::2],
    ):
        others = [layout(a) for a in arrays]
        for a in others:
            a.flags.writeable = False
        assert_all_close(results(*others), expected, roundings=8)
    assert all(np.array_equal(a, b) for a, b in zip(arrays, drawn(SHAPES[1]), strict=True))


@pytest.mark.parametrize(
    ("x", "template", "message"),
    [
        ((4, 4), (1, 1, 2), "x has shape (4, 4) and template (1, 1, 2); expected (N, C, *size) and (O, C, *kernel)"),
        ((1, 1, 4), (1, 1, 2, 2), "x has shape (1, 1, 4) and template (1, 1, 2, 2); expected"),
        ((1, 3, 4), (2, 1, 2), "x has 3 channels and template (2, 1, 2); expected template (2, 3, *kernel)"),
        ((1, 0, 4), (2, 0, 2), "x has 0 channels and template (2, 0, 2); expected template (2, C, *kernel)"),
        ((1, 1, 4), (0, 1, 2), "expected template (O, 1, *kernel)"),
        ((1, 1, 4), (1, 1, 5), "the kernel does not fit: along axis 0 it spans 5"),
        ((1, 1, 4), (1, 1, 0), "the kernel has no elements along axis 0"),
    ],
)
def test_what_does_not_fit_is_named_with_its_numbers(x, template, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        similarity.forward(np.zeros(x), np.zeros(template))
    with pytest.raises(ValueError, match=re.escape(message)):
        similarity.backward(np.zeros(1), np.zeros(x), np.zeros(template))


def test_objects_have_no_square_roots():
    with pytest.raises(ValueError, match="numbers of dtype object do not have"):
        similarity.forward(np.zeros((1, 1, 4), object), np.zeros((1, 1, 2)))


@pytest.mark.parametrize("shape", [(1, 2, 4), (2, 2, 3), (1, 3)])
def test_a_cotangent_that_does_not_fit_y_is_named_with_its_shape(shape):
    with pytest.raises(ValueError, match=re.escape(f"grad_output has shape {shape}; y has (1, 2, 3)")):
        similarity.backward(np.zeros(shape), np.zeros((1, 1, 4)), np.zeros((2, 1, 2)))
