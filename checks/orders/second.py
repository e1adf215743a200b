"""The double backward of an op as an op of its own: y' = Jᵀg as a function of g and of all inputs a, and its gradients.

With u, one cotangent for each gradient, what a double backward returns are the gradients of ⟨u, Jᵀg⟩ = ⟨J u, g⟩:

    by g       J u                           = d/dt f(a + t·u)             at t = 0
    by each a  ∂/∂a ⟨J u, g⟩ = Σ g_k H_k u   = d/dt Jᵀ(a + t·u) g          at t = 0

since the Hessian H_k of each y_k is symmetric. So the truth needs no derivation of its own: forward and backward of the
reference along the one line a + t·u (moved.py), every element at once, exact to rounding, and exact where the op is. What
proves it are the same laws as for any op: torch's own double backward, slopes of the backward, the complex step along g
and a, and that what comes out is symmetric (laws/symmetry.py).

Results are called after what they are the gradients of: `y` is all gradients of the op, one after another, `grad_x` the
gradient of ⟨u, Jᵀg⟩ by x, `grad_grad_output` that by g.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from checks.numbers.bounds import unit_roundoff
from checks.numbers.precision import Array
from checks.numbers.running import carried, errors, sizes
from checks.op import Case, Inputs, Kind, Op, Problem, Rounding
from checks.orders.mistakes import lifted
from checks.orders.moved import along
from checks.signature.derivative import Derivative, unwitnessed
from checks.signature.takes import Takes

GRADIENTS = "gradients"  # the axis of all gradients, one after another
GIVEN, THIRD = "double_backward", "triple_backward"
LOUDEST = 8  # an input that is scaled by 2 to this has no scale of its own


def double_backward(op: Op) -> Op:
    """The op of this op's double backward."""
    derived = Op(
        name=f"{op.name}.{GIVEN}",
        reference=Twice(op),
        takes=_takes(op.takes, op.cotangent),
        twin=_twin(op),
        kind=Kind(
            degree=op.kind.degree,
            unit=lambda problem: op.kind.unit(base(problem, op)),
            linear_in=((op.cotangent,),),
            analytic=op.kind.analytic,
            radius=lambda case: op.kind.radius(base_case(case, op)),
            hessian=op.takes.differentiable,
        ),
        rounds=_rounds(op),
        cases=Inputs(
            draw=lambda problem, name, rng, whole: (
                None if name == op.cotangent else op.cases.draw(base(problem, op), name, rng, whole)
            ),
            tried=lambda problem: op.cases.tried(base(problem, op)),
            written=lambda problem: op.cases.written(base(problem, op)),
        ),
        derivative=Derivative(op, (GIVEN, "double_backward(grad_grads, grad_output, *inputs)"), _adapted(op)),
    )
    return replace(derived, mistakes=lifted(op))


def triple_backward(op: Op) -> Op:
    """The op of its third order: the double backward of the double backward, of which torch is no witness.

        triple_backward(grad_grad_grads, grad_grads, grad_output, *inputs)

    grad_grad_grads is one cotangent for each result of the double backward. What is returned is the gradient by each: a
    tuple for grad_grads, one for grad_output, and one for each input.
    """
    twice = double_backward(op)
    thrice = double_backward(twice)
    part = THIRD, f"{THIRD}(grad_grad_grads, grad_grads, grad_output, *inputs)"
    return replace(
        thrice,
        name=f"{op.name}.{THIRD}",
        kind=replace(thrice.kind, analytic=False),
        twin=unwitnessed,
        mistakes=(),
        derivative=Derivative(op, part, _adapted_thrice(op, twice), witnessed=False),
    )


def _adapted_thrice(op: Op, twice: Op) -> Callable[[Any], Mapping[str, Any]]:
    """What turns an implementation of the op that has a third order into one of that."""

    def adapted(given: Any) -> Mapping[str, Any]:
        second, _ = _adapted(op)(given)["backward"]

        def forward(grad_grads: Array, grad_output: Array, *inputs: Array | None, **parameters: Any) -> Array:
            found = second(grad_grads, grad_output, *inputs, **parameters)
            return joined(_fitting(twice, found, (grad_output, *inputs)))

        def third(above: Array, grad_grads: Array, grad_output: Array, *inputs: Array | None, **parameters: Any) -> Any:
            w = tuple(parted(twice, above, (grad_output, *inputs)))
            u = tuple(parted(op, grad_grads, inputs))
            of_u, *rest = given.triple_backward(w, u, grad_output, *inputs, **parameters)
            return joined(of_u), *rest

        return {"forward": (forward, None), "backward": (third, None)}

    return adapted


