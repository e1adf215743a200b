"""Gradients of tables that are left as the rows in which they are not 0: (rows, values), or a dictionary of rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.signature.axes import Shape
from checks.subjects.adapting.slots import Path

DEPTH = 2


def dense(found: Any, shape: Shape) -> Array | None:
    """The whole table, rows that are named twice added up; None if it is nothing of the kind, or has other rows."""
    if isinstance(found, dict) and not found:
        return np.zeros(shape)
    rows, values = _rows(found)
    if rows is None or len(shape) != 2 or np.shape(values) != (len(rows), *shape[1:]):
        return None
    if len(rows) and not 0 <= rows.min() <= rows.max() < shape[0]:
        return None
    table = np.zeros(shape, np.asarray(values).dtype)
    np.add.at(table, rows, values)
    return table


def _rows(found: Any) -> tuple[Array | None, Any]:
    """The numbers of rows, and what stands in each."""
    if isinstance(found, dict) and all(isinstance(key, int | np.integer) for key in found):
        values = [np.asarray(value) for value in found.values()]
        if values and all(one.ndim == 1 and one.shape == values[0].shape for one in values):
            return np.fromiter(found, int, len(found)), np.stack(values)
    if isinstance(found, tuple | list) and len(found) == 2:
        rows, values = found
        if np.ndim(rows) == 1 and np.asarray(rows).dtype.kind in "iu":
            return np.asarray(rows), values
    return None, None


def tables_in(root: Any, shape: Shape, depth: int = DEPTH) -> Iterator[tuple[Path, Array]]:
    """Every such table of this shape, by the path to it."""
    table = dense(root, shape) if isinstance(root, dict | tuple | list) and root else None
    if table is not None:
        yield (), table
    elif depth and isinstance(root, dict | tuple | list):
        inside = root.items() if isinstance(root, dict) else enumerate(root)
        for key, one in inside:
            yield from (((("item", key), *path), found) for path, found in tables_in(one, shape, depth - 1))
    elif depth and hasattr(root, "__dict__"):
        for name, one in vars(root).items():
            yield from (((("attribute", name), *path), found) for path, found in tables_in(one, shape, depth - 1))
