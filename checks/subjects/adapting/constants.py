"""Numbers that stand in code, of which some may be parameters that it does not take, as its ε."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations, islice, product
from types import CodeType
from typing import Any

from checks.cases.pins import pinned_values
from checks.op import Op
from checks.subjects.adapting.run import Form

USUAL = (
    1e-8,
    1e-3,
    1e-6,
    1e-7,
    1e-12,
    1e-10,
    1e-9,
    1e-4,
    1e-16,
    1e-15,
    2.0**-52,
    2.0**-23,
)  # that are added to what must not be 0
SMALL = 1e-2  # below which a number that is added so is
MOST = 42
TOGETHER = 3000  # choices of several values at once, each a call of the reference with a few numbers
DEPTH = 4  # of functions that call others


def constants_of(form: Form) -> Iterator[tuple[str, Any]]:
    """Parameters that it does not take, with values that they may have, but for their default."""
    taken = {role.of for arguments in (form.making, form.forwards) for role in arguments.roles.values()}
    for name, values in values_of(form.op, taken, functions_of(form)).items():
        yield from ((name, value) for value in values)


def functions_of(form: Form) -> list[Any]:
    """The functions in which its numbers stand."""
    if form.made is None:
        return [form.forward, form.backward]
    return methods(form.made if form.kept is None else type(form.kept))


def values_of(op: Op, taken: Iterable[str], functions: Sequence[Any]) -> dict[str, list[Any]]:
    """For each parameter that is not taken the values that it may have, but for its default."""
    numbers = list(dict.fromkeys([*numbers_in(functions), *USUAL]))[:MOST]
    gone = {*taken}
    return {
        p.name: [
            v
            for v in _values(p.default, p.among or getattr(p.parse, "names", ()), numbers)
            if v != p.default and _allowed(op, p.name, v)
        ]
        for p in op.takes.parameters
        if p.name not in gone
    }


def _values(default: Any, among: Any, numbers: Sequence[Any]) -> list[Any]:
    """What a parameter of this default may be."""
    if isinstance(default, bool | str):
        return list(dict.fromkeys(among)) if isinstance(among, tuple) else []
    if isinstance(default, float):
        if default == 0:
            return [n for n in numbers if SMALL <= n < 1]
        if default < SMALL:
            return [n for n in numbers if 0 < n < 1]
        return [n for n in numbers if 0 < n < 1e2]
    whole = [n for n in numbers if isinstance(n, int) and -2 < n < 6]
    several = list(dict.fromkeys([*whole, -1, 0, 1, 2, 3]))
    if default is None:  # of a scale, whose default depends on a size, 1/√n and 1/n too
        return [*several, *(v for n in numbers if n > 0 for v in (float(n), n**-0.5, 1 / n))]
    return several


def together(values: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """Every choice of values of some parameters, the rest at their defaults: none, one, two …"""
    return islice(
        (
            dict(zip(names, chosen, strict=True))
            for many in range(len(values) + 1)
            for names in combinations(values, many)
            for chosen in product(*(values[name] for name in names))
        ),
        TOGETHER,
    )


def _allowed(op: Op, name: str, value: Any) -> bool:
    try:
        pinned_values(op, {name: value})
    except ValueError:
        return False
    return True


def numbers_in(functions: Sequence[Any]) -> Iterator[Any]:
    """The numbers in their code and in that of what they call, in the defaults of arguments, and known there by name."""
    seen: set[int] = set()
    level = list(functions)
    for _ in range(DEPTH):
        below: list[Any] = []
        for function in level:
            for number, inner in _of_one(function):
                if number is not None:
                    yield number
                if inner is not None and id(inner) not in seen:
                    seen.add(id(inner))
                    below.append(inner)
        level = below


def _of_one(function: Any) -> Iterator[tuple[Any, Any]]:
    """The numbers of one function, and the functions that it may call: each with None beside it."""
    if isinstance(function, partial):
        yield None, function.func
        held = [*function.args, *function.keywords.values()]
    else:
        bare = inspect.unwrap(function) if callable(function) else function
        code = getattr(bare, "__code__", None)
        if code is None:
            return
        yield from ((number, None) for number in _constants(code))
        held = [*(bare.__defaults__ or ()), *(bare.__kwdefaults__ or {}).values(), *_known(bare, code)]
    for one in held:
        if isinstance(one, int | float) and not isinstance(one, bool):
            yield one, None
        elif inspect.isfunction(one) or inspect.ismethod(one) or isinstance(one, partial):
            yield None, one


def _known(function: Any, code: CodeType) -> Iterator[Any]:
    """What it knows by name: of its module, and of the function that it stands in."""
    beside = getattr(function, "__globals__", {})
    yield from (beside[name] for name in code.co_names if name in beside)
    for cell in getattr(function, "__closure__", None) or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not filled yet
            continue


def methods(made: Any) -> list[Callable[..., Any]]:
    """The methods of a class, its bases' too."""
    own = [getattr(f, "__func__", f) for one in getattr(made, "__mro__", (made,)) for f in vars(one).values()]
    return [f for f in own if inspect.isfunction(f)]


def _constants(code: CodeType) -> Iterator[Any]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _constants(constant)
        elif isinstance(constant, int | float) and not isinstance(constant, bool):
            yield constant
