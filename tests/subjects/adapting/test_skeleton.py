"""The file that --skeleton writes for a layer without usual names: it runs once what is marked is filled in."""

from __future__ import annotations

import numpy as np
import pytest

from checks.command.skeleton import FILL_IN, adapter
from checks.ops import find
from checks.subjects.implementation import Implementation
from checks.subjects.loading import load
from checks.subjects.refusals import NotAnImplementation
from tests.subjects.adapting.test_zoo import disagreements

LAYERS = """
import numpy as np


class Conv:
    def __init__(self, blah, foo, qux):
        self.kern_el, self.off = np.zeros((qux, qux, blah, foo)), np.zeros(foo)

    def forward(self, pic):
        self.pic, k = pic, len(self.kern_el)
        y = np.zeros((len(pic), pic.shape[1] - k + 1, pic.shape[2] - k + 1, len(self.off)))
        for i, j in np.ndindex(y.shape[1:3]):
            y[:, i, j] = np.tensordot(pic[:, i : i + k, j : j + k], self.kern_el, 3) + self.off
        return y

    def backward(self, top):
        k, dx, self.gk = len(self.kern_el), np.zeros_like(self.pic), np.zeros_like(self.kern_el)
        self.go = top.sum((0, 1, 2))
        for i, j in np.ndindex(top.shape[1:3]):
            dx[:, i : i + k, j : j + k] += np.tensordot(top[:, i, j], self.kern_el, ([1], [3]))
            self.gk += np.tensordot(self.pic[:, i : i + k, j : j + k], top[:, i, j], ([0], [0]))
        return dx


class Pool:
    def forward(self, pic, wid):
        self.shape, self.wid = pic.shape, wid
        return np.lib.stride_tricks.sliding_window_view(pic, (wid, wid), (2, 3))[:, :, ::wid, ::wid].mean((-1, -2))

    def backward(self, top):
        dx, k = np.zeros(self.shape), self.wid
        for i, j in np.ndindex(top.shape[2:]):
            dx[:, :, i * k : i * k + k, j * k : j * k + k] += top[:, :, i : i + 1, j : j + 1] / k**2
        return dx


class Loss:
    def forward(self, sc, wanted):
        e = np.exp(sc - sc.max(1, keepdims=True))
        self.p, self.w = e / e.sum(1, keepdims=True), wanted
        return -np.log(self.p[np.arange(len(sc)), wanted]).mean()

    def backward(self):
        d = self.p.copy()
        d[np.arange(len(d)), self.w] -= 1
        return d / len(d)


class Look:
    def __init__(self, has, wide):
        self.rows = np.zeros((has, wide))

    def forward(self, which):
        self.which = which
        return self.rows[which]

    def backward(self, top):
        self.tt = np.zeros_like(self.rows)
        np.add.at(self.tt, self.which, top)


class Norm:
    def __init__(self, many):
        self.m1, self.m2 = np.ones(many), np.zeros(many)

    def forward(self, stuff):
        self.s = 1 / np.sqrt(stuff.var(-1, keepdims=True) + 1e-5)
        self.h = (stuff - stuff.mean(-1, keepdims=True)) * self.s
        return self.m1 * self.h + self.m2

    def backward(self, top):
        axes = tuple(range(top.ndim - 1))
        self.t1, self.t2, u = (top * self.h).sum(axes), top.sum(axes), top * self.m1
        return self.s * (u - u.mean(-1, keepdims=True) - self.h * (u * self.h).mean(-1, keepdims=True))


class Cell:
    def __init__(self, has, keeps):
        self.m1, self.m2, self.m3 = (np.zeros((n, 4 * keeps)) for n in (has, keeps, 1))

    def forward(self, a, s1, s2):
        all_of = a @ self.m1 + s1 @ self.m2 + self.m3
        i, f, g, o = np.split(all_of, 4, 1)
        i, f, o = (1 / (1 + np.exp(-n)) for n in (i, f, o))
        g = np.tanh(g)
        c = f * s2 + i * g
        self.all = a, s1, s2, i, f, g, o, np.tanh(c)
        return o * np.tanh(c), c

    def backward(self, up1, up2):
        a, s1, s2, i, f, g, o, t = self.all
        c = up2 + up1 * o * (1 - t**2)
        of = (c * g * i * (1 - i), c * s2 * f * (1 - f), c * i * (1 - g**2), up1 * t * o * (1 - o))
        up = np.concatenate(of, 1)
        self.t1, self.t2, self.t3 = a.T @ up, s1.T @ up, up.sum(0, keepdims=True)
        return up @ self.m1.T, up @ self.m2.T, c * f


class Bend:
    def __init__(self, how):
        self.how = how

    def forward(self, stuff):
        self.s = stuff
        return np.where(stuff > 0, stuff, self.how * (np.exp(stuff) - 1))

    def backward(self, top):
        return top * np.where(self.s > 0, 1, self.how * np.exp(self.s))
"""
FAMILIES = {
    "conv": ("Conv", ("C", "O", "kernel"), ""),
    "avg_pool": ("Pool", ("kernel_size",), ""),
    "cross_entropy": ("Loss", (), ""),  # its two arrays are what they are by their order
    "embedding": ("Look", (), ""),
    "elu": ("Bend", ("alpha",), ""),
    "lstm_cell": (
        "Cell",
        ("I", "H", "h", "c"),
        (
            "    weight_x='m1', weight_h='m2', bias='m3',\n"
            "    grads={'x': 'returned[0]', 'h': 'returned[1]', 'c': 'returned[2]',\n"
            "           'weight_x': 't1', 'weight_h': 't2', 'bias': 't3'},\n"
        ),
    ),
    "layer_norm": (
        "Norm",
        ("last",),
        "    gamma='m1', beta='m2', grads={'x': 'returned', 'gamma': 't1', 'beta': 't2'},\n",
    ),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_written_runs_once_it_is_filled_in(name, tmp_path, monkeypatch):
    made, filled, more = FAMILIES[name]
    op = find(name)
    (tmp_path / f"layers_{name}.py").write_text(LAYERS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    written = adapter(op, f"layers_{name}.py:{made}")
    assert written.count(repr(FILL_IN)) == len(filled)
    (tmp_path / "unfilled.py").write_text(written, encoding="utf-8")
    if filled:
        with pytest.raises(NotAnImplementation, match=r"is said to be '\?'; \w+ has "):
            Implementation.of(op, load(op, "unfilled.py:layer"))
    for what in filled:
        written = written.replace(repr(FILL_IN), repr(what), 1)
    (tmp_path / "mine.py").write_text(written.rstrip().removesuffix(")") + more + ")\n", encoding="utf-8")
    with np.errstate(all="ignore"):
        assert not disagreements(op, Implementation.of(op, load(op, "mine.py:layer")))
