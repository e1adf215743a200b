"""The command line: python -m checks.gradcheck conv --stride 2

Exit codes: 0 right: nothing is broken, and everything was decided; 1 a gradient, or y, is wrong; 2 the command line
makes no sense; 3 what was to be judged crashed, or nothing could be judged; 4 undecided: nothing is broken, but a
result was not decided. Of several ops the worst: 1, then 3, then 4.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from checks import judge, ops
from checks.cases.search import Stopped
from checks.cases.wide import ONE_IN, REACH
from checks.command.arguments import Parser, add_limits, command, typed
from checks.command.orders import add_orders, expanded
from checks.command.progress import Bar, watched
from checks.command.skeleton import adapter, skeleton, start
from checks.command.subjects import ADAPT, COMPILE, Subject, named, subjects
from checks.laws import laws
from checks.op import Op
from checks.render.outputs import Outputs, colour, written
from checks.signature.options import duration, flag, one_of, shard, whole
from checks.subjects.isolation import half_the_memory
from checks.subjects.loading import built_in
from checks.subjects.names import first_on_the_path, ours
from checks.subjects.refusals import Crashed, NotAnImplementation
from checks.verdict import known
from checks.verdict.crew import cores
from checks.verdict.judging import EXAMPLES, PROMISES
from checks.verdict.report import Finding, Report, deciding, worst

PROGRAM = "python -m checks.gradcheck"
ANY_FUNCTION = 'Any other function is judged by {} function FILE.py:f --backward FILE.py:b --inputs "B,3 3"'
NOT_LOADED, INTERRUPTED = 3, 3


def main(arguments: Sequence[str] | None = None, program: str = PROGRAM) -> int:
    """Run the command line, as what it was called; returns the exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if "--list" in given:
        print(_listing())
        return 0
    if any(word.split("=")[0] == "--function" for word in given):
        return function(given, program)
    chosen, options, outputs = _read(given, program)
    try:
        if options.skeleton:
            one = chosen[0]
            print(skeleton(one.op) if one.impl is None else adapter(one.op, one.impl), end="")
            return 0
        return _run(chosen, options, outputs, command(program))
    except ValueError as wrong:
        _parser(None, program).refuse(str(wrong))
    except NotAnImplementation as wrong:
        print(f"{command(program)}: {wrong}", file=sys.stderr)
        if not all(built_in(one.impl) for one in chosen):
            print(
                f"\nA file to start from:\n\n{start(chosen[0].op, chosen[0].impl, str(wrong))}", end="", file=sys.stderr
            )
        return NOT_LOADED
    except BrokenPipeError:
        return _left()


def _read(given: list[str], program: str) -> tuple[list[Subject], argparse.Namespace, Outputs]:
    """What to judge, the options, and what to write; what makes no sense is refused."""
    unnamed = _parser(None, program)
    try:
        several = named(given := expanded(given))
    except ValueError as wrong:
        unnamed.refuse(str(wrong))
    name = (
        "all"
        if several
        else unnamed.op_of(given, "all", otherwise="" if program == PROGRAM else ANY_FUNCTION.format(program))
    )
    chosen = several or (list(ops.ops().values()) if name == "all" else [ops.find(name)])
    parser = _parser(chosen[0], program) if len(chosen) == 1 else unnamed
    options, unknown = parser.parse_known_args(given)
    if unknown:
        parser.refuse_unknown(unknown, name)
    parser.refuse_unwritable("--write-known", options.write_known)
    if len(chosen) > 1 and options.skeleton:
        parser.refuse("--skeleton is about one op; name it in place of all")
    try:
        judged = subjects(chosen, every=name == "all" and not several, options=options)
    except ValueError as wrong:
        parser.refuse(str(wrong))
    return judged, options, _outputs(parser, options)


def _outputs(parser: Parser, options: argparse.Namespace) -> Outputs:
    """What to write beside the verdict, once it is known that it can be written."""
    try:
        outputs = Outputs.of(options)
    except ValueError as wrong:
        parser.refuse(str(wrong))
    for name, path in outputs.files.items():
        parser.refuse_unwritable(flag(name), path)
    return outputs


