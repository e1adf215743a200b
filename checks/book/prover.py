"""The process of the proofs: `python -m checks.book.prover PATHS`, started by `checks.book.proofs` and by nobody else.

It runs pytest and writes one line of JSON for each thing that happens: how many tests there are, what came of each, and
which files could not be read.
"""

from __future__ import annotations

import json
import os
import sys
from collections import defaultdict
from typing import IO, Any

import pytest


class Recorder:
    """A plugin of pytest that tells what happens."""

    def __init__(self, told: IO[str]) -> None:
        self.told = told
        self.reports: dict[str, list[pytest.TestReport]] = defaultdict(list)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be imported has no tests; say why."""
        if report.failed:
            self._tell(broken=report.nodeid, says=report.longreprtext)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """How many tests there are."""
        self._tell(tests=len(session.items))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Set-up, call and tear-down of a test are one thing."""
        parts = self.reports[report.nodeid]
        parts.append(report)
        if report.when == "teardown":
            bad = next((part for part in parts if not part.passed), None)
            self._tell(
                test=report.nodeid,
                passed=bad is None,
                seconds=sum(part.duration for part in parts),
                says="" if bad is None else bad.longreprtext or f"it was {bad.outcome}",
            )

    def _tell(self, **what: Any) -> None:
        print(json.dumps(what), file=self.told, flush=True)


def main(paths: list[str]) -> int:
    """Run the tests of these paths. Standard output is for what the recorder tells; pytest's own goes nowhere."""
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as told:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(pytest.main(["-p", "no:cacheprovider", "--tb=short", *paths], [Recorder(told)]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
