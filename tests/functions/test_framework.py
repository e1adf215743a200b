"""judge_function through other frameworks: what they differentiate, what they have of their own, and what is said of it."""

import sys

import numpy as np
import pytest

from checks import __main__ as program
from checks import judge_function
from checks.functions.framework import of_arrays
from checks.functions.function import decided
from checks.functions.named import function_of
from checks.subjects.bridges import jax as bridge
from checks.subjects.refusals import NotAnImplementation

jax = pytest.importorskip("jax")
jnp = jax.numpy


def by_hand(backward):
    @jax.custom_vjp
    def f(x, w):
        return jnp.tanh(x @ w)

    f.defvjp(lambda x, w: (jnp.tanh(x @ w), (x, w)), backward)
    return f


def through(residuals, g):
    x, w = residuals
    s = g * (1 - jnp.tanh(x @ w) ** 2)
    return s @ w.T, x.T @ s


right = by_hand(through)
tile = by_hand(lambda r, g: (through(r, g)[0], through(r, g)[1].at[0].mul(1.01)))
meets = by_hand(lambda r, g: (through(r, g)[0] + g.sum() ** 2 * 1e-3, through(r, g)[1]))


def tree(x, at):
    return {"rows": x[at] ** 2, "at": at, "rest": (x.sum(), [jnp.tanh(x)])}


def half(x, at):
    return tree(jax.lax.stop_gradient(x), at)


class Layer:
    """A tree of arrays, as an equinox module is."""

    def __init__(self, weight=None):
        self.weight = jnp.ones((3, 2)) if weight is None else weight

    def __call__(self, x):
        return jnp.tanh(x @ self.weight)


jax.tree_util.register_pytree_with_keys(
    Layer,
    lambda a: (((jax.tree_util.GetAttrKey("weight"), a.weight),), None),
    lambda _, children: Layer(*children),
)
CASES = [
    ("right", "3,2 2,2", "float64", []),
    ("right", "3,2 2,2", "float32", []),
    ("tile", "3,2 2,2", "float32", ["grad_w"]),
    ("meets", "3,2 2,2", "float64", ["grad_x"]),
    ("tree", "4,2 3:integers(0,4)", "float64", []),
    ("half", "4,2 3:integers(0,4)", "float64", ["grad_x"]),
    ("Layer", "2,3", "float64", []),
]


@pytest.mark.parametrize(("name", "inputs", "dtype", "wrong"), CASES)
def test_what_jax_differentiates_and_what_is_its_own(name, inputs, dtype, wrong):
    forward, backward, weights = function_of(f"jax:{__name__}:{name}")
    report = judge_function(forward, backward, [inputs, *weights], dtype=dtype, seed=1, examples=3)
    assert [failure.result for failure in report.failures] == wrong, str(report)
    assert wrong or decided(report)
    assert name != "Layer" or {f.result for f in report.findings} >= {"grad_x", "grad_weight"}


@jax.custom_vjp
def conjugates(z):
    return z * z


conjugates.defvjp(lambda z: (z * z, z), lambda z, g: (2 * g * jnp.conj(z),))


def spectrum(z, s):
    return jnp.abs(jnp.fft.fft(z @ z.T)) ** 2 * s


def test_complex_numbers_go_by_jaxs_convention_and_have_to():
    """Real inputs beside complex ones stay real."""
    forward, backward, _ = function_of(f"jax:{__name__}:spectrum")
    asked = {"dtype": "complex128", "seed": 1, "examples": 3}
    report = judge_function(forward, backward, "2,3 2:positive", **asked)
    assert decided(report), str(report)
    assert not report.failures, str(report)
    assert "complex gradients by JAX's convention" in report.implementation
    forward, backward, _ = function_of(f"jax:{__name__}:conjugates")
    report = judge_function(forward, backward, "3", **asked)
    assert [(f.result, f.mistake) for f in report.failures] == [("grad_z", "conjugated")]
    assert "not by JAX's, by which jax calls it" in report.failures[0].explanation


def softened(x, w):
    return jax.nn.softmax(x, -1) * w


@jax.custom_vjp
def narrow_tile(x, w):
    return softened(x, w)


narrow_tile.defvjp(
    lambda x, w: (softened(x, w), (x, w)),
    lambda r, g: (jax.vjp(softened, *r)[1](g)[0].at[..., -1:].mul(1.2), jax.vjp(softened, *r)[1](g)[1]),
)


def test_what_jax_computes_in_16_bits_is_judged_as_that():
    for name, wrong in ("softened", []), ("narrow_tile", ["grad_x"]):
        forward, backward, _ = function_of(f"jax:{__name__}:{name}", "bfloat16")
        report = judge_function(forward, backward, "3,6 6", dtype="bfloat16", seed=1, examples=2)
        assert [f.result for f in report.failures] == wrong, str(report)


def test_beyond_a_backward_there_is_what_jax_has():
    forward, backward, _ = function_of(f"jax:{__name__}:tree")
    x, at = np.random.default_rng(0).uniform(-1, 1, (4, 2)), np.array([0, 2])
    (jv, *_) = forward.jvp((np.ones((4, 2)), None), x, at)
    assert np.array_equal(jv, 2 * x[at])
    (of_g, by_x, by_at) = backward.double_backward((np.ones((4, 2)), None), forward(x, at), x, at)
    assert np.array_equal(of_g["rows"], 2 * x[at])
    assert not of_g["at"].any()
    assert by_x.shape == x.shape
    assert by_at is None


def test_the_command_line_says_what_is_not_there(tmp_path, capsys, monkeypatch):
    file = tmp_path / "theirs.py"
    file.write_text(
        "import jax\nf = jax.custom_vjp(jax.numpy.tanh)\nf.defvjp(lambda x: (f(x), x), lambda x, g: (g,))\n"
    )
    how = ["--inputs", "3", "--seed", "1", "--examples", "2", "-q"]
    assert program.main(["function", f"jax:{file}:f", *how], "gradoracle") == 1
    assert capsys.readouterr().out == "tanh: grad_x is wrong.  tanh and tanh, float64\n"
    assert program.main(["function", f"jax:{file}:f", *how, "--modes", "reverse,forward"], "gradoracle") == 3
    assert "tanh has no forward mode: can't apply forward-mode" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(NotAnImplementation) as raised:
        function_of(f"jax:{file}:f")
    assert str(raised.value).startswith("jax cannot be imported")
    assert str(raised.value).endswith("its extra brings it: pip install -e '.[jax]'")


def test_what_is_no_function_is_refused():
    with pytest.raises(NotAnImplementation, match="cannot be called; expected a function of arrays, or a layer"):
        function_of(f"jax:{__name__}:CASES")


@pytest.mark.parametrize("share", [1.0, 1.01])
def test_vmap_of_jax(share):
    @jax.custom_batching.custom_vmap
    def back(g, x, w):
        return g * w, (g * x).sum(0)

    @back.def_vmap
    def _(_, __, g, x, w):
        return (g * w, (g * x).sum(1) * share), (True, True)

    @jax.custom_vjp
    def scale(x, w):
        return x * w

    scale.defvjp(lambda x, w: (x * w, (x, w)), lambda kept, g: back(g, *kept))
    forward, backward, _ = of_arrays(scale, lambda dtype: bridge.framework(dtype, "cpu"))
    report = judge_function(forward, backward, "B,3 3", seed=1, examples=4, modes=("reverse", "per-sample"))
    assert {f.law for f in report.failures} == (set() if share == 1 else {"per_sample"}), str(report)
    assert any(f.law == "per_sample" and f.result == "per_sample" for f in report.findings)
