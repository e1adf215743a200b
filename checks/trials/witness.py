"""What torch computes from the twin of an op: an independent forward, and gradients by machine.

It says so in this process, or in one of its own (beside.py). To import torch takes longer than most verdicts, and nobody
has to wait for a witness before all else has been asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from checks.numbers.precision import Array
from checks.op import Problem

FEW = 1 << 16  # elements, below which one thread is enough for torch: to wake others takes longer than the work


class Refused(Exception):
    """The witness does not do this case; the message says why."""


@dataclass(frozen=True)
class Testimony:
    """y, and the gradient of each input that is there, in float64."""

    y: Array
    gradients: Mapping[str, Array]


class Witness(Protocol):
    """Who knows what torch computes."""

    def of(self, problem: Problem) -> Testimony:
        """On the real numbers of this problem, once it is known; raises Refused if torch does not do it."""

    def summon(self, problem: Problem) -> None:
        """Say that this will be asked: whoever can begins with it."""

    def is_ready(self, problem: Problem) -> bool:
        """Whether nothing is left to wait for."""


class Here:
    """Computed in this process, when it is asked for."""

    def of(self, problem: Problem) -> Testimony:
        """As Witness has it."""
        return testimony(problem)

    def summon(self, problem: Problem) -> None:
        """Nothing is begun before it is asked for."""

    def is_ready(self, problem: Problem) -> bool:  # noqa: ARG002, as Witness has it
        """Always: there is nobody else to wait for."""
        return True


HERE = Here()


def testimony(problem: Problem) -> Testimony:
    """What torch computes on the real numbers of a problem, in float64; raises Refused if it does not do it."""
    import torch

    case = problem.reals().widened()
    named = zip(problem.op.inputs, case.inputs, strict=True)
    tensors = {name: None if a is None else torch.from_numpy(a) for name, a in named}
    wanted = {name: t.requires_grad_() for name in problem.present if (t := tensors[name]) is not None}
    with _threads(problem):
        try:
            y = problem.op.twin(*tensors.values(), **case.parameters)
            # ⟨g, y⟩ has the gradients of y under the cotangent g; passing g itself makes torch load its symbolic shapes.
            gradients = torch.autograd.grad((y * torch.from_numpy(case.cotangent)).sum(), list(wanted.values()))
        except (RuntimeError, ValueError, NotImplementedError) as refusal:
            raise Refused(str(refusal).splitlines()[0]) from refusal
    return Testimony(np.asarray(y.detach().numpy()), dict(zip(wanted, (g.numpy() for g in gradients), strict=True)))


@contextmanager
def _threads(problem: Problem) -> Iterator[None]:
    """One thread for torch where the problem is small."""
    import torch

    before = torch.get_num_threads()
    if problem.elements < FEW:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
