"""Layers in float16 and bfloat16, by several algorithms, as they are or with something wrong in one result."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from checks.numbers.precision import PRECISIONS
from checks.ops import find
from checks.subjects.bridges.torch import bridged
from reference import conv


def in_blocks(a, b, rounded):
    """Products of blocks of columns in float32, added in float32."""
    ends = [*range(0, a.shape[-1], 64), a.shape[-1]]
    blocks = [a[:, i:j] @ b[i:j] for i, j in pairwise(ends)]
    return rounded(sum(blocks, np.zeros((len(a), b.shape[1]), np.float32)))


def from_the_end(a, b, rounded):
    """In float32, with the columns in reverse order."""
    return rounded(a[:, ::-1] @ b[::-1])


def one_after_another(a, b, rounded):
    """In float32, a column at a time: the order that rounds most often."""
    total = np.zeros((len(a), b.shape[1]), np.float32)
    for i in range(a.shape[1]):
        total += a[:, i : i + 1] * b[i : i + 1]
    return rounded(total)


def stored_in_four_parts(a, b, rounded):
    """Four parts, each stored in the dtype of the result, and added there."""
    total = np.zeros((len(a), b.shape[1]), np.float32)
    for part in np.array_split(np.arange(a.shape[1]), 4):
        total = rounded(total + rounded(a[:, part] @ b[part]))
    return total


def rounded_throughout(a, b, rounded):
    """Every product and every sum in the dtype of the result."""
    total = np.zeros((len(a), b.shape[1]), np.float32)
    for i in range(a.shape[1]):
        total = rounded(total + rounded(a[:, i : i + 1] * b[i : i + 1]))
    return total


def rounded_products(a, b, rounded):
    """Products that are rounded, and added in float32."""
    return rounded(rounded(a[:, :, None] * b[None]).sum(1))


WRONG = {
    "zero": lambda a: 0 * a,
    "doubled": lambda a: 2 * a,
    "a hundredth more": lambda a: a * a.dtype.type(1.01),
    "zero from 64 on": lambda a: np.where(np.arange(a.shape[-1]) < 64, a, 0),
}


@dataclass(frozen=True)
class Linear:
    """The layer in a dtype, with sums by one of these algorithms, and one result spoiled or short of its last product."""

    dtype: str
    sums: Any = in_blocks
    spoiled: str = ""
    how: str = ""

    def forward(self, x, weight, bias=None):
        """Whole rows at a time."""
        rows = x.reshape(-1, x.shape[-1])
        y = self._sum("y", rows, weight.T, bias)
        return self._stored(y).reshape(*x.shape[:-1], len(weight))

    def backward(self, grad_output, x, weight, bias=None):
        """Each gradient by the same sums."""
        g, rows = grad_output.reshape(-1, grad_output.shape[-1]), x.reshape(-1, x.shape[-1])
        grad_x = self._stored(self._sum("x", g, weight)).reshape(x.shape)
        grad_weight = self._stored(self._sum("weight", g.T, rows))
        ones = np.ones((len(g), 1), np.float32)
        return grad_x, grad_weight, None if bias is None else self._stored(self._sum("bias", g.T, ones)[:, 0])

    def _sum(self, result, a, b, bias=None):
        a, b = a.astype(np.float32), b.astype(np.float32)
        if (result, self.how) == (self.spoiled, "a product short"):
            a, b = a[:, :-1], b[:-1]
        if bias is not None:  # one more product, so that the sum is rounded once
            a, b = np.hstack([np.ones((len(a), 1), np.float32), a]), np.vstack([bias.astype(np.float32)[None], b])
        total = self.sums(a, b, self._rounded)
        return WRONG[self.how](total) if result == self.spoiled and self.how in WRONG else total

    def _rounded(self, a):
        return PRECISIONS[self.dtype].rounded(a).astype(np.float32)

    def _stored(self, a):
        return PRECISIONS[self.dtype].rounded(a)


@dataclass(frozen=True)
class Narrow:
    """A convolution in float16 whose partial sums are stored, one a sample, in the gradient of the kernel."""

    def forward(self, x, weight, bias=None, **parameters):
        """In float64, rounded once."""
        return _half(conv.forward(*_wide(x, weight, bias), **parameters))

    def backward(self, grad_output, x, weight, bias=None, **parameters):
        """Samples one after another, and the partial sums of the kernel's gradient in float16."""
        g, x, weight, bias = _wide(grad_output, x, weight, bias)
        grad_x, _, grad_bias = conv.backward(g, x, weight, bias, **parameters)
        grad_weight = np.zeros(weight.shape, np.float16)
        for i in range(len(x)):
            part = conv.backward(g[i : i + 1], x[i : i + 1], weight, bias, **parameters)[1]
            grad_weight += _half(part)
        return _half(grad_x), grad_weight, None if bias is None else _half(grad_bias)


def _wide(*arrays):
    return tuple(None if a is None else a.astype(np.float64) for a in arrays)


def _half(a):
    return a.astype(np.float16)


@dataclass(frozen=True)
class ByTorch:
    """Torch's twin of an op through the bridge, with one result spoiled."""

    name: str
    dtype: str
    spoiled: str = ""
    how: str = ""

    def forward(self, *inputs, **parameters):
        """What torch computes."""
        return self._spoilt("y", self._bridged.forward(*inputs, **parameters))

    def backward(self, *arrays, **parameters):
        """By autograd."""
        gradients = self._bridged.backward(*arrays, **parameters)
        return tuple(self._spoilt(name, g) for name, g in zip(find(self.name).inputs, gradients, strict=True))

    @property
    def _bridged(self):
        torch.set_num_threads(1)
        op = find(self.name)
        return bridged(op, op.twin, dtype=self.dtype, device="cpu")

    def _spoilt(self, result, a):
        if a is None or result != self.spoiled:
            return a
        return PRECISIONS[self.dtype].rounded(WRONG[self.how](np.asarray(a)))
