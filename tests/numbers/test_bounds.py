"""The bounds contain what rounding really does, and little more than theory says."""

from dataclasses import dataclass
from fractions import Fraction
from math import inf

import numpy as np
import pytest

from checks.numbers.bounds import Bound, added_narrow, gamma, rounded_once, rounding, unit_roundoff
from checks.numbers.precision import PRECISIONS
from checks.op import Problem
from checks.ops import find
from checks.trials.comparison import compared
from checks.verdict.report import Verdict

CONV = find("conv")
PROBLEM = Problem(CONV, {"x": (1, 1, 1), "weight": (1, 1, 1), "bias": None, "y": (1, 1, 1)}, CONV.takes.defaults)


@dataclass
class Arithmetic:
    """A run whose arithmetic is known."""

    transforms: bool
    problem = PROBLEM

    def once(self, question):  # noqa: ARG002, as Run.once
        return self.transforms


def _compared(actual, expected, bound, *, transforms=True):
    return compared("law", "y", Arithmetic(transforms), np.asarray(actual), np.asarray(expected), bound)


def _bound(elementwise, normwise=None):
    elementwise = np.asarray(elementwise, float)
    return Bound(elementwise, np.asarray(elementwise.max() if normwise is None else normwise))


def test_unit_roundoff_is_half_the_gap_after_one():
    assert unit_roundoff("float64") == 2**-53
    assert unit_roundoff("float32") == 2**-24
    assert unit_roundoff("float16") == 2**-11


def test_gamma_is_infinite_where_nothing_follows():
    assert gamma(3, 2**-11) == (3 * 2**-11) / (1 - 3 * 2**-11)
    assert gamma(2**11, 2**-11) == inf


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("seed", range(5))
def test_no_sum_of_products_is_further_off_than_its_bound(dtype, seed):
    """Against exact rationals, in the order that rounds most often: one after another."""
    rng = np.random.default_rng(seed)
    n = 60
    a, b = (rng.standard_normal((20, n)).astype(dtype) for _ in range(2))
    computed = np.zeros(20, dtype)
    for k in range(n):
        computed = computed + a[:, k] * b[:, k]
    magnitude = np.abs(a.astype(float) * b).sum(axis=1)
    bound = rounding(n, magnitude, [a, b], dtype)
    for row in range(20):
        exact = sum(Fraction(float(p)) * Fraction(float(q)) for p, q in zip(a[row], b[row], strict=True))
        assert abs(Fraction(float(computed[row])) - exact) <= Fraction(float(bound.elementwise[row]))


def test_products_that_underflow_stay_within_the_bound():
    tiny = np.full(8, 3e-5, np.float16)
    computed = np.float16(0)
    for p in tiny:
        computed += p * p
    bound = rounding(8, np.asarray([8 * float(tiny[0]) ** 2]), [tiny, tiny], "float16")
    assert computed == 0
    assert 8 * float(tiny[0]) ** 2 <= bound.elementwise[0]


def test_an_empty_sum_has_no_error_to_allow():
    bound = rounding(9, np.zeros(3), [np.ones(3), np.ones(3)], "float32")
    assert np.array_equal(bound.elementwise, np.zeros(3))


def test_sums_that_can_overflow_are_undecided():
    bound = rounding(4, np.asarray([1e5]), [np.ones(1), np.ones(1)], "float16")
    assert bound.elementwise[0] == inf
    assert _compared([inf], [1e5], bound).verdict is Verdict.UNDECIDED


def test_magnitudes_summed_in_single_precision_make_the_bound_no_smaller():
    magnitude = np.asarray([1.0, 3.0])
    double = rounding(50, magnitude, [np.ones(2)], "float64").elementwise
    single = rounding(50, magnitude.astype(np.float32), [np.ones(2)], "float64").elementwise
    assert np.all(single >= double)
    assert np.all(single <= double * 1.001)


def test_the_finding_names_the_element_with_the_largest_share():
    finding = _compared([8.0, 16.5, 65.0], [8.0, 16.0, 64.0], _bound([1.0, 0.6, 4.0]))
    assert finding.verdict is Verdict.HOLDS
    assert finding.index == (1,)
    assert finding.share == pytest.approx(0.5 / 0.6)


def test_an_element_beyond_both_bounds_is_broken():
    finding = _compared([1.0, 5.0], [1.0, 2.0], _bound([1.0, 0.5], normwise=2.0))
    assert finding.verdict is Verdict.BROKEN
    assert (finding.error, finding.bound, finding.index) == (3.0, 0.5, (1,))


