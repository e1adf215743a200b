"""The command line: python -m checks.render report.json --to markdown

Exit codes: 0 it is drawn, whatever it says; 2 the command line makes no sense, or the file is no report.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path

from checks.command.arguments import Parser, typed
from checks.render.load import from_text, load
from checks.render.outputs import FORMATS, STANDARD_OUTPUT, colour, for_github, rendered, written
from checks.signature.options import one_of
from checks.subjects.names import ours
from checks.verdict.merging import merged
from checks.verdict.report import Report

PROGRAM = "python -m checks.render"


def main(arguments: Sequence[str] | None = None, program: str = PROGRAM) -> int:
    """Run the command line, as what it was called; returns the exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    parser = _parser(program)
    options, unknown = parser.parse_known_args(given)
    if unknown:
        parser.refuse_unknown(unknown, "render")
    if options.verbose and options.to != "text":
        parser.refuse(f"--verbose is about text; --to {options.to} has all there is")
    parser.refuse_unwritable("--output", options.output)
    try:
        reports = merged(report for path in options.reports for report in _loaded(path))
        if options.to == "github" and options.output == STANDARD_OUTPUT:
            for_github(reports)
        else:
            written(rendered(options.to, reports, **_how(options)), options.output)
    except ValueError as wrong:
        parser.refuse(str(wrong))
    except BrokenPipeError:  # whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _loaded(path: Path) -> tuple[Report, ...]:
    return from_text(sys.stdin.read(), "standard input") if path == STANDARD_OUTPUT else load(path)


def _how(options: Namespace) -> dict[str, bool]:
    """In colour, if it is text for a terminal."""
    painted = options.output == STANDARD_OUTPUT and colour()
    return {"colour": painted, "verbose": options.verbose} if options.to == "text" else {}


def _parser(program: str) -> Parser:
    parser = Parser(
        prog=program,
        description="Draw a report that --json wrote, as the run itself would have.",
        epilog="\n".join(["formats:", *(f"  {name:<12} {what}" for name, (_, what) in FORMATS.items())]),
        allow_abbrev=False,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "reports",
        type=Path,
        nargs="+",
        metavar="REPORT",
        help="the file, or several, of which shards of one run become one report; - for standard input",
    )
    parser.add_argument("--to", type=typed(one_of(*FORMATS)), default="text", metavar="FORMAT", help=", ".join(FORMATS))
    parser.add_argument("--output", type=Path, default=STANDARD_OUTPUT, metavar="FILE", help="default: standard output")
    parser.add_argument("-v", "--verbose", action="store_true", help="of text: all failures, every law, what was tried")
    return parser


if __name__ == "__main__":
    with ours:
        sys.exit(main())
