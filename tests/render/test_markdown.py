"""Reports as Markdown: every part is there, a reader of GitHub's Markdown sees it as it was meant, and it can be cut."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest
from markdown_it import MarkdownIt

from checks.render import summary, words
from tests.judged import HOSTILE, JUDGED, hostile, judged

OURS = {"h2", "h3", "ul", "li", "p", "strong", "code", "pre", "table", "thead", "tbody", "tr", "th", "td"}


def html(markdown):
    """What a reader sees of it."""
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown)


def cells(markdown):
    """The rows of each table, as texts."""
    return [
        [
            [unescape(re.sub("<[^>]*>", "", cell)) for cell in re.findall(r"<t[hd]>(.*?)</t[hd]>", row)]
            for row in re.findall("<tr>(.*?)</tr>", table, re.DOTALL)
        ]
        for table in re.findall("<table>(.*?)</table>", html(markdown), re.DOTALL)
    ]


def test_the_verdict_comes_first():
    _, verdict, *_ = summary.render(judged("turned")).split("\n\n")
    assert verdict == f"- **conv: grad\\_x is wrong.** Planted, float64: {words.ran(judged('turned'))}"


def test_what_is_undecided_says_under_the_verdict_what_was_not_decided():
    text = summary.render(judged("blind"))
    _, verdict, *_ = text.split("\n\n")
    left = [summary.escaped(line) for line in words.left(judged("blind"))]
    first, *lines = verdict.splitlines()
    assert first.startswith(f"- **softmax: undecided.** Shaded, float16: {judged('blind').cases} cases")
    assert lines == [f"  - {line}" for line in left]
    assert html(text).count("<ul>") == 3, "that list lies within the first"


def test_the_table_has_a_row_for_each_op_and_a_column_for_each_law():
    turned, ties, known = judged("turned"), judged("ties"), judged("known")
    laws, *_ = cells(summary.render(turned, ties, known))
    assert laws[0] == ["op", *turned.laws]
    rows = [dict(zip(laws[0], row, strict=True)) for row in laws[1:]]
    assert [row["op"] for row in rows] == ["conv", "max_pool", "conv"]
    counts = turned.tally.of("exact").counts
    assert rows[0]["exact"] == f"{counts['broken']} broken, {counts['holds']} hold"
    assert rows[0]["kinks"] == "does not apply"
    assert rows[1]["kinks"] == f"{ties.tally.of('kinks').counts['holds']} hold"
    assert rows[1]["forward"] == "", "was not asked"
    counts = known.tally.of("exact").counts
    assert rows[2]["exact"] == f"{counts['holds']} hold, {counts['known']} known"


def test_a_failure_shows_everything_that_the_terminal_shows():
    report = judged("turned")
    (failure,) = report.failures
    text = summary.render(report)
    assert "### conv: `grad_x` is wrong: the law `exact` is broken." in text
    assert f"**kernel not turned**: {failure.explanation} (003, P5 and P6)" in text
    place = words.place(failure)
    assert cells(text)[1] == [
        ["", place, "formula"],
        ["yours", words.number(failure.actual), failure.yours],
        ["right", words.number(failure.expected), failure.right],
    ]
    assert "nothing but whole numbers here, so no rounding is involved" in text
    assert f"Smallest case: {words.case(failure)}" in text
    assert f"```\n{words.again(report, failure)}\n```" in text
    where = summary.render(replace(report, failures=(replace(failure, where="only where kernel is above 1"),)))
    assert "\n\nonly where kernel is above 1\n\n" in where


def test_without_a_formula_the_table_has_the_values_alone():
    (failure,) = judged("turned").failures
    text = summary.render(replace(judged("turned"), failures=(replace(failure, yours=""),)))
    assert cells(text)[1][0] == ["", words.place(failure)]


def test_a_crash_is_named_and_accuses_no_result():
    text = summary.render(judged("raises"))
    assert "### conv: forward raised RuntimeError: no kernel image\n" in text
    assert "is wrong" not in text


def test_what_was_tried_is_a_table_that_is_folded():
    report = judged("right")
    before, folded, after = re.split("</?details>", summary.render(report))
    assert folded.startswith("<summary>conv: what was tried</summary>\n\n")
    (table,) = cells(folded)
    assert table[1:] == [list(pair) for pair in words.tried(report)]
    assert "passes \\`exact\\` with probability at most" in before
    assert after.strip() == f"conv: {words.provenance(report)}"


def test_what_is_no_failure_is_remarked():
    assert "- conv: warning: " in summary.render(judged("warned"))
    assert "- max\\_pool: at kinks: " in summary.render(judged("ties"))
    refused = judged("refuses")
    lines = [line for line in summary.render(refused).splitlines() if line.startswith("- conv: not supported: only on")]
    assert len(lines) == min(5, len(refused.unsupported))
    if len(refused.unsupported) > 5:
        assert f"- conv: not supported: {len(refused.unsupported) - 5} other kinds" in summary.render(refused)


@pytest.mark.parametrize("name", JUDGED)
def test_it_is_markdown_of_which_nothing_is_left_over(name):
    shown = html(summary.render(judged(name)))
    tags = set(re.findall(r"</?(\w+)", shown))
    assert tags <= {*OURS, "details", "summary"}
    assert "**" not in shown
    assert "\\" not in shown


def test_no_text_from_elsewhere_is_markup():
    text = summary.render(hostile())
    shown = html(text)
    assert set(re.findall(r"<(\w+)", shown)) <= {*OURS, "details", "summary"}
    assert shown.count("<details>") == shown.count("</details>") == 1
    assert "<script" not in shown
    assert not re.search(r"[\x00-\x08\x0b-\x1f\ud800\ufffe]", text)
    one_line = " ".join(words.visible(HOSTILE).split())
    assert f"{one_line}: {one_line} ({one_line})" in unescape(re.sub("</?strong>", "", shown)), (
        "mistake, explanation, source"
    )
    assert one_line in [cell for table in cells(text) for row in table for cell in row], (
        "in code, in the cell of a table"
    )
    (again, _) = re.findall("<pre><code>(.*?)</code></pre>", shown, re.DOTALL)
    assert unescape(again) == f"{words.visible(words.again(hostile(), hostile().failures[0]))}\n"
    assert all(len({len(row) for row in table}) == 1 for table in cells(text)), "| in a cell begins no other"


def test_as_many_blocks_are_kept_as_have_room_and_none_is_left_open():
    text = summary.render(judged("right"), judged("turned"), judged("ties"))
    size = len(text.encode())
    assert summary.shortened(text, size, "why") == text
    for most in range(0, size, 97):
        cut = summary.shortened(text, most, "there is no room")
        assert len(cut.encode()) <= most
        assert cut.count("<details>") == cut.count("</details>")
        assert cut.count("```") % 2 == 0
        assert cut == "" or cut.endswith("The rest is left out: there is no room.\n")
        kept = cut.removesuffix("The rest is left out: there is no room.\n").removesuffix("</details>\n\n").rstrip()
        assert text.startswith(kept)
    assert "### conv: `grad_x`" in summary.shortened(text, size - 1, "why"), "only the end is cut"
