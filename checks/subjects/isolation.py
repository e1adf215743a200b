"""An implementation in a process of its own, which the judge outlives whatever it does.

It may crash, exit, hang, take all memory, write to what it was given, print, or patch NumPy: the judge holds its own copy
of everything, reads nothing from the other process but shapes (as JSON) and numbers (as bytes), and believes neither before
it has looked at them. Arrays go through two files that both have open, in memory where the system can: a copy each way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from checks.op import Case, Op
from checks.ops import without
from checks.subjects import system
from checks.subjects.chance import REWOUND
from checks.subjects.implementation import Judged, Outcome
from checks.subjects.loading import COMPILED
from checks.subjects.process import LOADING, Outlived, failure
from checks.subjects.refusals import Crashed, NotAnImplementation

TIMEOUT = 10.0  # seconds that a call may take
COMPILING = 60.0  # seconds more that a call may take which compiles first


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

    def call(self, part: str, case: Case, *, watch: bool = False, spoil: bool = False) -> Outcome:
        """As Judged.call: in the other process."""
        self.start()
        process = self.process
        names = (self.op.cotangent, *self.op.inputs)
        given = {n: a for n, a in zip(names, (case.cotangent, *case.inputs), strict=True) if a is not None}
        laid, sent = process.lay_out(given)
        arrays = [laid.get(name) for name in names]
        process.say({"part": part, "arrays": arrays, "parameters": dict(case.parameters), "spoil": spoil})
        reply = self.answer(part, self.timeout + (COMPILING if self.spec.startswith(COMPILED) else 0))
        if "failed" in reply:
            raise failure(reply)
        changed = tuple(n for n, start in sent.items() if watch and process.differs(start, given[n]))
        if part in ("forward", REWOUND):
            wanted = {"y": case.cotangent.shape}
        else:
            present = zip(self.op.inputs, case.inputs, strict=True)
            wanted = {n: a.shape for n, a in present if a is not None and n in self.op.takes.differentiable}
        shared = tuple((str(a), str(b)) for a, b in reply.get("shared", ()))
        return Outcome({n: process.result(n, shape, reply) for n, shape in wanted.items()}, changed, shared)


def half_the_memory() -> int | None:
    """Half of the machine's memory, in bytes; None if the system does not say how much it has."""
    whole = system.physical_memory()
    return None if whole is None else whole // 2
