"""What catches which mistake: python -m benchmarks.catch

Every known mistake of every op is planted in the reference and judged: by each law, by all of them, by the diagnosis
(whether it names the mistake), and by torch.autograd.gradcheck with its defaults: slow and fast, on one case with default
parameters as in its documentation, and on a sweep of 16. The same goes for right code, in float64 and in float32, where
whatever is caught is a false alarm. Seconds are for one wrong implementation: until it is caught, and for all cases.

More kinds of mistakes stand in the first columns, with how many are caught of how many: layers that go wrong from some size
on along one axis, and whether that size is told, and along both of two axes (pairs), likewise (sizes.py); layers of real
widths in low precision (low_precision.py); and long sums (sums.py), where caught is what does not end in exit 0: for each
axis one number of terms and one precision, which take turns, by seed after seed.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from inspect import isclass
from itertools import product
from typing import Any
from zlib import crc32

import numpy as np
import torch

from benchmarks import low_precision, sharpness, sizes, sums
from benchmarks.outcome import outcome
from benchmarks.sharpness import StoredOnce, _algorithms
from checks import ops
from checks.cases.drawing import problems_of
from checks.cases.search import Search
from checks.cases.series import Series
from checks.diagnosis.naming import diagnose
from checks.laws import laws
from checks.op import Case, Mistake, Op, Problem
from checks.ops._mistakes import general
from checks.subjects.implementation import Implementation
from checks.verdict.report import Finding, Verdict
from checks.verdict.tried import Tried

EXAMPLES = 40
SWEEP = 16
BEYOND = ("size", "threshold", "pairs", "told", "low", "sums")  # in these columns stands how many were planted, too
LOW = low_precision.OP
PARTS = ("mistakes", "size", "pairs", "low", "sums")
SUMS = tuple(product(sums.TERMS[:3], sharpness.GOALS))  # 10 to 577 terms; what is longer takes far longer
IN = 24  # cases of a long sum, and as many as a run has where these say what is wrong
LARGEST = 400  # numbers in a case that torch's gradcheck is given: it takes two calls of forward for each


@dataclass(frozen=True)
class Planted:
    """The reference of an op, but for what the mistake computes; the reference itself without one."""

    op: Op
    mistake: Mistake | None = None

    def forward(self, *inputs: Any, **parameters: Any) -> Any:
        """Y, or what the mistake makes of it."""
        y = self.op.reference.forward(*inputs, **parameters)
        if self.mistake is None:
            return y
        return self.mistake.wrong_gradient(Case(self.op, inputs, parameters, np.zeros_like(y))).get("y", y)

    def backward(self, grad_output: Any, *inputs: Any, **parameters: Any) -> tuple[Any, ...]:
        """The gradients, or what the mistake makes of them."""
        gradients = tuple(self.op.reference.backward(grad_output, *inputs, **parameters))
        if self.mistake is None:
            return gradients
        wrong = self.mistake.wrong_gradient(Case(self.op, inputs, parameters, grad_output))
        return tuple(wrong.get(name, g) for name, g in zip(self.op.inputs, gradients, strict=True))


def main() -> None:
    """Print the matrix, op by op, and the sums."""
    parser = argparse.ArgumentParser(description="Which mistakes the laws catch, and which torch's gradcheck does.")
    parser.add_argument("ops", nargs="*", metavar="op", help="some ops (default: all)")
    parser.add_argument("--seeds", type=int, default=1, help="how often each is judged, by other cases (default: 1)")
    parser.add_argument("--only", choices=PARTS, help="only known mistakes, or only these columns")
    given = parser.parse_args()
    chosen = [ops.find(name) for name in given.ops] or list(ops.ops().values())
    parts = (given.only,) if given.only else PARTS
    torch.set_num_threads(1)
    total: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    columns = [*BEYOND, *laws(), "all laws", "named", *THEIRS]
    print(f"{'op':<20} {'mistakes':>8} " + " ".join(f"{name:>{_width(name)}}" for name in columns))
    for op in chosen:
        caught: Counter[str] = Counter()
        mistakes = [m for m in (*op.mistakes, *general()) if _shows(op, m)] if "mistakes" in parts else []
        lacking: list[str] = []
        for done, mistake in enumerate(mistakes):
            if sys.stderr.isatty():
                print(f"\r\x1b[K{op.name}: {mistake.name} {done}/{len(mistakes)}", end="", file=sys.stderr, flush=True)
            for seed in range(1, given.seeds + 1):
                by = list(_caught(op, Planted(op, mistake), seconds, seed=seed))
                caught.update(by)
                lacking += [f"{mistake.name}, seed {seed}, {short}" for short in _lacking(by)]
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr)
        caught.update(_beyond(op, parts, given.seeds))
        _print(op.name, len(mistakes) * given.seeds, caught, columns)
        print(*(f"  {line}" for line in lacking), sep="\n", end="\n" if lacking else "")
        total += caught
        total["mistakes"] += len(mistakes) * given.seeds
    _print("together", total["mistakes"], total, columns)
    for dtype in ("float64", "float32"):
        alarms: Counter[str] = Counter()
        for op in chosen if "mistakes" in parts else ():
            alarms.update(_caught(op, Planted(op), Counter(), dtype=dtype))
        _print(f"false alarms, {dtype}", len(chosen), alarms, columns)
    stored = [code for op in chosen if "mistakes" in parts for code in _exit_codes_in_bfloat16(op, given.seeds)]
    _print("false alarms, bfloat16", len(stored), Counter({"all laws": sum(map(bool, stored))}), columns)
    if "low" in parts and LOW in chosen:
        _print("false alarms, low", 1, Counter(_alarms_in_low_precision()), columns)
    if "sums" in parts:
        alarms = Counter({column: total[f"right {column}"] for column in ("sums", "sums planted")})
        _print("false alarms, sums", 1, alarms, columns)
    planted = max(1, total["mistakes"])
    print("seconds for one implementation: " + ", ".join(f"{n} {s / planted:.2f}" for n, s in seconds.items()))


def _lacking(by: Sequence[str]) -> Iterator[str]:
    """What is missing where something wrong was judged, given all that caught it."""
    if "all laws" not in by:
        yield "was not caught"
    elif "named" not in by:
        yield "was not called by its name"


def _width(name: str) -> int:
    return max(len(name), 7 if name in BEYOND else 5)


def _print(name: str, count: int, caught: Counter[str], columns: list[str]) -> None:
    print(f"{name:<20} {count:>8} " + " ".join(f"{_cell(c, caught):>{_width(c)}}" for c in columns), flush=True)


def _cell(column: str, caught: Counter[str]) -> str:
    """How many were caught; of how many, where that differs from column to column."""
    if column not in BEYOND:
        return str(caught[column])
    planted = caught[f"{column} planted"]
    return f"{caught[column]}/{planted}" if planted else "-"


def _beyond(op: Op, parts: tuple[str, ...], seeds: int) -> Iterator[str]:
    """What is caught of the mistakes that no case of usual size and precision shows, and what was planted."""
    for part, planted, names in (("size", sizes.planted, BEYOND[:2]), ("pairs", sizes.planted_in_pairs, BEYOND[2:4])):
        for number, layer in enumerate(planted(op) if part in parts else ()):
            for seed in range(number, number + seeds):
                yield from (f"{name} planted" for name in names)
                found = set(sizes.caught(layer, seed))
                yield from (name for name, of in zip(names, sizes.CAUGHT, strict=True) if of in found)
    for wrong, dtype, terms in low_precision.planted() if "low" in parts and op is LOW else ():
        yield "low planted"
        if low_precision.exit_code(wrong, dtype, terms):
            yield "low"
    for number, (option, at) in enumerate(sums.long_axes(op) if "sums" in parts else ()):
        for terms, dtype in (SUMS[(crc32(op.name.encode()) + number + seed) % len(SUMS)] for seed in range(seeds)):
            yield from _of_long_sums(sums.Long(op, option, at, terms, dtype))


def _of_long_sums(long: sums.Long) -> Iterator[str]:
    """What is planted in long sums and does not end in exit 0; and what is right, and does not."""
    if not long.is_summed():
        return
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        for result, _, code in sums.judged(long, IN):
            column = "right sums" if result == "right" else "sums"
            yield from () if code is None else (f"{column} planted", *([column] if code else []))


def _exit_codes_in_bfloat16(op: Op, seeds: int) -> Iterator[int]:
    """Those of the reference, torch and other algorithms, asked by the laws that decide."""
    for seed, algorithm in product(range(1, seeds + 1), _algorithms(op)):
        problems: list[Problem] = []
        Search(problems_of(op, {}, "bfloat16"), EXAMPLES, seed).run(problems.append)
        made = StoredOnce(op, algorithm() if isclass(algorithm) else algorithm, "bfloat16")
        with np.errstate(all="ignore"):
            yield outcome(op, Implementation.of(op, made), problems, "bfloat16").exit_code


def _alarms_in_low_precision() -> Iterator[str]:
    for right in low_precision.right():
        yield "low planted"
        if low_precision.exit_code(*right):
            yield "low"


def _caught(
    op: Op, implementation: Planted, seconds: Counter[str], *, dtype: str = "float64", seed: int = 1
) -> Iterator[str]:
    """The laws, and the ways to call torch's gradcheck, that call this implementation wrong."""
    start = time.perf_counter()
    tried = Tried(Implementation.of(op, implementation), laws(), None)
    first = 0.0

    def add(problem: Problem) -> None:
        nonlocal first
        tried.add(problem)
        if not first and any(f.verdict is Verdict.BROKEN for f in tried.findings):
            first = time.perf_counter() - start

    Series(op, {}, dtype, EXAMPLES, seed, reach=1).run(add)
    seconds["until caught"] += first
    seconds["all laws"] += time.perf_counter() - start
    broken = [f for f in tried.findings if f.verdict is Verdict.BROKEN]
    yield from {f.law for f in broken}
    if broken:
        yield "all laws"
    if implementation.mistake and implementation.mistake.name in _names(op, broken, tried):
        yield "named"
    for name, (problems, fast) in THEIRS.items():
        start = time.perf_counter()
        if any(not _gradcheck(problem, implementation, dtype, fast=fast) for problem in problems(op)):
            yield name
        seconds[name] += time.perf_counter() - start


