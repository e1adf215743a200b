"""Heat maps: every number in its place and its shade, each shade in the legend, the worst element marked and in words."""

from __future__ import annotations

import re
from html import unescape

import numpy as np
import pytest

from checks.cases.pins import small_problem
from checks.ops import find
from checks.render import heat
from checks.trials.exhibit import Compared, Exhibit, Numbers


def place(flat, shape):
    """The index of the element that is so many places from the first."""
    return tuple(int(i) for i in np.unravel_index(flat, shape))


def exhibit(yours, right, shape, *, allowed=0.0, index=None):
    """One wrong result of convolution; the worst element is the first that is off."""
    numbers = [Numbers(shape, tuple(map(float, values))) for values in (yours, right, [allowed] * len(right))]
    first = next(i for i, (a, b) in enumerate(zip(yours, right, strict=True)) if a != b)
    problem = small_problem(find("conv"), {}, bias=False)
    return Exhibit(problem, "grad_x", index or place(first, shape), {"grad_x": Compared(*numbers)})


def squares(svg_text):
    """The corners of the squares of each shade."""
    return {
        shade: re.findall(r"M(\d+) (\d+)h", path)
        for shade, path in re.findall(r'<path class="(\w+)" d="([^"]*)"', svg_text)
        if shade not in {"off", "under"}
    }


def test_maps_show_each_number_in_the_shade_of_its_size():
    drawn = heat.heat(exhibit([100, 100, 10, 1, -0.1, 0], [100, -100, 10, 1, -0.1, 0], (2, 3)))
    yours, right, difference = re.findall(r"<svg class=\"heat\" role=\"img\".*?</svg>", drawn)
    assert {shade: len(at) for shade, at in squares(yours).items()} == {"p4": 2, "p3": 1, "p2": 1, "n1": 1}
    assert {shade: len(at) for shade, at in squares(right).items()} == {"p4": 1, "n4": 1, "p3": 1, "p2": 1, "n1": 1}
    assert squares(difference) == {"p4": [("13", "3")]}, "the second of the first row"


@pytest.mark.parametrize("shape", [(), (6,), (2, 3), (2, 1, 3), (1, 2, 1, 3), (2, 3, 1, 1), (2, 1, 1, 1, 3)])
def test_maps_mark_the_worst_element(shape):
    count = 1 if shape == () else 6
    right = list(range(1, count + 1))
    wrong = [*right[:-1], -9]
    drawn = heat.heat(exhibit(wrong, right, shape))
    for picture in re.findall(r"<svg class=\"heat\" role=\"img\".*?</svg>", drawn):
        (mark,) = re.findall(r'<rect class="at" x="(\d+)" y="(\d+)"', picture)
        if 'class="e' in picture:
            assert [mark] == [at for corners in squares(picture).values() for at in corners]
    label = f"grad_x[{','.join(map(str, place(count - 1, shape)))}]"
    assert label in drawn
    assert f"of which 1 are wrong; the worst is {label[6:]}" in unescape(drawn)


def test_every_number_has_a_place_of_its_own():
    numbers = range(1, 25)
    drawn = heat.heat(exhibit([-n for n in numbers], list(numbers), (2, 3, 2, 2)))
    for picture in re.findall(r"<svg class=\"heat\" role=\"img\".*?</svg>", drawn):
        corners = [at for of in squares(picture).values() for at in of]
        assert len(set(corners)) == 24


@pytest.mark.parametrize(
    ("off", "shade"),
    [(1e-13, "p1"), (5e-3, "p2"), (0.05, "p3"), (0.5, "p4"), (7.0, "p4"), (-0.5, "n4"), (float("nan"), "nan")],
)
def test_a_difference_is_signed_and_on_the_scale_of_the_numbers(off, shade):
    """So that what is a thousandth of the numbers looks it, and too much is not too little."""
    drawn = heat.heat(exhibit([1 + off, 1], [1, 1], (2,), index=(0,)))
    *_, difference = re.findall(r"<svg class=\"heat\" role=\"img\".*?</svg>", drawn)
    assert list(squares(difference)) == [shade]


