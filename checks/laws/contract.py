"""What a caller relies on beside the numbers: inputs untouched, nothing remembered, any memory layout, samples apart.

- **Untouched.** Inputs and cotangent hold what they held; results are in memory of their own, so that a caller may
  overwrite what it passed, or one result, without changing another.
- **Repeatable.** The same bits when called again on the very same arrays, and again after a forward on other data: no
  accumulator that is never cleared, no cache of the latest forward, no race. `CALLS` are compared with those which all
  laws go by: the first come after a forward on other data, and what they were passed is overwritten before their results
  are looked at. Only where something differs do more calls tell why. `FEWER` are enough where `exact` can be asked: where
  it holds, two more were right to the last bit. What goes wrong in one call of ten goes unseen in n with probability 0.9ⁿ,
  which the report works out.
- **Layouts.** Fortran order, strides, negative strides, misaligned, read-only, and a cotangent that is broadcast: within
  the bound, not bit for bit, since sums may go in another order there.
  They are asked of wide cases as well (cases/wide.py), since code may read memory in another way from some size on.
  What lies around each array is NaN: code that does not look at strides, and reads there, is wrong alike in every run.
- **Samples.** One sample of a batch, alone, gives what it gave in the batch.
- **NaN and ∞**, in any of the arrays, are seen in what is summed of products with them (traces.py).
- Warnings, which leave the numbers right: another dtype than that of the inputs; NaN or ∞ that leaves no trace elsewhere,
  or goes to other samples; harmless inputs that overflow on the way, or underflow (extremes.py); one array that is
  returned by every call, so that the next writes into what the caller has.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import cycle, islice

import numpy as np

from checks.cases.layouts import CHANNELS_LAST, LAYOUTS, likely
from checks.cases.wide import WIDE
from checks.numbers.bounds import Bound, unit_roundoff
from checks.numbers.precision import PRECISIONS, Array
from checks.op import Case, Problem
from checks.subjects.implementation import EARLIER, Awaited, Outcome
from checks.subjects.refusals import Crashed, Ended, Malformed, Unsupported
from checks.trials import extremes, laid_out
from checks.trials.comparison import compared
from checks.trials.finding import Finding, Verdict
from checks.trials.traces import COTANGENT, Lost, misplaced, oddly
from checks.trials.trial import Run, Trial, is_run

RANK = 10

CALLED_AGAIN = "when it is called again on the very same arrays"
ANOTHER_Y = f"forward gives another y {CALLED_AGAIN}"
AFTER_OTHERS = "after a forward on other data"
SAME = "lie in the same memory"
VIEW = "when the caller later writes to what it passed"
GROWS = "grows with every call, by what is right"
CALLS, FEWER = 5, 3  # that are compared in a case, of an op that `exact` is not asked of, and of one that it is
EXACT = 2  # that are compared in a case in which `exact` holds
PARTS = ("forward", "backward")
EXTREME = 1e4  # what a logit may be, in every precision


def begin(trial: Trial) -> None:
    """Everything that is called in any case."""
    run = trial.light.begin()
    for question in (_called_again, _layouts(None), _broadcasted, _alone, _odd((False, True))):
        run.once(question)


def check(trial: Trial, turn: int | None = None, *, infinite: bool = True) -> Iterator[Finding]:
    """One finding for each promise; the turn says which layout it is, if it is not left to chance.

    infinite  whether infinities are passed too, in which code that goes on until something is small may never end
    """
    run = trial.light
    first = {part: run.outcome(part) for part in PARTS}
    yield _untouched(run, first)
    yield from _again(run, first)
    yield from _laid_out(run, turn)
    yield from _broadcast(run)
    yield from _sample(run)
    yield _dtypes(run, first)
    yield from _where_nan_goes(run, (False, True) if infinite else (False,))
    yield from _extreme(run)


def wide(trial: Trial) -> Iterator[Finding]:
    """What is asked of a case with a large axis, beyond which code may have ways of its own: memory, in two calls.

    Arrays in one layout, or a cotangent that is broadcast unless bounds are slow, as it has its own; and what a call does
    to them. What takes more calls is asked of small cases alone.
    """
    run = trial.light
    first = {part: run.outcome(part) for part in PARTS}
    yield _untouched(run, first)
    yield _dtypes(run, first)
    turns = likely(max(run.case.cotangent.ndim, *(run.case.input(name).ndim for name in run.problem.present)))
    turn = int(run.problem.rng(RANK).integers(len(turns) + 2 * (not is_run(run.problem.op))))
    yield from _broadcast(run) if turn >= len(turns) else _laid_out(run, list(LAYOUTS).index(turns[turn]))


def calls(problem: Problem) -> int:
    """How many calls are compared with others on the same arrays; of a wide case none."""
    return 0 if problem.kind == WIDE else CALLS if problem.unit is None else FEWER


def _promise(run: Run, broken: str, *, warning: bool = False) -> Finding:
    worst = Verdict.WARNING if warning and not isinstance(broken, Lost) else Verdict.BROKEN
    verdict = worst if broken else Verdict.HOLDS
    return Finding("contract", "behaviour", verdict, run.problem, note=broken)


def _untouched(run: Run, first: Mapping[str, Outcome]) -> Finding:
    for part, outcome in first.items():
        if outcome.changed:
            numbers_are_right = outcome.changed == (EARLIER,)  # as long as they are looked at before the next call
            note = f"{part} writes into {' and '.join(outcome.changed)}, which the caller goes on using"
            return _promise(run, note, warning=numbers_are_right)
        for one, other in outcome.shared:
            return _promise(run, f"grad_{one} and grad_{other} {SAME}: to write to one changes the other")
    return _promise(run, "")


def _again(run: Run, first: Mapping[str, Outcome]) -> Iterator[Finding]:
    """What a call depends on beside its arguments: calls before it; what the caller does with its arrays after it."""
    another, *calls = run.taken(_called_again)
    another[1]()
    again = [(part, outcome()) for part, outcome in calls]
    differs = [f"{part} gives another {name}" for part, other in again if (name := _difference(first[part], other))]
    past = _remembered(run) if differs else ""
    spoiled = _spoiled(run) if differs and not past else ""
    if differs and not past and not spoiled:  # it comes and goes
        past = f"{differs[0]} {CALLED_AGAIN}"
    yield _promise(run, past)
    yield _promise(run, spoiled)


def _called_again(run: Run) -> list[tuple[str, Awaited]]:
    """A forward on other data, and then the calls that are compared, the first of them with arrays that are overwritten."""
    ahead, other = run.implementation.ahead, replace(run.problem, seed=run.problem.seed + 1).reals()
    parts = islice(cycle(reversed(PARTS)), calls(run.problem))
    before = "forward", ahead("forward", other)
    return [before, *((part, ahead(part, run.case, spoil=n < len(PARTS))) for n, part in enumerate(parts))]


def _remembered(run: Run) -> str:
    """In words, how a result depends on the calls before."""
    first = {part: run.implementation.call(part, run.case) for part in PARTS}
    for part in PARTS:
        again = run.implementation.call(part, run.case)
        if name := _difference(first[part], again):
            key = name.removeprefix("grad_")
            if part == "backward" and _adds_up(run, first[part].results[key], again.results[key], key):
                return f"{name} {GROWS}: an accumulator that is never cleared"
            return f"{part} gives another {name} {CALLED_AGAIN}"
    for part in reversed(PARTS):
        run.implementation.forward(replace(run.problem, seed=run.problem.seed + 1).reals())
        if name := _difference(first[part], run.implementation.call(part, run.case)):
            return f"{part} gives another {name} {AFTER_OTHERS}: it remembers that"
    return ""


def _adds_up(run: Run, one: Array, other: Array, name: str) -> bool:
    """Whether a call added the right gradient to what the call before had returned."""
    one, other = one.astype(np.float64), other.astype(np.float64)
    rounded = 4 * unit_roundoff(run.problem.dtype) * (np.abs(one) + np.abs(other))
    with np.errstate(invalid="ignore"):
        added, allowed = run.true_gradients[name], run.gradient_bounds[name].elementwise + rounded
        return bool(np.all(np.abs(other - one - added) <= allowed) and np.any(np.abs(added) > 2 * allowed))


def _spoiled(run: Run) -> str:
    """In words, which result changes with what was passed."""
    for part in PARTS:
        usual, spoilt = (run.implementation.call(part, run.case, spoil=spoil) for spoil in (False, True))
        if name := _difference(usual, spoilt):
            return f"{name} changes {VIEW}: it is a view of that"
    return ""


def is_echo(finding: Finding, wrong: Collection[str]) -> bool:
    """Whether all that it says is of a result which is wrong anyway, and so wrong under odd numbers too."""
    odd = finding.law == "contract" and finding.result == "behaviour" and finding.verdict is not Verdict.HOLDS
    return odd and echoes(finding.note, wrong)


def echoes(note: str, wrong: Collection[str]) -> bool:
    """Whether a remark on odd numbers is about one of these results."""
    return any(f" elements of {result} that it should" in note for result in wrong)


def depends_on_the_past(finding: Finding) -> bool:
    """Whether it says that a result depends on what was called before: then no single case tells what is wrong."""
    return finding.law == "contract" and any(words in finding.note for words in (CALLED_AGAIN, AFTER_OTHERS, GROWS))


def _difference(one: Outcome, other: Outcome) -> str:
    """The name of a result that is not the same in both, bit for bit."""
    for name, a in one.results.items():
        b = other.results[name]
        if a.dtype != b.dtype or not np.array_equal(a, b, equal_nan=True):
            return name if name == "y" else f"grad_{name}"
    return ""


def _laid_out(run: Run, turn: int | None) -> Iterator[Finding]:
    right = run.once(_right)
    for layout, other in run.taken(_layouts(turn)):
        note = laid_out.told(layout)
        for result, actual in _results(other):
            if result in right:
                yield _noted(compared("contract", result, run, actual, run.result(result)[1], run.bound(result)), note)


@cache
def _layouts(turn: int | None) -> Callable[[Run], list[tuple[str, Run]]]:
    """One layout a case; and channels last where the first axis has one place, which `_ambiguous` tells of."""

    def question(run: Run) -> list[tuple[str, Run]]:
        drawn = int(run.problem.rng(RANK).integers(len(LAYOUTS)))
        chosen = [list(LAYOUTS)[drawn if turn is None else turn % len(LAYOUTS)]]
        if turn is None and CHANNELS_LAST not in chosen and _ambiguous(run.case.cotangent):
            chosen.append(CHANNELS_LAST)
        return [(layout, laid_out.again(run, layout).begin()) for layout in chosen]

    return question


def _ambiguous(a: Array) -> bool:
    """Whether an array that lies channels last still does once its first two axes are one: a batch of one, with positions.

    Code that makes one axis of samples and channels has to copy other batches, which then lie as usual. This one it does
    not, and what takes the result to lie as usual, as its shape says, reads other numbers.
    """
    return a.ndim > 2 and a.shape[0] == 1


def _broadcast(run: Run) -> Iterator[Finding]:
    """A cotangent with strides of 0, read as what they are."""
    other = run.taken(_broadcasted)
    right = run.once(_right)
    for name, actual in other.gradients.items():
        if f"grad_{name}" not in right:
            continue
        found = compared(
            "contract", f"grad_{name}", run, actual, other.true_gradients[name], other.gradient_bounds[name]
        )
        yield _noted(found, laid_out.BROADCAST)


def _broadcasted(run: Run) -> Run:
    return laid_out.broadcasted(run).begin("backward")


def _sample(run: Run) -> Iterator[Finding]:
    """The last sample of a batch alone, where samples have nothing to do with one another."""
    other = run.taken(_alone)
    if other is None:
        return
    names = run.problem.samples
    together = dict(_results(run))
    wanted = ("y", *(f"grad_{name}" for name in names if name in run.problem.present))
    for result, actual in _results(other):
        if result in wanted:
            bound = run.bound(result) * 2  # each may be off by as much
            last = Bound(bound.elementwise[-1:], bound.normwise)
            found = compared("contract", result, run, actual, together[result][-1:], last)
            yield _noted(found, "a sample alone gives something else than in its batch")


def _alone(run: Run) -> Run | None:
    names = run.problem.samples
    if not names or len(run.case.input(names[0])) < 2:
        return None
    case = replace(run.case, cotangent=run.case.cotangent[-1:].copy())
    for name in names:
        case = case.with_input(name, case.input(name)[-1:].copy())
    return replace(run, case=case, watched=False).begin()


def _right(run: Run) -> set[str]:
    """The results that are right when arrays lie as usual and hold numbers: of others `agreement` says what is wrong.

    What else is found of those (in another layout, under a cotangent that is broadcast, beside a NaN) is an echo of it.
    """
    found = (compared("contract", r, run, actual, true, run.bound(r)) for r, actual, true in run.results())
    return {finding.result for finding in found if finding.verdict is not Verdict.BROKEN}


def _results(run: Run) -> Iterator[tuple[str, Array]]:
    yield "y", run.y
    yield from ((f"grad_{name}", gradient) for name, gradient in run.gradients.items())


def _noted(finding: Finding, note: str) -> Finding:
    return replace(finding, note=note) if finding.verdict is Verdict.BROKEN else finding


def _dtypes(run: Run, first: Mapping[str, Outcome]) -> Finding:
    expected = PRECISIONS[run.problem.dtype].storage
    for part in PARTS:
        for name, array in first[part].results.items():
            if array.dtype != expected:
                result = name if part == "forward" else f"grad_{name}"
                return _promise(
                    run, f"{result} has dtype {array.dtype}, where the inputs have {expected}", warning=True
                )
    return _promise(run, "")


def _where_nan_goes(run: Run, kinds: tuple[bool, ...]) -> Iterator[Finding]:
    """NaN or ±∞ in one element of one array, all in turn: it is seen where it must be, and nowhere else (traces.py).

    An op of three inputs has eight turns, of NaN and of ∞ in each of four arrays, and in about half of the cases (92 of 180
    counted, of a NaN in x of a convolution) y depends on the place. So in n cases a fault with one kind in one array goes
    unseen with probability about (1 − 1/16)ⁿ: 4e-5 for n = 160, 4 % for n = 50.
    """
    odd = run.taken(_odd(kinds))
    if odd is not None:
        other, where = odd
        what = "a NaN" if np.isnan(where[-1]) else "an infinity"
        yield from _asked_oddly(run, f"{what} in {where[0]}", lambda: misplaced(run, other, *where))


@cache
def _odd(kinds: tuple[bool, ...]) -> Callable[[Run], tuple[Run, tuple[str, int, float]] | None]:
    """Such a run, with the array, the place in it, and what stands there; None of what finds a derivative along a line.

    That (orders/moved.py) spreads them over the parts of its numbers.
    """

    def question(run: Run) -> tuple[Run, tuple[str, int, float]] | None:
        rng = run.problem.rng(RANK, 1)
        arrays = {**{name: run.case.input(name) for name in run.problem.present}, COTANGENT: run.case.cotangent}
        turns = [(name, infinite) for name, a in arrays.items() if a.size for infinite in kinds]
        if not turns or run.problem.op.derivative is not None:
            return None
        name, infinite = turns[int(rng.integers(len(turns)))]
        place = int(rng.integers(arrays[name].size))
        where = name, place, float(rng.choice((-np.inf, np.inf))) if infinite else np.nan
        return oddly(run, *where), where

    return question


def _asked_oddly(run: Run, what: str, question: Callable[[], str]) -> Iterator[Finding]:
    """What is said of inputs that few callers have: what raises there is no worse than what returns no number.

    A number that is turned into an index is the usual reason. What refuses them in so many words has said all.
    """
    try:
        yield _promise(run, question(), warning=True)
    except Ended:
        raise
    except (Crashed, Malformed) as failure:
        yield _promise(run, f"{what} is not taken: {failure}", warning=True)
    except Unsupported:
        return


def _extreme(run: Run) -> Iterator[Finding]:
    """The first input of 1e4 where the op takes that; of what is no polynomial, any array near an end of its range."""
    op, first = run.problem.op, run.problem.present[0]
    turns = [(first, "1e4")] if op.kind.bounded else []
    if op.kind.degree is None and op.derivative is None:
        # Of what moves places, as a grid does, what is near 0 is rounded onto a kink, where either side is right.
        arrays = [n for n in (*run.problem.present, COTANGENT) if op.kinks is None or n != op.kinks.of]
        turns += [(name, end) for name in arrays for end in ("largest", "smallest")]
    if not turns or not run.case.input(first).size:
        return
    name, turn = turns[int(run.problem.rng(RANK, 2).integers(len(turns)))]
    if turn == "1e4":
        yield from _ten_thousand(run, name)
    elif (case := extremes.scaled(run, name, up=turn == "largest")) is not None:
        what = f"{name} near the {turn} {run.problem.dtype}"
        yield from _asked_oddly(run, what, lambda: _gone(run, case, what))


def _ten_thousand(run: Run, name: str) -> Iterator[Finding]:
    size = np.abs(run.case.input(name)).max(initial=0.0)
    large = (
        PRECISIONS[run.problem.dtype].rounded(run.case.input(name) * (EXTREME / size)) if size else run.case.input(name)
    )
    case = run.case.with_input(name, large)
    what = f"{name} of 1e4"
    yield from _asked_oddly(run, what, lambda: _elsewhere(run, case, what) or _gone(run, case, what))


def _gone(run: Run, case: Case, what: str) -> str:
    """Which result has elements of which nothing is left, though they are numbers that the dtype has."""
    does = extremes.lost(run, case, run.once(_right))
    return f"{what} {does}" if does else ""


def _elsewhere(run: Run, case: Case, what: str) -> str:
    """Which result has an element that is no number where the reference has one, or the other way round."""
    other = replace(run, case=case)
    usually = run.once(_right)
    for result, actual, true in other.results():
        found, right = ~np.isfinite(actual), ~np.isfinite(true)
        if result in usually and not np.array_equal(found, right):
            does = "makes NaN or infinity of" if np.any(found & ~right) else "leaves no trace in"
            return f"{what} {does} elements of {result} that it should{'' if np.any(right & ~found) else ' not'}"
    return ""
