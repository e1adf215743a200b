"""One implementation on one problem: every array that the laws compare, computed once and when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any, TypeVar

import numpy as np

from checks.cases.sparse import whole_numbers
from checks.cases.wide import WIDE
from checks.numbers.bounds import Bound, rounded_once, rounding, running, running_on, stored_once, unit_roundoff
from checks.numbers.precision import ACCUMULATORS, Array, accumulator
from checks.numbers.running import carried, errors, sizes
from checks.op import Case, Op, Problem
from checks.subjects.implementation import Awaited, Judged, Outcome
from checks.trials.witness import HERE, Testimony, Witness

T = TypeVar("T")
MANY = 1 << 10  # elements, beyond which laws that only sample take fewer samples of an op whose bounds take long
HEAVY = 1 << 25  # products in one forward, from which on laws that only sample take fewer samples


@dataclass(frozen=True, eq=False)
class Run:
    """An implementation and the reference on the same case.

    watched  whether what is passed is compared with what it was once the call has returned
    """

    problem: Problem
    implementation: Judged
    reference: Judged
    case: Case
    watched: bool = False

    @cached_property
    def y(self) -> Array:
        """What the implementation's forward returns."""
        return self.outcome("forward").results["y"]

    @cached_property
    def gradients(self) -> Mapping[str, Array]:
        """What the implementation's backward returns, by input name."""
        return self.outcome("backward").results

    def outcome(self, part: str) -> Outcome:
        """What came of "forward" or "backward", which is called once."""
        if part not in self._outcomes:
            self.begin(part)
            self._outcomes[part] = self._begun.pop(part)()
        return self._outcomes[part]

    def begin(self, *parts: str) -> Run:
        """Let what is judged begin with these, or with both, while others go on; what it raises is raised by `outcome`."""
        for part in parts or ("forward", "backward"):
            if part not in self._outcomes and part not in self._begun:
                self._begun[part] = self.implementation.ahead(part, self.case, watch=self.watched)
        return self

    @cached_property
    def _begun(self) -> dict[str, Awaited]:
        return {}

    @cached_property
    def _outcomes(self) -> dict[str, Outcome]:
        return {}

    @cached_property
    def true_y(self) -> Array:
        """The reference's y, in float64 or as exactly."""
        return self.reference.forward(self._widened)

    @cached_property
    def true_gradients(self) -> Mapping[str, Array]:
        """The reference's gradients, in float64 or as exactly."""
        return self.reference.backward(self._widened)

    @cached_property
    def y_bound(self) -> Bound:
        """What rounding can do to y."""
        if is_run(self.problem.op):
            return self._run_bound("y")
        return self._rounding("y", self.magnitude("y"))

    @cached_property
    def gradient_bounds(self) -> Mapping[str, Bound]:
        """What rounding can do to each gradient, by input name."""
        if is_run(self.problem.op):
            return {name: self._run_bound(name) for name in self.problem.present}
        return {name: self._rounding(name, m) for name, m in self.gradient_magnitudes.items()}

    @cached_property
    def gradient_magnitudes(self) -> Mapping[str, Array]:
        """What the roundings in each gradient are relative to, by input name; their number included if it runs."""
        if is_run(self.problem.op):
            u = unit_roundoff(self.problem.dtype)
            return {name: bound.elementwise / u for name, bound in self.gradient_bounds.items()}
        own = self._own_magnitudes
        return {name: own[name] for name in self.problem.present} if own else self.reference.backward(self._absolute)

    def once(self, question: Callable[[Run], T]) -> T:
        """The answer to a question about this run, which is asked once."""
        if question not in self._answers:
            self._answers[question] = question(self)
        answer: T = self._answers[question]
        return answer

    def taken(self, question: Callable[[Run], T]) -> T:
        """The same of a question that one law asks, which may have been asked ahead: the answer is not kept."""
        if question in self._answers:
            answer: T = self._answers.pop(question)
            return answer
        return question(self)

    @cached_property
    def _answers(self) -> dict[Any, Any]:
        return {}

    def result(self, name: str) -> tuple[Array, Array]:
        """Actual and expected of the result of this name."""
        if name == "y":
            return self.y, self.true_y
        name = name.removeprefix("grad_")
        return self.gradients[name], self.true_gradients[name]

    def results(self) -> Iterator[tuple[str, Array, Array]]:
        """Name, actual and expected of y and of each gradient."""
        yield "y", self.y, self.true_y
        for name, gradient in self.gradients.items():
            yield f"grad_{name}", gradient, self.true_gradients[name]

    def bound(self, result: str) -> Bound:
        """What rounding can do to a result of this name."""
        return self.y_bound if result == "y" else self.gradient_bounds[result.removeprefix("grad_")]

    def sharp_bound(self, result: str) -> Bound:
        """What rounding can do to a result of an implementation that keeps sums as wide as kernels do, and stores once."""
        dtype, name = self.problem.dtype, result.removeprefix("grad_")
        if dtype not in ACCUMULATORS:
            return self.bound(result)
        size, kept = np.abs(self._true(name)), ACCUMULATORS[dtype]
        if is_run(self.problem.op):
            once = stored_once(errors(self._carried(name, kept)), size, dtype)
            return Bound(once, once.max(initial=0.0) + running_on(self.sums(name), kept))
        sums = self.sums(name)
        magnitude = self._kept[name] if self._kept else self.magnitude(result)
        return rounded_once(self._terms[name], magnitude, size, self._factors(name), dtype, sums)

    def reference_bound(self, result: str, magnitudes: Mapping[str, Array] | None = None) -> Bound:
        """What rounding can do to this result in a formula that may keep digits which others lose.

        That is the reference's own, or that whose roundings are relative to these magnitudes.
        """
        dtype, name = self.problem.dtype, result.removeprefix("grad_")
        size = np.abs(self._true(name))
        if magnitudes is not None:
            return rounded_once(self._terms[name], magnitudes[name], size, (), dtype)
        if dtype not in ACCUMULATORS:
            return running(errors(self._carried(name, dtype)), dtype)
        return Bound(stored_once(errors(self._carried(name, ACCUMULATORS[dtype])), size, dtype), np.asarray(0.0))

    def _true(self, name: str) -> Array:
        return self.true_y if name == "y" else self.true_gradients[name]

    def magnitude(self, result: str) -> Array:
        """What the roundings in a result are relative to."""
        if is_run(self.problem.op):
            dtype = self.problem.dtype
            return sizes(self._carried(result.removeprefix("grad_"), ACCUMULATORS.get(dtype, dtype)))
        if result != "y":
            return self.gradient_magnitudes[result.removeprefix("grad_")]
        return self._y_magnitude

    def with_cotangent(self, cotangent: Array) -> Run:
        """The same inputs under another cotangent, on which y and its bound do not depend."""
        other = replace(self, case=replace(self.case, cotangent=np.asarray(cotangent)), watched=False)
        same = ("y", "y_bound", "_y_magnitude")
        other.__dict__.update({known: self.__dict__[known] for known in same if known in self.__dict__})
        return other

    @cached_property
    def _widened(self) -> Case:
        """The case in a precision in which the reference is the truth, or as near to it as the bounds assume.

        Whole numbers in float32 where their sums are exact there too: half the work for the same numbers. Where an op is
        no polynomial, and its reference more than sums of products, in extended precision if the machine has it: what
        the reference itself loses in float64 is seen so. Everything else in float64.
        """
        if self.case.whole and self.problem.fits("float32"):
            return self.case.widened(np.float32)
        return self.case.widened(np.float64 if self.problem.op.kind.degree else np.longdouble)

    @cached_property
    def _y_magnitude(self) -> Array:
        own = self._own_magnitudes
        return own["y"] if own else self.reference.forward(self._absolute)

    @cached_property
    def _own_magnitudes(self) -> Mapping[str, Array] | None:
        """Those that the op derives itself, if it does."""
        own = self.problem.op.rounds.magnitudes
        return self._steady(self.problem.dtype) or (None if own is None else own(self.case.widened()))

    @cached_property
    def _kept(self) -> Mapping[str, Array] | None:
        """The same for roundings of what sums are kept in, where results jump if these are large."""
        return self._steady(accumulator(self.problem.dtype).name)

    def _steady(self, dtype: str) -> Mapping[str, Array] | None:
        steady = self.problem.op.rounds.steady
        return None if steady is None else steady(self.case.widened(), unit_roundoff(dtype))

    @cached_property
    def _terms(self) -> Mapping[str, int]:
        """The roundings that each result goes through; one where its magnitude has counted them."""
        terms = self.problem.op.rounds.terms
        return terms(self.problem) if terms else dict.fromkeys(("y", *self.problem.present), 1)

    def _carried(self, name: str, dtype: str) -> Array:
        """y, or a gradient, as the reference makes it of numbers that carry their errors in this precision."""
        if (name == "y", dtype) not in self._ran:
            self._ran[name == "y", dtype] = self._run_on(dtype, forward=name == "y")
        return self._ran[name == "y", dtype][name]

    @cached_property
    def _ran(self) -> dict[tuple[bool, str], Mapping[str, Array]]:
        return {}

    def _run_on(self, dtype: str, *, forward: bool) -> Mapping[str, Array]:
        """What the reference makes of such numbers; for y of inputs that were rounded to points themselves."""
        op, parameters = self.problem.op, self.case.parameters
        named = zip(op.inputs, self.case.inputs, strict=True)
        inputs = [
            a if a is None or name in op.takes.constant else carried(a, dtype, rounded=forward) for name, a in named
        ]
        with np.errstate(all="ignore"):  # what is beyond all numbers comes out with an infinite error
            if forward:
                return {"y": op.reference.forward(*inputs, **parameters)}
            return dict(
                zip(
                    op.inputs,
                    op.reference.backward(carried(self.case.cotangent, dtype), *inputs, **parameters),
                    strict=True,
                )
            )

    @cached_property
    def _absolute(self) -> Case:
        """The case's magnitudes, whose sums need few digits: in float32 where it has the range."""
        sizes = self.case.absolute()
        return sizes.widened(np.float32 if _is_moderate(sizes) else np.float64)

    def _run_bound(self, name: str) -> Bound:
        dtype = self.problem.dtype
        return running(errors(self._carried(name, dtype)), dtype, self.sums(name))

    def _rounding(self, name: str, magnitude: Array) -> Bound:
        sums = self.sums(name)
        return rounding(self._terms[name], magnitude, self._factors(name), self.problem.dtype, sums)

    def sums(self, name: str) -> tuple[int, float]:
        """Of sums that code may keep running along whole axes for a result: their terms, and Σ|terms| of the largest."""
        return self._sums.get(name, (0, 0.0))

    @cached_property
    def _sums(self) -> Mapping[str, tuple[int, float]]:
        running = self.problem.op.rounds.running
        with np.errstate(all="ignore"):  # NaN and ∞ have no bound
            return {} if running is None else running(self.case.absolute().widened())

    def _factors(self, name: str) -> Iterator[Array]:
        """The arrays that every product of a result takes one factor from."""
        named = self.problem.op.rounds.factors.get(name, ())
        return (self.case.cotangent if f == "g" else self.case.input(f) for f in named)


