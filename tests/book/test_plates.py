"""The figures of the book as files: each under the id of its result, with its title and its caption as text."""

from __future__ import annotations

import pytest

from checks.book.figures import FIGURES
from checks.book.plates import _plain, plates
from checks.render.picture import svg


def test_there_is_one_for_each_figure():
    drawn = dict(plates())
    assert drawn.keys() == FIGURES.keys()
    for name, picture in drawn.items():
        assert picture.panels == FIGURES[name]().parts
        assert picture.above[0].text.startswith(f"{name}: ")
        assert "$" not in svg(picture)


@pytest.mark.parametrize(
    ("markdown", "says"),
    [
        ("Every row of $`\\partial J/\\partial x`$.", "Every row of ∂J/∂x."),
        ("$`K_{11}`$ and $`G_n`$, `conv2`", "K₁₁ and Gₙ, conv2"),
        ("$`\\alpha = \\tfrac14`$: where $`x \\le 0`$", "α = ¼: where x ≤ 0"),
    ],
)
def test_a_caption_is_read_without_its_signs_of_latex(markdown, says):
    assert _plain(markdown) == says


def test_latex_that_no_line_can_show_is_refused():
    with pytest.raises(ValueError, match=r"no line of text is known for \\frac"):
        _plain("$`\\frac{a}{b}`$")


def test_only_a_clone_has_them(tmp_path):
    with pytest.raises(ValueError, match="the book is made in a clone of the repository"):
        list(plates(tmp_path))
