"""A file to start from: forward and backward of an op, that run and say what is still to be written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from checks.op import Op
from checks.subjects.adapting.forms import unknown_arguments
from checks.subjects.adapting.layer import Unfit, adapted
from checks.subjects.loading import load, split
from checks.subjects.names import theirs

TEMPLATE = '''"""{name}, to be judged by: python -m checks.gradcheck {name} --impl THIS_FILE.py"""


def forward({inputs}{parameters}):
    """NumPy arrays in, y out."""
    raise NotImplementedError("forward is still to be written: return y")


def backward(grad_output, {inputs}{parameters}):
    """One gradient for each input, in this order; None where there is none."""
    raise NotImplementedError("backward is still to be written: return {gradients}")
'''

PART = '''

def {part}(grad_grads, {inputs}, **parameters):
    """One gradient for each of these but the first, which has one cotangent for each gradient of backward."""
    raise NotImplementedError("{part} is still to be written")
'''

ADAPTER = '''"""{op} by {spec}, to be judged by: python -m checks.gradcheck {op} --impl THIS_FILE.py:layer"""

from checks import adapt
from {module} import {name}

{remark}layer = adapt(
    {name},
{said})
'''
FILL_IN = "?"  # in place of what is to be filled in
UNKNOWN = {
    "layout": "the axes of {}",
    "args": "which input, parameter or size an argument is, where its name does not say so",
    "grads": "where backward leaves each gradient: an attribute, or returned[0] …",
}


def adapter(op: Op, spec: str) -> str:
    """The text of a file that says how what --impl names is spoken to, filled in with what was found of it.

    Raises NotAnImplementation, in one sentence, if nothing is found there.
    """
    _, where, name = split(spec)
    with theirs:
        given = load(op, spec)
        name = name or given.__name__
        try:
            told, why, unknown = adapted(op, given, name).told, "", []
        except Unfit as unfit:
            told, why, unknown = {}, str(unfit), unknown_arguments(op, given)
    return _filled(op, spec, where, name, told, why, unknown)


def start(op: Op, spec: str | None, wrong: str) -> str:
    """A file to start from, once nothing could be judged: of a layer that was not adapted what is to be said of it."""
    _, where, name = split(spec or "")
    _, apart, why = wrong.partition("; nor adapted: ")
    return _filled(op, spec or "", where, name, {}, why) if apart and name else skeleton(op)


def _filled(
    op: Op, spec: str, where: str, name: str, told: dict[str, Any], why: str, unknown: Sequence[str] = ()
) -> str:
    module = Path(where).stem if where.endswith(".py") else where
    lines = why.rstrip().splitlines()
    remark = (
        "\n".join([f"# What could not be found: {lines[0]}", *(f"# {line}" for line in lines[1:]), ""]) if lines else ""
    )
    return ADAPTER.format(op=op.name, spec=spec, module=module, name=name, remark=remark, said=_said(op, told, unknown))


def _said(op: Op, told: dict[str, Any], unknown: Sequence[str]) -> str:
    """Arguments of adapt, a line each; what is not known is left as a remark, with the axes in the protocol's order.

    unknown  arguments of its own that have to be filled in, and are enough if the rest is found then
    """
    if told:
        return "".join(f"    {n}={value!r},\n" for n, value in told.items())
    arrays = {n: " ".join(op.takes.axes[n].names) for n in op.inputs}
    first, *others = op.inputs
    lines = [f"layout={arrays[first]!r},  # {UNKNOWN['layout'].format(first)}"]
    lines += [] if unknown else [f"args={{'ARGUMENT': {first!r}}},  # {UNKNOWN['args']}"]
    lines += [f'{n}="ATTRIBUTE: {arrays[n]}",' for n in others]
    lines += [f"grads={dict.fromkeys(op.takes.differentiable, 'ATTRIBUTE')!r},  # {UNKNOWN['grads']}"]
    rest = "".join(f"    # {line}\n" for line in lines)
    if not unknown:
        return rest
    sizes = dict.fromkeys(axis.lstrip("*") for s in op.takes.sizes for axis in s.names)
    several = ((op.inputs, "an input"), (op.takes.defaults, "a parameter"), (sizes, "a size"))
    known = "; ".join(f"{words}: {', '.join(of)}" for of, words in several if of)
    marked = "".join(f"        {name!r}: {FILL_IN!r},\n" for name in unknown)
    return f"    # To be filled in is what each of these is, {known}.\n    args={{\n{marked}    }},\n{rest}"


def skeleton(op: Op) -> str:
    """The text of the file; a parameter that is not supported may be left out of both signatures."""
    if op.derivative is not None:
        return skeleton(op.derivative.of) + PART.format(part=op.derivative.part[0], inputs=", ".join(op.inputs))
    parameters = "".join(f", {name}={value!r}" for name, value in op.takes.defaults.items())
    gradients = [f"grad_{name}" if name in op.takes.differentiable else "None" for name in op.inputs]
    return TEMPLATE.format(
        name=op.name,
        inputs=", ".join(op.inputs),
        parameters=f", *{parameters}" if parameters else "",
        gradients=", ".join(gradients) if len(gradients) > 1 else gradients[0],
    )
