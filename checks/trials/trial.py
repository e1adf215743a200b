"""One implementation on one problem: every array that the laws compare, computed once and when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from checks.numbers.bounds import Bound, rounding, running, unit_roundoff
from checks.numbers.precision import Array
from checks.numbers.running import carried, errors
from checks.op import Case, Problem
from checks.subjects.implementation import Judged

if TYPE_CHECKING:
    import torch

T = TypeVar("T")

MANY = 1 << 10  # elements, beyond which laws that only sample take fewer samples of an op whose bounds take long


@dataclass(frozen=True, eq=False)
class Run:
    """An implementation and the reference on the same case."""

    problem: Problem
    implementation: Judged
    reference: Judged
    case: Case

    @cached_property
    def y(self) -> Array:
        """What the implementation's forward returns."""
        return self.implementation.forward(self.case)

    @cached_property
    def gradients(self) -> Mapping[str, Array]:
        """What the implementation's backward returns, by input name."""
        return self.implementation.backward(self.case)

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
        if self.problem.op.running:
            return running(self._running_y, self.problem.dtype)
        own = self._own_magnitudes
        return self._rounding("y", own["y"] if own else self.reference.forward(self._absolute))

    @cached_property
    def gradient_bounds(self) -> Mapping[str, Bound]:
        """What rounding can do to each gradient, by input name."""
        if self.problem.op.running:
            return {name: running(error, self.problem.dtype) for name, error in self._running_gradients.items()}
        return {name: self._rounding(name, m) for name, m in self.gradient_magnitudes.items()}

    @cached_property
    def gradient_magnitudes(self) -> Mapping[str, Array]:
        """What the roundings in each gradient are relative to, by input name; their number included if it runs."""
        if self.problem.op.running:
            u = unit_roundoff(self.problem.dtype)
            return {name: error / u for name, error in self._running_gradients.items()}
        own = self._own_magnitudes
        return {name: own[name] for name in self.problem.present} if own else self.reference.backward(self._absolute)

    def once(self, question: Callable[[Run], T]) -> T:
        """The answer to a question about this run, which is asked once."""
        if question not in self._answers:
            self._answers[question] = question(self)
        answer: T = self._answers[question]
        return answer

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

    def reference_bound(self, result: str) -> Bound:
        """What rounding can do to this result in the reference's own formula, which may keep digits that others lose."""
        error = self._running_y if result == "y" else self._running_gradients[result.removeprefix("grad_")]
        return running(error, self.problem.dtype)

    def with_cotangent(self, cotangent: Array) -> Run:
        """The same inputs under another cotangent, on which y and its bound do not depend."""
        other = replace(self, case=replace(self.case, cotangent=np.asarray(cotangent)))
        other.__dict__.update({known: self.__dict__[known] for known in ("y", "y_bound") if known in self.__dict__})
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
        return self.case.widened(np.float64 if self.problem.op.degree else np.longdouble)

    @cached_property
    def _own_magnitudes(self) -> Mapping[str, Array] | None:
        """Those that the op derives itself, if it does."""
        own = self.problem.op.magnitudes
        return None if own is None else own(self.case.widened())

    @cached_property
    def _running_y(self) -> Array:
        """What rounding makes of the reference's y, of inputs that were rounded to points themselves."""
        with np.errstate(all="ignore"):  # what is beyond all numbers comes out with an infinite error
            return errors(self.problem.op.reference.forward(*self._carried(rounded=True), **self.case.parameters))

    @cached_property
    def _running_gradients(self) -> Mapping[str, Array]:
        """What rounding makes of the reference's gradients, by input name."""
        op, g = self.problem.op, carried(self.case.cotangent, self.problem.dtype)
        with np.errstate(all="ignore"):
            found = op.reference.backward(g, *self._carried(), **self.case.parameters)
        return {name: errors(a) for name, a in zip(op.inputs, found, strict=True) if name in self.problem.present}

    def _carried(self, *, rounded: bool = False) -> list[Array | None]:
        """The inputs, of numbers that carry their errors; as they are if they are constant."""
        op, dtype = self.problem.op, self.problem.dtype
        named = zip(op.inputs, self.case.inputs, strict=True)
        return [a if a is None or name in op.constant else carried(a, dtype, rounded=rounded) for name, a in named]

    @cached_property
    def _absolute(self) -> Case:
        """The case's magnitudes, whose sums need few digits: in float32 where it has the range."""
        return self.case.absolute().widened(np.float32 if self.case.moderate else np.float64)

    def _rounding(self, name: str, magnitude: Array) -> Bound:
        op = self.problem.op
        named = op.factors.get(name, ())
        factors = [self.case.cotangent if f == "g" else self.case.input(f) for f in named]
        terms = op.terms(self.problem)[name] if op.terms else 1
        return rounding(terms, magnitude, factors, self.problem.dtype)


