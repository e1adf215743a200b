"""Linear layers and normalisations, right in other arithmetic than the reference's: what no law may reject."""

from __future__ import annotations

from math import prod

import numpy as np


class LinearByEinsum:
    """Every sum by einsum, which multiplies no matrices."""

    def forward(self, x, weight, bias):
        y = np.einsum("...i,oi->...o", x, weight)
        return y if bias is None else y + bias

    def backward(self, g, x, weight, bias):
        grad_weight = np.einsum("no,ni->oi", _rows(g), _rows(x))
        return (
            np.einsum("...o,oi->...i", g, weight),
            grad_weight,
            None if bias is None else np.einsum("no->o", _rows(g)),
        )


class LinearSampleBySample:
    """Adds sample after sample, and feature after feature, last first, rounding after each."""

    def forward(self, x, weight, bias):
        y = np.zeros((*x.shape[:-1], len(weight)), x.dtype)
        for i in reversed(range(x.shape[-1])):
            y += x[..., i, None] * weight[:, i]
        return y if bias is None else y + bias

    def backward(self, g, x, weight, bias):
        grad_x, grad_weight = np.zeros_like(x), np.zeros_like(weight)
        grad_bias = None if bias is None else np.zeros_like(bias)
        for o in reversed(range(len(weight))):
            grad_x += g[..., o, None] * weight[o]
        for row_g, row_x in zip(reversed(_rows(g)), reversed(_rows(x)), strict=True):
            grad_weight += row_g[:, None] * row_x
            if bias is not None:
                grad_bias += row_g
        return grad_x, grad_weight, grad_bias


def _rows(a):
    return a.reshape(prod(a.shape[:-1]), a.shape[-1])


class BatchNormOfOnePass:
    """v = mean x² − (mean x)², which one reading of x gives; y = x·scale + shift; the gradient collected per channel."""

    def forward(self, x, gamma, beta, *, eps):
        mean, inverse = self._statistics(x, eps)
        return (x - mean) * (inverse * _laid(gamma, x)) + _laid(beta, x)

    def backward(self, g, x, gamma, beta, *, eps):  # noqa: ARG002, the protocol's
        over, m = _over(x), prod(x.shape) // x.shape[1]
        mean, inverse = self._statistics(x, eps)
        normal = (x - mean) * inverse
        sum_g, sum_gx = g.sum(over, keepdims=True), (g * normal).sum(over, keepdims=True)
        grad_x = _laid(gamma, x) * inverse * (g - (sum_g + normal * sum_gx) / m)
        return grad_x, sum_gx.ravel(), sum_g.ravel()

    @staticmethod
    def _statistics(x, eps):
        mean, square = (a.mean(_over(x), keepdims=True) for a in (x, x * x))
        return mean, 1 / np.sqrt(square - mean * mean + eps)


class BatchNormByChainRule:
    """The gradients of the paper, one after another: x̂, v, μ, x (Ioffe and Szegedy 2015, section 3)."""

    def forward(self, x, gamma, beta, *, eps):
        centred, v = self._statistics(x)
        return _laid(gamma, x) * (centred / np.sqrt(v + eps)) + _laid(beta, x)

    def backward(self, g, x, gamma, beta, *, eps):  # noqa: ARG002, the protocol's
        over, m = _over(x), prod(x.shape) // x.shape[1]
        centred, v = self._statistics(x)
        inverse = 1 / np.sqrt(v + eps)
        d_normal = g * _laid(gamma, x)
        d_v = (d_normal * centred).sum(over, keepdims=True) * (-1 / 2) * (v + eps) ** (-3 / 2)
        d_mean = (d_normal * -inverse).sum(over, keepdims=True) + d_v * (-2 * centred).mean(over, keepdims=True)
        grad_x = d_normal * inverse + d_v * (2 * centred / m) + d_mean / m
        return grad_x, (g * centred * inverse).sum(over), g.sum(over)

    @staticmethod
    def _statistics(x):
        centred = x - x.mean(_over(x), keepdims=True)
        return centred, (centred**2).mean(_over(x), keepdims=True)


def _over(x):
    """All axes but the channels."""
    return (0, *range(2, x.ndim))


