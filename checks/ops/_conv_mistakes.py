"""Known ways to get the gradients of a convolution wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Mistake
from checks.ops._mistakes import bias_of_parts, bias_subtracted, last_sample, reshaped, right
from reference._window import Window, window


def _over(case: Case) -> Window:
    p = case.parameters
    size, kernel = case.input("x").shape[2:], case.input("weight").shape[2:]
    return window(size, kernel, stride=p["stride"], padding=p["padding"], dilation=p["dilation"])


def _padded(case: Case, over: Window) -> Array:
    return np.pad(case.input("x"), [(0, 0), (0, 0), *zip(over.before, over.after, strict=True)])


def _corner(a: Array, size: Iterable[int]) -> Array:
    at: Any = (..., *(slice(0, n) for n in size))
    corner: Array = a[at]
    return corner


def _with(case: Case, **parameters: Any) -> Case:
    return replace(case, parameters={**case.parameters, **parameters})


def _turned(a: Array) -> Array:
    return np.flip(a, tuple(range(2, a.ndim)))


def _kernel_not_turned(case: Case) -> Mapping[str, Array]:
    return {"x": right(case.with_input("weight", _turned(case.input("weight"))))["x"]}


def _weight_moved(stride: bool, dilation: bool) -> Callable[[Case], Mapping[str, Array]]:
    """grad_weight with stride 1, or dilation 1, where forward had another, on as much of x as that touches."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        over = _over(case)
        ones = (1,) * len(over.size)
        steps, spread = ones if stride else over.stride, ones if dilation else over.dilation
        moves = zip(over.output, steps, over.kernel, spread, strict=True)
        reach = [(o - 1) * s + (k - 1) * d + 1 for o, s, k, d in moves]
        touched = _corner(_padded(case, over), reach)
        other = _with(case.with_input("x", touched), stride=steps, dilation=spread, padding=0)
        return {"weight": right(other)["weight"]}

    return wrong_gradient


def _padding_not_cropped(case: Case) -> Mapping[str, Array]:
    over = _over(case)
    whole = right(_with(case.with_input("x", _padded(case, over)), padding=0))["x"]
    return {"x": _corner(whole, over.size)}


def _rows_left_over_shifted(case: Case) -> Mapping[str, Array]:
    over = _over(case)
    left = [(n - e) % s for n, e, s in zip(over.padded, over.span, over.stride, strict=True)]
    return {"x": np.roll(right(case)["x"], left, tuple(range(2, 2 + len(left))))}


def _groups_reversed(case: Case) -> Mapping[str, Array]:
    parts = np.split(right(case)["weight"], case.parameters["groups"])
    return {"weight": np.concatenate(parts[::-1])}


