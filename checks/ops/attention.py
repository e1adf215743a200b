"""Scaled dot-product attention: how it rounds, and masks that leave every query a key.

Roundings are counted along its formula (numbers/counted.py). Scores are off by D + 2 of scale·Σ|q||k|, for D products and
the scale, which may be taken into q. What comes to a share, ∂J/∂P = Σ g·v, is of size Σ|g||v| and off by E of it; Σ_s
P·∂J/∂P may be Σ_e g·y. Then the scores' gradients are off as counted.py says of a softmax, with E + 4 roundings of
products, and go into sums over S keys for q, over T queries, of all heads of a group, for k and v.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from checks.numbers.counted import FUNCTION, Counted, softmax
from checks.numbers.precision import Array
from checks.op import Case, Documents, Inputs, Kind, Op, Problem, Rounding
from checks.ops._attention_formulas import attention as formula
from checks.ops._attention_mistakes import ATTENTION
from checks.signature.drawing import Draws
from checks.signature.options import Pinned, real, whole
from checks.signature.takes import LOUD, Drawn, Parameter, Sizes, Takes
from reference import attention

if TYPE_CHECKING:
    import torch

SEEN = 0.6  # of the keys, by a mask
NARROW = 4  # width of queries and keys whose scores may be as they are


def heads(draw: Draws, pinned: Pinned, axes: int) -> Drawn:  # noqa: ARG001, every op is asked alike
    """Heads of queries, and how many of them share a head of keys and values: one, all, or a number between."""
    many, groups = pinned.get("heads"), pinned.get("groups")
    if many is None:
        groups = groups or draw.among(1, 1, 2, 3)
        many = groups * draw.among(1, 2, 3)
    between = draw.among(*(g for g in range(1, many + 1) if many % g == 0))
    return {"H": many, "groups": groups or draw.among(1, between, many)}


def scales(drawn: Drawn) -> tuple[float | None, ...]:
    """Those that keep scores near 1: where one key has all the weight, no gradient of q and k is left to be judged."""
    return (None, None, 0.5, 1.0) if drawn["D"] <= NARROW else (None, None, 1 / drawn["D"])


def draw(problem: Problem, name: str, rng: np.random.Generator, whole: bool) -> Array | None:  # noqa: ARG001, every op is asked alike
    """A mask by which each query sees a key, also of those that are not after it: what sees none has no mean."""
    if name != "mask":
        return None
    queries, keys = problem.shape("mask")
    seen = rng.random((queries, keys)) < SEEN
    for t in range(queries):
        seen[t, rng.integers(min(t + 1, keys))] = True
    return seen


def terms(problem: Problem) -> dict[str, int]:
    """How many roundings the magnitudes are the mean of."""
    sizes = problem.sizes
    width, keys, over = sizes["D"], sizes["S"], sizes["T"] * problem.parameters["groups"]
    step = width + keys + 2 * FUNCTION
    back = step + sizes["E"]
    return {"y": step, "q": back + keys, "k": back + over, "v": step + over}


def magnitudes(case: Case) -> dict[str, Array]:
    """As the module derives them."""
    q, k, v, g = case.input("q"), case.input("k"), case.input("v"), case.cotangent
    groups, scale, mask = case.parameters["groups"], case.parameters["scale"], case.inputs[3]
    width, values, queries, keys = q.shape[3], v.shape[3], q.shape[2], k.shape[2]
    scale = width**-0.5 if scale is None else scale
    seen = np.ones((queries, keys), bool) if mask is None else mask.astype(bool)
    seen = np.tril(seen) if case.parameters["causal"] else seen
    wide, of_y = (a.reshape(*k.shape[:2], groups, *a.shape[2:]) for a in (q, g))
    k, v = k[:, :, None], v[:, :, None]
    sizes = np.abs(wide) @ np.abs(k).swapaxes(-1, -2) * scale
    shares = softmax(Counted(wide @ k.swapaxes(-1, -2) * scale, (width + 2) * sizes), seen)
    reaching = np.abs(of_y) @ np.abs(v).swapaxes(-1, -2)
    of_s = shares.slope(Counted(of_y @ v.swapaxes(-1, -2), values * reaching), reaching, 4)
    over = queries * groups
    of_q = scale * ((of_s.error + (keys + 2) * of_s.size) @ np.abs(k))
    of_k = scale * ((of_s.error + (over + 2) * of_s.size).swapaxes(-1, -2) @ np.abs(wide)).sum(2)
    of_v = ((shares.error + over * shares.p).swapaxes(-1, -2) @ np.abs(of_y)).sum(2)
    step = width + keys + 2 * FUNCTION
    return {
        "y": shares.mean(v).reshape(g.shape) / step,
        "q": of_q.reshape(q.shape) / (step + values + keys),
        "k": of_k / (step + values + over),
        "v": of_v / (step + over),
    }


def radius(case: Case) -> float:
    """Steps that move no score by more than a quarter: e^S is then near its tangent."""
    q, k, scale = np.abs(case.input("q")), np.abs(case.input("k")), case.parameters["scale"]
    width = q.shape[-1]
    largest = width * float(q.max(initial=0.0)) * float(k.max(initial=0.0)) * (scale or width**-0.5)
    return float(1 / (16 * max(1.0, largest)))


def tried(problem: Problem) -> dict[str, tuple[Any, ...]]:
    """Whether there are more queries than keys, which is where a causal mask is aligned in two ways."""
    queries, keys = problem.sizes["T"], problem.sizes["S"]
    return {"keys": ("as many as queries" if keys == queries else "more" if keys > queries else "fewer",)}


def reach(problem: Problem) -> dict[str, int]:
    """With a causal mask no query sees a key that is after the last one."""
    return {"S": min(problem.sizes["S"], problem.sizes["T"])} if problem.parameters["causal"] else {}


def twin(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    mask: torch.Tensor | None,
    *,
    causal: bool,
    scale: float | None,
    groups: int,
) -> torch.Tensor:
    """The same function by torch, whose own takes no mask beside `is_causal`."""
    import torch

    seen = mask
    if causal and mask is not None:
        seen = mask & torch.ones_like(mask).tril()
    k, v = (a.repeat_interleave(groups, 1) for a in (k, v))
    attend = torch.nn.functional.scaled_dot_product_attention
    y: torch.Tensor = attend(q, k, v, attn_mask=seen, is_causal=causal and mask is None, scale=scale)
    return y


OP = Op(
    name="attention",
    reference=attention,
    takes=Takes(
        arrays={
            "q": "N H T D",
            "k": "N H/groups S D",
            "v": "N H/groups S E",
            "mask": "T S ?",
            "y": "N H T E",
        },
        parameters=(
            Parameter("causal", False, "no query sees a key after it", among=(False, True)),
            Parameter("scale", None, "of the scores (default: 1/√width)", "0.5", real(0, above=True), scales),
            Parameter("groups", 1, "heads of queries that share keys and values", "2", whole(1)),
        ),
        sizes=(
            # What sees one key has a softmax that is 1: of two most may, by a mask.
            Sizes("queries", "T", "queries", (2, 1, 3, 4), metavar="4", tells=3),
            Sizes("keys", "S", "keys, and values", (2, 1, 3, 5), metavar="4", tells=3, like="queries"),
            Sizes("width", "D", "width of queries and keys", (2, 1, 3, 4), metavar="8"),
            Sizes("values", "E", "width of values", (2, 1, 3), metavar="8", like="width"),
            Sizes("heads", "H", "heads of queries", metavar="4"),
            Sizes("batch", "N", "samples", (1, 2, 3, 2, 1, 3, 2, 0), least=0, metavar="2"),
        ),
        geometry=heads,
        divided={"groups": "H"},
        scales={"q": (0, 1, 2, -20), "k": (0, 0, 1, -20), "v": LOUD},
        constant=("mask",),
    ),
    twin=twin,
    rounds=Rounding(terms, magnitudes),
    kind=Kind(linear_in=(("v",),), radius=radius),
    cases=Inputs(draw, tried, reach=reach),
    told=Documents(
        letters={"q": "q", "k": "k", "v": "v", "mask": "M", "y": "y", "g": "g"},
        sources=dict.fromkeys(("y", "q", "k", "v"), "W1"),
        formula=formula,
        usual={"heads": 1, "batch": 1, "queries": 2, "keys": 3, "width": 2, "values": 2},
    ),
    mistakes=ATTENTION,
)

OPS = (OP,)
