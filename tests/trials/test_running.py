"""Code that takes windows as differences of sums that run on along whole axes is right, and its mistakes are seen."""

from functools import reduce
from itertools import product

import numpy as np
import pytest

from checks.op import Problem
from checks.ops import find
from checks.subjects.implementation import Implementation
from checks.trials.running import runs_on
from checks.trials.trial import Run
from checks.verdict.judging import judge
from reference import avg_pool, subsample
from reference._window import pooling_window
from reference.adaptive_avg_pool import ends

OP = find("avg_pool")


class Prefix:
    """Sums up to each place, axis by axis; windows are differences. Back: where shares begin and end, summed up to each."""

    def forward(self, x, **p):
        axes = self.windows(x, p)
        return (self.sums(x, axes) / self._divisor(axes)).astype(x.dtype)

    def backward(self, g, x, **p):
        axes = self.windows(x, p)
        g = (g / self._divisor(axes)).astype(x.dtype)
        for axis, (first, last, _) in enumerate(axes, 2):
            changes = np.zeros((x.shape[axis] + 1, *np.moveaxis(g, axis, 0).shape[1:]), x.dtype)
            np.add.at(changes, first, np.moveaxis(g, axis, 0))
            np.subtract.at(changes, last, np.moveaxis(g, axis, 0))
            g = np.moveaxis(changes.cumsum(0, dtype=x.dtype)[:-1], 0, axis)
        return (g.copy(),)

    def windows(self, x, p):
        """Along each axis, where windows begin and end in x, and what their sums are divided by."""
        over = pooling_window(x.shape[2:], p["kernel_size"], **{k: p[k] for k in ("stride", "padding", "ceil_mode")})
        found = []
        for n, k, s, before, m in zip(over.size, over.kernel, over.stride, over.before, over.output, strict=True):
            first = np.arange(m) * s - before
            inside = np.clip(first, 0, n), np.clip(first + k, 0, n)
            counted = np.minimum(first + k, n + before) - first
            found.append((*inside, counted if p["count_include_pad"] else inside[1] - inside[0]))
        return found

    def sums(self, x, axes):
        """Of each window."""
        for axis, (first, last, _) in enumerate(axes, 2):
            before = np.insert(x.cumsum(axis, dtype=x.dtype), 0, 0, axis)
            x = before.take(last, axis) - before.take(first, axis)
        return x

    @staticmethod
    def _divisor(axes):
        return reduce(np.multiply, np.ix_(*(counts for *_, counts in axes)))


class Integral(Prefix):
    """Sums up to each place along all axes together; windows are what corners add up to."""

    def sums(self, x, axes):
        for axis in range(2, x.ndim):
            x = np.insert(x.cumsum(axis, dtype=x.dtype), 0, 0, axis)
        y = 0
        for corner in product((0, 1), repeat=len(axes)):
            part = x
            for axis, end in enumerate(corner):
                part = part.take(axes[axis][end], axis + 2)
            y = y + (-1) ** corner.count(0) * part
        return y


class Moving(Prefix):
    """A sum that moves along: what enters is added, then what leaves subtracted. Exact on whole numbers."""

    def sums(self, x, axes):
        for axis, (first, last, _) in enumerate(axes, 2):
            along, found, begin, end = np.moveaxis(x, axis, 0), [], 0, 0
            total = np.zeros(along.shape[1:], x.dtype)
            for a, b in zip(first, last, strict=True):
                total = sum(along[end:b], total) - sum(along[begin:a], np.zeros_like(total))
                begin, end = a, b
                found.append(total)
            x = np.moveaxis(np.array(found, x.dtype), 0, axis)
        return x


class Adaptive(Prefix):
    """Means of parts."""

    def windows(self, x, p):
        wanted = p["output_size"] if isinstance(p["output_size"], tuple) else (p["output_size"],) * (x.ndim - 2)
        return [(*ends(n, m), np.diff(ends(n, m), axis=0)[0]) for n, m in zip(x.shape[2:], wanted, strict=True)]


