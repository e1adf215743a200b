"""Each sample's backward alone is judged beside that of the batch, and vmap's beside both."""

import numpy as np
import pytest

from checks import judge_function
from checks.functions.blackbox import NotTaken
from checks.functions.isolated import Functions

MODES = ("reverse", "per-sample")


def f(x, w):
    return np.tanh(x @ w)


def b(g, x, w):
    s = g * (1 - f(x, w) ** 2)
    return s @ w.T, x.T @ s


def judged(f, b, inputs="B,I I,O", **rest):
    return judge_function(f, b, inputs, **({"seed": 1, "examples": 8, "modes": MODES} | rest))


def laws_broken(report):
    return {(f.law, f.result) for f in report.findings if f.verdict.name == "BROKEN"}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_is_right_is_accepted(dtype):
    report = judged(f, b, dtype=dtype)
    assert report.exit_code == 0, str(report)
    assert {f.result for f in report.findings if f.law == "per_sample"} == {"grad_x", "grad_w"}


def test_a_mean_in_place_of_the_sum():
    report = judged(f, lambda g, x, w: (b(g, x, w)[0], b(g, x, w)[1] / len(x)))
    assert ("per_sample", "grad_w") in laws_broken(report), str(report)
    assert "summed: it is divided by their number" in {f.note.partition(", ")[2] for f in report.findings}


def test_what_is_wrong_of_one_sample_alone():
    """Only where a batch has one: no batch of these sizes shows it."""

    def wrong(g, x, w):
        gradients = b(g, x, w)
        return (1.01 * gradients[0], gradients[1]) if len(x) == 1 else gradients

    assert judged(f, wrong, "2..5,3 3,4", examples=4, modes=("reverse",)).exit_code == 0
    for sizes in ("2..5,3 3,4", "60..70,3 3,4"):  # of many some are alone
        assert laws_broken(judged(f, wrong, sizes, examples=4)) == {("per_sample", "grad_x")}


def test_samples_that_depend_on_one_another():
    def mixed(x):
        return x - x.mean(0)

    report = judged(mixed, lambda g, _: (g - g.mean(0),), "B,D")
    assert report.exit_code == 0
    assert "samples are not independent here, by its forward" in str(report)
    assert not [f for f in report.findings if f.law == "per_sample"]
    report = judged(mixed, lambda g, _: (g,), "B,D")  # by the forward, never by the gradients
    assert report.exit_code == 1
    assert {law for law, _ in laws_broken(report)} != {"per_sample"}


def test_no_sample_is_taken_alone():
    report = judged(lambda x, i: x[i], lambda g, x, i: (_scattered(g, x, i), None), "B,D B:integers(0,B)")
    assert report.exit_code == 0
    assert "samples are not independent here: it does not take one alone" in str(report)


def _scattered(g, x, i):
    found = np.zeros_like(x)
    np.add.at(found, i, g)
    return found


def test_nothing_counts_samples():
    with pytest.raises(NotTaken, match="nothing counts samples of f: expected a name"):
        judged(f, b, "2,3 3,4")
    with pytest.raises(NotTaken, match="nothing counts samples"):
        judged(lambda x: np.sum(x * x), lambda g, x: (2 * g * x,), "B,3")
    with pytest.raises(ValueError, match="modes per-sample given; expected reverse"):
        judged(f, b, modes=("per-sample",))


def test_vmap_of_tensors():
    torch = pytest.importorskip("torch")
    from checks.functions.tensors import of_arrays

    class Back(torch.autograd.Function):
        share = 1.0

        @staticmethod
        def forward(g, x, w):
            return g * w, (g * x).sum(0)

        @staticmethod
        def setup_context(*_):
            pass

        @staticmethod
        def vmap(_, __, g, x, w):
            return (g * w, (g * x).sum(1) * Back.share), (0, 0)

    class Scale(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x, w):
            return x * w

        @staticmethod
        def setup_context(ctx, inputs, _):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, g):
            return Back.apply(g, *ctx.saved_tensors)

    class Old(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return 2 * g * ctx.saved_tensors[0]

    assert judged(*of_arrays(Scale)[:2], "B,3 3", examples=4).exit_code == 0
    Back.share = 1.01
    report = judged(*of_arrays(Scale)[:2], "B,3 3", examples=4)
    assert laws_broken(report) == {("per_sample", "per_sample")}
    assert report.failures[0].note.startswith("grad_w by vmap")
    report = judged(*of_arrays(Old)[:2], "B,3", examples=4)
    assert report.exit_code == 0
    assert "vmap is not asked: In order to use an autograd.Function with functorch" in str(report)


def test_vmap_reaches_another_process(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("def f(x, w): return x * w\ndef b(g, x, w): return g * w, (g * x).sum(0)\n"
                    "f.vmapped = lambda which, g, x, w: (g * w, g * x + 0 * which[0])\n")  # fmt: skip
    subject = Functions({"function": f"{file}:f", "backward": f"{file}:b"}, 60, None)
    try:
        loaded = subject.load()
        report = judged(loaded.function, loaded.backward, "B,3 3", examples=4)
    finally:
        subject.close()
    assert report.exit_code == 0
    assert {f.result for f in report.findings if f.law == "per_sample"} == {"grad_x", "grad_w", "per_sample"}
