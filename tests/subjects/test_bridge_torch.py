"""torch: functions, autograd Functions and modules are judged through their own backward, down to bfloat16."""

import pytest

from checks import judge
from checks.subjects.implementation import NotAnImplementation

THEIRS = """
import torch

def conv(x, weight, bias, *, stride=1, dilation=1, groups=1):
    f = (torch.conv1d, torch.conv2d, torch.conv3d)[x.ndim - 3]
    return f(x, weight, bias, stride, 0, dilation, groups)

def dropout(x, mask, p=0.5):
    return x * mask / (1 - p)

class Relu(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * (x > 0)

class Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, axis):
        y = x.softmax(axis)
        ctx.save_for_backward(y)
        ctx.axis = axis
        return y

    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return y * (g - (g * y).sum(ctx.axis, keepdim=True)), None

class WrongRelu(Relu):
    @staticmethod
    def backward(ctx, g):
        return g

class Linear(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1, 1))
        self.bias = torch.nn.Parameter(torch.ones(1))

    def forward(self, x):
        return torch.nn.functional.linear(x, self.weight, self.bias)

seven = 7
"""


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    path = tmp_path_factory.mktemp("torch") / "theirs.py"
    path.write_text(THEIRS)
    return path


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_function_is_right_in_every_precision(theirs, dtype):
    report = judge("conv", f"torch:{theirs}:conv", dtype=dtype, examples=12, seed=3, padding=0, flip=False)
    assert report, str(report)
    assert report.implementation == "conv"
    assert report.dtype == dtype
    assert report.cases == 12


@pytest.mark.parametrize(
    ("op", "name", "dtype"),
    [
        ("relu", "Relu", "bfloat16"),
        ("softmax", "Softmax", "float32"),
        ("linear", "Linear", "float64"),
        ("dropout", "dropout", "float32"),
    ],
)
def test_autograd_functions_and_modules_are_right(theirs, op, name, dtype):
    report = judge(op, f"torch:{theirs}:{name}", dtype=dtype, examples=12, seed=3)
    assert report, str(report)
    assert report.cases > 3


def test_its_own_backward_is_what_is_judged(theirs):
    report = judge("relu", f"torch:{theirs}:WrongRelu", examples=12, seed=3)
    assert report.exit_code == 1
    assert {failure.result for failure in report.failures} == {"grad_x"}


def test_what_a_module_cannot_do_is_not_supported(theirs):
    report = judge("linear", f"torch:{theirs}:Linear", examples=20, seed=3)
    assert set(report.unsupported) == {"the module has a bias ()"}


def test_what_cannot_be_called_is_refused(theirs):
    with pytest.raises(NotAnImplementation, match=r"^7 cannot be called; expected a function of torch tensors$"):
        judge("relu", f"torch:{theirs}:seven")


def test_numpy_has_no_bfloat16():
    with pytest.raises(ValueError, match=r"^NumPy has no bfloat16; name an implementation in torch"):
        judge("relu", dtype="bfloat16")
