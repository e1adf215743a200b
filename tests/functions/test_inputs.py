"""Inputs as they are written: sizes that are drawn and shrink, kinds of numbers, files, several results, tensors."""

import re

import numpy as np
import pytest
import torch

from checks import __main__ as program
from checks import judge_function
from checks.functions.function import decided
from checks.functions.inputs import read
from checks.functions.named import function_of
from checks.functions.sizes import sizes_of
from tests.functions.functions import changed as with_gradient
from tests.functions.functions import layer_norm, layer_norm_b, times


def look_up(table, at):
    return table[at] ** 2


def look_up_b(g, table, at):
    grad = np.zeros_like(table)
    np.add.at(grad, at, 2 * g * table[at])
    return grad, None


def last_only(g, table, at):
    grad = np.zeros_like(table)
    grad[at] += 2 * g * table[at]
    return grad, None


def divergence(p, q):
    return (p * np.log(p / q)).sum(-1)


def divergence_b(g, p, q):
    return g[..., None] * (np.log(p / q) + 1), -g[..., None] * p / q


def factor(a):
    return np.linalg.cholesky(a)


def factor_b(g, a):
    lower = np.linalg.cholesky(a)
    inner = np.tril(lower.T @ np.tril(g))
    inner[np.diag_indices(len(a))] /= 2
    inverse = np.linalg.inv(lower)
    return inverse.T @ inner @ inverse


def several(x):
    return {"sine": np.sin(x), "more": (x**2, [x.sum(), np.argmax(x)])}


def several_b(g, x):
    return g["sine"] * np.cos(x) + 2 * g["more"][0] * x + g["more"][1][0]


def without_the_sum(g, x):
    return several_b(g, x) - g["more"][1][0] * (np.arange(x.size) == 1)


