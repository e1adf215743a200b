"""Layers of sequences by other algorithms than the reference's: what no law may reject."""

from __future__ import annotations

import numpy as np

from reference import gru_cell, lstm_cell


class AttentionByBlocks:
    """Two keys at a time, with a largest score and a sum that are carried along; backward by Σ g·y, as kernels do it."""

    def forward(self, q, k, v, mask, *, causal, scale, groups):
        return self._run(q, k, v, mask, causal, scale, groups)[0]

    def backward(self, g, q, k, v, mask, *, causal, scale, groups):
        y, largest, total = self._run(q, k, v, mask, causal, scale, groups)
        scale, keep = self._scale(q, scale), self._seen(q, k, mask, causal)
        share = (g * y).sum(-1, keepdims=True)
        of_q, of_k, of_v = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
        for head in range(q.shape[1]):
            own = head // groups
            for s in range(k.shape[2]):
                score = (q[:, head] * k[:, own, s, None]).sum(-1) * scale
                p = np.where(keep[:, s], np.exp(score - largest[:, head, :, 0]), 0).astype(q.dtype)
                p = p / total[:, head, :, 0]
                of_v[:, own, s] += (p[..., None] * g[:, head]).sum(1)
                of_s = p * ((g[:, head] * v[:, own, s, None]).sum(-1) - share[:, head, :, 0]) * scale
                of_q[:, head] += of_s[..., None] * k[:, own, s, None]
                of_k[:, own, s] += (of_s[..., None] * q[:, head]).sum(1)
        return of_q, of_k, of_v, None

    def _run(self, q, k, v, mask, causal, scale, groups):
        scale, keep = self._scale(q, scale), self._seen(q, k, mask, causal)
        k, v = (np.repeat(a, groups, 1) for a in (k, v))
        y = np.zeros((*q.shape[:3], v.shape[3]), q.dtype)
        largest = np.full((*q.shape[:3], 1), -np.inf, q.dtype)
        total = np.zeros((*q.shape[:3], 1), q.dtype)
        for first in range(0, k.shape[2], 2):
            block = slice(first, first + 2)
            scores = np.where(keep[:, block], q @ k[:, :, block].swapaxes(-1, -2) * scale, -np.inf).astype(q.dtype)
            higher = np.maximum(largest, scores.max(-1, keepdims=True))
            base = np.where(np.isfinite(higher), higher, 0)
            before, e = np.exp(largest - base), np.exp(scores - base)
            total = total * before + e.sum(-1, keepdims=True)
            y = y * before + e @ v[:, :, block]
            largest = higher
        return y / total, largest, total

    @staticmethod
    def _scale(q, scale):
        return q.dtype.type(q.shape[-1] ** -0.5 if scale is None else scale)

    @staticmethod
    def _seen(q, k, mask, causal):
        seen = np.ones((q.shape[2], k.shape[2]), bool) if mask is None else mask.astype(bool)
        return np.tril(seen) if causal else seen


class AttentionByEinsum:
    """e^S as it is, without its largest; the queries scaled before their product; heads repeated for each query's."""

    def forward(self, q, k, v, mask, *, causal, scale, groups):
        p, _, _, values = self._parts(q, k, v, mask, causal, scale, groups)
        return np.einsum("nhts,nhse->nhte", p, values)

    def backward(self, g, q, k, v, mask, *, causal, scale, groups):
        p, scaled, keys, values = self._parts(q, k, v, mask, causal, scale, groups)
        of_p = np.einsum("nhte,nhse->nhts", g, values)
        of_s = p * of_p - p * (p * of_p).sum(-1, keepdims=True)
        of_q = np.einsum("nhts,nhsd->nhtd", of_s, keys) * self._scale(q, scale)
        of_k, of_v = np.einsum("nhts,nhtd->nhsd", of_s, scaled), np.einsum("nhts,nhte->nhse", p, g)
        shared = (q.shape[0], k.shape[1], groups)
        return of_q, *(a.reshape(*shared, *a.shape[2:]).sum(2) for a in (of_k, of_v)), None

    def _parts(self, q, k, v, mask, causal, scale, groups):
        scaled, keys, values = q * self._scale(q, scale), np.repeat(k, groups, 1), np.repeat(v, groups, 1)
        e = np.exp(np.einsum("nhtd,nhsd->nhts", scaled, keys)) * AttentionByBlocks._seen(q, k, mask, causal)
        return e / e.sum(-1, keepdims=True), scaled, keys, values

    _scale = staticmethod(AttentionByBlocks._scale)


