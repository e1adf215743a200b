"""What a black box computes is recovered from what it answers, whatever it is, or not at all."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from checks.algebra.polynomial import Polynomial
from checks.diagnosis.illustration import comparable
from checks.formulas.probing import recovered
from checks.formulas.truth import polynomials
from checks.numbers.precision import PRECISIONS
from checks.ops import find, ops
from checks.subjects.implementation import Implementation
from checks.subjects.refusals import Crashed, Malformed, Unsupported
from reference import conv, relu
from tests.formulas.boxes import box, changed, small
from tests.laws.right_conv import ByFFT

POLYNOMIAL = [op.name for op in ops().values() if op.kind.degree is not None]
PROBLEM = small(dims=1)
X = PROBLEM.shape("x")


def told(given, array="x", problem=PROBLEM, **how):
    """The formulas of one result of an implementation."""
    return recovered(Implementation.of(problem.op, given), problem, array, **how)


RIGHT = polynomials(PROBLEM, "x")


def plus(terms):
    """The right formulas with terms added to each: pairs of a coefficient and of what an index makes a product."""
    return {
        index: Polynomial.of([*right.terms.items(), *((of(index), Fraction(c)) for c, of in terms)])
        for index, right in RIGHT.items()
    }


def times(factor):
    return {index: right * factor for index, right in RIGHT.items()}


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("name", POLYNOMIAL)
def test_the_reference_computes_what_is_right(name, dtype):
    few_bits = {"negative_slope": 0.25} if "negative_slope" in find(name).takes.defaults else {}
    problem = small(name, bias="bias" in find(name).takes.optional, dtype=dtype, **few_bits)
    for array in ("y", *problem.present):
        right = comparable(problem, array, Implementation.of(problem.op, problem.op.reference))
        assert told(problem.op.reference, array, problem, most_calls=5000, near=right) == right


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_at_kinks_the_formula_is_one_in_the_cotangent(dtype):
    pool, rectifier = small("max_pool", dims=1, dtype=dtype), small("relu", shape=(12,), dtype=dtype)
    x = rectifier.whole_numbers().inputs[0]
    assert (x > 0).any()
    assert (x < 0).any()
    passed = told(relu, problem=rectifier)
    assert passed == {i: Polynomial.element("g", i) if x[i] > 0 else Polynomial() for i in np.ndindex(12)}
    picked = told(pool.op.reference, problem=pool)
    windows = pool.whole_numbers().inputs[0].reshape(2, 2)
    for window, argmax in enumerate(windows.argmax(1)):
        assert picked[0, 0, 2 * window + argmax] == Polynomial.element("g", (0, 0, window))
        assert picked[0, 0, 2 * window + 1 - argmax] == Polynomial()


@pytest.mark.parametrize("factor", [-7, -1, 2, 100, 4, Fraction(1, 3), Fraction(3, 10), Fraction(1, 1000)])
def test_coefficients_need_be_no_digits(factor):
    assert told(changed(lambda grad, *_: grad * float(factor))) == times(factor)


def test_a_coefficient_that_is_no_simple_fraction_is_the_number_itself():
    found = told(changed(lambda grad, *_: grad * np.pi))
    assert {c for p in found.values() for c in p.terms.values()} == {Fraction(np.pi)}


def test_a_coefficient_is_taken_for_one_that_it_is_near_to():
    other = Fraction(np.pi) + Fraction(1, 1 << 53)
    assert told(changed(lambda grad, *_: grad * np.pi), near=times(other)) == times(other)
    far = Fraction(np.pi) + Fraction(1, 1 << 40)
    assert told(changed(lambda grad, *_: grad * np.pi), near=times(far)) == times(Fraction(np.pi))


def test_what_has_no_business_there_is_found():
    """Squares, a constant, terms of an array that the right formula lacks, and of a single element."""
    assert told(changed(lambda grad, x, *_: grad + x**2)) == plus([(1, lambda i: (("x", i), ("x", i)))])
    assert told(changed(lambda grad, *_: grad + 5)) == plus([(5, lambda _: ())])
    assert told(changed(lambda grad, x, *_: grad - 2 * x)) == plus([(-2, lambda i: (("x", i),))])
    assert told(changed(lambda grad, x, w: grad + x * w[0, 0, 1])) == plus(
        [(1, lambda i: (("weight", (0, 0, 1)), ("x", i)))]
    )
    assert told(changed(lambda grad, _, w: grad + w[0, 0, 0] * w[0, 0, 1] / 2)) == plus(
        [("1/2", lambda _: (("weight", (0, 0, 0)), ("weight", (0, 0, 1))))]
    )


def test_what_is_multiplied_by_the_number_of_samples_is_found():
    problem = small(dims=1, batch=3)
    found = told(changed(lambda grad, x, *_: grad * len(x)), problem=problem)
    assert found == {index: right * 3 for index, right in polynomials(problem, "x").items()}


def test_terms_that_are_missing_or_in_another_place_are_found():
    found = told(changed(lambda grad, *_: np.roll(grad, 1, -1)))
    assert found == {(0, 0, i): RIGHT[0, 0, (i - 1) % X[-1]] for i in range(X[-1])}
    assert not any(p.terms for p in told(changed(lambda grad, *_: grad * 0)).values())


@pytest.mark.parametrize(
    "change",
    [
        lambda grad, *_: np.abs(grad),
        lambda grad, *_: np.maximum(grad, 0),
        lambda grad, *_: grad**3,
        lambda grad, x, *_: grad * x,
        lambda grad, *_: np.tanh(grad),
        lambda grad, *_: grad * np.nan,
        lambda grad, x, *_: grad + np.where(x == 0, 0, np.inf),
        lambda grad, x, *_: grad / np.where(np.frexp(np.abs(x))[0] % 0.5, 0, 1),
    ],
    ids=["abs", "positive part", "cube", "third degree", "tanh", "nan", "infinite off 0", "infinite off powers of 2"],
)
def test_what_is_no_polynomial_of_degree_2_is_not_told(change):
    with np.errstate(all="ignore"):
        assert told(changed(change)) is None


def test_a_box_that_answers_rightly_what_it_is_asked_for_and_wrongly_otherwise_is_not_believed():
    """Right where every number is 0 or a power of 2 or the sign of one, as in all questions; wrong anywhere else."""

    def is_question(array):
        sizes = np.abs(array[array != 0])
        return bool(np.all(np.frexp(sizes)[0] == 0.5))

    def backward(grad_output, x, weight, bias, **parameters):
        right = conv.backward(grad_output, x, weight, bias, **parameters)
        return right if all(map(is_question, (grad_output, x, weight))) else (right[0] + 1, *right[1:])

    assert told(box(backward)) is None


def test_a_transform_has_the_right_formula():
    for array in ("y", "x", "weight"):
        assert told(ByFFT, array) == polynomials(PROBLEM, array)


def test_noise_is_told_from_a_small_mistake():
    assert told(changed(lambda grad, *_: grad * (1 + 2.0**-50))) == RIGHT
    small_mistake = told(changed(lambda grad, *_: grad * (1 + 1e-9)))
    assert {c for p in small_mistake.values() for c in p.terms.values()} == {Fraction(1 + 1e-9)}


def test_no_more_is_asked_than_allowed():
    problem = small(size=(6, 6), kernel=3)
    of = box()
    assert told(of, problem=problem, most_calls=20) is None
    assert of.calls == 0
    assert told(of, problem=problem, most_calls=400) == polynomials(problem, "x")
    assert of.calls <= 400
    halved = changed(lambda grad, *_: grad / 2)
    assert told(halved, problem=problem, most_calls=400) is None, "61 elements have 1830 pairs"


def test_a_few_calls_are_enough_where_coefficients_are_digits():
    """Of 16 numbers of x, 4 of weight and 9 of the cotangent there are 244 products of two, 16 of which fit into a call."""
    of = box()
    assert told(of, "weight", small(size=4, kernel=2)) is not None
    assert of.calls < 30


@pytest.mark.parametrize("failure", [Crashed, Malformed, Unsupported])
def test_its_failures_pass_through(failure):
    raised = {Crashed: RuntimeError("no"), Unsupported: NotImplementedError("no")}

    def backward(*arrays, **parameters):
        if failure is Malformed:
            return np.zeros(2), None, None
        raise raised[failure]

    with pytest.raises(failure):
        told(box(backward))


def test_only_the_result_that_is_asked_for_is_computed():
    def backward(*arrays, **parameters):
        raise AssertionError

    assert told(box(backward), "y") == polynomials(PROBLEM, "y")
