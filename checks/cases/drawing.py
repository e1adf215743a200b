"""Problems of an op, drawn from what it declares (signature/takes.py): few and small numbers first, nothing is filtered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from checks.cases.kinds import Among
from checks.op import Op, Problem
from checks.signature.drawing import ByHypothesis, Draws
from checks.signature.options import Pinned, Range, in_words
from checks.signature.places import TILES
from checks.signature.takes import Sizes, Takes
from checks.signature.windows import not_too_large, pinned_axes

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

NEAR = (
    2  # the largest power of two that inputs are scaled by in float16, whose range is soon at an end, and in wide cases
)
SPATIAL = {0: 1, 1: 6, 2: 4, 3: 2}  # the largest size along each of so many axes, where no geometry finds it
ATTEMPTS = 12  # at a problem that is of no kind which is left out, before Hypothesis is to begin anew


def problems_of(op: Op, pinned: Pinned, dtype: str, among: Among | None = None) -> SearchStrategy[Problem]:
    """Problems in which the pinned values hold; of kinds that are among these, if some are left out (kinds.py)."""
    from hypothesis import reject
    from hypothesis import strategies as st

    @st.composite
    def draw_problem(draw: DrawFn) -> Problem:
        if among is None or not among.out:
            return problem(ByHypothesis(draw), op, pinned, dtype)
        for _ in range(ATTEMPTS):
            one = attempt(ByHypothesis(draw), op, pinned, dtype, among)
            if one is not None:
                return one
        return reject()

    return draw_problem()


def attempt(draw: Draws, op: Op, pinned: Pinned, dtype: str, among: Among) -> Problem | None:
    """One problem, unless it is of a kind that is left out, or none has the values that were chosen."""
    held = among.held(draw, pinned)
    try:
        op.takes.check(held)
        one = problem(draw, op, held, dtype)
    except ValueError:
        return None
    return one if among.takes(one) else None


def problem(draw: Draws, op: Op, pinned: Pinned, dtype: str, kind: str = "") -> Problem:
    """One problem in which the pinned values hold."""
    takes, held = op.takes, _settled(draw, op.takes, pinned)
    axes = _spatial_axes(draw, takes, held)
    found = dict(takes.geometry(draw, held, axes)) if takes.geometry else {}
    for sizes in takes.sizes:
        if not found.keys() & set(sizes.names):
            found |= zip(sizes.names, _sizes(draw, sizes, held, axes), strict=True)
    for parameter in takes.parameters:
        if parameter.name in held:
            found.setdefault(parameter.name, held[parameter.name])
        elif parameter.name not in found:
            values = parameter.among(found) if callable(parameter.among) else parameter.among
            found[parameter.name] = draw.among(*values)
    parameters = {name: found[name] for name in takes.defaults}
    shapes = takes.shapes(found, parameters)
    for name, shape in shapes.items():
        not_too_large(held, shape or ())
        if min(shape or (), default=0) < 0:
            raise ValueError(f"{in_words(held)}: nothing is left of {name}, whose shape would be {shape}")
    absent = {name for name in takes.optional if not draw.among(True, True, True, False)}
    return Problem(
        op,
        shapes=takes.completed({name: None if name in absent else shape for name, shape in shapes.items()}),
        parameters=parameters,
        dtype=dtype,
        seed=draw.between(0, 2**32 - 1),
        small=op.kind.degree is None or draw.among(True, False),
        exponents=_exponents(draw, takes, near=dtype == "float16" or bool(kind)),
        kind=kind,
    )


def _settled(draw: Draws, takes: Takes, pinned: Pinned) -> Pinned:
    """What is pinned, with a number for each range: an end, a tile or beside one, or any; what has to be divided can be."""
    if not any(
        isinstance(n, Range) for value in pinned.values() for n in (value if isinstance(value, tuple) else (value,))
    ):
        return pinned
    divisor = max([pinned[name] for name in takes.divided if name in pinned], default=1)
    divided = {
        s.option for s in takes.sizes if any(set(s.names) & set(axes.split()) for axes in takes.divided.values())
    }

    def settle(value: Any, by: int) -> Any:
        if isinstance(value, tuple):
            return tuple(settle(one, by) for one in value)
        if not isinstance(value, Range):
            return value
        near = [n for tile in TILES for n in (tile - 1, tile, tile + 1) if value.least < n < value.most]
        number = draw.among(draw.between(value.least, value.most), value.least, value.most, *near)
        return max(number - number % by, -(-value.least // by) * by)

    return {name: settle(value, divisor if name in divided else 1) for name, value in pinned.items()}


def _spatial_axes(draw: Draws, takes: Takes, pinned: Pinned) -> int:
    """How many spatial axes there are; 0 for an op that has none."""
    if takes.dims is None:
        return 0
    axes = pinned_axes(pinned)
    return int(draw.among(*takes.dims)) if axes is None else axes


def _sizes(draw: Draws, sizes: Sizes, pinned: Pinned, axes: int) -> tuple[Any, ...]:
    """The size of each axis that an option pins."""
    given = pinned.get(sizes.option)
    if sizes.spatial:
        among = sizes.among or range(1, SPATIAL[axes] + 1)
        drawn = tuple(draw.among(*among) for _ in range(axes)) if given is None else given
        return (drawn if isinstance(drawn, tuple) else (drawn,) * axes,)
    if given is not None:
        return given if len(sizes.names) > 1 else (given,)
    if sizes.axes.startswith("*"):
        counts = sizes.counts(pinned)
        return (tuple(draw.among(*sizes.among) for _ in range(draw.between(min(counts), max(counts)))),)
    return tuple(draw.among(*sizes.among) for _ in sizes.names)


def _exponents(draw: Draws, takes: Takes, *, near: bool) -> Mapping[str, int]:
    """The powers of two that scale each input; one that follows others has the product of theirs.

    near  none but small ones: the range ends soon, or the case is asked about its size, which rounding must not hide
    """
    exponents: dict[str, int] = {}
    for name, scales in takes.scales.items():
        if isinstance(scales, str):
            exponents[name] = sum(exponents[other] for other in scales.split())
        else:
            exponents[name] = draw.among(*(e for e in scales if not near or abs(e) <= NEAR))
    return exponents
