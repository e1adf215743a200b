"""What a caller relies on beside the numbers: every way to break it is caught and named, and right code is not accused."""

import ctypes

import numpy as np
import pytest

from checks import Verdict, judge
from checks.cases.drawing import problems_of
from checks.cases.layouts import LAYOUTS, broadcast, laid_alike, memory_of
from checks.cases.search import Search
from checks.laws import laws
from checks.op import Case
from checks.ops import find
from checks.subjects import loading
from checks.subjects.implementation import Implementation
from checks.subjects.isolation import Isolated
from checks.verdict.tried import Tried
from reference import conv, instance_norm, linear, relu, softmax, softplus


class Right:
    forward = staticmethod(conv.forward)
    backward = staticmethod(conv.backward)


class WritesIntoX(Right):
    def backward(self, g, x, *others, **p):
        gradients = conv.backward(g, x, *others, **p)
        x *= 2
        return gradients


class WritesIntoTheCotangent(Right):
    def backward(self, g, *inputs, **p):
        gradients = conv.backward(g, *inputs, **p)
        g[...] = 0
        return gradients


class Accumulates(Right):
    """The gradient of the weight is never cleared."""

    def __init__(self):
        self.total = {}

    def backward(self, g, x, weight, bias, **p):
        grad_x, grad_weight, grad_bias = conv.backward(g, x, weight, bias, **p)
        before = self.total.get(weight.shape, 0)
        self.total[weight.shape] = before + grad_weight
        return grad_x, self.total[weight.shape].copy(), grad_bias


class CachesTheLatestForward(Right):
    def forward(self, x, weight, bias, **p):
        self.x = x.copy()
        return conv.forward(x, weight, bias, **p)

    def backward(self, g, x, weight, bias, **p):
        cached = self.x if getattr(self, "x", x).shape == x.shape else x
        return conv.backward(g, cached, weight, bias, **p)


class Races(Right):
    """One call of ten loses an addition."""

    def __init__(self):
        self.rng = np.random.default_rng(3)

    def backward(self, g, *inputs, **p):
        gradients = conv.backward(g, *inputs, **p)
        if self.rng.random() < 0.1:
            gradients[1].ravel()[:1] += 1e-3
        return gradients


class ReadsRawMemory:
    """As a C extension does that takes a pointer and never looks at strides."""

    @staticmethod
    def raw(a):
        numbers = (ctypes.c_char * a.nbytes).from_address(a.ctypes.data)
        return np.frombuffer(numbers, a.dtype).reshape(a.shape).copy()

    def forward(self, x):
        return relu.forward(self.raw(x))

    def backward(self, g, x):
        return (relu.backward(g, self.raw(x))[0],)


class ReadsTheCotangentRaw(ReadsRawMemory):
    def forward(self, x):
        return relu.forward(x)

    def backward(self, g, x):
        return (relu.backward(self.raw(g), x)[0],)


class ReadsOneSampleRaw:
    """Samples and channels are made one axis, which leaves a batch of one that lies channels last as it lies."""

    def forward(self, x, gamma, beta, *, eps=1e-5):
        return instance_norm.forward(x, gamma, beta, eps=eps)

    def backward(self, g, x, gamma, beta, *, eps=1e-5):
        if len(g) == 1 and np.moveaxis(g, 1, -1).flags.c_contiguous:
            g = np.moveaxis(g, 1, -1).reshape(g.shape)
        return instance_norm.backward(g, x, gamma, beta, eps=eps)


class ReturnsAView:
    """Where nothing is negative the gradient is the cotangent: right until the caller reuses it."""

    def forward(self, x):
        return np.maximum(x, 0)

    def backward(self, g, x):
        g *= 1
        return (g if np.all(x > 0) else np.multiply(g, x > 0),)


class SharesMemory:
    def forward(self, x, weight, bias=None):
        return linear.forward(x, weight, bias)

    def backward(self, g, x, weight, bias=None):
        grad_x, grad_weight, grad_bias = linear.backward(g, x, weight, bias)
        together = np.zeros(grad_x.size + grad_weight.size + 1)
        together[: grad_x.size] = grad_x.ravel()
        one = together[: grad_x.size].reshape(grad_x.shape)
        together[grad_x.size : -1] = grad_weight.ravel()
        return one, together[grad_x.size : -1].reshape(grad_weight.shape) if grad_x.size else grad_weight, grad_bias


class MixesSamples(Right):
    """Right in a batch of one; in larger ones each sample is off by a little of the others."""

    def forward(self, x, weight, bias, **p):
        y = conv.forward(x, weight, bias, **p)
        return y + 1e-3 * (y.mean(axis=0, keepdims=True) - y) if len(y) else y


def said(report):
    """What the contract law found wrong, in words."""
    return {f.note for f in report.findings if f.law == "contract" and f.verdict == "broken"}


def contract(op, implementation, **how):
    return judge(op, implementation, seed=61, examples=40, laws=["contract"], **how)


