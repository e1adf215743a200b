"""Cases of group and instance norm with their channels split, so that what is normalised together are whole axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod

from checks.numbers.precision import Array
from checks.op import Case, Problem

Axes = tuple[int, ...]
Shape = tuple[int, ...]


def groups_of(parameters: Mapping[str, int], channels: int) -> int:
    """How many groups there are; one for each channel where that is no parameter, as in instance norm."""
    return parameters.get("groups", channels)


def split_shape(shape: Shape, parameters: Mapping[str, int]) -> Shape:
    """(N, C, *size) as (N, groups, channels of a group, positions)."""
    groups = groups_of(parameters, shape[1])
    return shape[0], groups, shape[1] // groups, prod(shape[2:])


def along(_: object) -> tuple[Axes, Axes]:
    """Of that shape: what is normalised over, and the axes that γ and β have not."""
    return (2, 3), (0, 3)


def split(of: Case) -> Case:
    """The case with x and cotangent of that shape, and γ and β (groups, channels of a group)."""
    x, affine = of.input("x"), of.inputs[1:]
    shape = split_shape(x.shape, of.parameters)
    inputs = x.reshape(shape), *(None if a is None else a.reshape(shape[1:3]) for a in affine)
    return replace(of, inputs=inputs, cotangent=of.cotangent.reshape(shape))


def split_problem(of: Problem) -> Problem:
    """The problem, as far as its x goes."""
    return replace(of, shapes={**of.shapes, "x": split_shape(of.shape("x"), of.parameters)})


def together(of: Case, results: Mapping[str, Array]) -> dict[str, Array]:
    """Results of the split case in the shapes of those of this one."""
    shapes = {"y": of.cotangent.shape, "x": of.cotangent.shape}
    return {name: a.reshape(shapes.get(name, (of.cotangent.shape[1],))) for name, a in results.items()}
