"""The pytest door: its options, what the header and the summary say, and whole explanations of failed assertions.

    pytest --pyargs checks.conformance --impl mypackage.conv:Conv --op conv --param stride=2

pytest loads this wherever the project is installed, as `_gradoracle.plugin`: `checks` may be a package of the user's there,
and what is ours is imported where it is needed only, by our meaning of the name (subjects/names.py). The options exist only
in runs that name `checks.conformance`, or one of them: a conftest.py elsewhere may have options of the same names.
"""

from __future__ import annotations

import secrets
import sys
from collections import Counter
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .subjects.names import give_way, ours

if TYPE_CHECKING:
    from checks.verdict.known import Known

# Cases for each op and law, by Hypothesis profile; without one of these, as many as on the command line.
PROFILES = {"dev": 25, "ci": 200, "nightly": 5000}
OURS = ("checks.conformance", "conformance.py", "--impl", "--op", "--param", "--known")
TESTS = "conformance"
COUNTED = ("ran", "held", "broken", "undecided", "not supported", "known")
ONE_SEED = 1 << 32


@dataclass(frozen=True)
class Request:
    """What a run is asked to judge, with what pinned."""

    implementations: Mapping[str, str | None]
    pinned: Mapping[str, Any]
    dtype: str
    examples: int
    seed: int
    strict: bool
    known: tuple[Known, ...]


REQUEST = pytest.StashKey[Request]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The setting that a project's own pytest configuration may hold."""
    parser.addini("judge_examples", "cases for each op and law, where no profile says how many", default="")


def pytest_load_initial_conftests(parser: pytest.Parser, args: list[str]) -> None:
    """Leave names to the user's own tests; add the options, and find our tests, if the run is about them."""
    give_way()
    if not any(argument.startswith(OURS) or argument.endswith("conformance.py") for argument in args):
        return
    if "--pyargs" in args:  # which would look into whatever is called `checks` here
        beside = find_spec(f"{__package__}.{TESTS}")
        name = f"checks.{TESTS}"
        args[:] = [
            f"{beside.origin}{argument.removeprefix(name)}"
            if beside and argument.partition("::")[0] == name
            else argument
            for argument in args
        ]
    group = parser.getgroup("gradoracle", "judging gradients (checks.conformance)")
    group.addoption(
        "--impl", action="append", dest="judge_impl", metavar="WHAT", help="what to judge, or op=WHAT; see gradcheck"
    )
    group.addoption("--op", action="append", dest="judge_op", metavar="OP", help="an op to judge (default: all)")
    group.addoption("--param", action="append", dest="judge_param", metavar="NAME=VALUE", help="hold a parameter fixed")
    group.addoption("--dtype", dest="judge_dtype", default="float64", metavar="D", help="float64, float32, float16 …")
    group.addoption("--known", dest="judge_known", metavar="FILE", help="failures that are known, as TOML")
    group.addoption("--judge-seed", dest="judge_seed", type=int, metavar="S", help="repeats a run")
    group.addoption("--judge-strict", dest="judge_strict", action="store_true", help="count warnings as broken")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Make the profiles known before Hypothesis looks for the one that was asked for; choose the seed of the run."""
    profile = config.getoption("hypothesis_profile", None)
    if profile in PROFILES:
        _register_profiles()
    if config.getoption("judge_seed", None) is None:
        fixed = profile == "ci"
        config.option.judge_seed = 0 if fixed else secrets.randbelow(ONE_SEED)


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Say what makes no sense before anything is collected; last, since only now Hypothesis may draw (known.py does)."""
    if hasattr(session.config.option, "judge_impl"):
        requested(session.config)


def _register_profiles() -> None:
    from hypothesis import settings

    settings.register_profile("dev", max_examples=PROFILES["dev"], deadline=None, derandomize=False)
    settings.register_profile("ci", max_examples=PROFILES["ci"], deadline=None, derandomize=True, database=None)
    settings.register_profile(
        "nightly", max_examples=PROFILES["nightly"], deadline=None, derandomize=False, print_blob=True
    )


def requested(config: pytest.Config) -> Request:
    """What the options ask for; raises UsageError, in one sentence, for what makes no sense."""
    if REQUEST not in config.stash:
        try:
            with ours:
                config.stash[REQUEST] = _request(config)
        except ValueError as wrong:
            raise pytest.UsageError(str(wrong)) from None
    return config.stash[REQUEST]


