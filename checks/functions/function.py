"""A function and its backward that no op describes: what can be said of them without a reference.

    judge_function(f, b, inputs=[(3, 4), (4, 5)])          f(*inputs) -> y,   b(grad_output, *inputs) -> gradients

Three laws need nothing but the two: b is the adjoint of the derivative of f, element by element, by central slopes and,
where complex numbers go through f, by complex ones (elements.py); b is linear in the cotangent; and the contract holds. How
far rounding may set two sides apart is not derived here, as it is for an op, but measured (measured.py).

Slopes are asked for in float64 where the function takes that, whatever the precision is that it is judged in, and then
results in that precision are compared with those in float64. A function that takes float32 only is judged in float32
throughout, with the coarser slopes that this allows.

Where the slope to the left of a point is another than to its right (a kink, a tie), every slope between the two is right.
"""

from __future__ import annotations

import secrets
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from math import ceil
from types import SimpleNamespace
from typing import Any

from checks.cases.search import Stopped
from checks.functions.asked import laws_of
from checks.functions.blackbox import BlackBox, Function, NotTaken, Shape, input_names, name_of, op_of, problems_of
from checks.functions.chance import refuse_chance
from checks.functions.conjugate import as_real, refuse_complex
from checks.functions.coverage import TOO_COARSE, Coverage
from checks.functions.domain import within_domain
from checks.functions.elements import Places
from checks.functions.explained import explained
from checks.functions.forward_mode import FORWARD_MODE, ForwardMode, own_jvp, with_forward_mode
from checks.functions.inputs import Input, Sizes, shown
from checks.functions.inputs import read as inputs_of
from checks.functions.narrow import Narrow
from checks.functions.samples import PER_SAMPLE, PerSample
from checks.functions.second import of_second_order, own_double_backward
from checks.functions.sizes import EXAMPLES, below, elements, sizes_of
from checks.numbers.pairs import COMPLEX_DTYPES
from checks.numbers.precision import NATIVE, PRECISIONS, Array
from checks.op import Problem
from checks.signature.options import Range
from checks.subjects.implementation import Implementation
from checks.subjects.refusals import Crashed, Unsupported
from checks.verdict.decisions import Decision
from checks.verdict.notebook import watched
from checks.verdict.report import Finding, Report, Verdict
from checks.verdict.smallest import smallest
from checks.verdict.tried import Tried

__all__ = ["NotTaken", "decided", "judge_function"]

FEWEST = 16  # cases, if nobody says how many, of large inputs
NUMBERS = 600  # that are drawn in all cases together, at least
SHRINKING = 10.0  # seconds that smaller sizes are looked for
SEEDS = 3  # cases of such sizes, in which what is wrong may be seen
REVERSE, FORWARD, SAMPLES = MODES = ("reverse", "forward", "per-sample")


