"""PyTorch: torch.nn.functional, with the numbers of paddings that the bridge passes."""

from __future__ import annotations

from typing import Any

from checks.subjects.built_in._named import both_ends, named
from checks.subjects.built_in._torch_losses import (  # noqa: F401, looked up here, by their ops
    bce_with_logits,
    cross_entropy,
    euclidean_loss,
    hinge,
    huber,
    kl_div,
    smooth_l1,
    weighted_cross_entropy,
)

sigmoid, tanh, relu = named("torch:sigmoid"), named("torch:tanh"), named("torch:relu")
leaky_relu = named("torch.nn.functional:leaky_relu", negative_slope=0.01)
elu = named("torch.nn.functional:elu", alpha=1.0)
silu, hard_swish = named("torch.nn.functional:silu"), named("torch.nn.functional:hardswish")
softmax, log_softmax = named("torch:softmax", axis=1), named("torch:log_softmax", axis=1)
pixel_shuffle = named("torch.nn.functional:pixel_shuffle", upscale_factor=2)


def conv(
    x: Any, weight: Any, bias: Any = None, *, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """F.conv1d, 2d, 3d; a padding with a name that is no number for both ends is passed as it is."""
    from torch.nn import functional as f

    return (f.conv1d, f.conv2d, f.conv3d)[x.ndim - 3](x, weight, bias, stride, padding, dilation, groups)


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
    """F.conv_transpose1d, 2d, 3d."""
    from torch.nn import functional as f

    transposed = (f.conv_transpose1d, f.conv_transpose2d, f.conv_transpose3d)[x.ndim - 3]
    return transposed(x, weight, bias, stride, padding, output_padding, groups, dilation)


def max_pool(
    x: Any, *, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Any:
    """F.max_pool1d, 2d, 3d."""
    from torch.nn import functional as f

    return (f.max_pool1d, f.max_pool2d, f.max_pool3d)[x.ndim - 3](x, kernel_size, stride, padding, dilation, ceil_mode)


def avg_pool(
    x: Any,
    *,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """F.avg_pool1d, 2d, 3d."""
    from torch.nn import functional as f

    pool = (f.avg_pool1d, f.avg_pool2d, f.avg_pool3d)[x.ndim - 3]
    return pool(x, kernel_size, stride, padding, ceil_mode, count_include_pad)


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """F.linear."""
    from torch.nn import functional as f

    return f.linear(x, weight, bias)


def batch_norm(x: Any, gamma: Any, beta: Any, *, eps: float = 1e-5) -> Any:
    """F.batch_norm, in training."""
    from torch.nn import functional as f

    return f.batch_norm(x, None, None, gamma, beta, training=True, eps=eps)


def layer_norm(x: Any, gamma: Any = None, beta: Any = None, *, eps: float = 1e-5) -> Any:
    """F.layer_norm."""
    from torch.nn import functional as f

    last = next((a.shape for a in (gamma, beta) if a is not None), x.shape[-1:])
    return f.layer_norm(x, last, gamma, beta, eps)


def local_response_norm(x: Any, *, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Any:
    """F.local_response_norm."""
    from torch.nn import functional as f

    return f.local_response_norm(x, size, alpha, beta, k)


def rms_norm(x: Any, gamma: Any = None, *, eps: float = 1e-5) -> Any:
    """F.rms_norm."""
    from torch.nn import functional as f

    return f.rms_norm(x, x.shape[-1:] if gamma is None else gamma.shape, gamma, eps)


def gelu(x: Any, *, approximate: str = "none") -> Any:
    """F.gelu."""
    from torch.nn import functional as f

    return f.gelu(x, approximate=approximate)


def softplus(x: Any, *, beta: float = 1.0) -> Any:
    """F.softplus, without its threshold: at 20 it leaves out what is larger than rounding."""
    from torch.nn import functional as f

    return f.softplus(x, beta, threshold=40)


def glu(x: Any) -> Any:
    """F.glu."""
    from torch.nn import functional as f

    return f.glu(x, -1)


def attention(
    q: Any, k: Any, v: Any, mask: Any = None, *, causal: bool = False, scale: float | None = None, groups: int = 1
) -> Any:
    """F.scaled_dot_product_attention, which takes a mask or is_causal."""
    from torch.nn import functional as f

    if causal and mask is not None:
        raise NotImplementedError("F.scaled_dot_product_attention takes no mask beside is_causal")
    return f.scaled_dot_product_attention(q, k, v, mask, is_causal=causal, scale=scale, enable_gqa=groups > 1)


def embedding(index: Any, weight: Any, *, padding_index: int | None = None) -> Any:
    """F.embedding."""
    from torch.nn import functional as f

    return f.embedding(index, weight, padding_index)


def lstm_cell(x: Any, h: Any, c: Any, weight_x: Any, weight_h: Any, bias: Any = None) -> Any:
    """torch.lstm_cell, of whose two biases one is enough."""
    import torch

    second = None if bias is None else torch.zeros_like(bias)
    return torch.cat(torch.lstm_cell(x, (h, c), weight_x, weight_h, bias, second), 1)


def gru_cell(x: Any, h: Any, weight_x: Any, weight_h: Any, bias_x: Any = None, bias_h: Any = None) -> Any:
    """torch.gru_cell, which has both biases or none."""
    import torch

    if (bias_x is None) != (bias_h is None):
        raise NotImplementedError("torch.gru_cell has both biases or none")
    return torch.gru_cell(x, h, weight_x, weight_h, bias_x, bias_h)


def adaptive_avg_pool(x: Any, *, output_size: Any = 1) -> Any:
    """F.adaptive_avg_pool1d, 2d, 3d."""
    from torch.nn import functional as f

    return (f.adaptive_avg_pool1d, f.adaptive_avg_pool2d, f.adaptive_avg_pool3d)[x.ndim - 3](x, output_size)


def adaptive_max_pool(x: Any, *, output_size: Any = 1) -> Any:
    """F.adaptive_max_pool1d, 2d, 3d."""
    from torch.nn import functional as f

    return (f.adaptive_max_pool1d, f.adaptive_max_pool2d, f.adaptive_max_pool3d)[x.ndim - 3](x, output_size)


def grid_sample(x: Any, grid: Any, *, mode: str = "", padding_mode: str = "zeros", align_corners: bool = False) -> Any:
    """F.grid_sample, over two or three axes."""
    from torch.nn import functional as f

    if x.ndim == 3:
        raise NotImplementedError("F.grid_sample has places along two or three axes only")
    return f.grid_sample(x, grid, mode if mode == "nearest" else "bilinear", padding_mode, align_corners)


def lp_pool(
    x: Any, *, norm_type: float = 2.0, kernel_size: Any = 2, stride: Any = None, ceil_mode: bool = False
) -> Any:
    """F.lp_pool1d, 2d, 3d."""
    from torch.nn import functional as f

    return (f.lp_pool1d, f.lp_pool2d, f.lp_pool3d)[x.ndim - 3](x, norm_type, kernel_size, stride, ceil_mode)


def upsample(x: Any, *, scale: Any = 2, mode: str = "nearest", align_corners: bool = False) -> Any:
    """F.interpolate, which has cubic weights over two axes only."""
    from torch.nn import functional as f

    axes = x.ndim - 2
    if mode == "cubic" and axes != 2:
        raise NotImplementedError("F.interpolate has cubic weights over two axes only")
    called = mode if mode == "nearest" else f"{('', 'bi', 'tri')[axes - 1]}{mode}"
    factors = [float(k) for k in (scale if isinstance(scale, tuple) else (scale,) * axes)]
    corners = None if mode == "nearest" else align_corners
    return f.interpolate(x, scale_factor=factors, mode=called, align_corners=corners)


def unfold(x: Any, *, kernel_size: Any = 2, stride: Any = 1, padding: Any = 0, dilation: Any = 1) -> Any:
    """F.unfold, over two axes."""
    from torch.nn import functional as f

    if x.ndim != 4:
        raise NotImplementedError("F.unfold has windows over two axes only")
    return f.unfold(x, kernel_size, dilation, padding, stride)


def batch_norm_inference(
    x: Any, running_mean: Any, running_var: Any, gamma: Any = None, beta: Any = None, *, eps: float = 1e-5
) -> Any:
    """F.batch_norm, in inference."""
    from torch.nn import functional as f

    return f.batch_norm(x, running_mean, running_var, gamma, beta, training=False, eps=eps)


def group_norm(x: Any, gamma: Any = None, beta: Any = None, *, groups: int = 1, eps: float = 1e-5) -> Any:
    """torch.group_norm, whose backward of a shift without a scale raises."""
    import torch

    if gamma is None and beta is not None:
        raise NotImplementedError("torch.group_norm has no backward of a shift without a scale")
    return torch.group_norm(x, groups, gamma, beta, eps)


def instance_norm(x: Any, gamma: Any = None, beta: Any = None, *, eps: float = 1e-5) -> Any:
    """F.instance_norm."""
    from torch.nn import functional as f

    return f.instance_norm(x, None, None, gamma, beta, eps=eps)


def fold(
    x: Any, *, output_size: Any, kernel_size: Any = 2, stride: Any = 1, padding: Any = 0, dilation: Any = 1
) -> Any:
    """F.fold, over two axes."""
    from torch.nn import functional as f

    if not isinstance(output_size, tuple) or len(output_size) != 2:
        raise NotImplementedError("F.fold has windows over two axes only")
    return f.fold(x, output_size, kernel_size, dilation, padding, stride)


def pad(x: Any, *, before: Any = 1, after: Any = 1, mode: str = "constant") -> Any:
    """F.pad, whose ends begin with those of the last axis; it has no empty batches where it copies."""
    from torch.nn import functional as f

    if mode != "constant" and not x.numel():
        raise NotImplementedError("F.pad copies nothing of an empty batch")
    ends = [end for pair in reversed(both_ends(x.ndim - 2, before, after)) for end in pair]
    return f.pad(x, ends, mode)
