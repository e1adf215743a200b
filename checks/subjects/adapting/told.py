"""What somebody says of a layer, in place of what would be looked for: adapt(Conv, layout="NHWC", weight="W: H W I O")."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from checks.op import Op
from checks.signature.axes import parts
from checks.subjects.adapting.arrangement import Arrangement
from checks.subjects.adapting.roles import Role, Unfit
from checks.subjects.adapting.run import Place
from checks.subjects.adapting.slots import Path

SPATIAL = "DHWLT"  # letters that stand for the axes of a picture or a sequence, together
LIKE = {"B": "N", "I": "C", "F": "O", "C": "I"}  # letters of others, and the axis of ours that they mean if ours has it
STEP = re.compile(r"\.?(\w+)|\[(\d+)\]|\[(['\"])(.+?)\3\]")
EXPECTED = {
    "grads": "an input and a place, such as 'weight: dW'",
    "args": "an argument and what it is, such as 'asks: q'",
}
FORM = "layout=NHWC; weight=W: H W I O; bias=b; grads=weight: dW, bias: db"


@dataclass(frozen=True)
class Told:
    """A layer, and what is said of it.

    layout  the order of the axes of the first input and of y, "" if it is not said
    arrays  for an input, where the layer keeps it, and the order of its axes; "" for what is not said
    grads   for an input, where its gradient is left, or "returned", "returned[1]" …
    args    for an argument, whatever function takes it, the input, the parameter or the size that it is
    """

    given: Any
    layout: str = ""
    arrays: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    grads: Mapping[str, str] = field(default_factory=dict)
    args: Mapping[str, str] = field(default_factory=dict)

    @property
    def __name__(self) -> str:
        return str(getattr(self.given, "__name__", type(self.given).__name__))

    def order_of(self, n: str, names: Sequence[str], *, first: bool) -> list[str] | None:
        """The axes of an array in the order that is said; None if none is. Raises Unfit for letters that mean nothing."""
        said = self.layout if first else self.arrays.get(n, ("", ""))[1]
        return _axes(said, names, n) if said else None

    def is_in(self, n: str, paths: Sequence[Path], written: Sequence[str]) -> bool:
        """Whether one of these paths, as code has them, is where an input is said to be; if nothing is said, all are."""
        where = self.arrays.get(n, ("", ""))[0]
        return not where or where in written or any(path_of(where) == path for path in paths)

    def place_of(self, n: str) -> Place | None:
        """Where the gradient of an input is said to be."""
        said = self.grads.get(n)
        if said is None:
            return None
        if said.startswith("returned"):
            return "returned", path_of(said.removeprefix("returned"))
        return "layer", path_of(said)


NOTHING = Told(None)


def told_by(given: Any) -> Told | None:
    """What is said, if this is that; it may be of another copy of this module, where `checks` is loaded once more."""
    if type(given).__qualname__ != Told.__qualname__ or not hasattr(given, "grads"):
        return None
    return Told(given.given, given.layout, given.arrays, given.grads, given.args)


def adapt(
    given: Any,
    *,
    layout: str = "",
    grads: Mapping[str, str] | str = "",
    args: Mapping[str, str] | str = "",
    **arrays: str,
) -> Told:
    """A class, or a function with a partner, with what is known of it, to be judged: judge("conv", adapt(Conv, …)).

    layout  the axes of the first input and of y: "NHWC", or by the names of the declaration, "N *size C"
    arrays  by the name of an input, where the layer keeps it and how it lies there: weight="W: H W I O", bias="b"
    grads   by the name of an input, where backward leaves its gradient: {"weight": "dW"}, or "weight: dW, x: returned[0]"
    args    by the name of an argument, the input, parameter or size that it is: {"asks": "q"}, or "asks: q, n: stride"

    What is not said is looked for. Raises ValueError for what cannot be read.
    """
    kept = {n: (where.strip(), axes.strip()) for n, text in arrays.items() for where, _, axes in [text.partition(":")]}
    return Told(given, layout.strip(), kept, _pairs("grads", grads), _pairs("args", args))


def read(given: Any, text: str) -> Told:
    """The same, said in words: "layout=NHWC; weight=W: H W I O; grads=weight: dW"."""
    said: dict[str, str] = {}
    for one in filter(None, map(str.strip, text.split(";"))):
        name, equals, value = one.partition("=")
        if not equals or not value.strip():
            raise ValueError(f"{one!r} says nothing; expected words such as {FORM!r}")
        said[name.strip()] = value.strip()
    return adapt(given, **said)


def _pairs(word: str, said: Mapping[str, str] | str) -> dict[str, str]:
    """What is said after `grads` or `args`, as a mapping or in words."""
    if not isinstance(said, str):
        return dict(said)
    return dict(_pair(word, one) for one in said.split(",") if one.strip())


def _pair(word: str, text: str) -> tuple[str, str]:
    name, colon, where = text.partition(":")
    if not colon:
        raise ValueError(f"{word} has {text.strip()!r}; expected {EXPECTED[word]}")
    return name.strip(), where.strip()


def roles_told(op: Op, told: Told) -> dict[str, Role]:
    """What is said of arguments, as roles; raises Unfit for what is nothing of the op."""
    axes = {axis.lstrip("*"): axis for sizes in op.takes.sizes for axis in sizes.names}
    roles = {}
    for name, of in told.args.items():
        kind = "array" if of in op.inputs else "parameter" if of in op.takes.defaults else "size"
        if kind == "size" and of.lstrip("*") not in axes:
            known = ", ".join([*op.inputs, *op.takes.defaults, *axes])
            raise Unfit(f"the argument {name} is said to be {of!r}; {op.name} has {known}")
        roles[name] = Role(kind, axes[of.lstrip("*")] if kind == "size" else of)
    return roles


def path_of(text: str) -> Path:
    """The path that code writes so: params['W'], grads[0], weight.grad."""
    steps: list[tuple[str, Any]] = []
    for name, at, _, key in STEP.findall(text):
        steps.append(("attribute", name) if name else ("item", int(at) if at else key))
    return tuple(steps)


def _axes(said: str, names: Sequence[str], n: str) -> list[str]:
    """The names of ours that these letters or words mean, each once."""
    words = said.split() if " " in said or said in names else list(said)
    found: list[str] = []
    for word in words:
        name = _axis(word, names)
        if name is None:
            raise Unfit(f"{n}: {word!r} in {said!r} is none of its axes, {' '.join(names)}")
        if name not in found:
            found.append(name)
    return found


def _axis(word: str, names: Sequence[str]) -> str | None:
    bases = {parts(name)[1]: name for name in names}
    several = [name for name in names if name.startswith("*")]
    for one in (word, LIKE.get(word, word)):
        if one in names or one in bases:
            return one if one in names else bases[one]
    if word in SPATIAL and several:
        return next((name for name in several if name != "*batch"), None)
    return "*batch" if word in {"N", "B"} and "*batch" in names else None


def fits(arrangement: Arrangement, order: Sequence[str] | None) -> bool:
    """Whether an arrangement has the axes in this order; axes of one element are not said."""
    if order is None:
        return True
    return [arrangement.names[i] for i in arrangement.order if i is not None] == [
        name for name in order if name in arrangement.names
    ]
