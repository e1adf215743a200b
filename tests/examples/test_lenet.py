"""examples.lenet: it learns, by hand-derived gradients as by torch's, and says one sentence when something is wrong."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

from examples import lenet as example
from reference import lenet

ROOT = Path(__file__).parents[2]
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(autouse=True)
def one_thread():
    """NumPy's threads and torch's would wait for one another on a busy machine: small products are faster on one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1, "blas"):
        yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data():
    return example.digits()


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


@pytest.mark.parametrize("size", [32, 1437, 1000])
def test_an_epoch_takes_every_digit_once(data, size):
    per_epoch = -(-1437 // size)
    both = list(example.batches(data, size=size, epochs=2, seed=0))
    assert len(both) == 2 * per_epoch
    orders = []
    for epoch in (both[:per_epoch], both[per_epoch:]):
        images, labels = (np.concatenate(parts) for parts in zip(*epoch, strict=True))
        assert sorted(zip(map(bytes, images), labels, strict=True)) == sorted(
            zip(map(bytes, data.images), data.labels, strict=True)
        )
        orders.append(labels)
    assert not np.array_equal(*orders), "another order in each epoch"


def test_reference_and_torch_take_the_same_steps(data):
    """Twenty steps with momentum and decay from the same start: rounding grows, but nothing else sets the two apart."""
    ways = [
        way(
            lenet.parameters(4),
            islice(example.batches(data, size=32, epochs=1, seed=4), 20),
            rate=0.005,
            momentum=0.9,
            decay=0.001,
        )
        for way in (example.by_reference, example.by_torch)
    ]
    first = None
    for (loss, ours), (other_loss, torchs) in zip(*ways, strict=True):
        first = first or loss
        assert abs(loss - other_loss) < 1e-10
        for a, b in zip(example.flat(ours), example.flat(torchs), strict=True):
            assert np.abs(a - b).max() < 1e-10
    assert loss < 0.9 * first, "and they learned on the way"


def test_the_same_seed_gives_the_same_bits(data):
    def trained():
        among = islice(example.batches(data, size=16, epochs=1, seed=2), 5)
        *_, (loss, of) = example.by_reference(lenet.parameters(2), among, rate=0.005, momentum=0.9, decay=0)
        return loss, [a.tobytes() for a in example.flat(of)]

    assert trained() == trained()


def test_training_leaves_the_start_as_it_was(data):
    for way in example.WAYS.values():
        start = lenet.parameters(0)
        among = islice(example.batches(data, size=8, epochs=1, seed=0), 2)
        for _ in way(start, among, rate=0.1, momentum=0.9, decay=0):
            pass
        assert all(map(np.array_equal, example.flat(start), example.flat(lenet.parameters(0))))


@pytest.mark.parametrize("ending", [".png", ".svg", ".pdf"])
def test_the_picture_is_what_its_ending_says(tmp_path, ending):
    path = tmp_path / f"loss{ending}"
    example.draw([3.0, 2.0, 1.0, 0.5], 2, path)
    assert path.read_bytes().startswith({".png": PNG, ".svg": b"<?xml", ".pdf": b"%PDF"}[ending])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--epochs", "0"], "--epochs: '0' given; expected at least 1"),
        (["--epochs", "few"], "--epochs: 'few' given; expected a whole number"),
        (["--batch", "0"], "--batch: '0' given; expected at least 1"),
        (["--seed", "-1"], "--seed: '-1' given; expected at least 0"),
        (["--rate", "0"], "--rate: '0' given; expected a number above 0"),
        (["--rate", "nan"], "--rate: 'nan' given; expected a number above 0"),
        (["--momentum", "1"], "--momentum: '1' given; expected a number at least 0 and below 1"),
        (["--decay", "-1"], "--decay: '-1' given; expected a number at least 0"),
        (["--by", "torhc"], "--by: 'torhc' given; expected reference or torch; did you mean torch?"),
        (["--speed", "3"], "unrecognized arguments: --speed 3"),
        (["--rate"], "--rate: expected one argument"),
        (
            ["--picture", "loss"],
            "--picture loss has no ending that says what to draw; expected one of .pdf, .png, .svg",
        ),
        (["--picture", "no/l.png"], "--picture no/l.png cannot be written; expected a file in a folder that exists"),
    ],
)
def test_a_bad_option_gets_one_sentence(capsys, arguments, sentence):
    with pytest.raises(SystemExit) as stopped:
        example.main(arguments)
    assert stopped.value.code == 2
    assert capsys.readouterr() == ("", f"lenet: {sentence}\n")


def test_what_is_not_installed_is_named_with_the_extra_that_installs_it(monkeypatch, capsys):
    monkeypatch.setattr(example, "find_spec", lambda name: None if name in {"sklearn", "matplotlib"} else name)
    with pytest.raises(SystemExit) as stopped:
        example.main(["--picture", "loss.png"])
    assert stopped.value.code == 2
    assert capsys.readouterr().err == (
        "lenet: scikit-learn and matplotlib must be installed for this: "
        "pip install -c constraints.txt -e '.[examples]'\n"
    )
    with pytest.raises(SystemExit):
        example.main([])
    assert "matplotlib" not in capsys.readouterr().err, "without a picture it is not needed"


@pytest.mark.parametrize("way", example.WAYS)
def test_a_loss_that_is_no_number_ends_the_run(capsys, way):
    assert example.main(["--rate", "1e308", "--by", way]) == 1
    assert capsys.readouterr() == (
        "",
        "lenet: the loss of batch 2 is nan; a --rate below 1e+308 may help\n",
    )


def test_control_C_stops_it_without_a_traceback(monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setitem(example.WAYS, "reference", interrupted)
    assert example.main([]) == 130
    assert capsys.readouterr().err == "lenet: stopped\n"
