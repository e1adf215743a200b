"""Batch norm, layer norm and local response normalisation: how they round.

**Batch and layer norm**, with m values to a mean, mean μ, variance v, s = 1/√(v + ε), x̂ = (x − μ)s, M = mean|x|. Roundings
are counted, each relative to what it is a rounding of; what is one number for a whole mean (μ, s) is off by the same
everywhere, and goes on as such.

- μ: m + 6 of M, also where it is updated from one value to the next.
- v as mean(x − μ)²: m + 4 of itself, for what the mean is off by is to first order nothing. v as mean x² − μ²: m + 2 of
  mean x², 2m + 1 of |μ|M for the two factors μ. Half of that for s, which 5/8 covers (below), and 3 for ε, root and
  quotient:

      ρ = 3 + max((m + 4)/2, 5/8·((m + 2)·mean x² + (2m + 1)·|μ|M)·s²)    of itself

- x̂ may be (x − μ)s or xs − μs, so what is rounded of it is of the size X = (|x| + |μ|)s:

      E = (m + 6)·Ms + 2X + (ρ + 1)·|x̂|

- y = γx̂ + β, the shift taken into the sum or not: |γ|(E + X + |x̂|) + 2|β|.
- ∂J/∂γ = Σ g·x̂ over P places, or s(Σ g·x − μΣ g): Σ|g|(E + (P + 1)·X). ∂J/∂β: P of Σ|g|.
- ∂J/∂x = s(h − mean h − x̂·p) with h = γg and p = mean(h·x̂): m + 2 of mean|h|; for p what μ and s are off by, which is
  (m + 6)·Ms·|mean h| and ρ|p|, and m + 4 of mean(|h|X); for x̂ in the product (m + 6)·Ms + 2X; where the mean of x̂ is
  taken, too, m + 2 of mean|x̂|; and for s and the products on the way

      s·(ρ·|h − mean h| + 4(|h| + |mean h|) + (m + 2)·mean|h| + |x̂|·((m + 6)·Ms·|mean h| + (m + 4)·mean(|h|X))
         + |p|·((m + 6)·Ms + 2X + (m + 2)·mean|x̂|) + (3ρ + 8)·|x̂p|)

That is to first order. mean x² − μ² + ε is off by at most δ = (3m + 5)·u·R of itself, R = mean x²·s², and s by (1 −
δ)^{−1/2} − 1 of itself: less than 5/8·δ as long as δ ≤ 1/4, but anything at all, the root of a negative number too, where
δ reaches 1. So where x is drawn with more than that in a channel, its signs are made to alternate: no more than p = ⌈m/2⌉
are alike then, so μ² ≤ p/m · mean x² (Cauchy and Schwarz), v ≥ (1 − p/m)·mean x², and R ≤ m/⌊m/2⌋ ≤ 3.

How local response normalisation rounds its reference tells by itself (numbers/running.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from checks.numbers.precision import PRECISIONS, Array, accumulator
from checks.op import Case, Documents, Hard, Inputs, Kind, Op, Problem, Rounding
from checks.ops import _norm_formulas as formulas
from checks.ops import _normalization_mistakes as mistakes
from checks.ops import _response_mistakes
from checks.signature.drawing import Draws
from checks.signature.options import Pinned, real, whole
from checks.signature.places import REST
from checks.signature.takes import Drawn, Parameter, Sizes, Takes
from checks.signature.windows import pinned_axes
from reference import batch_norm, layer_norm, local_response_norm

if TYPE_CHECKING:
    import torch

EPS = Parameter("eps", 1e-5, "what is added to the variance", "1e-5", real(0, above=True), (1e-5, 1e-3, 0.1))
WHERE = (
    Sizes("spatial", "*spatial", "spatial size of x"),
    Sizes("channels", "C", "channels", (2, 1, 3, 6)),
    Sizes("batch", "N", "samples", (2, 3, 1, 4), least=0, metavar="2"),
)


def refuse(pinned: Pinned) -> None:
    """Raise ValueError, in one sentence with a suggestion, if no problem has these values."""
    axes, size = pinned_axes(pinned), pinned.get("spatial", 2)
    if pinned.get("batch", 2) * prod(size if isinstance(size, tuple) else (size,) * (2 if axes is None else axes)) < 2:
        raise ValueError(
            "a batch norm of less than two values for each channel is not defined; --batch 2 would be enough"
        )


def two_values(draw: Draws, pinned: Pinned, axes: int) -> Drawn:
    """At least two values for each channel."""
    size = pinned.get("spatial", tuple(draw.among(*range(1, 5 if axes < 3 else 3)) for _ in range(axes)))
    size = size if isinstance(size, tuple) else (size,) * axes
    batch = pinned["batch"] if "batch" in pinned else max(1 + (prod(size) == 1), draw.among(2, 3, 1, 4))
    if batch * prod(size) == 1:  # the batch is pinned
        size = (2, *size[1:])
    if batch * prod(size) == 2 and "batch" not in pinned and draw.among(True, True, True, False):
        batch *= 2  # of two values x̂ is ±1, and the gradient of x all cancellation
    return {"N": batch, "*spatial": size}


FAINT = 5  # what places are drawn with (Problem.rng)
LOST = "loses digits where the mean is large beside the deviation, as E[x²] − E[x]² does"
Axes = tuple[int, ...]
Normalised = Callable[[Mapping[str, Any]], tuple[Axes, Axes]]


def of_channels(shapes: Mapping[str, Any]) -> tuple[Axes, Axes]:
    """The axes that are normalised over, and those along which γ and β are the same: all but that of the channels."""
    over = (0, *range(2, len(shapes["x"])))
    return over, over


def of_last(shapes: Mapping[str, Any]) -> tuple[Axes, Axes]:
    """The last axes, which γ and β have; and those before them."""
    axes, last = len(shapes["x"]), next((len(shapes[n]) for n in ("gamma", "beta") if shapes[n] is not None), 1)
    return tuple(range(axes - last, axes)), tuple(range(axes - last))


def _shapes(case: Case) -> dict[str, Any]:
    return {name: None if a is None else a.shape for name, a in zip(case.op.inputs, case.inputs, strict=True)}


def draw(normalised: Normalised) -> Callable[[Problem, str, np.random.Generator, bool], Array | None]:
    """Numbers uniform on (−1, 1), with alternating signs where rounding could spoil the variance."""

    def drawn(problem: Problem, name: str, rng: np.random.Generator, whole: bool) -> Array | None:  # noqa: ARG001, every op is asked alike
        return told_apart(normalised, problem, rng.uniform(-1, 1, problem.shape("x"))) if name == "x" else None

    return drawn


def few(normalised: Normalised) -> Callable[[Problem, Case], Case]:
    """Where x is large at few places of an axis that is not normalised over, all that is normalised together is large."""

    def small(problem: Problem, case: Case) -> Case:
        x = told_apart(normalised, problem, faint(normalised(problem.shapes)[0], problem, case.input("x")))
        return unshifted(problem, case.with_input("x", x))

    return small


def faint(over: Axes, problem: Problem, x: Array) -> Array:
    """x, normalised over these axes, large in one number of each place, and elsewhere no larger than their mean.

    So what the mean is off by moves it.
    Of m values k of which are L and the others 0, the mean is kL/m. Without one of the k it is 1/k smaller, and so is
    everything elsewhere, x̂ = −kL/m·s: more than storing it, or what it is made of, can do in any precision.
    """
    places, rng = problem.places, problem.rng(FAINT)
    if places is None or x.size == 0:
        return x
    large = here = np.abs(x) >= places.large / 2
    for axis in over:
        if np.array_equal(here.all(axis), here.any(axis)):  # not the axis of the places
            n = here.shape[axis]
            at = int(rng.choice((n - 1, n - 1, n - 1, rng.integers(n))))
            here = here & (np.arange(n) == at).reshape([-1 if other == axis else 1 for other in range(x.ndim)])
    share = here.mean(over, keepdims=True)
    small = np.where(large, x / places.large, x / REST)
    elsewhere = np.where(share > 0, small * np.minimum(places.large * share, REST), x)
    return np.where(here, x, elsewhere)


def unshifted(problem: Problem, case: Case) -> Case:
    """β so small that what is rounded of it hides nothing of x̂ and γ, which are √(k/m) and an eighth elsewhere."""
    places = problem.places
    if places is None or problem.shapes["beta"] is None or not np.any(shift := case.input("beta")):
        return case
    small = REST / 2 * (len(places.at) / places.size) ** 0.5 / float(np.abs(shift).max())
    return case.with_input("beta", PRECISIONS[problem.dtype].rounded(shift * min(1.0, small)))


def told_apart(normalised: Normalised, problem: Problem, x: Array) -> Array:
    """x, with alternating signs where rounding could spoil the variance."""
    over, _ = normalised(problem.shapes)
    m, precision = prod(x.shape[axis] for axis in over), PRECISIONS[problem.dtype]
    square = np.square(x).mean(over, keepdims=True)
    spoiled = 4 * (3 * m + 5) * precision.unit_roundoff * square > x.var(over, keepdims=True)
    return precision.rounded(np.where(spoiled, np.abs(x) * _alternating(normalised, problem), x))


def terms_of(m: int, places: int) -> dict[str, int]:
    """Two means, a root, a quotient; the gradient of x goes through x̂ twice and two more means."""
    return {"y": 2 * m + 8, "x": 4 * m + 25, "gamma": 2 * m + places + 8, "beta": places}


def terms(normalised: Normalised) -> Callable[[Problem], Mapping[str, int]]:
    """How many roundings the magnitudes are the mean of."""

    def counted(problem: Problem) -> dict[str, int]:
        x = problem.shape("x")
        return terms_of(*(prod(x[axis] for axis in axes) for axes in normalised(problem.shapes)))

    return counted


def magnitudes(normalised: Normalised, *, twice: bool = False) -> Callable[[Case], Mapping[str, Array]]:
    """As the module derives them; where x is gone through `twice`, for its mean and then for its variance."""

    def found(case: Case) -> dict[str, Array]:
        (over, along), x, g = normalised(_shapes(case)), case.input("x"), case.cotangent
        kept = [1 if axis in along else n for axis, n in enumerate(x.shape)]
        scale, shift = (0.0 if a is None else np.abs(a).reshape(kept) for a in case.inputs[1:])
        scale = 1.0 if case.inputs[1] is None else scale
        signed = 1.0 if case.inputs[1] is None else case.inputs[1].reshape(kept)
        m, places = (prod(x.shape[axis] for axis in axes) for axes in (over, along))

        def mean(a: Array) -> Array:
            return np.asarray(a.mean(over, keepdims=True))

        middle, size = mean(x), mean(np.abs(x))
        centred = x - middle
        s = 1 / np.sqrt(mean(np.square(centred)) + case.parameters["eps"])
        normal, parts, shifted = centred * s, (np.abs(x) + np.abs(middle)) * s, (m + 6) * size * s
        one_pass = 5 / 8 * ((m + 2) * mean(np.square(x)) + (2 * m + 1) * np.abs(middle) * size) * np.square(s)
        of_s = 3 + np.maximum((m + 4) / 2, 0 if twice else one_pass)
        error = shifted + 2 * parts + (of_s + 1) * np.abs(normal)
        h = signed * g
        mean_h, p = mean(h), np.abs(mean(h * normal))
        of_x = of_s * np.abs(h - mean_h) + 4 * (np.abs(h) + np.abs(mean_h)) + (m + 2) * mean(np.abs(h))
        of_x = of_x + np.abs(normal) * (shifted * np.abs(mean_h) + (m + 4) * mean(np.abs(h) * parts))
        of_x = of_x + p * (shifted + 2 * parts + (m + 2) * mean(np.abs(normal)) + (3 * of_s + 8) * np.abs(normal))
        g, many = np.abs(g), terms_of(m, places)
        return {
            "y": (scale * (error + parts + np.abs(normal)) + 2 * shift) / many["y"],
            "x": s * of_x / many["x"],
            "gamma": (g * (error + (places + 1) * parts)).sum(along) / many["gamma"],
            "beta": g.sum(along),
        }

    return found


def offset(normalised: Normalised, problem: Problem) -> Array:
    """x with a mean far larger than the deviation, which is about 1 and of which the dtype still has three bits.

    The difference of E[x²] and E[x]² still has ten bits of what sums are kept in, so that it is spoiled, but not senseless:
    signs about the mean alternate, or two numbers could be so close that it is below 0.
    """
    precision, kept = PRECISIONS[problem.dtype], accumulator(problem.dtype)
    mean = min(1000.0, 2.0 ** (precision.bits - 4), 2.0 ** ((kept.bits - 10) // 2))
    signs = _alternating(normalised, problem)
    return precision.rounded(mean + signs * problem.rng(3).uniform(0.5, 1.5, problem.shape("x")))


def _alternating(normalised: Normalised, problem: Problem) -> Array:
    """1 and −1 in turns along what is normalised together, laid over x."""
    (over, _), x = normalised(problem.shapes), problem.shape("x")
    places = np.arange(prod(x[axis] for axis in over))
    return (1 - 2 * (places % 2)).reshape([n if axis in over else 1 for axis, n in enumerate(x)])


def hard(normalised: Normalised) -> tuple[Hard, ...]:
    """Whether the variance is a mean of squares of differences, or a difference of means of squares."""
    return (
        Hard(
            LOST,
            lambda problem: problem.reals().with_input("x", offset(normalised, problem)),
            magnitudes(normalised, twice=True),
            lambda case, _: np.ones((), bool),  # noqa: ARG005, all alike
        ),
    )


def radius(normalised: Normalised) -> Callable[[Case], float]:
    """Steps that move no x by more than a quarter of the smallest √(v + ε): s is near its tangent then."""

    def found(case: Case) -> float:
        x = case.input("x").astype(np.float64)
        deviation = np.sqrt(x.var(normalised(_shapes(case))[0]) + case.parameters["eps"])
        return float(min(1.0, deviation.min(initial=np.inf) / (2 * np.abs(x).max(initial=1e-300))))

    return found


def batch_norm_twin(x: torch.Tensor, gamma: torch.Tensor, beta: torch.Tensor, *, eps: float) -> torch.Tensor:
    """The same function by torch."""
    import torch

    return torch.nn.functional.batch_norm(x, None, None, gamma, beta, training=True, eps=eps)


def layer_norm_twin(
    x: torch.Tensor, gamma: torch.Tensor | None, beta: torch.Tensor | None, *, eps: float
) -> torch.Tensor:
    """The same function by torch."""
    import torch

    last = next((a.shape for a in (gamma, beta) if a is not None), x.shape[-1:])
    return torch.nn.functional.layer_norm(x, last, gamma, beta, eps)


def response_radius(case: Case) -> float:  # noqa: ARG001, every op is asked alike
    """Steps of a quarter at most change d by less than twice as much."""
    return 0.5


def response_twin(x: torch.Tensor, *, size: int, alpha: float, beta: float, k: float) -> torch.Tensor:
    """The same function by torch."""
    import torch

    return torch.nn.functional.local_response_norm(x, size, alpha, beta, k)


def response_running(case: Case) -> dict[str, tuple[int, float]]:
    """Sums along all channels, of squares and of what is passed back, of which windows are differences.

    Where s is off by δ, s^{−β} is by β·s^{−β−1}·δ, and s^{−β−1} by (β + 1)·s^{−β−2}·δ; twice that beyond first order.
    """
    (size, alpha, beta), x, g = (case.parameters[n] for n in ("size", "alpha", "beta")), case.input("x"), case.cotangent
    sums = case.parameters["k"] + alpha / size * _neighbours(x * x, size // 2, (size - 1) // 2)
    off = 4 * alpha / size * (x * x).sum(1, keepdims=True)  # two sums, and twice
    passed = g * x * sums ** (-beta - 1)
    windows = _neighbours(passed / sums, (size - 1) // 2, size // 2) * (beta + 1) * off
    shared = 2 * alpha * beta / size * x * (windows + 2 * passed.sum(1, keepdims=True))
    of_y, of_x = (beta * a * sums ** (-beta - 1) * off for a in (x, g))
    terms = 2 * x.shape[1] + 2
    return {"y": (terms, float(of_y.max(initial=0.0))), "x": (terms, float((of_x + shared).max(initial=0.0)))}


def _neighbours(a: Array, before: int, after: int) -> Array:
    """The sum over so many channels before each, itself and so many after it."""
    around = np.pad(a, ((0, 0), (before, after), *((0, 0),) * (a.ndim - 2)))
    return np.asarray(sum(around[:, n : n + a.shape[1]] for n in range(before + after + 1)))


def values_a_channel(problem: Problem) -> Mapping[str, tuple[Any, ...]]:
    """How many values the statistics are those of."""
    x = problem.shape("x")
    values = x[0] * prod(x[2:])
    return {"values a channel": (values if values < 10 else "10 or more",)}


BATCH_NORM = Op(
    name="batch_norm",
    reference=batch_norm,
    takes=Takes(
        arrays={"x": "N C *spatial", "gamma": "C", "beta": "C", "y": "N C *spatial"},
        parameters=(EPS,),
        sizes=tuple(replace(s, tells=3) if s.option == "batch" else s for s in WHERE),  # x̂ of two values is ±1
        dims=(2, 1, 0, 3),
        geometry=two_values,
        scales={"x": (0, 0, 3, -3, 20), "gamma": (0, 5)},
        refuse=refuse,
    ),
    twin=batch_norm_twin,
    rounds=Rounding(terms(of_channels), magnitudes(of_channels)),
    kind=Kind(
        linear_in=(("gamma", "beta"),),
        radius=radius(of_channels),
        bounded=True,
        mixes=lambda _: True,
        hard=hard(of_channels),
    ),
    cases=Inputs(draw(of_channels), values_a_channel, few=few(of_channels)),
    told=Documents(
        sources=dict.fromkeys(("y", "x", "gamma", "beta"), "004, C19"),
        formula=formulas.batch_norm,
        usual={"batch": 2, "dims": 1},
    ),
    mistakes=mistakes.BATCH_NORM,
)
LAYER_NORM = Op(
    name="layer_norm",
    reference=layer_norm,
    takes=Takes(
        arrays={"x": "*batch *last", "gamma": "*last ?", "beta": "*last ?", "y": "*batch *last"},
        parameters=(EPS,),
        sizes=(
            Sizes("batch", "*batch", "the axes before those", (2, 3, 1, 4), (1, 2), 0, "8 | 2,3"),
            Sizes("last", "*last", "the last axes, normalised over", (3, 2, 4, 5, 8), (1, 2), 1, "8 | 2,3", tells=3),
        ),
        scales={"x": (0, 0, 3, -3, 20), "gamma": (0, 5)},
    ),
    twin=layer_norm_twin,
    rounds=Rounding(terms(of_last), magnitudes(of_last)),
    kind=Kind(linear_in=(("gamma", "beta"),), radius=radius(of_last), bounded=True, hard=hard(of_last)),
    cases=Inputs(draw(of_last), few=few(of_last)),
    told=Documents(
        sources=dict.fromkeys(("y", "x", "gamma", "beta"), "T2"),
        formula=formulas.layer_norm,
        usual={"batch": 2, "last": 2},
    ),
    mistakes=mistakes.LAYER_NORM,
)
LOCAL_RESPONSE_NORM = Op(
    name="local_response_norm",
    reference=local_response_norm,
    takes=Takes(
        arrays={"x": "N C *spatial", "y": "N C *spatial"},
        parameters=(
            Parameter("size", 5, "channels that are summed over", "5", whole(1), (5, 2, 3, 1, 4)),
            # α is mostly large enough for the second term to count.
            Parameter("alpha", 1e-4, "weight of the mean of squares", "1e-4", real(0), (1.0, 0.5, 1e-4)),
            Parameter("beta", 0.75, "exponent", "0.75", real(0), (0.75, 0.5, 1.0)),
            Parameter("k", 1.0, "what is added to the mean of squares", "1.0", real(0, above=True), (1.0, 2.0, 0.5)),
        ),
        sizes=WHERE,
        dims=(2, 1, 3),
        scales={"x": (0, 0, 3, -3)},
    ),
    twin=response_twin,
    rounds=Rounding(running=response_running),
    kind=Kind(radius=response_radius),
    told=Documents(
        sources=dict.fromkeys(("y", "x"), "004, C19"),
        formula=formulas.local_response_norm,
        usual={"channels": 3, "size": 3, "dims": 1, "spatial": 1},
    ),
    mistakes=_response_mistakes.LOCAL_RESPONSE_NORM,
)

OPS = (BATCH_NORM, LAYER_NORM, LOCAL_RESPONSE_NORM)
