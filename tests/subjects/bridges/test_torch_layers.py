"""Layers of torch as they are made, at their own sizes: each is judged as it is, and a wrong gradient inside it shows."""

from __future__ import annotations

import copy
import functools
import warnings

import numpy as np
import pytest

from checks.ops import find
from checks.subjects.adapting import fitting
from checks.subjects.implementation import Implementation
from checks.subjects.loading import BRIDGES
from checks.subjects.refusals import NotAnImplementation
from tests.subjects.adapting.test_zoo import disagreements

torch = pytest.importorskip("torch")
nn = torch.nn

LAYERS = [
    ("conv", lambda: nn.Conv2d(3, 8, 3, padding=1)),
    ("conv_transpose", lambda: nn.ConvTranspose2d(3, 5, 3, stride=2, padding=1, output_padding=1)),
    ("adaptive_avg_pool", lambda: nn.AdaptiveAvgPool2d(3)),
    ("pad", lambda: nn.ZeroPad2d(1)),
    ("conv", lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.Identity())),
    ("pad", lambda: nn.ReflectionPad2d((1, 0, 2, 1))),
    ("fold", lambda: nn.Fold((5, 6), (2, 3), padding=1, stride=2)),
    ("glu", lambda: nn.GLU(dim=1)),
    ("softmax", nn.Softmax2d),
    ("leaky_relu", lambda: nn.LeakyReLU(0.1, inplace=True)),
    ("relu", lambda: nn.ReLU(inplace=True)),
    ("weighted_cross_entropy", lambda: nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0, 0.5]))),
    ("upsample", lambda: nn.Upsample(scale_factor=2, mode="bilinear")),
    ("batch_norm_inference", lambda: nn.BatchNorm2d(5).eval()),
    ("layer_norm", lambda: nn.LayerNorm(6, elementwise_affine=False)),
    ("layer_norm", lambda: nn.LayerNorm(6, bias=False)),
    ("rms_norm", lambda: nn.RMSNorm(6)),
    ("lstm_cell", lambda: nn.LSTMCell(4, 5)),
    ("lstm_cell", lambda: nn.LSTMCell(4, 5, bias=False)),
    ("embedding", lambda: nn.Embedding(10, 4, padding_idx=2)),
]


class Scaled(torch.autograd.Function):
    """What it is given, with a gradient that is a little too large."""

    @staticmethod
    def forward(_, y):
        return y.clone()

    @staticmethod
    def backward(_, g):
        return g * 1.01


def mistaken(layer):
    """The same layer, of a class of its own, with a wrong gradient inside."""

    class Mistaken(type(layer)):
        @functools.wraps(type(layer).forward)
        def forward(self, x, *more):
            y = super().forward(x, *more)
            return (Scaled.apply(y[0]), *y[1:]) if isinstance(y, tuple) else Scaled.apply(y)

    changed = copy.deepcopy(layer)
    changed.__class__ = Mistaken
    return changed


@pytest.mark.parametrize(("op", "made"), LAYERS, ids=[f"{op}-{i}" for i, (op, _) in enumerate(LAYERS)])
def test_a_layer_of_torch_is_judged_as_it_is(op, made):
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        for layer, is_right in ((made(), True), (mistaken(made()), False)):
            bridged = BRIDGES["torch"].bridged(find(op), layer, dtype="float64", device="cpu")
            assert bool(disagreements(find(op), Implementation.of(find(op), bridged))) != is_right