def judge_function(
    function: Function,
    backward: Function,
    inputs: str | Sequence[Shape | Array | str],
    *,
    dtype: str = "float64",
    examples: int | None = None,
    seed: int | None = None,
    again: str = "",
    order: int = 1,
    double_backward: Function | None = None,
    modes: Sequence[str] = (REVERSE,),
    jvp: Function | None = None,
    convention: str = "",
) -> Report:
    """Judge any function of arrays, y = function(*inputs), with backward(grad_output, *inputs) -> one gradient for each.

    inputs    a shape for each input, whose numbers are drawn, and whose sizes too where they have names, as in ("B", 4);
              or an array, whose numbers are taken as they are; or as text, such as "B,T,D D:positive 8:integers(0,T)"
              (inputs.py). Whole numbers have no gradient: backward returns None for them, or leaves them out
    dtype     "float64", "float32", "float16", or "bfloat16" of a function that computes in it (named.py): in 16 bits beside
              what the same function is in float64 (narrow.py); or "complex128", "complex64" (conjugate.py)
    examples  how many cases to draw, of all sizes together; if None, 60 of a few numbers each, and fewer, down to 16, of
              many: what is seen in one of them is seen in each that has as many
    seed      repeats a run; a fresh one is drawn, and reported, if None
    again     what the report says would repeat it
    order     1, or 2: the backward is judged as a function, and double_backward(grad_grads, grad_output, *inputs) as its
              backward, which returns a gradient for grad_output and one for each input (second.py)
    modes     "reverse", and beside it "forward": jvp(tangents, *inputs) -> J v is judged (forward_mode.py); "per-sample":
              the backward of each sample alone, and vmap's, beside that of the batch (samples.py)
    convention  "torch" or "jax", by which gradients of complex numbers go (conjugate.py); found out, and said, if ""

    Raises ValueError, in one sentence, for inputs that function does not take.
    """
    refuse_complex(convention, dtype, plain=order == 1 and set(modes) == {REVERSE})
    _refuse(function, COMPLEX_DTYPES.get(dtype, dtype), order, modes)
    read, ranges = inputs_of(inputs)
    is_over = getattr(function, "is_over", bool)  # its process ended, so that no size is smaller
    seed = secrets.randbelow(1 << 32) if seed is None else seed
    sizes = sizes_of(read, ranges, seed)[: None if examples is None else max(1, examples)]
    function, backward, read, dtype, found = as_real(function, backward, read, sizes[0], dtype, convention)
    read, drawn = within_domain(function, read, sizes[0], dtype, input_names(function, len(read)))
    box = BlackBox.of(function, backward, read, dtype, sizes)
    refuse_chance(box)
    said = f"judge_function({name_of(function)}, {name_of(backward)}, inputs={shown(inputs)}, seed={seed}"
    said, drawn = (said + found.said, ", ".join(filter(None, [drawn, found.in_words]))) if found else (said, drawn)
    if order == 2:
        double = double_backward or own_double_backward(backward)
        function, backward, read = of_second_order(box, function, backward, double, read)
        box = BlackBox.of(function, backward, read, dtype, box.sizes)
        said += f", order=2, double_backward={name_of(double)}"
    examples = _cases(box) if examples is None else examples
    op = op_of(box)
    judged = Implementation.of(op, SimpleNamespace(forward=box.function, backward=box.backward, __name__=op.name))
    places = Places(box.working, box.measuring, box.differentiable)
    each = ceil(examples / len(box.sizes))
    asked = laws_of(op, dtype, places, partial(box.alone, examples=each), cache(partial(box.measured_in, dtype)))
    asked |= (beside := _of_modes(modes, box, function, jvp, read, places))
    said += f", modes={tuple(modes)}" if len(modes) > 1 else ""
    tried = Tried(judged, asked)
    tried.unsupported.update(box.refused)
    with (
        watched(None, op.name, each * len(box.sizes)) as tried.progress,
        warnings.catch_warnings(action="ignore"),  # of what is passed to see whether it is read rightly
    ):
        interrupted = _is_interrupted(
            tried,
            (p for n, one in enumerate(box.sizes) for p in problems_of(box, op, dtype, one, each, seed + n)),
        )
        tried.findings += [f for law in asked.values() if isinstance(law, Narrow) for f in law.findings()]
        coverages = list(places.coverages.items())
        drawn = ", ".join(filter(None, [drawn, *(law.settled(tried.findings) for law in beside.values())]))
        failures = tuple(smallest(tried, None))  # each has its own sizes: smaller ones are looked for below
        if ranges and not interrupted and not is_over():
            failures = tuple(_shrunk(failure, tried, box, ranges) for failure in failures)
        failures = tuple(explained(failure, tried, places, judged) for failure in failures)
        failures = tuple(found.named(failure) if found else failure for failure in failures)
    _sum_up(tried, coverages)
    report = tried.report(
        op,
        examples,
        seed,
        failures,
        implementation=f"{name_of(function)} and {name_of(backward)}{drawn and f', {drawn}'}",
        is_reference=False,
        dtype=dtype,
        pinned={},
        interrupted=interrupted,
        again=again or f"{said})",
    )
    if order == 1:
        has = {"double_backward": getattr(backward, "double_backward", None), "jvp": getattr(function, "jvp", None)}
        left = {*getattr(function, "lacks", ()), *(["jvp"] if FORWARD in modes else ())}
        report = replace(report, offers=tuple(n for n, found in has.items() if found is not None and n not in left))
    open_ = [f.result for f in report.findings if _is_open(f)]
    return replace(report, decisions=tuple(Decision(r, "", 0, report.cases) for r in open_), decisive=bool(open_))


def _of_modes(
    modes: Sequence[str],
    box: BlackBox,
    function: Function,
    jvp: Function | None,
    inputs: Sequence[Input],
    places: Places,
) -> dict[str, Any]:
    """The laws of modes beside the reverse one."""
    found: dict[str, Any] = {}
    if FORWARD in modes:
        found[FORWARD_MODE] = ForwardMode(with_forward_mode(box, jvp or own_jvp(function), inputs), places)
    if SAMPLES in modes:
        found[PER_SAMPLE] = PerSample.of(box, places, function, inputs)
    return found


