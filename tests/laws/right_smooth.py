"""Activations of today, right in other arithmetic than the reference's: what no law may reject."""

from __future__ import annotations

import math

import numpy as np

_erf = np.frompyfunc(math.erf, 1, 1)


def sigma(x):
    """As textbooks have it."""
    return 1 / (1 + np.exp(-x))


class SiluTimesSigmoid:
    """y = xσ, y' = σ(1 + x(1 − σ))."""

    def forward(self, x):
        return x * sigma(x)

    def backward(self, g, x):
        s = sigma(x)
        return (g * s * (1 + x * (1 - s)),)


class SiluByTanh:
    """y = x/2·(1 + tanh(x/2)), y' = y + σ(1 − y)."""

    def forward(self, x):
        return x / 2 * (1 + np.tanh(x / 2))

    def backward(self, g, x):
        y = self.forward(x)
        return (g * (y + (1 + np.tanh(x / 2)) / 2 * (1 - y)),)


class GeluByErf:
    """x·(1 + erf(x/√2))/2, or the tanh as its paper writes it, with 1 − tanh²."""

    def forward(self, x, *, approximate):
        return x * self._share(x, approximate)

    def backward(self, g, x, *, approximate):
        d = x.dtype.type
        if approximate == "none":
            density = np.exp(-(x * x) / 2) * d(1 / math.sqrt(2 * math.pi))
        else:
            t = 2 * self._share(x, approximate) - 1
            density = (1 - t * t) / 2 * d(math.sqrt(2 / math.pi)) * (1 + d(3 * 0.044715) * x * x)
        return (g * (self._share(x, approximate) + x * density),)

    @staticmethod
    def _share(x, approximate):
        d = x.dtype.type
        if approximate == "none":
            return (1 + np.asarray(_erf(x * d(math.sqrt(0.5))), x.dtype)) / 2
        return (1 + np.tanh(d(math.sqrt(2 / math.pi)) * (x + d(0.044715) * x**3))) / 2


class GeluInSteps:
    """Half of x plus half of x·erf; the gradient of each step of the tape, one after the other."""

    def forward(self, x, *, approximate):
        d = x.dtype.type
        half = x * d(0.5)
        return half + half * self._odd(x, approximate)

    def backward(self, g, x, *, approximate):
        d = x.dtype.type
        half, g_half = x * d(0.5), g * d(0.5)
        odd, of_odd = self._odd(x, approximate), g * half
        if approximate == "none":
            inner = x / d(math.sqrt(2))
            of_x = of_odd * (d(2 / math.sqrt(math.pi)) * np.exp(-inner * inner)) / d(math.sqrt(2))
        else:
            of_u = of_odd * (1 - odd * odd) * d(math.sqrt(2 / math.pi))
            of_x = of_u + of_u * d(0.044715) * 3 * x * x
        return (g_half + g_half * odd + of_x,)

    @staticmethod
    def _odd(x, approximate):
        d = x.dtype.type
        if approximate == "none":
            return np.asarray(_erf(x / d(math.sqrt(2))), x.dtype)
        return np.tanh(d(math.sqrt(2 / math.pi)) * (x + d(0.044715) * (x * x * x)))


class SoftplusAsWritten:
    """log(1 + e^{βx})/β, and e^{βx}/(1 + e^{βx})."""

    def forward(self, x, *, beta):
        b = x.dtype.type(beta)
        return np.log(1 + np.exp(b * x)) / b

    def backward(self, g, x, *, beta):
        e = np.exp(x.dtype.type(beta) * x)
        return (g * e / (1 + e),)


class SoftplusFromItsResult:
    """logaddexp(0, βx)/β, and 1 − e^{−βy}."""

    def forward(self, x, *, beta):
        b = x.dtype.type(beta)
        return np.logaddexp(x.dtype.type(0), b * x) / b

    def backward(self, g, x, *, beta):
        b = x.dtype.type(beta)
        return (g * (1 - np.exp(-b * self.forward(x, beta=beta))),)


class EluFromItsResult:
    """e^x − 1 as a difference, and y + α; the derivative at 0 is α."""

    def forward(self, x, *, alpha):
        return np.where(x > 0, x, x.dtype.type(alpha) * (np.exp(x) - 1))

    def backward(self, g, x, *, alpha):
        return (np.where(x > 0, g, g * (self.forward(x, alpha=alpha) + x.dtype.type(alpha))),)


