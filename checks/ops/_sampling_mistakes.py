"""Known ways to get the gradients of grid sampling wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import prod

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Mistake
from checks.ops._mistakes import right
from reference import grid_sample
from reference.grid_sample import Along

Wrong = Callable[[Case], Mapping[str, Array]]
Axes = list[Along]
LINEAR, NEAREST = grid_sample.MODES
ZEROS, BORDER, REFLECTION = grid_sample.PADDINGS


def _axes(case: Case) -> Axes:
    x, grid = (case.input(name).astype(np.float64) for name in ("x", "grid"))
    return grid_sample.around(x, grid, **case.parameters)


def _scales(case: Case) -> list[float]:
    """ds/da of each axis of x."""
    aligned = case.parameters["align_corners"]
    return [(n - 1 if aligned else n) / 2 for n in case.input("x").shape[2:]]


def _back(case: Case, axes: Axes, *, sloped: bool | None = None) -> dict[str, Array]:
    """Both gradients, where the places look at what these axes say."""
    x, g = case.input("x").astype(np.float64), case.cotangent
    flat = g.reshape(*g.shape[:2], prod(g.shape[2:])).astype(np.float64)
    sloped = case.parameters["mode"] == LINEAR if sloped is None else sloped
    of_x, of_grid = grid_sample.shared(flat, x, axes, sloped=sloped)
    shape = case.input("grid").shape
    return {"x": of_x.astype(g.dtype), "grid": of_grid.reshape(shape).astype(g.dtype)}


def _looking(change: Callable[[Case, Axes], Axes], *names: str) -> Wrong:
    """The gradients of these inputs, where something else is looked at."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        found = _back(case, change(case, _axes(case)))
        return {name: found[name] for name in names}

    return wrong_gradient


def _asked(change: Callable[[Case], Mapping[str, object]], *names: str) -> Wrong:
    """As if parameters were others; with "y" forward is wrong as well."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        return _of(replace(case, parameters={**case.parameters, **change(case)}), *names)

    return wrong_gradient


def _of(case: Case, *names: str) -> dict[str, Array]:
    found = right(case)
    if "y" in names:
        found["y"] = np.asarray(case.op.reference.forward(*case.inputs, **case.parameters))
    return {name: found[name] for name in names}


def _placed(move: Callable[[Array, Case], Array]) -> Wrong:
    """Forward and backward at other places, whose gradient is handed over as it comes."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        grid = case.input("grid")
        return _of(case.with_input("grid", move(grid, case).astype(grid.dtype)), "y", "x", "grid")

    return wrong_gradient


def _half_forgotten(grid: Array, case: Case) -> Array:
    """A place that is half a pixel further on, where edges are what stays."""
    return grid if case.parameters["align_corners"] else grid + 1 / np.asarray(case.input("x").shape[:1:-1])


def _rounded_down(case: Case) -> Mapping[str, Array]:
    if case.parameters["mode"] != NEAREST or 0 in _scales(case):
        return right(case)
    grid = case.input("grid")
    moved = grid - 0.5 / np.asarray(_scales(case)[::-1])
    return _of(case.with_input("grid", moved.astype(grid.dtype)), "y", "x", "grid")


def _turned_axes(case: Case) -> Mapping[str, Array]:
    found = _of(case.with_input("grid", case.input("grid")[..., ::-1]), "y", "x", "grid")
    return {**found, "grid": found["grid"][..., ::-1]}


def _of_grid(case: Case, factor: Callable[[int, float], float]) -> dict[str, Array]:
    """The gradient of the grid with another factor for ds/da, of the size of an axis and the right one."""
    sizes = zip(case.input("x").shape[2:], _scales(case), strict=True)
    axes = [
        replace(a, slope=np.sign(a.slope) * factor(n, scale)) for a, (n, scale) in zip(_axes(case), sizes, strict=True)
    ]
    return {"grid": _back(case, axes)["grid"]}


def _other_scale(case: Case) -> Mapping[str, Array]:
    aligned = case.parameters["align_corners"]
    return _of_grid(case, lambda n, _: (n if aligned else n - 1) / 2)


def _one_axis(case: Case) -> Mapping[str, Array]:
    """The slope along each axis in the row of ⌊s⌋ alone."""
    axes, found = _axes(case), np.empty(case.input("grid").shape, case.cotangent.dtype)
    for a in range(len(axes)):
        alone = [
            axis if b == a else replace(axis, weight=(np.ones_like(axis.weight[0]), np.zeros_like(axis.weight[1])))
            for b, axis in enumerate(axes)
        ]
        found[..., len(axes) - 1 - a] = _back(case, alone)["grid"][..., len(axes) - 1 - a]
    return {"grid": found}


def _last_channel(case: Case) -> Mapping[str, Array]:
    g = np.zeros_like(case.cotangent)
    g[:, -1:] = case.cotangent[:, -1:]
    return {"grid": right(replace(case, cotangent=g))["grid"]}


