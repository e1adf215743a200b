"""How formulas are written: as text, as LaTeX and as MathML, to the character."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from math_core import LatexToMathML

from checks.algebra.expression import Call, Condition, Element, Named, Power, Product, Quotient, Sum, negative, number
from checks.formulas.notation import Notation
from checks.formulas.writing import derivative, latex, mathml, symbol, text

ONE = Notation({}, {})
A, B, C, G = Element("a", ()), Element("b", (0,)), Element("c", (0, 1)), Element("g", ())
TWO = number(2)

WRITTEN = [
    # a name, an index from 1
    (A, "a", "a"),
    (C, "c₁,₂", "c_{1,2}"),
    (Element("c", (9, 11)), "c₁₀,₁₂", "c_{10,12}"),
    (Element("weight", (0, 1)), "weight[1,2]", r"\mathrm{weight}_{1,2}"),
    (Element("grad_output", ()), "grad_output", r"\mathrm{grad\_output}"),
    (Named("x\u0302", (0,), A), "x̂₁", r"\hat{x}_{1}"),
    (Named("G\u0304", (), A), "G\u0304", r"\bar{G}"),
    (Named("μ", (1,), A), "μ₂", r"\mu_{2}"),
    # numbers
    (number(3), "3", "3"),
    (number(-3), "−3", "-3"),
    (number(0.25), "1/4", r"\frac{1}{4}"),
    (number(-0.25), "−1/4", r"-\frac{1}{4}"),
    (number(1e-5), "10⁻⁵", "10^{-5}"),
    (number(-2.5e-7), "−2.5·10⁻⁷", r"-2.5 \cdot 10^{-7}"),
    (number(0.0001), "0.0001", "0.0001"),
    (number(2.0**-20), "9.5367431640625·10⁻⁷", r"9.5367431640625 \cdot 10^{-7}"),
    # sums, and their signs
    (Sum(()), "0", "0"),
    (Sum((G,)), "g", "g"),
    (Sum((A, B)), "a + b₁", "a + b_{1}"),
    (Sum((A, negative(B))), "a − b₁", "a - b_{1}"),
    (Sum((negative(A), B)), "−a + b₁", "-a + b_{1}"),
    (Sum((A, number(-2))), "a − 2", "a - 2"),
    (Sum((A, Product((number(-2), B)))), "a − 2·b₁", r"a - 2\,b_{1}"),
    (Sum((A, negative(Sum((A, B))))), "a − (a + b₁)", r"a - \left(a + b_{1}\right)"),
    (Sum((A, negative(Product((A, B))))), "a − a·b₁", r"a - a\,b_{1}"),
    (Sum((A, Sum((negative(A), B)))), "a + (−a + b₁)", r"a + \left(-a + b_{1}\right)"),
    (Sum((A, negative(negative(B)))), "a − (−b₁)", r"a - \left(-b_{1}\right)"),
    # products
    (Product((TWO, A, B)), "2·a·b₁", r"2\,a\,b_{1}"),
    (Product((number(-2), A)), "−2·a", r"-2\,a"),
    (negative(A), "−a", "-a"),
    (Product((A, Sum((A, B)))), "a·(a + b₁)", r"a\,\left(a + b_{1}\right)"),
    (Product((A, Sum((B,)))), "a·b₁", r"a\,b_{1}"),
    (Product((A, negative(B))), "a·(−b₁)", r"a\,\left(-b_{1}\right)"),
    (Product((number(0.25), A)), "1/4·a", r"\frac{1}{4}\,a"),
    (Product((A, Product((B, G)))), "a·b₁·g", r"a\,b_{1}\,g"),
    # quotients
    (Quotient(A, B), "a/b₁", r"\frac{a}{b_{1}}"),
    (Quotient(Sum((A, B)), Product((A, B))), "(a + b₁)/(a·b₁)", r"\frac{a + b_{1}}{a\,b_{1}}"),
    (Quotient(A, Power(B, TWO)), "a/b₁²", r"\frac{a}{{b_{1}}^{2}}"),
    (Quotient(A, number(0.5)), "a/(1/2)", r"\frac{a}{\frac{1}{2}}"),
    (Quotient(A, Quotient(B, G)), "a/(b₁/g)", r"\frac{a}{\frac{b_{1}}{g}}"),
    (Quotient(negative(A), B), "(−a)/b₁", r"\frac{-a}{b_{1}}"),
    (negative(Quotient(A, B)), "−a/b₁", r"-\frac{a}{b_{1}}"),
    # powers
    (Power(A, TWO), "a²", "{a}^{2}"),
    (Power(A, number(-10)), "a⁻¹⁰", "{a}^{-10}"),
    (Power(A, number(0.5)), "a^(1/2)", r"{a}^{\frac{1}{2}}"),
    (Power(A, negative(B)), "a^(−b₁)", "{a}^{-b_{1}}"),
    (Power(Sum((A, B)), TWO), "(a + b₁)²", r"{\left(a + b_{1}\right)}^{2}"),
    (Power(Product((A, B)), TWO), "(a·b₁)²", r"{\left(a\,b_{1}\right)}^{2}"),
    (Power(Power(A, TWO), TWO), "(a²)²", r"{\left({a}^{2}\right)}^{2}"),
    (Power(Quotient(A, B), TWO), "(a/b₁)²", r"{\left(\frac{a}{b_{1}}\right)}^{2}"),
    (Power(number(-2), TWO), "(−2)²", r"{\left(-2\right)}^{2}"),
    (Power(number(0.5), TWO), "(1/2)²", r"{\left(\frac{1}{2}\right)}^{2}"),
    (Power(number(1e-5), TWO), "(10⁻⁵)²", r"{\left(10^{-5}\right)}^{2}"),
    (Power(Call("exp", (A,)), TWO), "exp(a)²", r"{\left(e^{a}\right)}^{2}"),
    (Power(Call("sqrt", (A,)), TWO), "√(a)²", r"{\sqrt{a}}^{2}"),
    # functions and conditions
    (Call("exp", (negative(A),)), "exp(−a)", "e^{-a}"),
    (Call("sqrt", (Sum((A, B)),)), "√(a + b₁)", r"\sqrt{a + b_{1}}"),
    (Call("σ", (A,)), "σ(a)", r"\sigma\left(a\right)"),
    (Call("ln", (A,)), "ln(a)", r"\ln\left(a\right)"),
    (Call("tanh", (A,)), "tanh(a)", r"\tanh\left(a\right)"),
    (Call("max", (number(0), A)), "max(0, a)", r"\max\left(0, a\right)"),
    (Product((Condition(A, ">", number(0)), G)), "[a > 0]·g", r"\left[a > 0\right]\,g"),
    (Condition(A, "=", B), "[a = b₁]", r"\left[a = b_{1}\right]"),
    (Condition(A, "≤", B), "[a ≤ b₁]", r"\left[a \le b_{1}\right]"),
    (Call("min", (number(0), A)), "min(0, a)", r"\min\left(0, a\right)"),
]
IDS = [case[1] for case in WRITTEN]


@pytest.mark.parametrize(("expression", "as_text", "as_latex"), WRITTEN, ids=IDS)
def test_what_stands_there(expression, as_text, as_latex):
    assert text(expression, ONE) == as_text
    assert latex(expression, ONE) == as_latex


@pytest.mark.parametrize("expression", [case[0] for case in WRITTEN], ids=IDS)
def test_the_latex_is_latex_and_the_mathml_is_xml(expression):
    made = LatexToMathML(fancy_error=False).convert_with_local_state(latex(expression, ONE), displaystyle=True)
    assert made.startswith("<math")
    assert ET.fromstring(mathml(expression, ONE)).tag == "mrow"


X1 = "<msub><mi>x</mi><mrow><mn>1</mn></mrow></msub>"
X = Element("x", (0,))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (Sum((X, negative(X))), f"{X1}<mo>−</mo>{X1}"),
        (Product((TWO, X)), f"<mn>2</mn><mo>·</mo>{X1}"),
        (Product((X, Sum((X, TWO)))), f"{X1}<mo>·</mo><mo>(</mo>{X1}<mo>+</mo><mn>2</mn><mo>)</mo>"),
        (Quotient(X, TWO), f"<mfrac><mrow>{X1}</mrow><mrow><mn>2</mn></mrow></mfrac>"),
        (Power(X, negative(A)), f"<msup><mrow>{X1}</mrow><mrow><mo>−</mo><mi>a</mi></mrow></msup>"),
        (number(-0.25), "<mo>−</mo><mfrac><mn>1</mn><mn>4</mn></mfrac>"),
        (number(1e-5), "<msup><mn>10</mn><mn>−5</mn></msup>"),
        (number(2.5e-7), "<mn>2.5</mn><mo>·</mo><msup><mn>10</mn><mn>−7</mn></msup>"),
        (Call("exp", (X,)), f"<msup><mi>e</mi><mrow>{X1}</mrow></msup>"),
        (Call("sqrt", (X,)), f"<msqrt>{X1}</msqrt>"),
        (Call("max", (A, B)), "<mi>max</mi><mo>(</mo><mi>a</mi><mo>,</mo>" + X1.replace("x", "b") + "<mo>)</mo>"),
        (Condition(A, ">", TWO), "<mo>[</mo><mi>a</mi><mo>&gt;</mo><mn>2</mn><mo>]</mo>"),
        (Named("x\u0302", (), A), '<mover accent="true"><mi>x</mi><mo>^</mo></mover>'),
        (Named("G\u0304", (), A), '<mover accent="true"><mi>G</mi><mo>¯</mo></mover>'),
        (Element("a&b", ()), "<mi>a&amp;b</mi>"),
    ],
    ids=str,
)
def test_mathml(expression, expected):
    assert mathml(expression, ONE) == f"<mrow>{expected}</mrow>"


def test_code_has_its_indices_in_brackets():
    code = Notation({}, {}, base=0, code=True)
    assert text(Product((C, Power(B, TWO))), code) == "c[0,1]·b[0]²"
    assert derivative("b", (0,), code)[0] == "∂J/∂b[0]"


def test_a_letter_with_its_index():
    assert symbol("V", (2, 2)) == "V₂,₂"
    assert symbol("x\u0302", (1,)) == "x̂₁"
    assert symbol("weight", (2, 2)) == "weight[2,2]"
    assert symbol("b", ()) == "b"


def test_what_stands_left_of_the_equals_sign():
    notation = Notation({"x": "V", "y": "Z"}, {"x": (2, 3)})
    as_text, as_latex, as_mathml = derivative("x", (0, 0, 1, 0), notation)
    assert as_text == "∂J/∂V₂,₁"
    assert as_latex == r"\frac{\partial J}{\partial V_{2,1}}"
    assert [e.text for e in ET.fromstring(as_mathml).iter() if e.text] == ["∂", "J", "∂", "V", "2", ",", "1"]
    assert derivative("y", (0, 1), notation)[0] == "Z₁,₂"
    assert derivative("y", (), Notation({"y": "E"}, {})) == ("E", "E", "<mi>E</mi>")