def _run(chosen: list[Subject], options: argparse.Namespace, outputs: Outputs, called: str) -> int:
    """Judge, and print or write the verdicts; the exit code is the worst of theirs."""
    reports = []
    for report in _reports(chosen, options, outputs):
        reports.append(report)
        _show(report, options, outputs)
        if report.interrupted:
            break
    outputs.write(reports)
    if options.write_known:
        written(known.as_toml(reports), options.write_known)
    over = [entry for report in reports for entry in known.unmatched(_known(options), report)]
    for entry in over:
        print(f"{called}: the known failure {entry} no longer fails; remove it from {options.known}", file=sys.stderr)
    codes = [report.exit_code for report in deciding(reports)]
    return worst([*codes, int(bool(over)), 0 if len(reports) == len(chosen) else INTERRUPTED])


def _reports(chosen: list[Subject], options: argparse.Namespace, outputs: Outputs) -> Iterator[Report]:
    """The report on each, in order; several are judged at a time, each in a process of its own."""
    shows_progress = sys.stderr.isatty() and not options.quiet
    if options.scheduler:
        from checks import cluster

        if options.budget:
            raise ValueError("--budget is for the cores of one machine; a cluster is sent --examples")
        bar = Bar("shards")
        runs = [(one.op.name, _how(one.op.name, one.within(options))) for one in chosen]
        for report in cluster.judged(options.scheduler, runs, bar if shows_progress else None):
            bar.clear()
            yield report
        return
    if len(chosen) == 1:
        one = chosen[0]
        bar = Bar(one.op.name, options.examples, options.budget)
        try:
            shown = bar if shows_progress else None
            yield _judged(one.op.name, one.within(options), shown, _first(bar, options, outputs), options.jobs)
        finally:
            bar.clear()
        return
    bar = Bar("all", len(chosen))
    # Spawned, not forked: what torch and NumPy hold of threads does not survive a fork.
    jobs = options.jobs or cores()
    processes = min(len(chosen), jobs)
    each = jobs // processes  # what is left over, of many cores and few ops
    if options.budget:  # of all together
        options.budget *= processes / len(chosen)
    with first_on_the_path(), ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        waiting = [pool.submit(_judged, one.op.name, one.within(options), jobs=each) for one in chosen]
        try:
            for done, future in enumerate(waiting):
                if shows_progress:
                    bar(done)
                report = future.result()
                bar.clear()
                yield report
        except KeyboardInterrupt:
            return  # each process has been told as well, and stops after its case
        finally:
            bar.clear()
            pool.shutdown(cancel_futures=True)


def _first(bar: Bar, options: argparse.Namespace, outputs: Outputs) -> Callable[[Finding], None] | None:
    """What shows the first thing that is wrong, if somebody watches."""
    stream = None if options.quiet else watched(output=not outputs.take_standard_output)
    if stream is None:
        return None

    def show(finding: Finding) -> None:
        from checks.render import terminal

        bar.clear()
        print(terminal.first(finding), file=stream, flush=True)

    return show


def _judged(
    name: str,
    options: argparse.Namespace,
    progress: Bar | None = None,
    first: Callable[[Finding], None] | None = None,
    jobs: int | None = 1,
) -> Report:
    """The report on one op."""
    return judge(name, **_how(name, options), progress=progress, first=first, jobs=jobs, shard=options.shard)


