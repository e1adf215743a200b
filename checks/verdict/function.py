"""A function and its backward that no op describes: what can be said of them without a reference.

    judge_function(f, b, inputs=[(3, 4), (4, 5)])          f(*inputs) -> y,   b(grad_output, *inputs) -> gradients

Three laws need nothing but the two: b is the adjoint of the derivative of f, by finite differences and, where complex
numbers go through f, by the complex step; b is linear in the cotangent; and the contract holds. How far rounding may set
two sides apart is not derived here, as it is for an op, but measured: f and b are called again with inputs and cotangent
moved by one part in 2²⁶, which shows how large the terms are that were summed, and in 2⁵⁰, which shows what is lost.

Where the slope to the left of a point is another than to its right (a kink, a tie), every slope between the two is right.
"""

from __future__ import annotations

import inspect
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from checks.cases.search import Search
from checks.diagnosis.changes import Pair, change
from checks.laws import Law, complex_step, contract, finite_difference, linearity
from checks.numbers.bounds import unit_roundoff
from checks.numbers.precision import NATIVE, Array
from checks.op import Case, Inputs, Kind, Op, Problem, Rounding
from checks.signature.takes import Takes
from checks.subjects.implementation import Crashed, Implementation, Malformed, Unsupported
from checks.trials.comparison import compared
from checks.trials.directions import RESOLUTION, Line, direction, inner, lines
from checks.trials.trial import Run, Trial
from checks.verdict.judging import Tried, smallest
from checks.verdict.report import Finding, Report, Verdict

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

EXAMPLES = 60
COARSE, FINE = 2.0**-26, 2.0**-50
DRAWS = 6
ZEROS = 99  # what the directions of inputs that are 0 are drawn with (Problem.rng)
NEAR = 2.0**-20  # the relative step at which two slopes are compared
BETWEEN = "a slope between those to the left and to the right"
MOST_PROBED = 300  # elements whose gradient is worked out one by one, to say what is wrong with it

Function = Callable[..., Any]
Shape = tuple[int, ...]


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
    op = _op(function, backward, inputs, dtype)
    judged = Implementation.of(op, SimpleNamespace(forward=function, backward=backward, __name__=op.name))
    tried = Tried(judged, _laws(op, dtype))
    search = Search(_problems(op, inputs, dtype), examples, seed)
    search.run(tried.add)
    interrupted = search.interrupted
    failures = tuple(_explained(failure, tried, judged) for failure in smallest(tried, search))
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


def _name(function: Function) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def _op(function: Function, backward: Function, inputs: Sequence[Shape | Array], dtype: str) -> Op:
    """All that is known of the function."""
    names = _input_names(function, len(inputs))
    given = {n: np.asarray(a, dtype) for n, a in zip(names, inputs, strict=True) if isinstance(a, np.ndarray)}
    shapes = {n: np.shape(a) if n in given else tuple(a) for n, a in zip(names, inputs, strict=True)}
    rng = np.random.default_rng(0)
    arrays = [given[n] if n in given else np.asarray(rng.uniform(-1, 1, s), dtype) for n, s in shapes.items()]
    try:
        y = np.asarray(function(*(a.copy() for a in arrays)))
    except Exception as error:
        raise ValueError(
            f"{_name(function)} does not take inputs of shapes {list(shapes.values())}: {error}"
        ) from error

    def draw(problem: Problem, name: str, rng: np.random.Generator, whole: bool) -> Array | None:  # noqa: ARG001, an Op's
        return given.get(name)

    together = sum(int(np.prod(s)) for s in (*shapes.values(), y.shape))
    return Op(
        name=_name(function),
        reference=SimpleNamespace(forward=function, backward=lambda *a: tuple(_gradients(backward(*a), len(names)))),
        takes=Takes(dict.fromkeys((*names, "y"), "")),
        twin=function,
        rounds=Rounding(lambda problem: dict.fromkeys((*names, "y"), together + 8), _magnitudes),  # noqa: ARG005, of all
        kind=Kind(analytic=_is_analytic(function, arrays)),
        cases=Inputs(draw, lambda problem: {"shape of y": (problem.shape("y"),)}),
    )


