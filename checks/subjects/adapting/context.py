"""What graphs hand to a layer beside its arrays: where a static forward saves, and what a node had as inputs."""

from __future__ import annotations

from typing import Any


class Context:
    """In which a static forward saves what its backward needs, as torch's and minitorch's do."""

    saved_tensors: tuple[Any, ...] = ()

    def save_for_backward(self, *arrays: Any) -> None:
        """Keep these."""
        self.saved_tensors = arrays

    @property
    def saved_values(self) -> tuple[Any, ...]:
        """What was kept."""
        return self.saved_tensors


class Node(tuple[Any, ...]):
    """What was handed over forwards, as a graph has it: a node with its inputs."""

    __slots__ = ()

    @property
    def inputs(self) -> tuple[Any, ...]:
        """All of it."""
        return tuple(self)
