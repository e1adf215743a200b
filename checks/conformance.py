"""Conformance: one test for each op and law, to be run against one's own code from anywhere.

    pytest --pyargs checks.conformance --impl mypackage.conv:Conv --op conv

Each test judges by its own law alone, on the same cases as the others, so that they can be chosen, spread over processes
and run in any order. What one law leaves undecided another may decide: that together they have decided every result is for
a test of its own. Options, header and summary: plugin.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from checks import Report, judge
from checks.laws import decides, laws
from checks.plugin import pinned_for, requested
from checks.render.junit import properties
from checks.subjects.refusals import NotAnImplementation
from checks.verdict.known import unmatched
from checks.verdict.report import UNDECIDED


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each op and law, called after both, and one for each op."""
    request = requested(metafunc.config)
    if "law" not in metafunc.fixturenames:
        metafunc.parametrize("op", list(request.implementations))
        return
    asked = [(op, law) for op in request.implementations for law in laws()]
    metafunc.parametrize(("op", "law"), asked, ids=[f"{op}-{law}" for op, law in asked])


def test_law(op: str, law: str, request: pytest.FixtureRequest) -> None:
    """The law holds for what is judged, or what is broken is known."""
    asked = requested(request.config)
    report = _report(op, [law], request)
    # As record_property would; but that warns where JUnit XML is written, which is an error to those who want it so.
    request.node.user_properties.extend((("op", op), ("law", law), *properties(report)))
    undecided = report.exit_code == UNDECIDED
    if undecided and not decides(laws()[law]):
        pytest.skip(f"{law} decides nothing here, which is for others to do")
    if not report and (report.checks or not report.cases):
        pytest.fail(str(report), pytrace=False)
    over = unmatched(asked.known, report)
    if over:
        pytest.fail("\n".join(f"the known failure {entry} no longer fails: remove it" for entry in over), pytrace=False)
    if not report.checks:
        pytest.skip(
            f"{law} does not apply"
        )  # to which op is in the test's name: pytest folds equal reasons into a line


def test_decided(op: str, request: pytest.FixtureRequest) -> None:
    """The laws that decide have decided every result, in most cases; what is broken is for their own tests to say."""
    report = _report(op, [name for name, law in laws().items() if decides(law)], request)
    if report.exit_code == UNDECIDED:
        pytest.fail(str(report), pytrace=False)


def _report(op: str, names: Sequence[str], request: pytest.FixtureRequest) -> Report:
    """What these laws say of what is judged."""
    asked = requested(request.config)
    try:
        return judge(
            op,
            asked.implementations[op],
            laws=names,
            dtype=asked.dtype,
            examples=asked.examples,
            seed=asked.seed,
            strict=asked.strict,
            known=asked.known,
            **pinned_for(asked, op),
        )
    except (ValueError, NotAnImplementation) as wrong:
        pytest.fail(str(wrong), pytrace=False)
