"""Grid sampling: places away from the lines at which cells meet, how they round, and what is right on such a line.

A place s is made of a coordinate in three roundings: of a + 1, of its product with n, and of s itself, or of a·n/2 and s
where what is added is worked out before; so it is off by max(2|a + 1|, |a| + |a + 1|)·n/2 + |s| roundings at most, λ and
1 − λ by one more each, and what a mirror turns by five of (|a| + 1)·n/2 + 1. So the weights along an axis are off by as
much, D, and what is read by D times the elements around the place, with the weights of the other axes; elements up to
two away count, since it may have come into the next cell. Slopes are of one cell or of the next: a place that is drawn at
least `APART` away from the line comes into the next one only where it is off by that much, so that D / `APART` of the
elements around it covers that, and in mode nearest y as well. What is read between two elements as a + λ(b − a) is off by
no more than one rounding of all that is in the cell, twice, which D covers too.

Where D roundings, `STEADY` times over, are less than the way to the line, a place stays in its cell, as nearly all do but
in bfloat16. Then the elements of that cell alone are weighed by D more or less, and its slope along the axis is as it was;
in mode nearest nothing is. Weights are no less than that way, so what is off along several axes at once is at most
(1 + 1/`STEADY`)² times what is off along each: less than the twice that bounds are of one rounding.

Between two lines y is linear in each coordinate, so at a place on a line, whole in pixels, the slopes behind and ahead are
differences of y between neighbouring whole places; right is what lies between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf, prod
from typing import TYPE_CHECKING, Any

import numpy as np

from checks.numbers.precision import PRECISIONS, Array
from checks.op import Case, Documents, Inputs, Kind, Kinks, Op, Problem, Rounding
from checks.ops._sampling_formulas import formula
from checks.ops._sampling_mistakes import GRID_SAMPLE
from checks.ops.pooling import WHERE
from checks.ops.resampling import LARGEST
from checks.signature.drawing import Draws
from checks.signature.options import Pinned, one_of
from checks.signature.takes import LOUD, Drawn, Parameter, Sizes, Takes
from checks.signature.windows import along
from reference import grid_sample

if TYPE_CHECKING:
    import torch

LINEAR, NEAREST = grid_sample.MODES
ZEROS, BORDER, REFLECTION = grid_sample.PADDINGS
PLACES = {1: 6, 2: 3, 3: 2}  # along each axis of y, by number of axes
BEYOND = 0.9  # pixels, how far out places are drawn
APART = 1 / 8  # pixels, from where the next cell begins
STEADY = 8
ATTEMPTS = 200  # at a place that is so far away: one in two is, whatever the dtype rounds it to
MIRROR = 5  # roundings
AXES = "ijk"


def geometry(draw: Draws, pinned: Pinned, axes: int) -> Drawn:
    """Sizes of the map and of the grid, which have nothing to do with one another, and a coordinate for each axis."""
    size = tuple(along(pinned.get("size"), a) or draw.between(1, LARGEST[axes]) for a in range(axes))
    places = tuple(along(pinned.get("places"), a) or draw.between(1, PLACES[axes]) for a in range(axes))
    return {"*size": size, "*output": places, "D": axes}


def draw(problem: Problem, name: str, rng: np.random.Generator, whole: bool) -> Array | None:  # noqa: ARG001, no sum is exact
    """Places inside and a little outside, none near a line where y has no derivative."""
    if name != "grid":
        return None
    size, aligned = problem.shape("x")[:1:-1], problem.parameters["align_corners"]
    found = np.empty(problem.shape("grid"), PRECISIONS[problem.dtype].storage)
    for axis, n in enumerate(size):
        missing = np.ones(found.shape[:-1], bool)
        for _ in range(ATTEMPTS):
            s = rng.uniform(-BEYOND, n - 1 + BEYOND, missing.sum())
            a = 2 * s / max(1, n - 1) - 1 if aligned else (2 * s + 1) / n - 1
            found[missing, axis] = PRECISIONS[problem.dtype].rounded(a)
            missing = _near(found[..., axis], n, problem.parameters) < APART
            if not missing.any():
                break
    return found


def few(problem: Problem, case: Case) -> Case:
    """The same places, which are no sizes that could be large."""
    grid = draw(problem, "grid", problem.rng(3), whole=False)
    return case if grid is None else case.with_input("grid", grid)


def _near(a: Array, size: int, parameters: Any) -> Array:
    """How many pixels a place is away from where y has no derivative; ∞ where all places are the same."""
    aligned = parameters["align_corners"]
    s, scale = grid_sample.place(a.astype(np.float64), size, align_corners=aligned)
    if scale == 0:
        return np.full(a.shape, np.inf)
    s = s + (0.5 if parameters["mode"] == NEAREST else 0)
    return np.abs(s - np.rint(s))


def radius(case: Case) -> float:
    """Half of the way to the nearest line, as a share of the coordinates."""
    grid, found = case.input("grid"), 1.0
    for axis, n in enumerate(case.input("x").shape[:1:-1]):
        a = grid[..., axis].astype(np.float64)
        _, scale = grid_sample.place(a, n, align_corners=case.parameters["align_corners"])
        near = _near(a, n, case.parameters)
        found = min(found, float((near / np.maximum(2 * scale * np.abs(a), 1e-3)).min(initial=found)))
    return found


def _weights(case: Case, roundoff: float) -> list[tuple[Array, Array, Array, Array, float]]:
    """Along each axis: weights (N, places, n), the cell, D for what counts, whether it stays there, and ds/da."""
    x, grid = case.input("x").astype(np.float64), case.input("grid").astype(np.float64)
    flat = grid.reshape(len(grid), prod(grid.shape[1:-1]), grid.shape[-1])[..., ::-1]
    found = []
    for axis, looks in enumerate(grid_sample.around(x, grid, **case.parameters)):
        n = x.shape[2 + axis]
        _, scale = grid_sample.place(flat[..., axis], n, align_corners=case.parameters["align_corners"])
        elements, weight, cell = np.arange(n), np.zeros((*flat.shape[:2], n)), np.zeros((*flat.shape[:2], n))
        for at, w, inside in zip(looks.at, looks.weight, looks.inside, strict=True):
            here = (at[..., None] == elements) & inside[..., None]
            weight, cell = weight + here * w[..., None], np.maximum(cell, here)
        off = _off(flat[..., axis], n, case.parameters) * (scale > 0)
        stays = STEADY * roundoff * off < _near(flat[..., axis], n, case.parameters)
        middle = looks.at[0] + looks.weight[1]
        counts = np.abs(middle[..., None] - elements) < 2 + looks.weight[0][..., None]
        around = off[..., None] * np.where(stays[..., None], cell, counts)
        found.append((weight, cell, around, stays[..., None], scale))
    return found


def _off(a: Array, size: int, parameters: Any) -> Array:
    """How many roundings of 1 the weights of a place are off by."""
    s, _ = grid_sample.place(a, size, align_corners=parameters["align_corners"])
    far, moved = np.abs(a), np.abs(a + 1)
    mirror = MIRROR if parameters["padding_mode"] == REFLECTION else 0
    return np.asarray(
        np.maximum(2 * moved, far + moved) * size / 2 + np.abs(s) + 2 + mirror * ((far + 1) * size / 2 + 1)
    )


def magnitudes(case: Case, roundoff: float = inf) -> dict[str, Array]:
    """Roundings of so much at most counted, as the module derives them: of weights, products and sums, and of places."""
    x, g = np.abs(case.input("x")).astype(np.float64), np.abs(case.cotangent).astype(np.float64)
    axes, linear = _weights(case, roundoff), case.parameters["mode"] == LINEAR
    flat = g.reshape(*g.shape[:2], prod(g.shape[2:]))
    of_weights = 2 ** len(axes) + len(axes) + 1  # products of weights and of an element, their sum, and ds/da
    terms = [[weight for weight, *_ in axes]]
    for a, (_, _, around, stays, _) in enumerate(axes):
        moved = around if linear else np.where(stays, 0, around / APART)
        terms.append([moved if b == a else other[0] for b, other in enumerate(axes)])
    rounds = [of_weights, *(1 for _ in axes)]
    y = sum(r * _read(x, parts) for r, parts in zip(rounds, terms, strict=True))
    back = [of_weights + flat.shape[2], *(1 for _ in axes)]
    of_x = sum(r * _given(flat, parts, x.shape[2:]) for r, parts in zip(back, terms, strict=True))
    of_grid = np.zeros((*flat.shape[::2], len(axes)))
    for a, (_, cell, around, stays, scale) in enumerate(axes if linear else ()):
        steps = (of_weights + x.shape[1]) * cell + np.where(stays, 0, around / APART)
        sloped = [[steps if b == a else other[0] for b, other in enumerate(axes)]]
        for c, (_, _, near, _, _) in enumerate(axes):
            if c != a:
                sloped.append([cell if b == a else near if b == c else other[0] for b, other in enumerate(axes)])
        of_grid[..., len(axes) - 1 - a] = scale * sum((flat * _read(x, parts)).sum(1) for parts in sloped)
    return {"y": np.reshape(y, g.shape), "x": np.asarray(of_x), "grid": of_grid.reshape(case.input("grid").shape)}


def _read(x: Array, parts: Sequence[Array]) -> Array:
    """Σ_elements x·Π parts: (N, C, places)."""
    letters = AXES[: len(parts)]
    operands = ",".join(f"np{letter}" for letter in letters)
    return np.asarray(np.einsum(f"nc{letters},{operands}->ncp", x, *parts, optimize=True))


def _given(g: Array, parts: Sequence[Array], size: tuple[int, ...]) -> Array:
    """Σ_places g·Π parts: (N, C, *size)."""
    letters = AXES[: len(size)]
    operands = ",".join(f"np{letter}" for letter in letters)
    return np.asarray(np.einsum(f"ncp,{operands}->nc{letters}", g, *parts, optimize=True))


def on_lines(problem: Problem) -> Case:
    """Small whole numbers, read at places that are whole in pixels, inside and outside, and exact in few bits."""
    rng, precision = problem.rng(2), PRECISIONS[problem.dtype]
    x = rng.integers(-2, 3, problem.shape("x"))
    grid = np.empty(problem.shape("grid"))
    for axis, n in enumerate(problem.shape("x")[:1:-1]):
        parts = 1 << n.bit_length()
        among = np.arange(-2 * parts, 2 * parts + 1) / parts
        s, _ = grid_sample.place(among, n, align_corners=problem.parameters["align_corners"])
        grid[..., axis] = rng.choice(among[(s == np.rint(s)) & (s >= -2) & (s <= n + 1)], grid.shape[:-1])
    g = rng.choice((-1, 1), problem.shape("y"))
    return Case(problem.op, (precision.rounded(x), precision.rounded(grid)), problem.parameters, precision.rounded(g))


def together(case: Case) -> Iterator[Array]:
    """All outputs at once: the coordinates of a place are those of no other."""
    yield np.ones_like(case.cotangent)


def _sides(case: Case) -> tuple[Array, Array]:
    """The gradient of the grid with the slopes behind each whole place, and with those ahead."""
    x, grid = (case.input(name).astype(np.float64) for name in ("x", "grid"))
    g, aligned = case.cotangent.astype(np.float64), case.parameters["align_corners"]
    behind, ahead = np.zeros(grid.shape), np.zeros(grid.shape)
    if case.parameters["mode"] == NEAREST or not grid.size:
        return behind, ahead
    here = np.asarray(case.op.reference.forward(x, grid, **case.parameters))
    for axis, n in enumerate(x.shape[:1:-1]):
        _, scale = grid_sample.place(grid[..., axis], n, align_corners=aligned)
        if not scale:
            continue
        for side, into in ((-1, behind), (1, ahead)):
            moved = grid.copy()
            moved[..., axis] += side / scale
            there = np.asarray(case.op.reference.forward(x, moved, **case.parameters))
            into[..., axis] = side * scale * ((there - here) * g).sum(1)
    # Both are ds/da, a whole number of halves, times whole numbers, which the steps may have rounded.
    return np.rint(2 * behind) / 2, np.rint(2 * ahead) / 2


def nearest(case: Case, gradient: Array) -> Array:
    """What came, or the side that it is beyond."""
    behind, ahead = _sides(case)
    return np.clip(gradient.astype(np.float64), np.minimum(behind, ahead), np.maximum(behind, ahead))


def convention(case: Case, gradient: Array) -> str:
    """Which side's slope came, over all places whose sides differ."""
    behind, ahead = _sides(case)
    differ = behind != ahead
    if not differ.any():
        return ""
    known = {"ahead": ahead, "behind": behind}
    close = {
        words: np.abs(gradient - side)[differ] <= np.abs(ahead - behind)[differ] / 64 for words, side in known.items()
    }
    for words, same in close.items():
        if same.all():
            return f"on the line between two pixels the slope is that {words}"
    either = close["ahead"] | close["behind"]
    seen = "that of either side" if either.all() else "between those of its sides"
    return f"on the line between two pixels the slope is {seen}"


