"""NaN and infinity in any of the arrays: what loses them, spreads them or raises is told, and no convention is accused."""

import re

import numpy as np
import pytest

from checks import Verdict, judge
from checks.ops import find
from reference import conv, relu, sigmoid
from tests.laws.right_variants import ByTorch
from tests.laws.right_windows import ConvTransposeByZeros, MaxPoolWithEqualShares


def contract(op, implementation, **how):
    return judge(op, implementation, seed=61, examples=40, laws=["contract"], **how)


class LosesOddNumbers:
    """NaN and infinity in one of the arrays become 0, as by nan_to_num."""

    def __init__(self, place):
        self.place = place

    def _cleared(self, arrays):
        return [
            np.where(np.isfinite(a), a, 0) if n == self.place and a is not None else a for n, a in enumerate(arrays)
        ]

    def forward(self, x, weight, bias=None, **p):
        return conv.forward(*self._cleared([x, weight, bias]), **p)

    def backward(self, g, x, weight, bias=None, **p):
        *inputs, g = self._cleared([x, weight, bias, g])
        return conv.backward(g, *inputs, **p)


@pytest.mark.usefixtures("verdict_alone")
@pytest.mark.parametrize(("place", "name"), [(0, "x"), (1, "weight"), (2, "bias"), (3, "grad_output")])
def test_a_nan_or_infinity_that_leaves_no_trace_is_seen_in_every_array(place, name):
    report = judge("conv", LosesOddNumbers(place), seed=61, examples=100, laws=["contract"])
    assert report.exit_code == 1, "what is summed of products with it is no number to anybody"
    result = "grad_(x|weight|bias)" if name == "grad_output" else "y|grad_x"
    for odd in ("a NaN", "an infinity"):
        said = f"{odd} in {name} leaves no trace in elements of ({result}) that it should"
        assert any(re.fullmatch(said, f.note) for f in report.findings if f.verdict is Verdict.BROKEN)


class Cleared:
    """The reference, of which one array has its NaN and infinities replaced by 0 before anything is computed."""

    def __init__(self, op, name):
        self.op, self.name = op, name

    def _of(self, name, a):
        return np.where(np.isfinite(a), a, np.zeros((), a.dtype)) if name == self.name and a is not None else a

    def forward(self, *inputs, **p):
        given = (self._of(*pair) for pair in zip(self.op.inputs, inputs, strict=True))
        return self.op.reference.forward(*given, **p)

    def backward(self, g, *inputs, **p):
        given = (self._of(*pair) for pair in zip(self.op.inputs, inputs, strict=True))
        return self.op.reference.backward(self._of("grad_output", g), *given, **p)


LOST = [
    ("linear", "bias"),
    ("layer_norm", "beta"),
    ("attention", "v"),
    ("softmax", "grad_output"),
    ("max_pool", "grad_output"),
]
CHOSEN = [("max_pool", "x"), ("relu", "x"), ("softmax", "x"), ("layer_norm", "x"), ("embedding", "weight")]


@pytest.mark.parametrize(("name", "array", "code"), [(*of, 1) for of in LOST] + [(*of, 0) for of in CHOSEN])
@pytest.mark.usefixtures("verdict_alone")
def test_a_number_that_is_none_is_lost_where_it_is_multiplied_and_added_and_may_be_where_it_is_compared(
    name, array, code
):
    report = judge(name, Cleared(find(name), array), seed=61, examples=60, laws=["contract"])
    assert report.exit_code == code, report
    assert code or any(f"NaN in {array} leaves no trace" in words for words in report.warnings)


class Even:
    """A derivative that is the same on both sides of 0, in which a NaN is lost."""

    forward = staticmethod(sigmoid.forward)

    def backward(self, g, x):
        (gx,) = sigmoid.backward(g, x)
        return (np.where(np.isnan(x), 0.0, gx),)


@pytest.mark.usefixtures("verdict_alone")
def test_what_is_the_same_at_both_ends_depends_on_a_number_all_the_same():
    report = judge("sigmoid", Even, seed=61, examples=30, laws=["contract"])
    assert report.exit_code == 0, report
    assert any("NaN in x leaves no trace in elements of grad_x" in words for words in report.warnings)


class LosesNaN:
    backward = staticmethod(conv.backward)

    def forward(self, x, weight, bias=None, **p):
        return np.nan_to_num(conv.forward(x, weight, bias, **p), nan=0.0, posinf=np.inf, neginf=-np.inf)


@pytest.mark.usefixtures("verdict_alone")
def test_a_layer_that_replaces_nan_is_seen_in_every_default_run():
    """Here in fewer cases than there are: a NaN comes to y from three arrays of four."""
    missed = [s for s in range(6) if judge("conv", LosesNaN, seed=s, examples=80, laws=["contract"]).exit_code != 1]
    assert not missed


class Table:
    """Looks the sign of a number up: NaN has no place in a table."""

    def forward(self, x):
        return np.maximum(x, 0) + np.reshape([(0.0, 0.0)[int(v)] for v in np.ravel(x / 1e300)], x.shape)

    def backward(self, g, x):
        self.forward(g)
        return relu.backward(g, x)


def test_what_raises_on_nan_is_a_warning_and_nothing_more():
    report = contract("relu", Table)
    assert report.exit_code == 0
    assert not any(f.crashed for f in report.findings)
    assert "a NaN in x is not taken: forward raised ValueError: cannot convert float NaN to integer" in report.warnings
    assert any(
        words.startswith("an infinity in grad_output is not taken: backward raised") for words in report.warnings
    )


class RefusesNaN:
    def forward(self, x):
        if np.isnan(x).any():
            raise NotImplementedError("no NaN")
        return relu.forward(x)

    def backward(self, g, x):
        return relu.backward(g, x)


def test_what_refuses_nan_in_so_many_words_is_judged_on_all_else():
    report = contract("relu", RefusesNaN)
    assert report.cases == 40
    assert not report.unsupported
    assert not report.warnings


class SpoilsOtherSamples:
    """A check that looks at the whole batch: one NaN makes all of it NaN."""

    def forward(self, x):
        return relu.forward(x) + (x.sum() - x.sum())

    def backward(self, g, x):
        return relu.backward(g, x)


def test_a_nan_that_spoils_other_samples_is_told():
    said = "a NaN in x makes NaN or infinity of elements of y that it should not: of other samples"
    assert said in contract("relu", SpoilsOtherSamples).warnings


class MasksByProduct:
    """0·NaN is NaN: right all the same, since it depends on the algorithm whether a zero is multiplied or left out."""

    def forward(self, x):
        return np.where(x > 0, x, x * 0)

    def backward(self, g, x):
        return (g * (x > 0),)


@pytest.mark.parametrize(
    ("op", "implementation"),
    [
        ("relu", MasksByProduct),
        ("max_pool", MaxPoolWithEqualShares),
        ("dropout", ByTorch("dropout")),
        ("conv", ByTorch("conv")),
        ("conv_transpose", ConvTransposeByZeros),
    ],
    ids=lambda v: v if isinstance(v, str) else "by",
)
def test_zeros_in_front_of_nan_may_be_multiplied_or_left_out(op, implementation):
    report = judge(op, implementation, seed=3, examples=60, laws=["contract"], dtype="float32", strict=True)
    assert report.exit_code == 0, str(report)
