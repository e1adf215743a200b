"""Scaled dot-product attention: every query takes a mean of the values, weighted by how well their keys fit          (W1).

With t a query, s a key, and P the softmax over the keys that t may see,

    S[t, s] = scale · Σ_d q[t, d] · k[s, d],   P[t, s] = [t sees s] · e^{S[t, s]} / Σ_{s' seen by t} e^{S[t, s']}
    y[t, e] = Σ_s P[t, s] · v[s, e]

Each factor of y gets the other against g = ∂J/∂y, and what comes to P goes through the softmax (reference/softmax.py):

    ∂J/∂v[s, e] = Σ_t P[t, s] · g[t, e],    ∂J/∂P[t, s] = Σ_e g[t, e] · v[s, e]
    ∂J/∂S[t, s] = P[t, s] · (∂J/∂P[t, s] − Σ_s' P[t, s'] · ∂J/∂P[t, s'])
    ∂J/∂q[t, d] = scale · Σ_s ∂J/∂S[t, s] · k[s, d],    ∂J/∂k[s, d] = scale · Σ_t ∂J/∂S[t, s] · q[t, d]

Of `groups` heads of queries that share a head of keys and values, each adds its part to the gradients of these.
(Vaswani et al. 2017, 3.2.1; Ainslie et al. 2023 for shared heads.)
"""

from __future__ import annotations

import numpy as np

from reference._precision import at_least_single, real
from reference._window import Array


def forward(
    q: Array,
    k: Array,
    v: Array,
    mask: Array | None = None,
    *,
    causal: bool = False,
    scale: float | None = None,
    groups: int = 1,
) -> Array:
    """y (N, H, T, E) of queries q (N, H, T, D), keys k (N, H/groups, S, D) and values v (N, H/groups, S, E).

    mask (T, S) is true where a query sees a key; with `causal` query t sees no key after t. `scale` None is 1/√D. Head h
    of the queries looks at head h // groups of keys and values. A query that sees no key gets 0. The dtype is what NumPy
    promotes q, k and v to; float16 is computed in float32 and rounded once. Complex numbers are not conjugated, so that
    y is analytic; which number is taken off before e^S is chosen by real parts.

    Raises ValueError, naming the numbers, if the shapes do not fit together.
    """
    q, k, v, seen, scale = _arrays(q, k, v, mask, causal, scale, groups)
    dtype = np.result_type(q, k, v, np.float16)
    wide, keys, values = _by_group(q, k, v, groups)
    y = _weights(wide, keys, seen, scale) @ values
    return y.reshape(*q.shape[:3], v.shape[3]).astype(dtype, copy=False)


def backward(
    grad_output: Array,
    q: Array,
    k: Array,
    v: Array,
    mask: Array | None = None,
    *,
    causal: bool = False,
    scale: float | None = None,
    groups: int = 1,
) -> tuple[Array, Array, Array, None]:
    """∂J/∂q, ∂J/∂k, ∂J/∂v and None for the mask, given grad_output = ∂J/∂y (N, H, T, E).

    Each has the shape of its input; their dtype is what NumPy promotes grad_output, q, k and v to (for ∂J/∂v without v).

    Raises ValueError as forward does, and if grad_output does not have the shape of y.
    """
    q, k, v, seen, scale = _arrays(q, k, v, mask, causal, scale, groups)
    g = np.asarray(grad_output)
    if g.shape != (*q.shape[:3], v.shape[3]):
        raise ValueError(f"grad_output has shape {g.shape}; y has {(*q.shape[:3], v.shape[3])}")
    dtype = np.result_type(g, q, k, v, np.float16)
    wide, keys, values = _by_group(q, k, v, groups)
    cotangent = at_least_single(g).reshape(*wide.shape[:4], v.shape[3])
    p = _weights(wide, keys, seen, scale)
    of_p = cotangent @ values.swapaxes(-1, -2)
    of_s = p * (of_p - (p * of_p).sum(-1, keepdims=True))
    of_s *= scale
    of_q = of_s @ keys
    of_k = (of_s.swapaxes(-1, -2) @ wide).sum(2)
    of_v = (p.swapaxes(-1, -2) @ cotangent).sum(2)
    return (
        of_q.reshape(q.shape).astype(dtype, copy=False),
        of_k.astype(dtype, copy=False),
        of_v.astype(np.result_type(g, q, k, np.float16), copy=False),
        None,
    )


def _weights(q: Array, k: Array, seen: Array, scale: float) -> Array:
    """P (N, H/groups, groups, T, S): softmax over the keys that are seen, 0 for the others."""
    scores = q @ k.swapaxes(-1, -2)
    scores *= scale
    largest = np.where(seen, real(scores), -np.inf).max(-1, keepdims=True, initial=-np.inf)
    with np.errstate(over="ignore", invalid="ignore"):  # ∞ − ∞ is the NaN that infinite scores make
        scores -= np.where(largest > -np.inf, largest, 0).astype(real(scores).dtype, copy=False)
        np.exp(scores, out=scores)
    p = np.where(seen, scores, 0)
    total = p.sum(-1, keepdims=True)
    somewhere = np.broadcast_to(seen.any(-1, keepdims=True), p.shape)
    return np.asarray(np.divide(p, total, out=np.zeros_like(p), where=somewhere))


def _by_group(q: Array, k: Array, v: Array, groups: int) -> tuple[Array, Array, Array]:
    """q as (N, H/groups, groups, T, D); k and v with one axis that all heads of a group share; in float32 at least."""
    n, heads, queries, width = q.shape
    laid = at_least_single(q).reshape(n, heads // groups, groups, queries, width)
    return laid, at_least_single(k)[:, :, None], at_least_single(v)[:, :, None]


def _arrays(
    q: Array, k: Array, v: Array, mask: Array | None, causal: bool, scale: float | None, groups: int
) -> tuple[Array, Array, Array, Array, float]:
    """The inputs as arrays, which keys each query sees (T, S), and the scale, once the shapes are known to fit."""
    q, k, v = np.asarray(q), np.asarray(k), np.asarray(v)
    if not q.ndim == k.ndim == v.ndim == 4:
        raise ValueError(
            f"q has shape {q.shape}, k {k.shape} and v {v.shape}; expected (N, H, T, D), (N, H/groups, S, D) and "
            "(N, H/groups, S, E)"
        )
    if groups < 1 or q.shape[1] % groups:
        raise ValueError(f"groups is {groups}, which does not divide the {q.shape[1]} heads of q {q.shape}")
    shared = (q.shape[0], q.shape[1] // groups)
    if k.shape != (*shared, k.shape[2], q.shape[3]):
        raise ValueError(
            f"k has shape {k.shape}; q {q.shape} with groups {groups} needs ({shared[0]}, {shared[1]}, S, {q.shape[3]})"
        )
    if v.shape[:3] != k.shape[:3]:
        raise ValueError(f"v has shape {v.shape}; k {k.shape} needs ({', '.join(map(str, k.shape[:3]))}, E)")
    queries, keys = q.shape[2], k.shape[2]
    seen = np.tri(queries, keys, dtype=bool) if causal else np.ones((queries, keys), bool)
    if mask is not None:
        mask = np.asarray(mask)
        if mask.shape != seen.shape:
            raise ValueError(f"mask has shape {mask.shape}; {queries} queries and {keys} keys need {seen.shape}")
        seen &= mask.astype(bool)
    return q, k, v, seen, q.shape[3] ** -0.5 if scale is None else scale
