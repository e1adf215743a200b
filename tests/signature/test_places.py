"""Where numbers count at few places: a term that is left out there is no longer within what rounding does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.outcome import outcome
from benchmarks.shared import Shared
from benchmarks.sharpness import StoredOnce
from benchmarks.sums import Long, Wrong, long_axes
from checks.cases.wide import wide_problems
from checks.ops import find
from checks.ops.loss_of_classes import shares
from checks.signature.places import CONCENTRATED, HEAVY
from checks.subjects.implementation import Implementation
from checks.trials.trial import Trial
from checks.verdict.decisions import kind_of
from checks.verdict.report import RIGHT

SOFTMAX = find("softmax")
OF_ARRAYS = CONCENTRATED[:3]
LONG = Long(SOFTMAX, "shape", -1, 100, "bfloat16")


def drawn(long, many):
    """Cases in which few places count, and others."""
    found = long.problems(20)
    one = next((p for p in found if p.places), found[0])  # of which the long axis is the one that is summed along
    problems = [replace(one, seed=seed) for seed in range(many)]
    return [p for p in problems if p.places], [p for p in problems if not p.places]


def test_half_of_the_cases_are_concentrated_where_a_term_could_hide_and_none_where_it_could_not():
    few, _ = drawn(LONG, 200)
    assert 70 < len(few) < 130
    assert not drawn(replace(LONG, dtype="float64"), 20)[0]
    assert not drawn(replace(LONG, dtype="float32"), 20)[0]
    assert not drawn(replace(LONG, terms=4), 20)[0]
    assert not drawn(Long(find("linear"), "features", 0, 577, "bfloat16"), 20)[0]  # whole numbers tell
    assert {kind_of(p, "y") for p in few} == {"", "concentrated input"}
    assert {kind_of(p, "grad_x") for p in few} == set(OF_ARRAYS)
    for problem in few:
        case, places = problem.reals(), problem.places
        elsewhere = np.delete(np.moveaxis(case.cotangent, problem.parameters["axis"], 0), places.at, 0)
        assert problem.shape("y")[problem.parameters["axis"]] == 100
        assert (99 in places.at, not elsewhere.any()) == (True, places.cotangent)
        if places.inputs:
            x = np.moveaxis(case.input("x"), problem.parameters["axis"], 0)
            assert x[99].min() > 2 > np.delete(x, places.at, 0).max()


def test_each_gate_of_a_recurrent_cell_counts_at_the_same_places():
    few, _ = drawn(Long(find("lstm_cell"), "hidden", 0, 64, "bfloat16"), 20)
    problem = next(p for p in few if p.places.inputs)
    sizes = np.abs(problem.reals().input("weight_h")).max(1).reshape(4, 64)
    assert np.all(sizes[:, 63] > np.delete(sizes, problem.places.at, 1).max())


@pytest.mark.parametrize("result", ["y", "gradients"])
@pytest.mark.parametrize(
    ("name", "dtype"), [("softmax", "bfloat16"), ("softmax", "float16"), ("log_softmax", "float16")]
)
def test_a_softmax_that_leaves_out_the_last_of_a_hundred_is_not_right(name, dtype, result):
    """Of a gradient's sums the first, of exponentials, shows only where both the cotangent and inputs are concentrated."""
    op, long = find(name), Long(find(name), "shape", -1, 100, dtype)
    problems = [p for p in long.problems(80) if p.parameters["axis"] == 1]
    wrong = Implementation.of(op, next(long.short(result, problems)))
    assert outcome(op, wrong, problems, dtype).exit_code != RIGHT
    right = Implementation.of(op, StoredOnce(op, op.reference, dtype))
    assert outcome(op, right, problems, dtype).exit_code == RIGHT


def test_a_cotangent_has_one_sign_where_it_counts_everywhere_and_inputs_at_few_places():
    few, _ = drawn(LONG, 60)
    cotangents = {p.places.cotangent: p.reals().cotangent for p in few}
    assert cotangents[False].min() > 0 > cotangents[True].min()


def test_a_mean_that_lacks_a_term_shows_in_the_gradient_of_a_scale():
    """All normalised numbers are off alike, which a cotangent of either sign nearly takes off again: the fifth sum."""
    op, long = find("group_norm"), Long(find("group_norm"), "spatial", -1, 100, "float16")
    problems = long.problems(60)
    shared = Shared(op, problems, "float16", long.series(60))
    wrong = list(long.short("gradients", problems))[4]
    assert (wrong.which[-1][0], wrong.which[1][0]) == ("group_norm.py", "layer_norm.py"), "through what is normalised"
    assert shared.exit_code(Implementation.of(op, wrong)) != RIGHT
    assert shared.exit_code(Implementation.of(op, StoredOnce(op, op.reference, "float16"))) == RIGHT


