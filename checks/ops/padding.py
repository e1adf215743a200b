"""Padding: how much of it fits a mode, and how many copies of an element there are."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any

from checks.op import Documents, Inputs, Kind, Op, Problem, Rounding
from checks.ops._padding_mistakes import PAD
from checks.ops.pooling import WHERE
from checks.signature.drawing import Draws
from checks.signature.options import Pinned, one_of, per_axis
from checks.signature.takes import LOUD, Drawn, Parameter, Takes
from checks.signature.windows import along, not_too_large, pinned_axes, together
from reference import pad

if TYPE_CHECKING:
    import torch

LARGEST = {1: 7, 2: 4, 3: 3}  # sizes by number of axes
MOST = 3  # elements added at an end
ENDS = ("before", "after")


def refuse(pinned: Pinned) -> None:
    """Raise ValueError, in one sentence with a suggestion, if no problem has these values."""
    mode = pinned.get("mode")
    for axis in range(pinned_axes(pinned) or 1):
        size, added = along(pinned.get("size"), axis), max(along(pinned.get(end), axis) or 0 for end in ENDS)
        if size is None or mode is None:
            continue
        most = pad.room(size, mode)
        if most is not None and added > most:
            raise ValueError(
                f"mode {mode} cannot add {added} to a size of {size}; --size {_least(added, mode)} would do"
            )


def _least(added: int, mode: str) -> int:
    """The least size to whose ends so many can be added."""
    return next(n for n in range(1, added + 2) if (most := pad.room(n, mode)) is None or most >= added)


def geometry(draw: Draws, pinned: Pinned, axes: int) -> Drawn:
    """Sizes, and what fits to either end of them: unlike in most cases, nothing in some."""
    fits = [mode for mode in pad.MODES if not _refused({**pinned, "mode": mode})]
    mode = pinned.get("mode") or draw.among(*fits[:1], *fits[1:] * 2)
    size, ends = [], []
    for axis in range(axes):
        given = [along(pinned.get(end), axis) for end in ENDS]
        n = along(pinned.get("size"), axis)
        if n is None:
            least = _least(max(e or 0 for e in given), mode)
            n = draw.between(max(least, 1 + (mode == "reflect")), max(least, LARGEST[axes]))
        most = pad.room(n, mode)
        among = range(min(MOST, n if most is None else most) + 1)
        ends.append([draw.among(*among) if e is None else e for e in given])
        size.append(n)
    output = tuple(n + sum(added) for n, added in zip(size, ends, strict=True))
    not_too_large(pinned, output)
    first, last = zip(*ends, strict=True)
    return {
        "*size": tuple(size),
        "*output": output,
        "before": together(first),
        "after": together(last),
        "mode": mode,
    }


def _refused(pinned: Pinned) -> bool:
    try:
        refuse(pinned)
    except ValueError:
        return True
    return False


def added(problem: Problem) -> list[tuple[int, int, int]]:
    """Along each axis, what is added before, the size, and what is added after."""
    size = problem.shape("x")[2:]
    return [(*(along(problem.parameters[end], axis) for end in ENDS), n) for axis, n in enumerate(size)]


def terms(problem: Problem) -> dict[str, int]:
    """What is copied is not rounded; an element of x has itself and its copies, all of which may be of one."""
    mode = problem.parameters["mode"]
    found = []
    for b, a, n in added(problem):
        of_one = {"constant": 0, "replicate": b + a if n == 1 else max(a, b)}.get(mode, (b > 0) + (a > 0))
        found.append(1 + of_one)
    return {"y": 1, "x": prod(found)}


def tried(problem: Problem) -> Mapping[str, tuple[Any, ...]]:
    """Whether both ends get as many, and whether an axis is only as long as what is added."""
    axes = added(problem)
    return {
        "before": tuple(b for b, _, _ in axes),
        "after": tuple(a for _, a, _ in axes),
        "uneven": ("yes" if any(b != a for b, a, _ in axes) else "no",),
    }


def twin(x: torch.Tensor, *, before: Any, after: Any, mode: str) -> torch.Tensor:
    """The same function by torch, whose reflection over one axis takes no empty batch: of such there is only the shape."""
    import torch

    axes = x.ndim - 2
    ends = [end for axis in reversed(range(axes)) for end in (along(before, axis), along(after, axis))]
    return torch.nn.functional.pad(x, ends, mode="constant" if not x.numel() else mode)


OP = Op(
    name="pad",
    reference=pad,
    takes=Takes(
        arrays={"x": "N C *size", "y": "N C *output"},
        parameters=(
            Parameter("before", 1, "elements added at the beginning of each axis", "1 | 1,0", per_axis(0)),
            Parameter("after", 1, "elements added at the end of each axis", "1 | 1,0", per_axis(0)),
            Parameter(
                "mode", "constant", "what is added: 0, or copies of which elements", "reflect", one_of(*pad.MODES)
            ),
        ),
        sizes=WHERE,
        dims=(2, 1, 2, 3),
        geometry=geometry,
        scales={"x": LOUD},
        refuse=refuse,
    ),
    twin=twin,
    rounds=Rounding(terms),
    kind=Kind(degree=1, linear_in=(("x",),)),
    cases=Inputs(tried=tried),
    told=Documents(letters={"x": "x", "y": "y", "g": "g"}, sources={"y": "W11", "x": "W11"}),
    mistakes=PAD,
)

OPS = (OP,)
