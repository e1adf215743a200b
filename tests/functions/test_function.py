"""judge_function: what is right passes, also at kinks; what is wrong is found by the laws that need no reference."""

import numpy as np
import pytest

from checks import gradcheck, judge_function
from checks.functions.function import decided
from tests.functions.functions import FUNCTIONS, clip, layer_norm, layer_norm_b, softmax, times
from tests.functions.functions import changed as with_gradient


def product(a, b):
    return np.tanh(a @ b)


def product_b(g, a, b):
    s = g * (1 - np.tanh(a @ b) ** 2)
    return s @ b.T, a.T @ s


def relu(x):
    return np.maximum(x, 0)


def norm(x):
    return np.sqrt((x**2).sum(axis=-1))


def norm_b(g, x):
    return g[..., None] * x / norm(x)[..., None]


def total(x):
    return x.sum()


def total_b(g, x):
    return np.full(x.shape, g)


def largest(x):
    return np.sort(x, axis=-1)[..., -2:]


def largest_b(g, x):
    grad, at = np.zeros_like(x), np.argsort(x, axis=-1)[..., -2:]
    np.put_along_axis(grad, at, g, axis=-1)
    return grad


RIGHT = [
    (product, product_b, [(3, 4), (4, 5)]),
    (relu, lambda g, x: g * (x > 0), [(3, 4)]),
    (np.abs, lambda g, x: g * np.sign(x), [(5,)]),
    (norm, norm_b, [(3, 4)]),
    (total, total_b, [(2, 3)]),
    (largest, largest_b, [(3, 5)]),
    (lambda x: x[::-1] * 1e8, lambda g, _: (g * 1e8)[::-1].copy(), [(6,)]),
    (lambda x: (x + 1e6) ** 2, lambda g, x: 2 * g * (x + 1e6), [(6,)]),
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("f", "b", "inputs"), RIGHT)
def test_what_is_right_passes(f, b, inputs, dtype):
    if dtype == "float32":
        f64, b64 = f, b
        f, b = (lambda *a: f64(*a).astype(a[0].dtype)), b64
    report = judge_function(f, b, inputs, dtype=dtype, seed=1, examples=30)
    assert not report.failures, str(report)
    assert report.exit_code == 0


WRONG = [
    (product, lambda g, a, b: (product_b(g, a, b)[0], 2 * product_b(g, a, b)[1]), [(3, 4), (4, 5)], "grad_b", "by 2"),
    (relu, lambda g, x: -g * (x > 0), [(3, 4)], "grad_x", "by -1"),
    (norm, lambda g, x: g[..., None] * x, [(3, 4)], "grad_x", ""),
    (total, lambda g, x: total_b(g, x) / x.size, [(2, 3)], "grad_x", "by 1/6"),
    (largest, lambda g, x: largest_b(g[..., ::-1], x), [(3, 5)], "grad_x", ""),
    (relu, lambda g, x: g * np.abs(g) * (x > 0), [(3, 4)], "grad_x", ""),
]


@pytest.mark.parametrize(("f", "b", "inputs", "result", "words"), WRONG)
def test_what_is_wrong_is_found_and_said(f, b, inputs, result, words):
    report = judge_function(f, b, inputs, seed=2, examples=20)
    assert report.exit_code == 1
    assert [failure.result for failure in report.failures] == [result]
    (failure,) = report.failures
    assert words in (failure.explanation or failure.note)
    if failure.index:
        assert abs(failure.actual - failure.expected) > failure.bound


def test_a_gradient_of_single_numbers_that_is_no_multiple_is_wrong():
    report = judge_function(
        lambda a, b: a * b + np.sin(a), lambda g, a, b: (g * (b + 1.01 * np.cos(a)), g * a), "() ()", seed=1, examples=8
    )
    assert [failure.result for failure in report.failures] == ["grad_a"]


