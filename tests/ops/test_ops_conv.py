"""What is known of convolution: problems are drawn without filtering, and what is said of them is true."""

from __future__ import annotations

import ast
import inspect
from collections import Counter
from dataclasses import fields, replace

import hypothesis
import numpy as np
import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture.data import ConjectureData

from checks import judge
from checks.cases import drawing as cases_drawing
from checks.cases.drawing import problems_of
from checks.cases.pins import pinned_values
from checks.cases.search import Search
from checks.op import Problem
from checks.ops import conv as described
from checks.ops import find
from checks.trials.trial import lighter
from reference import conv
from reference._window import window

OP = find("conv")
DRAWN = 300


def drawing(examples):
    """Draw the same problems in every run, with nothing on disk."""
    return settings(max_examples=examples, phases=[Phase.generate], derandomize=True, database=None, deadline=None)


def drawn(pinned, examples, dtype="float64"):
    """Problems in which these values hold."""
    found: list[Problem] = []

    @drawing(examples)
    @given(problems_of(OP, pinned, dtype))
    def each(problem):
        found.append(problem)

    each()
    return found


@pytest.fixture(scope="module")
def problems():
    """Problems as they come when nothing is pinned."""
    return drawn({}, DRAWN)


def over(problem):
    moves = {name: problem.parameters[name] for name in ("stride", "padding", "dilation")}
    return window(problem.shapes["x"][2:], problem.shapes["weight"][2:], **moves)


def ones(problem, dtype=np.float64):
    """Inputs of nothing but ones: then every product is 1, and every sum counts its terms."""
    return [None if problem.shapes[name] is None else np.ones(problem.shapes[name], dtype) for name in OP.inputs]


def assert_valid(problem):
    """The reference takes it, and y has the shape that was said."""
    y = conv.forward(*ones(problem, np.float16), **problem.parameters)
    assert y.shape == problem.shapes["y"]
    assert np.prod(y.shape[1:]) > 0, "an output of nothing would try nothing"


def test_every_drawn_problem_is_valid(problems):
    for problem in problems:
        assert_valid(problem)


def test_nothing_drawn_is_thrown_away(monkeypatch):
    """No draw is marked invalid, which is what `assume` and `filter` come to."""
    rejected = []
    mark_invalid = ConjectureData.mark_invalid

    def recorded(data, *why):
        rejected.append(why)
        return mark_invalid(data, *why)

    monkeypatch.setattr(ConjectureData, "mark_invalid", recorded)
    assert len(drawn({}, 100)) == 100
    for pinned in ({"size": (5,)}, {"size": 4, "stride": 3}, {"channels": (6, 4)}, {"padding": "same", "dims": 3}):
        assert len(drawn(pinned, 30)) == 30
    assert not rejected


def test_the_source_filters_nothing():
    tree = ast.parse(inspect.getsource(described) + inspect.getsource(cases_drawing))
    called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = {f.attr if isinstance(f, ast.Attribute) else getattr(f, "id", "") for f in called}
    assert not names & {"assume", "filter"}
    assert inspect.getsource(cases_drawing).count("reject()") == 1, "where kinds of cases are left out, and there alone"
    assert "composite" in {getattr(node, "attr", "") for node in ast.walk(tree)}, "the strategies are in this file"


def test_nothing_is_rejected_where_no_kind_is_left_out(monkeypatch):
    def refuse():
        raise AssertionError("rejected")

    monkeypatch.setattr(hypothesis, "reject", refuse)
    drawn = []
    Search(problems_of(find("conv"), {}, "float64"), 50, 1).run(drawn.append)
    assert len(drawn) == 50


@pytest.mark.parametrize("name", ["stride", "padding", "dilation"])
def test_parameters_that_differ_between_axes_occur(problems, name):
    uneven = [p for p in problems if isinstance(p.parameters[name], tuple)]
    assert len(uneven) > 0.1 * DRAWN
    assert all(len(set(p.parameters[name])) > 1 for p in uneven), "the same on all axes is written as one number"


def test_kernels_and_sizes_that_differ_between_axes_occur(problems):
    for name in ("weight", "x"):
        assert sum(len(set(p.shapes[name][2:])) > 1 for p in problems) > 0.1 * DRAWN, name


@pytest.fixture(scope="module")
def coverage(problems):
    """For each label, the share of the problems in which each value occurs."""
    counts: dict[str, Counter] = {}
    for problem in problems:
        for label, values in problem.tried.items():
            counts.setdefault(label, Counter()).update(set(values))
    return {label: {value: count / DRAWN for value, count in values.items()} for label, values in counts.items()}


