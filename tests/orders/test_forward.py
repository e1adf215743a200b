"""Forward mode and third order: right ones pass, wrong ones do not, and what torch has wrong comes out by itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from checks import judge
from checks.command.orders import expanded
from checks.ops import find
from checks.orders.moved import along
from checks.subjects.bridges.torch import bridged
from checks.verdict.report import Verdict
from reference import linear, tanh

OURS = ("exact", "agreement", "adjoint", "linearity")
WAYS = ("jvp", "reverse_over_forward", "forward_over_reverse", "forward_over_forward")
TORCH_IS_WRONG = pytest.mark.skipif(not torch.__version__.startswith("2.13."), reason="what this version has wrong")


def judged(name, implementation=None, examples=6, **pinned):
    return judge(name, implementation, examples=examples, seed=1, laws=OURS, reach=1, **pinned)


def wrong(report):
    return {f.result for f in report.findings if f.verdict is Verdict.BROKEN}


def of_torch(op, function):
    return bridged(find(op), function, dtype="float64", device="cpu")


def batch_norm_of_parts(x, gamma, beta, *, eps=1e-5):
    """Of operations whose derivatives torch knows to every order."""
    over, kept = (0, *range(2, x.ndim)), (1, -1, *(1 for _ in x.shape[2:]))
    centred = x - x.mean(over, keepdim=True)
    return gamma.reshape(kept) * centred / ((centred**2).mean(over, keepdim=True) + eps).sqrt() + beta.reshape(kept)


def batch_norm_of_torch(x, gamma, beta, *, eps=1e-5):
    return torch.nn.functional.batch_norm(x, None, None, gamma, beta, training=True, eps=eps)


@pytest.mark.parametrize("way", [*WAYS, "triple_backward"])
@pytest.mark.parametrize("op", ["conv", "tanh"])
def test_the_truth_of_each_way_holds_by_every_law(op, way):
    report = judged(f"{op}.{way}", dtype="float64", **({"dims": 1} if op == "conv" else {}))
    assert not report.failures, str(report)
    assert all(d.enough for d in report.decisions)


@pytest.mark.parametrize("way", [*WAYS, "double_backward", "triple_backward"])
def test_a_batch_norm_of_parts_is_right_whichever_way_torch_differentiates_it(way):
    report = judged(f"batch_norm.{way}", of_torch("batch_norm", batch_norm_of_parts), 4, dims=1, channels=1)
    assert report.checks
    assert not report.failures, str(report)


@TORCH_IS_WRONG
@pytest.mark.parametrize(
    ("way", "results"),
    [("reverse_over_forward", {"grad_x"}), ("forward_over_forward", {"y"}), ("triple_backward", {"grad_x"})],
)
def test_what_torch_has_wrong_of_its_own_batch_norm_comes_out(way, results):
    report = judged(f"batch_norm.{way}", of_torch("batch_norm", batch_norm_of_torch), 4, dims=1, channels=1, spatial=3)
    assert wrong(report) & results


class Linear:
    forward, backward = staticmethod(linear.forward), staticmethod(linear.backward)

    @staticmethod
    def jvp(tangents, x, weight, _=None):
        of_x, of_weight, of_bias = tangents
        y = x @ of_weight.T + of_x @ weight.T
        return y if of_bias is None else y + of_bias


class Short(Linear):
    @staticmethod
    def jvp(tangents, x, weight, bias=None):
        return Linear.jvp((tangents[0] * 0, *tangents[1:]), x, weight, bias)


def test_forward_mode_in_the_protocol_is_right_and_with_a_tangent_lost_wrong():
    assert judged("linear.jvp", Linear())
    report = judged("linear.jvp", Short())
    assert {f.law for f in report.findings if f.verdict is Verdict.BROKEN} >= {"exact", "agreement", "adjoint"}
    assert wrong(report) >= {"y"}


def test_a_derivative_along_two_lines_is_the_second_one():
    """D²tanh[v, w] = −2t(1 − t²)vw, by dual numbers within dual numbers."""
    x, v, w = np.random.default_rng(0).uniform(-1, 1, (3, 5))
    (found,) = along(lambda a: along(tanh.forward, (a,), (v,), analytic=True), (x,), (w,), analytic=False)
    t = np.tanh(x)
    assert np.allclose(found.astype(float), -2 * t * (1 - t * t) * v * w, rtol=1e-14, atol=0)


def test_orders_and_modes_name_what_is_judged():
    assert expanded(["conv", "--order", "2", "--stride", "2"]) == ["conv.double_backward", "--stride", "2"]
    assert expanded(["conv", "--modes=reverse,forward"]) == ["conv,conv.jvp"]
    ways = ["double_backward", "forward_over_reverse", "reverse_over_forward", "forward_over_forward"]
    assert expanded(["--order=2", "conv", "--modes", "reverse,forward"]) == [",".join(f"conv.{way}" for way in ways)]
    with pytest.raises(ValueError, match="order 3 is judged in reverse mode alone"):
        expanded(["conv", "--order", "3", "--modes", "forward"])
    with pytest.raises(ValueError, match="modes backward given; expected reverse, forward, per-sample or several"):
        expanded(["conv", "--modes", "backward"])
