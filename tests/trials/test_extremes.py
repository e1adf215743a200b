"""Near the ends of the range: what overflows or underflows on the way to a result that a float can hold is told by name."""

from __future__ import annotations

import numpy as np
import pytest

from checks import judge
from checks.cases.series import Series
from checks.ops import find, ops
from checks.subjects.implementation import Implementation
from checks.trials import extremes
from checks.trials.traces import COTANGENT
from checks.trials.trial import Trial
from reference import lp_pool, rms_norm
from tests.laws.right_variants import BY_HAND

NO_POLYNOMIALS = [name for name in ops() if find(name).kind.degree is None]


def runs(op, implementation, dtype, many):
    """The implementation in a few cases."""
    found = []
    Series(op, {}, dtype, many, 5, reach=1).run(found.append)
    reference = Implementation.of(op, op.reference)
    return [Trial(problem, Implementation.of(op, implementation), reference).light for problem in found]


def lost(op, implementation, dtype, up, many=12, names=None):
    """What becomes of the elements of which nothing is left, in any of these cases; and how many elements were asked.

    names  of a run: which arrays are scaled, one after the other; the first input if None
    """
    said, asked = set(), 0
    for run in runs(op, implementation, dtype, many):
        results = ["y", *(f"grad_{name}" for name in run.problem.present)]
        for name in run.problem.present[:1] if names is None else names(run):
            case = extremes.scaled(run, name, up=up)
            if case is not None:
                with np.errstate(all="ignore"):
                    said.add(extremes.lost(run, case, results))
                    asked += sum(a.size for a in (run.true_y, *run.true_gradients.values()))
    return said - {""}, asked


def every_array(run):
    return (*run.problem.present, COTANGENT)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NO_POLYNOMIALS)
def test_the_reference_loses_nothing_near_either_end(name, dtype):
    for up in (True, False):
        said, asked = lost(find(name), find(name).reference, dtype, up, 5, every_array)
        assert asked, "seed 5"
        assert not said


class RmsNormOfSquares:
    def forward(self, x, gamma, *, eps=1e-5):
        scale = 1 if gamma is None else gamma
        axes = tuple(range(-max(1, np.ndim(scale)), 0))
        return (x / np.sqrt((x * x).mean(axes, keepdims=True, dtype=x.dtype) + x.dtype.type(eps)) * scale).astype(
            x.dtype
        )

    backward = staticmethod(rms_norm.backward)


class PowersOfWindows:
    """The sum of p-th powers and its root, as written: the reference's norm of each window of single numbers."""

    def forward(self, x, *, norm_type=2.0, **parameters):
        y = lp_pool.forward(x, norm_type=norm_type, **parameters)
        with np.errstate(all="ignore"):
            return (y**norm_type) ** (1 / norm_type)

    backward = staticmethod(lp_pool.backward)


class ScaledTwice:
    """γ is squared and divided by itself on the way, and so is the cotangent: all of it is right but near the ends."""

    @staticmethod
    def twice(a):
        return a if a is None else np.where(a == 0, 0, a * a / np.where(a == 0, 1, a)).astype(a.dtype)

    def forward(self, x, gamma, *, eps=1e-5):
        return rms_norm.forward(x, self.twice(gamma), eps=eps)

    def backward(self, g, x, gamma, *, eps=1e-5):
        return rms_norm.backward(self.twice(g), x, gamma, eps=eps)


Y = "elements of y that it should not"
LOSE = [
    ("rms_norm", RmsNormOfSquares, "float32", True, {f"leaves 0 in {Y}"}),
    ("rms_norm", RmsNormOfSquares, "float64", True, {f"leaves 0 in {Y}"}),
    ("rms_norm", RmsNormOfSquares, "float32", False, set()),
    ("lp_pool", PowersOfWindows, "float64", True, {f"makes NaN or infinity of {Y}"}),
    ("lp_pool", PowersOfWindows, "float32", False, {f"leaves 0 in {Y}"}),
]


@pytest.mark.parametrize(("name", "implementation", "dtype", "up", "said"), LOSE)
def test_a_square_that_leaves_the_range_is_seen_where_its_root_would_not(name, implementation, dtype, up, said):
    assert lost(find(name), implementation(), dtype, up)[0] == said


@pytest.mark.parametrize(
    ("name", "words"), [("similarity", {"leaves 0 in", "makes NaN or infinity of"}), ("tanh", set())]
)
def test_right_algorithms_are_told_what_they_lose_and_no_more(name, words):
    """A product of two norms leaves the range; tanh by a sigmoid takes 1 from 1 at small x, and loses nothing large."""
    said, _ = lost(find(name), list(BY_HAND[name])[-1](), "float32", up=True)
    assert {one.split(" elements")[0] for one in said} <= words
    assert bool(said) == bool(words)


@pytest.mark.parametrize("name", ["gamma", COTANGENT])
@pytest.mark.parametrize("up", [True, False])
def test_what_only_another_array_than_the_first_input_shows_is_seen(name, up):
    op = find("rms_norm")
    assert not lost(op, ScaledTwice(), "float32", up)[0]
    assert lost(op, ScaledTwice(), "float32", up, names=lambda run: {name} & {*every_array(run)})[0]


def test_a_run_scales_every_array_in_turn():
    report = judge("rms_norm", ScaledTwice(), dtype="float32", examples=60, seed=1, laws=["contract"])
    assert {note.split()[0] for note in report.warnings if " near the " in note} == {"gamma", COTANGENT}


def contract(dtype, **how):
    return judge("rms_norm", RmsNormOfSquares(), dtype=dtype, examples=40, seed=1, laws=["contract"], **how)


def test_what_overflows_is_a_warning_and_broken_if_strict():
    report, words = contract("float32"), f"x near the largest float32 leaves 0 in {Y}"
    assert report.exit_code != 1
    assert words in report.warnings
    assert contract("float32", strict=True).exit_code == 1


def test_a_square_of_ten_thousand_that_leaves_0_in_float16_is_seen():
    assert f"x of 1e4 leaves 0 in {Y}" in contract("float16").warnings


def test_bounds_are_worked_out_only_where_something_has_to_be_explained(monkeypatch):
    """They take a hundred times longer than what they are for."""
    reference = find("rms_norm").reference
    (run,) = runs(find("rms_norm"), reference, "float32", 1)
    monkeypatch.setattr(type(run), "bound", lambda *_: pytest.fail("a bound was asked for"))
    with np.errstate(all="ignore"):
        assert not extremes.lost(run, extremes.scaled(run, "x", up=True), ["y", "grad_x"])