def _laid(numbers, x):
    """One number for each channel of x."""
    return numbers.reshape(-1, *(1,) * (x.ndim - 2))


class LayerNormOfOnePass:
    """v = mean x² − (mean x)², which one reading of x gives; the gradient with sums, divided by n at the end."""

    def forward(self, x, gamma, beta, *, eps):
        mean, inverse = self._statistics(x, _last(x, gamma, beta), eps)
        y = (x - mean) * inverse
        y = y if gamma is None else y * gamma
        return y if beta is None else y + beta

    def backward(self, g, x, gamma, beta, *, eps):
        over = _last(x, gamma, beta)
        mean, inverse = self._statistics(x, over, eps)
        normal, h = (x - mean) * inverse, g if gamma is None else g * gamma
        n = prod(x.shape[axis] for axis in over)
        sums = (a.sum(over, keepdims=True) for a in (h, h * normal))
        grad_x = inverse / n * (n * h - next(sums) - normal * next(sums))
        lead = tuple(range(over[0]))
        return grad_x, None if gamma is None else (g * normal).sum(lead), None if beta is None else g.sum(lead)

    @staticmethod
    def _statistics(x, over, eps):
        mean, square = (a.mean(over, keepdims=True) for a in (x, x * x))
        return mean, 1 / np.sqrt(square - mean * mean + eps)


class LayerNormByChainRule:
    """Row by row through x̂, σ, v, μ, one after another, and γ and β by adding row after row, last first."""

    def forward(self, x, gamma, beta, *, eps):
        shape, rows = x.shape, self._rows(x, gamma, beta)
        y = np.stack([self._normalised(row, eps)[0] for row in rows]) if len(rows) else rows
        y = y if gamma is None else gamma.ravel() * y
        return (y if beta is None else y + beta.ravel()).reshape(shape)

    def backward(self, g, x, gamma, beta, *, eps):
        rows, cotangents = (self._rows(a, gamma, beta) for a in (x, g))
        grad_x = np.empty_like(rows)
        grad_gamma, grad_beta = (None if a is None else np.zeros_like(a) for a in (gamma, beta))
        for r in reversed(range(len(rows))):
            normal, centred, deviation = self._normalised(rows[r], eps)
            d_normal = cotangents[r] if gamma is None else cotangents[r] * gamma.ravel()
            d_deviation = -(d_normal * centred).sum() / deviation**2
            d_centred = d_normal / deviation + d_deviation / deviation * centred / len(centred)
            grad_x[r] = d_centred - d_centred.mean()
            if gamma is not None:
                grad_gamma += (cotangents[r] * normal).reshape(gamma.shape)
            if beta is not None:
                grad_beta += cotangents[r].reshape(beta.shape)
        return grad_x.reshape(x.shape), grad_gamma, grad_beta

    @staticmethod
    def _normalised(row, eps):
        centred = row - row.mean()
        deviation = np.sqrt((centred * centred).mean() + row.dtype.type(eps))
        return centred / deviation, centred, deviation

    @staticmethod
    def _rows(a, gamma, beta):
        over = _last(a, gamma, beta)
        return a.reshape(prod(a.shape[: over[0]]), prod(a.shape[over[0] :]))


def _last(x, gamma, beta):
    """The axes that gamma and beta have; the last one if there is neither."""
    count = next((a.ndim for a in (gamma, beta) if a is not None), 1)
    return tuple(range(x.ndim - count, x.ndim))


