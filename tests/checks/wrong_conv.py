"""Convolutions with one planted mistake each: what a law must catch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from reference import conv
from reference._window import Window, window


@dataclass(frozen=True)
class Wrong:
    """The reference, but for one mistake in what backward (or forward) returns.

    wrong    the results that come out wrong, as the report names them
    """

    name: str
    wrong: tuple[str, ...]
    mistaken_backward: Callable[..., Any]
    mistaken_forward: Callable[..., Any] = conv.forward

    def forward(self, x, weight, bias, **parameters):
        return self.mistaken_forward(x, weight, bias, **parameters)

    def backward(self, grad_output, x, weight, bias, **parameters):
        return self.mistaken_backward(grad_output, x, weight, bias, **parameters)


MISTAKES: list[Wrong] = []


def mistake(
    *wrong: str, forward: Callable[..., Any] = conv.forward
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a backward that changes the right gradients: (gradients, g, x, weight, bias, parameters) → gradients."""

    def register(change):
        def backward(g, x, weight, bias, **parameters):
            right = list(conv.backward(g, x, weight, bias, **parameters))
            return change(right, g, x, weight, bias, parameters)

        MISTAKES.append(Wrong(change.__name__, wrong, backward, forward))
        return change

    return register


def _over(x, weight, p) -> Window:
    return window(x.shape[2:], weight.shape[2:], stride=p["stride"], padding=p["padding"], dilation=p["dilation"])


def _weight_gradient(g, x, weight, p, *, stride=None, dilation=None):
    """grad_weight with another stride or dilation than forward had, on as much of x as that touches."""
    over = _over(x, weight, p)
    steps, spread = stride or over.stride, dilation or over.dilation
    spatial = range(len(over.size))
    padded = np.pad(x, [(0, 0), (0, 0), *zip(over.before, over.after, strict=True)])
    reach = [(over.output[a] - 1) * steps[a] + (over.kernel[a] - 1) * spread[a] + 1 for a in spatial]
    touched = padded[(..., *(slice(0, r) for r in reach))]
    moves = {"stride": steps, "dilation": spread, "groups": p["groups"], "flip": p["flip"]}
    return conv.backward(g, touched, weight, **moves)[1]


@mistake("grad_x")
def kernel_not_turned(right, g, x, weight, bias, p):
    """The kernel slides over the cotangent as it is, where the derivation turns it by 180°."""
    turned = np.flip(weight, tuple(range(2, weight.ndim)))
    return [conv.backward(g, x, turned, bias, **p)[0], *right[1:]]


@mistake("grad_weight")
def stride_ignored(right, g, x, weight, bias, p):
    """The weight gradient correlates with stride 1."""
    return [right[0], _weight_gradient(g, x, weight, p, stride=(1,) * (x.ndim - 2)), right[2]]


@mistake("grad_weight")
def dilation_ignored(right, g, x, weight, bias, p):
    """The weight gradient takes neighbouring inputs where forward skipped some."""
    return [right[0], _weight_gradient(g, x, weight, p, dilation=(1,) * (x.ndim - 2)), right[2]]


@mistake("grad_x")
def padding_not_cropped(right, g, x, weight, bias, p):
    """The gradient of the padded input, cut to size from the wrong end."""
    over = _over(x, weight, p)
    padded = np.pad(x, [(0, 0), (0, 0), *zip(over.before, over.after, strict=True)])
    whole = conv.backward(g, padded, weight, bias, **{**p, "padding": 0})[0]
    return [whole[(..., *(slice(0, n) for n in over.size))], *right[1:]]


@mistake("grad_x")
def rows_left_over_shifted(right, g, x, weight, bias, p):
    """Rows that no window reaches are taken to be the first ones instead of the last."""
    over = _over(x, weight, p)
    left = [(n - e) % s for n, e, s in zip(over.padded, over.span, over.stride, strict=True)]
    return [np.roll(right[0], left, tuple(range(2, x.ndim))), *right[1:]]