def _overwritten(case: Case) -> Mapping[str, Array]:
    """Place by place, of which the last is kept."""
    g, x = case.cotangent, case.input("x").astype(np.float64)
    flat, axes = g.reshape(*g.shape[:2], prod(g.shape[2:])).astype(np.float64), _axes(case)
    found = np.zeros(x.shape, g.dtype)
    for i in range(flat.shape[2]):
        one = [_only(axis, slice(i, i + 1)) for axis in axes]
        reached, _ = grid_sample.shared(np.ones((*flat.shape[:2], 1)), x, one, sloped=False)
        added, _ = grid_sample.shared(flat[..., i : i + 1], x, one, sloped=False)
        found = np.where(reached != 0, added, found).astype(g.dtype)
    return {"x": found}


def _only(axis: Along, places: slice) -> Along:
    """What these places look at."""

    def cut(pair: tuple[Array, Array]) -> tuple[Array, Array]:
        return pair[0][:, places], pair[1][:, places]

    return Along(cut(axis.at), cut(axis.weight), cut(axis.inside), axis.slope[:, places])


def _slope_of_linear(case: Case) -> Mapping[str, Array]:
    return {"grid": right(replace(case, parameters={**case.parameters, "mode": LINEAR}))["grid"]}


def _exchanged(case: Case, axes: Axes) -> Axes:
    if case.parameters["mode"] != LINEAR:
        return axes
    return [replace(a, weight=(a.weight[1], a.weight[0])) for a in axes]


def _outside_counted(case: Case, axes: Axes) -> Axes:
    everywhere = [np.ones_like(a.inside[0]) for a in axes]
    second = [e if case.parameters["mode"] == LINEAR else np.zeros_like(e) for e in everywhere]
    return [replace(a, inside=(e, s)) for a, e, s in zip(axes, everywhere, second, strict=True)]


def _border_kept(case: Case, axes: Axes) -> Axes:
    if case.parameters["padding_mode"] != BORDER:
        return axes
    return [replace(a, slope=np.full_like(a.slope, s)) for a, s in zip(axes, _scales(case), strict=True)]


def _never_turned(case: Case, axes: Axes) -> Axes:  # noqa: ARG001, changes are asked alike
    return [replace(a, slope=np.abs(a.slope)) for a in axes]


def _signs_exchanged(case: Case, axes: Axes) -> Axes:  # noqa: ARG001, changes are asked alike
    return [*(replace(a, slope=-a.slope) for a in axes[:-1]), axes[-1]] if len(axes) > 1 else axes


GRID_SAMPLE = tuple(
    Mistake(name, explanation, "W14", wrong_gradient)
    for name, explanation, wrong_gradient in (
        (
            "other corners",
            "±1 are taken for the centres of the outer pixels where they are edges, or for edges where they are centres.",
            _asked(lambda case: {"align_corners": not case.parameters["align_corners"]}, "y", "x", "grid"),
        ),
        (
            "half a pixel forgotten",
            "The place is (a + 1)·n/2, which counts from the edge of the first pixel, where indices count from its centre.",
            _placed(_half_forgotten),
        ),
        (
            "coordinates in the order of the axes",
            "The first coordinate is taken along the first axis, where grids have the last axis first.",
            _turned_axes,
        ),
        (
            "gradient by the place in pixels",
            "The gradient of the grid is that by s, where ds/da multiplies it.",
            lambda case: _of_grid(case, lambda *_: 1.0),
        ),
        (
            "scale of the other corners",
            "The gradient of the grid has (n − 1)/2 for n/2, or n/2 for (n − 1)/2 where corners are aligned.",
            _other_scale,
        ),
        (
            "weights exchanged",
            "Backward gives the element at ⌊s⌋ the weight λ, and the next one 1 − λ.",
            _looking(_exchanged, "x"),
        ),
        (
            "outside counted",
            "What lies outside is 0, but its cotangent, or its slope, went to the element at the border.",
            _looking(_outside_counted, "x", "grid"),
        ),
        (
            "zeros outside in backward",
            "Backward reads zeros outside, where forward has the border or a mirror.",
            _asked(lambda _: {"padding_mode": ZEROS}, "x", "grid"),
        ),
        (
            "slope beyond the border",
            "Places beyond the border have a slope, where they all read the same element.",
            _looking(_border_kept, "grid"),
        ),
        (
            "sign of the mirror left out",
            "Where a mirror turns the place, its derivative is −1.",
            _looking(_never_turned, "grid"),
        ),
        (
            "other axes left out",
            "The slope along an axis is that of one row of the cell, where the other axes weigh both.",
            _one_axis,
        ),
        (
            "one sign for the last axis only",
            "The slope of an axis is taken backwards, but along the last one.",
            _looking(_signs_exchanged, "grid"),
        ),
        (
            "last channel only",
            "The gradient of the grid is that of the last channel, where all channels are read at the same place.",
            _last_channel,
        ),
        (
            "overlap overwritten",
            "An element that several places look at keeps what the last one gave, where all of it adds up.",
            _overwritten,
        ),
        (
            "slope of linear",
            "The gradient of the grid is that of mode linear, where nearest does not change with the place.",
            _slope_of_linear,
        ),
        (
            "rounded down",
            "nearest takes the element at ⌊s⌋, which is the nearest only to every other place.",
            _rounded_down,
        ),
        (
            "grid taken as constant",
            "The gradient of the grid is 0, as if places were no input.",
            lambda case: {"grid": np.zeros_like(right(case)["grid"])},
        ),
    )
)
