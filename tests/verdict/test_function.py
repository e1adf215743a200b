"""judge_function: what is right passes, also at kinks; what is wrong is found by the laws that need no reference."""

import numpy as np
import pytest

from checks import gradcheck, judge_function


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
    (total, lambda g, x: np.broadcast_to(g, x.shape), [(2, 3)], "behaviour", "it is a view of that"),
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
        gradcheck.main(["--function", f"{file}:f", "--backward", f"{file}:b", "--inputs", "3,x"])
    assert stopped.value.code == 2
    assert capsys.readouterr().err == "gradcheck: --inputs: '3,x' given; expected a whole number\n"
