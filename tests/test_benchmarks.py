"""Each benchmark of what the judge sees runs, on one op with few cases, and prints the columns that readers look for."""

import re
import sys

import numpy as np
import pytest
import torch

from benchmarks import catch, functions, low_precision, peers, reference, rounding, sharpness, sizes, sums, verdict
from benchmarks.catalogue import ENTRIES
from benchmarks.catalogue.entry import subject
from benchmarks.outcome import outcome
from benchmarks.shared import Shared
from checks.ops import find, ops
from checks.subjects.implementation import Implementation


def printed(main, capsys, monkeypatch, *arguments):
    """The lines that a benchmark prints when it is called so."""
    monkeypatch.setattr(sys, "argv", ["benchmark", *arguments])
    main()
    return capsys.readouterr().out.splitlines()


def test_sharpness_has_a_row_for_each_result_and_a_column_for_each_dtype(capsys, monkeypatch):
    lines = printed(
        sharpness.main, capsys, monkeypatch, "linear", "--examples", "4", "--dtype", "float32", "--dtype", "bfloat16"
    )
    assert lines.count("| op | result | float32 | bfloat16 |") == 2
    rows = [line for line in lines if line.startswith("| linear ")]
    assert [row.split(" | ")[1] for row in rows] == ["y", "grad_x", "grad_weight", "grad_bias"] * 2
    for row in rows[:4]:
        assert re.fullmatch(r"\| linear \| \w+( \| [\d.]+; [\d.e+]+( !)?){2} \|", row)
    for row in rows[4:]:
        assert re.fullmatch(r"\| linear \| \w+( \| -\d+, -\d+, -\d+){2} \|", row)
    assert lines[-1].startswith("0 of 8 miss the goal")


def test_the_smallest_error_that_is_seen_is_the_last_one_that_breaks_a_law():
    """Whole numbers are exact, so that even the last bit is seen: 2⁻²³ of a float32, half of which may round away."""
    bench = sharpness.Bench(find("relu"), "float32", 6)
    assert bench.smallest("y", "all") in {23, 24}
    assert not bench._broken(bench.by(bench.op.reference))


def test_an_error_is_planted_where_it_is_said_to_be():
    a = np.ones((3, 4))
    for width, many in (("element", 1), ("row", 4), ("all", 12)):
        assert np.sum(sharpness.Planted("y", width, 1).into(a) == 1.5) == many


def test_rounding_has_a_row_for_each_result(capsys, monkeypatch):
    lines = printed(rounding.main, capsys, monkeypatch, "--op", "tanh", "--examples", "3")
    assert lines[0].split()[:4] == ["op", "result", "running", "/"]
    assert [line.split()[:2] for line in lines[1:3]] == [["tanh", "y"], ["tanh", "grad_x"]]


def test_catch_has_a_column_for_each_kind_of_mistake_and_each_judge(capsys, monkeypatch):
    monkeypatch.setattr(catch, "EXAMPLES", 5)
    monkeypatch.setattr(catch, "SWEEP", 1)
    monkeypatch.setattr(catch, "general", lambda: ())
    head, *rows = printed(catch.main, capsys, monkeypatch, "relu")
    assert head.split()[:8] == ["op", "mistakes", *catch.BEYOND]
    assert head.endswith("torch  fast torch x16 fast x16")
    assert rows[0].split()[:8] == ["relu", str(len(find("relu").mistakes)), "2/2", "2/2", "1/1", "1/1", "-", "-"]
    (few_bits,) = [row.split() for row in rows if row.startswith("false alarms, bfloat16")]
    assert int(few_bits[3]) == len(sharpness._algorithms(find("relu")))
    assert set(few_bits[4:]) == {"-", "0"}


