"""Forward mode of an op, alone and over or under reverse mode, as ops of their own. With g a cotangent, v and w tangents:

    jvp                   (v, a) ↦ J v,               by v: Jᵀg
    reverse_over_forward  (v, a) ↦ J v,               by v: Jᵀg,      by a: Σ g_k H_k v
    forward_over_reverse  (v, g, a) ↦ Σ g_k H_k v,    by v: Σ g_k H_k u, for each H_k is symmetric
    forward_over_forward  (v, w, a) ↦ D²f[v, w],      by v: Σ g_k H_k w, by w: Σ g_k H_k v

Each is linear in a tangent, so that ⟨g, J v⟩ = ⟨Jᵀg, v⟩ is what the law `adjoint` says of it, with the implementation's own
backward (or double backward) on the other side. The truth is the reference, moved along a line (moved.py), or two (D²f),
with no derivation of its own. What has no gradient above is held fixed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from checks.numbers.bounds import unit_roundoff
from checks.numbers.precision import PRECISIONS, Array
from checks.numbers.running import carried, errors, sizes
from checks.op import Case, Inputs, Kind, Op, Problem, Rounding
from checks.orders.moved import along
from checks.orders.second import joined, parted
from checks.signature.derivative import Derivative, unwitnessed
from checks.signature.protocol import Reference
from checks.signature.takes import Takes

G = "grad_output"
TANGENTS = ("tangent", "tangent2")


@dataclass(frozen=True)
class Way:
    """One of the four.

    tangents  how many there are
    above     whether the cotangent of y is among the inputs
    moves     whether the inputs have a gradient
    part      what an implementation needs for it, and how that is called
    """

    name: str
    tangents: int
    above: bool
    moves: bool
    part: tuple[str, str]


WAYS = {
    way.name: way
    for way in (
        Way("jvp", 1, False, False, ("jvp", "jvp(tangents, *inputs)")),
        Way("reverse_over_forward", 1, False, True, ("jvp_backward", "jvp_backward(grad_output, tangents, *inputs)")),
        Way("forward_over_reverse", 1, True, False, ("backward_jvp", "backward_jvp(tangents, grad_output, *inputs)")),
        Way("forward_over_forward", 2, False, False, ("jvp_jvp", "jvp_jvp(tangents, tangents2, *inputs)")),
    )
}  # fmt: skip


def forward_mode(way: Way) -> Callable[[Op], Op]:
    """What makes the op of this way from an op."""

    def made(op: Op) -> Op:
        names = [[f"{t}_{n}" for n in op.takes.differentiable] for t in TANGENTS[: way.tangents]]
        truth = Moved(op, way)
        return Op(
            name=f"{op.name}.{way.name}",
            reference=truth,
            takes=_takes(op, way, names),
            twin=unwitnessed,
            kind=Kind(
                degree=op.kind.degree,
                unit=lambda problem: op.kind.unit(_base(problem, op, way)),
                linear_in=tuple(map(tuple, names)),
                mixes=lambda problem: op.kind.mixes(_base(problem, op, way)),
                analytic=False,  # complex numbers are what the truth goes by
            ),
            rounds=_rounds(op, way, truth),
            cases=Inputs(
                draw=_draw(op, way),
                tried=lambda problem: op.cases.tried(_base(problem, op, way)),
                written=lambda problem: op.cases.written(_base(problem, op, way)),
            ),
            derivative=Derivative(op, way.part, _adapted(op, way), witnessed=False),
        )

    return made


@dataclass(frozen=True)
class Moved:
    """The truth; inputs are tangents, then the cotangent if there is one, then those of the op."""

    op: Op
    way: Way

    def split(self, given: Sequence[Any]) -> tuple[list[list[Any]], Any, list[Any]]:
        """The tangents, one for each input of the op; the cotangent; the inputs."""
        each = len(self.op.takes.differentiable)
        start = each * self.way.tangents
        inputs = list(given[start + self.way.above :])
        tangents = []
        for t in range(self.way.tangents):
            own = dict(zip(self.op.takes.differentiable, given[t * each : (t + 1) * each], strict=True))
            tangents.append([own.get(name) for name, _ in zip(self.op.inputs, inputs, strict=False)])
        return tangents, given[start] if self.way.above else None, inputs

    def forward(self, *given: Any, **parameters: Any) -> Array:
        """J v, Σ g_k H_k v as one vector, or D²f[v, w]."""
        (v, *others), g, inputs = self.split(given)
        with np.errstate(all="ignore"):
            if self.way.above:
                return joined(self._hessian(g, v, inputs, parameters))
            if others:

                def once(*a: Any) -> Any:
                    return self._tangent(v, a, parameters)

                return np.asarray(along(once, inputs, others[0], analytic=False)[0])
            return np.asarray(self._tangent(v, inputs, parameters))

    def backward(self, grad_output: Any, *inputs: Any, **parameters: Any) -> tuple[Array | None, ...]:
        """By each tangent, and by the inputs where they move; None for what is held fixed."""
        tangents, g, arrays = self.split(inputs)
        with np.errstate(all="ignore"):
            if self.way.above:
                u = parted(self.op, grad_output, arrays)
                by = [self._hessian(g, u, arrays, parameters)]
            elif self.way.tangents > 1:
                by = [self._hessian(grad_output, v, arrays, parameters) for v in reversed(tangents)]
            else:
                by = [list(self.op.reference.backward(grad_output, *arrays, **parameters))]
            found = [own[self.op.inputs.index(n)] for own in by for n in self.op.takes.differentiable]
            found = [None if t is None else f for f, t in zip(found, inputs, strict=False)]
            moved = (
                self._hessian(grad_output, tangents[0], arrays, parameters) if self.way.moves else [None] * len(arrays)
            )
        return *found, *([None] if self.way.above else []), *moved

    def _tangent(self, v: Sequence[Any], inputs: Sequence[Any], parameters: Mapping[str, Any]) -> Any:
        reference = self.op.reference
        return along(lambda *a: reference.forward(*a, **parameters), inputs, v, analytic=self.op.kind.analytic)[0]

    def _hessian(self, g: Any, v: Sequence[Any], inputs: Sequence[Any], parameters: Mapping[str, Any]) -> list[Any]:
        reference, constant = self.op.reference, self.op.takes.constant
        moved = along(
            lambda g, *a: reference.backward(g, *a, **parameters),
            (g, *inputs), (None, *v), analytic=self.op.kind.analytic,
        )  # fmt: skip
        named = zip(self.op.inputs, moved, inputs, strict=False)
        return [None if n in constant or a is None else m for n, m, a in named]


class _Takes(Takes):
    """Tangents are there where their inputs are; y has the shape of y, or holds one number for each of the inputs."""

    def completed(self, shapes: Mapping[str, tuple[int, ...] | None]) -> dict[str, tuple[int, ...] | None]:
        found = dict(shapes)
        for name in self.inputs:
            of = name.partition("_")[2]
            if name.partition("_")[0] in TANGENTS and of in found:
                found[name] = found[of]
        if G in found:
            own = [found[n] for n in self.inputs if n.partition("_")[0] == TANGENTS[0]]
            found["y"] = (sum(int(np.prod(s)) for s in own if s is not None),)
        return found

    def shapes(self, sizes: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, tuple[int, ...] | None]:
        own = {
            name: axes.shape(sizes, parameters) for name, axes in self.axes.items() if name != "y" or G not in self.axes
        }
        return self.completed({**own, **({"y": (0,)} if G in self.axes else {})})


def _takes(op: Op, way: Way, names: Sequence[Sequence[str]]) -> Takes:
    takes = op.takes
    arrays = {n: takes.arrays[n.partition("_")[2]] for group in names for n in group}
    arrays |= {G: takes.arrays["y"]} if way.above else {}
    arrays |= {n: takes.arrays[n] for n in takes.inputs} | {"y": "gradients" if way.above else takes.arrays["y"]}
    fields = {name: getattr(takes, name) for name in takes.__dataclass_fields__}
    fixed = takes.constant if way.moves else (*takes.inputs, *((G,) if way.above else ()))
    return _Takes(**{**fields, "arrays": arrays, "constant": fixed, "scales": {}})


def _base(problem: Problem, op: Op, way: Way) -> Problem:
    """The problem of the op itself."""
    shapes = {name: problem.shapes[name] for name in op.inputs}
    return replace(problem, op=op, shapes={**shapes, "y": problem.shapes[G if way.above else "y"]})


def _draw(op: Op, way: Way) -> Callable[[Problem, str, np.random.Generator, bool], Array | None]:
    """The inputs as the op draws them; tangents as usual, but 0 where no gradient goes (a row that pads)."""

    def draw(problem: Problem, name: str, rng: np.random.Generator, whole: bool) -> Array | None:
        own = _base(problem, op, way)
        if name in op.inputs:
            return op.cases.draw(own, name, rng, whole)
        of = name.partition("_")[2]
        empty = [None if own.shapes[n] is None else np.empty(own.shape(n)) for n in op.inputs]
        stopped = op.kind.stops(empty, problem.parameters).get(of)
        if stopped is None:
            return None
        shape, most = problem.shape(name), max(1, problem.largest)
        numbers = rng.integers(1, most + 1, shape) * rng.choice((-1, 1), shape) if whole else rng.uniform(-1, 1, shape)
        return PRECISIONS[problem.dtype].rounded(np.where(stopped, 0, numbers))

    return draw


def _rounds(op: Op, way: Way, truth: Reference) -> Rounding:
    """By the sizes, or the errors, that come out of the truth on numbers that carry them, as for a double backward."""

    def terms(problem: Problem) -> dict[str, int]:
        own = _base(problem, op, way)
        counted = op.rounds.terms(own) if op.rounds.terms else {}
        most = 2 * max(1, len(own.present)) * max([1, *counted.values()])
        return dict.fromkeys(("y", *problem.op.inputs), most)

    def magnitudes(case: Case) -> dict[str, Array]:
        arrays = [a if a is None or a.dtype.kind != "f" else carried(a, "float64") for a in case.inputs]
        with np.errstate(all="ignore"):
            y = truth.forward(*arrays, **case.parameters)
            gradients = truth.backward(carried(case.cotangent, "float64"), *arrays, **case.parameters)
        named = {"y": y, **dict(zip(case.op.inputs, gradients, strict=True))}
        found = {}
        for name, run in named.items():
            if run is None:
                continue
            if op.kind.degree is not None:
                found[name] = sizes(run)
                continue
            error = errors(run) / unit_roundoff("float64")
            finite = error[np.isfinite(error)]
            found[name] = 2 * (error + (float(finite.mean()) if finite.size else 0.0))
        return found

    return Rounding(terms if op.kind.degree is not None else None, magnitudes)


def _adapted(op: Op, way: Way) -> Callable[[Any], Mapping[str, Any]]:
    """An implementation that has this, and what its gradients are had from, as one of the way."""
    truth = Moved(op, way)
    part = way.part[0]

    def adapted(given: Any) -> Mapping[str, Any]:
        call = getattr(given, part)

        def forward(*arrays: Array | None, **parameters: Any) -> Any:
            (v, *others), g, inputs = truth.split(arrays)
            above = [tuple(v), *map(tuple, others), *([g] if way.above else [])]
            found = fitted(call, above, inputs, parameters)
            return joined(found if isinstance(found, tuple | list) else (found,)) if way.above else found

        def backward(grad_output: Array, *arrays: Array | None, **parameters: Any) -> Any:
            (v, *others), g, inputs = truth.split(arrays)
            if way.above:
                u = tuple(parted(op, grad_output, inputs))
                by = [_each(fitted(call, [u, g], inputs, parameters))]
                moved: Sequence[Any] = [None] * (len(inputs) + 1)
            elif others:
                twice = [
                    fitted(given.double_backward, [tuple(t), grad_output], inputs, parameters) for t in (*others, v)
                ]
                by, moved = [_each(found)[1:] for found in twice], [None] * len(inputs)
            else:
                by, moved = [_each(fitted(given.backward, [grad_output], inputs, parameters))], [None] * len(inputs)
                if way.moves:
                    moved = _each(fitted(call, [grad_output, tuple(v)], inputs, parameters))[1]
            names = op.takes.differentiable
            found = [dict(zip(op.inputs, own, strict=False)).get(n) for own in by for n in names]
            return *found, *moved

        if way.moves:
            plain = given.jvp

            def forward(*arrays: Array | None, **parameters: Any) -> Any:
                (v,), _, inputs = truth.split(arrays)
                return fitted(plain, [tuple(v)], inputs, parameters)

        return {"forward": (forward, None), "backward": (backward, None)}

    return adapted


def _each(found: Any) -> list[Any]:
    return list(found) if isinstance(found, tuple | list) else [found]


def fitted(call: Callable[..., Any], above: Sequence[Any], inputs: Sequence[Any], parameters: Mapping[str, Any]) -> Any:
    """Call it; without inputs at the end that are not there and that it does not take."""
    arrays = [*above, *inputs]
    try:
        kinds = [p.kind for p in inspect.signature(call).parameters.values()]
    except (TypeError, ValueError):
        kinds = [inspect.Parameter.VAR_POSITIONAL]
    if inspect.Parameter.VAR_POSITIONAL not in kinds:
        by_place = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
        most = sum(kind in by_place for kind in kinds)
        while len(arrays) > most and arrays[-1] is None:
            arrays.pop()
    return call(*arrays, **parameters)