@pytest.mark.parametrize(
    ("label", "values", "least"),
    [
        ("dims", (1, 2, 3), 0.1),
        ("stride", (1, 2, 3), 0.2),
        ("dilation", (1, 2, 3), 0.2),
        ("padding", (0, 1, 2, 3, "valid", "same", "full"), 0.02),
        ("kernel", (1, 2, 3, 4), 0.03),
        ("groups", (1, 2, 3, "depthwise"), 0.03),
        ("flip", ("yes", "no"), 0.1),
        ("bias", ("yes", "no"), 0.05),
        ("batch", (0, 1, 2, 3), 0.02),
        ("rows left over", ("yes", "no"), 0.2),
    ],
)
def test_every_value_is_tried_often_enough(coverage, label, values, least):
    for value in values:
        assert coverage[label].get(value, 0) >= least, coverage[label]


def test_as_many_channels_in_as_out_about_as_often_as_not(coverage):
    assert 0.3 <= coverage["channels"]["in = out"] <= 0.7


def test_rows_left_over_are_rows_that_no_window_reaches(problems):
    for problem in problems:
        x, weight, bias = ones(problem)
        sums = conv.backward(np.ones(problem.shapes["y"]), x, weight, bias, **problem.parameters)[0]
        at = over(problem)
        ends = ((n - e) % s > after for n, e, s, after in zip(at.padded, at.span, at.stride, at.after, strict=True))
        if len(x) and any(ends):
            assert problem.tried["rows left over"] == ("yes",)
            assert (sums == 0).any(), "an input beyond the last window has a gradient of 0"


PINNED = [
    {"size": (5,)},
    {"size": 1},
    {"size": (2,), "dilation": 3},
    {"size": 1, "padding": 3},
    {"size": 3, "dilation": 5, "padding": 1},
    {"size": (4, 6), "kernel": 3},
    {"size": 5, "padding": "same"},
    {"size": 5, "padding": "full", "kernel": 7},
    {"size": 2, "padding": "valid"},
    {"size": 3, "kernel": 9, "padding": 3},
    {"size": (3, 9), "kernel": (2, 9), "stride": 2},
    {"size": 10, "kernel": 3, "dilation": 4},
    {"size": 8, "stride": 5, "dims": 3},
    {"kernel": 20, "padding": 9, "dims": 1},
    {"kernel": (3, 5), "stride": (1, 3)},
    {"kernel": 1, "padding": 40},
    {"padding": (0, 7), "dilation": 4},
    {"padding": "same", "stride": 4, "dims": 1},
    {"padding": "full", "dilation": (1, 2, 3)},
    {"channels": (4, 6)},
    {"channels": (4, 6), "groups": 2},
    {"channels": (5, 5), "batch": 0},
    {"groups": 5, "flip": True},
    {"batch": 7, "dims": 2},
]


@pytest.mark.parametrize("pinned", PINNED, ids=str)
def test_what_is_pinned_holds_and_the_rest_is_drawn_to_fit(pinned):
    OP.takes.check(pinned)
    for problem in drawn(pinned, 20):
        assert_valid(problem)
        for name, value in problem.pins.items():
            wanted, axes = pinned.get(name, value), len(over(problem).size)
            assert spread(value, axes) == spread(wanted, axes), (name, problem)


def spread(value, axes):
    """One number as one for each axis; anything else as it is."""
    return (value,) * axes if isinstance(value, int) and not isinstance(value, bool) else value


@drawing(30)
@given(data=st.data())
def test_pins_pin_the_very_geometry(data):
    problem = data.draw(problems_of(OP, {}, "float64"))
    pins = problem.pins
    again = data.draw(problems_of(OP, pins, "float64"))
    assert again.parameters == problem.parameters
    assert {**again.shapes, "bias": None} == {**problem.shapes, "bias": None}, "whether there is a bias is drawn"


def test_pins_are_options_and_survive_being_written_on_a_command_line(problems):
    for problem in problems[:100]:
        pins = problem.pins
        assert set(pins) == {option.name for option in OP.takes.options}
        assert pinned_values(OP, pins) == {
            name: value[0] if isinstance(value, tuple) and len(value) == 1 else value for name, value in pins.items()
        }


