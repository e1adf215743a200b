"""Group, instance and inference norms, right in other arithmetic than the reference's: what no law may reject."""

from __future__ import annotations

import numpy as np


def _laid(numbers, x):
    """One number for each channel of x."""
    return numbers.reshape(-1, *(1,) * (x.ndim - 2))


def _over(x):
    """All axes but the channels."""
    return (0, *range(2, x.ndim))


class GroupNormOfOnePass:
    """v = mean x² − (mean x)², which one reading of x gives; sums, divided by their number at the end."""

    def forward(self, x, gamma, beta, *, groups, eps):
        mean, inverse = self._statistics(x, groups, eps)
        y = ((self._split(x, groups) - mean) * inverse).reshape(x.shape)
        y = y if gamma is None else y * _laid(gamma, x)
        return y if beta is None else y + _laid(beta, x)

    def backward(self, g, x, gamma, beta, *, groups, eps):
        mean, inverse = self._statistics(x, groups, eps)
        normal = (self._split(x, groups) - mean) * inverse
        h = self._split(g if gamma is None else g * _laid(gamma, x), groups)
        sums, n = [a.sum(2, keepdims=True) for a in (h, h * normal)], h.shape[2]
        grad_x = (inverse * (h - (sums[0] + normal * sums[1]) / n)).reshape(x.shape)
        of_gamma = None if gamma is None else (g * normal.reshape(x.shape)).sum(_over(x))
        return grad_x, of_gamma, None if beta is None else g.sum(_over(x))

    @staticmethod
    def _split(a, groups):
        return a.reshape(len(a), groups, a.size // max(1, len(a) * groups))

    def _statistics(self, x, groups, eps):
        rows = self._split(x, groups)
        mean, square = (a.mean(2, keepdims=True) for a in (rows, rows * rows))
        return mean, 1 / np.sqrt(square - mean * mean + eps)


class GroupNormGroupByGroup:
    """Loops over samples and groups, through x̂, σ and μ one after another; parameters by adding sample after sample."""

    def forward(self, x, gamma, beta, *, groups, eps):
        y = np.empty_like(x)
        for part in self._parts(x, groups):
            y[part] = self._normalised(x[part], eps)[0]
        y = y if gamma is None else _laid(gamma, x) * y
        return y if beta is None else y + _laid(beta, x)

    def backward(self, g, x, gamma, beta, *, groups, eps):
        grad_x, normals = np.empty_like(x), np.empty_like(x)
        h = g if gamma is None else g * _laid(gamma, x)
        for part in self._parts(x, groups):
            normal, centred, deviation = self._normalised(x[part], eps)
            d_deviation = -(h[part] * centred).sum() / deviation**2
            d_centred = h[part] / deviation + d_deviation / deviation * centred / centred.size
            grad_x[part], normals[part] = d_centred - d_centred.mean(), normal
        grad_gamma, grad_beta = (None if a is None else np.zeros_like(a) for a in (gamma, beta))
        for own, normal in zip(reversed(g), reversed(normals), strict=True):
            if gamma is not None:
                grad_gamma += (own * normal).reshape(len(gamma), -1).sum(1)
            if beta is not None:
                grad_beta += own.reshape(len(beta), -1).sum(1)
        return grad_x, grad_gamma, grad_beta

    @staticmethod
    def _parts(x, groups):
        each = x.shape[1] // groups
        return [(n, slice(k * each, (k + 1) * each)) for n in range(len(x)) for k in reversed(range(groups))]

    @staticmethod
    def _normalised(part, eps):
        centred = part - part.mean()
        deviation = np.sqrt((centred * centred).mean() + part.dtype.type(eps))
        return centred / deviation, centred, deviation


class InstanceNormByRows:
    """A row for each channel of each sample; γ and β repeated for each sample, and their gradients added."""

    def forward(self, x, gamma, beta, *, eps):
        rows, normal, _ = self._rows(x, eps)
        scale, shift = (self._repeated(a, x, n) for n, a in ((1, gamma), (0, beta)))
        return (scale * (rows * normal) + shift).reshape(x.shape)

    def backward(self, g, x, gamma, beta, *, eps):
        rows, inverse, n = self._rows(x, eps)
        h = g.reshape(rows.shape) * self._repeated(gamma, x, 1)
        mean, along = (h.sum(1) / n)[:, None], ((h * rows).sum(1) / n)[:, None] * inverse
        of_x = (h - mean) * inverse - rows * inverse * along * inverse
        sums = ((g.reshape(rows.shape) * a).sum(1).reshape(x.shape[:2]).sum(0) for a in (rows * inverse, 1))
        return of_x.reshape(x.shape), *(None if a is None else of for a, of in zip((gamma, beta), sums, strict=True))

    @staticmethod
    def _repeated(numbers, x, otherwise):
        own = np.full(x.shape[1], otherwise, x.dtype) if numbers is None else numbers
        return np.tile(own, len(x))[:, None]

    @staticmethod
    def _rows(x, eps):
        """What is left of each row without its mean, 1/σ, and how many numbers a row has."""
        rows = x.reshape(x.shape[0] * x.shape[1], int(np.prod(x.shape[2:])))
        centred = rows - rows.mean(1, keepdims=True)
        return centred, 1 / np.sqrt(centred.var(1, keepdims=True) + x.dtype.type(eps)), x.dtype.type(rows.shape[1])


class InstanceNormByMatrices:
    """Each channel of each sample multiplied by I − 1/m, and its gradient by the Jacobian as a matrix."""

    def forward(self, x, gamma, beta, *, eps):
        normal = self._normalised(x, eps)[0].reshape(x.shape)
        y = normal if gamma is None else normal * _laid(gamma, x)
        return y if beta is None else y + _laid(beta, x)

    def backward(self, g, x, gamma, beta, *, eps):
        normal, inverse, centring = self._normalised(x, eps)
        h = (g if gamma is None else g * _laid(gamma, x)).reshape(normal.shape)
        along = np.einsum("nci,nci->nc", h, normal)[..., None] / max(1, h.shape[2])
        grad_x = inverse * (np.einsum("ij,ncj->nci", centring, h) - normal * along)
        of_gamma = None if gamma is None else np.einsum("nci,nci->c", g.reshape(normal.shape), normal)
        of_beta = None if beta is None else np.einsum("nci->c", g.reshape(normal.shape))
        return grad_x.reshape(x.shape), of_gamma, of_beta

    @staticmethod
    def _normalised(x, eps):
        rows = x.reshape(*x.shape[:2], int(np.prod(x.shape[2:])))
        m = rows.shape[2]
        centring = np.eye(m, dtype=x.dtype) - x.dtype.type(1 / m)
        centred = np.einsum("ij,ncj->nci", centring, rows)
        inverse = 1 / np.sqrt(np.einsum("nci,nci->nc", centred, centred)[..., None] / m + eps)
        return centred * inverse, inverse, centring


class InferenceFolded:
    """y = x·a + b, with a and b made of statistics, scale and shift once, as it is folded into a convolution."""

    def forward(self, x, running_mean, running_var, gamma, beta, *, eps):
        a = self._scale(running_var, gamma, eps)
        b = -running_mean * a if beta is None else beta - running_mean * a
        return x * _laid(a, x) + _laid(b, x)

    def backward(self, g, x, running_mean, running_var, gamma, beta, *, eps):
        of_a, of_b = (g * x).sum(_over(x)), g.sum(_over(x))
        of_gamma = (of_a - running_mean * of_b) * self._scale(running_var, None, eps)
        of_x = g * _laid(self._scale(running_var, gamma, eps), x)
        return of_x, None, None, None if gamma is None else of_gamma, None if beta is None else of_b

    @staticmethod
    def _scale(variance, gamma, eps):
        inverse = (variance + variance.dtype.type(eps)) ** variance.dtype.type(-0.5)
        return inverse if gamma is None else gamma * inverse


class InferenceByDivision:
    """As it is written: a difference over a root; the parameters by adding sample after sample, last first."""

    def forward(self, x, running_mean, running_var, gamma, beta, *, eps):
        y = self._normalised(x, running_mean, running_var, eps)
        y = y if gamma is None else _laid(gamma, x) * y
        return y if beta is None else y + _laid(beta, x)

    def backward(self, g, x, running_mean, running_var, gamma, beta, *, eps):
        normal = self._normalised(x, running_mean, running_var, eps)
        h = g if gamma is None else g * _laid(gamma, x)
        of_x = h / _laid(np.sqrt(running_var + running_var.dtype.type(eps)), x)
        affine = []
        for a, factor in ((gamma, normal), (beta, np.ones_like(normal))):
            total = np.zeros(x.shape[1], x.dtype)
            for own, other in zip(reversed(g), reversed(factor), strict=True):
                total += (own * other).reshape(len(total), -1).sum(1)
            affine.append(None if a is None else total)
        return of_x, None, None, *affine

    @staticmethod
    def _normalised(x, mean, variance, eps):
        return (x - _laid(mean, x)) / np.sqrt(_laid(variance, x) + x.dtype.type(eps))


BY_OP = {
    "group_norm": {GroupNormOfOnePass: "float64", GroupNormGroupByGroup: "float32"},
    "instance_norm": {InstanceNormByRows: "float64", InstanceNormByMatrices: "float32"},
    "batch_norm_inference": {InferenceFolded: "float32", InferenceByDivision: "float64"},
}
