"""Speed of the reference against torch: python -m benchmarks.reference

Forward plus full backward of each, in one process, in turns of five, medians. Ratios below 1: the reference is faster.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from statistics import median

import numpy as np
import torch

from reference import conv

TURN = 5


@dataclass(frozen=True)
class Layer:
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


LAYERS = (
    Layer((8, 64, 56, 56), (64, 64, 3, 3), 1, 1, "0.55"),
    Layer((16, 128, 28, 28), (128, 128, 3, 3), 1, 1, "0.70"),
    Layer((32, 3, 32, 32), (6, 3, 5, 5), 0, 1, "0.40"),
    Layer((4, 3, 112, 112), (64, 3, 7, 7), 3, 2, "-"),
    Layer((8, 64, 56, 56), (64, 64, 3, 3), 1, 2, "-"),
)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Time the reference against torch.")
    parser.add_argument("--runs", type=int, default=20, help="runs of each (default: 20)")
    runs = parser.parse_args().runs
    torch.set_num_threads(2)
    print(
        f"{'x':<18} {'weight':<14} {'dtype':<8} {'ours':>8} {'torch':>8} {'ratio':>6} {'goal':>5} {'GFLOP/s':>8} ",
        end="",
    )
    print(f"{'of peak':>8} {'peak memory':>12}")
    for dtype in (np.float64, np.float32):
        peak = _gemm_peak(dtype)
        for layer in LAYERS:
            _print_row(layer, dtype, runs, peak)


def _print_row(layer: Layer, dtype: type[np.floating], runs: int, peak: float) -> None:
    ours, theirs = _pair(layer, dtype)
    mine, other = _in_turns(ours, theirs, runs)
    goal = layer.goal if dtype is np.float64 else "2.50"
    print(
        f"{layer.x!s:<18} {layer.weight!s:<14} {dtype.__name__:<8} {mine * 1e3:6.1f}ms {other * 1e3:6.1f}ms "
        f"{mine / other:6.2f} {goal:>5} {layer.flops / mine / 1e9:8.1f} {layer.flops / mine / peak:8.0%} "
        f"{_peak_memory(ours) / (layer.gathered * np.dtype(dtype).itemsize):6.2f} im2col",
        flush=True,
    )


def _pair(layer: Layer, dtype: type[np.floating]) -> tuple[Callable[[], object], Callable[[], object]]:
    """Forward and full backward, by the reference and by torch, on the same numbers."""
    rng = np.random.default_rng(0)
    x, weight, bias, g = (
        rng.standard_normal(shape).astype(dtype)
        for shape in (layer.x, layer.weight, layer.weight[:1], (layer.x[0], layer.weight[0], *layer.output))
    )
    tensors = [torch.from_numpy(a).requires_grad_() for a in (x, weight, bias)]
    cotangent = torch.from_numpy(g)

    def ours() -> object:
        y = conv.forward(x, weight, bias, padding=layer.padding, stride=layer.stride)
        return y, conv.backward(g, x, weight, bias, padding=layer.padding, stride=layer.stride)

    def theirs() -> object:
        y = torch.nn.functional.conv2d(*tensors, padding=layer.padding, stride=layer.stride)
        return y, torch.autograd.grad(y, tensors, cotangent)

    return ours, theirs


def _in_turns(ours: Callable[[], object], theirs: Callable[[], object], runs: int) -> tuple[float, float]:
    """Median seconds of each: a few runs of one, a few of the other, and so on, so that both see the same machine."""
    seconds: tuple[list[float], list[float]] = ([], [])
    while len(seconds[0]) < runs:
        for function, into in zip((ours, theirs), seconds, strict=True):
            function()
            into += [_seconds(function) for _ in range(TURN)]
    return median(seconds[0]), median(seconds[1])


def _seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def _gemm_peak(dtype: type[np.floating]) -> float:
    """Operations a second of the best square matrix product, the most that a convolution can hope for."""
    size = 2048
    a = np.random.default_rng(0).standard_normal((size, size)).astype(dtype)
    return 2 * size**3 / min(_seconds(lambda: a @ a) for _ in range(TURN))


def _peak_memory(function: Callable[[], object]) -> int:
    """Bytes that NumPy allocates at most at one time, results included."""
    tracemalloc.start()
    function()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


if __name__ == "__main__":
    main()