def twin(x: torch.Tensor, grid: torch.Tensor, *, mode: str, padding_mode: str, align_corners: bool) -> torch.Tensor:
    """The same function by torch, which has no sampling along one axis: there it lies beside one of 1.

    At a place that is no number torch's kernel may leave its arrays, and end the process: those are NaN without it.
    """
    import torch

    called = "bilinear" if mode == LINEAR else mode
    odd = 1 + (0 * grid.detach()).sum(-1).unsqueeze(1)
    places = grid.nan_to_num(0, 0, 0)
    flat = x.ndim == 3
    if flat:
        x, places = x.unsqueeze(2), torch.cat((places, torch.zeros_like(places)), -1).unsqueeze(1)
    y: torch.Tensor = torch.nn.functional.grid_sample(x, places, called, padding_mode, align_corners)
    return (y.squeeze(2) if flat else y) * odd


OP = Op(
    name="grid_sample",
    reference=grid_sample,
    takes=Takes(
        arrays={"x": "N C *size", "grid": "N *output D", "y": "N C *output"},
        parameters=(
            Parameter(
                "mode",
                LINEAR,
                "which elements are read",
                NEAREST,
                one_of(*grid_sample.MODES),
                (LINEAR, LINEAR, NEAREST),
            ),
            Parameter(
                "padding_mode",
                ZEROS,
                "what is read outside",
                BORDER,
                one_of(*grid_sample.PADDINGS),
                grid_sample.PADDINGS,
            ),
            Parameter("align_corners", False, "±1 are the centres of the outer pixels, not edges", among=(False, True)),
        ),
        sizes=(*WHERE, Sizes("places", "*output", "places along each axis of the result")),
        dims=(2, 1, 2, 3),
        geometry=geometry,
        scales={"x": LOUD},
    ),
    twin=twin,
    rounds=Rounding(None, magnitudes, steady=magnitudes),
    kind=Kind(linear_in=(("x",),), analytic=False, radius=radius),
    kinks=Kinks(on_lines, together, nearest, convention, of="grid"),
    cases=Inputs(draw, few=few),
    told=Documents(
        letters={"x": "x", "grid": "a", "y": "y", "g": "g"},
        sources={"y": "W14", "x": "W14", "grid": "W14"},
        formula=formula,
        usual={"size": (2, 2), "places": (1, 1)},
    ),
    mistakes=GRID_SAMPLE,
)

OPS = (OP,)
