"""Pooling, transposed convolution and similarity by other algorithms than the reference's: what no law may reject."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np

from reference import conv
from reference._window import pooling_window
from tests.laws.right_conv import ByFFT, OffsetByOffset


class MaxPoolByWindows:
    """Every window laid out, with −∞ around x; of the largest, which may be several, the last takes all."""

    def forward(self, x, **p):
        laid, _ = self._laid(x, p)
        return laid.max(-1)

    def backward(self, g, x, **p):
        laid, over = self._laid(x, p)
        inside, _ = self._laid(np.ones_like(x), p)
        tied = (inside == 1) & (laid == laid.max(-1, keepdims=True))
        shares = self.shares(tied).astype(x.dtype) * g[..., None]
        padded = np.zeros((*x.shape[:2], *over.padded), x.dtype)
        for offset, share in zip(product(*map(range, over.kernel)), np.moveaxis(shares, -1, 0), strict=True):
            padded[(..., *_met(offset, over))] += share
        return (padded[(..., *_inside(over))],)

    @staticmethod
    def shares(tied):
        """1 for the last that is tied, 0 for all others."""
        last = tied.shape[-1] - 1 - tied[..., ::-1].argmax(-1)
        return np.arange(tied.shape[-1]) == last[..., None]

    @staticmethod
    def _laid(x, p):
        """(N, C, *output, elements of the window)."""
        over = _pooling(x, p)
        around = np.full((*x.shape[:2], *over.padded), -np.inf, x.dtype)
        around[(..., *_inside(over))] = x
        axes = tuple(range(2, x.ndim))
        windows = np.lib.stride_tricks.sliding_window_view(around, over.span, axes)
        places = [slice(0, (o - 1) * s + 1, s) for o, s in zip(over.output, over.stride, strict=True)]
        spread = [slice(None, None, d) for d in over.dilation]
        laid = windows[(slice(None), slice(None), *places, *spread)]
        return laid.reshape(*laid.shape[: x.ndim], prod(over.kernel)), over


class MaxPoolWithEqualShares(MaxPoolByWindows):
    """Every window laid out, with −∞ around x; the largest share equally."""

    @staticmethod
    def shares(tied):
        """One over how many are tied, for each of them."""
        return tied / tied.sum(-1, keepdims=True)


class AvgPoolAsConvolution:
    """Each map convolved with a kernel of ones, times 1/count, where counting is such a convolution too."""

    def forward(self, x, **p):
        around, counts, over, ones = self._parts(x, p)
        return conv.forward(around, ones, None, stride=over.stride, groups=x.shape[1]) * (1 / counts)

    def backward(self, g, x, **p):
        around, counts, over, ones = self._parts(x, p)
        back, *_ = conv.backward(g * (1 / counts), around, ones, None, stride=over.stride, groups=x.shape[1])
        return (back[(..., *_inside(over))],)

    @staticmethod
    def _parts(x, p):
        """X with zeros around it, how many elements each window has, the window, and the kernel of ones."""
        over = _pooling(x, p)
        ones = np.ones((x.shape[1], 1, *over.kernel), x.dtype)
        there = _around(np.ones((1, 1, *x.shape[2:]), x.dtype), over)
        if p["count_include_pad"]:  # padding counts, but not what ceil_mode reaches beyond it
            there[(..., *(slice(0, n + 2 * b) for n, b in zip(over.size, over.before, strict=True)))] = 1
        return _around(x, over), conv.forward(there, ones[:1], None, stride=over.stride), over, ones


class AvgPoolOffsetByOffset(AvgPoolAsConvolution):
    """Adds one element of every window after another, last first, each divided before it is added."""

    def forward(self, x, **p):
        around, counts, over, _ = self._parts(x, p)
        y = np.zeros((*x.shape[:2], *over.output), x.dtype)
        for offset in reversed(list(product(*map(range, over.kernel)))):
            y += around[(..., *_met(offset, over))] / counts
        return y

    def backward(self, g, x, **p):
        around, counts, over, _ = self._parts(x, p)
        back = np.zeros_like(around)
        for offset in reversed(list(product(*map(range, over.kernel)))):
            back[(..., *_met(offset, over))] += g / counts
        return (back[(..., *_inside(over))],)


class SubsampleByReshape:
    """Blocks made axes of their own and summed; the gradient repeats along each axis."""

    def forward(self, x, coefficient, bias, *, kernel_size):
        return _laid(coefficient, x) * self._sums(x, kernel_size) + _laid(bias, x)

    def backward(self, g, x, coefficient, bias, *, kernel_size):  # noqa: ARG002, the protocol's
        over = (0, *range(2, x.ndim))
        back = g * _laid(coefficient, x)
        for axis, k in enumerate(_sizes(x, kernel_size)):
            back = np.repeat(back, k, axis + 2)
        grad_x = np.zeros_like(x)
        grad_x[tuple(slice(0, n) for n in back.shape)] = back
        return grad_x, (g * self._sums(x, kernel_size)).sum(over), g.sum(over)

    @staticmethod
    def _sums(x, kernel_size):
        for axis, k in enumerate(_sizes(x, kernel_size), 2):
            count = x.shape[axis] // k
            cut = np.take(x, range(count * k), axis)
            x = cut.reshape(*cut.shape[:axis], count, k, *cut.shape[axis + 1 :]).sum(axis + 1)
        return x


class SubsampleByConvolution:
    """Each map convolved with a kernel that is its coefficient throughout, as far apart as the kernel is large."""

    def forward(self, x, coefficient, bias, *, kernel_size):
        weight, moves = self._as_conv(x, coefficient, kernel_size)
        return conv.forward(x, weight, bias, **moves)

    def backward(self, g, x, coefficient, bias, *, kernel_size):
        weight, moves = self._as_conv(x, coefficient, kernel_size)
        grad_x, grad_weight, grad_bias = conv.backward(g, x, weight, bias, **moves)
        return grad_x, grad_weight.sum(tuple(range(1, x.ndim))), grad_bias

    @staticmethod
    def _as_conv(x, coefficient, kernel_size):
        sizes = _sizes(x, kernel_size)
        weight = np.broadcast_to(coefficient.reshape(-1, *(1,) * (x.ndim - 1)), (x.shape[1], 1, *sizes))
        return weight, {"stride": sizes, "groups": x.shape[1]}


class ConvTransposeByZeros:
    """Zeros between the elements of x and all around it, correlated with the kernel turned by 180°."""

    def forward(self, x, weight, bias, **p):
        laid, kernel, moves = self._as_conv(x, weight, p)
        return conv.forward(laid, kernel, bias, **moves)[(..., *_kept(x, weight, p))]

    def backward(self, g, x, weight, bias, **p):
        laid, kernel, moves = self._as_conv(x, weight, p)
        cotangent = np.zeros_like(conv.forward(laid, kernel, None, **moves))
        cotangent[(..., *_kept(x, weight, p))] = g
        grad_laid, grad_kernel, _ = conv.backward(cotangent, laid, kernel, None, **moves)
        return grad_laid[(..., *_among_zeros(x, weight, p))], _turned(grad_kernel, p), _of_bias(g, bias)

    @staticmethod
    def _as_conv(x, weight, p):
        places, more = _among_zeros(x, weight, p), _sizes(x, p["output_padding"])
        size = [at.stop + at.start + m for at, m in zip(places, more, strict=True)]
        laid = np.zeros((*x.shape[:2], *size), x.dtype)
        laid[(..., *places)] = x
        return laid, _turned(weight, p), {"dilation": p["dilation"], "groups": p["groups"]}


@dataclass(frozen=True)
class ConvTransposeAsAdjoint:
    """A convolution's gradient of its input is this layer's forward; its forward, applied to g, this layer's backward."""

    convolution: OffsetByOffset | ByFFT

    def forward(self, x, weight, bias, **p):
        y, ends = self._whole(x, weight, p)
        y[ends], *_ = self.convolution.backward(x, y[ends], weight, None, **self._moves(p))
        y = y[(..., *_kept(x, weight, p))]
        return y if bias is None else y + _laid(bias, x)

    def backward(self, g, x, weight, bias, **p):
        whole, ends = self._whole(x, weight, p)
        whole[(..., *_kept(x, weight, p))] = g
        _, grad_weight, _ = self.convolution.backward(x, whole[ends], weight, None, **self._moves(p))
        return self.convolution.forward(whole[ends], weight, None, **self._moves(p)), grad_weight, _of_bias(g, bias)

    @staticmethod
    def _whole(x, weight, p):
        """Zeros in place of y before anything is cut off, and how much of it kernels are laid on."""
        reached = [at.stop for at in _among_zeros(x, weight, p)]
        size = [n + m for n, m in zip(reached, _sizes(x, p["output_padding"]), strict=True)]
        return np.zeros((len(x), weight.shape[1] * p["groups"], *size), x.dtype), (..., *map(slice, reached))

    @staticmethod
    def _moves(p):
        return {"stride": p["stride"], "padding": 0, "dilation": p["dilation"], "groups": p["groups"], "flip": False}


