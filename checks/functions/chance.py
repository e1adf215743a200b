"""Functions that draw numbers of their own, as a dropout without a seed: they have no derivative that anybody could tell.

Sums in any order, as of threads, differ from call to call as well: n terms in float32 by nu of the largest result, where
results are numbers of about one size. What differs by more is no rounding. Nor has what keeps a count of its calls a
derivative; it is told from chance, where it runs in this process, by generators that are put back.

A backward that returns other gradients each time, of a function that does not, is wrong (promises.py).
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence

import numpy as np

from checks.functions.blackbox import BlackBox, Function, NotTaken, name_of
from checks.numbers.bounds import unit_roundoff
from checks.numbers.precision import Array, held
from checks.subjects.chance import rewound

CALLS = 4  # after the first, on the same numbers


def refuse_chance(box: BlackBox) -> None:
    """Raise NotTaken, in one sentence, for a function that returns another y each time."""
    rng, sizes = np.random.default_rng(0), box.sizes[0]
    drawn = [(name, i.drawn(rng, sizes)) for name, i in box.inputs.items()]
    arrays = [a if name in box.constant else held(a, box.dtype) for name, a in drawn]
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        first, *others = (_called(box.function, arrays) for _ in range(1 + CALLS))
        terms = first.size + sum(a.size for a in arrays)
        seen = apart(first, others, terms, box.dtype)
        if seen is not None:
            raise NotTaken(
                f"{name_of(box.function)} returns another y when it is called again with the same numbers "
                f"({first[seen[0]]:.3g}, then {seen[1]:.3g}), {_why(box.function, arrays)}"
            )


def apart(
    first: Array, others: Sequence[Array], terms: int, dtype: str
) -> tuple[tuple[np.intp | int, ...], float] | None:
    """Where one of the others is further from the first than sums of so many terms may be, and what it is there."""
    unit = max(unit_roundoff("float32"), unit_roundoff(dtype))
    rounding = terms * unit * np.max(np.abs(first), initial=0.0)
    for other in others:
        far = np.abs(other - first) if other.shape == first.shape else np.zeros(0)
        if np.any(far > rounding):
            at = np.unravel_index(int(np.argmax(far)), far.shape)
            return at, float(other[at])
    return None


def _called(function: Function, arrays: Sequence[Array]) -> Array:
    return np.array(function(*(a.copy() for a in arrays)), np.float64)


def _why(function: Function, arrays: Sequence[Array]) -> str:
    """Whether it draws numbers or keeps something, as far as that can be told, and what to do."""
    seeded = "let it draw the same ones in every call, by a generator with a seed that is made in it"
    if hasattr(function, "is_over"):  # it is in another process, whose generators cannot be put back from here
        return (
            "as what draws numbers of its own, or counts its calls, does: no derivative can be told; let y depend on the "
            "inputs alone"
        )
    alike = set()
    for _ in range(CALLS):
        with rewound(inspect.unwrap(function)):
            alike.add(_called(function, arrays).tobytes())
    if len(alike) == 1:
        return f"as what draws numbers of its own does: no derivative can be told; {seeded}"
    return (
        "also where generators of random numbers begin alike, as what keeps something from call to call does, a counter or "
        "an array that it writes to: no derivative can be told; let y depend on the inputs alone"
    )
