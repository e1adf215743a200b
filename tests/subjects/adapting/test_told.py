"""What is said of a layer is taken in place of what would be looked for, and refused where it cannot be."""

from __future__ import annotations

import numpy as np
import pytest

from checks import adapt
from checks.ops import find
from checks.subjects.adapting.told import path_of, read
from checks.subjects.implementation import Implementation, NotAnImplementation
from checks.verdict.judging import judge
from tests.subjects.adapting.test_layer import ConvNHWC


class Odd:
    """Names that nobody else uses."""

    def __init__(self, n_inputs, n_neurons):
        self.box = {"alpha": np.ones((n_inputs, n_neurons)), "omega": np.zeros(n_neurons)}

    def forward(self, x):
        self.x = x
        return x @ self.box["alpha"] + self.box["omega"]

    def backward(self, g):
        self.first, self.second = self.x.T @ g, g.sum(0)
        return g @ self.box["alpha"].T


KEPT = {"weight": "box['alpha']: I O", "bias": "box['omega']"}
LEFT = {"weight": "first", "bias": "second"}


def test_names_that_are_said_are_taken_and_the_layer_is_right():
    report = judge("linear", adapt(Odd, grads=LEFT, **KEPT), examples=8, seed=1)
    assert report.exit_code == 0
    assert "weight is box['alpha']" in report.assumed[1]
    assert "grad_weight is first" in report.assumed[1]


def test_words_say_the_same_as_python():
    words = "weight=box['alpha']: I O; bias=box['omega']; grads=weight: first, bias: second"
    assert read(Odd, words) == adapt(Odd, grads=LEFT, **KEPT)


def test_a_layout_that_is_said_is_the_one_that_is_judged():
    told = adapt(ConvNHWC, layout="NHWC", weight="W: H W I O", bias="b")
    assert Implementation.of(find("conv"), told).assumed[0].startswith("x (N *size C), weight (*kernel C/groups O)")


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"layout": "NCHW"}, "forward is right in: none"),
        ({"weight": "W: O I H W"}, "weight is said to be W: O I H W; nothing of that name and shape"),
        ({"weight": "V"}, "weight is said to be V; nothing of that name"),
        ({"layout": "NHWQ"}, "'Q' in 'NHWQ' is none of its axes"),
        ({"grads": "weight: dV"}, "the gradient of weight is said to be dV; after backward nothing is there"),
    ],
)
def test_what_is_said_and_is_not_so_is_refused(told, said):
    with pytest.raises(NotAnImplementation, match=said):
        Implementation.of(find("conv"), adapt(ConvNHWC, **told))


def test_what_says_nothing_is_refused():
    with pytest.raises(ValueError, match="says nothing; expected words such as"):
        read(Odd, "NHWC")
    with pytest.raises(ValueError, match="expected an input and a place"):
        adapt(Odd, grads="dW")


def test_a_path_is_written_as_in_code():
    assert path_of("params['W'][0].grad") == (
        ("attribute", "params"), ("item", "W"), ("item", 0), ("attribute", "grad"),
    )  # fmt: skip
