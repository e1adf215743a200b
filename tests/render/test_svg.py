"""The verdict as a picture: its words, both formulas, yours beside the right one, and what is wrong outlined in both."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from checks.render import svg, words
from tests.judged import JUDGED, hostile, judged

SVG = "{http://www.w3.org/2000/svg}"


def whole(*reports):
    """All texts of the picture, as one line."""
    return " ".join(e.text for e in ET.fromstring(svg.render(*reports)).iter(f"{SVG}text") if e.text)


@pytest.mark.parametrize("name", JUDGED)
def test_every_verdict_can_be_drawn(name):
    report = judged(name)
    sign = {0: "✓", 4: "?"}.get(report.exit_code, "✗")
    assert f"{sign} {words.verdict(report)}" in whole(report)


def test_text_of_any_signs_stays_text():
    root = ET.fromstring(svg.render(hostile()))
    assert {e.tag.removeprefix(SVG) for e in root.iter()} <= {"svg", "title", "desc", "style", "rect", "text", "g"}


def test_what_is_wrong_is_told_and_outlined():
    report = judged("turned")
    failure = report.failures[0]
    said = whole(report)
    for line in (failure.mistake, failure.explanation, words.case(failure), words.again(report, failure)):
        assert " ".join(line.split()) in said
    element, yours, right = failure.letters
    assert f"{element} = {right}" in said
    assert f"yours: {yours}" in said
    root = ET.fromstring(svg.render(report))
    groups = [g for g in root.iter(f"{SVG}g") if g.get("class") == "cells"]
    outlined = [[r.get("class") == "wrong" for r in g.iter(f"{SVG}rect")] for g in groups]
    assert len(outlined) == 2
    assert outlined[0] == outlined[1]
    assert any(outlined[0])


def test_what_could_not_be_decided_is_said():
    report = judged("undecided")
    assert all(" ".join(line.split()) in whole(report) for line in words.left(report))