def base(problem: Problem, op: Op) -> Problem:
    """The problem of the op itself."""
    shapes = {name: problem.shapes[name] for name in op.inputs} | {"y": problem.shapes[op.cotangent]}
    return replace(problem, op=op, shapes=shapes)


def base_case(case: Case, op: Op) -> Case:
    """The case of the op itself, without the cotangents of its gradients."""
    cotangent, *inputs = case.input(op.cotangent), *case.inputs[1:]
    return replace(case, op=op, inputs=tuple(inputs), cotangent=cotangent)


@dataclass(frozen=True)
class Twice:
    """Jᵀg as one vector, and the gradients of ⟨u, Jᵀg⟩, of an op's reference; see the module."""

    op: Op

    def forward(self, *given: Any, **parameters: Any) -> Array:
        """All gradients that there are, one after another; given are grad_output and the inputs."""
        arrays = list(given)
        if any(np.iscomplexobj(a) for a in arrays):  # then all that have a gradient, for these have a dtype for each
            named = zip(("", *self.op.inputs), arrays, strict=False)
            kept = self.op.takes.constant
            arrays = [a if a is None or a.dtype.kind != "f" or n in kept else a + 0j for n, a in named]
        return joined(self.op.reference.backward(*arrays, **parameters))

    def backward(self, grad_output: Any, *inputs: Any, **parameters: Any) -> tuple[Array | None, ...]:
        """J u, and Σ g_k H_k u for each input that has a gradient; given are u, g and the inputs."""
        grad_grads, (grad_output, *inputs) = grad_output, inputs  # type: ignore[assignment]
        reference, constant = self.op.reference, self.op.takes.constant
        u = parted(self.op, grad_grads, inputs)
        for name, stopped in self.op.kind.stops(inputs, parameters).items():
            at = self.op.inputs.index(name)
            part = u[at]
            u[at] = None if part is None else np.where(stopped, 0, part)
        analytic = self.op.kind.analytic and self.op.derivative is None  # one line within another: dual numbers
        with np.errstate(all="ignore"):
            (ju,) = along(lambda *a: reference.forward(*a, **parameters), inputs, u, analytic=analytic)
            moved = along(
                lambda g, *a: reference.backward(g, *a, **parameters),
                (grad_output, *inputs),
                (None, *u),
                analytic=analytic,
            )
        named = zip(self.op.inputs, moved, inputs, strict=False)
        return ju, *(None if n in constant or a is None else m for n, m, a in named)


def joined(gradients: Sequence[Any]) -> Array:
    """Those that there are as one vector."""
    there = [np.asarray(g).reshape(-1) for g in gradients if g is not None]
    return np.concatenate(there) if there else np.zeros(0)


def parted(op: Op, vector: Array, inputs: Sequence[Array | None]) -> list[Array | None]:
    """The parts of such a vector that belong to each input, in its shape; None where there is no gradient."""
    parts: list[Array | None] = []
    start = 0
    for name, a in zip(op.inputs, inputs, strict=False):
        if a is None or name in op.takes.constant:
            parts.append(None)
            continue
        size = prod(np.shape(a))
        parts.append(vector[start : start + size].reshape(np.shape(a)))
        start += size
    return parts


def _adapted(op: Op) -> Callable[[Any], Mapping[str, Any]]:
    """What turns an implementation of the op that has a double backward into one of that."""

    def adapted(given: Any) -> Mapping[str, Any]:
        backward, double = given.backward, getattr(given, GIVEN)

        def forward(grad_output: Array, *inputs: Array | None, **parameters: Any) -> Array:
            return joined(_fitting(op, backward(grad_output, *inputs, **parameters), inputs))

        def twice(grad_grads: Array, grad_output: Array, *inputs: Array | None, **parameters: Any) -> Any:
            above = tuple(parted(op, grad_grads, inputs))
            return double(above, grad_output, *inputs, **parameters)

        return {"forward": (forward, backward), "backward": (twice, double)}

    return adapted


