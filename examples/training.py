"""What the examples share: digits, steps by the reference and by torch, and a command line that trains and reports.

The digits are the 1797 that scikit-learn brings with it. Every fifth is held out, so the same hands may have written both
parts.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from checks.command.arguments import Parser, command, typed
from checks.signature.options import one_of, real, whole
from reference import sgd

DIVERGED, INTERRUPTED = 1, 130
PICTURES = (".pdf", ".png", ".svg")

Parameters = dict[str, tuple[np.ndarray, ...]]  # of each layer, by its name
Batches = Iterable[tuple[np.ndarray, np.ndarray]]  # images (N, …) and their labels (N,)
Steps = Iterator[tuple[float, Parameters]]


@dataclass(frozen=True, eq=False)
class Digits:
    """Images (N, …) and labels (N,): those to learn from, and those held out."""

    images: np.ndarray
    labels: np.ndarray
    held_out_images: np.ndarray
    held_out_labels: np.ndarray


@dataclass(frozen=True, eq=False)
class Example:
    """A network that learns digits: a module of the reference, the same in torch, and what it is trained with."""

    name: str
    module: str  # it is run by `python -m` and this
    network: Any  # parameters(seed), counts(parameters), loss_and_gradients(parameters, images, labels)
    digits: Callable[[], Digits]
    loss_in_torch: Callable[[dict[str, Any], np.ndarray, np.ndarray], Any]  # a tensor, given tensors as parameters
    classes: Callable[[Any, Digits], np.ndarray]  # of the digits held out
    usual: Mapping[str, float]  # epochs, rate, momentum and decay
    loss: str = "cross-entropy"

    @property
    def program(self) -> str:
        """The command that runs it."""
        return f"python -m {self.module}"

    def by_reference(self, start: Parameters, among: Batches, *, rate: float, momentum: float, decay: float) -> Steps:
        """The loss of each batch, and the parameters after the step that follows from it (000, S6; 004, C17)."""
        at, velocities = start, None
        for images, labels in among:
            loss, gradients = self.network.loss_and_gradients(at, images, labels)
            weights, velocities = sgd.step(
                flat(at), flat(gradients), velocities, learning_rate=rate, momentum=momentum, weight_decay=decay
            )
            at = like(start, weights)
            yield loss, at

    def by_torch(self, start: Parameters, among: Batches, *, rate: float, momentum: float, decay: float) -> Steps:
        """As by_reference, but every gradient is torch.autograd's and every step torch.optim.SGD's."""
        import torch

        at = like(start, [torch.tensor(a, requires_grad=True) for a in flat(start)])
        optimizer = torch.optim.SGD(flat(at), lr=rate, momentum=momentum, weight_decay=decay)
        for images, labels in among:
            loss = self.loss_in_torch(at, images, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            yield loss.item(), like(start, [a.detach().numpy().copy() for a in flat(at)])

    def right(self, of: Parameters, data: Digits) -> int:
        """How many of the digits held out are classified right."""
        return int((self.classes(of, data) == data.held_out_labels).sum())

    def main(self, arguments: Sequence[str] | None = None) -> int:
        """Run the command line; returns the exit code: 0, or 1 if the loss outgrew the numbers, 2 if it makes no sense."""
        parser = _parser(self)
        options = parser.parse_args(arguments)
        if options.picture and options.picture.suffix.lower() not in PICTURES:
            kinds = ", ".join(PICTURES)
            parser.refuse(f"--picture {options.picture} has no ending that says what to draw; expected one of {kinds}")
        parser.refuse_unwritable("--picture", options.picture)
        refuse_missing(parser, "scikit-learn", "tqdm", *(["matplotlib"] if options.picture else []))
        try:
            return _run(self, options)
        except KeyboardInterrupt:
            print(f"{command(self.program)}: stopped", file=sys.stderr)
            return INTERRUPTED


WAYS: dict[str, Callable[..., Steps]] = {"reference": Example.by_reference, "torch": Example.by_torch}


def flat(of: dict[str, Any]) -> list[Any]:
    """The parameters one after the other: those of the first layer, of the second, …"""
    return [array for arrays in of.values() for array in arrays]


def like(of: Parameters, arrays: Sequence[Any]) -> dict[str, tuple[Any, ...]]:
    """These, one after the other, under the names of those."""
    left = iter(arrays)
    return {name: tuple(next(left) for _ in own) for name, own in of.items()}


def shades() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All digits as shades (N, 8, 8) from 0 to 16, their labels (N,), and which are held out (N,)."""
    from sklearn.datasets import load_digits

    found, labels = load_digits(return_X_y=True)
    return found.reshape(-1, 8, 8), labels, np.arange(len(labels)) % 5 == 0


