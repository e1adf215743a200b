"""Batch norm and local response normalisation: how problems are drawn, their twins in torch, how they round.

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
from checks.op import Case, Op, Problem, of_x
from checks.ops import _formulas as formulas
from checks.ops import _normalization_mistakes as mistakes
from checks.signature.drawing import among
from checks.signature.options import Option, Pinned, per_axis, real, whole
from checks.signature.windows import BATCH, DIMS, not_too_large, pinned_axes
from reference import batch_norm, local_response_norm

if TYPE_CHECKING:
    import torch
    from hypothesis.strategies import DrawFn, SearchStrategy

SPATIAL = Option("spatial", "spatial size of x", "9 | 9,7", per_axis(1))
CHANNELS = Option("channels", "channels", "4", whole(1))


def validate_batch_norm(pinned: Pinned) -> None:
    """Raise ValueError, in one sentence with a suggestion, if no problem has these values."""
    axes, size = pinned_axes(pinned), pinned.get("spatial", 2)
    if pinned.get("batch", 2) * prod(size if isinstance(size, tuple) else (size,) * (2 if axes is None else axes)) < 2:
        raise ValueError(
            "a batch norm of less than two values for each channel is not defined; --batch 2 would be enough"
        )


def validate_response(pinned: Pinned) -> None:
    """Raise ValueError if the pinned values disagree on the number of axes."""
    pinned_axes(pinned)


def _drawn_shape(draw: DrawFn, pinned: Pinned, axes: tuple[int, ...], least: int) -> tuple[int, ...]:
    """(N, C, *spatial) with at least so many values for each channel."""
    from hypothesis import strategies as st

    count = pinned_axes(pinned)
    count = draw(among(*axes)) if count is None else count
    size = pinned.get("spatial", tuple(draw(st.integers(1, 4 if count < 3 else 2)) for _ in range(count)))
    size = size if isinstance(size, tuple) else (size,) * count
    short = -(-least // prod(size)) if prod(size) else 0
    batch = pinned["batch"] if "batch" in pinned else max(short, draw(among(2, 3, 1, 4)))
    if batch * prod(size) < least:  # the batch is pinned
        size = (max(2, size[0]), *size[1:])
    drawn = (batch, pinned.get("channels") or draw(among(2, 1, 3, 6)), *size)
    not_too_large(pinned, drawn)
    return drawn


def batch_norm_problems(op: Op, pinned: Pinned, dtype: str) -> SearchStrategy[Problem]:
    """Problems in which the pinned values hold, with two values for each channel at least."""
    from hypothesis import strategies as st

    @st.composite
    def draw_problem(draw: DrawFn) -> Problem:
        x = _drawn_shape(draw, pinned, (2, 1, 0, 3) if pinned.get("batch", 2) > 1 else (2, 1, 3), 2)
        scales = (0, 0, 3, -3, 20) if dtype != "float16" else (0,)
        return Problem(
            op,
            shapes={"x": x, "gamma": x[1:2], "beta": x[1:2], "y": x},
            parameters={"eps": pinned.get("eps", draw(among(1e-5, 1e-3, 0.1)))},
            dtype=dtype,
            seed=draw(st.integers(0, 2**32 - 1)),
            exponents={"x": draw(among(*scales)), "gamma": draw(among(0, 5))},
        )

    return draw_problem()


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


def response_problems(op: Op, pinned: Pinned, dtype: str) -> SearchStrategy[Problem]:
    """Problems in which the pinned values hold; α is mostly large enough for the second term to count."""
    from hypothesis import strategies as st

    @st.composite
    def draw_problem(draw: DrawFn) -> Problem:
        x = _drawn_shape(draw, pinned, (2, 1, 3), 0)

        def choice(name: str, *values: float) -> float:
            return float(pinned.get(name, draw(among(*values))))

        return Problem(
            op,
            shapes={"x": x, "y": x},
            parameters={
                "size": pinned.get("size", draw(among(5, 2, 3, 1, 4))),
                "alpha": choice("alpha", 1.0, 0.5, 1e-4),
                "beta": choice("beta", 0.75, 0.5, 1.0),
                "k": choice("k", 1.0, 2.0, 0.5),
            },
            dtype=dtype,
            seed=draw(st.integers(0, 2**32 - 1)),
            exponents={"x": draw(among(*((0, 0, 3, -3) if dtype != "float16" else (0,))))},
        )

    return draw_problem()


def response_radius(case: Case) -> float:  # noqa: ARG001, every op is asked alike
    """Steps of a quarter at most change d by less than twice as much."""
    return 0.5


def response_twin(x: torch.Tensor, *, size: int, alpha: float, beta: float, k: float) -> torch.Tensor:
    """The same function by torch."""
    import torch

    return torch.nn.functional.local_response_norm(x, size, alpha, beta, k)


def coverage(problem: Problem) -> Mapping[str, tuple[Any, ...]]:
    """What a reader wants to know was tried."""
    x = problem.shape("x")
    values = x[0] * prod(x[2:])
    return {
        "dims": (len(x) - 2,),
        "channels": (x[1],),
        "values a channel": (values if values < 10 else "10 or more",),
        **{name: (value,) for name, value in problem.parameters.items()},
    }


def pins(problem: Problem) -> dict[str, Any]:
    """The options that pin this very problem."""
    batch, channels, *size = problem.shape("x")
    spatial = {"spatial": tuple(size)} if size else {}
    return {"batch": batch, "channels": channels, "dims": len(size), **spatial, **problem.parameters}


BATCH_NORM = Op(
    name="batch_norm",
    inputs=("x", "gamma", "beta"),
    reference=batch_norm,
    defaults={"eps": 1e-5},
    options=(
        Option("eps", "what is added to the variance", "1e-5", real(0, above=True)),
        Option("dims", "spatial axes", "0 | 1 | 2 | 3", whole(0, 3)),
        SPATIAL,
        CHANNELS,
        BATCH,
    ),
    validate=validate_batch_norm,
    problems=batch_norm_problems,
    twin=batch_norm_twin,
    coverage=coverage,
    pins=pins,
    terms=batch_norm_terms,
    magnitudes=batch_norm_magnitudes,
    linear_in=(("gamma", "beta"),),
    radius=batch_norm_radius,
    draw=batch_norm_draw,
    sources=dict.fromkeys(("y", "x", "gamma", "beta"), "004, C19"),
    formula=formulas.batch_norm,
    usual={"batch": 2, "dims": 1},
    mistakes=mistakes.BATCH_NORM,
)
LOCAL_RESPONSE_NORM = Op(
    name="local_response_norm",
    inputs=("x",),
    reference=local_response_norm,
    defaults={"size": 5, "alpha": 1e-4, "beta": 0.75, "k": 1.0},
    options=(
        Option("size", "channels that are summed over", "5", whole(1)),
        Option("alpha", "weight of the mean of squares", "1e-4", real(0)),
        Option("beta", "exponent", "0.75", real(0)),
        Option("k", "what is added to the mean of squares", "1.0", real(0, above=True)),
        DIMS,
        SPATIAL,
        CHANNELS,
        BATCH,
    ),
    validate=validate_response,
    problems=response_problems,
    twin=response_twin,
    coverage=coverage,
    pins=pins,
    radius=response_radius,
    samples=of_x,
    sources=dict.fromkeys(("y", "x"), "004, C19"),
    formula=formulas.local_response_norm,
    usual={"channels": 3, "size": 3, "dims": 1, "spatial": 1},
    mistakes=mistakes.LOCAL_RESPONSE_NORM,
)

OPS = (BATCH_NORM, LOCAL_RESPONSE_NORM)
