"""examples.lenet: it learns, by hand-derived gradients as by torch's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from examples.lenet import EXAMPLE
from examples.training import WAYS, batches, flat
from reference import lenet

ROOT = Path(__file__).parents[2]
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def data():
    return EXAMPLE.digits()


def test_it_learns_the_digits(tmp_path):
    """As the README says, but for digits that a machine's rounding decides; in a pipe nothing but the summary."""
    run = subprocess.run(
        [sys.executable, "-m", "examples.lenet", "--picture", "loss.png"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    shown = re.search(r"```text\n(LeNet-5.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL).group(1)
    certain = len("\n".join(shown.splitlines()[:2]))
    number = re.compile(r"\d+(\.\d+)?")
    assert run.stdout[:certain] == shown[:certain]
    assert number.sub("#", run.stdout) == number.sub("#", shown)
    correct, count = map(int, re.search(r"^right on (\d+) of (\d+) digits", run.stdout, re.MULTILINE).groups())
    assert count == 360
    assert correct >= 0.95 * count
    assert (tmp_path / "loss.png").read_bytes().startswith(PNG)


def test_the_digits_are_what_LeNet_takes(data):
    assert data.images.shape == (1437, 1, 32, 32)
    assert data.held_out_images.shape == (360, 1, 32, 32)
    assert set(data.labels) == set(data.held_out_labels) == set(range(10))
    n = data.images.size  # the mean of n numbers of size 1 rounds to within n·u, and so does that of their squares
    assert abs(data.images.mean()) <= n * 2**-53
    assert abs(data.images.var() - 1) <= 4 * n * 2**-53


def test_every_fifth_digit_is_held_out(data):
    from sklearn.datasets import load_digits

    small = load_digits().images
    centre = data.held_out_images[:, 0, 5:28:3, 5:28:3]  # of the 3x3 that each pixel became
    background, ink = data.images.min(), data.images.max()
    assert np.array_equal(np.rint((centre - background) / (ink - background) * 16), small[::5])
    assert np.all(data.held_out_images[:, 0, :4] == background)


def test_reference_and_torch_take_the_same_steps(data):
    """Twenty steps with momentum and decay from the same start: rounding grows, but nothing else sets the two apart."""
    ways = [
        way(
            EXAMPLE,
            lenet.parameters(4),
            islice(batches(data, size=32, epochs=1, seed=4), 20),
            rate=0.005,
            momentum=0.9,
            decay=0.001,
        )
        for way in WAYS.values()
    ]
    first = None
    for (loss, ours), (other_loss, torchs) in zip(*ways, strict=True):
        first = first or loss
        assert abs(loss - other_loss) < 1e-10
        for a, b in zip(flat(ours), flat(torchs), strict=True):
            assert np.abs(a - b).max() < 1e-10
    assert loss < 0.9 * first, "and they learned on the way"
