"""LeNet-5 learns handwritten digits, with hand-derived gradients alone: python -m examples.lenet

The digits are the 1797 that scikit-learn brings with it (8x8 pixels): enlarged three times by repetition, laid in the
middle of 32x32, and scaled as LeCun did, so that the pixels to learn from have mean 0 and variance 1. Every fifth digit
is held out, so the same hands may have written both parts: seeds 0 to 2 get 97.5 to 98.1 % of them right. With the last
fifth held out in their place, which other hands may have written, it was 93.3 to 95.3 %.

`--by torch` trains the same network, written in PyTorch and differentiated by it, from the same start on the same batches.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from checks.command.arguments import Parser, command, typed
from checks.signature.options import one_of, real, whole
from reference import lenet, sgd
from reference.lenet import Parameters

PROGRAM = "python -m examples.lenet"
DIVERGED, INTERRUPTED = 1, 130
PICTURES = (".pdf", ".png", ".svg")

Batches = Iterable[tuple[np.ndarray, np.ndarray]]  # images (N, 1, 32, 32) and their labels (N,)


@dataclass(frozen=True, eq=False)
class Digits:
    """Images (N, 1, 32, 32) and labels (N,): those to learn from, and those held out."""

    images: np.ndarray
    labels: np.ndarray
    held_out_images: np.ndarray
    held_out_labels: np.ndarray


def digits() -> Digits:
    """scikit-learn's digits as LeNet-5 takes them, every fifth held out."""
    from sklearn.datasets import load_digits

    small, labels = load_digits(return_X_y=True)
    images = np.kron(small.reshape(-1, 8, 8), np.ones((3, 3)))  # each pixel becomes 3x3
    images = np.pad(images, ((0, 0), (4, 4), (4, 4)))[:, None]
    held_out = np.arange(len(labels)) % 5 == 0
    known = images[~held_out]
    images = (images - known.mean()) / known.std()
    return Digits(images[~held_out], labels[~held_out], images[held_out], labels[held_out])


