"""JAX: convolutions and windows of jax.lax, activations of jax.nn; norms by jax.nn.standardize, means as flax has them."""

from __future__ import annotations

from math import prod
from typing import Any

from reference._window import Window, pooling_window, window


def conv(
    x: Any, weight: Any, bias: Any = None, *, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """jax.lax.conv_general_dilated, which takes zeros for both ends of an axis: a padding may have any name."""
    from jax import lax

    over = window(x.shape[2:], weight.shape[2:], stride=stride, padding=padding, dilation=dilation)
    y = lax.conv_general_dilated(
        x, weight, over.stride, _ends(over), rhs_dilation=over.dilation, feature_group_count=groups
    )
    return y if bias is None else y + _along_channels(bias, y)


def conv_transpose(
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    dilation: Any = 1,
) -> Any:
    """jax.lax.conv_transpose, with the ends that make it the transpose of a convolution; it has no groups."""
    from jax import lax

    axes = x.ndim - 2
    steps, cut, more, spread = (
        v if isinstance(v, tuple) else (v,) * axes for v in (stride, padding, output_padding, dilation)
    )
    reach = [(k - 1) * d for k, d in zip(weight.shape[2:], spread, strict=True)]
    ends = [(r - p, r - p + m) for r, p, m in zip(reach, cut, more, strict=True)]
    letters = "DHW"[3 - axes :]
    order = (f"NC{letters}", f"OI{letters}", f"NC{letters}")
    y = lax.conv_transpose(x, weight, steps, ends, spread, order, transpose_kernel=True)
    return y if bias is None else y + _along_channels(bias, y)


def max_pool(x: Any, *, kernel_size: Any, stride: Any = None, padding: Any = 0) -> Any:
    """jax.lax.reduce_window, as flax.linen.max_pool calls it."""
    from jax import lax
    from jax.numpy import inf

    over = pooling_window(x.shape[2:], kernel_size, stride=stride, padding=padding)
    return lax.reduce_window(
        x, -inf, lax.max, (1, 1, *over.kernel), (1, 1, *over.stride), ((0, 0), (0, 0), *_ends(over))
    )


def avg_pool(x: Any, *, kernel_size: Any, stride: Any = None, padding: Any = 0, count_include_pad: bool = True) -> Any:
    """jax.lax.reduce_window and a division, as flax.linen.avg_pool has it."""
    from jax import lax
    from jax.numpy import ones

    over = pooling_window(x.shape[2:], kernel_size, stride=stride, padding=padding)
    windows = (1, 1, *over.kernel), (1, 1, *over.stride), ((0, 0), (0, 0), *_ends(over))
    total = lax.reduce_window(x, 0.0, lax.add, *windows)
    if count_include_pad:
        return total / prod(over.kernel)
    return total / lax.reduce_window(ones((1, 1, *x.shape[2:]), x.dtype), 0.0, lax.add, *windows)


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """jax.numpy.matmul and a sum, as flax.linen.Dense has it."""
    y = x @ weight.T
    return y if bias is None else y + bias


def sigmoid(x: Any) -> Any:
    """jax.nn.sigmoid."""
    from jax import nn

    return nn.sigmoid(x)


def tanh(x: Any) -> Any:
    """jax.nn.tanh."""
    from jax import nn

    return nn.tanh(x)


def relu(x: Any) -> Any:
    """jax.nn.relu."""
    from jax import nn

    return nn.relu(x)


def leaky_relu(x: Any, *, negative_slope: float = 0.01) -> Any:
    """jax.nn.leaky_relu."""
    from jax import nn

    return nn.leaky_relu(x, negative_slope)


def softmax(x: Any, *, axis: int = 1) -> Any:
    """jax.nn.softmax."""
    from jax import nn

    return nn.softmax(x, axis)


def cross_entropy(logits: Any, target: Any, *, reduction: str = "mean") -> Any:
    """jax.nn.log_softmax at the targets."""
    from jax import nn
    from jax.numpy import expand_dims, take_along_axis

    losses = -take_along_axis(nn.log_softmax(logits, 1), expand_dims(target, 1), 1)
    return losses.mean() if reduction == "mean" else losses.sum()


def batch_norm(x: Any, gamma: Any, beta: Any, *, eps: float = 1e-5) -> Any:
    """jax.nn.standardize over all axes but that of the channels."""
    from jax import nn

    normal = nn.standardize(x, (0, *range(2, x.ndim)), epsilon=eps)
    return _along_channels(gamma, x) * normal + _along_channels(beta, x)


def layer_norm(x: Any, gamma: Any = None, beta: Any = None, *, eps: float = 1e-5) -> Any:
    """jax.nn.standardize over the last axes."""
    from jax import nn

    last = next((a.ndim for a in (gamma, beta) if a is not None), 1)
    normal = nn.standardize(x, tuple(range(-last, 0)), epsilon=eps)
    scaled = normal if gamma is None else gamma * normal
    return scaled if beta is None else scaled + beta


def _ends(over: Window) -> list[tuple[int, int]]:
    return list(zip(over.before, over.after, strict=True))


def _along_channels(a: Any, like: Any) -> Any:
    return a.reshape(1, -1, *(1,) * (like.ndim - 2))
