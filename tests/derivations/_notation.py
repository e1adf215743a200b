"""The documents' notation: arrays of symbols or numbers with indices from 1, and the reference in terms of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy

from reference import conv


class Tensor:
    """An array whose indices start at 1, as in the documents: V[1, 1] is its first element; there is no V[0, 0]."""

    def __init__(self, array: Any) -> None:
        self.array = np.asarray(array)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    def __getitem__(self, index: int | tuple[int, ...]) -> Any:
        index = index if isinstance(index, tuple) else (index,)
        if len(index) != len(self.shape):
            raise IndexError(f"{len(index)} indices for {len(self.shape)} axes")
        if not all(1 <= i <= n for i, n in zip(index, self.shape, strict=True)):
            raise IndexError(f"index {index} is outside 1 … {self.shape}")
        return self.array[tuple(i - 1 for i in index)]


def symbols(name: str, *shape: int) -> Tensor:
    """One SymPy symbol for each element, called as the document calls it: V_{1,1}, V_{1,2}, …"""
    array = np.empty(shape, object)
    for index in np.ndindex(*shape):
        array[index] = sympy.Symbol(f"{name}_{{{','.join(str(i + 1) for i in index)}}}")
    return Tensor(array)


def whole_numbers(rng: np.random.Generator, *shape: int) -> Tensor:
    return Tensor(rng.integers(-9, 10, shape))


def output(V: Tensor, K: Tensor, s: int = 1) -> Tensor:
    """Z of the reference. K has one axis more than V: channels lead, as in eq. 1; as many: there are no channels."""
    bare = _bare(V, K)
    Z = conv.forward(_sample(V, bare), _kernel(K, bare), stride=s)
    return _expanded(Z[0, 0] if bare else Z[0])


def kernel_gradient(G: Tensor, V: Tensor, K: Tensor, s: int = 1) -> Tensor:
    """∂J/∂K of the reference."""
    bare = _bare(V, K)
    _, dK, _ = conv.backward(_sample(G, bare), _sample(V, bare), _kernel(K, bare), stride=s)
    return _expanded(dK[0, 0] if bare else dK)


def input_gradient(G: Tensor, V: Tensor, K: Tensor, s: int = 1) -> Tensor:
    """∂J/∂V of the reference."""
    bare = _bare(V, K)
    dV, _, _ = conv.backward(_sample(G, bare), _sample(V, bare), _kernel(K, bare), stride=s)
    return _expanded(dV[0, 0] if bare else dV[0])


def _bare(V: Tensor, K: Tensor) -> bool:
    return len(V.shape) == len(K.shape)


def _sample(V: Tensor, bare: bool) -> np.ndarray:
    return V.array[None, None] if bare else V.array[None]


def _kernel(K: Tensor, bare: bool) -> np.ndarray:
    return K.array[None, None] if bare else K.array


def _expanded(array: np.ndarray) -> Tensor:
    """Each element as a sum of products: two polynomials are the same if and only if they are equal in this form."""
    expanded = np.array(array)
    for index in np.ndindex(*array.shape):
        if isinstance(array[index], sympy.Expr):
            expanded[index] = sympy.expand(array[index])
    return Tensor(expanded)
