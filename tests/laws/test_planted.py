"""Every mistake that the project knows, planted in every op that it can be made in, is caught, and nothing else accused."""

import pytest

from checks import judge
from checks.laws import laws
from checks.ops import find, ops
from checks.ops._mistakes import general
from tests.laws.planted import Planted, broken, spoiled

SPECIFIC = [(name, mistake) for name, op in ops().items() for mistake in op.mistakes]
GENERAL = [(name, mistake) for name in ops() for mistake in general()]


# What is a layer of its own as well is judged as that, and it is said (subjects/adapting/fixed.py).
MEANT = {("layer_norm", "over the last axis alone"): "with one axis of last"}


def _named(value):
    return value if isinstance(value, str) else value.name.replace(" ", "_")


@pytest.mark.parametrize(("op", "mistake"), [*SPECIFIC, *GENERAL], ids=_named)
def test_the_mistake_is_caught_and_nothing_else_is_accused(op, mistake):
    op = find(op)
    wrong = spoiled(op, mistake)
    if not wrong:
        assert mistake.name == "cotangent averaged", "the mean of the one cotangent of a loss is that cotangent"
        return
    if (op.name, mistake.name) in MEANT:
        report = judge(op.name, Planted(op, mistake), seed=1, examples=12, laws=["agreement"])
        assert [(e.judged, e.refused) for e in report.elsewhere] == [(MEANT[op.name, mistake.name], True)]
        return
    found = broken(op, mistake, wrong, least=6)
    if "y" in wrong:  # what compares with the implementation's own forward accuses backward too
        found = [finding for finding in found if not getattr(laws()[finding.law], "OWN_FORWARD", False)]
    accused = {finding.result for finding in found}
    assert accused & wrong
    assert {result for result in accused if " + " not in result and "⟨" not in result} <= wrong


@pytest.mark.parametrize("op", ops())
def test_every_op_has_at_least_five_mistakes_of_its_own_or_of_any(op):
    assert len({mistake.name for mistake in (*ops()[op].mistakes, *general())}) >= 5


@pytest.mark.parametrize(("op", "mistake"), SPECIFIC, ids=_named)
def test_a_mistake_says_what_was_computed_and_where_the_right_formula_stands(op, mistake):
    assert mistake.explanation.endswith(".")
    assert mistake.source
    assert [m.name for m in find(op).mistakes].count(mistake.name) == 1
