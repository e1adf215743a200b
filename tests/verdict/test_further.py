"""A short run goes on where what few cases left open could be chance."""

import pytest

from checks.cases.series import Series
from checks.laws import decides, laws
from checks.ops import find
from checks.signature.places import CONCENTRATED
from checks.subjects.implementation import Implementation
from checks.verdict.decisions import FULL, FULL_OF_WIDE, Decisions, by_kind, too_few
from checks.verdict.further import further
from checks.verdict.tried import Tried
from reference import softmax

DECIDING = [name for name, law in laws().items() if decides(law)]


class Doubled:
    """Softmax, and twice its gradient."""

    forward = staticmethod(softmax.forward)

    @staticmethod
    def backward(g, x, **parameters):
        return (2 * softmax.backward(g, x, **parameters)[0],)


class LeftOpen(Decisions):
    """As usual, but of some kinds of cases a gradient is decided in these alone, by their number, or in none."""

    def __init__(self, kinds=CONCENTRATED, decided=()):
        super().__init__(DECIDING)
        self.kinds, self.which = kinds, decided

    def add(self, problem, found):
        super().add(problem, found)
        for result, kind in self.decided:
            if kind in self.kinds and result == "grad_x":
                self.decided[result, kind] = sum(number < self.cases[result, kind] for number in self.which)


class OfEvenSizes:
    """Softmax of arrays with an even number of elements; others are not supported."""

    @staticmethod
    def forward(x, **parameters):
        if x.size % 2:
            raise NotImplementedError("odd sizes")
        return softmax.forward(x, **parameters)

    backward = staticmethod(softmax.backward)


def gone_on(decisions, examples=6, code=softmax, **pinned):
    """A short run of softmax in float16 that is gone on with, and how many cases it has then."""
    op, tried = find("softmax"), Tried(Implementation.of(find("softmax"), code), deciding_laws())
    tried.decisions = decisions
    series = Series(op, pinned or {"shape": (2, 100), "axis": 1}, "float16", examples, 1)
    series.run(tried.add)
    tried.settle(wait=True)
    further(tried, series)
    return tried, tried.cases


def deciding_laws():
    return {name: laws()[name] for name in DECIDING}


def test_a_short_run_goes_on_where_what_few_cases_left_open_could_be_chance():
    tried, cases = gone_on(LeftOpen())
    few = [d for d in tried.decisions.counted if d.kind in CONCENTRATED and d.result == "grad_x"]
    assert few
    assert all(d.cases >= FULL for d in few)
    assert cases - 6 <= sum(d.cases for d in few), "none but of these kinds"
    assert {d.kind for d in too_few(tried.decisions.counted)} == {d.kind for d in few}, "not right"
    assert gone_on(Decisions(DECIDING))[1] == 6, "of right code nothing is doubtful"


@pytest.mark.parametrize(
    ("decided", "cases", "right"),
    [
        ((0, 1, 2), 3, True),  # as is usual
        ((0, *range(3, 40)), 5, True),  # two were open by chance: until three fifths are decided
        ((), FULL, False),  # hardly any, which is no chance
        (range(1, 80, 2), FULL_OF_WIDE, False),  # no more than half, in which a mistake may hide
    ],
)
def test_a_short_run_goes_on_with_wide_cases_until_they_speak_for_their_sizes(decided, cases, right):
    wide = wide_of(gone_on(LeftOpen(("wide",), decided), examples=18, axis=1))
    assert (wide.cases, wide.enough) == (cases, right), wide


@pytest.mark.parametrize(("decided", "enough"), [((0, *range(2, 40)), True), ((0,), False)])
def test_a_short_run_goes_on_with_ordinary_cases_of_which_half_are_open(decided, enough):
    """Of two, one that is open may be chance: it goes on to ten, or until three fifths are decided."""
    tried, _ = gone_on(LeftOpen(("",), decided))
    plain = next(d for d in by_kind(tried.decisions.counted) if d.kind == "" and d.result == "grad_x")
    assert (plain.enough, plain.cases == FULL) == (enough, not enough), plain


def test_wide_cases_that_are_not_supported_are_none():
    wide = wide_of(gone_on(LeftOpen(("wide",), range(1, 80, 2)), examples=18, code=OfEvenSizes, axis=1))
    assert wide.cases == FULL_OF_WIDE


def wide_of(gone):
    """What was decided of the gradient in wide cases."""
    counted = by_kind(gone[0].decisions.counted)
    return next(d for d in counted if d.kind == "wide" and d.result == "grad_x")


def test_what_is_wrong_is_not_gone_on_with():
    tried = Tried(Implementation.of(find("softmax"), Doubled), deciding_laws())
    tried.decisions = LeftOpen()
    series = Series(find("softmax"), {"shape": (2, 100), "axis": 1}, "float16", 6, 1)
    series.run(tried.add)
    tried.settle(wait=True)
    further(tried, series)
    assert tried.cases == 6
