"""Tiles of any size, products of sizes, and memory that is read wrongly from some size on, are told."""

import numpy as np
import pytest

from checks import judge
from checks.diagnosis import products
from checks.diagnosis.resizing import Axis
from checks.op import Problem
from checks.ops import find
from tests.diagnosis.test_sizes import LINEAR, Spoiled, past_whole, threshold_of


@pytest.mark.parametrize(
    ("change", "shape", "words"),
    [
        (
            past_whole(1, 24, 1.01, least=1), (3, 63),
            ("right up to 24 output features, wrong beyond where output features are no multiple of 24: "
            "y[:, 48:] (the last 15 of 63) is 1.01 times what it should be"),
        ),
        (
            lambda y: y * 1.01 if y.shape[-1] % 8 == 0 and y.shape[-1] >= 16 else y, (3, 32),
            ("wrong from 16 output features on where output features are a multiple of 8: "
            "all of y is 1.01 times what it should be"),
        ),
    ],
    ids=["24", "8 from 16 on"],
)  # fmt: skip
def test_tiles_of_any_size_and_faster_ways_are_told(change, shape, words):
    arrays = {"x": (3, 2), "weight": (shape[1], 2), "bias": None, "y": shape}
    said = threshold_of("linear", Spoiled("linear", "y", change), Problem(find("linear"), arrays, {}), "agreement")
    assert said == words


class LargeWeights:
    """A fully connected layer whose last feature is 0 where its weight has more than 4096 elements."""

    def forward(self, x, weight, bias):
        y = LINEAR.forward(x, weight, bias)
        y[..., -1] *= weight.size <= 4096
        return y

    backward = staticmethod(LINEAR.backward)


def test_a_threshold_of_a_product_is_told_so_and_one_of_two_axes_is_not():
    arrays = {"x": (3, 64), "weight": (80, 64), "bias": None, "y": (3, 80)}
    said = threshold_of("linear", LargeWeights(), Problem(find("linear"), arrays, {}))
    assert said.startswith("right up to 4096 elements of weight, wrong from "), said

    class Both(LargeWeights):
        def forward(self, x, weight, bias):
            y = LINEAR.forward(x, weight, bias)
            y[..., -1] *= not (weight.shape[0] > 32 and weight.shape[1] > 16)
            return y

    arrays = {"x": (3, 17), "weight": (33, 17), "bias": None, "y": (3, 33)}
    said = threshold_of("linear", Both(), Problem(find("linear"), arrays, {}))
    assert "16 input features" in said, said
    assert "32 output features" in said, said


def test_a_bias_that_the_last_rows_lack_is_told():
    class Layer:
        @staticmethod
        def forward(x, weight, bias):
            y = LINEAR.forward(x, weight, bias)
            y[32:] -= 0 if bias is None else bias
            return y

        backward = staticmethod(LINEAR.backward)

    arrays = {"x": (40, 2), "weight": (3, 2), "bias": (3,), "y": (40, 3)}
    said = threshold_of("linear", Layer(), Problem(find("linear"), arrays, {}), "agreement")
    assert said.endswith("wrong from 33 on: y[32:] (the last 8 of 40) is as if bias were 0"), said


def test_the_size_from_which_on_memory_is_read_wrongly_is_told():
    class Layer:
        @staticmethod
        def forward(x, weight, bias):
            if weight.shape[1] > 48 and not weight.flags.c_contiguous:
                weight = np.ascontiguousarray(weight)[:, ::-1]
            return LINEAR.forward(x, weight, bias)

        backward = staticmethod(LINEAR.backward)

    (found,) = judge("linear", Layer, seed=3, examples=12, laws=["contract"], features=(60, 3)).failures
    assert "right up to 48 input features, wrong from 49 on" in found.where, found
    assert "read wrongly" in found.note
    assert not found.mistake


class FewerAxes:
    """One that is wrong with two axes, and one that is right with one; of others nothing is known."""

    result = "y"

    def __init__(self):
        shapes = ((20, 130), True), ((1,), False)
        self.tried = [(Problem(find("relu"), {"x": shape, "y": shape}, {}), off) for shape, off in shapes]

    def is_wrong_in(self, other):
        """Nobody knows."""


def test_what_has_fewer_axes_says_nothing_of_a_product_of_two():
    axes = [Axis("shape", at, size, f"shape along axis {at}") for at, size in enumerate((20, 130))]
    assert products.told(axes, FewerAxes()) == ""
