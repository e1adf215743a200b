"""MLX: mx.conv_general and mx.conv_transpose, the pools, norms and losses of mlx.nn, all with channels last."""

from __future__ import annotations

from typing import Any

from checks.subjects.built_in._mlx_losses import (  # noqa: F401, looked up here, by their ops
    bce_with_logits,
    cross_entropy,
    euclidean_loss,
    huber,
    kl_div,
    smooth_l1,
)
from checks.subjects.built_in._named import both_ends, named
from reference._window import window

sigmoid, tanh, relu = named("mlx.core:sigmoid"), named("mlx.core:tanh"), named("mlx.nn:relu")
elu, silu = named("mlx.nn:elu", alpha=1.0), named("mlx.nn:silu")
softplus, hard_swish = named("mlx.nn:softplus"), named("mlx.nn:hardswish")
softmax, log_softmax = named("mlx.core:softmax", axis=1), named("mlx.nn:log_softmax", axis=1)
glu = named("mlx.nn:glu")


def conv(
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    flip: bool = False,
) -> Any:
    """mx.conv_general, which takes zeros for both ends of an axis, and turns the kernel."""
    import mlx.core as mx

    if groups > 1 and x.ndim > 4:
        raise NotImplementedError("mx.conv_general has groups for two spatial axes at most")
    over = window(x.shape[2:], weight.shape[2:], stride=stride, padding=padding, dilation=dilation)
    ends = list(over.before), list(over.after)
    y = mx.conv_general(_last(x), _last(weight), list(over.stride), ends, list(over.dilation), groups=groups, flip=flip)
    return _first(y if bias is None else y + bias)


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
    """mx.conv_transpose1d, 2d, 3d, whose kernel has the channels of y first; they have no groups yet."""
    import mlx.core as mx

    transposed = (mx.conv_transpose1d, mx.conv_transpose2d, mx.conv_transpose3d)[x.ndim - 3]
    y = transposed(_last(x), _last(weight.swapaxes(0, 1)), stride, padding, dilation, output_padding)
    return _first(y if bias is None else y + bias)


def max_pool(x: Any, *, kernel_size: Any, stride: Any = None, padding: Any = 0) -> Any:
    """mlx.nn.MaxPool1d, 2d, 3d."""
    from mlx import nn

    pool = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)[x.ndim - 3]
    return _first(pool(kernel_size, stride, padding)(_last(x)))


def avg_pool(x: Any, *, kernel_size: Any, stride: Any = None, padding: Any = 0) -> Any:
    """mlx.nn.AvgPool1d, 2d, 3d, which always count the padding."""
    from mlx import nn

    pool = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)[x.ndim - 3]
    return _first(pool(kernel_size, stride, padding)(_last(x)))


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """mx.addmm and mx.matmul, as mlx.nn.Linear has them."""
    import mlx.core as mx

    return x @ weight.T if bias is None else mx.addmm(bias, x, weight.T)


def leaky_relu(x: Any, *, negative_slope: float = 0.01) -> Any:
    """mlx.nn.leaky_relu, which says that it is the larger of x and its multiple: that is one for slopes up to 1 only."""
    from mlx import nn

    if negative_slope > 1:
        raise NotImplementedError("mlx.nn.leaky_relu takes slopes up to 1")
    return nn.leaky_relu(x, negative_slope)


def batch_norm(x: Any, gamma: Any, beta: Any, *, eps: float = 1e-5) -> Any:
    """mlx.nn.BatchNorm, for two spatial axes at most."""
    from mlx import nn

    if x.ndim > 4:
        raise NotImplementedError("mlx.nn.BatchNorm takes two spatial axes at most")
    norm = nn.BatchNorm(x.shape[1], eps, track_running_stats=False)
    norm.weight, norm.bias = gamma, beta
    return _first(norm(_last(x)))


def layer_norm(x: Any, gamma: Any = None, beta: Any = None, *, eps: float = 1e-5) -> Any:
    """mx.fast.layer_norm, over one axis."""
    import mlx.core as mx

    if any(a is not None and a.ndim > 1 for a in (gamma, beta)):
        raise NotImplementedError("mx.fast.layer_norm normalises over one axis")
    return mx.fast.layer_norm(x, gamma, beta, eps)


def rms_norm(x: Any, gamma: Any = None, *, eps: float = 1e-5) -> Any:
    """mx.fast.rms_norm, over one axis."""
    import mlx.core as mx

    if gamma is not None and gamma.ndim > 1:
        raise NotImplementedError("mx.fast.rms_norm normalises over one axis")
    return mx.fast.rms_norm(x, gamma, eps)


def gelu(x: Any, *, approximate: str = "none") -> Any:
    """mlx.nn.gelu and mlx.nn.gelu_approx."""
    from mlx import nn

    return nn.gelu(x) if approximate == "none" else nn.gelu_approx(x)


