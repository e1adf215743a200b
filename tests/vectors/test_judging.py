"""Answers of foreign code, judged: right ones, planted mistakes by name, and whatever is no full set of answers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from checks import ops
from checks.render import load
from checks.vectors import files, pool
from checks.vectors.__main__ import main
from checks.vectors.answers import computed
from checks.vectors.vector import BOUNDED

VECTORS = Path(__file__).parents[2] / "vectors"
SOME = {"conv": "kernel not turned", "max_pool": "ties counted twice", "layer_norm": "negated"}


def answers(name, mistake=None, dtype="float64", change=lambda _vector, _result, numbers: numbers):
    """What code would write that is right, but for this mistake and what is done to each result."""
    op = ops.find(name)
    planted = next((m for m in pool.mistakes(op) if m.name == mistake), None)
    assert planted or mistake is None
    storage = dtype if dtype != "bfloat16" else "float32"
    found = []
    for vector in files.read(VECTORS / f"{name}.json"):
        if dtype in vector.dtypes:
            results = {n: change(vector, n, computed(vector.case, n, planted)) for n in vector.results}
            flat = {n: np.asarray(a).astype(storage).ravel().tolist() for n, a in results.items()}
            told = {n: [x if np.isfinite(x) else str(x) for x in numbers] for n, numbers in flat.items()}
            found.append({"id": vector.id, **told})
    return {"op": name, "dtype": dtype, "implementation": "mine.c", "results": found}


@pytest.fixture
def run(tmp_path, capsys):
    """The exit code of a run on such answers, and what was printed."""

    def judge(given, *more):
        path = tmp_path / "results.json"
        path.write_text(given if isinstance(given, str) else json.dumps(given), encoding="utf-8")
        code = main(["--judge", str(path), "--vectors", str(VECTORS), *more])
        return code, capsys.readouterr().out

    return judge


@pytest.mark.parametrize(
    ("name", "dtype"),
    [(n, "float64") for n in SOME] + [("layer_norm", "float32"), ("linear", "float16"), ("conv", "bfloat16")],
)
def test_right_answers_are_right(run, name, dtype):
    code, said = run(answers(name, dtype=dtype))
    assert code == 0, said
    assert said.startswith(f"{name}: right.  mine.c, {dtype}")


@pytest.mark.parametrize("name", SOME)
def test_a_mistake_is_named(run, name):
    code, said = run(answers(name, SOME[name]))
    assert code == 1
    assert f"{SOME[name]}: " in said
    assert f"of {name}.json" in said


def test_formulas_and_all_outputs_are_those_of_any_run(run, tmp_path):
    page, data = tmp_path / "report.html", tmp_path / "report.json"
    code, said = run(answers("conv", SOME["conv"]), "--html", str(page), "--json", str(data))
    assert code == 1
    assert "yours weight[" in said
    assert "right weight[" in said
    assert SOME["conv"] in page.read_text(encoding="utf-8")
    (report,) = load.load(data)
    assert report.exit_code == 1
    assert report.failures[0].mistake == SOME["conv"]


def test_planted_mistakes_are_named(run):
    for mistake in pool.mistakes(ops.find("linear"))[::3]:
        code, said = run(answers("linear", mistake.name))
        assert code == 1
        assert mistake.name in said


def test_fewer_answers_than_the_manifest_counts_are_not_green(run):
    given = answers("conv")
    missing = given["results"].pop(7)
    code, said = run(given)
    assert code == 3
    assert f"test {missing['id']} was not answered" in said
    given["results"].append({"id": missing["id"], "unsupported": "three axes"})
    code, said = run(given)
    assert code == 4
    assert "1 cases not supported" in said or "three axes" in said
    given["results"] = [{"id": one["id"], "unsupported": "nothing"} for one in given["results"]]
    assert run(given)[0] != 0
    assert run({**given, "results": []})[0] == 3


def test_noise_of_transforms_is_not_decided_and_a_slight_error_is_wrong(run):
    rng = np.random.default_rng(0)

    def noisy(vector, result, numbers):
        return (
            numbers
            if vector.scale
            else numbers + rng.uniform(-1, 1, numbers.shape) * 1e-15 * np.abs(numbers).max(initial=0)
        )

    code, said = run(answers("conv", change=noisy))
    assert code == 4
    assert "inexact arithmetic" in said
    code, _ = run(answers("conv", change=lambda _vector, _result, numbers: numbers * (1 + 1e-9)))
    assert code == 1


def test_what_sums_that_run_on_lose_is_not_decided_and_a_slight_error_is_wrong(run):
    rng = np.random.default_rng(0)

    def noisy(vector, result, numbers):
        lost = rng.uniform(-1, 1, numbers.shape) * 4e-15 * np.abs(numbers).max(initial=0)
        return numbers + lost if vector.sums == BOUNDED and not vector.scale and numbers.size > 20 else numbers

    def slight(vector, result, numbers):
        return numbers * (1 + 1e-14) if vector.sums == BOUNDED else numbers

    def one(vector, result, numbers):
        return numbers + 1e-14 * (np.arange(numbers.size) == 0).reshape(numbers.shape)

    code, said = run(answers("avg_pool", change=noisy))
    assert code != 1, said
    assert " undecided" in said
    assert ", 0 undecided" not in said
    assert [run(answers("avg_pool", change=change))[0] for change in (slight, one)] == [1, 1]
    assert run(answers("attention", change=noisy))[0] == 1, "of which nobody keeps such sums"


def test_subnormal_numbers_that_are_flushed_and_stray_nan_are_warned_of(run):
    def flushed(vector, result, numbers):
        return np.where(np.abs(numbers) < 2.0**-1022, 0, numbers)

    code, said = run(answers("linear", change=flushed), "-v")
    assert code == 0
    assert "flushed to 0" in said
    code, said = run(answers("linear", change=lambda _vector, _result, numbers: np.nan_to_num(numbers)), "-v")
    assert code == 0
    assert "NaN and infinity" in said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{", "is no JSON"),
        ("[]x", "is no JSON"),
        ({"results": []}, "holds no results"),
        ({"op": "cnov", "results": []}, "did you mean conv?"),
        ({"op": "conv", "dtype": "float46", "results": []}, "did you mean float64?"),
        ({"op": "conv", "results": [{"id": 1}, {"id": 1}]}, "expected each test once"),
        ({"op": "conv", "results": [{"id": 9999}]}, "there is no test 9999"),
        ({"op": "conv", "results": [{"id": []}]}, "no whole number"),
    ],
)
def test_what_are_no_results_is_refused_in_a_sentence(tmp_path, capsys, given, said):
    path = tmp_path / "results.json"
    path.write_text(given if isinstance(given, str) else json.dumps(given), encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["--judge", str(path), "--vectors", str(VECTORS)])
    words = capsys.readouterr().err
    assert ended.value.code == 2
    assert said in words
    assert words.count("\n") == 1


@pytest.mark.parametrize(
    ("y", "said"),
    [([1], "numbers; expected"), ([True] * 3, "is no number"), (None, "is no number"), ("0x", "is no number")],
)
def test_an_answer_that_is_no_result_is_broken(run, y, said):
    given = answers("linear")
    given["results"][5]["y"] = y
    code, printed = run(given)
    assert code == 1
    assert said in printed
    del given["results"][5]["y"]
    code, printed = run(given)
    assert code == 1
    assert "y was not answered" in printed
