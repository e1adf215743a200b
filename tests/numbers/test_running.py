"""Running errors contain what rounding really does, in any order and by other right algorithms, and little more."""

from dataclasses import replace
from functools import cache
from itertools import permutations
from math import inf, isinf

import numpy as np
import pytest

from checks.cases.drawing import problems_of
from checks.cases.search import Search
from checks.numbers.bounds import unit_roundoff
from checks.numbers.running import MARGIN, carried, errors
from checks.op import Problem
from checks.ops import find, ops
from checks.subjects.implementation import Implementation
from checks.trials.trial import Run, is_run
from tests.laws.right_variants import RIGHT

NO_POLYNOMIALS = [name for name in ops() if find(name).kind.degree is None]
RUNNING = [name for name in ops() if is_run(find(name))]
BY_RUNNING = [(name, algorithm) for name, algorithm, _ in RIGHT if name in RUNNING]
LOW = ["float32", "float16"]


@cache
def drawn(name, dtype, examples=40):
    found = []
    Search(problems_of(find(name), {}, dtype), examples, 41).run(found.append)
    return found


def run_of(problem, implementation=None):
    reference = Implementation.of(problem.op, problem.op.reference)
    judged = reference if implementation is None else Implementation.of(problem.op, implementation)
    return Run(problem, judged, reference, problem.reals())


def within(run):
    for result, actual, expected in run.results():
        with np.errstate(invalid="ignore"):
            error = np.abs(actual.astype(np.float64) - expected)
        assert np.all(error <= run.reference_bound(result).elementwise), (result, run.problem)


def of(value, error=0.0, dtype="float32"):
    """One number, that is off by so much already."""
    (number,) = carried(np.asarray([value]), dtype)
    number.error = error
    return number


# Operations


UNARY = {
    "sqrt": (np.sqrt, [0.3, 4.0, 1e9]),
    "exp": (np.exp, [-9.0, 0.0, 3.0]),
    "log": (np.log, [0.2, 1.0, 50.0]),
    "log1p": (np.log1p, [-0.8, 0.0, 50.0]),
    "tanh": (np.tanh, [-3.0, 0.0, 0.5, 9.0]),
    "to the -3/4": (lambda a: a**-0.75, [0.3, 1.0, 9.0]),
    "to the 5/2": (lambda a: a**2.5, [0.3, 1.0, 9.0]),
    "squared": (np.square, [-0.3, 1.0, 9.0]),
    "cubed": (lambda a: a**3, [-0.3, 1.0, 9.0]),
    "over 3": (lambda a: a / 3, [-0.3, 9.0]),
    "3 over": (lambda a: 3 / a, [-0.3, 9.0]),
    "3 less": (lambda a: 3 - a, [-0.3, 9.0]),
    "itself less 3": (lambda a: a - 3, [-0.3, 9.0]),
    "halved": (lambda a: a / 2, [-0.3, 9.0]),
    "size": (np.abs, [-0.3, 9.0]),
}


@pytest.mark.parametrize(("function", "values"), UNARY.values(), ids=UNARY)
def test_what_is_inherited_is_what_the_function_makes_of_the_ends_of_an_interval(function, values):
    """Contained, and met to within a tenth: an inherited term left out, or one too many, is seen."""
    for value in values:
        off = 1e-3 * (abs(value) or 1)
        (bound,) = errors(function(np.asarray([of(value, off, "float64")], object))) / MARGIN
        exact = function(np.longdouble(value))
        ends = [float(abs(function(np.longdouble(value) + side * off) - exact)) for side in (1, -1)]
        assert max(ends) <= bound <= 1.1 * max(ends), value


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("operation", [np.add, np.subtract, np.multiply, np.divide])
def test_two_errors_add_up(operation, sign):
    a, b, e, f = 1.7, 0.6 * sign, 2e-3, 1e-3
    (bound,) = errors(operation(np.asarray([of(a, e)], object), np.asarray([of(b, f)], object))) / MARGIN
    ends = [abs(operation(a + s * e, b + t * f) - operation(a, b)) for s in (1, -1) for t in (1, -1)]
    assert max(ends) <= bound <= 1.01 * max(ends)