def _request(config: pytest.Config) -> Request:
    from checks import ops
    from checks.cases.series import EXAMPLES
    from checks.laws import laws
    from checks.verdict import known

    def option(name: str) -> Any:
        return config.getoption(f"judge_{name}", None)

    implementations: dict[str, str | None] = {}
    for given in option("impl") or ():
        name, _, what = given.rpartition("=")
        if name and name not in ops.ops():
            raise ValueError(f"--impl {given}: there is no op {name!r}; {ops.suggestion(name, list(ops.ops()))}")
        implementations |= dict.fromkeys([name] if name else option("op") or [""], what)
    chosen = [ops.find(name).name for name in option("op") or [n for n in implementations if n] or ops.ops()]
    if "" in implementations:
        raise ValueError(f"--impl {implementations['']} needs an op; --op conv, or another of {', '.join(ops.ops())}")
    pinned = dict(map(_parameter, option("param") or ()))
    known_options = dict.fromkeys(o.name for name in chosen for o in ops.find(name).takes.options)
    for name in pinned:
        if name not in known_options:
            raise ValueError(
                f"--param {name}: none of {', '.join(chosen)} has it; {ops.suggestion(name, list(known_options))}"
            )
    profile = config.getoption("hypothesis_profile", None)
    entries = known.load(Path(option("known")), laws()) if option("known") else ()
    for entry in entries:
        if entry.op not in chosen:
            raise ValueError(f"the known failure {entry} matches nothing: {entry.op} is not judged here")
    return Request(
        implementations={name: implementations.get(name) for name in chosen},
        pinned=pinned,
        dtype=option("dtype") or "float64",
        examples=PROFILES.get(profile) or int(config.getini("judge_examples") or EXAMPLES),
        seed=option("seed"),
        strict=bool(option("strict")),
        known=entries,
    )


def _parameter(given: str) -> tuple[str, str]:
    name, separator, value = given.partition("=")
    if not separator:
        raise ValueError(f"--param {given}: expected NAME=VALUE, such as stride=2")
    return name.strip(), value.strip()


def pinned_for(request: Request, op: str) -> dict[str, Any]:
    """The pinned values that the op has options for, as `judge` takes them."""
    from checks.ops import find

    parsers = {option.name: option.parse for option in find(op).takes.options}
    switches = {"true": True, "yes": True, "false": False, "no": False}
    return {
        name: switches.get(value.lower(), value) if parsers[name] is None else value
        for name, value in request.pinned.items()
        if name in parsers
    }


def pytest_report_header(config: pytest.Config) -> list[str]:
    """What is judged, and with which versions."""
    if not hasattr(config.option, "judge_impl"):
        return []
    with ours:
        from checks.verdict.tried import versions

        having = versions()
    request = requested(config)
    judged = ", ".join(f"{op} by {what or 'reference.' + op}" for op, what in request.implementations.items())
    pins = "".join(f", {name} {value}" for name, value in request.pinned.items())
    return [
        f"judged: {judged}; {request.dtype}{pins}, {request.examples} cases each, --judge-seed {request.seed}",
        "with: " + ", ".join(f"{name} {number}" for name, number in having.items()),
    ]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The grid: one row an op, one column a law, and what was counted."""
    reports = [r for kind in terminalreporter.stats.values() for r in kind if getattr(r, "when", "") == "call"]
    found = [dict(r.user_properties) | {"outcome": r.outcome} for r in reports if _is_ours(r)]
    if not found:
        return
    laws = list(dict.fromkeys(f["law"] for f in found))
    terminalreporter.ensure_newline()
    terminalreporter.write_sep("=", "judged")
    for line in _grid(found, sorted(laws, key=_ranks().index)):
        terminalreporter.write_line(line)
    for line in dict.fromkeys(f"{f['op']}: {f['judged']}" for f in found if "judged" in f):
        terminalreporter.write_line(line)


def _is_ours(report: Any) -> bool:
    return {"op", "law", *COUNTED} <= {name for name, _ in getattr(report, "user_properties", ())}


def _ranks() -> list[str]:
    with ours:
        from checks.laws import laws

        return list(laws())


def _grid(found: Iterable[Mapping[str, Any]], laws: list[str]) -> Generator[str]:
    by_op: dict[str, dict[str, Mapping[str, Any]]] = {}
    for one in found:
        by_op.setdefault(one["op"], {})[one["law"]] = one
    width = max(map(len, by_op))
    yield f"{'':{width}}  " + "  ".join([*laws, *COUNTED])
    for op, cells in by_op.items():
        marks = [f"{_mark(cells.get(law)):<{len(law)}}" for law in laws]
        counts: Counter[str] = Counter()
        for cell in cells.values():
            counts.update({name: int(cell[name]) for name in COUNTED})
        yield f"{op:{width}}  " + "  ".join([*marks, *(f"{counts[name]:>{len(name)}}" for name in COUNTED)])


def _mark(cell: Mapping[str, Any] | None) -> str:
    """One word for a law of an op."""
    if cell is None:
        return ""
    if cell["outcome"] == "failed":
        return "BROKEN" if cell["broken"] else "FAILED"
    if cell["known"]:
        return "known"
    return "holds" if cell["held"] else "open" if cell["undecided"] else "-"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Where `assert judge(…)` fails, the message is the whole explanation: pytest would show the beginning of it."""
    error = call.excinfo
    # Who has not loaded our reports has none; and a test that fails is no reason to load them.
    if error is not None and isinstance(error.value, AssertionError) and "checks.verdict.report" in sys.modules:
        with ours:
            from checks.verdict.report import Report

            values = error.traceback[-1].frame.f_locals.values() if error.traceback else ()
            failed = [value for value in values if isinstance(value, Report) and not value]
            if failed:
                error.value.args = ("\n" + "\n\n".join(map(str, dict.fromkeys(map(str, failed)))),)
    return (yield)
