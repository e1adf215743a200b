"""What explain() returns shows itself: as text, and in a notebook as MathML with its figure."""

import pytest

from checks.explain import explain
from checks.subjects.refusals import NotAnImplementation
from reference import conv
from tests.render.pages import Tree


class Turned:
    """The kernel is not turned."""

    forward = staticmethod(conv.forward)

    @staticmethod
    def backward(grad_output, x, weight, bias=None, **parameters):
        turned, *_ = conv.backward(grad_output, x, weight[:, :, ::-1, ::-1], bias, **parameters)
        return (turned, *conv.backward(grad_output, x, weight, bias, **parameters)[1:])


def frame(shown):
    """The page that a notebook shows."""
    (outer,) = Tree(shown._repr_html_()).all("iframe")
    return outer["title"], Tree(outer["srcdoc"])


def test_it_prints_as_the_formula():
    shown = explain("conv", "V[2,2]", size=(3, 3), kernel=(2, 2))
    assert repr(shown).startswith("∂J/∂V₂,₂ = K₂,₂·G₁,₁ + K₂,₁·G₁,₂ + K₁,₂·G₂,₁ + K₁,₁·G₂,₂ ")


def test_a_notebook_shows_formula_and_figure():
    title, page = frame(explain("conv", "V[2,2]", size=(3, 3), kernel=(2, 2)))
    assert title == "conv: x"
    assert page.all("math")[0]["text"].startswith("∂J∂V2,2=K2,2·G1,1+")
    (chosen,) = page.all(aria_pressed="true")
    assert chosen["data-cell"] == "x.0.0.1.1"


def test_terms_of_an_implementation_that_are_wrong_are_marked():
    _, page = frame(explain("conv", "V[2,2]", Turned, size=(3, 3), kernel=(2, 2)))
    assert {"K2,2·G1,1", "K1,1·G2,2"} <= {e["text"] for e in page.all(class_="missing")}
    assert {"K1,1·G1,1", "K2,2·G2,2"} <= {e["text"] for e in page.all(class_="extra")}


def test_what_has_no_figure_has_formulas():
    _, page = frame(explain("sigmoid"))
    assert page.all("math")
    assert not page.all("figure")
    assert not page.all("input"), "nothing to switch"


def test_bad_input_is_told_in_a_sentence():
    with pytest.raises(ValueError, match=r"no op 'cnv'.*conv"):
        explain("cnv")
    with pytest.raises(NotAnImplementation):
        explain("conv", implementation=object())
