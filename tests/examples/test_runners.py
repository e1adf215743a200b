"""The runners in other languages, where their compilers are: by vectors and live, right ones and a classic mistake."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from checks import judge
from checks.vectors.judging import judged

ROOT = Path(__file__).parents[2]
RUNNERS, VECTORS = ROOT / "examples" / "runners", ROOT / "vectors"
MISTAKE = "kernel not turned"
C = ("gcc", "-O2", "-o", "{out}", "runner.c", "-lm")
GO = ("go", "build", "-o", "{out}", "-ldflags")
GO_FILES = ("runner.go", "vectors.go", "conv.go")
RUST = ("rustc", "--edition", "2021", "-O", "-o", "{out}", "runner.rs")


@dataclass(frozen=True)
class Language:
    """How a runner is made, right and with the mistake; without a compiler, how it is started."""

    name: str
    needs: str
    right: tuple[str, ...]
    wrong: tuple[str, ...]
    compiled: bool = True
    version: str = "--version"


LANGUAGES = (
    Language("conv.c", "gcc", C, (*C, "-DKERNEL_NOT_TURNED")),
    Language("conv.c", "gcc", (*C, "-fopenmp"), (*C, "-fopenmp", "-DKERNEL_NOT_TURNED")),
    Language("conv.rs", "rustc", RUST, (*RUST, "--cfg", "kernel_not_turned")),
    Language(
        "conv.go",
        "go",
        (*GO, "", *GO_FILES),
        (*GO, f"-X 'main.mistake={MISTAKE}'", *GO_FILES),
        version="version",
    ),
    Language(
        "conv.js",
        "node",
        ("node", str(RUNNERS / "runner.js")),
        ("node", str(RUNNERS / "runner.js"), MISTAKE),
        compiled=False,
    ),
)


@pytest.fixture(scope="module", params=LANGUAGES, ids=["C", "OpenMP", "Rust", "Go", "JavaScript"])
def language(request, tmp_path_factory):
    """The name of a convolution, and the command lines of a runner that is right, and of one that is wrong."""
    one = request.param
    found = shutil.which(one.needs)
    if not found or subprocess.run([found, one.version], capture_output=True, check=False).returncode:
        pytest.skip(f"{one.needs} is not installed")
    if not one.compiled:
        return one.name, list(one.right), list(one.wrong)
    made = []
    for kind, command in (("right", one.right), ("wrong", one.wrong)):
        out = tmp_path_factory.mktemp("runner") / kind
        words = [word.format(out=out) for word in command]
        done = subprocess.run(words, cwd=RUNNERS, capture_output=True, encoding="utf-8", check=False)
        if done.returncode and "-fopenmp" in words and "gomp" in done.stderr:
            pytest.skip("gcc has no OpenMP here")
        assert done.returncode == 0, done.stderr
        made.append([str(out)])
    return one.name, *made


def answered(command, path):
    """The report on what a runner answers to the vectors."""
    done = subprocess.run([*command, str(VECTORS / "conv.json")], capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    path.write_text(done.stdout, encoding="utf-8")
    (report,) = judged(path, VECTORS, "again")
    return report


def test_by_vectors(language, tmp_path):
    name, right, wrong = language
    report = answered(right, tmp_path / "right.json")
    assert report, str(report)
    assert report.implementation == name
    assert not report.unsupported
    report = answered(wrong, tmp_path / "wrong.json")
    assert [(f.result, f.mistake) for f in report.failures] == [("grad_x", MISTAKE)]
    assert "weight[" in report.failures[0].yours


def test_live(language):
    name, right, wrong = language
    asked = {"examples": 5, "seed": 1, "laws": ["exact"]}
    report = judge("conv", f"exec:{shlex.join(right)}", **asked)
    assert report, str(report)
    assert report.implementation == name
    report = judge("conv", f"exec:{shlex.join(wrong)}", **asked)
    assert [(f.result, f.mistake) for f in report.failures] == [("grad_x", MISTAKE)]
    assert report.failures[0].problem.elements <= 8, "it was shrunk"


def test_runners_are_short():
    lengths = {p.name: len(p.read_text(encoding="utf-8").splitlines()) for p in RUNNERS.iterdir() if p.suffix != ".md"}
    assert {"runner.c", "runner.js", "runner.rs", "runner.go", "vectors.go", "gradoracle.h"} <= set(lengths)
    assert {n: many for n, many in lengths.items() if many > 60 and not n.startswith("conv.")} == {}
