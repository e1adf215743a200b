"""Every command in docs/ runs, in a folder of a reader's own, and prints what is shown.

A block whose language is followed by a name is a file; `sh` runs; a `text` block that follows is what comes out, up to a
line "…" and but for seconds.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DOCUMENTS = [path for path in sorted((ROOT / "docs").glob("*.md")) if "```sh" in path.read_text(encoding="utf-8")]
SECONDS = re.compile(r"[\d.]+ s\b")


def run(script, folder):
    """What the script prints; `python` and `pytest` are those that run the tests."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-c", script],  # noqa: S607, whichever there is
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_what_a_document_shows_is_what_comes_out(document, tmp_path):
    blocks = BLOCK.findall(document.read_text(encoding="utf-8"))
    assert any(language == "sh" for language, *_ in blocks)
    for number, (language, name, text) in enumerate(blocks):
        if name:
            (tmp_path / name).write_text(text, encoding="utf-8")
        elif language == "sh":
            code, out, err = run(text, tmp_path)
            shown = (
                blocks[number + 1][2] if blocks[number + 1 : number + 2] and blocks[number + 1][0] == "text" else None
            )
            if shown is None:
                assert code == 0, (text, out, err)
                continue
            expected, cut, _ = shown.partition("…\n")
            out, expected = SECONDS.sub("", out), SECONDS.sub("", expected)
            assert out.startswith(expected) if cut else out == expected, (text, out, err)
        else:
            assert language == "text", f"a block of {language} that nothing runs"


def test_the_workflow_runs_what_it_says(tmp_path):
    """Each command of the GitHub Actions file but for the installation, which the tests have behind them."""
    blocks = BLOCK.findall((ROOT / "docs" / "judge-your-own.md").read_text(encoding="utf-8"))
    for _, name, text in blocks:
        if name:
            (tmp_path / name).write_text(text, encoding="utf-8")
    steps = re.findall(r"- run: (.*)", (tmp_path / "gradients.yml").read_text(encoding="utf-8"))
    assert [step.split()[0] for step in steps] == ["pip", "pytest"]
    code, out, err = run(steps[1], tmp_path)
    assert code == 0, (out, err)
    assert "9 passed, 1 skipped" in out
    assert (tmp_path / "gradients.xml").exists()
