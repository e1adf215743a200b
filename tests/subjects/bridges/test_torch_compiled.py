"""--compile of torch: what only the compiled function gets wrong is said to be so."""

import pytest

from checks import judge
from checks.verdict.eager import ONLY

pytest.importorskip("torch")

# Dynamo alone, which traces what inductor is given: no C++ compiler is waited for.
THEIRS = """
import functools
import torch

torch.compile = functools.partial(torch.compile, backend="eager")

def relu(x):
    return torch.relu(x)

def compiling(x):
    return torch.relu(x) * (2 if torch.compiler.is_compiling() else 1)
"""


@pytest.mark.parametrize(("name", "words"), [("relu", ""), ("compiling", ONLY)])
@pytest.mark.usefixtures("verdict_alone")
def test_it_is_said_that_the_compiler_is_behind_it(tmp_path, name, words):
    (tmp_path / "theirs.py").write_text(THEIRS)
    spec = f"compiled:torch:{tmp_path / 'theirs.py'}:{name}"
    report = judge("relu", spec, examples=2, reach=1, seed=3, laws=["exact"], shape=(3,))
    assert report.exit_code == bool(words), str(report)
    assert all(failure.where.endswith(words) for failure in report.failures)
    assert report.implementation == f"{name}, compiled"
