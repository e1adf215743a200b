"""What frameworks get right of their own ops: python -m checks.scoreboard --frameworks torch,jax --json board.json

Every op of every framework that is installed is judged, as it is and compiled, in each dtype, and kept in a JSON file after
each cell: what is there already, by the same version with the same seed and number of cases, is not judged again. --html
writes the page (render/board.py). Exit codes: 0 all of it was judged; 2 the command line makes no sense; 3 interrupted.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from checks import judge, ops
from checks.command.arguments import Parser, typed
from checks.command.progress import Bar
from checks.laws import laws
from checks.numbers.precision import PRECISIONS
from checks.render import board, words
from checks.signature.options import whole
from checks.subjects import lifeline
from checks.subjects.loading import BUILT_IN, COMPILED, offered, version
from checks.subjects.names import first_on_the_path, ours
from checks.subjects.refusals import Crashed, NotAnImplementation
from checks.verdict.report import NOT_JUDGED, VERDICTS, Report

EXAMPLES = 40
INTERRUPTED = 3
KEY = ("framework", "version", "op", "dtype", "compiled", "examples", "seed", "laws")


@dataclass(frozen=True)
class Cell:
    """One cell to come; `seconds`, if not 0, after which no other case of it is drawn."""

    framework: str
    version: str
    op: str
    dtype: str
    compiled: bool
    examples: int
    seed: int
    laws: tuple[str, ...] = ()
    seconds: int = 0

    @property
    def key(self) -> tuple[Any, ...]:
        """What makes it the same cell as one that has been judged."""
        return _key(asdict(self))

    @property
    def command(self) -> str:
        """What judges this cell alone."""
        asked = f" --laws {','.join(self.laws)}" if self.laws else ""
        how = f"--dtype {self.dtype} --examples {self.examples} --seed {self.seed}{asked}"
        return f"gradoracle {self.op} --impl {self.framework}{' --compile' * self.compiled} {how}"

    def judged(self) -> dict[str, Any]:
        """The cell as JSON holds it; what cannot be judged is not offered, and says why."""
        started, late = time.monotonic(), False

        def watch(_: int) -> None:
            nonlocal late
            if late := bool(self.seconds and time.monotonic() - started > self.seconds):
                raise KeyboardInterrupt  # as whoever waits would: what was found so far is kept

        try:
            report = judge(
                self.op,
                f"{COMPILED * self.compiled}{self.framework}",
                dtype=self.dtype,
                examples=self.examples,
                seed=self.seed,
                laws=self.laws or None,
                progress=watch,
            )
        except NotAnImplementation as refusal:
            # What did not come up, in time or alive, may well have it.
            failed = isinstance(refusal.__cause__, Crashed)
            found = {"verdict": VERDICTS[NOT_JUDGED] if failed else board.NOT_OFFERED, "said": [str(refusal)]}
        else:
            if report.interrupted and not late:
                raise KeyboardInterrupt
            found = _read(report)
        date = datetime.now(UTC).date().isoformat()
        return {**asdict(self), "laws": list(self.laws), "command": self.command, "date": date, **found}


def _read(report: Report) -> dict[str, Any]:
    """What a cell keeps of a report: the verdict, and all that is to be said of what is no plain right."""
    verdict, said = VERDICTS[report.exit_code], [" ".join(filter(None, _failure(f))) for f in report.failures]
    if report.exit_code == NOT_JUDGED and not report.failures:
        if report.interrupted:
            verdict = board.STOPPED
        elif report.unsupported:  # there is no such kernel, say
            verdict, said = board.NOT_OFFERED, list(words.unsupported(report))
    return {
        "verdict": verdict,
        "said": said,
        "again": [words.again(report, f) for f in report.failures],
        "undecided": [] if report.failures else list(words.left(report)),
        "limits": list(words.elsewhere(report)),
        "warnings": list(words.warnings(report)),
        "cases": report.cases,
        "seconds": round(report.seconds, 1),
        "versions": dict(report.versions),
    }


def _failure(failure: Any) -> Iterator[str]:
    yield words.broken(failure)
    yield f"{failure.mistake}:" if failure.mistake else ""
    yield failure.explanation
    yield failure.where and f"{failure.where}."
    yield failure.note if failure.result else ""
    yield from failure.frames[-1:]
    if failure.actual is not None and failure.expected is not None:
        yield f"{words.place(failure)}: {failure.actual!r} where {failure.expected!r} is right."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    parser.refuse_unwritable("--json", options.json)
    parser.refuse_unwritable("--html", options.html)
    try:
        there = json.loads(options.json.read_text(encoding="utf-8"))["cells"] if options.json.exists() else []
    except (ValueError, KeyError, TypeError):
        parser.refuse(f"--json {options.json} is no scoreboard; expected a file that this command wrote, or none yet")
    cells = {_key(cell): cell for cell in there}
    waiting = [cell for cell in _wanted(options) if cell.key not in cells]
    done = _run(waiting, options.jobs, lambda cell: _keep(cells, cell, options.json))
    if options.html:
        options.html.write_text(board.render(list(cells.values())), encoding="utf-8")
    return 0 if done else INTERRUPTED


def _wanted(options: Any) -> list[Cell]:
    """The cells that were asked for, the plain ones of each framework first."""
    chosen = product(options.compiled, options.frameworks, options.dtypes, options.ops)
    return [
        Cell(f, version(f), op, dtype, compiled, options.examples, options.seed, tuple(options.laws), options.seconds)
        for compiled, f, dtype, op in chosen
        if offered(f, ops.find(op))
    ]


def _run(waiting: list[Cell], jobs: int, keep: Any) -> bool:
    """Judge them, so many at a time; False if somebody interrupted it."""
    bar = Bar("cells", len(waiting)) if sys.stderr.isatty() else None
    if jobs == 1:
        try:
            for number, cell in enumerate(waiting, 1):
                keep(cell.judged())
                if bar is not None:
                    bar(number)
        except KeyboardInterrupt:
            return False
        return True
    with first_on_the_path(), ProcessPoolExecutor(jobs, get_context("spawn"), lifeline.follow) as pool:
        left: set[Future[dict[str, Any]]] = {pool.submit(cell.judged) for cell in waiting}
        try:
            while left:
                done, left = wait(left, return_when=FIRST_COMPLETED)
                for future in done:
                    keep(future.result())
                if bar is not None:
                    bar(len(waiting) - len(left))
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            return False
        finally:
            if bar is not None:
                bar.clear()
    return True


def _keep(cells: dict[tuple[Any, ...], dict[str, Any]], cell: dict[str, Any], path: Path) -> None:
    """Add a cell and write all of them, by way of another file, so that none is lost where this is cut off."""
    cells[_key(cell)] = cell
    beside = path.with_name(f"{path.name}.part")
    beside.write_text(
        json.dumps({"cells": list(cells.values())}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    beside.replace(path)


def _key(cell: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(tuple(cell[name]) if name == "laws" else cell[name] for name in KEY)


def _parser() -> Parser:
    parser = Parser(
        prog="python -m checks.scoreboard",
        description="Judge what frameworks have of the ops, as it is and compiled.",
        allow_abbrev=False,
    )
    installed = [name for name in BUILT_IN if find_spec(name)]
    parser.add_argument(
        "--frameworks", type=_among(list(BUILT_IN)), default=installed, metavar="A,B", help="default: what is installed"
    )
    parser.add_argument(
        "--ops", type=_among(list(ops.ops())), default=list(ops.ops()), metavar="A,B", help="default: all"
    )
    parser.add_argument(
        "--dtypes", type=_among(list(PRECISIONS)), default=list(PRECISIONS), metavar="A,B", help="default: all"
    )
    parser.add_argument("--laws", type=_among(list(laws())), default=[], metavar="A,B", help="default: all")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--plain", dest="compiled", action="store_const", const=[False], help="as they are only")
    which.add_argument("--compile", dest="compiled", action="store_const", const=[True], help="compiled only")
    parser.add_argument(
        "--examples", type=typed(whole(1)), default=EXAMPLES, metavar="N", help=f"cases of a cell (default: {EXAMPLES})"
    )
    parser.add_argument(
        "--seconds", type=typed(whole(1)), default=0, metavar="S", help="draw no more cases of a cell after so long"
    )
    parser.add_argument("--seed", type=typed(whole(0)), default=1, metavar="S", help="of every cell (default: 1)")
    parser.add_argument(
        "--jobs", type=typed(whole(1)), default=1, metavar="N", help="cells to judge at a time (default: 1)"
    )
    parser.add_argument(
        "--json",
        type=Path,
        default=Path("scoreboard.json"),
        metavar="FILE",
        help="where cells are kept, and looked for (default: scoreboard.json)",
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the page as well")
    parser.set_defaults(compiled=[False, True])
    return parser


def _among(known: list[str]) -> Any:
    def read(text: str) -> list[str]:
        for word in (chosen := text.split(",")):
            if word not in known:
                raise ValueError(ops.suggestion(word, known))
        return chosen

    return typed(read)


if __name__ == "__main__":
    with ours:
        sys.exit(main())