@mistake("grad_weight")
def groups_reversed(right, g, x, weight, bias, p):
    """Each group gets the weight gradient of the group at the other end."""
    parts = np.split(right[1], p["groups"])
    return [right[0], np.concatenate(parts[::-1]), right[2]]


@mistake("grad_weight")
def in_and_out_swapped(right, g, x, weight, bias, p):
    """The channel axes of the weight gradient are exchanged; shapes tell only where they differ."""
    square = right[1].shape[0] == right[1].shape[1]
    return [right[0], right[1].swapaxes(0, 1) if square else right[1], right[2]]


@mistake("grad_bias")
def bias_averaged(right, g, x, weight, bias, p):
    """The mean over samples and positions in place of the sum."""
    positions = max(1, g.size // g.shape[1])
    return [*right[:2], None if bias is None else right[2] / positions]


@mistake("grad_weight")
def batch_averaged(right, g, x, weight, bias, p):
    """The mean over the samples in place of the sum."""
    return [right[0], right[1] / max(1, len(x)), right[2]]


@mistake("grad_weight")
def one_element_off(right, g, x, weight, bias, p):
    """One element is off by one part in a million."""
    right[1].ravel()[-1:] *= 1 + 1e-6
    return right


@mistake("grad_x", "grad_weight", "grad_bias")
def single_precision_inside(right, g, x, weight, bias, p):
    """float64 in, float64 out, float32 in between."""
    narrow = [None if a is None else a.astype(np.float32) for a in (g, x, weight, bias)]
    return [None if a is None else a.astype(x.dtype) for a in conv.backward(*narrow, **p)]


@mistake("grad_x", "grad_weight", "grad_bias")
def cotangent_averaged(right, g, x, weight, bias, p):
    """Only the mean of the cotangent goes in: right for a loss that is a sum."""
    mean = np.full_like(g, g.mean() if g.size else 0)
    return conv.backward(mean, x, weight, bias, **p)


def _other_way(x, weight, bias=None, *, flip=False, **p):
    return conv.forward(x, weight, bias, flip=not flip, **p)


@mistake("y", "grad_x", "grad_weight", forward=_other_way)
def both_flipped(right, g, x, weight, bias, p):
    """Forward and backward agree with each other, on the other kind of convolution."""
    return conv.backward(g, x, weight, bias, **{**p, "flip": not p["flip"]})


@mistake("grad_x")
def overlap_overwritten(right, g, x, weight, bias, p):
    """Where windows overlap the last one is kept, where it should be added."""
    from itertools import product

    over = _over(x, weight, p)
    kernel = np.flip(weight, tuple(range(2, weight.ndim))) if p["flip"] else weight
    grouped = kernel.reshape(p["groups"], -1, *kernel.shape[1:])
    cotangent = g.reshape(len(g), p["groups"], g.shape[1] // p["groups"], *g.shape[2:])
    grad = np.zeros((*x.shape[:2], *over.padded), x.dtype)
    for k in product(*map(range, over.kernel)):
        part = np.einsum("goc,ngo...->ngc...", grouped[(..., *k)], cotangent)
        at = (
            slice(a * d, a * d + (o - 1) * s + 1, s)
            for a, d, o, s in zip(k, over.dilation, over.output, over.stride, strict=True)
        )
        grad[(..., *at)] = part.reshape(*x.shape[:2], *over.output)
    inside = (slice(b, b + n) for b, n in zip(over.before, over.size, strict=True))
    return [grad[(..., *inside)], *right[1:]]


@mistake("grad_weight")
def last_sample_only(right, g, x, weight, bias, p):
    """The weight gradient is assigned in the loop over samples, not accumulated."""
    return [right[0], conv.backward(g[-1:], x[-1:], weight, bias, **p)[1], right[2]]


@mistake("grad_x", "grad_weight", "grad_bias")
def negated(right, g, x, weight, bias, p):
    """The sign of everything."""
    return [None if a is None else -a for a in right]
