"""Forward mode is judged against the backward."""

import numpy as np
import pytest

from checks import gradcheck, judge_function
from checks.subjects.refusals import NotAnImplementation

BOTH = ("reverse", "forward")


def f(x, w):
    return np.tanh(x @ w)


def b(g, x, w):
    s = g * (1 - f(x, w) ** 2)
    return s @ w.T, x.T @ s


def jvp(tangents, x, w):
    return (1 - f(x, w) ** 2) * (tangents[0] @ w + x @ tangents[1])


def off_by_a_hundredth(tangents, x, w):
    found = jvp(tangents, x, w)
    found[-1, -1] *= 1.01
    return found


def test_a_wrong_backward_is_not_held_against_forward_mode():
    def wrong(g, x, w):
        return b(g, x, w)[0], 2 * b(g, x, w)[1]

    report = judge_function(f, wrong, "B,I I,O", seed=1, examples=6, modes=BOTH, jvp=jvp)
    assert [failure.result for failure in report.failures] == ["grad_w"], str(report)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_forward_mode_is_judged(dtype):
    def judged(jvp):
        return judge_function(f, b, "B,I I,O", dtype=dtype, seed=1, examples=6, modes=BOTH, jvp=jvp)

    assert judged(jvp).exit_code == 0, str(judged(jvp))
    for wrong in (off_by_a_hundredth, lambda v, x, w: (1 - f(x, w) ** 2) * (v[0] @ w), lambda *a: jvp(*a)[:1]):
        report = judged(wrong)
        assert [(failure.law, failure.result) for failure in report.failures] == [("forward_mode", "jvp")], str(report)


def test_tensors_bring_their_own(tmp_path, capsys):
    file = tmp_path / "mine.py"
    file.write_text(
        "import torch\ndef f(x, i): return {'a': torch.tanh(x)[i], 'b': x.sum()}\n"
        "class Square(torch.autograd.Function):\n"
        "    @staticmethod\n    def forward(x): return x * x\n"
        "    @staticmethod\n    def setup_context(ctx, inputs, output):\n"
        "        ctx.save_for_backward(*inputs); ctx.save_for_forward(*inputs)\n"
        "    @staticmethod\n    def backward(ctx, g): return 2 * g * ctx.saved_tensors[0]\n"
        "class Wrong(Square):\n"
        "    @staticmethod\n    def jvp(ctx, t): return t * ctx.saved_tensors[0]\n"
    )

    def run(name, inputs):
        how = ["--modes", "reverse,forward", "--seed", "1", "--examples", "6"]
        return gradcheck.main(["--function", f"torch:{file}:{name}", "--inputs", inputs, *how])

    assert run("f", "N 4:integers(0,N)") == 0
    assert run("Wrong", "4") == 1
    assert "the law `forward_mode` is broken" in capsys.readouterr().out
    assert run("Square", "4") == 3
    assert "Square has no forward mode: " in capsys.readouterr().err


def test_what_has_none_is_said():
    with pytest.raises(NotAnImplementation, match="f has no forward mode; name one, jvp"):
        judge_function(f, b, "2,3 3,4", modes=BOTH)
    with pytest.raises(ValueError, match="modes forward given; expected reverse, or reverse,forward"):
        judge_function(f, b, "2,3 3,4", modes=("forward",))
