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
from typing import TYPE_CHECKING, Any

from checks import ops
from checks.cases.search import Stopped
from checks.command.arguments import Parser, add_limits, command
from checks.command.orders import expanded
from checks.command.parser import add_shared, parser_of
from checks.command.progress import Bar, watched
from checks.command.skeleton import adapter, skeleton, start
from checks.command.subjects import Subject, named, subjects
from checks.laws import laws
from checks.op import Op
from checks.render.outputs import Outputs, colour, written
from checks.signature.options import flag
from checks.subjects import lifeline
from checks.subjects.isolation import half_the_memory
from checks.subjects.loading import built_in
from checks.subjects.names import first_on_the_path, ours
from checks.subjects.refusals import Crashed, NotAnImplementation
from checks.verdict.report import Finding, Report, deciding, worst

if TYPE_CHECKING:
    from checks.verdict.known import Known

PROGRAM = "python -m checks.gradcheck"
ANY_FUNCTION = 'Any other function is judged by {} function FILE.py:f --backward FILE.py:b --inputs "B,3 3"'
NOT_LOADED, INTERRUPTED = 3, 3


def main(arguments: Sequence[str] | None = None, program: str = PROGRAM) -> int:
    """Run the command line, as what it was called; returns the exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    # What shrinks a failure needs none of the extensions that happen to be installed, which take longer to load than it.
    os.environ.setdefault("HYPOTHESIS_NO_PLUGINS", "1")
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
        _say(wrong, chosen, command(program))
        if not options.skeleton:
            _write_unloaded([(one.op, one.impl or "") for one in chosen], options.dtype, str(wrong), outputs)
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


def _say(wrong: NotAnImplementation, chosen: list[Subject], called: str) -> None:
    """What could not be loaded, and what can be begun with in its place."""
    print(f"{called}: {wrong}", file=sys.stderr)
    if not all(built_in(one.impl) for one in chosen):
        one = next((s for s in chosen if (s.op.name, s.impl) == wrong.subject), chosen[0])
        print(f"\nA file to start from:\n\n{start(one.op, one.impl, str(wrong))}", end="", file=sys.stderr)


def _write_unloaded(what: Sequence[tuple[Op, str]], dtype: str, why: str, outputs: Outputs) -> None:
    """Say in every file that nothing was judged: what an earlier run left there would pass for what this one found."""
    if outputs.files or outputs.github:
        from checks.verdict.unloaded import unloaded

        outputs.write([unloaded(op, spec, dtype, why) for op, spec in what])


def _run(chosen: list[Subject], options: argparse.Namespace, outputs: Outputs, called: str) -> int:
    """Judge, and print or write the verdicts; the exit code is the worst of theirs."""
    reports: list[Report] = []
    refused: list[NotAnImplementation] = []
    for report in _reports(chosen, options, outputs, refused):
        reports.append(report)
        _show(report, options, outputs)
        if report.interrupted:
            break
    outputs.write(reports)
    from checks.verdict import known

    if options.write_known:
        written(known.as_toml(reports), options.write_known)
    over = [entry for report in reports for entry in known.unmatched(_known(options), report)]
    for entry in over:
        print(f"{called}: the known failure {entry} no longer fails; remove it from {options.known}", file=sys.stderr)
    for wrong in refused[:1]:
        _say(wrong, chosen, called)
    codes = [report.exit_code for report in deciding(reports)]
    return worst([*codes, int(bool(over)), 0 if len(reports) == len(chosen) else INTERRUPTED])


def _reports(
    chosen: list[Subject], options: argparse.Namespace, outputs: Outputs, refused: list[NotAnImplementation]
) -> Iterator[Report]:
    """The report on each, in order; several are judged at a time, each in a process of its own.

    What cannot be loaded is raised where it is the only one, and of several added to `refused`: the others are judged.
    """
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
    from checks.verdict.crew import cores
    from checks.verdict.unloaded import unloaded

    bar = Bar("all", len(chosen))
    # Spawned, not forked: what torch and NumPy hold of threads does not survive a fork.
    jobs = options.jobs or cores()
    processes = min(len(chosen), jobs)
    each = jobs // processes  # what is left over, of many cores and few ops
    if options.budget:  # of all together
        options.budget *= processes / len(chosen)
    with first_on_the_path(), ProcessPoolExecutor(processes, get_context("spawn"), lifeline.follow) as pool:
        waiting = [pool.submit(_judged, one.op.name, one.within(options), jobs=each) for one in chosen]
        try:
            for done, (one, future) in enumerate(zip(chosen, waiting, strict=True)):
                if shows_progress:
                    bar(done)
                try:
                    report = future.result()
                except NotAnImplementation as wrong:
                    refused.append(wrong)
                    report = unloaded(one.op, one.impl or "", one.within(options).dtype, str(wrong))
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
    try:
        return judge(name, **_how(name, options), progress=progress, first=first, jobs=jobs, shard=options.shard)
    except NotAnImplementation as wrong:
        wrong.subject = name, options.impl
        raise


def judge(op: str, **how: Any) -> Report:
    """As checks.judge; what it needs is loaded when the command line has been read."""
    from checks.verdict.judging import judge

    return judge(op, **how)


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


def _known(options: argparse.Namespace) -> tuple[Known, ...]:
    """The entries of the file that --known names."""
    from checks.verdict import known

    return known.load(options.known, laws()) if options.known else ()


def _show(report: Report, options: argparse.Namespace, outputs: Outputs) -> None:
    """Print the verdict, unless standard output is for something else alone."""
    from checks.render import terminal

    if not outputs.take_standard_output:
        print(terminal.render(report, colour=colour(), verbose=options.verbose, quiet=options.quiet), flush=True)


def function(given: Sequence[str], program: str) -> int:
    """The command line of what is no op: gradoracle function mine.py:f --backward mine.py:b --inputs "B,3 3"."""
    from checks.command.functions import add_options, said, specs, unknown
    from checks.functions.inputs import HELP, read
    from checks.functions.isolated import Functions
    from checks.functions.sizes import EXAMPLES as CASES
    from checks.numbers.pairs import COMPLEX_DTYPES

    parser = Parser(
        prog=program,
        description="Judge any function and its backward, by laws that need no reference.",
        epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser, given)
    add_limits(parser)
    add_shared(parser, None, f"{CASES}, fewer where each has many numbers")
    Outputs.add_options(parser)
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
    subject.begin()
    from checks.functions.function import NotTaken, judge_function  # while the other process loads what it needs

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
        _write_unloaded([(unknown(options.function), options.function)], options.dtype, str(wrong), outputs)
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
    """The parser, and what can be written of its runs."""
    parser = parser_of(op, program)
    Outputs.add_options(parser)
    return parser


def _listing() -> str:
    from checks.laws import summary

    lines = ["ops", *(f"  {name}" for name in ops.ops()), "laws, sharpest first"]
    lines += [f"  {name:<18} {summary(law)}" for name, law in laws().items()]
    return "\n".join(lines)


if __name__ == "__main__":
    with ours:
        sys.exit(main())
