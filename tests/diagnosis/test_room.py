"""Which size matters, where kernels leave little room, axes are short one by one, or the end of a map shows nothing."""

import pytest

from checks.op import Problem
from checks.ops import find
from reference import attention, conv
from tests.diagnosis.test_sizes import Spoiled, past_whole, threshold_of


def of_conv(change, problem, result="grad_weight"):
    """What is said of a convolution, one of whose gradients is made into another where it is so large."""

    class Changed:
        forward = staticmethod(conv.forward)

        @staticmethod
        def backward(g, *inputs, **parameters):
            gradients = list(conv.backward(g, *inputs, **parameters))
            change(g, gradients, parameters)
            return gradients

    return threshold_of("conv", Changed, problem, result=result)


def conv_problem(x, weight, y, **parameters):
    shapes = {"x": x, "weight": weight, "bias": (weight[0],), "y": y}
    usual = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "flip": False}
    return Problem(find("conv"), shapes, {**usual, **parameters})


def test_a_number_of_taps_is_named_though_the_kernel_is_short_along_each_axis():
    def change(_, gradients, __):
        gradients[1].reshape(*gradients[1].shape[:2], -1)[..., 16:] = 0

    said = of_conv(change, conv_problem((1, 1, 3, 3, 2), (1, 1, 3, 3, 2), (1, 1, 1, 1, 1)))
    assert said.startswith("right up to 16 positions of weight, wrong from 18 on")


def test_a_number_of_positions_is_named_though_one_axis_alone_seems_to_matter():
    def change(g, gradients, _):
        gradients[2][:] = g.reshape(*g.shape[:2], -1)[..., :128].sum((0, 2))

    parameters = {"stride": (3, 2), "padding": "full", "dilation": (1, 2), "flip": True}
    problem = conv_problem((1, 1, 11, 7), (1, 1, 3, 65), (1, 1, 5, 68), **parameters)
    said = of_conv(change, problem, "grad_bias")
    assert said.startswith("right up to 128 positions of y, wrong from 130 on")


def test_a_width_is_named_that_a_long_kernel_leaves_no_room_to_make_smaller():
    def change(_, gradients, parameters):
        if gradients[0].shape[-1] > 32 and parameters["padding"] != 0:
            gradients[0][..., -1] = 0

    problem = conv_problem((1, 1, 2, 70), (1, 1, 2, 41), (1, 1, 1, 32), padding=(0, 1))
    said = of_conv(change, problem, "grad_x")
    assert said.startswith("right up to size 32 along axis 1, wrong from 33 on: grad_x[:, :, :, 69]")


@pytest.mark.parametrize("width", [63, 66])
def test_a_tail_of_what_pools_begins_where_the_last_that_no_window_takes_hides_it(width):
    layer = Spoiled("max_pool", "x", past_whole(-1, 48, least=1))
    parameters = {"kernel_size": 2, "stride": None, "padding": 0, "dilation": 1, "ceil_mode": False}
    problem = Problem(find("max_pool"), {"x": (1, 1, width), "y": (1, 1, width // 2)}, parameters, seed=1)
    said = threshold_of("max_pool", layer, problem, result="grad_x")
    assert said.startswith(
        "right up to size 48 along axis 0, wrong beyond where size along axis 0 is no multiple of 48"
    )
    assert "grad_x[:, :, 48:]" in said


def test_no_size_is_blamed_where_other_numbers_are_wrong_at_all_sizes():
    """Scores that are not scaled show at any width above 1, and only where softmax has something to choose from."""

    class Unscaled:
        backward = staticmethod(attention.backward)

        @staticmethod
        def forward(q, *others, **parameters):
            return attention.forward(q * q.shape[-1] ** 0.5, *others, **parameters)

    shapes = {"q": (1, 1, 2, 2), "k": (1, 1, 2, 2), "v": (1, 1, 2, 2), "mask": (2, 2), "y": (1, 1, 2, 2)}
    parameters = {"causal": False, "scale": None, "groups": 1}
    problem = Problem(find("attention"), shapes, parameters, seed=0, small=True, exponents={"q": 0, "k": 0, "v": 0})
    assert threshold_of("attention", Unscaled, problem, law="forward") == ""
