"""What derivatives of an op are called: conv is of order 1, conv.double_backward of order 2, conv.jvp its forward mode.

conv.per_sample has the gradients of each sample for itself; conv.complex takes complex numbers, and conv.complex_torch
wants their gradients by torch's convention.
"""

from __future__ import annotations

from collections.abc import Sequence

from checks.numbers.pairs import COMPLEX_DTYPES, refuse_convention
from checks.orders.pairs import named

COMPLEX = COMPLEX_DTYPES
REVERSE, FORWARD, SAMPLES = MODES = ("reverse", "forward", "per-sample")
# By order: the modes that each takes, and its name behind that of the op.
ORDERS: dict[int, tuple[tuple[frozenset[str], str], ...]] = {
    1: ((frozenset({REVERSE}), ""), (frozenset({FORWARD}), ".jvp"), (frozenset({SAMPLES}), ".per_sample")),
    2: (
        (frozenset({REVERSE}), ".double_backward"),
        (frozenset({REVERSE, FORWARD}), ".forward_over_reverse"),
        (frozenset({REVERSE, FORWARD}), ".reverse_over_forward"),
        (frozenset({FORWARD}), ".forward_over_forward"),
    ),
    3: ((frozenset({REVERSE}), ".triple_backward"),),
}


def of_order(op: str, order: int, modes: Sequence[str] = (REVERSE,)) -> list[str]:
    """The names of what goes by these modes alone; raises ValueError for an order or modes that are not judged."""
    if order not in ORDERS:
        raise ValueError(f"order {order} given; expected 1, 2 or 3")
    unknown = [mode for mode in modes if mode not in MODES]
    if unknown or not modes:
        raise ValueError(f"modes {','.join(modes)} given; expected {', '.join(MODES)} or several")
    found = [op + name for needed, name in ORDERS[order] if needed <= set(modes)]
    if not found:
        known = sorted({mode for needed, _ in ORDERS[order] for mode in needed}, reverse=True)
        raise ValueError(f"order {order} is judged in {' and '.join(known)} mode alone")
    return found


def as_asked(
    op: str, order: int, modes: Sequence[str] = (REVERSE,), dtype: str = "float64", convention: str = ""
) -> list[str]:
    """The same; of complex numbers where the dtype is of these. Raises ValueError where they are not judged."""
    refuse_convention(convention, dtype)
    found = of_order(op, order, modes)
    if dtype not in COMPLEX_DTYPES:
        return found
    if found != [op]:
        raise ValueError(f"ops of {dtype} are judged by order 1 in reverse mode alone")
    return [f"{op}.{named(convention)}"]


def the_one(op: str, order: int, dtype: str) -> tuple[str, str]:
    """The name of what is judged of an op in reverse mode, and the dtype of the real numbers that it takes."""
    (found,) = as_asked(op, order, dtype=dtype)
    return found, COMPLEX_DTYPES.get(dtype, dtype)
