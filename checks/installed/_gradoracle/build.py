"""Building: beside what is imported, gradoracle.pth, which Python reads when it starts (start.py says why)."""

from __future__ import annotations

from pathlib import Path

from setuptools.command.build_py import build_py

# One line that begins with "import" is run at each start of Python: it looks at the words of the command, no more.
WORDS = "zip(sys.orig_argv, sys.orig_argv[1:])"
MODULE = f'next((b for a, b in {WORDS} if a == "-m"), "")'
START = f'import sys; {MODULE}.split(".")[0] == "checks" and __import__("_gradoracle.start")\n'


class WithStart(build_py):  # type: ignore[misc]  # setuptools says nothing of types
    """Of a wheel, and of an editable installation, which has no folder of what is built but one of what is installed."""

    def run(self) -> None:
        """Build, and lay the file beside the packages."""
        super().run()
        folder = self.get_finalized_command("install").install_lib if self.editable_mode else self.build_lib
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / "gradoracle.pth").write_text(START, encoding="utf-8")
