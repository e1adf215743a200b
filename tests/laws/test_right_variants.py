"""Right code in other arithmetic is never rejected, over 160 random cases each, or 80 where there is little to vary."""

import inspect
from dataclasses import replace
from functools import cache

import pytest
import torch

from benchmarks.outcome import DECIDING
from benchmarks.sharpness import StoredOnce
from checks import Verdict, judge
from checks.cases.drawing import problems_of
from checks.cases.search import Search
from checks.laws import laws
from checks.op import Problem
from checks.ops import find, ops
from checks.subjects.implementation import Implementation
from checks.verdict.tried import Tried
from reference import conv
from tests.laws.right_conv import ByFFT, OffsetByOffset, SinglePrecision
from tests.laws.right_layers import BatchNormOfOnePass
from tests.laws.right_losses import HingeByMargins, HingeClassByClass
from tests.laws.right_pointwise import (
    LeakyByChoice,
    LeakyByParts,
    LeakyHalfwayAtZero,
    ReluByAbsoluteValue,
    ReluByProduct,
    ReluWithOneAtZero,
)
from tests.laws.right_pools import AdaptiveMaxByLoops, AdaptiveMaxWithEqualShares, LpPoolByVectors, LpPoolOffsetByOffset
from tests.laws.right_sampling import GridSampleByHats, GridSamplePlaceByPlace
from tests.laws.right_smooth import EluByParts, EluFromItsResult, HardSwishByClipping, HardSwishByThirds
from tests.laws.right_variants import BY_HAND, RIGHT, ByTorch
from tests.laws.right_windows import ConvTransposeAsAdjoint, MaxPoolByWindows, MaxPoolWithEqualShares

CASES = 160
FEWER = (
    80  # where sizes and parameters are all that varies, or of what is no polynomial: its bounds cost as much as laws
)
FEW_PARAMETERS = 3  # fewer than these, and there is little to vary though sizes depend on one another, as of norms
FEW = 5  # for each algorithm in bfloat16
OF_NUMBERS = [name for name in laws() if name != "contract"]  # which asks much of each case, and little of its numbers
# Those that compare every element, and the conventions, over all cases; those that sample, over a fifth of them.
SHARP = ["exact", "forward", "agreement", "kinks"]

# Ahead or behind in the order of the map, and at a border what is inside or outside; between, where a mirror has 0.
SIDES = [f"on the line between two pixels the slope is that {side}" for side in ("ahead", "behind", "of either side")]
BETWEEN = "on the line between two pixels the slope is between those of its sides"

CONVENTIONS = {
    ByTorch("leaky_relu"): "the derivative at 0 is negative_slope",
    LeakyByParts: "the derivative at 0 is negative_slope",
    LeakyByChoice: "the derivative at 0 is 1",
    LeakyHalfwayAtZero: "the derivative at 0 is halfway between negative_slope and 1",
    ByTorch("elu"): "the derivative at 0 is the left one",
    EluFromItsResult: "the derivative at 0 is the left one",
    EluByParts: "the derivative at 0 is the right one",
    ByTorch("hard_swish"): "the derivative at -3 is the left one, the derivative at 3 is the right one",
    HardSwishByClipping: "the derivative at -3 is the left one, the derivative at 3 is the right one",
    HardSwishByThirds: "the derivative at -3 is the right one, the derivative at 3 is the left one",
    ByTorch("hinge"): "a class on the margin does not count",
    HingeClassByClass: "a class on the margin counts",
    HingeByMargins: "a class on the margin counts half",
    ByTorch("relu"): "the derivative at 0 is 0",
    ReluByProduct: "the derivative at 0 is 0",
    ReluByAbsoluteValue: "the derivative at 0 is 0.5",
    ReluWithOneAtZero: "the derivative at 0 is 1",
    ByTorch("max_pool"): "the first of the largest takes all",
    MaxPoolByWindows: "the last of the largest takes all",
    MaxPoolWithEqualShares: "the largest share equally",
    ByTorch("adaptive_max_pool"): "the first of the largest takes all",
    AdaptiveMaxByLoops: "the last of the largest takes all",
    AdaptiveMaxWithEqualShares: "the largest share equally",
    ByTorch("grid_sample"): ", ".join((*SIDES, BETWEEN)),
    GridSampleByHats: ", ".join((*SIDES, BETWEEN)),
    GridSamplePlaceByPlace: ", ".join(SIDES),
    ByTorch("lp_pool"): "the derivative at 0 is 0",
    LpPoolOffsetByOffset: "the derivative at 0 is 0",
    LpPoolByVectors: "the derivative at 0 is a subgradient other than 0",
}


