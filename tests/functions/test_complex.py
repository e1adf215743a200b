"""Functions of complex numbers: right by torch's convention or by JAX's, which is said; mixed or halved they are wrong."""

import numpy as np
import pytest

from checks import gradcheck, judge_function

TENSORS = """
import torch

def f(z, w):
    return torch.fft.fft(z @ w).abs() ** 2

class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z):
        ctx.save_for_backward(z)
        return z * z
    @staticmethod
    def backward(ctx, g):
        return 2 * g * ctx.saved_tensors[0]
"""


def swapped(a):
    return np.swapaxes(a, -1, -2)


def square(z):
    return z * z


def product(z, w):
    return z @ w


def size(z):
    return (z * np.conj(z)).real


def transform(z):
    return np.fft.fft(z)


def judged(function, backward, inputs="3", **asked):
    return judge_function(function, backward, inputs, seed=1, examples=4, **{"dtype": "complex128", **asked})


@pytest.mark.parametrize(
    ("function", "backward", "inputs", "convention"),
    [
        (square, lambda g, z: g * np.conj(2 * z), "3", "by torch's"),
        (square, lambda g, z: g * 2 * z, "3", "by JAX's"),
        (size, lambda g, z: 2 * g * z, "3", "by torch's"),
        (size, lambda g, z: 2 * g * np.conj(z), "3", "by JAX's"),
        (np.abs, lambda g, z: g * z / np.abs(z), "3", "by torch's"),
        (np.conj, lambda g, _: np.conj(g), "3", "right by torch's and JAX's"),
        (np.real, lambda g, _: g + 0j, "3", "right by torch's and JAX's"),
        (product, lambda g, z, w: (g @ np.conj(swapped(w)), np.conj(swapped(z)) @ g), "B,3 3,2", "by torch's"),
        (product, lambda g, z, w: (g @ swapped(w), swapped(z) @ g), "2,3 3,2", "by JAX's"),
        (transform, lambda g, _: np.fft.ifft(g) * g.shape[-1], "4", "by torch's"),
        (transform, lambda g, _: np.fft.fft(g), "4", "by JAX's"),
        (
            lambda z, s: z * s,
            lambda g, z, s: (g * s, (np.conj(z) * g).real),
            "3 3:positive",
            "right by torch's and JAX's",
        ),
    ],
)
def test_what_is_right_is_right_and_its_convention_is_said(function, backward, inputs, convention):
    report = judged(function, backward, inputs)
    assert report.exit_code == 0, str(report)
    assert f"complex gradients {convention} convention" in report.implementation, report.implementation


def test_a_convention_that_is_stated_is_asked_for():
    assert judged(square, lambda g, z: g * 2 * z, convention="jax").exit_code == 0
    (wrong,) = judged(square, lambda g, z: g * 2 * z, convention="torch").failures
    assert (wrong.result, wrong.mistake) == ("grad_z", "not conjugated")
    (wrong,) = judged(square, lambda g, z: g * np.conj(2 * z), convention="jax").failures
    assert wrong.mistake == "conjugated"


@pytest.mark.parametrize(
    ("backward", "mistakes"),
    [
        (lambda g, z, w: (g @ np.conj(swapped(w)), swapped(z) @ g), {"grad_w": "not conjugated"}),
        (lambda g, z, w: (g @ np.conj(swapped(w)) / 2, np.conj(swapped(z)) @ g), {"grad_z": "half the gradient"}),
        (lambda g, z, w: (g @ np.conj(swapped(w)), np.conj(np.conj(swapped(z)) @ g)), {"grad_w": "the conjugate"}),
        (lambda g, z, w: (1.01 * g @ np.conj(swapped(w)), np.conj(swapped(z)) @ g), {"grad_z": ""}),
        (lambda g, z, w: ((g @ np.conj(swapped(w))).real, np.conj(swapped(z)) @ g), {"grad_z": ""}),
    ],
)
def test_mistakes_are_caught_and_named(backward, mistakes):
    report = judged(product, backward, "2,3 3,2")
    assert {f.result: f.mistake for f in report.failures} == mistakes, str(report)


def test_complex64_is_judged_as_it_is_computed():
    assert judged(square, lambda g, z: g * np.conj(2 * z), dtype="complex64").exit_code == 0
    assert judged(square, lambda g, z: 1.01 * g * np.conj(2 * z), dtype="complex64").exit_code == 1


def test_tensors_go_by_torchs_convention(tmp_path, capsys):
    file = tmp_path / "mine.py"
    file.write_text(TENSORS)

    def run(name, inputs, *more):
        given = ["--inputs", inputs, "--dtype", "complex128", "--seed", "1", "--examples", "4", *more]
        return gradcheck.main(["--function", f"torch:{file}:{name}", *given])

    assert run("f", "2,3 3,2", "--convention", "torch") == 0
    capsys.readouterr()
    assert run("Square", "3") == 1
    said = capsys.readouterr().out
    assert "not conjugated: It is right by JAX's convention, and not by torch's, by which torch calls it." in said


def test_a_convention_that_is_asked_for_is_asked_for_again():
    report = judged(square, lambda g, z: g * 2 * z, convention="torch")
    assert "convention='torch'" in report.again


def test_what_makes_no_sense_is_said():
    with pytest.raises(
        ValueError, match=r"convention torch is about complex numbers; expected dtype complex128 or complex64"
    ):
        judged(square, square, dtype="float64", convention="torch")
    with pytest.raises(ValueError, match="convention mine given; expected torch or jax"):
        judged(square, square, convention="mine")
    with pytest.raises(ValueError, match="complex numbers given, and dtype float64; expected dtype complex128"):
        judged(square, square, [np.ones(3) * 1j], dtype="float64")
    with pytest.raises(ValueError, match="functions of complex128 are judged by order 1 in reverse mode alone"):
        judged(square, square, order=2)
