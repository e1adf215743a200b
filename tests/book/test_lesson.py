"""The first chapter: its formulas are those of the reference, in order, and its figures are the steps that it speaks of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from checks.algebra.polynomial import symbols
from checks.book.contents import Figure
from checks.book.lesson import lesson
from checks.explain import explain
from checks.render.explanation import as_latex
from checks.render.slides import pictures
from reference import conv

DOCS = Path(__file__).parents[2] / "docs"
SMALL = {"size": (3, 3), "kernel": (2, 2)}


@pytest.fixture(scope="module")
def chapter():
    return lesson(DOCS)


def test_outputs_and_gradients_are_what_the_reference_computes(chapter):
    formulas = [part for kind, part in chapter.parts if kind == "math"]
    asked = ("Z", "V[2,2]", "V[1,1]")
    right = [line for wrt in asked for line in as_latex(explain("conv", wrt, **SMALL).explanation).splitlines()]
    assert [one for one in formulas if "partial Z" not in one] == right


def test_what_each_output_adds_is_its_derivative(chapter):
    """Z is linear in V₂,₂: what stands beside it in the reference's Z is the derivative."""
    formulas = [part for kind, part in chapter.parts if kind == "math" and "partial Z" in part]
    z = conv.forward(symbols("V", (1, 1, 3, 3)), symbols("K", (1, 1, 2, 2)))[0, 0]
    said = []
    for (row, column), output in ((i, z[i]) for i in ((0, 0), (0, 1), (1, 0), (1, 1))):
        (term,) = (dict(term) for term in output.terms if ("V", (0, 0, 1, 1)) in term)
        *_, a, b = term["K"]
        said.append(rf"\frac{{\partial Z_{{{row + 1},{column + 1}}}}}{{\partial V_{{2,2}}}} = K_{{{a + 1},{b + 1}}}")
    assert formulas == said


def test_its_figures_are_the_steps(chapter):
    explained = explain("conv", "V[2,2]", **SMALL).explanation
    steps = [picture.panels for _, picture in pictures(explained, steps=True)]
    assert [part.parts for _, part in chapter.parts if isinstance(part, Figure)] == steps


def test_a_picture_of_something_else_is_refused(tmp_path):
    (tmp_path / "by-hand.md").write_text("# t\n\n![says](pictures/conv-V-9-9.svg)\n", encoding="utf-8")
    with pytest.raises(
        ValueError, match=re.escape("by-hand.md shows conv-V-9-9; expected one of conv-V-2-2, conv-V-2-2-step-1")
    ):
        lesson(tmp_path)
