"""PyTorch: the losses of torch.nn.functional."""

from __future__ import annotations

from typing import Any


def euclidean_loss(prediction: Any, target: Any, *, reduction: str = "mean") -> Any:
    """F.mse_loss, whose sum is twice ours."""
    from torch.nn import functional as f

    total = f.mse_loss(prediction, target, reduction="sum") / 2
    return total / len(prediction) if reduction == "mean" else total


def cross_entropy(logits: Any, target: Any, *, reduction: str = "mean") -> Any:
    """F.cross_entropy."""
    from torch.nn import functional as f

    return f.cross_entropy(logits, target, reduction=reduction)


def weighted_cross_entropy(
    logits: Any,
    target: Any,
    weight: Any = None,
    *,
    label_smoothing: float = 0.0,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Any:
    """F.cross_entropy."""
    from torch.nn import functional as f

    return f.cross_entropy(
        logits, target, weight, ignore_index=ignore_index, reduction=reduction, label_smoothing=label_smoothing
    )


def bce_with_logits(logits: Any, target: Any, pos_weight: Any = None, *, reduction: str = "mean") -> Any:
    """F.binary_cross_entropy_with_logits."""
    from torch.nn import functional as f

    return f.binary_cross_entropy_with_logits(logits, target, reduction=reduction, pos_weight=pos_weight)


def kl_div(x: Any, target: Any, *, log_target: bool = False, reduction: str = "mean") -> Any:
    """F.kl_div, which warns of its mean."""
    from torch.nn import functional as f

    total = f.kl_div(x, target, reduction="sum", log_target=log_target)
    return total / {"mean": x.numel(), "batchmean": len(x), "sum": 1}[reduction]


def huber(prediction: Any, target: Any, *, delta: float = 1.0, reduction: str = "mean") -> Any:
    """F.huber_loss."""
    from torch.nn import functional as f

    return f.huber_loss(prediction, target, reduction=reduction, delta=delta)


def smooth_l1(prediction: Any, target: Any, *, beta: float = 1.0, reduction: str = "mean") -> Any:
    """F.smooth_l1_loss."""
    from torch.nn import functional as f

    return f.smooth_l1_loss(prediction, target, reduction=reduction, beta=beta)


def hinge(logits: Any, target: Any, *, margin: float = 1.0, reduction: str = "mean") -> Any:
    """F.multi_margin_loss."""
    from torch.nn import functional as f

    return f.multi_margin_loss(logits, target, margin=margin, reduction=reduction)
