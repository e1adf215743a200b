"""Convolution as the textbook writes it: 002, eq. 1-3, one loop for each index, all indices from 1.

Slow and plain on purpose, and nothing here comes from `reference/`. The letters are the document's:

    i output channel, l input channel (q, i in eq. 3), j, k position in Z (or V), m, n offset in K, s stride.

Where the document has one letter a spatial axis (j, k), here one letter, j, stands for all of them: (j₁,), (j₁, j₂) or
(j₁, j₂, j₃). A sample of the batch is t. Added to the document: padding, dilation d, groups, and a turned kernel.
Arrays are tables from indices to numbers; what a table does not hold is 0, which is what padding with zeros means.
"""

# ruff: noqa: E741 (l is the document's letter)

from itertools import product

import numpy as np


def forward(x, weight, bias=None, *, stride=1, padding=0, dilation=1, groups=1, flip=False):
    """Eq. 1: Z[i, j] = Σ_{l, m} V[l, (j−1)·s + (m−1)·d + 1 − p] · K[i, l, m], and b[i] where there is a bias."""
    lay = Layout(x, weight, stride, padding, dilation, groups, flip)
    V, K, b = table(x), table(weight), {} if bias is None else table(bias)
    Z = np.zeros((lay.samples, lay.outputs, *lay.output), object)
    for t, i, j in product(upto(lay.samples), upto(lay.outputs), positions(lay.output)):
        total = b.get((i,), 0)
        for l, m in product(upto(lay.inputs_a_group), positions(lay.kernel)):
            total += V.get((t, lay.channel(i, l), *lay.under(j, m)), 0) * K[i, l, *lay.offset(m)]
        put(Z, (t, i, *j), total)
    return Z


def backward(grad_output, x, weight, bias=None, **parameters):
    """∂J/∂V (eq. 3), ∂J/∂K (eq. 2) and ∂J/∂b, in this order; None for the last without a bias."""
    dV = input_gradient(grad_output, x, weight, **parameters)
    dK = weight_gradient(grad_output, x, weight, **parameters)
    return dV, dK, None if bias is None else bias_gradient(grad_output)


def weight_gradient(grad_output, x, weight, *, stride=1, padding=0, dilation=1, groups=1, flip=False):
    """Eq. 2: ∂J/∂K[i, l, k] = Σ_{t, m} G[t, i, m] · V[t, l, (m−1)·s + (k−1)·d + 1 − p]."""
    lay = Layout(x, weight, stride, padding, dilation, groups, flip)
    G, V = table(grad_output), table(x)
    dK = np.zeros(np.shape(weight), object)
    for i, l, k in product(upto(lay.outputs), upto(lay.inputs_a_group), positions(lay.kernel)):
        total = 0
        for t, m in product(upto(lay.samples), positions(lay.output)):
            total += G[t, i, *m] * V.get((t, lay.channel(i, l), *lay.under(m, k)), 0)
        put(dK, (i, l, *lay.offset(k)), total)
    return dK


def input_gradient(grad_output, x, weight, *, stride=1, padding=0, dilation=1, groups=1, flip=False):
    """Eq. 3: ∂J/∂V[t, c, j] = Σ_{l, m s.t. (l−1)·s + (m−1)·d + 1 − p = j} Σ_q K[q, c, m] · G[t, q, l]."""
    lay = Layout(x, weight, stride, padding, dilation, groups, flip)
    G, K = table(grad_output), table(weight)
    dV = np.zeros(np.shape(x), object)
    for j in positions(lay.size):
        meeting = [(l, m) for l, m in product(positions(lay.output), positions(lay.kernel)) if lay.under(l, m) == j]
        for t, q, i in product(upto(lay.samples), upto(lay.outputs), upto(lay.inputs_a_group)):
            for l, m in meeting:
                dV[t - 1, lay.channel(q, i) - 1, *(a - 1 for a in j)] += K[q, i, *lay.offset(m)] * G[t, q, *l]
    return dV


def bias_gradient(grad_output):
    """∂J/∂b[i] = Σ_{t, j} G[t, i, j], for b[i] is added to every output of channel i."""
    db = np.zeros(np.shape(grad_output)[1], object)
    for (_, i, *_), g in table(grad_output).items():
        db[i - 1] += g
    return db


class Layout:
    """The sizes of one convolution, and which elements of V, K and Z belong together."""

    def __init__(self, x, weight, stride, padding, dilation, groups, flip):
        self.samples, self.inputs, *size = np.shape(x)
        self.outputs, self.inputs_a_group, *kernel = np.shape(weight)
        self.size, self.kernel, self.groups, self.flip = size, kernel, groups, flip
        self.stride, self.dilation = each(stride, size), each(dilation, size)
        reach = [(m - 1) * d for m, d in zip(kernel, self.dilation, strict=True)]
        if padding == "valid":
            self.left = self.right = [0 for _ in size]
        elif padding == "same":  # (m − 1)·d in all; what cannot be halved goes to the right
            self.left, self.right = [r // 2 for r in reach], [(r + 1) // 2 for r in reach]
        elif padding == "full":
            self.left = self.right = reach
        else:
            self.left = self.right = each(padding, size)
        self.output = []
        for n, r, s, left, right in zip(size, reach, self.stride, self.left, self.right, strict=True):
            starts = range(1, left + n + right - r + 1)  # where a window may start so that it still ends inside
            self.output.append(len(starts[::s]))

    def under(self, j, m):
        """The position of V that offset m of window j lies over; it may lie outside V."""
        along = zip(j, m, self.stride, self.dilation, self.left, strict=True)
        return tuple((j - 1) * s + (m - 1) * d + 1 - p for j, m, s, d, p in along)

    def offset(self, m):
        """The element of K that lies there: m, or counted from the other end, M + 1 − m, for a turned kernel."""
        return tuple(M + 1 - m for M, m in zip(self.kernel, m, strict=True)) if self.flip else m

    def channel(self, i, l):
        """The channel of V that K[i, l] sees: the l-th of the group that output channel i belongs to."""
        group = (i - 1) * self.groups // self.outputs
        return group * self.inputs_a_group + l


def table(a):
    """The elements of a by their indices from 1, as Python's own numbers, which are exact if they are whole."""
    a = np.asarray(a)
    return dict(zip(product(*map(upto, a.shape)), a.ravel().tolist(), strict=True))


def put(a, index, value):
    a[tuple(i - 1 for i in index)] = value


def upto(last):
    return range(1, last + 1)


def positions(sizes):
    return list(product(*map(upto, sizes)))


def each(number, axes):
    return [number for _ in axes] if np.ndim(number) == 0 else list(number)
