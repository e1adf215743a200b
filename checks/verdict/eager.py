"""Whether what fails compiled fails as it is too: the same law, of the same code without its compiler, in the same case."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace

from checks.cases.search import Stopped
from checks.subjects.isolation import Isolated
from checks.subjects.loading import COMPILED
from checks.subjects.refusals import NotAnImplementation, Unsupported
from checks.verdict.report import Finding, Verdict
from checks.verdict.tried import Tried

ONLY = "only compiled: without its compiler the same is right in this case"
BOTH = "not the compiler's: without it the same is wrong too"


def compared(failures: Iterable[Finding], tried: Tried) -> Iterator[Finding]:
    """The failures; of what was compiled, each says whether its compiler is behind it."""
    judged = tried.implementation
    if not isinstance(judged, Isolated) or not judged.spec.startswith(COMPILED):
        yield from failures
        return
    spec = judged.spec.removeprefix(COMPILED)
    eager = Isolated(
        judged.op, spec, judged.dtype, judged.device, judged.timeout, judged.memory, promised=judged.promised
    )
    without = Tried(eager, tried.laws, strict=tried.strict, witness=tried.witness)
    try:
        for failure in failures:
            yield replace(failure, where="; ".join(filter(None, [failure.where, _said(failure, without)])))
    finally:
        eager.close()


def _said(failure: Finding, without: Tried) -> str:
    """In which of the two ways it fails, if that can be told."""
    with suppress(Unsupported, NotAnImplementation, Stopped):
        found = without.ask({failure.law: without.laws[failure.law]}, failure.problem)
        wrong = [f for f in found if f.verdict is Verdict.BROKEN and f.result == failure.result]
        return BOTH if wrong else ONLY
    return ""
