"""What is rare takes turns: all that cases can be like is among the first twenty, for every seed; rare mistakes shrink."""

from collections import Counter

import pytest

from benchmarks.catch import Planted
from checks import judge
from checks.cases.kinds import Among, kinds
from checks.cases.series import Series
from checks.cases.turns import _forms, problems_in_turn
from checks.ops import find, ops
from reference import conv


def drawn(op, examples, seed, **pinned):
    found = []
    Series(op, pinned, "float64", examples, seed).run(found.append)
    return found


@pytest.mark.parametrize("op", ops().values(), ids=list(ops()))
def test_all_that_cases_can_be_like_comes_among_the_first_twenty(op):
    count = Counter(form for p in problems_in_turn(op, {}, "float64", 100, 0) for form in _forms(p))
    often = {form for form, times in count.items() if times > 4}
    assert len(often) > 5
    for seed in range(3):
        seen = {form for p in drawn(op, 200, seed)[:20] for form in _forms(p)}
        assert often <= seen, (seed, often - seen)


def test_pairs_of_it_come_more_evenly_than_by_chance():
    op = find("conv")
    chosen = list(problems_in_turn(op, {}, "float64", 68, 3))[:40]
    by_chance = drawn(op, 80, 3)[::2]
    pairs, others = (Counter(pair for p in some for pair in _pairs(_forms(p))) for some in (chosen, by_chance))
    assert len(pairs) > 1.05 * len(others)
    assert sum(n > 1 for n in pairs.values()) > 1.1 * sum(n > 1 for n in others.values())


def _pairs(forms):
    named = sorted(forms, key=str)
    return (frozenset((a, b)) for i, a in enumerate(named) for b in named[i + 1 :])


def test_they_are_the_same_for_a_seed_what_is_pinned_holds_and_what_is_left_out_stays_out():
    op = find("conv")
    assert [p.identity for p in problems_in_turn(op, {}, "float64", 9, 4)] == [
        p.identity for p in problems_in_turn(op, {}, "float64", 9, 4)
    ]
    assert all(p.parameters["padding"] == "same" for p in problems_in_turn(op, {"padding": "same"}, "float64", 20, 1))
    some = list(problems_in_turn(op, {}, "float64", 60, 1))
    named = [kind for kind in kinds(op, some) if kind.left == "with numbers for padding"]
    left = problems_in_turn(op, {}, "float64", 40, 1, Among.without(named, some))
    assert all(not isinstance(p.parameters["padding"], str) for p in left)
    assert not list(problems_in_turn(op, {}, "float64", 0, 1))


def test_they_come_between_the_others_and_count_among_them():
    op = find("linear")
    found = drawn(op, 30, 2)
    assert len(found) == 30
    in_turn = [p.identity for p in problems_in_turn(op, {}, "float64", 68, 2)]
    assert [p.identity for n, p in enumerate(found) if n % 6 in {1, 3}] == in_turn[:10]


@pytest.mark.usefixtures("verdict_alone")
@pytest.mark.parametrize("seed", [2, 10, 19])
@pytest.mark.parametrize("name", ["padding exchanged", "in and out swapped"])
def test_what_shows_in_few_cases_is_caught(name, seed):
    """Ends that differ: `same` around an even span, which came first in the 57th case of some seeds."""
    op = find("conv")
    mistake = next(m for m in op.mistakes if m.name == name)
    assert judge("conv", Planted(op, mistake), seed=seed, examples=100, laws=["exact", "agreement"]).exit_code == 1


class Rare:
    """Wrong where padding differs along two axes, in three groups."""

    def forward(self, *inputs, **parameters):
        return conv.forward(*inputs, **parameters)

    def backward(self, grad_output, x, weight, bias, **p):
        gradients = conv.backward(grad_output, x, weight, bias, **p)
        rare = p["groups"] == 3 and p["padding"] in ((1, 0), (2, 0), (3, 0))
        return (2 * gradients[0], *gradients[1:]) if rare else gradients


@pytest.mark.parametrize("seed", [0, 2])
def test_what_only_they_show_is_shrunk_among_cases_like_it(seed):
    report = judge("conv", Rare(), seed=seed, laws=["exact"])
    assert report.exit_code == 1
    (failure,) = report.failures
    assert failure.problem.elements < 40, failure.problem