def test_catch_counts_what_is_caught_in_low_precision_and_false_alarms(capsys, monkeypatch):
    monkeypatch.setattr(low_precision, "TERMS", (577,))
    monkeypatch.setattr(low_precision, "DTYPES", ("bfloat16",))
    rows = printed(catch.main, capsys, monkeypatch, "linear", "--only", "low")
    assert rows[1].split()[:7] == ["linear", "0", "-", "-", "-", "-", "16/16"]
    (alarms,) = [row for row in rows if row.startswith("false alarms, low")]
    assert "0/4" in alarms.split()


def test_catch_counts_what_is_wrong_of_long_sums_and_right_algorithms_beside_it(capsys, monkeypatch):
    monkeypatch.setattr(catch, "SUMS", ((10, "float16"),))
    monkeypatch.setattr(catch, "IN", 4)
    _, row, *rows = printed(catch.main, capsys, monkeypatch, "softmax", "--only", "sums")
    assert row.split()[7] == "9/9"
    (alarms,) = [row for row in rows if row.startswith("false alarms, sums")]
    assert "0/3" in alarms.split()


def test_sums_finds_every_sum_of_a_formula_and_counts_exit_codes(capsys, monkeypatch):
    options = ("--terms", "100", "--dtype", "float64", "--form", "short", "--form", "right", "--cases", "2", "--all")
    rows = printed(sums.main, capsys, monkeypatch, "layer_norm", "--axis", "last", *options)
    short = [row for row in rows if "short" in row and "|" in row]
    assert {row.split(" | ")[1].split()[0] for row in short} == {"y", "gradients"}
    assert all(row.endswith("| 1") for row in short)  # in float64 a term shows by itself
    assert [row for row in rows if row.startswith("right: ")] == [row for row in rows if "right: exit 0" in row]


def test_sums_that_stand_in_no_formula_stop_one_place_before_their_end(capsys, monkeypatch, tmp_path):
    """A convolution adds its products up elsewhere. What was judged is kept, and makes the table."""
    kept = tmp_path / "kept.jsonl"
    asked = ("conv", "--axis", "channels", "--terms", "10", "--dtype", "float16", "--cases", "2", "--kept", str(kept))
    rows = printed(sums.main, capsys, monkeypatch, *asked, "--form", "short", "--all")
    last = {row.split(" | ")[1].split()[0] for row in rows if "last place" in row}
    assert last >= {"y", "grad_x"}
    assert all(row.endswith(("| 1", "| 4")) for row in rows if "|" in row)
    assert printed(sums.main, capsys, monkeypatch, *asked) == []  # nothing is judged again
    assert re.fullmatch(
        r"\| conv \| 10 \| — \| — \| 0; \d+ and \d+ \| — \|",
        printed(sums.main, capsys, monkeypatch, "--kept", str(kept), "--table")[-1],
    )


def test_axes_that_nothing_is_summed_along_are_not_made_long():
    for name, option, is_summed in (
        ("relu", "shape", False),
        ("batch_norm", "channels", False),
        ("softmax", "shape", True),
    ):
        op = find(name)
        at = next(at for of, at in sums.long_axes(op) if of == option)
        assert sums.Long(op, option, at, 10, "float16").is_summed() == is_summed, name


@pytest.mark.parametrize(("name", "dtype"), [("linear", "float64"), ("softmax", "float16")])
def test_those_who_share_what_is_true_have_the_exit_codes_of_those_who_do_not(name, dtype):
    """One after the other on the same cases: each is judged by itself, whoever was before."""
    op = find(name)
    long = next(sums.Long(op, option, at, 100, dtype) for option, at in sums.long_axes(op))
    problems = long.problems(12)
    shared = Shared(op, problems, dtype)
    wrong = [sums.Wrong(op, dtype, "grad_x", form) for form in ("zero", "off")]
    judged = [sums.Wrong(op, dtype, "", ""), *wrong, *long.short("y", problems)]
    codes = [outcome(op, Implementation.of(op, one), problems, dtype).exit_code for one in judged]
    assert [shared.exit_code(Implementation.of(op, one)) for one in (*judged, judged[0])] == [*codes, codes[0]]
    assert codes[:3] == [0, 1, 1]


