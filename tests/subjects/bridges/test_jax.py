"""JAX: functions, equinox and flax modules and JAX's own ops are judged through jax.vjp, as they are and compiled."""

import pytest

from checks import judge
from checks.ops import find
from checks.subjects.bridges.jax import bridged
from checks.subjects.loading import load
from checks.verdict.eager import BOTH, ONLY

jax = pytest.importorskip("jax")

THEIRS = """
import jax
import jax.numpy as jnp

def linear(x, weight, bias=None):
    y = jnp.einsum("...i,oi->...o", x, weight)
    return y if bias is None else y + bias

def detached(x, weight, bias=None):
    return linear(jax.lax.stop_gradient(x), weight, bias)

@jax.custom_vjp
def relu(x):
    return jnp.maximum(x, 0)

relu.defvjp(lambda x: (relu(x), x), lambda x, g: (g,))

def traced(x):
    return jnp.maximum(x, 0) * (2 if isinstance(x, jax.core.Tracer) else 1)

def flat(x, weight, bias=None, stride=1, padding=0):
    y = jax.lax.conv_general_dilated(x, weight, (stride,) * 2, [(padding, padding)] * 2)
    return y if bias is None else y + bias[:, None, None]

seven = 7
"""
EQUINOX = """
import equinox
import jax

class Linear(equinox.Module):
    weight: jax.Array
    bias: jax.Array

    def __init__(self):
        self.weight, self.bias = jax.numpy.ones((1, 1)), jax.numpy.ones(1)

    def __call__(self, x):
        return x @ self.weight.T + self.bias
"""
FLAX = """
import flax.linen
from flax import nnx
import jax.numpy as jnp

class Linen(flax.linen.Module):
    @flax.linen.compact
    def __call__(self, x):
        weight = self.param("weight", lambda key: jnp.ones((2, 3)))
        return x @ weight.T + self.param("bias", lambda key: jnp.ones(2))

class Nnx(nnx.Module):
    def __init__(self):
        self.weight, self.bias = nnx.Param(jnp.ones((1, 1))), nnx.Param(jnp.ones(1))

    def __call__(self, x):
        return x @ self.weight[...].T + self.bias[...]
"""


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    path = tmp_path_factory.mktemp("jax") / "theirs.py"
    path.write_text(THEIRS)
    return path


@pytest.mark.parametrize("compiled", ["", "compiled:"])
@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_a_function_is_right(theirs, dtype, compiled):
    report = judge(
        "linear",
        f"{compiled}jax:{theirs}:linear",
        dtype=dtype,
        examples=6,
        reach=1,
        seed=3,
        laws=["agreement", "contract"],
    )
    assert report, str(report)
    assert report.implementation == ("linear, compiled" if compiled else "linear")
    assert report.cases == 6


def test_its_own_backward_is_what_is_judged(theirs):
    report = judge("relu", f"jax:{theirs}:relu", examples=12, reach=1, seed=3, laws=["exact"])
    assert report.exit_code == 1
    assert {failure.result for failure in report.failures} == {"grad_x"}


@pytest.mark.parametrize(("name", "result", "words"), [("traced", "y", ONLY), ("relu", "grad_x", BOTH)])
def test_it_is_said_whether_the_compiler_is_behind_it(theirs, name, result, words):
    report = judge("relu", f"compiled:jax:{theirs}:{name}", examples=6, reach=1, seed=3, laws=["exact"])
    (failure,) = [failure for failure in report.failures if failure.result == result]
    assert failure.where.endswith(words)
    assert report.exit_code == 1


def test_what_has_no_gradient_is_zero_and_that_is_wrong(theirs):
    report = judge("linear", f"jax:{theirs}:detached", examples=6, reach=1, seed=3, laws=["exact"])
    assert {failure.result for failure in report.failures} == {"grad_x"}


def test_a_padding_with_a_name_is_passed_in_numbers(theirs):
    pinned = {"dims": 2, "padding": "full", "dilation": 1, "groups": 1, "flip": False, "stride": 2, "kernel": 2}
    report = judge("conv", f"jax:{theirs}:flat", examples=2, reach=1, seed=3, laws=["agreement"], **pinned)
    assert report, str(report)
    assert report.cases == 2


@pytest.mark.parametrize(
    ("package", "text", "name"), [("equinox", EQUINOX, "Linear"), ("flax", FLAX, "Linen"), ("flax", FLAX, "Nnx")]
)
def test_the_arrays_of_a_module_are_inputs(tmp_path, package, text, name):
    pytest.importorskip(package)
    (tmp_path / "layers.py").write_text(text)
    report = judge(
        "linear",
        f"jax:{tmp_path / 'layers.py'}:{name}",
        examples=6,
        reach=1,
        seed=3,
        laws=["agreement"],
        features=(3, 2),
    )
    assert report.decided["grad_weight"][0] > 3, str(report)
    assert report, str(report)
    if name != "Linen":  # which says itself that its bias is missing
        assert [(one.judged, one.raised) for one in report.elsewhere] == [("with a bias", "the layer has a bias")]


MOVES = {"dims": 1, "dilation": 1, "batch": 2}
OWN = {
    "conv": MOVES | {"groups": 2, "flip": False, "padding": "same"},
    "conv_transpose": MOVES | {"groups": 1, "stride": 2},
    "max_pool": MOVES | {"ceil_mode": False},
    "avg_pool": {"dims": 1, "ceil_mode": False, "count_include_pad": False},
    "cross_entropy": {"dims": 0},
    "layer_norm": {"batch": 2},
    "group_norm": {"dims": 1, "batch": 2},
    "batch_norm_inference": {"dims": 1},
    "pad": {"dims": 1, "mode": "circular"},
    "unfold": {"dims": 1},
}


