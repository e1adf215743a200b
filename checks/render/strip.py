"""Sizes along one axis as marks on a line: those that were tried, which of them are wrong, and from which on.

On the line each doubling is as long as any other. What is right stands on it, what is wrong hangs below it, so that the two
differ by more than their colour.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from math import log2

from checks.trials.exhibit import Sized

STYLE = """
.strip { position: relative; height: 22px; margin: 0.2em 6px 0 0; max-width: 40rem; }
.strip::before { content: ""; position: absolute; left: 0; right: 0; top: 9px; border-top: 1px solid var(--line-strong); }
.strip i { position: absolute; top: 0; width: 3px; height: 9px; background: var(--accent); }
.strip i.off { top: 10px; width: 5px; background: var(--wrong-soft); border: 1px solid var(--wrong); }
.strip .limit {
  position: absolute; top: 0; right: 0; height: 21px; background: var(--wrong-soft); border-left: 2px dashed var(--wrong);
}
.sized { margin: 0.3em 0 1em; }
.sized p { margin: 0; }
@media print { .strip, .strip i { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""


def strip(sizes: Iterable[int], wrong: Iterable[int] = (), limit: int | None = None) -> str:
    """Marks of sizes; of some that are wrong; and what is beyond the largest that is right, if there is such a limit."""
    tried, off = sorted(sizes), sorted(wrong)
    last = log2(max([*tried, *off, 1]) + 1)

    def at(size: float) -> str:
        return f"left: {100 * log2(size + 1) / last:.1f}%"

    beyond = f'<span class="limit" style="{at(limit + 0.5)}"></span>' if limit is not None else ""
    marks = "".join(f'<i style="{at(size)}"></i>' for size in tried)
    marks += "".join(f'<i class="off" style="{at(size)}"></i>' for size in off)
    return f'<div class="strip" aria-hidden="true">{beyond}{marks}</div>'


def sized(one: Sized) -> str:
    """The sizes that were tried along one axis to find out which are wrong, with the same in words."""
    drawn = strip(one.right, one.wrong, one.limit)
    said = f"{one.label}: right at {_listed(one.right)}; wrong at {_listed(one.wrong)}"
    return f'<div class="sized">{drawn}<p class="small muted">{escape(said)}.</p></div>'


def limit_of(label: str, found: Iterable[Sized]) -> int | None:
    """Up to which of the sizes that are counted under this label everything is right; None if there is no such limit."""
    return min((one.limit for one in found if one.label == label and one.limit is not None), default=None)


def _listed(sizes: Iterable[int]) -> str:
    return ", ".join(map(str, sizes))
