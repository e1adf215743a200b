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
    }


def test_maps_show_each_number_in_the_shade_of_its_size():
    drawn = heat.heat(exhibit([100, 100, 10, 1, -0.1, 0], [100, -100, 10, 1, -0.1, 0], (2, 3)))
    yours, right, difference = re.findall(r"<svg class=\"heat\" role=\"img\".*?</svg>", drawn)
    assert {shade: len(at) for shade, at in squares(yours).items()} == {"p4": 2, "p3": 1, "p2": 1, "n1": 1}
    assert {shade: len(at) for shade, at in squares(right).items()} == {"p4": 1, "n4": 1, "p3": 1, "p2": 1, "n1": 1}
    assert squares(difference) == {"e6": [("13", "3")]}, "the second of the first row"


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
    ("off", "shade", "meaning"),
    [
        (1e-13, "e1", "off by up to 10⁻¹² of the largest right number"),
        (1e-10, "e2", "off by up to 10⁻⁹ of the largest right number"),
        (1e-7, "e3", "off by up to 10⁻⁶ of the largest right number"),
        (1e-4, "e4", "off by up to 10⁻³ of the largest right number"),
        (0.5, "e5", "off by up to the largest right number"),
        (7.0, "e6", "off by more than the largest right number"),
        (float("nan"), "e6", "off by more than the largest right number"),
        (float("inf"), "e6", "off by more than the largest right number"),
    ],
)
def test_each_shade_of_an_error_has_its_meaning(off, shade, meaning):
    drawn = heat.heat(exhibit([1 + off, 1], [1, 1], (2,)))
    *_, difference = re.findall(r"<svg class=\"heat\" role=\"img\".*?</svg>", drawn)
    assert list(squares(difference)) == [shade]
    assert legend(drawn)[shade] == meaning


def legend(drawn):
    return dict(re.findall(r'<rect class="(\w+)" width="10" height="10"/></svg>([^<]*)', drawn))


def test_the_legend_says_what_every_shade_means_and_no_more():
    drawn = heat.heat(exhibit([50, -3, 0.01, float("inf"), 7, 1 + 1e-13], [-50, -3, 0.01, 2, 7, 1], (2, 3)))
    pictures = "".join(re.findall(r"<svg class=\"heat\" role=\"img\".*?</svg>", drawn))
    assert set(legend(drawn)) == set(squares(pictures)) == {"p4", "p3", "p1", "n3", "n4", "e1", "e6", "nan"}
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