@pytest.mark.parametrize("name", ops())
def test_a_layer_that_goes_wrong_from_some_size_on_is_right_below_it_and_wrong_above(name):
    """Each axis that an op is tried wide along has one, and it is the reference where no axis is wide."""
    op = find(name)
    layers = list(sizes.planted(op))
    assert {(layer.along.name, layer.along.at) for layer in layers} >= {
        (axis, 0) for of in op.takes.sizes if of.wide for axis in of.names
    }
    problem = sharpness.Bench(op, "float64", 4).problems[-1]
    right = sizes.results_of(op.reference, problem)
    for layer in layers:
        for one, other in zip(sizes.results_of(layer, problem), right, strict=True):
            assert one is other is None or np.array_equal(one, other)


def test_verdicts_are_timed_beside_what_measures_them(capsys, monkeypatch):
    peer, first = "import NumPy and Hypothesis", "first finding"
    head, *rows = printed(verdict.main, capsys, monkeypatch, "--runs", "1", "--only", f"{peer};{first}")
    assert head.split() == ["wall", "processor", "at", "most"]
    assert [row[:27].strip() for row in rows] == [peer, first]
    (wall, _), (_, _, goal) = (map(float, re.findall(r"([\d.]+)s", row)) for row in rows)
    assert goal == pytest.approx(wall + 1, abs=0.02)


def test_a_verdict_that_is_another_one_is_not_timed(tmp_path):
    with pytest.raises(RuntimeError, match="ended with 1"):
        verdict._seconds(verdict.Row(("-c", "raise SystemExit(1)")), str(tmp_path))


def test_what_exp_is_a_part_of_is_compared_with_the_passes_that_its_formula_needs(capsys, monkeypatch):
    monkeypatch.setattr(reference, "MAPS", (1, 2, 4, 4))
    for name in ("sigmoid", "tanh"):
        _, row = printed(reference.main, capsys, monkeypatch, "--runs", "1", "--only", name)
        assert re.search(r" 2\.00   [\d.]+ of its passes$", row)
    _, row = printed(reference.main, capsys, monkeypatch, "--runs", "1", "--only", "relu")
    assert row.endswith(" 2.00")


def test_judges_of_functions_are_compared_and_what_was_judged_is_kept(capsys, monkeypatch, tmp_path):
    kept = tmp_path / "kept.jsonl"
    asked = ("--only", "abs at 0", "--dtypes", "float64", "--judges", "judge_function;gradcheck", "--kept", str(kept))
    lines = printed(functions.main, capsys, monkeypatch, *asked)
    assert lines[0] == "| | judge_function | gradcheck | gradcheck, fast | check_grads |"
    assert re.match(r"\| small, float64 \| 2/2; 0/1; [\d.]+ s \| 2/2; 0/1; [\d.]+ s \| – \| – \|", lines[2])
    assert len(kept.read_text().splitlines()) == 6
    monkeypatch.setattr(functions, "asked", None)  # nothing is judged again
    assert printed(functions.main, capsys, monkeypatch, *asked) == lines


@pytest.mark.parametrize("name", ENTRIES)
def test_every_mistake_of_the_catalogue_changes_a_gradient(name):
    """At both sizes; what is right is what autograd computes."""
    entry = ENTRIES[name]
    for size in ("small", "real"):
        arrays = [torch.from_numpy(a) for a in peers.drawn(entry, size, "float64")]

        def gradients(mistake, arrays=arrays):
            passed = [a.clone().requires_grad_(a.is_floating_point()) for a in arrays]
            y = subject(entry, mistake)(*passed)
            g = torch.linspace(0.5, 1.5, y.numel(), dtype=y.dtype).reshape(y.shape)
            return torch.autograd.grad(y, [a for a in passed if a.requires_grad], g)

        right = gradients(None)
        for mistake in entry.mistakes.values():
            assert any(not torch.equal(a, b) for a, b in zip(right, gradients(mistake), strict=True)), (name, size)