def _names(op: Op, broken: list[Finding], tried: Tried) -> Iterator[str]:
    """What the diagnosis calls the mistake behind each result, of the sharpest law that it broke."""
    reference = Implementation.of(op, op.reference)
    for result in {f.result for f in broken if f.result == "y" or f.result.removeprefix("grad_") in op.inputs}:
        law = next(name for name in tried.laws if any((f.law, f.result) == (name, result) for f in broken))
        failures = [f for f in broken if (f.law, f.result) == (law, result)]
        with np.errstate(all="ignore"):
            failure = min(failures, key=lambda f: f.problem.elements)
            yield diagnose(failure, tried.findings, tried.implementation, reference).mistake


def _gradcheck(problem: Problem, implementation: Planted, dtype: str, *, fast: bool) -> bool:
    """torch.autograd.gradcheck with its defaults: whether it is content."""
    case = replace(problem, dtype=dtype).reals()
    op = problem.op

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *tensors: Any) -> Any:
            ctx.arrays = [None if t is None else t.detach().numpy() for t in tensors]
            return torch.from_numpy(np.array(implementation.forward(*ctx.arrays, **case.parameters)))

        @staticmethod
        def backward(ctx: Any, *grad_outputs: Any) -> Any:
            gradients = implementation.backward(grad_outputs[0].numpy(), *ctx.arrays, **case.parameters)
            return tuple(None if g is None else torch.from_numpy(np.array(g)) for g in gradients)

    tensors = [
        None if a is None else torch.from_numpy(a.copy()).requires_grad_(name in op.takes.differentiable)
        for name, a in zip(op.inputs, case.inputs, strict=True)
    ]
    with warnings.catch_warnings(action="ignore"):  # that float32 is imprecise
        return bool(torch.autograd.gradcheck(Function.apply, tensors, raise_exception=False, fast_mode=fast))


