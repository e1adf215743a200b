"""tinygrad: methods of Tensor, and the layers of tinygrad.nn, of the values that they are given."""

from __future__ import annotations

from typing import Any

from checks.subjects.built_in._named import both_ends, named
from reference._window import window

sigmoid, tanh, relu = named("tinygrad:Tensor.sigmoid"), named("tinygrad:Tensor.tanh"), named("tinygrad:Tensor.relu")
leaky_relu, elu = named("tinygrad:Tensor.leaky_relu", negative_slope=0.01), named("tinygrad:Tensor.elu", alpha=1.0)
silu, hard_swish = named("tinygrad:Tensor.silu"), named("tinygrad:Tensor.hardswish")
softplus = named("tinygrad:Tensor.softplus", beta=1.0)
softmax, log_softmax = named("tinygrad:Tensor.softmax", axis=1), named("tinygrad:Tensor.log_softmax", axis=1)


def conv(
    x: Any, weight: Any, bias: Any = None, *, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Tensor.conv2d, for any number of axes, which takes zeros for both ends of an axis, those of the last axis first."""
    over = window(x.shape[2:], weight.shape[2:], stride=stride, padding=padding, dilation=dilation)
    ends = [end for pair in reversed(list(zip(over.before, over.after, strict=True))) for end in pair]
    return x.conv2d(weight, bias, groups, over.stride, over.dilation, ends)


def conv_transpose(
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """Tensor.conv_transpose2d, for any number of axes."""
    return x.conv_transpose2d(weight, bias, groups, stride, dilation, padding, output_padding)


def max_pool(
    x: Any, *, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Any:
    """Tensor.max_pool2d, for any number of axes."""
    return x.max_pool2d(_each(kernel_size, x), stride, dilation, padding, ceil_mode)


def avg_pool(
    x: Any,
    *,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """Tensor.avg_pool2d, for any number of axes."""
    return x.avg_pool2d(_each(kernel_size, x), stride, 1, padding, ceil_mode, count_include_pad)


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """Tensor.linear, as tinygrad.nn.Linear calls it."""
    return x.linear(weight.transpose(), bias)


def cross_entropy(logits: Any, target: Any, *, reduction: str = "mean") -> Any:
    """Tensor.cross_entropy."""
    return logits.cross_entropy(target, reduction)


def batch_norm(x: Any, gamma: Any, beta: Any, *, eps: float = 1e-5) -> Any:
    """tinygrad.nn.BatchNorm, of the values that it is given."""
    from tinygrad import nn

    norm = nn.BatchNorm(x.shape[1], eps, track_running_stats=False)
    norm.weight, norm.bias = gamma, beta
    return norm(x)


def layer_norm(x: Any, gamma: Any = None, beta: Any = None, *, eps: float = 1e-5) -> Any:
    """Tensor.layernorm, and a product and a sum as tinygrad.nn.LayerNorm has them."""
    last = next((a.ndim for a in (gamma, beta) if a is not None), 1)
    normal = x.layernorm(tuple(range(-last, 0)), eps)
    scaled = normal if gamma is None else normal * gamma
    return scaled if beta is None else scaled + beta


def rms_norm(x: Any, gamma: Any = None, *, eps: float = 1e-5) -> Any:
    """tinygrad.nn.RMSNorm, over one axis, of the values that it is given."""
    from tinygrad import nn

    if gamma is not None and gamma.ndim > 1:
        raise NotImplementedError("tinygrad.nn.RMSNorm normalises over one axis")
    norm = nn.RMSNorm(x.shape[-1], eps, elementwise_affine=False)
    norm.weight = gamma
    return norm(x)


def gelu(x: Any, *, approximate: str = "none") -> Any:
    """Tensor.gelu, which has the tanh."""
    if approximate == "none":
        raise NotImplementedError("Tensor.gelu has the tanh only")
    return x.gelu()


def attention(q: Any, k: Any, v: Any, mask: Any = None, *, causal: bool = False, groups: int = 1) -> Any:
    """Tensor.scaled_dot_product_attention, which takes a mask or is_causal."""
    if causal and mask is not None:
        raise NotImplementedError("Tensor.scaled_dot_product_attention takes no mask beside is_causal")
    return q.scaled_dot_product_attention(k, v, mask, is_causal=causal, enable_gqa=groups > 1)


def embedding(index: Any, weight: Any) -> Any:
    """tinygrad.nn.Embedding."""
    from tinygrad import nn

    layer = nn.Embedding(*weight.shape)
    layer.weight = weight
    return layer(index)


def upsample(x: Any, *, scale: Any = 2, mode: str = "nearest", align_corners: bool = False) -> Any:
    """Tensor.interpolate, which has no cubic weights, nor a gradient of nearest along an axis that keeps its size."""
    if mode == "cubic":
        raise NotImplementedError("Tensor.interpolate has no cubic weights")
    factors = list(zip(x.shape[2:], _each(scale, x), strict=True))
    if mode == "nearest" and any(k == 1 < n for n, k in factors):
        raise NotImplementedError("Tensor.interpolate by nearest raises on the way back of an axis that keeps its size")
    size = tuple(n * k for n, k in factors)
    return x.interpolate(size, mode, align_corners and mode != "nearest")


def group_norm(x: Any, gamma: Any = None, beta: Any = None, *, groups: int = 1, eps: float = 1e-5) -> Any:
    """tinygrad.nn.GroupNorm."""
    from tinygrad import nn

    return _affine(nn.GroupNorm(groups, x.shape[1], eps, affine=False), gamma, beta)(x)


def instance_norm(x: Any, gamma: Any = None, beta: Any = None, *, eps: float = 1e-5) -> Any:
    """tinygrad.nn.InstanceNorm."""
    from tinygrad import nn

    return _affine(nn.InstanceNorm(x.shape[1], eps, affine=False), gamma, beta)(x)


def batch_norm_inference(
    x: Any, running_mean: Any, running_var: Any, gamma: Any = None, beta: Any = None, *, eps: float = 1e-5
) -> Any:
    """tinygrad.nn.BatchNorm, which is not in training unless it is told."""
    from tinygrad import nn

    norm = nn.BatchNorm(x.shape[1], eps, affine=False)
    norm.running_mean, norm.running_var, norm.weight, norm.bias = running_mean, running_var, gamma, beta
    return norm(x)


def weighted_cross_entropy(
    logits: Any,
    target: Any,
    weight: Any = None,
    *,
    label_smoothing: float = 0.0,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Any:
    """Tensor.nll_loss of log_softmax, or, smoothed, Tensor.sparse_categorical_crossentropy, which has no weights."""
    if not label_smoothing:
        return logits.log_softmax(1).nll_loss(target, weight, ignore_index, reduction)
    if weight is not None:
        raise NotImplementedError("Tensor.sparse_categorical_crossentropy has no weights of classes")
    last = logits.permute(0, *range(2, logits.ndim), 1)
    return last.sparse_categorical_crossentropy(target, ignore_index, label_smoothing, reduction)


def bce_with_logits(logits: Any, target: Any, pos_weight: Any = None, *, reduction: str = "mean") -> Any:
    """Tensor.binary_crossentropy_logits."""
    return logits.binary_crossentropy_logits(target, reduction, pos_weight)


def pad(x: Any, *, before: Any = 1, after: Any = 1, mode: str = "constant") -> Any:
    """Tensor.pad."""
    return x.pad(((0, 0), (0, 0), *both_ends(x.ndim - 2, before, after)), mode)


def lstm_cell(x: Any, h: Any, c: Any, weight_x: Any, weight_h: Any, bias: Any = None) -> Any:
    """tinygrad.nn.LSTMCell, of whose two biases one is enough."""
    from tinygrad import nn

    cell = nn.LSTMCell(x.shape[1], h.shape[1], bias=False)
    cell.weight_ih, cell.weight_hh, cell.bias_ih = weight_x, weight_h, bias
    hidden, kept = cell(x, (h, c))
    return hidden.cat(kept, dim=1)


def _affine(norm: Any, gamma: Any, beta: Any) -> Any:
    """The norm, with a scale and a shift, of which it has both or none."""
    if (gamma is None) != (beta is None):
        raise NotImplementedError("norms of tinygrad.nn have both scale and shift, or none")
    norm.weight, norm.bias = gamma, beta
    return norm


def _each(value: Any, x: Any) -> tuple[int, ...]:
    """One number for each spatial axis."""
    return value if isinstance(value, tuple) else (value,) * (x.ndim - 2)
