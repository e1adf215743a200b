"""How arrays stand in a file: whole numbers as JSON has them, others as hexadecimal floats, stored ones as bits.

{"shape": [1, 2], "values": [3, -4]}            whole numbers; a result's are to be divided by the unit of the test
{"shape": [2], "hex": ["0x1.8p+0", "nan"]}      any others, exactly
{"shape": [1], "values": [2049], "bits": {"float16": ["6800"]}}    what is stored once a whole number is rounded
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, isfinite, nan
from typing import Any

import numpy as np

from checks.numbers.precision import PRECISIONS, Array

LARGEST = 2.0**53
ODD = {"nan": nan, "inf": inf, "-inf": -inf}


def written(array: Array, *, unit: int = 1, scale: int = 0, dtype: str | None = None) -> dict[str, Any]:
    """The array; with the bits that a dtype stores, if there is one in which it is rounded."""
    numbers = np.asarray(array)
    shape = list(numbers.shape)
    if numbers.dtype.kind in "iub":
        return {"shape": shape, "dtype": numbers.dtype.name, "values": [int(n) for n in numbers.ravel().tolist()]}
    wide = np.asarray(numbers, np.float64)
    whole = np.ldexp(wide, -scale) * unit
    if scale and not np.array_equal(np.ldexp(whole / unit, scale), wide):  # beyond what one power of two can undo
        whole = np.ldexp(np.ldexp(wide, -scale // 2), -scale - (-scale // 2)) * unit
    if not is_whole(whole):
        return {"shape": shape, "hex": [hexadecimal(n) for n in wide.ravel().tolist()]}
    found: dict[str, Any] = {"shape": shape, "values": [_integer(n) for n in whole.ravel().tolist()]}
    if dtype is not None:
        found["bits"] = {dtype: [f"{n:04x}" for n in bits(wide, dtype).ravel().tolist()]}
    return found


def is_whole(array: Array) -> bool:
    """Whether these are whole numbers that float64 tells apart."""
    return bool(np.all(np.isfinite(array)) and np.all(array == np.rint(array)) and np.all(np.abs(array) < LARGEST))


def _integer(number: float) -> int | float:
    """A whole number; −0 keeps its sign."""
    return number if number == 0 and np.signbit(number) else int(number)


def read(given: Mapping[str, Any], *, unit: int = 1, scale: int = 0) -> Array:
    """The array, in float64; raises ValueError, in a sentence, for what is none."""
    flat = numbers(given["hex"]) if "hex" in given else np.asarray(np.ldexp(numbers(given["values"]) / unit, scale))
    return flat.reshape([int(n) for n in given["shape"]])


def numbers(given: Any) -> Array:
    """Numbers of JSON, and hexadecimal floats as text, flat or nested; raises ValueError, in a sentence."""
    return np.asarray([number(n) for n in _flat(given)], np.float64)


def _flat(given: Any) -> list[Any]:
    if not isinstance(given, list):
        return [given]
    return [n for one in given for n in _flat(one)]


def number(given: Any) -> float:
    """One of them."""
    try:
        if isinstance(given, str):
            return ODD[given.lower()] if given.lower() in ODD else float.fromhex(given)
        if isinstance(given, int | float) and not isinstance(given, bool):
            return float(given)
    except (ValueError, OverflowError):
        pass  # it is said below
    raise ValueError(f"{given!r} is no number of float64; expected such as 3, -0.5, '0x1.8p+0', 'nan' or 'inf'")


def hexadecimal(number: float) -> str:
    """As C's %a and strtod have it, without zeros at the end."""
    if not isfinite(number):
        return str(number)
    digits, _, exponent = float(number).hex().partition("p")
    return f"{digits.rstrip('0').rstrip('.') if '.' in digits else digits}p{exponent}"


def bits(array: Array, dtype: str) -> Array:
    """The bits of these numbers once they are stored in a dtype of two bytes."""
    precision = PRECISIONS[dtype]
    with np.errstate(over="ignore"):
        stored = np.asarray(precision.rounded(array))
    if precision.storage == "float32":  # bfloat16: the upper half
        return np.asarray(stored.view(np.uint32) >> 16, np.uint16)
    return stored.view(np.uint16)
