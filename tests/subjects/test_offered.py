"""What a subject offers beyond order 1 is listed, in every output, and what it does not have is not."""

import numpy as np
import torch

from checks import judge
from checks.ops import find
from checks.render import html, json, load, terminal
from checks.subjects.bridges.torch import bridged
from reference import linear, relu


class Beyond:
    forward, backward = staticmethod(relu.forward), staticmethod(relu.backward)

    def double_backward(self, grad_grads, _, x):
        (u,) = grad_grads
        return u * (x > 0), np.zeros_like(x)


def test_what_is_offered_beyond_order_1_is_listed_in_every_output():
    report = judge("relu", Beyond(), seed=1, examples=2, shape=(3,))
    assert report.offers == ("double_backward",)
    said = "offers beyond order 1: double backward (`--order 2`)"
    assert said in terminal.render(report).splitlines()
    assert load.from_text(json.render(report), "a report")[0].offers == report.offers
    assert "Offers beyond order 1: double backward (<code>--order 2</code>)." in html.render(report)
    assert judge("relu", relu, seed=1, examples=2, shape=(3,)).offers == ()
    assert judge("relu.double_backward", Beyond(), seed=1, examples=2, shape=(3,)).offers == ()


class Samples:
    forward, backward = staticmethod(linear.forward), staticmethod(linear.backward)

    @staticmethod
    def per_sample(grad_output, x, _, bias):
        return grad_output[:, :, None] * x[:, None], bias if bias is None else grad_output


class Without(Beyond):
    per_sample = staticmethod(lambda *_: ())


def test_gradients_of_each_sample_are_offered_where_an_op_has_such():
    report = judge("linear", Samples(), seed=1, examples=2, batch=(3,))
    assert report.offers == ("per_sample",)
    assert "offers gradients of each sample (`--modes per-sample`)" in terminal.render(report).splitlines()
    assert "per_sample" not in judge("relu", Without(), seed=1, examples=2, shape=(3,)).offers


class Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, g):
        return g * (ctx.saved_tensors[0] > 0)


class Twice(Once):
    backward = staticmethod(Once.backward.__wrapped__)


def test_what_a_function_of_torch_does_not_have_is_not_offered():
    def offered(function):
        return bridged(find("relu"), function, dtype="float64", device="cpu").withheld

    assert "double_backward" in offered(Once)
    assert "jvp" in offered(Once)
    assert "double_backward" not in offered(Twice)
    assert "jvp" in offered(Twice)
    assert offered(torch.relu) == ()
