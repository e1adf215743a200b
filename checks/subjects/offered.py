"""What a subject offers beyond a forward and a backward: the parts of the protocol that it has for derivatives of them.

A bridge says of some that they are not there although the framework has them (`withheld`): forward mode of a custom_vjp, or
of an autograd.Function without a jvp; a double backward of what is marked with @once_differentiable.
"""

from __future__ import annotations

from typing import Any

from checks.op import Op
from checks.orders.samples import has_samples

PARTS = ("double_backward", "triple_backward", "jvp", "jvp_backward", "backward_jvp", "jvp_jvp")
SAMPLES = "per_sample"  # of order 1: the gradients of each sample for itself
SECOND, FORWARD = PARTS[:2], PARTS[2:]  # what there is of reverse mode alone, and what needs forward mode


def offers(given: Any, op: Op) -> tuple[str, ...]:
    """Which parts it has, by their names; gradients of each sample only where the op has such."""
    lacks = getattr(given, "withheld", ())
    parts = (*PARTS, SAMPLES) if has_samples(op) else PARTS
    return tuple(part for part in parts if part not in lacks and callable(getattr(given, part, None)))
