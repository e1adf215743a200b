"""What is passed to a function in another process, and what it returns: trees of arrays, as text and as arrays apart.

The text is JSON. Only the process of the user's code knows its named tuples and the keys of its dicts: they have numbers
there, and the judge has stand-ins which go back under the same number.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

BROUGHT = ("double_backward", "jvp", "vmapped")  # what a function may bring along


@dataclass(frozen=True)
class Key:
    """Stands for a key of a dict that is no text."""

    number: int


@dataclass
class Forms:
    """What the two sides have numbered so far: types of named tuples, and keys."""

    numbers: dict[Hashable, int] = field(default_factory=dict)
    numbered: dict[int, Any] = field(default_factory=dict)

    def text(self, tree: Any, arrays: list[Any]) -> Any:
        """The form of a tree; what stands at its ends is appended to the arrays."""
        if tree is None:
            return None
        if isinstance(tree, Mapping):
            pairs = [[k if isinstance(k, str) else self._number(k), self.text(v, arrays)] for k, v in tree.items()]
            return {"dict": pairs}
        if isinstance(tree, tuple | list):
            items = [self.text(one, arrays) for one in tree]
            if hasattr(tree, "_fields"):
                return {"named": self._number(type(tree)), "fields": list(tree._fields), "items": items}
            return {"tuple" if isinstance(tree, tuple) else "list": items}
        arrays.append(tree)
        return len(arrays) - 1

    def tree(self, text: Any, arrays: Sequence[Any]) -> Any:
        """The tree of such a form."""
        if text is None:
            return None
        if isinstance(text, int):
            return arrays[text]
        if "dict" in text:
            return {k if isinstance(k, str) else self._key(k): self.tree(v, arrays) for k, v in text["dict"]}
        items = [self.tree(one, arrays) for one in text.get("items") or text.get("tuple") or text.get("list") or ()]
        if "named" in text:
            return self._named(text["named"], text["fields"])(*items)
        return tuple(items) if "tuple" in text else items

    def _number(self, one: Hashable) -> int:
        if one not in self.numbers:
            self._known(one, len(self.numbers))
        return self.numbers[one]

    def _known(self, one: Hashable, number: int) -> Any:
        self.numbers[one] = number
        return self.numbered.setdefault(number, one)

    def _key(self, number: int) -> Hashable:
        found: Hashable = self.numbered.get(number) or self._known(Key(number), number)
        return found

    def _named(self, number: int, fields: Sequence[str]) -> Any:
        return self.numbered.get(number) or self._known(namedtuple("Named", fields, rename=True), number)  # noqa: PYI024, its fields are told
