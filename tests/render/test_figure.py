"""The figure of who meets whom: its buttons light what stands in their formulas, and its formulas mark what is wrong."""

from __future__ import annotations

import pytest

from checks.algebra.polynomial import Polynomial
from checks.cases.pins import small_problem
from checks.formulas.truth import polynomials
from checks.ops import find
from checks.render import figure
from checks.trials.exhibit import Meetings
from tests.render.pages import Tree


def meeting(array="x", yours=None, **pinned):
    """Who meets whom in a small convolution; the element of `array` that is asked about is its second."""
    problem = small_problem(find("conv"), pinned, bias=False)
    right = polynomials(problem, array)
    index = list(right)[1]
    return Meetings(problem, "y" if array == "y" else f"grad_{array}", index, right, yours)


def name(element):
    return f"{element[0]}.{'.'.join(map(str, element[1]))}"


@pytest.mark.parametrize("array", ["x", "weight", "y"])
@pytest.mark.parametrize("pinned", [{}, {"stride": 2, "padding": 1}, {"dims": 1, "channels": (2, 2)}], ids=str)
def test_a_button_lights_what_stands_in_its_formula(array, pinned):
    seen = meeting(array, **pinned)
    page = Tree(figure.figure(seen))
    buttons = {b["data-cell"]: b for b in page.all("button")}
    assert buttons.keys() == {name((array, index)) for index in seen.formulas}
    for index, polynomial in seen.formulas.items():
        lit = buttons[name((array, index))]["data-lit"].split()
        assert len(lit) == len(polynomial.terms)
        assert {frozenset(term.split("*")) for term in lit} == {frozenset(map(name, p)) for p in polynomial.terms}
    cells = {e["data-cell"] for e in page.elements if "data-cell" in e}
    assert {name(e) for p in seen.formulas.values() for product in p.terms for e in product} <= cells
    assert len(page.all(aria_pressed="true")) == 1
    assert buttons[name((array, seen.index))]["aria-pressed"] == "true"


def test_the_elements_of_a_product_share_its_number():
    seen = meeting()
    page = Tree(figure.figure(seen))
    (chosen,) = page.all(aria_pressed="true")
    numbered = {e["data-cell"]: set(e["data-terms"].split(",")) for e in page.elements if "data-terms" in e}
    for number, term in enumerate(chosen["data-lit"].split(), 1):
        assert {cell for cell, numbers in numbered.items() if str(number) in numbers} == set(term.split("*"))
    assert {e["data-cell"] for e in page.all(class_="lit")} == set(numbered)


def test_the_formula_of_each_element_is_there_and_one_is_shown():
    seen = meeting()
    page = Tree(figure.figure(seen))
    formulas = [e for e in page.all("div") if "data-formula" in e]
    assert [e["data-formula"] for e in formulas] == [name(("x", index)) for index in seen.formulas]
    assert [e["data-formula"] for e in formulas if "hidden" not in e] == [name(("x", seen.index))]
    (shown,) = (e for e in formulas if "hidden" not in e)
    code, letters = (
        "∂J∂x0,0,0,1=weight0,0,0,1·grad_output0,0,0,0+weight0,0,0,0·grad_output0,0,0,1",
        "∂J∂V1,2=K1,2·G1,1+K1,1·G1,2",
    )
    assert shown["text"] == code + letters, "in both alphabets, of which the page shows one"
    assert [e["text"] for e in page.all(class_="in-code") if "∂J∂" in e["text"]][1] == code


def test_terms_that_are_missing_extra_or_multiplied_are_marked():
    x, right = small_problem(find("conv"), {}, bias=False), meeting().formulas
    index = list(right)[1]
    first, second = right[index].terms
    yours = Polynomial({first: -2 * right[index].terms[first], ((("x", (0, 0, 0, 0)),)): right[index].terms[second]})
    page = Tree(figure.figure(Meetings(x, "grad_x", index, right, yours)))
    (shown,) = (e for e in page.all("div") if "data-formula" in e and "hidden" not in e)
    missing, extra = ([e["text"] for e in page.all("mrow", class_=mark)] for mark in ("missing", "extra"))
    assert sorted(missing)[:2] == ["K1,1·G1,2", "K1,2·G1,1"]
    assert {"V1,1", "−2·K1,2·G1,1", "x0,0,0,0"} <= set(extra)
    assert len(missing) == len(extra) == 4, "two in each alphabet"
    assert "missing K₁,₂·G₁,₁ + K₁,₁·G₁,₂; extra −2·K₁,₂·G₁,₁ + V₁,₁" in shown["text"]
    same = Tree(figure.figure(Meetings(x, "grad_x", index, right, right[index])))
    assert not same.all("mrow", class_="missing")
    assert "yours is the same here" in same.all("figure")[0]["text"]


def test_of_many_cells_only_the_maps_that_are_met_are_drawn():
    seen = meeting("weight", channels=(40, 2))
    page = Tree(figure.figure(seen))
    drawn = {e["data-cell"] for e in page.elements if "data-cell" in e}
    panel = {index for index in seen.formulas if index[:-2] == seen.index[:-2]}
    assert {b["data-cell"] for b in page.all("button")} == {name(("weight", index)) for index in panel}
    met = {name(e) for index in panel for product in seen.formulas[index].terms for e in product}
    assert met <= drawn
    assert len(drawn) <= figure.MANY
    assert len([e for e in page.all("div") if "data-formula" in e]) == len(panel)
    assert "Only the maps that meet it are drawn; 119 others are not." in page.all("figcaption")[0]["text"]


def test_where_too_many_meet_there_is_no_figure():
    seen = meeting("weight", size=(15, 15))
    assert figure.figure(seen) == ""
    assert not figure.is_drawable(seen)
