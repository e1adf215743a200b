"""Functions in float16 and bfloat16, beside what they are in float64: what is right and what is wrong in 16 bits alone."""

import numpy as np
import pytest
import torch

from checks import judge_function
from checks.functions.function import decided
from checks.functions.isolated import Functions
from checks.functions.tensors import of_arrays
from tests.functions.functions import layer_norm, layer_norm_b

LOW = torch.float16, torch.bfloat16


def softmax(x):
    return torch.softmax(4 * x, -1)


def chain(x, weight):
    """A norm, rounded at each step."""
    centred = x - x.mean(-1, keepdim=True)
    return centred * torch.rsqrt((centred * centred).mean(-1, keepdim=True) + 1e-5) * weight


def inside(x, at):
    """In float32 inside."""
    return torch.nn.functional.cross_entropy(x.float(), at)


RIGHT = {
    "softmax": (softmax, "3,10"),
    "chain": (chain, "3,8 8"),
    "inside": (inside, "6,5 6:integers(0,5)"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_ones_are_right_in_bfloat16(name):
    function, inputs = RIGHT[name]
    forward, backward, _ = of_arrays(function, "bfloat16")
    report = judge_function(forward, backward, inputs, dtype="bfloat16", seed=1, examples=16)
    assert report.exit_code == 0, str(report)
    assert decided(report)
    notes = [f.note for f in report.findings if f.law == "agreement" and f.note]
    assert notes
    assert all("of any one element in bfloat16 would have been seen" in note for note in notes)


def only_in_16_bits(change):
    """tanh(x w), with gradients that are changed in 16 bits and nowhere else."""

    class Own(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, w):
            ctx.save_for_backward(x, w)
            y = torch.tanh(x @ w)
            return 0 * y if change is None and x.dtype in LOW else y

        @staticmethod
        def backward(ctx, g):
            x, w = ctx.saved_tensors
            h = g * (1 - torch.tanh(x @ w) ** 2)
            found = [h @ w.T, x.T @ h]
            if change is not None and x.dtype in LOW:
                change(found)
            return tuple(found)

    return Own


def doubled(found):
    found[0] *= 2


def last_tile(found):
    found[1][:, -1:] *= 1.25


def without_the_last_row(found):
    found[0][-1] = 0


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (doubled, "grad_x broken: it is 1 of its size off"),
        (last_tile, "grad_w broken: it is 0.25 of its size off"),
        (without_the_last_row, "grad_x broken: it is 1 of its size off"),
        (None, "y undecided: y in {dtype} is another function than in float64"),
    ],
)
def test_what_is_wrong_in_16_bits_alone_is_seen(change, said, dtype):
    forward, backward, _ = of_arrays(only_in_16_bits(change), "bfloat16" if dtype == "bfloat16" else "")
    report = judge_function(forward, backward, "3,4 4,5", dtype=dtype, seed=1, examples=16)
    result, verdict, *words = said.format(dtype=dtype).replace(":", "").split()
    assert report.exit_code == (1 if verdict == "broken" else 4)
    (found,) = [
        f for f in report.findings if f.law == "agreement" and f.result == result and f.verdict.value == verdict
    ]
    assert " ".join(words) in found.note


def test_numpy_in_float16():
    def wrong(g, *inputs):
        grad_x, *others = layer_norm_b(g, *inputs)
        return (grad_x * (1.25 if g.dtype == np.float16 else 1.0), *others)

    for backward, code in (layer_norm_b, 0), (wrong, 1):
        report = judge_function(layer_norm, backward, "4,8 8 8", dtype="float16", seed=1, examples=16)
        assert report.exit_code == code, str(report)


def test_numpy_has_no_bfloat16():
    with pytest.raises(
        ValueError, match="sin is a function of NumPy's arrays, and NumPy has no bfloat16; expected float64"
    ):
        judge_function(np.sin, lambda g, x: g * np.cos(x), "3", dtype="bfloat16")


def test_the_process_of_a_function_computes_in_bfloat16(tmp_path):
    (tmp_path / "mine.py").write_text("def f(x):\n    return x + 2**-9\n", encoding="utf-8")
    for dtype, expected in ("float32", 1 + 2**-9), ("bfloat16", 1.0):
        functions = Functions({"function": f"torch:{tmp_path / 'mine.py'}:f"}, 60.0, None, dtype)
        try:
            assert functions.load().function(np.ones(1, np.float32)) == expected
        finally:
            functions.close()
