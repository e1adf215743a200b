"""How large an error rounding alone can make: what stands here in place of atol and rtol.

**Element by element.** A sum of n products, in any order, with or without fused multiply-add, rounds to within

    |fl(Σ aᵢbᵢ) − Σ aᵢbᵢ| ≤ γₙ Σ|aᵢ||bᵢ| + n·η,      γₙ = n·u / (1 − n·u)

(Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., §3.1), with u the unit roundoff; η, half the smallest
subnormal number, is what a product that underflows can lose (ibid., eq. 2.8). Σ|aᵢ||bᵢ| is the reference run on absolute
values. Both sides of a comparison round, so both are counted: the implementation in its own precision and the reference
in float64. Where n·u reaches 1, or the sum can overflow, nothing follows, and the bound is infinite: undecided.

**Sums kept wider.** In float16 and bfloat16 (u) kernels keep their sums in float32 (v), and round once to store them.
Products of two such numbers are exact there, and what is stored is off by u|y| and what the sum was off by:

    |ŷ − y| ≤ u|y| + (1 + u)·(γₙ(v) Σ|aᵢ||bᵢ| + n·η(v)) + η(u)

which stays sharp where n·u has long passed 1 (ibid., §3.1, with two precisions).

**Sums kept narrow.** Where s partial sums P_j are stored in the dtype of the result and added there, one a sample or one
a tap of a kernel, each is rounded, and so is each addition: γ_s(u)·Σ|P_j| more.

What is no sum of products has the bound that its op derives, or that running.py finds.

**Normwise.** Algorithms that transform first (FFT, Winograd) spread the error of the largest element over all others.
For a convolution by radix-2 FFT, three transforms of length L with an error of at most log₂L·(u + γ₄(√2 + u)) < 6.7·u·log₂L
each (ibid., theorem 24.2) and the products between them give, by Parseval, for every element

    |error| ≤ ‖error‖₂ ≤ 20·u·(1 + log₂L)·‖a‖₂‖b‖₂

for a, b the two arrays whose products are summed. A result that needs this bound is said to hold normwise only. It is one
of ‖error‖₂, so all elements together have no more: what is off in many of them passes it long before one does by itself.
Winograd's transforms, for which nothing of this is derived, keep it by far: of F(2, 3), F(4, 3), F(6, 3), F(2, 5) and
F(4, 5) in one and two dimensions ‖error‖₂ was at most 0.27 of it, and 0.03 of F(2, 3).

**Sums that run on.** Windows are summed fast by prefix sums S, as S_b − S_a, over several axes by integral images, or by a
sum that moves along, to which is added what enters and from which is subtracted what leaves. Each S is a sum of up to n
terms and off by γₙ Σ|xᵢ|, over all of the axis and not the window alone (ibid., §4.2): normwise too, so that what is small
beside large numbers is lost. How many terms, and of what size, the op says (op.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from math import inf, log2, prod

import numpy as np

from checks.numbers.precision import PRECISIONS, Array, accumulator


@cache
def unit_roundoff(dtype: str) -> float:
    """u: the largest relative error of rounding to nearest, half the gap between 1 and the next number."""
    return PRECISIONS[dtype].unit_roundoff


def gamma(terms: int, u: float) -> float:
    """γₙ = n·u / (1 − n·u), or infinity where n·u reaches 1."""
    return inf if terms * u >= 1 else terms * u / (1 - terms * u)


@dataclass(frozen=True)
class Bound:
    """The largest error that rounding can make, for each element and for every element alike.

    transformed  the root of the sum of squares of what transforms are off by in all elements; ∞ where that is not known
    """

    elementwise: Array
    normwise: Array
    transformed: float = inf

    def __add__(self, other: Bound) -> Bound:
        """Errors of a sum of two results."""
        transformed = self.transformed + other.transformed
        return Bound(self.elementwise + other.elementwise, self.normwise + other.normwise, transformed)

    def __mul__(self, factor: float) -> Bound:
        """Errors of a multiple."""
        return Bound(self.elementwise * factor, self.normwise * factor, self.transformed * factor)

    def allows(self, error: Array) -> bool:
        """Whether all of these together are no larger than what sums and transforms are off by."""
        if not self.transformed < inf:
            return True
        return bool(np.linalg.norm(error) <= self.transformed + np.linalg.norm(self.elementwise))

    def dot(self, weights: Array) -> Bound:
        """Errors of the inner product with `weights`, as a single number."""
        magnitude = np.abs(weights)
        return Bound(np.sum(magnitude * self.elementwise), np.sum(magnitude * self.normwise))


def rounding(
    terms: int, magnitude: Array, factors: Iterable[Array], dtype: str, sums: tuple[int, float] = (0, 0.0)
) -> Bound:
    """The bound for sums of at most `terms` products computed in `dtype`, compared with their float64 reference.

    magnitude  Σ|aᵢ||bᵢ| for each element, summed in float64 or float32
    factors    the arrays that every product takes one factor from; none for an op that nothing transforms
    sums       of sums that run on, how many terms they have, and Σ|xᵢ|
    """
    magnitude = _at_least(terms, magnitude)
    with np.errstate(over="ignore", invalid="ignore"):
        elementwise = _rounding(terms, magnitude, dtype, "float64")
        largest = float(elementwise.max(initial=0.0))
    transformed = _transform(magnitude, factors, dtype)
    normwise = max(transformed, largest + running_on(sums, dtype))
    return Bound(elementwise, np.asarray(normwise), transformed if transformed and not sums[0] else inf)


def rounded_once(
    terms: int,
    magnitude: Array,
    size: Array,
    factors: Iterable[Array],
    dtype: str,
    sums: tuple[int, float] = (0, 0.0),
) -> Bound:
    """The bound where sums, or transforms, are kept in the accumulator of the dtype and rounded once to be stored.

    size  |y|, what is right; the rest as for `rounding`
    """
    u, (underflow, overflow) = unit_roundoff(dtype), _range(dtype)
    kept = accumulator(dtype).name
    magnitude = _at_least(terms, magnitude)
    with np.errstate(over="ignore", invalid="ignore"):
        inside = _rounding(terms, magnitude, kept, "float64")
        stored = u * size + underflow * (magnitude > 0)
        elementwise = stored + (1 + u) * inside
        elementwise = np.where(size + elementwise < overflow, elementwise, np.where(magnitude > 0, inf, 0.0))
        normwise = stored + (1 + u) * _transform(magnitude, factors, kept)
    return Bound(elementwise, np.maximum(normwise, elementwise + (1 + u) * running_on(sums, kept)))


def stored_once(inside: Array, size: Array, dtype: str) -> Array:
    """The bound where what rounding made in the accumulator is known, and the result is rounded once to be stored."""
    u, (underflow, overflow) = unit_roundoff(dtype), _range(dtype)
    bound = u * size + (1 + u) * inside + underflow * (inside > 0)
    return np.where(size + bound < overflow, bound, inf)


def running(error: Array, dtype: str, sums: tuple[int, float] = (0, 0.0)) -> Bound:
    """The bound for results of which running.py says the error in `dtype`, compared with their float64 reference.

    That error is at least linear in u and η, so in float64 it is less by the ratio of the two u at least.
    """
    elementwise = error * (1 + unit_roundoff("float64") / unit_roundoff(dtype))
    return Bound(elementwise, np.asarray(elementwise.max(initial=0.0) + running_on(sums, dtype)))


def _at_least(terms: int, magnitude: Array) -> Array:
    """The sum of magnitudes, whatever its own summation lost of it."""
    above = 1 + gamma(terms + 2, unit_roundoff(magnitude.dtype.name))
    return np.asarray(np.multiply(magnitude, above, dtype=np.float64))


def _transform(magnitude: Array, factors: Iterable[Array], dtype: str) -> float:
    """What transforms in this precision can be off by, in any element; 0 for an op that nothing transforms."""
    arrays = [np.asarray(a, np.float64) for a in factors]
    length = max([2, magnitude.size, *(a.size for a in arrays)])
    norms = prod(float(np.linalg.norm(a)) for a in arrays) if arrays else 0.0
    return 20 * (1 + log2(length)) * (unit_roundoff(dtype) + unit_roundoff("float64")) * norms


def running_on(sums: tuple[int, float], dtype: str) -> float:
    """What sums of so many terms of this size together can be off by; 0 where nobody keeps any."""
    terms, size = sums
    return sum(gamma(terms, unit_roundoff(of)) for of in (dtype, "float64")) * size if terms else 0.0


def added_narrow(parts: Array, magnitude: Array, dtype: str) -> Array:
    """What is lost more where so many partial sums, of sizes that add up to `magnitude`, are stored and added."""
    lost = np.asarray(parts) * unit_roundoff(dtype)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(lost < 1, lost / (1 - lost), inf) * np.where(magnitude > 0, magnitude, 0.0)


def _rounding(terms: int, magnitude: Array, *dtypes: str) -> Array:
    """γₙ Σ|aᵢ||bᵢ| + n·η in all of these together; n + 1 for n, since the result is rounded once more to be stored."""
    relative = [gamma(terms + 1, unit_roundoff(dtype)) for dtype in dtypes]
    lost = terms * sum(_range(dtype)[0] for dtype in dtypes)
    largest = float(magnitude.max(initial=0.0))
    bound = np.asarray(magnitude * sum(relative))
    bound += lost if magnitude.min(initial=inf) > 0 else lost * (magnitude > 0)
    for more, dtype in zip(relative, dtypes, strict=True):
        overflow = _range(dtype)[1]
        if not largest * (1 + more) < overflow:
            bound = np.where(magnitude * (1 + more) < overflow, bound, np.where(magnitude > 0, inf, 0.0))
    return bound


@cache
def _range(dtype: str) -> tuple[float, float]:
    """Half the smallest subnormal number, and the largest number."""
    return PRECISIONS[dtype].underflow, PRECISIONS[dtype].largest
