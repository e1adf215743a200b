"""A process of the user's code, which the judge outlives: its pipes and files, and how often it may end.

Commands are pickled, since only the judge writes them; replies are lines of JSON. Arrays go through two files that both
processes have open, in memory where the system can: a copy each way. The other process may crash, exit, hang or print;
nothing that it says is believed to be more than shapes, numbers and text before it has been looked at.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from checks.cases.layouts import ALIGNMENT, OUTSIDE, address, memory_of, overrun
from checks.cases.search import Stopped
from checks.numbers.precision import Array
from checks.subjects import names, system
from checks.subjects.frames import MOST
from checks.subjects.refusals import Crashed, Ended, Malformed, NotAnImplementation, Unsupported

LOADING = 60.0  # seconds to import what is judged, and a framework with it
HEARD = 2.0  # seconds for its last words to be read, whose pipe something that it started may hold open
LONGEST_LINE = 1 << 20
LONGEST_FRAME = 200  # characters of a line of a traceback
CRASHES, HANGS = 12, 3  # after which it is not started again
AROUND = bytes([OUTSIDE]) * ALIGNMENT

FAILURES: Mapping[str, type[Exception]] = {
    "unsupported": Unsupported,
    "malformed": Malformed,
    "ended": Ended,
    "crashed": Crashed,
    "not loaded": NotAnImplementation,
}


class GivenUp(Stopped):
    """It crashed or hung too often to be started again."""


class Outlived:
    """Whatever runs in a process that is started when first needed, and again after a crash.

    served  the module whose `main` runs there
    """

    served: str
    _process: Process | None = None
    _crashes: int = 0
    _hangs: int = 0
    _last: str = ""

    def settings(self) -> Mapping[str, Any]:
        """What that module is told."""
        raise NotImplementedError

    def begin(self) -> bool:
        """Start its process, if it does not run, and let it load while others go on; whether it had to be started."""
        if self._process is not None:
            return False
        if self._crashes >= CRASHES or self._hangs >= HANGS:
            raise GivenUp(f"{self._last}, and {sum(self.ended)} times in all")
        self._process = Process.started(self.served, self.settings())
        return True

    @property
    def process(self) -> Process:
        """The one that runs."""
        assert self._process is not None  # noqa: S101, whoever asks has started it
        return self._process

    def close(self) -> None:
        """End the process, and everything that it started."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    @property
    def ended(self) -> tuple[int, int]:
        """How often it has crashed, and hung."""
        return self._crashes, self._hangs

    def forget(self) -> None:
        """Start counting anew: somebody else counts."""
        self._crashes = self._hangs = 0

    def bears(self, crashes: int, hangs: int) -> bool:
        """Whether it would still be started after so many more, which are counted if it would."""
        after = self._crashes + crashes, self._hangs + hangs
        if after[0] >= CRASHES or after[1] >= HANGS:
            return False
        self._crashes, self._hangs = after
        return True

    def answer(self, doing: str, seconds: float) -> Mapping[str, Any]:
        """The reply to the latest command; raises Ended, and ends the process, if there is none.

        doing  what it was to do, as "forward" or "while it was loaded"
        """
        process = self.process
        try:
            line = process.line(seconds)
        except TimeoutError:
            self._hangs += 1
            self.close()
            self._last = f"{doing} did not return within {seconds:g} s"
            raise Ended(self._last) from None
        except BaseException:
            self.close()  # Ctrl-C: whatever it would still say belongs to no call any more
            raise
        try:
            reply = json.loads(line)
        except ValueError:
            reply = None
        if isinstance(reply, dict):
            return reply
        self._crashes += 1
        ended = process.ended() if not line else "wrote into the channel to the judge"
        self.close()
        self._last = f"{doing}: the process {ended}"
        raise Ended(self._last)


def failure(reply: Mapping[str, Any]) -> Exception:
    """What the other process says that went wrong there; nothing of it is believed to be more than text."""
    kind = FAILURES.get(str(reply["failed"]), Crashed)
    message = str(reply.get("message", ""))
    if not issubclass(kind, Crashed):
        return kind(message)
    frames = reply.get("frames")
    lines = [str(line)[:LONGEST_FRAME] for line in frames[-MOST:]] if isinstance(frames, list) else []
    return kind(message, str(reply.get("raised", "")), str(reply.get("at", "")), lines)


