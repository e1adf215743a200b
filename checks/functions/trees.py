"""Several results as one: tuples, lists and dicts of arrays, nested, as the vector that their elements are, and back.

A function of several results is one of a single vector, whose cotangent its backward is handed in the shape that it knows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

Function = Callable[..., Any]


def is_tree(y: Any) -> bool:
    """Whether it is no single array."""
    return isinstance(y, tuple | list | Mapping)


def leaves(tree: Any) -> list[Any]:
    """What stands at its ends, in order; None is left out."""
    if isinstance(tree, Mapping):
        return [leaf for key in tree for leaf in leaves(tree[key])]
    if isinstance(tree, tuple | list):
        return [leaf for one in tree for leaf in leaves(one)]
    return [] if tree is None else [tree]


def of_leaves(like: Any, values: Sequence[Any]) -> Any:
    """A tree of the same form with these at its ends."""
    return _filled(like, iter(values))


def _filled(like: Any, values: Iterator[Any]) -> Any:
    if isinstance(like, Mapping):
        return {key: _filled(one, values) for key, one in like.items()}
    if isinstance(like, tuple) and hasattr(like, "_fields"):
        return type(like)(*(_filled(one, values) for one in like))
    if isinstance(like, tuple | list):
        return type(like)(_filled(one, values) for one in like)
    return None if like is None else next(values)


def parted(y: Any, g: Any) -> list[Any]:
    """The parts of a vector that belong to the ends of y, in their shapes; 0 for whole numbers, which have none."""
    values, start = [], 0
    for part in (np.asarray(leaf) for leaf in leaves(y)):
        end = start + (part.size if part.dtype.kind in "fc" else 0)
        own = g[start:end].reshape(part.shape) if end > start or part.dtype.kind in "fc" else np.zeros(part.shape)
        values.append(np.array(own))
        start = end
    return values


def as_one(function: Function, backward: Function) -> tuple[Function, Function]:
    """The same with a vector for a result: all real numbers at the ends of what is returned, one after another.

    Whole numbers among the results (indices, counts) have no cotangent: theirs is 0.
    """

    @functools.wraps(function, updated=())
    def forward(*arrays: Any) -> Any:
        parts = [np.asarray(leaf) for leaf in leaves(function(*arrays))]
        parts = [part.ravel() for part in parts if part.dtype.kind in "fc"]
        return np.concatenate(parts) if parts else np.zeros(0)

    @functools.wraps(backward, updated=())
    def gradients(g: Any, *arrays: Any) -> Any:
        y = function(*(np.array(a) for a in arrays))
        return backward(of_leaves(y, parted(y, g)), *arrays)

    return forward, gradients