def test_at_a_kink_every_slope_between_is_right():
    for slope, code in ((0.0, 0), (0.5, 0), (1.0, 0), (1.5, 1), (-0.5, 1)):

        def backward(g, x, slope=slope):
            return g * np.where(x == 0, slope, x > 0)

        report = judge_function(relu, backward, [np.zeros(1)], seed=3, examples=10)
        assert report.exit_code == code, (slope, str(report))
        if slope in (0, 1):  # a half is what the central difference is
            assert "at kinks: a slope between those to the left and to the right" in str(report)
        ties = judge_function(relu, backward, [np.array([0.0, 1.0, -2.0, 0.0])], seed=3, examples=10)
        assert ties.exit_code == 0 or code, "several kinks at a time leave doubt, and never accuse what is right"


def test_which_laws_are_asked_depends_on_whether_complex_numbers_go_through():
    assert "complex_step" in judge_function(product, product_b, [(2, 2), (2, 2)], seed=1, examples=3).laws
    assert "complex_step" not in judge_function(np.abs, lambda g, x: g * np.sign(x), [(5,)], seed=1, examples=3).laws


def test_inputs_that_do_not_fit_are_refused_in_a_sentence():
    with pytest.raises(ValueError, match=r"product does not take inputs of shapes \[\(3, 4\), \(3, 4\)\]: "):
        judge_function(product, product_b, [(3, 4), (3, 4)])
    with pytest.raises(ValueError, match="there is no dtype 'flaot64'"):
        judge_function(product, product_b, [(3, 4), (4, 4)], dtype="flaot64")


def test_the_command_line_judges_and_says_how_to_repeat_it(tmp_path, capsys):
    file = tmp_path / "mine.py"
    file.write_text("def f(x): return x ** 3\ndef b(g, x): return 3 * g * x ** 2\ndef wrong(g, x): return g * x ** 2\n")
    how = ["--inputs", "3,4", "--seed", "5"]
    assert gradcheck.main(["--function", f"{file}:f", "--backward", f"{file}:b", *how]) == 0
    assert capsys.readouterr().out.startswith("f: right.  f and b, float64")
    assert gradcheck.main(["--function", f"{file}:f", "--backward", f"{file}:wrong", *how]) == 1
    out = capsys.readouterr().out
    assert "It is the right one multiplied by 1/3, in every case." in out
    assert f"again: python -m checks.gradcheck --function {file}:f --backward {file}:wrong --inputs 3,4" in out
    assert gradcheck.main(["--function", f"{file}:g", "--backward", f"{file}:b", *how]) == 3
    assert f"gradcheck: {file} has no g" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        gradcheck.main(["--function", f"{file}:f", "--backward", f"{file}:b", "--inputs", "3,?"])
    assert stopped.value.code == 2
    assert capsys.readouterr().err == (
        "gradcheck: --inputs: '3,?' given; expected a whole number, or the name of a size that is drawn, such as B\n"
    )


FLOATS = ("float64", "float32")
CATALOGUE = [
    (name, wrong, dtype) for name, entry in FUNCTIONS.items() for wrong in ("", *entry.wrong) for dtype in FLOATS
]


@pytest.mark.parametrize(("name", "wrong", "dtype"), CATALOGUE)
def test_the_catalogue_is_told_apart(name, wrong, dtype):
    entry = FUNCTIONS[name]
    report = judge_function(entry.f, entry.wrong.get(wrong, entry.b), entry.inputs, dtype=dtype, seed=6, examples=8)
    assert report.exit_code == bool(wrong), str(report)
    assert decided(report) != bool(wrong), str(report)


def test_a_hundredth_in_a_wide_gradient_is_not_excused_by_a_coarser_law():
    """The one-sided slopes along 16384 elements at once are unsure by more than what is wrong; the complex one is not."""
    shapes = [(32, 512), (512,), (512,)]
    wrong = with_gradient(layer_norm_b, times(np.s_[..., 64:], 1.01))
    report = judge_function(layer_norm, wrong, shapes, seed=1, examples=4)
    assert [(f.law, f.result) for f in report.failures] == [("complex_step", "grad_x")]
    assert report.failures[0].index[-1] >= 64
    one = judge_function(
        layer_norm, with_gradient(layer_norm_b, times(np.s_[31, 511], 1.01)), shapes, seed=1, examples=4
    )
    assert one.failures[0].index == (31, 511)
    assert decided(judge_function(layer_norm, layer_norm_b, shapes, seed=1, examples=4))


