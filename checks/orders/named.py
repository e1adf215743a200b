"""What the derivatives of an op are called: conv is of order 1, conv.double_backward of order 2."""

from __future__ import annotations

ORDERS = {1: "", 2: ".double_backward"}


def of_order(op: str, order: int) -> str:
    """The name of the derivative; raises ValueError for an order that is not judged."""
    if order not in ORDERS:
        raise ValueError(f"order {order} given; expected {' or '.join(map(str, ORDERS))}")
    return op + ORDERS[order]