@pytest.mark.parametrize("op", OWN)
def test_what_jax_has_itself_is_right(op):
    report = judge(op, "jax", examples=2, reach=1, seed=5, dtype="float32", laws=["agreement"], **OWN[op])
    assert report, str(report)
    assert report.implementation.startswith(f"{op} of jax 0.")


def test_what_it_has_not_and_what_cannot_be_called_are_refused(theirs):
    with pytest.raises(TypeError, match=r"^jax has no dropout of its own; it has .*conv, .*, upsample, .*unfold$"):
        judge("dropout", "jax")
    with pytest.raises(TypeError, match=r"^7 cannot be called; expected a function of arrays, or a layer$"):
        judge("relu", f"jax:{theirs}:seven")


BEYOND = """
import jax
import jax.numpy as jnp

@jax.custom_jvp
def slope_of_the_sigmoid(x):
    return jnp.tanh(x)

@slope_of_the_sigmoid.defjvp
def _(primals, tangents):
    y = slope_of_the_sigmoid(primals[0])
    return y, tangents[0] * (1 - y)

def by_hand(backward):
    @jax.custom_vjp
    def tanh(x):
        return jnp.tanh(x)

    tanh.defvjp(lambda x: (jnp.tanh(x), jnp.tanh(x)), backward)
    return tanh

own = by_hand(lambda y, g: (g * (1 - y * y),))
stopped = by_hand(lambda y, g: (g * (1 - jax.lax.stop_gradient(y) ** 2),))
"""
WAYS = (
    "double_backward",
    "triple_backward",
    "jvp",
    "reverse_over_forward",
    "forward_over_reverse",
    "forward_over_forward",
)


@pytest.fixture(scope="module")
def beyond():
    """In this process, where nothing is compiled for each of many shapes."""
    made = {}
    exec(BEYOND, made)  # noqa: S102, it is ours
    return made


def of_jax(way, function, *, compiled=False, **pinned):
    op = find(way.partition(".")[0])
    made = bridged(op, function, dtype="float64", device="cpu", compiled=compiled)
    return judge(way, made, seed=1, examples=2, reach=1, laws=("exact", "agreement", "adjoint"), **pinned)


def linear(x, weight, bias=None):
    y = x @ weight.T
    return y if bias is None else y + bias


def detached(x, weight, bias=None):
    return linear(jax.lax.stop_gradient(x), weight, bias)


@pytest.mark.parametrize("way", WAYS)
def test_every_derivative_of_a_right_function_is_right(way):
    sizes = {"features": (2, 3), "batch": (2,)}
    report = of_jax(f"linear.{way}", linear, **sizes)
    assert report, str(report)
    assert report.checks
    assert not of_jax(f"linear.{way}", detached, **sizes)


def test_a_backward_that_is_right_and_cannot_be_differentiated_is_wrong_at_order_2(beyond):
    assert of_jax("tanh", beyond["stopped"], shape=(3,))
    assert of_jax("tanh.double_backward", beyond["own"], shape=(3,))
    report = of_jax("tanh.double_backward", beyond["stopped"], shape=(3,), compiled=True)
    assert [failure.result for failure in report.failures] == ["grad_x"]


def test_a_wrong_jvp_is_wrong_and_a_function_without_one_is_not_supported(beyond):
    report = of_jax("tanh.jvp", beyond["slope_of_the_sigmoid"], shape=(3,))
    assert {failure.result for failure in report.failures} == {"y", "grad_tangent_x"}
    report = of_jax("tanh.jvp", beyond["own"], shape=(3,))
    assert report.exit_code == 3
    assert any("has no forward mode" in words for words in report.unsupported)


LAYERS = """
import equinox
import jax
from flax import linen, nnx

@jax.custom_vjp
def scaled(x):
    return x

scaled.defvjp(lambda x: (x, None), lambda _, g: (1.01 * g,))

class Wrong(nnx.Module):
    def __init__(self, inner):
        self.inner = inner

    def __call__(self, x):
        return scaled(self.inner(x))

dense = linen.Dense(3)
one_by_one = equinox.nn.Linear(2, 3, key=jax.random.key(0))
conv = nnx.Conv(2, 3, (2,), padding=1, rngs=nnx.Rngs(0))
wrong = Wrong(nnx.Linear(2, 3, rngs=nnx.Rngs(0)))
"""


@pytest.mark.parametrize(
    ("op", "name", "pins", "arrangement"),
    [
        ("linear", "dense", {}, "x (*batch I), weight (I O), bias (O)"),
        ("linear", "one_by_one", {"batch": (1,)}, "x (I), weight (O I), bias (O)"),
        ("conv", "conv", {"dims": 1, "padding": 1}, "x (N *size C), weight (*kernel C/groups O), bias (O)"),
        ("linear", "wrong", {"features": (2, 3)}, "x (*batch I), weight (I O), bias (O)"),
    ],
)
def test_a_layer_of_a_framework_is_adapted(tmp_path, op, name, pins, arrangement):
    pytest.importorskip("equinox")
    pytest.importorskip("flax")
    (tmp_path / "layers.py").write_text(LAYERS)
    layer = load(find(op), f"jax:{tmp_path / 'layers.py'}:{name}")
    report = judge(op, layer, examples=3, reach=1, seed=3, laws=["agreement"])
    assert {n: report.pinned.get(n) for n in pins} == pins
    assert report.assumed[0].startswith(arrangement), report.assumed
    assert report.exit_code == (name == "wrong"), str(report)
    assert {f.result for f in report.failures} == ({"grad_x", "grad_weight", "grad_bias"} if report.failures else set())
