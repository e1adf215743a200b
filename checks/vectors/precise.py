"""Numbers of 256 bits, on which a reference is run where no result is a whole number: so its value is known, not trusted.

They are mpmath's (a package that only this room needs, the extra `vectors`), under the names by which NumPy asks elements
of an object array for its functions. No bit depends on a machine: all of it is arithmetic of whole numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case

BITS = 256  # more than 200: a reference may lose a hundred of them, and what is left still rounds right


class NotExact(ValueError):
    """The reference cannot be run on such numbers, so its values are not known to the last bit."""


@cache
def _library() -> Any:
    """mpmath's context with so many bits; ImportError, in a sentence, where it is not installed."""
    try:
        import mpmath
    except ImportError as missing:
        raise ImportError(
            "values that are no whole numbers need mpmath: pip install 'gradoracle[vectors]'"
        ) from missing
    context = mpmath.MPContext()
    context.prec = BITS
    return context


class Precise:
    """A number of `BITS` bits."""

    __slots__ = ("value",)
    __array_ufunc__ = None  # a NumPy number on the left leaves the operation to us

    def __init__(self, value: Any) -> None:
        self.value = value

    @classmethod
    def of(cls, number: Any) -> Precise:
        """The number as it is."""
        return number if isinstance(number, cls) else cls(_library().mpf(float(number)))

    def nearest(self) -> float:
        """The nearest number of float64."""
        context = _library()
        with context.workprec(53):
            return float(+self.value)

    # What formulas are made of

    def __neg__(self) -> Precise:
        return Precise(-self.value)

    def __abs__(self) -> Precise:
        return Precise(abs(self.value))

    def __add__(self, other: Any) -> Precise:
        return Precise(self.value + Precise.of(other).value)

    def __sub__(self, other: Any) -> Precise:
        return Precise(self.value - Precise.of(other).value)

    def __rsub__(self, other: Any) -> Precise:
        return Precise(Precise.of(other).value - self.value)

    def __mul__(self, other: Any) -> Precise:
        return Precise(self.value * Precise.of(other).value)

    def __truediv__(self, other: Any) -> Precise:
        return Precise.of(other)._under(self)

    def __rtruediv__(self, other: Any) -> Precise:
        return self._under(Precise.of(other))

    def _under(self, above: Precise) -> Precise:
        """A quotient; by 0 as floats have it."""
        context = _library()
        if self.value:
            return Precise(above.value / self.value)
        sign = (above.value > 0) - (above.value < 0)
        return Precise(context.inf * sign if sign else context.nan)

    __radd__, __rmul__ = __add__, __mul__

    def __pow__(self, exponent: Any) -> Precise:
        return Precise(self.value ** Precise.of(exponent).value)

    def __rpow__(self, base: Any) -> Precise:
        return Precise(Precise.of(base).value ** self.value)

    def _real(self, of: Callable[[Any], Callable[[Any], Any]]) -> Precise:
        context = _library()
        found = of(context)(self.value)
        return Precise(found if isinstance(found, context.mpf) else context.nan)

    # Functions, by the names under which NumPy's ask for them

    def sqrt(self) -> Precise:
        """√a."""
        return self._real(lambda library: library.sqrt)

    def square(self) -> Precise:
        """a²."""
        return self * self

    def exp(self) -> Precise:
        """e^a."""
        return self._real(lambda library: library.exp)

    def expm1(self) -> Precise:
        """e^a − 1."""
        return self._real(lambda library: library.expm1)

    def log(self) -> Precise:
        """The natural logarithm; −∞ of 0."""
        return self._real(lambda library: library.log) if self.value else Precise(-_library().inf)

    def log1p(self) -> Precise:
        """Log(1 + a)."""
        return self._real(lambda library: library.log1p)

    def sin(self) -> Precise:
        """The sine."""
        return self._real(lambda library: library.sin)

    def cos(self) -> Precise:
        """The cosine."""
        return self._real(lambda library: library.cos)

    def tanh(self) -> Precise:
        """The hyperbolic tangent."""
        return self._real(lambda library: library.tanh)

    def arctan(self) -> Precise:
        """The arc tangent."""
        return self._real(lambda library: library.atan)

    def erf(self) -> Precise:
        """The error function."""
        return self._real(lambda library: library.erf)

    def conjugate(self) -> Precise:
        """Itself."""
        return self

    # Choices, by value

    def __float__(self) -> float:
        return self.nearest()

    def __bool__(self) -> bool:
        return bool(self.value)

    def __lt__(self, other: Any) -> bool:
        return bool(self.value < Precise.of(other).value)

    def __le__(self, other: Any) -> bool:
        return bool(self.value <= Precise.of(other).value)

    def __gt__(self, other: Any) -> bool:
        return bool(self.value > Precise.of(other).value)

    def __ge__(self, other: Any) -> bool:
        return bool(self.value >= Precise.of(other).value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Precise | float | int | np.number) and bool(self.value == Precise.of(other).value)

    def __hash__(self) -> int:
        return hash(self.value)


def results(case: Case) -> Mapping[str, Array]:
    """y, and each gradient by its input's name, as object arrays of such numbers; raises NotExact."""
    op = case.op
    named = zip(op.inputs, case.inputs, strict=True)
    inputs = [a if a is None or name in op.takes.constant else carried(a) for name, a in named]
    try:
        with np.errstate(all="ignore"):
            y = op.reference.forward(*inputs, **case.parameters)
            gradients = op.reference.backward(carried(case.cotangent), *inputs, **case.parameters)
    except (TypeError, AttributeError, NotImplementedError) as refusal:
        raise NotExact(f"the reference of {op.name} does not run on such numbers: {refusal}") from refusal
    found = {"y": y, **{n: g for n, g in zip(op.inputs, gradients, strict=True) if g is not None}}
    return {name: np.asarray(a, object) for name, a in found.items()}


def carried(array: Array) -> Array:
    """An array of such numbers."""
    made = np.empty(array.size, object)
    made[:] = [Precise.of(v) for v in np.asarray(array, np.float64).ravel().tolist()]
    return made.reshape(array.shape)


def nearest(array: Array) -> Array:
    """The nearest numbers of float64."""
    numbers = [n.nearest() if isinstance(n, Precise) else float(n) for n in array.ravel().tolist()]
    return np.reshape(np.asarray(numbers, np.float64), array.shape)
