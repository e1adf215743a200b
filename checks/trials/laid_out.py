"""A case whose arrays lie in memory in another way, and what is said where they are read wrongly then."""

from __future__ import annotations

from dataclasses import replace

from checks.cases.layouts import LAYOUTS, broadcast
from checks.trials.trial import Run

BROADCAST = "a cotangent that is broadcast (strides of 0) is read wrongly"


def told(layout: str) -> str:
    """What is said of arrays in this layout."""
    return f"arrays {layout} are read wrongly"


def again(run: Run, layout: str) -> Run:
    """The same numbers in this layout."""
    lay = LAYOUTS[layout]
    inputs = tuple(None if a is None else lay(a) for a in run.case.inputs)
    return replace(run, case=replace(run.case, inputs=inputs, cotangent=lay(run.case.cotangent)), watched=False)


def broadcasted(run: Run) -> Run:
    """With the first element of the cotangent everywhere."""
    return run.with_cotangent(broadcast(run.case.cotangent))


def as_told(run: Run, note: str) -> Run:
    """The run of which this is said; as it is, if a note speaks of no layout."""
    if note == BROADCAST:
        return broadcasted(run)
    layout = next((layout for layout in LAYOUTS if note == told(layout)), None)
    return run if layout is None else again(run, layout)
