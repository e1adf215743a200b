"""Ops of complex numbers: right by torch's convention or by JAX's, which is said; mixed, halved, a tile off: wrong."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from checks import judge
from checks.command.orders import expanded
from checks.ops import find
from checks.orders.named import as_asked
from checks.subjects.bridges import torch as bridge
from reference import conv, conv_transpose, linear

OURS = (
    "exact",
    "agreement",
    "adjoint",
    "complex_step",
    "linearity",
    "contract",
)  # without torch, which is slow to load


def conj(arrays):
    return [a if a is None else np.conj(a) for a in arrays]


def torchs(module):
    """The reference of real numbers, whose backward takes the conjugates of what it multiplies."""
    return SimpleNamespace(forward=module.forward, backward=lambda g, *a, **p: module.backward(g, *conj(a), **p))


def jaxs(module):
    return SimpleNamespace(forward=module.forward, backward=module.backward)


def judged(op, given, examples=8, dtype="complex128", **asked):
    return judge(op, given, dtype=dtype, examples=examples, seed=1, laws=OURS, reach=1, **asked)


@pytest.mark.parametrize(("op", "module"), [("linear", linear), ("conv", conv), ("conv_transpose", conv_transpose)])
@pytest.mark.parametrize(("made", "convention"), [(torchs, "torch's"), (jaxs, "JAX's")])
def test_either_convention_is_right_and_said(op, module, made, convention):
    report = judged(op, made(module))
    assert not report.failures, str(report)
    assert all(d.enough for d in report.decisions)
    assert report.assumed == (f"conjugate convention: {convention}",)


@pytest.mark.parametrize("op", ["linear", "conv", "subsample", "avg_pool", "embedding", "dropout"])
def test_the_reference_of_parts_is_right_by_every_law(op):
    report = judged(op, None)
    assert not report.failures, str(report)
    assert all(d.enough for d in report.decisions)


def test_a_convention_that_is_asked_for_is_the_only_right_one():
    assert not judged("linear.complex_jax", jaxs(linear), dtype="float64", examples=4).failures
    report = judged("linear.complex_torch", jaxs(linear), dtype="float64", examples=4)
    assert {(f.result, f.mistake) for f in report.failures} == {
        ("grad_x", "not conjugated"), ("grad_weight", "not conjugated"),
    }  # fmt: skip
    report = judged("linear.complex_jax", torchs(linear), dtype="float64", examples=4)
    assert {f.mistake for f in report.failures} == {"conjugated"}
    assert report.assumed == ("conjugate convention: JAX's, as is asked for",)


def of_x(change):
    def backward(g, x, weight, bias=None):
        right = torchs(linear).backward(g, x, weight, bias)
        return change(right[0], g, weight), *right[1:]

    return SimpleNamespace(forward=linear.forward, backward=backward)


def last_one_off(right, *_):
    right = right.copy()
    right[..., -1:] *= 1.01
    return right


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        (lambda _, g, weight: g @ weight, "not conjugated"),
        (lambda right, *_: right / 2, "half the gradient"),
        (lambda right, *_: np.conj(right), "the conjugate"),
        (lambda right, *_: right.real, "imaginary part dropped"),
        (last_one_off, None),
    ],
)
def test_mistakes_are_caught_and_named(change, mistake):
    report = judged("linear", of_x(change), examples=12)
    assert {f.result for f in report.failures} == {"grad_x"}
    assert mistake is None or report.failures[0].mistake == mistake, str(report)


def test_complex64_is_judged_as_it_is_computed():
    assert not judged("linear", torchs(linear), dtype="complex64").failures
    assert judged("linear", of_x(last_one_off), dtype="complex64").failures


def test_what_is_written_to_in_place_is_seen(verdict_alone):
    def forward(x, weight, bias=None):
        y = linear.forward(x, weight, bias)
        x[...] = 0
        return y

    report = judge(
        "linear.complex", SimpleNamespace(forward=forward, backward=torchs(linear).backward), examples=4, seed=1,
        laws=("contract",), reach=1,
    )  # fmt: skip
    assert any(f.verdict.name == "BROKEN" for f in report.findings)


def test_torch_goes_by_its_own_convention_and_has_to():
    import torch

    class Forgets(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, weight, bias):
            ctx.save_for_backward(x, weight)
            return x @ weight.T if bias is None else x @ weight.T + bias

        @staticmethod
        def backward(ctx, g):
            x, w = ctx.saved_tensors
            rows = g.reshape(-1, len(w))
            return g @ w, rows.T @ x.reshape(-1, x.shape[-1]), rows.sum(0)

    right, wrong = (
        judged("linear", bridge.bridged(find("linear"), found, dtype="float64", device="cpu"), examples=5)
        for found in (torch.nn.functional.linear, Forgets)
    )
    assert not right.failures, str(right)
    assert right.assumed == ("conjugate convention: torch's, by which torch calls it",)
    assert {(f.result, f.mistake) for f in wrong.failures} == {
        ("grad_x", "not conjugated"), ("grad_weight", "not conjugated"),
    }  # fmt: skip


def test_what_is_not_judged_of_complex_numbers_is_said_in_a_sentence():
    with pytest.raises(ValueError, match="relu is judged of real numbers only: it is not linear in each of its inputs"):
        find("relu.complex")
    with pytest.raises(ValueError, match="ops of complex128 are judged by order 1 in reverse mode alone"):
        as_asked("conv", 2, dtype="complex128")
    with pytest.raises(ValueError, match="convention torch is about complex numbers; expected dtype complex128"):
        expanded(["conv", "--convention", "torch"])


def test_options_name_it():
    assert expanded(["conv", "--dtype", "complex64"]) == ["conv.complex", "--dtype", "float32"]
    asked = ["linear", "--dtype=complex128", "--convention", "jax"]
    assert expanded(asked) == ["linear.complex_jax", "--dtype", "float64"]
    assert "relu.complex" not in expanded(["all", "--dtype", "complex128"])[0].split(",")
