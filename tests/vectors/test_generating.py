"""The vectors in the repository: regenerated to the byte, of the schema, within their limits, and each of them proved."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from checks import ops
from checks.vectors import files, notation
from checks.vectors.__main__ import main
from checks.vectors.generating import generate
from checks.vectors.pool import mistakes
from checks.vectors.verifying import proof, proofs

VECTORS = Path(__file__).parents[2] / "vectors"
CHEAP = ("relu", "linear")
PROVED = (
    "conv",
    "max_pool",
    "sigmoid",
)  # whole numbers, ties, bounds
ENTRIES = files.entries_in(VECTORS)
BOUNDED = files.loaded(VECTORS / "sigmoid.json")


@pytest.fixture(scope="module")
def again(tmp_path_factory):
    """The vectors of two cheap ops, generated anew."""
    folder = tmp_path_factory.mktemp("vectors")
    for _ in generate([ops.find(name) for name in CHEAP], folder):
        pass
    return folder


@pytest.mark.parametrize("name", CHEAP)
def test_regenerating_gives_the_same_bytes(again, name):
    for path in (f"{name}.json", f"large/{name}.safetensors"):
        assert (again / path).read_bytes() == (VECTORS / path).read_bytes()
    assert files.entries_in(again)[name] == ENTRIES[name]


def test_the_files_are_those_that_the_manifest_counts_within_their_limits():
    told = files.loaded(VECTORS / files.MANIFEST)
    there = {p.relative_to(VECTORS).as_posix() for p in VECTORS.rglob("*") if p.is_file()} - {
        files.MANIFEST,
        "README.md",
    }
    assert there == set(told["sha256"])
    assert {name: files.checksum(VECTORS / name) for name in there} == told["sha256"]
    assert told["numberOfTests"] == sum(e["tests"] for e in ENTRIES.values())
    assert max(e["tests"] for e in ENTRIES.values()) <= 200
    assert sum((VECTORS / e["file"]).stat().st_size for e in ENTRIES.values()) < 2_000_000


def test_they_are_chosen_by_the_mistakes_of_today():
    assert {name: sorted(entry["mistakes"]) for name, entry in ENTRIES.items()} == {
        name: sorted(m.name for m in mistakes(op)) for name, op in ops.ops().items()
    }, "an op or a mistake is newer than vectors/: write them again by `gradoracle vectors all --to vectors/`"


def test_nearly_every_mistake_is_caught_and_most_of_them_several_times():
    counts = [count for entry in ENTRIES.values() for count in entry["mistakes"].values()]
    assert sum(count > 0 for count in counts) >= 0.98 * len(counts)
    assert sum(count >= 3 for count in counts) >= 0.98 * len(counts)


@pytest.mark.parametrize("name", PROVED)
def test_files_are_of_the_schema(name):
    jsonschema = pytest.importorskip("jsonschema")
    schema = files.loaded(VECTORS / files.SCHEMA_FILE)
    validator = jsonschema.Draft202012Validator(schema)
    given = files.loaded(VECTORS / f"{name}.json")
    assert given["numberOfTests"] == len(given["tests"]) == ENTRIES[name]["tests"]
    assert list(validator.iter_errors(given)) == []
    del given["tests"][0]["sums"]
    given["tests"][1]["grad_output"]["hex"] = [3]
    assert len(list(validator.iter_errors(given))) >= 2, "the schema is not so wide that nothing breaks it"


def test_what_is_read_is_what_was_written():
    for name in ENTRIES:
        path = VECTORS / f"{name}.json"
        assert files.text_of(ops.find(name), files.read(path)) == path.read_text(encoding="utf-8")


def test_large_vectors_are_read_as_written_and_have_an_axis_beyond_a_tile():
    for name in ("linear", "avg_pool", "embedding"):
        found = files.large_of(VECTORS, name, ENTRIES[name])
        assert [v.id for v in found] == list(range(1001, 1001 + ENTRIES[name]["large"]))
        assert all(max(n for s in v.problem.shapes.values() if s for n in s) > 14 for v in found)
        proved = proof(name, found)
        assert proved.wrong == []
        assert proved.reference == len(found)


def test_the_reference_torch_and_mistakes_prove_them():
    """All of them: of an op that torch computes in another order, a published "right" may be one of several."""
    for proved in proofs(VECTORS):
        assert proved.wrong == [], proved.op
        assert proved.reference == proved.tests == proved.torch + proved.refused
        assert proved.flags > proved.tests


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("relu", lambda test: test["results"]["y"]["values"].__setitem__(0, 99), "reference gives another y"),
        ("relu", lambda test: test["flags"].append("sign of x ignored at random"), "does not catch"),
        ("sigmoid", lambda test: test["results"]["y"]["hex"].__setitem__(0, "0x1.8p-1"), "is not what 256 bits give"),
    ],
)
def test_a_vector_that_is_wrong_is_found(tmp_path, capsys, name, change, said):
    given = files.loaded(VECTORS / f"{name}.json")
    change(given["tests"][3])
    (tmp_path / f"{name}.json").write_text(json.dumps(given), encoding="utf-8")
    told = {"file": f"{name}.json", "tests": len(given["tests"]), "large": 0}
    for extra in (files.SCHEMA_FILE, files.KILLS):
        shutil.copy(VECTORS / extra, tmp_path / extra)
    (tmp_path / files.MANIFEST).write_text(files.manifest({name: told}, tmp_path), encoding="utf-8")
    assert main(["--verify", str(tmp_path)]) == 1
    assert said in capsys.readouterr().out


def test_a_file_that_was_changed_is_refused(tmp_path, capsys):
    shutil.copytree(VECTORS, tmp_path / "v")
    path = tmp_path / "v" / "relu.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"id":1,', '"id":7,'), encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["--verify", str(tmp_path / "v"), "relu"])
    assert ended.value.code == 2
    assert "checksum" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["conv"], "expected one of --to FOLDER"),
        (["--to", "x", "--verify", "y"], "expected one of"),
        (["cnov", "--to", "x"], "did you mean conv?"),
        (["--verify", "nowhere"], "cannot be read"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(capsys, given, said):
    with pytest.raises(SystemExit) as ended:
        main(given)
    words = capsys.readouterr().err
    assert ended.value.code == 2
    assert said in words
    assert words.count("\n") == 1


def test_numbers_are_read_as_written():
    assert [notation.hexadecimal(n) for n in (1.5, -0.0, 2.0**-1074, float("nan"))] == [
        "0x1.8p+0",
        "-0x0p+0",
        "0x0.0000000000001p-1022",
        "nan",
    ]
    assert notation.numbers([1, "0x1.8p+0", [-2.5, "inf"]]).tolist() == [1, 1.5, -2.5, float("inf")]
    for wrong in (True, None, "1,5", {}, 10**400):
        with pytest.raises(ValueError, match=r"number|float64"):
            notation.number(wrong)
