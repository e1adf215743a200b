"""What torch makes of a case: the witness that shares no code with the reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Problem


def by_torch(problem: Problem, case: Case) -> Mapping[str, Array] | None:
    """y, and the gradients by autograd, in float64; None if torch does not do this case."""
    import torch

    wide = case.widened()
    named = zip(problem.op.inputs, wide.inputs, strict=True)
    tensors: dict[str, Any] = {n: None if a is None else torch.from_numpy(np.ascontiguousarray(a)) for n, a in named}
    wanted = {n: tensors[n].requires_grad_() for n in problem.present}
    try:
        y = problem.op.twin(*tensors.values(), **wide.parameters)
        gradients = torch.autograd.grad(y, list(wanted.values()), torch.from_numpy(wide.cotangent), allow_unused=True)
    except (RuntimeError, ValueError, NotImplementedError):
        return None
    found = {
        f"grad_{n}": np.zeros_like(wide.input(n)) if g is None else g.numpy()
        for n, g in zip(wanted, gradients, strict=True)
    }
    return {"y": np.asarray(y.detach().numpy()), **found}