class Refused(Exception):
    """The witness does not do this case; the message says why."""


@dataclass(frozen=True, eq=False)
class Trial:
    """One implementation on one problem, as the laws see it."""

    problem: Problem
    implementation: Judged
    reference: Judged

    @cached_property
    def whole(self) -> Run | None:
        """On whole numbers, or None where the dtype has no room for exact sums of so many terms."""
        if self.problem.largest < 1:
            return None
        return self._run(self.problem, self.problem.whole_numbers())

    @cached_property
    def real(self) -> Run:
        """On real numbers."""
        return self._run(self.problem, self.problem.reals())

    @cached_property
    def light(self) -> Run:
        """On real numbers, with less work where the problem is large: for laws that sample rather than decide.

        Whether every element is right is for `exact` and `agreement` to say, which take the whole problem.
        """
        lighter = self.problem.op.lighter(self.problem)
        if self.problem.op.running:
            lighter = _fewer_samples(lighter)
        return self.real if lighter is self.problem else self._run(lighter, lighter.reals())

    @property
    def witness_y(self) -> Array:
        """y by torch in float64, on the light case; raises Refused if torch does not do it."""
        y, _ = self._witness
        return np.asarray(y.detach().numpy())

    @cached_property
    def witness_gradients(self) -> Mapping[str, Array]:
        """The gradients by torch.autograd in float64, on the light case; raises Refused if torch does not do it."""
        import torch

        y, inputs = self._witness
        cotangent = torch.from_numpy(self.light.case.widened().cotangent)
        with _threads(self.light.problem):
            # ⟨g, y⟩ has the gradients of y under the cotangent g; passing g itself makes torch load its symbolic shapes.
            gradients = torch.autograd.grad((y * cotangent).sum(), list(inputs.values()))
        return dict(zip(inputs, (g.numpy() for g in gradients), strict=True))

    @cached_property
    def _witness(self) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        """y, and the inputs that have a gradient, as torch's tensors."""
        import torch

        problem, case = self.light.problem, self.light.case.widened()
        named = zip(self.problem.op.inputs, case.inputs, strict=True)
        tensors = {name: None if a is None else torch.from_numpy(a) for name, a in named}
        wanted = {name: t.requires_grad_() for name in problem.present if (t := tensors[name]) is not None}
        with _threads(problem):
            try:
                return self.problem.op.twin(*tensors.values(), **case.parameters), wanted
            except (RuntimeError, ValueError, NotImplementedError) as refusal:
                raise Refused(str(refusal).splitlines()[0]) from refusal

    def on(self, case: Case) -> Run:
        """On a case of the law's own."""
        return self._run(self.problem, case)

    def _run(self, problem: Problem, case: Case) -> Run:
        return Run(problem, self.implementation, self.reference, case)


def _fewer_samples(problem: Problem) -> Problem:
    """The problem with as many samples as `MANY` elements make, one at least, where they have nothing to do with another.

    Numbers that carry their errors are objects: a bound takes a thousand times longer than the result that it is for.
    """
    of_samples = (*problem.op.samples(problem), "y")
    count = problem.shape("y")[0] if len(of_samples) > 1 else 0
    if problem.elements <= MANY or count < 2:
        return problem
    few = max(1, count * MANY // problem.elements)
    return replace(problem, shapes={**problem.shapes, **{n: (few, *problem.shape(n)[1:]) for n in of_samples}})


@contextmanager
def _threads(problem: Problem) -> Iterator[None]:
    """One thread for torch where the problem is small: waking others takes longer than the work."""
    import torch

    before = torch.get_num_threads()
    if problem.elements < 1 << 16:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
