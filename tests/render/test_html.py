"""The report as a page: the verdict and the counts, figures and maps, nothing from outside, and nothing that runs."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from checks import judge
from checks.laws import laws, summary
from checks.render import html, words
from checks.trials.exhibit import Sized
from checks.verdict.report import Verdict
from tests.judged import BY_NAME, HOSTILE, JUDGED, hostile, judged
from tests.render.pages import Tree


def tree(*reports):
    """The page on these reports."""
    return Tree(html.render(*reports))


@pytest.mark.parametrize("name", JUDGED)
def test_the_verdict_stands_first_with_what_was_judged_and_how_much(name):
    report = judged(name)
    page = tree(report)
    title, (heading,) = page.all("title")[0], page.all("h1")
    assert title["text"] == words.verdict(report)
    sign, kind = {0: ("✓", set()), 4: ("?", {"open"})}.get(report.exit_code, ("✗", {"no"}))
    assert heading["text"] == f"{sign} {words.verdict(report)}"
    (verdict,) = page.all("div", class_="verdict")
    assert set(verdict["class"].split()) == {"verdict"} | kind
    for line in words.left(report):
        assert line in verdict["text"]
    for said in (words.subject(report), words.ran(report), words.provenance(report)):
        assert said in verdict["text"]


@pytest.mark.parametrize("name", JUDGED)
def test_each_law_has_its_counts(name):
    report = judged(name)
    page = tree(report)
    (table,) = (i for i, e in enumerate(page.elements) if "laws" in (e.get("class") or ""))
    rows = [e for e in page.elements[table:] if e["tag"] == "tr" and "tbody" in e["within"]][: len(report.laws)]
    assert len(rows) == len(report.laws)
    for law, row in zip(report.laws, rows, strict=True):
        counts = report.tally.of(law).counts
        name = law.replace("_", " ") + (summary(laws()[law]) if law in laws() else "")
        assert row["text"].startswith(name)
        numbers = re.sub(r"^\D*", "", row["text"].removeprefix(name))
        if counts[Verdict.BROKEN]:
            assert f"✗ {counts[Verdict.BROKEN]} of {counts.total()} broken" in row["text"]
        elif counts[Verdict.HOLDS]:
            assert f"✓ {counts[Verdict.HOLDS]}" in row["text"]
        elif not counts.total():
            assert numbers == ""
            assert "does not apply" in row["text"] or "not reached" in row["text"]
        for verdict in (Verdict.UNDECIDED, Verdict.WARNING, Verdict.KNOWN):
            assert (f"{counts[verdict]} {verdict.value}" in row["text"]) is bool(counts[verdict])


@pytest.mark.parametrize("name", JUDGED)
def test_it_is_sound_and_asks_for_nothing(name):
    text = html.render(judged(name))
    page = Tree(text)
    ids = [e["id"] for e in page.elements if "id" in e]
    assert len(set(ids)) == len(ids)
    links = [e["href"] for e in page.all("a")]
    assert links
    assert {link[1:] for link in links} <= set(ids)
    assert all(link[0] == "#" for link in links)
    labels = [e["aria-labelledby"] for e in page.elements if "aria-labelledby" in e]
    assert set(labels) <= set(ids)
    text = text.replace("http://www.w3.org/1998/Math/MathML", "")
    assert not re.search(r"https?:|//cdn|src=|@import|url\(|<link|<img|<iframe|<base", text)
    pictures = [(i, e) for i, e in enumerate(page.elements) if e["tag"] == "svg" and e.get("role") == "img"]
    for i, _ in pictures:
        assert (page.elements[i + 1]["tag"], bool(page.elements[i + 1]["text"])) == ("title", True)
    hidden = [e for e in page.all("svg") if e.get("role") != "img"]
    assert all(e["aria-hidden"] == "true" for e in hidden)


@pytest.mark.parametrize("name", ["turned", "mine", "nan", "stopped"])
def test_each_failure_is_told_in_words_numbers_and_pictures(name):
    report = judged(name)
    page = tree(report)
    (box,) = page.all("div", class_="verdict")
    sections, boxes = page.all("section", class_="failure"), page.all("div", class_="told")
    assert len(sections) == len(boxes) == len(report.failures)
    for number, (section, told, failure) in enumerate(zip(sections, boxes, report.failures, strict=True), 1):
        assert (section["id"], told["id"]) == (f"op-1-failure-{number}", f"op-1-told-{number}")
        named = f": {failure.mistake}" if failure.mistake else ""
        assert told["text"].startswith(f"{failure.result} is wrong{named}")
        said = (failure.explanation, failure.source, words.place(failure), words.allowed(failure), *failure.letters)
        for part in (*said, words.number(failure.actual), words.number(failure.expected), words.case(failure)):
            assert part in told["text"]
        assert told["text"] in box["text"], "under the title, before anything is searched for"
        assert words.again(report, failure) in [e["text"] for e in page.all("code")]
        assert ("The formula" in section["text"]) is (failure.meetings is not None)
        assert ("Where it is wrong" in section["text"]) is (failure.exhibit is not None)
        other = failure.exhibit is not None and failure.exhibit.problem.identity != failure.problem.identity
        assert ("Not the smallest case" in section["text"]) is other
    assert any(failure.exhibit for failure in report.failures) or report.interrupted


@pytest.mark.parametrize("name", ["turned", "mine"])
def test_formula_figure_and_maps_are_of_one_case(name):
    for failure in judged(name).failures:
        assert failure.exhibit.problem.identity == failure.meetings.problem.identity
        assert failure.exhibit.index == failure.meetings.index
        values = failure.exhibit.results[failure.result].right.values
        assert all(value.is_integer() and abs(value) < 1000 for value in values), "numbers for one's head"


def test_of_several_ops_each_mistake_is_a_line_under_the_title():
    page = tree(judged("right"), judged("turned"))
    (failure,) = judged("turned").failures
    (box,) = page.all("div", class_="verdict")
    assert f"conv: {failure.result} is wrong: {failure.mistake}." in box["text"]
    assert [e["href"] for e in page.all("a") if "is wrong" in e["text"]] == ["#op-2-failure-1"]
    (section,) = page.all("section", class_="failure")
    assert failure.explanation in section["text"], "told where it is pictured"


def test_laws_that_all_hold_are_folded():
    (folded,) = tree(judged("right")).all("details")
    assert folded["text"].startswith(f"Which laws hold: all {len(judged('right').laws)} that were asked")
    assert not tree(judged("turned")).all("details")


def test_names_are_written_in_both_alphabets_and_switched_without_a_script():
    text = html.render(judged("turned"))
    page = Tree(text)
    assert [(e["id"], "checked" in e) for e in page.all("input")] == [("in-code", True), ("in-letters", False)]
    assert len(page.all(class_="in-code")) == len(page.all(class_="letters")) > 10
    assert "body:has(#in-letters:checked) .in-code { display: none; }" in text
    assert not tree(judged("blind")).all("input"), "nothing to switch"


def test_what_is_broken_leads_to_its_case():
    report = judged("turned")
    (failure,) = report.failures
    page = tree(report)
    broken = [e for e in page.all("a") if "broken" in e["text"]]
    assert len(broken) == sum(1 for law in report.laws if report.tally.of(law).counts[Verdict.BROKEN])
    assert {e["href"] for e in broken} == {"#op-1-failure-1"}
    assert failure.yours in page.all("table", class_="compare")[0]["text"]


def test_a_crash_is_told_without_numbers():
    report = judged("raises")
    page = tree(report)
    (section,) = page.all("section", class_="failure")
    (told,) = page.all("div", class_="told")
    assert told["text"].startswith("It fails where it should return a result")
    assert "forward raised RuntimeError: no kernel image" in told["text"]
    assert section["text"] == "", "no picture where there is nothing to see"
    assert not page.all("table", class_="compare")
    assert "not reached" in page.all("table", class_="laws")[0]["text"]


def test_what_else_there_is_to_say_is_said():
    assert "only on Tuesdays" in tree(judged("refuses")).all("ul")[0]["text"]
    warned, undecided, ties = (tree(judged(name)).all("main")[0]["text"] for name in ("warned", "undecided", "ties"))
    for line in words.warnings(judged("warned")):
        assert f"Warning: {line}.".replace("`", "") in warned.replace("`", "")
    for note in judged("undecided").tally.notes(Verdict.UNDECIDED):
        assert f"Undecided: {note}" in undecided
    for line in words.conventions(judged("ties")):
        assert f"A{line[1:]}." in ties
    right = tree(judged("right")).all("main")[0]["text"]
    for line in words.earned(judged("right")):
        assert line[1:].replace("`", "") in right


def test_what_was_tried_is_drawn_in_its_shares():
    report = judged("right")
    text = tree(report).all("div", class_="tried")[0]["text"]
    for label, shares in words.tried(report):
        assert f"{label}{words.MEANINGS.get(label, '')}{shares.replace(', ', '')}" in text
    assert set(words.MEANINGS) & {label for label, _ in words.tried(report)} >= {"rows left over", "flip"}


def test_the_alphabet_is_chosen_only_where_two_are_shown():
    report = judged("turned")
    (failure, *_) = report.failures
    assert tree(report).all("fieldset", class_="names")
    bare = replace(report, failures=(replace(failure, meetings=None, letters=(), exhibit=None),))
    assert not tree(bare).all("fieldset", class_="names")
    assert tree(judged("right")).all("fieldset", class_="names")


def test_where_a_size_matters_its_strips_are_marked():
    report = judged("turned")
    sized = Sized("channels in", (1, 2, 32), (33, 64))
    page = tree(replace(report, failures=(replace(report.failures[0], sizes=(sized,)),)))
    (found,) = page.all("div", class_="sized")
    assert found["text"] == "channels in: right at 1, 2, 32; wrong at 33, 64."
    assert len([mark for mark in page.all("i", class_="off") if "div" in mark["within"]]) == 2
    (block,) = [
        e
        for e in page.all("div")
        if e["text"].startswith("channels in") and e["within"][-1] == "div" and e is not found
    ]
    assert block["text"].startswith("channels ingrad_x is right up to 32")
    assert len(page.all("span", class_="limit")) == 2
    assert "grad_x is right up to 32" in [link["text"] for link in page.all("a", href="#op-1-failure-1")]
    assert not tree(report).all("span", class_="limit")


@pytest.mark.parametrize(("right", "wrong", "limit"), [((1, 2), (3,), 2), ((1, 4), (3,), None), ((), (1,), None)])
def test_a_limit_is_one_that_every_size_agrees_with(right, wrong, limit):
    assert Sized("size", right, wrong).limit == limit


def test_a_report_that_is_right_shows_who_meets_whom():
    report = judged("right")
    assert report.meetings is not None
    page = tree(report)
    assert "Who meets whom" in [e["text"] for e in page.all("h3")]
    assert len(page.all("figure")) == 1
    assert "Who meets whom" not in [e["text"] for e in tree(judged("turned")).all("h3")]


def test_several_ops_are_one_page():
    reports = [judged(name) for name in ("right", "ties", "turned", "warned", "function")]
    page = tree(*reports)
    assert page.all("h1")[0]["text"] == "✗ conv: not right; 4 of 5 ops are."
    assert page.all("h1")[0]["text"].startswith("✗")
    head, *rows = (e for e in page.all("tr") if e["within"][-2:] in {("table", "thead"), ("table", "tbody")})
    assert head["text"].startswith("op" + reports[0].laws[0])
    assert [row["text"].startswith(r.op.name) for row, r in zip(rows, reports, strict=False)] == [True] * 5
    assert {e["id"] for e in page.all("section")} >= {f"op-{n}" for n in range(1, 6)}
    cases = sum(report.cases for report in reports)
    checks = sum(report.checks for report in reports)
    assert f"{cases} cases, {checks} checks" in page.all("div", class_="verdict")[0]["text"]
    doubt, both = tree(judged("blind"), judged("right")), tree(judged("blind"), judged("right"), judged("turned"))
    assert doubt.all("h1")[0]["text"] == "? softmax: undecided; 1 of 2 ops are right."
    assert both.all("h1")[0]["text"] == "✗ conv: not right; softmax: undecided; 1 of 3 ops are right."
    assert "softmax: grad_x was decided in" in doubt.all("div", class_="verdict")[0]["text"]
    few = tree(judged("right"), judged("ties"))
    assert few.all("h1")[0]["text"] == "✓ All 2 ops are right."
    assert [e["text"] for e in few.all("th", scope="col")][:3] == ["law", "conv", "max_pool"]
    assert "not asked" in few.all("table", class_="laws")[0]["text"]


def test_texts_from_outside_are_texts():
    page_text = html.render(hostile())
    page_text.encode("utf-8")
    assert words.visible(page_text) == page_text
    page = Tree(page_text)
    assert len(page.all("script")) == 1
    assert not page.all("details")
    shown = words.visible(HOSTILE)
    assert page.all("title")[0]["text"].startswith(f"{shown}: ")
    main = page.all("main")[0]["text"]
    report = hostile()
    wrong, crashed = report.failures
    whole = [wrong.mistake, wrong.explanation, wrong.where[1:], wrong.note, crashed.note, report.spec]
    assert all(text == HOSTILE or text == HOSTILE[1:] for text in whole)
    assert main.count(shown) >= 15
    assert main.count("<script>alert(1)") == main.count("alert(1)")
    assert "\x1b" not in page_text


def test_the_page_of_a_usual_run_is_small_enough_to_be_sent():
    """More cases and more laws make for larger numbers in its tables, and hardly for more of them."""
    for implementation in (None, BY_NAME["kernel not turned"]):
        report = judge("conv", implementation, seed=3, examples=60, laws=["exact", "agreement"])
        assert len(html.render(report).encode()) < 100_000


def test_a_result_without_a_formula_has_no_empty_place_for_one():
    report = judged("turned")
    (wrong,) = report.failures
    with_formulas, without = (
        re.findall(r'<table class="compare">.*?</table>', html.render(replace(report, failures=(failure,))))[0]
        for failure in (wrong, replace(wrong, yours="", right="", letters=()))
    )
    assert (with_formulas.count("<td"), without.count("<td")) == (4, 2)
    assert "<code></code>" not in without


def test_a_notebook_shows_a_line_or_the_page_in_a_frame_of_its_own():
    report = judged("turned")
    assert repr(report) == f"<Report: conv of Planted, float64: wrong, {report.cases} cases, seed {report.seed}>"
    assert repr(judged("right")).count("right") == 1
    (frame,) = Tree(report._repr_html_()).all("iframe")
    assert frame["srcdoc"] == html.render(report)
    assert frame["title"] == words.verdict(report)
