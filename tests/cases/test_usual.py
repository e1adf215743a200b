"""Parameters as usual: all at their defaults in several cases of each run; what is wrong only there is seen."""

import numpy as np
import pytest

from checks import judge
from checks.cases.series import Series
from checks.cases.usual import unusual
from checks.cases.wide import WIDE, wide_problems
from checks.ops import find, ops
from reference import conv

HAVE = {name: op for name, op in ops().items() if op.takes.defaults}


@pytest.mark.parametrize("op", HAVE.values(), ids=list(HAVE))
def test_in_several_cases_of_a_run_all_parameters_are_at_their_defaults_and_some_are_wide(op):
    found = []
    Series(op, {}, "float64", 200, 3).run(found.append)
    usual = [p for p in found if not unusual(p)]
    assert len([p for p in usual if p.kind != WIDE]) >= 4
    assert len([p for p in usual if p.kind == WIDE]) >= 2


def test_what_is_pinned_holds():
    op = find("conv")
    assert all(p.parameters["stride"] == 2 for p in wide_problems(op, {"stride": 2}, "float64", 12, 1))
    assert all(p.sizes["*size"] == (3,) for p in _drawn(op, size=(3,), kernel=(3,)) if len(p.sizes["*size"]) == 1)


def _drawn(op, **pinned):
    found = []
    Series(op, pinned, "float64", 20, 1).run(found.append)
    return found


@pytest.mark.parametrize("seed", range(4))
def test_parts_of_a_wide_axis_are_large_too(seed):
    drawn = list(wide_problems(find("conv"), {}, "float64", 33, seed))
    assert max(p.sizes["C"] // p.parameters["groups"] for p in drawn if p.parameters["groups"] > 1) > 16
    assert max(p.sizes["O"] // p.parameters["groups"] for p in drawn if p.parameters["groups"] > 1) > 16


class Faster:
    """A way of its own where every parameter is at its default, with a mistake."""

    def forward(self, x, weight, bias=None, **parameters):
        return conv.forward(x, weight, bias, **parameters)

    def backward(self, grad_output, x, weight, bias=None, **parameters):
        grad_x, *others = conv.backward(grad_output, x, weight, bias, **parameters)
        usual = all(np.all(np.equal(value, find("conv").takes.defaults[name])) for name, value in parameters.items())
        return (grad_x * 1.01 if usual else grad_x), *others


@pytest.mark.parametrize("seed", range(2))
def test_a_mistake_where_all_parameters_are_at_their_defaults_is_seen(seed):
    assert judge("conv", Faster(), seed=seed, laws=["exact"], examples=100).exit_code == 1