def _how(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """What `judge` is told of a run, wherever it runs."""
    given = {o.name: getattr(options, o.name, None) for o in ops.find(name).takes.options}
    return {
        "implementation": options.impl,
        "dtype": options.dtype,
        "strict": options.strict,
        "all_kinds": options.all_kinds,
        "known": _known(options),
        "timeout": options.timeout,
        "memory": options.memory,
        "device": options.device,
        "examples": options.examples,
        "budget": options.budget,
        "seed": options.seed,
        "laws": options.laws,
        "reach": options.reach,
        "shapes": options.shapes,
        "accumulate": options.accumulate or "",
        **{name: value for name, value in given.items() if value is not None},
    }


def _known(options: argparse.Namespace) -> tuple[known.Known, ...]:
    """The entries of the file that --known names."""
    return known.load(options.known, laws()) if options.known else ()


def _show(report: Report, options: argparse.Namespace, outputs: Outputs) -> None:
    """Print the verdict, unless standard output is for something else alone."""
    from checks.render import terminal

    if not outputs.take_standard_output:
        print(terminal.render(report, colour=colour(), verbose=options.verbose, quiet=options.quiet), flush=True)


def function(given: Sequence[str], program: str) -> int:
    """The command line of what is no op: gradoracle function mine.py:f --backward mine.py:b --inputs "B,3 3"."""
    from checks.command.functions import add_options, said, specs
    from checks.functions.conjugate import COMPLEX_DTYPES
    from checks.functions.function import EXAMPLES as CASES
    from checks.functions.function import NotTaken, judge_function
    from checks.functions.inputs import HELP, read
    from checks.functions.isolated import Functions

    parser = Parser(
        prog=program,
        description="Judge any function and its backward, by laws that need no reference.",
        epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser, given)
    add_limits(parser)
    _add_shared(parser, None, f"{CASES}, fewer where each has many numbers")
    options = parser.parse_args(given)
    outputs = _outputs(parser, options)
    if options.double_backward and options.order == 1:
        parser.refuse("--double-backward is judged with --order 2")
    try:
        read(options.inputs)
    except ValueError as wrong:
        parser.refuse(f"--inputs: {options.inputs!r} given; {wrong}")
    seed = secrets.randbelow(1 << 32) if options.seed is None else options.seed
    again = said(options)
    dtype = COMPLEX_DTYPES.get(options.dtype, options.dtype)
    subject = Functions(specs(options), options.timeout, options.memory or half_the_memory(), dtype)
    try:
        found = subject.load()
        report = judge_function(
            found.function,
            found.backward,
            [options.inputs, *found.weights],
            dtype=options.dtype,
            examples=options.examples,
            seed=seed,
            again=f"{PROGRAM} {shlex.join(again)} --dtype {options.dtype} --seed {seed}",
            order=options.order,
            modes=options.modes,
            convention=options.convention,
            jvp=found.jvp,
            double_backward=found.double_backward,
        )
        _show(report, options, outputs)
        outputs.write([report])
    except (NotTaken, NotAnImplementation, Crashed, Stopped) as wrong:
        print(f"{command(program)}: {wrong}", file=sys.stderr)
        return NOT_LOADED
    except ValueError as wrong:
        parser.refuse(str(wrong))
    except BrokenPipeError:
        return _left()
    finally:
        subject.close()
    return report.exit_code


def _left() -> int:
    """Whoever reads has seen enough: nothing else is written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return INTERRUPTED


def _parser(op: Op | None, program: str) -> Parser:
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
    few = "so many distinct shapes only (default: 12 where a first call takes 20 times as long as the second)"
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
    many = _add_shared(parser, EXAMPLES)
    fits = "in place of --examples: as many as fit, such as 60s or 10m"
    many.add_argument("--budget", type=typed(duration), metavar="T", help=fits)
    return parser


def _add_shared(parser: Parser, examples: int | None, default: str = "") -> argparse._MutuallyExclusiveGroup:
    """What can be said of every run; returns what says how many cases there are."""
    precisions = "float64, float32, float16 or, with torch, bfloat16"
    parser.add_argument("--dtype", default="float64", metavar="D", help=f"{precisions} (default: float64)")
    cases = f"cases (default: {default or examples})"
    many = parser.add_mutually_exclusive_group()
    many.add_argument("--examples", type=typed(whole(1)), default=examples, metavar="N", help=cases)
    parser.add_argument(
        "--seed", type=typed(whole(0)), metavar="S", help="repeats a run; fresh, and shown, if not given"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="every finding that does not hold")
    parser.add_argument("-q", "--quiet", action="store_true", help="the verdict only")
    Outputs.add_options(parser)
    return many


def _listing() -> str:
    from checks.laws import summary

    lines = ["ops", *(f"  {name}" for name in ops.ops()), "laws, sharpest first"]
    lines += [f"  {name:<18} {summary(law)}" for name, law in laws().items()]
    return "\n".join(lines)


if __name__ == "__main__":
    with ours:
        sys.exit(main())
