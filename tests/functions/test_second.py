"""Second order: the double backward is judged as the backward of a backward."""

import numpy as np
import pytest

from checks import gradcheck, judge_function
from checks.functions.function import NotTaken
from checks.subjects.refusals import NotAnImplementation

TENSORS = """
import torch
from torch.autograd.function import once_differentiable

def f(x, w):
    return torch.tanh(x @ w)

def several(x):
    return {"a": x.exp(), "b": (x * x).sum()}

class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x ** 3
    @staticmethod
    def backward(ctx, g):
        return 3 * g * ctx.saved_tensors[0] ** 2

class Detached(Cube):
    @staticmethod
    def backward(ctx, g):
        return 3 * g * ctx.saved_tensors[0].detach() ** 2

class Once(Cube):
    @staticmethod
    @once_differentiable
    def backward(ctx, g):
        return 3 * g * ctx.saved_tensors[0] ** 2
"""


def f(x, w):
    return np.tanh(x @ w)


def b(g, x, w):
    s = g * (1 - f(x, w) ** 2)
    return s @ w.T, x.T @ s


def bb(u, g, x, w, term=1.0):
    y = f(x, w)
    s = 1 - y * y
    along = u[0] @ w + x @ u[1]
    grad_s = -2 * y * s * g * along
    return s * along, grad_s @ w.T + term * (g * s) @ u[1].T, x.T @ grad_s + u[0].T @ (g * s)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_double_backward_is_judged(dtype):
    def judged(double):
        return judge_function(f, b, "B,I I,O", dtype=dtype, seed=1, examples=6, order=2, double_backward=double)

    assert judged(bb).exit_code == 0, str(judged(bb))
    without = judged(lambda *a: bb(*a, term=0.0))
    assert [failure.result for failure in without.failures] == ["grad_x"], "a term that only mixed derivatives have"

    def off(*a):
        grad_g, grad_x, grad_w = bb(*a)
        grad_g[-1, -1] *= 1.01
        return grad_g, grad_x, grad_w

    assert [failure.result for failure in judged(off).failures] == ["grad_grad_output"]


def test_tensors_bring_their_own(tmp_path, capsys):
    file = tmp_path / "mine.py"
    file.write_text(TENSORS)

    def run(name, inputs):
        return gradcheck.main(
            ["--function", f"torch:{file}:{name}", "--inputs", inputs, "--order", "2", "--seed", "1", "--examples", "6"]
        )

    assert run("f", "B,I I,O") == 0
    assert run("several", "N") == 0
    assert run("Cube", "4") == 0
    capsys.readouterr()
    assert run("Detached", "4") == 1
    said = capsys.readouterr().out
    assert "grad_x is wrong" in said
    assert "--order 2" in said
    assert run("Once", "4") == 3
    assert "Once has no double backward: trying to differentiate twice" in capsys.readouterr().err


def test_what_has_none_is_said():
    with pytest.raises(NotAnImplementation, match=r"b has no double backward; name one, double_backward\(grad_grads"):
        judge_function(f, b, "2,3 3,4", order=2)
    with pytest.raises(NotTaken, match="f has no double backward: not twice"):
        judge_function(f, b, "2,3 3,4", order=2, double_backward=raises)
    with pytest.raises(ValueError, match="order 3 given; expected 1 or 2"):
        judge_function(f, b, "2,3 3,4", order=3)


def raises(*_):
    raise RuntimeError("not twice")


def saturating(k, off=1.0):
    """tanh(k·x), whose derivative by 1 − y² is 0, or a few last bits, where y has been rounded to 1."""

    def backward(g, x):
        y = np.tanh(k * x)
        return k * g * (1 - y * y)

    def double(u, g, x):
        y = np.tanh(k * x)
        s = 1 - y * y
        return k * u * s, -2 * off * k * k * u * g * y * s

    return lambda x: np.tanh(k * x), backward, double


@pytest.mark.parametrize(
    ("k", "dtype"), [(16, "float64"), (30, "float64"), (60, "float64"), (8, "float32"), (30, "float32")]
)
def test_what_saturates_is_right_though_all_that_is_left_of_it_is_rounding(k, dtype):
    for seed in (0, 1):
        forward, backward, double = saturating(k)
        report = judge_function(
            forward, backward, "4", dtype=dtype, seed=seed, examples=8, order=2, double_backward=double
        )
        assert not report.failures, f"seed {seed}: {report}"
    wrong = judge_function(
        forward, backward, "4", dtype=dtype, seed=1, examples=8, order=2, double_backward=saturating(k, 1.01)[2]
    )
    assert [failure.result for failure in wrong.failures] == ["grad_x"], "1 % too large where it does not saturate"


@pytest.mark.parametrize("off", [1.0, 1.02])
def test_a_gradient_of_few_last_bits_is_right(off):
    """σ' = y(1 − y), at arguments up to 60 and beyond what y can hold."""

    def y(x):
        with np.errstate(over="ignore"):
            return 1 / (1 + np.exp(-60 * x))

    for seed in (0, 1):
        report = judge_function(y, lambda g, x: 60 * off * g * y(x) * (1 - y(x)), "4", seed=seed, examples=8)
        assert bool(report.failures) == (off != 1.0), f"seed {seed}: {report}"
