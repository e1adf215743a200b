"""Judges of a function of tensors, asked in the same way: ours, torch's gradcheck and gradgradcheck, JAX's check_grads.

Each says of one subject whether it accepts it. All but ours are asked at one point, which is how they are used, and with
their defaults; `fast` is what torch's documentation advises for large inputs, and that it advises float64 for all is a row
of its own. Matrices that have to be symmetric are made so in front of the function, as torch's own tests do it.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from benchmarks.catalogue.entry import Array, Entry, Mistake, Tensor, second, subject
from checks.functions.function import judge_function
from checks.functions.inputs import read
from checks.functions.tensors import of_arrays

CAUGHT, ACCEPTED, OPEN = "caught", "accepted", "undecided"
LARGEST = 1 << 23  # elements of a Jacobian that slow gradcheck still writes down
SEED = 1

Judge = Callable[[Entry, Mistake | None, str, str], str]


def drawn(entry: Entry, size: str, dtype: str) -> list[Array]:
    """The inputs, as they are given or drawn; whole numbers stay such."""
    rng = np.random.default_rng(SEED)
    arrays = [i.drawn(rng, {}) for i in read(list(entry.at(size)))[0]]
    return [a if a.dtype.kind in "iub" else a.astype(dtype) for a in arrays]


def ours(entry: Entry, mistake: Mistake | None, size: str, dtype: str, *, order: int = 1) -> str:
    """judge_function, by its exit code; undecided is neither caught nor accepted."""
    forward, backward, _ = of_arrays(subject(entry, mistake))
    report = judge_function(forward, backward, list(entry.at(size)), dtype=dtype, seed=SEED, order=order)
    return {0: ACCEPTED, 1: CAUGHT}.get(report.exit_code, OPEN)


def gradcheck(
    entry: Entry, mistake: Mistake | None, size: str, dtype: str, *, fast: bool = False, order: int = 1
) -> str:
    """torch.autograd.gradcheck, or gradgradcheck for order 2; raises OverflowError for a Jacobian that is too large."""
    called, inputs = _symmetric(entry, subject(entry, mistake)), drawn(entry, size, dtype)
    tensors = [torch.from_numpy(a).requires_grad_(a.dtype.kind == "f") for a in inputs]
    outputs = called(*tensors).numel()
    if not fast and outputs * sum(t.numel() for t in tensors if t.requires_grad) > LARGEST:
        raise OverflowError("the Jacobian is too large")
    checked = torch.autograd.gradgradcheck if order == 2 else torch.autograd.gradcheck
    return ACCEPTED if checked(called, tensors, fast_mode=fast, raise_exception=False) else CAUGHT


def check_grads(entry: Entry, mistake: Mistake | None, size: str, dtype: str) -> str:
    """jax.test_util.check_grads of a custom_vjp that calls the tensors' code, in reverse mode."""
    import jax
    from jax.test_util import check_grads as checked

    jax.config.update("jax_enable_x64", True)
    forward, backward, _ = of_arrays(_symmetric(entry, subject(entry, mistake)))
    inputs = drawn(entry, size, dtype)
    real = [at for at, a in enumerate(inputs) if a.dtype.kind == "f"]
    result = np.asarray(forward(*inputs))
    y = jax.ShapeDtypeStruct(result.shape, result.dtype)
    like = tuple(jax.ShapeDtypeStruct(inputs[at].shape, inputs[at].dtype) for at in real)

    def every(arrays: Sequence[Any]) -> list[Array]:
        given = dict(zip(real, arrays, strict=True))
        return [np.array(given.get(at, a)) for at, a in enumerate(inputs)]

    def gradients(g: Any, *arrays: Any) -> tuple[Array, ...]:
        return tuple(a for a in backward(np.array(g), *every(arrays)) if a is not None)

    @jax.custom_vjp
    def called(*arrays: Any) -> Any:
        return jax.pure_callback(lambda *a: np.asarray(forward(*every(a))), y, *arrays)

    called.defvjp(
        lambda *arrays: (called(*arrays), arrays), lambda kept, g: jax.pure_callback(gradients, like, g, *kept)
    )
    try:
        checked(called, tuple(jax.numpy.asarray(inputs[at]) for at in real), order=1, modes=["rev"])
    except AssertionError:
        return CAUGHT
    return ACCEPTED


FIRST: dict[str, Judge] = {
    "judge_function": ours,
    "gradcheck": gradcheck,
    "gradcheck, fast": partial(gradcheck, fast=True),
    "check_grads": check_grads,
}
SECOND: dict[str, Judge] = {
    "judge_function, order 2": partial(ours, order=2),
    "gradgradcheck": partial(gradcheck, order=2),
    "gradgradcheck, fast": partial(gradcheck, order=2, fast=True),
}


def mistakes_of(entry: Entry, judge: str) -> dict[str, Mistake | None]:
    """The right one, as "", and those with mistakes that this judge is about."""
    if judge in FIRST:
        return {"": None, **entry.mistakes}
    return {"": None, **{name: second(entry, name) for name in ("constant", "derivative")}} if entry.second else {}


def asked(judge: str, entry: Entry, mistake: Mistake | None, size: str, dtype: str) -> tuple[str, float]:
    """What it says, and the seconds of processor time that it took; what it raises in place of a verdict otherwise."""
    started = time.process_time()
    try:
        with warnings.catch_warnings(action="ignore"):
            said = {**FIRST, **SECOND}[judge](entry, mistake, size, dtype)
    except OverflowError:
        said = "too large"
    except Exception as error:  # noqa: BLE001, whatever a judge raises, it has not judged
        said = f"raised {type(error).__name__}: {' '.join(str(error).split())[:120]}"
    return said, time.process_time() - started


def _symmetric(entry: Entry, called: Callable[..., Tensor]) -> Callable[..., Tensor]:
    which = {at for at, i in enumerate(read(list(entry.inputs))[0]) if i.kind == "spd"}

    def of_symmetric(*tensors: Tensor) -> Tensor:
        return called(*(_part(t) if at in which else t for at, t in enumerate(tensors)))

    return of_symmetric if which else called


def _part(t: Tensor) -> Tensor:
    return (t + t.mT) / 2
