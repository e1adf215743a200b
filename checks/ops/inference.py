"""Batch norm in inference: how it rounds.

With constants μ and v, s = 1/√(v + ε) rounds relative to itself and x − μ relative to |x| + |μ|, also where scale and shift
are made of the statistics first (x·γs + (β − μ·γs)). So y rounds relative to |γ|·(|x| + |μ|)·s + |β|, ∂J/∂x to |γ·g|·s, and
∂J/∂γ to Σ|g|·(|x| + |μ|)·s.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from checks.numbers.precision import PRECISIONS, Array
from checks.op import Case, Documents, Inputs, Kind, Op, Problem, Rounding
from checks.ops import _norm_formulas as formulas
from checks.ops._inference_mistakes import BATCH_NORM_INFERENCE
from checks.ops.normalization import EPS, WHERE
from checks.signature.takes import Takes
from reference import batch_norm_inference

if TYPE_CHECKING:
    import torch

LEAST, MOST = 0.125, 4.0  # of what is drawn as a variance: 2^−3 is far enough above ε for each to be told from none


def draw(problem: Problem, name: str, rng: np.random.Generator, whole: bool) -> Array | None:  # noqa: ARG001, every op is asked alike
    """Variances above 0, and means in the scale of x, so that neither is lost beside the other."""
    channels = problem.shape("running_var")
    if name == "running_var":
        return PRECISIONS[problem.dtype].rounded(np.exp2(rng.uniform(np.log2(LEAST), np.log2(MOST), channels)))
    if name == "running_mean":
        scale = problem.exponents.get("x", 0)
        return PRECISIONS[problem.dtype].rounded(np.ldexp(rng.uniform(-1, 1, channels), scale))
    return None


def terms(problem: Problem) -> dict[str, int]:
    """A root and a quotient, a difference, two products and a sum; the places of a channel."""
    x = problem.shape("x")
    places = prod(x) // max(1, x[1])
    return {"y": 9, "x": 6, "gamma": places + 7, "beta": places}


def magnitudes(case: Case) -> dict[str, Array]:
    """As the module derives them."""
    x, g = np.abs(case.input("x")), np.abs(case.cotangent)
    over = (0, *range(2, x.ndim))
    laid = [None if a is None else np.abs(a).reshape(-1, *(1,) * (x.ndim - 2)) for a in case.inputs[1:]]
    mean, variance, gamma, beta = laid
    s = 1 / np.sqrt(np.asarray(variance, np.float64) + case.parameters["eps"])
    normal, scale = (x + mean) * s, 1.0 if gamma is None else gamma
    return {
        "y": scale * normal + (0.0 if beta is None else beta),
        "x": scale * s * g,
        "gamma": (g * normal).sum(over),
        "beta": g.sum(over),
    }


def twin(
    x: torch.Tensor,
    running_mean: torch.Tensor,
    running_var: torch.Tensor,
    gamma: torch.Tensor | None,
    beta: torch.Tensor | None,
    *,
    eps: float,
) -> torch.Tensor:
    """The same function by torch, which has statistics, scale and shift in one dtype."""
    import torch

    mean, variance = (a.to(x.dtype) for a in (running_mean, running_var))
    return torch.nn.functional.batch_norm(x, mean, variance, gamma, beta, training=False, eps=eps)


OP = Op(
    name="batch_norm_inference",
    reference=batch_norm_inference,
    takes=Takes(
        arrays={
            "x": "N C *spatial",
            "running_mean": "C",
            "running_var": "C",
            "gamma": "C ?",
            "beta": "C ?",
            "y": "N C *spatial",
        },
        parameters=(EPS,),
        sizes=WHERE,
        dims=(2, 1, 0, 3),
        scales={"x": (0, 0, 3, -3, 20), "gamma": (0, 5)},
        constant=("running_mean", "running_var"),
    ),
    twin=twin,
    rounds=Rounding(terms, magnitudes),
    kind=Kind(linear_in=(("gamma", "beta"),)),
    cases=Inputs(draw),
    told=Documents(
        letters={"running_mean": "μ", "running_var": "v"},
        sources=dict.fromkeys(("y", "x", "gamma", "beta"), "T14"),
        formula=formulas.inference,
        usual={"batch": 1, "dims": 1, "channels": 1, "spatial": 2},
    ),
    mistakes=BATCH_NORM_INFERENCE,
)

OPS = (OP,)
