"""float16 and bfloat16 as they are computed: right is decided at any length of a sum, and nothing wrong is excused."""

from functools import partial

import numpy as np
import pytest
import torch

from checks import Verdict, judge
from checks.gradcheck import main
from checks.laws import decides, laws
from checks.numbers.precision import PRECISIONS
from checks.ops import find
from checks.subjects.implementation import Implementation
from checks.trials.accumulator import widths
from checks.verdict import judging
from reference import conv, linear, softmax
from tests.laws import few_bits
from tests.laws.few_bits import ByTorch, Linear, Narrow

FEW = ("bfloat16", "float16")
DECIDING = [name for name, law in laws().items() if decides(law)]
LENGTHS = (10, 100, 577, 4608, 10_000)
LONG = {
    "y": lambda n: {"features": (n, 3), "batch": (2,)},
    "x": lambda n: {"features": (3, n), "batch": (2,)},
    "weight": lambda n: {"features": (3, 2), "batch": (n,)},
}
KEEP_FLOAT32 = (few_bits.in_blocks, few_bits.from_the_end, few_bits.one_after_another)
KEEP_LESS = (few_bits.stored_in_four_parts, few_bits.rounded_throughout)


@pytest.fixture(autouse=True)
def _without_a_process(monkeypatch):
    """NumPy holds the numbers of bfloat16 in float32, so that what computes with them can be judged in this process."""
    monkeypatch.setattr(judging, "NATIVE", tuple(PRECISIONS))
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def _judged(implementation, dtype, op="linear", **options):
    return judge(op, implementation, dtype=dtype, **{"examples": 5, "seed": 1, "laws": DECIDING, "reach": 1, **options})


def _broken(report):
    return [(f.law, f.result, f.note) for f in report.findings if f.verdict is Verdict.BROKEN]


@pytest.mark.parametrize("result", LONG)
@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("dtype", FEW)
def test_a_sum_that_is_kept_in_float32_and_rounded_once_is_right_however_long(dtype, n, result):
    for sums in KEEP_FLOAT32 if n < 1000 else KEEP_FLOAT32[:2]:
        report = _judged(Linear(dtype, sums), dtype, **LONG[result](n))
        assert report.exit_code == 0, (sums.__name__, _broken(report), report.undecided)
        assert not report.warnings, sums.__name__


@pytest.mark.usefixtures("verdict_alone")
@pytest.mark.parametrize("result", LONG)
@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("dtype", FEW)
def test_what_is_wrong_in_a_long_sum_is_broken(dtype, n, result):
    for how in ("zero", "doubled", "a hundredth more", "a product short"):
        report = _judged(Linear(dtype, spoiled=result, how=how), dtype, **LONG[result](n))
        wrong = result if result == "y" else f"grad_{result}"
        assert {finding.result for finding in report.failures} == {wrong}, how


@pytest.mark.usefixtures("verdict_alone")
@pytest.mark.parametrize("dtype", FEW)
def test_a_gradient_of_zeros_beyond_a_tile_is_broken(dtype):
    report = _judged(Linear(dtype, spoiled="x", how="zero from 64 on"), dtype, features=(100, 320))
    assert [finding.result for finding in report.failures] == ["grad_x"]


@pytest.mark.parametrize("n", [10, 100, 577])
@pytest.mark.parametrize("sums", KEEP_LESS, ids=lambda sums: sums.__name__)
@pytest.mark.parametrize("dtype", FEW)
def test_narrow_sums_are_right_and_named_with_their_place(dtype, sums, n):
    report = _judged(Linear(dtype, sums), dtype, laws=[*DECIDING, "accumulation"], features=(n, 3))
    assert report.exit_code == 0, (_broken(report), report.undecided)
    assert any(f"y is summed in {dtype} across features in, not in float32: " in note for note in report.warnings)


@pytest.mark.usefixtures("verdict_alone")
@pytest.mark.parametrize("dtype", FEW)
def test_narrow_sums_excuse_nothing_that_is_wrong(dtype):
    for how in ("zero", "doubled", "a hundredth more"):
        spoiled = Linear(dtype, few_bits.stored_in_four_parts, "y", how)
        report = _judged(spoiled, dtype, features=(577, 3))
        assert "y" in {finding.result for finding in report.failures}, how


@pytest.mark.parametrize("dtype", FEW)
def test_products_that_are_rounded_are_named_not_wrong(dtype):
    report = _judged(Linear(dtype, few_bits.rounded_products), dtype, features=(100, 3), examples=10)
    assert report.exit_code == 0, (_broken(report), report.undecided)
    assert f"y: products are rounded to {dtype} before they are summed" in report.warnings


@pytest.mark.parametrize("dtype", FEW)
def test_a_bias_that_is_added_to_what_was_rounded_is_named_not_wrong(dtype):
    class Twice(Linear):
        def forward(self, x, weight, bias=None):
            y = super().forward(x, weight)
            return y if bias is None else self._stored(y.astype(np.float32) + bias)

    report = _judged(Twice(dtype), dtype, features=(100, 3), examples=10)
    assert report.exit_code == 0
    assert set(report.warnings) == {f"y is rounded to {dtype} before the bias is added"}


def test_weights_of_classes_are_no_bias_that_is_added():
    """A loss with weights that is off by a rounding more was said to be rounded before they are added."""
    name = "weighted_cross_entropy"
    report = _judged(ByTorch(name, "bfloat16"), "bfloat16", name, examples=30, seed=2)
    assert report.exit_code == 0, (_broken(report), report.undecided)
    assert any(note.startswith("y: results on the way") for note in report.warnings)
    assert not any("before the bias" in note for note in report.warnings)