@cache
def _drawn(name: str) -> tuple[Problem, ...]:
    """Problems with something in them, small enough for torch's gradcheck."""
    found: list[Problem] = []
    op = ops.find(name)
    Search(problems_of(op, {}, "float64"), 200, 3).run(found.append)
    full = (p for p in found if all(np.prod(s) > 0 for s in p.shapes.values() if s is not None))
    return tuple(p for p in full if p.elements < LARGEST)


def _documented(op: Op) -> list[Problem]:
    """One case with default parameters, or as few others as there are, of a size as documentation shows it."""
    unusual = {p.identity: sum(v != op.takes.defaults[n] for n, v in p.parameters.items()) for p in _drawn(op.name)}
    plain = [p for p in _drawn(op.name) if unusual[p.identity] == min(unusual.values())]
    return sorted(plain, key=lambda p: p.elements)[len(plain) // 2 :][:1]


def _sweep(op: Op) -> list[Problem]:
    return list(_drawn(op.name)[:SWEEP])


def _shows(op: Op, mistake: Mistake) -> bool:
    """Whether the mistake can be made with this op at all: the mean of a single cotangent is that cotangent."""
    return not (mistake.name == "cotangent averaged" and _drawn(op.name)[0].shape("y") == ())


THEIRS: dict[str, tuple[Callable[[Op], list[Problem]], bool]] = {
    "torch": (_documented, False),
    "fast": (_documented, True),
    "torch x16": (_sweep, False),
    "fast x16": (_sweep, True),
}


if __name__ == "__main__":
    main()
