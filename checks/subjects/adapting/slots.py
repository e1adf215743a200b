"""Where arrays lie in an object: in attributes, dictionaries and lists, and in objects that it holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from checks.subjects.adapting.words import gradient_names, plain

Path = tuple[tuple[str, Any], ...]  # of steps: ("attribute", name) or ("item", key)
DEPTH = 4
GRADIENTS = ("grad", "grads", "gradient", "gradients", "dparams", "gradparams", "paramgrads", "g", "d", "deltas", "dw")
OWN = (
    "grad",
    "gradient",
    "g",
    "d",
    "dvalue",
    "gradvalue",
    "gradients",
    "diff",
    "delta",
)  # in an object that is a weight
HOLDERS = ("params", "parameters", "weights", "param", "p")  # which say nothing of what lies there
VALUES = ("data", "value", "val", "array", "values", "param", "v")


def arrays_in(root: Any, depth: int = DEPTH) -> Iterator[tuple[Path, Any]]:
    """Every array, and number of NumPy's, by the path to it."""
    seen: set[int] = set()
    level: list[tuple[Path, Any]] = [((), root)]
    for _ in range(depth + 1):
        below: list[tuple[Path, Any]] = []
        for path, one in level:
            if isinstance(one, np.ndarray | np.floating | float) and not isinstance(one, bool):
                yield path, one
                if type(one) not in {np.ndarray, float} and hasattr(one, "__dict__"):  # an array that has its gradient
                    below += (((*path, ("attribute", name)), inner) for name, inner in vars(one).items())
            elif id(one) not in seen:
                seen.add(id(one))
                below += (((*path, step), inner) for step, inner in _inside(one))
        level = below


def _inside(one: Any) -> Iterator[tuple[tuple[str, Any], Any]]:
    if isinstance(one, dict):
        yield from ((("item", key), value) for key, value in one.items())
    elif isinstance(one, list | tuple):
        yield from ((("item", at), value) for at, value in enumerate(one))
    elif not isinstance(one, type | ModuleType | FunctionType | MethodType) and hasattr(one, "__dict__"):
        yield from ((("attribute", name), value) for name, value in vars(one).items())
    elif slots := getattr(type(one), "__slots__", ()):
        names = (slots,) if isinstance(slots, str) else slots
        yield from ((("attribute", name), getattr(one, name)) for name in names if hasattr(one, name))


def lists_in(root: Any, depth: int = DEPTH) -> list[tuple[list[Any], list[Any]]]:
    """Every list in which something may be kept, with what it has."""
    seen: set[int] = set()
    found: list[tuple[list[Any], list[Any]]] = []
    level = [root]
    for _ in range(depth):
        fresh = [one for one in level if id(one) not in seen and not isinstance(one, np.ndarray)]
        seen |= {id(one) for one in fresh}
        found += [(one, [*one]) for one in fresh if isinstance(one, list)]
        level = [inner for one in fresh for _, inner in _inside(one)]
    return found


def got(root: Any, path: Path) -> Any:
    """What lies there; None if nothing does."""
    for how, key in path:
        try:
            root = getattr(root, key) if how == "attribute" else root[key]
        except (AttributeError, KeyError, IndexError, TypeError):
            return None
    return root


def put(root: Any, path: Path, value: Any) -> None:
    """Lay it there; into a tuple a new one is put in its place."""
    inner = got(root, path[:-1])
    how, key = path[-1]
    if how == "attribute":
        setattr(inner, key, value)
    elif isinstance(inner, tuple):
        put(root, path[:-1], type(inner)(value if at == key else one for at, one in enumerate(inner)))
    else:
        inner[key] = value


def said(path: Path) -> str:
    """The path as code has it, without the object it begins at."""
    text = "".join(f".{key}" if how == "attribute" else f"[{key!r}]" for how, key in path)
    return text.removeprefix(".")


def named(path: Path) -> list[str]:
    """The names on the path, as `plain` has them, those that only say that a value follows left out."""
    names = [plain(key) for _, key in path if isinstance(key, str)]
    return names[:-1] if len(names) > 1 and names[-1] in VALUES else names


def is_called(path: Path, aliases: Iterable[str]) -> bool:
    """Whether what lies there has one of these names, and is no gradient of it."""
    names = named(path)
    return bool(names) and names[-1] in aliases and not any(name in GRADIENTS for name in names[:-1])


def is_gradient(path: Path, aliases: Iterable[str], held: Iterable[Path] = ()) -> bool:
    """Whether what lies there is called a gradient of what has these names, or lies as one of what is held there."""
    known = {*aliases, *(name for one in held for name in named(one)[-1:])}
    names = named(path)
    if not names:
        return any(_beside(path, one) for one in held)
    last, before = names[-1], names[:-1]
    if any(last in gradient_names(a) for a in known):
        return True
    if before and last in known and any(name in GRADIENTS for name in before):
        return True
    if before and last in OWN and before[-1] in known:
        return True
    return any(_beside(path, one) for one in held)


def answers(path: Path, held: Path) -> int:
    """How surely what lies at one path is the gradient of what lies at the other, by names alone; 0 if it is not.

    dW['f'] is that of W['f'], grads['Wf'] and dWf are those of Wf; forget_gate.dW is not that of input_gate.W.
    """
    mine, other = ([plain(str(key)) for _, key in one] for one in (path, held))
    if not mine or not other:
        return 0
    apart = [(a, b) for a, b in zip(mine, other, strict=False) if a != b] if len(mine) == len(other) else []
    if len(apart) == 1:
        a, b = apart[0]
        return 3 if a in gradient_names(b) or (a in GRADIENTS and b in HOLDERS) or (a in OWN and b in VALUES) else 0
    if mine[:-1] == other and mine[-1] in OWN:
        return 3
    names = {other[-1], *gradient_names(other[-1])} if len(other) == 1 or other[-2] in HOLDERS else set()
    names |= {"".join(other), *gradient_names("".join(other))}
    if mine[-1] in names and any(name in GRADIENTS for name in mine[:-1]):
        return 2
    return 1 if mine[-1] in names - {other[-1], "".join(other)} else 0


def _beside(path: Path, held: Path) -> bool:
    """Whether one is the n-th of a list called grads and the other the n-th of one called params, or lies in its object."""
    if not path or not held:
        return False
    if path[:-1] == held[:-1] and len(path) > 1 and plain(str(path[-1][1])) in OWN:
        return True
    in_lists = path[-1][0] == held[-1][0] == "item" and path[-1][1] == held[-1][1] and isinstance(held[-1][1], int)
    return in_lists and any(name in GRADIENTS for name in named(path)) and len(path) == len(held)


def snapshot(root: Any) -> Mapping[Path, tuple[int, bytes]]:
    """What lies where, to be told from what lies there later."""
    return {path: (id(one), np.asarray(one).tobytes()) for path, one in arrays_in(root)}