@pytest.mark.parametrize("dtype", ["float64", *LOW])
def test_each_operation_rounds_once_and_a_function_six_times(dtype):
    u = unit_roundoff(dtype)

    def roundings(number):
        (bound,) = errors(np.asarray([number], object)) / MARGIN
        return round(bound / u / number.size, 1) - 1  # one more to be stored

    a, b = of(1.5, dtype=dtype), of(1.25, dtype=dtype)
    assert [roundings(one) for one in (a, -a, abs(a), a * 2, a / 4, a + 0)] == [0] * 6
    assert [roundings(one) for one in (a * b, a / b, a + b, a.sqrt(), a * 3)] == [1] * 5
    if dtype != "float64":
        assert [roundings(one) for one in (a * 0.1, a / 0.1)] == [2] * 2, "0.1 is rounded too"
    assert [roundings(one) for one in (a.exp(), a.log(), a.log1p(), a.tanh(), a**-0.5)] == [6] * 5
    assert roundings(a - b) == pytest.approx(1 - (1 - (a - b).value / (a - b).size), abs=0.11), "of sizes"


def test_constants_are_rounded_in_the_precision_that_counts():
    (held,), (not_held,) = (carried(np.ones(1), "bfloat16") * c for c in (1 + 2.0**-7, 1 + 2.0**-8))
    assert held.error < not_held.error


@pytest.mark.parametrize("dtype", LOW)
@pytest.mark.parametrize("seed", range(40))
def test_random_formulas_stay_within_their_bound(dtype, seed):
    """Without any margin: formulas of twelve steps, each of two earlier results or of one."""
    rng = np.random.default_rng(seed)
    numbers = rng.uniform(0.5, 2, 4).astype(dtype)
    low, high, bounded = list(numbers), list(numbers.astype(np.longdouble)), list(carried(numbers, dtype))
    steps = [np.add, np.subtract, np.multiply, np.divide, *(lambda a, _, f=f: f(a) for f in (np.tanh, np.exp, np.abs))]
    for _ in range(12):
        step, (i, j) = steps[rng.integers(len(steps))], rng.integers(0, len(low), 2)
        with np.errstate(all="ignore"):
            low.append(step(low[i], low[j]))
            high.append(step(high[i], high[j]))
        bounded.append(step(*(np.asarray([bounded[k]], object) for k in (i, j)))[0])
    for computed, exact, number in zip(low, high, bounded, strict=True):
        (bound,) = errors(np.asarray([number], object)) / MARGIN
        assert isinf(bound) or abs(np.longdouble(computed) - exact) <= bound


# Sums


def test_sums_stay_within_their_bound_in_every_order():
    numbers = np.asarray([300.0, -299.5, 0.1, 0.07, 1e-3, -2.3], np.float16)
    (bound,) = errors(carried(numbers, "float16").sum(keepdims=True)) / MARGIN
    exact = numbers.astype(np.float64).sum()
    off = []
    for order in permutations(numbers):
        total = np.float16(0)
        for number in order:
            total += number
        off.append(abs(float(total) - exact))
    assert max(off) <= bound
    assert max(off) > errors(np.asarray([of(exact, dtype="float16")], object))[0], "more than one rounding"


def test_the_order_in_which_a_sum_is_written_does_not_matter():
    numbers = carried(np.asarray([1e-3, 7.0, -40.0, 0.3]), "float32")
    expected = errors(numbers.sum(keepdims=True))
    for order in permutations(numbers):
        a, b, c, d = order
        assert np.allclose(errors(np.asarray([(a + b) + (c + d), a + (b + (c + d))], object)), expected, rtol=1e-14)


@pytest.mark.parametrize("n", [1, 2, 30])
def test_a_sum_of_products_has_the_bound_that_polynomials_have(n):
    a, b = np.random.default_rng(n).standard_normal((2, n)).astype(np.float32)
    (bound,) = errors(np.asarray([carried(a, "float32") @ carried(b, "float32")], object)) / MARGIN
    size, u = float(np.abs(a.astype(np.float64) * b).sum()), 2.0**-24
    assert bound == pytest.approx(n * u * size + u * abs(float(a.astype(np.float64) @ b)), rel=1e-4)


# Where nothing follows


LOST = {
    "divisor 0": lambda: of(1.0) / of(1e-3, 1e-3),
    "over 0": lambda: of(1.0) / 0,
    "root negative": lambda: of(1e-3, 2e-3).sqrt(),
    "root of −1": lambda: of(-1.0).sqrt(),
    "log 0": lambda: of(1e-3, 1e-3).log(),
    "log1p −1": lambda: of(-0.999, 2e-3).log1p(),
    "power of 0": lambda: of(1e-3, 1e-3) ** -0.5,
    "power of −2": lambda: of(-2.0) ** 0.5,
    "e^1000": lambda: of(1000.0).exp(),
    "sum": lambda: of(3e38) + of(3e38),
    "product": lambda: of(1e30) * of(1e30),
    "product in half precision": lambda: of(200.0, dtype="float16") * of(400.0, dtype="float16"),
    "too many terms": lambda: carried(np.ones(3000), "float16").sum(),
    "NaN": lambda: of(np.nan) * 2,
    "infinity": lambda: carried(np.asarray([inf]), "float32")[0] - 1,
}