class SimilarityByConvolution:
    """⟨w, t⟩ by convolution with the template, ‖w‖² by convolution of x² with ones; the chain rule through both."""

    def forward(self, x, template):
        inner, squares, norms = self._parts(x, template)
        return inner / (np.sqrt(squares) * norms)

    def backward(self, g, x, template):
        inner, squares, norms = self._parts(x, template)
        d_inner = g / (np.sqrt(squares) * norms)
        d_squares = -(d_inner * inner).sum(1, keepdims=True) / (2 * squares)
        grad_x, grad_template, _ = conv.backward(d_inner, x, template, None)
        grad_squares, *_ = conv.backward(d_squares, x * x, np.ones_like(template[:1]), None)
        along = (d_inner * inner).sum((0, *range(2, x.ndim)), keepdims=True) / norms**2
        return grad_x + 2 * x * grad_squares, grad_template - template * np.moveaxis(along, 1, 0)

    @staticmethod
    def _parts(x, template):
        squares = conv.forward(x * x, np.ones_like(template[:1]), None)
        norms = np.sqrt((template * template).sum(tuple(range(1, x.ndim))))
        return conv.forward(x, template, None), squares, _laid(norms, x)


class SimilarityPlaceByPlace:
    """Takes the windows of one place after another, and divides each by its norm before it is multiplied."""

    def forward(self, x, template):
        t, _ = self._directions(template)
        y = [self._directions(x[at])[0] @ t.T for at in self._places(x, template)]
        size = (n - k + 1 for n, k in zip(x.shape[2:], template.shape[2:], strict=True))
        return np.stack(y, axis=-1).reshape(len(x), len(t), *size)

    def backward(self, g, x, template):
        t, norms = self._directions(template)
        grad_x, grad_t = np.zeros_like(x), np.zeros_like(t)
        cotangents = np.moveaxis(g.reshape(*g.shape[:2], prod(g.shape[2:])), -1, 0)
        for at, cotangent in zip(self._places(x, template), cotangents, strict=True):
            w, lengths = self._directions(x[at])
            along = cotangent * (w @ t.T)
            grad_x[at] += ((cotangent @ t - w * along.sum(1, keepdims=True)) / lengths).reshape(x[at].shape)
            grad_t += (cotangent.T @ w - t * along.sum(0)[:, None]) / norms
        return grad_x, grad_t.reshape(template.shape)

    @staticmethod
    def _directions(a):
        """Each of these, in a row, over its norm; and the norms."""
        rows = a.reshape(len(a), prod(a.shape[1:]))
        norms = np.sqrt((rows * rows).sum(1, keepdims=True))
        return rows / norms, norms

    @staticmethod
    def _places(x, template):
        kernel = template.shape[2:]
        for first in product(*(range(n - k + 1) for n, k in zip(x.shape[2:], kernel, strict=True))):
            yield (..., *(slice(f, f + k) for f, k in zip(first, kernel, strict=True)))


