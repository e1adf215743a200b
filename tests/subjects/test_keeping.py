"""Layer objects of a framework as layers that keep their weights: names, numbers, and which of both readings is taken."""

from types import SimpleNamespace

import numpy as np
import pytest

from checks.ops import find
from checks.subjects.adapting.made import numbers_of
from checks.subjects.keeping import numbers, short, spoken


class Part:
    def __init__(self, **numbers):
        vars(self).update(numbers)

    def __call__(self, x):
        return x


def test_names_are_the_last_part_where_that_is_one_s_own():
    assert short(["inner.weight", "inner.bias.value"]) == ["weight", "bias"]
    assert short(["a.weight", "b.weight", "b.bias"]) == ["a_weight", "b_weight", "bias"]


def test_numbers_are_those_of_the_parts_where_they_agree():
    layer = Part(inner=Part(stride=[2, 2], padding=((1, 1), (2, 2)), eps=1e-3), also=[Part(eps=1e-5)], name="mine")
    assert numbers(layer) == {"stride": (2, 2), "padding": (1, 2), "name": "mine"}  # eps is said twice
    assert numbers(Part(padding=((0, 1), (0, 1)))) == {"padding": ((0, 1), (0, 1))}


class Same:
    """A framework of NumPy's own arrays, in this precision."""

    compilations = 0

    def __init__(self, dtype):
        self.dtype = dtype

    def compiled(self, function):
        Same.compilations += 1
        return function

    def array(self, a):
        return a.astype(self.dtype)

    numpy = array

    def is_array(self, found):
        return isinstance(found, np.ndarray)

    def pulled(self, function, arrays, cotangents):
        (g,), (x, kernel) = cotangents, arrays
        assert function(*arrays)[0].dtype == self.dtype
        return g @ kernel.T, x.T @ g


class Dense:
    """Weights of (in, out), which the op does not have."""

    def __init__(self, weight):
        self.kernel = weight

    def __call__(self, x):
        return x @ self.kernel


def parts(weight):
    return lambda _, __: ({"kernel": weight}, lambda arrays: lambda x: x @ arrays[0])


def test_what_is_compiled_is_compiled_once_for_a_shape_and_not_to_find_how_it_is_called():
    linear = find("linear")
    same = SimpleNamespace(forward=lambda x, *_: x)
    found = spoken(
        linear, Dense(np.ones((3, 4))), lambda *_, **__: same, Same, parts(np.ones((3, 4))), "float32", compiled=True
    )
    assert found.pins["features"] == (3, 4)
    before = Same.compilations
    for _ in range(2):
        found.forward(np.ones((2, 3)), np.ones((4, 3)))
    assert (before, Same.compilations) == (0, 1)


@pytest.mark.parametrize("by_names", [True, False])
def test_it_is_adapted_where_y_is_not_right_by_names(by_names):
    linear = find("linear")

    def direct(dtype, *, compiled):
        def forward(x, weight, bias=None):
            return linear.reference.forward(x, weight, bias) if by_names else x

        return SimpleNamespace(forward=forward, dtype=dtype)

    weight = np.ones((3, 4))
    found = spoken(linear, Dense(weight), direct, Same, parts(weight), "float32", compiled=False)
    if by_names:
        assert found.dtype == "float32"
        return
    assert found.pins["features"] == (3, 4)
    x, own, g = np.ones((2, 3)), np.arange(12.0).reshape(4, 3), np.ones((2, 4))
    assert np.array_equal(found.forward(x, own), linear.reference.forward(x, own, None))
    grad_x, grad_weight, *_ = found.backward(g, x, own)
    assert np.array_equal(grad_x, g @ own)
    assert np.array_equal(grad_weight, g.T @ x)


def test_a_state_that_is_returned_beside_y_does_not_hide_it():
    linear, weight = find("linear"), np.ones((3, 4))

    def beside(_, __):
        return {"kernel": weight}, lambda arrays: lambda x: (x @ arrays[0], None)

    same = SimpleNamespace(forward=lambda x, *_: x)
    found = spoken(linear, Dense(weight), lambda *_, **__: same, Same, beside, "float32", compiled=False)
    x, own, g = np.ones((2, 3)), np.arange(12.0).reshape(4, 3), np.ones((2, 4))
    assert np.array_equal(found.forward(x, own), linear.reference.forward(x, own, None))
    gradients = found.backward(g, x, own)
    assert all(
        np.array_equal(a, b) for a, b in zip(gradients[:2], linear.reference.backward(g, x, own, None), strict=False)
    )


def test_words_and_numbers_of_a_layer_are_read_as_flax_has_them():
    """SAME is same, of which an even kernel has no number; groups and steps between elements have names of their own."""
    layer = Part(padding="SAME", feature_group_count=2, kernel_dilation=(3, 3), strides=1)
    assert numbers_of(find("conv"), layer) == {"padding": "same", "groups": 2, "dilation": 3, "stride": 1}
