"""Functions that draw numbers of their own, as a dropout without a seed: they have no derivative that anybody could tell.

Sums in any order, as of threads, differ from call to call as well: n terms in float32 by nu of the largest result, where
results are numbers of about one size. What differs by more is no rounding.
"""

from __future__ import annotations

import warnings

import numpy as np

from checks.functions.blackbox import BlackBox, NotTaken, name_of
from checks.numbers.bounds import unit_roundoff
from checks.numbers.precision import held

CALLS = 4  # after the first, on the same numbers


def refuse_chance(box: BlackBox) -> None:
    """Raise NotTaken, in one sentence, for a function that returns another y each time."""
    rng, sizes = np.random.default_rng(0), box.sizes[0]
    drawn = [(name, i.drawn(rng, sizes)) for name, i in box.inputs.items()]
    arrays = [a if name in box.constant else held(a, box.dtype) for name, a in drawn]
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        first, *others = (np.array(box.function(*(a.copy() for a in arrays)), np.float64) for _ in range(1 + CALLS))
    terms = first.size + sum(a.size for a in arrays)
    rounding = terms * max(unit_roundoff("float32"), unit_roundoff(box.dtype)) * np.max(np.abs(first), initial=0.0)
    for other in others:
        far = np.abs(other - first) if other.shape == first.shape else np.zeros(0)
        if np.any(far > rounding):
            at = np.unravel_index(int(np.argmax(far)), far.shape)
            seen = f"{first[at]:.3g}, then {other[at]:.3g}"
            raise NotTaken(
                f"{name_of(box.function)} returns another y when it is called again with the same numbers ({seen}), as "
                "what draws numbers of its own does: no derivative can be told; let it draw the same ones in every call, "
                "by a generator with a seed that is made in it"
            )
