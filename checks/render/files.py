"""Pictures as files: each under its own name, as SVG, or as PNG where what draws that is installed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from checks.render import raster
from checks.render.picture import Picture, svg

FORMATS = ("svg", "png")


def write(pictures: Iterable[tuple[str, Picture]], folder: Path, form: str) -> Iterator[Path]:
    """Write each picture to the folder, which is made if it is not there; the files that were written, as they are.

    form  "svg" or "png"

    Raises ValueError, in one sentence, where a file cannot be written, or for png something is missing.
    """
    if form == "png":
        raster.require()
    for name, picture in pictures:
        file = folder / f"{name}.{form}"
        drawn = svg(picture)
        content = raster.png(drawn) if form == "png" else drawn.encode()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        except OSError as error:
            raise ValueError(f"{file} cannot be written: {error.strerror}") from error
        yield file
