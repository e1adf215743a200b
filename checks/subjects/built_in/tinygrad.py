"""tinygrad: methods of Tensor, and the BatchNorm of tinygrad.nn."""

from __future__ import annotations

from typing import Any

from reference._window import window


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


def sigmoid(x: Any) -> Any:
    """Tensor.sigmoid."""
    return x.sigmoid()


def tanh(x: Any) -> Any:
    """Tensor.tanh."""
    return x.tanh()


def relu(x: Any) -> Any:
    """Tensor.relu."""
    return x.relu()


def leaky_relu(x: Any, *, negative_slope: float = 0.01) -> Any:
    """Tensor.leaky_relu."""
    return x.leaky_relu(negative_slope)


def softmax(x: Any, *, axis: int = 1) -> Any:
    """Tensor.softmax."""
    return x.softmax(axis)


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


def _each(value: Any, x: Any) -> tuple[int, ...]:
    """One number for each spatial axis."""
    return value if isinstance(value, tuple) else (value,) * (x.ndim - 2)
