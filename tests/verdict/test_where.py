"""Judged where it works: kinds of cases that always raise are left out and said; nothing else that goes wrong is."""

from __future__ import annotations

import numpy as np
import pytest

from checks import judge
from checks.ops import find
from checks.render import html, load, summary, terminal
from checks.render import json as as_json
from checks.subjects.implementation import Implementation
from checks.verdict.merging import merged
from checks.verdict.where import found
from reference import avg_pool, conv, cross_entropy, linear, upsample

FEW = {"examples": 40, "seed": 3, "laws": ["exact", "agreement"]}


class TwoDimensions:
    """As courses write it: four axes, one number for stride and padding, always a bias."""

    turned = False

    def forward(self, x, weight, bias, stride=1, padding=0):
        n, _, h, w = x.shape
        out, _, kh, kw = weight.shape
        xp = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
        rows, columns = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
        y = np.zeros((n, out, rows, columns))
        for i in range(rows):
            for j in range(columns):
                part = xp[:, :, i * stride : i * stride + kh, j * stride : j * stride + kw]
                y[:, :, i, j] = np.tensordot(part, weight, ([1, 2, 3], [1, 2, 3])) + bias
        return y

    def backward(self, dy, x, weight, bias, stride=1, padding=0):
        gradients = conv.backward(dy, x, weight, bias, stride=stride, padding=padding)
        if not self.turned:
            return gradients
        turned = weight[:, :, ::-1, ::-1]
        return conv.backward(dy, x, turned, bias, stride=stride, padding=padding)[0], *gradients[1:]


class Turned(TwoDimensions):
    turned = True


def works(name, when):
    """A convolution that raises where this is so."""

    def forward(x, weight, bias, **parameters):
        if when(x, weight, bias, parameters):
            raise RuntimeError("no")
        return conv.forward(x, weight, bias, **parameters)

    def backward(g, x, weight, bias, **parameters):
        return conv.backward(g, x, weight, bias, **parameters)

    return type(name, (), {"forward": staticmethod(forward), "backward": staticmethod(backward)})


def test_a_right_one_for_two_dimensions_is_right_and_what_is_left_out_is_said_with_its_lines():
    report = judge("conv", TwoDimensions(), **FEW)
    assert report.exit_code == 0
    assert report.cases == FEW["examples"]
    raised = {one.judged: one for one in report.elsewhere if not one.refused}
    assert raised["in two dimensions"].raised.startswith("ValueError: ")
    assert raised["in two dimensions"].at.startswith("test_where.py:")
    assert {"with equal strides", "with numbers for padding", "with a bias"} <= set(raised)
    (refused,) = [one for one in report.elsewhere if one.refused]
    assert refused.raised == "does not take dilation, groups or flip"
    assert {"2"} == set(report.coverage["dims"])
    assert len(report.coverage["stride"]) == 3


@pytest.mark.parametrize("seed", range(4))
def test_no_more_is_left_out_than_what_raises(seed):
    """Most cases with padding raise for some other reason, so that padding itself seems to, until the rest is left out."""
    implementation = Implementation.of(find("conv"), TwoDimensions)
    among, _ = found(implementation, find("conv"), {}, "float64", seed)
    left = {kind.left for kind in among.out if kind.about in {"padding", "stride"}}
    assert left == {"with equal strides", "with numbers for padding", "with equal padding"}


def test_code_for_one_axis_is_not_taken_to_be_for_three_that_are_alike():
    """Sizes that differ along the axes explain more of what fails than three axes do, and left few of these."""

    class OneAxis:
        def forward(self, x, weight, bias, stride=1):
            _, _, _ = x.shape
            return conv.forward(x, weight, bias, stride=stride)

        def backward(self, dy, x, weight, bias, stride=1):
            return conv.backward(dy, x, weight, bias, stride=stride)

    def left_out(given):
        among, _ = found(Implementation.of(find("conv"), given), find("conv"), {}, "float64", 1)
        return {(kind.about, kind.value) for kind in among.out}

    assert left_out(OneAxis) >= {("dims", 2), ("dims", 3)}
    assert not {("size", None), ("kernel", None)} & left_out(OneAxis)
    square = works("Square", lambda x, *_: len(set(x.shape[2:])) > 1)
    assert left_out(square) == {("size", None)}


def test_values_that_are_left_and_do_not_go_together_are_not_drawn():
    """Where a tuple for a parameter is not taken, numbers are left: a kernel size 2 and a padding 2, which is too much."""

    class Numbers:
        def forward(self, x, kernel_size=2, stride=None, padding=0):
            return avg_pool.forward(
                x, kernel_size=int(kernel_size), stride=stride and int(stride), padding=int(padding)
            )

        def backward(self, dy, x, **parameters):
            return avg_pool.backward(dy, x, **parameters)

    report = judge("avg_pool", Numbers(), seed=7, examples=60, laws=["exact"], jobs=1)
    assert report.cases == 60


