"""Group norm and instance norm: they round as layer norm does, with a group for a row (normalization.py)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any

from checks.numbers.precision import Array
from checks.op import Case, Documents, Inputs, Kind, Op, Problem, Rounding
from checks.ops import _group_mistakes as mistakes
from checks.ops import _norm_formulas as formulas
from checks.ops import normalization
from checks.ops._groups import along, groups_of, split, split_problem, split_shape, together
from checks.ops.normalization import EPS, WHERE
from checks.signature.drawing import Draws
from checks.signature.options import Pinned, whole
from checks.signature.takes import Drawn, Parameter, Takes
from checks.signature.windows import pinned_axes
from reference import group_norm, instance_norm

if TYPE_CHECKING:
    import numpy as np
    import torch

SIZES = (1, 2, 3, 4, 5)


def refuse_less_than_two(pinned: Pinned) -> None:
    """Raise ValueError, in one sentence with a suggestion, if no channel can have two positions."""
    size, axes = pinned.get("spatial"), pinned_axes(pinned)
    if axes == 0 or (size is not None and prod(size if isinstance(size, tuple) else (size,) * (axes or 1)) < 2):
        raise ValueError("an instance norm of one position is β whatever x is; --spatial 2 would be enough")


def _positions(draw: Draws, pinned: Pinned, axes: int, least: int) -> tuple[int, ...]:
    """A spatial size, of so many positions at least where it is not pinned."""
    size = pinned.get("spatial", tuple(draw.among(*SIZES[: 5 if axes < 3 else 2]) for _ in range(axes)))
    size = size if isinstance(size, tuple) else (size,) * axes
    if size and prod(size) < least and "spatial" not in pinned:
        size = (least, *size[1:])
    return tuple(size)


def grouped(draw: Draws, pinned: Pinned, axes: int) -> Drawn:
    """Groups that divide the channels, and three values to a group in most cases: of two x̂ is ±1, and of one 0."""
    channels, groups = pinned.get("channels"), pinned.get("groups")
    least = draw.among(3, 3, 3, 2)
    if channels is None:
        groups = groups or draw.among(2, 1, 3)
        size = _positions(draw, pinned, axes, draw.among(1, least))
        needed = -(-least // max(1, prod(size)))
        channels = groups * draw.among(*(n for n in (2, 1, 3) if n >= needed))
    else:
        few = [g for g in (2, 1, 3, channels) if channels % g == 0]
        within = [g for g in few if channels // g > 1] if prod(_pinned_size(pinned, axes)) == 1 else few
        groups = groups or draw.among(*(within or few))
        size = _positions(draw, pinned, axes, -(-least // (channels // groups)))
    return {"groups": groups, "C": channels, "*spatial": size}


def _pinned_size(pinned: Pinned, axes: int) -> tuple[int, ...]:
    """The spatial size, where it is pinned or there is none; else one of two positions, as it can be."""
    size = pinned.get("spatial", (2,) * min(axes, 1))
    return size if isinstance(size, tuple) else (size,) * axes


def refuse_one_value(pinned: Pinned) -> None:
    """Raise ValueError, in one sentence with a suggestion, if every group has but one value."""
    axes, channels, groups = pinned_axes(pinned), pinned.get("channels"), pinned.get("groups", 1)
    if axes is None and "spatial" not in pinned:
        return
    if prod(_pinned_size(pinned, axes or 1)) == 1 and channels is not None and channels <= groups:
        raise ValueError(
            f"a group norm of one value is β whatever x is; --channels {2 * groups} would be enough, or --spatial 2"
        )


def alone(draw: Draws, pinned: Pinned, axes: int) -> Drawn:
    """Three positions to a channel in most cases, and two at least."""
    size = pinned.get("spatial")
    if size is not None and prod(size if isinstance(size, tuple) else (size,) * axes) < 2:
        return {"*spatial": size if isinstance(size, tuple) else (size,) * axes}  # a range that has been settled
    return {"*spatial": _positions(draw, pinned, axes, draw.among(3, 3, 3, 2))}


def draw(problem: Problem, name: str, rng: np.random.Generator, whole: bool) -> Array | None:
    """As for other norms."""
    found = normalization.draw(along)(split_problem(problem), name, rng, whole) if name == "x" else None
    return None if found is None else found.reshape(problem.shape("x"))


def few(problem: Problem, case: Case) -> Case:
    """As for other norms."""
    apart = split_problem(problem)
    x = normalization.faint(along(apart)[0], problem, case.input("x").reshape(apart.shape("x")))
    x = normalization.told_apart(along, apart, x)
    return normalization.unshifted(problem, case.with_input("x", x.reshape(problem.shape("x"))))


def reach(problem: Problem) -> Mapping[str, int]:
    """No sum takes more channels than a group has; of those of the first group the last is left out of one."""
    channels = problem.sizes["C"]
    return {"C": channels // groups_of(problem.parameters, channels)}


def terms(problem: Problem) -> Mapping[str, int]:
    """As for other norms."""
    return normalization.terms(along)(split_problem(problem))


def magnitudes(case: Case) -> Mapping[str, Array]:
    """As for other norms."""
    return together(case, normalization.magnitudes(along)(split(case)))


def kept(case: Case) -> Mapping[str, Array]:
    """Those of a variance that is no difference of large numbers."""
    return together(case, normalization.magnitudes(along, twice=True)(split(case)))


def offset(problem: Problem) -> Case:
    """A mean that is large beside the deviation."""
    x = normalization.offset(along, split_problem(problem))
    return problem.reals().with_input("x", x.reshape(problem.shape("x")))


def radius(case: Case) -> float:
    """As for other norms."""
    return normalization.radius(along)(split(case))


def values_a_group(problem: Problem) -> Mapping[str, tuple[Any, ...]]:
    """How many values the statistics are those of."""
    _, _, channels, positions = split_shape(problem.shape("x"), problem.parameters)
    values, groups = channels * positions, groups_of(problem.parameters, problem.shape("x")[1])
    kind = "all" if groups == 1 else "each" if channels == 1 else "several"
    return {"values together": (values if values < 10 else "10 or more",), "channels together": (kind,)}


def group_norm_twin(
    x: torch.Tensor, gamma: torch.Tensor | None, beta: torch.Tensor | None, *, groups: int, eps: float
) -> torch.Tensor:
    """The same function by torch, whose backward of a shift without a scale raises: there the scale is 1."""
    import torch

    scale = torch.ones_like(beta) if gamma is None and beta is not None else gamma
    return torch.group_norm(x, groups, scale, beta, eps)


def instance_norm_twin(
    x: torch.Tensor, gamma: torch.Tensor | None, beta: torch.Tensor | None, *, eps: float
) -> torch.Tensor:
    """The same function by torch."""
    import torch

    return torch.instance_norm(x, gamma, beta, None, None, True, 0.0, eps, False)


GROUP_NORM = Op(
    name="group_norm",
    reference=group_norm,
    takes=Takes(
        arrays={"x": "N C *spatial", "gamma": "C ?", "beta": "C ?", "y": "N C *spatial"},
        parameters=(Parameter("groups", 1, "groups of channels that are normalised together", "2", whole(1)), EPS),
        sizes=WHERE,
        dims=(2, 1, 0, 3),
        geometry=grouped,
        divided={"groups": "C"},
        refuse=refuse_one_value,
        scales={"x": (0, 0, 3, -3, 20), "gamma": (0, 5)},
    ),
    twin=group_norm_twin,
    rounds=Rounding(terms, magnitudes),
    kind=Kind(
        linear_in=(("gamma", "beta"),),
        radius=radius,
        bounded=True,
        hard=tuple(replace(hard, case=offset, kept=kept) for hard in normalization.hard(along)),
    ),
    cases=Inputs(draw, values_a_group, few=few, reach=reach),
    told=Documents(
        sources=dict.fromkeys(("y", "x", "gamma", "beta"), "T12"),
        formula=formulas.grouped,
        usual={"batch": 1, "dims": 1, "channels": 2, "groups": 1, "spatial": 2},
    ),
    mistakes=mistakes.GROUP_NORM,
)
INSTANCE_NORM = replace(
    GROUP_NORM,
    name="instance_norm",
    reference=instance_norm,
    takes=replace(
        GROUP_NORM.takes, parameters=(EPS,), dims=(2, 1, 3), geometry=alone, divided={}, refuse=refuse_less_than_two
    ),
    twin=instance_norm_twin,
    told=Documents(
        sources=dict.fromkeys(("y", "x", "gamma", "beta"), "T13"),
        formula=formulas.grouped,
        usual={"batch": 1, "dims": 1, "channels": 1, "spatial": 2},
    ),
    mistakes=mistakes.INSTANCE_NORM,
)

OPS = (GROUP_NORM, INSTANCE_NORM)
