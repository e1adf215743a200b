"""The command line of everything: gradoracle conv --stride 2; gradoracle function …, explain …, render …

It judges, as checks.gradcheck does, unless the first word is that of another door. Exit codes are those of the door.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from checks import ops
from checks.subjects.names import ours

PROGRAM = "python -m checks"
JUDGE = "checks.gradcheck", "main"
DOORS = {  # module and function, each loaded where it is asked for: nobody waits for what another door needs
    "explain": ("checks.explain", "main"),
    "render": ("checks.render.__main__", "main"),
    "function": ("checks.gradcheck", "function"),
    "vectors": ("checks.vectors.__main__", "main"),
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
        return _door(*DOORS[given[0]])(given[1:], f"{program} {given[0]}")
    if given in (["--help"], ["-h"]):
        print(HELP.format(program=program, blank=" " * len(program), ops=", ".join(ops.ops())))
        return 0
    return _door(*JUDGE)(given, program)


def _door(module: str, function: str) -> Callable[[Sequence[str], str], int]:
    with ours:
        found: Callable[[Sequence[str], str], int] = getattr(import_module(module), function)
    return found


if __name__ == "__main__":
    with ours:
        sys.exit(main())
