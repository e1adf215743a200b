"""What every op promises the laws: shapes that come out, pins that pin, bounds that are bounds, whole numbers that stay."""

from functools import cache

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from checks import gradcheck, judge
from checks.cases.drawing import problems_of
from checks.cases.sparse import whole_numbers
from checks.numbers.precision import NATIVE, PRECISIONS, accumulator
from checks.ops import ops
from checks.ops._mistakes import right
from checks.signature.options import as_text
from checks.subjects.implementation import Implementation
from checks.trials.trial import Trial

DRAWN = 40
EVERY = pytest.mark.parametrize("op", ops().values(), ids=list(ops()))
DRAWING = settings(max_examples=DRAWN, phases=[Phase.generate], derandomize=True, database=None, deadline=None)


def drawn(op, dtype="float64"):
    """Problems of an op, the same in every run."""
    return _drawn(op.name, dtype)


@cache
def _drawn(op, dtype):
    return _first(DRAWN, problems_of(ops()[op], {}, dtype))


def _first(many, problems):
    """So many of what is drawn."""
    found = []

    @settings(DRAWING, max_examples=many)
    @given(problems)
    def each(problem):
        found.append(problem)

    each()
    return tuple(found)


@EVERY
def test_results_have_the_shapes_that_the_problem_says(op):
    for problem in drawn(op):
        case = problem.reals()
        y = op.reference.forward(*case.inputs, **case.parameters)
        assert np.shape(y) == problem.shape("y")
        assert set(right(case)) == set(problem.present)
        assert all(gradient.shape == problem.shape(name) for name, gradient in right(case).items())


@EVERY
def test_pins_pin_the_very_geometry_and_survive_a_command_line(op):
    parsers = {option.name: option.parse for option in op.takes.options}
    for problem in drawn(op)[:12]:
        pins = problem.pins
        assert set(pins) <= set(parsers)
        for name, value in pins.items():
            if parsers[name] is not None:
                once = parsers[name](as_text(value))
                assert parsers[name](as_text(once)) == once
        op.takes.check(pins)
        (again,) = _first(1, problems_of(op, pins, "float64"))
        absent = dict.fromkeys(op.takes.optional)
        assert {**again.shapes, **absent} == {**problem.shapes, **absent}
        moves = {n: v for n, v in problem.parameters.items() if v is not None}
        assert {n: again.parameters[n] for n in moves} == moves


@EVERY
def test_every_default_is_a_parameter_that_is_drawn(op):
    tried = {name: {str(p.parameters[name]) for p in drawn(op)} for name in op.takes.defaults}
    assert all(len(values) > 1 for values in tried.values()), tried


@EVERY
@pytest.mark.parametrize("dtype", NATIVE)
def test_whole_numbers_stay_multiples_of_the_unit_and_fit(op, dtype):
    if op.kind.degree is None:
        assert all(problem.unit is None and problem.largest == 0 for problem in drawn(op))
        return
    exact = [problem for problem in drawn(op, dtype=dtype) if problem.largest]
    assert len(exact) >= DRAWN // 3, "the law `exact` is asked too rarely"
    for problem in exact:
        case = whole_numbers(problem).widened()
        results = [op.reference.forward(*case.inputs, **case.parameters), *right(case).values()]
        kept = PRECISIONS[dtype] if problem.fits(dtype) else accumulator(dtype)
        for result in results:
            scaled = np.asarray(result) * problem.unit
            assert np.array_equal(scaled, np.round(scaled))
            assert np.abs(scaled).max(initial=0) <= 2**kept.bits


@EVERY
def test_bounds_allow_at_least_one_rounding_of_each_result(op):
    """Each result is stored, so right code may be off by u|y| and u|gradient|, whatever else it rounds on the way."""
    for problem in drawn(op):
        run = Trial(problem, *(Implementation.of(op, op.reference),) * 2).real
        slack = 1 + 1e-5  # magnitudes are summed in float32 where that does
        assert np.all(np.abs(run.true_y) <= run.y_bound.elementwise / 2.0**-53 * slack)
        for name, gradient in run.true_gradients.items():
            allowed = run.bound(f"grad_{name}").elementwise / 2.0**-53
            assert np.all(np.abs(gradient) <= allowed * slack + 1e-300), name


