"""Activations, dropout and losses, right in other arithmetic than the reference's: what no law may reject."""

from __future__ import annotations

import numpy as np


class SigmoidByTanh:
    """σ(x) = (1 + tanh(x/2)) / 2, σ' = (1 − tanh²(x/2)) / 4."""

    def forward(self, x):
        return (1 + np.tanh(x / 2)) / 2

    def backward(self, g, x):
        return (g * (1 - np.tanh(x / 2) ** 2) / 4,)


class FamiliarSigmoid:
    """σ = 1 / (1 + e^{−x}) on both sides of 0, σ' = σ(1 − σ)."""

    def forward(self, x):
        return 1 / (1 + np.exp(-x))

    def backward(self, g, x):
        y = self.forward(x)
        return (g * y * (1 - y),)


class TanhByExponentials:
    """tanh x = (e^{2x} − 1) / (e^{2x} + 1), tanh' = 1 − tanh²."""

    def forward(self, x):
        e = np.exp(2 * x)
        return (e - 1) / (e + 1)

    def backward(self, g, x):
        return (g * (1 - self.forward(x) ** 2),)


class TanhBySigmoid:
    """tanh x = 2σ(2x) − 1, tanh' = 4σ(2x)(1 − σ(2x))."""

    def forward(self, x):
        return 2 * self._sigmoid(x) - 1

    def backward(self, g, x):
        s = self._sigmoid(x)
        return (4 * g * s * (1 - s),)

    @staticmethod
    def _sigmoid(x):
        return 1 / (1 + np.exp(-2 * x))


class ReluByProduct:
    """x · [x > 0]; the derivative at 0 is 0."""

    def forward(self, x):
        return x * (x > 0)

    def backward(self, g, x):
        return (g * (x > 0),)


class ReluByAbsoluteValue:
    """(x + |x|) / 2 and (1 + sign x) / 2; the derivative at 0 is 1/2."""

    def forward(self, x):
        return (x + np.abs(x)) / 2

    def backward(self, g, x):
        return (g * ((1 + np.sign(x)) / 2),)


class ReluWithOneAtZero:
    """0 where x < 0; the derivative at 0 is 1."""

    def forward(self, x):
        return np.where(x < 0, 0, x)

    def backward(self, g, x):
        return (np.where(x < 0, 0, g),)


class LeakyByParts:
    """max(x, 0) + α·min(x, 0), one of which is 0; the derivative at 0 is α."""

    def forward(self, x, *, negative_slope):
        return np.maximum(x, 0) + x.dtype.type(negative_slope) * np.minimum(x, 0)

    def backward(self, g, x, *, negative_slope):
        return ((x > 0) * g + (x <= 0) * (x.dtype.type(negative_slope) * g),)


class LeakyByChoice:
    """x where x ≥ 0; the derivative at 0 is 1, as with np.where and the other comparison."""

    def forward(self, x, *, negative_slope):
        return np.where(x >= 0, x, x.dtype.type(negative_slope) * x)

    def backward(self, g, x, *, negative_slope):
        return (g * np.where(x >= 0, x.dtype.type(1), x.dtype.type(negative_slope)),)


class LeakyHalfwayAtZero:
    """g times the derivative, which is 1, α or, at 0, the mean of the two."""

    def forward(self, x, *, negative_slope):
        return np.where(x > 0, x, x * x.dtype.type(negative_slope))

    def backward(self, g, x, *, negative_slope):
        left, middle = (x.dtype.type(slope) for slope in (negative_slope, (1 + negative_slope) / 2))
        return (g * np.where(x > 0, x.dtype.type(1), np.where(x < 0, left, middle)),)


class SoftmaxWithoutMaximum:
    """e^x over its sum, nothing taken off first; the gradient by the whole Jacobian, diag(y) − y·yᵀ."""

    def forward(self, x, *, axis):
        e = np.exp(x)
        return e / e.sum(axis, keepdims=True)

    def backward(self, g, x, *, axis):
        y, g = (np.moveaxis(a, axis, -1) for a in (self.forward(x, axis=axis), g))
        jacobian = y[..., None] * np.eye(y.shape[-1], dtype=y.dtype) - y[..., None] * y[..., None, :]
        return (np.moveaxis((jacobian @ g[..., None])[..., 0], -1, axis),)


class SoftmaxByLogarithms:
    """e^{x − log Σ e^x}, and y · (g − Σ g·y) as it stands."""

    def forward(self, x, *, axis):
        return np.exp(x - np.log(np.exp(x).sum(axis, keepdims=True)))

    def backward(self, g, x, *, axis):
        y = self.forward(x, axis=axis)
        return (y * (g - (g * y).sum(axis, keepdims=True)),)


