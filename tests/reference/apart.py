"""How far apart two right computations of a network's gradients can be in float64, because both round.

Both carry the values of the layer below, at most d apart, through the same layer. The layers are linear in what they are
given and in their parameters, and so are their gradients in the cotangent; a sum of n products rounds to within γₙ of the
sum of their magnitudes (see checks/numbers/bounds.py). With M the layer on magnitudes (|a| for a, |w| for w) that makes

    |z₁ − z₂| ≤ M(d) + 2γₙ M(|a| + d),     M(d) = M(|a| + d) − M(|a|)

and likewise for the gradients, with the cotangent's magnitude and distance. Between layers f meets values d apart:

    |f(z₁) − f(z₂)|   ≤ max|f'| · d  + 2·32u·|f(z)|
    |f'(z₁) − f'(z₂)| ≤ max|f''| · d + 2·32u·max|f'|

by the mean value theorem, where 32u is 16 units in the last place: NumPy and torch claim no more than 4 for tanh and exp,
the factors around them and 1 − y² add a few. The bounds follow the layers forward and back as the values do, so
nothing is left out (second-order terms neither) and nothing is chosen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

U = 2.0**-53  # float64's unit roundoff
FUNCTION = 2 * 32 * U


@dataclass(frozen=True)
class Bend:
    """The largest |f'| and |f''| of an activation f."""

    slope: float
    second: float


def apart(layers, bend, x, target, *, terms):
    """The largest distance of every parameter's gradient, layer by layer, for the cost Σ‖a − target‖² / 2N.

    terms: the most numbers that any one sum in any layer, forward or backward, adds up.
    """
    rounding = 5 * terms * U / (1 - terms * U)  # twice γ, and three more for what the two M and the lines here round

    def between(high, low):
        return high - low + rounding * high

    a, d, z, dz = [x], [np.zeros_like(x)], [], []
    for layer in layers:
        magnitude = replace(layer, parameters=tuple(map(np.abs, layer.parameters)))
        z.append(layer.weighted(a[-1]))
        dz.append(between(magnitude.weighted(np.abs(a[-1]) + d[-1]), magnitude.weighted(np.abs(a[-1]))))
        a.append(layer.activated(z[-1]))
        d.append(bend.slope * dz[-1] + FUNCTION * np.abs(a[-1]))

    grad_a = (a[-1] - target) / len(x)
    dg = (d[-1] + 6 * U * (np.abs(a[-1]) + np.abs(target) + d[-1])) / len(x)
    distances = []
    for place in reversed(range(len(layers))):
        layer = layers[place]
        magnitude = replace(layer, parameters=tuple(map(np.abs, layer.parameters)))
        slope = np.abs(layer.error(np.ones_like(z[place]), z[place]))
        ds = bend.second * dz[place] + FUNCTION * bend.slope
        delta = np.abs(grad_a) * slope
        ddelta = between((np.abs(grad_a) + dg) * (slope + ds), delta)
        high = magnitude.gradients(delta + ddelta, np.abs(a[place]) + d[place])
        low = magnitude.gradients(delta, np.abs(a[place]))
        dg, *of_parameters = map(between, high, low)
        distances.append(tuple(of_parameters))
        grad_a, *_ = layer.gradients(layer.error(grad_a, z[place]), a[place])
    return tuple(reversed(distances))
