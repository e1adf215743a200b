"""Problems of an op, drawn from what it declares (signature/takes.py): few and small numbers first, nothing is filtered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from checks.op import Op, Problem
from checks.signature.drawing import among
from checks.signature.options import Pinned
from checks.signature.takes import Sizes, Takes
from checks.signature.windows import not_too_large, pinned_axes

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

NEAR = 2  # the largest power of two that float16 inputs are scaled by: its range is soon at an end
SPATIAL = {0: 1, 1: 6, 2: 4, 3: 2}  # the largest size along each of so many axes, where no geometry finds it


def problems_of(op: Op, pinned: Pinned, dtype: str) -> SearchStrategy[Problem]:
    """Problems in which the pinned values hold."""
    from hypothesis import strategies as st

    takes = op.takes

    @st.composite
    def draw_problem(draw: DrawFn) -> Problem:
        axes = _spatial_axes(draw, takes, pinned)
        found = dict(takes.geometry(draw, pinned, axes)) if takes.geometry else {}
        for sizes in takes.sizes:
            if not found.keys() & set(sizes.names):
                found |= zip(sizes.names, _sizes(draw, sizes, pinned, axes), strict=True)
        for parameter in takes.parameters:
            if parameter.name in pinned:
                found.setdefault(parameter.name, pinned[parameter.name])
            elif parameter.name not in found:
                values = parameter.among(found) if callable(parameter.among) else parameter.among
                found[parameter.name] = draw(among(*values))
        parameters = {name: found[name] for name in takes.defaults}
        shapes = takes.shapes(found, parameters)
        for shape in shapes.values():
            not_too_large(pinned, shape or ())
        absent = {name for name in takes.optional if not draw(among(True, True, True, False))}
        return Problem(
            op,
            shapes={name: None if name in absent else shape for name, shape in shapes.items()},
            parameters=parameters,
            dtype=dtype,
            seed=draw(st.integers(0, 2**32 - 1)),
            small=op.kind.degree is None or draw(among(True, False)),
            exponents=_exponents(draw, takes, dtype),
        )

    return draw_problem()


def _spatial_axes(draw: DrawFn, takes: Takes, pinned: Pinned) -> int:
    """How many spatial axes there are; 0 for an op that has none."""
    if takes.dims is None:
        return 0
    axes = pinned_axes(pinned)
    return int(draw(among(*takes.dims))) if axes is None else axes


def _sizes(draw: DrawFn, sizes: Sizes, pinned: Pinned, axes: int) -> tuple[Any, ...]:
    """The size of each axis that an option pins."""
    given = pinned.get(sizes.option)
    if sizes.spatial:
        one = among(*(sizes.among or range(1, SPATIAL[axes] + 1)))
        drawn = tuple(draw(one) for _ in range(axes)) if given is None else given
        return (drawn if isinstance(drawn, tuple) else (drawn,) * axes,)
    if given is not None:
        return given if len(sizes.names) > 1 else (given,)
    if sizes.count:
        from hypothesis import strategies as st

        counts = sizes.count(pinned) if callable(sizes.count) else sizes.count
        return (tuple(draw(st.lists(among(*sizes.among), min_size=min(counts), max_size=max(counts)))),)
    return tuple(draw(among(*sizes.among)) for _ in sizes.names)


def _exponents(draw: DrawFn, takes: Takes, dtype: str) -> Mapping[str, int]:
    """The powers of two that scale each input; one that follows others has the product of theirs."""
    exponents: dict[str, int] = {}
    for name, scales in takes.scales.items():
        if isinstance(scales, str):
            exponents[name] = sum(exponents[other] for other in scales.split())
        else:
            exponents[name] = draw(among(*(e for e in scales if dtype != "float16" or abs(e) <= NEAR)))
    return exponents
