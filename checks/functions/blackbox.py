"""A function and its backward before they are judged: what they take, and what is known of them as of an op.

They are called a few times: in float64, to see whether slopes can be asked for in that although another precision is
judged; with complex numbers, to see whether the derivative goes through with these; and in a row, to see how unsteady they
are.
What they refuse there, no caller passes, and it never counts against them.
"""

from __future__ import annotations

import inspect
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from checks.functions.elements import CENTRAL, COMPLEX
from checks.functions.measured import Measuring
from checks.laws import complex_step
from checks.numbers.bounds import unit_roundoff
from checks.numbers.precision import NATIVE, Array
from checks.op import Case, Inputs, Kind, Op, Problem, Rounding
from checks.signature.takes import Takes
from checks.subjects.implementation import Crashed, Implementation, Malformed, Unsupported

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

MOST_ALONE = 48  # calls of the function in a case, for elements that are asked alone
SAMPLE = 2  # elements that are asked alone where there are too many to ask all
CALLS = 6  # of the function, for a central slope (place.py)
PATIENCE = 0.02  # seconds of a case that these may take
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

    given     the arrays whose numbers are taken as they are, by input
    working   the precision in which slopes are asked for
    analytic  whether complex numbers go through
    seconds   what a call takes
    """

    function: Function
    backward: Function
    names: list[str]
    shapes: dict[str, Shape]
    y_shape: Shape
    given: dict[str, Array]
    working: str
    analytic: bool
    seconds: float
    measuring: Measuring

    @classmethod
    def of(cls, function: Function, backward: Function, inputs: Sequence[Shape | Array], dtype: str) -> BlackBox:
        """Call it a few times; raises NotTaken if it raises."""
        names = _input_names(function, len(inputs))
        named = dict(zip(names, inputs, strict=True))
        given = {n: np.asarray(a, dtype) for n, a in named.items() if isinstance(a, np.ndarray)}
        shapes = {n: np.shape(a) if isinstance(a, np.ndarray) else tuple(a) for n, a in named.items()}
        rng = np.random.default_rng(0)
        drawn = {n: np.asarray(rng.uniform(-1, 1, s), dtype) for n, s in shapes.items()}
        arrays = [given.get(n, a) for n, a in drawn.items()]
        try:
            y = np.asarray(function(*(a.copy() for a in arrays)))
            started = time.perf_counter()
            function(*(a.copy() for a in arrays))
            seconds = time.perf_counter() - started
        except Exception as error:
            words = " ".join(str(error).split()) or type(error).__name__
            words += _other(function, arrays, dtype)
            raise NotTaken(
                f"{name_of(function)} does not take inputs of shapes {list(shapes.values())}: {words}"
            ) from error
        working = next((d for d in ("float64", dtype) if _taken(function, backward, arrays, y.shape, d)), dtype)
        box = cls(
            function,
            backward,
            names,
            shapes,
            y.shape,
            given,
            working,
            working == "float64" and _is_analytic(function, arrays),
            seconds,
            None,  # type: ignore[arg-type]  # made from the rest, in the next line
        )
        return replace(box, measuring=box.measured(arrays))

    def measured(self, arrays: Sequence[Array]) -> Measuring:
        """What measures its rounding, once it has learned from these inputs."""
        measuring = Measuring(Implementation.of(op_of(self), self.reference), self.working)
        case = Case(op_of(self), tuple(arrays), {}, np.ones(self.y_shape))
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
                measuring.learn(case)
        except (Crashed, Malformed, Unsupported):
            pass  # every law will meet the same, and say so
        return measuring

    @property
    def reference(self) -> SimpleNamespace:
        """The function itself, called in the precision that it takes whatever it is asked for."""

        def forward(*arrays: Array) -> Any:
            return self.function(*(np.asarray(a, self.working) for a in arrays))

        def backward(*arrays: Array) -> Any:
            return tuple(_gradients(self.backward(*(np.asarray(a, self.working) for a in arrays)), len(self.names)))

        return SimpleNamespace(forward=forward, backward=backward)

    def alone(self, examples: int) -> dict[str, int]:
        """How many elements are asked alone in a case, by law: each has its turn twice if there is time."""
        count = sum(int(np.prod(s)) for s in self.shapes.values())
        wanted = ceil(TWICE * count / max(1, examples))
        calls = min(MOST_ALONE, int(PATIENCE / max(self.seconds, 1e-9)))
        most = {COMPLEX: calls, CENTRAL: calls // CALLS}
        return {law: wanted if wanted <= limit else SAMPLE for law, limit in most.items()}


def _taken(function: Function, backward: Function, arrays: Sequence[Array], y_shape: Shape, dtype: str) -> bool:
    """Whether both take this precision."""
    wide = [np.asarray(a, dtype) for a in arrays]
    return _returns(function, wide) and _returns(backward, [np.ones(y_shape, dtype), *wide])


def _returns(function: Function, arrays: Sequence[Array]) -> bool:
    """Whether it does not raise."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            function(*(a.copy() for a in arrays))
    except Exception:  # noqa: BLE001, whatever it raises, it does not take them
        return False
    return True