@pytest.mark.parametrize("made", LOST.values(), ids=LOST)
def test_the_bound_is_infinite_where_rounding_can_make_anything_and_stays_so(made):
    for number in (made(), made() + of(1.0), made() * of(0.1)):
        assert errors(np.asarray([number], object))[0] == inf


def test_what_underflows_is_counted():
    tiny = np.full(8, 3e-5, np.float16)
    total = np.float16(0)
    for number in tiny:
        total += number * number
    numbers = carried(tiny, "float16")
    assert total == 0
    assert 8 * float(tiny[0]) ** 2 <= errors(np.asarray([numbers @ numbers], object))[0] / MARGIN


def test_a_sum_of_no_terms_and_a_product_with_0_are_exact():
    assert errors(np.zeros(2, object)).tolist() == [0, 0]
    assert errors(carried(np.ones(2), "float32") * False).tolist() == [0, 0]


@pytest.mark.parametrize("name", NO_POLYNOMIALS)
def test_bounds_in_units_of_u_grow_with_u(name):
    """Which is what makes the float64 reference's own error a share of the bound (bounds.py)."""
    for problem in drawn(name, "float16", 10):
        low, high = (run_of(replace(problem, dtype=dtype)) for dtype in ("float16", "float64"))
        same = replace(high, case=low.case)
        for result in ("y", *(f"grad_{n}" for n in problem.present)):
            # In float16 the reference is taken to compute in float32, and to store once.
            small, large = same.reference_bound(result).elementwise, low.reference_bound(result).elementwise
            assert np.all(small / 2 / 2.0**-53 <= large / 2.0**-24)


# Ops


@pytest.mark.parametrize("dtype", ["float64", *LOW])
@pytest.mark.parametrize("name", NO_POLYNOMIALS)
def test_a_reference_stays_within_what_it_says_of_itself(name, dtype):
    for problem in drawn(name, dtype):
        within(run_of(problem))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "algorithm"), BY_RUNNING, ids=str)
def test_another_algorithm_stays_within_what_the_reference_says(name, algorithm, dtype):
    for problem in drawn(name, dtype):
        try:
            within(run_of(problem, algorithm))
        except NotImplementedError:
            continue


@pytest.mark.parametrize("name", RUNNING)
def test_a_factor_and_a_dropped_element_are_outside(name):
    """200 u too much in each result, and a gradient of a cotangent that has lost its last number.

    The scores of attention are sums of their own before the softmax, so that each counts about three times as much.
    """
    op, factor = find(name), 600 if name == "attention" else 200
    caught = {}
    for problem in drawn(name, "float32", 20):
        run = run_of(problem)
        if not problem.shape("y") or not np.prod(problem.shape("y")):
            continue
        g = run.case.cotangent.copy()
        g.flat[-1] = 0
        dropped = run.with_cotangent(g).true_gradients
        for result, _, true in run.results():
            bound = run.reference_bound(result).elementwise
            if not np.any(
                np.abs(true) > bound
            ):  # as the gradients of a similarity of windows of one number, which are 0
                continue
            caught.setdefault((result, "factor"), []).append(bool(np.any(np.abs(true) * factor * 2.0**-24 > bound)))
            if result != "y":
                off = np.abs(true - dropped[result.removeprefix("grad_")])
                caught.setdefault((result, "dropped"), []).append(bool(np.any(off > bound)))
    assert {result for result, _ in caught} == {"y", *(f"grad_{n}" for n in op.takes.differentiable)}
    assert {what: np.mean(found) for what, found in caught.items() if np.mean(found) < 0.75} == {}


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_a_derivative_that_is_lost_in_the_tail_is_within_the_ops_bound_but_not_the_references(name):
    op = find(name)
    problem = Problem(op, {"x": (3,), "y": (3,)}, {}, "float64")
    case = problem.reals().with_input("x", np.asarray([20.0, -25.0, 40.0]))
    case = replace(case, cotangent=np.ones(3))
    reference = Implementation.of(op, op.reference)
    run = Run(problem, reference, reference, case)
    true = run.true_gradients["x"]
    lost = np.abs(true)  # the error of a derivative of 0
    assert np.all(lost > 0)
    assert np.all(run.reference_bound("grad_x").elementwise < 200 * 2.0**-53 * true)
    assert np.any(lost <= run.bound("grad_x").elementwise)
    assert np.all(lost > run.reference_bound("grad_x").elementwise)
