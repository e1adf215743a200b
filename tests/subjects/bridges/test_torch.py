"""torch: functions, autograd Functions and modules are judged through their own backward, down to bfloat16."""

import numpy as np
import pytest
import torch

from checks import judge
from checks.cases.drawing import problems_of
from checks.cases.layouts import LAYOUTS, broadcast, laid_alike
from checks.cases.search import Search
from checks.laws import laws
from checks.op import Problem
from checks.ops import find
from checks.subjects import loading
from checks.subjects.bridges import torch as bridge
from checks.subjects.implementation import Implementation
from checks.subjects.refusals import NotAnImplementation
from checks.subjects.tensors import Handed
from checks.verdict.tried import Tried

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
KEPT = {}

class Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        KEPT["x"] = x.detach()
        return torch.tanh(x)

    @staticmethod
    def backward(ctx, g):
        return g / torch.cosh(KEPT["x"]) ** 2
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


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_a_cotangent_without_axes_may_lie_anywhere(dtype):
    """It is no array any more once NumPy has been asked for the one element of it."""
    tried = asked("euclidean_loss", "checks.subjects.built_in.torch:euclidean_loss", dtype)
    assert not [f for f in tried.findings if f.crashed]
    assert tried.cases > 5


@pytest.mark.parametrize("op", ["conv", "cross_entropy", "layer_norm"])
def test_what_torch_has_itself_is_right(op):
    report = judge(op, "torch", dtype="bfloat16", examples=6, seed=3, laws=["agreement"])
    assert report, str(report)
    assert report.implementation.startswith(f"{op} of torch 2.")


def test_its_own_backward_is_what_is_judged(theirs):
    report = judge("relu", f"torch:{theirs}:WrongRelu", examples=12, seed=3)
    assert report.exit_code == 1
    assert {failure.result for failure in report.failures} == {"grad_x"}


def test_what_keeps_its_input_for_the_next_forward_to_overwrite_is_wrong(theirs):
    """As of a layer that stands twice in a network: two forwards, and then two backwards."""
    report = judge("tanh", f"torch:{theirs}:Twice", examples=8, seed=3, laws=["contract"])
    assert report.exit_code == 1
    assert any("grad_x after a forward on other data: it remembers that" in f.note for f in report.findings)


def test_what_a_module_cannot_do_is_not_supported(theirs):
    report = judge("linear", f"torch:{theirs}:Linear", examples=20, seed=3)
    assert [(one.judged, one.raised) for one in report.elsewhere] == [("with a bias", "the module has a bias")]
    assert report.cases == 20


def test_what_cannot_be_called_is_refused(theirs):
    with pytest.raises(NotAnImplementation, match=r"^7 cannot be called; expected a function of torch tensors$"):
        judge("relu", f"torch:{theirs}:seven")


CARELESS = """
import ctypes
import torch

def _raw(a):
    memory = (ctypes.c_char * (a.numel() * a.element_size())).from_address(a.data_ptr()) if a.numel() else b""
    return torch.frombuffer(memory, dtype=a.dtype).clone().reshape(a.shape) if a.numel() else a.clone()

class RawCotangent(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return _raw(g) * (x > 0)

class Raw(RawCotangent):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return _raw(x).clamp(min=0)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * (x > 0)

class ScalesTheCotangent(RawCotangent):
    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g.mul_(x > 0).clone()

def adds(x, weight, bias=None):
    y = torch.nn.functional.linear(x, weight, bias)
    with torch.no_grad():
        x.data.add_(1)
    return y

def adds_openly(x):
    return x.mul_(x > 0) * 1

def adds_to_bias(x, weight, bias=None):
    y = torch.nn.functional.linear(x, weight, bias)
    if bias is not None:
        bias.data.add_(1)
    return y

def view(x):
    return x if bool((x >= 0).all()) else x.clamp(min=0)
"""


