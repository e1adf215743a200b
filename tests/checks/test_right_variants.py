"""Right code in other arithmetic is never rejected, over 500 random cases each."""

import pytest

from checks import Verdict, judge
from tests.checks.right_conv import ByFFT, OffsetByOffset, SinglePrecision

CASES = 500


def _rejected(report):
    return [(f.law, f.result, f.error, f.bound, f.problem) for f in report.findings if f.verdict is Verdict.BROKEN]


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_another_order_of_summation_holds(dtype):
    report = judge("conv", OffsetByOffset(), dtype=dtype, examples=CASES, seed=31)
    assert not _rejected(report)
    assert report.cases == CASES


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_fourier_transforms_hold_and_are_said_to_hold_normwise(dtype):
    report = judge("conv", ByFFT(), dtype=dtype, examples=CASES, seed=32)
    assert not _rejected(report)
    assert any(f.normwise for f in report.findings if f.law == "agreement")
    inexact = [f for f in report.findings if f.law == "exact" and f.verdict is Verdict.UNDECIDED]
    assert inexact
    assert all("inexact arithmetic" in f.note for f in inexact)


def test_single_precision_throughout_holds_in_single_precision():
    report = judge("conv", SinglePrecision(), dtype="float32", examples=CASES, seed=33)
    assert not _rejected(report)


def test_single_precision_throughout_is_wrong_in_double_precision():
    report = judge("conv", SinglePrecision(), dtype="float64", examples=20, seed=34)
    assert report.exit_code == 1


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_the_reference_holds(dtype):
    report = judge("conv", dtype=dtype, examples=CASES, seed=35)
    assert not _rejected(report)
    assert not any(f.normwise for f in report.findings)
