"""The weights of a cell's gates, cut out of the op's, where each is an array of its own; and the op's put together again.

How they lie is tried, and forward decides: in × out or out × in, and, where one matrix is that of data and state, which of
these comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Op
from checks.signature.axes import Shape, parts
from checks.subjects.adapting.gates import Family
from checks.subjects.adapting.slots import Path, said

ROWS: tuple[Shape, ...] = ((-1,), (-1, 1), (1, -1))  # how a bias of one gate may lie


@dataclass(frozen=True)
class Piece:
    """One array of a layer that is a part of the op's.

    place   "argument" and its name, "setting" and its key, or "layer" and the path there
    gate    which of the op's own
    of      the inputs of which it is the part; of a matrix of data and state both, in the order in which they lie
    turned  whether a matrix is in × out; of a bias, `row` is its shape
    second  whether it is added to another of the same, and is 0 beside it: its gradient is the same
    """

    place: tuple[str, Path]
    gate: int
    of: tuple[str, ...]
    turned: bool = False
    row: Shape = ()
    second: bool = False

    @property
    def name(self) -> str:
        """What it is called there, as code has it."""
        root, path = self.place
        return said(path) if root == "layer" else str(path[-1][1])


def several(op: Op, n: str) -> int | None:
    """The axis of an array along which several things of one size lie: the gates of a weight, the parts of y."""
    return next((at for at, name in enumerate(op.takes.axes[n].names) if parts(name)[0] > 1), None)


def gated(
    op: Op, n: str, array: Array, gates: Sequence[int], mirrored: Sequence[int] = (), *, back: bool = False
) -> Array:
    """The array with its gates in this order, as places in the op's own, those that are mirrored times −1; or back."""
    axis = several(op, n)
    if axis is None or not (gates or mirrored):
        return array
    many = parts(op.takes.axes[n].names[axis])[0]
    order = list(gates) or list(range(many))
    cut = np.split(array, many, axis)
    if back:
        return np.concatenate(
            [-cut[order.index(k)] if k in mirrored else cut[order.index(k)] for k in range(many)], axis
        )
    return np.concatenate([-cut[k] if k in mirrored else cut[k] for k in order], axis)


def of_gates(op: Op) -> tuple[list[str], list[str]]:
    """The matrices and the biases that have all gates, in the op's order."""
    there = [n for n in op.inputs if several(op, n) == 0]
    matrices = [n for n in there if len(op.takes.axes[n].names) > 1]
    return matrices, [n for n in there if n not in matrices]


def ways_to_cut(op: Op, found: Sequence[Family], places: Mapping[str, tuple[str, Path]]) -> Iterator[tuple[Piece, ...]]:
    """Every meaning that these families may have; of biases that are one too many, the last is a second one."""
    matrices, biases = of_gates(op)
    of_matrices = [one for one in found if not one.is_bias]
    of_biases = [one for one in found if one.is_bias]
    meant = list(_meant(of_matrices, matrices))
    spare = max(0, len(of_biases) - len(biases))
    added = list(permutations([(n, False) for n in biases] + [(n, True) for n in biases[:spare]], len(of_biases)))
    for what, turned, bias, row in product(meant, (False, True), added, ROWS if of_biases else ((),)):
        cut = [
            Piece(places[name], gate, of, turned)
            for one, of in zip(of_matrices, what, strict=True)
            for gate, name in enumerate(one.names)
        ]
        cut += [
            Piece(places[name], gate, (n,), row=row, second=second)
            for one, (n, second) in zip(of_biases, bias, strict=True)
            for gate, name in enumerate(one.names)
        ]
        yield tuple(cut)


def _meant(found: Sequence[Family], matrices: Sequence[str]) -> Iterator[tuple[tuple[str, ...], ...]]:
    """Of which inputs each family of matrices is: one of all, in any order; or each of one, as its name says if it does."""
    if len(found) == 1:
        yield from ((of,) for of in permutations(matrices))
        return
    for order in permutations(matrices):
        if all(one.source in {None, matrices.index(n)} for one, n in zip(found, order, strict=True)):
            yield tuple((n,) for n in order)


def cut_out(op: Op, piece: Piece, laid: Callable[[str], Array]) -> Array:
    """The piece, of arrays as the op has them; 0 of what is added to another."""
    many = parts(op.takes.axes[piece.of[0]].names[0])[0]
    mine = [np.split(laid(n), many)[piece.gate] for n in piece.of]
    if piece.second:
        return np.zeros_like(mine[0]).reshape(piece.row)
    if piece.row:
        return mine[0].reshape(piece.row)
    matrix = np.concatenate(mine, 1)
    return matrix.T if piece.turned else matrix


def put_together(
    op: Op, n: str, found: Mapping[Piece, Any], shapes: Mapping[str, Shape], *, second: bool = False
) -> Any:
    """The gradient of an input, of those of its pieces; where one has another shape than its piece, that one.

    second  whether, of two that are added, the gradients of the second are asked for
    """
    asked = second and any(piece.second for piece in found if n in piece.of)
    many = parts(op.takes.axes[n].names[0])[0]
    rows: list[Array] = []
    for piece, came in sorted(found.items(), key=lambda pair: pair[0].gate):
        if n not in piece.of or piece.second != asked:
            continue
        array = np.asarray(came)
        if piece.row:
            if array.size != shapes[n][0] // many:
                return array
            rows.append(array.reshape(-1))
            continue
        matrix = array.T if piece.turned else array
        widths = [shapes[m][1] for m in piece.of]
        if matrix.shape != (shapes[n][0] // many, sum(widths)):
            return array
        start = sum(widths[: piece.of.index(n)])
        rows.append(matrix[:, start : start + shapes[n][1]])
    return np.concatenate(rows)
