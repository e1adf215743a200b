"""What is to be adapted: a class with two methods, or two functions that belong together by their names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from functools import partial
from types import ModuleType
from typing import Any

from checks.op import Op
from checks.ops._called import CALLED, Called, names_of
from checks.subjects.adapting.gates import families
from checks.subjects.adapting.roles import (
    NOTHING,
    Arguments,
    Nothing,
    Role,
    Unfit,
    in_order,
    of_backward,
    of_constructor,
    of_forward,
)
from checks.subjects.adapting.run import Form
from checks.subjects.adapting.told import roles_told, told_by
from checks.subjects.adapting.words import AROUND, BACKWARD, DERIVATIVES, DOING, FORWARD, called, is_cotangent, plain
from checks.subjects.adapting.written import written


def form_of(op: Op, given: Any, name: str, said: Mapping[str, Role] = NOTHING) -> Form:
    """What is known of a class, a function or a module by its signatures; raises Unfit where that is too little."""
    if (told := told_by(given)) is not None:
        return replace(form_of(op, told.given, name, roles_told(op, told)), told=told)
    if isinstance(given, ModuleType):
        found = _chosen(op, given, name)
        return form_of(op, found, f"{name}:{found.__name__}", said)
    if inspect.isclass(given):
        return _of_class(op, given, name, said=said)
    if is_made(given):
        return replace(_of_class(op, type(given), name, given, said), name=type(given).__name__)
    if callable(getattr(given, "forward", None)) and callable(getattr(given, "backward", None)):
        return _of_functions(op, given.forward, given.backward, name, said)
    if inspect.isroutine(given):
        return _of_functions(op, given, partner(given), name, said)
    raise Unfit(f"it is a {type(given).__name__}; adapted is a class, or a function with another that is its backward")


def unknown_arguments(op: Op, given: Any) -> list[str]:
    """What constructor and forward have to be handed and do not say what it is, by name."""
    forward = next((n for n in FORWARD if callable(getattr(given, n, None)) and n in _own(given)), None)
    try:
        if not inspect.isclass(given):
            read = [of_forward(op, getattr(given, "forward", given))]
        else:
            read = [of_constructor(op, given), *([of_forward(op, _bound(given, forward))] if forward else [])]
    except Unfit:
        return []
    return [name for arguments in read for name, role in arguments.roles.items() if role.kind == "open"]


def is_made(given: Any) -> bool:
    """Whether it is an object of a class whose methods are those of a layer."""
    own = _own(type(given))
    return any(n in own for n in FORWARD) and any(n in own for n in BACKWARD) and not inspect.isclass(given)


def _of_class(op: Op, given: type, name: str, kept: Any = None, said: Mapping[str, Role] = NOTHING) -> Form:
    """A class; or an object of it, `kept`, of which every run has a copy."""
    forward = next((n for n in FORWARD if callable(getattr(given, n, None)) and n in _own(given)), None)
    backward = next((n for n in BACKWARD if callable(getattr(given, n, None)) and n in _own(given)), None)
    if forward is None or backward is None:
        missing = " and no ".join(n for n, found in (("forward", forward), ("backward", backward)) if found is None)
        raise (Unfit if forward or backward else Nothing)(
            f"it has no {missing}, nor a method that is usually called so"
        )
    making = of_constructor(op, given, said) if kept is None else Arguments()
    forwards = of_forward(op, _bound(given, forward), said)
    if kept is None and not said and not making.roles and (by_place := in_order(op, forwards)):
        forwards = by_place
    backwards = of_backward(op, _bound(given, backward), forwards, derivative=_is_of_input(op, given, backward))
    made = given if kept is None else partial(deepcopy, kept)
    return _checked(Form(op, name, made, making, forward, forwards, backward, backwards, kept=kept))


def _own(given: type) -> set[str]:
    return {n for one in given.__mro__ if one is not object for n in vars(one)}


def _bound(given: type, name: str) -> Callable[..., Any]:
    """A method as it is called on an instance: without its first argument, unless it is static."""
    method = inspect.getattr_static(given, name)
    if isinstance(method, staticmethod | classmethod):
        found: Callable[..., Any] = getattr(given, name)
        return found

    def call() -> None: ...

    parameters = list(inspect.signature(method).parameters.values())[1:]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return call


def _of_functions(op: Op, forward: Any, backward: Any, name: str, said: Mapping[str, Role]) -> Form:
    forwards = of_forward(op, forward, said)
    if not said and (by_place := in_order(op, forwards)):
        forwards = by_place
    if any(role.kind == "open" for role in forwards.roles.values()) and (both := written(op, forward, backward)):
        return _checked(Form(op, name, None, Arguments(), forward, both[0], backward, both[1]))
    if backward is None:  # the gradient may come with y
        return _checked(Form(op, name, None, Arguments(), forward, forwards, None, None))
    backwards = of_backward(op, backward, forwards, derivative=_is_derivative(backward))
    return _checked(Form(op, name, None, Arguments(), forward, forwards, backward, backwards))


def _is_derivative(function: Any) -> bool:
    """Whether it takes the input alone, as the derivative of a function of one number does."""
    parameters = list(inspect.signature(function).parameters.values())
    needed = [p for p in parameters if p.default is p.empty]
    said = plain(getattr(function, "__name__", ""))
    return len(needed) == 1 and not is_cotangent(needed[0].name) and any(word in said for word in DERIVATIVES)


def _is_of_input(op: Op, given: type, name: str) -> bool:
    """Whether a method is the derivative of a function of one number: called so, and handed what the input is called."""
    needed = [p for p in inspect.signature(_bound(given, name)).parameters.values() if p.default is p.empty]
    first = op.inputs[0]
    return plain(name) in DERIVATIVES and len(needed) == 1 and plain(needed[0].name) in called(first)


def _checked(form: Form) -> Form:
    op = form.op
    drawn = CALLED.get(op.name, Called()).drawn  # which it may keep (drawn.py)
    missing = [n for n in op.inputs if n not in {*form.passed, *op.takes.optional, drawn}]
    if form.made is None and missing and not families(op, form.apart):
        raise Unfit(f"forward takes no {missing[0]} that could be told by its name")
    # Without a cotangent it can only be that of one number, or of each element by itself.
    axes = op.takes.axes
    if not form.takes_cotangent and axes["y"].names and axes["y"].names != axes[op.inputs[0]].names:
        raise Unfit("backward takes no cotangent, the gradient of what forward returns")
    if form.forwards.roles and any(r.kind == "open" for r in form.forwards.roles.values()):
        name = next(n for n, r in form.forwards.roles.items() if r.kind == "open")
        raise Unfit(f"what forward's argument {name} means is not known")
    return form


def partner(function: Any) -> Any:
    """The backward of a function, among what its module has: conv_backward of conv_forward; None if there is none."""
    beside: Mapping[str, Any] = getattr(inspect.unwrap(function), "__globals__", {})
    name = function.__name__
    for candidate in _partners(name):
        if callable(found := beside.get(candidate)) and found is not function:
            return found
    return None


def _partners(name: str) -> Iterator[str]:
    for one, other in DOING:
        if one in name.lower():
            at = name.lower().index(one)
            as_written = name[at : at + len(one)]
            there = other.capitalize() if as_written[0].isupper() else other
            yield name[:at] + there + name[at + len(one) :]
    bare = [name, *(name.replace(f"_{one}", "").replace(f"{one}_", "") for one, _ in DOING)]
    for one in dict.fromkeys(bare):
        yield from (around.format(one) for around in AROUND)


def candidates(op: Op, module: ModuleType) -> list[Any]:
    """What a module defines that could be this op, by its name; or, if nothing is called so, all that could be some op."""
    own = [v for v in vars(module).values() if getattr(v, "__module__", None) == module.__name__]
    classes = [
        v
        for v in own
        if inspect.isclass(v) and any(n in _own(v) for n in FORWARD) and any(n in _own(v) for n in BACKWARD)
    ]
    functions = [v for v in own if inspect.isfunction(v)]
    backwards = {id(partner(f)) for f in functions}
    pairs = [f for f in functions if id(f) not in backwards and partner(f) is not None]
    could: list[Any] = [*classes, *pairs]
    joint = [f for f in functions if id(f) not in backwards and f not in pairs]
    names = names_of(op.name)
    exact = [v for v in could if _bare(v.__name__) in names]
    near = [
        v for v in could if any(n in _bare(v.__name__) for n in names if len(n) > 2)
    ]  # fc and bn are in other words
    alone = [v for v in joint if _bare(v.__name__) in names]
    return exact or near or alone or could


def _bare(name: str) -> str:
    said = plain(name)
    for word in ("forward", "fwd", "fprop", "naive", "layer", "fast", "step", "function", "block"):
        said = said.replace(word, "") or said
    return said


def _chosen(op: Op, module: ModuleType, name: str) -> Any:
    could = candidates(op, module)
    if not could:
        raise Nothing("it has no class, and no two functions, that could be adapted")
    if len(could) > 1:
        raise Unfit(f"it has {', '.join(v.__name__ for v in could)}; name one, as {name}:{could[0].__name__}")
    return could[0]
