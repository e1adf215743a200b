"""Known ways to get the gradients of attention wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Mistake

Wrong = Callable[[Case], Mapping[str, Array]]


def _softmax(scores: Array, seen: Array) -> Array:
    """Over the keys that are seen."""
    with np.errstate(all="ignore"):
        largest = np.where(seen, scores, -np.inf).max(-1, keepdims=True, initial=-np.inf)
        e = np.where(seen, np.exp(scores - np.where(np.isfinite(largest), largest, 0)), 0)
        total = e.sum(-1, keepdims=True)
        return np.asarray(np.divide(e, total, out=np.zeros_like(e), where=total != 0))


def _over_queries(scores: Array, seen: Array) -> Array:
    return _softmax(scores.swapaxes(-1, -2), seen.swapaxes(-1, -2)).swapaxes(-1, -2)


def _masked_after(scores: Array, seen: Array) -> Array:
    return np.asarray(_softmax(scores, np.ones_like(seen)) * seen)


def _through(p: Array, of_p: Array) -> Array:
    """Through the softmax."""
    return np.asarray(p * (of_p - (p * of_p).sum(-1, keepdims=True)))


@dataclass(frozen=True)
class _Attention:
    """The parts of a case, in float64 with heads of keys and values repeated: each as it is right, or replaced."""

    case: Case
    seen: Array
    scale: float
    weights: Callable[[Array, Array], Array] = _softmax
    own: Callable[[Array], Array] | None = None

    @classmethod
    def of(cls, case: Case, **changed: Any) -> _Attention:
        """As the parameters say, but for what is changed."""
        queries, keys = case.input("q").shape[2], case.input("k").shape[2]
        seen = np.tri(queries, keys, dtype=bool) if case.parameters["causal"] else np.ones((queries, keys), bool)
        given, mask = case.parameters["scale"], case.inputs[3]
        made = {
            "seen": seen if mask is None else seen & mask.astype(bool),
            "scale": case.input("q").shape[3] ** -0.5 if given is None else given,
        }
        return cls(case, **{**made, **changed})

    @property
    def groups(self) -> int:
        return int(self.case.parameters["groups"])

    def shared(self, name: str) -> Array:
        """k or v, each of its heads for as many of the queries as share it."""
        wide = self.case.input(name).astype(np.float64)
        return self.own(wide) if self.own else np.repeat(wide, self.groups, 1)

    @cached_property
    def p(self) -> Array:
        q = self.case.input("q").astype(np.float64)
        return self.weights(self.scale * (q @ self.shared("k").swapaxes(-1, -2)), self.seen)

    @cached_property
    def of_p(self) -> Array:
        return np.asarray(self.case.cotangent.astype(np.float64) @ self.shared("v").swapaxes(-1, -2))

    @property
    def y(self) -> Array:
        return np.asarray(self.p @ self.shared("v"))

    def added(self, a: Array) -> Array:
        """Over the heads that share one."""
        n, heads, *rest = a.shape
        if self.own:
            return np.asarray(a.reshape(n, self.groups, heads // self.groups, *rest).sum(1))
        return np.asarray(a.reshape(n, heads // self.groups, self.groups, *rest).sum(2))

    def q(self, of_s: Array, scale: float | None = None) -> Array:
        return np.asarray((self.scale if scale is None else scale) * (of_s @ self.shared("k")))

    def k(self, of_s: Array, scale: float | None = None) -> Array:
        by = self.scale if scale is None else scale
        return self.added(by * (of_s.swapaxes(-1, -2) @ self.case.input("q").astype(np.float64)))

    def v(self, p: Array) -> Array:
        return self.added(p.swapaxes(-1, -2) @ self.case.cotangent.astype(np.float64))

    def rounded(self, **wrong: Array) -> Mapping[str, Array]:
        """In the dtype of the cotangent."""
        return {name: a.astype(self.case.cotangent.dtype) for name, a in wrong.items()}

    def everything(self, of_s: Array | None = None) -> Mapping[str, Array]:
        """Of a forward that is wrong, too."""
        through = _through(self.p, self.of_p) if of_s is None else of_s
        return self.rounded(y=self.y, q=self.q(through), k=self.k(through), v=self.v(self.p))


def _both(**changed: Callable[[Case], Any]) -> Wrong:
    """Forward and backward agree with each other, on something else."""
    return lambda case: _Attention.of(case, **{n: change(case) for n, change in changed.items()}).everything()


def _backward(**changed: Callable[[Case], Any]) -> Wrong:
    """The same in backward alone."""
    wrong = _both(**changed)
    return lambda case: {name: a for name, a in wrong(case).items() if name != "y"}


def _scores(of_s: Callable[[Array, Array], Array]) -> Wrong:
    """∂J/∂S of P and ∂J/∂P."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        of = _Attention.of(case)
        found = of_s(of.p, of.of_p)
        return of.rounded(q=of.q(found), k=of.k(found))

    return wrong_gradient


def _scale_forgotten(case: Case) -> Mapping[str, Array]:
    of = _Attention.of(case)
    through = _through(of.p, of.of_p)
    return of.rounded(q=of.q(through, 1.0), k=of.k(through, 1.0))


def _values_by_scores(case: Case) -> Mapping[str, Array]:
    of = _Attention.of(case)
    q = case.input("q").astype(np.float64)
    scores = of.scale * (q @ of.shared("k").swapaxes(-1, -2))
    return of.rounded(v=of.v(np.where(of.seen, scores, 0)))


