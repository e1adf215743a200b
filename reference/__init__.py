"""The mathematics: hand-derived forward and backward of the layers of a convolutional network, in NumPy alone.

Each module holds one family of layers, forward beside backward, with the derivation between them.
"""

from reference import conv

__all__ = ["conv"]