def only(dtype, function):
    """The function, for arrays of this dtype only."""

    def strict(*arrays):
        if any(a.dtype != dtype for a in arrays):
            raise TypeError(f"expected {dtype}")
        returned = function(*arrays)
        if isinstance(returned, tuple):
            return tuple(np.asarray(a, dtype) for a in returned)
        return np.asarray(returned, dtype)

    return strict


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_takes_float32_only_is_judged_in_float32(name):
    entry = FUNCTIONS[name]
    f, b = only("float32", entry.f), only("float32", entry.b)
    report = judge_function(f, b, entry.inputs, dtype="float32", seed=2, examples=20)
    assert report.exit_code == 0, str(report)
    assert decided(report), str(report)


def test_a_hundredth_is_found_in_float32_alone():
    f, b = only("float32", layer_norm), only("float32", with_gradient(layer_norm_b, times(np.s_[..., 64:], 1.01)))
    report = judge_function(f, b, [(4, 96), (96,), (96,)], dtype="float32", seed=2, examples=20)
    assert [failure.result for failure in report.failures] == ["grad_input0"]


def sorted_b(g, x):
    grad = np.zeros(x.shape, x.dtype)
    np.put_along_axis(grad, np.argsort(x, -1), g, -1)
    return grad


def test_between_kinks_that_lie_close_a_hundredth_is_found_in_float32_alone():
    """Of many numbers in a row the next is near: one reach fits between the kinks, and what it says is not left alone."""
    for b, code in (with_gradient(sorted_b, times((5, 0), 1.01)), 1), (sorted_b, 0):
        report = judge_function(only("float32", np.sort), only("float32", b), [(8, 40)], dtype="float32", seed=1)
        assert report.exit_code == code, str(report)


def test_slight_mistakes_are_found_in_float32_alone():
    """A fit through many points sees what differences of two hide: a neighbour's derivative, a share of a loss."""
    for name, wrong in (
        ("gelu", "tanh's derivative"),
        ("cross entropy", "smoothing left out"),
        ("clip", "2 at the bound"),
    ):
        entry = FUNCTIONS[name]
        f, b = only("float32", entry.f), only("float32", entry.wrong[wrong])
        report = judge_function(f, b, entry.inputs, dtype="float32", seed=2, examples=12)
        assert report.exit_code == 1, (name, str(report))


@pytest.mark.parametrize(("name", "wrong"), [("layer norm", "one of 96 of grad_gamma"), ("clip", "2 at the bound")])
def test_what_is_wrong_in_float32_alone_is_found(name, wrong):
    """In float64 all is right: what float32 computes is held to how unsteady it is, not to how many numbers are passed."""
    entry = FUNCTIONS[name]

    def backward(g, *inputs):
        return (entry.wrong[wrong] if inputs[0].dtype == np.float32 else entry.b)(g, *inputs)

    report = judge_function(entry.f, backward, entry.inputs, dtype="float32", seed=2, examples=6)
    assert [failure.law for failure in report.failures] == ["agreement"], str(report)


def test_constants_that_were_rounded_once_are_no_mistake():
    """Angles of 600 turns are off by 600 roundings in float32, in y as in the gradient, whatever is measured around."""
    angles = 600.0 * np.arange(1, 9) / 7

    def turned(x):
        return x * np.cos(angles.astype(x.dtype) * x.dtype.type(1.1))

    def turned_b(g, x):
        return g * np.cos(angles.astype(x.dtype) * x.dtype.type(1.1))

    report = judge_function(turned, turned_b, [(3, 8)], dtype="float32", seed=2, examples=6)
    assert report.exit_code == 0, str(report)


def largest_of(x):
    return x.max(-1)


def clipped(slope):
    return lambda g, x: g * np.where(np.abs(x) == 1, slope, np.abs(x) < 1)


