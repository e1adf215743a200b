"""The command line of everything: gradoracle conv --stride 2; gradoracle function …, explain …, render …

It judges, as checks.gradcheck does, unless the first word is that of another door. Exit codes are those of the door.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from checks import explain, gradcheck, ops
from checks.render import __main__ as render
from checks.subjects.names import ours
from checks.vectors import __main__ as vectors

PROGRAM = "python -m checks"
DOORS: dict[str, Callable[[Sequence[str], str], int]] = {
    "explain": explain.main,
    "render": render.main,
    "function": gradcheck.function,
    "vectors": vectors.main,
}
HELP = """\
usage: {program} OP [options]            judge the gradients of an op: {program} conv --stride 2
       {program} all [options]           judge every op
       {program} function F --backward B --inputs S
{blank}                                   judge any function and its backward: {program} function --help
       {program} explain OP [options]    write out the formulas of an op, or of an implementation
       {program} render REPORT [options] draw a report that --json wrote
       {program} vectors OP --to FOLDER  write exact cases for code in any language: {program} vectors --help

ops: {ops}

What is judged is the project's own reference, or --impl mine.py:NAME. All options: {program} conv --help,
{program} explain conv --help, {program} render --help; {program} --list has the ops and the laws."""


def main(arguments: Sequence[str] | None = None, program: str = PROGRAM) -> int:
    """Run the command line, as what it was called; returns the exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given and given[0] in DOORS:
        return DOORS[given[0]](given[1:], f"{program} {given[0]}")
    if given in (["--help"], ["-h"]):
        print(HELP.format(program=program, blank=" " * len(program), ops=", ".join(ops.ops())))
        return 0
    return gradcheck.main(given, program)


if __name__ == "__main__":
    with ours:
        sys.exit(main())
