"""MLX: functions, modules and MLX's own ops are judged through mx.vjp, as they are and compiled."""

import pytest

from checks import judge
from checks.ops import find
from checks.subjects.bridges.mlx import bridged

mlx = pytest.importorskip("mlx.core")
nn = pytest.importorskip("mlx.nn")

THEIRS = """
import mlx.core as mx
import mlx.nn as nn

def linear(x, weight, bias=None):
    y = x @ weight.T
    return y if bias is None else y + bias

def writes(x):
    y = mx.maximum(x, 0)
    x[...] = y
    return y

@mx.custom_function
def relu(x):
    return mx.maximum(x, 0)

@relu.vjp
def relu_vjp(primals, cotangent, output):
    return cotangent

class Linear(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight, self.bias = mx.ones((1, 1)), mx.ones(1)

    def __call__(self, x):
        return mx.addmm(self.bias, x, self.weight.T)
"""


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    path = tmp_path_factory.mktemp("mlx") / "theirs.py"
    path.write_text(THEIRS)
    return path


@pytest.mark.parametrize("compiled", ["", "compiled:"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
def test_a_function_is_right(theirs, dtype, compiled):
    report = judge(
        "linear",
        f"{compiled}mlx:{theirs}:linear",
        dtype=dtype,
        examples=8,
        seed=3,
        laws=["agreement", "contract"],
        batch=2,
    )
    assert report, str(report)


def test_the_arrays_of_a_module_are_inputs(theirs):
    report = judge("linear", f"mlx:{theirs}:Linear", dtype="float32", examples=8, seed=3, laws=["agreement"], batch=2)
    assert report, str(report)
    assert report.decided["grad_bias"][0] > 3


def test_its_own_backward_is_what_is_judged(theirs):
    report = judge("relu", f"mlx:{theirs}:relu", dtype="float32", examples=12, seed=3, laws=["exact"])
    assert {failure.result for failure in report.failures} == {"grad_x"}


def test_what_is_written_to_its_arrays_is_written_to_the_callers(theirs):
    report = judge("relu", f"mlx:{theirs}:writes", dtype="float32", examples=12, seed=3, laws=["contract"])
    assert "forward writes into x, which the caller goes on using" in {f.note for f in report.findings}


OWN = {
    "conv": {"dims": 2, "batch": 2},
    "conv_transpose": {"dims": 1, "batch": 2, "padding": 0, "output_padding": 0, "groups": 1},
    "max_pool": {"batch": 2, "dilation": 1, "ceil_mode": False},
    "avg_pool": {"batch": 2, "ceil_mode": False, "count_include_pad": True},
    "softmax": {},
    "cross_entropy": {},
    "batch_norm": {"dims": 2, "batch": 2},
    "group_norm": {"dims": 1, "batch": 2},
    "batch_norm_inference": {"dims": 1},
    "kl_div": {"log_target": True},
    "lstm_cell": {},
    "gru_cell": {},
    "pad": {"dims": 1, "mode": "replicate"},
}


@pytest.mark.parametrize("op", OWN)
def test_what_mlx_has_itself_is_right(op):
    report = judge(op, "mlx", examples=6, reach=1, seed=5, dtype="float32", laws=["agreement"], **OWN[op])
    assert report, str(report)
    assert report.implementation.startswith(f"{op} of mlx 0.")


def test_a_device_that_there_is_not_is_refused():
    with pytest.raises(TypeError, match=r"^MLX has no device 'cuda'; expected cpu or gpu$"):
        judge("relu", "mlx", dtype="float32", device="cuda")


@pytest.mark.parametrize("way", ["double_backward", "forward_over_reverse", "forward_over_forward"])
def test_its_modes_within_one_another_are_right(way):
    made = bridged(find("tanh"), mlx.tanh, dtype="float64", device="cpu")
    report = judge(f"tanh.{way}", made, seed=1, examples=2, shape=(3,), laws=["agreement", "adjoint"])
    assert report, str(report)
    assert report.checks


@pytest.mark.parametrize(
    ("op", "made"),
    [("conv", lambda: nn.Conv1d(3, 4, 2, stride=2)), ("conv_transpose", lambda: nn.ConvTranspose2d(3, 4, 3, stride=2))],
)
def test_a_layer_that_has_no_kernel_in_float64_is_found_in_float32(op, made):
    layer = bridged(find(op), made(), dtype="float32", device="cpu")
    assert layer.leaves
    assert "forward is right" in layer.assumed[0]