def _problems(op: Op, inputs: Sequence[Shape | Array], dtype: str) -> SearchStrategy[Problem]:
    """Problems of these shapes; arrays that were given are not scaled."""
    from hypothesis import strategies as st

    named = list(zip(op.inputs, inputs, strict=True))
    shapes = {n: np.shape(a) if isinstance(a, np.ndarray) else tuple(a) for n, a in named}
    scaled = [name for name, a in named if not isinstance(a, np.ndarray)]
    arrays = [a if isinstance(a, np.ndarray) else np.ones(a) for a in inputs]
    shapes["y"] = np.shape(op.reference.forward(*(a.astype(dtype) for a in arrays)))

    def problem(seed: int, exponent: int) -> Problem:
        return Problem(op, shapes, {}, dtype, seed, exponents=dict.fromkeys(scaled, exponent))

    return st.builds(problem, st.integers(0, 2**32 - 1), st.sampled_from((0, 0, 1, -3)))


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
        with np.errstate(all="ignore"):
            moved = [a + 1j * complex_step.H * d for a, d in zip(wide, v, strict=True)]
            slope = np.asarray(function(*moved)).imag / complex_step.H
            ends = [function(*(a + h * d for a, d in zip(wide, v, strict=True))) for h in (1e-6, -1e-6)]
            difference = (np.asarray(ends[0], np.float64) - ends[1]) / 2e-6
    except Exception:  # noqa: BLE001, whatever it raises, complex numbers do not go through
        return False
    return bool(np.all(np.abs(slope - difference) <= 1e-4 * (np.abs(difference).max(initial=0.0) + 1e-300)))


def _magnitudes(case: Case) -> dict[str, Array]:
    """What rounding is relative to, measured: how far results move with their inputs, and how unsteady they are."""
    rng = np.random.default_rng(2)

    def results(moved: Case) -> dict[str, Array]:
        gradients = moved.op.reference.backward(moved.cotangent, *moved.inputs)
        y = moved.op.reference.forward(*moved.inputs)
        return {"y": y, **dict(zip(moved.op.inputs, gradients, strict=True))}

    def moved(step: float) -> Case:
        def nudged(a: Array) -> Array:
            return np.asarray(a * (1 + step * rng.choice((-1.0, 1.0), a.shape)))

        return replace(case, inputs=tuple(map(nudged, _present(case))), cotangent=nudged(case.cotangent))

    with np.errstate(all="ignore"):
        here = {n: np.asarray(a, np.float64) for n, a in results(case).items()}
        sizes = {n: np.abs(a) for n, a in here.items()}
        for step, weight in ((COARSE, 4 / COARSE), (FINE, 1 / unit_roundoff("float64"))):
            for _ in range(DRAWS):
                for name, a in results(moved(step)).items():
                    sizes[name] = np.maximum(sizes[name], weight * np.abs(a - here[name]))
    return sizes


def _present(case: Case) -> list[Array]:
    return [a for a in case.inputs if a is not None]


@dataclass(frozen=True)
class _Derivative:
    """A law along lines, in float64, that lets slopes differ to the left and to the right.

    An estimate from large steps may be that of a slope beyond a kink, so what it calls broken is looked at from near.
    """

    finding: Callable[[Run, Line], Finding]
    run: Callable[[Trial], Run]
    RANK: int = 5
    OWN_FORWARD: bool = True

    def check(self, trial: Trial) -> Iterator[Finding]:
        fine = Trial(replace(trial.problem, dtype="float64"), trial.implementation, trial.reference)
        for found in lines(self.run(fine), self.RANK, self._finding, _direction):
            yield replace(found, problem=trial.problem)

    def _finding(self, run: Run, line: Line) -> Finding:
        found = self.finding(run, line)
        if found.verdict is not Verdict.BROKEN:
            return found
        left, right, unsure = _slopes(run, line)
        kink = abs(left - right) > unsure
        if min(left, right) - unsure <= line.claim <= max(left, right) + unsure:
            vague = unsure > RESOLUTION * max(line.typical, abs(left), abs(right))
            verdict = Verdict.UNDECIDED if vague else Verdict.HOLDS
            return replace(found, verdict=verdict, error=0.0, note="", convention=BETWEEN if kink and not vague else "")
        if kink and run.case.cotangent.size * sum(np.count_nonzero(v) for v in line.moves.values()) > 1:
            note = "several kinks may meet here, and slopes of a sum do not bound those of its parts"
            return replace(found, verdict=Verdict.UNDECIDED, error=0.0, note=note)
        return found


