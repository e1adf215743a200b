"""How long a verdict takes, beside what it has to be measured by: python -m benchmarks.verdict

Each command is a process of its own, as a user starts it, and the times are medians, of the clock and of processors. In the
same run: importing torch, which a verdict cannot do without, NumPy and Hypothesis, and torch's gradcheck, slow and fast.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median
from tempfile import TemporaryDirectory

MINE = """
import numpy as np
from reference import conv

class Right:
    forward, backward = staticmethod(conv.forward), staticmethod(conv.backward)

class Wrong(Right):
    def backward(self, g, x, weight, bias, **parameters):
        turned = weight[..., ::-1]
        return (conv.backward(g, x, turned, bias, **parameters)[0], *conv.backward(g, x, weight, bias, **parameters)[1:])

def norm(x):
    d = x - x.mean(-1, keepdims=True)
    return d / np.sqrt((d * d).mean(-1, keepdims=True) + 1e-5)

def norm_backward(g, x):
    d = x - x.mean(-1, keepdims=True)
    s = np.sqrt((d * d).mean(-1, keepdims=True) + 1e-5)
    n = d / s
    return ((g - g.mean(-1, keepdims=True) - n * (g * n).mean(-1, keepdims=True)) / s,)

def weights(q, k):
    a = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    e = np.exp(a - a.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)

def attention(q, k, v):
    return weights(q, k) @ v

def attention_backward(g, q, k, v):
    p = weights(q, k)
    gp = g @ v.swapaxes(-1, -2)
    ga = p * (gp - (gp * p).sum(-1, keepdims=True)) / np.sqrt(q.shape[-1])
    return ga @ k, ga.swapaxes(-1, -2) @ q, p.swapaxes(-1, -2) @ g
"""
FIRST = """
import os
from checks import judge
def first(finding):
    print(finding.result, flush=True)
    os._exit(0)
if __name__ == "__main__":
    judge("conv", "mine.py:Wrong", first=first, seed=1)
"""
GRADCHECK = """
import torch
from torch.nn.functional import conv2d
shapes = (2, 4, 6, 6), (3, 4, 3, 3), (3,)
inputs = [torch.rand(s, dtype=torch.float64, requires_grad=True) for s in shapes]
assert torch.autograd.gradcheck(conv2d, inputs, fast_mode={fast})
"""
THEIRS = """
from torch.nn.functional import conv2d

def conv(x, weight, bias=None, *, stride=1, padding=0, dilation=1, groups=1):
    return conv2d(x, weight, bias, stride, padding, dilation, groups)
"""
# Of stride 1: with stride and dilation 2 oneDNN's bfloat16 convolution is wrong on processors with matrix tiles (AMX).
TORCHS = ("conv", "--impl", "torch:theirs.py:conv", "--dims", "2", "--padding", "0", "--stride", "1", "--no-flip")
WRONG = 1


@dataclass(frozen=True)
class Row:
    """One command. `goal` is in seconds, of what was measured before; `ends` with this exit code."""

    words: tuple[str, ...]
    goal: tuple[str, float, float] | None = None  # which row's time, how many times it, and how many seconds more
    ends: int = 0


def _judging(*words: str) -> tuple[str, ...]:
    return ("-m", "checks.gradcheck", *words, "--seed", "1", "-q")


def _function(name: str, inputs: str) -> tuple[str, ...]:
    own = ("-m", "checks", "function", f"mine.py:{name}", "--backward", f"mine.py:{name}_backward")
    return (*own, "--inputs", inputs, "--seed", "1", "-q")


TORCH, NUMPY = "import torch", "import NumPy and Hypothesis"
ROWS: Mapping[str, Row] = {
    TORCH: Row(("-c", "import torch")),
    NUMPY: Row(("-c", "import numpy, hypothesis")),
    "gradcheck, slow": Row(("-c", GRADCHECK.format(fast=False))),
    "gradcheck, fast": Row(("-c", GRADCHECK.format(fast=True))),
    "the reference": Row(_judging("conv"), (TORCH, 1.5, 2.0)),
    "a right one": Row(_judging("conv", "--impl", "mine.py:Right"), (TORCH, 1.5, 2.0)),
    "first finding": Row(("first.py",), (NUMPY, 1.0, 1.0)),
    "a wrong one": Row(_judging("conv", "--impl", "mine.py:Wrong"), (TORCH, 1.5, 4.0), WRONG),
    "torch's, float32": Row(_judging(*TORCHS, "--dtype", "float32")),
    "torch's, bfloat16": Row(_judging(*TORCHS, "--dtype", "bfloat16"), ("torch's, float32", 3.0, 0.0)),
    "a small function": Row(_function("norm", "6,8"), (NUMPY, 1.0, 1.0)),
    "attention (4,256,64)": Row(_function("attention", "4,256,64 4,256,64 4,256,64"), (NUMPY, 1.0, 20.0)),
    "all, one process": Row(_judging("all", "--jobs", "1")),
    "all, two processes": Row(_judging("all", "--jobs", "2"), ("all, one process", 1 / 1.7, 0.0)),
}  # fmt: skip
LONG = ("attention (4,256,64)", "all, one process", "all, two processes")


def main() -> None:
    """Print a line for each command."""
    parser = argparse.ArgumentParser(description="Time whole verdicts.")
    parser.add_argument("--runs", type=int, default=3, help="runs of each (default: 3)")
    parser.add_argument("--long", action="store_true", help="also those that take minutes")
    parser.add_argument("--only", metavar="A;B", help="these rows")
    options = parser.parse_args()
    chosen = options.only.split(";") if options.only else [n for n in ROWS if options.long or n not in LONG]
    for line in lines({name: ROWS[name] for name in chosen}, options.runs):
        print(line, flush=True)


def lines(rows: Mapping[str, Row], runs: int) -> Iterator[str]:
    """The table, as it comes to be."""
    yield f"{'':<28} {'wall':>8} {'processor':>10}   at most"
    took: dict[str, float] = {}
    with TemporaryDirectory() as folder:
        Path(folder, "mine.py").write_text(MINE, encoding="utf-8")
        Path(folder, "theirs.py").write_text(THEIRS, encoding="utf-8")
        Path(folder, "first.py").write_text(FIRST, encoding="utf-8")
        for name, row in rows.items():
            times = [_seconds(row, folder) for _ in range(runs)]
            wall, processor = (median(column) for column in zip(*times, strict=True))
            took[name] = wall
            of, factor, more = row.goal or ("", 0.0, 0.0)
            goal = f"   {factor * took[of] + more:7.2f}s" if of in took else ""
            over = "  !" if of in took and wall > factor * took[of] + more else ""
            yield f"{name:<28} {wall:7.2f}s {processor:9.2f}s{goal}{over}"


def _seconds(row: Row, folder: str) -> tuple[float, float]:
    """How long one run takes, of the clock and of processors; RuntimeError if it does not end as it should."""
    before, began = getrusage(RUSAGE_CHILDREN), time.perf_counter()
    command: Sequence[str] = (sys.executable, *row.words)
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603, our own words
    wall, after = time.perf_counter() - began, getrusage(RUSAGE_CHILDREN)
    if ran.returncode != row.ends:
        raise RuntimeError(f"{' '.join(row.words[:4])} ended with {ran.returncode}: {ran.stdout}{ran.stderr}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
