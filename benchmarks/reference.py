"""Speed of the reference against torch: python -m benchmarks.reference

Forward plus full backward of each, in one process, in turns of five, medians. Ratios below 1: the reference is faster.
Convolutions show the share of the machine's matrix product that they reach, and their memory, as well. NumPy's exp takes 2
to 6 times as long as torch's, which is the limit of what it is a part of: sigmoid and tanh are also compared with the
passes over the numbers that their formula needs, each by NumPy alone, and should take at most 1.5 times their sum.
"""

from __future__ import annotations

import argparse
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch.nn import functional

import reference
from benchmarks.timing import in_turns, seconds
from reference import conv

TURN = 5
SINGLE_GOAL = 2.5
MAPS = (8, 64, 56, 56)
# σ = (1 or e) / (1 + e) with e = exp(−|x|), and g·e / (1 + e)²; tanh, and g·(2e / (1 + e²))². −|x| is a sign and a product.
SIGMOID = {np.exp: 2, np.divide: 2, np.copysign: 2, np.multiply: 4, np.add: 3, np.square: 1}
TANH = {np.tanh: 1, np.exp: 1, np.divide: 1, np.copysign: 1, np.multiply: 2, np.add: 2, np.square: 2}


@dataclass(frozen=True)
class Convolution:
    """One convolution to time, with the ratio that it should not exceed in float64."""

    x: tuple[int, ...]
    weight: tuple[int, ...]
    padding: int
    stride: int
    goal: str

    @property
    def output(self) -> tuple[int, ...]:
        """Spatial size of y."""
        pairs = zip(self.x[2:], self.weight[2:], strict=True)
        return tuple((n + 2 * self.padding - k) // self.stride + 1 for n, k in pairs)

    @property
    def flops(self) -> int:
        """Floating-point operations of forward and both products of backward."""
        return 6 * self.x[0] * prod(self.weight) * prod(self.output)

    @property
    def gathered(self) -> int:
        """Numbers in the im2col matrix of the whole batch."""
        return self.x[0] * prod(self.weight[1:]) * prod(self.output)

    @property
    def layer(self) -> Layer:
        """What is timed."""
        moves = {"padding": self.padding, "stride": self.stride}
        return Layer("conv", conv, functional.conv2d, (self.x, self.weight, self.weight[:1]), self.goal, moves)


@dataclass(frozen=True)
class Layer:
    """A layer to time on arrays of these shapes, with torch's function and the ratio that it should not exceed."""

    name: str
    ours: ModuleType | type
    theirs: Callable[..., torch.Tensor]
    shapes: tuple[tuple[int, ...], ...]
    goal: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    constant: np.ndarray | None = None
    passes: Mapping[np.ufunc, int] = field(default_factory=dict)  # of forward and backward together


CONVOLUTIONS = (
    Convolution((8, 64, 56, 56), (64, 64, 3, 3), 1, 1, "0.55"),
    Convolution((16, 128, 28, 28), (128, 128, 3, 3), 1, 1, "0.70"),
    Convolution((32, 3, 32, 32), (6, 3, 5, 5), 0, 1, "0.40"),
    Convolution((4, 3, 112, 112), (64, 3, 7, 7), 3, 2, "-"),
    Convolution((8, 64, 56, 56), (64, 64, 3, 3), 1, 2, "-"),
)


def _subsample(x: torch.Tensor, coefficient: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """The same by torch's mean, which no torch layer is."""
    return 4 * coefficient[:, None, None] * functional.avg_pool2d(x, 2) + bias[:, None, None]


def _batch_norm(x: torch.Tensor, gamma: torch.Tensor, beta: torch.Tensor) -> torch.Tensor:
    return functional.batch_norm(x, None, None, gamma, beta, training=True)


def _layer_norm(x: torch.Tensor, gamma: torch.Tensor, beta: torch.Tensor) -> torch.Tensor:
    return functional.layer_norm(x, gamma.shape, gamma, beta)


def _pad(x: torch.Tensor, before: int, after: int, mode: str) -> torch.Tensor:
    return functional.pad(x, (before, after) * 2, mode)


def _inference(x: torch.Tensor, gamma: torch.Tensor, beta: torch.Tensor, gathered: torch.Tensor) -> torch.Tensor:
    return functional.batch_norm(x, gathered, gathered, gamma, beta)


class _Inference:
    """The reference's, of the same arguments: what is constant comes last."""

    @staticmethod
    def forward(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, gathered: np.ndarray) -> np.ndarray:
        return reference.batch_norm_inference.forward(x, gathered, gathered, gamma, beta)

    @staticmethod
    def backward(g: np.ndarray, x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, gathered: np.ndarray) -> object:
        return reference.batch_norm_inference.backward(g, x, gathered, gathered, gamma, beta)


def _group_norm(x: torch.Tensor, gamma: torch.Tensor, beta: torch.Tensor, *, groups: int) -> torch.Tensor:
    return functional.group_norm(x, groups, gamma, beta)


def _instance_norm(x: torch.Tensor, gamma: torch.Tensor, beta: torch.Tensor) -> torch.Tensor:
    return functional.instance_norm(x, None, None, gamma, beta)


def _rms_norm(x: torch.Tensor, gamma: torch.Tensor) -> torch.Tensor:
    return functional.rms_norm(x, gamma.shape, gamma, 1e-5)


def _euclidean(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return functional.mse_loss(prediction, target, reduction="sum") / (2 * len(prediction))


def _dropout(x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return x * mask / 0.5


def _log_softmax(x: torch.Tensor) -> torch.Tensor:
    return x.log_softmax(1)


def _swiglu(gate: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return functional.silu(gate) * x


def _lstm(x: torch.Tensor, h: torch.Tensor, c: torch.Tensor, weight: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return torch.cat(torch.lstm_cell(x, (h, c), weight, other), 1)


def _similarity(x: torch.Tensor, template: torch.Tensor) -> torch.Tensor:
    """By two convolutions, which is how it is done where it has to be fast."""
    squares = functional.conv2d(x * x, torch.ones((1, *template.shape[1:]), dtype=x.dtype))
    return functional.conv2d(x, template) / (squares.sqrt() * template.flatten(1).norm(dim=1)[:, None, None])


def layers() -> tuple[Layer, ...]:
    """Everything but convolution, each on a typical size."""
    rng = np.random.default_rng(1)
    mask = (rng.random(MAPS) > 0.5).astype(float)
    shares = rng.dirichlet(np.ones(1000), 256)
    overlapping = {"kernel_size": 3, "stride": 2, "padding": 1}
    weight = (64, 64, 3, 3)
    return (
        Layer(
            "conv_transpose",
            reference.conv_transpose,
            functional.conv_transpose2d,
            ((8, 64, 28, 28), weight, (64,)),
            "-",
            {"stride": 2, "padding": 1},
        ),
        Layer("max_pool 2", reference.max_pool, functional.max_pool2d, (MAPS,), "2.00", {"kernel_size": 2}),
        Layer("max_pool 3/2", reference.max_pool, functional.max_pool2d, (MAPS,), "2.00", overlapping),
        Layer("avg_pool 2", reference.avg_pool, functional.avg_pool2d, (MAPS,), "2.00", {"kernel_size": 2}),
        Layer("avg_pool 3/2", reference.avg_pool, functional.avg_pool2d, (MAPS,), "2.00", overlapping),
        Layer("subsample", reference.subsample, _subsample, (MAPS, (64,), (64,)), "2.00"),
        Layer("linear", reference.linear, functional.linear, ((256, 1024), (1024, 1024), (1024,)), "1.30"),
        Layer("sigmoid", reference.sigmoid, torch.sigmoid, (MAPS,), "2.00", passes=SIGMOID),
        Layer("tanh", reference.tanh, torch.tanh, (MAPS,), "2.00", passes=TANH),
        Layer("relu", reference.relu, torch.relu, (MAPS,), "2.00"),
        Layer("leaky_relu", reference.leaky_relu, functional.leaky_relu, (MAPS,), "2.00"),
        Layer("gelu", reference.gelu, functional.gelu, (MAPS,), "-"),
        Layer("gelu tanh", reference.gelu, functional.gelu, (MAPS,), "-", {"approximate": "tanh"}),
        Layer("silu", reference.silu, functional.silu, (MAPS,), "-"),
        Layer("elu", reference.elu, functional.elu, (MAPS,), "-"),
        Layer("softplus", reference.softplus, functional.softplus, (MAPS,), "-"),
        Layer("hard_swish", reference.hard_swish, functional.hardswish, (MAPS,), "-"),
        Layer("log_softmax", reference.log_softmax, _log_softmax, ((256, 1000),), "-"),
        Layer("glu", reference.glu, functional.glu, ((256, 2000),), "-"),
        Layer("swiglu", reference.swiglu, _swiglu, ((256, 1000), (256, 1000)), "-"),
        Layer("softmax", reference.softmax, torch.softmax, ((256, 1000),), "2.00", {"axis": 1}),
        Layer("euclidean_loss", reference.euclidean_loss, _euclidean, (MAPS, MAPS), "2.00"),
        Layer(
            "cross_entropy",
            reference.cross_entropy,
            functional.cross_entropy,
            ((256, 1000),),
            "2.00",
            constant=rng.integers(0, 1000, 256),
        ),
        Layer(
            "weighted_cross_entropy",
            reference.weighted_cross_entropy,
            functional.cross_entropy,
            ((256, 1000),),
            "-",
            {"label_smoothing": 0.125},
            rng.integers(0, 1000, 256),
        ),
        Layer(
            "bce_with_logits",
            reference.bce_with_logits,
            functional.binary_cross_entropy_with_logits,
            (MAPS,),
            "-",
            constant=mask,
        ),
        Layer("huber", reference.huber, functional.huber_loss, (MAPS, MAPS), "-"),
        Layer("smooth_l1", reference.smooth_l1, functional.smooth_l1_loss, (MAPS, MAPS), "-"),
        Layer("kl_div", reference.kl_div, functional.kl_div, ((256, 1000),), "-", {"reduction": "batchmean"}, shares),
        Layer(
            "hinge",
            reference.hinge,
            functional.multi_margin_loss,
            ((256, 1000),),
            "-",
            constant=rng.integers(0, 1000, 256),
        ),
        Layer("batch_norm", reference.batch_norm, _batch_norm, (MAPS, (64,), (64,)), "2.00"),
        Layer(
            "batch_norm_inference", _Inference, _inference, (MAPS, (64,), (64,)), "-", constant=rng.uniform(0.1, 2, 64)
        ),
        Layer("group_norm", reference.group_norm, _group_norm, (MAPS, (64,), (64,)), "-", {"groups": 8}),
        Layer("instance_norm", reference.instance_norm, _instance_norm, (MAPS, (64,), (64,)), "-"),
        Layer("rms_norm", reference.rms_norm, _rms_norm, ((256, 1000), (1000,)), "-"),
        Layer("layer_norm", reference.layer_norm, _layer_norm, ((256, 1000), (1000,), (1000,)), "-"),
        Layer(
            "local_response_norm",
            reference.local_response_norm,
            functional.local_response_norm,
            (MAPS,),
            "2.00",
            {"size": 5},
        ),
        Layer("dropout", reference.dropout, _dropout, (MAPS,), "2.00", constant=mask),
        Layer(
            "attention",
            reference.attention,
            functional.scaled_dot_product_attention,
            ((4, 8, 128, 64), (4, 8, 128, 64), (4, 8, 128, 64)),
            "-",
        ),
        Layer(
            "lstm_cell", reference.lstm_cell, _lstm, ((64, 256), (64, 256), (64, 256), (1024, 256), (1024, 256)), "-"
        ),
        Layer("gru_cell", reference.gru_cell, torch.gru_cell, ((64, 256), (64, 256), (768, 256), (768, 256)), "-"),
        Layer(
            "adaptive_max_pool",
            reference.adaptive_max_pool,
            functional.adaptive_max_pool2d,
            (MAPS,),
            "-",
            {"output_size": 7},
        ),
        Layer(
            "grid_sample",
            reference.grid_sample,
            lambda x, grid: functional.grid_sample(x, grid, align_corners=False),
            (MAPS, (MAPS[0], *MAPS[2:], 2)),
            "-",
        ),
        Layer("lp_pool", reference.lp_pool, functional.lp_pool2d, (MAPS,), "-", {"norm_type": 2.0, "kernel_size": 2}),
        Layer("unfold", reference.unfold, functional.unfold, (MAPS,), "-", {"kernel_size": 3, "padding": 1}),
        Layer(
            "fold",
            reference.fold,
            functional.fold,
            ((8, 576, 3136),),
            "-",
            {"output_size": MAPS[2:], "kernel_size": 3, "padding": 1},
        ),
        Layer("pad reflect", reference.pad, _pad, (MAPS,), "-", {"before": 3, "after": 3, "mode": "reflect"}),
        Layer("similarity", reference.similarity, _similarity, ((8, 16, 32, 32), (16, 16, 5, 5)), "-"),
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Time the reference against torch.")
    parser.add_argument("--runs", type=int, default=20, help="runs of each (default: 20)")
    parser.add_argument("--only", metavar="NAME", default="", help="layers whose name begins so")
    options = parser.parse_args()
    torch.set_num_threads(2)
    if "conv".startswith(options.only):
        _print_convolutions(options.runs)
    print(f"{'layer':<20} {'dtype':<8} {'ours':>8} {'torch':>8} {'ratio':>6} {'goal':>5}")
    for layer in layers():
        if layer.name.startswith(options.only):
            mine, other = in_turns(_pair(layer, np.float64), options.runs, turn=TURN)
            row = f"{layer.name:<20} float64  {mine * 1e3:6.1f}ms {other * 1e3:6.1f}ms {mine / other:6.2f} {layer.goal:>5}"
            print(
                row + (f"   {mine / _alone(layer, options.runs):.2f} of its passes" if layer.passes else ""), flush=True
            )


def _alone(layer: Layer, runs: int) -> float:
    """Seconds that the passes of its formula take, one by one, over arrays of its size that are there already."""
    rng = np.random.default_rng(0)
    one, other = (np.asarray(rng.uniform(0.1, 1, layer.shapes[0])) for _ in range(2))
    into = np.empty_like(one)

    def by(ufunc: np.ufunc) -> Callable[[], object]:
        return lambda: ufunc(*(one, other)[: ufunc.nin], out=into)

    took = in_turns([by(ufunc) for ufunc in layer.passes], runs, turn=TURN)
    return sum(seconds * many for seconds, many in zip(took, layer.passes.values(), strict=True))


def _print_convolutions(runs: int) -> None:
    shapes = f"{'x':<18} {'weight':<14} {'dtype':<8}"
    print(
        f"{shapes} {'ours':>8} {'torch':>8} {'ratio':>6} {'goal':>5} {'GFLOP/s':>8} {'of peak':>8} {'peak memory':>12}"
    )
    for dtype in (np.float64, np.float32):
        peak = _gemm_peak(dtype)
        for convolution in CONVOLUTIONS:
            _print_convolution(convolution, dtype, runs, peak)


def _print_convolution(convolution: Convolution, dtype: type[np.floating], runs: int, peak: float) -> None:
    ours, theirs = _pair(convolution.layer, dtype)
    mine, other = in_turns((ours, theirs), runs, turn=TURN)
    goal = convolution.goal if dtype is np.float64 else f"{SINGLE_GOAL:.2f}"
    print(
        f"{convolution.x!s:<18} {convolution.weight!s:<14} {dtype.__name__:<8} {mine * 1e3:6.1f}ms {other * 1e3:6.1f}ms "
        f"{mine / other:6.2f} {goal:>5} {convolution.flops / mine / 1e9:8.1f} {convolution.flops / mine / peak:8.0%} "
        f"{_peak_memory(ours) / (convolution.gathered * np.dtype(dtype).itemsize):6.2f} im2col",
        flush=True,
    )


def _pair(layer: Layer, dtype: type[np.floating]) -> tuple[Callable[[], object], Callable[[], object]]:
    """Forward and full backward, by the reference and by torch, on the same numbers."""
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape).astype(dtype) for shape in layer.shapes]
    tensors = [torch.from_numpy(a).requires_grad_() for a in arrays]
    constant = [] if layer.constant is None else [layer.constant]
    constants = [torch.from_numpy(a) for a in constant]
    y = layer.theirs(*tensors, *constants, **layer.parameters)
    g = rng.standard_normal(y.shape).astype(dtype)
    cotangent = torch.from_numpy(np.asarray(g))

    def ours() -> object:
        y = layer.ours.forward(*arrays, *constant, **layer.parameters)
        return y, layer.ours.backward(g, *arrays, *constant, **layer.parameters)

    def theirs() -> object:
        y = layer.theirs(*tensors, *constants, **layer.parameters)
        return y, torch.autograd.grad(y, tensors, cotangent)

    return ours, theirs


def _gemm_peak(dtype: type[np.floating]) -> float:
    """Operations a second of the best square matrix product, the most that a convolution can hope for."""
    size = 2048
    a = np.random.default_rng(0).standard_normal((size, size)).astype(dtype)
    return 2 * size**3 / min(seconds(lambda: a @ a) for _ in range(TURN))


def _peak_memory(function: Callable[[], object]) -> int:
    """Bytes that NumPy allocates at most at one time, results included."""
    tracemalloc.start()
    function()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


if __name__ == "__main__":
    main()
