"""A layer object of a framework that does not call its arrays as an op does, as one of NumPy's that keeps its weights.

That is what adapting/ knows how to look at: `params` and, after backward, `grads`, by the last part of their names where
that is one's own; numbers such as stride or eps are attributes, those of the parts of a layer too. Which arrangement of
the arrays is meant (kernels of HWIO, samples one at a time) forward decides, in float64, as everywhere there.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from checks.numbers.precision import Array
from checks.op import Op
from checks.subjects.adapting.around import of_framework
from checks.subjects.adapting.asked import SEVERAL, Asked, asked
from checks.subjects.adapting.fitting import ALIKE, NEARLY, apart
from checks.subjects.adapting.layer import Spoken, adapted
from checks.subjects.adapting.made import numbers_of
from checks.subjects.adapting.roles import Unfit
from checks.subjects.adapting.words import called, plain
from checks.subjects.pulled import Framework, each, of_leaves
from checks.subjects.refusals import NotAnImplementation, brief

Parts = Callable[[Any, Sequence[Any]], tuple[Mapping[str, Any], Callable[[Sequence[Any]], Any]]]
DEPTH = 3
FUNCTIONS_OF = ("torch", "jax", "mlx", "tinygrad")  # frameworks whose functions and layers are judged as such, too
THEIRS = ("torch.nn.", "flax.linen.", "flax.nnx.", "equinox.nn.", "mlx.nn.", "tinygrad.nn.")  # modules of layers
EPS = (2.0**-52, 2.0**-23, 2.0**-10, 2.0**-7)  # of float64, float32, float16 and bfloat16
SMALL = 2.0**-12  # of whole numbers: their squares are near the ε of float32, and each of these gives another y


def spoken(
    op: Op, layer: Any, direct: Callable[..., Any], made: Callable[[str], Framework], parts: Parts, dtype: str,
    *, compiled: bool,
) -> Any:  # fmt: skip
    """The layer as the protocol has it: by the names of its arrays if y is right so, else adapted; else by its names.

    direct  what it is by the names of its arrays in the precision of this name, compiled if that is said
    made    the framework in the precision of this name
    parts   the arrays that a layer holds, when it is called with such inputs, and what makes a function of others
    """
    by_names = direct("float64", compiled=False)
    takes = inspect.signature(by_names.forward).parameters
    # What it is made with, as a pooling's size, holds in every case, though y is right where it is the default.
    own = {*numbers_of(op, SimpleNamespace(**numbers(layer)))} - {*takes}
    if op.derivative is not None or (not own and _is_right(op, by_names)):
        return direct(dtype, compiled=compiled)
    held = {"": made("float64")}
    still = frozenset(name for n in op.takes.constant for name in called(n))
    try:
        found = _found(op, layer, Calls(parts, held, still), made)
    except Exception as error:
        off, alike = _off(op, by_names, {}) or (np.inf, 0.0)
        if own or alike < ALIKE or (off > NEARLY and _is_theirs(layer)):
            why = error if isinstance(error, Unfit) else brief(error)
            raise NotAnImplementation(_refusal(layer, str(why), held[""])) from error
        return direct(dtype, compiled=compiled)
    if found.off > NEARLY and _is_theirs(layer):
        why = (
            f"its forward is no {op.name} in any arrangement, and it is the framework's own, so it is another function"
        )
        raise NotAnImplementation(_refusal(layer, why, held[""]))
    held[""] = made(dtype)
    found = _of_precision(op, found)
    if compiled:  # what was tried before that is not: each try would be compiled
        held["compiler"] = held[""]
    return found


def _found(op: Op, layer: Any, calls: Calls, made: Callable[[str], Framework]) -> Spoken:
    """It, adapted in float64; in float32 where a framework that lacks kernels in float64 cannot say, or has no gradient.

    Of whole numbers sums of products are exact there, too.
    """

    def tried() -> Spoken:
        return adapted(op, _kept(op, layer, calls), type(layer).__name__)

    if not getattr(calls.held[""], "narrow", False):
        return tried()
    with suppress(Exception):
        if (found := tried()).leaves:
            return found
    calls.held[""] = made("float32")
    return tried()


def _is_theirs(layer: Any) -> bool:
    """Whether it, and every layer in it, is of the framework itself: of what nobody wrote y is hardly wrong everywhere."""
    return all(f"{type(part).__module__}.".startswith(THEIRS) for part in _inside(layer, DEPTH))


def _refusal(layer: Any, why: str, framework: Framework) -> str:
    """Why it was not adapted, and what judges it, if that is not said there."""
    instead = of_framework(name_of(framework))
    return f"{type(layer).__name__} was not adapted: {why}{f'; {instead}' * bool(instead and instead not in why)}"


def name_of(framework: Framework) -> str:
    """What stands before a file's name where functions of it are judged; "" where none are."""
    name = type(framework).__name__.lower()
    return name if name in FUNCTIONS_OF else ""


