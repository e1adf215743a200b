"""Cases that are split among processes: the report is the same as of one, whatever becomes of a process."""

import pytest

from checks import judge, ops
from checks.cases.drawing import problems_of
from checks.cases.search import Search
from checks.laws import laws
from checks.render.json import as_data
from checks.subjects.implementation import Implementation
from checks.verdict import crew as crews
from checks.verdict.crew import Crew, Subject
from checks.verdict.tried import Tried

QUICK = ["exact"]
TURNED = """
from reference import conv
class Turned:
    def forward(self, *inputs, **parameters):
        if inputs[0].ndim == 5:
            raise NotImplementedError("three axes")
        return conv.forward(*inputs, **parameters)
    def backward(self, g, x, weight, bias, **parameters):
        return (conv.backward(g, x, weight[..., ::-1], bias, **parameters)[0],
                *conv.backward(g, x, weight, bias, **parameters)[1:])
"""
FALLS = TURNED.replace('raise NotImplementedError("three axes")', "import os; os._exit(1)")


def data(report):
    return {name: value for name, value in as_data(report).items() if name != "seconds"}


@pytest.mark.parametrize("text", [TURNED, FALLS], ids=["wrong and not supported", "crashes until it is given up"])
def test_two_processes_find_what_one_finds(tmp_path, text):
    (tmp_path / "mine.py").write_text(text)
    one, two = (
        judge("conv", f"{tmp_path}/mine.py:Turned", examples=70, seed=3, laws=QUICK, jobs=jobs) for jobs in (1, 2)
    )
    assert data(one) == data(two)
    assert one.failures
    if text is TURNED:
        assert one.elsewhere == two.elsewhere
        assert [where.refused for where in one.elsewhere] == [True]
    else:
        assert one.cases < 70, "it was given up, after as many cases"


@pytest.mark.parametrize("often", [False, True])
def test_what_a_dead_process_was_sent_is_judged_here(often):
    conv, asked = ops.find("conv"), {name: laws()[name] for name in QUICK}
    alone, tried = (Tried(Implementation.of(conv, conv.reference), asked) for _ in range(2))
    killed = []
    crew = Crew(tried, Subject("conv", None, "float64", "cpu", 10.0, None, "", tuple(QUICK)), 2, 24)

    def add(problem):
        crew.add(problem)
        if crew.sent and (often or not killed):
            if not killed:
                crew.sent[0][1].result()
            killed.extend(crew.pool._processes.values() if crew.pool._processes else ())
            killed[-1].kill()

    Search(problems_of(conv, {}, "float64"), 24, 5).run(alone.add)
    Search(problems_of(conv, {}, "float64"), 24, 5).run(add)
    crew.settle(interrupted=False)
    crew.close()
    assert killed
    assert [f.problem.identity for f in tried.findings] == [f.problem.identity for f in alone.findings]
    assert tried.cases == alone.cases


@pytest.mark.parametrize(("jobs", "expected"), [(0, "jobs is 0; expected at least 1"), (2, "what a text names")])
def test_jobs_that_cannot_be_are_refused(jobs, expected):
    with pytest.raises(ValueError, match=expected):
        judge("conv", ops.find("conv").reference, jobs=jobs)


@pytest.mark.parametrize(("load", "starts"), [(1.0, True), (30.0, False)])
def test_no_other_processes_are_started_where_others_have_the_cores(monkeypatch, load, starts):
    monkeypatch.setattr(crews, "PATIENCE", 0.0)
    monkeypatch.setattr(crews, "cores", lambda: 2)
    monkeypatch.setattr(crews.os, "getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr(crews, "ProcessPoolExecutor", lambda *_: "started")
    op = ops.find("linear")
    tried = Tried(Implementation.of(op, op.reference), {"exact": laws()["exact"]})
    crew = Crew(tried, Subject("linear", None, "float64", "cpu", 1.0, None, "", ("exact",)), None, 10)
    Search(problems_of(op, {}, "float64"), 3, 1).run(tried.add)
    assert crew._is_worth_it() is starts
    assert crew.pool == ("started" if starts else None)