def _other(function: Function, arrays: Sequence[Array], dtype: str) -> str:
    """What to say of another precision that function takes, or ""."""
    fits = (d for d in NATIVE if d != dtype and _returns(function, [np.asarray(a, d) for a in arrays]))
    other = next(fits, "")
    return f"; it takes {other}: --dtype {other}" if other else ""


def op_of(box: BlackBox) -> Op:
    """All that is known of the function, as of an op."""
    names, shapes = box.names, box.shapes

    def draw(problem: Problem, name: str, rng: np.random.Generator, whole: bool) -> Array | None:  # noqa: ARG001, an Op's
        own = box.given.get(name)
        return None if own is None else np.asarray(own, problem.dtype)

    def magnitudes(case: Case) -> dict[str, Array]:
        sizes, least = box.measuring.of(case), terms * unit_roundoff(box.working)
        return {name: np.maximum(m.size, m.unsteady / least) for name, m in sizes.items()}

    terms = sum(int(np.prod(s)) for s in (*shapes.values(), box.y_shape)) + 8
    return Op(
        name=name_of(box.function),
        reference=box.reference,
        takes=Takes(dict.fromkeys((*names, "y"), "")),
        twin=box.function,
        rounds=Rounding(lambda problem: dict.fromkeys((*names, "y"), terms), magnitudes),  # noqa: ARG005, of all problems
        kind=Kind(analytic=box.analytic),
        cases=Inputs(draw),
    )


def problems_of(box: BlackBox, op: Op, dtype: str) -> SearchStrategy[Problem]:
    """Problems of the shapes that were given; arrays that were given are not scaled."""
    from hypothesis import strategies as st

    shapes = {**box.shapes, "y": box.y_shape}
    scaled = set(box.names) - set(box.given)

    def problem(seed: int, exponent: int) -> Problem:
        return Problem(op, shapes, {}, dtype, seed, exponents=dict.fromkeys(scaled, exponent))

    return st.builds(problem, st.integers(0, 2**32 - 1), st.sampled_from((0, 0, 1, -3)))


def _input_names(function: Function, count: int) -> list[str]:
    """The names in the signature, if it has so many; "y" is what the result is called."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        parameters = ()  # type: ignore[assignment]
    by_position = [p.name for p in parameters if p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}]
    names = by_position[:count] if len(by_position) >= count else [""] * count
    return [f"input{i}" if name in {"", "y"} else name for i, name in enumerate(names)]


def _gradients(returned: Any, count: int) -> Sequence[Array]:
    gradients = tuple(returned) if isinstance(returned, tuple | list) else (returned,)
    if len(gradients) != count:
        raise Malformed(f"backward returned {len(gradients)} gradients; expected {count}")
    return gradients


def _is_analytic(function: Function, arrays: Sequence[Array]) -> bool:
    """Whether complex numbers go through, and the derivative with them: what takes |x| or the real part loses it."""
    rng = np.random.default_rng(1)
    wide = [a.astype(np.float64) for a in arrays]
    v = [rng.uniform(-1, 1, a.shape) for a in arrays]
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            moved = [a + 1j * complex_step.H * d for a, d in zip(wide, v, strict=True)]
            slope = np.asarray(function(*moved)).imag / complex_step.H
            ends = [function(*(a + h * d for a, d in zip(wide, v, strict=True))) for h in (1e-6, -1e-6)]
            difference = (np.asarray(ends[0], np.float64) - ends[1]) / 2e-6
            return bool(np.all(np.abs(slope - difference) <= 1e-4 * (np.abs(difference).max(initial=0.0) + 1e-300)))
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001, whatever it raises, complex numbers do not go through
        return False
