"""Which wrong backwards are caught, and which right ones rejected, by us and by others: python -m benchmarks.functions

Every function of the catalogue, right and with each of its mistakes, at a small size and at a real one, in float64 and in
float32, is given to each judge (peers.py). A row of the table has for each judge how many of the wrong ones it caught, how
many of the right ones it rejected (or, of ours, left undecided), and the median of its seconds of processor time.

What was judged is kept in a file, a line of JSON each, and is not judged again: `--kept` names it, `--seconds` ends a run
early, and the next one goes on from there.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.catalogue import ENTRIES
from benchmarks.peers import ACCEPTED, CAUGHT, FIRST, SECOND, asked, mistakes_of

SIZES = ("small", "real")
DTYPES = ("float64", "float32")
Row = dict[str, Any]


def main() -> None:
    """Judge what is not kept yet, and print the tables."""
    parser = argparse.ArgumentParser(description="Compare judges of functions and their backwards.")
    parser.add_argument("--only", help="functions, separated by commas (default: all)")
    parser.add_argument("--judges", help="judges, separated by semicolons (default: all)")
    parser.add_argument("--sizes", default=",".join(SIZES), help="small, real, or both (default)")
    parser.add_argument("--dtypes", default=",".join(DTYPES), help="float64, float32, or both (default)")
    parser.add_argument("--kept", type=Path, help="file of what was judged, to go on from")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin nothing after so many")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else list(ENTRIES)
    judges = options.judges.split(";") if options.judges else [*FIRST, *SECOND]
    for unknown in [n for n in names if n not in ENTRIES] + [j for j in judges if j not in {**FIRST, **SECOND}]:
        parser.error(f"there is no {unknown!r}; expected {', '.join([*ENTRIES, *FIRST, *SECOND])}")
    rows = _kept(options.kept)
    until = time.monotonic() + options.seconds
    for row in _judged(names, judges, options.sizes.split(","), options.dtypes.split(","), rows):
        rows.append(row)
        if options.kept:
            with options.kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        if time.monotonic() > until:
            print("stopped: not all of it was judged")
            break
    print("\n".join(table(rows, list(FIRST))))
    print("\n".join(["", *table(rows, list(SECOND))]))
    print("\n".join(["", *exceptions(rows)]))


def _kept(path: Path | None) -> list[Row]:
    if path is None or not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _judged(
    names: Sequence[str], judges: Sequence[str], sizes: Sequence[str], dtypes: Sequence[str], known: Sequence[Row]
) -> Iterator[Row]:
    fields = ("function", "mistake", "size", "dtype", "judge")
    done = {tuple(row[f] for f in fields) for row in known}
    for name, dtype, size, judge in product(names, dtypes, sizes, judges):
        entry = ENTRIES[name]
        if (size == "real" and (not entry.real or judge in SECOND)) or (judge in SECOND and dtype != "float64"):
            continue
        for mistake, wrong in mistakes_of(entry, judge).items():
            key = (name, mistake, size, dtype, judge)
            if key not in done:
                said, seconds = asked(judge, entry, wrong, size, dtype)
                yield dict(zip(fields, key, strict=True)) | {"said": said, "seconds": round(seconds, 3)}


def table(rows: Sequence[Row], judges: Sequence[str]) -> list[str]:
    """A row for each size and dtype; in it, for each judge, what it caught, what it rejected, and its seconds."""
    found = [f"| | {' | '.join(judges)} |", f"|---|{'---|' * len(judges)}"]
    for size, dtype in product(SIZES, DTYPES):
        of = [r for r in rows if (r["size"], r["dtype"]) == (size, dtype) and r["judge"] in judges]
        if of:
            cells = [_cell([r for r in of if r["judge"] == judge]) for judge in judges]
            found.append(f"| {size}, {dtype} | {' | '.join(cells)} |")
    return found


def _cell(rows: Sequence[Row]) -> str:
    usable = [r for r in rows if r["said"] != "too large"]
    wrong, right = [r for r in usable if r["mistake"]], [r for r in usable if not r["mistake"]]
    if not usable:
        return "–"
    caught = sum(r["said"] == CAUGHT for r in wrong)
    rejected = sum(r["said"] != ACCEPTED for r in right)
    return f"{caught}/{len(wrong)}; {rejected}/{len(right)}; {median(r['seconds'] for r in usable):.2g} s"


def exceptions(rows: Sequence[Row]) -> list[str]:
    """What ours does not say as it should, one line each."""
    return [
        f"{r['function']}, {r['mistake'] or 'right'}, {r['size']}, {r['dtype']}: {r['said']} by {r['judge']}"
        for r in rows
        if r["judge"].startswith("judge_function") and r["said"] != (CAUGHT if r["mistake"] else ACCEPTED)
    ]


if __name__ == "__main__":
    main()
