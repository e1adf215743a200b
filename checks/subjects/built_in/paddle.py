"""Paddle: paddle.nn.functional."""

from __future__ import annotations

from typing import Any

from reference._window import window

MOST = 1e-3  # eps of a layer norm


def conv(
    x: Any, weight: Any, bias: Any = None, *, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """F.conv1d, 2d, 3d, the last two of which take zeros for both ends of an axis."""
    from paddle.nn import functional as f

    over = window(tuple(x.shape[2:]), tuple(weight.shape[2:]), stride=stride, padding=padding, dilation=dilation)
    ends = [end for pair in zip(over.before, over.after, strict=True) for end in pair]
    return (f.conv1d, f.conv2d, f.conv3d)[x.ndim - 3](
        x, weight, bias, list(over.stride), ends, list(over.dilation), groups
    )


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
    """F.conv1d_transpose, 2d, 3d, which leave on less than a stride."""
    from paddle.nn import functional as f

    steps, more = (v if isinstance(v, tuple) else (v,) * (x.ndim - 2) for v in (stride, output_padding))
    if any(m >= s for m, s in zip(more, steps, strict=True)):
        raise NotImplementedError("output_padding has to be less than stride")
    transposed = (f.conv1d_transpose, f.conv2d_transpose, f.conv3d_transpose)[x.ndim - 3]
    return transposed(x, weight, bias, stride, padding, output_padding=output_padding, groups=groups, dilation=dilation)


def max_pool(x: Any, *, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False) -> Any:
    """F.max_pool1d, 2d, 3d."""
    from paddle.nn import functional as f

    return (f.max_pool1d, f.max_pool2d, f.max_pool3d)[x.ndim - 3](x, kernel_size, stride, padding, ceil_mode=ceil_mode)


def avg_pool(
    x: Any,
    *,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """F.avg_pool1d, 2d, 3d; exclusive leaves the padding out of what is counted."""
    from paddle.nn import functional as f

    pool = (f.avg_pool1d, f.avg_pool2d, f.avg_pool3d)[x.ndim - 3]
    return pool(x, kernel_size, stride, padding, ceil_mode=ceil_mode, exclusive=not count_include_pad)


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """F.linear, whose weight is (in, out)."""
    from paddle.nn import functional as f

    return f.linear(x, weight.T, bias)


def sigmoid(x: Any) -> Any:
    """F.sigmoid."""
    from paddle.nn import functional as f

    return f.sigmoid(x)


def tanh(x: Any) -> Any:
    """paddle.tanh."""
    return x.tanh()


def relu(x: Any) -> Any:
    """F.relu."""
    from paddle.nn import functional as f

    return f.relu(x)


def leaky_relu(x: Any, *, negative_slope: float = 0.01) -> Any:
    """F.leaky_relu."""
    from paddle.nn import functional as f

    return f.leaky_relu(x, negative_slope)


def softmax(x: Any, *, axis: int = 1) -> Any:
    """F.softmax."""
    from paddle.nn import functional as f

    return f.softmax(x, axis)


def euclidean_loss(prediction: Any, target: Any, *, reduction: str = "mean") -> Any:
    """F.mse_loss, whose sum is twice ours."""
    from paddle.nn import functional as f

    total = f.mse_loss(prediction, target, reduction="sum") / 2
    return total / len(prediction) if reduction == "mean" else total


def cross_entropy(logits: Any, target: Any, *, reduction: str = "mean") -> Any:
    """F.cross_entropy along the classes."""
    from paddle.nn import functional as f

    return f.cross_entropy(logits, target.unsqueeze(1), reduction=reduction, axis=1)


def batch_norm(x: Any, gamma: Any, beta: Any, *, eps: float = 1e-5) -> Any:
    """F.batch_norm, in training, with running values that are thrown away."""
    import paddle
    from paddle.nn import functional as f

    order = {2: "NC", 3: "NCL", 4: "NCHW", 5: "NCDHW"}[x.ndim]
    kept = "float64" if x.dtype == paddle.float64 else "float32"
    mean, variance = paddle.zeros([x.shape[1]], kept), paddle.ones([x.shape[1]], kept)
    return f.batch_norm(x, mean, variance, gamma, beta, training=True, epsilon=eps, data_format=order)


def layer_norm(x: Any, gamma: Any = None, beta: Any = None, *, eps: float = 1e-5) -> Any:
    """F.layer_norm, of which eps is a thousandth at most."""
    from paddle.nn import functional as f

    if eps > MOST:
        raise NotImplementedError(f"eps has to be at most {MOST}")
    last = next((a.shape for a in (gamma, beta) if a is not None), x.shape[-1:])
    return f.layer_norm(x, list(last), gamma, beta, eps)
