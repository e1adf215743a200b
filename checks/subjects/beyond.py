"""What torch makes of a function beyond its backward: autograd's double backward, torch.func's forward mode and vmap."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from checks.numbers.precision import Array
from checks.op import Op
from checks.subjects.offered import PARTS, SAMPLES
from checks.subjects.tensors import Handed, apart, ends_here, passed_on

Hand = Callable[[tuple[Array | None, ...]], Handed]


def derivatives(op: Op, function: Callable[..., Any], handed: Hand) -> Mapping[str, Callable[..., Any]]:
    """By their names in the protocol: each of NumPy arrays, for a function of tensors of the op's inputs."""
    beyond, twin = _Beyond(op, function, handed), _Beyond(op, op.twin, handed)
    return {name: _refusing(getattr(beyond, name), getattr(twin, name), op) for name in (*PARTS, SAMPLES)}


def _refusing(part: Callable[..., Any], of_twin: Callable[..., Any], op: Op) -> Callable[..., Any]:
    """The part, where NotImplementedError says what torch lacks: it raises the same of its own function of the op."""

    def called(*arrays: Any, **parameters: Any) -> Any:
        try:
            return part(*arrays, **parameters)
        except RuntimeError as error:
            said = str(error)
            if isinstance(error, NotImplementedError) or not (
                _lacks(said) or said == _said(of_twin, arrays, parameters, op)
            ):
                raise
            raise NotImplementedError(f"torch has none here: {said.strip().splitlines()[0]}") from error

    return called


def _lacks(said: str) -> bool:
    """Whether torch says of one of its own functions that it has no such derivative."""
    return said.startswith("derivative for aten::") and "is not implemented" in said


def _said(of_twin: Callable[..., Any], arrays: Any, parameters: Mapping[str, Any], op: Op) -> str:
    """What torch's own function of the op raises here, or nothing."""
    try:
        of_twin(*arrays, **{**op.takes.defaults, **parameters})
    except Exception as error:  # noqa: BLE001, whatever it is, it is compared with what the code raised
        return str(error)
    return ""


@dataclass(frozen=True)
class _Beyond:
    op: Op
    function: Callable[..., Any]
    handed: Hand

    def differentiable(self, given: Handed) -> list[int]:
        """The places of the inputs that are there and have a gradient."""
        named = zip(self.op.inputs, given.tensors, strict=False)
        return [i for i, (n, t) in enumerate(named) if t is not None and n in self.op.takes.differentiable]

    def of_those(self, given: Handed, parameters: Mapping[str, Any]) -> tuple[Callable[..., Any], list[Any]]:
        """The function of the inputs that have a gradient, and these."""
        places = self.differentiable(given)

        def called(*moved: Any) -> Any:
            every = list(given.tensors)
            for i, t in zip(places, moved, strict=True):
                every[i] = t
            return self.function(*every, **parameters)

        return called, [given.tensors[i] for i in places]

    def along(self, tangents: Any, given: Handed) -> tuple[Any, ...]:
        """The tangents of those, as tensors."""
        own = self.handed(tuple(tangents)).tensors
        return tuple(own[i] for i in self.differentiable(given))

    def double_backward(
        self, grad_grads: Any, grad_output: Array, *inputs: Array | None, **parameters: Any
    ) -> tuple[Any, ...]:
        """By grad_output and by each input, through autograd twice."""
        given, above, beyond = (self.handed(a) for a in (inputs, (grad_output,), tuple(grad_grads)))
        called, a = self.of_those(given, parameters)
        places = self.differentiable(given)
        leaves = [t.detach().requires_grad_() for t in (above.tensors[0], *a)]

        def first(g: Any, *moved: Any) -> list[Any]:
            return _gradients(lambda *m: [called(*map(passed_on, m, a))], moved, [g])

        found = _gradients(first, leaves, [beyond.tensors[i] for i in places])
        of_g, *rest = apart(found, above.tensors[0])
        for one in (given, above, beyond):
            one.write_back()
        return given.numpy(of_g), *_spread(rest, given, places)

    def triple_backward(
        self, above: Any, grad_grads: Any, grad_output: Array, *inputs: Array | None, **parameters: Any
    ) -> tuple[Any, ...]:
        """By each of grad_grads, by grad_output and by each input, through autograd three times."""
        given = self.handed(inputs)
        called, a = self.of_those(given, parameters)
        places = self.differentiable(given)
        g, *_ = self.handed((grad_output,)).tensors
        w, u = self.handed(tuple(above)).tensors, self.handed(tuple(grad_grads)).tensors
        leaves = [t.detach().requires_grad_() for t in (*(u[i] for i in places), g, *a)]
        n = len(places)

        def first(g: Any, *moved: Any) -> list[Any]:
            return _gradients(lambda *m: [called(*map(passed_on, m, a))], moved, [g])

        def second(*moved: Any) -> list[Any]:
            return _gradients(first, moved[n:], moved[:n])

        found = list(apart(_gradients(second, leaves, [w[0], *(w[i + 1] for i in places)]), g))
        given.write_back()
        of_u, of_g, rest = found[:n], found[n], found[n + 1 :]
        return _spread(of_u, given, places), given.numpy(of_g), *_spread(rest, given, places)

    def jvp(self, tangents: Any, *inputs: Array | None, **parameters: Any) -> Any:
        """J v."""
        given = self.handed(inputs)
        called, a = self.of_those(given, parameters)
        y = _pushed(called, tuple(a), self.along(tangents, given))
        given.write_back()
        return given.numpy(y)

    def jvp_backward(
        self, grad_output: Array, tangents: Any, *inputs: Array | None, **parameters: Any
    ) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """By the tangents and by the inputs, of ⟨grad_output, J v⟩: reverse over forward mode."""
        import torch

        given, above = self.handed(inputs), self.handed((grad_output,)).tensors[0]
        called, a = self.of_those(given, parameters)

        def value(v: Any, a: Any) -> Any:
            return (_pushed(called, a, v) * above).sum()

        v, places = self.along(tangents, given), self.differentiable(given)
        by = [torch.func.grad(value, argnums)(v, tuple(a)) for argnums in (0, 1)]
        given.write_back()
        return _spread(by[0], given, places), _spread(by[1], given, places)

    def backward_jvp(
        self, tangents: Any, grad_output: Array, *inputs: Array | None, **parameters: Any
    ) -> tuple[Any, ...]:
        """The derivative of each gradient along the tangents: forward over reverse mode."""
        import torch

        given, above = self.handed(inputs), self.handed((grad_output,)).tensors[0]
        called, a = self.of_those(given, parameters)

        def pulled(*a: Any) -> Any:
            return torch.func.vjp(called, *a)[1](above)

        found = _pushed(pulled, tuple(a), self.along(tangents, given))
        given.write_back()
        return _spread(found, given, self.differentiable(given))

    def jvp_jvp(self, tangents: Any, tangents2: Any, *inputs: Array | None, **parameters: Any) -> Any:
        """D²f of two tangents: forward over forward mode."""
        given = self.handed(inputs)
        called, a = self.of_those(given, parameters)
        v, w = self.along(tangents, given), self.along(tangents2, given)
        y = _pushed(lambda *a: _pushed(called, a, v), tuple(a), w)
        given.write_back()
        return given.numpy(y)

    def per_sample(self, grad_output: Array, *inputs: Array | None, **parameters: Any) -> tuple[Any, ...]:
        """The gradients of each sample for itself: torch.func.vmap of torch.func.vjp."""
        given, above = self.handed(inputs), self.handed((grad_output,)).tensors[0]
        named = zip(self.op.inputs, given.tensors, strict=False)
        batched = [i for i, (n, t) in enumerate(named) if t is not None and n in self.op.takes.leading()]
        places = self.differentiable(given)
        if not len(above):  # no sample is called for
            own = {
                i: given.tensors[i] if i in batched else given.tensors[i].new_zeros((0, *given.tensors[i].shape))
                for i in places
            }
            return _spread([own[i] for i in places], given, places)

        found = of_each_sample(partial(self.function, **parameters), given.tensors, batched, places, above)
        given.write_back()
        return _spread(found, given, places)


