"""Windows over an array, and the two linear maps that go with them: gather, and its adjoint, scatter.

Along each spatial axis, output position i meets input position j through kernel offset k when

    i·stride + k·dilation − before = j                                            (indices from 0)

which is the index arithmetic of 002, eq. 1, with padding and dilation added. `gather` solves it for j: it lays the input
under every window. `scatter` adds back along the same relation. Where all elements of a window count alike, `over_windows`
and `spread` are such a pair with nothing laid out. `residues` solves it for i: it says, for the input positions of each
residue modulo the stride, which outputs they met.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from math import gcd, prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

Array = np.ndarray[Any, np.dtype[Any]]
Padding = int | str | Sequence[int]
Slices = tuple[slice, ...]
Meeting = tuple[int, slice, slice]

NAMED_PADDINGS = ("valid", "same", "full")


@dataclass(frozen=True)
class Window:
    """How a kernel moves along each of the spatial axes; every field has one entry an axis.

    `before` and `after` count the zeros added at the two ends of an axis; a negative count crops instead.
    """

    size: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]

    @cached_property
    def padded(self) -> tuple[int, ...]:
        """Size of the input with its padding."""
        return tuple(n + b + a for n, b, a in zip(self.size, self.before, self.after, strict=True))

    @cached_property
    def span(self) -> tuple[int, ...]:
        """Input positions from the first to the last that one window touches: (kernel − 1)·dilation + 1."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation, strict=True))

    @cached_property
    def output(self) -> tuple[int, ...]:
        """Number of windows: ⌊(padded − span) / stride⌋ + 1 (000, output size)."""
        return tuple((n - e) // s + 1 for n, e, s in zip(self.padded, self.span, self.stride, strict=True))

    @cached_property
    def along(self) -> tuple[tuple[Meeting, ...], ...]:
        """For each axis: each kernel offset, the windows that meet an input through it, and the inputs that they meet.

        Padding is no input, so nothing has to be copied to have it, and no number has to stand in it.
        """
        moves = zip(self.size, self.stride, self.dilation, self.before, self.output, strict=True)
        return tuple(
            tuple((k, *met) for k in range(kernel) if (met := _meeting(k, *axis)))
            for kernel, axis in zip(self.kernel, moves, strict=True)
        )

    @cached_property
    def meetings(self) -> tuple[tuple[tuple[int, ...], Slices, Slices], ...]:
        """The same for all axes together: offset, windows and inputs, each with one entry an axis."""
        found = []
        for combination in product(*self.along):
            offset, reaching, reached = zip(*combination, strict=True)
            found.append((offset, reaching, reached))
        return tuple(found)


def _meeting(k: int, size: int, stride: int, dilation: int, before: int, output: int) -> tuple[slice, slice] | None:
    """The i for which 0 ≤ i·stride + k·dilation − before < size, and what those j are; None if there are none."""
    shift = k * dilation - before
    first, last = max(0, -(shift // stride)), min(output - 1, (size - 1 - shift) // stride)
    if last < first:
        return None
    return slice(first, last + 1), slice(first * stride + shift, last * stride + shift + 1, stride)


def window(
    size: Sequence[int],
    kernel: Sequence[int],
    *,
    stride: int | Sequence[int] = 1,
    padding: Padding = 0,
    dilation: int | Sequence[int] = 1,
) -> Window:
    """The window that these parameters describe over an input of spatial `size`.

    `padding` is a count of zeros for both ends of every axis, one count for each axis, or `"valid"` (none), `"same"`
    ((kernel − 1)·dilation in all, so that stride 1 keeps the size; where that is odd, the end gets the extra zero, as in
    torch), `"full"` ((kernel − 1)·dilation at each end, so that every input position meets every kernel offset).

    Raises ValueError if a parameter is not a positive whole number (padding: not negative), has the wrong number of
    entries, or if the kernel does not fit into the padded input.
    """
    return _window(
        *(tuple(v) if isinstance(v, list | np.ndarray) else v for v in (size, kernel, stride, padding, dilation))
    )


@lru_cache(maxsize=1024, typed=True)
def _window(
    size: Sequence[int],
    kernel: Sequence[int],
    stride: int | Sequence[int],
    padding: Padding,
    dilation: int | Sequence[int],
) -> Window:
    axes = len(size)
    steps = per_axis("stride", stride, axes, least=1)
    spread = per_axis("dilation", dilation, axes, least=1)
    reach = tuple((k - 1) * d for k, d in zip(kernel, spread, strict=True))
    if not isinstance(padding, str):
        before = after = per_axis("padding", padding, axes, least=0)
    elif padding == "valid":
        before = after = (0,) * axes
    elif padding == "same":
        before = tuple(r // 2 for r in reach)
        after = tuple(r - r // 2 for r in reach)
    elif padding == "full":
        before = after = reach
    else:
        raise ValueError(
            f"padding is {padding!r}; expected a whole number, one for each axis, or one of {NAMED_PADDINGS}"
        )
    made = Window(tuple(size), tuple(kernel), steps, spread, before, after)
    for axis, (n, e) in enumerate(zip(made.padded, made.span, strict=True)):
        if made.kernel[axis] < 1:
            raise ValueError(f"the kernel has no elements along axis {axis}: kernel {made.kernel}")
        if e > n:
            raise ValueError(
                f"the kernel does not fit: along axis {axis} it spans {e} (kernel {kernel[axis]}, dilation {spread[axis]}) "
                f"and the padded input {n} (size {size[axis]}, padding {before[axis]} + {after[axis]})"
            )
    return made


def pooling_window(
    size: Sequence[int],
    kernel_size: int | Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
) -> Window:
    """The window that pools an input of spatial `size`, with as many places as torch's pooling has.

    `stride` None is the kernel's size. `padding` is at most half of what the kernel spans, or a window could lie in it
    altogether. With `ceil_mode` one more window may begin where its end lies beyond the padding, if it begins inside the
    input or the padding before it; then `after` is what it takes to reach that end.

    Raises ValueError as `window` does, or if there is more padding than that.
    """
    axes = len(size)
    kernel = per_axis("kernel_size", kernel_size, axes, least=1)
    steps = kernel if stride is None else per_axis("stride", stride, axes, least=1)
    zeros = per_axis("padding", padding, axes, least=0)
    spread = per_axis("dilation", dilation, axes, least=1)
    made = Window(tuple(size), kernel, steps, spread, zeros, zeros)
    after = []
    for axis, (n, z, e, s) in enumerate(zip(made.size, zeros, made.span, steps, strict=True)):
        if n < 1:
            raise ValueError(f"there is nothing to pool along axis {axis}: size {made.size}")
        if z > e // 2:
            raise ValueError(
                f"padding is {padding!r}; expected at most {e // 2} along axis {axis}, half of the {e} that the kernel "
                f"spans (kernel_size {kernel[axis]}, dilation {spread[axis]})"
            )
        # Places from 0 to the last that begins before the input ends, and no later than rounding up allows.
        last = min((n + 2 * z - e + (s - 1 if ceil_mode else 0)) // s, (n + z - 1) // s)
        if last < 0:
            raise ValueError(
                f"the kernel does not fit: along axis {axis} it spans {e} (kernel_size {kernel[axis]}, dilation "
                f"{spread[axis]}) and the padded input {n + 2 * z} (size {n}, padding {z} + {z})"
            )
        after.append(max(z, last * s + e - n - z))
    return Window(made.size, kernel, steps, spread, zeros, tuple(after))


def per_axis(name: str, value: int | Sequence[int], axes: int, *, least: int) -> tuple[int, ...]:
    """`value` as one whole number for each axis; ValueError if it cannot be, or if one is below `least`."""
    entries: tuple[Any, ...] = tuple(value) if isinstance(value, list | tuple | np.ndarray) else (value,) * axes
    if len(entries) != axes:
        raise ValueError(
            f"{name} has {len(entries)} entries {entries}; expected one number or one for each of {axes} axes"
        )
    for entry in entries:
        if isinstance(entry, bool) or not isinstance(entry, int | np.integer):
            raise ValueError(f"{name} is {value!r}; expected whole numbers")  # noqa: TRY004, the value 1.5 is what is wrong
        if entry < least:
            raise ValueError(f"{name} is {value!r}; expected at least {least}")
    return tuple(int(entry) for entry in entries)


def gather(x: Array, over: Window, *, axis: int = 2) -> Array:
    """Every window of x, as a read-only view: (…, *size, …) → (…, *kernel, *output, …), spatial axes from `axis` on.

    gather(x)[n, c, k, i] = x[n, c, i·stride + k·dilation − before], and 0 where that lies outside x.
    """
    x = _padded(x, over, axis)
    last = axis + len(over.size)
    spatial = x.strides[axis:last]
    return as_strided(
        x,
        (*x.shape[:axis], *over.kernel, *over.output, *x.shape[last:]),
        (
            *x.strides[:axis],
            *(d * step for d, step in zip(over.dilation, spatial, strict=True)),
            *(s * step for s, step in zip(over.stride, spatial, strict=True)),
            *x.strides[last:],
        ),
        writeable=False,
    )


def scatter(windows: Array, over: Window, *, axis: int = 2) -> Array:
    """The adjoint of gather, ⟨scatter(w), x⟩ = ⟨w, gather(x)⟩: (…, *kernel, *output, …) → (…, *size, …).

    Each element is added to the input position that it came from; a position that no window reaches stays exactly 0.
    """
    axes = len(over.size)
    lead = (slice(None),) * axis
    x = np.zeros((*windows.shape[:axis], *over.size, *windows.shape[axis + 2 * axes :]), windows.dtype)
    for offset, reaching, reached in over.meetings:
        x[lead + reached] += windows[lead + offset + reaching]
    return x


def over_windows(function: np.ufunc, x: Array, over: Window, initial: Any) -> Array:
    """`function`, np.add or np.maximum, of all elements of each window: (N, C, *size) → (N, C, *output).

    That is function.reduce of gather(x) over the kernel's axes, without padding. `initial` changes nothing: 0, or −∞. A
    window is a box, so one axis follows the other; the last, with the slowest strides, when the least is left.
    """
    y = np.full((*x.shape[:2], *over.output), initial, x.dtype)
    for of_x, of_y in map_blocks(x, y):
        along = of_x
        for axis, met in enumerate(over.along, start=1):
            shape = (*of_y.shape[: axis + 1], *of_x.shape[axis + 1 :])
            to = of_y if axis == len(over.size) else np.full(shape, initial, x.dtype)
            for _, reaching, reached in met:
                into = to[_at(axis, reaching)]
                function(into, along[_at(axis, reached)], out=into)
            along = to
    return y


def spread(g: Array, over: Window) -> Array:
    """The adjoint of adding up each window, (N, C, *output) → (N, C, *size): g of each window, on every input under it."""
    x = np.zeros((*g.shape[:2], *over.size), g.dtype)
    for of_g, of_x in map_blocks(g, x):
        along = of_g
        for axis, met in reversed(list(enumerate(over.along, start=1))):
            shape = (*of_g.shape[:axis], *of_x.shape[axis:])
            to = of_x if axis == 1 else np.zeros(shape, g.dtype)
            for _, reaching, reached in met:
                to[_at(axis, reached)] += along[_at(axis, reaching)]
            along = to
    return x


def _at(axis: int, places: slice) -> Slices:
    return (*(slice(None),) * axis, places)


@dataclass(frozen=True)
class Residue:
    """The input positions j with one value of (j + before) mod stride, and what they met.

    All of them met the same kernel `offsets`, so gathering the outputs with `by` lays under each of the `inputs`
    exactly the outputs that it had a part in: gather(g, by)[n, o, k, m] is the g that inputs[m] met through offsets[k].
    """

    inputs: Slices
    offsets: Slices
    by: Window


@lru_cache(maxsize=256)
def residues(over: Window) -> tuple[Residue, ...]:
    """The relation of this module solved for the output: i = (j + before − k·dilation) / stride, where that is whole.

    This is the condition under the sum of 002, eq. 3. Residues whose inputs no window reaches are left out.
    """
    axes = (
        [_residue(r, *along) for r in _remainders(over.size[axis], over.stride[axis], over.before[axis])]
        for axis, along in enumerate(
            zip(over.size, over.kernel, over.stride, over.dilation, over.before, over.output, strict=True)
        )
    )
    found = []
    for combination in product(*axes):
        reached = [axis for axis in combination if axis is not None]
        if len(reached) == len(combination):
            inputs, offsets, fields = zip(*reached, strict=True)
            found.append(Residue(inputs, offsets, Window(*zip(*fields, strict=True))))
    return tuple(found)


def _remainders(size: int, stride: int, before: int) -> Sequence[int]:
    """What (j + before) mod stride can be for an input position j."""
    return range(stride) if stride <= size else sorted((j + before) % stride for j in range(size))


def _residue(
    r: int, size: int, kernel: int, stride: int, dilation: int, before: int, output: int
) -> tuple[slice, slice, tuple[int, ...]] | None:
    """One axis of a Residue: the inputs j = r + m·stride − before for whole m, or None if there are none or none is met."""
    common = gcd(stride, dilation)
    step = stride // common  # k and k + step leave the same remainder, so the offsets met are first, first + step, …
    first = next((k for k in range(min(step, kernel)) if (r - k * dilation) % stride == 0), None)
    lowest, highest = -((r - before) // stride), (size - 1 + before - r) // stride
    if first is None or highest < lowest:
        return None
    count = (kernel - 1 - first) // step + 1
    last = first + (count - 1) * step
    # Offset k meets output m − (k·dilation − r) / stride; the windows run upwards, so the offsets run from last to first.
    lead = (last * dilation - r) // stride - lowest
    trail = highest - (first * dilation - r) // stride - (output - 1)
    inputs = slice(r + lowest * stride - before, r + highest * stride - before + 1, stride)
    return inputs, slice(last, None, -step), (output, count, 1, dilation // common, lead, trail)


def blocks(samples: int, elements: int, limit: int = 1 << 19) -> Iterator[slice]:
    """Runs of samples whose gathered copies, `elements` numbers each, stay within `limit` numbers, one sample at least.

    A whole batch gathered at once would take memory that grows with it and leave the cache; 4 MiB (float64) stay in it
    and still make large matrix products.
    """
    step = max(1, limit // max(1, elements))
    return (slice(start, start + step) for start in range(0, samples, step))


def map_blocks(*arrays: Array) -> Iterator[tuple[Array, ...]]:
    """The arrays (N, C, …), all of one N and C, as (maps, …), a few maps at a time.

    The maps of a pooling layer have nothing to do with one another, so all that is done to a few can be done while they
    are in the cache: 2¹⁶ numbers of each array, or one map. What is written to a few maps of a contiguous array is
    written to the array.
    """
    flat = [a.reshape(prod(a.shape[:2]), *a.shape[2:]) for a in arrays]
    for block in blocks(len(flat[0]), max(prod(a.shape[1:]) for a in flat), 1 << 16):
        yield tuple(a[block] for a in flat)


def wide(a: Array) -> Array:
    """float16 as float32, in which a sum keeps its digits; every other dtype as it is."""
    return a.astype(np.float32) if a.dtype == np.float16 else a


def _padded(x: Array, over: Window, axis: int) -> Array:
    """x with zeros at both ends of each spatial axis, or with positions cropped there."""
    if not any(over.before) and not any(over.after):
        return x
    lead = (slice(None),) * axis
    ends = list(zip(over.size, over.before, over.after, strict=True))
    padded = np.zeros((*x.shape[:axis], *over.padded, *x.shape[axis + len(ends) :]), x.dtype)
    # Cropping more than there is leaves nothing, and a negative end of a slice would count from the other side.
    inner = tuple(slice(max(b, 0), max(b, 0) + max(0, n + min(b, 0) + min(a, 0))) for n, b, a in ends)
    outer = tuple(slice(max(-b, 0), max(0, n + min(a, 0))) for n, b, a in ends)
    padded[lead + inner] = x[lead + outer]
    return padded
