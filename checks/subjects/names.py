"""Whose `checks` and whose `reference`? Both names are common, so what a user's code means by them may be the user's.

In one process a name is one module. Whoever is judged beside a package, a folder or a file of theirs that is called like
one of ours would be handed ours, and we theirs, depending on who came first. So each name has two meanings, and a `with`
says whose turn it is:

    ours    both names are this project's, wherever one stands and whatever the path says
    theirs  what Python would find if this project were not there; ours, where that is nothing

A `with` changes what is imported from there on, late imports inside functions included, and puts back what was there.
Modules that ran keep what they have imported; nothing is loaded again because of coming and going.

As a program (`python -P names.py MODULE …`) this runs the `main` of a module of ours by our meaning: a process that the
judge starts finds the judge again, in any folder and with any PYTHONPATH. It imports the standard library only, since it
is read before anything else is.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

NAMES = ("checks", "reference")
ROOT = Path(__file__).resolve().parents[2]  # the folder that holds both


def theirs_of(name: str) -> ModuleSpec | None:
    """What Python would find under a name of ours if this project were not there.

    A folder without __init__.py counts if there is a Python file in it: one of papers is nothing that could be imported,
    and must not hide what can be.
    """
    for finder in sys.meta_path:
        if hasattr(finder, "meaning"):
            continue  # one of these, maybe of a copy of this module under another name
        path = [entry for entry in sys.path if Path(entry).resolve() != ROOT] if finder is PathFinder else None
        spec = finder.find_spec(name, path)
        if spec is not None and not _is_ours(name, spec) and _can_be_imported(spec):
            return spec
    return None


def _is_ours(name: str, spec: ModuleSpec | None) -> bool:
    return spec is not None and bool(spec.origin) and Path(str(spec.origin)).resolve().parent == ROOT / name


def _can_be_imported(spec: ModuleSpec) -> bool:
    folders = spec.submodule_search_locations or ()
    return spec.has_location or any(next(Path(folder).rglob("*.py"), None) for folder in folders)


class Meaning(MetaPathFinder):
    """One of the two meanings; within a `with` it is what imports find."""

    def __init__(self, meaning: str) -> None:
        self.meaning = meaning
        self.depth = 0
        self.modules: dict[str, ModuleType] = {}  # of this meaning, while it is another's turn
        self.others: dict[str, ModuleType] = {}  # of the other, while it is this one's
        self.taken: list[str] = []

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """As importlib asks; only what stands at the top is for us to say, what is inside follows."""
        if name not in NAMES or path is not None:
            return None
        found = theirs_of(name) if self.meaning == "theirs" else None
        return found or PathFinder.find_spec(name, [str(ROOT)], target)

    def __enter__(self) -> None:
        self.depth += 1
        if self.depth > 1:
            return
        self.taken = [name for name in NAMES if self._is_anothers(name)]
        self.others = _taken_out(self.taken)
        sys.modules.update({n: module for n, module in self.modules.items() if n.split(".")[0] in self.taken})
        sys.meta_path.insert(0, self)

    def __exit__(self, *_: object) -> None:
        self.depth -= 1
        if self.depth:
            return
        sys.meta_path.remove(self)
        self.modules |= _taken_out(self.taken)
        sys.modules.update(self.others)

    def _is_anothers(self, name: str) -> bool:
        """Whether the name means, or would come to mean, something else than it does here."""
        module = sys.modules.get(name)
        if module is None:
            return self.meaning == "ours" and theirs_of(name) is not None
        return _is_ours(name, module.__spec__) != (self.meaning == "ours")


def _taken_out(names: Sequence[str]) -> dict[str, ModuleType]:
    """The modules of these names and all that is inside them, which sys.modules then has no more."""
    return {full: sys.modules.pop(full) for full in list(sys.modules) if full.split(".")[0] in names}


ours, theirs = Meaning("ours"), Meaning("theirs")


def give_way() -> None:
    """From here on a name that is not loaded yet is theirs, if they have it: for a process of theirs, as pytest's is."""
    if not any(getattr(finder, "meaning", "") == "theirs" for finder in sys.meta_path):
        sys.meta_path.insert(0, theirs)


@contextmanager
def first_on_the_path() -> Iterator[None]:
    """The processes that multiprocessing starts within find ours as well: they get the path, and nothing else of this."""
    if not any(theirs_of(name) for name in NAMES):
        yield
        return
    sys.path.insert(0, str(ROOT))
    try:
        yield
    finally:
        sys.path.remove(str(ROOT))


if __name__ == "__main__":
    with ours:
        import_module(sys.argv.pop(1)).main()
