"""A slope where a function is coarse, as in float32: of the polynomial that fits ⟨g, f(x + tv)⟩ best.

Differences of two values lose u·y/h, and a step that is short enough for them leaves little in float32. So the function is
called at `NODES` pairs ±t, up to far from x, at Chebyshev's places. The odd part, half of what the two differ by, is fitted
by t, t³, …, and what is left over after the fit is rounding, seen along this very direction: what does not move adds
nothing to it. The standard error of the slope follows from it as in any fit by least squares; `SURE` of these, and what one
more term changes, is the doubt. Where all results stand still between two numbers of the format there is nothing left over
either: a rounding of y is the least that is doubted.

The even part, fitted by t², t⁴, … and by |t|, says how large a kink at x may be. A smooth function that is strongly curved
has slopes on both sides of x that differ, as a kink has; it has no |t|.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

import numpy as np

from checks.functions.place import Place, Slope
from checks.numbers.precision import Array
from checks.subjects.refusals import Crashed, Malformed, Unsupported
from checks.trials.directions import inner

NODES = 10  # pairs of points
REACHES = (2.0**-1, 2.0**-4, 2.0**-7, 2.0**-10)  # how far they lie, in sizes of x
TERMS = range(1, 6)  # of the polynomials that are tried
SURE = 8.0  # standard errors
NEARER = (2.0**-12, 2.0**-14)  # shorter ones, for what would be called wrong
BESIDE = (0.5, 2.0)  # the reaches next to one, as shares of it
ENOUGH = 2.0**-10  # no shorter reach is tried where two agree and an error of this share of one element would be seen


@dataclass(frozen=True)
class Fit:
    """What a fit says of a direction.

    value, doubt  the slope at x, and how far it may be off: half of what a kink may be that is too small to be seen, too
    kinked        whether the slopes to the left and to the right are seen to be apart
    reach         how far its points lie
    """

    value: float
    doubt: float
    kinked: bool
    reach: float


def real_slope(place: Place, v: Array) -> Slope:
    """The slope from results at real points: from differences, or, where these are coarse, from a fit.

    That is the one with the least doubt; wrong only if another reach says so too. Where a kink lies near, only one reach of
    those that are always tried may be short enough and not too short: then the ones next to it are tried as well. If none
    of these speaks against the claim, nothing is decided that is sharper than what speaks for it. And where kinks lie on
    both sides of x, so near that no reach fits between them, a fit sees what is beyond these: so what is wrong is asked
    again in a last, small neighbourhood.
    """
    if not place.is_coarse:
        return place.central(v)
    claim = place.claimed(v)
    found = Slope(claim, claim, place.claim_unsure(v), wrong=False)
    size = float(np.mean((np.abs(v) * place.typical)[v != 0])) if np.any(v) else 0.0
    fits = sorted(_without_kinks(fits_of(place, v, ENOUGH * size)), key=lambda fit: fit.doubt)
    if not fits:
        return replace(found, doubt=np.inf)
    said = [replace(found, value=fit.value, doubt=fit.doubt + found.doubt) for fit in fits]
    best = said[0]
    if best.error <= best.doubt:
        return best
    if sum(one.error > one.doubt for one in said) > 1 or _is_confirmed(place, v, fits[0], found):
        return _nearer(place, v, best, found) or replace(best, wrong=True)
    return replace(best, doubt=min((one.doubt for one in said if one.error <= one.doubt), default=np.inf))


def _nearer(place: Place, v: Array, best: Slope, found: Slope) -> Slope | None:
    """What holds the claim in a small neighbourhood, if it is sharp enough to tell it from what the longer reaches say."""
    for reach in NEARER:
        try:
            fit = _fit(place, v, reach)
        except (Crashed, Malformed, Unsupported):
            continue
        near = replace(found, value=fit.value, doubt=fit.doubt + found.doubt)
        if not fit.kinked and near.error <= near.doubt < best.error / 2:
            return near
    return None


def _is_confirmed(place: Place, v: Array, fit: Fit, found: Slope) -> bool:
    """Whether a fit with a reach next to that of this one agrees with it, and speaks against the claim as well."""
    for share in BESIDE:
        try:
            other = _fit(place, v, share * fit.reach)
        except (Crashed, Malformed, Unsupported):
            continue
        agrees = abs(other.value - fit.value) <= other.doubt + fit.doubt
        if not other.kinked and agrees and abs(other.value - found.claim) > other.doubt + found.doubt:
            return True
    return False


def smooth(place: Place, v: Array, off: float) -> bool:
    """Whether no kink at x along v can be as large as what is off."""
    return any(fit.doubt < off and not fit.kinked for fit in fits_of(place, v))


def fits_of(place: Place, v: Array, enough: float = 0.0) -> list[Fit]:
    """One for each reach at which the function is defined, the shortest first; no more where two are as sure as that."""
    found: list[Fit] = []
    for reach in REACHES:
        try:
            fit = _fit(place, v, reach)
        except (Crashed, Malformed, Unsupported):
            continue
        if np.isfinite(fit.value) and np.isfinite(fit.doubt):
            found.insert(0, fit)
        if len(_without_kinks(found)) > 1 and min(f.doubt for f in found) <= enough:
            break
    return found


def _without_kinks(fits: list[Fit]) -> list[Fit]:
    """Those which no kink near x spoils: where all show one it is at x itself, and the shortest tell best.

    A longer one that contradicts a shorter one has gone too far.
    """
    kept: list[Fit] = []
    for fit in [one for one in fits if not one.kinked] or fits:
        if all(abs(fit.value - one.value) <= fit.doubt + one.doubt for one in kept):
            kept.append(fit)
    return kept


def _fit(place: Place, v: Array, reach: float) -> Fit:
    nodes = _nodes()
    odd, even = np.empty(NODES), np.empty(NODES)
    for at, t in enumerate(nodes):
        right, left = (place.at(place.x + sign * reach * t * v) for sign in (1, -1))
        odd[at] = inner(place.g, right - left) / 2
        even[at] = inner(place.g, (right - place.y) + (left - place.y)) / 2
    least = place.measuring.roundoff * float(np.linalg.norm(place.g * place.y)) / reach
    slopes = [_first(odd, tuple(2 * k + 1 for k in range(terms))) for terms in TERMS]
    doubts = [(abs(a[0] - b[0]) + SURE * a[1], a[0]) for a, b in pairwise(slopes)]
    doubt, value = min(doubts)
    kinks = [_first(even, (1, *(2 * k + 2 for k in range(terms)))) for terms in TERMS[:-1]]
    size, error = min(kinks, key=lambda kink: abs(kink[0]) + SURE * kink[1])
    kinked = abs(size) > SURE * error + 2 * least * reach
    hidden = 0.0 if kinked else abs(size) + SURE * error
    return Fit(value / reach, (doubt + hidden) / reach + 2 * least, bool(kinked), reach)


def _first(values: Array, powers: tuple[int, ...]) -> tuple[float, float]:
    """The coefficient of the first power in the best fit, and its standard error."""
    design, inverse, error = _design(powers)
    found = inverse @ values
    left = float(np.linalg.norm(values - design @ found)) / np.sqrt(NODES - len(powers))
    return float(found[0]), left * error


@lru_cache
def _nodes() -> Array:
    return np.cos(np.pi * (np.arange(NODES) + 0.5) / (2 * NODES))


@lru_cache
def _design(powers: tuple[int, ...]) -> tuple[Array, Array, float]:
    design = _nodes()[:, None] ** np.array(powers)
    inverse = np.linalg.pinv(design)
    return design, inverse, float(np.linalg.norm(inverse[0]))
