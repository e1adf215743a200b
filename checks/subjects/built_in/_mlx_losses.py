"""MLX: the losses of mlx.nn.losses."""

from __future__ import annotations

from typing import Any


def euclidean_loss(prediction: Any, target: Any, *, reduction: str = "mean") -> Any:
    """mlx.nn.losses.mse_loss, whose sum is twice ours."""
    from mlx import nn

    total = nn.losses.mse_loss(prediction, target, "sum") / 2
    return total / len(prediction) if reduction == "mean" else total


def cross_entropy(logits: Any, target: Any, *, reduction: str = "mean") -> Any:
    """mlx.nn.losses.cross_entropy."""
    from mlx import nn

    return nn.losses.cross_entropy(logits, target, axis=1, reduction=reduction)


def bce_with_logits(logits: Any, target: Any, pos_weight: Any = None, *, reduction: str = "mean") -> Any:
    """mlx.nn.losses.binary_cross_entropy, whose weights are those of elements."""
    from mlx import nn

    if pos_weight is not None:
        raise NotImplementedError("mlx.nn.losses.binary_cross_entropy has no weight of one answer")
    return nn.losses.binary_cross_entropy(logits, target, reduction=reduction)


def kl_div(x: Any, target: Any, *, log_target: bool = False, reduction: str = "mean") -> Any:
    """mlx.nn.losses.kl_div_loss, of logarithms only; what its mean divides by depends on an axis."""
    from mlx import nn

    if not log_target:
        raise NotImplementedError("mlx.nn.losses.kl_div_loss takes logarithms of the target")
    total = nn.losses.kl_div_loss(x, target, reduction="sum")
    return total / {"mean": x.size, "batchmean": len(x), "sum": 1}[reduction]


def huber(prediction: Any, target: Any, *, delta: float = 1.0, reduction: str = "mean") -> Any:
    """mlx.nn.losses.huber_loss."""
    from mlx import nn

    return nn.losses.huber_loss(prediction, target, delta, reduction)


def smooth_l1(prediction: Any, target: Any, *, beta: float = 1.0, reduction: str = "mean") -> Any:
    """mlx.nn.losses.smooth_l1_loss."""
    from mlx import nn

    return nn.losses.smooth_l1_loss(prediction, target, beta, reduction)
