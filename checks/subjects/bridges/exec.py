"""Any program, in any language: exec:./runner, spoken to in frames on its standard input and output (docs/protocol.md).

A frame is eight bytes, a length, and so many bytes in the layout of safetensors: a JSON header, whose `__metadata__` says
what is asked, and the arrays. The program is a child of the process of an implementation, in its group, so that what limits
time and memory there limits it too, and whatever ends that ends it. If it ends by itself, that process ends the same way.
"""

from __future__ import annotations

import atexit
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from types import SimpleNamespace
from typing import IO, Any, NoReturn

import numpy as np

from checks.numbers.precision import Array
from checks.op import Op
from checks.subjects import safetensors, system
from checks.subjects.refusals import NotAnImplementation

PROTOCOL = "1"
NAMES = {"float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16"}
LONGEST = 1 << 34  # bytes of a frame: more is none, but words on standard output
PATIENCE = 2.0  # seconds to end in, once it was asked to


def opened(op: Op, command: str, *, dtype: str, device: str) -> Any:  # noqa: ARG001, every bridge is told where to compute
    """The program of this command line as forward and backward; raises NotAnImplementation, in one sentence."""
    program = Program.started(command)
    atexit.register(program.end)
    _, told = program.ask(frame("start", {"op": op.name, "dtype": NAMES[dtype], "inputs": ",".join(op.inputs)}))
    if "unsupported" in told:
        raise NotAnImplementation(f"{command} does not do {op.name} in {dtype}: {told['unsupported']}")

    def forward(*inputs: Array | None, **parameters: Any) -> Any:
        return program.call("forward", given(op, inputs), parameters, dtype).get("y")

    def backward(grad_output: Array, *inputs: Array | None, **parameters: Any) -> tuple[Any, ...]:
        found = program.call("backward", {"grad_output": grad_output, **given(op, inputs)}, parameters, dtype)
        return tuple(found.get(f"grad_{name}") for name in op.inputs)

    return SimpleNamespace(forward=forward, backward=backward, __name__=told.get("name", command))


def given(op: Op, inputs: tuple[Array | None, ...]) -> dict[str, Array]:
    """The inputs that are there, by name."""
    return {name: a for name, a in zip(op.inputs, inputs, strict=False) if a is not None}


def frame(
    call: str, told: Mapping[str, str], arrays: Mapping[str, Array] | None = None, *, dtype: str = "float64"
) -> bytes:
    """A frame that asks for this; arrays of bfloat16, which NumPy does not have, are held in float32."""
    metadata = {"call": call, **({"protocol": PROTOCOL} if call == "start" else {}), **told}
    sent = arrays or {}
    narrow = frozenset(n for n, a in sent.items() if dtype == "bfloat16" and a.dtype == np.float32)
    return framed(safetensors.packed(sent, metadata, bfloat16=narrow))


def framed(data: bytes) -> bytes:
    """These bytes, with their number before them."""
    return len(data).to_bytes(8, "little") + data


def in_text(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Parameters as texts: 2 or 2,1 for one number or one for each axis, true and false; what is None is left out."""

    def text(value: Any) -> str:
        if isinstance(value, tuple | list):
            return ",".join(map(text, value))
        return str(value).lower() if isinstance(value, bool) else str(value)

    return {name: text(value) for name, value in parameters.items() if value is not None}


class Program:
    """A program that runs."""

    def __init__(self, command: str, running: subprocess.Popen[bytes]) -> None:
        self.command, self.running = command, running

    @classmethod
    def started(cls, command: str) -> Program:
        """Start it; raises NotAnImplementation, in one sentence, where that cannot be."""
        try:
            words = shlex.split(command)
            if not words:
                raise NotAnImplementation("exec: names no program; expected such as exec:./runner")
            running = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603, it is what was asked for
        except (OSError, ValueError) as error:
            said = error.strerror if isinstance(error, OSError) else error
            raise NotAnImplementation(f"{command} cannot be started: {said}") from error
        return cls(command, running)

    def call(
        self, part: str, arrays: Mapping[str, Array], parameters: Mapping[str, Any], dtype: str
    ) -> dict[str, Array]:
        """What it answers; NotImplementedError where it says so, RuntimeError where it says that something went wrong."""
        found, told = self.ask(frame(part, in_text(parameters), arrays, dtype=dtype))
        if "unsupported" in told:
            raise NotImplementedError(told["unsupported"])
        if "error" in told:
            raise RuntimeError(told["error"])
        return found

    def ask(self, data: bytes) -> tuple[dict[str, Array], dict[str, str]]:
        """Send a frame and wait for the one that answers it; ends this process as it ended, if it did."""
        to, back = self._streams()
        try:
            to.write(data)
            to.flush()
        except BrokenPipeError:
            self._ended()
        length = int.from_bytes(self._read(back, 8), "little")
        if length > LONGEST:
            self._leave("wrote what is no frame; standard output is for frames, words go to standard error")
        try:
            return safetensors.unpacked(self._read(back, length))
        except ValueError as wrong:
            self._leave(f"wrote a frame that is none: {wrong}")

    def end(self) -> None:
        """Ask it to end, and see to it."""
        with suppress(OSError, ValueError):
            to, _ = self._streams()
            to.write(frame("end", {}))
            to.close()
        try:
            self.running.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.running.kill()
        if self.running.stdout is not None:
            self.running.stdout.close()

    def _streams(self) -> tuple[IO[bytes], IO[bytes]]:
        if self.running.stdin is None or self.running.stdout is None:
            raise ValueError("it was started without streams")
        return self.running.stdin, self.running.stdout

    def _read(self, stream: IO[bytes], many: int) -> bytes:
        data = stream.read(many)
        if len(data) < many:
            self._ended()
        return data

    def _ended(self) -> NoReturn:
        """End this process as the program ended, so that the judge says of it what there is to say."""
        try:
            code = self.running.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._leave("closed its standard output")
        sys.stderr.flush()
        system.end_as(code)

    def _leave(self, said: str) -> NoReturn:
        """End, with this as the last words."""
        self.running.kill()
        print(f"{self.command} {said}", file=sys.stderr, flush=True)  # noqa: T201, the judge reads it as the last words
        os._exit(1)
