"""Adaptive means, upsampling, pixel shuffle, unfold, fold, padding, norms of windows: torch, dtypes, what is refused."""

from __future__ import annotations

import re

import numpy as np
import pytest
from torch.nn import functional

from reference import (
    adaptive_avg_pool,
    adaptive_max_pool,
    fold,
    grid_sample,
    lp_pool,
    pad,
    pixel_shuffle,
    unfold,
    upsample,
)
from tests.reference.witnesses import assert_all_close, assert_close, of_torch

ADAPTIVE = [((2, 3, 7), (3,)), ((1, 2, 7, 5), (3, 4)), ((2, 1, 4, 3), (1, 5)), ((1, 1, 3, 4, 5), (2, 2, 2))]
SCALES = [("nearest", False), ("linear", False), ("linear", True), ("cubic", False), ("cubic", True)]


def assert_is_torchs(op, function, x, **parameters):
    """y and the gradient, to within a few roundings of the largest number."""
    rng = np.random.default_rng(1)
    g = rng.standard_normal(op.forward(x, **parameters).shape)
    y, gradients = of_torch(function, g, x)
    assert_close(op.forward(x, **parameters), y, 64)
    assert_all_close(op.backward(g, x, **parameters), gradients, 64)


@pytest.mark.parametrize(("shape", "output"), ADAPTIVE)
def test_adaptive_means_are_torchs(shape, output):
    x = np.random.default_rng(2).standard_normal(shape)
    pool = (functional.adaptive_avg_pool1d, functional.adaptive_avg_pool2d, functional.adaptive_avg_pool3d)[
        len(output) - 1
    ]
    assert_is_torchs(adaptive_avg_pool, lambda t: pool(t, output), x, output_size=output)


@pytest.mark.parametrize(("shape", "output"), ADAPTIVE)
def test_adaptive_maxima_are_torchs(shape, output):
    """Also where the largest stands twice in a window."""
    x = np.random.default_rng(2).integers(-2, 3, shape).astype(float)
    pool = (functional.adaptive_max_pool1d, functional.adaptive_max_pool2d, functional.adaptive_max_pool3d)[
        len(output) - 1
    ]
    assert_is_torchs(adaptive_max_pool, lambda t: pool(t, output), x, output_size=output)


@pytest.mark.parametrize(("shape", "moves"), [((2, 3, 7), {"stride": 1}), ((1, 2, 7, 6), {"stride": (2, 3)})])
@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
def test_norms_of_windows_are_torchs(shape, moves, p):
    """Of positive numbers, since torch takes the power of x and not of |x|."""
    x = np.random.default_rng(2).uniform(0.5, 2, shape)
    pool = (functional.lp_pool1d, functional.lp_pool2d)[len(shape) - 3]
    moves = {"norm_type": p, "kernel_size": 2, **moves}
    assert_is_torchs(lp_pool, lambda t: pool(t, **moves), x, **moves)


@pytest.mark.parametrize("mode", grid_sample.MODES)
@pytest.mark.parametrize("padding", grid_sample.PADDINGS)
@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("size", [(3, 4), (1, 5), (2, 3, 4)])
def test_grid_sampling_is_torchs(mode, padding, aligned, size):
    """Inside, outside and far outside; the gradient of the grid too."""
    rng, axes = np.random.default_rng(2), len(size)
    x, grid = rng.standard_normal((2, 3, *size)), rng.uniform(-2.5, 2.5, (2, *(5, 4, 2)[:axes], axes))
    asked = {"mode": mode, "padding_mode": padding, "align_corners": aligned}
    g = rng.standard_normal(grid_sample.forward(x, grid, **asked).shape)
    called = {**asked, "mode": "bilinear" if mode == "linear" else mode}
    y, gradients = of_torch(lambda x, grid: functional.grid_sample(x, grid, **called), g, x, grid)
    assert_close(grid_sample.forward(x, grid, **asked), y, 256)
    assert_all_close(grid_sample.backward(g, x, grid, **asked), gradients, 256)


