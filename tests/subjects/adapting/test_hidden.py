"""Several parameters that a class does not take and has fixed: found together by forward, whatever the machine does."""

from __future__ import annotations

import itertools
import sys
import time
from types import ModuleType

import numpy as np
import pytest

from checks.ops import find
from checks.subjects.adapting import fitting
from checks.subjects.implementation import Implementation
from checks.subjects.refusals import NotAnImplementation
from tests.subjects.adapting.test_fixed import fixing
from tests.subjects.adapting.test_zoo import disagreements

ATTENTION = """
class Attention:
    def __call__(self, q, k, v):
        s = q @ np.swapaxes(k, -1, -2) * 0.125
        s = np.where(np.tril(np.ones(s.shape[-2:])) > 0, s, -np.inf)
        e = np.exp(s - s.max(-1, keepdims=True))
        self.kept = q, k, v, e / e.sum(-1, keepdims=True)
        return self.kept[-1] @ v

    def backward(self, dout):
        q, k, v, p = self.kept
        dp = dout @ np.swapaxes(v, -1, -2)
        ds = p * (dp - (dp * p).sum(-1, keepdims=True)) * 0.125
        return ds @ k, np.swapaxes(ds, -1, -2) @ q, np.swapaxes(p, -1, -2) @ dout
"""
HUBER = """
class Huber:
    def forward(self, pred, target):
        self.off = pred - target
        size = np.abs(self.off)
        return np.where(size < 2.5, self.off**2 / 2, 2.5 * (size - 1.25)).sum()

    def backward(self):
        return np.clip(self.off, -2.5, 2.5)
"""
POOL = """
class Pool:
    def forward(self, x):
        self.x = x
        down, along = (x.shape[1] - 3) // 2 + 1, (x.shape[2] - 3) // 2 + 1
        return np.stack([np.stack([self.at(i, j).max((1, 2)) for j in range(along)], 1) for i in range(down)], 1)

    def at(self, i, j):
        return self.x[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]

    def backward(self, g):
        dx = np.zeros_like(self.x)
        for i, j in np.ndindex(g.shape[1:3]):
            for n, c in np.ndindex(g.shape[0], g.shape[3]):
                seen = self.at(i, j)[n, :, :, c]
                a, b = np.unravel_index(seen.argmax(), seen.shape)
                dx[n, 2 * i + a, 2 * j + b, c] += g[n, i, j, c]
        return dx
"""
LAYERS = {
    "attention": (ATTENTION, {"causal": True, "scale": 0.125}, "keepdims=True)) * 0.125", "keepdims=True))"),
    "huber": (HUBER, {"delta": 2.5, "reduction": "sum"}, "clip(self.off, -2.5, 2.5)", "clip(self.off, -2.5, 2.0)"),
    "max_pool": (POOL, {"kernel_size": 3, "stride": 2}, "+= g[n, i", "= g[n, i"),
}


def made(code):
    """The class that this code defines."""
    module = ModuleType("hiding")
    sys.modules[module.__name__] = module
    module.np = np
    exec(code, vars(module))  # noqa: S102, it stands here
    return next(v for v in vars(module).values() if isinstance(v, type))


@pytest.mark.parametrize("op", LAYERS)
def test_two_values_are_found_together_and_a_mistake_beside_them(op):
    code, values, right, wrong = LAYERS[op]
    found = Implementation.of(find(op), made(code))
    assert {n: found.pins.get(n) for n in values} == values
    assert all(f"{n} {v}" in found.assumed[0] for n, v in values.items())
    assert not disagreements(find(op), found)
    assert disagreements(find(op), Implementation.of(find(op), made(code.replace(right, wrong))))


def test_a_busy_machine_changes_nothing_about_what_is_found(monkeypatch):
    monkeypatch.setattr(
        time, "monotonic", itertools.count(step=100.0).__next__
    )  # no time is left from the first look on
    values = {"size": 3, "alpha": 0.001, "k": 2.0}
    assert dict(Implementation.of(find("local_response_norm"), fixing("local_response_norm", **values)).pins) == values
    assert "delta 2.5, reduction sum" in Implementation.of(find("huber"), made(HUBER)).assumed[0]


def test_a_search_that_did_not_end_says_so_and_calls_nothing_wrong(monkeypatch):
    monkeypatch.setattr(fitting, "SECONDS", 0.0)
    with pytest.raises(NotAnImplementation, match="more were not tried, since these took 0 s of processor time"):
        Implementation.of(find("max_pool"), made(POOL.replace("max((1, 2))", "mean((1, 2))")))


class Single:
    """A norm in float32 inside: so right in no arrangement, and near in several."""

    def __init__(self):
        self.weight, self.eps = np.ones(6), 1e-5

    def forward(self, x):
        self.x, x32 = x, x.astype("float32")
        self.r = 1 / np.sqrt((x32**2).mean(-1, keepdims=True) + np.float32(self.eps))
        return (x32 * self.r * self.weight.astype("float32")).astype(float)

    def backward(self, g):
        self.dweight = (g * self.x * self.r).reshape(-1, 6).sum(0)
        h = g * self.weight
        return self.r * h - self.x * self.r**3 * (h * self.x).mean(-1, keepdims=True)


def test_of_arrangements_that_are_near_the_usual_one_is_taken():
    found = Implementation.of(find("rms_norm"), Single())
    assert found.assumed[0].startswith("x (*batch *last), gamma (*last)")
