"""The mathematics: hand-derived forward and backward of the layers of a convolutional network, in NumPy alone.

Each module holds one family of layers, forward beside backward, with the derivation between them.
"""

from reference import (
    avg_pool,
    batch_norm,
    conv,
    conv_transpose,
    cross_entropy,
    dropout,
    euclidean_loss,
    layer_norm,
    leaky_relu,
    linear,
    local_response_norm,
    max_pool,
    relu,
    sgd,
    sigmoid,
    similarity,
    softmax,
    subsample,
    tanh,
)

__all__ = [
    "avg_pool",
    "batch_norm",
    "conv",
    "conv_transpose",
    "cross_entropy",
    "dropout",
    "euclidean_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "local_response_norm",
    "max_pool",
    "relu",
    "sgd",
    "sigmoid",
    "similarity",
    "softmax",
    "subsample",
    "tanh",
]
