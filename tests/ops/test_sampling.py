"""Places of grid sampling: how they are worked out does not matter, and one that stays in its cell is known well."""

import numpy as np
import pytest

from checks.cases.drawing import problems_of
from checks.cases.search import Search
from checks.numbers.bounds import unit_roundoff
from checks.ops import find
from checks.ops.sampling import magnitudes
from checks.verdict.judging import judge

PINS = {"dims": 1, "mode": "linear", "padding_mode": "zeros", "align_corners": False}
WAYS = {
    "as torch has it": lambda a, n: ((a + 1) * n - 1) / 2,
    "scaled, then moved": lambda a, n: a * (n / 2) + (n - 1) / 2,
    "multiplied out": lambda a, n: (a * n + n - 1) * a.dtype.type(0.5),
    "from 0 to 1": lambda a, n: (a + 1) / 2 * n - a.dtype.type(0.5),
}


class Between:
    """Along one axis, p + λ(q − p) of the two elements around; ds/da, and a share of it more."""

    def __init__(self, place, more=0.0):
        self.place, self.slope = place, 1 / 2 + more

    def forward(self, x, grid):
        here, there, part, _, _ = self.around(x, grid)
        return here + part * (there - here)

    def backward(self, g, x, grid):
        here, there, part, first, padded = self.around(x, grid)
        back = np.zeros_like(padded)
        rows = np.ix_(range(len(x)), range(x.shape[1]))
        for at, share in ((first, g * (1 - part)), (first + 1, g * part)):
            np.add.at(back, (*(r[..., None] for r in rows), at), share)
        slope = (g * (there - here)).sum(1) * x.dtype.type(x.shape[2] * self.slope)
        return back[..., 1:-1], slope[..., None]

    def around(self, x, grid):
        s = np.clip(self.place(grid[..., 0], x.shape[2]), -1, x.shape[2])
        first = np.clip(np.floor(s), -1, x.shape[2] - 1)
        part = (s - first)[:, None]
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1)))
        first = first[:, None].astype(int) + 1
        read = [
            np.take_along_axis(padded, np.broadcast_to(f, (*x.shape[:2], f.shape[2])), 2) for f in (first, first + 1)
        ]
        return *read, part, first, padded


def run(code, dtype, examples=40):
    return judge("grid_sample", code, dtype=dtype, seed=1, examples=examples, laws=["agreement"], **PINS)


@pytest.mark.usefixtures("verdict_alone")
@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_right_places_are_right_whichever_way_they_are_worked_out(name, dtype):
    report = run(Between(WAYS[name]), dtype)
    assert report.exit_code == 0, report


@pytest.mark.usefixtures("verdict_alone")
def test_a_slope_that_is_slightly_off_is_seen():
    assert run(Between(WAYS["as torch has it"], 2.0**-47), "float64").exit_code == 1


def test_what_stays_in_its_cell_owes_nothing_to_the_next():
    found = []
    Search(problems_of(find("grid_sample"), PINS, "float64"), 20, 3).run(found.append)
    cases = [p.reals() for p in found if all(0 not in s for s in p.shapes.values())]
    assert cases
    for case in cases:
        any_, large, small = magnitudes(case), magnitudes(case, 2.0**-4), magnitudes(case, unit_roundoff("float64"))
        assert all(np.array_equal(any_[name], large[name]) for name in any_), "roundings of a sixteenth may go anywhere"
        assert np.all(small["grid"] <= any_["grid"])
        assert 5 * small["grid"].sum() < any_["grid"].sum()
