"""What must hold: one property a file, discovered by listing this folder. Never which op it is asked of.

A law module has a docstring that states the property, `RANK` (the order: sharpest first) and

    def check(trial: Trial) -> Iterator[Finding]

which asks the trial for what it needs and is never told which op it is looking at. It may have a function `begin(trial)`,
in which what is judged is called ahead of that (Run.begin): then it computes while the judge does. `OWN_FORWARD = True`
says that one side of the comparison is the implementation's own forward, so that a wrong y breaks it too. `DECIDES = True`
says that it compares every element of the result that a finding is about: a law without it samples, along a line or by a
promise, and may accuse a result but not decide it (verdict/decisions.py), and is not asked of wide cases, but for its
`wide`, if it has one, which is `check` in a few calls. `WITNESSED` names what it compares, "y" or "gradients", with what a
witness computes (trials/witness.py), for whom the other laws need not wait. `OF_DERIVATIVES = True` says that it is asked
of what is itself a derivative (orders/) alone.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import Protocol, cast

from checks.op import Op
from checks.trials.finding import Finding
from checks.trials.trial import Trial


class Law(Protocol):
    """What the module of a law provides."""

    RANK: int
    check: Callable[[Trial], Iterator[Finding]]
    __doc__: str


@cache
def laws() -> dict[str, Law]:
    """Every law of an op by name, sharpest first."""
    return {name: law for name, law in _every().items() if not getattr(law, "OF_DERIVATIVES", False)}


def laws_of(op: Op) -> dict[str, Law]:
    """The same; with those of derivatives, where it is one."""
    if op.derivative is None:
        return laws()
    return {name: law for name, law in _every().items() if op.derivative.witnessed or not witnessed(law)}


@cache
def _every() -> dict[str, Law]:
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    found = {name: cast("Law", import_module(f"{__name__}.{name}")) for name in names}
    return dict(sorted(found.items(), key=lambda item: item[1].RANK))


def decides(law: Law) -> bool:
    """Whether its findings are about every element of a result."""
    return bool(getattr(law, "DECIDES", False))


def of_wide(law: Law) -> Callable[[Trial], Iterator[Finding]] | None:
    """What is asked of cases with a large axis, if anything is."""
    asked: Callable[[Trial], Iterator[Finding]] | None = law.check if decides(law) else getattr(law, "wide", None)
    return asked


def witnessed(law: Law) -> str:
    """What of a run it compares with what a witness computes elsewhere; "" if it hears none."""
    return str(getattr(law, "WITNESSED", ""))


def begin(law: Law, trial: Trial) -> None:
    """Let what is judged begin with what the law will ask it, as far as that is known."""
    getattr(law, "begin", _nothing)(trial)


def _nothing(trial: Trial) -> None:
    """Nothing is known."""


def summary(law: Law) -> str:
    """The first line of the law's docstring."""
    return law.__doc__.strip().splitlines()[0]
