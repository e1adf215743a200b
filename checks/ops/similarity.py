"""Cosine similarity at every place.

**How it rounds.** With w a window, t a template and c = Σ|w||t| / ‖w‖‖t‖ ≤ 1, the product and the two norms, sums of n
terms each, round relative to c; so y does, and more so since every y is at most c. Moving the inputs by a relative step
moves y by 2c + 2|y| times that at most, which 4c covers. ∂y/∂w = t/(‖w‖‖t‖) − y·w/‖w‖² rounds relative to both terms with
their magnitudes added and c for y, and so does ∂y/∂t.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Documents, Kind, Op, Problem, Rounding
from checks.ops import _formulas as formulas
from checks.ops._similarity_mistakes import SIMILARITY
from checks.signature.drawing import Draws
from checks.signature.options import Pinned
from checks.signature.takes import FAIR, Drawn, Sizes, Takes
from checks.signature.windows import BATCHES, along, pinned_axes
from reference import similarity
from reference._window import gather, scatter, window

if TYPE_CHECKING:
    import torch

OUTPUTS = {1: 5, 2: 3, 3: 2}


def refuse(pinned: Pinned) -> None:
    """Raise ValueError, in one sentence with a suggestion, if no problem has these values."""
    for axis in range(pinned_axes(pinned) or 1):
        kernel, size = along(pinned.get("kernel"), axis), along(pinned.get("size"), axis)
        if kernel and size and kernel > size:
            raise ValueError(f"a template of {kernel} does not fit into size {size}; --size {kernel} would make it fit")


def geometry(draw: Draws, pinned: Pinned, axes: int) -> Drawn:
    """A template that fits, with one to a few places along each axis."""
    kernel, size = [], []
    for axis in range(axes):
        fixed = along(pinned.get("size"), axis)
        kernel.append(along(pinned.get("kernel"), axis) or draw.between(1, min(3, fixed or 3)))
        size.append(fixed or kernel[-1] + draw.between(0, OUTPUTS[axes] - 1))
    output = tuple(n - k + 1 for n, k in zip(size, kernel, strict=True))
    return {"*kernel": tuple(kernel), "*size": tuple(size), "*output": output}


def terms(problem: Problem) -> dict[str, int]:
    """Three sums over a window, two roots, two divisions; in the gradients that twice, and a sum over what is met."""
    template, y = problem.shape("template"), problem.shape("y")
    n = prod(template[1:])
    once = 2 * n + 6
    return {"y": once, "x": 2 * once + prod(template[2:]) * template[0], "template": 2 * once + y[0] * prod(y[2:])}


def magnitudes(case: Case) -> dict[str, Array]:
    """4c, and both terms of each gradient with their signs taken off."""
    x, t, g = (np.abs(a) for a in (case.input("x"), case.input("template"), case.cotangent))
    over = window(x.shape[2:], t.shape[2:])
    axes = len(over.size)
    laid = gather(x, over)  # (N, C, *kernel, *output)
    windows = np.moveaxis(laid, range(2 + axes, 2 + 2 * axes), range(1, 1 + axes)).reshape(
        len(x), *over.output, prod(t.shape[1:])
    )
    templates = t.reshape(len(t), prod(t.shape[1:]))
    window_norms = np.linalg.norm(windows, axis=-1, keepdims=True)
    template_norms = np.linalg.norm(templates, axis=-1, keepdims=True)
    of_windows, of_templates = windows / window_norms, templates / template_norms
    c = of_windows @ of_templates.T  # (N, *output, O)
    g = np.moveaxis(g, 1, -1)
    grad_windows = (g @ of_templates + (g * c).sum(-1, keepdims=True) * of_windows) / window_norms
    flat, product = (a.reshape(-1, len(t)) for a in (g, g * c))
    grad_templates = flat.T @ of_windows.reshape(-1, templates.shape[1]) + product.sum(0)[:, None] * of_templates
    spread = grad_windows.reshape(len(x), *over.output, x.shape[1], *over.kernel)
    back = np.moveaxis(spread, range(1, 1 + axes), range(2 + axes, 2 + 2 * axes))
    return {
        "y": np.moveaxis(4 * c, -1, 1),
        "x": 2 * scatter(np.ascontiguousarray(back), over),
        "template": 2 * (grad_templates / template_norms).reshape(t.shape),
    }


def radius(case: Case) -> float:  # noqa: ARG001, every op is asked alike
    """Relative steps of an eighth change no norm by more than an eighth."""
    return 0.25


def twin(x: torch.Tensor, template: torch.Tensor) -> torch.Tensor:
    """The same function by torch: its cosine similarity of every window, unfolded, with every template."""
    import torch

    windows = x
    for axis, size in enumerate(template.shape[2:]):
        windows = windows.unfold(2 + axis, size, 1)
    axes = template.ndim - 2
    flat = windows.movedim(1, 1 + axes).flatten(1 + axes)  # (N, *output, C · kernel)
    y: torch.Tensor = torch.nn.functional.cosine_similarity(
        flat.unsqueeze(1), template.flatten(1).reshape(len(template), *(1,) * axes, -1), dim=-1, eps=0.0
    )
    return y


OP = Op(
    name="similarity",
    reference=similarity,
    takes=Takes(
        arrays={"x": "N C *size", "template": "O C *kernel", "y": "N O *output"},
        sizes=(
            Sizes("kernel", "*kernel", "size of the template", metavar="3 | 3,5", wide=False),
            Sizes("channels", "C O", "channels of x, and number of templates", (1, 2, 3), metavar="3,2"),
            Sizes("size", "*size", "spatial size of the input"),
            Sizes("batch", "N", "samples", BATCHES, least=0, metavar="2"),
        ),
        dims=(2, 1, 2, 3),
        geometry=geometry,
        scales={"x": FAIR, "template": FAIR},
        refuse=refuse,
    ),
    twin=twin,
    rounds=Rounding(terms, magnitudes),
    kind=Kind(radius=radius),
    told=Documents(
        sources=dict.fromkeys(("y", "x", "template"), "004, C2 and C3"),
        formula=formulas.similarity,
    ),
    mistakes=SIMILARITY,
)

OPS = (OP,)
