"""TensorFlow: functions, layers and TensorFlow's own ops are judged through tf.GradientTape."""

import pytest

from checks import judge

pytest.importorskip("tensorflow")

THEIRS = """
import tensorflow as tf

def linear(x, weight, bias=None):
    y = tf.linalg.matmul(x, weight, transpose_b=True)
    return y if bias is None else y + bias

def detached(x, weight, bias=None):
    return linear(tf.stop_gradient(x), weight, bias)

class Linear(tf.keras.layers.Layer):
    def __init__(self):
        super().__init__(dtype="float64")
        self.weight, self.bias = self.add_weight(shape=(1, 1)), self.add_weight(shape=(1,))

    def call(self, x):
        return linear(x, self.weight, self.bias)
"""


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    path = tmp_path_factory.mktemp("tensorflow") / "theirs.py"
    path.write_text(THEIRS)
    return path


@pytest.mark.parametrize(("name", "right"), [("linear", True), ("Linear", True), ("detached", False)])
def test_functions_and_layers_are_judged(theirs, name, right):
    report = judge("linear", f"tensorflow:{theirs}:{name}", examples=6, reach=1, seed=3, batch=2, laws=["agreement"])
    assert bool(report) is right, str(report)
    assert report.exit_code == (not right)


@pytest.mark.parametrize("op", ["max_pool", "softmax", "linear"])
def test_what_tensorflow_has_itself_is_right(op):
    report = judge(op, "tensorflow", examples=4, reach=1, seed=5, laws=["agreement"])
    assert report, str(report)
    assert report.implementation.startswith(f"{op} of tensorflow 2.")
