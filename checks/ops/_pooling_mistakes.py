"""Known ways to get the gradients of max and average pooling wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Mistake
from checks.ops._mistakes import right
from checks.ops._pooled import (
    elements,
    given_back,
    inside,
    last_of_ceil_mode_forgotten,
    over_of,
    with_parameters,
    without_stride,
)
from reference._window import Window

Wrong = Callable[[Case], Mapping[str, Array]]


def _forward(case: Case) -> Array:
    return np.asarray(case.op.reference.forward(*case.inputs, **case.parameters))


def _without_dilation(over: Window) -> Window:
    ends = zip(over.after, over.span, over.kernel, strict=True)
    return replace(over, dilation=(1,) * len(over.size), after=tuple(a - e + k for a, e, k in ends))


def _without_padding(over: Window) -> Window:
    ends = zip(over.before, over.after, strict=True)
    return replace(over, before=(0,) * len(over.size), after=tuple(map(sum, ends)))


# Max pooling: how much of its cotangent each element of a window gets, (N, C, elements, *output).


def _laid(case: Case, over: Window, padding: float = -np.inf) -> Array:
    return np.asarray(np.where(inside(case, over), elements(case.input("x"), over), padding))


def _first(chosen: Array) -> Array:
    return np.asarray(chosen & (np.cumsum(chosen, 2) == 1))


def _largest(laid: Array) -> Array:
    return np.asarray(laid == laid.max(2, keepdims=True))


def _picked(case: Case, over: Window) -> Array:
    return _first(_largest(_laid(case, over)) & inside(case, over))


def _back(case: Case, shares: Array, over: Window) -> Mapping[str, Array]:
    parts = np.where(shares, shares * case.cotangent[:, :, None], 0).astype(case.cotangent.dtype)
    return {"x": given_back(parts, over)}


def _moved(move: Callable[[Window], Window]) -> Wrong:
    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        over = over_of(case)
        return _back(case, _picked(case, over), move(over))

    return wrong_gradient


def _ties_counted_twice(case: Case) -> Mapping[str, Array]:
    over = over_of(case)
    return _back(case, _largest(_laid(case, over)), over)


def _maximum_overwritten(case: Case) -> Mapping[str, Array]:
    over, x, g = over_of(case), case.input("x"), case.cotangent
    maps, places = x.shape[:2], prod(over.size)
    numbers = np.broadcast_to(np.arange(places).reshape(over.size), x.shape)
    laid = elements(numbers, over)
    picked = _picked(case, over)
    at = np.where(picked.any(2), (laid * picked).sum(2), places).reshape(*maps, prod(over.output))
    grad = np.zeros((*maps, places + 1), g.dtype)  # the last for windows that have nothing to give to
    np.put_along_axis(grad, at, g.reshape(at.shape), 2)
    return {"x": grad[..., :-1].reshape(x.shape)}


def _spread_over_the_window(case: Case) -> Mapping[str, Array]:
    over = over_of(case)
    within = inside(case, over)
    return _back(case, within / np.maximum(1, within.sum(2, keepdims=True)), over)


def _first_of_the_window(case: Case) -> Mapping[str, Array]:
    over = over_of(case)
    return _back(case, _first(inside(case, over)), over)


def _padding_as_zeros(case: Case) -> Mapping[str, Array]:
    over = over_of(case)
    laid = _laid(case, over, 0.0)
    return {"y": laid.max(2), **_back(case, _first(_largest(laid)), over)}


def _rows_for_columns(case: Case) -> Mapping[str, Array]:
    over = over_of(case)
    if len(over.size) < 2 or over.kernel[-1] != over.kernel[-2]:
        return right(case)
    picked = _picked(case, over)
    windows = picked.reshape(*picked.shape[:2], *over.kernel, *over.output)
    last = 1 + len(over.kernel)
    return _back(case, windows.swapaxes(last - 1, last).reshape(picked.shape), over)


# Average pooling: what each window gives to all of its elements.


def _shares(case: Case, over: Window) -> Array:
    means = case.op.reference.forward(np.ones(case.input("x").shape), **case.parameters)
    return np.asarray(case.cotangent / np.rint(inside(case, over).sum(2) / means), case.cotangent.dtype)


def _spread(shares: Array, over: Window) -> Array:
    windows = np.repeat(shares[:, :, None], prod(over.kernel), 2)
    return given_back(windows, over)


def _mean_moved(move: Callable[[Window], Window]) -> Wrong:
    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        over = over_of(case)
        return {"x": _spread(_shares(case, over), move(over))}

    return wrong_gradient


def _not_divided(case: Case) -> Mapping[str, Array]:
    return {"x": _spread(case.cotangent, over_of(case))}


def _divided_by_the_kernel(include: bool) -> Wrong:
    """Where count_include_pad is this, everything divided by the size of the kernel."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        over, g = over_of(case), case.cotangent
        if case.parameters["count_include_pad"] is not include:
            return right(case)
        return {"x": _spread(g / g.dtype.type(prod(over.kernel)), over)}

    return wrong_gradient