class Subsampling(Prefix):
    """Blocks side by side."""

    def forward(self, x, coefficient, bias, *, kernel_size):
        c = (1, -1, *(1,) * (x.ndim - 2))
        return coefficient.reshape(c) * self._blocks(x, kernel_size) + bias.reshape(c)

    def backward(self, g, x, coefficient, bias, *, kernel_size):
        grad_x, _, grad_bias = subsample.backward(g, x, coefficient, bias, kernel_size=kernel_size)
        return grad_x, (g * self._blocks(x, kernel_size)).sum((0, *range(2, x.ndim))), grad_bias

    def _blocks(self, x, kernel_size):
        kernel = kernel_size if isinstance(kernel_size, tuple) else (kernel_size,) * (x.ndim - 2)
        starts = [np.arange(n // k) * k for n, k in zip(x.shape[2:], kernel, strict=True)]
        return self.sums(x, [(first, first + k, None) for first, k in zip(starts, kernel, strict=True)])


class Strassen:
    """Products of matrices by seven products of blocks, down to two rows or columns."""

    def forward(self, x, weight, bias=None):
        y = strassen(x.reshape(-1, x.shape[-1]), weight.T).reshape(*x.shape[:-1], len(weight))
        return y if bias is None else y + bias

    def backward(self, g, x, weight, bias=None):
        flat, rows = g.reshape(-1, len(weight)), x.reshape(-1, x.shape[-1])
        grad_bias = None if bias is None else flat.sum(0)
        return strassen(flat, weight).reshape(x.shape), strassen(flat.T, rows), grad_bias


def strassen(a, b):
    if min(*a.shape, b.shape[1]) <= 2:
        return a @ b
    (n, k), m = a.shape, b.shape[1]
    a, b = np.pad(a, ((0, n % 2), (0, k % 2))), np.pad(b, ((0, k % 2), (0, m % 2)))
    (a11, a12), (a21, a22) = (np.hsplit(half, 2) for half in np.vsplit(a, 2))
    (b11, b12), (b21, b22) = (np.hsplit(half, 2) for half in np.vsplit(b, 2))
    m1, m2, m3 = strassen(a11 + a22, b11 + b22), strassen(a21 + a22, b11), strassen(a11, b12 - b22)
    m4, m5 = strassen(a22, b21 - b11), strassen(a11 + a12, b22)
    m6, m7 = strassen(a21 - a11, b11 + b12), strassen(a12 - a22, b21 + b22)
    return np.block([[m1 + m4 - m5 + m7, m3 + m5], [m2 + m4, m1 - m2 + m3 + m6]])[:n, :m]


class StrassenSlightlyOff(Strassen):
    """The last of many elements is off by a millionth."""

    def forward(self, x, weight, bias=None):
        y = super().forward(x, weight, bias)
        if y.size > 8:
            y.flat[-1] *= 1 + 1e-6
        return y


class LastOfLongAxesShort(Prefix):
    """The last window of more than 40 lacks its last element."""

    def sums(self, x, axes):
        short = [(a, np.maximum(a, b - ((len(b) > 40) & (np.arange(len(b)) == len(b) - 1))), c) for a, b, c in axes]
        return super().sums(x, short)


@pytest.mark.usefixtures("verdict_alone")
@pytest.mark.parametrize(
    ("op", "code", "dtype"),
    [
        ("avg_pool", Prefix, "float64"),
        ("avg_pool", Prefix, "float16"),
        ("avg_pool", Integral, "float32"),
        ("avg_pool", Moving, "float64"),
        ("adaptive_avg_pool", Adaptive, "float64"),
        ("subsample", Subsampling, "float32"),
        ("linear", Strassen, "float64"),
        ("linear", Strassen, "float32"),
    ],
)
def test_sums_that_run_on_are_right(op, code, dtype):
    report = judge(op, code(), dtype=dtype, seed=1, examples=30)
    assert report
    assert report.exit_code == 0


@pytest.mark.usefixtures("verdict_alone")
def test_windows_that_lack_an_element_are_wrong_and_right_gradients_beside_them_are_not():
    report = judge("avg_pool", LastOfLongAxesShort(), dtype="float32", seed=1, examples=30)
    assert [f.result for f in report.failures] == ["y"]


class SlightlyOff:
    """Sums windows; one element is off by what sums over all of an axis might be off by."""

    def forward(self, x, **p):
        y = avg_pool.forward(x, **p)
        if y.size:
            y.flat[-1] *= 1 + 2**-45
        return y

    backward = staticmethod(avg_pool.backward)


@pytest.mark.usefixtures("verdict_alone")
def test_code_that_sums_windows_has_no_such_excuse():
    assert not judge("avg_pool", SlightlyOff(), seed=1, examples=30)


@pytest.mark.parametrize(("code", "seen"), [(Prefix(), True), (Moving(), True), (avg_pool, False)])
def test_what_no_window_contains_tells(code, seen):
    problem = Problem(OP, {"x": (2, 2, 9), "y": (2, 2, 8)}, {**OP.takes.defaults, "stride": 1})
    ours, theirs = (Implementation.of(OP, one) for one in (code, avg_pool))
    assert runs_on(Run(problem, ours, theirs, problem.whole_numbers())) is seen


@pytest.mark.usefixtures("verdict_alone")
def test_products_of_blocks_have_to_be_right_too():
    report = judge("linear", StrassenSlightlyOff(), seed=1, examples=60)
    assert [f.result for f in report.failures] == ["y"]
