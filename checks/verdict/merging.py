"""Reports on shards of one run, put together: what comes out counts every case once, as the whole run would have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from checks.laws import contract
from checks.verdict.decisions import Decision
from checks.verdict.report import Finding, Report
from checks.verdict.tally import Tally


def merged(reports: Iterable[Report]) -> tuple[Report, ...]:
    """Shards of the same run as one report, where the first of them was; other reports as they are.

    A shard that is there twice counts once.
    """
    runs: dict[object, list[Report]] = {}
    for at, report in enumerate(reports):
        runs.setdefault(_run(report) if report.shards else at, []).append(report)
    return tuple(_merged(run) for run in runs.values())


def _run(report: Report) -> object:
    """What reports on shards of the same run have in common."""
    subject = report.op.name, report.implementation, report.is_reference, report.spec, report.dtype
    drawn = (
        report.seed,
        report.examples if report.budget is None else None,
        report.laws,
        report.decisive,
        report.of_shards,
    )
    return *subject, *drawn, repr(sorted(report.pinned.items()))


def _merged(run: Sequence[Report]) -> Report:
    parts: list[Report] = []
    for report in run:
        known = {shard for part in parts for shard in part.shards}
        if not report.shards or not known.issuperset(report.shards):
            if known.intersection(report.shards):
                raise ValueError(
                    f"{report.op.name}: of {report.of_shards} shards, {_listed(known & {*report.shards})} are counted in "
                    "two reports that hold others too; expected each shard in one"
                )
            parts.append(report)
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    together = {shard for part in parts for shard in part.shards}
    tally = Tally.together(part.tally for part in parts)
    wrong = set(tally.broken(crashed=False) + tally.broken(crashed=True)) - {"behaviour"}
    return replace(
        first,
        shards=() if len(together) == first.of_shards else tuple(sorted(together)),
        of_shards=1 if len(together) == first.of_shards else first.of_shards,
        examples=first.examples if first.budget is None else sum(part.examples for part in parts),
        budget=None if first.budget is None else sum(part.budget or 0.0 for part in parts),
        cases=sum(part.cases for part in parts),
        tally=_without_echoes(tally, wrong),
        findings=tuple(f for part in parts for f in part.findings if not contract.is_echo(f, wrong)),
        failures=tuple(f for f in _failures(parts) if not contract.is_echo(f, wrong)),
        unsupported=_added(part.unsupported for part in parts),
        coverage={
            label: _added(part.coverage.get(label, {}) for part in parts)
            for label in dict.fromkeys(label for part in parts for label in part.coverage)
        },
        misses=tuple(miss for part in parts for miss in part.misses),
        decisions=tuple(_decisions(parts)),
        repeated=sum(part.repeated for part in parts),
        seconds=sum(part.seconds for part in parts),
        interrupted=any(part.interrupted for part in parts),
        meetings=next((part.meetings for part in parts if part.meetings is not None), None),
        versions={
            name: ", ".join(dict.fromkeys(part.versions[name] for part in parts if name in part.versions))
            for name in first.versions
        },
    )


def _without_echoes(tally: Tally, wrong: Collection[str]) -> Tally:
    """What is left, once a result is wrong in one shard, of what others remark of odd numbers in it (Tried.drop_echoes)."""
    rows = []
    for row in tally.rows:
        said = row.law == "contract" and row.result == "behaviour"
        notes = {note: n for note, n in row.notes.items() if not (said and contract.echoes(note, wrong))}
        count = row.count - sum(row.notes.values()) + sum(notes.values())
        if count:
            rows.append(replace(row, notes=notes, count=count))
    return Tally(tuple(rows))


def _failures(parts: Sequence[Report]) -> Iterable[Finding]:
    """For each result that is wrong, what the sharpest law says of it, and of that the smallest case."""
    found: dict[str, list[Finding]] = {}
    for part in parts:
        for failure in part.failures:
            found.setdefault(failure.result, []).append(failure)
    laws = list(parts[0].laws)
    for same in found.values():
        yield min(same, key=lambda f: (laws.index(f.law), f.problem.elements))


def _decisions(parts: Sequence[Report]) -> Iterable[Decision]:
    decided: Counter[tuple[str, str]] = Counter()
    cases: Counter[tuple[str, str]] = Counter()
    for part in parts:
        for decision in part.decisions:
            decided[decision.result, decision.kind] += decision.decided
            cases[decision.result, decision.kind] += decision.cases
    return (Decision(*of, decided[of], count) for of, count in cases.items())


def _added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return dict(total)


def _listed(shards: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(shards)))
