"""Calls that are asked for before others have returned: the same numbers, in an order that is always the same."""

import time
from dataclasses import replace

import numpy as np
import pytest

from checks.cases.series import Series
from checks.laws import begin, laws
from checks.ops import find
from checks.subjects.implementation import Implementation
from checks.subjects.isolation import AHEAD, Isolated
from checks.subjects.refusals import Ended, Unsupported
from checks.trials.trial import Trial
from checks.verdict.asking import Asked

MINE = """
import os
from pathlib import Path
from reference import linear

def forward(x, weight, bias):
    with Path("calls").open("a") as calls:
        calls.write(f"{x.flat[0]:g}\\n")
    if x.flat[0] == 13:
        os._exit(3)
    if x.flat[0] == 11:
        raise NotImplementedError("not eleven")
    return linear.forward(x, weight, bias)

backward = linear.backward
"""


def series(op, many):
    found = []
    Series(find(op), {}, "float64", many, 3).run(found.append)
    return found


@pytest.fixture
def mine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(MINE)
    isolated = Isolated.loaded(find("linear"), "mine.py")
    yield isolated
    isolated.close()


@pytest.fixture
def case():
    """A case whose first number is the one that is given."""
    problem = next(p for p in series("linear", 20) if p.shapes["bias"] and p.elements > 10 and 0 not in p.shape("x"))

    def numbered(first):
        case = problem.reals()
        x = case.input("x").copy()
        x.flat[0] = first
        return case.with_input("x", x)

    return numbered


def right(case):
    return case.op.reference.forward(*case.inputs)


def test_each_gets_its_own_results_in_whatever_order_they_are_looked_at(mine, case):
    cases = [case(100 + n) for n in range(AHEAD + 5)]
    asked = [mine.ahead("forward", one) for one in cases]
    for outcome, one in reversed(list(zip(asked, cases, strict=True))):
        assert np.array_equal(outcome().results["y"], right(one))


def test_it_computes_before_it_is_waited_for(mine, case, tmp_path):
    outcome = mine.ahead("forward", case(5))
    until = time.monotonic() + 20
    while not (tmp_path / "calls").exists() and time.monotonic() < until:
        time.sleep(0.01)
    assert (tmp_path / "calls").read_text() == "5\n"
    assert np.array_equal(outcome().results["y"], right(case(5)))
    assert (tmp_path / "calls").read_text() == "5\n"


def test_what_a_crash_takes_along_is_asked_again(mine, case, tmp_path):
    first, crash, last = (mine.ahead("forward", case(n)) for n in (1, 13, 2))
    assert np.array_equal(last().results["y"], right(case(2)))
    assert np.array_equal(first().results["y"], right(case(1)))
    with pytest.raises(Ended, match="exit code 3"):
        crash()
    assert mine.ended == (1, 0)
    assert (tmp_path / "calls").read_text().split() == ["1", "13", "2"]


def test_what_refuses_is_not_asked_ahead(mine, case, tmp_path):
    with pytest.raises(Unsupported, match="not eleven"):
        mine.call("forward", case(11))
    waiting, other = mine.ahead("forward", case(1)), mine.ahead("forward", case(2))
    assert np.array_equal(other().results["y"], right(case(2)))
    assert (tmp_path / "calls").read_text().split() == ["11", "2"]
    later = mine.ahead("forward", case(3))
    assert np.array_equal(waiting().results["y"], right(case(1)))
    later()
    assert (tmp_path / "calls").read_text().split() == ["11", "2", "3", "1"]


class Counting:
    """Counts what is begun, and what is waited for."""

    def __init__(self, judged):
        self.judged = judged
        self.begun, self.waited = [], []

    def __getattr__(self, name):
        return getattr(self.judged, name)

    def call(self, part, case, **how):
        return self.judged.call(part, case, **how)

    def ahead(self, part, case, **how):
        self.begun.append(key := (part, *(None if a is None else a.tobytes() for a in (case.cotangent, *case.inputs))))

        def outcome():
            self.waited.append(key)
            return self.judged.call(part, case, **how)

        return outcome


@pytest.mark.parametrize("op", ["conv", "softmax", "embedding", "max_pool"])
@pytest.mark.parametrize("law", [name for name in laws() if hasattr(laws()[name], "begin")])
def test_what_a_law_begins_with_is_what_it_looks_at(op, law):
    op = find(op)
    for problem in [p for p in series(op.name, 12) if p.elements < 500][:3]:
        judged = Counting(Implementation.of(op, op.reference))
        trial = Trial(problem, judged, Implementation.of(op, op.reference))
        with np.errstate(all="ignore"):
            begin(laws()[law], trial)
            begun = list(judged.begun)
            ahead = list(laws()[law].check(trial))
            alone = list(laws()[law].check(replace(trial)))
        assert set(begun) <= set(judged.waited)
        assert ahead == alone


def test_a_case_that_is_not_supported_is_left_after_one_answer():
    """The laws are told so by the first, and all that was begun meanwhile is thrown away."""
    op = find("linear")

    def refuses(*_inputs):
        raise NotImplementedError

    judged = Counting(Implementation.of(op, type("Refuses", (), {"forward": refuses, "backward": refuses})()))
    asked = Asked(Trial(series("linear", 1)[0], judged, Implementation.of(op, op.reference)))
    with pytest.raises(Unsupported):
        asked.ask(laws())
    assert len(judged.waited) == 1