class DropoutByScaledMask:
    """x · (mask · (1 / (1 − p))): the scale is taken into the mask."""

    def forward(self, x, mask, *, p):
        return x * (mask * (1 / (1 - p)))

    def backward(self, g, x, mask, *, p):  # noqa: ARG002, the protocol's
        return self.forward(g, mask, p=p), None


class DropoutByChoice:
    """x / (1 − p) or 0, p and 1 − p in the dtype of x."""

    def forward(self, x, mask, *, p):
        return np.where(mask == 1, x / (1 - x.dtype.type(p)), 0)

    def backward(self, g, x, mask, *, p):  # noqa: ARG002, the protocol's
        return self.forward(g, mask, p=p), None


class EuclideanMultipliedOut:
    """(Σp² − 2Σpt + Σt²) / 2N, and p·(g/N) − t·(g/N)."""

    def forward(self, prediction, target, *, reduction):
        p, t = prediction, target
        return ((p * p).sum() - 2 * (p * t).sum() + (t * t).sum()) / (2 * self._count(p, reduction))

    def backward(self, g, prediction, target, *, reduction):
        scale = g / self._count(prediction, reduction)
        grad = prediction * scale - target * scale
        return grad, -grad

    @staticmethod
    def _count(p, reduction):
        return len(p) if reduction == "mean" else 1


class EuclideanSampleBySample:
    """Adds up ‖pₙ − tₙ‖²/2, or that over N, one sample after another and element by element."""

    def forward(self, prediction, target, *, reduction):
        share = self._share(prediction, reduction)
        loss = prediction.dtype.type(0)
        for p, t in zip(prediction, target, strict=True):
            distance = prediction.dtype.type(0)
            for difference in (p - t).ravel():
                distance = distance + difference * difference
            loss = loss + distance / 2 * share
        return loss

    def backward(self, g, prediction, target, *, reduction):
        share = self._share(prediction, reduction)
        grad = np.zeros_like(prediction)
        for n, (p, t) in enumerate(zip(prediction, target, strict=True)):
            grad[n] = share * (g * (p - t))
        return grad, -grad

    @staticmethod
    def _share(p, reduction):
        return p.dtype.type(1 / len(p) if reduction == "mean" else 1)


class EntropyBySoftmax:
    """−log of the softmax, which is e^x over its sum with nothing taken off first."""

    def forward(self, logits, target, *, reduction):
        probabilities = SoftmaxWithoutMaximum().forward(logits, axis=1)
        losses = -np.log(np.take_along_axis(probabilities, target[:, None], 1))
        return losses.mean() if reduction == "mean" else losses.sum()

    def backward(self, g, logits, target, *, reduction):
        grad = SoftmaxWithoutMaximum().forward(logits, axis=1)
        chosen = np.take_along_axis(grad, target[:, None], 1) - 1
        np.put_along_axis(grad, target[:, None], chosen, 1)
        return g * grad / (target.size if reduction == "mean" else 1), None


class EntropyByOneHot:
    """−Σ one-hot · log-softmax; the gradient is that of this sum: e^{log-softmax} · Σ one-hot − one-hot."""

    def forward(self, logits, target, *, reduction):
        one_hot, logarithms, share = self._parts(logits, target, reduction)
        return -(one_hot * logarithms * share).sum()

    def backward(self, g, logits, target, *, reduction):
        one_hot, logarithms, share = self._parts(logits, target, reduction)
        back = -g * share * one_hot
        return back - np.exp(logarithms) * back.sum(1, keepdims=True), None

    @staticmethod
    def _parts(logits, target, reduction):
        shifted = logits - logits.max(1, keepdims=True)
        logarithms = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
        one_hot = np.moveaxis(np.eye(logits.shape[1], dtype=logits.dtype)[target], -1, 1)
        return one_hot, logarithms, logits.dtype.type(1 / target.size if reduction == "mean" else 1)


BY_OP = {
    "sigmoid": {SigmoidByTanh: "float32", FamiliarSigmoid: "float64"},
    "tanh": {TanhByExponentials: "float32", TanhBySigmoid: "float64"},
    "relu": {ReluByProduct: "float32", ReluByAbsoluteValue: "float16", ReluWithOneAtZero: "float64"},
    "leaky_relu": {LeakyByParts: "float32", LeakyByChoice: "float16", LeakyHalfwayAtZero: "float64"},
    "softmax": {SoftmaxWithoutMaximum: "float64", SoftmaxByLogarithms: "float32"},
    "dropout": {DropoutByScaledMask: "float32", DropoutByChoice: "float16"},
    "euclidean_loss": {EuclideanMultipliedOut: "float32", EuclideanSampleBySample: "float64"},
    "cross_entropy": {EntropyBySoftmax: "float64", EntropyByOneHot: "float32"},
}