def _not_transposed(case: Case) -> Mapping[str, Array]:
    of = _Attention.of(case)
    through = _through(of.p, of.of_p)
    square = through.shape[-1] == through.shape[-2]
    return of.rounded(k=of.k(through.swapaxes(-1, -2) if square else through))


def _one_head_of_a_group(case: Case) -> Mapping[str, Array]:
    of = _Attention.of(case)
    alone = np.arange(of.p.shape[1]) % of.groups == of.groups - 1
    through = _through(of.p, of.of_p) * alone[:, None, None]
    return of.rounded(k=of.k(through), v=of.v(of.p * alone[:, None, None]))


def _group_averaged(case: Case) -> Mapping[str, Array]:
    of = _Attention.of(case)
    return of.rounded(k=of.k(_through(of.p, of.of_p)) / of.groups, v=of.v(of.p) / of.groups)


def _without_mask(case: Case) -> Array:
    of = _Attention.of(case)
    return np.ones_like(of.seen)


def _as_if_not_causal(case: Case) -> Array:
    return _Attention.of(replace(case, parameters={**case.parameters, "causal": False})).seen


def _causal(shift: Callable[[int, int], int]) -> Callable[[Case], Array]:
    """Which keys are seen where the diagonal lies so far to the right."""

    def seen(case: Case) -> Array:
        of = _Attention.of(case)
        if not case.parameters["causal"]:
            return of.seen
        mask = case.inputs[3]
        queries, keys = of.seen.shape
        moved = np.tri(queries, keys, shift(queries, keys), dtype=bool)
        return moved if mask is None else np.asarray(moved & mask.astype(bool))

    return seen


ATTENTION = tuple(
    Mistake(name, explanation, "W1", wrong_gradient)
    for name, explanation, wrong_gradient in (
        (
            "scale forgotten",
            "The gradients of q and k lack the factor that forward multiplies their product by.",
            _scale_forgotten,
        ),
        (
            "both not scaled",
            "Forward and backward agree with each other, on scores that are not multiplied by the scale.",
            _both(scale=lambda _: 1.0),
        ),
        (
            "scaled by the width",
            "Forward and backward agree with each other, on scores over the width, where it is its root.",
            _both(scale=lambda case: 1 / case.input("q").shape[3]),
        ),
        (
            "weights as constants",
            "Σ P·∂J/∂P was not subtracted, where every weight depends on all scores of its query.",
            _scores(lambda p, of_p: p * of_p),
        ),
        (
            "mean not weighted",
            "The mean of ∂J/∂P was subtracted, where it is the mean weighted by P.",
            _scores(lambda p, of_p: p * (of_p - of_p.mean(-1, keepdims=True))),
        ),
        (
            "sum not weighted",
            "Σ ∂J/∂P was subtracted, where every ∂J/∂P in the sum is multiplied by its P.",
            _scores(lambda p, of_p: p * (of_p - of_p.sum(-1, keepdims=True))),
        ),
        (
            "weight forgotten",
            "∂J/∂P − Σ P·∂J/∂P was not multiplied by P.",
            _scores(lambda p, of_p: of_p - (p * of_p).sum(-1, keepdims=True)),
        ),
        (
            "as a sigmoid",
            "P·(1 − P) was taken for the derivative of the softmax, which is only its diagonal.",
            _scores(lambda p, of_p: p * (1 - p) * of_p),
        ),
        (
            "mask forgotten",
            "Backward computed the weights again without the mask.",
            _backward(seen=_without_mask),
        ),
        (
            "causal forgotten",
            "Backward computed the weights again as if every query saw the keys after it, with no mask but the given one.",
            _backward(seen=_as_if_not_causal),
        ),
        (
            "masked after the softmax",
            "Forward and backward agree with each other, on weights that were set to 0 and do not add to 1 any more.",
            _both(weights=lambda _: _masked_after),
        ),
        (
            "next key seen",
            "Forward and backward let each query see the key after it, where causal ends at its own.",
            _both(seen=_causal(lambda _, __: 1)),
        ),
        (
            "causal from the last key",
            "Forward and backward align queries and keys at their ends, where query t sees keys up to t from the start.",
            _both(seen=_causal(lambda queries, keys: keys - queries)),
        ),
        (
            "softmax over queries",
            "Forward and backward agree with each other, on weights that add to 1 over queries, where it is over keys.",
            _both(weights=lambda _: _over_queries),
        ),
        (
            "values by scores",
            "The gradient of v took the scores, where forward multiplies it by their softmax.",
            _values_by_scores,
        ),
        (
            "scores not transposed",
            "The gradient of k took ∂J/∂S by queries, where it sums over them; shapes tell only where it is not square.",
            _not_transposed,
        ),
        (
            "heads interleaved",
            "Forward and backward have head h of the queries look at head h modulo their number, where it is h // groups.",
            _both(own=lambda case: lambda a: np.tile(a, (1, case.parameters["groups"], 1, 1))),
        ),
        (
            "one head of a group",
            "The gradients of k and v are those of the last head that shares them, where each adds its own.",
            _one_head_of_a_group,
        ),
        (
            "group averaged",
            "The gradients of k and v are the mean over the heads that share them, where the chain rule sums.",
            _group_averaged,
        ),
    )
)
