"""PyTorch: torch.nn.functional, with the numbers of paddings that the bridge passes."""

from __future__ import annotations

from typing import Any


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


def sigmoid(x: Any) -> Any:
    """torch.sigmoid."""
    return x.sigmoid()


def tanh(x: Any) -> Any:
    """torch.tanh."""
    return x.tanh()


def relu(x: Any) -> Any:
    """torch.relu."""
    return x.relu()


def leaky_relu(x: Any, *, negative_slope: float = 0.01) -> Any:
    """F.leaky_relu."""
    from torch.nn import functional as f

    return f.leaky_relu(x, negative_slope)


def softmax(x: Any, *, axis: int = 1) -> Any:
    """torch.softmax."""
    return x.softmax(axis)


def euclidean_loss(prediction: Any, target: Any, *, reduction: str = "mean") -> Any:
    """F.mse_loss, whose sum is twice ours."""
    from torch.nn import functional as f

    total = f.mse_loss(prediction, target, reduction="sum") / 2
    return total / len(prediction) if reduction == "mean" else total


def cross_entropy(logits: Any, target: Any, *, reduction: str = "mean") -> Any:
    """F.cross_entropy."""
    from torch.nn import functional as f

    return f.cross_entropy(logits, target, reduction=reduction)


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
