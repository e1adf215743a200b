"""The formula of every element is what the reference computes, and for convolution what 002 writes."""
# ruff: noqa: E741 (l and O are letters of the document)

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from checks.algebra.expression import Product, number, value
from checks.algebra.polynomial import COTANGENT
from checks.cases.drawing import problems_of
from checks.cases.pins import pinned_values, small_problem
from checks.cases.search import Search
from checks.formulas import truth as formulas
from checks.ops import find, ops
from reference import conv

DRAWN = 3
SMALL = {"batch": 1, "channels": 2, "kernel": 2, "kernel_size": 2}
MOST = 1000  # products: what takes milliseconds

FIXED = [
    ("conv", {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2), "size": (4, 5)}),
    ("conv", {"padding": "same", "kernel": (3, 2), "flip": True}),
    ("conv", {"padding": "full", "dims": 1, "stride": 2, "dilation": 2, "channels": (2, 2), "groups": 2, "batch": 2}),
    ("conv", {"dims": 3, "stride": 2}),
    ("conv_transpose", {"stride": 2, "output_padding": 1, "padding": 1, "dims": 1, "channels": (2, 4), "groups": 2}),
    ("max_pool", {"stride": 1, "padding": 1, "kernel_size": 3, "size": 4}),
    ("max_pool", {"ceil_mode": True, "size": 5, "dims": 1, "dilation": 2}),
    ("avg_pool", {"padding": 1, "size": 3, "count_include_pad": False}),
    ("avg_pool", {"kernel_size": 3, "stride": 2, "size": 6, "dims": 1, "ceil_mode": True}),
    ("subsample", {"size": (5, 4), "channels": 2}),
    ("linear", {"batch": 2, "features": (3, 2)}),
    ("softmax", {"shape": (2, 2, 2), "axis": 2}),
    ("euclidean_loss", {"shape": (3, 1), "reduction": "sum"}),
    ("euclidean_loss", {"shape": (2, 2), "reduction": "mean"}),
    ("cross_entropy", {"batch": 2, "reduction": "mean", "size": 2, "dims": 1}),
    ("batch_norm", {"channels": 2, "batch": 3}),
    ("local_response_norm", {"channels": 4, "size": 4, "batch": 2}),
    ("dropout", {"shape": (2, 3), "p": 0.7}),
    ("similarity", {"dims": 1, "channels": 2, "batch": 2}),
]


def agrees(problem):
    """Whether every formula gives what the reference gives, on other numbers than formulas are checked with anyway."""
    op, moved = problem.op, replace(problem, seed=problem.seed + 1)
    case = moved.whole_numbers() if moved.largest else moved.reals()
    results = {"y": case.y, **{n: case.gradients[op.inputs.index(n)] for n in problem.present}}
    arrays = {n: a for n, a in zip(op.inputs, case.inputs, strict=True) if a is not None}
    numbers = {**arrays, "y": case.y, COTANGENT: case.cotangent}
    for array, expected in results.items():
        found = formulas.right(problem, array)
        assert list(found) == list(np.ndindex(expected.shape))
        for index, formula in found.items():
            assert (formula.array, formula.index) == (array, index)
            if formula.polynomial is not None and moved.largest:
                assert formula.polynomial.at(numbers) == expected[index]
            worth = float(value(formula.expression, numbers))
            assert worth == pytest.approx(expected[index], rel=1e-12, abs=1e-12), (array, index)


@pytest.mark.parametrize("name", ops())
def test_formulas_are_what_the_reference_computes_of_drawn_problems(name):
    op = find(name)
    pinned = pinned_values(op, {option.name: SMALL[option.name] for option in op.takes.options if option.name in SMALL})
    drawn = []
    Search(problems_of(op, pinned, "float64"), 60, 0).run(drawn.append)
    few = [
        p for p in drawn if 0 not in p.shape("y") and 0 not in p.shape(p.present[0]) and formulas.products(p) <= MOST
    ]
    chosen = {str((p.shapes, p.parameters)): p for p in few}.values()
    assert chosen
    for problem in list(chosen)[:DRAWN]:
        agrees(replace(problem, exponents={}, small=True))


def products(problem):
    terms = problem.op.rounds.terms(problem)
    return sum(int(np.prod(problem.shape(n))) * terms[n] for n in (*problem.present, "y"))


@pytest.mark.parametrize(("name", "pinned"), FIXED, ids=str)
def test_formulas_are_what_the_reference_computes_of_problems_with_every_parameter(name, pinned):
    op = find(name)
    agrees(small_problem(op, pinned, bias="bias" in op.takes.optional))


def to(last):
    """1, 2, …, last"""
    return range(1, last + 1)


def V(*index):
    return ("x", (0, *(i - 1 for i in index)))


def K(*index):
    return ("weight", tuple(i - 1 for i in index))


def G(*index):
    return ("g", (0, *(i - 1 for i in index)))


def products_of(problem, array):
    """The products in the formula of each element; every coefficient is 1."""
    found = formulas.polynomials(problem, array)
    assert {c for polynomial in found.values() for c in polynomial.terms.values()} <= {1}
    return {index: {frozenset(term) for term in polynomial.terms} for index, polynomial in found.items()}