def _fitting(op: Op, returned: Any, inputs: Sequence[Array | None]) -> list[Any]:
    """The gradients, once each is known to have the shape of its input: in one vector nobody could tell any more."""
    wanted = [a for n, a in zip(op.inputs, inputs, strict=False) if a is not None and n not in op.takes.constant]
    found = [g for g in (returned if isinstance(returned, tuple | list) else (returned,)) if g is not None]
    if [np.shape(g) for g in found] != [np.shape(a) for a in wanted]:
        shapes = ", ".join(str(np.shape(g)) for g in found)
        raise ValueError(f"backward returned gradients of shapes {shapes}; expected those of the inputs")
    return found


class _Takes(Takes):
    """Those of the op, the cotangent before them; y holds all gradients, and is as long as the inputs together."""

    def shapes(self, sizes: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, tuple[int, ...] | None]:
        """Of all arrays, where every input is there."""
        own = {
            name: (0,) if self.arrays[name].startswith(GRADIENTS) else axes.shape(sizes, parameters)
            for name, axes in self.axes.items()
        }
        return self.completed(own)

    def completed(self, shapes: Mapping[str, tuple[int, ...] | None]) -> dict[str, tuple[int, ...] | None]:
        """With as many gradients as those inputs have elements that are there; of a third order, in the cotangent too."""
        found = dict(shapes)
        for name, after in (self.inputs[0], 2), ("y", 1):
            if self.arrays[name].startswith(GRADIENTS):
                own = [found[n] for n in self.inputs[after:] if n not in self.constant]
                found[name] = (sum(prod(shape) for shape in own if shape is not None),)
        return found


def _takes(takes: Takes, above: str) -> Takes:
    inside = takes.arrays["y"]
    again = f"{inside}_again" if inside.startswith(GRADIENTS) else GRADIENTS
    arrays = {above: inside, **{n: takes.arrays[n] for n in takes.inputs}, "y": again}
    fields = {name: getattr(takes, name) for name in takes.__dataclass_fields__}
    return _Takes(**{**fields, "arrays": arrays})


def _rounds(op: Op) -> Rounding:
    """As many products as there are inputs for each of the op, where Σ|terms| is what the reference gives on magnitudes.

    For all else the formulas are run on dual numbers that carry their sizes and errors.
    """

    def terms(problem: Problem) -> dict[str, int]:
        own = base(problem, op)
        counted = op.rounds.terms(own) if op.rounds.terms else dict.fromkeys(("y", *own.present), 1)
        each = max(1, len(own.present))
        found = {name: each * counted.get(name, 1) for name in own.present}
        return {"y": max(counted.get(name, 1) for name in own.present), op.cotangent: each * counted["y"], **found}

    if op.kind.degree is not None:
        return Rounding(terms, None if op.rounds.magnitudes is None else _sizes(op))
    return Rounding(None, _errors(op))


def _run(op: Op, case: Case, dtype: str) -> dict[str, Array]:
    """y' and its gradients, of numbers that carry how they round."""
    reference = Twice(op)
    kept = op.takes.constant
    arrays = [
        a if a is None or n in kept else carried(a, dtype) for n, a in zip(case.op.inputs, case.inputs, strict=True)
    ]
    with np.errstate(all="ignore"):
        y = reference.forward(*arrays, **case.parameters)
        gradients = reference.backward(carried(case.cotangent, dtype), *arrays, **case.parameters)
    return {"y": y, **{n: g for n, g in zip(case.op.inputs, gradients, strict=True) if g is not None}}


def _sizes(op: Op) -> Callable[[Case], Mapping[str, Array]]:
    def magnitudes(case: Case) -> dict[str, Array]:
        return {name: sizes(found) for name, found in _run(op, case, "float64").items()}

    return magnitudes


