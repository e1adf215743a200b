"""Implementations that are right in other arithmetic, or by another algorithm, than the reference: none may be rejected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from checks.op import Op
from checks.ops import find, ops
from tests.laws import (
    right_folding,
    right_layers,
    right_losses,
    right_norms,
    right_pointwise,
    right_pools,
    right_resampling,
    right_sampling,
    right_sequences,
    right_smooth,
    right_windows,
)


@dataclass(frozen=True)
class ByTorch:
    """Torch's own forward of an op, and its autograd, in the dtype of the arrays; what torch refuses is not supported."""

    name: str

    @property
    def op(self) -> Op:
        return find(self.name)

    def forward(self, *inputs, **parameters):
        return self._y(self._tensors(inputs), parameters).detach().numpy()

    def backward(self, grad_output, *inputs, **parameters):
        tensors = self._tensors(inputs)
        wanted = {
            n: t.requires_grad_() for n, t in tensors.items() if t is not None and n in self.op.takes.differentiable
        }
        y = (self._y(tensors, parameters) * self._tensor(grad_output)).sum()
        gradients = dict(zip(wanted, torch.autograd.grad(y, list(wanted.values())), strict=True))
        return tuple(gradients[name].numpy() if name in gradients else None for name in tensors)

    def _tensors(self, inputs):
        named = zip(self.op.inputs, inputs, strict=True)
        return {name: None if a is None else self._tensor(a) for name, a in named}

    @staticmethod
    def _tensor(a):
        """A copy, since torch takes no negative strides and may write to what it is given."""
        return torch.from_numpy(np.array(a, order="C"))

    def _y(self, tensors, parameters):
        try:
            return self.op.twin(*tensors.values(), **parameters)
        except RuntimeError as refusal:
            raise NotImplementedError(str(refusal).splitlines()[0]) from refusal


# Each op's own variants, with the precisions in which they are judged: those that test most.
FAMILIES = (
    right_pointwise,
    right_layers,
    right_losses,
    right_norms,
    right_windows,
    right_sequences,
    right_smooth,
    right_resampling,
    right_sampling,
    right_folding,
    right_pools,
)
BY_HAND = {name: variants for family in FAMILIES for name, variants in family.BY_OP.items()}
RIGHT = [
    (name, implementation, dtype)
    for name in ops()
    for implementation, dtypes in {ByTorch(name): "float32", **BY_HAND.get(name, {})}.items()
    for dtype in dtypes.split()
]