def test_what_is_wrong_with_padding_alone_is_wrong():
    class Pads(TwoDimensions):
        def backward(self, dy, x, weight, bias, stride=1, padding=0):
            gradient, *others = super().backward(dy, x, weight, bias, stride, padding)
            return (1 + bool(padding)) * gradient, *others

    assert judge("conv", Pads, **FEW).exit_code == 1


def test_a_wrong_one_for_two_dimensions_ends_in_its_mistake():
    report = judge("conv", Turned, **FEW)
    assert report.exit_code == 1
    assert report.failures[0].mistake == "kernel not turned"
    assert report.elsewhere


@pytest.mark.parametrize("counted", ["strict", "all_kinds"])
def test_what_is_left_out_is_broken_where_all_kinds_count(counted):
    report = judge("conv", TwoDimensions(), **FEW, **{counted: True})
    assert report.exit_code == (1 if counted == "strict" else 3)  # an empty batch that is not taken is a warning
    assert report.failures[0].crashed
    assert all(one.refused for one in report.elsewhere)


def test_what_raises_everywhere_is_not_judged_and_its_own_lines_are_shown():
    report = judge("conv", works("Nowhere", lambda *_: True)(), **FEW)
    assert report.exit_code == 3
    assert not report.elsewhere
    (failure,) = report.failures
    assert [line.split(":")[0] for line in failure.frames] == ["test_where.py"]
    assert failure.frames[-1] in terminal.render(report)


CALLS = iter(range(10**9))
NO_KIND = {
    "of some numbers": lambda x, *_: x.size and x.flat[0] > 0.5,
    "of kernels of 1": lambda *given: given[1].shape[2] == 1,
    "of a batch of one": lambda x, *_: len(x) == 1,
    "now and then": lambda *_: next(CALLS) % 7 == 3,
    "mostly": lambda *_: next(CALLS) % 7 != 3,
}


@pytest.mark.parametrize("what", NO_KIND)
def test_what_no_kind_explains_stays_broken(what):
    report = judge("conv", works("Sometimes", NO_KIND[what])(), **FEW)
    assert report.exit_code == 3, what


def test_wrong_numbers_are_never_excused():
    """It is wrong in three dimensions, by all numbers, where others would raise."""

    class Mine:
        def forward(self, x, weight, bias, **parameters):
            if x.ndim == 3:
                raise ValueError("no sequences")
            return conv.forward(x, weight, bias, **parameters) * (2 if x.ndim == 5 else 1)

        backward = staticmethod(conv.backward)

    report = judge("conv", Mine(), **FEW)
    assert report.exit_code == 1
    assert [one.judged for one in report.elsewhere] == ["in two or three dimensions"]


def test_extra_axes_of_a_cross_entropy():
    class Mine:
        def forward(self, logits, target, *, reduction="mean"):
            if logits.ndim > 2:
                raise IndexError("samples and classes")
            return cross_entropy.forward(logits, target, reduction=reduction)

        backward = staticmethod(cross_entropy.backward)

    report = judge("cross_entropy", Mine(), examples=60, seed=1)
    assert report.exit_code == 0
    assert report.elsewhere[0].judged == "in no dimensions"
    assert set(report.coverage["dims"]) == {"0"}


def test_all_outputs_say_it_and_json_carries_it():
    report = judge("conv", TwoDimensions(), **FEW)
    (read,) = load.from_text(as_json.render(report), "report")
    assert read.elsewhere == report.elsewhere
    for said in (terminal.render(report), summary.render(report).replace("\\", ""), html.render(read)):
        assert "judged in two dimensions; elsewhere it raises ValueError (test" in said
    assert terminal.render(report, quiet=True) == "conv: right where it works.  TwoDimensions, float64"


def test_a_file_is_told_by_its_line(tmp_path, monkeypatch):
    (tmp_path / "flat.py").write_text(
        "def forward(x, weight, bias):\n    n, i = x.shape\n    return x @ weight.T + bias\n"
        "def backward(g, x, weight, bias):\n    return g @ weight, g.T @ x, g.sum(0)\n"
    )
    monkeypatch.chdir(tmp_path)
    report = judge("linear", "flat.py", examples=30, seed=1)
    assert report.exit_code == 0
    assert [one.at for one in report.elsewhere] == ["flat.py:2", "flat.py:3"]