def _of_precision(op: Op, found: Spoken) -> Spoken:
    """It, where a number that it does not take is the ε of float64: in another precision that is another one.

    As finfo(x.dtype).eps, which is torch's ε of an RMSNorm where none is said; in 16 bits its own, or that of float32, in
    which it may compute. It is the one with which y is nearest to right, for a small x.
    """
    usual: Mapping[str, Any] = {"dims": op.takes.dims[0]} if op.takes.dims else {}
    for name in [n for n, v in found.constants.items() if v == EPS[0]]:
        one = asked(op, **{**usual, **{n: v for n, v in found.pins.items() if n != name}})
        small = {n: a * SMALL if n == op.inputs[0] else a for n, a in one.arrays.items()}
        every = [found.having({**found.constants, name: value}) for value in EPS]
        found = min(every, key=partial(_off_of, replace(one, arrays=small)))
    return found


def _off_of(one: Asked, found: Spoken) -> float:
    """How far off y is, of its size, at the values of what it does not take; ∞ where it raises."""
    takes = inspect.signature(found.forward).parameters
    parameters = {**one.parameters, **found.constants}
    try:
        y = found.forward(
            *(one.arrays[n] for n in one.op.inputs if n in takes), **{n: v for n, v in parameters.items() if n in takes}
        )
    except Exception:  # noqa: BLE001, whatever theirs raises
        return np.inf
    return apart(np.asarray(y), one.right(parameters, tuple(n for n in one.op.inputs if n not in takes)))[0]


def _is_right(op: Op, by_names: Any) -> bool:
    """Whether y is nearly right on whole numbers, with every parameter at its default, in every number of axes it takes.

    One that is made for two axes may take an array that has one less for a sample by itself.
    """
    several: list[Mapping[str, Any]] = [{"dims": axes} for axes in dict.fromkeys(op.takes.dims or ())] or [{}]
    usual, *others = several
    others += [{s.option: n} for s in op.takes.sizes if s.axes.startswith("*") for n in SEVERAL.get(s.option, ())]
    first = _off(op, by_names, usual)
    return first is not None and first[0] <= NEARLY and all((_off(op, by_names, o) or [0])[0] <= NEARLY for o in others)


def _off(op: Op, by_names: Any, pins: Mapping[str, Any]) -> tuple[float, float] | None:
    """How far off y is, of its size, and how alike; None where it raises, ∞ where it has another shape."""
    one = asked(op, **pins)
    takes = inspect.signature(by_names.forward).parameters
    parameters = {n: v for n, v in one.parameters.items() if n in takes}
    try:
        y = np.asarray(by_names.forward(*(one.arrays[n] for n in op.inputs), **parameters))
    except Exception:  # noqa: BLE001, whatever theirs raises
        return None
    return apart(y, one.y) if y.shape == one.y.shape else (np.inf, 0.0)


