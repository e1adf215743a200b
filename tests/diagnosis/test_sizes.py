"""What goes wrong from some size on: the size, and the part of the result, are told."""

import numpy as np
import pytest

from checks import judge
from checks.diagnosis.regions import region
from checks.diagnosis.seen import Seen, runs
from checks.diagnosis.sizes import MOST_CALLS, described
from checks.op import Problem
from checks.ops import find
from checks.subjects.implementation import Implementation
from reference import linear

NUMBERS = ["exact", "agreement"]


class Spoiled:
    """The reference of an op, but for what a function makes of one result."""

    def __init__(self, op, result, change):
        self.right = find(op).reference
        self.at = None if result == "y" else find(op).inputs.index(result)
        self.change = change

    def forward(self, *inputs, **parameters):
        y = self.right.forward(*inputs, **parameters)
        return self.change(y.copy()) if self.at is None else y

    def backward(self, g, *inputs, **parameters):
        gradients = list(self.right.backward(g, *inputs, **parameters))
        if self.at is not None and gradients[self.at] is not None:
            gradients[self.at] = self.change(gradients[self.at].copy())
        return gradients


def from_on(axis, first, factor=0.0):
    """What lies at this index and beyond is multiplied."""

    def change(a):
        np.moveaxis(a, axis, 0)[first:] *= factor
        return a

    return change


def past_whole(axis, tile, factor=0.0, *, least=0):
    """What lies past the last whole tile is multiplied, of arrays of so many tiles at least."""

    def change(a):
        whole = a.shape[axis] // tile * tile
        if whole >= least * tile:
            np.moveaxis(a, axis, 0)[whole:] *= factor
        return a

    return change


def multiples(axis, tile, factor):
    def change(a):
        return a if a.shape[axis] % tile else a * factor

    return change


def around(axis, tile):
    """Indices start again after a tile."""

    def change(a):
        return np.take(a, np.arange(a.shape[axis]) % tile, axis)

    return change


