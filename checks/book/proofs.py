"""Runs the tests that prove the results, in a process of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryFile

from checks.book.contents import Outcome

Progress = Callable[[int, int], None]


@dataclass
class Outcomes:
    """What came of the tests that ran, by file and name of their function; why others did not run."""

    root: Path
    by_test: dict[tuple[str, str], Outcome] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    ended: str = ""

    def of(self, file: Path, name: str) -> Outcome:
        """The outcome of a test with all its cases."""
        path = file.relative_to(self.root).as_posix()
        none = Outcome(says=self.broken.get(path) or self.ended or "it was not run")
        return self.by_test.get((path, name), none)

    def add(self, node: str, *, passed: bool, seconds: float, says: str) -> None:
        """One more case of a test: `node` is what pytest calls it, path::name[case]."""
        path, _, name = node.partition("::")
        test = path, name.partition("[")[0]
        so_far = self.by_test.get(test, Outcome())
        self.by_test[test] = replace(
            so_far,
            cases=so_far.cases + 1,
            failed=so_far.failed + (not passed),
            seconds=so_far.seconds + seconds,
            says=so_far.says or says,
        )


def prove(root: Path, paths: Sequence[str], progress: Progress | None = None) -> Outcomes:
    """The outcomes of all tests in these files or folders below `root`.

    `progress` is called with the number of cases that are done, and of all.
    """
    outcomes, done, total = Outcomes(root), 0, 0
    command = [sys.executable, "-m", "checks.book.prover", *paths]
    with (
        TemporaryFile("w+", encoding="utf-8") as complaints,
        subprocess.Popen(  # noqa: S603 the command is this module's own
            command, cwd=root, env=_environment(), stdout=subprocess.PIPE, stderr=complaints, encoding="utf-8"
        ) as running,
    ):
        for line in running.stdout or ():
            told = json.loads(line)
            if "broken" in told:
                outcomes.broken[told["broken"]] = told["says"]
            elif "tests" in told:
                total = told["tests"]
            else:
                done += 1
                outcomes.add(told["test"], passed=told["passed"], seconds=told["seconds"], says=told["says"])
            if progress is not None:
                progress(done, total)
        running.wait()
        complaints.seek(0)
        complaint = complaints.read().strip()
    if running.returncode not in (0, 1):  # of pytest: all passed, some failed
        outcomes.ended = f"the process of the proofs ended with exit code {running.returncode}\n{complaint}".strip()
    return outcomes


def _environment() -> dict[str, str]:
    """The environment, but for what would run other tests than these, or in another way."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    return kept | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