@pytest.mark.parametrize("dtype", FEW)
def test_what_is_promised_is_held_to(dtype):
    narrow, wide = Linear(dtype, few_bits.rounded_throughout), Linear(dtype)
    asked = partial(_judged, dtype=dtype, laws=[*DECIDING, "accumulation"], features=(30, 3))
    assert asked(narrow, accumulate="float32").exit_code == 1
    assert asked(wide, accumulate="float32").exit_code == 0
    same = asked(narrow, accumulate="same")
    assert not same.warnings
    assert not _broken(same)
    assert asked(wide, accumulate="same").exit_code == 0


def test_a_promise_of_something_else_is_refused():
    with pytest.raises(ValueError, match="accumulate is 'half'; expected float32 or same"):
        judge("linear", linear, dtype="float16", accumulate="half")


def _read(implementation, op, dtype):
    found = widths(Implementation.of(find(op), implementation), dtype)
    return {f"{place.result} {place.words}": bits for place, bits in found.items()}


def test_the_accumulator_is_read_at_every_place_of_a_convolution():
    bits = _read(Narrow(), "conv", "float16")
    assert bits.pop("grad_weight across samples") == 11
    assert bits == dict.fromkeys(
        (
            "y across the taps of the kernel",
            "y across channels in",
            "grad_x across the taps of the kernel",
            "grad_x across channels out",
            "grad_weight across positions",
            "grad_bias across samples",
            "grad_bias across positions",
        ),
        24,
    )


def test_no_width_is_read_of_what_is_wrong():
    for how in ("zero", "doubled", "a hundredth more", "a product short"):
        bits = _read(Linear("bfloat16", spoiled="y", how=how), "linear", "bfloat16")
        assert set(bits.values()) == {24}
        assert "y across features in" not in bits, how


# Of two values in a channel little is left of the gradient of x, and torch keeps the statistics in few bits.
WHERE = {"linear": {}, "softmax": {}, "sigmoid": {}, "batch_norm": {"batch": 8}, "avg_pool": {}, "subsample": {}}


@pytest.mark.parametrize("op", WHERE)
@pytest.mark.parametrize("dtype", FEW)
def test_what_torch_computes_is_right(op, dtype):
    report = _judged(ByTorch(op, dtype), dtype, op, examples=30, **WHERE[op])
    assert report.exit_code == 0, (_broken(report), report.undecided)


@pytest.mark.usefixtures("verdict_alone")
@pytest.mark.parametrize("dtype", FEW)
def test_wide_convolutions_by_torch_are_decided(dtype):
    sizes = {
        "channels": (64, 64),
        "kernel": (3, 3),
        "padding": 1,
        "stride": 1,
        "dilation": 1,
        "groups": 1,
        "size": (5, 5),
    }
    asked = partial(_judged, dtype=dtype, op="conv", examples=3, **sizes)
    right = asked(ByTorch("conv", dtype))
    assert not _broken(right)
    assert not [decision for decision in right.undecided if decision.result == "y"]
    for result in ("y", "x", "weight"):
        for how in ("zero", "doubled", "a hundredth more"):
            report = asked(ByTorch("conv", dtype, result, how))
            wrong = result if result == "y" else f"grad_{result}"
            assert wrong in {finding.result for finding in report.failures}, (result, how)


def test_a_softmax_gradient_of_zeros_is_broken():
    class Nothing:
        forward = staticmethod(softmax.forward)

        def backward(self, grad_output, x, **parameters):
            return 0 * softmax.backward(grad_output, x, **parameters)[0]

    assert _judged(Nothing(), "float16", "softmax", examples=20).exit_code == 1


@pytest.mark.parametrize("dtype", FEW)
def test_a_batch_norm_with_constant_statistics_is_broken(dtype):
    class Constant(ByTorch):
        def backward(self, grad_output, x, gamma, beta, eps=1e-5):
            axes = (0, *range(2, x.ndim))
            scale = gamma / np.sqrt(np.var(x.astype(np.float64), axes) + eps)
            grad_x = grad_output * scale.reshape(1, -1, *(1,) * (x.ndim - 2))
            _, *others = super().backward(grad_output, x, gamma, beta, eps=eps)
            return PRECISIONS[dtype].rounded(grad_x).astype(x.dtype), *others

    report = _judged(Constant("batch_norm", dtype), dtype, "batch_norm", examples=20)
    assert [finding.result for finding in report.failures] == ["grad_x"]


def test_float64_and_float32_are_judged_as_ever():
    for dtype in ("float64", "float32"):
        report = judge("conv", conv, dtype=dtype, examples=5, seed=1)
        assert report.exit_code == 0
        assert not report.tally.of("accumulation").checks


@pytest.mark.parametrize("promise", [(), ("--accumulate", "float32")])
def test_a_layer_that_is_doubled_is_wrong_by_the_command_line(tmp_path, capsys, promise):
    mine = tmp_path / "mine.py"
    mine.write_text(
        "import torch\n\ndef doubled(x, weight, bias):\n"
        "    y = torch.nn.functional.linear(x, weight, bias)\n    return y + y.detach()\n"
    )
    sizes = ("--features", "512,320", "--dtype", "bfloat16", "--examples", "3", "--seed", "1")
    assert main(["linear", "--impl", f"torch:{mine}:doubled", *sizes, *promise]) == 1
    assert "y is wrong" in capsys.readouterr().out
