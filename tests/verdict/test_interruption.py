"""Ctrl-C stops at once, with what was found so far."""

import os
import signal
from dataclasses import replace

from checks import judge
from checks.cases.search import Stopped
from checks.render import terminal
from checks.verdict import smallest
from reference import conv


class Interrupted:
    """The reference, or the negative gradient, until somebody presses Ctrl-C."""

    def __init__(self, calls, sign=1):
        self.calls, self.sign = calls, sign

    forward = staticmethod(conv.forward)

    def backward(self, *arrays, **parameters):
        self.calls -= 1
        if self.calls < 0:
            raise KeyboardInterrupt
        return [None if a is None else self.sign * a for a in conv.backward(*arrays, **parameters)]


def test_what_was_right_so_far_decides_nothing():
    report = judge("conv", Interrupted(60), seed=51)
    assert report.interrupted
    assert 0 < report.cases < 20
    assert report.exit_code == 3
    assert terminal.render(report).startswith(f"conv: stopped after {report.cases} cases, so nothing is decided.")


def test_what_is_wrong_already_is_wrong():
    report = judge("conv", Interrupted(60, sign=-1), seed=52)
    assert report.exit_code == 1
    verdict = terminal.render(report, quiet=True)
    names, _, rest = verdict.removeprefix("conv: ").partition(" are wrong")
    assert sorted(names.split(", ")) == ["grad_bias", "grad_weight", "grad_x"]
    assert rest == f" (stopped after {report.cases} cases).  Interrupted, float64"


class Wrong(Interrupted):
    """The negative gradient."""

    def __init__(self):
        super().__init__(10**9, -1)


def test_a_failure_stays_as_it_is_where_its_process_is_not_started_again():
    """It ended too often: whoever looks for small whole numbers on which it fails too must not end with that."""

    class Gone:
        def ask(self, _law, _problem):
            raise Stopped

    failure = judge("conv", Wrong(), examples=2, reach=1, seed=51, laws=["agreement"]).failures[0]
    on_reals = replace(failure, problem=replace(failure.problem, small=False))
    assert smallest._readable(on_reals, {}, Gone()) is on_reals


def test_of_a_crew_what_was_answered_is_kept(tmp_path):
    (tmp_path / "mine.py").write_text("from reference.linear import forward, backward")

    def press(done):
        if done == 12:
            os.kill(os.getpid(), signal.SIGINT)

    report = judge("linear", f"{tmp_path}/mine.py", jobs=2, examples=4000, seed=53, laws=["exact"], progress=press)
    assert report.interrupted
    assert report.exit_code == 3
    assert 12 <= report.cases < 400
    assert sum(report.coverage["bias"].values()) == report.cases
    assert f"stopped after {report.cases} cases, so nothing is decided" in str(report)