def _padding_left_out(case: Case) -> Mapping[str, Array]:
    return right(with_parameters(case, count_include_pad=False))


def _counted_the_other_way(case: Case) -> Mapping[str, Array]:
    other = with_parameters(case, count_include_pad=not case.parameters["count_include_pad"])
    return {"y": _forward(other), **right(other)}


def _mean_overwritten(case: Case) -> Mapping[str, Array]:
    over = over_of(case)
    shares, grad = _shares(case, over), np.zeros(case.input("x").shape, case.cotangent.dtype)
    for _, reaching, reached in over.meetings:
        at: tuple[Any, Any] = ((..., *reached), (..., *reaching))
        grad[at[0]] = shares[at[1]]
    return {"x": grad}


def _all_to_the_first(case: Case) -> Mapping[str, Array]:
    over = over_of(case)
    return _back(case, _first(inside(case, over)), over)


MAX_POOL = (
    Mistake(
        "ties counted twice",
        "Every largest element of a window got all of its cotangent, where their shares add up to one.",
        "004, C15",
        _ties_counted_twice,
    ),
    Mistake(
        "overlap overwritten",
        "Where several windows pick one element the last is kept, where all of them add up.",
        "004, C15",
        _maximum_overwritten,
    ),
    Mistake(
        "stride ignored",
        "The position of a window in y was taken for that in x, where the windows are a stride apart.",
        "004, C15",
        _moved(without_stride),
    ),
    Mistake(
        "dilation ignored",
        "The offset in the window was counted in neighbouring elements, where forward skipped some.",
        "004, C15",
        _moved(_without_dilation),
    ),
    Mistake(
        "padding not cropped",
        "The gradient of the padded input was cut to size at its end, where the padding comes off both ends.",
        "004, C15",
        _moved(_without_padding),
    ),
    Mistake(
        "spread over the window",
        "Every element of the window got an equal share, as in average pooling, where the largest gets all.",
        "004, C15",
        _spread_over_the_window,
    ),
    Mistake(
        "first instead of largest",
        "The first element of each window got the cotangent, where the largest gets it.",
        "004, C15",
        _first_of_the_window,
    ),
    Mistake(
        "rows for columns",
        "The number of the largest in its square window was read column by column, where it counts row by row.",
        "004, C15",
        _rows_for_columns,
    ),
    Mistake(
        "last of ceil_mode forgotten",
        "Windows that end outside gave nothing back, where forward had picked from them.",
        "004, C15",
        last_of_ceil_mode_forgotten,
    ),
    Mistake(
        "padding as zeros",
        "Padding of 0 is larger than negative numbers, forward and backward, where it counts as −∞.",
        "004, C11",
        _padding_as_zeros,
    ),
)

AVG_POOL = (
    Mistake(
        "not divided",
        "Every element got the whole cotangent of its window, where each gets an equal share.",
        "004, C14",
        _not_divided,
    ),
    Mistake(
        "padding counted",
        "Divided by the size of the kernel, where count_include_pad=False leaves the padding out of the mean.",
        "004, C14",
        _divided_by_the_kernel(include=False),
    ),
    Mistake(
        "beyond the padding counted",
        "Divided by the size of the kernel, where ceil_mode lets a window end outside and it counts less.",
        "004, C14",
        _divided_by_the_kernel(include=True),
    ),
    Mistake(
        "padding left out",
        "Divided by what lies inside, where forward divided by the padding too.",
        "004, C14",
        _padding_left_out,
    ),
    Mistake(
        "counted the other way",
        "Forward and backward agree with each other, on the other meaning of count_include_pad.",
        "004, C11",
        _counted_the_other_way,
    ),
    Mistake(
        "overlap overwritten",
        "Where windows overlap the last one is kept, where all of them add up.",
        "004, C14",
        _mean_overwritten,
    ),
    Mistake(
        "all to the first",
        "The first element of each window got the whole cotangent, as if it were the largest, where all share it.",
        "004, C14",
        _all_to_the_first,
    ),
    Mistake(
        "stride ignored",
        "Shares were spread as if windows were one apart, where they are a stride apart.",
        "004, C14",
        _mean_moved(without_stride),
    ),
    Mistake(
        "padding not cropped",
        "The gradient of the padded input was cut to size at its end, where the padding comes off both ends.",
        "004, C14",
        _mean_moved(_without_padding),
    ),
    Mistake(
        "last of ceil_mode forgotten",
        "Windows that end outside gave nothing back, where forward had averaged over them.",
        "004, C14",
        last_of_ceil_mode_forgotten,
    ),
)
