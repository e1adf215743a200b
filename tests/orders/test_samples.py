"""Per-sample gradients: right ones pass, and each planted mistake is caught and named: averaged, summed, swapped, mixed."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace

import numpy as np
import pytest

from checks import judge
from checks.cases.drawing import problem
from checks.cases.wide import ByChance
from checks.command.orders import expanded
from checks.op import Problem
from checks.ops import find, ops
from checks.orders.samples import Apart, shared
from checks.subjects.bridges.torch import bridged
from checks.subjects.offered import SAMPLES
from checks.subjects.refusals import NotAnImplementation
from checks.verdict.report import Verdict

OURS = ("exact", "agreement", "adjoint", "linearity", "contract")  # without torch, which is slow to load


class Linear:
    """By hand; `changed` is where a mistake is planted."""

    def __init__(self, changed=lambda weight, bias: (weight, bias)):
        self.changed = changed

    def forward(self, x, weight, bias=None):
        return x @ weight.T + (0 if bias is None else bias)

    def backward(self, *_arrays):
        raise AssertionError("the backward of the batch is not asked")

    def per_sample(self, grad_output, x, weight, bias=None):
        inside = "abc"[: x.ndim - 2]
        found = np.einsum(f"n{inside}o,n{inside}i->noi", grad_output, x)
        of_weight, of_bias = self.changed(found, grad_output.sum(axis=tuple(range(1, x.ndim - 1))))
        return grad_output @ weight, np.array(of_weight), None if bias is None else np.array(of_bias)


def mixed(weight, bias):
    weight = weight.copy()
    weight[:1] += weight[1:2].sum(0)
    return weight, bias


def judged(implementation, op="linear", examples=12):
    return judge(f"{op}.per_sample", implementation, examples=examples, seed=1, laws=OURS, reach=1)


def test_gradients_of_each_sample_by_hand_are_right():
    report = judged(Linear())
    assert not report.failures, str(report)
    assert report.exit_code == 0, str(report)


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        (lambda w, b: (w / max(1, len(w)), b), {"grad_weight": "averaged over samples"}),
        (lambda w, b: (w * len(w), b * len(b)), dict.fromkeys(("grad_weight", "grad_bias"), "times the number of samples")),
        (lambda w, b: (np.broadcast_to(w.sum(0), w.shape), b), {"grad_weight": "the sum repeated"}),
        (lambda w, b: (w[::-1], b), {"grad_weight": "samples in reverse"}),
        (lambda w, b: (np.roll(w, 1, 0), np.roll(b, 1, 0)), None),
        (mixed, {"grad_weight": ""}),
        (lambda w, b: (w, 0 * b), {"grad_bias": ""}),
    ],
)  # fmt: skip
def test_each_mistake_is_caught_and_named(changed, wrong):
    report = judged(Linear(changed))
    found = {f.result: f.mistake for f in report.failures}
    assert set(found) == set(wrong or ("grad_weight", "grad_bias")), str(report)
    if wrong:
        assert found == wrong, str(report)


@pytest.mark.parametrize("op", [name for name in ops() if shared(find(name)) and name != "batch_norm"])
def test_the_gradients_of_samples_add_to_that_of_the_batch(op):
    """Of every op that has parameters; and its declaration makes problems."""
    base, apart = find(op), find(f"{op}.per_sample")
    for seed in range(4):
        chance = ByChance(Random(seed))  # noqa: S311, no secret
        case = problem(chance, apart, {}, "float64").reals()
        found = dict(zip(apart.inputs, case.gradients, strict=True))
        one = [
            a if a is None or n not in shared(base) else a[0] if len(a) else np.zeros(a.shape[1:])
            for n, a in zip(apart.inputs, case.inputs, strict=True)
        ]
        together = base.reference.backward(case.cotangent, *one, **case.parameters)
        for name, all_of_it in zip(base.inputs, together, strict=True):
            if all_of_it is not None:
                summed = found[name].sum(0) if name in shared(base) else found[name]
                assert np.allclose(summed, all_of_it, rtol=1e-10, atol=1e-12), (op, name, seed)


@pytest.mark.parametrize("op", ["linear", "conv", "embedding"])
def test_torch_and_jax_make_them_by_vmap(op):
    rng, base = np.random.default_rng(1), find(op)
    arrays = {"linear": [(3, 2, 4), (5, 4), (5,)], "conv": [(3, 2, 6), (4, 2, 3), (4,)], "embedding": [None, (6, 2)]}
    given = [rng.integers(0, 6, (3, 2)) if s is None else rng.uniform(-1, 1, s) for s in arrays[op]]
    g = rng.uniform(-1, 1, np.shape(base.reference.forward(*given, **base.takes.defaults)))
    truth = Apart(base)
    own = [a if n not in shared(base) else np.stack([a] * 3) for n, a in zip(base.inputs, given, strict=True)]
    right = truth.backward(g, *own, **base.takes.defaults)
    made = [bridged(base, base.twin, dtype="float64", device="cpu")]
    if op == "linear":
        pytest.importorskip("jax")
        from checks.subjects.bridges import jax

        made.append(jax.bridged(base, lambda x, weight, bias: x @ weight.T + bias, dtype="float64", device="cpu"))
    for one in made:
        found = getattr(one, SAMPLES)(g, *given, **base.takes.defaults)
        for name, a, b in zip(base.inputs, found, right, strict=True):
            assert (a is None) == (b is None), name
            assert a is None or np.allclose(a, b, rtol=1e-12, atol=1e-14), name
        no_sample = [a[:0] if n in base.takes.leading() else a for n, a in zip(base.inputs, given, strict=True)]
        none = getattr(one, SAMPLES)(g[:0], *no_sample, **base.takes.defaults)
        assert [None if a is None else a.shape for a in none] == [None if a is None else a[:0].shape for a in right]


def test_what_has_none_is_said():
    with pytest.raises(ValueError, match=r"batch_norm has no per-sample gradients: its samples depend on one another"):
        judge("batch_norm.per_sample")
    with pytest.raises(ValueError, match=r"relu has no per-sample gradients: no parameter of it is shared by samples"):
        expanded(["relu", "--modes", "per-sample"])
    with pytest.raises(
        NotAnImplementation, match=r"has no per_sample; linear.per_sample needs per_sample\(grad_output, \*inputs"
    ):
        judge("linear.per_sample", find("linear").reference)
    with pytest.raises(ValueError, match="order 2 is judged in reverse and forward mode alone"):
        expanded(["linear", "--order", "2", "--modes", "per-sample"])
    (names,) = expanded(["all", "--modes", "per-sample"])
    assert "conv.per_sample" in names.split(",")
    assert "batch_norm.per_sample" not in names.split(",")


def test_the_reference_is_right_by_every_law():
    report = judge(
        "conv.per_sample",
        examples=8,
        seed=1,
        laws=("exact", "agreement", "adjoint", "complex_step", "contract"),
    )
    assert not [f for f in report.findings if f.verdict is Verdict.BROKEN], str(report)
    assert report.exit_code == 0, str(report)


def test_each_sample_has_a_weight_in_one_piece():
    """Torch's batch norm, which is a witness of it, misreads one of stride 2 in its backward."""
    op = find("batch_norm_inference.per_sample")
    shapes = dict.fromkeys(("x", "gamma", "beta", "y"), (3, 2)) | dict.fromkeys(("running_mean", "running_var"), (2,))
    case = Problem(op, shapes, op.takes.defaults).reals()
    assert all(case.input(name).flags.c_contiguous for name in ("gamma", "beta"))


def test_what_is_wrong_with_a_long_op_is_shrunk_without_a_warning():
    of = find("batch_norm_inference").reference

    def repeated(grad_output, *inputs, **parameters):
        found = of.backward(grad_output, *inputs, **parameters)
        shared_by_all = {3, 4}
        return tuple(
            g if g is None or at not in shared_by_all else np.array(np.broadcast_to(g, (len(grad_output), *g.shape)))
            for at, g in enumerate(found)
        )

    wrong = SimpleNamespace(forward=of.forward, backward=of.backward, per_sample=repeated)
    report = judged(wrong, "batch_norm_inference", examples=6)
    assert {f.mistake for f in report.failures} == {"the sum repeated"}