def _refuse(function: Function, dtype: str, order: int, modes: Sequence[str]) -> None:
    """Raise ValueError, in one sentence, for what makes no sense."""
    if dtype not in PRECISIONS:
        raise ValueError(f"there is no dtype {dtype!r}; expected {', '.join((*PRECISIONS, *COMPLEX_DTYPES))}")
    if dtype not in (*NATIVE, getattr(function, "narrow", "")):
        of = f"{name_of(function)} is a function of NumPy's arrays, and NumPy has no {dtype}"
        raise ValueError(f"{of}; expected {', '.join(NATIVE)}, or a function of tensors, as torch:mine.py:f")
    if order not in {1, 2}:
        raise ValueError(f"order {order} given; expected 1 or 2")
    if not set(modes) <= set(MODES) or REVERSE not in modes or (len(modes) > 1 and order == 2):
        expected = "reverse, or reverse,forward or reverse,per-sample with order 1"
        raise ValueError(f"modes {','.join(modes)} given; expected {expected}")


def _cases(box: BlackBox) -> int:
    """How many cases there are if nobody says it."""
    drawn = [i for name, i in box.inputs.items() if i.given is None and name not in box.constant]
    each = elements(drawn, box.sizes[0])
    return min(EXAMPLES, max(FEWEST, ceil(NUMBERS / each))) if each and len(box.sizes) == 1 else EXAMPLES


def _is_interrupted(tried: Tried, problems: Iterable[Problem]) -> bool:
    """Try these problems; whether Ctrl-C ended that."""
    try:
        for problem in problems:
            tried.add(problem)
    except KeyboardInterrupt:
        return True
    except Stopped as ended:  # its process, too often; where only what nobody passes did so, nothing was said of it yet
        if not any(f.crashed for f in tried.findings):
            tried.findings.append(Finding("contract", "", Verdict.BROKEN, problem, note=str(ended), crashed=True))
    return False


def _shrunk(failure: Finding, tried: Tried, box: BlackBox, ranges: Mapping[str, Range]) -> Finding:
    """The same failure with the smallest sizes at which it was seen, each made smaller as long as it is."""
    until = time.monotonic() + SHRINKING
    known: set[tuple[int, ...]] = set()
    smaller: Finding | None = failure
    while smaller is not None:
        failure, smaller = smaller, None
        for sizes in below(box.sizes_in(failure.problem.shapes), ranges):
            key = tuple(sizes.values())
            if key not in known and time.monotonic() < until:
                known.add(key)
                smaller = _again(failure, tried, box, sizes)
            if smaller is not None:
                break
    return failure


def _again(failure: Finding, tried: Tried, box: BlackBox, sizes: Sizes) -> Finding | None:
    """The same failure with other sizes, if it is seen there."""
    law = {failure.law: tried.laws[failure.law]}
    try:
        shapes = box.shapes(sizes)
        for seed in range(failure.problem.seed, failure.problem.seed + SEEDS):
            for found in tried.ask(law, replace(failure.problem, shapes=shapes, seed=seed)):
                alike = found.result == failure.result and found.crashed == failure.crashed
                if found.verdict is Verdict.BROKEN and alike:
                    return found
    except (Crashed, NotTaken, Unsupported, Stopped):
        pass
    return None


def _is_open(finding: Finding) -> bool:
    """Whether it says of a gradient that not every element was looked at closely enough."""
    return finding.verdict is Verdict.UNDECIDED and finding.note.startswith(TOO_COARSE)


def decided(report: Report) -> bool:
    """Whether a run of judge_function decided every element of every gradient."""
    return bool(report) and not any(map(_is_open, report.findings))


def _sum_up(tried: Tried, coverages: Sequence[tuple[str, Coverage]]) -> None:
    """How small an error of one element would have been seen, as findings on the whole run and in the summary.

    Of several sizes the one at which least would have been seen speaks.
    """
    broken = {f.result for f in tried.findings if f.verdict is Verdict.BROKEN}
    if not tried.findings or "" in broken:
        return
    problems = {repr(dict(f.problem.shapes)): f.problem for f in tried.findings}
    worst: dict[str, tuple[Finding, Coverage]] = {}
    for shapes, coverage in coverages:
        for found in coverage.findings(problems.get(shapes, tried.findings[0].problem)):
            name = found.result.removeprefix("grad_")
            known = worst.get(found.result)
            if known is None or coverage.sees(name) > known[1].sees(name):
                worst[found.result] = found, coverage
    for result, (found, coverage) in worst.items():
        if result not in broken:
            tried.findings.append(found)
            tried.coverage[result] = Counter({_in_summary(found, coverage): 1})


def _in_summary(found: Finding, coverage: Coverage) -> str:
    sees = coverage.sees(found.result.removeprefix("grad_"))
    seen = f"an error of {sees:.1g} of any one element would have been seen"
    return seen if found.verdict is Verdict.HOLDS else f"not decided, {found.note.removeprefix(f'{TOO_COARSE}: ')}"
