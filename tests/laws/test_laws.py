"""What single laws promise: scale, cost, undecided where nothing can be said, and the bound on a miss."""

from dataclasses import replace
from math import isqrt

import numpy as np
import pytest

from benchmarks.sharpness import StoredOnce
from checks import Problem, Verdict, judge
from checks.cases.series import Series
from checks.laws import exact, finite_difference
from checks.numbers.precision import NATIVE, PRECISIONS
from checks.ops import find
from checks.subjects.implementation import Implementation
from checks.trials.arithmetic import faint
from checks.trials.directions import Line, direction
from checks.trials.trial import Run, Trial
from reference import conv
from reference._window import scatter
from tests.laws.right_conv import ByFFT
from tests.laws.right_windows import MaxPoolByWindows

CONV = find("conv")
PARAMETERS = {"stride": 2, "padding": 1, "dilation": 1, "groups": 1, "flip": False}
SHAPES = {"x": (2, 3, 7, 6), "weight": (4, 3, 3, 2), "bias": (4,), "y": (2, 4, 4, 4)}


def _trial(implementation=conv, *, exponents=None, dtype="float64", seed=1, small=True, shapes=SHAPES):
    problem = Problem(CONV, shapes, PARAMETERS, dtype, seed, small, exponents or {})
    return Trial(problem, Implementation.of(CONV, implementation), Implementation.of(CONV, conv))


def _differences(implementation=conv, **how):
    return list(finite_difference.check(_trial(implementation, **how)))


class Counting:
    """The reference, counting its calls of forward."""

    def __init__(self):
        self.calls = 0

    def forward(self, *inputs, **parameters):
        self.calls += 1
        return conv.forward(*inputs, **parameters)

    backward = staticmethod(conv.backward)


class Doubled:
    """One gradient is twice what it should be."""

    forward = staticmethod(conv.forward)

    def __init__(self, which, where=...):
        self.which, self.where = which, where

    def backward(self, *arrays, **parameters):
        gradients = conv.backward(*arrays, **parameters)
        gradients[self.which][self.where] *= 2
        return gradients


SCALES = [(0, 0), (20, -20), (-20, 20), (20, 20), (-20, -20), (100, -60), (-300, 100)]


@pytest.mark.parametrize(("x", "weight"), SCALES)
@pytest.mark.parametrize("seed", range(5))
def test_finite_differences_hold_at_any_scale(x, weight, seed):
    findings = _differences(exponents={"x": x, "weight": weight, "bias": x + weight}, seed=seed)
    assert {f.verdict for f in findings} == {Verdict.HOLDS}


@pytest.mark.parametrize(("x", "weight"), SCALES)
@pytest.mark.parametrize("which", range(3))
def test_finite_differences_catch_a_doubled_gradient_at_any_scale(x, weight, which):
    findings = _differences(Doubled(which), exponents={"x": x, "weight": weight, "bias": x + weight})
    assert [f.result for f in findings if f.verdict is Verdict.BROKEN] == [f"grad_{CONV.inputs[which]}"]


@pytest.mark.parametrize("seed", range(40))
def test_finite_differences_never_fail_right_code_in_single_precision(seed):
    for x, weight in SCALES[:5]:
        findings = _differences(dtype="float32", exponents={"x": x, "weight": weight}, seed=seed)
        assert Verdict.BROKEN not in {f.verdict for f in findings}


def _case_with_a_small_output(ratio):
    """Output channel 0 is `ratio` times the size of the others: a gradient of 1e-9 beside one of 1e3."""
    trial = _trial()
    weight, bias = trial.real.case.input("weight").copy(), trial.real.case.input("bias").copy()
    weight[0] *= ratio
    bias[0] *= ratio
    case = trial.real.case.with_input("weight", weight).with_input("bias", bias)
    return replace(trial.real, case=case)


