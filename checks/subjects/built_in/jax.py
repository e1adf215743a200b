"""JAX: convolutions and windows of jax.lax, activations of jax.nn; norms by jax.nn.standardize, means as flax has them."""

from __future__ import annotations

from math import prod
from typing import Any

from checks.subjects.built_in._named import both_ends, named
from reference._window import Window, pooling_window, window

sigmoid, tanh, relu = named("jax.nn:sigmoid"), named("jax.nn:tanh"), named("jax.nn:relu")
leaky_relu, elu = named("jax.nn:leaky_relu", negative_slope=0.01), named("jax.nn:elu", alpha=1.0)
silu, softplus, hard_swish = named("jax.nn:silu"), named("jax.nn:softplus"), named("jax.nn:hard_swish")
softmax, log_softmax = named("jax.nn:softmax", axis=1), named("jax.nn:log_softmax", axis=1)
glu = named("jax.nn:glu")


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


def gelu(x: Any, *, approximate: str = "none") -> Any:
    """jax.nn.gelu."""
    from jax import nn

    return nn.gelu(x, approximate=approximate != "none")


def attention(q: Any, k: Any, v: Any, mask: Any = None, *, causal: bool = False, scale: float | None = None) -> Any:
    """jax.nn.dot_product_attention, with heads after positions; it shares heads where there are fewer of keys."""
    from jax import nn

    if v.shape[-1] != k.shape[-1]:
        raise NotImplementedError("jax.nn.dot_product_attention has values as wide as keys")
    q, k, v = (a.swapaxes(1, 2) for a in (q, k, v))
    seen = None if mask is None else mask[None, None]
    return nn.dot_product_attention(q, k, v, mask=seen, scale=scale, is_causal=causal).swapaxes(1, 2)


def embedding(index: Any, weight: Any) -> Any:
    """jax.numpy.take, as flax.linen.Embed has it."""
    from jax import numpy

    return numpy.take(weight, index, axis=0)


def upsample(x: Any, *, scale: Any = 2, mode: str = "nearest") -> Any:
    """jax.image.resize, with half-pixel centres; its cubic weights are those of a = −1/2, and at edges no others are."""
    from jax import image

    if mode == "cubic":
        raise NotImplementedError("jax.image.resize has the cubic weights of a = -1/2")
    factors = scale if isinstance(scale, tuple) else (scale,) * (x.ndim - 2)
    sizes = [n * k for n, k in zip(x.shape[2:], factors, strict=True)]
    return image.resize(x, (*x.shape[:2], *sizes), mode)


def group_norm(x: Any, gamma: Any = None, beta: Any = None, *, groups: int = 1, eps: float = 1e-5) -> Any:
    """jax.nn.standardize over the channels of each group and all positions, as flax.linen.GroupNorm has it."""
    from jax import nn

    apart = x.reshape(len(x), groups, x.shape[1] // groups, *x.shape[2:])
    normal = nn.standardize(apart, tuple(range(2, apart.ndim)), epsilon=eps).reshape(x.shape)
    return _scaled(normal, gamma, beta)


def instance_norm(x: Any, gamma: Any = None, beta: Any = None, *, eps: float = 1e-5) -> Any:
    """jax.nn.standardize over the positions, as flax.linen.InstanceNorm has it."""
    from jax import nn

    return _scaled(nn.standardize(x, tuple(range(2, x.ndim)), epsilon=eps), gamma, beta)


def batch_norm_inference(
    x: Any, running_mean: Any, running_var: Any, gamma: Any = None, beta: Any = None, *, eps: float = 1e-5
) -> Any:
    """jax.nn.standardize by a mean and a variance that it is given."""
    from jax import nn

    mean, variance = (_along_channels(a, x) for a in (running_mean, running_var))
    return _scaled(nn.standardize(x, mean=mean, variance=variance, epsilon=eps), gamma, beta)


def bce_with_logits(logits: Any, target: Any, pos_weight: Any = None, *, reduction: str = "mean") -> Any:
    """jax.nn.log_sigmoid of both answers, as optax.sigmoid_binary_cross_entropy has it, which weighs neither."""
    from jax import nn

    if pos_weight is not None:
        raise NotImplementedError("no answer has a weight of its own")
    losses = -target * nn.log_sigmoid(logits) - (1 - target) * nn.log_sigmoid(-logits)
    return losses.mean() if reduction == "mean" else losses.sum()


def pad(x: Any, *, before: Any = 1, after: Any = 1, mode: str = "constant") -> Any:
    """jax.numpy.pad, whose modes have other names."""
    from jax import numpy

    called = {"replicate": "edge", "circular": "wrap"}.get(mode, mode)
    return numpy.pad(x, [(0, 0), (0, 0), *both_ends(x.ndim - 2, before, after)], called)


def unfold(x: Any, *, kernel_size: Any = 2, stride: Any = 1, padding: Any = 0, dilation: Any = 1) -> Any:
    """jax.lax.conv_general_dilated_patches, whose windows are numbered in as many axes as x has."""
    from jax import lax

    axes = x.ndim - 2
    kernel = kernel_size if isinstance(kernel_size, tuple) else (kernel_size,) * axes
    over = window(x.shape[2:], kernel, stride=stride, padding=padding, dilation=dilation)
    y = lax.conv_general_dilated_patches(x, over.kernel, over.stride, _ends(over), rhs_dilation=over.dilation)
    return y.reshape(*y.shape[:2], prod(y.shape[2:]))


def _ends(over: Window) -> list[tuple[int, int]]:
    return list(zip(over.before, over.after, strict=True))


def _along_channels(a: Any, like: Any) -> Any:
    return a.reshape(1, -1, *(1,) * (like.ndim - 2))


def _scaled(normal: Any, gamma: Any, beta: Any) -> Any:
    """Times γ and plus β along the channels, as far as there are such."""
    scaled = normal if gamma is None else _along_channels(gamma, normal) * normal
    return scaled if beta is None else scaled + _along_channels(beta, normal)