class ResponseByLogarithms:
    """d^{−β} = e^{−β log d}, and the sums over channels by a matrix of ones near the diagonal."""

    def forward(self, x, *, size, alpha, beta, k):
        return x * np.exp(-beta * np.log(self._divisor(x, size, alpha, k)))

    def backward(self, g, x, *, size, alpha, beta, k):
        d = self._divisor(x, size, alpha, k)
        shared = g * x * np.exp(-(beta + 1) * np.log(d))
        back = np.einsum("dc,nd...->nc...", self._near(x, size), shared)
        return (g * np.exp(-beta * np.log(d)) - 2 * alpha * beta / size * (x * back),)

    def _divisor(self, x, size, alpha, k):
        return k + alpha / size * np.einsum("dc,nc...->nd...", self._near(x, size), x * x)

    @staticmethod
    def _near(x, size):
        """1 where channel c lies in the window of channel d."""
        d, c = np.indices((x.shape[1],) * 2)
        return ((c >= d - size // 2) & (c <= d + (size - 1) // 2)).astype(x.dtype)


class ResponseChannelByChannel:
    """Loops over the channels: y_c = x_c / d^β, and what each y_c owes to each x_j of its window, added to it."""

    def forward(self, x, *, size, alpha, beta, k):
        y = np.empty_like(x)
        for c in range(x.shape[1]):
            y[:, c] = x[:, c] / self._divisor(x, c, size, alpha, k) ** beta
        return y

    def backward(self, g, x, *, size, alpha, beta, k):
        grad_x = np.zeros_like(x)
        for c in range(x.shape[1]):
            d = self._divisor(x, c, size, alpha, k)
            grad_x[:, c] += g[:, c] / d**beta
            for j in self._window(x, c, size):
                grad_x[:, j] -= 2 * alpha * beta / size * x[:, j] * g[:, c] * x[:, c] / d ** (beta + 1)
        return (grad_x,)

    def _divisor(self, x, c, size, alpha, k):
        total = np.zeros_like(x[:, c])
        for j in self._window(x, c, size):
            total += x[:, j] ** 2
        return k + alpha * total / size

    @staticmethod
    def _window(x, c, size):
        return range(max(0, c - size // 2), min(x.shape[1], c + (size - 1) // 2 + 1))


class RmsNormByRoot:
    """x / √(…) and the mean of h·x over r³, nothing normalised on the way back."""

    def forward(self, x, gamma, *, eps):
        r, _ = self._root(x, gamma, eps)
        return x / r if gamma is None else gamma * x / r

    def backward(self, g, x, gamma, *, eps):
        r, over = self._root(x, gamma, eps)
        h = g if gamma is None else g * gamma
        of_x = h / r - x * ((h * x).mean(over, keepdims=True) / (r * r * r))
        return of_x, None if gamma is None else (g * x / r).sum(tuple(range(x.ndim - gamma.ndim)))

    @staticmethod
    def _root(x, gamma, eps):
        over = tuple(range(x.ndim - (1 if gamma is None else gamma.ndim), x.ndim))
        return np.sqrt((x * x).mean(over, keepdims=True) + x.dtype.type(eps)), over


class RmsNormByNorm:
    """The norm over √n; the inverse root multiplied by; the mean as a dot product."""

    def forward(self, x, gamma, *, eps):
        y = x * self._inverse(x, gamma, eps)
        return y if gamma is None else y * gamma

    def backward(self, g, x, gamma, *, eps):
        inverse, many = self._inverse(x, gamma, eps), 1 if gamma is None else gamma.ndim
        normal, h = x * inverse, g if gamma is None else g * gamma
        axes = tuple(range(x.ndim - many, x.ndim))
        mean = (h * normal / x.dtype.type(np.prod(x.shape[x.ndim - many :]))).sum(axes, keepdims=True)
        of_gamma = None if gamma is None else (g * normal).reshape(-1, *gamma.shape)[::-1].sum(0)
        return inverse * (h - mean * normal), of_gamma

    @staticmethod
    def _inverse(x, gamma, eps):
        axes = tuple(range(x.ndim - (1 if gamma is None else gamma.ndim), x.ndim))
        many = x.dtype.type(np.prod([x.shape[axis] for axis in axes]))
        return 1 / np.sqrt(np.square(x).sum(axes, keepdims=True) / many + x.dtype.type(eps))


BY_OP = {
    "rms_norm": {RmsNormByRoot: "float32", RmsNormByNorm: "float64"},
    "linear": {LinearByEinsum: "float32", LinearSampleBySample: "float16"},
    "batch_norm": {BatchNormOfOnePass: "float64", BatchNormByChainRule: "float64"},
    "layer_norm": {LayerNormOfOnePass: "float64", LayerNormByChainRule: "float32"},
    "local_response_norm": {ResponseByLogarithms: "float32", ResponseChannelByChannel: "float64"},
}
