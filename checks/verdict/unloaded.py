"""The report on what could not be loaded: others are judged all the same, and files of an earlier run do not stay green."""

from __future__ import annotations

from checks.op import Op
from checks.verdict.report import Report
from checks.verdict.tally import Tally
from checks.verdict.tried import versions


def unloaded(op: Op, spec: str, dtype: str, why: str) -> Report:
    """Nothing was judged of it, in one case that it does not support because of `why`."""
    return Report(
        op=op,
        implementation=spec,
        is_reference=False,
        dtype=dtype,
        pinned={},
        examples=0,
        seed=0,
        laws=(),
        cases=0,
        tally=Tally.counted(()),
        findings=(),
        failures=(),
        unsupported={why: 1},
        coverage={},
        misses=(),
        versions=versions(),
        seconds=0.0,
        spec=spec,
        decisive=True,
    )
