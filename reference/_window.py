"""Windows over an array, and the two linear maps that go with them: gather, and its adjoint, scatter.

Along each spatial axis, output position i meets input position j through kernel offset k when

    i·stride + k·dilation − before = j                                            (indices from 0)

which is the index arithmetic of 002, eq. 1, with padding and dilation added. `gather` solves it for j: it lays the input
under every window. `scatter` adds back along the same relation. `residues` solves it for i: it says, for the input
positions of each residue modulo the stride, which outputs they met.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from math import gcd
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

Array = np.ndarray[Any, np.dtype[Any]]
Padding = int | str | Sequence[int]
Slices = tuple[slice, ...]

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
    def meetings(self) -> tuple[tuple[tuple[int, ...], Slices], ...]:
        """Each kernel offset with the positions of the padded input that it meets, one for each window."""
        steps = list(zip(self.dilation, self.output, self.stride, strict=True))
        return tuple(
            (k, tuple(slice(a * d, a * d + (o - 1) * s + 1, s) for a, (d, o, s) in zip(k, steps, strict=True)))
            for k in product(*map(range, self.kernel))
        )

    @cached_property
    def undone(self) -> Window:
        """The window over the padded input whose padding takes this one's away again."""
        minus = (tuple(-b for b in ends) for ends in (self.before, self.after))
        return Window(self.padded, self.kernel, self.stride, self.dilation, *minus)


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


def per_axis(name: str, value: int | Sequence[int], axes: int, *, least: int) -> tuple[int, ...]:
    """`value` as one whole number for each axis; ValueError if it cannot be, or if one is below `least`."""
    entries = tuple(value) if isinstance(value, Sequence | np.ndarray) else (value,) * axes
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
    x = np.zeros((*windows.shape[:axis], *over.padded, *windows.shape[axis + 2 * axes :]), windows.dtype)
    for offset, reached in over.meetings:
        x[lead + reached] += windows[lead + offset]
    return _padded(x, over.undone, axis)


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
        [_residue(r, *along) for r in range(along[2])]
        for along in zip(over.size, over.kernel, over.stride, over.dilation, over.before, over.output, strict=True)
    )
    found = []
    for combination in product(*axes):
        reached = [axis for axis in combination if axis is not None]
        if len(reached) == len(combination):
            inputs, offsets, fields = zip(*reached, strict=True)
            found.append(Residue(inputs, offsets, Window(*zip(*fields, strict=True))))
    return tuple(found)


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
