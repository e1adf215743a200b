"""What an implementation computes beside what is right, or in words why that cannot be told."""

from __future__ import annotations

from fractions import Fraction

import pytest

from checks.algebra.polynomial import Polynomial
from checks.formulas.asking import ask
from checks.formulas.probing import recovered
from checks.ops import find, ops
from checks.subjects.implementation import Implementation
from reference import relu
from tests.formulas.boxes import box, changed, small

CONV = find("conv")
PROBLEM = small(dims=1)


def test_an_answer_says_what_differs_and_how():
    answer = ask(PROBLEM, "x", None, Implementation.of(CONV, changed(lambda grad, *_: 2 * grad)))
    assert answer.differs
    assert not answer.held
    corner, inner = answer.elements[0, 0, 0], answer.elements[0, 0, 1]
    assert inner.factor == 2
    assert corner.factor is None, "one term alone is not called a factor"
    assert not inner.difference.missing.terms
    assert not inner.difference.extra.terms
    assert set(inner.difference.wrong.values()) == {(Fraction(2), Fraction(1))}


def test_an_answer_about_one_element_is_about_that_alone():
    def backward(grad, *_):
        grad[..., 0] += 1
        return grad

    wrong = Implementation.of(CONV, changed(backward))
    assert not ask(PROBLEM, "x", (0, 0, 1), wrong).differs
    assert list(ask(PROBLEM, "x", (0, 0, 1), wrong).elements) == [(0, 0, 1)]
    assert ask(PROBLEM, "x", (0, 0, 0), wrong).differs


def test_where_numbers_decide_several_are_tried():
    """A ReLU that lets everything through is right where x is positive."""

    class Through:
        forward = staticmethod(relu.forward)

        @staticmethod
        def backward(grad_output, _):
            return (grad_output,)

    for shape in ((2,), (3,)):
        problem = small("relu", shape=shape)
        answer = ask(problem, "x", None, Implementation.of(problem.op, Through))
        assert answer.differs
        assert (answer.held["x"] < 0).any()
    assert not ask(problem, "x", None, Implementation.of(problem.op, relu)).differs


def test_where_a_mask_decides_several_are_tried():
    class Unmasked:
        @staticmethod
        def forward(x, mask, *, p):
            return x * mask / (1 - p)

        @staticmethod
        def backward(grad_output, *_, p):
            return grad_output / (1 - p), None

    problem = small("dropout", shape=(1,), p=0.7)
    answer = ask(problem, "x", None, Implementation.of(problem.op, Unmasked))
    assert answer.differs
    assert answer.held["mask"] == 0
    assert answer.elements[(0,)].right == Polynomial()
    assert answer.elements[(0,)].yours.terms == {(("g", (0,)),): Fraction(10, 3)}
    assert not ask(problem, "x", None, Implementation.of(problem.op, problem.op.reference)).differs


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (box(lambda *_, **__: 1 / 0), "it fails: backward raised ZeroDivisionError: division by zero"),
        (box(lambda _, x, w, b, **__: (x[..., 1:], w, b)), "it fails: grad_x has shape (1, 1, 2); expected (1, 1, 3)"),
        (
            changed(lambda grad, *_: abs(grad)),
            "what it computes is no polynomial of degree 2, or it takes more than 20000 calls to tell",
        ),
    ],
)
def test_why_it_cannot_be_told_is_said(given, why):
    assert ask(PROBLEM, "x", None, Implementation.of(CONV, given)) == why


def test_what_is_refused_is_no_failure():
    def backward(*arrays, **parameters):
        raise NotImplementedError("only on Tuesdays")

    given = Implementation.of(CONV, box(backward))
    assert ask(PROBLEM, "x", None, given) == "it does not support this: only on Tuesdays"


@pytest.mark.parametrize("name", [op.name for op in ops().values() if op.kind.degree is None])
def test_of_what_is_no_polynomial_nothing_is_told(name):
    problem = small(name)
    reference = Implementation.of(problem.op, problem.op.reference)
    why = f"{name} is no polynomial, so its terms cannot be recovered by asking; checks.gradcheck judges it"
    assert ask(problem, "y", None, reference) == ask(problem, problem.present[0], None, reference) == why
    found = recovered(reference, problem, "y")
    affine = found is not None and all(len(term) <= 1 for p in found.values() for term in p.terms)
    assert affine or found is None, "by statistics that are given y is affine in x, which is all that is found"
