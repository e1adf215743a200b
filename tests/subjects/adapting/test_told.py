"""What is said of a layer is taken in place of what would be looked for, and refused where it cannot be."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from checks import adapt
from checks.command.skeleton import adapter, skeleton, start
from checks.ops import find
from checks.subjects.adapting.told import path_of, read
from checks.subjects.implementation import Implementation
from checks.subjects.loading import load
from checks.subjects.refusals import NotAnImplementation
from checks.verdict.judging import judge
from tests.subjects.adapting.test_layer import ConvNHWC


class Odd:
    """Names that nobody else uses."""

    def __init__(self, n_inputs, n_neurons):
        self.box = {"alpha": np.ones((n_inputs, n_neurons)), "omega": np.zeros(n_neurons)}

    def forward(self, x):
        self.x = x
        return x @ self.box["alpha"] + self.box["omega"]

    def backward(self, g):
        self.first, self.second = self.x.T @ g, g.sum(0)
        return g @ self.box["alpha"].T


KEPT = {"weight": "box['alpha']: I O", "bias": "box['omega']"}
LEFT = {"weight": "first", "bias": "second"}


def test_names_that_are_said_are_taken_and_the_layer_is_right():
    report = judge("linear", adapt(Odd, grads=LEFT, **KEPT), examples=8, seed=1)
    assert report.exit_code == 0
    assert "weight is box['alpha']" in report.assumed[1]
    assert "grad_weight is first" in report.assumed[1]


def test_words_say_the_same_as_python():
    words = "weight=box['alpha']: I O; bias=box['omega']; grads=weight: first, bias: second"
    assert read(Odd, words) == adapt(Odd, grads=LEFT, **KEPT)


def test_a_layout_that_is_said_is_the_one_that_is_judged():
    told = adapt(ConvNHWC, layout="NHWC", weight="W: H W I O", bias="b")
    assert Implementation.of(find("conv"), told).assumed[0].startswith("x (N *size C), weight (*kernel C/groups O)")


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"layout": "NCHW"}, "forward is right in: none"),
        ({"weight": "W: O I H W"}, "weight is said to be W: O I H W; nothing of that name and shape"),
        ({"weight": "V"}, "weight is said to be V; nothing of that name"),
        ({"layout": "NHWQ"}, "'Q' in 'NHWQ' is none of its axes"),
        ({"grads": "weight: dV"}, "the gradient of weight is said to be dV; after backward nothing is there"),
    ],
)
def test_what_is_said_and_is_not_so_is_refused(told, said):
    with pytest.raises(NotAnImplementation, match=said):
        Implementation.of(find("conv"), adapt(ConvNHWC, **told))


def test_what_says_nothing_is_refused():
    with pytest.raises(ValueError, match="says nothing; expected words such as"):
        read(Odd, "NHWC")
    with pytest.raises(ValueError, match="expected an input and a place"):
        adapt(Odd, grads="dW")


def test_a_path_is_written_as_in_code():
    assert path_of("params['W'][0].grad") == (
        ("attribute", "params"), ("item", "W"), ("item", 0), ("attribute", "grad"),
    )  # fmt: skip


def test_what_was_found_is_written_as_a_file_that_is_judged(tmp_path, monkeypatch):
    (tmp_path / "odd_layers.py").write_text("import numpy as np\n\n\n" + inspect.getsource(Odd), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(adapter(find("linear"), "odd_layers.py:Odd"), encoding="utf-8")
    found = Implementation.of(find("linear"), load(find("linear"), "mine.py:layer"))
    assert "weight is box['alpha']" in found.assumed[1]


def test_where_nothing_fits_the_file_says_why_and_what_to_fill_in(tmp_path, monkeypatch):
    text = inspect.getsource(Odd).replace("return x @", "return 3 + 0 * x.sum() * x @")
    (tmp_path / "lost_layers.py").write_text(
        "import numpy as np\n\n\n" + text.replace("n_neurons", "many"), encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    said = adapter(find("linear"), "lost_layers.py:Odd")
    assert "# What could not be found: of" in said
    assert '# weight="ATTRIBUTE: O I"' in said


def test_a_layer_that_is_not_adapted_is_answered_with_what_to_say_of_it():
    said = start(find("linear"), "layers.py:Lost", "Lost could not be made; nor adapted: its weight is not there")
    assert "from layers import Lost" in said
    assert "# What could not be found: its weight is not there" in said
    assert start(find("linear"), "layers.py:Lost", "there is no file layers.py") == skeleton(find("linear"))


def test_an_adapter_is_judged_in_a_process_of_its_own(tmp_path, monkeypatch):
    (tmp_path / "layers_of_mine.py").write_text("import numpy as np\n\n\n" + inspect.getsource(Odd), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(adapter(find("linear"), "layers_of_mine.py:Odd"), encoding="utf-8")
    assert judge("linear", "mine.py:layer", examples=4, seed=1).exit_code == 0


class Asking:
    """Nothing of it has a usual name."""

    def forward(self, asks, has, gives):
        S = asks @ has.swapaxes(-1, -2) / np.sqrt(asks.shape[-1])
        P = np.exp(S - S.max(-1, keepdims=True))
        self.all = asks, has, gives, P / P.sum(-1, keepdims=True)
        return self.all[-1] @ gives

    def backward(self, up):
        q, k, v, P = self.all
        dP = up @ v.swapaxes(-1, -2)
        dS = P * (dP - (P * dP).sum(-1, keepdims=True)) / np.sqrt(q.shape[-1])
        return dS @ k, dS.swapaxes(-1, -2) @ q, P.swapaxes(-1, -2) @ up


class Squared:
    def forward(self, pred, target):
        self.away = pred - target
        return np.mean(self.away**2)

    def backward(self):
        self.answer = 2 * self.away / self.away.size


def test_what_arguments_are_can_be_told():
    op = find("attention")
    assert Implementation.of(op, Asking).assumed[0].startswith("q (N H T D), k")  # three in a row: by their order
    with pytest.raises(NotAnImplementation, match="what forward's argument has means is not known"):
        Implementation.of(op, adapt(Asking, args="asks: q"))
    found = Implementation.of(op, adapt(Asking, args="asks: q, has: k, gives: v"))
    assert found.assumed[0].startswith("q (N H T D), k (N H/groups S D), v (N H/groups S E), no mask")
    assert read(Asking, "args=asks: q, has: k, gives: v") == adapt(Asking, args={"asks": "q", "has": "k", "gives": "v"})
    with pytest.raises(NotAnImplementation, match="the argument has is said to be 'key'; attention has q, k, v, mask"):
        Implementation.of(op, adapt(Asking, args="asks: q, has: key, gives: v"))


def test_a_gradient_that_is_told_is_not_found_again_as_that_of_another_input():
    found = Implementation.of(find("euclidean_loss"), adapt(Squared, grads={"prediction": "answer"}))
    assert "grad_target is not there" in found.assumed[1]
