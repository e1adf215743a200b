"""What can be judged, what a result is, and what becomes of implementations that refuse, crash or return nonsense."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from checks import Verdict, judge
from checks.laws import laws
from checks.subjects.refusals import NotAnImplementation
from reference import conv

ROOT = Path(__file__).parents[2]


def judged(given, examples=15, **pinned):
    return judge("conv", given, seed=6, examples=examples, **pinned)


def made(forward=conv.forward, backward=conv.backward, name="Made"):
    """A class with these two functions; the right ones unless others are given."""
    return type(name, (), {"forward": staticmethod(forward), "backward": staticmethod(backward)})


def notes(report):
    """What the report says of results that are none."""
    return {f.note for f in report.findings if f.verdict is Verdict.BROKEN}


def returning(change):
    """A backward that changes what the right one returns."""
    return lambda *arrays, **parameters: change(list(conv.backward(*arrays, **parameters)))


def raising(error):
    def refuse(*arrays, **parameters):
        raise error

    return refuse


def test_a_module_a_class_and_an_object_can_be_judged():
    module = ModuleType("mine")
    module.forward, module.backward = conv.forward, conv.backward
    names = {}
    for given in (module, made(), made()(), conv):
        report = judged(given, laws=["exact"])
        assert report.exit_code == 0
        assert report.cases == 15
        names[report.implementation] = report.is_reference
    assert names == {"mine": True, "Made": True, "reference.conv": True}


def test_methods_that_use_self_are_called_on_an_object():
    class Scaled:
        def __init__(self, scale=1.0):
            self.scale = scale

        def forward(self, x, weight, bias, **parameters):
            return self.scale * conv.forward(x, weight, bias, **parameters)

        def backward(self, grad_output, x, weight, bias, **parameters):
            return conv.backward(self.scale * grad_output, x, weight, bias, **parameters)

    assert judged(Scaled, laws=["exact"]).exit_code == 0, "made with no arguments"
    assert judged(Scaled(1.0), laws=["exact"]).exit_code == 0
    assert judged(Scaled(2.0), laws=["exact"]).exit_code == 1, "twice the convolution is another function"


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        (SimpleNamespace(forward=conv.forward), "SimpleNamespace has no backward"),
        (SimpleNamespace(backward=conv.backward), "SimpleNamespace has no forward"),
        (SimpleNamespace(forward=conv.forward, backward=3), "SimpleNamespace has no backward"),
        (ModuleType("empty"), "empty has no forward and no backward"),
        (object, "object has no forward and no backward"),
    ],
)
def test_what_lacks_forward_or_backward_is_no_implementation(given, missing):
    with pytest.raises(NotAnImplementation) as refused:
        judged(given)
    assert isinstance(refused.value, TypeError)
    assert str(refused.value) == (
        f"{missing}; conv needs forward(x, weight, bias, …) and backward(grad_output, x, weight, bias, …)"
    )


def test_a_class_that_cannot_be_made_is_no_implementation():
    class NeedsMore:
        def __init__(self, channels):
            self.channels = channels

    with pytest.raises(NotAnImplementation, match=r"^NeedsMore could not be made with no arguments: TypeError: .*"):
        judged(NeedsMore)


def test_a_parameter_at_its_default_need_not_be_taken():
    def forward(x, weight, bias, *, stride=1, padding=0, groups=1):
        return conv.forward(x, weight, bias, stride=stride, padding=padding, groups=groups)

    def backward(grad_output, x, weight, bias, *, stride=1, padding=0, groups=1):
        return conv.backward(grad_output, x, weight, bias, stride=stride, padding=padding, groups=groups)

    plain = made(forward, backward)
    report = judged(plain, examples=60, laws=["exact"])
    assert report.exit_code == 0
    assert report.cases == 60
    assert set(report.coverage["flip"]) == {"no"}
    assert set(report.coverage["dilation"]) == {"1"}
    assert [(one.raised, one.refused) for one in report.elsewhere] == [("does not take dilation or flip", True)]
    assert not report.unsupported
    assert judged(plain, dilation=1, flip=False).unsupported == {}
    assert judged(plain, flip=True).exit_code == 3, "nothing at all is supported"


NAMES_WHAT_IS_NOT_TAKEN = """
from checks.subjects.calling import Function
from checks.subjects.refusals import Unsupported
from checks.op import Case
from checks.ops import find
op, other = find("conv"), {"stride": 2, "padding": 1, "dilation": 2, "groups": 2, "flip": True}
try:
    Function.of(op, "forward", lambda x, weight, bias: x)(None, None, None, None, **other)
