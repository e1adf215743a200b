"""Where an implementation works, found by trying, so that the rest is judged in full and the report says what that is.

What is left out are kinds of cases (cases/kinds.py) in which it always raises, or that it does not support. It is tried
only once something has raised. A kind is left out if no case of it ever returned anything and at least `SURE` cases of it
failed that are of no other kind that is left out; what returns numbers, however wrong, has returned, and a process that
ended is no mere exception, so neither is ever a reason. What raises now and then, or where numbers are what they are, shows
in cases of every kind and is left as it is: broken. If one case in two of a kind raised by chance, all of `SURE` would with
probability 2⁻¹².
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

import numpy as np

from checks.cases.drawing import problem
from checks.cases.kinds import EVERYTHING, Among, Kind, joined, kinds, left_in_words
from checks.cases.search import Stopped
from checks.op import Op, Problem
from checks.signature.drawing import ByChance
from checks.signature.options import Pinned
from checks.subjects.implementation import Judged
from checks.subjects.refusals import Crashed, Ended, Malformed, Unsupported

FIRST, SURE = 60, 12  # cases that are tried at first, and that a kind has to fail in
DEAR = 12  # that are tried at first where each is compiled: `FEW` of every kind come after them
FURTHER = 600  # cases that are tried where none of the first returns anything
FEW = 3  # cases of each kind that are tried once the rest is explained
DRAWN = 2400  # problems to choose from; few of them are tried
LARGE = 1 << 12  # elements of a case that need not be tried
LONGEST = 100  # characters of what is raised
NOT_TAKEN = "does not take "
PLAIN = 0.7  # of the parameters are at their defaults: code that takes little else has to work in some cases

Way = tuple[bool, str, str]  # whether it is refused, what is raised or why, the line


@dataclass(frozen=True)
class Elsewhere:
    """What is left out since it always fails there in the same way.

    judged   in words, what cases are where it is left out: "in two dimensions, with equal strides"
    raised   what it raises there, as "ValueError: not enough values"; or, if it is not supported, why
    at       the line of its own code in which it does, as "mine.py:14", or ""
    refused  whether it is not supported, which is never a failure
    """

    judged: str
    raised: str
    at: str = ""
    refused: bool = False


@dataclass
class Probe:
    """Cases that are tried one by one, with forward and backward: what was returned is looked at by `is_right` alone.

    compiled  whether each is compiled, so that few are tried before what fails is explained
    """

    subject: Judged
    problems: Sequence[Problem]
    is_right: Callable[[Problem], bool] = lambda _: True
    compiled: bool = False
    right: dict[int, bool] = field(default_factory=dict)
    failed: dict[int, Crashed | Unsupported] = field(default_factory=dict)
    ran: set[int] = field(default_factory=set)

    def fails(self, at: int) -> bool:
        """Whether this problem raises, or is not supported; it is tried once."""
        if at not in self.ran and at not in self.failed:
            case = self.problems[at].reals()
            try:
                with np.errstate(all="ignore"):
                    self.subject.forward(case)
                    self.subject.backward(case)
            except (Ended, Malformed):
                self.ran.add(at)
            except (Crashed, Unsupported) as failure:
                self.failed[at] = failure
            else:
                self.ran.add(at)
        return at in self.failed

    def works(self, at: int) -> bool:
        """Whether this problem returns what is right."""
        if self.fails(at):
            return False
        if at not in self.right:
            self.right[at] = self.is_right(self.problems[at])
        return self.right[at]


def found(
    subject: Judged,
    op: Op,
    pinned: Pinned,
    dtype: str,
    seed: int,
    *,
    refusals_only: bool = False,
    is_right: Callable[[Problem], bool] = lambda _: True,
    compiled: bool = False,
) -> tuple[Among, tuple[Elsewhere, ...]]:
    """What is left to be drawn, and what is said of the rest; everything, and nothing, where no kind explains what fails.

    refusals_only  whether only what is not supported is left out, and what raises stays
    is_right       whether all that it returns for a problem is right
    compiled       whether a framework's compiler was asked for
    """
    problems = drawn(op, pinned, dtype, seed)
    probe = Probe(subject, problems, is_right, compiled)
    known = kinds(op, problems)
    try:
        out = _out(probe, known, refusals_only=refusals_only)
        if not probe.ran:  # it raises everywhere: what it does not take need not hide that; or it takes nothing at all
            raises = any(isinstance(failure, Crashed) for failure in probe.failed.values())
            out = _out(probe, known, refusals_only=True) if raises else []
    except Stopped:  # it ended its process too often to be started again
        return EVERYTHING, ()
    if not out:
        return EVERYTHING, ()
    return Among.without(out, problems), tuple(_said(out, probe))


def drawn(op: Op, pinned: Pinned, dtype: str, seed: int) -> list[Problem]:
    """Problems to choose from: parameters are as drawn, alike along all axes, or at their defaults, most or all but one."""
    chance = Random(f"{op.name} {dtype} {seed} where")  # noqa: S311, no secret
    plain = {name: value for name, value in op.takes.defaults.items() if value is not None and name not in pinned}
    found = []
    for turn in range(DRAWN):
        odd = chance.choice([*plain, ""]) if turn % 3 == 1 else None
        usual = {
            n: v for n, v in plain.items() if (n != odd if odd is not None else turn % 3 and chance.random() < PLAIN)
        }
        held = {**pinned, **usual}
        held |= {n: chance.randint(1, 2) for n in _moving(op, held) if chance.random() < 0.5}
        try:
            op.takes.check(held)
            one = problem(ByChance(chance), op, held, dtype)
        except ValueError:  # no problem has all of these values
            continue
        if one.elements <= LARGE and all(0 not in (shape or ()) for shape in one.shapes.values()):
            found.append(one)
    return found


def _moving(op: Op, held: Pinned) -> list[str]:
    """The parameters that may differ along the axes, and are still open."""
    return [n for n in ("stride", "padding", "dilation", "kernel_size") if n in op.takes.defaults and n not in held]


def _out(probe: Probe, known: Iterable[Kind], *, refusals_only: bool) -> list[Kind]:
    """The fewest kinds that between them explain as much of what fails as any do."""
    for at in range(min(FURTHER, len(probe.problems))):
        if at >= (DEAR if probe.compiled else FIRST) and probe.ran:  # what takes little may take none of the first
            break
        probe.fails(at)
    members = {kind: [at for at, one in enumerate(probe.problems) if kind.holds(one)] for kind in known}
    out: list[Kind] = []
    while True:
        gone = _in_any(out, members)
        left = set(probe.failed) - gone
        # Something has to be left: where little works, both kinds of a switch fail, the one for other reasons.
        some = {kind for kind, of in members.items() if len(gone.union(of)) < len(probe.problems)}
        sure = {kind: left & set(of) for kind, of in members.items() if left & set(of) and kind in some.difference(out)}
        sure = {
            k: of for k, of in sure.items() if _always_fails(probe, k, members[k], gone, refusals_only=refusals_only)
        }
        if not sure:
            loose = next((kind for kind in out if _works_alone(probe, kind, out, members)), None)
            if loose is not None:
                out.remove(loose)
            elif not refusals_only and (by_axes := _by_axes(probe, out, members)) is not None:
                out = by_axes
            elif not (out or probe.compiled) or not _more_fails(probe, members, out):
                break
            continue
        left = set(probe.failed) - gone  # more have been tried
        out.append(max(sure, key=lambda kind: len(left & set(members[kind]))))
    for kind in tuple(out):  # one that others cover came first since it is the larger
        if set(members[kind]) <= _in_any(out, members, but=kind):
            out.remove(kind)
    return [kind for kind in members if kind in out]  # in the order in which they are declared


def _in_any(out: Iterable[Kind], members: Mapping[Kind, Sequence[int]], but: Kind | None = None) -> set[int]:
    """The problems that are of some of these kinds."""
    return {at for kind in out if kind is not but for at in members[kind]}


def _always_fails(probe: Probe, kind: Kind, members: Sequence[int], gone: set[int], *, refusals_only: bool) -> bool:
    """Whether nothing of a kind ever returned, and enough of it failed that no other kind explains."""
    if probe.ran.intersection(members):
        return not refusals_only and kind.counts_axes and _by_accident(probe, members, gone)
    rest = [at for at in members if at not in gone][:SURE]
    return len(rest) == SURE and all(
        probe.fails(at) and not (refusals_only and isinstance(probe.failed[at], Crashed)) for at in rest
    )


def _by_accident(probe: Probe, members: Sequence[int], gone: set[int]) -> bool:
    """Whether a kind raises in most cases in which little broadcasts, and is right in none of those that return something.

    What raises for other reasons, and is wrong beside, does not come out right by it: it raises where this kind is not.
    """
    coincide = {at: _coincidences(probe.problems[at]) for at in members if at not in gone}
    proper = sorted((at for at, many in coincide.items() if many is not None), key=lambda at: coincide[at] or 0)
    tried = proper[: 2 * SURE]
    raised = sum(map(probe.fails, tried))
    return raised >= SURE and 2 * raised >= len(tried) and not any(map(probe.works, tried))


def _coincidences(problem: Problem) -> int | None:
    """How many axes are as long as another one of their array; None where one has one element, which broadcasts to any."""
    shapes = [shape for shape in problem.shapes.values() if shape is not None]
    return None if any(1 in shape for shape in shapes) else sum(len(shape) - len({*shape}) for shape in shapes)


def _more_fails(probe: Probe, members: Mapping[Kind, Sequence[int]], out: Sequence[Kind]) -> bool:
    """Whether cases fail that had not been tried, and no kind that is left out explains: of every other kind a few."""
    gone = _in_any(out, members)
    before = len(probe.failed)
    for kind, of in members.items():
        for at in [at for at in of if at not in gone][:FEW] if kind not in out else ():
            probe.fails(at)
    return len(probe.failed) > before


def _by_axes(probe: Probe, out: Sequence[Kind], members: Mapping[Kind, Sequence[int]]) -> list[Kind] | None:
    """The kinds that are left out, with one more number of axes, and without those which all such numbers explain.

    Where code is for one axis alone, sizes that differ along the axes explain most of what fails, and came first. What they
    leave of three axes is too little to be sure of; all of three axes is not.
    """
    for kind, of in members.items():
        if kind in out or not kind.counts_axes or probe.ran.intersection(of):
            continue
        by_axes = _in_any([k for k in out if k.counts_axes], members).union(of)
        left = [k for k in out if k.counts_axes or not set(members[k]) <= by_axes]
        own = [at for at in of if at not in _in_any(left, members)][:SURE]
        if len(left) < len(out) and len(own) == SURE and all(map(probe.fails, own)):
            return [*left, kind]
    return None


def _works_alone(probe: Probe, kind: Kind, out: Sequence[Kind], members: Mapping[Kind, Sequence[int]]) -> bool:
    """Whether a case of this kind returns something, of no other kind that is left out.

    When a kind is chosen, the cases in which it fails may be of others that are chosen later, and explain them.
    """
    others = _in_any(out, members, but=kind)
    if probe.ran.intersection(members[kind]) and kind.counts_axes:
        return not _by_accident(probe, members[kind], others) and len(set(members[kind]) - others) > 0
    return not all(probe.fails(at) for at in [at for at in members[kind] if at not in others][: 2 * SURE])


def _said(out: Sequence[Kind], probe: Probe) -> Iterator[Elsewhere]:
    """A line for each way to fail: what raises first, and all that is not taken in one."""
    first: dict[Way, Crashed | Unsupported] = {}
    for at in sorted(probe.failed):
        first.setdefault(_way(probe.failed[at]), probe.failed[at])
    how: dict[Way, list[Kind]] = {}
    ways: dict[str, Way] = {}
    for kind in out:  # all numbers of axes that are left out are said in one line
        way = ways.setdefault(kind.left, _usual_way(kind, out, probe))
        how.setdefault(way, []).append(kind)
    for way, alike in sorted(how.items(), key=lambda item: (item[0][0], out.index(item[1][0]))):
        failure, judged = first[way], left_in_words(alike, probe.problems)
        if isinstance(failure, Crashed):
            yield Elsewhere(judged, _shortened(failure.raised or str(failure)), failure.at)
        elif way[1] == NOT_TAKEN:
            names = dict.fromkeys(kind.about.replace("_", " ") for kind in alike)
            yield Elsewhere(judged, f"{NOT_TAKEN}{joined(list(names), 'or')}", refused=True)
        else:
            yield Elsewhere(judged, _shortened(str(failure)), refused=True)


def _usual_way(kind: Kind, out: Sequence[Kind], probe: Probe) -> Way:
    """How cases of a kind fail, those that are of no other kind which is left out first of all."""
    failed = [(probe.problems[at], failure) for at, failure in probe.failed.items()]
    mine = [(one, _way(failure)) for one, failure in failed if kind.holds(one)]
    alone = [way for one, way in mine if not any(other.holds(one) for other in out if other is not kind)]
    return Counter(alone or [way for _, way in mine]).most_common(1)[0][0]


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _way(failure: Crashed | Unsupported) -> Way:
    """What tells one way to fail from another: a refusal by its words, what is raised by its kind and its line."""
    if isinstance(failure, Crashed):
        return False, failure.raised.partition(":")[0], failure.at
    words = str(failure)
    return True, NOT_TAKEN if words.startswith(NOT_TAKEN) else words, ""