def test_small_whole_numbers_stand_in_their_cells():
    drawn = heat.heat(exhibit([3, -2, 0], [3, 7, 0], (3,)))
    yours, right, difference = re.findall(r"<svg class=\"heat\" role=\"img\".*?</svg>", drawn)
    shown = [re.findall(r"<text [^>]*>([^<]*)<", picture) for picture in (yours, right, difference)]
    assert shown == [["3", "−2", "0"], ["3", "7", "0"], ["0", "−9", "0"]]
    for other in ([3, 1234.0, 0], [3, 0.5, 0], [3, float("nan"), 0], [3, float("inf"), 0]):
        assert "<text" not in heat.heat(exhibit(other, [3, 7, 0], (3,)))


@pytest.mark.parametrize(
    ("wrong", "shape", "said"),
    [
        ({0, 1, 2, 3}, (4,), "all of grad_x"),
        ({1}, (4,), "grad_x[1]"),
        ({1, 3}, (4,), "grad_x[1::2]"),
        ({2, 3}, (4,), "grad_x[2:]"),
        ({0, 1}, (4,), "grad_x[:2]"),
        ({0, 2, 3}, (4,), "grad_x[[0, 2, 3]]"),
        ({2, 5}, (2, 3), "grad_x[:, 2]"),
        ({1, 2, 4, 5}, (3, 3), "grad_x[:2, 1:]"),
        ({1, 3, 4, 5}, (3, 3), "4 of the 6 elements of grad_x[:2, :]"),
    ],
)
def test_what_is_wrong_is_said_as_code_slices_it(wrong, shape, said):
    assert heat.region("grad_x", [i in wrong for i in range(int(np.prod(shape)))], shape) == said


def test_what_is_wrong_is_outlined_and_what_two_share_is_no_border():
    drawn = heat.heat(exhibit([9, 9, 3, 4], [1, 2, 3, 4], (2, 2)))
    for picture in re.findall(r"<svg class=\"heat\" role=\"img\".*?</svg>", drawn):
        (outline,) = re.findall(r'<path class="off" d="([^"]*)"', picture)
        assert outline.count("M") == 6, "the sides of two squares, but for that between them"


def legend(drawn):
    return dict(re.findall(r'<rect class="(\w+)" width="10" height="10"/></svg>([^<]*)', drawn))


def test_the_legend_says_what_every_shade_means_and_no_more():
    drawn = heat.heat(exhibit([50, -3, 0.01, float("inf"), 7, 1 + 1e-13], [-50, -3, 0.01, 2, 7, 1], (2, 3)))
    pictures = "".join(re.findall(r"<svg class=\"heat\" role=\"img\".*?</svg>", drawn))
    assert set(legend(drawn)) == set(squares(pictures)) == {"p4", "p3", "p1", "n3", "n4", "nan"}
    assert all(legend(drawn).values())
    assert all(f".heat .{shade}" in heat.STYLE for shade in legend(drawn))


def test_the_legend_has_the_limits_of_each_shade():
    drawn = heat.heat(exhibit([200, 20, 2, 0.1, -0.1, -2, -20, -200], [200, 20, 2, 0.1, -0.1, -2, -20, 0], (2, 4)))
    assert list(legend(drawn).items())[:8] == [
        ("p4", "up to 200"),
        ("p3", "up to 20"),
        ("p2", "up to 2"),
        ("p1", "up to 0.2"),
        ("n1", "down to −0.2"),
        ("n2", "down to −2"),
        ("n3", "down to −20"),
        ("n4", "down to −200"),
    ]


def test_what_rounding_explains_is_not_wrong():
    drawn = heat.heat(exhibit([1.5, 1, 9], [1, 1, 1], (3,), allowed=0.5, index=(2,)))
    assert "of which 1 are wrong" in drawn
    assert "<caption>the elements that are wrong</caption>" in drawn
    assert drawn.count('<tr><th scope="row">') == 1


def test_the_table_begins_with_the_worst_element_and_counts_in_ulp():
    drawn = heat.heat(exhibit([1 + 2**-50, 3, 1, 1, 1, 1, 1, 9], [1] * 8, (8,), index=(0,)))
    rows = [re.findall(r">([^<>]+)<", row) for row in re.findall(r"<tr>(.*?)</tr>", drawn)[1:]]
    assert rows[0] == ["grad_x[0]", "1.0000000000000009", "1", "8.88e-16", "4"]
    assert [row[0] for row in rows[1:]] == ["grad_x[7]", "grad_x[1]"]
