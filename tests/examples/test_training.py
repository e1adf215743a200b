"""examples.training, by LeNet-5: every digit once, the same bits again, and one sentence when something is wrong."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from examples import lenet, residual, training, transformer
from examples.lenet import EXAMPLE

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def data():
    return EXAMPLE.digits()


@pytest.mark.parametrize("size", [32, 1437, 1000])
def test_an_epoch_takes_every_digit_once(data, size):
    per_epoch = -(-1437 // size)
    both = list(training.batches(data, size=size, epochs=2, seed=0))
    assert len(both) == 2 * per_epoch
    orders = []
    for epoch in (both[:per_epoch], both[per_epoch:]):
        images, labels = (np.concatenate(parts) for parts in zip(*epoch, strict=True))
        assert sorted(zip(map(bytes, images), labels, strict=True)) == sorted(
            zip(map(bytes, data.images), data.labels, strict=True)
        )
        orders.append(labels)
    assert not np.array_equal(*orders), "another order in each epoch"


def test_the_same_seed_gives_the_same_bits(data):
    def trained():
        among = islice(training.batches(data, size=16, epochs=1, seed=2), 5)
        *_, (loss, of) = EXAMPLE.by_reference(EXAMPLE.network.parameters(2), among, rate=0.005, momentum=0.9, decay=0)
        return loss, [a.tobytes() for a in training.flat(of)]

    assert trained() == trained()


def test_training_leaves_the_start_as_it_was(data):
    for way in training.WAYS.values():
        start = EXAMPLE.network.parameters(0)
        among = islice(training.batches(data, size=8, epochs=1, seed=0), 2)
        for _ in way(EXAMPLE, start, among, rate=0.1, momentum=0.9, decay=0):
            pass
        assert all(map(np.array_equal, training.flat(start), training.flat(EXAMPLE.network.parameters(0))))


@pytest.mark.parametrize("ending", [".png", ".svg", ".pdf"])
def test_the_picture_is_what_its_ending_says(tmp_path, ending):
    path = tmp_path / f"loss{ending}"
    training.draw([3.0, 2.0, 1.0, 0.5], 2, path, name="a network", loss="cross-entropy")
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
        EXAMPLE.main(arguments)
    assert stopped.value.code == 2
    assert capsys.readouterr() == ("", f"lenet: {sentence}\n")


def test_what_is_not_installed_is_named_with_the_extra_that_installs_it(monkeypatch, capsys):
    monkeypatch.setattr(training, "find_spec", lambda name: None if name in {"sklearn", "matplotlib"} else name)
    with pytest.raises(SystemExit) as stopped:
        EXAMPLE.main(["--picture", "loss.png"])
    assert stopped.value.code == 2
    assert capsys.readouterr().err == (
        "lenet: scikit-learn and matplotlib must be installed for this: "
        "pip install -c constraints.txt -e '.[examples]'\n"
    )
    with pytest.raises(SystemExit):
        EXAMPLE.main([])
    assert "matplotlib" not in capsys.readouterr().err, "without a picture it is not needed"


@pytest.mark.parametrize("way", training.WAYS)
def test_a_loss_that_is_no_number_ends_the_run(capsys, way):
    assert EXAMPLE.main(["--rate", "1e308", "--by", way]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    # In which batch it overflows depends on the order of torch's sums, and that on the processor.
    assert re.fullmatch(r"lenet: the loss of batch [2-9] is nan; a --rate below 1e\+308 may help\n", err), err


def test_control_C_stops_it_without_a_traceback(monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setitem(training.WAYS, "reference", interrupted)
    assert EXAMPLE.main([]) == 130
    assert capsys.readouterr().err == "lenet: stopped\n"


@pytest.mark.parametrize(
    ("example", "first"),
    [
        (transformer.EXAMPLE, "transformer, 23562 parameters: words 2592 + mix 1 4128 + "),
        (residual.EXAMPLE, "residual network, 19706 parameters: stem 176 + keep 4672 + halve 14528 + read 330"),
        (lenet.EXAMPLE, "LeNet-5, 60000 parameters: C1 156 + "),
    ],
    ids=["transformer", "residual", "lenet"],
)
def test_each_trains_and_says_how_it_went(capsys, example, first):
    data, usual = example.digits(), example.usual
    few = training.Digits(data.images[:20], data.labels[:20], data.held_out_images[:10], data.held_out_labels[:10])
    shown = replace(example, digits=lambda: few)
    assert shown.main(["--epochs", "1", "--batch", "10"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(first)
    rates = f"rate {usual['rate']:g}, momentum 0.9, decay {usual['decay']:g}"
    assert said[1] == f"1 epoch of 20 digits by reference: batch 10, {rates}, seed 0"
    assert said[3].endswith(" %")
    assert shown.main(["--rate", "1e308", "--epochs", "2", "--batch", "5"]) == training.DIVERGED
    assert re.search(r"the loss of batch \d is (nan|inf); a --rate below 1e\+308 may help", capsys.readouterr().err)
