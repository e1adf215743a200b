"""What is installed beside `checks` and `reference`, under a name that no folder of a user's has.

The command `gradoracle`, pytest's plugin and Python's start look for this, since `checks` may be a user's own there. The
doors and rooms of checks/ can be found in it too, without `checks` being imported: `_gradoracle.plugin` is plugin.py.

PYTEST_DONT_REWRITE: there is no assertion in it, and Python's start may have imported it before pytest could ask.
"""

from pathlib import Path

_rooms = next(
    path / "checks" for path in Path(__file__).resolve().parents if (path / "checks" / "gradcheck.py").is_file()
)
__path__.append(str(_rooms))