def of_each_sample(
    function: Callable[..., Any], tensors: Sequence[Any], batched: Sequence[int], places: Sequence[int], above: Any
) -> tuple[Any, ...]:
    """By the inputs at these places, with an axis of samples first; NotImplementedError where torch has no such vmap."""
    import torch

    def of_one(g: Any, *own: Any) -> tuple[Any, ...]:
        every = list(tensors)
        for i, t in zip(batched, own, strict=True):
            every[i] = t[None]

        def called(*moved: Any) -> Any:
            passed = dict(zip(places, moved, strict=True))
            return function(*(passed.get(i, t) for i, t in enumerate(every)))

        found = torch.func.vjp(called, *(every[i] for i in places))[1](g[None])
        return tuple(f[0] if i in batched else f for i, f in zip(places, found, strict=True))

    try:
        every: tuple[Any, ...] = torch.func.vmap(of_one)(above, *(tensors[i] for i in batched))
    except (RuntimeError, NotImplementedError) as error:
        if "vmap" in str(error) or "functorch" in str(error):
            raise NotImplementedError(f"has no vmap: {' '.join(str(error).split())[:120]}") from error
        raise
    return every


def _gradients(function: Callable[..., Any], arguments: Any, cotangents: Any) -> list[Any]:
    """Of ⟨cotangents, function(*arguments)⟩ by each argument, differentiable; zeros where nothing depends on it."""
    import torch

    found = zip(function(*arguments), cotangents, strict=True)
    pairs = [(y, c) for y, c in found if y.requires_grad]
    if not pairs:
        return [torch.zeros_like(a) for a in arguments]
    results, above = zip(*pairs, strict=True)
    if any(map(ends_here, results)):
        raise NotImplementedError("has no derivative of this order: its gradients cannot be differentiated")
    made = torch.autograd.grad(results, list(arguments), above, create_graph=True, allow_unused=True)
    return [torch.zeros_like(a) if m is None else m for m, a in zip(made, arguments, strict=True)]


def _pushed(function: Callable[..., Any], primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> Any:
    """J v by torch.func.jvp; NotImplementedError where it says that there is none."""
    import torch

    try:
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # of what torch itself loads for it
            return torch.func.jvp(function, primals, tangents)[1]
    except (RuntimeError, NotImplementedError) as error:
        if "forward" in str(error).lower() or "jvp" in str(error).lower():
            raise NotImplementedError(f"has no forward mode: {' '.join(str(error).split())[:120]}") from error
        raise


def _spread(found: Any, given: Handed, places: list[int]) -> tuple[Any, ...]:
    """One for each input, None where there is none."""
    own = dict(zip(places, found, strict=True))
    return tuple(given.numpy(own.get(i)) for i, _ in enumerate(given.tensors))
