"""The notebooks run from the first to the last cell, in a kernel, and show what they say."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
WARNS = "import warnings\nfrom checks import judge\nfrom reference import tanh\nclass Warns:\n"
WARNS += "    def forward(self, x):\n        warnings.warn('of theirs', stacklevel=1)\n        return tanh.forward(x)\n"
WARNS += "    def backward(self, g, x):\n        return tanh.backward(g, x)\n"
WARNS += "judge('tanh', Warns(), seed=1, examples=30)"


@pytest.fixture(autouse=True)
def kernels(monkeypatch):
    """Kernels find this checkout wherever they run, and say nothing of how they are debugged."""
    found = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(found))
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")


def ran(notebook, folder):
    """The outputs of each cell of code, of a kernel that is started in a folder."""
    with warnings.catch_warnings(action="ignore"):  # of what speaks to kernels
        nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    return [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]


def shown(outputs):
    """What stands below a cell, without the bar that is gone when the report is there."""
    return [output for output in outputs if not (output.output_type == "stream" and output.name == "stderr")]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_kept_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert all(c.outputs == [] and c.execution_count is None for c in notebook.cells if c.cell_type == "code")


def test_a_layer_is_judged_from_wrong_to_right(tmp_path):
    notebook = nbformat.read(ROOT / "examples" / "judge-your-layer.ipynb", as_version=4)
    _, wrong, failure, formula, right, last = map(shown, ran(notebook, tmp_path))
    for (page,), says in ((wrong, "grad_x is wrong"), (right, "conv: right")):
        assert says in page.data["text/html"]
        assert page.data["text/html"].startswith("<iframe")
    assert failure[0].data["text/plain"].startswith("(False, 'grad_x', 'kernel not turned'")
    assert "&lt;math" in formula[0].data["text/html"]
    assert "yours    K₁,₁·G₁,₁" in formula[0].data["text/plain"]
    assert last[0].text.startswith("conv: right.")


def test_a_bar_is_shown_and_no_warning_of_theirs_comes_between(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(WARNS)])
    (outputs,) = ran(notebook, tmp_path)
    (report,) = shown(outputs)
    assert "tanh: right" in report.data["text/html"]
    said = "".join(output.text for output in outputs if output.output_type == "stream")
    assert "tanh: " in said
    assert "/30" in said
    assert "of theirs" not in said
    assert "Warning" not in said
