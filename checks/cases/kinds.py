"""Kinds of cases that code may not be made for, as an op's declaration has them: numbers of axes, named paddings, …

Each kind is a predicate over problems and belongs to something that is declared (signature/takes.py): the number of
spatial axes, or of those of an array; a parameter that is not at its default, has one value of few, differs along the axes,
or has a name in place of a number; sizes that differ along the axes, or in and out; an array that is left out, or not, or
stands beside a switch; windows that leave rows over. How large a size is, or what numbers stand in an array, is no kind:
code that fails there is broken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from checks.op import Op, Problem
from checks.signature.drawing import Draws
from checks.signature.options import Pinned, as_text
from checks.signature.windows import pinned_axes

NUMBERS = ("no", "one", "two", "three", "four", "five")
_LEFT = {None: "a {} given", True: "no {}", False: "{}"}
LEFT_OVER = "rows left over"


@dataclass(frozen=True)
class Kind:
    """One kind of case.

    about  what it is about: "dims", a parameter, an array, a size
    left   in words, what cases are where these are left out; of what has several values: "in {} dimensions"
    holds  whether a problem is of this kind
    value  of what has several values, the one of this kind
    of     whether a value of the parameter makes a problem one of this kind; None where it is no parameter's
    """

    about: str
    left: str
    holds: Callable[[Problem], bool]
    value: Any = None
    of: Callable[[Any], bool] | None = None

    @property
    def counts_axes(self) -> bool:
        """Whether it is a number of axes."""
        return "{}" in self.left


def kinds(op: Op, problems: Sequence[Problem]) -> list[Kind]:
    """The kinds that some of these problems are of, and others are not."""
    found = [*_axes(op, problems), *_parameters(op, problems), *_sizes(op), *_arrays(op)]
    return [kind for kind in found if 0 < sum(map(kind.holds, problems)) < len(problems)]


def _axes(op: Op, problems: Sequence[Problem]) -> Iterator[Kind]:
    """So many spatial axes, and so many in the place of each name that stands for several."""
    for sizes in op.takes.sizes:
        name = sizes.names[0]
        if not name.startswith("*") or (sizes.spatial and sizes is not _first_spatial(op)):
            continue
        about = "dims" if sizes.spatial else sizes.option
        left = "in {} dimension" if sizes.spatial else f"with {{}} axis of {sizes.option}"
        for many in sorted({len(problem.sizes[name]) for problem in problems}):
            yield Kind(about, left, _has_axes(name, many), many)


def _has_axes(name: str, many: int) -> Callable[[Problem], bool]:
    return lambda problem: len(problem.sizes[name]) == many


def _first_spatial(op: Op) -> object:
    return next((sizes for sizes in op.takes.sizes if sizes.spatial), None)


def _parameters(op: Op, problems: Sequence[Problem]) -> Iterator[Kind]:
    for name, default in op.takes.defaults.items():
        values = {p.parameters[name] for p in problems}
        words = sorted((v for v in values if v is None or isinstance(v, str | bool)), key=str)
        plural = name.replace("_", " ") + ("s" if name in {"stride", "dilation"} else "")
        if any(isinstance(v, str) for v in values) and any(isinstance(v, int) for v in values):
            yield _parameter(name, f"numbers for {name}", lambda v: isinstance(v, str))
        yield _parameter(name, f"equal {plural}", lambda v: isinstance(v, tuple))
        if not isinstance(default, str | bool) or len(words) > 2:
            yield _parameter(name, f"{name} {as_text(default)}", _is_not(default))
        for word in words:
            left = f"no {name} {word!r}" if isinstance(word, str) else _LEFT[word].format(name)
            yield _parameter(name, left, _is(word))


def _is(word: Any) -> Callable[[Any], bool]:
    """Whether a value is this very one: 1 is not True."""
    return lambda value: type(value) is type(word) and value == word


def _is_not(usual: Any) -> Callable[[Any], bool]:
    return lambda value: not (type(value) is type(usual) and value == usual)


def _parameter(name: str, left: str, of: Callable[[Any], bool]) -> Kind:
    return Kind(name, f"with {left}", lambda p: of(p.parameters[name]), of=of)


def _sizes(op: Op) -> Iterator[Kind]:
    """Sizes that differ along the axes, or in and out; and windows that leave rows over."""
    for sizes in op.takes.sizes:
        if sizes.spatial:
            left = f"with equal sizes of {'the input' if sizes.option == 'size' else f'each {sizes.option}'}"
            yield from (Kind(sizes.option, left, _differs(name)) for name in sizes.names)
        elif len(sizes.names) > 1:
            yield Kind(sizes.option, f"with as many {sizes.option} out as in", _differ(sizes.names))
    options = {sizes.option: sizes.names for sizes in op.takes.sizes}
    for sizes in op.takes.sizes:
        if sizes.like:
            yield Kind(
                sizes.option,
                f"with as many {sizes.option} as {sizes.like}",
                _differ((*sizes.names, *options[sizes.like])),
            )
    yield Kind(LEFT_OVER, "where windows leave no rows over", lambda p: "yes" in p.tried.get(LEFT_OVER, ()))


def _differs(name: str) -> Callable[[Problem], bool]:
    return lambda problem: len(set(problem.sizes[name])) > 1


def _differ(names: Sequence[str]) -> Callable[[Problem], bool]:
    return lambda problem: len({problem.sizes[name] for name in names}) > 1


def _arrays(op: Op) -> Iterator[Kind]:
    for name in op.takes.optional:
        yield Kind(name, f"with a {name}", _lacks(name))
        yield Kind(name, f"without a {name}", _has(name))
        for switch in (n for n, default in op.takes.defaults.items() if default is False):
            yield Kind(name, f"without a {name} where {switch.replace('_', ' ')}", _has_beside(name, switch))


def _lacks(name: str) -> Callable[[Problem], bool]:
    return lambda problem: problem.shapes[name] is None


def _has(name: str) -> Callable[[Problem], bool]:
    return lambda problem: problem.shapes[name] is not None


def _has_beside(name: str, switch: str) -> Callable[[Problem], bool]:
    """An array and a switch that code may not take together, as a mask and `causal`."""
    return lambda problem: problem.shapes[name] is not None and problem.parameters[switch] is True


def left_in_words(out: Iterable[Kind], problems: Iterable[Problem]) -> str:
    """What cases are where these kinds are left out: "in two dimensions, with equal strides and numbers for padding"."""
    left_out = list(out)
    several: dict[str, list[Any]] = {}
    for kind in left_out:
        if kind.counts_axes:
            several.setdefault(kind.left, []).append(kind)
    words = [_counted(text, alike, problems) for text, alike in several.items()]
    plain = [kind.left for kind in left_out if not kind.counts_axes]
    withs = [left.removeprefix("with ") for left in plain if left.startswith("with ")]
    others = [left for left in plain if not left.startswith("with ")]
    return ", ".join([*words, *([f"with {joined(withs)}"] if withs else []), *others])


def _counted(text: str, alike: Sequence[Kind], problems: Iterable[Problem]) -> str:
    """In how many dimensions, or with how many axes, cases are where these are left out."""
    rest = sorted({_count(alike[0], problem) for problem in problems} - {kind.value for kind in alike})
    many = joined([NUMBERS[n] if n < len(NUMBERS) else str(n) for n in rest], "or")
    words = text.format(many)
    return words if rest == [1] else words.replace(" dimension", " dimensions").replace(" axis", " axes")


def _count(kind: Kind, problem: Problem) -> int:
    """How many axes a problem has of those that a kind counts."""
    name = next(s.names[0] for s in problem.op.takes.sizes if ("dims" if s.spatial else s.option) == kind.about)
    return len(problem.sizes[name])


def joined(words: Sequence[str], by: str = "and") -> str:
    """Words as a list: "a, b and c"."""
    return f" {by} ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""


@dataclass(frozen=True)
class Among:
    """Which cases are drawn: all but those of some kinds.

    out     the kinds that are left out
    values  of each parameter that these kinds are about the values that are left, simplest first; of "dims" likewise
    """

    out: tuple[Kind, ...] = ()
    values: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    @classmethod
    def without(cls, out: Iterable[Kind], problems: Sequence[Problem]) -> Among:
        """All but these kinds, of what these problems show the values of."""
        gone = tuple(out)
        values: dict[str, Sequence[Any]] = {}
        for kind in gone:
            if kind.of is not None:
                seen = dict.fromkeys(p.parameters[kind.about] for p in problems)
                bad = [k.of for k in gone if k.about == kind.about and k.of is not None]
                values[kind.about] = _simplest_first(v for v in seen if not any(of(v) for of in bad))
            elif kind.about == "dims":
                dims = dict.fromkeys(_count(kind, p) for p in problems)
                left_out = {k.value for k in gone if k.about == "dims"}
                values["dims"] = [n for n in dims if n not in left_out]
        return cls(gone, {name: left for name, left in values.items() if left})

    def takes(self, problem: Problem) -> bool:
        """Whether the problem is of none of the kinds that are left out."""
        return not any(kind.holds(problem) for kind in self.out)

    def held(self, draw: Draws, pinned: Pinned) -> Pinned:
        """What is pinned, with a value that is left for every parameter that has lost some: then few draws are in vain."""
        held = dict(pinned)
        axes = pinned_axes(pinned)
        values = dict(self.values)
        dims = values.pop("dims", None)
        if axes is None and dims is not None:
            axes = held["dims"] = draw.among(*dims)
        for name, left in values.items():
            fits = [v for v in left if v is not None and not (isinstance(v, tuple) and len(v) != axes)]
            if name not in held and fits and None not in left:
                held[name] = draw.among(*fits)
        return held


EVERYTHING = Among()


def _simplest_first(values: Iterable[Any]) -> list[Any]:
    def unusual(value: Any) -> tuple[int, Any]:
        many = value if isinstance(value, tuple) else (value,)
        return len(many), max((v for v in many if isinstance(v, int | float)), default=0)

    return sorted(values, key=unusual)
