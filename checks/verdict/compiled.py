"""Whether what is judged is compiled anew for every shape: then few shapes are tried, with many values (cases/few.py).

Where a framework's compiler was asked for (--compile) that is known. Elsewhere it is measured: the first forward of a shape
is compared with the second, for shapes after the first, whose call also loads what all need. Code that is only slow has
both alike; a pause of the machine would have to fall on the first call of three shapes, and on no second one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from checks.cases.search import Stopped
from checks.op import Problem
from checks.subjects.implementation import Judged
from checks.subjects.loading import COMPILED
from checks.subjects.refusals import Crashed, Malformed, Unsupported

SHAPES = 12  # that are tried then
TIMES = 20.0  # what a second call takes, from which on a first one is expensive
NOTICED = 0.02  # seconds; what is quicker is no compilation
LOOKED_AT = 3  # shapes that have to be so
LARGE = 1 << 14  # elements of a case on which nothing is measured: there calls themselves take long


def is_compiled(implementation: Any) -> bool:
    """Whether a compiler was asked for: whatever calls take on this machine, each shape is compiled."""
    return isinstance(implementation, str) and implementation.startswith(COMPILED)


def first_call(subject: Judged, problems: Sequence[Problem]) -> float | None:
    """How many times as long as the second the first forward of a shape takes, if it always is so long that few pay."""
    small = [p for p in problems if p.elements <= LARGE and all(0 not in (s or ()) for s in p.shapes.values())]
    try:
        with np.errstate(all="ignore"):
            ratios = list(islice(_ratios(subject, small), LOOKED_AT))
    except (Crashed, Malformed, Unsupported, Stopped):
        return None
    return min(ratios) if len(ratios) == LOOKED_AT and min(ratios) >= TIMES else None


def _ratios(subject: Judged, problems: Sequence[Problem]) -> Iterator[float]:
    """Of each shape but the first, whose call also loads what all need; none after one that is quick."""
    for warm, problem in enumerate(problems):
        case, seconds = problem.reals(), []
        for _ in range(2 if warm else 1):
            began = time.perf_counter()
            subject.forward(case)
            seconds.append(time.perf_counter() - began)
        if warm:
            ratio = seconds[0] / max(seconds[1], 1e-9) if seconds[0] >= NOTICED else 0.0
            yield ratio
            if ratio < TIMES:
                return
