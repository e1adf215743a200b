"""Parameters that code does not take and has fixed: found by forward, said, and gradients judged by them."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from checks.ops import find
from checks.subjects.implementation import Implementation
from checks.verdict.judging import judge

CODE = """
from reference import {op}

def forward({inputs}):
    return {op}.forward({inputs}, {fixed})

def backward(grad_output, {inputs}):
    return {op}.backward(grad_output, {inputs}, {fixed})
"""


def fixing(op, **values):
    """Code of an op that has these values fixed."""
    module = ModuleType(f"fixed_{op}")
    sys.modules[module.__name__] = module
    fixed = ", ".join(f"{name}={value!r}" for name, value in values.items())
    exec(CODE.format(op=op, inputs=", ".join(find(op).inputs), fixed=fixed), vars(module))  # noqa: S102, it stands here
    return module


@pytest.mark.parametrize(
    ("op", "values"),
    [
        ("softmax", {"axis": -1}),
        ("softmax", {"axis": 0}),
        ("log_softmax", {"axis": -1}),
        ("leaky_relu", {"negative_slope": 0.2}),
        ("elu", {"alpha": 0.5}),
        ("attention", {"causal": True, "scale": 1}),
        ("attention", {"scale": 0.125}),
        ("group_norm", {"groups": 2, "eps": 1e-6}),
        ("layer_norm", {"eps": 1e-12}),
        ("batch_norm_inference", {"eps": 1e-3}),
        ("cross_entropy", {"reduction": "sum"}),
        ("weighted_cross_entropy", {"label_smoothing": 0.1, "reduction": "sum"}),
        ("weighted_cross_entropy", {"ignore_index": 0}),
        ("huber", {"delta": 1.35, "reduction": "sum"}),
        ("kl_div", {"reduction": "batchmean"}),
        ("local_response_norm", {"size": 3, "alpha": 0.001, "k": 2.0}),
        ("max_pool", {"kernel_size": 3, "stride": 2, "padding": 1}),
        ("avg_pool", {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False}),
        ("conv", {"stride": 2, "padding": 1}),
        ("pixel_shuffle", {"upscale_factor": 3}),
        ("embedding", {"padding_index": 1}),
    ],
)
def test_what_is_fixed_is_found_by_forward_and_said(op, values):
    found = Implementation.of(find(op), fixing(op, **values))
    assert dict(found.pins) == values
    assert found.assumed == (
        f"{' and '.join(f'{n} {v}' for n, v in values.items())}, which it does not take: so forward is right",
    )


class LastAxis:
    """A softmax always along the last axis."""

    def forward(self, x):
        e = np.exp(x - x.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)

    def backward(self, g, x):
        y = self.forward(x)
        return y * (g - (g * y).sum(-1, keepdims=True))


class FirstAxis(LastAxis):
    """Its backward sums along another axis than forward."""

    def backward(self, g, x):
        y = self.forward(x)
        return y * (g - (g * y).sum(0, keepdims=True))


class Padded:
    """A table whose row 0 is padding."""

    pad_idx = 0

    def forward(self, index, weight):
        return weight[index]

    def backward(self, g, index, weight):
        grad = np.zeros_like(weight)
        np.add.at(grad, index, g)
        grad[self.pad_idx] = 0
        return None, grad


class Overwritten(Padded):
    def backward(self, g, index, weight):
        grad = np.zeros_like(weight)
        grad[index] = g
        grad[self.pad_idx] = 0
        return None, grad


@pytest.mark.parametrize(
    ("op", "right", "wrong"), [("softmax", LastAxis, FirstAxis), ("embedding", Padded, Overwritten)]
)
def test_gradients_are_judged_by_it(op, right, wrong):
    assert judge(op, right, examples=20, seed=1).exit_code == 0
    report = judge(op, wrong, examples=20, seed=1)
    assert report.exit_code == 1
    assert {failure.result for failure in report.failures} <= {"grad_x", "grad_weight"}
    assert report.assumed


def test_a_row_without_a_gradient_is_no_padding_where_code_does_not_speak_of_it():
    def backward(g, index, weight):
        grad = np.zeros_like(weight)
        np.add.at(grad, index, g)
        grad[0] = 0
        return None, grad

    subject = SimpleNamespace(forward=lambda index, weight: weight[index], backward=backward)
    assert not Implementation.of(find("embedding"), subject).pins


def test_a_wrong_forward_is_at_no_value():
    class Doubled(LastAxis):
        def forward(self, x):
            return 2 * super().forward(x)

    found = Implementation.of(find("softmax"), Doubled)
    assert not found.pins
    assert judge("softmax", Doubled, examples=12, seed=1).exit_code == 1


@pytest.mark.parametrize(
    ("op", "pins"), [("embedding", {"padding_index": 1}), ("weighted_cross_entropy", {"ignore_index": 0})]
)
def test_where_a_row_or_class_is_said_there_are_more_than_that(op, pins):
    assert judge(op, examples=20, seed=3, **pins).exit_code == 0


def test_where_no_value_is_found_nothing_is_fixed():
    """A convolution of one axis, whose bias is needed."""

    def forward(x, weight, bias):
        windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2], 2)
        return np.einsum("nclk,ock->nol", windows, weight) + bias[:, None]

    subject = SimpleNamespace(forward=forward, backward=forward)
    assert not Implementation.of(find("conv"), subject).pins


class NormOfLast:
    """A layer norm over the last axis, in code that takes any γ and β that broadcast."""

    def forward(self, x, gamma, beta):
        return gamma * self._normal(x)[0] + beta

    def backward(self, g, x, gamma, beta):  # noqa: ARG002, the protocol has it
        normal, inverse = self._normal(x)
        of_gamma, of_beta = ((a).sum(tuple(range(g.ndim - 1))) for a in (g * normal, g))
        h = g * gamma
        along = h.mean(-1, keepdims=True) + normal * (h * normal).mean(-1, keepdims=True)
        return inverse * (h - self.part * along), of_gamma, of_beta

    part, eps = 1, 1e-5

    def _normal(self, x):
        inverse = 1 / np.sqrt(x.var(-1, keepdims=True) + self.eps)
        return (x - x.mean(-1, keepdims=True)) * inverse, inverse


class Straight(NormOfLast):
    part = 0


def test_a_norm_of_the_last_axis_alone_is_judged_there_and_that_is_said():
    report = judge("layer_norm", NormOfLast, examples=20, seed=1)
    assert report.exit_code == 0
    assert any("one axis of last" in one.judged for one in report.elsewhere)
    wrong = judge("layer_norm", Straight, examples=20, seed=1)
    assert (wrong.exit_code, {failure.result for failure in wrong.failures}) == (1, {"grad_x"})


class Narrow:
    """The same as kernels have it: computed in float32, stored in 16 bits; ε is 1e-3."""

    stored = staticmethod(lambda a: a.astype(np.float16))

    def forward(self, x, gamma, beta):
        x, gamma, beta = (a.astype(np.float32) for a in (x, gamma, beta))
        normal = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-3)
        return self.stored(normal * gamma + beta)

    def backward(self, g, x, gamma, beta):  # noqa: ARG002, the protocol has it
        return g, gamma, beta


class NarrowAlone(Narrow):
    def forward(self, x, gamma, beta):
        assert x.dtype == np.float16
        return super().forward(x, gamma, beta)


class NarrowBrain(Narrow):
    """In bfloat16, whose numbers are float32's with half of the bits."""

    stored = staticmethod(lambda a: ((a.view(np.uint32) + 0x8000) & 0xFFFF0000).view(np.float32))


@pytest.mark.parametrize("layer", [Narrow, NarrowAlone, NarrowBrain])
def test_what_is_fixed_is_found_in_16_bits_too(layer):
    found = Implementation.of(find("layer_norm"), layer)
    assert found.assumed == ("eps 0.001, which it does not take: so forward is right",)


def test_a_norm_of_the_last_axis_with_another_epsilon_is_judged_by_it():
    class Other(NormOfLast):
        eps = 1e-3

    found = Implementation.of(find("layer_norm"), Other)
    assert found.assumed == ("eps 0.001, which it does not take: so forward is right",)