@pytest.mark.parametrize("s", [1, 2, 3])
def test_formulas_of_a_convolution_are_the_equations_of_002(s):
    """Equations 1 to 3, index for index and from 1, as the document has them."""
    problem = small_problem(
        find("conv"), {"stride": s, "channels": (2, 3), "size": (2 + 2 * s, 4 + s), "kernel": (2, 3)}, bias=False
    )
    (_, C, H, W), (O, _, M, N), (_, _, R, S) = (problem.shape(name) for name in ("x", "weight", "y"))
    z, dk, dv = (products_of(problem, array) for array in ("y", "weight", "x"))
    for i, j, k in product(to(O), to(R), to(S)):
        eq1 = {
            frozenset({V(l, (j - 1) * s + m, (k - 1) * s + n), K(i, l, m, n)})
            for l in to(C)
            for m in to(M)
            for n in to(N)
        }
        assert z[0, i - 1, j - 1, k - 1] == eq1
    for i, j, k, l in product(to(O), to(C), to(M), to(N)):
        eq2 = {frozenset({G(i, m, n), V(j, (m - 1) * s + k, (n - 1) * s + l)}) for m in to(R) for n in to(S)}
        assert dk[i - 1, j - 1, k - 1, l - 1] == eq2
    for i, j, k in product(to(C), to(H), to(W)):
        eq3 = {
            frozenset({K(q, i, m, p), G(q, l, n)})
            for l, m in product(to(R), to(M))
            if (l - 1) * s + m == j
            for n, p in product(to(S), to(N))
            if (n - 1) * s + p == k
            for q in to(O)
        }
        assert dv[0, i - 1, j - 1, k - 1] == eq3


def meetings(problem):
    """Every (y, x, weight) that meet, by one loop for each index and from 0."""
    x, weight, y = (problem.shape(name) for name in ("x", "weight", "y"))
    p = problem.parameters
    axes = len(x) - 2
    stride, dilation = (v if isinstance(v, tuple) else (v,) * axes for v in (p["stride"], p["dilation"]))
    spans = [(k - 1) * d for k, d in zip(weight[2:], dilation, strict=True)]
    named = {"valid": [0] * axes, "same": [span // 2 for span in spans], "full": spans}
    padding = p["padding"]
    before = (
        named[padding] if isinstance(padding, str) else padding if isinstance(padding, tuple) else (padding,) * axes
    )
    for n, o, *i in np.ndindex(*y):
        for c, *k in np.ndindex(*weight[1:]):
            at = [a * s + b * d - z for a, s, b, d, z in zip(i, stride, k, dilation, before, strict=True)]
            if all(0 <= a < size for a, size in zip(at, x[2:], strict=True)):
                group = o // (weight[0] // p["groups"])
                offset = [size - 1 - b for b, size in zip(k, weight[2:], strict=True)] if p["flip"] else k
                yield (n, o, *i), (n, group * weight[1] + c, *at), (o, c, *offset)


CONVOLUTIONS = [pinned for name, pinned in FIXED if name == "conv"] + [{}, {"dims": 1, "stride": 3}]


@pytest.mark.parametrize("pinned", CONVOLUTIONS, ids=str)
def test_formulas_of_a_convolution_are_who_meets_whom(pinned):
    problem = small_problem(find("conv"), pinned, bias=False)
    expected = {name: {index: set() for index in np.ndindex(*problem.shape(name))} for name in ("y", "x", "weight")}
    for y, x, weight in meetings(problem):
        expected["y"][y].add(frozenset({("x", x), ("weight", weight)}))
        expected["x"][x].add(frozenset({("g", y), ("weight", weight)}))
        expected["weight"][weight].add(frozenset({("g", y), ("x", x)}))
    for name, terms in expected.items():
        assert products_of(problem, name) == terms, name


@pytest.mark.parametrize("name", [op.name for op in ops().values() if op.told.formula is not None])
def test_a_written_formula_that_is_wrong_is_not_shown(name):
    op = find(name)
    problem = small_problem(op, {}, bias=False)

    def slightly_wrong(problem, array, index):
        return Product((number(1 + 1e-9), op.told.formula(problem, array, index)))

    wrong = replace(problem, op=replace(op, told=replace(op.told, formula=slightly_wrong)))
    for array in ("y", *problem.present):
        with pytest.raises(
            RuntimeError, match=rf"^the formula of {array}\[.*\] is not what the reference of {name} computes$"
        ):
            formulas.right(wrong, array)


def test_a_wrong_reference_has_other_formulas():
    """What is shown is what the reference computes, not what it should compute."""

    class Turned:
        forward = staticmethod(conv.forward)

        @staticmethod
        def backward(g, x, weight, bias, **parameters):
            return conv.backward(g, x, weight[..., ::-1, ::-1], bias, **parameters)

    problem = small_problem(find("conv"), {}, bias=False)
    turned = replace(problem, op=replace(problem.op, reference=Turned))
    assert products_of(problem, "x")[0, 0, 0, 0] == {frozenset({("weight", (0, 0, 0, 0)), G(1, 1, 1)})}
    assert products_of(turned, "x")[0, 0, 0, 0] == {frozenset({("weight", (0, 0, 1, 1)), G(1, 1, 1)})}


def test_what_nobody_could_read_is_refused():
    problem = small_problem(find("conv"), {"size": (100, 90)}, bias=False)
    shapes = "x (1, 1, 100, 90), weight (1, 1, 2, 2), y (1, 1, 99, 89)"
    sentence = f"{shapes}: 115299 products are too many to be written; at most 20000 are"
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        formulas.right(problem, "y")


def test_an_element_that_no_window_reaches_is_0():
    problem = small_problem(find("conv"), {"dims": 1, "stride": 3, "size": 6}, bias=False)
    found = formulas.right(problem, "x")
    assert {index[-1]: bool(f.polynomial.terms) for index, f in found.items()} == {
        0: True,
        1: True,
        2: False,
        3: True,
        4: True,
        5: False,
    }