class EmbeddingAsProduct:
    """A matrix of ones and zeros times the table; its transpose times the cotangent; the padding row set to 0 after it."""

    def forward(self, index, weight, *, padding_index):  # noqa: ARG002, a constant
        return self._chosen(index, weight) @ weight

    def backward(self, g, index, weight, *, padding_index):
        chosen = self._chosen(index, weight).reshape(index.size, len(weight))
        of_weight = chosen.T @ g.reshape(index.size, weight.shape[1])
        of_weight[[] if padding_index is None else padding_index] = 0
        return None, of_weight

    @staticmethod
    def _chosen(index, weight):
        return (index[..., None] == np.arange(len(weight))).astype(weight.dtype)


class EmbeddingSorted:
    """The places sorted by what they ask for, and summed run by run, as kernels without atomics do it."""

    def forward(self, index, weight, *, padding_index):
        y = np.take(weight, index, 0)
        if padding_index is not None:
            y[index == padding_index] = 0  # what the row is anyway
        return y

    def backward(self, g, index, weight, *, padding_index):
        order = np.argsort(index.ravel(), kind="stable")[::-1]
        of_weight, rows = np.zeros_like(weight), g.reshape(index.size, weight.shape[1])
        for place in order:
            if index.ravel()[place] != padding_index:
                of_weight[index.ravel()[place]] += rows[place]
        return None, of_weight


class RotaryByComplexProduct:
    """(a + bi)(c + si), in a dtype of twice the width of its parts."""

    def forward(self, x, cos, sin, *, interleaved):
        first, second = self._pairs(x, interleaved)
        turned = (first + 1j * second) * (cos + 1j * sin)
        return self._laid(turned.real, turned.imag, interleaved).astype(x.dtype)

    def backward(self, g, x, cos, sin, *, interleaved):  # noqa: ARG002, the protocol's
        return self.forward(g, cos, -sin, interleaved=interleaved), None, None

    @staticmethod
    def _pairs(x, interleaved):
        return (x[..., ::2], x[..., 1::2]) if interleaved else np.split(x, 2, -1)

    @staticmethod
    def _laid(first, second, interleaved):
        if not interleaved:
            return np.concatenate((first, second), -1)
        return np.stack((first, second), -1).reshape(*first.shape[:-1], -1)


class RotaryByHalves:
    """x·c + turned(x)·s with turned(x) = (−b, a), as transformers have it; angles repeated for both of a pair."""

    def forward(self, x, cos, sin, *, interleaved):
        laid = RotaryByComplexProduct._laid
        first, second = RotaryByComplexProduct._pairs(x, interleaved)
        return x * laid(cos, cos, interleaved) + laid(-second, first, interleaved) * laid(sin, sin, interleaved)

    def backward(self, g, x, cos, sin, *, interleaved):  # noqa: ARG002, the protocol's
        laid = RotaryByComplexProduct._laid
        first, second = RotaryByComplexProduct._pairs(g * laid(sin, sin, interleaved), interleaved)
        return g * laid(cos, cos, interleaved) + laid(second, -first, interleaved), None, None


class LstmGateByGate:
    """Every gate by its own product with [x, h]; sigmoids by tanh; backward in the order of the chain rule, unfused."""

    def forward(self, x, h, c, weight_x, weight_h, bias):
        _, _, new, t, o = self._step(x, h, c, weight_x, weight_h, bias)
        return np.concatenate((o * t, new), 1)

    def backward(self, grad, x, h, c, weight_x, weight_h, bias):
        gates, both, _, t, o = self._step(x, h, c, weight_x, weight_h, bias)
        i, f, g, _ = gates
        size = h.shape[1]
        of_h, of_c = grad[:, :size], grad[:, size:].copy()
        of_o = of_h * t
        of_c += of_h * o - of_h * o * t * t
        slopes = [(of_c * g, i - i * i), (of_c * c, f - f * f), (of_c * i, (1 - g) * (1 + g)), (of_o, o - o * o)]
        of_both, of_weight, of_bias = np.zeros_like(both), [], []
        for k, (cotangent, slope) in enumerate(slopes):
            of_a = cotangent * slope
            rows = slice(k * size, (k + 1) * size)
            of_both += of_a @ np.concatenate((weight_x[rows], weight_h[rows]), 1)
            of_weight.append(of_a.T @ both)
            of_bias.append(of_a.sum(0))
        of_weight, inputs = np.concatenate(of_weight), x.shape[1]
        made = of_both[:, :inputs], of_both[:, inputs:], of_c * f, of_weight[:, :inputs], of_weight[:, inputs:]
        return *made, None if bias is None else np.concatenate(of_bias)

    @staticmethod
    def _step(x, h, c, weight_x, weight_h, bias):
        both, weight = np.concatenate((x, h), 1), np.concatenate((weight_x, weight_h), 1)
        bias = np.zeros(len(weight), x.dtype) if bias is None else bias
        parts = [both @ w.T + b for w, b in zip(np.split(weight, 4), np.split(bias, 4), strict=True)]
        i, f, o = ((1 + np.tanh(a / 2)) / 2 for a in (parts[0], parts[1], parts[3]))
        g = np.tanh(parts[2])
        new = f * c + i * g
        return (i, f, g, o), both, new, np.tanh(new), o


