"""The house keeps its rules: what may import what, who may know which op, how long a file is, what is configured where."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from configparser import ConfigParser
from pathlib import Path

import pytest

from checks.ops import ops

ROOT = Path(__file__).parents[1]
CHECKS = sorted((ROOT / "checks").rglob("*.py"))
REFERENCE = sorted((ROOT / "reference").rglob("*.py"))
OTHERS = [path for folder in ("benchmarks", "examples", "tests") for path in sorted((ROOT / folder).rglob("*.py"))]
SOURCES = [*CHECKS, *REFERENCE, *OTHERS]
LAWS = sorted((ROOT / "checks" / "laws").glob("*.py"))
RENDERERS = sorted((ROOT / "checks" / "render").glob("*.py"))
LONGEST = 400


def shown(path):
    return path.relative_to(ROOT).as_posix()


def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path):
    """The top-level packages that a file imports, wherever in the file."""
    packages = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            packages |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            packages.add((node.module or ".").split(".")[0] if not node.level else ".")
    return packages


def python(script):
    """Run a script in this interpreter with nothing imported yet; returns what it prints."""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_files_are_where_these_tests_look():
    assert all((CHECKS, REFERENCE, LAWS, RENDERERS))
    assert {"checks/gradcheck.py", "reference/conv.py"} <= set(map(shown, SOURCES))


@pytest.mark.parametrize("path", REFERENCE, ids=shown)
def test_the_reference_imports_numpy_and_the_standard_library_only(path):
    assert imported(path) <= {"numpy", "reference", *sys.stdlib_module_names}


def test_the_reference_works_where_nothing_else_is_installed():
    script = """
import sys
sys.modules.update(dict.fromkeys(["torch", "hypothesis", "pytest", "sympy", "checks", "tests"]))  # None: ImportError
import numpy as np
from reference import conv
y = conv.forward(np.ones((1, 1, 3)), np.ones((1, 1, 2)))
print(*y.ravel(), *conv.backward(y, np.ones((1, 1, 3)), np.ones((1, 1, 2)))[0].ravel())
"""
    assert python(script) == "2.0 2.0 2.0 4.0 2.0"


def test_importing_all_of_checks_loads_neither_torch_nor_hypothesis():
    script = """
import importlib, pkgutil, sys
import checks
names = [module.name for module in pkgutil.walk_packages(checks.__path__, "checks.")]
for name in names:
    importlib.import_module(name)
print(len(names), sorted({"torch", "hypothesis"} & set(sys.modules)))
"""
    assert python(script) == f"{len(CHECKS) - 1} []", "every module but the package itself, and nothing slow"


def test_the_test_above_would_notice():
    assert python("import sys, hypothesis; print('hypothesis' in sys.modules)") == "True"


@pytest.mark.parametrize("path", [p for p in CHECKS if p.parent.name != "ops"], ids=shown)
def test_no_module_outside_ops_names_an_op(path):
    named = [
        f"line {node.lineno}"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in ops()
    ]
    assert not named, "what depends on the op belongs in checks/ops"
    assert not {f"checks.ops.{name}" for name in ops()} & {
        getattr(node, "module", None) for node in ast.walk(tree(path)) if isinstance(node, ast.ImportFrom)
    }


@pytest.mark.parametrize("path", LAWS, ids=shown)
def test_a_law_never_asks_which_op_it_is_given(path):
    asked = [
        f"line {node.lineno}"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute)
        and node.attr == "name"
        and (getattr(node.value, "attr", None) == "op" or getattr(node.value, "id", None) == "op")
    ]
    assert not asked


@pytest.mark.parametrize("path", RENDERERS, ids=shown)
def test_a_renderer_never_computes(path):
    assert not imported(path) & {"numpy", "torch", "reference"}


@pytest.mark.parametrize("path", [*REFERENCE, *CHECKS], ids=shown)
def test_data_runs_one_way(path):
    """What runs is reference → ops → laws → report → render: nothing imports what comes after it."""
    later = {"reference": "checks", "ops": "checks.laws|checks.report|checks.render", "laws": "checks.render"}
    after = later.get(path.parent.name, "tests|benchmarks")
    found = [
        node.module
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom) and re.match(rf"({after})\b", node.module or "")
    ]
    assert not found


def test_no_source_file_is_longer_than_400_lines():
    lengths = {shown(path): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert {path: length for path, length in lengths.items() if length > LONGEST} == {}


def test_every_rule_that_ruff_ignores_has_its_reason():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lint = tomllib.loads(text)["tool"]["ruff"]["lint"]
    ignored = [*lint["ignore"], *(rule for rules in lint["per-file-ignores"].values() for rule in rules)]
    assert ignored
    section = text[text.index("[tool.ruff.lint]") :]
    reasons = dict(re.findall(r'^\s+"([A-Z]+\d*)",\s+# (\S.+)$', section, re.MULTILINE))
    assert [rule for rule in ignored if rule not in reasons] == []


def test_every_ignored_line_has_its_reason():
    bare = [
        f"{shown(path)}:{number}"
        for path in SOURCES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r"# noqa(?!: [A-Z0-9, ]+ \w)", line) and path != Path(__file__)
    ]
    assert not bare


def test_pytest_is_configured_in_tox_ini_alone():
    assert "pytest" not in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    assert not [name for name in ("pytest.ini", ".pytest.ini", "pytest.toml", "setup.cfg") if (ROOT / name).exists()]
    configured = ConfigParser()
    configured.read(ROOT / "tox.ini", encoding="utf-8")
    assert configured["pytest"]["testpaths"] == "tests checks/conformance.py"
    assert configured["pytest"].getboolean("strict")
    assert configured["pytest"]["filterwarnings"].strip() == "error"


def test_constraints_pin_torch_and_every_dependency():
    pins = dict(re.findall(r"^([\w-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE))
    assert "torch" in pins
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {re.match(r"[\w-]+", requirement).group() for requirement in project["dependencies"]} <= set(pins)


def test_continuous_integration_runs_the_test_command_of_the_readme():
    command = "pip install tox && tox"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert command in [line.strip() for line in readme.splitlines()]
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert [line for line in script if line.startswith("pip ")] == [command]
