"""What any function promises beside its numbers, and what is right where rounding or a tie leaves little to see."""

import textwrap

import numpy as np
import pytest
import torch

from checks import gradcheck, judge_function
from checks.functions.tensors import of_arrays
from checks.verdict.report import Verdict


def product(x, w):
    return x @ w


def product_b(g, x, w):
    return g @ w.T, x.T @ g


SHAPES = [(3, 4), (4, 2)]


def notes(report):
    return {f.note for f in report.findings if f.law == "contract" and f.verdict is not Verdict.HOLDS}


def test_a_nan_of_the_cotangent_has_to_be_seen_in_the_gradient():
    def swallowed(g, x, w):
        return np.nan_to_num(g) @ w.T, x.T @ g

    report = judge_function(product, swallowed, SHAPES, seed=1, examples=6)
    assert report.exit_code == 1
    assert "a NaN in grad_output leaves no trace in elements of grad_x that it should" in notes(report)


@pytest.mark.parametrize(
    ("f", "b"),
    [
        (product, product_b),
        (lambda x, w: np.maximum(x @ w, 0), lambda g, x, w: product_b(g * (x @ w > 0), x, w)),
        (lambda x, w: np.maximum(x @ w, 0), lambda g, x, w: product_b(np.where(x @ w > 0, g, 0), x, w)),
    ],
    ids=["sums", "masked by a product", "masked by a choice"],
)
def test_where_the_gradient_does_not_depend_on_it_none_has_to_be(f, b):
    report = judge_function(f, b, SHAPES, seed=1, examples=6)
    assert report.exit_code == 0, str(report)
    assert not notes(report)


def test_what_differs_from_call_to_call_by_more_than_sums_do_is_wrong():
    calls = []

    def now_and_then(g, x, w):
        calls.append(1)
        of_x, of_w = product_b(g, x, w)
        return of_x, of_w * (1 if len(calls) % 7 else 1.01)

    report = judge_function(product, now_and_then, SHAPES, seed=1, examples=12)
    assert report.exit_code == 1
    assert any("backward gives another grad_w when it is called again" in note for note in notes(report)), notes(report)
    assert not any("no more than rounding" in note or "never cleared" in note for note in notes(report))


def test_sums_in_another_order_are_no_fault():
    chance = np.random.default_rng(1)

    def shuffled(g, x, w):
        order = chance.permutation(len(x))
        return g @ w.T, x[order].T @ g[order]

    report = judge_function(product, shuffled, [(40, 4), (4, 2)], seed=1, examples=12)
    assert report.exit_code == 0, str(report)
    assert any("no more than rounding" in note for note in notes(report))


def test_what_float32_computes_of_float64_is_said():
    def single(g, x, w):
        of_x, of_w = product_b(g, x, w)
        return of_x.astype(np.float32).astype(np.float64), of_w

    report = judge_function(product, single, SHAPES, seed=1, examples=6)
    assert any(note.startswith("grad_x has no more digits than float32 has") for note in notes(report))
    whole = judge_function(lambda x: np.round(64 * x) + 0 * x, lambda g, x: 0 * g * x, [(6,)], seed=1, examples=6)
    assert not any("digits" in note for note in notes(whole))


def test_a_buffer_of_every_call_is_seen_in_another_process_too(tmp_path, monkeypatch, capsys):
    code = """
    import numpy as np
    KEPT = {}

    def f(x):
        return x * x

    def b(g, x):
        return 2 * g * x

    def reused(g, x):
        return np.multiply(2 * g, x, out=KEPT.setdefault(x.shape, np.empty(x.shape)))
    """
    (tmp_path / "mine.py").write_text(textwrap.dedent(code), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for backward, seen in ("reused", True), ("b", False):
        words = ["--function", "mine.py:f", "--backward", f"mine.py:{backward}", "--inputs", "3", "--examples", "6"]
        assert gradcheck.main([*words, "--seed", "1"]) == 0
        assert ("writes into what an earlier call returned" in capsys.readouterr().out) is seen


def cosine(a, b):
    return (a * b).sum(-1) / np.sqrt((a * a).sum(-1) * (b * b).sum(-1))


def cosine_b(g, a, b):
    one, other = (np.sqrt((z * z).sum(-1, keepdims=True)) for z in (a, b))
    c, g = (a * b).sum(-1, keepdims=True) / (one * other), g[..., None]
    return g * (b / (one * other) - c * a / one**2), g * (a / (one * other) - c * b / other**2)


def test_where_a_gradient_is_0_at_one_size_it_is_decided_at_others():
    """The cosine of two single numbers is ±1: what rounding leaves there is no measure of what it does elsewhere."""
    report = judge_function(cosine, cosine_b, inputs="3,D 3,D", seed=6, examples=16)
    assert report.exit_code == 0, str(report)
    near = judge_function(
        cosine,
        lambda g, a, b: (cosine_b(g, a, b)[0] * (1 + 1e-7), cosine_b(g, a, b)[1]),
        inputs="3,D 3,D",
        seed=6,
        examples=16,
    )
    assert near.exit_code == 1
    assert "multiplied by 1 + 1e-07, in every case" in str(near)


def sorted_b(g, x):
    found = np.zeros(x.shape, x.dtype)
    np.put_along_axis(found, np.argsort(x, -1, kind="stable"), g, -1)
    return found


def single(function):
    """In float32 alone, where slopes are those of a fit."""

    def called(*arrays):
        if any(a.dtype != np.float32 for a in arrays):
            raise TypeError("float32 only")
        return function(*arrays)

    return called


@pytest.mark.parametrize(("size", "seed"), [(4, 2), (3, 4)])
def test_the_middle_one_of_three_that_are_tied_has_any_slope_of_theirs(size, seed):
    """On either side of the tie it is the first or the last of them."""
    right = judge_function(single(np.sort), single(sorted_b), [(2, size)], dtype="float32", seed=seed, examples=40)
    assert right.exit_code == 0, str(right)


KEPT = {}


class Global(torch.autograd.Function):
    """Keeps its input where the next forward finds it, and not in ctx."""

    @staticmethod
    def forward(ctx, x):
        KEPT["x"] = x.detach()
        ctx.save_for_backward(x)
        return torch.sin(x)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * torch.cos(KEPT["x"] + 0 * x.sum())


class InContext(Global):
    @staticmethod
    def backward(ctx, g):
        return g * torch.cos(ctx.saved_tensors[0])


@pytest.mark.parametrize(("found", "remembers"), [(Global, True), (InContext, False)])
def test_where_a_layer_stands_twice_its_backward_is_of_its_own_forward(found, remembers):
    f, b, _ = of_arrays(found)
    report = judge_function(f, b, [(2, 3)], seed=1, examples=4)
    assert report.exit_code == remembers, str(report)
    assert any("after a forward on other data: it remembers that" in note for note in notes(report)) is remembers
