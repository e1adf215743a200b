"""Writes vectors of some ops into a folder, beside those of others that are there, and the manifest of all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files as resources
from pathlib import Path

from checks.op import Op
from checks.vectors import files, large
from checks.vectors.choosing import chosen
from checks.vectors.kills import table


def generate(ops: Sequence[Op], folder: Path) -> Iterator[tuple[Op, int]]:
    """Write them; yields each op with the number of its vectors. Raises ValueError, in a sentence, where it cannot."""
    entries = files.entries_in(folder) if (folder / files.MANIFEST).exists() else {}
    try:
        (folder / files.LARGE).mkdir(parents=True, exist_ok=True)
        for op in ops:
            vectors, wide = chosen(op), large.cases(op)
            if vectors:
                _write(folder / f"{op.name}.json", files.text_of(op, vectors).encode())
                entries[op.name] = files.entry(op, vectors, len(wide))
            if vectors and wide:
                _write(folder / files.LARGE / f"{op.name}.safetensors", large.file_of(op, wide))
            yield op, len(vectors)
        for told in entries.values():
            for checksum in ("sha256", "large_sha256"):
                told.pop(checksum, None)
        _write(folder / files.SCHEMA_FILE, resources(__package__).joinpath(files.SCHEMA_FILE).read_bytes())
        _write(folder / files.KILLS, table(entries).encode())
        _write(folder / files.MANIFEST, files.manifest(entries, folder).encode())
    except OSError as error:
        raise ValueError(f"{error.filename} cannot be written: {error.strerror}") from error


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)
