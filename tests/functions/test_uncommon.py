"""What is wrong only far from 0, at 0, at whole numbers or at ties is seen without being asked for; nothing right is."""

import numpy as np
import pytest

from checks.functions.function import judge_function
from checks.functions.tensors import of_arrays
from checks.functions.uncommon import EQUAL, FAR, ROUND, SPECIAL, turn


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sigmoid_b(g, x):
    return g * sigmoid(x) * (1 - sigmoid(x))


def swish_b(g, x):
    return g * sigmoid(x) * (1 + x * (1 - sigmoid(x)))


def length(x):
    return np.sqrt((x * x).sum(-1))


def product_b(g, x):
    found = np.zeros_like(x)
    for at in range(x.shape[-1]):
        others = np.delete(x, at, -1)
        found[..., at] = g * others.prod(-1)
    return found


def by_division(g, x):
    with np.errstate(all="ignore"):
        found = g[..., None] * x.prod(-1, keepdims=True) / x
    return np.where(x == 0, 0, found)


def loss(p, t):
    return np.abs(p - t).mean()


def loss_b(at_0):
    def b(g, p, t):
        slope = g * np.where(p == t, at_0, np.sign(p - t)) / p.size
        return slope, -slope

    return b


def largest_b(g, x):
    return g[..., None] * (x == x.max(-1, keepdims=True))


def one_of_largest_b(g, x):
    found = np.zeros_like(x)
    np.put_along_axis(found, x.argmax(-1)[..., None], g[..., None], -1)
    return found