@pytest.fixture(scope="module")
def careless(tmp_path_factory):
    path = tmp_path_factory.mktemp("torch") / "careless.py"
    path.write_text(CARELESS)
    return path


def asked(op, spec, dtype, moves=None, examples=40, **how):
    """The contract, in this process: to start another for each takes longer than the work."""
    found = bridge.bridged(find(op), loading.find(spec), dtype=dtype, device="cpu")
    tried = Tried(Implementation.of(find(op), found), {"contract": laws()["contract"]}, **how)
    moves = moves or {"conv": {"padding": 0, "flip": False}, "max_pool": {"dims": 2}}.get(op, {})
    Search(problems_of(find(op), moves, dtype), examples, 2).run(tried.add)
    return tried


def said(report):
    return {f.note for f in report.findings if f.law == "contract" and f.verdict == "broken"}


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
@pytest.mark.parametrize(
    ("op", "name", "words"),
    [
        ("relu", "Raw", "arrays in Fortran order are read wrongly"),
        ("relu", "Raw", "arrays with channels last are read wrongly"),
        ("relu", "Raw", "arrays that skip every second element are read wrongly"),
        ("relu", "RawCotangent", "a cotangent that is broadcast (strides of 0) is read wrongly"),
        ("relu", "ScalesTheCotangent", "backward writes into grad_output, which the caller goes on using"),
        ("linear", "adds", "forward writes into x, which the caller goes on using"),
        ("relu", "adds_openly", "forward writes into x, which the caller goes on using"),
        ("linear", "adds_to_bias", "forward writes into bias, which the caller goes on using"),
        ("relu", "view", "y changes when the caller later writes to what it passed: it is a view of that"),
    ],
)
def test_the_contract_is_asked_of_the_tensors(careless, op, name, words, dtype):
    assert words in said(asked(op, f"{careless}:{name}", dtype))


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize(
    ("op", "name"),
    [
        ("relu", "Relu"),
        ("softmax", "Softmax"),
        ("linear", "Linear"),
        ("dropout", "dropout"),
        ("conv", "conv"),
        ("linear", "torch.nn.functional:linear"),
        ("relu", "torch:relu"),
        ("max_pool", "torch.nn.functional:max_pool2d"),
    ],
)
def test_what_is_right_keeps_the_contract_in_every_precision(theirs, op, name, dtype):
    tried = asked(op, name if ":" in name else f"{theirs}:{name}", dtype, strict=True)
    assert not said(tried)
    assert tried.cases > 5


def test_the_contract_reaches_tensors_in_a_process_of_its_own(careless):
    report = judge("linear", f"torch:{careless}:adds", dtype="float32", examples=10, seed=2, laws=["contract"])
    assert report.exit_code == 1
    assert "forward writes into x, which the caller goes on using" in said(report)


PADDED = """
import torch

def conv(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return torch.nn.functional.conv2d(x, weight, bias, stride, padding, dilation, groups)

def crashes(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    if stride != 1:
        raise RuntimeError("no kernel image is available")
    return conv(x, weight, bias, stride, padding, dilation, groups)
"""


@pytest.mark.parametrize("padding", ["full", "same", "valid"])
def test_a_padding_with_a_name_is_passed_in_numbers_or_not_supported(tmp_path, padding):
    path = tmp_path / "padded.py"
    path.write_text(PADDED)
    pinned = {"dims": 2, "padding": padding, "flip": False}
    report = judge("conv", f"torch:{path}:conv", dtype="float32", examples=30, seed=4, laws=["agreement"], **pinned)
    assert report.exit_code == 0, str(report)
    assert report.cases > 8
    assert all("does not take padding 'same'" in words for words in report.unsupported)
    crash = judge("conv", f"torch:{path}:crashes", dtype="float32", examples=9, seed=4, stride=2, **pinned)
    assert crash.exit_code == 3, "what is passed in numbers, and raises, is a crash"


