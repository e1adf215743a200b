"""Reports as JSON: every field, only what JSON has a word for, and nothing that the documentation does not describe."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from math import inf, nan
from pathlib import Path

import pytest

from checks import Verdict, judge
from checks.laws import laws
from checks.render import json as as_json
from checks.render import terminal
from checks.verdict.tally import Tally
from tests.judged import BY_NAME, EXAMPLES, judged

SHOWN = ["right", "turned", "mine", "raises", "refuses", "nan"]
REPORT = """op implementation dtype verdict exit_code interrupted seed examples pinned cases checks counts unsupported
            coverage miss unseen_in_one_call_of_ten conventions warnings laws failures undecided versions seconds
            inputs is_reference spec again tally misses repeated meetings assumed offers elsewhere decisive
            decided shards budget first_call"""
LAW = "law holds broken undecided warning known normwise worst_share"
ROW = "law result verdict crashed count normwise worst sees notes conventions"
FINDING = """law result verdict index actual expected error bound sees not_finite normwise crashed frames note convention
             mistake explanation source where sizes formula case exhibit meetings"""
CASE = "shapes parameters dtype seed small exponents kind options"
EXHIBIT = "case result index results yours right allowed shape values"
MEETINGS = "case result index formulas yours"


@pytest.fixture(scope="module")
def reports():
    """The report on each of these implementations."""
    return {name: judged(name) for name in SHOWN}


def strict(text):
    """JSON as the standard has it: no NaN, no Infinity."""

    def refuse(word):
        raise AssertionError(f"{word} is not JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("name", SHOWN)
def test_json_has_every_field_and_only_finite_numbers(reports, name):
    document = strict(as_json.render(reports[name]))
    assert set(document) == {"schema", "reports"}
    assert document["schema"] == "gradoracle-report/1"
    (report,) = document["reports"]
    assert set(report) == set(REPORT.split())
    assert set(report["miss"]) == {"every_case", "one_case_of_ten"}
    assert set(report["counts"]) == {"holds", "broken", "undecided", "warning", "known"}
    assert set(report["versions"]) == {"python", "numpy", "torch", "hypothesis"}
    assert [law["law"] for law in report["laws"]] == list(laws())
    assert all(set(law) == set(LAW.split()) for law in report["laws"])
    assert all(set(row) == set(ROW.split()) for row in report["tally"])
    for finding in (*report["failures"], *report["undecided"]):
        assert set(finding) == set(FINDING.split())
        assert set(finding["case"]) == set(CASE.split())


@pytest.mark.parametrize(
    ("name", "verdict"), [("right", "right"), ("turned", "wrong"), ("raises", "not judged"), ("refuses", "not judged")]
)
def test_json_says_what_the_report_says(reports, name, verdict):
    report = reports[name]
    data = json.loads(as_json.render(report))["reports"][0]
    assert data["verdict"] == verdict
    for field in ("exit_code", "seed", "examples", "cases", "implementation", "dtype", "seconds"):
        assert data[field] == getattr(report, field), field
    assert data["checks"] == len(report.findings) == sum(data["counts"].values())
    assert sum(law["holds"] for law in data["laws"]) == data["counts"]["holds"]
    assert sum(row["count"] for row in data["tally"]) == data["checks"]
    assert len(data["failures"]) == len(report.failures)
    assert len(data["undecided"]) == data["counts"]["undecided"]
    assert sum(data["unsupported"].values()) + data["cases"] == EXAMPLES


def test_the_case_in_json_is_enough_to_judge_it_again(reports):
    data = json.loads(as_json.render(reports["turned"]))
    case = data["reports"][0]["failures"][0]["case"]
    again = judge("conv", BY_NAME["kernel not turned"], seed=1, examples=10, dtype=case["dtype"], **case["options"])
    assert again.exit_code == 1


def test_numbers_that_json_cannot_say_are_null(reports):
    failures = json.loads(as_json.render(reports["nan"]))["reports"][0]["failures"]
    assert failures
    assert all(failure["actual"] is None for failure in failures)
    assert all(failure["expected"] is not None for failure in failures)


@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_no_number_of_a_finding_can_spoil_the_json(reports, value):
    finding = replace(reports["turned"].failures[0], error=value, bound=value, actual=value, expected=value)
    found = (finding, replace(finding, verdict=Verdict.HOLDS))
    report = replace(reports["turned"], failures=(finding,), findings=found, tally=Tally.counted(found))
    strict(as_json.render(report))
    assert terminal.render(report, verbose=True)


def test_several_reports_are_one_document_in_any_alphabet(reports):
    text = as_json.render(replace(reports["right"], implementation="Свёртка ⋆"), reports["mine"])
    assert "Свёртка ⋆" in text
    assert [report["verdict"] for report in strict(text)["reports"]] == ["right", "wrong"]


def test_every_field_is_described_in_the_documentation():
    described = (Path(__file__).parents[2] / "docs" / "report.md").read_text(encoding="utf-8")
    fields = {"schema", "reports", *f"{REPORT} {LAW} {ROW} {FINDING} {CASE} {EXHIBIT} {MEETINGS}".split()}
    fields |= {"label"}  # of sizes
    assert fields <= set(re.findall(r"\w+", described))
