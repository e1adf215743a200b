"""A weight that a layer changes by itself in backward: what is taken off it is its gradient, at a learning rate of 1.

The weight stays as it is, and what was to be taken off is kept, to the last bit; as anywhere, in place only what fits.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, Self

import numpy as np

from checks.numbers.precision import Array


class Stepped(np.ndarray[Any, Any]):
    """An array from which a subtraction, once steps are watched, is kept in place of being done."""

    _name: str = ""
    _kept: MutableMapping[str, Any] | None = None

    @classmethod
    def of(cls, array: Array, name: str, kept: MutableMapping[str, Any]) -> Self:
        """The array, whose steps are kept under this name."""
        made = np.ascontiguousarray(array).reshape(array.shape).view(cls)
        made.__dict__.update(_name=name, _kept=kept)
        return made

    def keeps(self, step: Array) -> bool:
        """Whether a step is kept, which from now on is the gradient."""
        if self._kept is None or "watched" not in self._kept:
            return False
        self._kept[self._name] = step
        return True

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **how: Any) -> Any:
        """The ufunc on plain arrays; but where something is subtracted from it, or its negative added, that is kept."""
        mine = inputs[0] if isinstance(inputs[0], Stepped) else None
        bare = [np.asarray(i) if isinstance(i, Stepped) else i for i in inputs]
        if mine is not None and method == "__call__" and ufunc in (np.subtract, np.add) and len(bare) == 2:
            step, in_place = np.asarray(bare[1]), out is not None and out[0] is mine
            together = np.broadcast_shapes(step.shape, mine.shape)
            if in_place and together != mine.shape:
                raise ValueError(f"shape {mine.shape} does not match the broadcast shape {together}")
            if mine.keeps(step if ufunc is np.subtract else -step):
                return mine
        if out is not None:
            how["out"] = tuple(np.asarray(o) if isinstance(o, Stepped) else o for o in out)
        found = getattr(ufunc, method)(*bare, **how)
        return out[0] if out is not None and len(out) == 1 and isinstance(out[0], Stepped) else found
