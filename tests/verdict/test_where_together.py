"""An array and a switch that code takes one by one, but not together, as torch takes a mask and `causal`."""

import pytest

from checks import judge
from reference import attention


class Apart:
    """Attention that refuses a mask where it is causal."""

    scale_of_gradient = 1.0

    def forward(self, q, k, v, mask=None, *, causal=False, scale=None, groups=1):
        if mask is not None and causal:
            raise RuntimeError("no mask should be set where it is causal")
        return attention.forward(q, k, v, mask, causal=causal, scale=scale, groups=groups)

    def backward(self, g, q, k, v, mask=None, *, causal=False, scale=None, groups=1):
        grad_q, *others = attention.backward(g, q, k, v, mask, causal=causal, scale=scale, groups=groups)
        return self.scale_of_gradient * grad_q, *others


class Wrong(Apart):
    scale_of_gradient = 1.01


@pytest.mark.parametrize(("layer", "code"), [(Apart, 0), (Wrong, 1)])
def test_it_is_judged_where_it_takes_one_of_them(layer, code):
    report = judge("attention", layer, seed=3, examples=20, laws=["agreement"])
    assert report.exit_code == code, report
    assert [one.judged for one in report.elsewhere] == ["without a mask where causal"]
