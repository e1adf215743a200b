"""What a formula calls its arrays: their letters, which axes their indices name, and where they count from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from checks.op import Op, Problem

# The letters of the five documents, for names that mean the same in every op; an op may have letters of its own.
LETTERS = {
    "weight": "K",
    "bias": "b",
    "gamma": "γ",
    "beta": "β",
    "coefficient": "β",
    "prediction": "p",
    "target": "t",
    "template": "t",
    "logits": "z",
    "mask": "m",
    "g": "G",
}
OWN = {"g": "grad_output"}


@dataclass(frozen=True)
class Notation:
    """How elements are written.

    letters  of each array, "y" and "g" (the cotangent) among them
    axes     those whose index is written, where it is not all of them: an axis of one place needs none
    base     what indices count from: 1 in the documents, 0 in code
    loss     what the gradients are those of
    code     whether elements are written as in code, x[0,1], and not as x₀,₁
    """

    letters: Mapping[str, str]
    axes: Mapping[str, tuple[int, ...]]
    base: int = 1
    loss: str = "J"
    code: bool = False

    def letter(self, array: str) -> str:
        """What this array is called."""
        return self.letters.get(array, array)

    def index(self, array: str, index: tuple[int, ...]) -> tuple[int, ...]:
        """The index as it is written."""
        return tuple(index[axis] + self.base for axis in self.axes.get(array, range(len(index))))


def letter_of(op: Op, array: str) -> str:
    """What the documents call this array."""
    return op.told.letters.get(array, LETTERS.get(array, array))


def plain(op: Op) -> Notation:
    """The protocol's own names, every axis, and indices from 0: what stands in code."""
    return Notation({name: OWN.get(name, name) for name in (*op.inputs, "y", "g")}, {}, base=0, code=True)


def notation(problem: Problem, *, own: bool = False, names: tuple[str, ...] = (), base: int = 1) -> Notation:
    """The documents' letters, the op's own names, or `names`: one for each input that is there, y and the cotangent.

    A batch of one has no index, and neither have channels where every array has one.

    Raises ValueError if there are not so many names, if one is no word, or if two of them are the same.
    """
    op = problem.op
    present = [name for name in op.inputs if problem.shapes[name] is not None]
    arrays = [*present, "y", "g"]
    if names and len(names) != len(arrays):
        raise ValueError(
            f"names {','.join(names)}; expected {len(arrays)}, for {', '.join([*present, 'y'])} and grad_output"
        )
    if len(set(names)) < len(names) or not all(map(str.isidentifier, names)):
        raise ValueError(f"names {','.join(names)}; expected a letter or a word for each array, no two the same")
    if names:
        letters = dict(zip(arrays, names, strict=True))
    else:
        letters = {name: OWN.get(name, name) if own else letter_of(op, name) for name in arrays}
    return Notation(letters, {name: _axes(problem, name) for name in arrays}, base, code=own)


def _axes(problem: Problem, array: str) -> tuple[int, ...]:
    """All axes of an array but for that of samples, if there is one sample, and those of channels, if all have one."""
    shape = problem.shape("y" if array == "g" else array)
    batched = _batched(problem)
    unwritten: set[int] = set()
    if array in batched and len(shape) > 1 and shape[0] == 1:
        unwritten.add(0)
    if len(problem.shape("y")) > 2 and _one_channel(problem):
        unwritten |= {1} if array in batched else set(range(min(2, len(shape))))
    return tuple(axis for axis in range(len(shape)) if axis not in unwritten)


def _batched(problem: Problem) -> set[str]:
    """Arrays whose first axis counts samples and whose second, if there are more than two, counts channels."""
    return {"x", "y", "g", *problem.samples}


def _one_channel(problem: Problem) -> bool:
    """Whether no array has two channels: axis 1 of those that hold samples, the first two of all others."""
    batched = _batched(problem)
    channels = (
        problem.shape(name)[1:2] if name in batched else problem.shape(name)[:2] for name in (*problem.present, "y")
    )
    return all(count == 1 for counts in channels for count in counts)
