"""Losses, right in other arithmetic than the reference's: what no law may reject."""

from __future__ import annotations

import numpy as np


def _many(a, reduction):
    """What a reduction divides by, in the dtype of the array."""
    return a.dtype.type(max(1, {"mean": a.size, "batchmean": len(a), "sum": 1}[reduction]))


def _total(losses, reduction):
    """The last first, one after another."""
    return np.asarray(losses.ravel()[::-1].sum(dtype=np.float32 if losses.dtype == np.float16 else None)) / float(
        _many(losses, reduction) if losses.size or reduction == "sum" else np.nan
    )


class HuberByCases:
    """The two formulas, and which of them holds."""

    def forward(self, prediction, target, *, delta, reduction):
        d = prediction - target
        size = np.abs(d)
        losses = np.where(size <= delta, d * d / 2, delta * (size - delta / 2)).astype(d.dtype)
        return _total(losses, reduction).astype(d.dtype)

    def backward(self, g, prediction, target, *, delta, reduction):
        d = prediction - target
        slope = np.where(np.abs(d) <= delta, d, delta * np.sign(d)).astype(d.dtype)
        of_p = slope * (g / _many(d, reduction))
        return of_p, -of_p


class HuberByExcess:
    """Half the square of what is within δ, and δ times what is beyond, as Keras has it."""

    def forward(self, prediction, target, *, delta, reduction):
        d = prediction - target
        near = np.minimum(np.abs(d), d.dtype.type(delta))
        losses = near * near / 2 + d.dtype.type(delta) * (np.abs(d) - near)
        return _total(losses, reduction).astype(d.dtype)

    def backward(self, g, prediction, target, *, delta, reduction):
        d = prediction - target
        slope = np.copysign(np.minimum(np.abs(d), d.dtype.type(delta)), d)
        share = g / _many(d, reduction)
        return share * slope, slope * -share


class SmoothL1ByHuber:
    """The Huber loss over β."""

    huber = HuberByCases()

    def forward(self, prediction, target, *, beta, reduction):
        y = self.huber.forward(prediction, target, delta=beta, reduction=reduction)
        return np.asarray(y / y.dtype.type(beta))

    def backward(self, g, prediction, target, *, beta, reduction):
        found = self.huber.backward(g, prediction, target, delta=beta, reduction=reduction)
        return tuple(a / a.dtype.type(beta) for a in found)


class SmoothL1InUnits:
    """d in units of β, and β times the loss of that."""

    def forward(self, prediction, target, *, beta, reduction):
        u = np.abs(prediction - target) / prediction.dtype.type(beta)
        losses = np.where(u <= 1, u * u / 2, u - u.dtype.type(0.5)) * u.dtype.type(beta)
        return _total(losses, reduction).astype(u.dtype)

    def backward(self, g, prediction, target, *, beta, reduction):
        u = (prediction - target) / prediction.dtype.type(beta)
        slope = np.where(np.abs(u) <= 1, u, np.sign(u))
        of_p = np.asarray(g) * slope / _many(u, reduction)
        return of_p, -of_p


class DivergenceByEntropies:
    """Cross-entropy less entropy, each summed by itself."""

    def forward(self, x, target, *, log_target, reduction):
        p, logarithm = self._of(target, log_target)
        total = _total(p * logarithm, reduction) - _total(p * x, reduction)
        return np.asarray(total).astype(x.dtype)

    def backward(self, g, x, target, *, log_target, reduction):
        p, logarithm = self._of(target, log_target)
        share = g / _many(x, reduction)
        inner = (1 + logarithm) - x
        return -(p * share), (p * inner if log_target else inner) * share

    @staticmethod
    def _of(target, log_target):
        return (np.exp(target), target) if log_target else (target, np.log(target))


class DivergenceByRatio:
    """−t·log(e^x / t), and in base 2."""

    def forward(self, x, target, *, log_target, reduction):
        p, ratio = self._of(x, target, log_target)
        return _total(-p * ratio, reduction).astype(x.dtype)

    def backward(self, g, x, target, *, log_target, reduction):
        p, ratio = self._of(x, target, log_target)
        share = np.asarray(g) / _many(x, reduction)
        slope = share - share * ratio
        return share * -p, slope * p if log_target else slope

    @staticmethod
    def _of(x, target, log_target):
        """t, and x − log t."""
        if log_target:
            return np.exp2(target * target.dtype.type(1 / np.log(2))), x - target
        return target, x - np.log2(target) * x.dtype.type(np.log(2))


