"""Complex numbers as pairs of real ones, and the two conventions by which their gradients go.

z = a + ib is the array (…, 2) of a and b. A loss L is real, and moves by a and b; two conventions say how that is one
complex number, of a result (the cotangent g that a backward is handed) as of an input (what it returns):

    torch   ∂L/∂a + i·∂L/∂b, so that dL = Re(conj(grad)·dz):    of a holomorphic f   conj(f'(z))·g
    JAX     ∂L/∂a − i·∂L/∂b, so that dL = Re(grad·dz):                               f'(z)·g

Either is right if it is used throughout. As pairs both are the same real function and the same real gradient.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from checks.numbers.precision import Array

COMPLEX_DTYPES = {"complex128": "float64", "complex64": "float32"}
TORCH, JAX = CONVENTIONS = ("torch", "jax")
NAMES = {TORCH: "torch's", JAX: "JAX's"}
BOTH = "both"
HALF, TURNED = "half", "turned"  # of torch's: half of it, and its conjugate


def number(a: Any) -> Array:
    """The complex numbers whose parts these are."""
    if np.iscomplexobj(a):
        raise TypeError("the parts of a complex number are real")
    return np.asarray(a[..., 0] + np.asarray(1j, np.result_type(a.dtype, np.complex64)) * a[..., 1])


def pair(a: Any) -> Any:
    """The parts of complex numbers; anything else as it is."""
    return np.stack([np.real(a), np.imag(a)], axis=-1) if np.iscomplexobj(a) else a


def conjugated(a: Array, convention: str) -> Array:
    """What torch's convention has for what this one has, or the other way round."""
    return np.conj(a) if convention == JAX else a


def convention_of(by: Mapping[str, str]) -> str:
    """The one by which all gradients go that go by one alone: torch's where they fit both, or some of them none."""
    told = {one for one in by.values() if one in CONVENTIONS}
    return JAX if told == {JAX} else TORCH


def refuse_convention(convention: str, dtype: str) -> None:
    """Raise ValueError, in a sentence, where there is no such convention, or nothing that it could be about."""
    if convention not in {"", *CONVENTIONS}:
        raise ValueError(f"convention {convention} given; expected {' or '.join(CONVENTIONS)}")
    if convention and dtype not in COMPLEX_DTYPES:
        raise ValueError(
            f"convention {convention} is about complex numbers; expected dtype {' or '.join(COMPLEX_DTYPES)}"
        )
