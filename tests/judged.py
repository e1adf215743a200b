"""Reports on implementations that come out in every way there is: what the outputs are tested on."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from math import nan

import numpy as np

from checks import Verdict, judge, judge_function
from checks.ops import find
from checks.ops._mistakes import general
from checks.verdict.known import Known
from checks.verdict.tally import Tally
from reference import conv, softmax
from tests.laws.planted import Planted

OP = find("conv")
BY_NAME = {mistake.name: Planted(OP, mistake) for mistake in (*OP.mistakes, *general())}
EXAMPLES = 20


class Mine:
    """Wrong in y and in every gradient: four results, one more than are shown."""

    def forward(self, *inputs, **parameters):
        return -conv.forward(*inputs, **parameters)

    def backward(self, *arrays, **parameters):
        return BY_NAME["negated"].backward(*arrays, **parameters)


def raise_(error):
    """An implementation whose forward raises this error."""

    def forward(*inputs, **parameters):
        raise error

    return forward


class Raises:
    forward = staticmethod(raise_(RuntimeError("no kernel image\nis available")))
    backward = staticmethod(conv.backward)


class Shaded:
    """Gradients that are 1 to 8 roundings to float16 too large, by the inputs: rounding could do as much to either side."""

    forward = staticmethod(softmax.forward)

    @staticmethod
    def backward(*arrays, **parameters):
        (gradient,) = softmax.backward(*(a.astype("float64") for a in arrays), **parameters)
        much = 1 << int(1e4 * abs(gradient).sum()) % 4
        return ((gradient * (1 + much * 2.0**-11)).astype("float16"),)


class Refuses:
    forward = staticmethod(raise_(NotImplementedError("only on Tuesdays")))
    backward = staticmethod(conv.backward)


class NotNumbers:
    def forward(self, *inputs, **parameters):
        return conv.forward(*inputs, **parameters)

    def backward(self, *arrays, **parameters):
        return [None if a is None else a * nan for a in conv.backward(*arrays, **parameters)]


class Wide:
    """Right, in a dtype that nobody asked for."""

    def forward(self, *inputs, **parameters):
        return conv.forward(*inputs, **parameters).astype(np.float64)

    backward = staticmethod(conv.backward)


class Interrupted:
    """The negative gradient, until somebody presses Ctrl-C."""

    def __init__(self):
        self.calls = 60

    forward = staticmethod(conv.forward)

    def backward(self, *arrays, **parameters):
        self.calls -= 1
        if self.calls < 0:
            raise KeyboardInterrupt
        return [None if a is None else -a for a in conv.backward(*arrays, **parameters)]


def cube(a):
    return a**3


def third(g, a):
    return g * a**2


KNOWN = tuple(Known("conv", law, "grad_x", "signs") for law in ("exact", "agreement"))
CRASHES = (Known("conv", "exact", "crash", "no kernel"), Known("conv", "forward", "crash", "no kernel"))
NUMBERS = ["exact", "agreement"]
JUDGED = {
    "right": lambda: judge("conv", seed=4, examples=EXAMPLES),
    "turned": lambda: judge("conv", BY_NAME["kernel not turned"], seed=4, examples=EXAMPLES),
    "mine": lambda: judge("conv", Mine, seed=4, examples=EXAMPLES),
    "raises": lambda: judge("conv", Raises, seed=4, examples=EXAMPLES),
    "refuses": lambda: judge("conv", Refuses, seed=4, examples=EXAMPLES),
    "nan": lambda: judge("conv", NotNumbers, seed=4, examples=EXAMPLES),
    "known": lambda: judge("conv", BY_NAME["kernel not turned"], seed=4, examples=10, laws=NUMBERS, known=KNOWN),
    "known crash": lambda: judge("conv", Raises, seed=4, examples=5, laws=["exact", "forward"], known=CRASHES),
    "warned": lambda: judge("conv", Wide, seed=4, examples=5, dtype="float32", laws=["contract"]),
    "undecided": lambda: judge("conv", seed=4, examples=15, dtype="float16", laws=["finite_difference", "kinks"]),
    "blind": lambda: judge("softmax", Shaded, seed=4, examples=20, dtype="float16"),
    "restricted": lambda: judge("conv", seed=4, examples=5, laws=["adjoint"]),
    "ties": lambda: judge("max_pool", seed=4, examples=10, laws=["exact", "kinks"]),
    "none": lambda: judge("conv", seed=4, examples=3, laws=["kinks"]),
    "stopped": lambda: judge("conv", Interrupted, seed=51),
    "function": lambda: judge_function(cube, lambda g, a: 3 * g * a**2, [(2, 3)], seed=5, examples=5),
    "wrong function": lambda: judge_function(cube, third, [(2, 3)], seed=5, examples=5),
}


@cache
def judged(name):
    """The report of this name."""
    return JUDGED[name]()


HOSTILE = (
    "<script>alert(1)</script> </details> %0A::error::a | `b` ``` *c* _d_ [e](f) $g$ &lt; ]]> \\ \x1b[31m\x00\x0b é☃\ud800"
    "\ufffe # h\r\n::warning::i\n\n```\n- j"
)


def hostile():
    """A report in which every text that comes from elsewhere is HOSTILE: a wrong result, a crash and a warning."""
    report = judged("mine")
    wrong, *_ = report.failures
    texts = dict.fromkeys(("note", "mistake", "explanation", "source", "where", "yours"), HOSTILE)
    failures = (
        replace(wrong, **texts),
        replace(wrong, result="", note=HOSTILE, crashed=True, explanation="", where=""),
    )
    found = (*report.findings, failures[1], replace(wrong, verdict=Verdict.WARNING, note=HOSTILE, convention=HOSTILE))
    return replace(
        report,
        op=replace(report.op, name=HOSTILE),
        implementation=HOSTILE,
        spec=HOSTILE,
        unsupported={HOSTILE: 2},
        coverage={HOSTILE: {HOSTILE: 1}},
        versions={"numpy": HOSTILE},
        failures=failures,
        tally=Tally.counted(found),
    )