def test_the_mean_of_a_group_that_lacks_one_of_thousands_of_channels_is_not_right():
    """In y: where other numbers are larger than that mean, and a shift than them, rounding hides what it is off by."""
    op, long = find("group_norm"), Long(find("group_norm"), "channels", 0, 4608, "bfloat16")
    problems = long.problems(24)
    wrong = next(long.short("y", problems))
    assert wrong.which[1][0] == "layer_norm.py", "the mean"
    assert Shared(op, problems, "bfloat16").exit_code(Implementation.of(op, wrong)) != RIGHT
    right = StoredOnce(op, op.reference, "bfloat16")
    assert Shared(op, problems, "bfloat16").exit_code(Implementation.of(op, right)) == RIGHT


@pytest.mark.parametrize(
    ("name", "option", "over"),
    [("group_norm", "channels", (1, 2)), ("layer_norm", "last", None), ("batch_norm", "batch", 0)],
)
def test_what_is_normalised_is_no_larger_elsewhere_than_the_mean_that_few_numbers_make(name, option, over):
    for problem in (
        p for p in Long(find(name), option, 0, 577, "bfloat16").problems(30) if p.places and p.places.inputs
    ):
        x = problem.reals().input("x")
        if problem.parameters.get("groups", 1) > 1 or x.shape[problem.places.axis[1]] != 577 or x.ndim > 2:
            continue
        x = np.moveaxis(np.abs(x), over if over == 0 else -1, 0)
        few = x[list(problem.places.at)]
        assert np.all(np.delete(x, problem.places.at, 0) <= 2 * few.sum(0) / len(x))
        if problem.shapes["beta"]:
            assert np.abs(problem.reals().input("beta")).max() < 1 / 16


def test_no_gate_is_stuck_where_few_numbers_count():
    few, _ = drawn(Long(find("lstm_cell"), "features", 0, 128, "bfloat16"), 20)
    sums = [
        np.abs(case.input("x").astype(float)) @ np.abs(case.input("weight_x").astype(float)).T
        for case in (problem.reals() for problem in few if problem.places.inputs)
    ]
    assert sums
    assert max(float(a.max()) for a in sums) <= 2


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("cross_entropy", "batch"),
        ("euclidean_loss", "shape"),
        ("bce_with_logits", "batch"),
        ("hinge", "batch"),
        ("hinge", "classes"),
    ],
)
def test_a_mean_over_many_samples_that_leaves_out_the_last_is_not_right(name, option):
    op = find(name)
    long = Long(op, option, dict(long_axes(op))[option], 577, "bfloat16")
    problems = long.problems(60)
    shared = Shared(op, problems, "bfloat16")
    wrong = next(long.short("y", problems))
    assert shared.exit_code(Implementation.of(op, wrong)) != RIGHT
    right = Implementation.of(op, StoredOnce(op, op.reference, "bfloat16"))
    assert shared.exit_code(right) == RIGHT


class LosesTheLast(StoredOnce):
    """A weighted cross-entropy without the loss of its last sample."""

    def forward(self, *inputs, reduction, **parameters):
        logits, target, weight = map(self._kept, inputs)
        mean, total = (
            self.algorithm.forward(logits, target, weight, reduction=r, **parameters) for r in ("mean", "sum")
        )
        last = self.algorithm.forward(logits[-1:], target[-1:], weight, reduction="sum", **parameters)
        return self._stored("y", total - last if reduction == "sum" else mean * (total - last) / total)


def test_a_weighted_mean_that_leaves_out_the_last_sample_is_not_right():
    op = find("weighted_cross_entropy")
    shared = Shared(op, Long(op, "batch", 0, 577, "bfloat16").problems(60), "bfloat16")
    assert shared.exit_code(Implementation.of(op, LosesTheLast(op, op.reference, "bfloat16"))) != RIGHT
    assert shared.exit_code(Implementation.of(op, StoredOnce(op, op.reference, "bfloat16"))) == RIGHT


@pytest.mark.parametrize("name", ["tanh", "gelu", "swiglu"])
def test_what_sums_nothing_has_no_case_in_which_few_count(name):
    """Right code in bfloat16 leaves half of such cases open, which says nothing where no term can be left out."""
    drawn = [p for seed in range(3) for p in wide_problems(find(name), {}, "bfloat16", 33, seed)]
    assert max(max(p.shape("y")) for p in drawn) > 5
    assert not any(p.places for p in drawn)
    assert any(p.places for seed in range(3) for p in wide_problems(SOFTMAX, {}, "bfloat16", 33, seed))


