"""Small whole numbers of many terms: sums stay exact in the dtype itself, however they are kept, and something is left."""

import numpy as np
import pytest

from checks.cases.sparse import whole_numbers
from checks.numbers.precision import PRECISIONS
from checks.op import Problem
from checks.ops import find


def problem(dtype, features, *, small):
    shapes = {"x": (3, features), "weight": (20, features), "bias": (20,), "y": (3, 20)}
    return Problem(find("linear"), shapes, {}, dtype, seed=5, small=small)


@pytest.mark.parametrize("features", [10, 577, 4608])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_no_sum_of_small_numbers_is_more_than_the_dtype_has_whole_numbers_for(dtype, features):
    case = whole_numbers(problem(dtype, features, small=True))
    most = 1 << PRECISIONS[dtype].bits
    sizes = case.absolute()
    results = [sizes.y, *(g for g in sizes.gradients if g is not None)]
    assert max(float(np.max(r)) for r in results) <= most
    assert problem(dtype, features, small=True).fits(dtype)
    assert np.count_nonzero(case.y) > case.y.size / 2, "what is scaled or left out shows"


def test_others_are_exact_in_the_accumulator_and_rounded_once():
    dtype = "bfloat16"
    wide = problem(dtype, 577, small=False)
    case = whole_numbers(wide)
    assert not wide.fits(dtype)
    assert wide.fits("float32")
    assert np.abs(case.absolute().y).max() <= 1 << 24
    stored = PRECISIONS[dtype].rounded(case.y)
    assert not np.array_equal(stored, case.y), "S has more digits than are stored"


def test_where_all_fits_nothing_is_made_zero():
    few = problem("float32", 577, small=True)
    assert not few.sparse
    assert np.all(whole_numbers(few).inputs[0] != 0)
