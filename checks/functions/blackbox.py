"""A function and its backward before they are judged: what they take, and what is known of them as of an op.

They are called a few times: in float64, to see whether slopes can be asked for in that although another precision is
judged; with complex numbers, to see whether the derivative goes through with these; and in a row, to see how unsteady they
are.
What they refuse there, no caller passes, and it never counts against them.
"""

from __future__ import annotations

import functools
import inspect
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from random import Random
from types import SimpleNamespace
from typing import Any

import numpy as np

from checks.functions import uncommon
from checks.functions.coverage import CENTRAL, COMPLEX
from checks.functions.inputs import Input, Sizes, of_symmetric
from checks.functions.measured import Measuring
from checks.functions.trees import as_one, is_tree
from checks.laws import complex_step
from checks.numbers.bounds import unit_roundoff
from checks.numbers.precision import NATIVE, Array, held
from checks.op import Case, Inputs, Kind, Op, Problem, Rounding
from checks.signature.takes import Takes
from checks.subjects.implementation import Implementation
from checks.subjects.refusals import Crashed, Ended, Malformed, Unsupported

MOST_ALONE = 48  # calls of the function in a case, for elements that are asked alone
SAMPLE = 2  # elements that are asked alone where there are too many to ask all
CALLS = 6  # of the function, for a central slope (place.py)
PATIENCE = 0.02  # seconds of a case that these may take
EXPONENTS = (0, 0, 1, -3)  # of the powers of two that scale the inputs
TWICE = 2  # how often each element has its turn, where there is time

Function = Callable[..., Any]
Shape = tuple[int, ...]


class NotTaken(ValueError):
    """The function raises on ordinary inputs; the message is one sentence."""


def name_of(function: Function) -> str:
    """What it is called."""
    return str(getattr(function, "__name__", type(function).__name__))


