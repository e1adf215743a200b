"""Whether code draws random numbers: then it gives the same where every generator that it draws from begins alike.

`rewound` puts the generators back where they were, once a call is over: NumPy's and Python's global ones, torch's, those
that are held by the object that is called, or stand in its module. One that is made in the call, `default_rng()`, is made
of the same seed. What differs from call to call all the same has a state of its own.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

REWOUND = "rewound"  # the part of the protocol that is asked for: forward, after which generators are put back
SEED = 1
CALLS = 16  # of which none differs by chance, where what is drawn are but two masks that are equally likely: 2⁻¹⁵
TOLD = (
    "forward draws random numbers: called again on the very same arrays it gives another y, and the same y where "
    "generators of random numbers begin alike, so neither y nor a gradient can be judged; expected that what it draws is "
    "an input, as forward(x, mask) of dropout has it"
)


@contextmanager
def rewound(function: Callable[..., Any]) -> Iterator[None]:
    """Put every generator that this function may draw from back to where it is now, at the end."""
    made, torch = np.random.default_rng, sys.modules.get("torch")
    of_numpy, of_python = np.random.get_state(), random.getstate()  # noqa: NPY002, the generator that theirs may draw from
    of_torch = torch.get_rng_state() if torch is not None and hasattr(torch, "get_rng_state") else None
    held = [(one, _state(one)) for one in _held(function)]
    np.random.default_rng = lambda seed=None: made(SEED if seed is None else seed)
    try:
        yield
    finally:
        np.random.default_rng = made
        np.random.set_state(of_numpy)  # noqa: NPY002, as above
        random.setstate(of_python)
        if torch is not None and of_torch is not None:
            torch.set_rng_state(of_torch)
        for one, state in held:
            if isinstance(one, random.Random):
                one.setstate(state)
            elif isinstance(one, np.random.Generator):
                one.bit_generator.state = state
            else:
                one.set_state(state)


def _held(function: Callable[..., Any]) -> Iterator[Any]:
    """The generators of the object whose method it is, and of its module."""
    owner = getattr(function, "__self__", None)
    for around in (getattr(owner, "__dict__", {}), getattr(function, "__globals__", {})):
        for one in list(around.values()):
            if isinstance(one, np.random.Generator | np.random.RandomState | random.Random):
                yield one


def _state(one: Any) -> Any:
    if isinstance(one, random.Random):
        return one.getstate()
    return one.bit_generator.state if isinstance(one, np.random.Generator) else one.get_state()
