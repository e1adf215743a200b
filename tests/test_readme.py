"""What the README shows is what comes out (with the versions of constraints.txt, which decide what is drawn)."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def _output(*arguments):
    run = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=ROOT, check=False)
    assert not run.stderr
    return run.stdout


def test_the_command_gives_the_shown_verdict():
    shown = next(block for block in _blocks("text") if block.startswith("$ "))
    command, expected = shown.split("\n", 1)
    output = _output(*command.removeprefix("$ python ").split())
    seconds = re.compile(r"[\d.]+ s$", re.MULTILINE)
    assert seconds.sub("", output) == seconds.sub("", expected)


def test_the_wrong_implementation_gives_the_shown_failure():
    code = next(block for block in _blocks("python") if "class Mine" in block)
    shown = next(block for block in _blocks("text") if block.startswith("conv: grad_x is wrong."))
    assert _output("-c", code).startswith(shown.removesuffix("…\n"))


def test_every_file_that_the_readme_links_to_exists():
    for path in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / path).exists(), path
