"""An implementation in a process of its own, which the judge outlives whatever it does.

It may crash, exit, hang, take all memory, write to what it was given, print, or patch NumPy: the judge holds its own copy
of everything, reads nothing from the other process but shapes (as JSON) and numbers (as bytes), and believes neither before
it has looked at them. Arrays go through two files that both have open, in memory where the system can: a copy each way.

Calls may be asked for before others have returned, so that it computes while the judge does. They run in the order in which
they were asked for, and that never depends on how fast either process is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from checks.numbers.precision import Array
from checks.op import Case, Op
from checks.ops import without
from checks.subjects import system
from checks.subjects.chance import REWOUND
from checks.subjects.implementation import EARLIER, Awaited, Judged, Outcome
from checks.subjects.loading import COMPILED
from checks.subjects.process import LOADING, Outlived, Process, failure
from checks.subjects.refusals import Crashed, Ended, Malformed, NotAnImplementation, Unsupported

TIMEOUT = 10.0  # seconds that a call may take
COMPILING = 60.0  # seconds more that a call may take which compiles first
AHEAD = (
    32  # calls that have not returned yet, at most: a pipe holds as many commands, so that nobody waits to write them
)
ROOM = 1 << 22  # bytes that they were passed, at most


@dataclass(eq=False)
class Sent:
    """A call that was asked for: where what it was passed lies, and what came of it once that has been read."""

    process: Process
    part: str
    case: Case
    given: Mapping[str, Array]
    starts: Mapping[str, int]
    watch: bool
    spoil: bool
    came: Outcome | Exception | None = None
    is_lost: bool = False


@dataclass(eq=False)
class Isolated(Outlived, Judged):
    """What `spec` names, in a process of its own that is started when first needed and again after a crash.

    timeout  seconds that one call may take
    memory   bytes that its data may take, or None
    """

    op: Op
    spec: str
    dtype: str = "float64"
    device: str = "cpu"
    timeout: float = TIMEOUT
    memory: int | None = None
    name: str = ""
    promised: str = ""
    assumed: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    pins: Mapping[str, Any] = field(default_factory=dict)
    lacks: tuple[str, ...] = ()
    _loaded: bool = False
    _sent: deque[Sent] = field(default_factory=deque)
    _is_willing: bool = True  # whether what it was asked last was answered with numbers
    served = "checks.subjects.worker"

    @classmethod
    def loaded(cls, *settings: Any) -> Isolated:
        """What these settings name, once it has been found; raises NotAnImplementation, in one sentence, if it is not."""
        isolated = cls(*settings)
        isolated.load()
        return isolated

    def load(self) -> None:
        """Wait until it is found; raises NotAnImplementation, in one sentence, if it is not."""
        try:
            self.start()
        except Crashed as failure:
            raise NotAnImplementation(str(failure)) from failure

    def settings(self) -> Mapping[str, Any]:
        """What the worker is told."""
        return {
            "op": self.op.name,
            "spec": self.spec,
            "dtype": self.dtype,
            "device": self.device,
            "memory": self.memory,
        }

    def begin(self) -> bool:
        """As Outlived.begin; a new process has loaded nothing yet."""
        started = super().begin()
        self._loaded = self._loaded and not started
        return started

    def start(self) -> None:
        """Start it, if it does not run: raises NotAnImplementation, in one sentence, if it cannot be loaded."""
        self.begin()
        if self._loaded:
            return
        self._loaded = True
        reply = self.answer("while it was loaded", LOADING)
        if "ready" not in reply:
            self.close()
            raise NotAnImplementation(str(reply.get("message", "it could not be loaded")))
        self.name = str(reply["ready"])
        self.assumed = tuple(str(line) for line in reply.get("assumed", ()))
        lacks = reply.get("lacks", ())
        self.lacks = tuple(n for n in self.op.takes.differentiable if n in lacks) if isinstance(lacks, list) else ()
        self.op = without(self.op, self.lacks)
        self.offers = tuple(str(part) for part in reply.get("offers", ()))
        pins = reply.get("pins", {})
        self.pins = (
            {n: tuple(v) if isinstance(v, list) else v for n, v in pins.items()} if isinstance(pins, dict) else {}
        )

    def close(self) -> None:
        """As Outlived.close: what was asked for will have to be asked again."""
        super().close()
        for sent in self._sent:
            sent.is_lost = True
        self._sent.clear()

    def call(self, part: str, case: Case, *, watch: bool = False, spoil: bool = False) -> Outcome:
        """As Judged.call: in the other process."""
        self.start()
        return self._outcome(self._asked(part, case, watch=watch, spoil=spoil))

    def ahead(self, part: str, case: Case, *, watch: bool = False, spoil: bool = False) -> Awaited:
        """As Judged.ahead: at once, if it runs and there is room; not of code that has just refused or raised.

        That may do so in every call, and would be asked in vain; or end in one, and take the others along.
        """
        is_free = len(self._sent) < AHEAD and (not self._sent or self.process.end < ROOM)
        if self._process is None or not self._loaded or not self._is_willing or not is_free:
            return partial(self.call, part, case, watch=watch, spoil=spoil)
        return partial(self._outcome, self._asked(part, case, watch=watch, spoil=spoil))

    def _asked(self, part: str, case: Case, *, watch: bool, spoil: bool) -> Sent:
        process = self.process
        names = (self.op.cotangent, *self.op.inputs)
        given = {n: a for n, a in zip(names, (case.cotangent, *case.inputs), strict=True) if a is not None}
        laid, starts = process.lay_out(given, process.end if self._sent else 0)
        process.say(
            {
                "part": part,
                "arrays": [laid.get(name) for name in names],
                "parameters": dict(case.parameters),
                "spoil": spoil,
                "first": not self._sent,  # then nobody needs the results before it
            }
        )
        self._sent.append(sent := Sent(process, part, case, given, starts, watch, spoil))
        return sent

    def _outcome(self, sent: Sent) -> Outcome:
        """What came of it; what was asked for before is read first."""
        while sent.came is None and not sent.is_lost:
            self._read(self._sent[0])
        if sent.is_lost:
            return self.call(sent.part, sent.case, watch=sent.watch, spoil=sent.spoil)
        self._is_willing = isinstance(sent.came, Outcome)
        if isinstance(sent.came, Outcome):
            return sent.came
        assert sent.came is not None  # noqa: S101, it has been read
        raise sent.came

    def _read(self, sent: Sent) -> None:
        """Read what came of the first that has not been read."""
        try:
            reply = self.answer(sent.part, self.timeout + (COMPILING if self.spec.startswith(COMPILED) else 0))
        except Ended as ended:  # the others are lost with it
            sent.came, sent.is_lost = ended, False
            return
        self._sent.popleft()
        try:
            sent.came = self._taken(sent, reply)
        except (Unsupported, Malformed, Crashed, NotAnImplementation) as refusal:
            sent.came = refusal

    def _taken(self, sent: Sent, reply: Mapping[str, Any]) -> Outcome:
        if "failed" in reply:
            raise failure(reply)
        process, case = sent.process, sent.case
        changed = tuple(n for n, at in sent.starts.items() if sent.watch and process.differs(at, sent.given[n]))
        if sent.part in ("forward", REWOUND):
            wanted = {"y": case.cotangent.shape}
        else:
            present = zip(self.op.inputs, case.inputs, strict=True)
            wanted = {n: a.shape for n, a in present if a is not None and n in self.op.takes.differentiable}
        changed += (EARLIER,) if EARLIER in reply.get("changed", ()) else ()
        shared = tuple((str(a), str(b)) for a, b in reply.get("shared", ()))
        return Outcome({n: process.result(n, shape, reply) for n, shape in wanted.items()}, changed, shared)


def half_the_memory() -> int | None:
    """Half of the machine's memory, in bytes; None if the system does not say how much it has."""
    whole = system.physical_memory()
    return None if whole is None else whole // 2
