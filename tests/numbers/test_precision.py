"""The precisions have the numbers that NumPy and torch say, and bfloat16 rounds as torch does."""

import numpy as np
import pytest
import torch

from checks.numbers.precision import NATIVE, PRECISIONS


@pytest.mark.parametrize("name", NATIVE)
def test_native_precisions_are_numpys(name):
    precision, numbers = PRECISIONS[name], np.finfo(name)
    assert precision.unit_roundoff == numbers.eps / 2
    assert precision.largest == numbers.max
    assert precision.underflow == float(numbers.smallest_subnormal) / 2
    assert 2.0**precision.lowest == numbers.tiny


def test_bfloat16_is_torchs():
    precision, numbers = PRECISIONS["bfloat16"], torch.finfo(torch.bfloat16)
    assert precision.unit_roundoff == numbers.eps / 2
    assert precision.largest == numbers.max
    assert 2.0**precision.lowest == numbers.tiny
    assert "bfloat16" not in NATIVE


def test_rounding_to_bfloat16_is_torchs_to_the_last_bit():
    rng = np.random.default_rng(5)
    any_bits = rng.integers(0, 1 << 32, 100_000, dtype=np.uint32).view(np.float32)
    halfway = (np.arange(1 << 16, dtype=np.uint32) << 16 | 0x8000).view(np.float32)
    for numbers in (any_bits, halfway):
        rounded = PRECISIONS["bfloat16"].rounded(numbers)
        with np.errstate(over="ignore"):
            expected = torch.from_numpy(numbers.copy()).bfloat16().float().numpy()
        assert np.array_equal(rounded, expected, equal_nan=True)


@pytest.mark.parametrize("name", PRECISIONS)
def test_numbers_of_a_precision_stay_what_they_are(name):
    precision = PRECISIONS[name]
    numbers = precision.rounded(np.random.default_rng(1).uniform(-1, 1, 1000))
    assert numbers.dtype == precision.storage
    assert np.array_equal(precision.rounded(numbers), numbers)
    whole = np.arange(2**precision.bits + 1) if precision.bits < 12 else np.array([2**precision.bits])
    assert np.array_equal(precision.rounded(whole), whole)
