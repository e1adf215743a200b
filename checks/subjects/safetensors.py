"""The safetensors layout, in as many lines as it takes: eight bytes, the length of a header; the header, JSON; the numbers.

Each tensor stands in the header with dtype, shape and where its bytes lie after it, little-endian, in row-major order. What
cannot be so is refused in a sentence. Of bfloat16, which NumPy does not have, float32 arrays hold the numbers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from checks.numbers.precision import PRECISIONS, Array

DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "<i1",
    "U8": "|u1", "BOOL": "|b1",
}  # fmt: skip
NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items() if name != "BF16"}
LONGEST = 100_000_000  # bytes of a header, as in safetensors itself
METADATA = "__metadata__"


def packed(
    arrays: Mapping[str, Array], metadata: Mapping[str, str], *, bfloat16: frozenset[str] = frozenset()
) -> bytes:
    """The bytes; arrays of these names are stored as bfloat16, whose numbers they hold."""
    header: dict[str, Any] = {METADATA: dict(metadata)}
    parts, end = [], 0
    for name, array in arrays.items():
        # As the array says, not as ascontiguousarray has it: that makes an array of one axis of a number.
        stored = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
        if name in bfloat16:
            stored = (PRECISIONS["bfloat16"].rounded(stored).view(np.uint32) >> 16).astype("<u2")
        data = stored.tobytes()
        dtype = "BF16" if name in bfloat16 else NAMES[np.dtype(stored.dtype)]
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [end, end + len(data)]}
        parts.append(data)
        end += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *parts])


def unpacked(data: bytes) -> tuple[dict[str, Array], dict[str, str]]:
    """Arrays and metadata; raises ValueError, in a sentence, for what is not of this layout."""
    if len(data) < 8:
        raise ValueError(f"{len(data)} bytes; expected a length of eight, and a header")
    length = int.from_bytes(data[:8], "little")
    if length > min(LONGEST, len(data) - 8):
        raise ValueError(f"a header of {length} bytes in {len(data)}; expected one that is there")
    try:
        header = json.loads(data[8 : 8 + length])
        metadata = {str(k): str(v) for k, v in header.pop(METADATA, {}).items()}
        body = memoryview(data)[8 + length :]
        return {str(name): _array(name, told, body) for name, told in header.items()}, metadata
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError, json.JSONDecodeError) as wrong:
        raise ValueError(f"a header that cannot be read: {type(wrong).__name__}: {wrong}") from wrong


def _array(name: str, told: Mapping[str, Any], body: memoryview) -> Array:
    if told["dtype"] not in DTYPES:
        raise ValueError(f"{name} has dtype {told['dtype']!r}; expected {', '.join(DTYPES)}")
    dtype, (start, end) = np.dtype(DTYPES[told["dtype"]]), told["data_offsets"]
    shape = tuple(told["shape"])
    if not all(isinstance(n, int) and n >= 0 for n in (*shape, start, end)):
        raise ValueError(f"{name} has shape {shape} and data_offsets {[start, end]}; expected whole numbers")
    size = dtype.itemsize
    for n in shape:
        size *= n
    if end - start != size or end > len(body):
        raise ValueError(
            f"{name} lies from {start} to {end} of {len(body)} bytes; a {told['dtype']} of {shape} has {size}"
        )
    array: Array = np.frombuffer(body[start:end], dtype).reshape(shape)
    if told["dtype"] == "BF16":
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array