class BinaryAsTorch:
    """(1 − t)·x + (1 + (q − 1)·t)·softplus(−x), and its derivative as it stands."""

    def forward(self, logits, target, pos_weight, *, reduction):
        count = 1 + (self._positive(pos_weight, logits) - 1) * target
        softplus = np.log1p(np.exp(-np.abs(logits))) + np.maximum(-logits, 0)
        return _total((1 - target) * logits + count * softplus, reduction).astype(logits.dtype)

    def backward(self, g, logits, target, pos_weight, *, reduction):
        count = 1 + (self._positive(pos_weight, logits) - 1) * target
        sigma = 1 / (1 + np.exp(-logits))
        return (1 - target - count * (1 - sigma)) * (g / _many(logits, reduction)), None, None

    @staticmethod
    def _positive(pos_weight, x):
        return x.dtype.type(1) if pos_weight is None else pos_weight


class BinaryByTwoClasses:
    """A softmax of x and 0, whose logarithm is taken."""

    def forward(self, logits, target, pos_weight, *, reduction):
        zero = np.zeros_like(logits)
        total = np.logaddexp(logits, zero)
        positive = target if pos_weight is None else target * pos_weight
        return _total(positive * (total - logits) + (1 - target) * total, reduction).astype(logits.dtype)

    def backward(self, g, logits, target, pos_weight, *, reduction):
        half = (1 + np.tanh(logits / 2)) / 2
        positive = target if pos_weight is None else target * pos_weight
        slope = half * (positive + 1 - target) - positive
        return np.asarray(g) * slope / _many(logits, reduction), None, None


class CrossEntropyByLogSoftmax:
    """Log softmax, gathered for the right class and averaged for the smoothing, as torch has it; then their gradients."""

    def forward(self, logits, target, weight, *, label_smoothing, ignore_index, reduction):
        logarithm, w, counts, own = self._parts(logits, target, weight, ignore_index)
        kept = np.where(counts, target, 0)[:, None]
        right = -np.take_along_axis(logarithm, kept, 1)[:, 0] * own
        uniform = -(logarithm * w).sum(1) * counts / logits.dtype.type(logits.shape[1])
        total = (1 - label_smoothing) * right.sum() + label_smoothing * uniform.sum()
        return np.asarray(total / (own.sum() if reduction == "mean" else 1), logits.dtype)

    def backward(self, g, logits, target, weight, *, label_smoothing, ignore_index, reduction):
        logarithm, w, counts, own = self._parts(logits, target, weight, ignore_index)
        share = g / (own.sum() or 1) if reduction == "mean" else g
        of = -label_smoothing / logits.shape[1] * w * counts[:, None] * np.ones_like(logits)
        kept = np.where(counts, target, 0)[:, None]
        at = np.take_along_axis(of, kept, 1) - (1 - label_smoothing) * own[:, None]
        np.put_along_axis(of, kept, at.astype(of.dtype), 1)
        slope = of - np.exp(logarithm) * of.sum(1, keepdims=True)
        return (slope * share).astype(logits.dtype), None, None

    @staticmethod
    def _parts(logits, target, weight, ignored):
        less = logits - logits.max(1, keepdims=True)
        logarithm = less - np.log(np.exp(less).sum(1, keepdims=True))
        one = np.ones(logits.shape[1], logits.dtype) if weight is None else weight
        counts = (target != ignored).astype(logits.dtype)
        own = one[np.where(target == ignored, 0, target)] * counts
        return logarithm, one.reshape(-1, *(1,) * (logits.ndim - 2)), counts, own


