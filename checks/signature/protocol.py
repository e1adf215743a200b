"""What has forward and backward of an op: the reference, and whatever is judged."""

from __future__ import annotations

from typing import Any, Protocol


class Reference(Protocol):
    """Anything with forward and backward of the op; gradients come back one for each input."""

    def forward(self, *inputs: Any, **parameters: Any) -> Any:
        """Return y."""

    def backward(self, grad_output: Any, *inputs: Any, **parameters: Any) -> Any:
        """One gradient for each input, None where there is none."""
