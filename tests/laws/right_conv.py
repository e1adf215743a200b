"""Convolutions that are right in arithmetic that is not the reference's: what no law may reject."""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np

from reference import conv
from reference._window import Window, window


def _over(x, weight, p) -> Window:
    return window(x.shape[2:], weight.shape[2:], stride=p["stride"], padding=p["padding"], dilation=p["dilation"])


def _padded(x, over):
    return np.pad(x, [(0, 0), (0, 0), *zip(over.before, over.after, strict=True)])


def _turn(weight, p):
    return np.flip(weight, tuple(range(2, weight.ndim))) if p["flip"] else weight


class OffsetByOffset:
    """Sums kernel offsets one after another, last first, rounding after each: another order of summation."""

    def forward(self, x, weight, bias, **p):
        over, kernel, groups = _over(x, weight, p), _turn(weight, p), p["groups"]
        y = np.zeros((len(x), len(weight), *over.output), x.dtype)
        for k, at in self._meetings(over):
            part = _grouped(_padded(x, over)[(..., *at)], groups)
            taps = kernel[(..., *k)].reshape(groups, -1, weight.shape[1])
            for c in reversed(range(weight.shape[1])):
                product_ = taps[None, :, :, c, *(None,) * len(over.size)] * part[:, :, None, c]
                y += product_.reshape(y.shape)
        return y if bias is None else y + bias.reshape(-1, *(1,) * len(over.size))

    def backward(self, g, x, weight, bias, **p):
        over, kernel, groups = _over(x, weight, p), _turn(weight, p), p["groups"]
        cotangent = _grouped(g, groups)
        grad_padded = np.zeros((*x.shape[:2], *over.padded), x.dtype)
        grad_weight = np.zeros_like(weight)
        for k, at in self._meetings(over):
            part = _grouped(_padded(x, over)[(..., *at)], groups)
            taps = kernel[(..., *k)].reshape(groups, -1, weight.shape[1])
            back = np.zeros_like(part)
            for o in range(taps.shape[1]):
                back += taps[None, :, o, :, *(None,) * len(over.size)] * cotangent[:, :, o, None]
                for c in range(weight.shape[1]):
                    terms = _rows((cotangent[:, :, o] * part[:, :, c]).swapaxes(0, 1))
                    grad_weight.reshape(groups, -1, *weight.shape[1:])[(slice(None), o, c, *k)] = _one_by_one(terms)
            grad_padded[(..., *at)] += back.reshape(*x.shape[:2], *over.output)
        inside = tuple(slice(b, b + n) for b, n in zip(over.before, over.size, strict=True))
        grad_bias = None if bias is None else _one_by_one(_rows(g.swapaxes(0, 1)))
        return grad_padded[(..., *inside)], _turn(grad_weight, p), grad_bias

    @staticmethod
    def _meetings(over):
        for k in reversed(list(product(*map(range, over.kernel)))):
            yield (
                k,
                tuple(
                    slice(a * d, a * d + (o - 1) * s + 1, s)
                    for a, d, o, s in zip(k, over.dilation, over.output, over.stride, strict=True)
                ),
            )


def _rows(a):
    return a.reshape(len(a), prod(a.shape[1:]))


def _one_by_one(terms):
    """The sum of each row, strictly from left to right, rounded in the dtype after each addition."""
    total = np.zeros(len(terms), terms.dtype)
    for column in terms.T:
        total = total + column
    return total


class ByFFT:
    """Correlates by Fourier transform: right, but no whole number survives the way there and back."""

    def forward(self, x, weight, bias, **p):
        over, groups = _over(x, weight, p), p["groups"]
        axes = tuple(range(-len(over.size), 0))
        spread = _spread(_turn(weight, p), over.dilation)
        spectrum = self._spectrum(_padded(x, over), over.padded, axes)
        taps = np.conj(self._spectrum(spread, over.padded, axes))
        product_ = np.einsum("ngc...,goc...->ngo...", _grouped(spectrum, groups), _by_group(taps, groups))
        full = np.fft.irfftn(product_, over.padded, axes).reshape(len(x), len(weight), *over.padded)
        y = full[(..., *(slice(0, (o - 1) * s + 1, s) for o, s in zip(over.output, over.stride, strict=True)))]
        y = y.astype(x.dtype)
        return y if bias is None else y + bias.reshape(-1, *(1,) * len(over.size))

    def backward(self, g, x, weight, bias, **p):
        over, groups = _over(x, weight, p), p["groups"]
        axes = tuple(range(-len(over.size), 0))
        cotangent = self._spectrum(_spread(g, over.stride), over.padded, axes)
        taps = self._spectrum(_spread(_turn(weight, p), over.dilation), over.padded, axes)
        inputs = self._spectrum(_padded(x, over), over.padded, axes)
        back = np.einsum("ngo...,goc...->ngc...", _grouped(cotangent, groups), _by_group(taps, groups))
        grad_padded = np.fft.irfftn(back, over.padded, axes).reshape(*x.shape[:2], *over.padded)
        inside = tuple(slice(b, b + n) for b, n in zip(over.before, over.size, strict=True))
        met = np.einsum("ngo...,ngc...->goc...", np.conj(_grouped(cotangent, groups)), _grouped(inputs, groups))
        lags = np.fft.irfftn(met, over.padded, axes).reshape(*weight.shape[:2], *over.padded)
        grad = lags[(..., *(slice(0, (k - 1) * d + 1, d) for k, d in zip(over.kernel, over.dilation, strict=True)))]
        grad_bias = None if bias is None else g.sum((0, *range(2, g.ndim)))
        return grad_padded[(..., *inside)].astype(x.dtype), _turn(grad, p).astype(x.dtype), grad_bias

    @staticmethod
    def _spectrum(a, shape, axes):
        """In the precision of the array: float32 transforms in float32."""
        return np.fft.rfftn(a, shape, axes)


def _spread(a, steps):
    """A with steps − 1 zeros between its elements along each spatial axis."""
    size = [(n - 1) * s + 1 for n, s in zip(a.shape[2:], steps, strict=True)]
    spread = np.zeros((*a.shape[:2], *size), a.dtype)
    spread[(..., *(slice(None, None, s) for s in steps))] = a
    return spread


def _grouped(a, groups):
    return a.reshape(len(a), groups, a.shape[1] // groups, *a.shape[2:])


def _by_group(weight, groups):
    return weight.reshape(groups, -1, *weight.shape[1:])


class SinglePrecision:
    """Everything in float32, whatever comes in."""

    def forward(self, x, weight, bias, **p):
        return conv.forward(*_single(x, weight, bias), **p)

    def backward(self, g, x, weight, bias, **p):
        return conv.backward(*_single(g, x, weight, bias), **p)


def _single(*arrays):
    return [None if a is None else a.astype(np.float32) for a in arrays]