@dataclass(frozen=True, eq=False)
class BlackBox:
    """What is found out about a function before it is judged.

    inputs    what each input is drawn from, by name
    constant  inputs that have no gradient: whole numbers
    working   the precision in which slopes are asked for
    analytic  whether complex numbers go through
    seconds   what a call takes
    sizes     of the names in the shapes: those of which each is decided; refused: what was said of others
    y_shapes  the shape of the result, by those of the inputs
    """

    function: Function
    backward: Function
    inputs: Mapping[str, Input]
    constant: tuple[str, ...]
    dtype: str
    working: str
    analytic: bool
    seconds: float
    sizes: Sequence[Sizes] = ()
    refused: Mapping[str, int] = field(default_factory=dict)
    y_shapes: dict[tuple[Shape, ...], Shape] = field(default_factory=dict)
    measuring: Measuring = None  # type: ignore[assignment]  # made from the rest

    @classmethod
    def of(
        cls,
        function: Function,
        backward: Function,
        inputs: Sequence[Input],
        dtype: str,
        sizes: Sequence[Sizes] = ({},),
    ) -> BlackBox:
        """Call it a few times, with each of these sizes; raises NotTaken if it raises with all of them."""
        named = dict(zip(input_names(function, len(inputs)), inputs, strict=True))
        function, backward = of_symmetric(function, backward, list(inputs))
        taken, refused, reasons = [], Counter[str](), []
        for one in sizes:
            words = _raises(function, _drawn(named, one, dtype, _whole(named)), ends=True)
            if words and any(i.given is not None and i.given.dtype.kind in "iub" for i in inputs):
                words = _raises(function, _drawn(named, one, dtype, _whole(named, also_given=True)))
            if words:
                shown = ", ".join(f"{name} {size}" for name, size in one.items())
                refused[f"{name_of(function)} raised {words} ({shown})"] += 1
                reasons.append((words, one))
            else:
                taken.append(one)
        if not taken:
            words, one = reasons[0]
            arrays = _drawn(named, one, dtype, _whole(named))
            words += _other(function, arrays, dtype)
            shapes = [i.shape(one) for i in inputs]
            raise NotTaken(f"{name_of(function)} does not take inputs of shapes {shapes}: {words}{_definite(words)}")
        ways = (_drawn(named, taken[0], dtype, _whole(named, also_given=also)) for also in (False, True))
        if is_tree(function(*next(arrays for arrays in ways if not _raises(function, arrays)))):
            function, backward = as_one(function, backward)
        constant, backward = _constant(function, backward, named, taken[0], dtype), _with_zeros(backward)
        if len(constant) == len(named):
            raise NotTaken(f"{name_of(function)} has no input with a gradient: whole numbers have none")
        arrays = _drawn(named, taken[0], dtype, constant)
        y = np.asarray(function(*(a.copy() for a in arrays)))
        started = time.perf_counter()
        function(*(a.copy() for a in arrays))
        seconds = time.perf_counter() - started
        working = next((d for d in ("float64", dtype) if _taken(function, backward, arrays, y.shape, d)), dtype)
        analytic = working == "float64" and _is_analytic(function, arrays)
        box = cls(function, backward, named, constant, dtype, working, analytic, seconds, taken, refused)
        return replace(box, measuring=box.measured())

    @property
    def names(self) -> list[str]:
        """What the inputs are called."""
        return list(self.inputs)

    @property
    def differentiable(self) -> tuple[str, ...]:
        """Inputs that have a gradient."""
        return tuple(name for name in self.inputs if name not in self.constant)

    def shapes(self, sizes: Sizes) -> dict[str, Shape]:
        """Of the inputs and of y; raises NotTaken if the function does not take these sizes."""
        shapes = {name: i.shape(sizes) for name, i in self.inputs.items()}
        key = tuple(shapes.values())
        if key not in self.y_shapes:
            try:
                with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
                    y = self.function(*_drawn(self.inputs, sizes, self.dtype, self.constant))
            except Ended:
                raise
            except (Exception, SystemExit) as error:
                raise NotTaken(brief(error)) from error
            self.y_shapes[key] = np.shape(y)
        return {**shapes, "y": self.y_shapes[key]}

    def sizes_in(self, shapes: Mapping[str, Shape | None]) -> dict[str, int]:
        """What size each name has in these shapes."""
        return {n: size for name, i in self.inputs.items() for n, size in i.sizes_in(shapes[name] or ()).items()}

    def measured(self) -> Measuring:
        """What measures its rounding, once it has learned from inputs of all sizes."""
        return self.measured_in(self.working)

    def measured_in(self, dtype: str) -> Measuring:
        """The same in a precision that it takes."""
        if self.measuring is not None and dtype == self.working:
            return self.measuring
        own = replace(self, working=dtype)
        linear = tuple(name for name, i in self.inputs.items() if i.is_cotangent)
        measuring = Measuring(Implementation.of(op_of(own), own.reference), dtype, linear)
        for sizes in self.sizes:
            arrays = _drawn(self.inputs, sizes, self.dtype, self.constant)
            case = Case(op_of(self), tuple(arrays), {}, np.ones(self.shapes(sizes)["y"]))
            try:
                with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
                    measuring.learn(case)
            except Ended:
                raise
            except (Crashed, Malformed, Unsupported):
                pass  # every law will meet the same, and say so
        return measuring

    @property
    def reference(self) -> SimpleNamespace:
        """The function itself, called in the precision that it takes whatever it is asked for."""

        def working(arrays: Sequence[Array]) -> Iterator[Array]:
            for name, a in zip(self.inputs, arrays, strict=True):
                yield a if name in self.constant else held(a, self.working)

        def forward(*arrays: Array) -> Any:
            return self.function(*working(arrays))

        def backward(g: Array, *arrays: Array) -> Any:
            return tuple(_gradients(self.backward(held(g, self.working), *working(arrays)), self))

        return SimpleNamespace(forward=forward, backward=backward)

    def alone(self, law: str, count: int, examples: int) -> int:
        """How many of so many elements are asked alone in a case: each has its turn twice if there is time."""
        wanted = ceil(TWICE * count / max(1, examples))
        calls = min(MOST_ALONE, int(PATIENCE / max(self.seconds, 1e-9)))
        limit = {COMPLEX: calls, CENTRAL: calls // CALLS}[law]
        return wanted if wanted <= limit else SAMPLE


def _whole(inputs: Mapping[str, Input], *, also_given: bool = False) -> tuple[str, ...]:
    """Inputs that are drawn from whole numbers; those too that were given as such."""
    given = [n for n, i in inputs.items() if also_given and i.given is not None and i.given.dtype.kind in "iub"]
    return (*given, *(n for n, i in inputs.items() if i.kind == "integers"))


def _constant(
    function: Function, backward: Function, inputs: Mapping[str, Input], sizes: Sizes, dtype: str
) -> tuple[str, ...]:
    """Inputs without a gradient: drawn as whole numbers; given so, and not taken otherwise or with None for a gradient."""
    drawn, given = _whole(inputs), _whole(inputs, also_given=True)
    if drawn == given:
        return drawn
    arrays = _drawn(inputs, sizes, dtype, drawn)
    if _raises(function, arrays):
        return given
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            gradients = backward(held(np.ones(np.shape(function(*arrays))), dtype), *arrays)
    except (Exception, SystemExit):  # noqa: BLE001, whatever it raises, it does not take them so
        return given
    if not isinstance(gradients, tuple | list) or len(gradients) != len(inputs):
        return given
    none = {name for name, gradient in zip(inputs, gradients, strict=True) if gradient is None}
    return tuple(name for name in given if name in drawn or name in none)


def _drawn(inputs: Mapping[str, Input], sizes: Sizes, dtype: str, constant: Sequence[str]) -> list[Array]:
    """Ordinary inputs, the same whenever they are asked for."""
    rng = np.random.default_rng(0)
    arrays = {name: i.drawn(rng, sizes) for name, i in inputs.items()}
    return [a if name in constant else held(a, dtype) for name, a in arrays.items()]


def _with_zeros(backward: Function) -> Function:
    """The same, with zeros for None: that is what it says of an input on which nothing depends."""

    @functools.wraps(backward, updated=())
    def gradients(g: Any, *arrays: Any) -> Any:
        found = backward(g, *arrays)
        if not isinstance(found, tuple | list) or len(found) != len(arrays):
            return found
        pairs = zip(found, map(np.asarray, arrays), strict=True)
        return tuple(np.zeros_like(a) if f is None and a.dtype.kind in "fc" else f for f, a in pairs)

    return gradients


def _raises(function: Function, arrays: Sequence[Array], *, ends: bool = False) -> str:
    """What it raises, or ""; what ends its process passes where arrays are such as any caller has."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            function(*(a.copy() for a in arrays))
    except Ended:
        if ends:
            raise
        return "that ends its process"
    except (Exception, SystemExit) as error:  # noqa: BLE001, whatever it raises, it does not take them
        return brief(error)
    return ""


def brief(error: BaseException) -> str:
    """What it says, in one line."""
    if isinstance(error, Crashed) and error.raised:  # in another process
        return error.raised.partition(": ")[2] or error.raised
    return " ".join(str(error).split()) or type(error).__name__


def _definite(words: str) -> str:
    """Which kind of input to ask for, where matrices have to be of one."""
    return "; matrices that are drawn so: 4,4:spd" if "definite" in words.lower() else ""


def _taken(function: Function, backward: Function, arrays: Sequence[Array], y_shape: Shape, dtype: str) -> bool:
    """Whether both take this precision."""
    wide = [held(a, dtype) if a.dtype.kind == "f" else a for a in arrays]
    return _returns(function, wide) and _returns(backward, [held(np.ones(y_shape), dtype), *wide])


def _returns(function: Function, arrays: Sequence[Array]) -> bool:
    """Whether it does not raise."""
    return not _raises(function, arrays)


def _other(function: Function, arrays: Sequence[Array], dtype: str) -> str:
    """What to say of another precision that function takes, or ""."""

    def taken(d: str) -> bool:
        return _returns(function, [np.asarray(a, d) if a.dtype.kind == "f" else a for a in arrays])

    fits = (d for d in NATIVE if d != dtype and taken(d))
    other = next(fits, "")
    return f"; it takes {other}: --dtype {other}" if other else ""


def op_of(box: BlackBox) -> Op:
    """All that is known of the function, as of an op."""
    names = box.names

    def draw(problem: Problem, name: str, rng: np.random.Generator, whole: bool) -> Array | None:  # noqa: ARG001, an Op's
        own = box.inputs[name]
        if own.given is None and not own.kind:
            return uncommon.drawn(problem, box.inputs, name)
        sizes = box.sizes_in(problem.shapes)
        a = uncommon.with_ends(problem, own, own.drawn(rng, sizes), sizes)
        return a if name in box.constant else held(a, problem.dtype)

    def most_terms(shapes: Iterable[Shape | None]) -> int:
        return sum(int(np.prod(s or ())) for s in shapes) + 8

    def terms(problem: Problem) -> dict[str, int]:
        return dict.fromkeys((*names, "y"), most_terms(problem.shapes.values()))

    def magnitudes(case: Case) -> dict[str, Array]:
        shapes = [np.shape(a) for a in (case.cotangent, *case.inputs) if a is not None]
        sizes, least = box.measuring.of(case), most_terms(shapes) * unit_roundoff(box.working)
        return {name: np.maximum(m.size, m.unsteady / least) for name, m in sizes.items()}

    def tried(problem: Problem) -> dict[str, tuple[int, ...]]:
        return {name: (size,) for name, size in box.sizes_in(problem.shapes).items()}

    return Op(
        name=name_of(box.function),
        reference=box.reference,
        takes=Takes(dict.fromkeys((*names, "y"), ""), constant=box.constant),
        twin=box.function,
        rounds=Rounding(terms, magnitudes),
        kind=Kind(analytic=box.analytic),
        cases=Inputs(draw, tried),
    )


def problems_of(box: BlackBox, op: Op, dtype: str, sizes: Sizes, many: int, seed: int) -> Iterator[Problem]:
    """Problems of these sizes, in the first of which inputs are as large as they usually are, scaled or others in others.

    Arrays that were given, or are of a kind that scaling would spoil, are not scaled.
    """
    shapes = box.shapes(sizes)
    scaled = [name for name, i in box.inputs.items() if i.is_scaled]
    chance = Random(seed)  # noqa: S311, no secret
    for number in range(many):
        own, exponent = chance.randrange(2**32), chance.choice(EXPONENTS) if number else 0
        kind, exponents = uncommon.turn(number, scaled)
        exponents = exponents if kind else dict.fromkeys(scaled, exponent)
        yield Problem(op, shapes, {}, dtype, uncommon.seed_of(kind, number, own), exponents=exponents, kind=kind)


def input_names(function: Function, count: int) -> list[str]:
    """The names in the signature, if it has so many; "y" is what the result is called."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        parameters = ()  # type: ignore[assignment]
    by_position = [p.name for p in parameters if p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}]
    names = by_position[:count] if len(by_position) >= count else [""] * count
    return [f"input{i}" if name in {"", "y"} else name for i, name in enumerate(names)]


