"""Where a layer keeps its weights, and how they lie there: by their names and their shapes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from checks.ops._called import CALLED, Called
from checks.subjects.adapting.arrangement import Arrangement, held_as
from checks.subjects.adapting.asked import Asked
from checks.subjects.adapting.run import Form, Place, Plan, Run
from checks.subjects.adapting.slots import GRADIENTS, Path, arrays_in, got, is_called, is_gradient, named
from checks.subjects.adapting.words import called

MOST = 4  # arrays of the same shape, among which an input that has no name of ours is looked for
Choice = tuple[Arrangement, tuple[Path, ...]]  # how an input lies, and all paths to it


def held_in(
    form: Form, plan: Plan, one: Asked, wanted: Sequence[str]
) -> tuple[dict[str, list[Choice]], tuple[Path, ...], dict[str, Path]]:
    """Where it keeps each input and how it lies; what has the name of one but not its shape; where what is added lies."""
    run = Run(form, plan, one.sizes, one.parameters)
    found: dict[str, list[Choice]] = {}
    odd: list[Path] = []
    # Some make their weights when they are first called.
    for begin in (partial(run.begin, dict(one.arrays)), run.forward):
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            begin()
        for n in wanted:
            choices, unlike = _choices(form, run, one, n, wanted)
            odd += unlike
            if choices:
                found[n] = choices
        if all(n in found or n in one.op.takes.optional for n in wanted):
            break
    second = second_of(form, run.layer, found)
    kept = {n: [c for c in of if second.get(n) not in c[1]] for n, of in found.items()}
    second = {n: path for n, path in second.items() if kept[n]}
    return {n: kept[n] or of for n, of in found.items()}, tuple(dict.fromkeys(odd)), second


def _choices(form: Form, run: Run, one: Asked, n: str, wanted: Sequence[str]) -> tuple[list[Choice], list[Path]]:
    """What may be this input, of those that have the first of its names only; and what has one, but another shape."""
    aliases, axes = called(n), one.op.takes.axes[n]
    shape = axes.shape(one.sizes, one.parameters)
    told = form.told is not None and bool(form.told.arrays.get(n, ("",))[0])  # then it has not to be called as usual
    ranked: list[tuple[int, list[Choice]]] = []
    odd: list[Path] = []
    for paths in _places(run.layer):
        names = [p for p in paths if is_called(p, aliases)]
        orders = list(held_as(axes.names, shape, got(run.layer, paths[0]).shape, one.sizes))
        if names and not orders and axes.optional:
            odd += paths
        others = axes.optional and not names and any(is_called(p, _every_alias(wanted)) for p in paths)
        if orders and not others and not any(is_gradient(p, _every_alias(wanted)) for p in paths):
            best = 0 if told else min((aliases.index(named(p)[-1]) for p in names), default=len(aliases))
            ranked.append((best, [(order, paths) for order in orders]))
    least = min((rank for rank, _ in ranked), default=0)
    chosen = [choices for rank, choices in ranked if rank == least]
    return [choice for choices in chosen for choice in choices] if len(chosen) <= MOST or told else [], odd


def second_of(form: Form, layer: object, choices: Mapping[str, Sequence[Choice]]) -> dict[str, Path]:
    """Where what is added to an input lies, of those of which it has two: as large, and called as a second is."""
    found: dict[str, Path] = {}
    for n, names in CALLED.get(form.op.name, Called()).second.items():
        held = [np.shape(got(layer, paths[0])) for _, paths in choices.get(n, ())]
        for paths in _places(layer):
            called_so = [path for path in paths if is_called(path, names)]
            if called_so and np.shape(got(layer, paths[0])) in held:
                found[n] = called_so[0]
    return found


def _places(layer: object) -> list[tuple[Path, ...]]:
    """All paths to each array of numbers."""
    places: dict[int, list[Path]] = {}
    for path, array in arrays_in(layer):
        if isinstance(array, np.ndarray) and array.dtype.kind in "fiu":
            places.setdefault(id(array), []).append(path)
    return [tuple(paths) for paths in places.values()]


def _every_alias(wanted: Sequence[str]) -> list[str]:
    return [alias for n in wanted for alias in called(n)]


def apart_in(form: Form, plan: Plan, one: Asked) -> dict[str, Place]:
    """What may be the weights of single gates, by name, of a layer that keeps them: forget_gate.W is forget_gateW."""
    run = Run(form, plan, one.sizes, one.parameters)
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        run.begin(dict(one.arrays))
    found: dict[str, Place] = {}
    for path, array in arrays_in(run.layer):
        if isinstance(array, np.ndarray) and not any(name in GRADIENTS for name in named(path)[:-1]):
            found.setdefault("".join(named(path)[-1:]), ("layer", path))
            found.setdefault("".join(named(path)[-2:]), ("layer", path))
    return found
