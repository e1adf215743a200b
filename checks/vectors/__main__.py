"""The command line of vectors: gradoracle vectors conv --to vectors/; … --verify vectors/; … --judge results.json

Exit codes: 0 written, or all of it right; 1 a vector is wrong; 2 the command line makes no sense; for --judge those of a
verdict (gradcheck.py).
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from checks import ops
from checks.command.arguments import Parser
from checks.render import terminal
from checks.render.outputs import Outputs, colour
from checks.signature.options import flag
from checks.subjects.names import ours
from checks.vectors.generating import generate
from checks.vectors.judging import judged
from checks.vectors.verifying import proofs
from checks.verdict.report import worst

PROGRAM = "python -m checks.vectors"
FOLDER = Path("vectors")
INTERRUPTED = 3
HELP = """\
  gradoracle vectors conv --to vectors/      write the vectors of an op, or of all
  gradoracle vectors --verify vectors/       prove them against the reference and torch
  gradoracle vectors --judge results.json    a verdict on what code in any language answered

docs/vectors.md says what is in them, and how to use them in any language."""


def main(arguments: Sequence[str] | None = None, program: str = PROGRAM) -> int:
    """Run the command line, as what it was called; returns the exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    parser = _parser(program)
    options = parser.parse_args(given)
    asked = [name for name in ("to", "verify", "judge") if getattr(options, name)]
    if len(asked) != 1:
        parser.refuse("expected one of --to FOLDER, --verify FOLDER and --judge FILE")
    try:
        names = [ops.find(n).name for n in (options.op or "").split(",") if n and n != "all"]
        if options.judge:
            return _judge(options, parser)
        if options.verify:
            return _verify(options.verify, frozenset(names))
        if not options.op:
            parser.refuse("name an op: gradoracle vectors conv --to vectors/, or all")
        return _generate(names, options.to)
    except (ValueError, ImportError) as wrong:
        parser.refuse(str(wrong))
    except BrokenPipeError:  # whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return INTERRUPTED


def _parser(program: str) -> Parser:
    parser = Parser(
        prog=program,
        description="Exact cases in files, for code in any language.",
        epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("op", nargs="?", metavar="op", help="an op, several as in A,B, or all")
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="write vectors of the op into this folder")
    parser.add_argument("--verify", type=Path, metavar="FOLDER", help="prove the vectors in this folder")
    parser.add_argument("--judge", type=Path, metavar="FILE", help="judge the results that this file holds")
    parser.add_argument(
        "--vectors", type=Path, default=FOLDER, metavar="FOLDER", help=f"what they are results of (default: {FOLDER}/)"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="every finding that does not hold")
    parser.add_argument("-q", "--quiet", action="store_true", help="the verdict only")
    Outputs.add_options(parser)
    return parser


def _generate(names: Sequence[str], folder: Path) -> int:
    chosen = [ops.find(n) for n in names] or list(ops.ops().values())
    total = 0
    for op, count in generate(chosen, folder):
        total += count
        print(
            f"{op.name}: {count} vectors"
            if count
            else f"{op.name}: no vectors, since nothing of it can be known exactly"
        )
    print(f"{total} vectors in {folder}")
    return 0


def _verify(folder: Path, names: frozenset[str]) -> int:
    wrong = False
    for proof in proofs(folder, names):
        print(proof, flush=True)
        wrong |= bool(proof.wrong)
    print("wrong" if wrong else "all of it is right")
    return int(wrong)


def _judge(options: argparse.Namespace, parser: Parser) -> int:
    outputs = Outputs.of(options)
    for name, path in outputs.files.items():
        parser.refuse_unwritable(flag(name), path)
    named = [] if options.vectors == FOLDER else ["--vectors", str(options.vectors)]
    again = shlex.join(["gradoracle", "vectors", "--judge", str(options.judge), *named])
    reports = list(judged(options.judge, options.vectors, again))
    for report in reports:
        if not outputs.take_standard_output:
            print(terminal.render(report, colour=colour(), verbose=options.verbose, quiet=options.quiet), flush=True)
    outputs.write(reports)
    return worst(report.exit_code for report in reports)


if __name__ == "__main__":
    with ours:
        sys.exit(main())