def _among_zeros(x, weight, p):
    """Where the elements of x stand, one stride apart, behind as many zeros as a kernel reaches back."""
    moves = zip(x.shape[2:], weight.shape[2:], _sizes(x, p["stride"]), _sizes(x, p["dilation"]), strict=True)
    return tuple(slice((k - 1) * d, (k - 1) * d + (n - 1) * s + 1, s) for n, k, s, d in moves)


def _kept(x, weight, p):
    """What is left of all that kernels are laid on: `output_padding` is added to its end, `padding` cut off both."""
    ends = zip(_among_zeros(x, weight, p), _sizes(x, p["padding"]), _sizes(x, p["output_padding"]), strict=True)
    return tuple(slice(cut, at.stop + more - cut) for at, cut, more in ends)


def _turned(weight, p):
    """The kernel turned by 180°, its channels in and out exchanged within each group: done twice, it is itself again."""
    grouped = weight.reshape(p["groups"], -1, *weight.shape[1:]).swapaxes(1, 2)
    return np.flip(grouped.reshape(-1, *grouped.shape[2:]), tuple(range(2, weight.ndim)))


def _of_bias(g, bias):
    return None if bias is None else g.sum((0, *range(2, g.ndim)))


def _pooling(x, p):
    """The window that these parameters of a pooling describe."""
    known = ("stride", "padding", "dilation", "ceil_mode")
    return pooling_window(x.shape[2:], p["kernel_size"], **{name: p[name] for name in known if name in p})


def _around(x, over):
    """X with zeros as far as windows reach."""
    around = np.zeros((*x.shape[:2], *over.padded), x.dtype)
    around[(..., *_inside(over))] = x
    return around


def _inside(over):
    """Where x lies in what is around it."""
    return tuple(slice(b, b + n) for b, n in zip(over.before, over.size, strict=True))


def _met(offset, over):
    """What every window meets through one kernel offset."""
    moves = zip(offset, over.dilation, over.output, over.stride, strict=True)
    return tuple(slice(k * d, k * d + (o - 1) * s + 1, s) for k, d, o, s in moves)


def _sizes(x, kernel_size):
    return kernel_size if isinstance(kernel_size, tuple) else (kernel_size,) * (x.ndim - 2)


def _laid(numbers, x):
    """One number for each map of x."""
    return numbers.reshape(-1, *(1,) * (x.ndim - 2))


BY_OP = {
    "max_pool": {MaxPoolByWindows: "float64", MaxPoolWithEqualShares: "float16"},
    "avg_pool": {AvgPoolAsConvolution: "float32", AvgPoolOffsetByOffset: "float64"},
    "conv_transpose": {
        ConvTransposeByZeros: "float32",
        ConvTransposeAsAdjoint(OffsetByOffset()): "float64",
    },
    "similarity": {SimilarityByConvolution: "float64", SimilarityPlaceByPlace: "float64"},
    "subsample": {SubsampleByReshape: "float32", SubsampleByConvolution: "float64"},
}
