"""A loss that is a number of times the op's: ‖p − t‖² without its half, or the mean over all elements, not over samples.

Which it is, forward decides. y and the gradients are divided by that number, which is a power of two where they are judged:
then nothing is rounded that was not.
"""

from __future__ import annotations

from math import prod

from checks.op import Op
from checks.ops._called import CALLED, Called
from checks.signature.axes import Shape

PER_SAMPLE = "elements of a sample"  # a sum over classes where the op has their mean


def factors_of(op: Op) -> tuple[str, ...]:
    """In words, how many times the op's a loss may be, itself first."""
    return ("", *CALLED.get(op.name, Called()).factors)


def ratio(word: str, shape: Shape) -> float:
    """How many times, for a first input of this shape, samples first."""
    number, _, per = word.partition(f" / {PER_SAMPLE}")
    elements = prod(shape[1:])
    if word.endswith(PER_SAMPLE):
        return float(number) / max(elements, 1) if per or number != word else float(elements)
    return float(number or 1)


def times(word: str, shape: Shape) -> float:
    """The same, where it is compared; raises NotImplementedError where that is no power of two."""
    elements = prod(shape[1:])
    if word.endswith(PER_SAMPLE) and (elements < 1 or elements & (elements - 1)):
        raise NotImplementedError(
            "is compared where the elements of a sample are a power of two: its factor is exact there"
        )
    return ratio(word, shape)