except Unsupported as refusal:
    print(refusal)
"""


def test_the_parameter_that_is_not_taken_is_named_alike_in_every_run():
    command, environment = [sys.executable, "-c", NAMES_WHAT_IS_NOT_TAKEN], {**os.environ, "PYTHONPATH": str(ROOT)}
    said = [
        subprocess.check_output(command, env={**environment, "PYTHONHASHSEED": seed}, encoding="utf-8")
        for seed in "0123"
    ]
    assert said[0].startswith("does not take ")
    assert len(set(said)) == 1, said


def few(x, weight, bias=None, *, stride=1, padding=0):
    return conv.forward(x, weight, bias, stride=stride, padding=padding)


def few_back(grad_output, x, weight, bias=None, *, stride=1, padding=0):
    return conv.backward(grad_output, x, weight, bias, stride=stride, padding=padding)


class _Extension:
    """As pybind11 makes them: no signature, and an error that names nothing."""

    __signature__ = None

    def __init__(self, function):
        self.function = function

    def __call__(self, *arrays, **parameters):
        if not parameters.keys() <= {"stride", "padding"}:
            raise TypeError("__call__(): incompatible function arguments. The following argument types are supported:")
        return self.function(*arrays, **parameters)


def anything(function):
    """What a decorator leaves of a signature."""

    def call(*arrays, **parameters):
        return function(*arrays, **parameters)

    return call


@pytest.mark.parametrize(
    "wrapped",
    [anything, lambda f: functools.partial(anything(f)), _Extension, lambda f: anything(_Extension(f))],
    ids=["decorated", "partial", "extension", "decorated extension"],
)
def test_what_only_a_call_shows_not_to_be_taken_is_left_out_at_its_default(wrapped):
    report = judged(made(wrapped(few), wrapped(few_back)), examples=60, laws=["exact"])
    assert report.exit_code == 0, str(report)
    assert report.cases > 5
    assert report.elsewhere[0].judged == "with dilation 1, groups 1 and no flip"
    assert all(one.refused for one in report.elsewhere)
    assert len(report.coverage["stride"]) > 1, "a parameter that is taken is passed"
    assert judged(made(wrapped(few), wrapped(few_back)), flip=True).exit_code == 3


def test_that_a_parameter_is_not_taken_is_found_out_once():
    calls = []

    def counted(*arrays, **parameters):
        calls.append(set(parameters))
        return few(*arrays, **parameters)

    report = judged(made(counted, anything(few_back)), examples=30, laws=["exact"], dilation=1, groups=1, flip=False)
    assert report.exit_code == 0
    assert sum(not names <= {"stride", "padding"} for names in calls) == 3, "one call for each that is not taken"


@pytest.mark.parametrize(
    "inner",
    [
        lambda x, **p: np.sum(x, axes=p["stride"]),  # NumPy's keyword is another
        lambda x, *, stride=1, **_: few(x, stride=stride, spread=1),
        lambda x, **_: x + None,
    ],
    ids=["keyword", "own keyword", "other"],
)
def test_a_type_error_of_the_code_itself_stays_a_crash(inner):
    report = judged(made(lambda x, *_, **parameters: inner(x, **parameters)), examples=10)
    assert report.exit_code == 3
    assert not report.unsupported
    assert all("raised TypeError" in note for note in notes(report))


def test_a_parameter_that_the_signature_names_is_taken_and_what_its_code_refuses_is_a_crash():
    report = judged(made(lambda x, weight, bias, *, flip=False, **_: few(x, weight, bias, flip=flip)), examples=10)
    assert report.exit_code == 3


def test_without_bias_cases_without_bias_are_judged():
    bare = made(
        lambda x, weight, **p: conv.forward(x, weight, None, **p),
        lambda grad_output, x, weight, **p: conv.backward(grad_output, x, weight, **p)[:2],
    )
    report = judged(bare, examples=60, laws=["exact"])
    assert report.exit_code == 0
    assert set(report.coverage["bias"]) == {"no"}
    assert report.cases == 60
    assert [(one.judged, one.refused) for one in report.elsewhere] == [("without a bias", True)]


def test_what_is_not_implemented_is_left_out_and_is_no_failure():
    def forward(x, weight, bias, **parameters):
        if parameters["groups"] > 1:
            raise NotImplementedError("no groups yet")
        return conv.forward(x, weight, bias, **parameters)

    report = judged(made(forward), examples=40, laws=["exact"])
    assert report.exit_code == 0
    assert set(report.coverage["groups"]) == {"1"}
    assert report.cases == 40
    assert [(one.judged, one.raised) for one in report.elsewhere] == [("with groups 1", "no groups yet")]


def test_a_backward_that_is_not_implemented_makes_the_case_unsupported_too():
    assert judged(made(backward=raising(NotImplementedError("later")))).findings == ()


def test_a_refusal_without_words_is_named():
    report = judged(made(raising(NotImplementedError())), examples=5)
    assert all(words.startswith("NotImplementedError (") for words in report.unsupported), report.unsupported


def test_progress_is_told_of_cases_that_are_not_supported_too():
    done = []
    judge("conv", made(raising(NotImplementedError())), seed=6, examples=5, progress=done.append)
    assert done == [1, 2, 3, 4, 5]


def constant(value):
    return lambda *_, **__: value


MALFORMED = [  # part, what it returns in place of the right thing, what the report says of it
    ("forward", constant(None), r"y is None; expected an array of shape \(.*\)"),
    ("forward", constant("y"), r"y has dtype <U1; expected real numbers"),
    ("forward", constant([[1.0], [1.0, 2.0]]), r"y .*expected.*"),
    ("forward", constant(0.0), r"y has shape \(\); expected \(.+\)"),
    ("backward", constant(None), r"backward returned None; expected one gradient for each of .*"),
    ("backward", returning(lambda g: g[0]), r"backward returned 1 gradients; expected one for each of .*'weight'.*"),
    ("backward", returning(lambda g: g[:1]), r"backward returned 1 gradients; expected one for each of .*"),
    ("backward", returning(lambda g: [*g, g[0]]), r"backward returned 4 gradients; expected one for each of .*"),
    ("backward", returning(lambda g: [None, *g[1:]]), r"grad_x is None; expected an array of shape .*"),
    ("backward", returning(lambda g: [*g[:2], np.ones(1)]), r"grad_bias has shape \(1,\); expected \(6,\)"),
    ("backward", returning(lambda g: [*g[:2], 1.0]), r"grad_bias has shape \(\); expected \(6,\)"),
    ("backward", returning(lambda g: [g[0][:1], *g[1:]]), r"grad_x has shape \(1, 4.*\); expected \(2, 4.*\)"),
]


@pytest.mark.parametrize(("part", "function", "sentence"), MALFORMED, ids=map(str, range(len(MALFORMED))))
def test_what_cannot_be_a_result_is_wrong_and_the_sentence_says_why(part, function, sentence):
    report = judged(made(**{part: function}), channels=(4, 6), batch=2)
    assert report.exit_code == 1
    assert any(re.fullmatch(sentence, note) for note in notes(report)), notes(report)
    assert not any(f.crashed for f in report.findings)


@pytest.mark.parametrize("change", [tuple, list, lambda g: tuple(a for a in g if a is not None)])
def test_gradients_may_come_in_a_list_and_without_the_one_that_is_absent(change):
    report = judged(made(backward=returning(change)), examples=40, laws=["exact"])
    assert report.exit_code == 0
    assert set(report.coverage["bias"]) == {"yes", "no"}


def test_a_tensor_that_requires_a_gradient_does_not_stop_the_judge():
    def forward(*arrays, **parameters):
        return torch.from_numpy(conv.forward(*arrays, **parameters)).requires_grad_()

    assert judged(made(forward)).exit_code in (0, 1, 3)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_gradient_that_is_not_finite_is_wrong(which, value):
    def spoil(gradients):
        if gradients[which] is not None:
            gradients[which].ravel()[-1:] = value
        return gradients

    report = judged(made(backward=returning(spoil)))
    assert report.exit_code == 1
    assert {f.result for f in report.failures} == {("grad_x", "grad_weight", "grad_bias")[which]}


@pytest.mark.parametrize("part", ["forward", "backward"])
@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_an_imaginary_part_is_not_overlooked(part):
    def forward(*arrays, **parameters):
        return conv.forward(*arrays, **parameters) + 1j

    imaginary = returning(lambda gradients: [None if g is None else g + 1j for g in gradients])
    report = judged(made(forward) if part == "forward" else made(backward=imaginary))
    assert report.exit_code == 1


@pytest.mark.parametrize("part", ["forward", "backward"])
def test_an_exception_is_a_crash_named_in_one_line(part):
    crash = raising(RuntimeError("no kernel image\nis available"))
    report = judged(made(**{part: crash}))
    assert report.exit_code == 3
    assert notes(report) == {"refuse raised RuntimeError: no kernel image"}
    assert all(f.crashed for f in report.findings if f.verdict is Verdict.BROKEN)


def test_an_implementation_cannot_end_the_program():
    assert judged(made(raising(SystemExit(0)))).exit_code == 3


def test_an_exception_in_one_case_of_many_is_not_overlooked():
    def forward(x, *arrays, **parameters):
        if len(x) == 3:
            raise ZeroDivisionError("no samples")
        return conv.forward(x, *arrays, **parameters)

    report = judged(made(forward), examples=60, laws=["exact"])
    assert report.exit_code == 3
    assert 0 < sum(f.crashed for f in report.findings) < report.cases
    assert report.failures[0].problem.shapes["x"][0] == 3


def test_a_wrong_gradient_outranks_a_crash():
    def backward(grad_output, x, *arrays, **parameters):
        if len(x) == 3:
            raise ZeroDivisionError("no samples")
        return [None if g is None else -g for g in conv.backward(grad_output, x, *arrays, **parameters)]

    assert judged(made(backward=backward), examples=60, laws=["exact"]).exit_code == 1


def test_changing_the_inputs_in_place_does_not_disturb_the_judge():
    def spoiling(function):
        def call(*arrays, **parameters):
            result = function(*arrays, **parameters)
            for a in arrays:
                if a is not None:
                    a[...] = np.nan
            return result

        return call

    spoiled = made(spoiling(conv.forward), spoiling(conv.backward))
    assert judged(spoiled, laws=[name for name in laws() if name != "contract"]).exit_code == 0
    assert {f.law for f in judged(spoiled).findings if f.verdict is Verdict.BROKEN} == {"contract"}


def test_in_float32_the_code_is_given_nothing_but_float32():
    seen = set()

    def watched(function):
        def call(*arrays, **parameters):
            seen.update(str(a.dtype) for a in arrays if a is not None)
            return function(*arrays, **parameters)

        return call

    report = judge("conv", made(watched(conv.forward), watched(conv.backward)), dtype="float32", seed=6, examples=10)
    assert report.exit_code == 0
    assert seen == {"float32"}
