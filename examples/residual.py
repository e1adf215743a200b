"""A residual network learns handwritten digits, with hand-derived gradients alone: python -m examples.residual

The digits are 8x8 pixels, scaled so that those to learn from have mean 0 and variance 1; seed 0 gets 98.6 % of those held
out right after 8 epochs, by either way. `--by torch` trains the same network, written in PyTorch and differentiated by it,
from the same start on the same batches. When it classifies, its norms take mean and variance of all that was learned from.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from examples.training import Digits, Example, Parameters, divided, scaled, shades
from reference import residual


def digits() -> Digits:
    """scikit-learn's digits as images (N, 1, 8, 8), every fifth held out."""
    images, labels, held_out = shades()
    return divided(scaled(np.expand_dims(images, 1), held_out), labels, held_out)


def loss_in_torch(of: dict[str, Any], images: np.ndarray, labels: np.ndarray) -> Any:
    """The loss as a tensor that torch.autograd can differentiate, given tensors like residual.parameters."""
    import torch
    from torch.nn import functional as f

    def normed(x: Any, arrays: Any, stride: int = 1) -> Any:
        weight, gamma, beta = arrays
        z = f.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)
        return f.batch_norm(z, None, None, gamma, beta, training=True)

    def block(x: Any, arrays: Any, stride: int) -> Any:
        inner = f.relu(normed(x, arrays[:3], stride))
        beside = normed(x, arrays[6:], stride) if arrays[6:] else x
        return f.relu(normed(inner, arrays[3:6]) + beside)

    x = f.relu(normed(torch.from_numpy(images), of["stem"]))
    x = block(block(x, of["keep"], 1), of["halve"], 2)
    return f.cross_entropy(f.linear(x.mean((2, 3)), *of["read"]), torch.from_numpy(labels))


def classes(of: Parameters, data: Digits) -> np.ndarray:
    """What the digits held out are taken for."""
    return residual.classify(of, data.held_out_images, residual.moments(of, data.images))


EXAMPLE = Example(
    name="residual network",
    module="examples.residual",
    network=residual,
    digits=digits,
    loss_in_torch=loss_in_torch,
    classes=classes,
    usual={"epochs": 8, "rate": 0.05, "momentum": 0.9, "decay": 0.0005},
)

if __name__ == "__main__":
    sys.exit(EXAMPLE.main())