@dataclass(eq=False)
class Process:
    """One process, its pipes and the two files."""

    running: subprocess.Popen[bytes]
    commands: int
    replies: int
    inputs: int
    results: int
    said: deque[bytes] = field(default_factory=lambda: deque(maxlen=1))
    listener: threading.Thread | None = None
    heard: bytes = b""
    end: int = 0  # of what was written last to the file of inputs

    @classmethod
    def started(cls, module: str, settings: Mapping[str, Any]) -> Process:
        """A new process that runs `main` of a module; nothing that it prints goes anywhere but its last words."""
        inputs, results = system.file(), system.file()
        (theirs_in, commands), (replies, theirs_out) = os.pipe(), os.pipe()
        theirs = {"commands": theirs_in, "replies": theirs_out, "inputs": inputs, "results": results}
        passed, how = system.passing(theirs)
        running = subprocess.Popen(  # noqa: S603, this interpreter and this package
            [sys.executable, "-P", names.__file__, module, json.dumps({**settings, **passed})],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            **how,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        process = cls(running, commands, replies, inputs, results)
        process.listener = threading.Thread(target=process._listen, daemon=True)
        process.listener.start()
        return process

    def _listen(self) -> None:
        """Keep its last words, so that it never waits for somebody to read the others."""
        if self.running.stderr is not None:
            with self.running.stderr as words:
                for line in iter(lambda: words.readline(LONGEST_LINE), b""):
                    if line.strip():
                        self.said.append(line.strip())

    def lay_out(self, arrays: Mapping[str, Array], begin: int = 0) -> tuple[dict[str, Any], dict[str, int]]:
        """Write the memory of each array; returns for each how it lies there, and where that memory begins.

        begin  where in the file: behind what a call that has not returned yet was passed
        """
        laid: dict[str, Any] = {}
        sent: dict[str, int] = {}
        parts: list[Any] = []
        end = begin
        for name, array in arrays.items():
            memory, first = memory_of(array)
            plain = array.flags.c_contiguous and array.flags.aligned
            # As far from a multiple of the alignment as the array's own memory lies, so that what is misaligned stays so.
            start = end if plain else end + (address(array) - first) % ALIGNMENT
            size = memory.size
            behind = -(-(start + size + (0 if plain else overrun(array)) + 1) // ALIGNMENT) * ALIGNMENT
            parts += (AROUND[: start - end], memory.data, bytes([OUTSIDE]) * (behind - start - size))
            sent[name] = start
            laid[name] = (
                array.shape,
                array.dtype.str,
                start + first,
                array.strides,
                bool(array.flags.writeable),
            )
            end = behind
        system.write_at(self.inputs, parts, begin)
        self.end = end
        return laid, sent

    def say(self, command: Mapping[str, Any]) -> None:
        """Send one command; that nobody listens any more is found out when there is no answer."""
        try:
            os.write(self.commands, pickle.dumps(command))
        except BrokenPipeError:
            return

    def line(self, seconds: float) -> bytes:
        """The next line that it says, empty if it has ended; TimeoutError if it says nothing for so long."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self.heard and len(self.heard) < LONGEST_LINE:
            left = deadline - time.monotonic()
            if left <= 0 or not system.readable(self.replies, left):
                raise TimeoutError
            more = os.read(self.replies, 1 << 16)
            if not more:
                return b""
            self.heard += more
        line, _, self.heard = self.heard.partition(b"\n")
        return line

    def differs(self, start: int, array: Array) -> bool:
        """Whether the memory that was written there is no longer the array's."""
        memory, _ = memory_of(array)
        return not np.array_equal(np.frombuffer(system.read_at(self.inputs, memory.size, start), np.uint8), memory)

    def result(self, name: str, shape: tuple[int, ...], reply: Mapping[str, Any]) -> Array:
        """A result of this shape, in memory of the judge's own; Malformed if that is not what came."""
        try:
            said = reply["results"][name]
            dtype, offset = np.dtype(said["dtype"]), int(said["offset"])
            if tuple(said["shape"]) != shape or dtype.kind not in "fiub":
                raise Malformed(f"{name} has shape {tuple(said['shape'])} and dtype {dtype}; expected {shape}")
            size = prod(shape) * dtype.itemsize
            if len(came := system.read_at(self.results, size, offset)) < size:
                raise Malformed(f"{name} did not arrive: the file of results is too short")
            array: Array = np.frombuffer(came, dtype).reshape(shape)
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise Malformed(f"{name} did not arrive: {error}") from error
        return array

    def ended(self) -> str:
        """How it ended, with its last words."""
        try:
            code = self.running.wait(5)
        except subprocess.TimeoutExpired:
            return "closed its channel to the judge"
        if self.listener is not None:
            self.listener.join(HEARD)  # it may have ended before they were read
        words = f"; it wrote: {self.said[0].decode(errors='replace')[:200]}" if self.said else ""
        if code < 0:
            return f"was killed by {signal.Signals(-code).name}{words}"
        return f"ended with exit code {code}{words}"

    def kill(self) -> None:
        """End it and whatever it started, at once."""
        system.end(self.running)
        for descriptor in (self.commands, self.replies, self.inputs, self.results):
            os.close(descriptor)