BROKEN = [
    ("conv", WritesIntoX, "backward writes into x, which the caller goes on using"),
    ("conv", WritesIntoTheCotangent, "backward writes into grad_output, which the caller goes on using"),
    ("conv", Accumulates, "grad_weight grows with every call, by what is right: an accumulator that is never cleared"),
    (
        "conv",
        CachesTheLatestForward,
        "backward gives another grad_weight after a forward on other data: it remembers that",
    ),
    ("conv", Races, "backward gives another grad_weight when it is called again on the very same arrays"),
    ("relu", ReadsRawMemory, "arrays in Fortran order are read wrongly"),
    ("relu", ReadsRawMemory, "arrays that skip every second element are read wrongly"),
    ("relu", ReadsRawMemory, "arrays with negative strides are read wrongly"),
    ("relu", ReadsTheCotangentRaw, "a cotangent that is broadcast (strides of 0) is read wrongly"),
    ("relu", ReturnsAView, "grad_x changes when the caller later writes to what it passed: it is a view of that"),
    ("conv", MixesSamples, "a sample alone gives something else than in its batch"),
]


@pytest.mark.parametrize(("op", "implementation", "words"), BROKEN, ids=lambda v: getattr(v, "__name__", None))
def test_what_breaks_the_contract_is_caught_and_named(op, implementation, words):
    report = contract(op, implementation)
    assert report.exit_code == 1
    assert words in said(report)


def test_results_in_the_same_memory_are_not_accused_as_long_as_they_do_not_overlap():
    assert not said(contract("linear", SharesMemory))

    class Interleaved(SharesMemory):
        """Every second element each: each lies within the bounds of the other, and none in both."""

        def backward(self, g, x, weight, bias=None):
            gradients = linear.backward(g, x, weight, bias)
            together = np.zeros((2, max(x.size, weight.size))).T
            for column, gradient in zip(together.T, gradients, strict=False):
                column[: gradient.size] = gradient.ravel()
            columns = zip(together.copy("C").T, gradients, strict=False)
            return (*(c[: a.size].reshape(a.shape, copy=False) for c, a in columns), gradients[2])

    assert not said(contract("linear", Interleaved))

    class Overlap(SharesMemory):
        def backward(self, g, x, weight, bias=None):
            _, _, grad_bias = linear.backward(g, x, weight, bias)
            zeros = np.zeros(max(x.size, weight.size))
            return (zeros[: x.size].reshape(x.shape), zeros[: weight.size].reshape(weight.shape), grad_bias)

    assert "grad_x and grad_weight lie in the same memory: to write to one changes the other" in said(
        contract("linear", Overlap)
    )


def test_a_race_in_one_call_of_ten_is_caught_nearly_always():
    for seed in range(8):

        class Seeded(Races):
            def __init__(self, seed=seed):
                self.rng = np.random.default_rng(seed)

        tried = Tried(Implementation.of(find("conv"), Seeded), {"contract": laws()["contract"]})
        Search(problems_of(find("conv"), {}, "float64"), 40, 61).run(tried.add)
        assert any(f.verdict is Verdict.BROKEN for f in tried.findings)
    report = judge("conv", seed=1, examples=50, laws=["exact", "contract"])
    assert report.repeated == 3 * 42 + 2 * 50, "wide cases are exact alone"
    assert report.unseen == 0.9**226
    assert judge("gelu", seed=1, examples=6, laws=["exact", "contract"]).repeated == 5 * 5, "it is no polynomial"
    assert "a fault that shows in one call of ten stays unseen with probability at most" in str(report)


class RightOnWholeNumbers(Right):
    def backward(self, g, x, *others, **p):
        gradients = conv.backward(g, x, *others, **p)
        if not np.array_equal(x, np.rint(x)):
            gradients[1][...] *= 1.001
        return gradients


class RightTenTimes(Right):
    calls = 0

    def backward(self, *arrays, **p):
        self.calls += 1
        gradients = conv.backward(*arrays, **p)
        if self.calls > 10:
            gradients[1][...] *= 2
        return gradients


@pytest.mark.parametrize("implementation", [RightOnWholeNumbers, RightTenTimes])
def test_what_is_right_at_times_only_is_wrong(implementation):
    report = judge("conv", implementation, seed=62, examples=20)
    assert report.exit_code == 1
    assert {f.result for f in report.failures} == {"grad_weight"}


def test_when_whole_numbers_come_cannot_be_told_from_counting_calls():
    """The laws are asked in another order in every case."""
    whole = []

    class Counts(Right):
        def backward(self, g, *inputs, **p):
            whole.append(bool(g.size) and np.array_equal(g, np.rint(g)))
            return conv.backward(g, *inputs, **p)

    judge("conv", Counts, seed=63, examples=30, laws=["exact", "agreement"])
    turns = set(zip(whole[::2], whole[1::2], strict=False))
    assert {(True, False), (False, True)} <= turns


