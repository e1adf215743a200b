"""The documents' notation: arrays of symbols or numbers with indices from 1, and the reference in terms of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import sympy

from checks.numbers.bounds import gamma, unit_roundoff
from reference import conv


class Tensor:
    """An array whose indices start at 1, as in the documents: V[1, 1] is its first element; there is no V[0, 0].

    `first` lets an axis start elsewhere: 003 counts a kernel from its centre, w[−1, −1] … w[1, 1].
    """

    def __init__(self, array: Any, first: tuple[int, ...] | None = None) -> None:
        self.array = np.asarray(array)
        self.first = (1,) * self.array.ndim if first is None else first

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    def __getitem__(self, index: int | tuple[int, ...]) -> Any:
        index = index if isinstance(index, tuple) else (index,)
        if len(index) != len(self.shape):
            raise IndexError(f"{len(index)} indices for {len(self.shape)} axes")
        if index not in self:
            raise IndexError(f"index {index} is outside an array of {self.shape} that starts at {self.first}")
        return self.array[tuple(i - f for i, f in zip(index, self.first, strict=True))]

    def __contains__(self, index: tuple[int, ...]) -> bool:
        return all(0 <= i - f < n for i, f, n in zip(index, self.first, self.shape, strict=True))

    def get(self, index: tuple[int, ...]) -> Any:
        """The element, or 0 outside: what a sum over all indices that exist leaves out."""
        if index in self:
            return self[index]
        return 0

    def indices(self) -> Iterator[tuple[int, ...]]:
        """Every index, the last axis fastest."""
        return product(*(range(f, f + n) for f, n in zip(self.first, self.shape, strict=True)))

    @property
    def turned(self) -> Tensor:
        """ROT180: the element at index i is the one that was at −i (003)."""
        return Tensor(np.flip(self.array), tuple(1 - f - n for f, n in zip(self.first, self.shape, strict=True)))


def to(last: int) -> range:
    """1, 2, …, last"""
    return range(1, last + 1)


def symbols(name: str, *shape: int, first: tuple[int, ...] | None = None) -> Tensor:
    """One SymPy symbol for each element, called as the document calls it: V_{1,1}, V_{1,2}, …"""
    made = Tensor(np.empty(shape, object), first)
    for place, index in zip(np.ndindex(*shape), made.indices(), strict=True):
        made.array[place] = sympy.Symbol(f"{name}_{{{','.join(map(str, index))}}}")
    return made


class sigma(sympy.Function):  # noqa: N801, it is a function
    """An activation of which nothing is known but that it has a derivative: what holds for it holds for all."""

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        """σ'(x), which is what SymPy's chain rule asks for."""
        assert argindex == 1
        return sigma_prime(*self.args)


sigma_prime = sympy.Function("sigma_prime")


class AnyActivation:
    """σ as a layer of the reference: element by element, on symbols."""

    @staticmethod
    def forward(x: np.ndarray) -> np.ndarray:
        return np.vectorize(sigma, [object])(x)

    @staticmethod
    def backward(grad_output: np.ndarray, x: np.ndarray) -> tuple[np.ndarray]:
        return (grad_output * np.vectorize(sigma_prime, [object])(x),)


# Roundings behind the reference's σ(x) = 1 / (1 + e) or e / (1 + e), and behind g·σ'(x) = g·e / (1 + e)², e = e^{−|x|}:
# e itself comes within one unit in the last place, which is two roundings, and 1 + e then within three.
IN_SIGMOID = 2 + 3 + 1
IN_SIGMOID_SLOPE = 2 + 2 * 3 + 1 + 1 + 1


def sigmoid_of(x: Any) -> np.ndarray:
    """1 / (1 + e^{−x}) of each element, exact but for being stored as float64."""
    return np.vectorize(lambda n: float((1 / (1 + sympy.exp(-sympy.Rational(n)))).evalf(30)), [float])(x)


def sigmoid_slope(x: Any) -> np.ndarray:
    """The derivative of the sigmoid, by SymPy, exact but for being stored as float64."""
    t = sympy.Symbol("t")
    derivative = sympy.diff(1 / (1 + sympy.exp(-t)), t)
    return np.vectorize(lambda n: float(derivative.subs(t, sympy.Rational(n)).evalf(30)), [float])(x)


def whole_numbers(rng: np.random.Generator, *shape: int) -> Tensor:
    return Tensor(rng.integers(-9, 10, shape))


def equal(actual: Any, expected: Any) -> bool:
    """The same shape, and the same element at each place: as numbers without rounding, or as polynomials."""
    actual, expected = (a.array if isinstance(a, Tensor) else np.asarray(a, object) for a in (actual, expected))
    if actual.shape != expected.shape:
        return False
    return all(sympy.expand(a - b) == 0 for a, b in zip(actual.astype(object).flat, expected.flat, strict=True))


def within(actual: Any, expected: Any, roundings: int, terms: Any = None) -> bool:
    """The same shape, and |actual − expected| ≤ γₙ·Σ|terms| for each element, where n counts the roundings of a term.

    `terms` is Σ|terms|, or None where nothing cancels, so that it is |expected|. Four roundings more are counted for
    `expected`: a term that was stored and multiplied, and the bound itself. What else rounds it, the caller adds.
    """
    actual, expected = np.asarray(actual), np.asarray(expected)
    bound = gamma(roundings + 4, unit_roundoff("float64")) * np.abs(expected if terms is None else terms)
    return actual.shape == expected.shape and bool((np.abs(actual - expected) <= bound).all())


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
