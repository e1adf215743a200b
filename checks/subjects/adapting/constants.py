"""Numbers that stand in the code of a layer, of which one may be a parameter that it does not take, as its ε."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import CodeType
from typing import Any

from checks.cases.pins import pinned_values
from checks.subjects.adapting.run import Form

USUAL = (1e-8, 1e-3, 1e-6, 1e-7, 1e-12, 1e-10, 1e-9, 1e-4, 1e-16, 1e-15)  # that are added to what must not be 0
MOST = 40


def constants_of(form: Form) -> Iterator[tuple[str, Any]]:
    """Parameters that it does not take, with values that they may have, but for their default."""
    taken = {role.of for arguments in (form.making, form.forwards) for role in arguments.roles.values()}
    numbers = list(dict.fromkeys([*_numbers(form), *USUAL]))[:MOST]
    for parameter in form.op.takes.parameters:
        name, default = parameter.name, parameter.default
        if name in taken:
            continue
        among = parameter.among if isinstance(parameter.among, tuple) else ()
        if isinstance(default, float):
            values: list[Any] = [n for n in numbers if 0 < n < (1e-2 if default < 1e-2 else 1e2)]
        elif isinstance(default, bool | str):
            values = list(dict.fromkeys(among))
        elif isinstance(default, int) or default is None:
            values = [n for n in numbers if isinstance(n, int) and 0 <= n < 6] or [0, 1, 2]
            values = list(dict.fromkeys([*values, 0, 1, 2, 3]))
        else:
            values = []
        yield from ((name, value) for value in values if value != default and _allowed(form, name, value))


def _allowed(form: Form, name: str, value: Any) -> bool:
    try:
        pinned_values(form.op, {name: value})
    except ValueError:
        return False
    return True


def _numbers(form: Form) -> Iterator[Any]:
    """The numbers in its code, in the defaults of its arguments, and among what its module knows by name."""
    functions = (
        [form.forward, form.backward]
        if form.made is None
        else _methods(form.made if form.kept is None else type(form.kept))
    )
    for function in functions:
        code = getattr(inspect.unwrap(function), "__code__", None) if function is not None else None
        yield from _constants(code) if code is not None else ()
        for default in (*(getattr(function, "__defaults__", None) or ()), *_globals(function)):
            if isinstance(default, int | float) and not isinstance(default, bool):
                yield default


def _globals(function: Any) -> Iterator[Any]:
    code = getattr(function, "__code__", None)
    known = getattr(function, "__globals__", {})
    yield from (known[name] for name in (code.co_names if code is not None else ()) if name in known)


def _methods(made: Any) -> list[Any]:
    return [f for one in getattr(made, "__mro__", (made,)) for f in vars(one).values() if inspect.isfunction(f)]


def _constants(code: CodeType) -> Iterator[Any]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _constants(constant)
        elif isinstance(constant, int | float) and not isinstance(constant, bool):
            yield constant
