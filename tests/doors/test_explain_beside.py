"""python -m checks.explain --impl: an implementation's formulas beside the right ones, in every format."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from checks import explain
from checks.render.explanation import FORMATS
from checks.subjects.implementation import Implementation
from reference import conv, max_pool, relu
from tests.doors.explained import CENTRE, EQUATION, explained


class Turned:
    forward = staticmethod(conv.forward)

    @staticmethod
    def backward(g, x, weight, bias, **parameters):
        grad_x, _, _ = conv.backward(g, x, weight[..., ::-1], bias, **parameters)
        return grad_x, *conv.backward(g, x, weight, bias, **parameters)[1:]


class Scaled:
    forward = staticmethod(conv.forward)

    @staticmethod
    def backward(*arrays, **parameters):
        grad_x, grad_weight, grad_bias = conv.backward(*arrays, **parameters)
        grad_weight[0, 0, 0] *= 3
        return grad_x / 2, grad_weight, grad_bias


class Additional:
    @staticmethod
    def forward(x, weight, bias, **parameters):
        return conv.forward(x, weight, bias, **parameters) + 1

    @staticmethod
    def backward(g, x, weight, bias, **parameters):
        grad_x, *others = conv.backward(g, x, weight, bias, **parameters)
        grad_x[..., -1] = 0
        return grad_x + x**2, *others


class Sign:
    forward = staticmethod(conv.forward)

    @staticmethod
    def backward(*arrays, **parameters):
        return tuple(None if a is None else np.sign(a) for a in conv.backward(*arrays, **parameters))


class Through:
    forward = staticmethod(relu.forward)

    @staticmethod
    def backward(g, _):
        return (g,)


@pytest.fixture
def beside(capsys, monkeypatch):
    """What a command line prints with an implementation that is here, not in a process of its own."""

    def main(given, *arguments):
        monkeypatch.setattr(explain.Isolated, "loaded", lambda op, *_: Implementation.of(op, given))
        return explained(capsys, *arguments, "--impl", "mine.py:Mine")

    return main


def test_a_right_implementation_has_the_same_formulas(beside):
    assert beside(conv, *CENTRE) == (
        0,
        f"{EQUATION}          document 002, eq. 3; L7, the page's last example\n  yours    the same\n",
        "",
    )
    code, out, err = beside(conv, "conv", "--dims", "1")
    assert (code, err) == (0, "")
    assert [line.split("; ")[1] for line in out.splitlines() if "; " in line] == [
        "yours: 2 of 2 right",
        "yours: 3 of 3 right",
        "yours: 2 of 2 right",
    ]
    assert "missing" not in out


class Averaged:
    """The weight gradient is the mean over samples."""

    forward = staticmethod(conv.forward)

    @staticmethod
    def backward(g, *arrays, **parameters):
        grad_x, grad_weight, grad_bias = conv.backward(g, *arrays, **parameters)
        return grad_x, grad_weight / len(g), grad_bias


def test_a_mean_over_samples_is_told_from_a_sum(beside):
    """Of one sample they are the same; where nothing pins how many there are, two are asked about as well."""
    code, out, err = beside(Averaged, "conv", "--dims", "1", "--wrt", "K[1]")
    assert (code, err) == (1, "")
    assert "yours    1/2·V₁,₁·G₁,₁ + " in out
    assert "wrong    each term is 1/2 times the right one" in out
    assert beside(Averaged, "conv", "--dims", "1", "--wrt", "K[1]", "--batch", "1")[0] == 0


def test_what_is_missing_and_extra_is_shown(beside):
    code, out, err = beside(Turned, "conv", "--dims", "1", "--wrt", "V")
    assert (code, err) == (1, "")
    assert out == (
        "∂J/∂V: document 002, eq. 3; yours: 0 of 3 right\n"
        "  ∂J/∂V₁ = K₁·G₁\n"
        "    yours    K₂·G₁\n"
        "    missing  K₁·G₁\n"
        "    extra    K₂·G₁\n"
        "  ∂J/∂V₂ = K₂·G₁ + K₁·G₂\n"
        "    yours    K₁·G₁ + K₂·G₂\n"
        "    missing  K₂·G₁ + K₁·G₂\n"
        "    extra    K₁·G₁ + K₂·G₂\n"
        "  ∂J/∂V₃ = K₂·G₂\n"
        "    yours    K₁·G₂\n"
        "    missing  K₂·G₂\n"
        "    extra    K₁·G₂\n"
    )
    assert beside(Additional, "conv", "--dims", "1", "--wrt", "V[3]")[1].splitlines()[1:] == [
        "  yours    V₃²",
        "  missing  K₂·G₂",
        "  extra    V₃²",
    ]
    assert beside(Additional, "conv", "--dims", "1", "--wrt", "Z[1]")[1].splitlines()[1:] == [
        "  yours    V₁·K₁ + V₂·K₂ + 1",
        "  extra    1",
    ]


def test_wrong_coefficients_are_shown(beside):
    code, out, _ = beside(Scaled, "conv", "--dims", "1", "--wrt", "V")
    assert code == 1
    assert out.splitlines()[1:6] == [
        "  ∂J/∂V₁ = K₁·G₁",
        "    yours    1/2·K₁·G₁",
        "    wrong    1/2·K₁·G₁, where K₁·G₁ is right",
        "  ∂J/∂V₂ = K₂·G₁ + K₁·G₂",
        "    yours    1/2·K₂·G₁ + 1/2·K₁·G₂",
    ]
    assert out.splitlines()[6] == "    wrong    each term is 1/2 times the right one"
    code, out, _ = beside(Scaled, "conv", "--dims", "1", "--wrt", "K")
    assert code == 1
    assert "yours: 1 of 2 right" in out
    assert out.count("wrong") == 1


def test_at_kinks_the_numbers_are_shown_that_were_asked_with(beside):
    code, out, err = beside(Through, "relu", "--wrt", "x")
    assert (code, err) == (1, "")
    assert out.splitlines()[1].startswith("  asked where x = [")
    assert re.search(r"^    right    0\n    yours    (G.)\n    extra    \1$", out, re.MULTILINE)
    code, out, err = beside(max_pool, "max_pool", "--dims", "1", "--wrt", "x[1]")
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == "  yours    the same"


def test_the_other_formats_show_both(beside):
    _, latex, _ = beside(Turned, "conv", "--dims", "1", "--wrt", "V[1]", "--format", "latex")
    assert latex == "\\frac{\\partial J}{\\partial V_{1}} = K_{1}\\,G_{1}\\qquad\\text{yours: } K_{2}\\,G_{1}\n"
    _, mathml, _ = beside(Turned, "conv", "--dims", "1", "--wrt", "V[1]", "--format", "mathml")
    assert "".join(ET.fromstring(mathml).itertext()) == "∂J∂V1=K1·G1yours: K2·G1"
    code, text, _ = beside(Turned, "conv", "--dims", "1", "--wrt", "V[1]", "--format", "json")
    (formula,) = json.loads(text)["formulas"]
    assert code == 1
    (mine,), (right,) = formula["yours"]["extra"], formula["yours"]["missing"]
    assert mine == {"coefficient": "1", "factors": [["grad_output", [0, 0, 0]], ["weight", [0, 0, 1]]]}
    assert [right] == formula["terms"]
    assert formula["yours"] == {
        "text": "K₂·G₁",
        "terms": [mine],
        "right": False,
        "missing": [right],
        "extra": [mine],
        "wrong": [],
    }
    _, text, _ = beside(Scaled, "conv", "--dims", "1", "--wrt", "V[1]", "--format", "json")
    (formula,) = json.loads(text)["formulas"]
    assert formula["yours"]["wrong"] == [{"factors": right["factors"], "yours": "1/2", "right": "1"}]
    _, text, _ = beside(Through, "relu", "--format", "json")
    assert np.shape(json.loads(text)["asked_where"]["grad_x"]["x"]) == (2,)


@pytest.mark.parametrize("form", FORMATS)
def test_why_it_cannot_be_told_is_said_on_standard_error(beside, form):
    code, out, err = beside(Sign, "conv", "--dims", "1", "--bias", "--format", form)
    why = "what it computes is no polynomial of degree 2, or it takes more than 20000 calls to tell"
    assert code == 3
    assert err == f"explain: mine.py:Mine, ∂J/∂V, ∂J/∂K, ∂J/∂b: {why}\n"
    assert out
    if form == "json":
        assert json.loads(out)["untold"] == dict.fromkeys(("grad_x", "grad_weight", "grad_bias"), why)


def test_wrong_comes_before_untold(beside):
    class Both(Sign):
        forward = staticmethod(Additional.forward)

    code, _, err = beside(Both, "conv", "--dims", "1")
    assert code == 1
    assert "∂J/∂V, ∂J/∂K: " in err


def test_the_request_is_read_before_anything_is_asked(beside):
    class Fails:
        def forward(self, *_, **__):
            raise AssertionError

        backward = forward

    code, out, err = beside(Fails, "conv", "--wrt", "V[9,9]")
    assert (code, out) == (2, "")
    assert err == "explain: V[9,9] does not exist; V goes from V[1,1] to V[3,3]\n"
