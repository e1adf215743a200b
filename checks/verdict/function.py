"""A function and its backward that no op describes: what can be said of them without a reference.

    judge_function(f, b, inputs=[(3, 4), (4, 5)])          f(*inputs) -> y,   b(grad_output, *inputs) -> gradients

Three laws need nothing but the two: b is the adjoint of the derivative of f, element by element, by central slopes and,
where complex numbers go through f, by complex ones (elements.py); b is linear in the cotangent; and the contract holds. How
far rounding may set two sides apart is not derived here, as it is for an op, but measured (measured.py).

Slopes are asked for in float64 where the function takes that, whatever the precision is that it is judged in, and then
results in that precision are compared with those in float64. A function that takes float32 only is judged in float32
throughout, with the coarser slopes that this allows.

Where the slope to the left of a point is another than to its right (a kink, a tie), every slope between the two is right.
"""

from __future__ import annotations

import inspect
import secrets
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from checks.cases.search import Search
from checks.diagnosis.changes import Pair, change
from checks.laws import Law, complex_step, linearity
from checks.numbers.bounds import unit_roundoff
from checks.numbers.precision import NATIVE, Array
from checks.op import Case, Op, Problem
from checks.signature.options import Pinned
from checks.subjects.implementation import Crashed, Implementation, Malformed, Unsupported
from checks.trials.comparison import compared
from checks.trials.trial import Trial
from checks.verdict import promises
from checks.verdict.elements import CENTRAL, COMPLEX, TOO_COARSE, Coverage, Elements, Places, seeing
from checks.verdict.judging import Tried, smallest
from checks.verdict.measured import Measuring
from checks.verdict.report import Finding, Report, Verdict

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

EXAMPLES = 60
MOST_ALONE = 48  # elements that are asked alone in a case
CALLS = 6  # of the function, for a central slope (place.py)
PATIENCE = 0.02  # seconds of a case that these may take
TWICE = 2  # how often each element has its turn, where there is time
MOST_PROBED = 300  # elements whose gradient is worked out one by one, to say what is wrong with it

Function = Callable[..., Any]
Shape = tuple[int, ...]


class NotTaken(ValueError):
    """The function raises on ordinary inputs; the message is one sentence."""


def judge_function(
    function: Function,
    backward: Function,
    inputs: Sequence[Shape | Array],
    *,
    dtype: str = "float64",
    examples: int = EXAMPLES,
    seed: int | None = None,
    again: str = "",
) -> Report:
    """Judge any function of arrays, y = function(*inputs), with backward(grad_output, *inputs) -> one gradient for each.

    inputs    a shape for each input, whose numbers are drawn; or an array, whose numbers are taken as they are
    dtype     "float64", "float32" or "float16"
    examples  how many cases to draw
    seed      repeats a run; a fresh one is drawn, and reported, if None
    again     what the report says would repeat it

    Raises ValueError, in one sentence, for inputs that function does not take.
    """
    if dtype not in NATIVE:
        raise ValueError(f"there is no dtype {dtype!r}; expected {', '.join(NATIVE)}")
    seed = secrets.randbelow(1 << 32) if seed is None else seed
    known = _Known.of(function, backward, inputs, dtype)
    op = _op(known)
    judged = Implementation.of(op, SimpleNamespace(forward=function, backward=backward, __name__=op.name))
    measuring = known.measuring
    coverage = Coverage(tuple(known.names))
    places = Places(known.working, measuring, coverage)
    tried = Tried(judged, _laws(op, dtype, places, known.alone(examples)))
    search = Search(op.problems(op, {}, dtype), examples, seed)
    with warnings.catch_warnings(action="ignore"):  # of what is passed to see whether it is read rightly
        search.run(tried.add)
        interrupted, search.interrupted = search.interrupted, True  # all cases have the same shapes: none is smaller
        failures = tuple(_explained(failure, tried, places, judged) for failure in smallest(tried, search))
    _sum_up(tried, coverage)
    shapes = [np.shape(a) if isinstance(a, np.ndarray) else tuple(a) for a in inputs]
    return tried.report(
        op,
        search,
        failures,
        implementation=f"{_name(function)} and {_name(backward)}",
        is_reference=False,
        dtype=dtype,
        pinned={},
        interrupted=interrupted,
        again=again or f"judge_function({_name(function)}, {_name(backward)}, inputs={shapes}, seed={seed})",
    )


