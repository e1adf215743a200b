"""A number that carries how far rounding can have led: a sum of terms, with their sizes and their errors added up.

Its value is a sum v = Σ tᵢ that may go on; it has a size s = Σ|tᵢ|, so many terms n, and an error e with Σ|t̂ᵢ − tᵢ| ≤ e for
the terms t̂ᵢ that are computed. Adding adds all four, so that a sum of sums is one sum, and added up in any order (Higham,
Accuracy and Stability of Numerical Algorithms, 2nd ed., §4.2)

    |fl(Σ t̂ᵢ) − Σ tᵢ| ≤ e + γₙ₋₁·(s + e),      γₙ = n·u / (1 − n·u)

which is its error once it is used: it is closed then, one term again. A term that is 0 rounds nothing, and is none. Of a
and b, closed, with sizes s, t and errors e, f,

    a·b    size s·t       error  s·f + e·t + e·f                    + u·(s + e)(t + f) + η
    a/b    size s/|b|     error  (e·|b| + s·f) / (|b|·(|b| − f))    + u·(s + e) / (|b| − f) + η
    √a     size √a        error  e / (√a + √(a − e))                + u·√(a + e)
    f(a)   size |f(a)|    error  sup |f(â) − f(a)|                  + 6u·(|f(a)| + sup |f(â) − f(a)|) + η

with u the unit roundoff and η half the smallest subnormal number. f is e^x, e^x − 1, log, log(1 + x), tanh, erfc or a
power: these come within 3 units in the last place, 6 roundings, from every library that is in use; their suprema over
|â − a| ≤ e stand beside the code. A product with a power of 2 is exact; another constant is rounded once, unless the
precision holds it.

Nothing is to first order only, and the error is infinite where rounding could make a divisor 0, the argument of a root
negative or a sum too large to be held.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, reduce
from math import erfc, exp, expm1, frexp, inf, isfinite, isinf, log, log1p, nan, pi, sqrt, tanh
from operator import mul
from typing import Any

import numpy as np

from checks.numbers.precision import PRECISIONS

FUNCTION = 6  # roundings in e^x, log x, tanh x or a power: 3 ulp


@dataclass(frozen=True, eq=False)
class Arithmetic:
    """What one rounding does in a precision: u, η, the largest number, and which numbers are held as they are."""

    u: float
    underflow: float
    largest: float
    holds: Callable[[float], bool]


class Rounded:
    """A number that is a sum of so many terms, with their sizes and errors added up (see the module)."""

    __slots__ = ("arithmetic", "error", "size", "terms", "value")
    __array_ufunc__ = None  # a NumPy number on the left leaves the operation to us

    def __init__(self, value: float, size: float, error: float, terms: int, arithmetic: Arithmetic) -> None:
        self.value, self.size, self.error, self.terms, self.arithmetic = value, size, error, terms, arithmetic

    def closed(self) -> tuple[float, float]:
        """Size and error once the sum is used."""
        size, error, additions = self.size, self.error, self.terms - 1
        if additions > 0:
            roundings = additions * self.arithmetic.u
            error = error + roundings / (1 - roundings) * (size + error) if roundings < 1 else inf
        return size, error if size + error < self.arithmetic.largest else inf

    def stored(self) -> float:
        """The error of the number as a result."""
        _, error = self.closed()
        if isinf(error):
            return inf
        return error + self.arithmetic.u * (abs(self.value) + error) + self.arithmetic.underflow * (self.size > 0)

    # Sums

    def __neg__(self) -> Rounded:
        return Rounded(-self.value, self.size, self.error, self.terms, self.arithmetic)

    def __abs__(self) -> Rounded:
        return -self if self.value < 0 else self

    def __add__(self, other: Any) -> Rounded:
        if not isinstance(other, Rounded):
            if not other:
                return self
            other = _constant(float(other), self.arithmetic)
        if not (other.size or other.error):  # to add 0 rounds nothing
            return self
        if not (self.size or self.error):
            found: Rounded = other
            return found
        return Rounded(
            self.value + other.value,
            self.size + other.size,
            self.error + other.error,
            self.terms + other.terms,
            self.arithmetic,
        )

    def __sub__(self, other: Any) -> Rounded:
        return self.__add__(-other)

    def __rsub__(self, other: Any) -> Rounded:
        return (-self).__add__(other)

    # Products

    def __mul__(self, other: Any) -> Rounded:
        if not isinstance(other, Rounded):
            if _is_scale(other):
                return self._scaled(float(other))
            other = _constant(float(other), self.arithmetic)
        (s, e), (t, f) = self.closed(), other.closed()
        return self._term(self.value * other.value, s * t, s * f + e * t + e * f, (s + e) * (t + f))

    def __truediv__(self, other: Any) -> Rounded:
        if not isinstance(other, Rounded):
            if other and _is_scale(other):
                return self._scaled(1 / float(other))
            other = _constant(float(other), self.arithmetic)
        (s, e), (_, f), b = self.closed(), other.closed(), abs(other.value)
        if not b > f:
            return self._lost()
        return self._term(self.value / other.value, s / b, (e + s * (f / b)) / (b - f), (s + e) / (b - f))

    def __rtruediv__(self, other: Any) -> Rounded:
        return _constant(float(other), self.arithmetic).__truediv__(self)

    __radd__, __rmul__ = __add__, __mul__

    def _scaled(self, scale: float) -> Rounded:
        """Times 0, or a power of 2, which rounds nothing unless it underflows."""
        if isinf(self.error):
            return self._lost()
        if not scale:
            return Rounded(0.0, 0.0, 0.0, 0, self.arithmetic)
        by = abs(scale)
        error = self.error * by + (self.terms * self.arithmetic.underflow if by < 1 else 0.0)
        return Rounded(self.value * scale, self.size * by, error, self.terms, self.arithmetic)

    # Functions, by the names under which NumPy's ask for them

    def sqrt(self) -> Rounded:
        """√a − √(a − e) = e / (√a + √(a − e))."""
        a, (_, e) = self.value, self.closed()
        if not a >= e:
            return self._lost()
        root = sqrt(a)
        inherited = e / (root + sqrt(a - e)) if e else 0.0
        return self._term(root, root, inherited, root + inherited)

    def exp(self) -> Rounded:
        """e^{a + e} − e^a = e^a·(e^e − 1)."""
        return self._function(exp, lambda e, image: image * expm1(e))

    def log(self) -> Rounded:
        """Log a − log(a − e) = −log(1 − e/a)."""
        return self._function(log, lambda e, _: -log1p(-e / self.value))

    def log1p(self) -> Rounded:
        """The same for 1 + a."""
        return self._function(log1p, lambda e, _: -log1p(-e / (1 + self.value)))

    def tanh(self) -> Rounded:
        """Its derivative (1 − tanh)(1 + tanh) falls with |a|, so it is at most that at |a| − e."""

        def inherited(e: float, _: float) -> float:
            least = tanh(max(0.0, abs(self.value) - e))
            return e * (1 - least) * (1 + least)

        return self._function(tanh, inherited)

    def erfc(self) -> Rounded:
        """Its derivative −2/√π · e^{−a²} falls with |a|, so it is at most that at |a| − e."""

        def inherited(e: float, _: float) -> float:
            return e * 2 / sqrt(pi) * exp(-(max(0.0, abs(self.value) - e) ** 2))

        return self._function(erfc, inherited)

    def expm1(self) -> Rounded:
        """As e^a, whose derivative is the same."""
        return self._function(expm1, lambda e, _: exp(self.value) * expm1(e))

    def __pow__(self, exponent: Any) -> Rounded:
        """Of a positive number: (1 − e/a)^{−|p|} − 1 is the largest relative error. Small whole powers are products."""
        power = float(exponent)
        if power in range(1, FUNCTION + 2):
            return reduce(mul, [self] * int(power))
        if not self.value > 0:
            return self._lost()
        return self._function(lambda a: a**power, lambda e, image: image * expm1(-abs(power) * log1p(-e / self.value)))

    def _function(self, function: Callable[[float], float], inherited: Callable[[float, float], float]) -> Rounded:
        _, error = self.closed()
        try:
            image = function(self.value)
            passed = inherited(error, abs(image)) if error else 0.0
        except (ValueError, OverflowError, ZeroDivisionError):  # beyond the function's domain, or its range
            return self._lost()
        return self._term(image, abs(image), passed, FUNCTION * (abs(image) + passed))

    def _term(self, value: float, size: float, inherited: float, rounded: float) -> Rounded:
        """One term: what was inherited, and the roundings of what was computed."""
        error = inherited + self.arithmetic.u * rounded + self.arithmetic.underflow * (size > 0)
        held = isfinite(value) and size + error < self.arithmetic.largest
        return Rounded(value, size, error if held else inf, 1, self.arithmetic)

    def _lost(self) -> Rounded:
        """Rounding can make anything of it."""
        return Rounded(nan, inf, inf, 1, self.arithmetic)

    # Choices, by value

    def __float__(self) -> float:
        return self.value

    def __lt__(self, other: Any) -> bool:
        return self.value < float(other)

    def __le__(self, other: Any) -> bool:
        return self.value <= float(other)

    def __gt__(self, other: Any) -> bool:
        return self.value > float(other)

    def __ge__(self, other: Any) -> bool:
        return self.value >= float(other)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rounded | float | int) and self.value == float(other)

    def __hash__(self) -> int:
        return hash(self.value)


@cache
def arithmetic_of(dtype: str) -> Arithmetic:
    """What one rounding does in the precision of this name."""
    precision = PRECISIONS[dtype]

    def holds(number: float) -> bool:
        return float(precision.rounded(np.asarray([number]))[0]) == number

    return Arithmetic(precision.unit_roundoff, precision.underflow, precision.largest, holds)


@cache
def _constant(value: float, arithmetic: Arithmetic) -> Rounded:
    """A number of the formula, rounded once if the precision does not hold it."""
    error = 0.0 if arithmetic.holds(value) else arithmetic.u * abs(value) + arithmetic.underflow
    return Rounded(value, abs(value), error, 1, arithmetic)


def _is_scale(number: Any) -> bool:
    """Whether it is 0 or a power of 2."""
    return abs(frexp(number)[0]) in {0.0, 0.5}