def test_arithmetic_that_is_exact_on_whole_numbers_has_no_normwise_excuse():
    finding = _compared([1.0, 3.0], [1.0, 2.0], _bound([1.0, 0.5], normwise=2.0), transforms=False)
    assert finding.verdict is Verdict.BROKEN
    assert (finding.error, finding.bound, finding.index) == (1.0, 0.5, (1,))


def test_an_element_beyond_its_own_bound_only_holds_normwise():
    finding = _compared([9.0, 11.0], [9.0, 10.0], _bound([1.0, 0.5], normwise=2.0))
    assert finding.verdict is Verdict.HOLDS
    assert finding.normwise


@pytest.mark.parametrize("wrong", [np.nan, inf, -inf])
def test_what_is_no_number_is_never_within_a_bound(wrong):
    assert _compared([1.0, wrong], [1.0, 2.0], _bound([1.0, 1.0])).verdict is Verdict.BROKEN


def test_nothing_is_tolerated_where_the_bound_is_zero():
    assert _compared([0.0, 5e-324], [0.0, 0.0], _bound([1.0, 0.0], normwise=0.0)).verdict is Verdict.BROKEN
    assert _compared([0.0, 0.0], [0.0, 0.0], _bound([0.0, 0.0])).verdict is Verdict.HOLDS


def _long_sums(dtype, n, seed):
    """Factors in the dtype; of their products, which have twice as many bits, float64 knows the sum."""
    rng = np.random.default_rng(seed)
    a, b = (PRECISIONS[dtype].rounded(rng.uniform(-1, 1, (50, n))).astype(np.float64) for _ in range(2))
    return a, b


@pytest.mark.parametrize("n", [10, 577, 10_000])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_sums_in_float32_that_are_rounded_once_are_within_their_bound_and_not_far_below(dtype, n):
    a, b = _long_sums(dtype, n, n)
    total = np.zeros(50, np.float32)
    for k in range(n):
        total += (a[:, k] * b[:, k]).astype(np.float32)
    right, magnitude = (a * b).sum(1), np.abs(a * b).sum(1)
    bound = rounded_once(n, magnitude, np.abs(right), (), dtype).elementwise
    errors = np.abs(PRECISIONS[dtype].rounded(total).astype(np.float64) - right)
    assert np.all(errors <= bound)
    assert np.all(bound <= unit_roundoff(dtype) * np.abs(right) * (1 + 1e-6) + 1.1 * n * 2**-24 * magnitude + 1e-7)
    if n == 10:
        assert errors.max() > bound.max() / 4


def test_a_bound_of_ten_thousand_terms_of_bfloat16_is_well_below_what_is_judged():
    a, b = _long_sums("bfloat16", 10_000, 1)
    right, magnitude = (a * b).sum(1), np.abs(a * b).sum(1)
    assert np.all(np.isinf(rounding(10_000, magnitude, (), "bfloat16").elementwise))
    assert np.median(rounded_once(10_000, magnitude, np.abs(right), (), "bfloat16").elementwise / np.abs(right)) < 0.1


@pytest.mark.parametrize("parts", [2, 8, 64])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_partial_sums_that_are_stored_are_within_the_bound_for_them(dtype, parts):
    a, b = _long_sums(dtype, 640, parts)
    rounded, total, magnitude = PRECISIONS[dtype].rounded, np.zeros(50), np.zeros(50)
    for part in np.array_split(np.arange(640), parts):
        partial = (a[:, part] * b[:, part]).sum(1)
        total = rounded(total + rounded(partial)).astype(np.float64)
        magnitude += np.abs(partial)
    errors, right = np.abs(total - (a * b).sum(1)), np.abs((a * b).sum(1))
    more = added_narrow(np.asarray(parts), magnitude, dtype)
    assert np.all(errors <= rounded_once(640, magnitude, right, (), dtype).elementwise + more)


def test_no_bound_follows_where_as_many_parts_are_stored_as_the_precision_has_numbers():
    assert added_narrow(np.asarray(256), np.ones(1), "bfloat16") == inf
    assert added_narrow(np.asarray(256), np.zeros(1), "float16") == 0


@pytest.mark.parametrize("largest", [1.0, 1e38])
def test_the_bound_of_many_elements_is_that_of_each(largest):
    """Where one has no terms, or may overflow, the others are bounded as they are alone."""
    magnitude = np.array([0.0, 1e-44, 1.0, largest], np.float32)
    together = rounding(5, magnitude, (), "float32").elementwise
    alone = [float(rounding(5, magnitude[n : n + 1], (), "float32").elementwise[0]) for n in range(4)]
    assert together.tolist() == alone
    assert together[0] == 0
    assert together[1] >= 5 * PRECISIONS["float32"].underflow
    assert np.isinf(rounding(5, np.array([np.finfo(np.float32).max]), (), "float32").elementwise[0])