def at_ties(share):
    return lambda g, x: g[..., None] * share(x == x.max(-1, keepdims=True))


def median_b(g, x):
    grad = np.zeros_like(x)
    np.put_along_axis(grad, np.argsort(x, -1)[..., 2:3], g[..., None], -1)
    return grad


TIED, ALL = np.array([[1.0, 3.0, 3.0, 2.0]]), np.zeros((2, 5))


def test_at_ties_and_bounds():
    """Between the slopes is right, and together no more than the slope; where many are tied at most undecided."""
    for share, code in (
        (lambda t: t / t.sum(-1, keepdims=True), 0),
        (lambda t: t * np.cumsum(t, -1) == 1, 0),
        (np.copy, 1),
    ):
        assert judge_function(largest_of, at_ties(share), [TIED], seed=1, examples=20).exit_code == code
    two = np.ones(3), np.ones(3)
    assert (
        judge_function(np.maximum, lambda g, a, b: (g * (a >= b), g * (a < b)), two, seed=1, examples=20).exit_code == 0
    )
    assert (
        judge_function(np.maximum, lambda g, a, b: (g * (a >= b), g * (a <= b)), two, seed=1, examples=20).exit_code
        == 1
    )
    for slope, code in ((0, 0), (0.5, 0), (1, 0), (2, 1), (-0.5, 1)):
        assert judge_function(clip, clipped(slope), [np.array([1.0, 0.25])], seed=1, examples=10).exit_code == code, (
            slope
        )
    for seed in range(8):
        assert judge_function(lambda x: np.median(x, -1), median_b, [ALL], seed=seed, examples=10).exit_code == 0


def off_by(share, at):
    """An error of this share of the element, or of the mean if that is more."""

    def change(a):
        a[at] += share * max(abs(a[at]), np.abs(a).mean())

    return change


def test_how_small_an_error_would_have_been_seen_is_said():
    """What the summary says is true: an error of four times that is found, wherever it is."""
    f, b = softmax, lambda g, x: softmax(x) * (g - (g * softmax(x)).sum(-1, keepdims=True))
    for dtype in FLOATS:
        right = judge_function(only(dtype, f), only(dtype, b), [(3, 4)], dtype=dtype, seed=1, examples=24)
        (said,) = right.coverage["grad_input0"]
        seen = float(said.split()[3])
        assert seen < (1e-8 if dtype == "float64" else 0.1), said
        for at in np.ndindex(3, 4):
            wrong = only(dtype, with_gradient(b, off_by(4 * seen, at)))
            report = judge_function(only(dtype, f), wrong, [(3, 4)], dtype=dtype, seed=1, examples=24)
            assert report.exit_code == 1, (dtype, at, seen)


def test_what_is_not_decided_is_said():
    """In float16 nothing is as sharp as a quarter of an element of this sum of many."""
    report = judge_function(
        only("float16", lambda x: np.sum(np.exp(x))), only("float16", lambda g, x: g * np.exp(x)), [(40, 40)],
        dtype="float16", seed=1, examples=3,
    )  # fmt: skip
    assert report.exit_code != 1
    assert not decided(report)
    assert "not decided, an error of a quarter of one element would not have been seen" in str(report)


def test_a_function_that_raises_ends_in_a_sentence(tmp_path, capsys):
    file = tmp_path / "mine.py"
    file.write_text(
        "def f(x): raise OSError('no device')\ndef b(g, x): return g\n"
        "def h(x): return x.view('f') if x.dtype == 'f' else 1 / 0\n"
    )
    how = ["--backward", f"{file}:b", "--inputs", "3,4"]
    assert gradcheck.main(["--function", f"{file}:f", *how]) == 3
    assert capsys.readouterr().err == "gradcheck: f does not take inputs of shapes [(3, 4)]: no device\n"
    assert gradcheck.main(["--function", f"{file}:h", *how]) == 3
    assert capsys.readouterr().err.endswith(": division by zero; it takes float32: --dtype float32\n")
