"""tinygrad: functions, layers and tinygrad's own ops are judged through Tensor.gradient, as they are and in a TinyJit."""

import shutil

import pytest

from checks import judge

pytest.importorskip("tinygrad")
pytestmark = pytest.mark.skipif(not shutil.which("clang"), reason="tinygrad compiles by clang")

THEIRS = """
from tinygrad import Tensor

def linear(x, weight, bias=None):
    return x.linear(weight.transpose(), bias)

def detached(x, weight, bias=None):
    return linear(x.detach(), weight, bias)

class Linear:
    def __init__(self):
        self.weight, self.bias = Tensor.ones(1, 1), Tensor.ones(1)

    def __call__(self, x):
        return x.linear(self.weight.transpose(), self.bias)
"""


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    path = tmp_path_factory.mktemp("tinygrad") / "theirs.py"
    path.write_text(THEIRS)
    return path


@pytest.mark.parametrize("compiled", ["", "compiled:"])
@pytest.mark.parametrize("dtype", ["float64", "float16"])
def test_a_function_is_right(theirs, dtype, compiled):
    report = judge(
        "linear", f"{compiled}tinygrad:{theirs}:linear", dtype=dtype, examples=4, reach=1, seed=3, laws=["agreement"]
    )
    assert report, str(report)


def test_the_tensors_of_a_layer_are_inputs(theirs):
    report = judge("linear", f"tinygrad:{theirs}:Linear", examples=4, reach=1, seed=3, laws=["agreement"])
    assert report, str(report)
    assert report.decided["grad_weight"][0] > 1


def test_what_has_no_gradient_is_wrong(theirs):
    report = judge("linear", f"tinygrad:{theirs}:detached", examples=4, reach=1, seed=3, laws=["exact"])
    assert {failure.result for failure in report.failures} == {"grad_x"}


OWN = {
    "conv": {"dims": 1, "groups": 2, "flip": False, "padding": "same"},
    "max_pool": {"dims": 1, "ceil_mode": True},
    "avg_pool": {"dims": 1, "ceil_mode": True},
    "cross_entropy": {"dims": 0},
    "batch_norm": {"dims": 1},
    "bce_with_logits": {},
    "lstm_cell": {},
    "pad": {"dims": 1, "mode": "reflect"},
}


@pytest.mark.parametrize("op", OWN)
def test_what_tinygrad_has_itself_is_right(op):
    report = judge(op, "tinygrad", examples=2, reach=1, seed=5, dtype="float32", laws=["agreement"], **OWN[op])
    assert report, str(report)
    assert report.implementation.startswith(f"{op} of tinygrad 0.")