class GruByInterpolation:
    """y = n + z·(h − n), and every gate by its own products."""

    def forward(self, x, h, *rest):
        _, z, n, _ = self._step(x, h, *rest)
        return n + z * (h - n)

    def backward(self, grad, x, h, weight_x, weight_h, bias_x, bias_h):
        r, z, n, b = self._step(x, h, weight_x, weight_h, bias_x, bias_h)
        of_n = (grad - grad * z) * (1 - n) * (1 + n)
        of_r, of_z = of_n * b * (r - r * r), (grad * h - grad * n) * (z - z * z)
        weights = list(zip(np.split(weight_x, 3), np.split(weight_h, 3), strict=True))
        of_x, of_h = np.zeros_like(x), grad * z
        for of_a, of_b, (own, other) in zip((of_r, of_z, of_n), (of_r, of_z, of_n * r), weights, strict=True):
            of_x, of_h = of_x + of_a @ own, of_h + of_b @ other
        of_a, of_b = (np.concatenate((of_r, of_z, last), 1) for last in (of_n, of_n * r))
        biases = (None if given is None else of.sum(0) for given, of in ((bias_x, of_a), (bias_h, of_b)))
        return of_x, of_h, of_a.T @ x, of_b.T @ h, *biases

    @staticmethod
    def _step(x, h, weight_x, weight_h, bias_x, bias_h):
        size = h.shape[1]
        zeros = np.zeros(3 * size, x.dtype)
        a, b = (
            [
                inputs @ w.T + d
                for w, d in zip(np.split(weight, 3), np.split(zeros if bias is None else bias, 3), strict=True)
            ]
            for inputs, weight, bias in ((x, weight_x, bias_x), (h, weight_h, bias_h))
        )
        r, z = (1 / (1 + np.exp(-(a[k] + b[k]))) for k in range(2))
        return r, z, np.tanh(a[2] + r * b[2]), b[2]


class SampleBySample:
    """A cell, one sample after another, last first, the gradients of its weights added up as they come."""

    def __init__(self, cell, states):
        self.cell, self.states = cell, states

    def forward(self, *inputs):
        *apart, shared = self._split(inputs)
        return np.concatenate([self.cell.forward(*own, *shared) for own in apart] or [self.cell.forward(*inputs)])

    def backward(self, g, *inputs):
        *apart, shared = self._split(inputs)
        total = [None if a is None else np.zeros_like(a) for a in inputs]
        for n in reversed(range(len(apart))):
            found = self.cell.backward(g[n : n + 1], *apart[n], *shared)
            for k, (into, part) in enumerate(zip(total, found, strict=True)):
                if k < self.states:
                    into[n] = part[0]
                elif into is not None:
                    into[...] += part
        return tuple(total)

    def _split(self, inputs):
        own = inputs[: self.states]
        return *([a[n : n + 1] for a in own] for n in range(len(own[0]))), inputs[self.states :]


class LstmSampleBySample(SampleBySample):
    """Of an LSTM."""

    def __init__(self):
        super().__init__(lstm_cell, 3)


class GruSampleBySample(SampleBySample):
    """Of a GRU."""

    def __init__(self):
        super().__init__(gru_cell, 2)


BY_OP = {
    "lstm_cell": {LstmGateByGate: "float32", LstmSampleBySample: "float64"},
    "gru_cell": {GruByInterpolation: "float64", GruSampleBySample: "float32"},
    "rotary": {RotaryByComplexProduct: "float32", RotaryByHalves: "float64"},
    "embedding": {EmbeddingAsProduct: "float64", EmbeddingSorted: "float32"},
    "attention": {AttentionByBlocks: "float32", AttentionByEinsum: "float64"},
}
