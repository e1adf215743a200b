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
# The rooms in the order in which data runs; a module imports nothing of a room that comes after its own.
ROOMS = [
    "reference", "numbers", "algebra", "signature", "op", "orders", "ops", "cases", "subjects", "trials", "laws",
    "formulas", "diagnosis", "verdict", "functions", "command", "render", "vectors", "book", "doors",
]  # fmt: skip
DOORS = {"gradcheck.py", "cluster.py", "explain.py", "conformance.py", "plugin.py", "__main__.py", "scoreboard.py"}
INSTALLED = ROOT / "checks" / "installed"  # outside the house: what is installed beside it, under another name


def shown(path):
    return path.relative_to(ROOT).as_posix()


def named(path):
    """The dotted name of a module."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {named(path): path for path in [*REFERENCE, *CHECKS]}


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
    inside = [path for path in CHECKS if not path.is_relative_to(INSTALLED)]
    assert python(script) == f"{len(inside) - 1} []", "every module but the package itself, and nothing slow"


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


def arrows(path):
    """The modules of this project that a file imports, wherever in the file and for types alike."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in inside}
    return sorted(found & set(MODULES))


def room(module):
    """Where a module stands in the order of the house."""
    parts = module.split(".")
    return next((name for name in parts[1::-1] if name in ROOMS), "doors")


def upward(found):
    """The arrows, among (from, to), that run from a room to one that comes after it."""
    return [f"{a} -> {b}" for a, b in found if ROOMS.index(room(a)) < ROOMS.index(room(b))]


def circles(found):
    """The modules that import one another, directly or through others: what is left once nothing can be taken away."""
    left = {a: {b for x, b in found if x == a} for a, _ in found}
    while free := [a for a, after in left.items() if not after & set(left)]:
        for a in free:
            del left[a]
    return sorted(left)


@pytest.mark.parametrize("path", [*REFERENCE, *CHECKS], ids=shown)
def test_data_runs_one_way(path):
    """No module imports one of a room that comes after its own, nor anything of tests or benchmarks."""
    assert not imported(path) & {"tests", "benchmarks", "examples"}
    assert upward((named(path), other) for other in arrows(path)) == []


def test_no_module_imports_itself_through_others():
    assert circles([(module, other) for module, path in MODULES.items() for other in arrows(path)]) == []


def test_the_tests_of_arrows_see_what_they_look_for():
    assert upward([("checks.ops.conv", "checks.laws.exact"), ("checks.laws.exact", "checks.op")]) == [
        "checks.ops.conv -> checks.laws.exact"
    ]
    assert upward([("checks.op", "checks.gradcheck"), ("reference.conv", "checks.op")]) == [
        "checks.op -> checks.gradcheck",
        "reference.conv -> checks.op",
    ]
    assert circles([("a", "b"), ("b", "c"), ("c", "a"), ("a", "d"), ("e", "d")]) == ["a", "b", "c"]


def test_every_room_says_what_lives_there_and_what_never_does():
    rooms = [path.parent for path in CHECKS if path.name == "__init__.py" and path.parent.parent == ROOT / "checks"]
    assert {path.name for path in rooms} == set(ROOMS) - {"reference", "op", "doors"}
    for path in rooms:
        said = ast.get_docstring(tree(path / "__init__.py"))
        assert "ever " in said.splitlines()[0], f"{path.name} says what never lives there"


def test_at_the_top_are_only_the_doors():
    assert {path.name for path in (ROOT / "checks").glob("*.py")} == DOORS | {"__init__.py", "op.py"}


def test_the_map_of_the_house_is_the_house():
    """What CONTRIBUTING lists under checks/ is what lies there, in the order in which data runs."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    block = text[text.index("checks/  ") :].split("\n```")[0]
    listed = re.findall(r"^  (\w+(?:/|\.py))", block, re.MULTILINE)
    there = {f"{path.name}/" for path in (ROOT / "checks").iterdir() if (path / "__init__.py").exists()}
    assert set(listed) == there | {"op.py", f"{INSTALLED.name}/"} | DOORS
    order = [name.removesuffix("/").removesuffix(".py") for name in listed]
    assert [name for name in order if name in ROOMS] == [name for name in ROOMS if name in order]
    for name in listed:
        if name.endswith("/"):
            said = re.search(rf"^  {name} (.*(?:\n {{10,}}.*)*)", block, re.MULTILINE).group(1)
            modules = {path.stem for path in (ROOT / "checks" / name).glob("*.py")} - {"__init__", "__main__"}
            unknown = set(re.findall(r"\b(\w+)\.py\b", said)) - modules
            assert not unknown, f"{name} has no {', '.join(unknown)}"


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