class EluByParts:
    """max(x, 0) + α·expm1(min(x, 0)); the derivative at 0 is 1."""

    def forward(self, x, *, alpha):
        return np.maximum(x, 0) + x.dtype.type(alpha) * np.expm1(np.minimum(x, 0))

    def backward(self, g, x, *, alpha):
        return (g * ((x >= 0) + (x < 0) * (x.dtype.type(alpha) * np.exp(np.minimum(x, 0)))),)


class HardSwishByClipping:
    """x·clip(x + 3, 0, 6)/6, and the product rule with a mask; both ends have the slope beyond."""

    def forward(self, x):
        return x * np.clip(x + 3, 0, 6) / 6

    def backward(self, g, x):
        return (g * (np.clip(x + 3, 0, 6) + x * ((x > -3) & (x < 3))) / 6,)


class HardSwishByThirds:
    """x·(x/6 + 1/2), and x/3 + 1/2; both ends have the slope of the parabola."""

    def forward(self, x):
        d = x.dtype.type
        return np.where(x > 3, x, np.where(x < -3, d(0), x * (x / d(6) + d(0.5))))

    def backward(self, g, x):
        d = x.dtype.type
        return (np.where(x > 3, g, np.where(x < -3, d(0), g * (x / d(3) + d(0.5)))),)


class LogOfSoftmax:
    """log(e^x / Σ e^x); the gradient by the whole Jacobian, 1 − p."""

    def forward(self, x, *, axis):
        e = np.exp(x)
        return np.log(e / e.sum(axis, keepdims=True))

    def backward(self, g, x, *, axis):
        p, g = (np.moveaxis(a, axis, -1) for a in (np.exp(self.forward(x, axis=axis)), g))
        jacobian = np.eye(p.shape[-1], dtype=p.dtype) - p[..., None, :]  # of y_j by x_i
        return (np.moveaxis((g[..., None, :] @ jacobian)[..., 0, :], -1, axis),)


class LogSoftmaxByLogAddExp:
    """x less a log of the sum that is added up two by two."""

    def forward(self, x, *, axis):
        return x - np.logaddexp.reduce(x, axis, keepdims=True)

    def backward(self, g, x, *, axis):
        return (g - np.exp(self.forward(x, axis=axis)) * g.sum(axis, keepdims=True),)


class GluByTanh:
    """a·(1 + tanh(b/2))/2, and 1 − tanh² by a difference."""

    def forward(self, x):
        a, b = np.split(x, 2, -1)
        return a * (1 + np.tanh(b / 2)) / 2

    def backward(self, g, x):
        a, b = np.split(x, 2, -1)
        t = np.tanh(b / 2)
        return (np.concatenate((g * (1 + t) / 2, g * a * (1 - t * t) / 4), -1),)


class GluFromItsResult:
    """a/(1 + e^{−b}), and y(1 − σ)."""

    def forward(self, x):
        a, b = np.split(x, 2, -1)
        return a / (1 + np.exp(-b))

    def backward(self, g, x):
        s = sigma(np.split(x, 2, -1)[1])
        return (np.concatenate((g * s, g * self.forward(x) * (1 - s)), -1),)


class SwigluInSteps:
    """(aσ)·x, and each step's gradient."""

    def forward(self, gate, x):
        return (gate * sigma(gate)) * x

    def backward(self, g, gate, x):
        s = sigma(gate)
        of_s = g * x
        return of_s * s + of_s * gate * (s * (1 - s)), g * gate * s


class SwigluByTanh:
    """x·a/2·(1 + tanh(a/2)), and y/a·… multiplied out."""

    def forward(self, gate, x):
        return x * (gate / 2 + gate / 2 * np.tanh(gate / 2))

    def backward(self, g, gate, x):
        s = (1 + np.tanh(gate / 2)) / 2
        return g * x * (s * (1 + gate * (1 - s))), g * (gate * s)


BY_OP = {
    "silu": {SiluTimesSigmoid: "float32", SiluByTanh: "float64"},
    "gelu": {GeluByErf: "float32", GeluInSteps: "float64"},
    "softplus": {SoftplusAsWritten: "float32", SoftplusFromItsResult: "float64"},
    "elu": {EluFromItsResult: "float32", EluByParts: "float64"},
    "hard_swish": {HardSwishByClipping: "float32", HardSwishByThirds: "float64"},
    "log_softmax": {LogOfSoftmax: "float64", LogSoftmaxByLogAddExp: "float32"},
    "glu": {GluByTanh: "float32", GluFromItsResult: "float64"},
    "swiglu": {SwigluInSteps: "float32", SwigluByTanh: "float64"},
}