def _differences_on(run, implementation):
    class Prepared:
        light = Run(run.problem, Implementation.of(CONV, implementation), run.reference, run.case)

    return list(finite_difference.check(Prepared))


def test_a_gradient_of_1e_9_beside_one_of_1e3_is_judged_as_strictly():
    """Output channel 0 is 1e-12 of the rest; under a relative cotangent its part of the gradient counts as much."""
    run = _case_with_a_small_output(1e-12)
    assert {f.verdict for f in _differences_on(run, conv)} == {Verdict.HOLDS}

    class SmallOneWrong:
        forward = staticmethod(conv.forward)

        @staticmethod
        def backward(g, x, weight, bias, **p):
            gradients = conv.backward(g, x, weight, bias, **p)
            gradients[1][0] *= 2
            return gradients

    broken = [f.result for f in _differences_on(run, SmallOneWrong) if f.verdict is Verdict.BROKEN]
    assert broken == ["grad_weight"]


def test_finite_differences_take_as_many_calls_however_many_elements():
    calls = []
    for size in (7, 23):
        counting = Counting()
        outputs = (size - 1) // 2 + 1
        shapes = {"x": (2, 3, size, size), "weight": (4, 3, 3, 3), "bias": (4,), "y": (2, 4, outputs, outputs)}
        _differences(counting, shapes=shapes)
        calls.append(counting.calls)
    assert calls[0] == calls[1] == 2, "one step, of which there are two ends"


def test_finite_differences_say_where_a_gradient_is_wrong():
    wrong = Doubled(1, (2, 1, 0, 1))
    (broken,) = [f for f in _differences(wrong) if f.verdict is Verdict.BROKEN]
    located = finite_difference.located(_trial(wrong), broken)
    assert located.note == "the largest share of it lies near [2, 1, 0, 1]"
    (shown,) = judge("conv", Doubled(1), laws=["finite_difference"], seed=1, examples=8, size=(4, 4)).failures
    assert shown.note.startswith("the largest share of it lies near")


def test_finite_differences_are_undecided_where_rounding_hides_the_answer():
    findings = _differences(dtype="float16", shapes={**SHAPES, "x": (2, 3, 7, 6)})
    assert {f.verdict for f in findings} == {Verdict.UNDECIDED}


