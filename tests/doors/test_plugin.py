"""The pytest door, as its users have it: from a folder of their own, with the wheel installed and no checkout in sight."""

import re
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

pytest_plugins = ["pytester"]

LAWS = ["exact", "forward", "agreement", "adjoint", "complex_step", "finite_difference", "autograd", "linearity"]
MINE = """
import os
import numpy as np

class Right:
    def forward(self, x, weight, bias):
        return x @ weight.T + (0 if bias is None else bias)

    def backward(self, g, x, weight, bias):
        batch = tuple(range(g.ndim - 1))
        return g @ weight, np.tensordot(g, x, (batch, batch)), None if bias is None else g.sum(batch)

class Wrong(Right):
    def backward(self, g, x, weight, bias):
        grad_x, grad_weight, grad_bias = super().backward(g, x, weight, bias)
        return grad_x, -grad_weight, grad_bias

class WrongInLargeBatches(Right):
    def backward(self, g, x, weight, bias):
        grad_x, grad_weight, grad_bias = super().backward(g, x, weight, bias)
        return grad_x, -grad_weight if x.size > x.shape[-1] else grad_weight, grad_bias

class Crashes(Right):
    def backward(self, g, x, weight, bias): os._exit(0)

class Partly(Right):
    def forward(self, x, weight, bias):
        if bias is None: raise NotImplementedError("always with a bias")
        return super().forward(x, weight, bias)

class Always(Right):
    def forward(self, x, weight, bias):
        n, _ = x.shape
        return x @ weight.T + bias

class Nothing:
    def forward(self, x, weight, bias): raise NotImplementedError("not yet")
    def backward(self, g, x, weight, bias): raise NotImplementedError("not yet")
"""


@pytest.fixture
def judged(pytester, monkeypatch, installed):
    """Run pytest over the conformance tests; returns its result."""
    monkeypatch.setenv("PYTHONPATH", str(installed))
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makepyfile(mine=MINE)
    pytester.makeini("[pytest]\njudge_examples = 12\nfilterwarnings = error\n")

    def run(name, *options):
        return pytester.runpytest_subprocess(
            "--pyargs", "checks.conformance", "--impl", f"mine.py:{name}", "--op", "linear", *options
        )

    return run


def grid(result):
    """What the summary says, by column."""
    lines = result.outlines
    head = next(i for i, line in enumerate(lines) if line.strip("= ") == "judged") + 1
    return dict(zip(re.split(r"\s{2,}", lines[head].strip()), re.split(r"\s{2,}", lines[head + 1])[1:], strict=True))


def properties(path):
    """What a JUnit file says of each test, in the order in which they ran."""
    tests = ET.parse(path).getroot().iter("testcase")
    return {test.get("name"): {p.get("name"): p.get("value") for p in test.iter("property")} for test in tests}


def test_it_is_the_wheel_that_runs(pytester, monkeypatch, installed):
    monkeypatch.setenv("PYTHONPATH", str(installed))
    done = pytester.run(sys.executable, "-c", "import checks; print(checks.__file__)")
    assert Path(done.outlines[0]).is_relative_to(installed)


def test_what_is_right_passes_with_a_test_for_each_law(judged):
    result = judged("Right", "-v", "--judge-seed", "5")
    result.assert_outcomes(passed=10, skipped=3)
    result.stdout.fnmatch_lines(
        [
            "judged: linear by mine.py:Right; float64, 12 cases each, --judge-seed 5",
            "with: python *, numpy *, torch *, hypothesis *",
            "*test_law?linear-exact? PASSED*",
            "*test_law?linear-kinks? SKIPPED (kinks does not apply)*",
            "*test_law?linear-contract? PASSED*",
            "*test_decided?linear? PASSED*",
        ]
    )
    said = grid(result)
    assert {said[law] for law in LAWS} == {"holds"}
    assert said["kinks"] == "-"
    assert (said["broken"], said["known"], said["not supported"]) == ("0", "0", "0")
    assert int(said["ran"]) == int(said["held"]) + int(said["undecided"]) > 100


def test_what_is_wrong_fails_in_the_words_of_the_command_line(judged):
    result = judged("Wrong", "-k", "exact")
    result.assert_outcomes(failed=1, deselected=12)
    result.stdout.fnmatch_lines(
        [
            "linear: grad_weight is wrong.  Wrong, float64",
            "grad_weight is wrong: the law `exact` is broken.",
            "  negated: Every sign is wrong. (chain rule)",
            "  grad_weight*yours * right *nothing but whole numbers here, so no rounding is involved",
            "  again: python -m checks.gradcheck linear --impl mine.py:Wrong *",
        ]
    )
    assert "Traceback" not in result.stdout.str()
    assert grid(result)["exact"] == "BROKEN"


