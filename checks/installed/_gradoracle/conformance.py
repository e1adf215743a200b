"""The tests of checks/conformance.py, where `checks` may be a user's own: what is asked for runs by our meaning of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from _gradoracle.subjects.names import ours

if TYPE_CHECKING:
    import pytest

with ours:
    from checks import conformance


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each op and law."""
    with ours:
        conformance.pytest_generate_tests(metafunc)


def test_law(op: str, law: str, request: pytest.FixtureRequest) -> None:
    """The law holds for what is judged, or what is broken is known."""
    with ours:
        conformance.test_law(op, law, request)


def test_decided(op: str, request: pytest.FixtureRequest) -> None:
    """The laws that decide have decided every result."""
    with ours:
        conformance.test_decided(op, request)
