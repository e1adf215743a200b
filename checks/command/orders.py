"""Orders, modes and complex numbers on the command line of an op: --order 2 conv judges conv.double_backward (orders/)."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from checks import ops
from checks.orders.named import COMPLEX, as_asked

BEYOND = (
    "2: judge its double backward, double_backward(grad_grads, grad_output, *inputs); torch:, jax: have it; 3: again"
)
IN_MODES = (
    "forward: judge jvp(tangents, *inputs); with --order 2, reverse,forward: all four ways of one over the other; "
    "per-sample: per_sample(grad_output, *inputs), the gradients of each sample for itself"
)
BY_CONVENTION = (
    "torch or jax: by which gradients of complex numbers go, with --dtype complex128 or complex64 (default: the "
    "framework's own; else it is found out, and said)"
)


def add_orders(group: argparse._ArgumentGroup) -> None:
    """The options, for --help: they are read before the op is known."""
    group.add_argument("--order", metavar="N", help=BEYOND)
    group.add_argument("--modes", metavar="A,B", help=IN_MODES)
    group.add_argument("--convention", metavar="C", help=BY_CONVENTION)


def expanded(words: Sequence[str]) -> list[str]:
    """The words with the derivative in place of each op, where an order is asked for; raises ValueError where it has none.

    What is no op is left for the parser to refuse.
    """
    order, rest = _taken(words, "--order")
    modes, rest = _taken(rest, "--modes")
    convention, rest = _taken(rest, "--convention")
    dtype, without = _taken(rest, "--dtype")
    if order is None and modes is None and convention is None and dtype not in COMPLEX:
        return list(words)
    if not (order or "1").isdigit():
        raise ValueError(f"--order {order} given; expected 1, 2 or 3")
    asked = int(order or 1), (modes or "reverse").split(","), dtype or "", convention or ""
    if dtype in COMPLEX:
        rest = [*without, "--dtype", COMPLEX[dtype]]
    known = ops.ops()
    for at, word in enumerate(rest):
        names = word.split(",")
        if word == "all":
            names = [name for name in known if all(map(_exists, as_asked(name, *asked)))]
        if all(name in known for name in names):
            found = [one for name in names for one in as_asked(name, *asked)]
            for one in found:
                ops.find(one)
            rest[at] = ",".join(found)
            break
    return rest


def _exists(name: str) -> bool:
    """Whether there is such a derivative: samples that have to do with one another have no gradients of their own."""
    try:
        ops.find(name)
    except ValueError:
        return False
    return True


def _taken(words: Sequence[str], option: str) -> tuple[str | None, list[str]]:
    """What follows an option, or stands behind its =, and the words without both."""
    rest, value = [], None
    ahead = iter(words)
    for word in ahead:
        if word == option:
            value = next(ahead, "")
        elif word.startswith(f"{option}="):
            value = word.partition("=")[2]
        else:
            rest.append(word)
    return value, rest
