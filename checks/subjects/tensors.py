"""Tensors that lie in memory as arrays do, in the very memory of the arrays where torch can have them there.

It can in the arrays' own dtype, on the CPU. Elsewhere (bfloat16, which NumPy does not have; a device) a tensor is made with
the same strides in memory of its own, NaN between and behind its elements, and kept equal to its array: what was written
to the tensor is written to the array after the call, and what a caller writes to the array before it looks at a result
that is a view of the tensor is written to that. Torch has no negative strides and no address that its dtype cannot have:
instead, the axes lie in the same order in memory, and begin one element behind where a storage begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from checks.numbers.precision import Array
from checks.subjects.memory import same_bits

if TYPE_CHECKING:
    import torch

SMALL = 1 << 12  # numbers, of which copies cost nothing


class Handed:
    """The tensors of some arrays, None for None."""

    def __init__(self, arrays: Iterable[Array | None], dtype: torch.dtype, device: str) -> None:
        pairs = [(a, None if a is None else _tensor(a, dtype, device)) for a in arrays]
        self.tensors: list[Any] = [t for _, t in pairs]
        self._apart = [(a, t) for a, t in pairs if a is not None and t is not None and not _is_shared(a, t)]

    def write_back(self) -> None:
        """Write to the arrays what has been written to tensors that lie elsewhere."""
        for array, tensor in self._apart:
            now = _numpy(tensor)
            if not np.array_equal(now, array, equal_nan=array.dtype.kind == "f"):
                with_permission(array)[...] = now

    def numpy(self, result: Any) -> Any:
        """The result as NumPy takes it: a view of the tensor, or, of a tensor that lies elsewhere, looked at when asked."""
        import torch

        if not isinstance(result, torch.Tensor):
            return result
        places = {tensor.untyped_storage().data_ptr() for _, tensor in self._apart}
        if result.untyped_storage().data_ptr() in places and result.numel():
            return _View(result.detach(), self)
        return _numpy(result)

    def read(self) -> None:
        """Write to tensors that lie elsewhere what their arrays hold."""
        import torch

        for array, tensor in self._apart:
            _written_once(tensor).copy_(torch.from_numpy(np.array(_written_once(array))))


@dataclass(frozen=True)
class _View:
    """A result in the memory of an input, which changes when the caller writes to that."""

    tensor: torch.Tensor
    of: Handed

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        self.of.read()
        return np.array(_numpy(self.tensor), dtype=dtype)


def with_permission(array: Array) -> Array:
    """The same array, to be written to."""
    array.flags.writeable = True
    return array


def apart(gradients: Iterable[Any], cotangent: torch.Tensor) -> Iterator[Any]:
    """The gradients, none in the memory of another or of the cotangent."""
    taken = {cotangent.untyped_storage().data_ptr()}
    for gradient in gradients:
        place = 0 if gradient is None else gradient.untyped_storage().data_ptr()
        yield gradient.clone() if place in taken and gradient is not None else gradient
        taken.add(place)


def passed_on(leaf: torch.Tensor, tensor: torch.Tensor) -> torch.Tensor:
    """The tensor as one that has been computed from the leaf: of a leaf autograd forbids what it allows of the others.

    What writes to x in place is then heard of for that, and not for an error that only leaves have.
    """
    passed: torch.Tensor = _passing().apply(leaf, [tensor])
    return passed


@cache
def _passing() -> Any:
    import torch

    class Passing(torch.autograd.Function):
        """The identity. What it returns is in a list, so that it is not taken for a view of the leaf."""

        @staticmethod
        def forward(ctx: Any, leaf: torch.Tensor, inside: list[torch.Tensor]) -> torch.Tensor:  # noqa: ARG004, torch's protocol
            return inside[0]

        @staticmethod
        def backward(ctx: Any, *gradients: Any) -> Any:  # noqa: ARG004, torch's protocol
            return gradients[0], None

    return Passing


def _tensor(array: Array, dtype: torch.dtype, device: str) -> torch.Tensor:
    """A tensor with the numbers of the array, and its strides."""
    import torch

    usual = array.flags.aligned and all(s >= 0 and s % array.itemsize == 0 for s in array.strides)
    if device == "cpu" and usual and _same_dtype(array, dtype):
        writeable = array.flags.writeable
        try:
            tensor = torch.from_numpy(with_permission(array))  # which torch does not know how to withhold
        except ValueError:
            pass  # memory that nobody may write to
        else:
            array.flags.writeable = writeable
            return tensor
    plain = torch.from_numpy(np.array(_written_once(array)))
    plain = plain.to(dtype) if plain.is_floating_point() else plain
    strides = [abs(s) // array.itemsize for s in array.strides]
    span = sum((n - 1) * s for n, s in zip(array.shape, strides, strict=True)) + 1 if array.size else 0
    between = float("nan") if plain.is_floating_point() else 1
    offset = 0 if usual else 1
    # As much behind it as code reads that takes the tensor to lie in one piece.
    memory = torch.full((offset + max(span, array.size),), between, dtype=plain.dtype, device=device)
    # No view of that: what autograd takes for a view it does not let anybody write to.
    tensor = torch.empty(0, dtype=plain.dtype, device=device)
    tensor.set_(memory.untyped_storage(), offset, array.shape, tuple(strides))
    _written_once(tensor).copy_(plain)
    return tensor


def ends_here(tensor: Any) -> bool:
    """Whether a node that raises stands in its graph: asked for inputs that nothing leads to, autograd passes it by."""
    seen, ahead = set(), [tensor.grad_fn]
    while ahead:
        node = ahead.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if node.name().endswith("Error"):
            return True
        ahead += [parent for parent, _ in node.next_functions]
    return False


def _same_dtype(array: Array, dtype: torch.dtype) -> bool:
    """Whether torch computes in the dtype that the array has; whole numbers and truth values stay what they are."""
    return array.dtype.kind != "f" or str(dtype) == f"torch.{array.dtype}"


def _is_shared(array: Array, tensor: torch.Tensor) -> bool:
    return not array.size or tensor.data_ptr() == array.__array_interface__["data"][0]


def _written_once(a: Any) -> Any:
    """One element of all that lie in the same place: the first along each axis with a stride of 0; a number, of no axes."""
    strides = a.strides if isinstance(a, np.ndarray) else a.stride()
    return a[tuple(slice(0, 1) if s == 0 else slice(None) for s in strides)]


def _numpy(tensor: torch.Tensor) -> Array:
    import torch

    whole = tensor.detach().cpu()
    array: Array = (whole.float() if whole.dtype == torch.bfloat16 else whole).numpy()
    return array


class Between:
    """A forward on other data between a forward and its backward, as where a layer stands twice in a network.

    What keeps its inputs in an attribute, and not in `ctx`, then takes those of the other. The forward that was called last
    is the one that comes between, if it was of other arrays: so nothing is called more often but where a law asks for that.
    """

    def __init__(self) -> None:
        self._latest: tuple[list[Array | None], Callable[[Sequence[Array | None]], Any]] | None = None

    def keep(self, arrays: Sequence[Array | None], call: Callable[[Sequence[Array | None]], Any]) -> None:
        """A forward of these is about to be called, which `call` does again."""
        small = sum(a.size for a in arrays if a is not None) <= SMALL
        self._latest = ([None if a is None else np.array(a) for a in arrays], call) if small else None

    def come(self, arrays: Sequence[Array | None]) -> None:
        """Call it, between the forward of these and their backward, unless it was of the same."""
        latest, self._latest = self._latest, None
        if latest is None or all(map(same_bits, latest[0], arrays)):
            return
        with suppress(Exception):  # it was told when it was called the first time
            latest[1](latest[0])