@pytest.mark.parametrize(
    ("op", "result", "change", "pinned", "words"),
    [
        (
            "linear", "weight", from_on(1, 32), {"features": (40, 3)},
            "right up to 32 input features, wrong from 33 on: grad_weight[:, 32:] (the last 8 of 40) is 0",
        ),
        (
            "linear", "weight", from_on(0, 16, 1.01), {"features": (3, 20)},
            ("right up to 16 output features, wrong from 17 on: "
            "grad_weight[16:] (the last 4 of 20) is 1.01 times what it should be"),
        ),
        (
            "linear", "x", past_whole(1, 16), {"features": (20, 3), "batch": (3,)},
            "wrong where input features are no multiple of 16: grad_x[:, 16:] (the last 4 of 20) is 0",
        ),
        (
            "linear", "x", past_whole(1, 16, 1.01, least=1), {"features": (37, 3), "batch": (3,)},
            ("right up to 16 input features, wrong beyond where input features are no multiple of 16: "
            "grad_x[:, 32:] (the last 5 of 37) is 1.01 times what it should be"),
        ),
        (
            "linear", "x", multiples(1, 32, 1.01), {"features": (32, 3), "batch": (2,)},
            "wrong where input features are a multiple of 32: all of grad_x is 1.01 times what it should be",
        ),
        (
            "linear", "weight", around(1, 32), {"features": (40, 3)},
            ("right up to 32 input features, wrong from 33 on: "
            "grad_weight[:, 32:] (the last 8 of 40) repeats grad_weight[:, :8]"),
        ),
        (
            "conv", "weight", from_on(1, 32), {"channels": (40, 3), "groups": 1, "dims": 1},
            "right up to 32 input channels, wrong from 33 on: grad_weight[:, 32:] (the last 8 of 40) is 0",
        ),
        (
            "conv", "y", past_whole(2, 16, least=1), {"size": 40, "dims": 1, "kernel": 2, "stride": 1, "padding": 0},
            ("right up to size of y 16 along axis 2, wrong beyond where size of y along axis 2 is no multiple of 16: "
            "y[:, :, 32:] (the last 7 of 39) is 0"),
        ),
        (
            "conv", "x", from_on(2, 32), {"size": 40, "dims": 1, "kernel": 2},
            "right up to size 32 along axis 0, wrong from 33 on: grad_x[:, :, 32:] (the last 8 of 40) is 0",
        ),
        (
            "max_pool", "x", from_on(1, 16), {"channels": 20, "dims": 1},
            "right up to 16 channels, wrong from 17 on: grad_x[:, 16:] (the last 4 of 20) is 0",
        ),
        (
            "softmax", "x", from_on(1, 64, 1.01), {"shape": (3, 70)},
            ("right up to shape 64 along axis 1, wrong from 65 on: "
            "grad_x[:, 64:] (the last 6 of 70) is 1.01 times what it should be"),
        ),
        (
            "sigmoid", "x", past_whole(0, 64, least=1), {"shape": (69,)},
            ("right up to shape 64 along axis 0, wrong beyond where shape along axis 0 is no multiple of 64: "
            "grad_x[64:] (the last 5 of 69) is 0"),
        ),
        (
            "cross_entropy", "logits", from_on(1, 32), {"classes": 40, "dims": 0},
            "right up to 32 classes, wrong from 33 on: grad_logits[:, 32:] (the last 8 of 40) is 0",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_the_size_and_the_part_are_told(op, result, change, pinned, words):
    (found,) = judge(op, Spoiled(op, result, change), seed=3, examples=4, laws=NUMBERS, **pinned).failures
    assert found.where == words
    assert not found.explanation or "1.01" in found.explanation, "that no mistake is known says less"


LINEAR = find("linear").reference


def summed_to(batch, factor):
    """The weight gradient of a layer that counts samples beyond so many otherwise."""

    class Layer:
        forward = staticmethod(LINEAR.forward)

        @staticmethod
        def backward(g, x, weight, bias):
            less = g.copy()
            less[batch:] *= factor
            grad_x, _, grad_bias = LINEAR.backward(g, x, weight, bias)
            return grad_x, LINEAR.backward(less, x, weight, bias)[1], grad_bias

    return Layer


@pytest.mark.parametrize(("factor", "counts"), [(0, "were 0"), (1.01, "counted 1.01 times")])
def test_a_part_that_is_left_out_of_a_sum_is_told(factor, counts):
    layer = summed_to(32, factor)
    (found,) = judge("linear", layer, seed=3, examples=4, laws=NUMBERS, features=(2, 3), batch=(40,)).failures
    assert found.where == f"right up to batch 32 along axis 0, wrong from 33 on: grad_weight is as if x[32:] {counts}"


def test_features_that_are_left_out_of_y_are_told():
    class Layer:
        @staticmethod
        def forward(x, weight, bias):
            return LINEAR.forward(np.where(np.arange(x.shape[-1]) < 64, x, 0), weight, bias)

        backward = staticmethod(LINEAR.backward)

    (found,) = judge("linear", Layer, seed=3, examples=4, laws=NUMBERS, features=(70, 3)).failures
    assert found.where == "right up to 64 input features, wrong from 65 on: y is as if x[:, 64:] were 0"


def test_what_is_wrong_at_every_size_has_no_threshold():
    layer = Spoiled("linear", "weight", lambda a: a + np.arange(a.shape[1]) ** 2)
    (found,) = judge("linear", layer, seed=3, examples=4, laws=NUMBERS, features=(40, 3)).failures
    assert "right up to" not in found.where


def test_no_more_than_a_few_calls_are_made():
    class Counting(Spoiled):
        calls = 0

        def backward(self, *arrays, **parameters):
            self.calls += 1
            return super().backward(*arrays, **parameters)

    op, layer = find("linear"), Counting("linear", "weight", from_on(1, 32))
    problem = Problem(op, {"x": (40, 40), "weight": (40, 40), "bias": None, "y": (40, 40)}, {})
    implementation, reference = Implementation.of(op, layer), Implementation.of(op, op.reference)
    (run,) = runs("exact", [problem], implementation, reference)
    said, (sized,) = described(Seen.of("grad_weight", run), "grad_weight", "exact", unnamed=True)
    assert said == "right up to 32 input features, wrong from 33 on: grad_weight[:, 32:] (the last 8 of 40) is 0"
    assert (sized.label, sized.limit, sized.right[-1], sized.wrong[0]) == ("features in", 32, 32, 33)
    assert layer.calls <= MOST_CALLS + 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (np.s_[:, 3:], "a[:, 3:] (the last 2 of 5)"),
        (np.s_[2], "a[2]"),
        (np.s_[:2, 1:3], "a[:2, 1:3]"),
        (np.s_[:, ::2], "a[:, ::2]"),
        (np.s_[:, 1::2], "a[:, 1::2]"),
        (np.s_[:], "all of a"),
    ],
    ids=str,
)
def test_a_region_is_written_as_it_would_be_sliced(wrong, words):
    mask = np.zeros((4, 5), bool)
    mask[wrong] = True
    assert str(region("a", mask)) == words


def test_what_lies_past_whole_tiles_of_two_axes_is_all_but_those():
    mask = np.ones((6, 7), bool)
    mask[:4, :4] = False
    assert str(region("a", mask)) == "all but a[:4, :4]"


def test_elements_that_are_right_by_accident_do_not_hide_a_region():
    mask = np.zeros((4, 50), bool)
    mask[:, 30:] = True
    mask[:, 35] = False
    assert str(region("a", mask)) == "a[:, 30:] (the last 20 of 50)"


def test_scattered_elements_are_no_region():
    assert region("a", np.eye(8, dtype=bool)) is None


def threshold_of(op, layer, problem, law="exact", result="y"):
    """What is said of a layer that goes wrong in this problem."""
    reference = Implementation.of(find(op), find(op).reference)
    (run,) = runs(law, [problem], Implementation.of(find(op), layer), reference)
    failure = Seen.of(result, run)
    assert failure.wrong.any()
    return described(failure, result, law, unnamed=True)[0]


class Seldom:
    """A row is wrong whose first number is one of few, in maps of so many rows at least."""

    def __init__(self, least=0, share=1 / 512):
        self.least = least
        self.share = share

    def forward(self, x, weight, bias):
        y = linear.forward(x, weight, bias)
        if len(x) >= self.least:
            y[(x[:, 0] * 1024) % 1 < self.share] *= 2
        return y

    backward = staticmethod(linear.backward)


def failing(layer, rows, seeds=range(100)):
    """A problem of so many rows in which it is wrong."""
    op = find("linear")
    for seed in seeds:
        problem = Problem(op, {"x": (rows, 2), "weight": (2, 2), "bias": None, "y": (rows, 2)}, {}, seed=seed)
        (run,) = runs("agreement", [problem], Implementation.of(op, layer), Implementation.of(op, op.reference))
        if Seen.of("y", run).wrong.any():
            return problem
    raise AssertionError


@pytest.mark.parametrize("start", [0, 100, 200])
def test_no_size_is_blamed_for_what_goes_wrong_by_chance(start):
    layer = Seldom()
    problem = failing(layer, 129, range(start, start + 100))
    assert threshold_of("linear", layer, problem, "agreement") == ""


@pytest.mark.parametrize("share", [1 / 8, 1])
def test_a_size_is_blamed_where_it_matters_though_it_is_wrong_by_chance(share):
    layer = Seldom(100, share)
    said = threshold_of("linear", layer, failing(layer, 129), "agreement")
    assert said.startswith("right up to batch 99 along axis 0, wrong from 100 on")


@pytest.mark.parametrize("seed", range(5))
def test_a_threshold_is_named_where_the_first_that_would_be_wrong_are_0(seed):
    layer = Spoiled("relu", "y", from_on(0, 64, 1.01))
    problem = Problem(find("relu"), {"x": (70,), "y": (70,)}, {}, seed=seed)
    assert threshold_of("relu", layer, problem).startswith(
        "right up to shape 64 along axis 0, wrong from 65 on: y[64:]"
    )


class PoolsUpTo:
    """Max pooling that takes what lies beyond so many places as 0."""

    def __init__(self, most):
        self.most = most

    def forward(self, x, **parameters):
        short = x.copy()
        short[:, :, self.most :] = 0
        return find("max_pool").reference.forward(short, **parameters)

    backward = staticmethod(find("max_pool").reference.backward)


def test_a_threshold_is_named_where_windows_fit_into_no_small_input():
    parameters = {"kernel_size": 5, "stride": 3, "padding": 0, "dilation": 2, "ceil_mode": False}
    problem = Problem(find("max_pool"), {"x": (2, 1, 24), "y": (2, 1, 6)}, parameters)
    assert "x[:, :, 16:] were 0" in threshold_of("max_pool", PoolsUpTo(16), problem)


def test_sizes_between_which_there_are_none_are_not_said_to_be_wrong():
    layer = Spoiled("group_norm", "y", from_on(1, 128, 1.01))
    shapes = {"x": (2, 129), "gamma": (129,), "beta": None, "y": (2, 129)}
    problem = Problem(find("group_norm"), shapes, {"groups": 3, "eps": 1e-5})
    said = threshold_of("group_norm", layer, problem, "agreement")
    assert said.startswith("right up to 126 channels, wrong from 129 on: y[:, 128]")


class RowsUpTo:
    """A fully connected layer whose rows beyond so many, of all axes of the batch together, have a gradient of 0."""

    def __init__(self, most):
        self.most = most

    forward = staticmethod(find("linear").reference.forward)

    def backward(self, grad_output, *inputs):
        grad_x, *others = find("linear").reference.backward(grad_output, *inputs)
        rows = grad_x.reshape(-1, grad_x.shape[-1]).copy()
        rows[self.most :] = 0
        return rows.reshape(grad_x.shape), *others


@pytest.mark.parametrize("shape", [(2, 87), (65, 3)])
def test_what_depends_on_the_number_of_rows_in_all_is_told_so(shape):
    arrays = {"x": (*shape, 2), "weight": (3, 2), "bias": None, "y": (*shape, 3)}
    said = threshold_of("linear", RowsUpTo(100), Problem(find("linear"), arrays, {}), result="grad_x")
    assert said.startswith("right up to 100 elements of batch, wrong from 101 on: "), said


class ClassesUpTo:
    """A cross entropy that takes 1 off for targets among the first so many classes alone."""

    def __init__(self, most):
        self.most = most

    forward = staticmethod(find("cross_entropy").reference.forward)

    def backward(self, grad_output, logits, target, **parameters):
        grad, _ = find("cross_entropy").reference.backward(grad_output, logits, target, **parameters)
        at = (np.arange(len(target)), target)
        grad[at] += np.where(target >= self.most, grad_output, 0)
        return grad, None


def test_a_threshold_that_only_some_indices_show_is_not_named_later():
    arrays = {"logits": (2, 131), "target": (2,), "y": ()}
    problem = Problem(find("cross_entropy"), arrays, {"reduction": "sum"}, seed=3)
    said = threshold_of("cross_entropy", ClassesUpTo(64), problem, "agreement", result="grad_logits")
    assert int(said.split("right up to ")[1].split()[0]) in range(64, 70), said


def test_a_threshold_of_what_comes_out_is_told_where_a_parameter_is_its_size():
    pool = find("adaptive_max_pool").reference

    class Layer:
        forward = staticmethod(pool.forward)

        @staticmethod
        def backward(g, x, *, output_size):
            less = g.copy()
            less[:, :, 16:] = 0  # of places that come out
            return pool.backward(less, x, output_size=output_size)

    (found,) = judge(
        "adaptive_max_pool", Layer, seed=3, examples=4, laws=NUMBERS, output_size=40, size=80, dims=1
    ).failures
    assert found.where.startswith("right up to output_size 16 along each axis, wrong from 17 on: grad_x")
