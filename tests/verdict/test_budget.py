"""A time in place of a number of cases: as many as fit are tried, and the report says how many, and what that earns."""

import time
from concurrent.futures import Future
from itertools import count

import pytest

from checks import judge
from checks.cases import series
from checks.cases.series import Series
from checks.cases.wide import WIDE
from checks.laws import laws
from checks.ops import find
from checks.render import words
from checks.render.json import as_data, render
from checks.render.load import from_text
from checks.subjects.implementation import Implementation
from checks.verdict.crew import Answer, Crew
from checks.verdict.merging import merged
from checks.verdict.tried import Tried
from reference import conv, linear

QUICK = ["exact"]


class Doubled:
    """A gradient that is twice what it should be, where there are three samples or more."""

    def forward(self, x, weight, bias, **parameters):
        return conv.forward(x, weight, bias, **parameters)

    def backward(self, g, x, weight, bias, **parameters):
        right = conv.backward(g, x, weight, bias, **parameters)
        return (right[0] * (2 if len(x) > 2 else 1), *right[1:])


def test_cases_are_tried_while_there_is_time_and_one_in_six_is_wide(monkeypatch):
    ticks = count()
    monkeypatch.setattr(series, "perf_counter", lambda: next(ticks))  # a second to each case that is drawn
    tried = []
    Series(find("linear"), {}, "float64", 1, 1, until=36).run(tried.append)
    assert len(tried) == 38, "the first is not asked for the time"
    assert [n for n, problem in enumerate(tried, 1) if problem.kind == WIDE] == [6, 12, 18, 24, 30, 36]


def test_the_report_says_how_many_fitted_and_what_that_earns():
    began = time.perf_counter()
    report = judge("linear", linear, budget=1.0, seed=1, laws=QUICK)
    assert report
    assert time.perf_counter() - began >= 1.0
    assert f"{report.cases} cases fitted into 1s; code that is wrong in one case of ten" in str(report)
    assert report.unmet == pytest.approx(0.9**report.cases)
    assert words.repeats(report).endswith("--seed 1 --budget 1s")


def test_one_case_is_tried_however_short_the_time():
    report = judge("linear", linear, budget=1e-9, seed=1, laws=QUICK)
    assert report.cases == 1
    assert report.unmet == 0.9


def test_a_failure_is_shrunk_after_the_time_is_up():
    report = judge("conv", Doubled(), budget=1.5, seed=3, laws=QUICK)
    (failure,) = (f for f in report.failures if f.result == "grad_x")
    assert failure.problem.shapes["x"] == (3, 1, *[1] * (len(failure.problem.shapes["x"]) - 2))
    assert "meets none of them" not in str(report)
    assert f"{report.cases} cases fitted into 1.5s" in str(report)


def test_what_only_fails_once_is_looked_for_in_no_more_cases_than_there_were():
    drawn, again = [], []
    short = Series(find("linear"), {}, "float64", 1, 1, until=time.perf_counter() + 0.05)
    short.run(drawn.append)
    short.shrink(again.append)
    assert 0 < len(again) <= max(1, len(drawn) // 2)


def test_reports_of_shards_are_added_up_and_read_again():
    parts = [judge("linear", linear, budget=0.4, seed=5, laws=QUICK, shard=(k, 2)) for k in (1, 2)]
    read = [from_text(render(part), "part")[0] for part in parts]
    assert [part.budget for part in read] == [0.4, 0.4]
    (both,) = merged(read)
    assert both.cases == sum(part.cases for part in parts)
    assert both.budget == pytest.approx(0.8)
    assert not both.shards
    assert f"{both.cases} cases fitted into 0.8s" in str(both)
    assert as_data(both)["examples"] == both.cases


def test_a_crew_leaves_out_what_no_process_has_begun_when_the_time_is_up():
    tried = Tried(Implementation.of(find("linear"), linear), {"exact": laws()["exact"]})
    crew = Crew(tried, None, 1, 1, until=1.0)
    drawn = []
    Series(find("linear"), {}, "float64", 1, 1).run(drawn.append)
    answered, waiting = Future(), Future()
    answered.set_running_or_notify_cancel()
    answered.set_result([Answer(tuple(tried.ask(tried.laws, drawn[0])))])
    crew.sent.extend([(drawn, answered), (drawn, waiting)])
    crew.settle(interrupted=False, late=True)
    assert tried.cases == 1
    assert waiting.cancelled()


@pytest.mark.parametrize("budget", [0, -1.0, float("inf"), float("nan")])
def test_a_time_that_cannot_be_is_refused(budget):
    with pytest.raises(ValueError, match=f"budget is {budget}; expected seconds, more than 0"):
        judge("linear", linear, budget=budget)
