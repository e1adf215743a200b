"""tinygrad: methods of Tensor, and the BatchNorm of tinygrad.nn."""

from __future__ import annotations

from typing import Any

from checks.subjects.built_in._named import named
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


def _each(value: Any, x: Any) -> tuple[int, ...]:
    """One number for each spatial axis."""
    return value if isinstance(value, tuple) else (value,) * (x.ndim - 2)