def groups_in_turn(case: Case) -> Mapping[str, Array]:
    """The gradients of x of each group for those of the next."""
    gradient, groups = right(case)["x"], case.parameters["groups"]
    return {"x": np.roll(gradient, gradient.shape[1] // groups, 1)}


def _in_and_out_swapped(case: Case) -> Mapping[str, Array]:
    gradient = right(case)["weight"]
    square = gradient.shape[0] == gradient.shape[1]
    return {"weight": gradient.swapaxes(0, 1) if square else gradient}


def _bias_averaged(case: Case) -> Mapping[str, Array]:
    gradients, g = right(case), case.cotangent
    positions = g.dtype.type(max(1, g.size // g.shape[1]))
    return {"bias": gradients["bias"] / positions} if "bias" in gradients else {}


def _both_flipped(case: Case) -> Mapping[str, Array]:
    other = _with(case, flip=not case.parameters["flip"])
    gradients = right(other)
    return {
        "y": np.asarray(case.op.reference.forward(*other.inputs, **other.parameters)),
        "x": gradients["x"],
        "weight": gradients["weight"],
    }


def _overlap_overwritten(case: Case) -> Mapping[str, Array]:
    over, x, weight, groups = _over(case), case.input("x"), case.input("weight"), case.parameters["groups"]
    kernel = _turned(weight) if case.parameters["flip"] else weight
    grouped = kernel.reshape(groups, -1, *kernel.shape[1:])
    g = case.cotangent
    cotangent = g.reshape(len(g), groups, g.shape[1] // groups, *g.shape[2:])
    grad = np.zeros((*x.shape[:2], *over.padded), x.dtype)
    for k in product(*map(range, over.kernel)):
        taps: Any = (..., *k)
        part = np.einsum("goc,ngo...->ngc...", grouped[taps], cotangent)
        moves = zip(k, over.dilation, over.output, over.stride, strict=True)
        at: Any = (..., *(slice(a * d, a * d + (o - 1) * s + 1, s) for a, d, o, s in moves))
        grad[at] = part.reshape(*x.shape[:2], *over.output)
    inside: Any = (..., *(slice(b, b + n) for b, n in zip(over.before, over.size, strict=True)))
    return {"x": grad[inside]}


def _inner(case: Case, **moves: Any) -> Mapping[str, Array]:
    """Gradients on the padded x, cropped to x, as if forward had moved so; what it had of the cotangent in their corner."""
    over = _over(case)
    padded = case.with_input("x", _padded(case, over))
    other = _with(padded, **{"padding": 0, **moves})
    cotangent = np.zeros((*case.cotangent.shape[:2], *_over(other).output), case.cotangent.dtype)
    corner: Any = (..., *map(slice, over.output))
    cotangent[corner] = case.cotangent
    gradients = right(replace(other, cotangent=cotangent))
    inside: Any = (..., *(slice(b, b + n) for b, n in zip(over.before, over.size, strict=True)))
    return {**gradients, "x": gradients["x"][inside]}


def _input_moved(parameter: str) -> Callable[[Case], Mapping[str, Array]]:
    """grad_x with stride 1, or dilation 1, where forward had another."""
    return lambda case: {"x": _inner(case, **{parameter: 1})["x"]}


def _flip_ignored(name: str) -> Callable[[Case], Mapping[str, Array]]:
    return lambda case: {name: right(_with(case, flip=False))[name]}


def _padding_ignored(case: Case) -> Mapping[str, Array]:
    over = _over(case)
    ends = [(0, b + a) for b, a in zip(over.before, over.after, strict=True)]
    shifted = np.pad(case.input("x"), [(0, 0), (0, 0), *ends])
    return {"weight": right(_with(case.with_input("x", shifted), padding=0))["weight"]}


def _padding_exchanged(case: Case) -> Mapping[str, Array]:
    over = _over(case)
    exchanged = np.pad(case.input("x"), [(0, 0), (0, 0), *zip(over.after, over.before, strict=True)])
    gradients = right(_with(case.with_input("x", exchanged), padding=0))
    inside: Any = (..., *(slice(a, a + n) for a, n in zip(over.after, over.size, strict=True)))
    return {"x": gradients["x"][inside], "weight": gradients["weight"]}


def _border_lost(case: Case) -> Mapping[str, Array]:
    over, gradient = _over(case), right(case)["x"]
    inside = np.zeros_like(gradient)
    ends = zip(over.span, over.before, over.padded, strict=True)
    kept: Any = (..., *(slice(max(0, e - 1 - b), max(0, n - e + 1 - b)) for e, b, n in ends))
    inside[kept] = gradient[kept]
    return {"x": inside}


def _under(case: Case, kept: Any) -> Mapping[str, Array]:
    """The gradients under a cotangent of which only a part is left."""
    cotangent = np.zeros_like(case.cotangent)
    cotangent[kept] = case.cotangent[kept]
    return right(replace(case, cotangent=cotangent))


def _last_window_lost(case: Case) -> Mapping[str, Array]:
    gradients = _under(case, (..., *(slice(0, -1),) * len(_over(case).size)))
    return {"x": gradients["x"], "weight": gradients["weight"]}


def _one_map_only(case: Case) -> Mapping[str, Array]:
    maps = case.cotangent.shape[1] // case.parameters["groups"]
    return {"x": _under(case, (slice(None), slice(maps - 1, None, maps)))["x"]}


def _of_bias(kept: Any) -> Callable[[Case], Mapping[str, Array]]:
    """grad_bias of a part of the cotangent."""
    return lambda case: {n: g for n, g in _under(case, kept).items() if n == "bias"}


def _of_other_maps(chosen: Callable[[int, int], Array]) -> Callable[[Case], Mapping[str, Array]]:
    """grad_weight from other maps of x: those that `chosen` gives for so many groups of so many maps."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        x, groups = case.input("x"), case.parameters["groups"]
        maps = chosen(groups, x.shape[1] // groups)
        return {"weight": right(case.with_input("x", x[:, maps]))["weight"]}

    return wrong_gradient


def _kernel_transposed(case: Case) -> Mapping[str, Array]:
    weight = case.input("weight")
    square = weight.ndim > 3 and weight.shape[-1] == weight.shape[-2]
    return {"x": right(case.with_input("weight", weight.swapaxes(-1, -2)))["x"]} if square else {"x": right(case)["x"]}


MISTAKES = (
    Mistake(
        "kernel not turned",
        "The kernel slides over the cotangent as it is, where the derivation turns it by 180 degrees.",
        "003, P5 and P6",
        _kernel_not_turned,
    ),
    Mistake(
        "stride ignored",
        "The weight gradient takes the inputs of neighbouring outputs one apart, where they are a stride apart.",
        "002, eq. 2",
        _weight_moved(stride=True, dilation=False),
    ),
    Mistake(
        "dilation ignored",
        "The weight gradient takes neighbouring inputs, where forward skipped some.",
        "002, eq. 2",
        _weight_moved(stride=False, dilation=True),
    ),
    Mistake(
        "padding not cropped",
        "The gradient of the padded input was cut to size at its end, where the padding comes off both ends.",
        "002, eq. 3",
        _padding_not_cropped,
    ),
    Mistake(
        "rows left over shifted",
        "Rows that no window reaches are taken to be the first, where they are the last.",
        "002, L9",
        _rows_left_over_shifted,
    ),
    Mistake(
        "groups reversed",
        "Each group got the weight gradient of the group at the other end.",
        "004, C10",
        _groups_reversed,
    ),
    Mistake(
        "groups exchanged on the way back",
        "Each group of input maps got the gradient of the group before it, and the first that of the last.",
        "004, C10",
        groups_in_turn,
    ),
    Mistake(
        "in and out swapped",
        "The channel axes of the weight gradient are exchanged; shapes tell only where they differ.",
        "002, eq. 2",
        _in_and_out_swapped,
    ),
    Mistake(
        "bias averaged",
        "The mean over samples and positions, where the bias is added at every one of them.",
        "001, B5",
        _bias_averaged,
    ),
    Mistake(
        "both flipped",
        "Forward and backward agree with each other, on the other kind of convolution.",
        "000, S1",
        _both_flipped,
    ),
    Mistake(
        "overlap overwritten",
        "Where windows overlap the last one is kept, where all of them add up.",
        "002, eq. 3",
        _overlap_overwritten,
    ),
    last_sample("weight"),
    *reshaped("bias"),
    *bias_of_parts(),
    bias_subtracted("001, B5"),
    Mistake(
        "stride ignored on the way back",
        "The cotangents of neighbouring outputs are laid one apart, where they are a stride apart with zeros between.",
        "002, eq. 3",
        _input_moved("stride"),
    ),
    Mistake(
        "dilation ignored on the way back",
        "The input gradient goes to neighbouring inputs, where forward skipped some.",
        "002, eq. 3",
        _input_moved("dilation"),
    ),
    Mistake(
        "padding ignored",
        "The weight gradient reads the input from its first element on, where forward began in the padding.",
        "002, eq. 2",
        _padding_ignored,
    ),
    Mistake(
        "padding exchanged",
        "Where one end has more padding than the other, the ends are exchanged on the way back.",
        "002, eq. 1",
        _padding_exchanged,
    ),
    Mistake(
        "valid in place of full",
        "Only inputs that all elements of the kernel pass over get a gradient; those near the border have one as well.",
        "003, P5",
        _border_lost,
    ),
    Mistake(
        "last window lost",
        "The loop over outputs ends one too early: n − k in place of n − k + 1.",
        "002, eq. 1",
        _last_window_lost,
    ),
    Mistake(
        "one map only",
        "The input gradient of the last output map stays, where the sum runs over all of them.",
        "001, B9",
        _one_map_only,
    ),
    Mistake(
        "bias of the last sample",
        "The gradient of the bias was assigned in the loop over samples, where each sample adds to it.",
        "001, B5",
        _of_bias(slice(-1, None)),
    ),
    Mistake(
        "bias of the last position",
        "The gradient of the bias was assigned in the loop over positions, where each position adds to it.",
        "001, B5",
        _of_bias((..., slice(-1, None))),
    ),
    Mistake(
        "first map for all",
        "The weight gradient of every input map is taken from the first of its group.",
        "002, eq. 2",
        _of_other_maps(lambda groups, maps: np.repeat(np.arange(groups) * maps, maps)),
    ),
    Mistake(
        "first group for all",
        "The weight gradient of every group is taken from the input maps of the first.",
        "004, C10",
        _of_other_maps(lambda groups, maps: np.tile(np.arange(maps), groups)),
    ),
    Mistake(
        "kernel transposed",
        "The two axes of a square kernel are exchanged in the input gradient.",
        "002, eq. 3",
        _kernel_transposed,
    ),
    Mistake(
        "flip ignored",
        "The weight gradient is that of a correlation, where forward turned the kernel.",
        "000, S1",
        _flip_ignored("weight"),
    ),
    Mistake(
        "flip ignored on the way back",
        "The input gradient is that of a correlation, where forward turned the kernel.",
        "000, S1",
        _flip_ignored("x"),
    ),
)