@dataclass(frozen=True, eq=False)
class Trial:
    """One implementation on one problem, as the laws see it; `witness` knows what torch computes."""

    problem: Problem
    implementation: Judged
    reference: Judged
    witness: Witness = HERE

    @cached_property
    def whole(self) -> Run | None:
        """On whole numbers, or None where the dtype has no room for exact sums of so many terms."""
        if self.problem.largest < 1:
            return None
        return self._run(self.problem, whole_numbers(self.problem))

    @cached_property
    def real(self) -> Run:
        """On real numbers."""
        return self._run(self.problem, self.problem.reals(), watched=True)

    @cached_property
    def light(self) -> Run:
        """On real numbers, with less work where the problem is large: for laws that sample rather than decide.

        Whether every element is right is for `exact` and `agreement` to say, which take the whole problem.
        """
        light = lighter(self.problem)
        if is_run(light.op) and light.kind != WIDE:  # of a wide case no law asks for a bound that `agreement` did not
            light = _fewer_samples(light)
        return self.real if light is self.problem else self._run(light, light.reals(), watched=True)

    @cached_property
    def testimony(self) -> Testimony:
        """What torch says of the light case; raises Refused if it does not do it."""
        return self.witness.of(self.light.problem)

    def on(self, case: Case) -> Run:
        """On a case of the law's own."""
        return self._run(self.problem, case)

    def _run(self, problem: Problem, case: Case, *, watched: bool = False) -> Run:
        return Run(problem, self.implementation, self.reference, case, watched)


