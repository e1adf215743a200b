"""What --impl names: bridges, what frameworks have themselves, and their compilers."""

import inspect
import sys

import pytest

from checks.ops import find, ops
from checks.subjects import loading
from checks.subjects.refusals import NotAnImplementation


@pytest.mark.parametrize(
    ("spec", "parts", "framework"),
    [
        ("mine.py:Conv", (None, "mine.py", "Conv"), ""),
        ("torch:mine.py:conv", ("torch", "mine.py", "conv"), ""),
        ("compiled:jax:mine.py:conv", ("jax", "mine.py", "conv"), ""),
        ("jax", ("jax", "", ""), "jax"),
        ("compiled:torch", ("torch", "", ""), "torch"),
        ("jaxed.py", (None, "jaxed.py", ""), ""),
    ],
)
def test_a_text_has_a_bridge_a_place_and_a_name(spec, parts, framework):
    assert loading.split(spec) == parts
    assert loading.built_in(spec) == framework


@pytest.mark.parametrize("bridge", loading.BUILT_IN)
def test_what_a_framework_has_is_named_after_ops_and_takes_their_inputs(bridge):
    assert bridge in loading.BRIDGES
    own = {name: f for name, f in vars(loading.BUILT_IN[bridge]).items() if inspect.isfunction(f) and name in ops()}
    helpers = {"named", "both_ends", "window", "pooling_window"}
    others = {name for name, f in vars(loading.BUILT_IN[bridge]).items() if inspect.isfunction(f) and name not in own}
    assert {name for name in others - helpers if not name.startswith("_")} == set(), "each is named after an op"
    assert len(own) > 10
    for name, function in own.items():
        parameters, op = inspect.signature(function).parameters.values(), find(name)
        assert tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD) == op.inputs
        assert {p.name for p in parameters if p.kind is p.KEYWORD_ONLY} <= set(op.takes.defaults)


def test_a_framework_that_is_not_installed_and_a_compiler_that_there_is_not(monkeypatch):
    monkeypatch.setitem(sys.modules, "paddle", None)
    with pytest.raises(NotAnImplementation, match=r"its extra brings it: pip install -e '\.\[paddle\]'$"):
        loading.load(find("relu"), "paddle")
    with pytest.raises(
        NotAnImplementation, match=r"^compiled:mine.py:f has no framework that could compile it; expected "
    ):
        loading.load(find("relu"), "compiled:mine.py:f")
