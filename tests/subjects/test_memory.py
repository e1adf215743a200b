"""What a call did with memory."""

from __future__ import annotations

import numpy as np
import pytest

from checks.subjects.memory import LARGE, same_bits


@pytest.mark.parametrize("size", [3, LARGE])
def test_same_bits_are_the_same_numbers_signs_and_nans(size):
    a = np.full(size, np.nan)
    a[0] = 0.0
    assert same_bits(a, a.copy())
    other = a.copy()
    other[0] = -0.0
    assert not same_bits(a, other)
    assert not same_bits(a, None)
    assert same_bits(a[::2], a[::2].copy())