@pytest.mark.parametrize(
    "pinned",
    [{"padding": "valid"}, {"padding": "same"}, {"padding": "full"}, {"padding": 1}, {"flip": True}, {"groups": 2}],
    ids=str,
)
def test_the_twin_is_the_reference_on_whole_numbers(pinned):
    """To the last bit, y and all gradients, for every padding, flip and groups."""
    for problem in drawn(pinned, 30):
        case = problem.whole_numbers().widened()
        tensors = [None if a is None else torch.from_numpy(a).requires_grad_() for a in case.inputs]
        y = OP.twin(*tensors, **case.parameters)
        assert np.array_equal(y.detach().numpy(), conv.forward(*case.inputs, **case.parameters)), problem
        there = [t for t in tensors if t is not None]
        right = [g for g in conv.backward(case.cotangent, *case.inputs, **case.parameters) if g is not None]
        for found, gradient in zip(torch.autograd.grad(y, there, torch.from_numpy(case.cotangent)), right, strict=True):
            assert np.array_equal(found.numpy(), gradient), problem


def counted(problem):
    """The products in the longest sum of y and of each gradient, counted by running the reference on ones."""
    x, weight, bias = ones(problem)
    y = conv.forward(x, weight, bias, **problem.parameters)
    gradients = conv.backward(np.ones_like(y), x, weight, np.ones(len(weight)), **problem.parameters)
    counts = {"y": y, **dict(zip(OP.inputs, gradients, strict=True))}
    return {name: int(count.max(initial=0)) for name, count in counts.items()}


def test_no_sum_has_more_terms_than_said(problems):
    for problem in problems:
        terms = OP.rounds.terms(problem)
        assert all(count <= terms[name] for name, count in counted(problem).items()), problem


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("kernel", [(3,), (3, 2), (2, 1, 2)])
def test_the_terms_said_are_the_terms_of_the_longest_sum(kernel, groups):
    """Where no padding cuts sums short and the input is large enough for every offset to reach its middle."""
    pins = {"size": (5,) * len(kernel), "kernel": kernel, "stride": 1, "padding": 0, "dilation": 1, "groups": groups}
    problem = drawn({**pins, "channels": (4, 6), "batch": 3}, 1)[0]
    problem = replace(problem, shapes={**problem.shapes, "bias": (6,)})
    assert counted(problem) == OP.rounds.terms(problem)


def large(samples):
    shapes = {"x": (samples, 64, 56, 56), "weight": (64, 64, 3, 3), "bias": (64,), "y": (samples, 64, 54, 54)}
    parameters = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "flip": True}
    return Problem(OP, shapes, parameters, dtype="float32", seed=9, small=False, exponents={"x": 20})


@pytest.mark.parametrize(("samples", "left"), [(16, 2), (9, 2), (8, 1), (2, 1)])
def test_lighter_keeps_everything_but_samples(samples, left):
    problem = large(samples)
    light = lighter(problem)
    assert {name: (a, b) for name, a in problem.shapes.items() if a != (b := light.shapes[name])} == {
        "x": (problem.shapes["x"], (left, *problem.shapes["x"][1:])),
        "y": (problem.shapes["y"], (left, *problem.shapes["y"][1:])),
    }
    for field in fields(Problem):
        if field.name != "shapes":
            assert getattr(light, field.name) == getattr(problem, field.name), field.name


def test_what_is_light_is_left_as_it_is(problems):
    one = large(1)
    assert all(lighter(problem) is problem for problem in (one, *problems))


@pytest.mark.parametrize(
    ("pinned", "sentence"),
    [
        ({"strid": 2}, r"conv has no option 'strid'; did you mean stride\?"),
        ({"stride": 0}, r"stride is 0; expected at least 1"),
        ({"stride": True}, r"stride is True; expected a whole number"),
        ({"stride": 1.5}, r"stride is 1\.5; expected a whole number"),
        ({"padding": "smae"}, r"padding is smae; expected .* one of valid, same, full"),
        ({"flip": 1}, r"flip is 1; expected True or False"),
        ({"groups": 3, "channels": (4, 6)}, r"groups 3 does not divide channels 4,6"),
        ({"kernel": (1, 2, 3), "dims": 2}, r"dims 2 and kernel 1,2,3 speak of different numbers of axes"),
        ({"kernel": 9, "size": 3}, r"a kernel of 9 spans 9 and does not fit into size 3"),
    ],
    ids=str,
)
def test_python_is_refused_with_the_same_sentences(pinned, sentence):
    with pytest.raises(ValueError, match=sentence):
        judge("conv", **pinned)
