"""Known ways to get the gradients of group norm and instance norm wrong: those of other norms, and means over others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Mistake
from checks.ops import _groups
from checks.ops._mistakes import last_sample, reshaped
from checks.ops._normalization_mistakes import Axes, Normalised, Wrong, common, inverse_root, of_channels


def _of_split(wrong: Wrong) -> Wrong:
    """What is computed of the split case, in the shapes of the one that it is."""
    return lambda case: _groups.together(case, wrong(_groups.split(case)))


def _over(*over: int) -> Wrong:
    """Forward and backward normalise over these axes of the split case."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        axes: tuple[Axes, Axes] = over, _groups.along(case)[1]
        of = Normalised.of(case, lambda _: axes, inverse_root)
        return of.everything(of.inner())

    return _of_split(wrong_gradient)


def _gamma_after_the_means(case: Case) -> Mapping[str, Array]:
    of, g = Normalised.of(case, _groups.along, inverse_root), case.cotangent
    inner = g - of.mean(g) - of.normal * of.mean(g * of.normal)
    return of.gradients(x=np.asarray(of.laid("gamma") * of.s * inner))


def _interleaved(case: Case) -> Mapping[str, Array]:
    """Every so many channels make a group: those of a split whose two axes are exchanged."""
    channels = case.cotangent.shape[1]
    of_a_group = channels // _groups.groups_of(case.parameters, channels)
    split = _groups.split(replace(case, parameters={**case.parameters, "groups": of_a_group}))
    of = Normalised.of(split, lambda _: ((1, 3), (0, 3)), inverse_root)
    return _groups.together(case, of.everything(of.inner()))


def _wrong(source: str, *named: tuple[str, str, Wrong]) -> tuple[Mistake, ...]:
    return tuple(Mistake(name, explanation, source, wrong) for name, explanation, wrong in named)


def _alike(source: str) -> tuple[Mistake, ...]:
    return (
        *common(_groups.along, source, _of_split, of_channels),
        *_wrong(
            source,
            (
                "over the batch",
                "Forward and backward normalise over samples too, as batch norm does, where each sample is by itself.",
                _over(0, 2, 3),
            ),
            (
                "all channels together",
                "Forward and backward normalise over all channels of a sample, as a layer norm of them does.",
                _over(1, 2, 3),
            ),
        ),
        last_sample("gamma", "beta"),
        *reshaped("beta"),
    )


GROUP_NORM = (
    *_alike("T12"),
    *_wrong(
        "T12",
        (
            "gamma after the means",
            "γ multiplied what was left of g, as in batch norm, where it differs among what is averaged: γ·g is.",
            _of_split(_gamma_after_the_means),
        ),
        (
            "each channel by itself",
            "Forward and backward normalise each channel alone, as instance norm does, where those of a group go together.",
            _over(3),
        ),
        (
            "groups interleaved",
            "Forward and backward take every so many channels for a group, where neighbours make one.",
            _interleaved,
        ),
    ),
)
INSTANCE_NORM = _alike("T13")