@pytest.mark.parametrize("dtype", NATIVE)
@pytest.mark.parametrize("small", [True, False])
def test_whole_numbers_leave_every_sum_exact(dtype, small):
    problem = _trial(dtype=dtype, small=small).problem
    terms = max(CONV.rounds.terms(problem).values())
    # Sums of float16 are kept in float32, and stored below 2^15 at most: what is beyond 2^11 is rounded once.
    bits = 15 if dtype == "float16" and not small else PRECISIONS[dtype].bits
    assert terms * problem.largest**2 <= 2**bits
    assert problem.largest == (min(9, isqrt(2**bits // terms)) if small else isqrt(2**bits // terms))
    case = problem.whole_numbers()
    drawn = np.concatenate([a.ravel() for a in case.inputs])
    assert np.all(drawn != 0)
    assert np.all(np.abs(drawn) <= problem.largest)


def test_whole_numbers_are_uniform_on_both_signs_without_zero():
    problem = _trial(
        dtype="float16", shapes={"x": (2, 3, 40, 40), "weight": (4, 3, 3, 2), "bias": (4,), "y": (2, 4, 20, 21)}
    ).problem
    values, counts = np.unique(problem.whole_numbers().input("x"), return_counts=True)
    assert list(values) == [v for v in range(-problem.largest, problem.largest + 1) if v]
    assert counts.min() > 0.7 * counts.mean()


def test_the_bound_on_a_miss_is_degree_over_the_number_of_values():
    problem = _trial().problem
    assert problem.largest == 9
    assert exact.miss(problem) == 2 / 18


def test_a_wrong_element_hides_no_more_often_than_the_bound_says():
    """The error of grad_bias[0] = Σg is g₀ − g₁ here: it vanishes in one case of 2M, the bound allows two."""
    hidden, trials = 0, 4000
    problem = _trial(shapes={"x": (1, 1, 2, 1), "weight": (1, 1, 1, 1), "bias": (1,), "y": (1, 1, 2, 1)}).problem
    for seed in range(trials):
        g = replace(problem, seed=seed).whole_numbers().cotangent.ravel()
        hidden += bool(g[0] == g[1])
    assert hidden / trials <= exact.miss(problem)
    assert hidden > 0


def test_the_default_run_misses_a_mistake_in_a_tenth_of_the_cases_with_at_most_1e_12():
    report = judge("conv", seed=41, laws=["exact"])
    assert len(report.misses) >= 150
    assert report.miss() < report.miss(0.1) <= 1e-12


def test_one_problem_drawn_twice_earns_only_once():
    report = judge(
        "conv", seed=42, examples=400, dims=1, size=1, kernel=1, stride=1, padding=0, dilation=1, laws=["exact"]
    )
    assert len(report.misses) == len({f.problem.identity for f in report.findings})


class OffByOne(ByFFT):
    """By transforms, and wrong by as little as whole numbers can be."""

    def forward(self, *inputs, **parameters):
        return super().forward(*inputs, **parameters) + np.float32(1)


def test_a_mistake_behind_the_noise_of_large_numbers_is_told_from_it_by_small_ones():
    right, wrong = (_trial(kind(), dtype="float32", small=False) for kind in (ByFFT, OffByOne))
    verdicts = [{f.result: f.verdict for f in exact.check(trial)} for trial in (right, wrong)]
    assert [found["y"] for found in verdicts] == [Verdict.UNDECIDED, Verdict.BROKEN]
    assert verdicts[1]["grad_x"] is Verdict.UNDECIDED, "that is right"
    assert wrong.whole.y_bound.normwise > 1, "rounding of such numbers could do as much"
    assert wrong.whole.once(faint).y_bound.normwise < 0.5


def test_inexact_arithmetic_earns_no_bound_on_a_miss():
    report = judge("conv", ByFFT(), seed=43, examples=40, laws=["exact"])
    undecided = {f.problem.identity for f in report.findings if f.verdict is Verdict.UNDECIDED}
    assert undecided
    assert len(report.misses) == len({f.problem.identity for f in report.findings} - undecided)


def test_more_products_than_float16_has_whole_numbers_are_exact_where_most_are_0():
    shapes = {"x": (3, 1, 60, 60), "weight": (1, 1, 2, 2), "bias": (1,), "y": (3, 1, 31, 31)}
    trial = _trial(dtype="float16", shapes=shapes)
    assert trial.problem.most_terms > 2**11
    assert {finding.verdict for finding in exact.check(trial)} == {Verdict.HOLDS}
    assert np.count_nonzero(trial.whole.case.cotangent) < trial.whole.case.cotangent.size
    assert np.abs(trial.whole.case.absolute().gradients[1]).max() <= 2**11


def test_the_identity_needs_no_reference():
    """y and the gradients are all twice too large, and so is the reference: ⟨g, y⟩ = ⟨∂x, x⟩ + ⟨∂b, b⟩ tells backward."""

    class Tripled:
        forward = staticmethod(conv.forward)

        @staticmethod
        def backward(*arrays, **parameters):
            return [3 * a for a in conv.backward(*arrays, **parameters)]

    identities = [f for f in exact.check(_trial(Tripled)) if "⟨" in f.result]
    assert [f.result for f in identities] == [
        "⟨g, y⟩ = ⟨grad_x, x⟩ + ⟨grad_bias, bias⟩",
        "⟨g, y⟩ = ⟨grad_weight, weight⟩ + ⟨grad_bias, bias⟩",
    ]
    assert {f.verdict for f in identities} == {Verdict.BROKEN}


class PadsWithInfinity(MaxPoolByWindows):
    """Looks for the largest in the padding too: where all is −∞ it may be there, and the cotangent with it."""

    choose = staticmethod(lambda tied: tied & (np.cumsum(tied, -1) == 1))

    def backward(self, g, x, **p):
        laid, over = self._laid(x, p)
        shares = self.choose(laid == laid.max(-1, keepdims=True)).astype(x.dtype) * g[..., None]
        axes = len(over.kernel)
        laid = np.moveaxis(shares.reshape(*g.shape, *over.kernel), range(-axes, 0), range(2, 2 + axes))
        return (scatter(laid, over),)


class PadsAndTakesTheLast(PadsWithInfinity):
    choose = staticmethod(lambda tied: tied & (np.cumsum(tied[..., ::-1], -1)[..., ::-1] == 1))


class PadsAndShares(PadsWithInfinity):
    choose = staticmethod(lambda tied: tied / tied.sum(-1, keepdims=True))


class NothingAtInfinity(PadsWithInfinity):
    """Starts from −∞ and looks for what is larger."""

    def backward(self, g, x, **p):
        return super().backward(np.where(self._laid(x, p)[0].max(-1) == -np.inf, 0, g).astype(g.dtype), x, **p)


class NoNumberAtInfinity(PadsWithInfinity):
    """Shares by exp(x − max): −∞ − (−∞) is no number."""

    def backward(self, g, x, **p):
        (gradient,) = super().backward(g, x, **p)
        return (np.where(x == -np.inf, np.nan, gradient).astype(x.dtype),)


class LosesTies(PadsWithInfinity):
    """A cotangent is dropped where several are the largest, also where they are numbers."""

    choose = staticmethod(lambda tied: tied & (tied.sum(-1, keepdims=True) == 1))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("implementation", [PadsWithInfinity, PadsAndTakesTheLast, PadsAndShares, NothingAtInfinity])
def test_where_all_is_minus_infinity_any_convention_is_right_and_named(implementation, dtype):
    report = judge("max_pool", implementation, seed=5, examples=60, laws=["exact", "kinks"], dtype=dtype, strict=True)
    assert not [f for f in report.findings if f.verdict is Verdict.BROKEN]
    assert "where a window is all −∞, its cotangent goes to the padding" in report.conventions


def test_what_is_no_share_at_minus_infinity_is_a_warning():
    report = judge("max_pool", NoNumberAtInfinity, seed=5, examples=40, laws=["kinks"])
    assert {f.verdict for f in report.findings} == {Verdict.HOLDS, Verdict.WARNING}
    assert list(report.warnings) == [
        "grad_x is neither a share of the cotangent nor 0 where all that is compared is −∞"
    ]


def test_a_cotangent_that_is_lost_where_numbers_tie_is_wrong():
    report = judge("max_pool", LosesTies, seed=5, examples=40)
    assert report.exit_code == 1
    assert {f.law for f in report.failures} == {"kinks"}


def test_steps_that_rounding_drowns_are_not_asked_for(monkeypatch):
    """And the estimate is the one that comes of asking for all of them."""
    problems, asked = [], []
    Series(CONV, {}, "bfloat16", 6, 1, reach=1).run(problems.append)
    reference = Implementation.of(CONV, conv)
    stored = Implementation.of(CONV, StoredOnce(CONV, conv, "bfloat16"))

    def estimates():
        for problem in problems:
            run = finite_difference.relative(Trial(problem, stored, reference))
            for name in run.gradients:
                yield finite_difference._derivative(run, Line(run, {name: direction(run, name, 1)}))

    slope = finite_difference._slope
    monkeypatch.setattr(finite_difference, "_slope", lambda *of: asked.append(of[-1]) or slope(*of))
    found, calls = list(estimates()), len(asked)
    monkeypatch.setattr(finite_difference, "_is_drowned", lambda *_: False)
    assert found == list(estimates())
    assert calls < (len(asked) - calls) / 2