@pytest.fixture(autouse=True)
def _one_thread():
    """The arrays are small: waking other threads takes longer than the work, many times so on a machine that is busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _rejected(report):
    return [
        (f.law, f.result, f.error, f.bound, f.note, f.problem) for f in report.findings if f.verdict is Verdict.BROKEN
    ]


def _named(value):
    return value if isinstance(value, str) else value.__name__ if inspect.isclass(value) else type(value).__name__


@cache
def _drawn(op, *, half):
    """The same cases for each algorithm, and for float32 as for float64: drawing them takes as long as judging them."""
    found: list[Problem] = []
    windows = find(op).takes.geometry is not None and len(find(op).takes.parameters) >= FEW_PARAMETERS
    many = CASES if windows and find(op).kind.degree is not None else FEWER
    Search(problems_of(find(op), {}, "float16" if half else "float64"), many, 30).run(found.append)
    return found


def _tried(op, implementation, dtype, names, step=1):
    """What these laws find in every case, or in every so many."""
    asked = {name: law for name, law in laws().items() if name in names}
    tried = Tried(Implementation.of(find(op), implementation), asked)
    for problem in _drawn(op, half=dtype == "float16")[::step]:
        tried.add(replace(problem, dtype=dtype))
    return tried


def _assert_holds(op, implementation, dtype):
    """Every element in all cases, and along lines in a fifth of them; returns what was tried of the elements."""
    tried = _tried(op, implementation, dtype, SHARP)
    assert not _rejected(tried)
    assert tried.cases + tried.unsupported.total() == len(_drawn(op, half=dtype == "float16"))
    assert not _rejected(_tried(op, implementation, dtype, set(OF_NUMBERS) - set(SHARP), step=5))
    return tried


@pytest.mark.parametrize(("op", "implementation", "dtype"), RIGHT, ids=_named)
def test_another_algorithm_holds_and_keeps_the_contract_and_its_convention_is_named(op, implementation, dtype):
    tried = _assert_holds(op, implementation, dtype)
    assert tried.cases > 9 * tried.unsupported.total()
    named = CONVENTIONS.get(implementation)
    seen = {part for f in tried.findings if f.convention for part in f.convention.split(", ")}
    assert seen == (set(named.split(", ")) if named else set())
    assert not _rejected(_tried(op, implementation, dtype, ["contract"], step=10))


@pytest.mark.parametrize("name", ops())
def test_right_code_by_any_algorithm_holds_in_bfloat16_where_results_are_stored_once(name):
    """As kernels have it: sums in float32, of numbers of 8 bits."""
    found: list[Problem] = []
    Search(problems_of(find(name), {}, "bfloat16"), FEW, 31).run(found.append)
    for algorithm in (find(name).reference, ByTorch(name), *BY_HAND.get(name, ())):
        made = algorithm() if inspect.isclass(algorithm) else algorithm
        tried = Tried(Implementation.of(find(name), StoredOnce(find(name), made, "bfloat16")), DECIDING)
        for problem in found:
            tried.add(problem)
        assert not _rejected(tried)


def test_every_op_but_conv_has_two_algorithms_beside_torch():
    assert {name for name in ops() if len(BY_HAND.get(name, ())) < 2} == {"conv"}


def test_a_variance_in_one_pass_holds_where_rounding_could_make_it_negative():
    report = judge(
        "batch_norm", BatchNormOfOnePass, dtype="float16", examples=CASES, seed=28, laws=["agreement"], dims=0, batch=2
    )
    assert not _rejected(report)


def test_a_transposed_convolution_by_fourier_transforms_is_said_to_hold_normwise():
    tried = _assert_holds("conv_transpose", ConvTransposeAsAdjoint(ByFFT()), "float32")
    assert any(f.normwise for f in tried.findings if f.law == "agreement")


def test_noise_is_no_mistake_where_no_product_is_summed():
    """Padding crops all that the kernel makes: what is left is 0, or the bias, with the noise of what is gone."""
    moves = {"stride": (1, 2), "padding": (1, 0), "output_padding": (0, 1), "dilation": 2, "groups": 1}
    shapes = {"dims": 2, "size": (1, 3), "kernel": (2, 1), "channels": (1, 1), "batch": 1}
    by_fourier = ConvTransposeAsAdjoint(ByFFT())
    report = judge(
        "conv_transpose", by_fourier, dtype="float32", examples=40, seed=36, laws=["exact"], **moves, **shapes
    )
    assert not _rejected(report)
    assert report.coverage["bias"].keys() == {"yes", "no"}
    assert any("inexact arithmetic" in f.note for f in report.findings if f.result == "y")


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_another_order_of_summation_holds(dtype):
    assert _assert_holds("conv", OffsetByOffset(), dtype).cases == CASES


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_fourier_transforms_hold_and_are_said_to_hold_normwise(dtype):
    findings = _assert_holds("conv", ByFFT(), dtype).findings
    assert any(f.normwise for f in findings if f.law == "agreement")
    inexact = [f for f in findings if f.law == "exact" and f.verdict is Verdict.UNDECIDED]
    assert inexact
    assert all("inexact arithmetic" in f.note for f in inexact)


def test_single_precision_throughout_holds_in_single_precision():
    assert _assert_holds("conv", SinglePrecision(), "float32").cases == CASES


def test_single_precision_throughout_is_wrong_in_double_precision():
    report = judge("conv", SinglePrecision(), dtype="float64", examples=20, seed=34)
    assert report.exit_code == 1


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_the_reference_holds(dtype):
    assert not any(f.normwise for f in _assert_holds("conv", conv, dtype).findings)
    assert not _rejected(_tried("conv", conv, dtype, ["contract"], step=5))