class ByItsPrecision(nn.Module):
    """A root mean square whose ε is the precision of what it is given."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(6))

    def forward(self, x):
        mean = (x.double() ** 2).mean(-1, keepdim=True)
        return (x / torch.sqrt(mean + self.eps_of(x))).to(x.dtype) * self.weight

    @staticmethod
    def eps_of(x):
        return torch.finfo(x.dtype).eps


class AlwaysThat(ByItsPrecision):
    """One whose ε is that of float64 in every precision."""

    @staticmethod
    def eps_of(_):
        return 2.0**-52


@pytest.mark.parametrize(
    ("made", "dtype", "eps"),
    [
        (lambda: nn.RMSNorm(6), "float64", 2.0**-52),
        (lambda: nn.RMSNorm(6), "float32", 2.0**-23),
        (lambda: nn.RMSNorm(6), "bfloat16", 2.0**-23),  # it computes in float32
        (ByItsPrecision, "float16", 2.0**-10),
        (ByItsPrecision, "bfloat16", 2.0**-7),
        (AlwaysThat, "float32", 2.0**-52),
    ],
)
def test_an_epsilon_that_goes_by_the_precision_is_that_of_what_is_judged(made, dtype, eps):
    bridged = BRIDGES["torch"].bridged(find("rms_norm"), made(), dtype=dtype, device="cpu")
    assert bridged.pins["eps"] == eps
    assert f"eps {eps}" in bridged.assumed[0]


def test_one_number_of_axes_is_judged_where_a_layer_means_another_thing_in_others():
    layer = nn.AdaptiveAvgPool2d(3)  # which takes three axes for one sample
    bridged = BRIDGES["torch"].bridged(find("adaptive_avg_pool"), layer, dtype="float64", device="cpu")
    assert {n: bridged.pins[n] for n in ("dims", "output_size")} == {"dims": 2, "output_size": 3}


def test_what_is_another_layer_is_refused_in_a_sentence():
    with pytest.raises(NotAnImplementation, match="argument x2 means is not known"):
        BRIDGES["torch"].bridged(find("similarity"), nn.CosineSimilarity(dim=1), dtype="float64", device="cpu")


@pytest.mark.parametrize(
    ("op", "made"),
    [
        ("conv", lambda: nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect")),
        ("avg_pool", lambda: nn.AvgPool2d(2, divisor_override=3)),
        ("hinge", lambda: nn.MultiMarginLoss(p=2, reduction="sum")),  # of one class it is 0, as is any other hinge
        ("euclidean_loss", lambda: nn.MSELoss(reduction="none")),
        ("batch_norm", lambda: nn.BatchNorm2d(5, affine=False)),
    ],
)
def test_what_is_another_function_though_it_is_called_so_is_refused_with_the_command_that_judges_it(op, made):
    with pytest.raises(
        NotAnImplementation, match=r"`gradoracle function torch:FILE.py:LAYER |`gradoracle function` judges"
    ):
        BRIDGES["torch"].bridged(find(op), made(), dtype="float64", device="cpu")


def test_a_forward_that_somebody_wrote_and_is_wrong_everywhere_is_judged():
    layer = mistaken(nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"))  # of a class that is not torch's
    bridged = BRIDGES["torch"].bridged(find("conv"), layer, dtype="float64", device="cpu")
    assert bridged.assumed[0].endswith("the nearest arrangement; forward is right in none")


def test_what_is_told_to_write_into_what_it_is_given_says_so():
    bridged = BRIDGES["torch"].bridged(find("relu"), nn.ReLU(inplace=True), dtype="float64", device="cpu")
    assert "inplace" in Implementation.of(find("relu"), bridged).assumed[0]


def test_a_layer_around_an_op_is_refused_with_the_command_that_judges_it(monkeypatch):
    monkeypatch.setattr(fitting, "SECONDS", 0.1)  # after which no more ways to call it are tried
    with pytest.raises(
        NotAnImplementation, match=r"so it is a layer around it; `gradoracle function torch:FILE.py:LAYER "
    ):
        BRIDGES["torch"].bridged(find("attention"), nn.MultiheadAttention(8, 2), dtype="float64", device="cpu")


def test_a_scripted_layer_is_judged_as_it_is():
    op = find("conv")
    with warnings.catch_warnings(action="ignore"):
        layer = torch.jit.script(nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Identity()))
        bridged = BRIDGES["torch"].bridged(op, layer, dtype="float64", device="cpu")
        assert not disagreements(op, Implementation.of(op, bridged))


@pytest.mark.parametrize("made", [lambda f: f, lambda f: functools.partial(f, stride=2)], ids=["itself", "partial"])
def test_a_function_of_torch_is_judged_with_as_many_axes_as_its_name_says(made):
    """With one axis less torch takes the samples for channels of one sample, and pools over them: that was wrong."""
    op = find("avg_pool")
    bridged = BRIDGES["torch"].bridged(op, made(nn.functional.avg_pool2d), dtype="float64", device="cpu")
    assert bridged.forward(np.ones((1, 2, 4, 4)), kernel_size=2).shape == (1, 2, 2, 2)
    with pytest.raises(NotImplementedError, match="is made for 2d alone, as its name says"):
        bridged.forward(np.ones((1, 2, 4)), kernel_size=2)