def is_run(op: Op) -> bool:
    """Whether the bounds of an op are those that its reference gives when it is run on numbers that carry their errors."""
    return op.kind.degree is None and op.rounds.magnitudes is None


def lighter(problem: Problem) -> Problem:
    """An eighth of the samples where a forward takes very many products; the same problem where it is light."""
    y = problem.shape("y")
    terms = problem.op.rounds.terms
    if not problem.samples or y[0] < 2 or prod(y) * (terms(problem)["y"] if terms else 1) <= HEAVY:
        return problem
    return _with_samples(problem, -(-y[0] // 8))


def _fewer_samples(problem: Problem) -> Problem:
    """The problem with as many samples as `MANY` elements make, one at least, where they have nothing to do with another.

    Numbers that carry their errors are objects: a bound takes a thousand times longer than the result that it is for.
    """
    if problem.elements <= MANY or not problem.samples or problem.shape("y")[0] < 2:
        return problem
    return _with_samples(problem, max(1, problem.shape("y")[0] * MANY // problem.elements))


def _with_samples(problem: Problem, few: int) -> Problem:
    shapes = {n: (few, *s[1:]) if s and n in (*problem.samples, "y") else s for n, s in problem.shapes.items()}
    return replace(problem, shapes=shapes)


def _is_moderate(sizes: Case) -> bool:
    """Whether products of two of these magnitudes, and sums of those, are far from the limits of float32."""
    return all(_within(a, 2.0**-50, 2.0**50) for a in (*sizes.inputs, sizes.cotangent) if a is not None)


def _within(sizes: Array, low: float, high: float) -> bool:
    """Whether all of them that are not 0 are between these two."""
    if not sizes.size:
        return True
    least = float(sizes.min()) or float(np.min(sizes.astype(np.float64), where=sizes != 0, initial=np.inf))
    return least > low and float(sizes.max()) < high