def divided(images: np.ndarray, labels: np.ndarray, held_out: np.ndarray) -> Digits:
    """The digits in their two parts."""
    return Digits(images[~held_out], labels[~held_out], images[held_out], labels[held_out])


def scaled(images: np.ndarray, held_out: np.ndarray) -> np.ndarray:
    """The same, with pixels to learn from that have mean 0 and variance 1."""
    known = images[~held_out]
    return np.asarray((images - known.mean()) / known.std())


def batches(of: Digits, *, size: int, epochs: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """All digits to learn from, once in each epoch, in an order of its own; the last batch of an epoch may be smaller."""
    rng = np.random.default_rng((seed, 1))  # not the numbers that the parameters are drawn from
    for _ in range(epochs):
        order = rng.permutation(len(of.labels))
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            yield of.images[chosen], of.labels[chosen]


def draw(losses: Sequence[float], steps_per_epoch: int, path: Path, *, name: str, loss: str) -> None:
    """The loss of each batch, and the mean of each epoch, as a picture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    means = np.reshape(losses, (-1, steps_per_epoch)).mean(axis=1)
    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)  # no display is needed
    axes = figure.add_subplot(xlabel="epoch", ylabel=f"loss  {loss}", yscale="log", title=f"{name} on digits")
    axes.plot((np.arange(len(losses)) + 0.5) / steps_per_epoch, losses, linewidth=0.6, alpha=0.6, label="each batch")
    axes.plot(np.arange(len(means)) + 0.5, means, marker="o", label="mean of each epoch")
    axes.legend()
    figure.savefig(path, dpi=150)


def refuse_missing(parser: Parser, *packages: str) -> None:
    """Stop with one sentence, unless these are installed."""
    modules = {"scikit-learn": "sklearn"}
    missing = [package for package in packages if find_spec(modules.get(package, package)) is None]
    if missing:
        parser.refuse(
            f"{' and '.join(missing)} must be installed for this: pip install -c constraints.txt -e '.[examples]'"
        )


def _run(example: Example, options: argparse.Namespace) -> int:
    from threadpoolctl import threadpool_limits  # scikit-learn's own
    from tqdm import tqdm

    begun = time.perf_counter()
    data, at, losses = example.digits(), example.network.parameters(options.seed), []
    steps_per_epoch = -(-len(data.labels) // options.batch)
    steps = WAYS[options.by](
        example,
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
                print(f"{command(example.program)}: {what}", file=sys.stderr)
                return DIVERGED
        correct, count = example.right(at, data), len(data.held_out_labels)
    counts, epochs = example.network.counts(at), "epoch" if options.epochs == 1 else "epochs"
    means = np.reshape(losses, (-1, steps_per_epoch)).mean(axis=1)
    parts = " + ".join(f"{name} {n}" for name, n in counts.items())
    print(f"{example.name}, {sum(counts.values())} parameters: {parts}")
    print(
        f"{options.epochs} {epochs} of {len(data.labels)} digits by {options.by}: batch {options.batch}, "
        f"rate {options.rate:g}, momentum {options.momentum:g}, decay {options.decay:g}, seed {options.seed}"
    )
    print(f"loss, mean of an epoch: first {means[0]:.3g}, last {means[-1]:.3g}")
    print(f"right on {correct} of {count} digits held out: {100 * correct / count:.1f} %")
    if options.picture:
        draw(losses, steps_per_epoch, options.picture, name=example.name, loss=example.loss)
        print(f"loss curve in {options.picture}")
    print(f"{time.perf_counter() - begun:.1f} s")
    return 0


def _parser(example: Example) -> Parser:
    parser = Parser(
        prog=example.program,
        description=f"Train a {example.name} on handwritten digits by hand-derived gradients.",
        allow_abbrev=False,
    )
    usual = example.usual
    for name, default, parse, meaning in (
        ("epochs", usual["epochs"], whole(1), "how often each digit is learned from"),
        ("seed", 0, whole(0), "decides the first parameters and the order of the digits"),
        ("batch", 32, whole(1), "digits to a step"),
        ("rate", usual["rate"], real(0, above=True), "step size"),
        ("momentum", usual["momentum"], real(0, 1), "share of the last step that the next one keeps"),
        ("decay", usual["decay"], real(0), "weight decay"),
        ("by", "reference", one_of(*WAYS), "who computes gradients and steps: reference, or torch"),
    ):
        parser.add_argument(f"--{name}", default=default, type=typed(parse), help=f"{meaning} (default: {default})")
    parser.add_argument("--picture", type=Path, metavar="FILE", help=f"draw the loss curve: {', '.join(PICTURES)}")
    return parser