VAGUE = """
import numpy as np
from reference import softmax
from reference.softmax import forward

def backward(g, x, axis=1):
    (right,) = softmax.backward(g, x, axis=axis)
    return (right * np.where(x > 0, 1.5, 0.5).astype(x.dtype),)
"""


def test_what_is_undecided_fails_where_it_was_to_be_decided_and_is_skipped_where_it_was_not(pytester, judged):
    """A gradient that is off to both sides over 500 classes in float16, where sums kept in it could be off as far."""
    pytester.makepyfile(vague=VAGUE)
    how = ["--op", "softmax", "--impl", "softmax=vague.py", "--param", "shape=2,500", "--param", "axis=1"]
    result = judged(
        "Right", *how, "--dtype", "float16", "-k", "softmax and (agreement or complex_step or decided)", "-rs"
    )
    result.assert_outcomes(failed=1, passed=1, skipped=1, deselected=23)
    result.stdout.fnmatch_lines(
        [
            "softmax: undecided.  vague, float16",
            "  grad_x was decided in 0 of * cases: *",
            "  what would decide it: --dtype float32, *",
            "*complex_step decides nothing here, which is for others to do",
        ]
    )
    assert grid(result)["complex_step"] == "open"


def test_what_crashes_fails_and_says_how(judged):
    result = judged("Crashes", "-k", "exact or agreement")
    result.assert_outcomes(failed=2, deselected=11)
    result.stdout.fnmatch_lines(["*the process ended with exit code 0*"])


def test_what_is_not_supported_is_counted_and_nothing_at_all_is_a_failure(judged):
    result = judged("Partly", "-k", "exact", "-o", "judge_examples=40")
    result.assert_outcomes(passed=1, deselected=12)
    result.stdout.fnmatch_lines(["linear: judged with a bias; elsewhere it is not supported: always with a bias"])
    result = judged("Always", "-k", "exact", "-o", "judge_examples=40")
    result.assert_outcomes(passed=1, deselected=12)
    result.stdout.fnmatch_lines(["linear: judged with one axis of batch; elsewhere it raises ValueError (mine.py:*"])
    result = judged("Nothing", "-k", "exact")
    result.assert_outcomes(failed=1, deselected=12)
    result.stdout.fnmatch_lines(["linear: nothing could be judged, none of the cases is supported.*"])


def test_the_first_failure_can_be_the_last_and_be_run_again(judged):
    judged("Wrong", "-x", "-k", "exact or agreement").assert_outcomes(failed=1, deselected=11)
    judged("Wrong", "--lf", "-k", "exact or agreement").assert_outcomes(failed=1, deselected=12)


def test_several_processes_judge_the_same_cases(judged):
    result = judged("Right", "-n", "2", "-k", "exact or agreement or linearity")
    result.assert_outcomes(passed=3)
    assert grid(result)["exact"] == "holds"
    assert len(set(re.findall(r"--judge-seed (\d+)", result.stdout.str()))) == 1


def test_junit_holds_seed_cases_miss_bound_and_mistake(judged, pytester):
    judged("Wrong", "-k", "exact or linearity", "--junit-xml", "out.xml", "--judge-seed", "7")
    said = properties(pytester.path / "out.xml")
    exact, linearity = said["test_law[linear-exact]"], said["test_law[linear-linearity]"]
    assert (exact["seed"], exact["cases"], exact["mistake"]) == ("7", "12", "negated")
    judged("Right", "-k", "exact", "--junit-xml", "right.xml", "--judge-seed", "7")
    assert "miss bound" in properties(pytester.path / "right.xml")["test_law[linear-exact]"]
    assert "mistake" not in linearity, "a gradient that is negated is linear still"


SHUFFLED = """
import random

def pytest_collection_modifyitems(items):
    random.seed(len(items))
    random.Random(3).shuffle(items)
"""


def test_the_order_of_tests_changes_nothing(judged, pytester):
    """As with pytest-randomly or pytest-random-order, which shuffle the tests and set the seeds of others."""
    (pytester.path / "shuffled.py").write_text(SHUFFLED)
    options = ("-k", "exact or agreement or linearity or complex_step", "--judge-seed", "3", "--junit-xml", "out.xml")
    found = []
    for plugins in ((), ("-p", "shuffled")):
        result = judged("Wrong", *options, *plugins)
        result.assert_outcomes(passed=1, failed=3, deselected=9)
        found.append((properties(pytester.path / "out.xml"), grid(result)))
    assert found[0] == found[1]
    assert list(found[0][0]) != list(found[1][0]), "in another order"


