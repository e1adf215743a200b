"""Figures of results, by their ids. What they show is computed by the reference when they are made.

A figure is a function called like its result in one of the modules of this folder.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from checks.book.contents import Figure
from checks.book.figures import attending, convolution, losses, norms, pooling, resampling, sequences, today

FIGURES: dict[str, Callable[[], Figure]] = {
    name: function
    for module in (attending, convolution, losses, norms, pooling, resampling, sequences, today)
    for name, function in vars(module).items()
    if re.fullmatch(r"[A-Z]\d+", name)
}
