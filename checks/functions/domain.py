"""Where a function is defined: which numbers to draw where it refuses the usual ones, and which cases not to judge.

A logarithm of numbers on (−1, 1) is NaN at half of them, and a Cholesky factor of such a matrix raises. Where that happens,
and nobody said what to draw, other kinds are tried in turn, of one input and then of all: definite matrices, positive
numbers, those on (0, 1), those on (1, 2). The first of which y is finite, several times, is drawn, and the report says so.

A case in which y is still no number has no slopes: it is not supported, and no gradient is wrong there.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from checks.functions import uncommon
from checks.functions.inputs import Input, Sizes
from checks.functions.trees import leaves
from checks.numbers.precision import held
from checks.subjects.refusals import Crashed, Ended, Unsupported
from checks.trials.trial import Trial

DRAWS = 4  # that have to be taken
KINDS: tuple[tuple[str, tuple[float, ...]], ...] = (
    ("spd", ()),
    ("positive", ()),
    ("uniform", (0.0, 1.0)),
    ("uniform", (1.0, 2.0)),
)


def within(trial: Trial) -> None:
    """Raise Unsupported for a case in which y is no number, or which nobody passes of his own accord and is refused."""
    unusual = trial.problem.kind in uncommon.KINDS or any(trial.problem.exponents.values())
    try:
        y = trial.real.y
        gradients = trial.real.gradients if trial.problem.kind in uncommon.KINDS else {}
    except Ended:
        raise
    except Crashed as error:
        if unusual:
            raise Unsupported(f"it raises there: {error}") from error
        raise
    if not np.all(np.isfinite(y)):
        raise Unsupported("y is not finite there")
    if not all(np.all(np.isfinite(a)) for a in gradients.values()):
        raise Unsupported(f"a gradient is not finite there, {trial.problem.kind}")


def within_domain(
    function: Callable[..., Any], inputs: Sequence[Input], sizes: Sizes, dtype: str, names: Sequence[str]
) -> tuple[list[Input], str]:
    """The inputs, of another kind where the function is not defined on the usual one; and what to say of that, or ""."""
    if not any(_is_open(i) for i in inputs) or _is_defined(function, inputs, sizes, dtype):
        return list(inputs), ""
    for kind, ends in KINDS:
        for which in _choices(inputs, kind):
            others = [replace(i, kind=kind, ends=ends) if at in which else i for at, i in enumerate(inputs)]
            if _is_defined(function, others, sizes, dtype):
                text = f"{kind}({ends[0]:g},{ends[1]:g})" if ends else kind
                words = " and ".join(names[at] for at in sorted(which))
                return others, f"{words} drawn as {text}, since it is not defined on (−1, 1)"
    return list(inputs), ""


def _is_open(one: Input) -> bool:
    return one.given is None and not one.kind


def _choices(inputs: Sequence[Input], kind: str) -> Iterator[set[int]]:
    """One input that nobody said the kind of, each in turn, and then all of them."""
    able = [at for at, i in enumerate(inputs) if _is_open(i) and (kind != "spd" or _is_square(i))]
    yield from ({at} for at in able)
    if len(able) > 1:
        yield set(able)


def _is_square(one: Input) -> bool:
    return len(one.axes) > 1 and one.axes[-1] == one.axes[-2]


def _is_defined(function: Callable[..., Any], inputs: Sequence[Input], sizes: Sizes, dtype: str) -> bool:
    """Whether y is finite, in several draws."""
    rng = np.random.default_rng(0)
    for _ in range(DRAWS):
        arrays = [i.drawn(rng, sizes) for i in inputs]
        arrays = [held(a, dtype) if a.dtype.kind == "f" else a for a in arrays]
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
                y = [np.asarray(leaf) for leaf in leaves(function(*arrays))]
        except Ended:
            raise
        except (Exception, SystemExit):  # noqa: BLE001, whatever it raises, it does not take them
            return False
        if any(leaf.dtype.kind in "fc" and not np.all(np.isfinite(leaf)) for leaf in y):
            return False
    return True
