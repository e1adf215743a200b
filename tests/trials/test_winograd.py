"""Winograd's shortest convolution, whose halves leave whole numbers exact, is right; what is wrong beside it is seen."""

import numpy as np
import pytest

from checks.cases.drawing import problems_of
from checks.cases.search import Search
from checks.ops import find
from checks.subjects.implementation import Implementation
from checks.trials.running import cancels
from checks.trials.trial import Run
from checks.verdict.judging import judge
from reference import conv

PINS = {"dims": 1, "kernel": (3,), "stride": 1, "padding": 0, "dilation": 1, "groups": 1, "flip": False}


class Winograd:
    """F(2, 3): two results of four numbers by four products; on the way back to x with the kernel turned."""

    def __init__(self, change=lambda grad_x: grad_x):
        self.change = change

    def forward(self, x, weight, bias):
        y = self.correlated(x, weight)
        return y if bias is None else y + bias[:, None]

    def backward(self, g, x, weight, bias):
        grad_x = self.correlated(np.pad(g, ((0, 0), (0, 0), (2, 2))), weight[..., ::-1].swapaxes(0, 1))
        return (self.change(grad_x), *conv.backward(g, x, weight, bias)[1:])

    @staticmethod
    def correlated(x, weight):
        half, count = x.dtype.type(1 / 2), x.shape[2] - 2
        pairs = -(-count // 2)
        x = np.pad(x, ((0, 0), (0, 0), (0, 2 * pairs - count)))
        a, b, c, d = (x[..., i : i + 2 * pairs - 1 : 2] for i in range(4))
        p, q, r = np.moveaxis(weight, 2, 0)
        inputs = a - c, b + c, c - b, b - d
        kernels = p, (p + q + r) * half, (p - q + r) * half, r
        first, second, third, fourth = (np.einsum("ncl,oc->nol", i, k) for i, k in zip(inputs, kernels, strict=True))
        y = np.stack([first + second + third, second - third - fourth], -1)
        return np.ascontiguousarray(y.reshape(*first.shape[:2], 2 * pairs)[..., :count])


def late(grad_x):
    """One part in ten thousand too much from place 64 on."""
    return np.where(np.arange(grad_x.shape[2]) < 64, grad_x, grad_x * grad_x.dtype.type(1.0001))


def run(code, **pins):
    return judge("conv", code, dtype="float32", seed=1, examples=60, laws=["exact", "agreement"], **PINS, **pins)


@pytest.mark.usefixtures("verdict_alone")
def test_winograds_shortest_is_right_and_what_is_wrong_beside_it_is_not():
    report = run(Winograd())
    assert report.exit_code == 0, report
    assert any(f.normwise for f in report.findings), "by the bound that each element has it would be wrong"
    assert run(Winograd(late)).exit_code == 1


@pytest.mark.parametrize(("code", "seen"), [(Winograd(), True), (conv, False)])
def test_what_is_multiplied_by_zero_tells(code, seen):
    found = []
    Search(problems_of(find("conv"), PINS, "float32"), 12, 3).run(found.append)
    code = Implementation.of(find("conv"), code)
    reference = Implementation.of(find("conv"), conv)
    runs = [Run(p, code, reference, p.reals()) for p in found if all(0 not in (s or ()) for s in p.shapes.values())]
    assert runs
    assert cancels(runs[0]) is seen or any(map(cancels, runs)) is seen