class CrossEntropyPositionByPosition:
    """A loop over positions, each with its own row of weights."""

    def forward(self, logits, target, weight, *, label_smoothing, ignore_index, reduction):
        total = many = 0.0
        for at, right in np.ndenumerate(target):
            if right != ignore_index:
                a, own = self._row(logits, weight, right, label_smoothing)
                x = self._logits(logits, at)
                total += float((a * (np.log(np.exp(x - x.max()).sum()) + (x.max() - x))).sum())
                many += float(own)
        return np.asarray(total / (many or np.nan) if reduction == "mean" else total, logits.dtype)

    def backward(self, g, logits, target, weight, *, label_smoothing, ignore_index, reduction):
        grad, many = np.zeros_like(logits), 0.0
        for at, right in np.ndenumerate(target):
            if right != ignore_index:
                a, own = self._row(logits, weight, right, label_smoothing)
                x = self._logits(logits, at)
                p = np.exp(x - x.max())
                self._logits(grad, at)[:] = p / p.sum() * a.sum() - a
                many += float(own)
        return grad * logits.dtype.type(g / (many or 1) if reduction == "mean" else g), None, None

    @staticmethod
    def _logits(logits, at):
        return logits[(at[0], slice(None), *at[1:])]

    @staticmethod
    def _row(logits, weight, right, smoothing):
        w = np.ones(logits.shape[1], logits.dtype) if weight is None else weight
        a = np.full(len(w), smoothing / len(w), logits.dtype) * w
        a[right] += (1 - smoothing) * w[right]
        return a, w[right]


class HingeClassByClass:
    """Loops over samples and classes; a class on the margin counts."""

    def forward(self, logits, target, *, margin, reduction):
        total = 0.0
        for x, t in zip(logits, target, strict=True):
            total += sum(max(0.0, float(x[j] - x[t]) + margin) for j in range(len(x)) if j != t)
        return np.asarray(total / logits.shape[1] / self._many(logits, reduction), logits.dtype)

    def backward(self, g, logits, target, *, margin, reduction):
        grad = np.zeros_like(logits)
        for own, x, t in zip(grad, logits, target, strict=True):
            for j in range(len(x)):
                if j != t and float(x[j] - x[t]) + margin >= 0:
                    own[j] += 1
                    own[t] -= 1
        return grad * (g / logits.dtype.type(logits.shape[1] * (self._many(logits, reduction) or 1))), None

    @staticmethod
    def _many(logits, reduction):
        return np.float64(len(logits) if reduction == "mean" else 1)


class HingeByMargins:
    """What is short of the margin, by differences of all pairs; a class on the margin counts half."""

    def forward(self, logits, target, *, margin, reduction):
        above, own = self._above(logits, target, margin)
        total = (above * ~own).sum(1).astype(np.float64) / logits.shape[1]
        with np.errstate(invalid="ignore"):
            return np.asarray(total.sum() / np.float64(len(logits) if reduction == "mean" else 1), logits.dtype)

    def backward(self, g, logits, target, *, margin, reduction):
        gap = logits.dtype.type(margin) - (np.take_along_axis(logits, target[:, None], 1) - logits)
        _, own = self._above(logits, target, margin)
        pulls = np.where(own, 0, (np.sign(gap) + 1) / 2)
        pulls = np.where(own, -pulls.sum(1, keepdims=True), pulls)
        many = logits.shape[1] * (max(1, len(logits)) if reduction == "mean" else 1)
        return (pulls * g / many).astype(logits.dtype), None

    @staticmethod
    def _above(logits, target, margin):
        gap = logits.dtype.type(margin) - (np.take_along_axis(logits, target[:, None], 1) - logits)
        return (gap + np.abs(gap)) / 2, np.arange(logits.shape[1]) == target[:, None]


BY_OP = {
    "huber": {HuberByCases: "float32", HuberByExcess: "float64"},
    "smooth_l1": {SmoothL1ByHuber: "float64", SmoothL1InUnits: "float32"},
    "kl_div": {DivergenceByEntropies: "float64", DivergenceByRatio: "float32"},
    "bce_with_logits": {BinaryAsTorch: "float32", BinaryByTwoClasses: "float64"},
    "weighted_cross_entropy": {CrossEntropyByLogSoftmax: "float32", CrossEntropyPositionByPosition: "float64"},
    "hinge": {HingeClassByClass: "float64", HingeByMargins: "float32"},
}