def test_keys_that_no_query_sees_are_no_places_that_count():
    """With a causal mask few queries see few of 577 keys: what the last term of a sum over keys is multiplied with is 0."""
    problems = Long(find("attention"), "keys", 0, 577, "float16").problems(40)
    few = [p for p in problems if p.places]
    assert few
    assert not any(p.parameters["causal"] for p in few)
    assert all(p.places.at[-1] == 576 for p in few)


def test_what_groups_share_is_summed_over_only_where_several_heads_are_in_one():
    """Else cases of one head a group, in which nothing is summed over heads, speak for those in which 577 are."""
    problems = Long(find("attention"), "heads", 0, 577, "float16").problems(40)
    few = [p for p in problems if p.places]
    assert {p.parameters["groups"] for p in few} == {1, 577}
    for result in ("grad_k", "grad_v"):
        assert {(kind_of(p, result) != "") for p in few if p.parameters["groups"] == 1} == {False}
        assert {kind_of(p, result) for p in few if p.parameters["groups"] == 577} == set(OF_ARRAYS)
    assert {kind_of(p, "grad_q") for p in few} == set(OF_ARRAYS)


def test_channels_of_a_group_are_the_places_that_count_where_each_channel_is_a_group_none_are():
    """Groups of one channel sum nothing over channels, and would speak for the one group of 577."""
    problems = Long(find("group_norm"), "channels", 0, 577, "float16").problems(60)
    assert {p.parameters["groups"] for p in problems} == {1, 577}
    few = [p for p in problems if p.places and p.places.axis[0] == "C"]
    assert few
    assert {p.parameters["groups"] for p in few} == {1}


@pytest.mark.parametrize("log_target", [False, True])
def test_the_last_of_few_places_is_no_small_part_of_a_divergence(log_target):
    """Whichever formula is chosen: its terms t·(log t − x) are of either sign, and were small by chance."""
    problems = Long(find("kl_div"), "shape", -1, 577, "bfloat16").problems(80)
    few = [p for p in problems if p.places and p.places.inputs and p.parameters["log_target"] == log_target]
    assert few
    for problem in few:
        case = problem.reals().widened()
        x, t = (np.moveaxis(case.input(name), problem.places.axis[1], -1) for name in ("x", "target"))
        terms = np.exp(t) * (t - x) if log_target else t * (np.log(t) - x)
        assert terms[..., -1].sum() > terms.sum() / 8


def test_sums_of_very_many_of_either_sign_are_decided_where_few_count_and_where_none_do():
    """A sum of 80 000 that cancels is about 300 of them, of which float32 may lose half a hundredth of all: no verdict."""
    op = find("batch_norm_inference")
    problem = next(
        p for p in Long(op, "batch", 0, 10_000, "bfloat16").problems(24) if not p.places and p.elements < 200_000
    )
    cotangent = problem.reals().cotangent
    assert 0 < np.count_nonzero(cotangent) < cotangent.size / 8
    right = Implementation.of(op, StoredOnce(op, op.reference, "bfloat16"))
    assert Shared(op, [problem], "bfloat16").exit_code(right) == RIGHT
    assert np.all(replace(problem, kind="wide").reals().cotangent), "where sizes are looked for, all count"
    assert np.all(replace(problem, dtype="float64").reals().cotangent)


def test_sums_over_very_many_samples_that_a_norm_brings_to_one_size_are_decided():
    """Where x is large at few samples, and the cotangent was 0 nowhere, right code decided none of ten."""
    op = find("rms_norm")
    problems = Long(op, "batch", -1, 10_000, "float16").problems(40)
    problem = next(p for p in problems if p.places and p.places.inputs and not p.places.cotangent and p.shapes["gamma"])
    cotangent = np.moveaxis(problem.reals().cotangent, problem.places.axis[1], 0)
    assert np.count_nonzero(cotangent) < cotangent.size / 4
    assert np.all(cotangent[list(problem.places.at)] > 0), "of the few that are large none is left out"
    shared = Shared(op, [problem], "float16")
    assert shared.exit_code(Implementation.of(op, StoredOnce(op, op.reference, "float16"))) == RIGHT
    for result, form in (("grad_gamma", "off"), ("grad_x", "twice")):
        assert shared.exit_code(Implementation.of(op, Wrong(op, "float16", result, form))) != RIGHT