def _kept(op: Op, layer: Any, calls: Calls) -> Any:
    """It, as an object with forward and backward of NumPy's arrays."""
    signature = inspect.signature(getattr(layer, "forward", layer))  # torch's __call__ takes anything

    def forward(self: Any, *given: Any, **named: Any) -> Any:
        bound = signature.bind(*given, **named)
        self.given = lambda: bound  # which no array is looked for in
        return calls.run(bound, self.params)

    def backward(self: Any, grad_output: Array) -> Any:
        own, self.grads = calls.pull(grad_output, self.given(), self.params)
        return own[0] if len(own) == 1 else tuple(own)

    first = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    forward.__signature__ = signature.replace(parameters=[first, *signature.parameters.values()])  # type: ignore[attr-defined]
    methods = {"forward": forward, "backward": backward, "framework": calls.framework}
    kept = type(type(layer).__name__, (), methods)()
    vars(kept).update(numbers(layer))
    kept.params, kept.grads, kept.given = calls.weights(op), {}, None
    return kept


@dataclass(frozen=True)
class Calls:
    """What is called, in NumPy's arrays.

    held  the framework that computes now, under "", and under "compiler" too where it compiles
    still what an input is called by which the op has no gradient
    made  what its compiler made, for each part and all shapes
    """

    parts: Parts
    held: dict[str, Framework]
    still: frozenset[str] = frozenset()
    made: dict[Any, Any] = field(default_factory=dict)

    @property
    def framework(self) -> str:
        """What stands before a file's name where functions of it are judged; "" where none are."""
        return name_of(self.held[""])

    def weights(self, op: Op) -> dict[str, Array]:
        """Those that the layer has; of one that makes them when it is called, those for x of usual sizes, channels last."""
        own: Mapping[str, Any] = {}
        for x in _guesses(op):
            with suppress(Exception):  # whatever theirs raises, of an x that it does not take
                own = self.parts(self.held[""], [self.held[""].array(x)])[0]
                break
        return {n: self.held[""].numpy(a) for n, a in zip(short(list(own)), own.values(), strict=True)}

    def run(self, bound: inspect.BoundArguments, params: dict[str, Array]) -> Any:
        """y."""
        function, _, arrays, _ = self._begun(bound, params)
        y = self._compiled("forward", function, arrays)(*arrays)
        found = [self.held[""].numpy(one) if self.held[""].is_array(one) else one for one in each(y)]
        return tuple(found) if isinstance(y, tuple | list) else found[0]

    def pull(self, g: Any, bound: inspect.BoundArguments, params: dict[str, Array]) -> tuple[list[Any], dict[str, Any]]:
        """The gradients by what it is called with, None by what is no real number, and by its weights."""
        framework = self.held[""]
        function, names, arrays, many = self._begun(bound, params)
        given = [a for _, a in _arrays_of(bound.args)]
        real = [given[i].dtype.kind == "f" for i in range(many)] + [plain(n) not in self.still for n in names]
        places = [i for i, is_asked in enumerate(real) if is_asked]

        above = [framework.array(np.asarray(one)) for one in each(g)]

        def pulled(*every: Any) -> Sequence[Any]:
            cotangents, own = every[: len(above)], every[len(above) :]
            if isinstance(g, tuple):
                several = of_leaves(function, own, places, cotangents)
            else:
                several = of_leaves(lambda *all_of: _like(function(*all_of), g.shape), own, places, cotangents[0])
            return framework.pulled(several, [own[i] for i in places], cotangents)

        found = self._compiled("backward", pulled, [*above, *arrays])(*above, *arrays)
        by = {i: None if a is None else framework.numpy(a) for i, a in zip(places, found, strict=True)}
        grads = {n: by.get(many + i) for i, n in enumerate(names)}
        return [by.get(i) for i in range(many)], {n: a for n, a in grads.items() if a is not None}

    def _begun(
        self, bound: inspect.BoundArguments, params: dict[str, Array]
    ) -> tuple[Callable[..., Any], list[str], list[Any], int]:
        """A function of the arrays that are passed and then the weights, what these are called, how many come first."""
        framework, args = self.held[""], bound.args
        positions, given = zip(*_arrays_of(args), strict=True)
        inputs = [framework.array(a) for a in given]
        own, made = self.parts(framework, inputs)
        names = short(list(own))
        for n, a in zip(names, own.values(), strict=True):
            params.setdefault(n, framework.numpy(a))

        def function(*arrays: Any) -> Any:
            put = dict(zip(positions, arrays, strict=False))
            given = [
                tuple(put.get((i, j), b) for j, b in enumerate(a)) if isinstance(a, tuple) else put.get((i,), a)
                for i, a in enumerate(args)
            ]
            return made(arrays[len(positions) :])(*given, **bound.kwargs)

        return function, names, [*inputs, *(framework.array(params[n]) for n in names)], len(positions)

    def _compiled(self, part: str, function: Callable[..., Any], arrays: Sequence[Any]) -> Callable[..., Any]:
        """The function, or what its compiler made of it for such shapes."""
        if "compiler" not in self.held:
            return function
        key = part, tuple(tuple(a.shape) for a in arrays)
        if key not in self.made:
            self.made[key] = self.held["compiler"].compiled(function)
        return cast("Callable[..., Any]", self.made[key])