RIGHT = {
    "layer norm": (layer_norm, layer_norm_b, "B,D D D"),
    "look up": (look_up, look_up_b, "V,D 9:integers(0,V)"),
    "divergence": (divergence, divergence_b, "B,K:probabilities B,K:uniform(0.5,2)"),
    "factor": (factor, factor_b, "n,n:spd"),
    "several": (several, several_b, "n"),
}
WRONG = {
    "last tile": (layer_norm, with_gradient(layer_norm_b, times(np.s_[..., 128:], 1.01)), "B,D D D", "grad_x"),
    "repeated index": (look_up, last_only, "V,D N:integers(0,V)", "grad_table"),
    "in another order": (divergence, with_gradient(divergence_b, np.ndarray.sort), "K:probabilities K:positive", "grad_p"),
    "off the diagonal": (factor, lambda g, a: factor_b(g, a) * (np.eye(len(a)) * 0.01 + 0.99), "n,n:spd", "grad_a"),
    "one of several": (several, without_the_sum, "n", "grad_x"),
}  # fmt: skip
SMALLEST = {
    "last tile": {"x": (1, 129), "gamma": (129,), "beta": (129,)},
    "repeated index": {"table": (1, 1), "at": (2,)},
    "in another order": {"p": (2,), "q": (2,)},
    "off the diagonal": {"a": (2, 2)},
    "one of several": {"x": (2,)},
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_at_all_sizes_is_decided_at_all_of_them(name):
    f, b, inputs = RIGHT[name]
    report = judge_function(f, b, inputs, seed=1, examples=25)
    assert report.exit_code == 0, str(report)
    assert decided(report), str(report)


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_shrinks(name):
    f, b, inputs, result = WRONG[name]
    (failure,) = judge_function(f, b, inputs, seed=1, examples=25).failures
    assert failure.result == result
    assert {n: s for n, s in failure.problem.shapes.items() if n != "y"} == SMALLEST[name]


def test_sizes_are_small_one_and_wide():
    inputs, ranges = read("B,D D,3 60..70")
    sizes = sizes_of(inputs, ranges, 5)
    assert {1} in [{one["B"], one["D"]} for one in sizes]
    assert any(one["B"] != one["D"] and max(one["B"], one["D"]) < 7 for one in sizes)
    assert all(any(one[name] > 256 for one in sizes) for name in "BD")
    (drawn,) = (name for name in ranges if name not in "BD")
    assert all(60 <= one[drawn] <= 70 for one in sizes)


def test_a_size_that_is_not_taken_is_counted():
    def halves(x):
        return x.reshape(2, -1).prod(0)

    def halves_b(g, x):
        return (g * x.reshape(2, -1)[::-1]).ravel()

    report = judge_function(halves, halves_b, "n", seed=2, examples=20)
    assert report.exit_code == 0
    assert any("n 1" in said for said in report.unsupported), report.unsupported


def test_a_mistake_with_one_sample_is_found():
    """Only where an axis has size 1."""

    def wrong(g, x):
        return np.cos(x) * g * (1.01 if len(x) == 1 else 1)

    (failure,) = judge_function(np.sin, wrong, "B,3", seed=1, examples=20).failures
    assert next(iter(failure.problem.shapes.values()))[0] == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("3:postive", "there is no kind of input 'postive'; did you mean positive?"),
        ("3,?", "expected a whole number, or the name of a size that is drawn, such as B"),
        ("3:integers(0,V)", "there is no size V; expected a number, or a name that stands in a shape"),
        ("3:integers(5,2)", "expected the smaller first, such as integers(2,5)"),
        ("3:integers(0,2.5)", "expected whole numbers such as integers(0,10)"),
        ("3,4:spd", "expected square matrices for spd, such as 4,4:spd"),
        ("", "expected at least one shape, such as 3,4"),
        ("nowhere.npz", "nowhere.npz cannot be read: [Errno 2] No such file or directory: 'nowhere.npz'"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(text, sentence, capsys):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        read(text)
    with pytest.raises(SystemExit) as stopped:
        program.main(["function", "mine.py:f", "--backward", "mine.py:b", "--inputs", text], "gradoracle")
    assert stopped.value.code == 2
    assert capsys.readouterr().err == f"gradoracle: --inputs: {text!r} given; {sentence}\n"


def test_arrays_of_a_file_are_taken_as_they_are(tmp_path):
    np.savez(tmp_path / "given.npz", table=np.eye(3), at=np.array([0, 2, 2]))
    report = judge_function(look_up, look_up_b, f"{tmp_path}/given.npz", seed=1, examples=6)
    assert (report.exit_code, decided(report)) == (0, True)
    assert judge_function(look_up, last_only, f"{tmp_path}/given.npz", seed=1, examples=6).exit_code == 1
    table, at = read(f"{tmp_path}/given.npz:table {tmp_path}/given.npz:at")[0]
    assert (table.axes, at.given.tolist()) == ((3, 3), [0, 2, 2])


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        return 2 * g * ctx.saved_tensors[0]


class LastRow(Square):
    @staticmethod
    def backward(ctx, g):
        grad = 2 * g * ctx.saved_tensors[0]
        return torch.cat([grad[:-1], grad[-1:] * 1.01])


class Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, *given):
        ctx.save_for_backward(*given)
        a, b = given
        return a * b

    @staticmethod
    def backward(ctx, g):
        a, b = ctx.saved_tensors
        return g * b, g * a


class Layer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.norm = torch.nn.Linear(3, 4), torch.nn.LayerNorm(4)

    def forward(self, x):
        return self.norm(torch.tanh(self.linear(x)))


def two(table, at):
    return table[at].exp(), {"sum": table.sum(), "at": at}


def detached(x):
    return x.detach().sin() * x


THROUGH_TORCH = [
    (Square, "B,2", 0, []),
    (LastRow, "B,2", 1, ["grad_x"]),
    (Product, "3 3", 0, []),
    (Layer, "B,3", 0, []),
    (two, "V,2 5:integers(0,V)", 0, []),
    (detached, "n", 1, ["grad_x"]),
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("found", "inputs", "code", "wrong"), THROUGH_TORCH, ids=lambda a: getattr(a, "__name__", None)
)
def test_what_torch_differentiates(found, inputs, code, wrong, dtype):
    forward, backward, weights = function_of(f"torch:{__name__}:{found.__name__}")
    report = judge_function(forward, backward, [inputs, *weights], dtype=dtype, seed=1, examples=12)
    assert report.exit_code == code, str(report)
    assert [failure.result for failure in report.failures] == wrong
    assert code or decided(report)


def test_the_parameters_of_a_module_are_inputs():
    forward, backward, weights = function_of(f"torch:{__name__}:Layer")
    report = judge_function(forward, backward, ["B,3", *weights], seed=1, examples=6)
    assert {f.result for f in report.findings} >= {"grad_x", "grad_linear_weight", "grad_norm_bias"}


def test_the_command_line_takes_tensors_and_asks_for_a_backward(tmp_path, capsys):
    file = tmp_path / "layer.py"
    file.write_text("import torch\ndef f(x): return torch.tanh(x)\n")
    how = ["--inputs", "B,2", "--seed", "1", "--examples", "6", "-q"]
    assert program.main(["function", f"torch:{file}:f", *how], "gradoracle") == 0
    assert capsys.readouterr().out == "f: right.  f and f, float64\n"
    assert program.main(["function", f"{file}:f", *how], "gradoracle") == 3
    assert capsys.readouterr().err == (
        f"gradoracle: {file}:f has no backward; name one by --backward FILE.py:b, or write torch:{file}:f "
        "if it takes tensors\n"
    )
