"""Wide cases: every axis has its turns, beyond the largest tile first; ranges; what is wrong from some size on is seen."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import Phase, given, settings

from checks import judge
from checks.cases.drawing import problems_of
from checks.cases.wide import WIDE, wide_problems
from checks.ops import find, ops
from checks.signature.options import Range
from reference import conv, linear, softmax


def sizes_of(problem):
    """The largest size of each declared axis."""
    found = {}
    for sizes in problem.op.takes.sizes:
        for name in sizes.names:
            size = problem.sizes[name]
            found[sizes.option, name] = max(size, default=0) if isinstance(size, tuple) else size
    return found


@pytest.mark.parametrize("op", ops().values(), ids=list(ops()))
def test_every_axis_is_beyond_the_largest_tile_in_some_cases_of_a_run(op):
    problems = list(wide_problems(op, {}, "float64", 33, 7))
    assert [p.kind for p in problems] == [WIDE] * 33
    beyond = Counter(axis for p in problems for axis, size in sizes_of(p).items() if size > 128)
    wanted = {(s.option, name) for s in op.takes.sizes if s.wide for name in s.names}
    assert {axis for axis, count in beyond.items() if count >= 2} >= wanted
    tails = [size for p in problems for size in sizes_of(p).values() if size > 16]
    assert {16 * (size // 16) == size for size in tails} == {True, False}, "at a tile, and with a remainder"


def test_they_are_the_same_for_a_seed_and_others_for_another():
    def drawn(seed):
        return [p.identity for p in wide_problems(find("conv"), {}, "float64", 12, seed)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_what_is_pinned_holds_and_where_all_is_pinned_nothing_is_wide():
    op = find("conv")
    assert all(p.parameters["stride"] == 2 for p in wide_problems(op, {"stride": 2}, "float64", 20, 1))
    assert not list(wide_problems(op, {"channels": (2, 2), "size": 5, "batch": 1, "kernel": 3}, "float64", 20, 1))
    assert not list(wide_problems(op, {}, "float64", 20, 1, reach=1))
    far = [max(sizes_of(p).values()) for p in wide_problems(op, {}, "float64", 20, 1, reach=1025)]
    assert max(far) > 1024


def test_a_range_is_drawn_from_with_its_ends_and_groups_divide_it():
    found = []

    @settings(max_examples=80, phases=[Phase.generate], derandomize=True, database=None, deadline=None)
    @given(problems_of(find("conv"), {"channels": (Range(60, 70), 8), "groups": 4, "dims": 1}, "float64"))
    def each(problem):
        found.append(problem.sizes["C"])

    each()
    assert set(found) <= {60, 64, 68}
    assert {60, 64} <= set(found)


class Forgets:
    """What a gradient is from some index on, along an axis, is 0."""

    def __init__(self, op, name, axis, first):
        self.op, self.at, self.axis, self.first = find(op), find(op).inputs.index(name), axis, first

    def forward(self, *inputs, **parameters):
        return self.op.reference.forward(*inputs, **parameters)

    def backward(self, grad_output, *inputs, **parameters):
        gradients = [
            None if g is None else g.copy() for g in self.op.reference.backward(grad_output, *inputs, **parameters)
        ]
        gradient = np.moveaxis(gradients[self.at], self.axis, 0)
        gradient[self.first :] = 0
        return tuple(gradients)


@pytest.mark.parametrize("op", ops().values(), ids=list(ops()))
def test_axes_beside_the_wide_one_are_seldom_1_and_never_where_results_are_what_they_are_anyway(op):
    """Of one class the gradient of a softmax is 0, and so is what a mistake makes of it."""
    drawn = [p for seed in range(8) for p in wide_problems(op, {}, "float64", 33, seed)]
    for sizes in op.takes.sizes:
        held = [s for p in drawn for n in sizes.names for s in np.atleast_1d(p.sizes[n]) if s < 16]
        if sizes.wide and not sizes.spatial:
            assert min(held) == 1 if sizes.tells == 1 else min(held) >= sizes.tells
            assert sum(s == 1 for s in held) < len(held) / 2.5, sizes.option


@pytest.mark.usefixtures("verdict_alone")
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("op", "name", "axis", "first"),
    [
        ("cross_entropy", "logits", 0, 64),
        ("cross_entropy", "logits", 1, 64),
        ("conv", "weight", 1, 32),
        ("conv", "x", -1, 128),
        ("linear", "x", -1, 64),
        ("linear", "weight", 0, 128),
        ("softmax", "x", 1, 16),
        ("layer_norm", "x", -1, 128),
    ],
)
def test_what_is_forgotten_from_some_size_on_is_wrong_by_default(op, name, axis, first, seed):
    assert judge(op, Forgets(op, name, axis, first), seed=seed, laws=["exact", "agreement"]).exit_code == 1


class TilesOf:
    """Rows after the last full tile are left out of y."""

    def __init__(self, size):
        self.size = size

    def forward(self, x, weight, bias=None):
        y = linear.forward(x, weight, bias)
        rows = y.shape[0]
        y[rows - rows % self.size :] = 0 if rows > self.size else y[rows - rows % self.size :]
        return y

    def backward(self, grad_output, x, weight, bias=None):
        return linear.backward(grad_output, x, weight, bias)


@pytest.mark.parametrize("size", [16, 128])
def test_the_threshold_is_named(size):
    report = judge("linear", TilesOf(size), seed=2)
    assert report.exit_code == 1
    assert str(size) in report.failures[0].where, report


def test_the_report_says_how_wide_cases_were():
    text = str(judge("softmax", softmax, seed=1, laws=["agreement"]))
    assert any(int(line.split()[-1]) > 128 for line in text.splitlines() if " to " in line and "shape" in line), text
    assert "conv: right" in str(judge("conv", conv, seed=1, examples=12, laws=["exact"]))


def wide_axes(problem):
    """Which axes of which names are beyond the smallest tile; of several the first and the last."""
    found = set()
    for name, size in problem.sizes.items():
        sizes = size if isinstance(size, tuple) else (size,)
        found |= {(name, at) for at in (0, -1) if len(sizes) > -at and sizes[at] > 16}
    return found


@pytest.mark.parametrize("op", ops().values(), ids=list(ops()))
def test_any_two_axes_are_large_at_once_in_some_case_of_a_run(op):
    drawn = [wide_axes(p) for p in wide_problems(op, {}, "float64", 33, 3)]
    axes = {
        (name, at)
        for sizes in op.takes.sizes
        for name in sizes.names
        for at in ((0, -1) if name.startswith("*") else (0,))
    }
    pairs = [set(two) for two in combinations(axes, 2)]
    met = [two for two in pairs if any(two <= found for found in drawn)]
    assert len(met) >= 0.8 * len(pairs), [two for two in pairs if two not in met]


def _counted(op, condition):
    """How many of the wide problems of a default run meet a condition, in each of eight seeds."""
    return [sum(condition(p) for p in wide_problems(find(op), {}, "float64", 33, seed)) for seed in range(8)]


def test_in_every_run_sizes_that_leave_nothing_over_of_16_are_as_many_as_come_by_chance():
    """Beyond 16, of four axes of a convolution and of two of a softmax: code has a faster way for those."""
    found = _counted("conv", lambda p: any(n > 16 and n % 16 == 0 for n in (p.sizes["C"], p.sizes["O"], p.sizes["N"])))
    assert min(found) >= 3, found
    found = _counted("softmax", lambda p: any(n > 16 and n % 16 == 0 for n in p.shapes["x"]))
    assert min(found) >= 6, found


def test_a_wide_batch_is_of_one_axis_too_but_where_it_is_all_there_is():
    """Code that has a way of its own for arrays of two axes is seen; an array of one axis is hardly read wrongly."""
    for op in ("layer_norm", "linear"):
        wide = [p for seed in range(8) for p in wide_problems(find(op), {}, "float64", 33, seed) if p.sizes["*batch"]]
        along = [p for p in wide if p.sizes["*batch"][0] > 16]
        one = sum(len(p.sizes["*batch"]) == 1 for p in along)
        assert len(along) / 4 < one < len(along) * 3 / 4, op
    shapes = [p.shapes["x"] for seed in range(8) for p in wide_problems(find("softmax"), {}, "float64", 33, seed)]
    assert min(map(len, shapes)) == 2


def test_strides_of_2_along_each_axis_meet_wide_channels_in_most_runs():
    """As most layers that have a stride: where each is drawn by itself it is so along all in one case of nine."""
    found = _counted("conv", lambda p: p.sizes["O"] > 24 and np.all(np.equal(p.parameters["stride"], 2)))
    assert sum(n > 0 for n in found) >= 6, found


def test_channels_and_places_of_what_comes_out_are_large_together_though_strides_leave_few():
    found = _counted("max_pool", lambda p: len(p.shapes["y"]) > 2 and min(p.shapes["y"][1:3]) > 32)
    assert sum(n > 0 for n in found) >= 7, found
