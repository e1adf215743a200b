"""Finds what --impl names: FILE.py, FILE.py:NAME, package.module, package.module:NAME, each with a bridge in front or none.

    mine.py:Conv    mypackage.layers:pool    torch:mypackage.ops:MyConvFunction    jax    compiled:torch:mine.py:conv

What stands before the first colon is a bridge if a file of that name lies in `bridges`: it turns what it finds into
something with forward and backward on NumPy arrays. A bridge alone is what its framework has of the op (built_in/), and
`compiled:` in front of a bridge asks the framework's compiler for it. What stands behind a ? says how a layer is to be
adapted (adapting/told.py). This runs in the process of the implementation; what is no op is found by `find` alone, in a
process of its own too (functions/serving.py).
"""

from __future__ import annotations

import difflib
import functools
import inspect
import pkgutil
import sys
from importlib import import_module, metadata, util
from pathlib import Path
from types import ModuleType
from typing import Any

from checks.op import Op
from checks.ops import ops
from checks.subjects import bridges
from checks.subjects import built_in as own
from checks.subjects.adapting.forms import candidates
from checks.subjects.adapting.told import read
from checks.subjects.implementation import needed
from checks.subjects.names import NAMES, theirs, theirs_of
from checks.subjects.refusals import NotAnImplementation

# Loaded with this module, so before what is judged is: after that, `checks` may be somebody else's.
BRIDGES: dict[str, ModuleType] = {
    module.name: import_module(f"{bridges.__name__}.{module.name}") for module in pkgutil.iter_modules(bridges.__path__)
}
BUILT_IN: dict[str, ModuleType] = {
    module.name: import_module(f"{own.__name__}.{module.name}")
    for module in pkgutil.iter_modules(own.__path__)
    if not module.name.startswith("_")
}
COMPILED = "compiled:"
PACKAGES = {"mlx": "mlx.core"}  # what to import, where that is not the bridge's name


def bridge_names() -> list[str]:
    """The frameworks that can be spoken to."""
    return list(BRIDGES)


def split(spec: str) -> tuple[str | None, str, str]:
    """Bridge, or None; file or module, "" for what is built into the framework; attribute path, "" for the module."""
    spec = spec.removeprefix(COMPILED)
    spec = spec.removesuffix(f"?{_told(spec)}")
    first, _, rest = spec.partition(":")
    bridge = first if first in bridge_names() else None
    where, _, name = (rest if bridge else spec).partition(":")
    return bridge, where, name


def _told(spec: str) -> str:
    """What is said of how a layer is to be adapted; nothing is of a program."""
    is_program = hasattr(BRIDGES.get(spec.partition(":")[0]), "opened")
    return "" if is_program else spec.partition("?")[2]


def built_in(spec: str | None) -> str:
    """The bridge, if what is named is a framework's own; else ""."""
    bridge, where, _ = split(spec or "")
    return bridge if bridge and not where and not hasattr(BRIDGES[bridge], "opened") else ""


def version(bridge: str) -> str:
    """The version of a framework that is installed."""
    return metadata.version(metadata.packages_distributions()[bridge][0])


def offered(bridge: str, op: Op) -> Any:
    """What a framework has of an op, or None."""
    return getattr(BUILT_IN.get(bridge), op.name, None)