def _like(y: Any, shape: tuple[int, ...]) -> Any:
    """The first result of this shape, where there are several: others are a state, or nothing."""
    return next((one for one in each(y) if tuple(getattr(one, "shape", (None,))) == shape), y)


def _arrays_of(args: Sequence[Any]) -> Iterator[tuple[tuple[int, ...], Array]]:
    """The arrays among what is handed over, a state that is a tuple looked into, each with its place."""
    for i, one in enumerate(args):
        for j, inner in enumerate(one) if isinstance(one, tuple) else ((None, one),):
            if isinstance(inner, np.ndarray):
                yield (i,) if j is None else (i, j), inner


def _guesses(op: Op) -> Iterator[Array]:
    """What may be its first input, of usual sizes: with channels last, or as here."""
    dims: list[Mapping[str, Any]] = [{"dims": axes} for axes in op.takes.dims or ()] or [{}]
    for pins in dims:
        x = asked(op, **pins).arrays[op.inputs[0]]
        yield from (np.moveaxis(x, 1, -1), x) if x.ndim > 1 else (x,)


def short(names: Sequence[str]) -> list[str]:
    """The last part of each name, inner.weight, where it is that of no other; else all of it."""
    last = [name.removesuffix(".value").split(".")[-1] for name in names]
    return [end if last.count(end) == 1 else name.replace(".", "_") for name, end in zip(names, last, strict=True)]


def numbers(layer: Any) -> dict[str, Any]:
    """The numbers and words that a layer and its parts have as attributes, where they agree; (p, p) of both ends is p."""
    found: dict[str, Any] = {}
    apart: set[str] = set()
    for part in _inside(layer, DEPTH):
        for name, value in _attributes(part):
            one = _one_for_both_ends(value)
            if all(isinstance(n, int | float | str | tuple) for n in (one if isinstance(one, tuple) else (one,))):
                apart |= {name} if found.setdefault(name, one) != one else set()
    return {name: value for name, value in found.items() if name not in apart and name.isidentifier()}


def _attributes(part: Any) -> Iterator[tuple[str, Any]]:
    yield from (vars(part) if hasattr(part, "__dict__") else {}).items()
    if isinstance(part, dict):
        yield from ((name, value) for name, value in part.items() if isinstance(name, str))


def _inside(part: Any, depth: int) -> Iterator[Any]:
    """A layer and the layers that it holds, in attributes, dictionaries and lists."""
    yield part
    for _, value in _attributes(part) if depth else ():
        several = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
        for one in (value, *several):
            if callable(one) and hasattr(one, "__dict__") and not inspect.isroutine(one) and not inspect.isclass(one):
                yield from _inside(one, depth - 1)


def _one_for_both_ends(value: Any) -> Any:
    pairs = tuple(value) if isinstance(value, list | tuple) else value
    if isinstance(pairs, tuple) and pairs and all(isinstance(p, tuple) and len(set(p)) == 1 for p in pairs):
        return tuple(p[0] for p in pairs)
    return pairs
