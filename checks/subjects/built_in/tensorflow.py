"""TensorFlow: tf.nn, with channels last; its pools take no padding in numbers."""

from __future__ import annotations

from typing import Any

from reference._window import window


def conv(
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,  # noqa: ARG001, shapes say it
) -> Any:
    """tf.nn.conv1d, 2d, 3d of what tf.pad makes of x; groups follow from the shapes."""
    import tensorflow as tf

    over = window(tuple(x.shape[2:]), tuple(weight.shape[2:]), stride=stride, padding=padding, dilation=dilation)
    padded = tf.pad(_last(x), [(0, 0), *zip(over.before, over.after, strict=True), (0, 0)])
    kernel = tf.transpose(weight, (*range(2, weight.ndim), 1, 0))
    if x.ndim == 3:
        y = tf.nn.conv1d(padded, kernel, over.stride[0], "VALID", dilations=over.dilation[0])
    else:
        convolution = tf.nn.conv2d if x.ndim == 4 else tf.nn.conv3d
        y = convolution(padded, kernel, (1, *over.stride, 1), "VALID", dilations=(1, *over.dilation, 1))
    return _first(y if bias is None else y + bias)


def max_pool(x: Any, *, kernel_size: Any, stride: Any = None) -> Any:
    """tf.nn.max_pool."""
    import tensorflow as tf

    return _first(tf.nn.max_pool(_last(x), kernel_size, stride or kernel_size, "VALID"))


def avg_pool(x: Any, *, kernel_size: Any, stride: Any = None) -> Any:
    """tf.nn.avg_pool."""
    import tensorflow as tf

    return _first(tf.nn.avg_pool(_last(x), kernel_size, stride or kernel_size, "VALID"))


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """tf.linalg.matmul."""
    import tensorflow as tf

    y = tf.linalg.matmul(x, weight, transpose_b=True)
    return y if bias is None else y + bias


def sigmoid(x: Any) -> Any:
    """tf.nn.sigmoid."""
    import tensorflow as tf

    return tf.nn.sigmoid(x)


def tanh(x: Any) -> Any:
    """tf.nn.tanh."""
    import tensorflow as tf

    return tf.nn.tanh(x)


def relu(x: Any) -> Any:
    """tf.nn.relu."""
    import tensorflow as tf

    return tf.nn.relu(x)


def leaky_relu(x: Any, *, negative_slope: float = 0.01) -> Any:
    """tf.nn.leaky_relu."""
    import tensorflow as tf

    return tf.nn.leaky_relu(x, negative_slope)


def softmax(x: Any, *, axis: int = 1) -> Any:
    """tf.nn.softmax."""
    import tensorflow as tf

    return tf.nn.softmax(x, axis)


def cross_entropy(logits: Any, target: Any, *, reduction: str = "mean") -> Any:
    """tf.nn.sparse_softmax_cross_entropy_with_logits."""
    import tensorflow as tf

    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(target, _last(logits))
    return tf.reduce_mean(losses) if reduction == "mean" else tf.reduce_sum(losses)


def batch_norm(x: Any, gamma: Any, beta: Any, *, eps: float = 1e-5) -> Any:
    """tf.nn.moments and tf.nn.batch_normalization."""
    import tensorflow as tf

    over = [axis for axis in range(x.ndim) if axis != 1]
    mean, variance = tf.nn.moments(x, over, keepdims=True)
    shape = (1, -1, *(1,) * (x.ndim - 2))
    return tf.nn.batch_normalization(x, mean, variance, tf.reshape(beta, shape), tf.reshape(gamma, shape), eps)


def layer_norm(x: Any, gamma: Any = None, beta: Any = None, *, eps: float = 1e-5) -> Any:
    """tf.nn.moments and tf.nn.batch_normalization, over the last axes."""
    import tensorflow as tf

    last = next((a.ndim for a in (gamma, beta) if a is not None), 1)
    mean, variance = tf.nn.moments(x, list(range(x.ndim - last, x.ndim)), keepdims=True)
    return tf.nn.batch_normalization(x, mean, variance, beta, gamma, eps)


def _last(x: Any) -> Any:
    import tensorflow as tf

    return tf.transpose(x, (0, *range(2, x.ndim), 1))


def _first(y: Any) -> Any:
    import tensorflow as tf

    return tf.transpose(y, (0, y.ndim - 1, *range(1, y.ndim - 1)))
