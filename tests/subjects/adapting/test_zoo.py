"""Layers as courses, books and frameworks have them: each is adapted as it stands, and so is each with a mistake in it."""

from __future__ import annotations

import re
import sys
import warnings
from pathlib import Path
from random import Random
from types import ModuleType

import numpy as np
import pytest

from checks.cases.drawing import problem
from checks.cases.pins import pinned_values
from checks.ops import find
from checks.signature.drawing import ByChance
from checks.subjects.implementation import Implementation
from checks.subjects.refusals import Unsupported
from checks.verdict.judging import judge

ZOO = sorted((Path(__file__).parent / "zoo").glob("*.txt"))
DRAWN, COMPARED = 800, 6
JUDGED = ["coursera_conv", "nnfs_dense", "tutorial_dense_learning_rate"]  # in full: all of them would take minutes


def read(path, *, wrong):
    """The op, and what the file has of it; with its mistake in place of the line that is right."""
    text = path.read_text(encoding="utf-8")
    op, name = re.search(r"^# judge: (\S+) (\S+)$", text, re.MULTILINE).groups()
    right, mistaken = re.search(r"^# mistake: (.+) \| (.+)$", text, re.MULTILINE).groups()
    code = "\n".join(line for line in text.splitlines() if not line.startswith("# mistake"))
    assert code.count(right) == 1
    module = ModuleType(path.stem)
    sys.modules[path.stem] = module
    exec(compile(code.replace(right, mistaken) if wrong else code, path.name, "exec"), vars(module))  # noqa: S102, it lies here
    return find(op), getattr(module, name)


def disagreements(op, subject):
    """The results that are not the reference's in a few cases that it takes, each drawn by chance."""
    chance, wrong, compared = Random(1), set(), 0  # noqa: S311, no secret
    for _ in range(DRAWN):
        one = problem(ByChance(chance), op, pinned_values(op, dict(subject.pins)), "float64")
        case = one.whole_numbers() if one.largest else one.reals()
        if 0 in case.cotangent.shape or any(a is not None and 0 in a.shape for a in case.inputs):
            continue
        try:
            y, gradients = subject.forward(case), subject.backward(case)
        except Unsupported:
            continue
        found = {"y": (y, case.y)} | {n: (g, case.gradients[op.inputs.index(n)]) for n, g in gradients.items()}
        wrong |= {n for n, (a, b) in found.items() if not np.allclose(a, b, rtol=1e-9, atol=1e-9)}
        compared += 1
        if compared == COMPARED:
            return wrong
    raise AssertionError(f"it takes {compared} of {DRAWN} cases")


@pytest.mark.parametrize("path", ZOO, ids=lambda path: path.stem)
def test_what_is_right_agrees_and_a_mistake_shows(path):
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        op, given = read(path, wrong=False)
        right = Implementation.of(op, given)
        assert len(right.assumed) == 2
        assert not disagreements(op, right)
        op, given = read(path, wrong=True)
        assert disagreements(op, Implementation.of(op, given))


@pytest.mark.parametrize("path", [p for p in ZOO if p.stem in JUDGED], ids=lambda path: path.stem)
def test_some_are_judged_in_full(path):
    op, given = read(path, wrong=False)
    report = judge(op.name, given, examples=12, seed=1)
    assert (report.exit_code, len(report.assumed)) == (0, 2)
    op, given = read(path, wrong=True)
    assert judge(op.name, given, examples=12, seed=1).exit_code == 1
