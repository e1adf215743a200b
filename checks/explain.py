"""The command line: python -m checks.explain conv --size 3,3 --kernel 2,2 --wrt "V[2,2]"

Exit codes: 0 the formulas are shown, and an implementation's are the same; 1 they differ; 2 the command line makes no
sense; 3 the implementation could not be loaded, or its formulas could not be told, or Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from checks import ops
from checks.command.arguments import Parser, command, typed
from checks.command.progress import Bar
from checks.formulas import explanation
from checks.formulas.explanation import Explanation
from checks.op import Op
from checks.render import files, slides
from checks.render.explained import Explained
from checks.render.explanation import FORMATS, untold
from checks.signature.options import memory, one_of, real, whole
from checks.subjects.implementation import Implementation
from checks.subjects.isolation import TIMEOUT, Isolated, half_the_memory
from checks.subjects.names import ours
from checks.subjects.refusals import NotAnImplementation

PROGRAM = "python -m checks.explain"
DIFFERS, UNTOLD = 1, 3


def explain(
    op: str, wrt: str = "", implementation: Any = None, *, names: tuple[str, ...] = (), base: int = 1, **pinned: Any
) -> Explained:
    """The formulas of an op for a small shape, as an object that prints as text, and shows itself in a notebook.

    op              name of the op, e.g. "conv"
    wrt             an element, such as "V[2,2]", an array, such as "Z", or "" for everything
    implementation  a module, class or object whose own formulas are shown beside the right ones, if it is given
    names           a letter for each input, y and the cotangent; ("own",): the protocol's names
    base            what indices count from, 1 or 0
    pinned          the shape and the parameters, e.g. size=(3, 3), stride=2; small and usual, if not given

    Raises ValueError, in a sentence with what is close, for whatever does not exist or is too large to be written, and
    NotAnImplementation, a TypeError, for an implementation without forward or backward.
    """
    found = ops.find(op)
    theirs = None if implementation is None else Implementation.of(found, implementation)
    return Explained(explanation.explain(found, pinned, wrt, names=names, base=base, implementation=theirs))


def main(arguments: Sequence[str] | None = None, program: str = PROGRAM) -> int:  # noqa: C901, one branch a form
    """Run the command line, as what it was called; returns the exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if any(word.split("=")[0] == "--book" for word in given):
        return _bind(given, program)
    op = ops.find(_parser(None, program).op_of(given))
    parser = _parser(op, program)
    options, unknown = parser.parse_known_args(given)
    if unknown:
        parser.refuse_unknown(unknown, op.name)
    if options.format not in files.FORMATS and (options.steps or options.out is not None):
        flag = "--steps" if options.steps else "--out"
        parser.refuse(f"{flag} is for pictures; expected --format svg or --format png beside it")
    options.out = options.out or Path()
    try:
        shown = _explained(op, options)
    except ValueError as wrong:
        parser.refuse(str(wrong))
    except NotAnImplementation as wrong:
        print(f"{command(program)}: {wrong}", file=sys.stderr)
        return UNTOLD
    except KeyboardInterrupt:
        return UNTOLD
    if options.format in files.FORMATS:
        try:
            for file in files.write(slides.pictures(shown, steps=options.steps), options.out, options.format):
                _print(f"{file}\n")
        except ValueError as wrong:
            parser.refuse(str(wrong))
    else:
        _print(FORMATS[options.format](shown))
    for why in untold(shown):
        print(f"{command(program)}: {options.impl}, {why}", file=sys.stderr)
    return DIFFERS if shown.differs else UNTOLD if shown.untold else 0


def _print(text: str) -> None:
    try:
        print(text, end="", flush=True)
    except BrokenPipeError:  # whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _explained(op: Op, options: argparse.Namespace) -> Explanation:
    """What was asked for; the implementation runs in a process of its own."""
    given = {option.name: value for option in op.takes.options if (value := getattr(options, option.name)) is not None}
    theirs = None
    if options.impl:
        limit = options.memory or half_the_memory()
        theirs = Isolated.loaded(op, options.impl, "float64", options.device, options.timeout, limit)
    try:
        names = tuple(options.names.split(",")) if options.names else ()
        return explanation.explain(
            op, given, options.wrt, names=names, base=options.base, bias=options.bias, implementation=theirs
        )
    finally:
        if theirs is not None:
            theirs.close()