class WiderDtype:
    def forward(self, x):
        return relu.forward(x).astype(np.float64)

    def backward(self, g, x):
        return relu.backward(g, x)


class SwallowsNaN:
    def forward(self, x):
        return np.where(x > 0, x, 0)

    def backward(self, g, x):
        return (np.where(x > 0, g, 0),)


class Overflows:
    """No maximum taken off: right for moderate logits."""

    def forward(self, x, *, axis=1):
        e = np.exp(x)
        return e / e.sum(axis, keepdims=True)

    def backward(self, g, x, *, axis=1):
        return softmax.backward(g, x, axis=axis)


class NoEmptyBatch(Right):
    def forward(self, x, weight, bias, **p):
        if not len(x):
            raise ValueError("empty batch")
        return conv.forward(x, weight, bias, **p)


class Written:
    """Softplus as it is written: right for moderate x."""

    def forward(self, x, *, beta=1.0):
        return np.log1p(np.exp(beta * x)) / beta

    backward = staticmethod(softplus.backward)


WARNED = [
    ("relu", WiderDtype, "float32", "y has dtype float64, where the inputs have float32"),
    ("relu", SwallowsNaN, "float64", "a NaN in x leaves no trace in elements of y that it should"),
    ("softmax", Overflows, "float64", "x of 1e4 makes NaN or infinity of elements of y that it should not"),
    ("softplus", Written, "float64", "x of 1e4 makes NaN or infinity of elements of y that it should not"),
    ("conv", NoEmptyBatch, "float64", "an empty batch is not taken: forward raised ValueError: empty batch"),
]


@pytest.mark.parametrize(("op", "implementation", "dtype", "words"), WARNED, ids=lambda v: getattr(v, "__name__", None))
def test_what_leaves_the_numbers_right_is_a_warning_and_broken_if_strict(op, implementation, dtype, words):
    report = contract(op, implementation, dtype=dtype)
    assert report.exit_code == 0
    assert words in report.warnings
    assert f"warning: {words}" in str(report)
    strict = contract(op, implementation, dtype=dtype, strict=True)
    assert strict.exit_code == 1
    assert not strict.warnings


@pytest.mark.parametrize("seed", range(4))
def test_a_batch_of_one_that_is_read_as_if_it_lay_as_usual_is_seen_in_twenty_cases(seed):
    report = judge("instance_norm", ReadsOneSampleRaw(), examples=20, seed=seed, laws=["contract"])
    assert {f.note for f in report.failures} == {"arrays with channels last are read wrongly"}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(), (1,), (3, 4), (2, 3, 4), (0, 3)])
def test_layouts_hold_the_same_numbers_elsewhere(layout, shape):
    a = np.random.default_rng(0).standard_normal(shape)
    laid = LAYOUTS[layout](a)
    assert np.array_equal(laid, a)
    assert not np.shares_memory(laid, a) or not a.size
    alike = laid_alike(laid)
    assert np.array_equal(alike, a)
    assert not np.shares_memory(alike, laid) or not a.size
    assert alike.flags.writeable == laid.flags.writeable
    assert alike.flags.aligned == laid.flags.aligned
    assert alike.strides == laid.strides


def test_the_layouts_are_what_they_are_called():
    a = np.arange(12.0).reshape(3, 4)
    laid = {name: layout(a) for name, layout in LAYOUTS.items()}
    assert laid["in Fortran order"].flags.f_contiguous
    assert laid["that skip every second element"].strides == (128, 16)
    assert all(stride < 0 for stride in laid["with negative strides"].strides)
    assert not laid["misaligned by a byte"].flags.aligned
    assert not laid["read-only"].flags.writeable
    assert broadcast(a).strides == (0, 0)
    memory, first = memory_of(laid["with negative strides"])
    assert first == memory.size - 8


PAST = """
import ctypes, numpy as np
def forward(x):
    memory = (ctypes.c_double * (x.size + 1)).from_address(x.__array_interface__["data"][0])
    return np.isnan(np.ctypeslib.as_array(memory))[:-1].reshape(x.shape) * 1.0
def backward(g, x): return g
"""


@pytest.mark.parametrize("layout", ["with negative strides", "broadcast"])
def test_code_that_reads_beyond_an_array_finds_no_number_there(layout, tmp_path):
    """The first element where it should be, then what lies behind, here as in a process of its own."""
    (tmp_path / "past.py").write_text(PAST)
    op = find("relu")
    isolated = Isolated.loaded(op, str(tmp_path / "past.py"))
    here = Implementation.of(op, loading.load(op, str(tmp_path / "past.py"), dtype="float64", device="cpu"))
    try:
        for size in (9, 4, 70):  # less than before, and more
            x = {**LAYOUTS, "broadcast": broadcast}[layout](np.arange(1.0, size + 1))
            case = Case(op, (x,), {}, np.ones(size))
            for judged in (here, isolated):
                assert judged.forward(case).tolist() == [0.0, *[1.0] * (size - 1)]
    finally:
        isolated.close()
