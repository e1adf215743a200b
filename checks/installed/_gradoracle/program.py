"""The command `gradoracle`: checks/__main__.py, by our meaning of `checks` and `reference`, in whatever folder."""

from __future__ import annotations

from _gradoracle.subjects.names import ours


def main() -> int:
    """Run the command line; returns the exit code."""
    with ours:
        from checks import __main__ as program

        return program.main(program="gradoracle")