def batches(of: Digits, *, size: int, epochs: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """All digits to learn from, once in each epoch, in an order of its own; the last batch of an epoch may be smaller."""
    rng = np.random.default_rng((seed, 1))  # not the numbers that the parameters are drawn from
    for _ in range(epochs):
        order = rng.permutation(len(of.labels))
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            yield of.images[chosen], of.labels[chosen]


def by_reference(
    start: Parameters, among: Batches, *, rate: float, momentum: float, decay: float
) -> Iterator[tuple[float, Parameters]]:
    """The loss of each batch, and the parameters after the step that follows from it (000, S6; 004, C17)."""
    at, velocities = start, None
    for images, labels in among:
        loss, gradients = lenet.loss_and_gradients(at, images, labels)
        weights, velocities = sgd.step(
            flat(at), flat(gradients), velocities, learning_rate=rate, momentum=momentum, weight_decay=decay
        )
        at = dict(zip(at, zip(weights[::2], weights[1::2], strict=True), strict=True))
        yield loss, at


def by_torch(
    start: Parameters, among: Batches, *, rate: float, momentum: float, decay: float
) -> Iterator[tuple[float, Parameters]]:
    """As by_reference, but every gradient is torch.autograd's and every step torch.optim.SGD's."""
    import torch

    def tensor(a: np.ndarray) -> torch.Tensor:
        return torch.tensor(a, requires_grad=True)

    at = {name: (tensor(weight), tensor(bias)) for name, (weight, bias) in start.items()}
    optimizer = torch.optim.SGD(flat(at), lr=rate, momentum=momentum, weight_decay=decay)
    for images, labels in among:
        loss = loss_in_torch(at, images, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item(), {name: (w.detach().numpy().copy(), b.detach().numpy().copy()) for name, (w, b) in at.items()}


def loss_in_torch(of: dict[str, Any], images: np.ndarray, labels: np.ndarray) -> Any:
    """C as a tensor that torch.autograd can differentiate, given a dictionary of tensors like lenet.parameters."""
    import torch
    from torch.nn import functional

    def squashed(x: Any) -> Any:
        return 1.7159 * torch.tanh(2 / 3 * x)

    def subsampled(x: Any, coefficient: Any, bias: Any) -> Any:
        blocks = 4 * functional.avg_pool2d(x, 2)
        return squashed(coefficient[:, None, None] * blocks + bias[:, None, None])

    table = torch.from_numpy(lenet.TABLE.astype(float))[:, :, None, None]
    x = squashed(functional.conv2d(torch.from_numpy(images), *of["C1"]))
    x = subsampled(x, *of["S2"])
    x = squashed(functional.conv2d(x, table * of["C3"][0], of["C3"][1]))
    x = subsampled(x, *of["S4"])
    x = squashed(functional.conv2d(x, *of["C5"]))
    x = squashed(functional.linear(x.flatten(1), *of["F6"]))
    return ((x - torch.from_numpy(lenet.CODES[labels])) ** 2).sum() / (2 * len(labels))


WAYS: dict[str, Callable[..., Iterator[tuple[float, Parameters]]]] = {"reference": by_reference, "torch": by_torch}


def flat(of: dict[str, Any]) -> list[Any]:
    """The parameters one after the other: C1's weight, C1's bias, S2's coefficient, …"""
    return [array for arrays in of.values() for array in arrays]


def right(of: Parameters, data: Digits) -> int:
    """How many of the digits held out are classified right."""
    return int((lenet.classify(of, data.held_out_images) == data.held_out_labels).sum())


def draw(losses: Sequence[float], steps_per_epoch: int, path: Path) -> None:
    """The loss of each batch, and the mean of each epoch, as a picture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    means = np.reshape(losses, (-1, steps_per_epoch)).mean(axis=1)
    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)  # no display is needed
    axes = figure.add_subplot(
        xlabel="epoch", ylabel="loss  Σ‖F6 − code‖² / 2N", yscale="log", title="LeNet-5 on digits"
    )
    axes.plot((np.arange(len(losses)) + 0.5) / steps_per_epoch, losses, linewidth=0.6, alpha=0.6, label="each batch")
    axes.plot(np.arange(len(means)) + 0.5, means, marker="o", label="mean of each epoch")
    axes.legend()
    figure.savefig(path, dpi=150)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0, or 1 if the loss outgrew the numbers, 2 if it makes no sense."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.picture and options.picture.suffix.lower() not in PICTURES:
        kinds = ", ".join(PICTURES)
        parser.refuse(f"--picture {options.picture} has no ending that says what to draw; expected one of {kinds}")
    parser.refuse_unwritable("--picture", options.picture)
    refuse_missing(parser, "scikit-learn", "tqdm", *(["matplotlib"] if options.picture else []))
    try:
        return _run(options)
    except KeyboardInterrupt:
        print(f"{command(PROGRAM)}: stopped", file=sys.stderr)
        return INTERRUPTED


def _run(options: argparse.Namespace) -> int:
    from threadpoolctl import threadpool_limits  # scikit-learn's own
    from tqdm import tqdm

    begun = time.perf_counter()
    data, at, losses = digits(), lenet.parameters(options.seed), []
    steps_per_epoch = -(-len(data.labels) // options.batch)
    steps = WAYS[options.by](
        at,
        batches(data, size=options.batch, epochs=options.epochs, seed=options.seed),
        rate=options.rate,
        momentum=options.momentum,
        decay=options.decay,
    )
    # disable=None: a bar on a terminal, nothing in a pipe. One thread: the products are too small to be shared, and so
    # the order of their sums does not depend on the machine's cores. What overflows shows in the loss, and is said there.
    bar = tqdm(steps, total=steps_per_epoch * options.epochs, unit="batch", leave=False, disable=None)
    with np.errstate(over="ignore", invalid="ignore"), threadpool_limits(1, "blas"), bar:
        for loss, after in bar:
            at = after
            losses.append(loss)
            if not isfinite(loss):
                what = f"the loss of batch {len(losses)} is {loss}; a --rate below {options.rate:g} may help"
                print(f"{command(PROGRAM)}: {what}", file=sys.stderr)
                return DIVERGED
        correct, count = right(at, data), len(data.held_out_labels)
    counts, epochs = lenet.counts(at), "epoch" if options.epochs == 1 else "epochs"
    means = np.reshape(losses, (-1, steps_per_epoch)).mean(axis=1)
    print(f"LeNet-5, {sum(counts.values())} parameters: {' + '.join(f'{name} {n}' for name, n in counts.items())}")
    print(
        f"{options.epochs} {epochs} of {len(data.labels)} digits by {options.by}: batch {options.batch}, "
        f"rate {options.rate:g}, momentum {options.momentum:g}, decay {options.decay:g}, seed {options.seed}"
    )
    print(f"loss, mean of an epoch: first {means[0]:.3g}, last {means[-1]:.3g}")
    print(f"right on {correct} of {count} digits held out: {100 * correct / count:.1f} %")
    if options.picture:
        draw(losses, steps_per_epoch, options.picture)
        print(f"loss curve in {options.picture}")
    print(f"{time.perf_counter() - begun:.1f} s")
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog=PROGRAM, description="Train LeNet-5 on handwritten digits by hand-derived gradients.", allow_abbrev=False
    )
    for name, default, parse, meaning in (
        ("epochs", 8, whole(1), "how often each digit is learned from"),
        ("seed", 0, whole(0), "decides the first parameters and the order of the digits"),
        ("batch", 32, whole(1), "digits to a step"),
        ("rate", 0.005, real(0, above=True), "step size"),
        ("momentum", 0.9, real(0, 1), "share of the last step that the next one keeps"),
        ("decay", 0.0, real(0), "weight decay"),
        ("by", "reference", one_of(*WAYS), "who computes gradients and steps: reference, or torch"),
    ):
        parser.add_argument(f"--{name}", default=default, type=typed(parse), help=f"{meaning} (default: {default})")
    parser.add_argument("--picture", type=Path, metavar="FILE", help=f"draw the loss curve: {', '.join(PICTURES)}")
    return parser


def refuse_missing(parser: Parser, *packages: str) -> None:
    """Stop with one sentence, unless these are installed."""
    modules = {"scikit-learn": "sklearn"}
    missing = [package for package in packages if find_spec(modules.get(package, package)) is None]
    if missing:
        parser.refuse(
            f"{' and '.join(missing)} must be installed for this: pip install -c constraints.txt -e '.[examples]'"
        )


if __name__ == "__main__":
    sys.exit(main())
