"""What others call the ops, and words that only an op gives a meaning: for code that was not written for this project."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

from checks.ops._others import (
    OF_CHANCES,
    OF_PROBABILITIES,
    RESET_BEFORE,
    Other,
    chances_guarded,
    classes_guarded,
    layer_norm_of_last,
    rms_norm_of_last,
)


@dataclass(frozen=True)
class Called:
    """Other names of an op, as they stand in names of functions and classes, and values of arguments that it decides.

    names     in small letters and without underscores
    switches  an argument's name, and what is handed over: of several values the first with which forward is right
    parts     of results that others return apart, what they go on as: the inputs of the next step, in y's order
    factors   how many times the op's a loss may be, where that is a convention (adapting/factor.py)
    orders    orders of the gates in which others have them, as places in the op's own: the first that is right
    gates     what others call each gate, where each has a weight of its own
    mirrored  gates that others have the other way round, 1 − σ(a) where the op has σ(a): then a is −a
    dropped   axes of data that others do not have, together: each is one element then
    masks     how others have an array that is true or false (adapting/masks.py), the op's own way first
    others    other functions that go by the same name (_others.py)
    weights   whether it has any: a layer that keeps some is one around it, if not
    last      by an option of several axes, what it is for those who mean the last of them alone
    idle      arrays that come along and have no part in y, each by its axes: a name of the op's, or a number
    words     what others say for a value of a parameter that is a word
    drawn     an input that others draw themselves
    guarded   y of those who add a number inside of its logarithm, by that number
    second    of an input to which others add another, what that is called: torch's bias_hh beside bias_ih
    """

    names: tuple[str, ...] = ()
    switches: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    orders: tuple[tuple[int, ...], ...] = ()
    factors: tuple[str, ...] = ()
    gates: tuple[tuple[str, ...], ...] = ()
    mirrored: tuple[int, ...] = ()
    dropped: tuple[tuple[str, ...], ...] = ()
    masks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    others: tuple[Other, ...] = ()
    weights: bool = True
    last: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    idle: Mapping[str, tuple[str | int, ...]] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    second: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    drawn: str = ""
    guarded: Callable[..., Any] | None = None


# "train" says that statistics are those of the batch; which pooling it is, others say in a word.
TRAINING: Mapping[str, tuple[Any, ...]] = {"mode": ("train", "training")}
INFERENCE: Mapping[str, tuple[Any, ...]] = {
    "mode": ("test", "eval", "inference", "predict"),
    **dict.fromkeys(("training", "train", "istraining", "trainflg", "trainingmode", "istrain", "trainmode"), (False,)),
}
CALLED: Mapping[str, Called] = {
    "conv": Called(("conv2d", "conv1d", "conv3d", "convolution", "convolutional", "convlayer")),
    "conv_transpose": Called(("convtranspose", "deconv", "transposedconv", "convtransposed", "conv2dtranspose")),
    "linear": Called(("dense", "affine", "fullyconnected", "fc", "innerproduct", "fullconnect")),
    "max_pool": Called(("maxpool", "maxpooling", "pool", "pooling"), {"mode": ("max",), "type": ("max",)}),
    "avg_pool": Called(
        ("avgpool", "averagepool", "averagepooling", "avgpooling", "meanpool", "meanpooling", "pool", "pooling"),
        {"mode": ("average", "avg", "mean"), "type": ("average", "avg", "mean")},
    ),
    "grid_sample": Called(("gridsample", "gridsampler", "bilinearsampler", "spatialtransformer")),
    "upsample": Called(("interpolate", "resize"), words=dict.fromkeys(("bilinear", "trilinear"), "linear")),
    "lp_pool": Called(("lppool", "lppooling", "powerpool")),
    "batch_norm": Called(("batchnorm", "batchnormalization", "bn", "spatialbatchnorm"), TRAINING),
    "layer_norm": Called(("layernorm", "layernormalization", "ln"), TRAINING, last={"last": layer_norm_of_last}),
    "group_norm": Called(("groupnorm", "gn", "spatialgroupnorm"), TRAINING),
    "instance_norm": Called(("instancenorm",), TRAINING),
    "batch_norm_inference": Called(("batchnorm", "batchnormalization", "bn"), INFERENCE),
    "rms_norm": Called(("rmsnorm",), TRAINING, last={"last": rms_norm_of_last}),
    "leaky_relu": Called(("leakyrelu", "lrelu")),
    "log_softmax": Called(("logsoftmax",)),
    "silu": Called(("swish",)),
    "cross_entropy": Called(
        ("crossentropy", "softmaxloss", "softmaxcrossentropy", "softmaxwithloss", "crossentropyloss", "celoss"),
        others=(OF_PROBABILITIES,),
        guarded=classes_guarded,
    ),
    "bce_with_logits": Called(
        ("bce", "binarycrossentropy", "sigmoidcrossentropy", "sigmoidwithloss", "bceloss", "logloss"),
        others=(OF_CHANCES,),
        guarded=chances_guarded,
    ),
    "euclidean_loss": Called(
        ("mse", "meansquarederror", "l2loss", "mseloss", "squarederror", "halfmse", "sse"),
        factors=("2", "1 / elements of a sample", "2 / elements of a sample"),
    ),
    "dropout": Called(("inverteddropout",), TRAINING, drawn="mask"),
    "hinge": Called(
        ("hingeloss", "svm", "svmloss", "multiclasssvm", "multiclasshinge", "multimarginloss"),
        factors=("elements of a sample",),
    ),
    "embedding": Called(("embed", "wordembedding", "lookup")),
    "lstm_cell": Called(
        ("lstm", "lstmstep", "lstmcell"),
        parts=("h", "c"),
        orders=tuple(permutations(range(4))),
        gates=(
            ("i", "u", "in", "input", "update"),
            ("f", "forget"),
            ("g", "c", "a", "z", "cell", "cand", "candidate", "ctilde", "chat", "cbar", "n"),
            ("o", "output", "out"),
        ),
        idle={"wy": (3, "H"), "by": (3, 1)},
        second={"bias": ("bhh", "biashh", "bh", "biash", "recurrentbias")},
    ),
    "gru_cell": Called(
        ("gru", "grustep", "grucell"),
        orders=tuple(permutations(range(3))),
        gates=(
            ("r", "reset"),
            ("z", "u", "update"),
            ("n", "h", "c", "g", "new", "cand", "candidate", "htilde", "hhat", "ctilde"),
        ),
        mirrored=(1,),
        others=(RESET_BEFORE,),
    ),
    "attention": Called(
        ("scaleddotproductattention", "dotproductattention", "scaleddotproduct", "selfattention", "sdpa", "attn"),
        dropped=(("H",), ("N", "H")),
        masks={"mask": ("", "hidden", "added")},
        weights=False,
    ),
}


def names_of(op: str) -> tuple[str, ...]:
    """What an op is called, in small letters and without underscores, its own name first."""
    return (op.replace("_", ""), *CALLED.get(op, Called()).names)