def _parser(op: Op | None, program: str) -> Parser:
    """The parser with the options of one op, or with those that all ops share."""
    parser = Parser(
        prog=f"{program} {op.name}" if op else program,
        description="Write out the formulas of an op for a small shape: of its output and of its gradients.",
        epilog=None if op else f"Options of an op: {program} conv --help",
        allow_abbrev=False,
    )
    parser.set_defaults(bias=False)
    parser.add_argument("op", metavar="op", help=", ".join(ops.ops()))
    if op:
        parser.add_options(op, f"the shape and the parameters of {op.name} (small and usual, if not given)")
    shown = parser.add_argument_group("what to write, and how")
    shown.add_argument(
        "--wrt", default="", metavar="WHAT", help='an element, such as "V[2,2]", or an array, such as Z (default: all)'
    )
    if op is None or "bias" in op.takes.optional:
        shown.add_argument("--bias", action="store_true", help="with a bias, where there need not be one")
    shown.add_argument(
        "--names",
        metavar="A,B",
        help="letters for each input, y and grad_output, such as V,K,Z,G; own: x,weight,y,grad_output",
    )
    shown.add_argument(
        "--base", type=typed(whole(0, 1)), default=1, metavar="0 | 1", help="what indices count from (default: 1)"
    )
    shown.add_argument(
        "--format",
        type=typed(one_of(*FORMATS, *files.FORMATS)),
        default="text",
        metavar="F",
        help=f"{', '.join(FORMATS)} (default: text); {' or '.join(files.FORMATS)}: each formula as a picture in a file",
    )
    shown.add_argument("--out", type=Path, metavar="FOLDER", help="where pictures are written (default: here)")
    shown.add_argument(
        "--steps", action="store_true", help="a series of pictures: one for each output that the element meets"
    )
    if op is None:
        shown.add_argument("--book", type=Path, metavar="FILE", help="write the book of all derivations, as one page")
    theirs = parser.add_argument_group("whose formulas to show beside the right ones")
    theirs.add_argument(
        "--impl", metavar="WHAT", help="as for checks.gradcheck: FILE.py:NAME, package.module:NAME, torch:…"
    )
    theirs.add_argument("--device", default="cpu", metavar="D", help="where torch computes (default: cpu)")
    theirs.add_argument(
        "--timeout", type=typed(real(0, above=True)), default=TIMEOUT, metavar="S", help="seconds a call may take"
    )
    theirs.add_argument("--memory", type=typed(memory), metavar="M", help="what it may take, such as 4G")
    return parser


def _bind(given: Sequence[str], program: str) -> int:
    """Write the book; its proofs are run, with a bar on a terminal. Or its figures, each as a file."""
    from checks.book.binding import write
    from checks.book.plates import plates

    parser = Parser(prog=program, description="Write the book of all derivations as one HTML page.", allow_abbrev=False)
    parser.add_argument("--book", type=Path, required=True, metavar="FILE", help="the page to write")
    parser.add_argument(
        "--format", type=typed(one_of(*files.FORMATS)), metavar="F", help="svg, png: its figures, and FILE is a folder"
    )
    options, others = parser.parse_known_args(given)
    if others:
        parser.refuse(f"--book is about all derivations; expected nothing beside it, not {' '.join(others)}")
    if options.format:
        try:
            for file in files.write(plates(), options.book, options.format):
                _print(f"{file}\n")
        except ValueError as wrong:
            parser.refuse(str(wrong))
        return 0
    parser.refuse_unwritable("--book", options.book)
    bar = Bar("proofs")
    try:
        made = write(options.book, progress=bar if sys.stderr.isatty() else None)
    except ValueError as wrong:
        bar.clear()
        parser.refuse(str(wrong))
    bar.clear()
    print(made)
    return made.exit_code


if __name__ == "__main__":
    with ours:
        sys.exit(main())