def test_parameters_are_pinned(judged):
    result = judged("Right", "-k", "exact", "--param", "batch=3", "-rA")
    result.assert_outcomes(passed=1, deselected=12)
    result.stdout.fnmatch_lines(["judged: *; float64, batch 3, 12 cases each, *"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--impl", "mine.py:Right"], "--impl mine.py:Right needs an op; --op conv, or another of *"),
        (["--op", "liner"], "there is no op 'liner'; did you mean linear?"),
        (["--impl", "liner=mine.py"], "--impl liner=mine.py: there is no op 'liner'; did you mean linear?"),
        (["--op", "linear", "--param", "batch"], "--param batch: expected NAME=VALUE, such as stride=2"),
        (["--op", "conv", "--param", "stide=2"], "--param stide: none of conv has it; did you mean stride?"),
        (["--op", "linear", "--known", "no.toml"], "no.toml cannot be read: No such file or directory"),
    ],
)
def test_what_makes_no_sense_is_said_in_a_sentence(pytester, monkeypatch, installed, options, words):
    monkeypatch.setenv("PYTHONPATH", str(installed))
    result = pytester.runpytest_subprocess("--pyargs", "checks.conformance", *options, "-q")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {words}"])
    assert not result.outlines, "nothing was collected"


KNOWN = """
[[known]]
op = "linear"
law = "exact"
gradient = "grad_weight"
reason = "signs are next week's work"
"""


@pytest.mark.parametrize(
    ("name", "entry", "words"),
    [
        ("Wrong", KNOWN, None),
        ("WrongInLargeBatches", KNOWN + 'condition = "samples > 1"\n', None),
        ("Wrong", KNOWN + 'condition = "samples > 2"\n', "grad_weight is wrong: the law `exact` is broken."),
        ("Right", KNOWN, "the known failure linear, exact, grad_weight no longer fails: remove it"),
    ],
)
def test_what_is_known_is_counted_and_whatever_else_fails(judged, pytester, name, entry, words):
    (pytester.path / "known.toml").write_text(entry)
    result = judged(name, "-k", "exact", "--known", "known.toml", "-o", "judge_examples=40", "--judge-seed", "1")
    if words is None:
        result.assert_outcomes(passed=1, deselected=12)
        said = grid(result)
        assert said["exact"] == "known"
        assert int(said["known"]) > 0
        assert said["broken"] == "0"
    else:
        result.assert_outcomes(failed=1, deselected=12)
        result.stdout.fnmatch_lines([words])


def test_an_entry_about_an_op_that_is_not_judged_stops_the_run(judged, pytester):
    (pytester.path / "known.toml").write_text(KNOWN.replace("linear", "conv"))
    result = judged("Right", "--known", "known.toml")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    words = "the known failure conv, exact, grad_weight matches nothing: conv is not judged here"
    result.stderr.fnmatch_lines([f"ERROR: {words}"])


def test_a_failed_assertion_has_the_whole_explanation(pytester, monkeypatch, installed):
    monkeypatch.setenv("PYTHONPATH", str(installed))
    pytester.makepyfile(mine=MINE)
    pytester.makepyfile(
        """
        from checks import judge
        from mine import Right, Wrong

        def test_right():
            assert judge("linear", Right(), seed=1, examples=10)

        def test_wrong():
            assert judge("linear", Wrong(), seed=1, examples=10)
        """
    )
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "E*AssertionError:*",
            "E*grad_weight is wrong: the law `exact` is broken.",
            "E*negated: Every sign is wrong. (chain rule)",
            "E*again: judge('linear', Wrong, *",
            "E*seed 1 *",
        ]
    )


@pytest.mark.parametrize(("profile", "examples"), [("dev", 25), ("ci", 200)])
def test_profiles_say_how_many_cases(judged, profile, examples):
    result = judged("Right", "--collect-only", f"--hypothesis-profile={profile}")
    result.stdout.fnmatch_lines([f"judged: *, {examples} cases each, *"])


def test_the_nightly_profile_prints_what_repeats_a_failure():
    from hypothesis import settings

    from checks.plugin import _register_profiles

    _register_profiles()
    nightly = settings.get_profile("nightly")
    assert (nightly.max_examples, nightly.print_blob, nightly.derandomize) == (5000, True, False)
    assert settings.get_profile("ci").derandomize


def test_options_of_the_same_name_elsewhere_are_left_alone(pytester, monkeypatch, installed):
    """Only runs that are about conformance have ours."""
    monkeypatch.setenv("PYTHONPATH", str(installed))
    pytester.makeconftest("def pytest_addoption(parser): parser.addoption('--dtype'); parser.addoption('--known')")
    pytester.makepyfile("def test(request): assert request.config.getoption('--dtype') == 'x'")
    pytester.runpytest_subprocess("--dtype", "x").assert_outcomes(passed=1)
