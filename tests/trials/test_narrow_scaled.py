"""In few bits what is normalised may be rounded before it is scaled: that is said so, and excuses as much and no more."""

import numpy as np
import pytest

from checks import judge
from reference import rms_norm


class RoundedBefore:
    """As it is often written: normalised in float32, stored in float16, then times γ."""

    times = 1.0

    def forward(self, x, gamma, *, eps=1e-6):
        wide = x.astype(np.float32)
        over = tuple(range(x.ndim - gamma.ndim, x.ndim))
        root = np.sqrt((wide * wide).mean(over, keepdims=True) + np.float32(eps))
        return (wide / root * np.float32(self.times)).astype(x.dtype) * gamma

    backward = staticmethod(rms_norm.backward)


class Off(RoundedBefore):
    """The same, a hundredth too large."""

    times = 1.01


@pytest.mark.parametrize(("layer", "code"), [(RoundedBefore, 0), (Off, 1)])
def test_what_is_rounded_before_it_is_scaled_is_named_so(layer, code):
    report = judge("rms_norm", layer, seed=5, examples=30, dtype="float16", laws=["agreement", "accumulation"])
    assert report.exit_code == code, report
    if code == 0:
        assert "y is rounded to float16 before it is scaled" in {*report.warnings}
    assert not any("bias" in note for note in report.warnings)