@dataclass(frozen=True)
class _Precision:
    """In the precision of the inputs y and the gradients are what they are in float64, but for rounding."""

    RANK: int = 3

    def check(self, trial: Trial) -> Iterator[Finding]:
        run, wide = trial.real, trial.real.case.widened()
        expected = {"y": run.implementation.forward(wide), **run.implementation.backward(wide)}
        for name, actual in {"y": run.y, **run.gradients}.items():
            result = name if name == "y" else f"grad_{name}"
            yield compared("agreement", result, run, actual, expected[name], run.bound(result))


def _direction(run: Run, name: str, use: int) -> Array:
    """As for ops, but an input that is 0 moves too: by about as much as the largest, or as 1."""
    a, v = run.case.input(name), direction(run, name, use)
    size = float(np.abs(a).max(initial=0.0)) or 1.0
    share = run.problem.rng(use, ZEROS).uniform(0.5, 1, a.shape) * run.problem.rng(use, ZEROS, 1).choice(
        (-1, 1), a.shape
    )
    return np.asarray(np.where(a == 0, share * size, v), a.dtype)


def _slopes(run: Run, line: Line) -> tuple[float, float, float]:
    """The slopes of ⟨g, f⟩ along a line to the left and to the right, and how far these may be off."""
    g, f = run.case.cotangent, run.implementation.forward
    here = f(run.case).astype(np.float64)
    ends = {step: f(line.moved(run.case, step)).astype(np.float64) for step in (NEAR, -NEAR, NEAR / 4, -NEAR / 4)}
    slopes = {step: inner(g, y - here) / step for step, y in ends.items()}
    noise = 2 * float(run.y_bound.dot(g).elementwise) / (NEAR / 4)
    unsure = 2 * max(abs(slopes[s] - slopes[s / 4]) for s in (NEAR, -NEAR)) + noise
    return slopes[-NEAR / 4], slopes[NEAR / 4], unsure


def _laws(op: Op, dtype: str) -> dict[str, Law]:
    """Those that need no reference."""
    found: dict[str, Any] = {}
    if dtype != "float64":
        found["agreement"] = _Precision()
    if op.kind.analytic:
        found["complex_step"] = _Derivative(complex_step.finding, lambda trial: trial.light)
    found["finite_difference"] = _Derivative(finite_difference.finding, finite_difference.relative)
    return {**found, "linearity": linearity, "contract": contract}


def _explained(failure: Finding, tried: Tried, judged: Implementation) -> Finding:
    """The failure with the worst element, and what was done to the right gradient, where that can be worked out."""
    name = failure.result.removeprefix("grad_")
    if failure.crashed or name not in failure.problem.present or failure.law == "contract":
        return failure
    wrong = [f.problem for f in tried.findings if f.verdict is Verdict.BROKEN and f.result == failure.result]
    try:
        pairs = [_probed(judged, problem, name) for problem in (failure.problem, *wrong[:3])]
    except (Crashed, Malformed, Unsupported):
        return failure
    if any(p.base.size > MOST_PROBED or not np.all(np.isfinite(p.base)) for p in pairs):
        return failure
    off = np.abs(pairs[0].actual - pairs[0].base)
    at = tuple(map(int, np.unravel_index(int(np.argmax(off)), off.shape)))
    done = change(pairs)
    return replace(
        failure,
        explanation=f"It is the right one {done}." if done else "",
        index=at or None,
        actual=float(pairs[0].actual[at]),
        expected=float(pairs[0].base[at]),
        error=float(off[at]),
        bound=float(pairs[0].bound[at]),
    )


def _probed(judged: Implementation, problem: Problem, name: str) -> Pair:
    """A gradient beside central differences, one for each element."""
    case = problem.reals().widened()
    actual = judged.backward(case)[name].astype(np.float64)
    base = np.zeros_like(actual)
    size = max(float(np.abs(case.input(name)).max(initial=0.0)), 1e-3)
    h = size * float(np.finfo(np.float64).eps) ** (1 / 3)
    for at in np.ndindex(*actual.shape if actual.size <= MOST_PROBED else ()):
        ends = []
        for step in (h, -h):
            a = case.input(name).copy()
            a[at] += step
            ends.append(judged.forward(case.with_input(name, a)).astype(np.float64))
        base[at] = inner(case.cotangent, ends[0] - ends[1]) / (2 * h)
    largest = float(np.abs(base).max(initial=0.0)) + float(np.abs(actual).max(initial=0.0))
    return Pair(problem, actual, base, np.full(base.shape, 1e-7 * largest))
