"""A file to start from: forward and backward of an op, that run and say what is still to be written."""

from __future__ import annotations

from checks.op import Op

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
