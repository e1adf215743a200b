"""What the command line that judges takes, beside what each op declares of itself."""

from __future__ import annotations

import argparse
from pathlib import Path

from checks import ops
from checks.cases.series import EXAMPLES
from checks.cases.wide import ONE_IN, REACH
from checks.command.arguments import Parser, add_limits, typed
from checks.command.orders import add_orders
from checks.command.subjects import ADAPT, COMPILE
from checks.numbers.precision import PROMISES
from checks.op import Op
from checks.signature.options import duration, one_of, shard, whole


def parser_of(op: Op | None, program: str) -> Parser:
    """The parser with the options of one op, or with those that all ops share."""
    parser = Parser(
        prog=f"{program} {op.name}" if op else program,
        description="Judge the gradients of an op by laws that every right gradient obeys.",
        epilog=None if op else f"Options of an op: {program} conv --help",
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("op", metavar="op", help=f"{', '.join(ops.ops())}; several, as in A,B; or all")
    if op:
        parser.add_options(op, f"what to hold fixed about {op.name} (everything else is drawn)")
    theirs = parser.add_argument_group("what to judge (default: the project's own reference)")
    theirs.add_argument(
        "--impl",
        action="append",
        metavar="WHAT",
        help="FILE.py, FILE.py:NAME, package.module:NAME, torch:… or jax:… of these, or torch, jax … for what a framework "
        "has itself (docs/frameworks.md), exec:./runner for a program (docs/protocol.md); OP=WHAT if several",
    )
    theirs.add_argument("--impls", type=Path, metavar="FILE", help="a TOML file that lists them (docs/scale.md)")
    theirs.add_argument("--compile", action="store_true", help=COMPILE)
    add_orders(theirs)
    theirs.add_argument("--adapt", metavar="HOW", help=ADAPT)
    theirs.add_argument("--device", default="cpu", metavar="D", help="where torch computes, e.g. cuda (default: cpu)")
    add_limits(theirs)
    theirs.add_argument("--skeleton", action="store_true", help="print a file to start from, and stop")
    parser.add_argument(
        "--dtypes", type=lambda text: text.split(","), metavar="A,B", help="several in one run, a verdict on each"
    )
    parser.add_argument("--laws", type=lambda text: text.split(","), metavar="A,B", help="laws to ask (default: all)")
    parser.add_argument(
        "--reach",
        type=typed(whole(1)),
        default=REACH,
        metavar="N",
        help=f"about how large an axis is made in one case of {ONE_IN} (default: {REACH}; 1: not at all)",
    )
    parser.add_argument(
        "--accumulate",
        type=typed(one_of(*PROMISES)),
        metavar="D",
        help="what sums of float16 and bfloat16 are promised to be kept in: float32, or same",
    )
    few = "so many distinct shapes only (default: 12 with --compile, or if a first call takes 20 times the second)"
    parser.add_argument("--shapes", type=typed(whole(1)), metavar="N", help=few)
    parser.add_argument("--scheduler", metavar="URL", help="a Dask cluster to send the cases to: tcp://host:8786")
    part = "the K-th of N parts of the cases only, for one --seed"
    parser.add_argument("--shard", type=typed(shard), metavar="K/N", help=part)
    parser.add_argument(
        "--jobs",
        type=typed(whole(1)),
        metavar="N",
        help="processes to split the cases among (default: the cores, for all and for what takes longer than 5 s)",
    )
    parser.add_argument("--strict", action="store_true", help="count warnings as broken; and --all-kinds")
    parser.add_argument(
        "--all-kinds", action="store_true", help="count as broken what raises in whole kinds of cases, as three axes"
    )
    parser.add_argument("--list", action="store_true", help="list the ops and the laws, and stop")
    parser.add_argument("--known", type=Path, metavar="FILE", help="failures that are known, as TOML (docs/known.md)")
    parser.add_argument("--write-known", type=Path, metavar="FILE", help="write what fails as such a file")
    many = add_shared(parser, EXAMPLES)
    fits = "in place of --examples: as many as fit, such as 60s or 10m"
    many.add_argument("--budget", type=typed(duration), metavar="T", help=fits)
    return parser


def add_shared(parser: Parser, examples: int | None, default: str = "") -> argparse._MutuallyExclusiveGroup:
    """What can be said of every run; returns what says how many cases there are."""
    precisions = "float64, float32, float16, with torch bfloat16, or complex128"
    parser.add_argument("--dtype", default="float64", metavar="D", help=f"{precisions} (default: float64)")
    cases = f"cases (default: {default or examples})"
    many = parser.add_mutually_exclusive_group()
    many.add_argument("--examples", type=typed(whole(1)), default=examples, metavar="N", help=cases)
    parser.add_argument(
        "--seed", type=typed(whole(0)), metavar="S", help="repeats a run; fresh, and shown, if not given"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="every finding that does not hold")
    parser.add_argument("-q", "--quiet", action="store_true", help="the verdict only")
    return many
