"""float16 at real widths: what is 0, doubled, a hundredth off or a term short is never right, and right code is."""

import numpy as np
import pytest

from checks import judge
from checks.numbers.precision import PRECISIONS
from reference import linear

WRONG = {
    "y 0": lambda y, gx, gw: (0 * y, gx, gw),
    "y doubled": lambda y, gx, gw: (2 * y, gx, gw),
    "y a hundredth off": lambda y, gx, gw: (y * 1.01, gx, gw),
    "grad_x 0": lambda y, gx, gw: (y, 0 * gx, gw),
    "grad_x a hundredth off": lambda y, gx, gw: (y, gx * 1.01, gw),
    "a block of grad_x 0": lambda y, gx, gw: (y, np.concatenate([gx[..., :64], 0 * gx[..., 64:]], -1), gw),
    "grad_weight doubled": lambda y, gx, gw: (y, gx, 2 * gw),
}


class Layer:
    """A linear layer whose sums are kept in float64 and rounded once to float16, with something done to its results."""

    def __init__(self, change=None, lost=0):
        self.change, self.lost = change or (lambda *results: results), lost

    def _all(self, g, x, weight, bias):
        x, weight, g = (a.astype(np.float64) for a in (x, weight, g))
        x = x[..., : x.shape[-1] - self.lost] if self.lost else x
        y = x @ weight[:, : x.shape[-1]].T + (0 if bias is None else bias)
        return y, g @ weight, g.reshape(-1, len(weight)).T @ x.reshape(-1, x.shape[-1])

    def forward(self, x, weight, bias=None):
        g = np.zeros((*x.shape[:-1], len(weight)))
        y, gx, gw = self._all(g, x, weight, bias)
        return self.change(y, gx, gw)[0].astype(x.dtype)

    def backward(self, grad_output, x, weight, bias=None):
        y, gx, gw = self._all(grad_output, x, weight, bias)
        if self.lost:
            gw = np.concatenate([gw, linear.backward(grad_output, x, weight, bias)[1][:, -self.lost :]], 1)
        _, gx, gw = self.change(y, gx, gw)
        gb = None if bias is None else grad_output.reshape(-1, len(weight)).astype(np.float64).sum(0).astype(x.dtype)
        return gx.astype(x.dtype), gw.astype(x.dtype), gb


def run(implementation, features):
    return judge("linear", implementation, dtype="float16", features=(features, 6), examples=8, seed=3)


@pytest.mark.parametrize("features", [100, 577, 4608])
def test_right_code_is_right_at_any_width(features):
    report = run(Layer(), features)
    assert report.exit_code == 0, report
    assert all(decided == cases for decided, cases in report.decided.values())


@pytest.mark.usefixtures("verdict_alone")
@pytest.mark.parametrize("features", [100, 4608])
@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_wrong_at_any_width(name, features):
    assert run(Layer(WRONG[name]), features).exit_code == 1


@pytest.mark.usefixtures("verdict_alone")
def test_a_term_that_is_left_out_is_seen():
    assert run(Layer(lost=1), 577).exit_code == 1


class Stepwise:
    """Every product and every partial sum is rounded to float16."""

    def forward(self, x, weight, bias=None):
        y = np.zeros((*x.shape[:-1], len(weight)), np.float16)
        for i in range(x.shape[-1]):
            y = y + x[..., i : i + 1] * weight[:, i]
        return y if bias is None else y + bias

    def backward(self, grad_output, x, weight, bias=None):
        return Layer().backward(grad_output, x, weight, bias)


def test_narrow_sums_are_named_and_a_promise_breaks():
    report = run(Stepwise(), 300)
    assert report.exit_code == 0, report
    assert any("y" in note and "float16" in note for note in report.warnings), report.warnings
    promised = judge("linear", Stepwise(), dtype="float16", features=(300, 6), examples=8, seed=3, accumulate="float32")
    assert promised.exit_code == 1


def test_a_promise_that_is_none_is_refused():
    with pytest.raises(ValueError, match="accumulate is 'float8'; expected float32 or same"):
        judge("linear", accumulate="float8")


def test_the_roundoff_of_bfloat16_is_that_of_eight_bits():
    assert PRECISIONS["bfloat16"].unit_roundoff == 2.0**-8
