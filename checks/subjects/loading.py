"""Finds what --impl names: FILE.py, FILE.py:NAME, package.module, package.module:NAME, each with a bridge in front or none.

    mine.py:Conv    mypackage.layers:pool    torch:mypackage.ops:MyConvFunction

What stands before the first colon is a bridge if a file of that name lies in `bridges`: it turns what it finds into
something with forward and backward on NumPy arrays. This runs in the process of the implementation; in the judge's own runs
what is no op, by `find` alone.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import pkgutil
import sys
from importlib import import_module, util
from pathlib import Path
from types import ModuleType
from typing import Any

from checks.op import Op
from checks.subjects import bridges
from checks.subjects.implementation import NotAnImplementation, needed
from checks.subjects.names import NAMES, theirs, theirs_of

# Loaded with this module, so before what is judged is: after that, `checks` may be somebody else's.
BRIDGES: dict[str, ModuleType] = {
    module.name: import_module(f"{bridges.__name__}.{module.name}") for module in pkgutil.iter_modules(bridges.__path__)
}


def bridge_names() -> list[str]:
    """The frameworks that can be spoken to."""
    return list(BRIDGES)


def split(spec: str) -> tuple[str | None, str, str]:
    """Bridge, or None; file or module; attribute path, or "" for the module itself."""
    first, _, rest = spec.partition(":")
    bridge = first if rest and first in bridge_names() else None
    where, _, name = (rest if bridge else spec).partition(":")
    return bridge, where, name


def load(op: Op, spec: str, *, dtype: str = "float64", device: str = "cpu") -> Any:
    """The object that `spec` names, with forward and backward; raises NotAnImplementation in one sentence."""
    bridge, where, name = split(spec)
    module = _module(where)
    found = _attribute(module, where, name) if name else module
    if bridge is not None:
        return BRIDGES[bridge].bridged(op, found, dtype=dtype, device=device)
    missing = [part for part in ("forward", "backward") if not callable(getattr(found, part, None))]
    if missing and isinstance(found, ModuleType):
        inside = [n for n, value in vars(found).items() if _is_implementation(value)]
        hint = (
            f"{where}:{inside[0]} has both"
            if inside
            else f"{op.name} needs {' and '.join(needed(op, m) for m in missing)}"
        )
        raise NotAnImplementation(f"{where} has no {' and no '.join(missing)}; {hint}")
    return found


def find(spec: str) -> Any:
    """What such a text names, without a bridge and whatever it is; raises NotAnImplementation in one sentence.

    It runs in the judge's own process, by its own names: while it is loaded and, where it has some, in every call.
    """
    where, _, name = spec.partition(":")
    with theirs:
        module = _module(where)
        found = _attribute(module, where, name) if name else module
    return _by_their_names(found) if callable(found) and any(map(theirs_of, NAMES)) else found


def _by_their_names(function: Any) -> Any:
    @functools.wraps(function, updated=())
    def call(*inputs: Any, **parameters: Any) -> Any:
        with theirs:
            return function(*inputs, **parameters)

    call.__name__ = getattr(function, "__name__", type(function).__name__)
    return call


def _is_implementation(value: Any) -> bool:
    return inspect.isclass(value) and all(callable(getattr(value, part, None)) for part in ("forward", "backward"))


def _module(where: str) -> ModuleType:
    """The module of a file, whose own folder becomes importable as for a script, or of a dotted name."""
    path = Path(where)
    if path.suffix != ".py":
        sys.path.insert(0, "")
        return _imported(where, lambda: import_module(where))
    if not path.is_file():
        close = difflib.get_close_matches(path.name, [p.name for p in path.parent.glob("*.py")], n=1)
        raise NotAnImplementation(
            f"there is no file {where}" + (f"; did you mean {path.parent / close[0]}?" if close else "")
        )
    sys.path.insert(0, str(path.parent.resolve()))
    found = util.spec_from_file_location(path.stem, path)
    if found is None or found.loader is None:
        raise NotAnImplementation(f"{where} cannot be imported; expected a Python file")
    module = util.module_from_spec(found)
    sys.modules[path.stem] = module
    run = found.loader.exec_module

    def execute() -> ModuleType:
        run(module)
        return module

    return _imported(where, execute)


def _imported(where: str, load_it: Any) -> ModuleType:
    try:
        module: ModuleType = load_it()
    except (Exception, SystemExit) as error:
        line = (str(error).strip().splitlines() or [""])[0]
        raise NotAnImplementation(f"{where} cannot be imported: {type(error).__name__}: {line}") from error
    return module


def _attribute(module: ModuleType, where: str, name: str) -> Any:
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            close = difflib.get_close_matches(part, [n for n in dir(found) if not n.startswith("_")], n=1)
            raise NotAnImplementation(f"{where} has no {name}" + (f"; did you mean {close[0]}?" if close else ""))
        found = getattr(found, part)
    return found