@EVERY
def test_constant_inputs_have_no_gradient(op):
    case = drawn(op)[0].reals()
    gradients = op.reference.backward(case.cotangent, *case.inputs, **case.parameters)
    assert len(gradients) == len(op.inputs)
    assert all((name in op.takes.constant) <= (g is None) for name, g in zip(op.inputs, gradients, strict=True))


@EVERY
def test_the_command_line_knows_its_options(op, capsys):
    with pytest.raises(SystemExit) as stopped:
        gradcheck.main([op.name, "--help"])
    assert stopped.value.code == 0
    shown = capsys.readouterr().out
    for option in op.takes.options:
        assert f"--{option.name.replace('_', '-')}" in shown


@EVERY
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_the_reference_is_right_in_lower_precision(op, dtype):
    assert judge(op.name, dtype=dtype, examples=30, seed=51)


IMPOSSIBLE = [
    (
        "max_pool",
        ["--padding", "2", "--kernel-size", "3"],
        "padding 2 is more than half of the 3 that a window spans; --padding 1 would do",
    ),
    (
        "avg_pool",
        ["--size", "2", "--kernel-size", "5", "--padding", "1"],
        "a window that spans 5 does not fit into size 2 with padding 1; --size 3 would make it fit",
    ),
    (
        "subsample",
        ["--size", "3", "--kernel-size", "4"],
        "a window that spans 4 does not fit into size 3 with padding 0; --size 4 would make it fit",
    ),
    ("softmax", ["--shape", "2,3", "--axis", "2"], "shape 2,3 has no elements along an axis 2; --axis 0 or 1 would"),
    ("dropout", ["--p", "1"], "--p: '1' given; expected a number at least 0 and below 1"),
    ("euclidean_loss", ["--reduction", "mena"], "--reduction: 'mena' given; expected mean or sum; did you mean mean?"),
    (
        "batch_norm",
        ["--batch", "1", "--dims", "0"],
        "a batch norm of less than two values for each channel is not defined; --batch 2 would be enough",
    ),
    ("batch_norm", ["--eps", "0"], "--eps: '0' given; expected a number above 0"),
    ("local_response_norm", ["--k", "none"], "--k: 'none' given; expected a number above 0"),
    (
        "cross_entropy",
        ["--dims", "2", "--size", "3,3,3"],
        "dims 2 and size 3,3,3 speak of different numbers of axes; give size one number or 2",
    ),
    ("linear", ["--features", "1,2,3"], "--features: '1,2,3' given; expected two whole numbers such as 4,6"),
    ("max_pool", ["--cell-mode"], "max_pool has no option --cell-mode; did you mean --ceil-mode?"),
    (
        "conv_transpose",
        ["--output-padding", "2", "--stride", "2", "--dilation", "1"],
        "output_padding 2 reaches stride 2 and dilation 1; --output-padding 1 would not, nor --stride 3",
    ),
    (
        "similarity",
        ["--kernel", "4", "--size", "3"],
        "a template of 4 does not fit into size 3; --size 4 would make it fit",
    ),
]


@pytest.mark.parametrize(("name", "options", "sentence"), IMPOSSIBLE)
def test_an_impossible_request_gets_one_sentence(name, options, sentence, capsys):
    with pytest.raises(SystemExit) as stopped:
        gradcheck.main([name, *options])
    assert stopped.value.code == 2
    assert capsys.readouterr().err == f"gradcheck: {sentence}\n"


@DRAWING
@given(data=st.data())
def test_distinct_numbers_fill_every_window_of_a_max_pool(data):
    op = ops()["max_pool"]
    problem = data.draw(problems_of(op, {"dtype": "float16"}, "float16"))
    for case in (problem.whole_numbers(), problem.reals()):
        mask = next(iter(op.kinks.apart(case)))
        assert mask.max(initial=0) <= 1
        assert op.kinks.convention(case, np.ones(case.input("x").shape)) == "", "no window has two largest"
