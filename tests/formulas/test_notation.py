"""What arrays and their elements are called: letters, axes that are left out, names of one's own."""

from __future__ import annotations

import pytest

from checks.cases.pins import small_problem
from checks.formulas.notation import letter_of, notation, plain
from checks.ops import find, ops


def small(name, *, bias=False, **pinned):
    """A small problem of an op."""
    return small_problem(find(name), pinned, bias=bias)


def test_the_letters_are_those_of_the_documents():
    conv = small("conv", bias=True)
    assert notation(conv).letters == {"x": "V", "weight": "K", "bias": "b", "y": "Z", "g": "G"}
    own = notation(conv, own=True)
    assert own.letters == {"x": "x", "weight": "weight", "bias": "bias", "y": "y", "g": "grad_output"}
    assert own.code
    assert notation(small("linear")).letters["g"] == "δ"
    assert letter_of(find("batch_norm"), "gamma") == "γ"
    assert "bias" not in notation(small("conv")).letters


@pytest.mark.parametrize("name", ops())
def test_no_two_arrays_of_an_op_have_the_same_letter(name):
    op = find(name)
    letters = [letter_of(op, array) for array in (*op.inputs, "y", "g")]
    assert len(set(letters)) == len(letters)


@pytest.mark.parametrize(
    ("name", "pinned", "axes"),
    [
        ("conv", {}, {"x": 2, "weight": 2, "y": 2, "g": 2}),
        ("conv", {"batch": 2}, {"x": 3, "weight": 2, "y": 3}),
        ("conv", {"channels": (1, 2)}, {"x": 3, "weight": 4, "y": 3}),
        ("conv", {"channels": (2, 2), "batch": 2, "dims": 1}, {"x": 3, "weight": 3, "y": 3}),
        ("conv", {"bias": True, "dims": 1}, {"bias": 0, "x": 1}),
        ("conv", {"bias": True, "channels": (2, 2)}, {"bias": 1}),
        ("linear", {}, {"x": 1, "weight": 2, "y": 1}),
        ("linear", {"batch": 2, "features": (1, 2)}, {"x": 2, "weight": 2, "y": 2}),
        ("sigmoid", {}, {"x": 1, "y": 1}),
        ("softmax", {}, {"x": 1}),
        ("euclidean_loss", {}, {"prediction": 2, "y": 0}),
        ("cross_entropy", {}, {"logits": 2, "target": 1, "y": 0}),
        ("batch_norm", {}, {"x": 2, "gamma": 0}),
        ("batch_norm", {"channels": 2}, {"x": 3, "gamma": 1}),
        ("local_response_norm", {}, {"x": 2}),
        ("similarity", {}, {"x": 2, "template": 2, "y": 2}),
    ],
)
def test_axes_of_one_place_are_left_out_where_that_is_clear(name, pinned, axes):
    written = notation(small(name, **pinned)).axes
    assert {array: len(written[array]) for array in axes} == axes


def test_indices_are_written_from_the_base():
    conv = small("conv")
    assert notation(conv).index("x", (0, 0, 1, 2)) == (2, 3)
    assert notation(conv, base=0).index("x", (0, 0, 1, 2)) == (1, 2)
    assert plain(conv.op).index("x", (0, 0, 1, 2)) == (0, 0, 1, 2)
    assert plain(conv.op).letter("g") == "grad_output"


def test_names_of_ones_own():
    conv = small("conv")
    assert notation(conv, names=("a", "w", "out", "δ")).letters == {"x": "a", "weight": "w", "y": "out", "g": "δ"}
    with pytest.raises(ValueError, match=r"^names a,b; expected 4, for x, weight, y and grad_output$"):
        notation(conv, names=("a", "b"))
    for names in (
        ("a", "b", "a", "c"),
        ("a", "", "b", "c"),
        ("a b", "c", "d", "e"),
        ("<i>", "c", "d", "e"),
        ("1", *"abc"),
    ):
        with pytest.raises(ValueError, match=r"expected a letter or a word for each array, no two the same$"):
            notation(conv, names=names)
