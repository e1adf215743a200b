"""What is said of a layer is taken in place of what would be looked for, and refused where it cannot be."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from checks import adapt
from checks.command.skeleton import adapter, skeleton, start
from checks.ops import find
from checks.subjects.adapting.told import path_of, read
from checks.subjects.implementation import Implementation, NotAnImplementation
from checks.subjects.loading import load
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
