"""The kill table: how many vectors of an op catch each mistake that is planted in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from checks.vectors.choosing import TIMES


def table(entries: Mapping[str, Any]) -> str:
    """All of them, as Markdown: a row for each op, then one for each mistake."""
    return "\n".join([*_summary(entries), "", *_rows(entries)]) + "\n"


def _summary(entries: Mapping[str, Any]) -> Iterator[str]:
    yield "# Which vectors catch which mistakes"
    yield ""
    yield "Written with the vectors. A vector catches a mistake if what the mistake computes is not right there."
    yield ""
    yield "| op | vectors | large | mistakes | caught | by three or more |"
    yield "|---|---:|---:|---:|---:|---:|"
    total = [0] * 5
    for name, entry in sorted(entries.items()):
        counts = entry["mistakes"].values()
        row = [entry["tests"], entry["large"], len(counts), sum(c > 0 for c in counts), sum(c >= 3 for c in counts)]
        total = [a + b for a, b in zip(total, row, strict=True)]
        yield f"| `{name}` | {' | '.join(map(str, row))} |"
    yield f"| together | {' | '.join(map(str, total))} |"
    share = 100 * total[3] / max(1, total[2])
    yield ""
    yield f"Caught: {total[3]} of {total[2]}, {share:.1f} %. Wanted are {TIMES} for each, where so many cases show it."


def _rows(entries: Mapping[str, Any]) -> Iterator[str]:
    yield "| op | mistake | vectors that catch it |"
    yield "|---|---|---:|"
    for name, entry in sorted(entries.items()):
        for mistake, count in sorted(entry["mistakes"].items()):
            yield f"| `{name}` | {mistake} | {count} |"
