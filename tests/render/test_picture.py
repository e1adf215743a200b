"""A picture that is a file of its own: text as text, both themes, and no colour that another program could not read."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from checks.explain import explain
from checks.render import files, picture, raster, slides
from checks.render.grid import Cell
from checks.render.picture import Line, Panel, Picture

SVG = "{http://www.w3.org/2000/svg}"


def texts(drawing):
    """All texts of a drawing, in order."""
    return [element.text for element in ET.fromstring(drawing).iter(f"{SVG}text")]


def centre(**more):
    """The pictures of the centre of a 3x3 input, by their names."""
    shown = explain("conv", "V[2,2]", size=(3, 3), kernel=(2, 2)).explanation
    return dict(slides.pictures(shown, **more))


def test_colours_are_written_out_for_light_and_for_dark():
    style = picture.style()
    assert "var(" not in style
    light, dark = style.split("@media screen and (prefers-color-scheme: dark)")
    for name in (".lit", ".warm", ".paper", "text"):
        (one,), (other,) = (re.findall(rf"svg\.grid (?:rect)?{name} \{{.*?(#\w+)", part)[:1] for part in (light, dark))
        assert one != other


def test_a_picture_says_what_it_shows():
    (drawing,) = (picture.svg(p) for p in centre().values())
    root = ET.fromstring(drawing)
    assert root.find(f"{SVG}title").text == "conv: ∂J/∂V₂,₂"
    assert "K: K₁,₁, K₁,₂; K₂,₁, K₂,₂" in root.find(f"{SVG}desc").text
    assert {"V", "K", "G = ∂J/∂Z"} <= set(texts(drawing))
    whole = " ".join(texts(drawing))
    assert "∂J/∂V₂,₂ = K₂,₂·G₁,₁ + K₂,₁·G₁,₂ + K₁,₂·G₂,₁ + K₁,₁·G₂,₂" in whole
    assert "document 002, eq. 3; L7, the page's last example" in whole


def test_those_that_meet_have_the_number_of_their_product():
    ((_, shown),) = centre().items()
    marks = {cell.text: (cell.style, cell.mark) for panel in shown.panels for row in panel.cells for cell in row}
    assert marks["V₂,₂"] == ("warm", "")
    for number, pair in enumerate(["K₂,₂ G₁,₁", "K₂,₁ G₁,₂", "K₁,₂ G₂,₁", "K₁,₁ G₂,₂"], 1):
        assert [marks[name] for name in pair.split()] == [("lit", str(number))] * 2


def test_steps_show_each_output_and_what_it_adds():
    shown = centre(steps=True)
    assert list(shown) == [f"conv-V-2-2-step-{n}" for n in range(1, 6)]
    adds = ["K₂,₂·G₁,₁", "K₂,₁·G₁,₂", "K₁,₂·G₂,₁", "K₁,₁·G₂,₂"]
    for number, (one, added) in enumerate(zip(shown.values(), adds, strict=False), 1):
        lines = [line.text for line in one.below]
        assert f"so V₂,₂ adds {added}" in lines
        assert f"so far: ∂J/∂V₂,₂ = {' + '.join(adds[:number])}" in lines
        lit = {cell.text for panel in one.panels for row in panel.cells for cell in row if cell.style == "lit"}
        assert lit == set(added.split("·"))
    second = {
        cell.text: cell.mark for panel in shown["conv-V-2-2-step-2"].panels for row in panel.cells for cell in row
    }
    assert {name: mark for name, mark in second.items() if mark} == {
        "V₁,₂": "K₁,₁",
        "V₁,₃": "K₁,₂",
        "V₂,₂": "K₂,₁",
        "V₂,₃": "K₂,₂",
    }


def test_steps_of_what_is_no_polynomial_show_what_it_has_through_each_output():
    shown = dict(slides.pictures(explain("softmax", "x[2]").explanation, steps=True))
    first, second, *_, last = ([line.text for line in one.below] for one in shown.values())
    assert "so x₂ adds −y₂·G₁·y₁" in first
    assert "so x₂ adds y₂·(G₂ − G₂·y₂)" in second
    assert "so far: ∂J/∂x₂ = y₂·(G₂ − (G₁·y₁ + G₂·y₂))" in second
    assert last[0] == "∂J/∂x₂ = y₂·(G₂ − (G₁·y₁ + G₂·y₂ + G₃·y₃))"


def test_letters_of_a_step_are_defined_below_it():
    shown = dict(slides.pictures(explain("batch_norm", "x[1,1]").explanation, steps=True))
    lines = [line.text for line in shown["batch_norm-x-1-1-step-1"].below]
    assert "so x₁,₁ adds γ/σ·(G₁,₁ − G₁,₁/4 − x̂₁,₁·G₁,₁·x̂₁,₁/4)" in lines
    assert "where μ = (x₁,₁ + x₁,₂ + x₂,₁ + x₂,₂)/4" in lines


def test_the_slides_of_a_series_are_of_one_size_and_of_inputs_only():
    assert len({picture.size(one) for one in centre(steps=True).values()}) == 1
    names = dict(slides.pictures(explain("conv", size=(3, 3), kernel=(2, 2)).explanation, steps=True))
    assert {name.split("-")[1] for name in names} == {"V", "K"}


def test_what_is_no_polynomial_is_drawn_with_what_defines_its_letters():
    ((name, shown),) = slides.pictures(explain("batch_norm", "x[1,1]").explanation)
    assert name == "batch_norm-x-1-1"
    lit = [cell.label or cell.text for panel in shown.panels for row in panel.cells for cell in row if cell.style]
    assert {"x₁,₁", "x₂,₂", "γ", "G₂,₁"} <= set(lit)
    assert any(line.text.startswith("where ") for line in shown.below)


def test_what_an_implementation_computes_stands_below():
    class Zero:
        @staticmethod
        def forward(x, weight, bias=None, **_):  # noqa: ARG004, the protocol's
            return 0 * x[:, :, 1:, 1:]

        @staticmethod
        def backward(g, x, weight, bias=None, **_):  # noqa: ARG004, the protocol's
            return 0 * x, 0 * weight, None

    shown = explain("conv", "V[1,1]", Zero(), size=(3, 3), kernel=(2, 2)).explanation
    ((_, one),) = slides.pictures(shown)
    assert "  missing  K₁,₁·G₁,₁" in [line.text for line in one.below]


def test_long_lines_are_broken_and_panels_stand_below_one_another():
    cells = ((Cell("1"),) * 20,)
    long = " + ".join(f"K{n}·G{n}" for n in range(60))
    drawing = picture.svg(Picture("t", tuple(Panel(f"p{n}", cells) for n in range(3)), below=(Line(long),)))
    root = ET.fromstring(drawing)
    assert float(root.get("width")) <= picture.WIDEST + 2 * picture.MARGIN
    lines = [e for e in root.iter(f"{SVG}text") if "·" in e.text]
    assert len(lines) > 1
    assert " ".join(line.text for line in lines) == long
    assert len({e.get("y") for e in root.findall(f"{SVG}text[@class='name']")}) == 3


def test_too_many_elements_are_refused():
    shown = explain("linear", "y[1]", features=(30, 30)).explanation
    with pytest.raises(ValueError, match="960 elements are too many for a picture; expected at most 400"):
        list(slides.pictures(shown))


def test_a_file_is_written_for_each(tmp_path):
    written = list(files.write(centre(steps=True).items(), tmp_path / "new", "svg"))
    assert [file.name for file in written] == [f"conv-V-2-2-step-{n}.svg" for n in range(1, 6)]
    assert ET.parse(written[0]).getroot().tag == f"{SVG}svg"
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"conv-V-2-2\.svg cannot be written: "):
        list(files.write(centre().items(), tmp_path / "file", "svg"))


def test_png_is_twice_as_large_and_has_letters(tmp_path):
    pytest.importorskip("resvg_py")
    if not raster._has_letters():
        pytest.skip("no font is installed: png has no letters")
    (file,) = files.write(centre().items(), tmp_path, "png")
    content = file.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
    root = ET.fromstring(picture.svg(centre()["conv-V-2-2"]))
    assert (width, height) == tuple(round(2 * float(root.get(side))) for side in ("width", "height"))
    bare = re.sub(r"<text.*?</text>", "", picture.svg(centre()["conv-V-2-2"]))
    assert raster.png(bare) != content


def test_what_is_missing_for_png_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(raster, "find_spec", lambda _: None)
    with pytest.raises(ValueError, match=r"^png needs resvg-py: pip install .*; svg needs nothing$"):
        list(files.write(centre().items(), tmp_path, "png"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["conv-V-2-2", *(f"conv-V-2-2-step-{n}" for n in range(1, 6))])
def test_the_pictures_of_the_documents_are_those_that_are_drawn(name):
    file = picture.__file__.rsplit("checks", 1)[0] + f"docs/pictures/{name}.svg"
    with open(file, encoding="utf-8") as kept:  # noqa: PTH123, the path is a text
        assert kept.read() == picture.svg({**centre(), **centre(steps=True)}[name])