def test_what_is_not_supported_and_no_kind_explains_is_counted_with_its_parameters():
    class Mine:
        def forward(self, x, weight, bias, **parameters):
            if parameters["groups"] == 2:
                raise NotImplementedError("no two groups")
            return conv.forward(x, weight, bias, **parameters)

        backward = staticmethod(conv.backward)

    report = judge("conv", Mine(), **FEW)
    assert report.exit_code == 0
    assert not report.elsewhere
    assert sum(report.unsupported.values()) == 40 - report.cases > 0
    assert all(words.startswith("no two groups (") and "groups 2" in words for words in report.unsupported)


def test_all_shards_of_a_run_leave_out_the_same():
    shards = [judge("conv", TwoDimensions(), **FEW, shard=(k, 2)) for k in (1, 2)]
    (whole,) = merged(shards)
    assert whole.exit_code == 0
    assert shards[0].elsewhere == shards[1].elsewhere == whole.elsewhere
    assert whole.cases == FEW["examples"]


class Plain:
    """Made for two axes, and never asks: g.T @ x of three returns something where sizes are equal."""

    factor = 1

    def forward(self, x, weight, bias):
        return x @ weight.T + bias

    def backward(self, g, x, weight, bias):  # noqa: ARG002, the protocol has it
        return g @ weight, g.T @ x * self.factor, g.sum(0)


class Halved(Plain):
    factor = 0.5


class Flat:
    """Batch norm of rows, where γ and β broadcast along the last of any number of axes."""

    def forward(self, x, gamma, beta, eps=1e-5):
        return (x - x.mean(0)) / np.sqrt(x.var(0) + eps) * gamma + beta

    def backward(self, g, x, gamma, beta, eps=1e-5):  # noqa: ARG002, the protocol has it
        s = np.sqrt(x.var(0) + eps)
        h = (x - x.mean(0)) / s
        of_h = g * gamma
        return (of_h - of_h.mean(0) - h * (of_h * h).mean(0)) / s, (g * h).sum(0), g.sum(0)


@pytest.mark.parametrize(
    ("op", "given", "judged"), [("linear", Plain, "with one axis of batch"), ("batch_norm", Flat, "in no dimensions")]
)
@pytest.mark.parametrize("seed", [2, 4])
def test_what_broadcasts_by_accident_in_other_numbers_of_axes_is_right_where_it_works(op, given, judged, seed):
    report = judge(op, given(), **{**FEW, "seed": seed})
    assert report.exit_code == 0
    assert report.elsewhere[0].judged == judged
    assert judge(op, given(), **{**FEW, "seed": seed}, all_kinds=True).exit_code != 0


def test_a_mistake_in_what_broadcasts_by_accident_is_found():
    report = judge("linear", Halved(), **FEW)
    assert report.exit_code == 1
    assert [failure.result for failure in report.failures] == ["grad_weight"]


def test_what_is_wrong_in_a_number_of_axes_and_raises_for_some_numbers_is_wrong():
    class Mine:
        def forward(self, x, weight, bias):
            if x.size and x.flat[0] > 0.8:
                raise RuntimeError("no")
            return linear.forward(x, weight, bias)

        def backward(self, g, x, weight, bias):
            gradient, *others = linear.backward(g, x, weight, bias)
            return (gradient * (1 + (x.ndim > 2)), *others)

    assert judge("linear", Mine(), **FEW).exit_code == 1


def test_where_each_call_is_compiled_fewer_are_tried_and_the_same_is_found():
    """Each forward and backward of another shape takes a compiler 0.1 s: these were most of what a verdict took."""
    asked = []
    given = works("NoGroups", lambda *of: asked.append(1) or of[-1]["groups"] > 1)
    subject, said, many = Implementation.of(find("conv"), given), {}, {}
    for compiled in (False, True):
        asked.clear()
        _, said[compiled] = found(subject, subject.op, {}, "float64", 1, compiled=compiled)
        many[compiled] = len(asked)
    assert [one.judged for one in said[True]] == [one.judged for one in said[False]] == ["with groups 1"]
    assert many[True] < 0.7 * many[False]


class NoCubic:
    """What fails in a kind that is in none of the first few cases."""

    @staticmethod
    def forward(x, **parameters):
        if parameters["mode"] == "cubic":
            raise NotImplementedError("has no such mode")
        return upsample.forward(x, **parameters)

    @staticmethod
    def backward(g, x, **parameters):
        return upsample.backward(g, x, **parameters)


@pytest.mark.parametrize("seed", range(3))
def test_a_kind_that_is_in_none_of_the_first_few_is_found_where_each_call_is_compiled(seed):
    op = find("upsample")
    _, said = found(Implementation.of(op, NoCubic), op, {}, "float64", seed, compiled=True)
    assert [one.judged for one in said] == ["with no mode 'cubic'"]
