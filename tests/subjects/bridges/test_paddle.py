"""Paddle: functions, layers and Paddle's own ops are judged through paddle.grad."""

import pytest

from checks import judge

pytest.importorskip("paddle")

THEIRS = """
import paddle

def linear(x, weight, bias=None):
    return paddle.nn.functional.linear(x, weight.T, bias)

def detached(x, weight, bias=None):
    return linear(x.detach(), weight, bias)

class Linear(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.weight = self.create_parameter([1, 1])
        self.bias = self.create_parameter([1])

    def forward(self, x):
        return paddle.nn.functional.linear(x, self.weight.T, self.bias)
"""


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    path = tmp_path_factory.mktemp("paddle") / "theirs.py"
    path.write_text(THEIRS)
    return path


@pytest.mark.parametrize(("name", "right"), [("linear", True), ("Linear", True), ("detached", False)])
def test_functions_and_layers_are_judged(theirs, name, right):
    report = judge("linear", f"paddle:{theirs}:{name}", examples=6, reach=1, seed=3, batch=2, laws=["agreement"])
    assert bool(report) is right, str(report)
    assert report.exit_code == (not right)


@pytest.mark.parametrize("op", ["conv", "softmax", "linear"])
def test_what_paddle_has_itself_is_right(op):
    report = judge(op, "paddle", examples=4, reach=1, seed=5, laws=["agreement"])
    assert report, str(report)
    assert report.implementation.startswith(f"{op} of paddle 3.")