@pytest.mark.parametrize(
    ("x", "grid", "asked", "words"),
    [
        ((1, 1), (1, 1), {}, "x has shape (1, 1); expected (N, C, *size)"),
        ((1, 1, 0), (1, 2, 1), {}, "x has shape (1, 1, 0); expected (N, C, *size)"),
        ((1, 1, 2, 3), (1, 2, 2, 3), {}, "2 coordinates for each"),
        ((2, 1, 3), (1, 2, 1), {}, "as many samples"),
        ((1, 1, 3), (1, 2, 1), {"mode": "bicubic"}, "mode is 'bicubic'; expected one of linear, nearest"),
        ((1, 1, 3), (1, 2, 1), {"padding_mode": "wrap"}, "padding_mode is 'wrap'; expected one of zeros, border"),
    ],
)
def test_what_no_grid_can_sample_is_refused_in_words(x, grid, asked, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        grid_sample.forward(np.ones(x), np.zeros(grid), **asked)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_norms_leave_no_range(dtype):
    """x^p and its inverse are beyond the range where y is not; windows of infinities have norms too."""
    x = np.array([[[3, 4, 3e-3, 4e-3, 3e4, 4e4, np.inf, 1]]]).astype(dtype)
    y = lp_pool.forward(x, norm_type=60)
    assert y.dtype == dtype
    assert np.allclose(y, [[[4, 4e-3, 4e4, np.inf]]], rtol=1e-2, atol=0)
    (gradient,) = lp_pool.backward(np.ones_like(y), x, norm_type=60)
    assert gradient.dtype == dtype
    assert np.all(np.isfinite(gradient[..., :6]))


@pytest.mark.parametrize("p", [0.5, float("nan"), float("inf"), True])
def test_a_norm_of_no_such_p_is_refused_in_words(p):
    with pytest.raises(ValueError, match=r"norm_type is .*; expected a number of at least 1"):
        lp_pool.forward(np.ones((1, 1, 4)), norm_type=p)


@pytest.mark.parametrize(("mode", "aligned"), SCALES)
@pytest.mark.parametrize("scale", [1, 2, 3, (4, 2)])
def test_upsampling_is_torchs(mode, aligned, scale):
    x = np.random.default_rng(3).standard_normal((2, 2, 5, 4))
    name = {"linear": "bilinear", "cubic": "bicubic"}.get(mode, mode)
    factors = tuple(map(float, scale)) if isinstance(scale, tuple) else float(scale)
    corners = None if mode == "nearest" else aligned

    def up(t):
        return functional.interpolate(t, scale_factor=factors, mode=name, align_corners=corners)

    assert_is_torchs(upsample, up, x, scale=scale, mode=mode, align_corners=aligned)


def test_pixel_shuffle_and_unfold_are_torchs():
    rng = np.random.default_rng(4)
    assert_is_torchs(
        pixel_shuffle, lambda t: functional.pixel_shuffle(t, 3), rng.standard_normal((2, 18, 2, 3)), upscale_factor=3
    )
    moves = {"kernel_size": (2, 3), "dilation": (2, 1), "padding": 1, "stride": (1, 2)}
    assert_is_torchs(unfold, lambda t: functional.unfold(t, **moves), rng.standard_normal((2, 3, 7, 5)), **moves)


def test_fold_is_torchs():
    moves = {"output_size": (7, 5), "kernel_size": (2, 3), "dilation": (2, 1), "padding": 1, "stride": (1, 2)}
    x = np.random.default_rng(5).standard_normal((2, 18, 21))
    assert_is_torchs(fold, lambda t: functional.fold(t, **moves), x, **moves)


@pytest.mark.parametrize("mode", pad.MODES)
@pytest.mark.parametrize(("before", "after"), [((2,), (1,)), ((3, 0), (1, 4)), ((1, 2, 0), (2, 1, 2))])
def test_padding_is_torchs(mode, before, after):
    x = np.random.default_rng(6).standard_normal((1, 2, 4, 5, 3)[: 2 + len(before)])
    ends = [end for pair in reversed(list(zip(before, after, strict=True))) for end in pair]
    assert_is_torchs(pad, lambda t: functional.pad(t, ends, mode), x, before=before, after=after, mode=mode)


@pytest.mark.parametrize("dtype", ["float16", "float32", "longdouble", "complex128"])
def test_the_dtype_is_that_of_x_and_whole_numbers_become_floats_where_they_are_divided(dtype):
    x = np.ones((1, 4, 3, 3), dtype)
    assert {op.forward(x).dtype for op in (adaptive_avg_pool, upsample, pixel_shuffle, unfold, pad)} == {x.dtype}
    assert fold.forward(x[..., 0], output_size=(2, 4), kernel_size=2).dtype == x.dtype
    whole = np.ones((1, 4, 3, 3), int)
    assert adaptive_avg_pool.forward(whole).dtype == upsample.forward(whole).dtype == np.float64
    assert pixel_shuffle.forward(whole).dtype == unfold.forward(whole).dtype == whole.dtype


def test_a_mean_in_float16_is_summed_in_float32():
    """The sum of 4096 times 40 is infinite in float16."""
    x = np.full((1, 1, 4096), 40, np.float16)
    assert adaptive_avg_pool.forward(x).tolist() == [[[40]]]


X = np.ones((1, 4, 3, 3))
REFUSED = [
    (
        adaptive_avg_pool,
        np.ones((2, 3)),
        {},
        "x has shape (2, 3); expected (N, C, *size) with at least one spatial axis",
    ),
    (adaptive_avg_pool, X, {"output_size": 0}, "output_size is 0; expected a whole number of at least 1, or 2 of them"),
    (adaptive_avg_pool, X, {"output_size": (1, 2, 3)}, "output_size is (1, 2, 3); expected a whole number"),
    (upsample, np.ones((1, 1, 0)), {}, "x has shape (1, 1, 0); expected (N, C, *size) with at least one spatial axis"),
    (upsample, X, {"scale": 1.5}, "scale is 1.5; expected"),
    (upsample, X, {"mode": "bilinear"}, "mode is 'bilinear'; expected one of nearest, linear, cubic"),
    (upsample, X, {"align_corners": True}, "align_corners is True, which makes no sense for mode nearest"),
    (
        pixel_shuffle,
        X,
        {"upscale_factor": 3},
        "x has shape (1, 4, 3, 3); expected (N, C·9, H, W), for upscale_factor 3",
    ),
    (pixel_shuffle, X, {"upscale_factor": 0}, "upscale_factor is 0; expected a whole number of at least 1"),
    (unfold, np.ones((1, 2)), {}, "x has shape (1, 2); expected (N, C, *size) with at least one spatial axis"),
    (
        fold,
        X[0],
        {"output_size": (3, 3)},
        "x has shape (4, 3, 3); expected (N, C·4, 4): a column for each of the windows",
    ),
    (fold, X[0], {"output_size": 0}, "output_size is 0; expected a whole number of at least 1 for each spatial axis"),
    (
        fold,
        X[0],
        {"output_size": 4, "kernel_size": (2, 2)},
        "kernel_size is (2, 2) and output_size 4; expected as many",
    ),
    (pad, np.ones((1, 2)), {}, "x has shape (1, 2); expected (N, C, *size) with at least one spatial axis"),
    (pad, X, {"mode": "wrap"}, "mode is 'wrap'; expected one of constant, reflect, replicate, circular"),
    (pad, X, {"before": -1}, "before is -1; expected at least 0"),
    (
        pad,
        X,
        {"after": (0, 3), "mode": "reflect"},
        "3 numbers cannot be added by mode reflect along axis 1 of size 3; 2 at most",
    ),
]


@pytest.mark.parametrize(("op", "x", "parameters", "sentence"), REFUSED)
def test_what_makes_no_sense_is_named_with_its_numbers(op, x, parameters, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        op.forward(x, **parameters)


@pytest.mark.parametrize("op", [adaptive_avg_pool, upsample, pixel_shuffle, unfold, pad])
def test_a_cotangent_of_another_shape_is_named_with_it(op):
    with pytest.raises(ValueError, match=re.escape(f"grad_output has shape (7,); y has {op.forward(X).shape}")):
        op.backward(np.ones(7), X)


def test_a_cotangent_of_another_shape_is_named_for_fold_too():
    with pytest.raises(ValueError, match=re.escape("grad_output has shape (7,); y has (4, 1, 4)")):
        fold.backward(np.ones(7), X[0][:, :2], output_size=4)
