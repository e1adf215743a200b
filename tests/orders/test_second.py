"""The double backward of ops: right ones pass, and each planted mistake is caught: a term missing, a parameter lost."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from checks import judge
from checks.ops import find, ops
from checks.orders.moved import along
from checks.subjects.refusals import NotAnImplementation
from checks.verdict.report import Verdict
from reference import batch_norm, conv, layer_norm, sigmoid, silu, softmax, tanh

# Without torch, whose own double backward is slow to load: it is a witness of the same truth.
OURS = ("exact", "agreement", "adjoint", "complex_step", "linearity", "symmetry")


class Right:
    """The first backward of a reference, and its double backward by the truth, from which a mistake can be planted."""

    def __init__(self, module, changed=lambda found, *_: found, **lost):
        self.module, self.changed, self.lost = module, changed, lost
        self.backward = module.backward

    def double_backward(self, grad_grads, grad_output, *inputs, **parameters):
        told = {**parameters, **self.lost}
        (ju,) = along(lambda *a: self.module.forward(*a, **told), inputs, grad_grads, analytic=True)
        moved = along(
            lambda g, *a: self.module.backward(g, *a, **told),
            (grad_output, *inputs), (None, *grad_grads), analytic=True,
        )  # fmt: skip
        return self.changed((ju, *moved), grad_grads, grad_output, *inputs)


def judged(op, implementation, examples=16, laws=OURS, **pinned):
    return judge(op, implementation, order=2, examples=examples, seed=1, laws=laws, reach=1, **pinned)


def wrong(report):
    return {f.result for f in report.findings if f.verdict is Verdict.BROKEN and f.law in {"exact", "agreement"}}


@pytest.mark.parametrize("op", ["linear", "conv", "max_pool", "embedding", "tanh", "softmax", "layer_norm", "elu"])
def test_the_reference_differentiated_is_right_by_every_law(op):
    report = judged(op, None, examples=8)
    assert not report.failures, str(report)
    assert all(d.enough for d in report.decisions)


def sigmoid_by_hand(grad_grads, grad_output, x, *, term=True):
    """σ'' = σ(1 − σ)(1 − 2σ); without the last factor it is σ' once more."""
    (u,), s = grad_grads, 1 / (1 + np.exp(-x))
    slope = s * (1 - s)
    return u * slope, u * grad_output * slope * ((1 - 2 * s) if term else 1)


def tanh_by_hand(grad_grads, grad_output, x, *, term=True):
    (u,), t = grad_grads, np.tanh(x)
    return u * (1 - t * t), -2 * u * grad_output * t * ((1 - t * t) if term else 1)


def softmax_by_hand(grad_grads, grad_output, x, *, axis=1, term=True):
    """With p·(g − ⟨p, g⟩) = Jᵀg: J is symmetric, and its derivative along u has a term for each place p stands in."""
    (u,), p = grad_grads, softmax.forward(x, axis=axis)

    def mean(a):
        return (p * a).sum(axis, keepdims=True)

    ju = p * (u - mean(u))
    moved = ju * (grad_output - mean(grad_output))
    return ju, moved - (p * (ju * grad_output).sum(axis, keepdims=True) if term else 0)


@pytest.mark.parametrize(
    ("op", "module", "twice"),
    [("sigmoid", sigmoid, sigmoid_by_hand), ("tanh", tanh, tanh_by_hand), ("softmax", softmax, softmax_by_hand)],
)
def test_a_double_backward_by_hand_is_right_and_with_a_term_missing_wrong(op, module, twice):
    class ByHand:
        backward = staticmethod(module.backward)
        double_backward = staticmethod(twice)

    class Short(ByHand):
        @staticmethod
        def double_backward(*given, **parameters):
            return twice(*given, **parameters, term=False)

    assert not judged(op, ByHand()).failures
    assert wrong(judged(op, Short())) == {"grad_x"}


def without_moving_deviation(found, grad_grads, grad_output, x, gamma, *_):
    """1/σ held fixed: the term of the gradient that goes through the deviation is missing."""
    first, of_x, *rest = found
    over = (0, *range(2, x.ndim))
    scale = np.sqrt(x.var(over, keepdims=True) + 1e-5)
    return first, of_x - (x - x.mean(over, keepdims=True)) / scale, *rest


