"""What the README shows is what comes out (with the versions of constraints.txt, which decide what is drawn)."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

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


THEIRS = {
    "mine.py": "import reference\n\nclass Conv:\n"
    "    def forward(self, *a, **p): return reference.conv.forward(*a, **p)\n"
    "    def backward(self, *a, **p): return reference.conv.backward(*a, **p)\n",
    "mypackage/__init__.py": "",
    "mypackage/conv.py": "from mine import Conv\n",
    "mypackage/layers.py": "from reference import max_pool as pool\n",
    "mypackage/ops.py": "import torch\n\ndef MyConvFunction(x, weight, bias, **p):\n"
    "    if x.ndim != 4 or isinstance(p['padding'], str) or p.pop('flip'): raise NotImplementedError('not yet')\n"
    "    return torch.nn.functional.conv2d(x, weight, bias, **p)\n",
}


@pytest.mark.parametrize("words", ["--impl mine.py:Conv --stride 2", "--pyargs checks.conformance"])
def test_the_commands_for_ones_own_code_run_where_that_code_is(words, tmp_path):
    for name, text in THEIRS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    commands = next(block for block in _blocks("sh") if words in block)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    few = {"python": " --examples 10", "pytest": " -o judge_examples=10"}
    for command in commands.strip().splitlines():
        plain, *into = command.split(" > ")
        shell = " > ".join([plain + ("" if into else few[plain.split()[0]]), *into])
        run = subprocess.run(
            ["bash", "-c", shell],  # noqa: S607, whichever there is
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, (command, run.stdout, run.stderr)
    if "--skeleton" in commands:
        assert "still to be written" in (tmp_path / "mine.py").read_text()


def test_every_file_that_the_readme_links_to_exists():
    for path in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / path).exists(), path