WRONG = {
    "saturates too early": (sigmoid, lambda g, x: np.where(np.abs(x) > 6, 0, sigmoid_b(g, x)), "4,5"),
    "bound above": (lambda x: np.clip(x, 0, 6), lambda g, x: g * (x > 0), "4,5"),
    "nothing at 0": (lambda x: x * sigmoid(x), lambda g, x: np.where(x == 0, 0, swish_b(g, x)), "4,5"),
    "near 0": (np.sin, lambda g, x: np.where(np.abs(x) < 1e-3, 0, g * np.cos(x)), "4,5"),
    "2 at the kink": (np.abs, lambda g, x: g * np.where(x == 0, 2, np.sign(x)), "4,5"),
    "2 at the bounds": (lambda x: np.clip(x, -1, 1), lambda g, x: g * (1.0 * (x >= -1) + (x <= 1) - (x != 1)), "4,5"),
    "by what is 0": (lambda x: x.prod(-1), by_division, "4,5"),
    "of equal ones": (loss, loss_b(2), "4,5 4,5"),
    "whole to each": (lambda x: x.max(-1), largest_b, "4,5"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_in_few_places_is_found(name):
    f, b, inputs = WRONG[name]
    report = judge_function(f, b, inputs, seed=1, examples=24)
    assert report.exit_code == 1, str(report)


def refusing(x):
    if np.any(np.abs(x) >= 1):
        raise ValueError("expected numbers on (-1, 1)")
    return np.arccos(x)


def of_labels(x, t):
    p = sigmoid(x)
    return -(t * np.log(p + 1e-12) + (1 - t) * np.log(1 - p + 1e-12)).mean()


def of_labels_b(g, x, t):
    p = sigmoid(x)
    return g * p * (1 - p) * (-t / (p + 1e-12) + (1 - t) / (1 - p + 1e-12)) / x.size, None


def one_by_one(g, x):
    """By Python's numbers, which raise where NumPy's are none."""
    found = [float(a) * float(b) / abs(float(b)) for a, b in zip(g.ravel(), x.ravel(), strict=True)]
    return np.reshape(found, x.shape).astype(x.dtype)


RIGHT = {
    "divides by 0": (np.abs, one_by_one),
    "infinite slope at 0": (np.cbrt, lambda g, x: g * np.where(x == 0, 0, np.cbrt(np.where(x == 0, 1, x)) ** -2 / 3)),
    "settles slowly at 0": (
        lambda x: np.sign(x) * np.abs(x) ** x.dtype.type(1.5),
        lambda g, x: g * x.dtype.type(1.5) * np.sqrt(np.abs(x)),
    ),
    "no number at 0": (length, lambda g, x: g[..., None] * x / length(x)[..., None]),
    "refuses what is far": (refusing, lambda g, x: -g / np.sqrt(1 - x * x)),
    "overflows": (lambda x: np.exp(x * x * x), lambda g, x: 3 * g * x * x * np.exp(x * x * x)),
    "jumps": (lambda x: x - np.floor(x), lambda g, x: g + 0 * x),
    "one of the largest": (lambda x: x.max(-1), one_of_largest_b),
    "by products": (lambda x: x.prod(-1), product_b),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_where_it_is_defined_is_right(name, dtype):
    f, b = RIGHT[name]
    report = judge_function(f, b, "6,1" if "number" in name else "4,5", dtype=dtype, seed=1, examples=16)
    assert report.exit_code == 0, str(report)


@pytest.mark.parametrize("class_", [0, 499])
def test_the_first_and_the_last_of_whole_numbers_are_drawn(class_):
    def likely(x, t):
        return (x[np.arange(len(t)), t] ** 2).sum()

    def b(g, x, t):
        found = np.zeros_like(x)
        found[np.arange(len(t)), t] = 2 * g * x[np.arange(len(t)), t] * np.where(t == class_, 1.01, 1)
        return found, None

    assert judge_function(likely, b, "2,500 2:integers(0,500)", seed=1, examples=5).exit_code == 1


def test_what_has_been_rounded_away_far_from_0_is_no_mistake():
    report = judge_function(of_labels, of_labels_b, "4,5 4,5:integers(0,2)", seed=1, examples=32)
    assert report.exit_code == 0, str(report)


def test_every_kind_has_its_turn_and_what_is_scaled_has_each_exponent():
    turns = [turn(number, ["a", "b"]) for number in range(8 * ROUND)]
    assert {kind for kind, _ in turns} == {"", FAR, SPECIAL, EQUAL}
    assert {(n, e) for _, exponents in turns for n, e in exponents.items()} == {
        (name, exponent) for name in "ab" for exponent in (3, 4, -8)
    }
    assert all(turn(number, []) == ("", {}) for number in range(ROUND)), "given arrays stay as they are"


def test_modes_may_go_by_either_side_of_a_kink():
    report = judge_function(
        lambda x: np.maximum(x, 0),
        lambda g, x: g * (x > 0),
        "4,5",
        seed=1,
        examples=16,
        modes=("reverse", "forward"),
        jvp=lambda v, x: v[0] * (x >= 0),
    )
    assert report.exit_code == 0, str(report)


def clipped(x):
    return np.clip(x, -0.5, 0.5)


def clipped_b(at_bound):
    return lambda g, x: np.where(np.abs(x) == 0.5, at_bound, np.abs(x) < 0.5) * g


@pytest.mark.parametrize("seed", range(2))
def test_every_corner_has_its_turn_and_a_small_cotangent_there_hides_nothing(seed):
    """Twice the slope at the bound of a clip, or one of the other sign; any slope between is right."""
    for at_bound in (2.0, -1.0):
        (wrong,) = judge_function(clipped, clipped_b(at_bound), "4,6", seed=seed).failures
        assert wrong.result == "grad_x"
    for at_bound in (0.0, 0.25, 1.0):
        assert not judge_function(clipped, clipped_b(at_bound), "4,6", seed=seed).failures


def least_b(g, x):
    return g[..., None] * (x == x.min(-1, keepdims=True))


def shared_least_b(g, x):
    tied = x == x.min(-1, keepdims=True)
    return g[..., None] * tied / tied.sum(-1, keepdims=True)


@pytest.mark.parametrize("seed", range(2))
def test_each_of_the_smallest_with_the_whole_cotangent_is_wrong(seed):
    """What they get together is compared along themselves: with signs by chance it may come to nothing."""
    (wrong,) = judge_function(lambda x: x.min(-1), least_b, "4,6", seed=seed).failures
    assert wrong.error > 0.5 * abs(wrong.expected)
    assert not judge_function(lambda x: x.min(-1), shared_least_b, "4,6", seed=seed).failures


def of_two(x):
    """A layer norm over two elements: ±1 but for ε, whatever they are."""
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred * centred).mean(-1, keepdims=True) + x.dtype.type(1e-5))


def of_two_b(g, x):
    centred = x - x.mean(-1, keepdims=True)
    scale = 1 / np.sqrt((centred * centred).mean(-1, keepdims=True) + x.dtype.type(1e-5))
    y = centred * scale
    return scale * (g - g.mean(-1, keepdims=True) - y * (g * y).mean(-1, keepdims=True))


def test_what_nearly_cancels_in_float32_is_right_and_without_that_term_wrong():
    assert not judge_function(of_two, of_two_b, "3,2", dtype="float32", seed=1, examples=12).failures
    without = judge_function(
        of_two, lambda g, x: (g - g.mean(-1, keepdims=True)) / x.std(-1, keepdims=True), "3,2", dtype="float32", seed=1,
        examples=12,
    )  # fmt: skip
    assert [f.result for f in without.failures] == ["grad_x"]


def test_a_matrix_exponential_far_from_0_is_right_though_it_rounds_relative_to_its_largest_element():
    import torch

    def expm(*arrays):
        return torch.linalg.matrix_exp(*arrays)

    forward, backward, _ = of_arrays(expm)
    report = judge_function(forward, backward, [(3, 3)], seed=1)
    assert not report.failures, str(report)
