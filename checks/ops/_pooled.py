"""What planted mistakes of poolings over windows share: the windows of a case, their elements, and the way back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case
from checks.ops._mistakes import right
from reference._window import Window, gather, pooling_window, scatter

MOVES = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")


def over_of(case: Case) -> Window:
    """Its windows."""
    moves = {name: value for name, value in case.parameters.items() if name in MOVES}
    return pooling_window(case.input("x").shape[2:], **moves)


def elements(a: Array, over: Window) -> Array:
    """What is in each window: (N, C, elements, *output), 0 where it ends outside."""
    return np.asarray(gather(a, over).reshape(*a.shape[:2], prod(over.kernel), *over.output))


def inside(case: Case, over: Window) -> Array:
    """Which of these lie in x."""
    return elements(np.ones(case.input("x").shape, bool), over)


def given_back(parts: Array, over: Window) -> Array:
    """The gradient of x, to which each element of each window adds its part."""
    return scatter(parts.reshape(*parts.shape[:2], *over.kernel, *over.output), over)


def with_parameters(case: Case, **parameters: Any) -> Case:
    """The same with other parameters."""
    return replace(case, parameters={**case.parameters, **parameters})


def without_stride(over: Window) -> Window:
    """Windows that are one apart."""
    ends = zip(over.output, over.span, over.size, over.before, strict=True)
    return replace(over, stride=(1,) * len(over.size), after=tuple(o - 1 + e - n - b for o, e, n, b in ends))


def last_of_ceil_mode_forgotten(case: Case) -> Mapping[str, Array]:
    """Nothing comes back from windows that only ceil_mode adds."""
    try:
        output = over_of(with_parameters(case, ceil_mode=False)).output
    except ValueError:  # the only window is one that ceil_mode adds
        output = (0,) * (case.cotangent.ndim - 2)
    g = np.zeros_like(case.cotangent)
    kept: Any = (..., *map(slice, output))
    g[kept] = case.cotangent[kept]
    return {"x": right(replace(case, cotangent=g))["x"]}
