"""What is asked to be explained: every way to write it, and the sentences where it makes no sense."""

from __future__ import annotations

import re

import pytest

from checks.cases.pins import small_problem
from checks.formulas.notation import notation
from checks.formulas.request import Request
from checks.ops import find


def small(name, *, bias=False):
    """A small problem of an op."""
    return small_problem(find(name), {}, bias=bias)


@pytest.mark.parametrize(
    ("text", "name", "place"),
    [
        ("V[2,2]", "V", "2,2"),
        (" V [ 2 , 2 ] ", "V", " 2 , 2 "),
        ("V₂,₂", "V", "2,2"),
        ("K₁₀,₋₁", "K", "10,-1"),
        ("∂J/∂V₂,₂", "V", "2,2"),
        ("∂E/∂w[1]", "w", "1"),
        ("grad_x", "x", None),
        ("grad_x[0,0]", "x", "0,0"),
        ("grad_output", "output", None),
        ("Z", "Z", None),
        ("E[]", "E", ""),
    ],
)
def test_a_request_is_read_as_people_write_it(text, name, place):
    expected = "grad_output" if text == "grad_output" else name
    assert Request.of(text, "V") == Request(expected, place)


@pytest.mark.parametrize("text", ["V[", "[1]", "V[1]]", "V[1][2]", "V W", "", "₁"])
def test_what_is_no_request_is_refused(text):
    with pytest.raises(ValueError, match=r"expected an array, such as V, or one element of it, V\[1,1\]$") as refusal:
        Request.of(text, "V")
    assert str(refusal.value).startswith(f"wrt {text!r}; ")


def asked(text, problem, **how):
    """The array and the index in code that a request is about."""
    request, known = Request.of(text, "V"), notation(problem, **how)
    array = request.array(known, problem)
    return array, request.index(array, known, problem)


def test_an_array_goes_by_each_of_its_names():
    conv = small("conv", bias=True)
    assert asked("V", conv) == asked("x", conv) == asked("grad_x", conv) == ("x", None)
    assert asked("Z", conv) == asked("y", conv) == ("y", None)
    assert asked("b", conv) == asked("bias", conv) == ("bias", None)
    assert asked("x", conv, names=("weight", "x", "b", "o", "d")) == ("weight", None), (
        "a name that was given comes first"
    )


def test_an_index_is_as_it_is_written_or_has_every_axis():
    conv = small("conv")
    assert asked("V[2,3]", conv) == asked("V[1,1,2,3]", conv) == ("x", (0, 0, 1, 2))
    assert asked("V[1,2]", conv, base=0) == asked("V[0,0,1,2]", conv, base=0) == ("x", (0, 0, 1, 2))
    assert asked("E[]", small("euclidean_loss")) == ("y", ())
    assert asked("b[1]", small("conv", bias=True)) == ("bias", (0,))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Q", "there is no array 'Q'; known: Z, V, K, y, x, weight"),
        ("wieght", "there is no array 'wieght'; did you mean weight?"),
        ("G", "G has no gradient; Z, V, K have formulas"),
        ("V[4,1]", "V[4,1] does not exist; V goes from V[1,1] to V[3,3]"),
        ("V[0,1]", "V[0,1] does not exist; V goes from V[1,1] to V[3,3]"),
        ("V[1]", "V[1]: 1 given where 2 are expected, from V[1,1] to V[3,3]"),
        ("V[]", "V[]: 0 given where 2 are expected, from V[1,1] to V[3,3]"),
        ("V[a,1]", "V[a,1]; expected whole numbers, such as V[1,1]"),
        ("V[--1,1]", "V[--1,1]; expected whole numbers, such as V[1,1]"),
        ("V[²,1]", "V[²,1]; expected whole numbers, such as V[1,1]"),
        ("V[1.0,1]", "V[1.0,1]; expected whole numbers, such as V[1,1]"),
    ],
)
def test_what_does_not_exist_is_said_with_what_does(text, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        asked(text, small("conv"))


def test_ranges_of_what_has_no_index():
    with pytest.raises(ValueError, match=r"^b\[2\] does not exist; b goes from b\[1\] to b\[1\]$"):
        asked("b[2]", small("conv", bias=True))
    with pytest.raises(ValueError, match="has no gradient; E, z have formulas"):
        asked("t", small("cross_entropy"))


def test_which_requests_need_a_bias_and_which_are_in_the_protocols_names():
    conv = find("conv")
    assert {
        text for text in ("b", "bias", "b[1]", "grad_bias", "V", "β") if Request.of(text, "V").is_optional(conv)
    } == {
        "b",
        "bias",
        "b[1]",
        "grad_bias",
    }
    assert {text for text in ("x", "grad_weight", "y[1]", "V", "Z", "G") if Request.of(text, "V").is_own(conv)} == {
        "x",
        "grad_weight",
        "y[1]",
    }
    assert not Request.of("x", "x").is_own(find("sigmoid")), "the documents call it so, too"
