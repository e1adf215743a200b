"""Reports as they were, from the JSON that json.py wrote of them: what is drawn from either is the same.

Of the findings a file holds those that `Report.findings` names; everything else about them is counted in its tally.
"""

from __future__ import annotations

import difflib
from fractions import Fraction
from math import prod
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

from checks import ops
from checks.algebra.polynomial import Polynomial, Product
from checks.op import Op, Problem, Rounding
from checks.render.given import Given, parsed
from checks.render.json import MEASURED, SCHEMA, VERSION
from checks.signature.takes import Takes
from checks.trials.exhibit import Compared, Exhibit, Meetings, Numbers, Sized
from checks.verdict.decisions import Decision
from checks.verdict.report import Finding, Report, Verdict
from checks.verdict.tally import Row, Tally
from checks.verdict.where import Elsewhere

NOT_FINITE = ("inf", "-inf", "nan")


def load(path: Path) -> tuple[Report, ...]:
    """The reports in a file; raises ValueError, in one sentence, if it holds none that can be read."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        close = difflib.get_close_matches(path.name, [p.name for p in path.parent.glob("*.json")], n=1)
        meant = f"; did you mean {path.parent / close[0]}?" if close and not path.exists() else ""
        raise ValueError(f"{path} cannot be read: {error.strerror}{meant}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no JSON: it is no text in UTF-8") from error
    return from_text(text, str(path))


def from_text(text: str, name: str) -> tuple[Report, ...]:
    """The reports in a document of this name; raises ValueError in one sentence."""
    document = parsed(text, name)
    given = document.value.get("schema") if isinstance(document.value, dict) else None
    schema, _, version = str(given).partition("/")
    if schema != SCHEMA or not version.isdecimal():
        raise ValueError(f"{name} is no report; expected a file that --json wrote, of schema {SCHEMA}/{VERSION}")
    if int(version) != VERSION:
        raise ValueError(f"{name} has schema {given}, of another version; expected {SCHEMA}/{VERSION}")
    return tuple(map(_report, document["reports"]))


def from_data(data: Any) -> Report:
    """The report of which `json.as_data` made this; raises ValueError in one sentence."""
    return _report(Given(data, "the report"))


def _report(given: Given) -> Report:
    op = _op(given)
    return Report(
        op=op,
        implementation=given["implementation"].a(str),
        is_reference=given["is_reference"].a(bool),
        dtype=given["dtype"].a(str),
        pinned={name: _pinned(value) for name, value in given["pinned"].items()},
        examples=given["examples"].count(),
        seed=given["seed"].a(int),
        laws=tuple(law["law"].a(str) for law in given["laws"]),
        cases=given["cases"].count(),
        tally=Tally(tuple(map(_row, given["tally"]))),
        findings=tuple(_finding(op, finding) for finding in given["undecided"]),
        failures=tuple(_finding(op, finding) for finding in given["failures"]),
        unsupported=_counts(given["unsupported"]),
        coverage={label: _counts(values) for label, values in given["coverage"].items()},
        misses=tuple(miss.a(float) for miss in given["misses"]),
        versions={name: version.a(str) for name, version in given["versions"].items()},
        seconds=given["seconds"].a(float),
        interrupted=given["interrupted"].a(bool),
        repeated=given["repeated"].count(),
        spec=given["spec"].a(str),
        again=given["again"].a(str),
        meetings=None if given["meetings"].value is None else _meetings(op, given["meetings"]),
        decisions=tuple(map(_decision, given.get("decided", []))),
        decisive=given.get("decisive", False).a(bool),
        shards=_index(given.get("shards", {"tried": []})["tried"]),
        of_shards=given.get("shards", {"of": 1})["of"].count(1),
        assumed=tuple(line.a(str) for line in given.get("assumed", [])),
        offers=tuple(part.a(str) for part in given.get("offers", [])),
        elsewhere=tuple(map(_elsewhere, given.get("elsewhere", []))),
        budget=None if given.get("budget", None).value is None else given["budget"].a(float),
        first_call=None if given.get("first_call", None).value is None else given["first_call"].a(float),
    )


def _decision(given: Given) -> Decision:
    cases = given["cases"].count(1)
    if given["decided"].count() > cases:
        raise given["decided"].refused(f"a whole number of at most {cases}, the cases")
    return Decision(given["result"].a(str), given["kind"].a(str), given["decided"].count(), cases)


def _elsewhere(given: Given) -> Elsewhere:
    refused = given["refused"].a(bool)
    return Elsewhere(given["judged"].a(str), given["raised"].a(str), given["at"].a(str), refused)


def _op(given: Given) -> Op:
    """The op of this name, or as much of a function that is none as a report says of it."""
    name = given["op"].a(str)
    if given["again"].a(str):
        return _function(name, tuple(n.a(str) for n in given["inputs"]))
    try:
        return ops.find(name)
    except ValueError as unknown:
        raise ValueError(f"{given}: {unknown}") from None


def _function(name: str, inputs: tuple[str, ...]) -> Op:
    """What was judged is gone: only its name and those of its inputs are left."""

    def gone(*_: Any, **__: Any) -> NoReturn:
        raise RuntimeError(f"of {name} nothing but a report is left")

    return Op(
        name=name,
        reference=SimpleNamespace(forward=gone, backward=gone),
        takes=Takes(dict.fromkeys((*inputs, "y"), "")),
        twin=gone,
        rounds=Rounding(gone),
    )


def _row(given: Given) -> Row:
    return Row(
        law=given["law"].a(str),
        result=given["result"].a(str),
        verdict=_verdict(given["verdict"]),
        crashed=given["crashed"].a(bool),
        count=given["count"].count(1),
        normwise=given["normwise"].count(),
        worst=_exactly(given["worst"]),
        sees=_sees(given.get("sees", None)),
        notes=_counts(given["notes"]),
        conventions=_counts(given["conventions"]),
    )


def _finding(op: Op, given: Given) -> Finding:
    exhibit, meetings, formula = given["exhibit"], given["meetings"], given["formula"]
    measured = {name: None if given[name].value is None else given[name].a(float) for name in MEASURED}
    measured |= {name: _exactly(value) for name, value in given["not_finite"].items() if name in MEASURED}
    return Finding(
        law=given["law"].a(str),
        result=given["result"].a(str),
        verdict=_verdict(given["verdict"]),
        problem=_problem(op, given["case"]),
        error=measured["error"] or 0.0,
        bound=measured["bound"] or 0.0,
        index=None if given["index"].value is None else _index(given["index"]),
        actual=measured["actual"],
        expected=measured["expected"],
        sees=_sees(given.get("sees", None)),
        normwise=given["normwise"].a(bool),
        crashed=given["crashed"].a(bool),
        frames=tuple(line.a(str) for line in given.get("frames", [])),
        note=given["note"].a(str),
        convention=given["convention"].a(str),
        mistake=given["mistake"].a(str),
        explanation=given["explanation"].a(str),
        source=given["source"].a(str),
        where=given["where"].a(str),
        sizes=tuple(_sized(one) for one in given.get("sizes", [])),
        yours=formula["yours"].a(str),
        right=formula["right"].a(str),
        letters=tuple(word.a(str) for word in formula.get("letters", [])),
        exhibit=None if exhibit.value is None else _exhibit(op, exhibit),
        meetings=None if meetings.value is None else _meetings(op, meetings),
    )


def _sized(given: Given) -> Sized:
    return Sized(given["label"].a(str), _index(given["right"]), _index(given["wrong"]))


def _problem(op: Op, given: Given) -> Problem:
    problem = Problem(
        op,
        shapes={name: None if sizes.value is None else _index(sizes) for name, sizes in given["shapes"].items()},
        parameters={name: _pinned(value) for name, value in given["parameters"].items()},
        dtype=given["dtype"].a(str),
        seed=given["seed"].a(int),
        small=given["small"].a(bool),
        exponents={name: exponent.a(int) for name, exponent in given["exponents"].items()},
        kind=given.get("kind", "").a(str),
    )
    try:
        repr(problem.pins)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"{given} is no case of {op.name}") from error
    return problem


def _exhibit(op: Op, given: Given) -> Exhibit:
    return Exhibit(
        problem=_problem(op, given["case"]),
        result=given["result"].a(str),
        index=_index(given["index"]),
        results={
            name: Compared(_numbers(result["yours"]), _numbers(result["right"]), _numbers(result["allowed"]))
            for name, result in given["results"].items()
        },
    )


def _numbers(given: Given) -> Numbers:
    numbers = Numbers(_index(given["shape"]), tuple(map(_exactly, given["values"])))
    if prod(numbers.shape) != len(numbers.values):
        raise given["values"].refused(f"as many numbers as shape {numbers.shape} has")
    return numbers


def _meetings(op: Op, given: Given) -> Meetings:
    formulas: dict[tuple[int, ...], Polynomial] = {}
    for entry in given["formulas"]:
        index, formula = _pair(entry)
        formulas[_index(index)] = _polynomial(formula)
    return Meetings(
        problem=_problem(op, given["case"]),
        result=given["result"].a(str),
        index=_index(given["index"]),
        formulas=formulas,
        yours=None if given["yours"].value is None else _polynomial(given["yours"]),
    )


def _polynomial(given: Given) -> Polynomial:
    terms: dict[Product, Fraction] = {}
    for term in given:
        coefficient, product = _pair(term)
        elements = [_pair(element) for element in product]
        terms[tuple((name.a(str), _index(index)) for name, index in elements)] = _fraction(coefficient)
    return Polynomial(terms)


def _fraction(given: Given) -> Fraction:
    try:
        return Fraction(given.a(str))
    except (ValueError, ZeroDivisionError):
        raise given.refused('a fraction such as "1/4"') from None


def _pair(given: Given) -> tuple[Given, Given]:
    entries = list(given)
    if len(entries) != 2:
        raise given.refused("a list of two")
    return entries[0], entries[1]


def _index(given: Given) -> tuple[int, ...]:
    return tuple(number.a(int) for number in given)


def _counts(given: Given) -> dict[str, int]:
    return {name: count.count(1) for name, count in given.items()}


def _verdict(given: Given) -> Verdict:
    if given.a(str) not in set(Verdict):
        raise given.refused(f"one of {', '.join(Verdict)}")
    return Verdict(given.value)


def _exactly(given: Given) -> float:
    return float(given.value) if given.value in NOT_FINITE else given.a(float)


def _sees(given: Given) -> float | None:
    return None if given.value is None else _exactly(given)


def _pinned(given: Given) -> Any:
    """A number, a word, or one for each axis."""
    if isinstance(given.value, list):
        return tuple(map(_pinned, given))
    if isinstance(given.value, dict):
        raise given.refused("a value, or one for each axis")
    return given.value
