"""A factor in long windows of L^p pooling is told from rounding, whatever the signs of what is pooled."""

import numpy as np
import pytest

from checks.verdict.judging import judge
from reference import lp_pool

PINS = {"dims": 1, "size": (100,), "kernel_size": 100, "norm_type": 3.0, "channels": 2, "batch": 2}


class Times:
    """In float32, stored once, y times a factor."""

    def __init__(self, factor):
        self.factor = factor

    def forward(self, x, **p):
        return (lp_pool.forward(x.astype(np.float32), **p) * np.float32(self.factor)).astype(x.dtype)

    backward = staticmethod(lp_pool.backward)


class InSteps:
    """Powers, their sum and its root in the dtype, one after another, with exponents that are stored in it."""

    def forward(self, x, *, norm_type, **_):
        p = x.dtype.type(norm_type)
        total = np.zeros(x.shape[:2], x.dtype)
        for power in np.moveaxis(np.abs(x) ** p, 2, 0):
            total = total + power
        return (total ** x.dtype.type(1 / norm_type))[..., None]

    backward = staticmethod(lp_pool.backward)


@pytest.mark.usefixtures("verdict_alone")
@pytest.mark.parametrize(("code", "exit_code"), [(Times(1), 0), (InSteps(), 0), (Times(1.01), 1), (Times(2), 1)])
def test_a_factor_in_long_windows_is_seen_and_rounding_is_none(code, exit_code):
    report = judge("lp_pool", code, dtype="float16", examples=8, seed=1, laws=["agreement"], **PINS)
    assert report.exit_code == exit_code, report