def attention(q: Any, k: Any, v: Any, mask: Any = None, *, causal: bool = False, scale: float | None = None) -> Any:
    """mx.fast.scaled_dot_product_attention; fewer heads of keys are shared, and the last query sees all."""
    import mlx.core as mx

    if causal and (mask is not None or q.shape[2] != k.shape[2]):
        raise NotImplementedError("mx.fast.scaled_dot_product_attention aligns causal masks at the last key")
    how = "causal" if causal else mask
    return mx.fast.scaled_dot_product_attention(q, k, v, scale=scale or q.shape[-1] ** -0.5, mask=how)


def embedding(index: Any, weight: Any) -> Any:
    """Indexing, as mlx.nn.Embedding has it."""
    return weight[index]


def upsample(x: Any, *, scale: Any = 2, mode: str = "nearest", align_corners: bool = False) -> Any:
    """mlx.nn.Upsample, whose cubic weights are those of a = −1/2."""
    from mlx import nn

    if mode == "cubic":
        raise NotImplementedError("mlx.nn.Upsample has the cubic weights of a = -1/2")
    factors = tuple(map(float, scale if isinstance(scale, tuple) else (scale,) * (x.ndim - 2)))
    return _first(nn.Upsample(factors, mode, align_corners)(_last(x)))


def group_norm(x: Any, gamma: Any = None, beta: Any = None, *, groups: int = 1, eps: float = 1e-5) -> Any:
    """mlx.nn.GroupNorm, with the groups that torch has."""
    from mlx import nn

    norm = nn.GroupNorm(groups, x.shape[1], eps, affine=False, pytorch_compatible=True)
    return _first(_affine(norm, gamma, beta)(_last(x)))


def instance_norm(x: Any, gamma: Any = None, beta: Any = None, *, eps: float = 1e-5) -> Any:
    """mlx.nn.InstanceNorm."""
    from mlx import nn

    return _first(_affine(nn.InstanceNorm(x.shape[1], eps), gamma, beta)(_last(x)))


def batch_norm_inference(
    x: Any, running_mean: Any, running_var: Any, gamma: Any = None, beta: Any = None, *, eps: float = 1e-5
) -> Any:
    """mlx.nn.BatchNorm after its eval(), for two spatial axes at most."""
    from mlx import nn

    if x.ndim > 4:
        raise NotImplementedError("mlx.nn.BatchNorm takes two spatial axes at most")
    norm = nn.BatchNorm(x.shape[1], eps, affine=False)
    norm.eval()
    norm.running_mean, norm.running_var = running_mean, running_var
    return _first(_affine(norm, gamma, beta)(_last(x)))


def pad(x: Any, *, before: Any = 1, after: Any = 1, mode: str = "constant") -> Any:
    """mx.pad, of zeros or of what is at the edge."""
    import mlx.core as mx

    if mode not in ("constant", "replicate"):
        raise NotImplementedError("mx.pad has no copies but those of the edge")
    ends = [(0, 0), (0, 0), *both_ends(x.ndim - 2, before, after)]
    return mx.pad(x, ends, "edge" if mode == "replicate" else "constant")


def lstm_cell(x: Any, h: Any, c: Any, weight_x: Any, weight_h: Any, bias: Any = None) -> Any:
    """One step of mlx.nn.LSTM."""
    import mlx.core as mx
    from mlx import nn

    layer = nn.LSTM(x.shape[1], h.shape[1])
    layer.Wx, layer.Wh, layer.bias = weight_x, weight_h, bias
    hidden, cell = layer(x[:, None], h, c)
    return mx.concatenate([hidden[:, 0], cell[:, 0]], 1)


def gru_cell(x: Any, h: Any, weight_x: Any, weight_h: Any, bias_x: Any = None, bias_h: Any = None) -> Any:
    """One step of mlx.nn.GRU, which keeps the sum of both biases where they are added, as those of its two gates are."""
    import mlx.core as mx
    from mlx import nn

    layer = nn.GRU(x.shape[1], h.shape[1])
    layer.Wx, layer.Wh, layer.b, layer.bhn = weight_x, weight_h, bias_x, None
    if bias_h is not None:
        gates = 2 * h.shape[1]
        beside = mx.concatenate([bias_h[:gates], mx.zeros_like(bias_h[gates:])])
        layer.b, layer.bhn = beside if bias_x is None else bias_x + beside, bias_h[gates:]
    return layer(x[:, None], h)[:, 0]


def _affine(norm: Any, gamma: Any, beta: Any) -> Any:
    """The norm, with a scale and a shift, of which it has both or none."""
    if (gamma is None) != (beta is None):
        raise NotImplementedError("norms of mlx.nn have both scale and shift, or none")
    if gamma is not None:
        norm.weight, norm.bias = gamma, beta
    return norm


def _last(x: Any) -> Any:
    """With channels last."""
    import mlx.core as mx

    return mx.moveaxis(x, 1, -1)


def _first(y: Any) -> Any:
    """With channels first."""
    import mlx.core as mx

    return mx.moveaxis(y, -1, 1)