@pytest.mark.parametrize(("op", "module"), [("batch_norm", batch_norm), ("layer_norm", layer_norm)])
def test_a_norm_whose_second_derivative_by_x_lacks_a_term_is_wrong(op, module):
    def mixed_only(found, grad_grads, grad_output, *inputs):
        """What x alone makes of its own cotangent is left out."""
        u_x, *others = grad_grads
        own = Right(module).double_backward((u_x, *(None for _ in others)), grad_output, *inputs)
        return found[0], found[1] - own[1], *found[2:]

    report = judged(op, Right(module, mixed_only), **({} if op == "layer_norm" else {"batch": 3}), eps=1e-5)
    assert wrong(report) == {"grad_x"}
    assert report.failures[0].mistake == "own terms missing"


@pytest.mark.parametrize("lost", [{"stride": 1}, {"dilation": 1}])
def test_a_convolution_that_loses_a_parameter_in_its_double_backward_is_caught(lost):
    def fitted(found, *given):  # where the shape is another without it, 0 is what is left
        return found

    class Lost(Right):
        def double_backward(self, *given, **parameters):
            try:
                return Right(conv, fitted, **lost).double_backward(*given, **parameters)
            except ValueError:
                right = Right(conv).double_backward(*given, **parameters)
                return right[0], *(None if r is None else r * 0 for r in right[1:])

    report = judged("conv", Lost(conv), dims=1, kernel=3, size=7, padding=0, batch=2)
    assert wrong(report) & {"grad_x", "grad_weight"}


def test_a_hessian_that_is_not_symmetric_is_broken_without_a_reference():
    def turned(found, *given):
        return (found[0], found[1] * 2, *found[2:])

    report = judged("linear", Right(find("linear").reference, turned), laws=("symmetry",))
    assert {f.law for f in report.findings if f.verdict is Verdict.BROKEN} == {"symmetry"}
    assert not judged("linear", Right(find("linear").reference), laws=("symmetry",)).failures


def test_what_has_no_double_backward_is_told_so_in_a_sentence():
    with pytest.raises(
        NotAnImplementation, match=r"has no double_backward; .* double_backward\(grad_grads, grad_output"
    ):
        judge("conv", conv, order=2)
    with pytest.raises(ValueError, match="order 4 given; expected 1, 2 or 3"):
        judge("conv", order=4)


@pytest.mark.parametrize("op", list(ops()))
def test_every_op_can_be_differentiated_along_a_line(op):
    """Complex numbers go through each reference's backward as well, or dual ones do: what the truth rests on."""
    found = find(f"{op}.double_backward")
    assert found.inputs == ("grad_output", *find(op).inputs)
    assert len({m.name for m in found.mistakes}) == len(found.mistakes)


def in_the_tail(times):
    """SiLU's f'' by the product rule from σ alone, which is off by a rounding of 1 where f'' is e⁻ˣ."""

    def twice(grad_grads, grad_output, x):
        (u,), s = grad_grads, 1 / (1 + np.exp(-x))
        slope = s + x * s * (1 - s)
        return u * slope, times * u * grad_output * s * (1 - s) * (2 + x * (1 - 2 * s))

    return SimpleNamespace(backward=silu.backward, double_backward=twice)


def test_a_single_element_in_the_tail_of_a_function_may_lose_what_the_formula_loses(verdict_alone):
    def of_one(given):
        return judge("silu", given, order=2, examples=30, seed=1, laws=("agreement",), shape=(1, 1)).findings

    assert not [f for f in of_one(in_the_tail(1)) if f.verdict is Verdict.BROKEN]
    assert [f for f in of_one(in_the_tail(1.001)) if f.verdict is Verdict.BROKEN]


def test_what_has_no_gradient_stays_real_where_others_are_complex():
    report = judged("weighted_cross_entropy", None, examples=6, laws=("complex_step",))  # a warning would be an error
    assert not report.failures, str(report)
    assert any(f.verdict is Verdict.HOLDS for f in report.findings)


def test_what_torch_lacks_is_no_case_and_what_raises_in_code_is_a_crash(verdict_alone):
    import torch

    from checks.subjects.bridges.torch import bridged

    op = find("hinge")
    found = bridged(op, op.twin, dtype="float64", device="cpu")
    report = judged("hinge", found, examples=3)
    assert not report
    assert not report.failures
    assert "derivative for aten::multi_margin_loss_backward is not implemented" in " ".join(
        map(str, report.unsupported)
    )

    class Raises(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):  # noqa: ARG004, torch's protocol
            return x.tanh()

        @staticmethod
        def backward(ctx, g):  # noqa: ARG004, torch's protocol
            raise RuntimeError("derivative of mine is not there yet")

    report = judged("tanh", bridged(find("tanh"), Raises, dtype="float64", device="cpu"), examples=3)
    assert report.exit_code == 3, str(report)
