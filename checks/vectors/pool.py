"""What vectors are chosen from: cases drawn of an op, and those at the edges, each with the mistakes that it catches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from random import Random
from typing import Any

import numpy as np

from checks.cases.drawing import problem as drawn_problem
from checks.cases.sparse import whole_numbers
from checks.numbers.precision import PRECISIONS, Array
from checks.op import Case, Hard, Mistake, Op, Problem
from checks.ops._mistakes import general
from checks.signature.drawing import ByChance
from checks.vectors import expected
from checks.vectors.by_torch import by_torch
from checks.vectors.precise import NotExact
from checks.vectors.ties import tied
from checks.vectors.vector import BOUNDED, EXACT, ONCE, SUBNORMAL, Expected, Given, right
from checks.vectors.within import within

SEED = 20
# Of each dtype, whether whole numbers are small: how many are drawn. Large ones tell a narrower precision.
POOLS = {("float64", True): 220, ("float64", False): 50, ("float16", False): 24, ("bfloat16", False): 24}
SMALL, SHORT = 160, 64  # numbers in a case: whole ones, and others, which take more room in a file
FEWEST = 60  # cases that are left whatever their size
FAR = 100  # powers of two that float32 still holds with whole numbers before them
EMPTY, ZEROS, UP, DOWN, TIES, TAILS = (
    "empty batch", "signed zeros", "scaled up", "scaled down", "ties and kinks", "digits at risk"
)  # fmt: skip
ODD = "NaN and infinity"
ASYMMETRIC = "asymmetric"


@dataclass(frozen=True, eq=False)
class Candidate:
    """A case that may become a vector: `scale` and `edges` as a vector has them."""

    problem: Given
    results: Mapping[str, Expected]
    sums: str
    dtypes: tuple[str, ...]
    edges: tuple[str, ...] = ()
    scale: Mapping[str, int] | None = None

    @cached_property
    def catches(self) -> frozenset[str]:
        """The mistakes that compute something else than what is right here; none are counted at edges of arithmetic."""
        if self.scale or ODD in self.edges:
            return frozenset()
        return frozenset(m.name for m in mistakes(self.problem.op) if self._differs(m))

    def _differs(self, mistake: Mistake) -> bool:
        case = self.problem.whole_numbers() if self.sums != BOUNDED else self.problem.reals()
        return caught(mistake, case, self.results, self.dtypes[0], self.sums)

    @cached_property
    def features(self) -> frozenset[str]:
        """What should be seen at least once, beside mistakes."""
        tried, defaults = self.problem.tried, self.problem.op.takes.defaults
        told = {
            f"{label}: {value}"
            for label, values in tried.items()
            for value in values
            if label in defaults or label == "dims" or isinstance(value, str)
        }
        return frozenset({*told, *self.edges, f"sums: {self.sums} in {self.dtypes[0]}"})


def mistakes(op: Op) -> tuple[Mistake, ...]:
    """Those that are planted."""
    return (*op.mistakes, *general())


def caught(mistake: Mistake, case: Case, results: Mapping[str, Expected], dtype: str, sums: str) -> bool:
    """Whether the mistake computes something that is not right in this case."""
    with np.errstate(all="ignore"):
        computed = mistake.wrong_gradient(case.widened() if sums != ONCE else case)
    for name, wrong in computed.items():
        asked = results.get(name if name == "y" else f"grad_{name}")
        if asked is not None and not within(np.asarray(wrong, np.float64), asked, dtype, sums):
            return True
    return False


def candidates(op: Op) -> list[Candidate]:
    """All of them, the same for every machine."""
    found: list[Candidate] = []
    for (dtype, small), many in POOLS.items():
        if op.kind.degree is None and (dtype != "float64" or not small):
            continue
        for problem in _drawn(op, dtype, many, small=small):
            one = made(problem)
            if one is not None:
                found.append(one)
    return [*found, *_edges(op, found)]


def _drawn(op: Op, dtype: str, many: int, *, small: bool) -> list[Problem]:
    """The smallest of those drawn, in the order in which they were."""
    chance = Random(f"{op.name} {dtype} {small} {SEED}")  # noqa: S311, no secret
    most = SHORT if op.kind.degree is None else SMALL
    drawn = [replace(drawn_problem(ByChance(chance), op, {}, dtype), small=small) for _ in range(2 * many)]
    if op.kind.degree is not None:
        drawn = [replace(p, exponents={}) for p in drawn]
    fits = [p for p in drawn if p.elements <= most]
    return fits[:many] if len(fits) >= FEWEST else sorted(drawn, key=lambda p: p.elements)[:FEWEST]


def made(problem: Problem) -> Candidate | None:
    """The candidate of a problem: of whole numbers if they are exact there, of others else."""
    empty = 0 in problem.shape("y") or not problem.elements
    edges = tuple(e for e, is_so in ((EMPTY, empty), (ASYMMETRIC, _asymmetric(problem))) if is_so)
    if problem.largest:
        given = Given.of(problem, whole_numbers(problem))
        if (results := expected.whole(given)) is None:
            return None
        sums, dtypes = expected.kept(given)
        if sums == ONCE and not _rounds(results, problem.dtype):
            return None  # nothing that needs a wider sum
        return Candidate(given, results, sums, dtypes, edges)
    if problem.dtype != "float64" or not problem.small:
        return None
    return short(problem, problem.reals(), edges)


def short(problem: Problem, case: Case, edges: tuple[str, ...]) -> Candidate | None:
    """A candidate of numbers with few bits, whose values are known to 256; None if no bound decides."""
    given = Given.of(problem, expected.shortened(case))
    try:
        results = expected.bounded(given)
    except NotExact:
        return None
    return None if results is None else Candidate(given, results, *expected.sums_of(results), edges)


def _rounds(results: Mapping[str, Expected], dtype: str) -> bool:
    rounded = PRECISIONS[dtype].rounded
    with np.errstate(over="ignore"):
        held = [np.asarray(rounded(r.values), np.float64) for r in results.values()]
    return all(np.all(np.isfinite(a)) for a in held) and any(
        not np.array_equal(a, r.values) for a, r in zip(held, results.values(), strict=True)
    )


def _asymmetric(problem: Problem) -> bool:
    """Whether no two axes are alike in anything that has a value for each."""
    several = [v for v in problem.parameters.values() if isinstance(v, tuple)]
    shapes = [s for s in problem.shapes.values() if s]
    unlike = [len(set(s)) == len(s) and min(s) > 1 for s in shapes]
    return bool(shapes) and all(len(set(v)) > 1 for v in several) and all(unlike)


def _edges(op: Op, found: list[Candidate]) -> Iterator[Candidate]:
    """Those at the edges, made of the first that will do."""
    plain = [
        c for c in found if c.sums == EXACT and c.problem.small and 0 < c.problem.elements < SMALL and not _empty(c)
    ]
    group = next(iter(op.kind.linear_in + op.kind.euler_in), ())
    if op.kind.degree and group and op.kind.analytic:
        yield from _first(3, plain, _signed_zeros)
        yield from _first(2, plain, lambda c: _odd(c, group[0]))
    if op.kind.degree and group:
        for exponent, dtypes, edge in _scales():
            yield from _first(2, plain, partial(scaled, group=group, exponent=exponent, dtypes=dtypes, edge=edge))
    if op.kinks is not None:
        yield from _first(6, found, _tied)
    for hard in op.kind.hard:
        full = [c for c in found if c.sums == BOUNDED and not _empty(c)]
        yield from _first(3, full, partial(_hard, hard=hard))


def _hard(one: Candidate, hard: Hard) -> Candidate | None:
    """Numbers on which digits are at risk, in the same shapes."""
    return short(one.problem, hard.case(one.problem), (TAILS,))


def _first(many: int, among: list[Candidate], make: Callable[[Candidate], Candidate | None]) -> Iterator[Candidate]:
    for one in among:
        candidate = make(one)
        if candidate is not None:
            yield candidate
            many -= 1
            if not many:
                return


def _empty(one: Candidate) -> bool:
    return any(0 in (s or ()) for s in one.problem.shapes.values())


def _scales() -> list[tuple[int, tuple[str, ...], str]]:
    """Powers of two far up, far down, and those by which whole numbers become subnormal ones."""
    least = {name: p.lowest - p.bits + 1 for name, p in PRECISIONS.items() if name != "bfloat16"}
    wide = ("float64", "float32")
    return [(FAR, wide, UP), (-FAR, wide, DOWN), *((e, (n,), f"{SUBNORMAL}{n}") for n, e in least.items())]


def scaled(
    one: Candidate, group: tuple[str, ...], exponent: int, dtypes: tuple[str, ...], edge: str
) -> Candidate | None:
    """The candidate with the inputs of a group in which y is homogeneous times a power of two.

    y is then that much larger, and so is the gradient of every input outside the group; those inside stay as they are.
    """
    problem, unit = one.problem, one.problem.unit or 1
    if not set(dtypes) <= set(one.dtypes):
        return None
    exponent += unit.bit_length() - 1 if exponent < 0 else 0  # so that what is divided stays a whole multiple
    inside = [n for n in group if problem.shapes[n] is not None]
    case = problem.whole_numbers()
    for name in inside:
        case = case.with_input(name, np.ldexp(np.asarray(case.input(name), np.float64), exponent))
    moved = {"y", *(f"grad_{n}" for n in problem.present if n not in inside)}
    if exponent < 0 and unit > 1 and len(moved) > 1:
        return None
    results = {n: replace(e, values=np.ldexp(e.values, exponent)) if n in moved else e for n, e in one.results.items()}
    scale = dict.fromkeys([*inside, *(n for n in results if n in moved)], exponent)
    return Candidate(Given.of(problem, replace(case, whole=True)), results, one.sums, dtypes, (edge,), scale)


def _signed_zeros(one: Candidate) -> Candidate | None:
    """Every third number of each array is 0, of either sign."""

    def zeros(array: Array) -> Array:
        flat = array.copy().ravel()
        flat[::3], flat[::6] = -0.0, 0.0
        return flat.reshape(array.shape)

    case = one.problem.whole_numbers().each(zeros)
    given = Given.of(one.problem, replace(case, whole=True))
    results = expected.whole(given)
    return None if results is None else Candidate(given, results, one.sums, one.dtypes, (ZEROS,))


def _odd(one: Candidate, name: str) -> Candidate | None:
    """One NaN and one infinity among the numbers of an input: y is NaN, or infinite, where it depends on them.

    Only y is asked for: gradients multiply by what is 0 in one implementation and left out in another. Where torch has
    another y the same is true of y: an infinity under weights of both signs, or of 0, is NaN in one order, not in another.
    """
    if one.problem.shapes[name] is None:
        return None
    array: Any = one.problem.whole_numbers().input(name).copy()
    if array.size < 4:
        return None
    array.ravel()[1], array.ravel()[-1] = np.nan, np.inf
    case = one.problem.whole_numbers().with_input(name, array)
    y = right(case)["y"]
    clear = np.isfinite(y).any() and not np.isfinite(y).all() and np.array_equal(_where(case, name), ~np.isfinite(y))
    if not clear:
        return None
    other = by_torch(one.problem, case)
    if other is not None and not np.array_equal(other["y"], y, equal_nan=True):
        return None
    return Candidate(Given.of(one.problem, case), {"y": Expected(y)}, one.sums, one.dtypes, (ODD,))


def _where(case: Case, name: str) -> Array:
    """Which outputs depend on what is odd: those that move with it."""
    odd = ~np.isfinite(case.input(name))
    plain = [case.with_input(name, np.where(odd, number, case.input(name))) for number in (3.0, 1000.0)]
    return np.asarray(right(plain[0])["y"] != right(plain[1])["y"])


def _tied(one: Candidate) -> Candidate | None:
    """The same shapes on kinks."""
    for case, gradient, choices in tied(replace(one.problem, given=None)):
        (name,) = one.problem.present
        given = Given.of(one.problem, replace(case, whole=one.problem.unit is not None))
        results = {"y": Expected(right(case)["y"]), f"grad_{name}": Expected(gradient, choices=choices)}
        unit = one.problem.unit or 0
        if unit and all(np.all(r.values * unit == np.rint(r.values * unit)) for r in results.values()):
            return Candidate(given, results, EXACT, one.dtypes, (TIES,))
    return None
