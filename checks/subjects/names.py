"""Whose `checks` and whose `reference`? Both names are common, so what a user's code means by them may be the user's.

In one process a name is one module. Whoever is judged beside a package, a folder or a file of theirs that is called like
one of ours would be handed ours, and we theirs, depending on who came first. So each name has two meanings, and a `with`
says whose turn it is:

    ours    both names are this project's, wherever one stands and whatever the path says
    theirs  what lies on the user's side of the path, before the standard library: the folder of a file, the current one,
            PYTHONPATH; ours, where that has none

A `with` changes what is imported from there on, late imports inside functions included, and puts back what was there.
Modules that ran keep what they have imported; nothing is loaded again because of coming and going.

As a program (`python -P names.py MODULE …`) this runs the `main` of a module of ours by our meaning: a process that the
judge starts finds the judge again, in any folder and with any PYTHONPATH. It imports the standard library only, since it
is read before anything else is.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from itertools import takewhile
from pathlib import Path
from types import ModuleType

NAMES = ("checks", "reference")
ROOT = Path(__file__).resolve().parents[2]  # the folder that holds both
OURS = {name: str(ROOT / name / "__init__.py") for name in NAMES}
STANDARD_LIBRARY = str(Path(os.__file__).parent)


def theirs_of(name: str, *more: str) -> ModuleSpec | None:
    """What the user's side of the path, and more folders, have under a name of ours, other than ours.

    A folder without __init__.py counts if there is a Python file in it: one of papers is nothing that could be imported,
    and must not hide what can be.
    """
    side = [e for e in (*more, *takewhile(STANDARD_LIBRARY.__ne__, sys.path)) if Path(e).resolve() != ROOT]
    spec = PathFinder.find_spec(name, side)
    return spec if spec is not None and _can_be_imported(spec) else None


def _is_ours(name: str, spec: ModuleSpec | None) -> bool:
    return spec is not None and bool(spec.origin) and os.path.realpath(str(spec.origin)) == OURS[name]


def _can_be_imported(spec: ModuleSpec) -> bool:
    folders = spec.submodule_search_locations or ()
    return spec.has_location or any(next(Path(folder).rglob("*.py"), None) for folder in folders)


class Meaning(MetaPathFinder, AbstractContextManager[None]):
    """One of the two meanings; within a `with` it is what imports find."""

    def __init__(self, meaning: str) -> None:
        self.meaning = meaning
        self.depth = 0
        self.other = self  # the other meaning
        self.modules: dict[str, ModuleType] = {}  # of this meaning, while it is the other's turn
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
        self.other.modules |= _taken_out(self.taken, sys.modules)
        sys.modules.update(_taken_out(self.taken, self.modules))
        sys.meta_path.insert(0, self)

    def __exit__(self, *_: object) -> None:
        self.depth -= 1
        if self.depth:
            return
        sys.meta_path.remove(self)
        self.modules |= _taken_out(self.taken, sys.modules)
        sys.modules.update(_taken_out(self.taken, self.other.modules))

    def _is_anothers(self, name: str) -> bool:
        """Whether the name means, or would come to mean, something else than it does here."""
        module = sys.modules.get(name)
        if module is None:
            # The current folder comes on the path later than this, where pytest finds its first test.
            return self.meaning == "theirs" or theirs_of(name, str(Path.cwd())) is not None
        return _is_ours(name, getattr(module, "__spec__", None)) != (self.meaning == "ours")


def _taken_out(names: Sequence[str], modules: dict[str, ModuleType]) -> dict[str, ModuleType]:
    """The modules of these names and all that is inside them, which are then no longer where they were."""
    maybe = [full for full in modules if full.startswith(tuple(names))]  # of hundreds: the rest is quick
    return {full: modules.pop(full) for full in maybe if full.split(".")[0] in names}


ours, theirs = Meaning("ours"), Meaning("theirs")
ours.other, theirs.other = theirs, ours


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