def test_differences_are_large_where_two_inputs_are():
    problems = Long(find("euclidean_loss"), "shape", -1, 577, "bfloat16").problems(40)
    few = [p for p in problems if p.places and p.places.inputs]
    assert few
    for problem in few:
        case = problem.reals()
        squares = np.square(case.input("prediction") - case.input("target"))
        along = np.moveaxis(squares, problem.places.axis[1], 0).reshape(problem.places.size, -1).sum(1)
        assert along[-1] > along.sum() / 12


@pytest.mark.parametrize("name", ["cross_entropy", "weighted_cross_entropy"])
def test_of_few_classes_that_are_large_none_has_the_share_of_all(name):
    """The largest is taken off before: what is left out of the others has to be no small part of these."""
    op = find(name)
    problems = Long(op, "classes", 0, 577, "bfloat16").problems(40)
    few = [p for p in problems if p.places and p.places.inputs and p.places.axis[0] == "C"]
    few = [p for p in few if not op.cases.heavy(p)]
    assert few
    for problem in few:
        powers = np.exp(np.moveaxis(problem.reals().widened().input("logits"), 1, 0).reshape(577, -1))
        here = powers[list(problem.places.at)]
        assert np.all(powers.argmax(0) != 576), "what is taken off is no term of the sum of the others"
        assert np.all(here.min(0) > here.sum(0) / 30)
        assert np.all(here.sum(0) > np.delete(powers, problem.places.at, 0).sum(0))


def test_weights_that_lack_the_last_of_many_classes_are_not_right():
    """One of 129 that are alike is less than a rounding of Σ a; where few classes are heavy it is a share of it."""
    op, long = find("weighted_cross_entropy"), Long(find("weighted_cross_entropy"), "classes", 0, 129, "bfloat16")
    problems = long.problems(24)
    shared = Shared(op, problems, "bfloat16", long.series(24))
    wrong = list(long.short("gradients", problems))[-1]
    assert len(wrong.which) == 2, "in backward itself, the sum of shares"
    assert shared.exit_code(Implementation.of(op, wrong)) != RIGHT
    assert shared.exit_code(Implementation.of(op, StoredOnce(op, op.reference, "bfloat16"))) == RIGHT


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_of_few_heavy_classes_each_has_a_share_of_all(dtype):
    op = find("weighted_cross_entropy")
    heavy = [p for p in Long(op, "classes", 0, 577, dtype).problems(60) if op.cases.heavy(p)]
    assert heavy
    for problem in heavy:
        case = problem.reals()
        a = np.moveaxis(shares(case)[0], 1, 0).reshape(577, -1)
        assert kind_of(problem, "y") == kind_of(problem, "grad_logits") == HEAVY
        assert not np.isin(
            case.input("target"), np.setdiff1d(problem.places.at, problem.parameters["ignore_index"])
        ).any()
        assert np.all(a[-1] >= a.sum(0) / 20)
        assert np.abs(case.input("logits")).max() <= 1, "which allow Σ a few roundings"
        assert np.all(np.isfinite(np.float16(a.sum() * 8))), "torch sums what it divides later"


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_of_ten_thousand_losses_the_last_of_few_is_more_than_sums_of_all_may_be_off_by(dtype):
    """Its share was 3 % of y, of which rounding may make 4 to 8, so y without it held."""
    op = find("bce_with_logits")
    right = Implementation.of(op, op.reference)
    few = [p for p in Long(op, "batch", -1, 10_000, dtype).problems(16) if p.places and p.places.inputs]
    assert few
    for problem in few[:3]:
        run = Trial(problem, right, right).real
        case = run.case.widened()
        kept = [a if a is None or a.ndim < 2 else np.delete(a, -1, problem.places.axis[1]) for a in case.inputs]
        without = op.reference.forward(*kept, reduction="sum")
        y = op.reference.forward(*case.inputs, reduction="sum")
        assert (y - without) / y > run.sharp_bound("y").elementwise / run.true_y


@pytest.mark.parametrize("name", ["lstm_cell", "gru_cell"])
def test_what_sums_of_thousands_may_lose_leaves_gates_as_they_are(name):
    """Right code was undecided: weights of 1/√n leave n²·v·√n of what goes into a gate to rounding."""
    op, dtype = find(name), "float32"
    problems = [p for p in Long(op, "features", 0, 10_000, dtype).problems(24) if not p.places]
    shared = Shared(op, problems, dtype)
    assert shared.exit_code(Implementation.of(op, StoredOnce(op, op.reference, dtype))) == RIGHT
    off = Wrong(op, dtype, "grad_weight_x", "off")
    assert shared.exit_code(Implementation.of(op, off)) != RIGHT
