"""Running error analysis: an op's formula, computed of numbers that carry how far rounding can lead.

A reference that is no polynomial is run on arrays of such numbers (dtype object; rounded.py says what each operation makes
of them), and what comes out is y, or a gradient, with a bound on what rounding makes of it in another precision (Wilkinson;
Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., §3.3). An input is one term without error; the result is
rounded once more, to be stored.

**What this assumes of an implementation.** Sizes are multiplied like values, so from one division or function to the next
the size is what the formula gives on absolute values, each minus a plus. There an implementation may multiply out, factor,
take scales into sums and add in any order: the terms that it rounds are part of those that the size holds. What else it may
do is covered by `MARGIN`, which lets every rounding count twice. Three examples:

- (a − b)² = a² − 2ab + b² takes three additions where two are counted.
- e^{x − log Σe^x} for a softmax of n numbers of size X at most: the logarithm, of size X + log n, has an error of
  6(X + log n) + n + 5 roundings, the difference 2X + log n, and 7 are for e^x and the result, 8X + n + 7 log n + 12 in all.
  The reference has 2X from x − max x in numerator and denominator each, and n + 13 for the rest; 2·(4X + n + 13) is more,
  since 7 log n < n + 14 for every n.
- d^{−β} = e^{−β log d} has 7β|log d| more by the same count, of which the margin covers as much as β·(n + 3) + 8, for
  n squares summed: where d is beyond that, what counts is that logarithms in use are right to one rounding, not to 6.

The largest error of a right algorithm of `tests/laws` is a fifth of the bound (python -m benchmarks.rounding).

**What it cannot accept**, since sizes on the way are larger: a formula that subtracts where the reference does not.
σ(1 − σ), 1 − tanh², −log p and p − 1 lose what lies below u, so their errors are relative to 1 and not to themselves; and a
reference that takes a mean off twice, to be right in spite of a large mean, pays for the sizes of both. An op for which
such formulas count as right, or whose own analysis is sharper, brings `magnitudes`.

**What a reference must not do** is to choose by numbers that were rounded, unless its formulas are worth the same where
they meet: comparisons go by value, and max(a, 0) is 0, without error, for a negative a.
"""

from __future__ import annotations

from math import inf, isfinite

import numpy as np

from checks.numbers.precision import Array
from checks.numbers.rounded import Rounded, arithmetic_of

MARGIN = 2


def carried(array: Array, dtype: str, *, rounded: bool = False) -> Array:
    """An array of these numbers; with an error of one rounding each where they were `rounded` to this precision."""
    arithmetic = arithmetic_of(dtype)
    u = arithmetic.u if rounded else 0.0
    numbers = np.asarray(array, np.float64).ravel().tolist()
    made = np.empty(len(numbers), object)
    made[:] = [Rounded(v, abs(v), abs(v) * u if isfinite(v) else inf, 1, arithmetic) for v in numbers]
    return made.reshape(array.shape)


def errors(results: Array) -> Array:
    """What rounding can do to each of these; nothing to a 0 that is a sum of no terms."""
    found = [r.stored() if isinstance(r, Rounded) else 0.0 for r in np.asarray(results, object).ravel().tolist()]
    return np.asarray(MARGIN * np.reshape(found, np.shape(results)))


def sizes(results: Array) -> Array:
    """Σ|terms| of each of these."""
    found = [r.size if isinstance(r, Rounded) else 0.0 for r in np.asarray(results, object).ravel().tolist()]
    return np.reshape(np.asarray(found, np.float64), np.shape(results))
