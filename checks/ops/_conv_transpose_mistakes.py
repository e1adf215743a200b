"""Known ways to get the gradients of a transposed convolution wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Mistake
from checks.ops._mistakes import bias_of_parts, bias_subtracted, last_sample, reshaped, right
from reference._window import Window, gather, per_axis

Wrong = Callable[[Case], Mapping[str, Array]]


def _axes(case: Case, name: str) -> tuple[int, ...]:
    return per_axis(name, case.parameters[name], case.cotangent.ndim - 2, least=0)


def _over(case: Case) -> Window:
    """The window over y that has a place for each position of x."""
    zeros, more = _axes(case, "padding"), _axes(case, "output_padding")
    after = tuple(p - m for p, m in zip(zeros, more, strict=True))
    kernel = case.input("weight").shape[2:]
    return Window(case.cotangent.shape[2:], kernel, _axes(case, "stride"), _axes(case, "dilation"), zeros, after)


def _placed(case: Case, over: Window) -> Window:
    """The same window with as many places as x has positions, wherever they end."""
    ends = zip(case.input("x").shape[2:], over.stride, over.span, over.size, over.before, strict=True)
    return replace(over, after=tuple((i - 1) * s + e - n - b for i, s, e, n, b in ends))


def _moved(move: Callable[[Case, Window], Window], *names: str) -> Wrong:
    """The gradients that take the cotangent from under a window that is not forward's."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        gradients, over = right(case), _over(case)
        moved = _placed(case, move(case, over))
        if moved == over:
            return {name: gradients[name] for name in names}
        x, weight, groups = case.input("x"), case.input("weight"), case.parameters["groups"]
        laid = gather(case.cotangent, moved)
        out = weight.shape[1], *weight.shape[2:]
        windows = laid.reshape(len(x), groups, int(np.prod(out)), *x.shape[2:])
        kernels = weight.reshape(groups, len(weight) // groups, int(np.prod(out)))
        inputs = x.reshape(len(x), groups, len(weight) // groups, *x.shape[2:])
        made = {
            "x": np.einsum("ngo...,gco->ngc...", windows, kernels).reshape(x.shape),
            "weight": np.einsum("ngci,ngoi->gco", *(a.reshape(*a.shape[:3], -1) for a in (inputs, windows)))
            if x.size
            else np.zeros(kernels.shape),
        }
        return {name: made[name].reshape(gradients[name].shape).astype(gradients[name].dtype) for name in names}

    return wrong_gradient


def _turned(a: Array) -> Array:
    return np.flip(a, tuple(range(2, a.ndim)))


def _kernel_turned(case: Case) -> Mapping[str, Array]:
    return {"x": right(case.with_input("weight", _turned(case.input("weight"))))["x"]}


def _both_turned(case: Case) -> Mapping[str, Array]:
    other = case.with_input("weight", _turned(case.input("weight")))
    gradients = right(other)
    y = np.asarray(case.op.reference.forward(*other.inputs, **other.parameters))
    return {"y": y, "x": gradients["x"], "weight": _turned(gradients["weight"])}


def _groups_reversed(case: Case) -> Mapping[str, Array]:
    parts = np.split(right(case)["weight"], case.parameters["groups"])
    return {"weight": np.concatenate(parts[::-1])}


def _in_and_out_swapped(case: Case) -> Mapping[str, Array]:
    gradient = right(case)["weight"]
    square = gradient.shape[0] == gradient.shape[1]
    return {"weight": gradient.swapaxes(0, 1) if square else gradient}


def _bias_averaged(case: Case) -> Mapping[str, Array]:
    gradients, g = right(case), case.cotangent
    positions = g.dtype.type(max(1, g.size // g.shape[1]))
    return {"bias": gradients["bias"] / positions} if "bias" in gradients else {}


def _bias_where_laid_down(case: Case) -> Mapping[str, Array]:
    g = case.cotangent.copy()
    for axis, more in enumerate(_axes(case, "output_padding"), 2):
        np.moveaxis(g, axis, 0)[g.shape[axis] - more :] = 0
    gradients = right(replace(case, cotangent=g))
    return {"bias": gradients["bias"]} if "bias" in gradients else {}


def _without_stride(case: Case, over: Window) -> Window:  # noqa: ARG001, windows are moved by functions of one signature
    return replace(over, stride=(1,) * len(over.size))


def _without_dilation(case: Case, over: Window) -> Window:  # noqa: ARG001, windows are moved by functions of one signature
    return replace(over, dilation=(1,) * len(over.size))


def _without_padding(case: Case, over: Window) -> Window:  # noqa: ARG001, windows are moved by functions of one signature
    return replace(over, before=(0,) * len(over.size))


def _padded_before(case: Case, over: Window) -> Window:
    more = _axes(case, "output_padding")
    return replace(over, before=tuple(b - m for b, m in zip(over.before, more, strict=True)))


CONV_TRANSPOSE = (
    Mistake(
        "kernel turned",
        "The cotangent was multiplied by the kernel turned by 180 degrees, where it meets it as it is: "
        "turning belongs to the transpose, and this is the transpose's transpose.",
        "002, eq. 3",
        _kernel_turned,
    ),
    Mistake(
        "both turned",
        "Forward and backward agree with each other, on the kernel turned by 180 degrees.",
        "000, S1",
        _both_turned,
    ),
    Mistake(
        "stride ignored",
        "The cotangents of neighbouring positions were taken one apart, where forward laid them down a stride apart.",
        "002, eq. 2",
        _moved(_without_stride, "x", "weight"),
    ),
    Mistake(
        "dilation ignored",
        "The weight gradient takes neighbouring cotangents, where forward skipped some.",
        "002, eq. 2",
        _moved(_without_dilation, "weight"),
    ),
    Mistake(
        "padding forgotten",
        "The cotangent was taken from its first position on, where forward had cut padding off before that.",
        "002, eq. 3",
        _moved(_without_padding, "x", "weight"),
    ),
    Mistake(
        "output padding before",
        "The positions that output_padding adds are taken to be the first, where they are the last.",
        "002, eq. 3",
        _moved(_padded_before, "x", "weight"),
    ),
    Mistake(
        "groups reversed",
        "Each group got the weight gradient of the group at the other end.",
        "004, C10",
        _groups_reversed,
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
        "bias without output padding",
        "Positions that output_padding adds were left out, where the bias is added there too.",
        "001, B5",
        _bias_where_laid_down,
    ),
    last_sample("weight"),
    *reshaped("bias"),
    *bias_of_parts(),
    bias_subtracted("001, B5"),
)
