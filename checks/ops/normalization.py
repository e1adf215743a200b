"""Batch norm and local response normalisation: how they round.

**Batch norm**, with m values for each channel, mean μ, variance v, s = 1/√(v + ε), x̂ = (x − μ)s. The mean rounds relative
to mean|x|, so x − μ relative to |x| + mean|x|. The variance may be computed as mean(x − μ)² or as mean x² − μ², so it
rounds relative to mean x², and s relative to itself times 1 + R, R = mean x² · s². Together x̂ rounds relative to

    E = (|x| + mean|x|)·s + |x̂|·(1 + R)

y = γx̂ + β to |γ|E + |β|; ∂J/∂γ = Σ g·x̂ to Σ|g|E; and ∂J/∂x = γs·(g − mean g − x̂·mean(g·x̂)) to

    |γ|s·((|g| + mean|g|)·(1 + R) + E·mean|g·x̂| + |x̂|·mean(|g|E))

That is to first order. mean x² − μ² + ε is off by at most δ = (3m + 5)·u·R of itself (m + 1 roundings in the one mean and
m in each factor of the other square, one in their product, the difference and the sum), and s by (1 − δ)^{−1/2} − 1 of
itself: less than 5/8·δ, which (2m + 8)·u·R covers, as long as δ ≤ 1/4, but anything at all, the root of a negative number
too, where δ reaches 1. So where x is drawn with more than that in a channel, its signs are made to alternate: no more than
p = ⌈m/2⌉ are alike then, so μ² ≤ p/m · mean x² (Cauchy and Schwarz), v ≥ (1 − p/m)·mean x², and R ≤ m/⌊m/2⌋ ≤ 3.

How local response normalisation rounds its reference tells by itself (numbers/running.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from checks.numbers.precision import PRECISIONS, Array
from checks.op import Case, Documents, Inputs, Kind, Op, Problem, Rounding
from checks.ops import _formulas as formulas
from checks.ops import _normalization_mistakes as mistakes
from checks.ops import _response_mistakes
from checks.signature.drawing import Draws
from checks.signature.options import Pinned, real, whole
from checks.signature.takes import Drawn, Parameter, Sizes, Takes
from checks.signature.windows import pinned_axes
from reference import batch_norm, local_response_norm

if TYPE_CHECKING:
    import torch

EPS = Parameter("eps", 1e-5, "what is added to the variance", "1e-5", real(0, above=True), (1e-5, 1e-3, 0.1))
WHERE = (
    Sizes("spatial", "*spatial", "spatial size of x"),
    Sizes("channels", "C", "channels", (2, 1, 3, 6)),
    Sizes("batch", "N", "samples", (2, 3, 1, 4), least=0, metavar="2"),
)


def refuse(pinned: Pinned) -> None:
    """Raise ValueError, in one sentence with a suggestion, if no problem has these values."""
    axes, size = pinned_axes(pinned), pinned.get("spatial", 2)
    if pinned.get("batch", 2) * prod(size if isinstance(size, tuple) else (size,) * (2 if axes is None else axes)) < 2:
        raise ValueError(
            "a batch norm of less than two values for each channel is not defined; --batch 2 would be enough"
        )


def two_values(draw: Draws, pinned: Pinned, axes: int) -> Drawn:
    """At least two values for each channel."""
    size = pinned.get("spatial", tuple(draw.among(*range(1, 5 if axes < 3 else 3)) for _ in range(axes)))
    size = size if isinstance(size, tuple) else (size,) * axes
    batch = pinned["batch"] if "batch" in pinned else max(1 + (prod(size) == 1), draw.among(2, 3, 1, 4))
    if batch * prod(size) == 1:  # the batch is pinned
        size = (2, *size[1:])
    return {"N": batch, "*spatial": size}


def batch_norm_draw(problem: Problem, name: str, rng: np.random.Generator, whole: bool) -> Array | None:  # noqa: ARG001, every op is asked alike
    """Numbers uniform on (−1, 1), with alternating signs in a channel whose variance rounding could spoil."""
    if name != "x":
        return None
    x, precision = rng.uniform(-1, 1, problem.shape("x")), PRECISIONS[problem.dtype]
    over, m = (0, *range(2, x.ndim)), x.size // x.shape[1]
    square = np.square(x).mean(over, keepdims=True)
    spoiled = 4 * (3 * m + 5) * precision.unit_roundoff * square > x.var(over, keepdims=True)
    sign = 1 - 2 * (np.arange(m).reshape(len(x), 1, *x.shape[2:]) % 2)
    return precision.rounded(np.where(spoiled, np.abs(x) * sign, x))


def batch_norm_terms(problem: Problem) -> dict[str, int]:
    """Two means, a root, a quotient; the gradient of x goes through x̂ twice and two more means."""
    x = problem.shape("x")
    m = x[0] * prod(x[2:])
    return {"y": 2 * m + 8, "x": 4 * m + 24, "gamma": 3 * m + 8, "beta": m}


def batch_norm_magnitudes(case: Case) -> dict[str, Array]:
    """As the module derives them."""
    x, gamma, beta, g = case.input("x"), case.input("gamma"), case.input("beta"), np.abs(case.cotangent)
    over = (0, *range(2, x.ndim))
    channel = (1, -1, *(1,) * (x.ndim - 2))

    def mean(a: Array) -> Array:
        return np.asarray(a.mean(over, keepdims=True))

    centred = x - mean(x)
    s = 1 / np.sqrt(mean(np.square(centred)) + case.parameters["eps"])
    normal, relative = np.abs(centred * s), 1 + mean(np.square(x)) * np.square(s)
    error = (np.abs(x) + mean(np.abs(x))) * s + normal * relative
    scale = np.abs(gamma).reshape(channel)
    inner = (g + mean(g)) * relative + error * mean(g * normal) + normal * mean(g * error)
    return {
        "y": scale * error + np.abs(beta).reshape(channel),
        "x": scale * s * inner,
        "gamma": (g * error).sum(over),
        "beta": g.sum(over),
    }


def batch_norm_radius(case: Case) -> float:
    """Steps that move no x by more than a quarter of the smallest √(v + ε): s is near its tangent then."""
    x = case.input("x").astype(np.float64)
    deviation = np.sqrt(x.var((0, *range(2, x.ndim))) + case.parameters["eps"])
    return float(min(1.0, deviation.min(initial=np.inf) / (2 * np.abs(x).max(initial=1e-300))))


def batch_norm_twin(x: torch.Tensor, gamma: torch.Tensor, beta: torch.Tensor, *, eps: float) -> torch.Tensor:
    """The same function by torch."""
    import torch

    return torch.nn.functional.batch_norm(x, None, None, gamma, beta, training=True, eps=eps)


def response_radius(case: Case) -> float:  # noqa: ARG001, every op is asked alike
    """Steps of a quarter at most change d by less than twice as much."""
    return 0.5


def response_twin(x: torch.Tensor, *, size: int, alpha: float, beta: float, k: float) -> torch.Tensor:
    """The same function by torch."""
    import torch

    return torch.nn.functional.local_response_norm(x, size, alpha, beta, k)


def values_a_channel(problem: Problem) -> Mapping[str, tuple[Any, ...]]:
    """How many values the statistics are those of."""
    x = problem.shape("x")
    values = x[0] * prod(x[2:])
    return {"values a channel": (values if values < 10 else "10 or more",)}


BATCH_NORM = Op(
    name="batch_norm",
    reference=batch_norm,
    takes=Takes(
        arrays={"x": "N C *spatial", "gamma": "C", "beta": "C", "y": "N C *spatial"},
        parameters=(EPS,),
        sizes=WHERE,
        dims=(2, 1, 0, 3),
        geometry=two_values,
        scales={"x": (0, 0, 3, -3, 20), "gamma": (0, 5)},
        refuse=refuse,
    ),
    twin=batch_norm_twin,
    rounds=Rounding(batch_norm_terms, batch_norm_magnitudes),
    kind=Kind(linear_in=(("gamma", "beta"),), radius=batch_norm_radius, mixes=lambda _: True),
    cases=Inputs(batch_norm_draw, values_a_channel),
    told=Documents(
        sources=dict.fromkeys(("y", "x", "gamma", "beta"), "004, C19"),
        formula=formulas.batch_norm,
        usual={"batch": 2, "dims": 1},
    ),
    mistakes=mistakes.BATCH_NORM,
)
LOCAL_RESPONSE_NORM = Op(
    name="local_response_norm",
    reference=local_response_norm,
    takes=Takes(
        arrays={"x": "N C *spatial", "y": "N C *spatial"},
        parameters=(
            Parameter("size", 5, "channels that are summed over", "5", whole(1), (5, 2, 3, 1, 4)),
            # α is mostly large enough for the second term to count.
            Parameter("alpha", 1e-4, "weight of the mean of squares", "1e-4", real(0), (1.0, 0.5, 1e-4)),
            Parameter("beta", 0.75, "exponent", "0.75", real(0), (0.75, 0.5, 1.0)),
            Parameter("k", 1.0, "what is added to the mean of squares", "1.0", real(0, above=True), (1.0, 2.0, 0.5)),
        ),
        sizes=WHERE,
        dims=(2, 1, 3),
        scales={"x": (0, 0, 3, -3)},
    ),
    twin=response_twin,
    kind=Kind(radius=response_radius),
    told=Documents(
        sources=dict.fromkeys(("y", "x"), "004, C19"),
        formula=formulas.local_response_norm,
        usual={"channels": 3, "size": 3, "dims": 1, "spatial": 1},
    ),
    mistakes=_response_mistakes.LOCAL_RESPONSE_NORM,
)

OPS = (BATCH_NORM, LOCAL_RESPONSE_NORM)