def test_what_is_built_into_torch_is_judged_on_what_it_takes():
    tried = asked("conv", "torch.nn.functional:conv2d", "float32", moves={"dims": 2})
    assert tried.cases > 5
    assert not said(tried)
    assert {words.split(" (")[0] for words in tried.unsupported} <= {
        "does not take flip",
        "does not take padding 'same'",
    }


def test_tensors_lie_as_the_arrays_do():
    a = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    for dtype in (torch.float32, torch.bfloat16):
        for lay in (*LAYOUTS.values(), broadcast):
            array = laid_alike(lay(a))
            (tensor,) = Handed([array], dtype, "cpu").tensors
            assert tensor.float().tolist() == array.tolist()
            assert list(tensor.stride()) == [abs(stride) // 4 for stride in array.strides]


def test_numpy_has_no_bfloat16():
    with pytest.raises(ValueError, match=r"^NumPy has no bfloat16; name an implementation in torch"):
        judge("relu", dtype="bfloat16")


MODULES = """
import torch

class Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        return 1.01 * g

class Wrapped(torch.nn.Module):
    def __init__(self, inner, after):
        super().__init__()
        self.inner, self.after = inner, after

    def forward(self, x):
        return self.after(self.inner(x))

conv = torch.nn.Conv2d(2, 3, 2, stride=2, padding=1)
norm = torch.nn.LayerNorm(4)
right = Wrapped(torch.nn.Conv1d(2, 3, 2), torch.nn.Identity())
wrong = Wrapped(torch.nn.Conv1d(2, 3, 2, padding=1), Scaled.apply)
"""


@pytest.mark.parametrize(
    ("op", "name", "dtype", "pins"),
    [
        ("conv", "conv", "float64", {"stride": 2, "padding": 1, "channels": (2, 3)}),
        ("layer_norm", "norm", "float32", {"last": (4,)}),
        ("conv", "right", "bfloat16", {"dims": 1, "channels": (2, 3)}),
        ("conv", "wrong", "float64", {"dims": 1, "padding": 1}),
    ],
)
def test_a_module_that_is_made_already_is_judged_with_its_own_numbers(tmp_path, op, name, dtype, pins):
    (tmp_path / "modules.py").write_text(MODULES)
    report = judge(
        op, f"torch:{tmp_path / 'modules.py'}:{name}", dtype=dtype, examples=4, reach=1, seed=3, laws=["agreement"]
    )
    assert {n: report.pinned.get(n) for n in pins} == pins
    assert report.exit_code == (name == "wrong"), str(report)
    wrong = {f"grad_{n}" for n in ("x", "weight", "bias")} if name == "wrong" else set()
    assert {failure.result for failure in report.failures} == wrong
    assert any("made already" in line for line in report.assumed)


def test_what_is_torchs_needs_no_word_in_front(tmp_path):
    (tmp_path / "bare.py").write_text(f"{MODULES}\npool = torch.nn.MaxPool2d(2)\n")
    spoken = loading.load(find("max_pool"), f"{tmp_path / 'bare.py'}:pool")
    assert {"dims": 2, "kernel_size": 2, "stride": 2}.items() <= spoken.pins.items()
    assert judge("max_pool", spoken, seed=1, examples=4, laws=["exact"]).exit_code == 0
    assert bridge.owns(loading.find(f"{tmp_path / 'bare.py'}:Scaled"))
    assert not bridge.owns(torch.relu)


@pytest.mark.parametrize("name", ["relu", "softplus", "leaky_relu"])
def test_what_torch_takes_beside_the_parameters_of_an_op_stays_as_it_is(name):
    """`inplace=False` and the like stand behind the inputs, by position: no array is handed over for them."""
    op = find(name)
    made = Implementation.of(op, loading.load(op, f"torch:torch.nn.functional:{name}"))
    problem = Problem(op, {"x": (2, 3), "y": (2, 3)}, op.takes.defaults)
    right = Implementation.of(op, op.reference)
    case = problem.reals()
    assert np.allclose(made.backward(case)["x"], right.backward(case)["x"])
