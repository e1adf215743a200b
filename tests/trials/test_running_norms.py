"""Norms whose sums run on along whole axes are right, and what they get wrong is seen."""

from itertools import product

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from checks.op import Problem
from checks.ops import find
from checks.subjects.implementation import Implementation
from checks.trials.running import runs_on
from checks.trials.trial import Run
from checks.verdict.judging import judge
from reference import local_response_norm, lp_pool, similarity


def windows(a, axis, first, last):
    """Differences of the sums up to where windows begin and end."""
    before = np.insert(a.cumsum(axis, dtype=a.dtype), 0, 0, axis)
    return before.take(last, axis) - before.take(first, axis)


class Response:
    """Neighbouring channels, in squares and back."""

    def forward(self, x, *, size, alpha, beta, k):
        return (x * self.sums(x, size, alpha, k) ** -beta).astype(x.dtype)

    def backward(self, g, x, *, size, alpha, beta, k):
        sums = self.sums(x, size, alpha, k)
        passed = self.neighbours(g * x * sums ** (-beta - 1), (size - 1) // 2, size // 2)
        return ((g * sums**-beta - 2 * alpha * beta / size * x * passed).astype(x.dtype),)

    def sums(self, x, size, alpha, k):
        return k + alpha / size * self.neighbours(x * x, size // 2, (size - 1) // 2)

    def neighbours(self, a, before, after):
        at = np.arange(a.shape[1])
        return windows(a, 1, np.maximum(at - before, 0), np.minimum(at + after + 1, a.shape[1]))


class Moving(Response):
    """What enters is added, what leaves subtracted."""

    def neighbours(self, a, before, after):
        many, found, total = a.shape[1], np.empty_like(a), a[:, :after].sum(1)
        for c in range(many):
            total = total + a[:, c + after] if c + after < many else total
            total = total - a[:, c - before - 1] if c > before else total
            found[:, c] = total
        return found


class LastChannelShort(Response):
    """Of more than 16 channels the last has a neighbour too few."""

    def neighbours(self, a, before, after):
        found = super().neighbours(a, before, after)
        if a.shape[1] > 16 and before:
            found[:, -1] -= a[:, -2]
        return found


class Lp:
    """Powers along each axis; back window by window."""

    def forward(self, x, *, norm_type, **moves):
        return self.norms(x, norm_type, moves).astype(x.dtype)

    def backward(self, g, x, *, norm_type, **moves):
        y, kernel, stride = self.norms(x, norm_type, moves), *self.moves(x, moves)
        shares = np.where(y > 0, g * np.where(y > 0, y, 1) ** (1 - norm_type), 0)
        grad = np.zeros_like(x)
        for place in product(*map(range, y.shape[2:])):
            at = (..., *(slice(i * s, i * s + k) for i, s, k in zip(place, stride, kernel, strict=True)))
            share = shares[(..., *place)].reshape(*shares.shape[:2], *(1,) * len(kernel))
            grad[at] += share * np.sign(x[at]) * np.abs(x[at]) ** (norm_type - 1)
        return (grad,)

    def norms(self, x, norm_type, moves):
        kernel, stride = self.moves(x, moves)
        output = lp_pool.forward(x[:0], norm_type=norm_type, **moves).shape[2:]
        sums = np.abs(x) ** norm_type
        for axis, (k, s, m) in enumerate(zip(kernel, stride, output, strict=True), 2):
            first, n = np.arange(m) * s, x.shape[axis]
            sums = windows(sums, axis, np.minimum(first, n), self.ends(first + k, n))
        return np.maximum(sums, 0) ** (1 / norm_type)

    def ends(self, last, size):
        return np.minimum(last, size)

    @staticmethod
    def moves(x, moves):
        kernel, stride = (moves[n] if moves[n] is not None else moves["kernel_size"] for n in ("kernel_size", "stride"))
        return [v if isinstance(v, tuple) else (v,) * (x.ndim - 2) for v in (kernel, stride)]


class LastElementLost(Lp):
    """Windows lack the last element of an axis of more than 16."""

    def ends(self, last, size):
        return np.minimum(last, size - (size > 16))


class Similarity:
    """Squares along each axis; products window by window."""

    def forward(self, x, template):
        return self.parts(x, template)[0]

    def backward(self, g, x, template):
        y, of_x, of_template, unit, units = self.parts(x, template)
        spatial = tuple(range(2, g.ndim))
        rest = (g * y).sum((0, *spatial)).reshape(-1, *(1,) * (x.ndim - 1))
        grad_x, grad_template = np.zeros_like(x), -units * rest
        for place in product(*map(range, g.shape[2:])):
            at, one = (..., *(slice(i, i + k) for i, k in zip(place, template.shape[2:], strict=True))), (..., *place)
            back = np.tensordot(g[one], units, 1) - unit(at, one) * self.beside((g * y)[one].sum(1), x)
            grad_x[at] += back * self.beside(of_x[:, 0][one], x)
            grad_template += np.tensordot(g[one].T, unit(at, one), 1)
        return grad_x, grad_template * of_template

    def parts(self, x, template):
        kernel, axes = template.shape[2:], tuple(range(2, x.ndim))
        squares = (x * x).sum(1, keepdims=True)
        for axis, k in enumerate(kernel, 2):
            first = np.arange(x.shape[axis] - k + 1)
            squares = windows(squares, axis, first, first + self.long(k, x.shape[axis]))
        of_x = self.inverse(np.sqrt(np.maximum(squares, 0)))
        of_template = self.inverse(np.sqrt((template * template).sum(tuple(range(1, x.ndim)), keepdims=True)))
        seen = np.moveaxis(sliding_window_view(x, kernel, axis=axes), 1, x.ndim - 1)
        units = template * of_template
        y = np.moveaxis(np.tensordot(seen, units, (axes_of(x), tuple(range(1, x.ndim)))), -1, 1) * of_x
        return y.astype(x.dtype), of_x, of_template, lambda at, one: x[at] * self.beside(of_x[:, 0][one], x), units

    def long(self, kernel, size):  # noqa: ARG002, what goes wrong knows it
        return kernel

    @staticmethod
    def inverse(a):
        return np.where(a > 0, 1 / np.where(a > 0, a, 1), 0)

    @staticmethod
    def beside(a, x):
        return a.reshape(-1, *(1,) * (x.ndim - 1))


def axes_of(x):
    """The last axes of windows that are seen: channels, and the places in a window."""
    return tuple(range(x.ndim - 1, 2 * x.ndim - 2))


class ShortNorms(Similarity):
    """Norms of windows of two or more lack an element along axes of more than 16."""

    def long(self, kernel, size):
        return kernel - (kernel > 1 and size > 16)


@pytest.mark.usefixtures("verdict_alone")
@pytest.mark.parametrize(
    ("op", "code", "dtype"),
    [
        ("local_response_norm", Response, "float64"),
        ("local_response_norm", Moving, "float32"),
        ("lp_pool", Lp, "float64"),
        ("similarity", Similarity, "float64"),
    ],
)
def test_norms_of_sums_that_run_on_are_right(op, code, dtype):
    assert judge(op, code(), dtype=dtype, seed=1, examples=30).exit_code == 0


@pytest.mark.parametrize(
    ("op", "shapes", "codes"),
    [
        ("local_response_norm", {"x": (2, 9, 2), "y": (2, 9, 2)}, (Response(), Moving(), local_response_norm)),
        ("lp_pool", {"x": (2, 2, 9), "y": (2, 2, 4)}, (Lp(), lp_pool)),
        ("similarity", {"x": (2, 2, 9), "template": (2, 2, 2), "y": (2, 2, 8)}, (Similarity(), similarity)),
    ],
)
def test_what_no_window_contains_tells_the_code_from_the_reference(op, shapes, codes):
    of = find(op)
    large = {"alpha": 1.0} if "alpha" in of.takes.defaults else {}  # else what is lost is lost beside k
    problem = Problem(of, shapes, {**of.takes.defaults, **large})
    *running, theirs = (Implementation.of(of, code) for code in codes)
    assert all(runs_on(Run(problem, ours, theirs, problem.reals())) for ours in running)
    assert not runs_on(Run(problem, theirs, theirs, problem.reals()))


@pytest.mark.usefixtures("verdict_alone")
@pytest.mark.parametrize(
    ("op", "code"),
    [("local_response_norm", LastChannelShort), ("lp_pool", LastElementLost), ("similarity", ShortNorms)],
)
def test_an_element_that_they_lack_is_seen(op, code):
    assert judge(op, code(), seed=1, examples=30).exit_code == 1


class SlightlyOff:
    """Sums windows; the last element is off by what sums over all of an axis might be off by."""

    def __init__(self, reference):
        self.backward, self._right = reference.backward, reference.forward

    def forward(self, *inputs, **parameters):
        y = self._right(*inputs, **parameters)
        if y.size:
            y.flat[-1] *= 1 + 2**-43
        return y


@pytest.mark.usefixtures("verdict_alone")
@pytest.mark.parametrize(
    ("op", "reference"),
    [("local_response_norm", local_response_norm), ("lp_pool", lp_pool), ("similarity", similarity)],
)
def test_norms_that_sum_windows_have_no_such_excuse(op, reference):
    assert judge(op, SlightlyOff(reference), seed=1, examples=30).exit_code == 1
