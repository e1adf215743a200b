"""judge_function: what a function refuses that no caller passes is nothing against it, nor how it returns its numbers."""

import ctypes
import ctypes.util

import numpy as np
import pytest
import torch

from checks import judge_function
from checks.functions.function import decided
from tests.functions.functions import changed as with_gradient
from tests.functions.functions import times

FLOATS = ("float64", "float32")


def read_only(a):
    a = np.array(a)
    a.flags.writeable = False
    return a


def by_torch(x):
    return torch.nn.functional.gelu(torch.from_numpy(x)).numpy()


def by_torch_b(g, x):
    leaf = torch.from_numpy(np.array(x)).requires_grad_()
    return torch.autograd.grad(torch.nn.functional.gelu(leaf), leaf, torch.from_numpy(np.array(g)))[0].numpy()


class Panic(BaseException):
    """What bindings to other languages raise, and no `except Exception` catches."""


def panics(x):
    if x.dtype.kind == "c" or x.dtype == np.longdouble:
        raise Panic
    return np.sin(x)


def look_up(x, at):
    if np.isnan(x).any() or np.isnan(at).any():
        raise ValueError("cannot convert float NaN to integer")
    return x[at.astype(int)] ** 2


def look_up_b(g, x, at):
    grad = np.zeros_like(x)
    np.add.at(grad, at.astype(int), 2 * g * x[at.astype(int)])
    return grad, np.zeros_like(at)


ORDER = np.random.default_rng(0)


def in_any_order(x):
    """A sum whose last bits differ from call to call."""
    return np.cumsum(ORDER.permutation(x**3))[-1]


def in_any_order_b(g, x):
    return 3 * g * x**2 * (np.cumsum(ORDER.permutation(np.abs(x)))[-1] / np.cumsum(ORDER.permutation(np.abs(x)))[-1])


LIBM = ctypes.CDLL(ctypes.util.find_library("m"))
for one in (LIBM.sinf, LIBM.cosf):
    one.argtypes, one.restype = [ctypes.c_float], ctypes.c_float


def by_c(x):
    return np.array([LIBM.sinf(float(a)) for a in x])


def by_c_b(g, x):
    return g * np.array([LIBM.cosf(float(a)) for a in x])


AT = np.array([3.0, 0.0, 5.0, 3.0])
TAKEN = {
    "torch": (by_torch, by_torch_b, [(4, 6)]),
    "raises no Exception": (panics, lambda g, x: g * np.cos(x), [(4,)]),
    "read-only": (lambda x: read_only(x**2), lambda g, x: read_only(2 * g * x), [(3, 4)]),
    "Fortran": (lambda x: np.asfortranarray(x**2), lambda g, x: np.asfortranarray(2 * g * x), [(3, 4)]),
    "Python's numbers": (lambda x: float((x**2).sum()), lambda g, x: 2 * float(g) * x, [(4,)]),
    "a number": (lambda x: float(x) ** 2, lambda g, x: float(2 * g * x), [()]),
    "index": (look_up, look_up_b, [(6,), AT]),
    "any order": (in_any_order, in_any_order_b, [(30,)]),
    "C, in float32 inside": (by_c, by_c_b, [(5,)]),
    "float32 results": (lambda x: np.tanh(x.astype("f")), lambda g, x: (g / np.cosh(x) ** 2).astype("f"), [(5,)]),
    "an input named y": (lambda x, y: x * y, lambda g, x, y: (g * y, g * x), [(3,), (3,)]),
    "None where nothing depends": (lambda a, b: a * 2, lambda g, a, b: (g * 2, None), [(3,), (4,)]),  # noqa: ARG005, one signature for all
    "saturated": (lambda x: np.tanh(32 * x), lambda g, x: 32 * g * (1 - np.tanh(32 * x) ** 2), [(4,)]),
    "all saturated": (lambda x: np.tanh(19.2 * x), lambda g, x: 19.2 * g * (1 - np.tanh(19.2 * x) ** 2), [np.ones(1)]),
    "an unused input": (lambda a, b: a * 2, lambda g, a, b: (g * 2, 0 * b), [(3,), (4,)]),  # noqa: ARG005, that is it
}


@pytest.mark.filterwarnings("ignore:.*not writable")  # torch, of arrays that it does not write to
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", TAKEN)
def test_what_no_caller_passes_may_be_refused(name, dtype):
    report = judge_function(*TAKEN[name], dtype=dtype, seed=3, examples=25)
    assert report.exit_code == 0, str(report)
    assert decided(report), str(report)


def test_a_refusal_is_a_warning():
    notes = judge_function(*TAKEN["index"], seed=3, examples=5).warnings
    assert any("a NaN is refused: look_up raised ValueError" in note for note in notes)
    notes = judge_function(*TAKEN["torch"], seed=3, examples=20).warnings
    assert any("memory that is read-only or not in one piece is refused: by_torch raised" in note for note in notes)


def test_the_same_are_found_wrong():
    def last(b, which=0):
        return with_gradient(b, times(np.s_[-1], 1.01), which)

    for name in ("torch", "raises no Exception", "index", "any order", "C, in float32 inside"):
        f, b, inputs = TAKEN[name]
        assert judge_function(f, last(b), inputs, seed=3, examples=25).exit_code == 1, name


def test_none_is_wrong_where_something_depends():
    report = judge_function(lambda a, b: a * b, lambda g, a, b: (g * b, None), [(3,), (3,)], seed=1, examples=5)  # noqa: ARG005, one signature for all
    assert [failure.result for failure in report.failures] == ["grad_b"]


def test_what_raises_on_ordinary_inputs_has_failed_and_is_not_wrong():
    def bad(g, x):
        raise ValueError("bad")

    report = judge_function(np.abs, bad, [(3,)], seed=1, examples=3)
    assert report.exit_code == 3
    assert report.failures[0].note == "bad raised ValueError: bad"


def test_infinities_are_not_passed():
    """NumPy's singular vectors of a matrix with an infinity in it never come."""
    infinite = []

    def norm(a):
        infinite.append(not np.all(np.isnan(a) | np.isfinite(a)))
        return np.abs(a).sum()

    def norm_b(g, a):
        infinite.append(not np.all(np.isnan(a) | np.isfinite(a)))
        return g * np.sign(a)

    assert judge_function(norm, norm_b, "4,3", seed=1, examples=24).exit_code == 0
    assert not any(infinite)
