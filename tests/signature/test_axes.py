"""Shapes by named axes, both ways, and what follows from a declaration."""

from random import Random

import pytest

from checks.cases.drawing import problem
from checks.cases.pins import pinned_values
from checks.ops import find, ops
from checks.signature.axes import Axes, parts
from checks.signature.drawing import ByChance
from checks.signature.options import Range


@pytest.mark.parametrize(
    ("text", "sizes", "parameters", "shape"),
    [
        ("N C *size", {"N": 2, "C": 3, "*size": (4, 5)}, {}, (2, 3, 4, 5)),
        ("O C/groups *kernel", {"O": 6, "C": 4, "*kernel": (3,)}, {"groups": 2}, (6, 2, 3)),
        ("*batch I", {"*batch": (2, 3), "I": 4}, {}, (2, 3, 4)),
        ("4H I H", {"H": 2, "I": 3}, {}, (8, 3, 2)),
        ("C C*r*r H*r", {"C": 2, "H": 5}, {"r": 3}, (2, 18, 15)),
        ("O ?", {"O": 6}, {}, (6,)),
        ("", {}, {}, ()),
    ],
)
def test_a_shape_follows_from_the_sizes_and_the_sizes_from_it(text, sizes, parameters, shape):
    axes = Axes.of(text)
    assert axes.shape(sizes, parameters) == shape
    read = {name: size for name, size in sizes.items() if name in text.split()}
    assert axes.sizes(shape, {}) == read


def test_two_groups_of_axes_are_told_apart_by_what_is_known_of_one():
    axes = Axes.of("*batch *last")
    assert axes.sizes((2, 3, 4, 5), {"*last": (4, 5)}) == {"*batch": (2, 3), "*last": (4, 5)}
    assert axes.sizes((2, 3, 4), {}) == {"*batch": (2, 3), "*last": (4,)}


@pytest.mark.parametrize("op", ops().values(), ids=list(ops()))
def test_every_array_of_an_op_is_declared_with_axes_that_something_pins_or_y_has(op):
    """Or that follow from what is pinned, as the columns that are folded do."""
    pinned = {axis for sizes in op.takes.sizes for axis in sizes.names}
    for name, axes in op.takes.axes.items():
        own = {parts(axis)[1] for axis in axes.names}
        assert own <= pinned or name == "y" or follows(op, name), name


def follows(op, name):
    """Whether the pins of some problems make arrays of the same shape again."""
    draw = ByChance(Random(1))  # noqa: S311, no secret
    drawn = [problem(draw, op, {}, "float64") for _ in range(20)]
    return all(problem(draw, op, one.pins, "float64").shape(name) == one.shape(name) for one in drawn)


def test_a_range_is_read_and_written_and_refused_where_it_makes_no_sense():
    conv = find("conv")
    assert pinned_values(conv, {"channels": "60..140,4"}) == {"channels": (Range(60, 140), 4)}
    assert str(Range(60, 140)) == "60..140"
    for value, sentence in [
        ("9..4", "expected a range from the smaller to the larger, such as 4..9"),
        ("4..x", "expected a whole number"),
        ("0..4", "expected at least 1"),
    ]:
        with pytest.raises(ValueError, match=f"channels is {value}; {sentence}"):
            pinned_values(conv, {"channels": value})
    with pytest.raises(ValueError, match="spans 9 and does not fit into size 2 with padding 0"):
        pinned_values(conv, {"kernel": 9, "size": "2..20", "padding": 0})