def decided(report: Report) -> bool:
    """Whether a run of judge_function decided every element of every gradient."""
    return bool(report) and not any(
        f.verdict is Verdict.UNDECIDED and f.note.startswith(TOO_COARSE) for f in report.findings
    )


def _sum_up(tried: Tried, coverage: Coverage) -> None:
    """How small an error of one element would have been seen, as findings on the whole run and in the summary."""
    broken = {f.result for f in tried.findings if f.verdict is Verdict.BROKEN}
    if not tried.findings or "" in broken:
        return
    for found in coverage.findings(tried.findings[0].problem):
        if found.result in broken:
            continue
        tried.findings.append(found)
        tried.coverage[found.result] = Counter({_in_summary(found, coverage): 1})


def _in_summary(found: Finding, coverage: Coverage) -> str:
    sees = coverage.sees(found.result.removeprefix("grad_"))
    seen = f"an error of {sees:.1g} of any one element would have been seen"
    return seen if found.verdict is Verdict.HOLDS else f"not decided, {found.note.removeprefix(f'{TOO_COARSE}: ')}"


def _name(function: Function) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


@dataclass(frozen=True, eq=False)
class _Known:
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
    def of(cls, function: Function, backward: Function, inputs: Sequence[Shape | Array], dtype: str) -> _Known:
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
            other = _takes(function, arrays)
            hint = f"; it takes {other}: --dtype {other}" if other not in {"", dtype} else ""
            words = " ".join(str(error).split()) or type(error).__name__
            raise NotTaken(
                f"{_name(function)} does not take inputs of shapes {list(shapes.values())}: {words}{hint}"
            ) from error
        working = next((d for d in ("float64", dtype) if _taken(function, backward, arrays, y.shape, d)), dtype)
        known = cls(
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
        return replace(known, measuring=known.measured(arrays))

    def measured(self, arrays: Sequence[Array]) -> Measuring:
        """What measures its rounding, once it has learned from these inputs."""
        measuring = Measuring(Implementation.of(_op(self), self.reference), self.working)
        case = Case(_op(self), tuple(arrays), {}, np.ones(self.y_shape))
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
        wanted = min(MOST_ALONE, ceil(TWICE * count / max(1, examples)))
        calls = int(PATIENCE / max(self.seconds, 1e-9))
        return {COMPLEX: max(1, min(wanted, calls)), CENTRAL: max(1, min(wanted, MOST_ALONE // CALLS, calls // CALLS))}


def _taken(function: Function, backward: Function, arrays: Sequence[Array], y_shape: Shape, dtype: str) -> bool:
    """Whether both take this precision."""
    wide = [np.asarray(a, dtype) for a in arrays]
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            function(*(a.copy() for a in wide))
            backward(np.ones(y_shape, dtype), *(a.copy() for a in wide))
    except Exception:  # noqa: BLE001, whatever it raises, it does not take them
        return False
    return True


def _takes(function: Function, arrays: Sequence[Array]) -> str:
    """A precision that function takes, or ""."""
    for dtype in NATIVE:
        try:
            function(*(np.asarray(a, dtype) for a in arrays))
        except Exception:  # noqa: BLE001, whatever it raises, it does not take them
            continue
        return dtype
    return ""


def _op(known: _Known) -> Op:
    """All that is known of the function, as of an op."""
    names, shapes = known.names, known.shapes

    def problems(op: Op, pinned: Pinned, dtype: str) -> SearchStrategy[Problem]:  # noqa: ARG001, nothing can be pinned
        from hypothesis import strategies as st

        def problem(seed: int, exponent: int) -> Problem:
            every = {**shapes, "y": known.y_shape}
            return Problem(op, every, {}, dtype, seed, exponents=dict.fromkeys(set(names) - set(known.given), exponent))

        return st.builds(problem, st.integers(0, 2**32 - 1), st.sampled_from((0, 0, 1, -3)))

    def draw(problem: Problem, name: str, rng: np.random.Generator, whole: bool) -> Array | None:  # noqa: ARG001, an Op's
        own = known.given.get(name)
        return None if own is None else np.asarray(own, problem.dtype)

    def magnitudes(case: Case) -> dict[str, Array]:
        sizes, least = known.measuring.of(case), terms * unit_roundoff(known.working)
        return {name: np.maximum(m.size, m.unsteady / least) for name, m in sizes.items()}

    terms = sum(int(np.prod(s)) for s in (*shapes.values(), known.y_shape)) + 8
    return Op(
        name=_name(known.function),
        inputs=tuple(names),
        reference=known.reference,
        defaults={},
        options=(),
        validate=lambda pinned: None,  # noqa: ARG005, nothing can be pinned
        problems=problems,
        twin=known.function,
        coverage=lambda problem: {"scale of inputs": tuple(f"2^{e}" for e in set(problem.exponents.values()))},
        pins=lambda problem: {},  # noqa: ARG005, nothing can be pinned
        terms=lambda problem: dict.fromkeys((*names, "y"), terms),  # noqa: ARG005, of all problems
        magnitudes=magnitudes,
        analytic=known.analytic,
        draw=draw,
    )


def _input_names(function: Function, count: int) -> list[str]:
    """The names in the signature, if it has so many."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        parameters = ()  # type: ignore[assignment]
    by_position = [p.name for p in parameters if p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}]
    return by_position[:count] if len(by_position) >= count else [f"input{i}" for i in range(count)]


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


@dataclass(frozen=True)
class _Precision:
    """In the precision of the inputs y and the gradients are what they are in float64, but for rounding."""

    RANK: int = 3

    def check(self, trial: Trial) -> Iterator[Finding]:
        run, wide = trial.real, trial.real.case.widened()
        expected = {"y": run.implementation.forward(wide), **run.implementation.backward(wide)}
        for name, actual in {"y": run.y, **run.gradients}.items():
            result = name if name == "y" else f"grad_{name}"
            bound = run.bound(result)
            mean = float(np.mean(np.abs(expected[name]))) if actual.size else 0.0
            share = float(np.max(bound.elementwise, initial=0.0)) / mean if mean else float(np.inf)
            yield seeing(compared("agreement", result, run, actual, expected[name], bound), share)


def _laws(op: Op, dtype: str, places: Places, alone: dict[str, int]) -> dict[str, Law]:
    """Those that need no reference."""
    found: dict[str, Any] = {}
    if places.dtype != dtype:
        found["agreement"] = _Precision()
    if op.analytic:
        found[COMPLEX] = Elements(COMPLEX, places, alone[COMPLEX])
    found[CENTRAL] = Elements(CENTRAL, places, 0 if op.analytic else alone[CENTRAL], witness=op.analytic)
    return {**found, "linearity": linearity, "contract": promises}


def _explained(failure: Finding, tried: Tried, places: Places, judged: Implementation) -> Finding:
    """The failure with the worst element, and what was done to the right gradient, where that can be worked out."""
    name = failure.result.removeprefix("grad_")
    if failure.crashed or name not in failure.problem.present or failure.law == "contract":
        return failure
    if int(np.prod(failure.problem.shape(name))) > MOST_PROBED:
        return failure
    wrong = [f.problem for f in tried.findings if f.verdict is Verdict.BROKEN and f.result == failure.result]
    try:
        with np.errstate(all="ignore"):
            pairs = [_probed(judged, places, problem, name) for problem in (failure.problem, *wrong[:3])]
    except (Crashed, Malformed, Unsupported):
        return failure
    if any(not np.all(np.isfinite(p.base)) for p in pairs):
        return failure
    off = np.abs(pairs[0].actual - pairs[0].base) - pairs[0].bound
    at = tuple(map(int, np.unravel_index(int(np.argmax(off)), off.shape)))
    if not off[at] > 0:
        return failure
    done = change(pairs)
    return replace(
        failure,
        explanation=f"It is the right one {done}." if done else "",
        index=at or None,
        actual=float(pairs[0].actual[at]),
        expected=float(pairs[0].base[at]),
        error=float(off[at] + pairs[0].bound[at]),
        bound=float(pairs[0].bound[at]),
    )


def _probed(judged: Implementation, places: Places, problem: Problem, name: str) -> Pair:
    """A gradient beside slopes, one for each element."""
    place = places.of(Trial(problem, judged, Implementation.of(problem.op, problem.op.reference)))
    span = place.spans[name]
    base, bound = np.zeros_like(place.claim), np.zeros_like(place.claim)
    for at in range(span.start, span.stop):
        v = np.zeros_like(base)
        v[at] = place.scale[at]
        slope = place.complex(v) if problem.op.analytic else place.central(v)
        base[at], bound[at] = slope.value / v[at], slope.doubt / v[at]
    shape = place.run.case.input(name).shape
    return Pair(problem, *(a[span].reshape(shape) for a in (place.claim, base, bound)))
