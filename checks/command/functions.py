"""What the command line of functions that are no op takes: the function, its backward, and what its inputs are."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from types import SimpleNamespace

from checks.command.arguments import Parser
from checks.op import Kind, Op, Rounding
from checks.signature.takes import Takes


def add_options(parser: Parser, given: Sequence[str]) -> None:
    """The options; the function goes by its own option, or by place where that was not given."""
    what = "f(*inputs) -> y, such as mine.py:f; or torch:mine.py:f, jax:mine.py:f, of tensors"
    if any(word.split("=")[0] == "--function" for word in given):
        parser.add_argument("--function", required=True, metavar="WHAT", help=what)
    else:
        parser.add_argument("function", metavar="WHAT", help=what)
    own = "b(grad_output, *inputs) -> gradients (torch:…, jax:… have their own)"
    parser.add_argument("--backward", metavar="WHAT", help=own)
    parser.add_argument(
        "--inputs", required=True, metavar="S S", help='shapes and kinds, e.g. "B,T,D D:positive given.npz"'
    )
    parser.add_argument(
        "--order", type=int, choices=(1, 2), default=1, help="2: judge its double backward, in place of its backward"
    )
    twice = "bb(grad_grads, grad_output, *inputs) -> gradients, for --order 2 (torch:…, jax:… have their own)"
    parser.add_argument("--double-backward", metavar="WHAT", help=twice)
    parser.add_argument(
        "--modes",
        type=lambda text: tuple(text.split(",")),
        default=("reverse",),
        metavar="A,B",
        help="reverse,forward: judge its forward mode too; reverse,per-sample: each sample alone, and vmap",
    )
    stated = "torch or jax: by which gradients of complex numbers go, with --dtype complex128 (found out if not given)"
    parser.add_argument("--convention", choices=("torch", "jax"), default="", metavar="C", help=stated)
    parser.add_argument("--jvp", metavar="WHAT", help="jvp(tangents, *inputs) -> J v (torch:…, jax:… have their own)")


def specs(options: argparse.Namespace) -> dict[str, str | None]:
    """What is named, by what it is."""
    return {
        "function": options.function,
        "backward": options.backward,
        "double_backward": options.double_backward,
        "jvp": options.jvp,
    }


def said(options: argparse.Namespace) -> list[str]:
    """The words that name what is judged, as they would be given again."""
    pairs = {"--function": options.function, "--backward": options.backward, "--inputs": options.inputs}
    if options.order == 2:
        pairs |= {"--double-backward": options.double_backward, "--order": "2"}
    if len(options.modes) > 1:
        pairs |= {"--jvp": options.jvp, "--modes": ",".join(options.modes)}
    pairs |= {"--convention": options.convention}
    return [word for pair in pairs.items() if pair[1] for word in pair]


def unknown(spec: str) -> Op:
    """All that is known of a function that could not be judged: what it is called."""
    name = spec.rpartition(":")[2]
    return Op(
        name=name,
        reference=SimpleNamespace(),
        takes=Takes({}),
        twin=SimpleNamespace,
        rounds=Rounding(lambda _: {}),
        kind=Kind(),
    )