def _errors(op: Op) -> Callable[[Case], Mapping[str, Array]]:
    """How many roundings of what size, by running error analysis (numbers/running.py), and as many of the typical one.

    Formulas in use differ more from one another than at first order: σ'' is had from y by σ(1 − σ)(1 − 2σ), and a variance
    as a difference of means, so that errors are relative to the largest number on the way, and not to the result. What is
    typical of an array is large where such a number is; where none is left, as in one element in the tail of a function,
    what the backward is off by is (beside).
    """

    def magnitudes(case: Case) -> dict[str, Array]:
        found = {}
        off = beside(op, base_case(case, op), parted(op, case.cotangent, case.inputs[1:]))
        for name, run in _run(op, case, "float64").items():
            error = errors(run) / unit_roundoff("float64")
            finite = error[np.isfinite(error)]
            found[name] = 2 * (error + (float(finite.mean()) if finite.size else 0.0)) + off.get(name, 0.0)
        return found

    return magnitudes


def beside(op: Op, case: Case, tangents: Sequence[Array | None]) -> Mapping[str, Array]:
    """What each gradient of this case is off by, in u, times the longest tangent by an input that has a scale of its own.

    A function that tends to a constant does so on a scale of its own, about 1, whatever its inputs are: nobody scales those
    far up. On that scale the derivative of a formula loses what the formula does: f' = σ·(1 + x(1 − σ)) of SiLU has an
    error of u where x is large, and so has f'' as autograd makes it of that, though f'' is e⁻ˣ there.
    """
    named = zip(op.inputs, tangents, strict=True)
    lengths = [float(np.abs(v).max()) for n, v in named if v is not None and np.size(v) and _has_a_scale(op, n)]
    longest = max(lengths, default=0.0)
    return {name: longest * off for name, off in _first_order(op, case).items()} if longest else {}


def _has_a_scale(op: Op, name: str) -> bool:
    scales = op.takes.scales.get(name, (0,))
    return not isinstance(scales, str) and max(scales) < LOUDEST


def _first_order(op: Op, case: Case) -> Mapping[str, Array]:
    """How far rounding leads in the gradients of the op itself, in u: as it says, or by running error analysis."""
    if op.rounds.magnitudes is not None:
        named = zip((*op.inputs, "y"), (*case.inputs, case.cotangent), strict=True)
        problem = Problem(op, {n: None if a is None else a.shape for n, a in named}, case.parameters)
        counted = op.rounds.terms(problem) if op.rounds.terms else {}
        found = op.rounds.magnitudes(case.widened())
        return {n: counted.get(n, 1) * np.asarray(a) for n, a in found.items() if n != "y"}
    kept = op.takes.constant
    arrays = [
        a if a is None or n in kept else carried(a, "float64") for n, a in zip(op.inputs, case.inputs, strict=True)
    ]
    with np.errstate(all="ignore"):
        gradients = op.reference.backward(carried(case.cotangent, "float64"), *arrays, **case.parameters)
    u = unit_roundoff("float64")
    return {n: errors(g) / u for n, g in zip(op.inputs, gradients, strict=True) if g is not None}


def _twin(op: Op) -> Callable[..., Any]:
    """The same by torch: its backward, as something that it can differentiate."""

    def twin(grad_output: Any, *inputs: Any, **parameters: Any) -> Any:
        import torch

        named = [(n, t) for n, t in zip(op.inputs, inputs, strict=True) if t is not None and n not in op.takes.constant]
        leaves = [t if t.requires_grad else t.detach().requires_grad_() for _, t in named]
        own = iter(leaves)
        passed = [
            t if t is None or n in op.takes.constant else next(own) for n, t in zip(op.inputs, inputs, strict=True)
        ]
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):  # others have one derivative only
            y = op.twin(*passed, **parameters)
        found = torch.autograd.grad(y, leaves, grad_output, create_graph=True, allow_unused=True)
        zeros = (torch.zeros_like(t) if g is None else g for g, t in zip(found, leaves, strict=True))
        # What does not depend on an input has no gradient by it, which the witness would refuse: 0 times it has.
        nothing = sum((0 * t.sum() for t in (grad_output, *leaves)), torch.zeros((), dtype=y.dtype))
        return torch.cat([g.reshape(-1) for g in zeros]) + nothing

    return twin