def _gradients(returned: Any, box: BlackBox) -> Sequence[Array]:
    gradients = tuple(returned) if isinstance(returned, tuple | list) else (returned,)
    if len(gradients) not in {len(box.names), len(box.differentiable)}:
        raise Malformed(f"backward returned {len(gradients)} gradients; expected {len(box.names)}")
    return gradients


def _is_analytic(function: Function, arrays: Sequence[Array]) -> bool:
    """Whether complex numbers go through, and the derivative with them: what takes |x| or the real part loses it."""
    rng = np.random.default_rng(1)
    # Whole numbers are no variables: they stay what they are.
    wide = [a.astype(np.float64) if a.dtype.kind == "f" else a for a in arrays]
    v = [rng.uniform(-1, 1, a.shape) if a.dtype.kind == "f" else None for a in arrays]
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            moved = [a if d is None else a + 1j * complex_step.H * d for a, d in zip(wide, v, strict=True)]
            slope = np.asarray(function(*moved)).imag / complex_step.H
            ends = [
                function(*(a if d is None else a + h * d for a, d in zip(wide, v, strict=True))) for h in (1e-6, -1e-6)
            ]
            difference = (np.asarray(ends[0], np.float64) - ends[1]) / 2e-6
            return bool(np.all(np.abs(slope - difference) <= 1e-4 * (np.abs(difference).max(initial=0.0) + 1e-300)))
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001, whatever it raises, complex numbers do not go through
        return False