def load(op: Op, spec: str, *, dtype: str = "float64", device: str = "cpu") -> Any:  # noqa: C901, one kind after another
    """The object that `spec` names, with forward and backward; raises NotAnImplementation in one sentence."""
    told = _told(spec)
    if told:
        try:
            return read(load(op, spec.removesuffix(f"?{told}"), dtype=dtype, device=device), told)
        except (ValueError, TypeError) as wrong:
            raise NotAnImplementation(f"{spec}: {wrong}") from wrong
    bridge, where, name = split(spec)
    compiled = spec.startswith(COMPILED)
    if opened := getattr(BRIDGES.get(bridge or ""), "opened", None):
        if compiled:
            raise NotAnImplementation(f"{spec}: a program is compiled already; expected {spec.removeprefix(COMPILED)}")
        return opened(op, spec.partition(":")[2], dtype=dtype, device=device)
    if bridge is not None:
        return _bridged(bridge, where, name, op, dtype=dtype, device=device, compiled=compiled)
    if compiled:
        raise NotAnImplementation(
            f"{spec} has no framework that could compile it; expected {COMPILED}torch:… or the like"
        )
    module = _module(where)
    found = _attribute(module, where, name) if name else module
    if (owner := _owner(found)) is not None:
        return owner.bridged(op, found, dtype=dtype, device=device)
    missing = [part for part in ("forward", "backward") if not callable(getattr(found, part, None))]
    if missing and isinstance(found, ModuleType):
        inside = [n for n, value in vars(found).items() if _is_implementation(value)]
        pairs = [one for one in candidates(op, found) if inspect.isfunction(one)]
        if len(pairs) == 1 and not inside:
            return pairs[0]
        if pairs and not inside:
            hint = f"it has {', '.join(one.__name__ for one in pairs)}; name one, as {where}:{pairs[0].__name__}"
        elif inside:
            hint = f"{where}:{inside[0]} has both"
        else:
            hint = f"{op.name} needs {' and '.join(needed(op, m) for m in missing)}"
        raise NotAnImplementation(f"{where} has no {' and no '.join(missing)}; {hint}")
    return found


def installed(bridge: str) -> None:
    """Import what is behind a bridge; raises NotAnImplementation, in one sentence, where it is not there."""
    try:
        _imported(bridge, lambda: import_module(PACKAGES.get(bridge, bridge)))
    except NotAnImplementation as missing:
        raise NotAnImplementation(f"{missing}; its extra brings it: pip install -e '.[{bridge}]'") from missing


def _bridged(bridge: str, where: str, name: str, op: Op, *, dtype: str, device: str, compiled: bool) -> Any:
    """What a framework makes of a file or module of the user's, or of what it has itself."""
    installed(bridge)
    if where:
        module = _module(where)
        found = _attribute(module, where, name) if name else module
    elif (found := offered(bridge, op)) is None:
        has = [other for other in vars(BUILT_IN[bridge]) if other in ops()]
        raise NotAnImplementation(f"{bridge} has no {op.name} of its own; it has {', '.join(has)}")
    made = BRIDGES[bridge].bridged(op, found, dtype=dtype, device=device, compiled=compiled)
    if not where:
        made.__name__ = f"{op.name} of {bridge} {version(bridge)}"
    if compiled:
        made.__name__ += ", compiled"
    return made


def find(spec: str) -> Any:
    """What such a text names, without a bridge and whatever it is; raises NotAnImplementation in one sentence.

    It runs in the judge's own process, by its own names: while it is loaded and, where it has some, in every call.
    """
    where, _, name = spec.partition(":")
    with theirs:
        module = _module_once(where)
        found = _attribute(module, where, name) if name else module
    return _by_their_names(found) if callable(found) and any(map(theirs_of, NAMES)) else found


def _by_their_names(function: Any) -> Any:
    @functools.wraps(function, updated=())
    def call(*inputs: Any, **parameters: Any) -> Any:
        with theirs:
            return function(*inputs, **parameters)

    call.__name__ = getattr(function, "__name__", type(function).__name__)
    return call


def _owner(found: Any) -> Any:
    """The bridge without which something has no backward, though none was named; None if it needs none."""
    return next((one for one in BRIDGES.values() if hasattr(one, "owns") and one.owns(found)), None)


def _is_implementation(value: Any) -> bool:
    return inspect.isclass(value) and all(callable(getattr(value, part, None)) for part in ("forward", "backward"))


def _module_once(where: str) -> ModuleType:
    """The module, which is run once for all that is found in it: a class is the same for a function and its backward."""
    path = Path(where)
    if path.suffix != ".py" or not path.is_file():
        return _module(where)
    written = path.stat()
    return _run(where, (str(path.resolve()), written.st_mtime_ns, written.st_size))


@functools.lru_cache(maxsize=8)
def _run(where: str, which: tuple[str, int, int]) -> ModuleType:  # noqa: ARG001, another file is another module
    return _module(where)


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
