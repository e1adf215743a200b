"""Backpropagation through any network of the layers here: the five steps in which 003 sums itself up (P8).

Layer l weighs the activations of the layer below and adds a bias, which gives z^l; its activation function σ gives a^l:

    z^l = op(a^{l−1}, w^l, b^l),   a^l = σ(z^l)                 (003, P3, where op is true convolution: conv with `flip`)

With C the cost and δ^l = ∂C/∂z^l the error of layer l, the chain rule goes from the last layer L down to the first:

    δ^L     = ∇_a C ∘ σ'(z^L)
    δ^l     = (∂z^{l+1}/∂a^l)ᵀ δ^{l+1} ∘ σ'(z^l)               (003, P5, where (∂z/∂a)ᵀ δ is δ * ROT180(w))
    ∂C/∂w^l = (∂z^l/∂w^l)ᵀ δ^l                                  (003, P7; ∂C/∂b^l likewise)

Every factor is the `backward` of one layer: that of σ multiplies by σ'(z), that of op by the transposed derivatives. So
the algorithm knows nothing of convolution, and what it gives is as right as the layers are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from reference._window import Array


class Op(Protocol):
    """What a layer is made of: any module of the reference, or a class that has the same two functions."""

    def forward(self, *inputs: Any, **options: Any) -> Array:
        """What the layer gives for these inputs: y."""

    def backward(self, *grad_output_and_inputs: Any, **options: Any) -> tuple[Any, ...]:
        """One gradient for each input."""


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer: z = op(a, *parameters, **options), and then activation(z), or z itself where there is none."""

    op: Op
    parameters: tuple[Array, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    activation: Op | None = None

    def weighted(self, a: Array) -> Array:
        """z^l, given a^{l−1}."""
        return self.op.forward(a, *self.parameters, **self.options)

    def activated(self, z: Array) -> Array:
        """a^l = σ(z^l)."""
        return z if self.activation is None else self.activation.forward(z)

    def error(self, grad_a: Array, z: Array) -> Array:
        """δ^l = ∂C/∂a^l ∘ σ'(z^l)."""
        return grad_a if self.activation is None else np.asarray(self.activation.backward(grad_a, z)[0])

    def gradients(self, delta: Array, a: Array) -> tuple[Any, ...]:
        """∂C/∂a^{l−1}, and ∂C/∂w for each parameter w of this layer, given δ^l and a^{l−1}."""
        return self.op.backward(delta, a, *self.parameters, **self.options)


def feedforward(layers: Sequence[Layer], x: Array) -> Array:
    """The activations of the last layer."""
    for layer in layers:
        x = layer.activated(layer.weighted(x))
    return x


def backpropagation(
    layers: Sequence[Layer], cost: Op, x: Array, target: Array
) -> tuple[Array, tuple[tuple[Any, ...], ...]]:
    """C = cost(a^L, target), and ∂C/∂w for each parameter w of each layer, in the order of the layers.

    Raises ValueError as the layers do, and if there is none.
    """
    if not layers:
        raise ValueError("there are no layers; expected at least one")

    # 1. Input x: set the activation a¹ for the input layer.
    z: list[Array] = []
    a = [np.asarray(x)]

    # 2. Feedforward: for each layer compute z^l and a^l = σ(z^l).
    for layer in layers:
        z.append(layer.weighted(a[-1]))
        a.append(layer.activated(z[-1]))

    # 3. Output error: δ^L = ∇_a C ∘ σ'(z^L).
    C = np.asarray(cost.forward(a[-1], target))
    grad_a = cost.backward(np.ones_like(C), a[-1], target)[0]
    delta = layers[-1].error(grad_a, z[-1])

    # 4. Backpropagate the error: for each layer, the last first, δ^l from δ^{l+1}.
    # 5. Gradient: ∂C/∂w^l from δ^l and a^{l−1}; it comes from the same call of backward as ∂C/∂a^{l−1}.
    gradients = []
    for place in reversed(range(len(layers))):
        grad_a, *of_parameters = layers[place].gradients(delta, a[place])
        gradients.append(tuple(of_parameters[: len(layers[place].parameters)]))  # none for a bias that is left out
        if place:
            delta = layers[place - 1].error(grad_a, z[place - 1])
    return C, tuple(reversed(gradients))
