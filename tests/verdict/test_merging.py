"""Shards of a run, put together, are the run: every case counts once."""

from dataclasses import replace

import numpy as np
import pytest

from checks import gradcheck, judge
from checks.render import __main__ as render
from checks.render.json import as_data
from checks.verdict.merging import merged
from reference import sigmoid
from tests.verdict.test_known import Turned

RUN = {"examples": 40, "seed": 3, "laws": ["exact", "contract"]}


def counted(report):
    data = as_data(report)
    kept = ("cases", "checks", "counts", "repeated", "verdict", "shards", "decided")
    rows = sorted((r["law"], r["result"], r["verdict"], r["count"], r["worst"], r["sees"] or 0) for r in data["tally"])
    decided = sorted(map(str, data["decided"]))
    coverage = {label: dict(sorted(values.items())) for label, values in data["coverage"].items()}
    return {name: data[name] for name in kept} | {"decided": decided}, rows, coverage, sorted(data["misses"])


@pytest.fixture(scope="module")
def shards():
    return [judge("conv", Turned, shard=(k, 3), **RUN) for k in (1, 2, 3)]


def test_all_shards_together_are_the_run(shards):
    whole = judge("conv", Turned, **RUN)
    (together,) = merged(reversed(shards))
    assert counted(together) == counted(whole)
    assert [f.result for f in together.failures] == [f.result for f in whole.failures]
    assert all(report.cases for report in shards), "the cases are spread"


def test_a_shard_that_is_there_twice_counts_once_and_one_that_is_missing_is_said(shards):
    (together,) = merged([*shards[:2], shards[1]])
    assert together.cases == shards[0].cases + shards[1].cases
    assert "shard 1, 2 of 3" in str(together)
    (complete,) = merged([together, shards[2]])
    assert "shard" not in str(complete)


def test_a_shard_that_two_reports_hold_among_others_is_refused(shards):
    with pytest.raises(ValueError, match="of 3 shards, 2 are counted in two reports"):
        merged([*merged(shards[:2]), *merged(shards[1:])])


def test_reports_on_other_runs_stand_side_by_side(shards):
    other = judge("conv", Turned, shard=(2, 3), **RUN | {"seed": 4})
    assert merged([shards[0], other]) == (shards[0], other)


def test_the_command_lines(tmp_path, capsys):
    run = ("conv", "--examples", "12", "--seed", "3", "--laws", "exact", "-q")
    for k in "12":
        assert gradcheck.main([*run, "--shard", f"{k}/2", "--json", str(tmp_path / f"{k}.json")]) == 0
    assert render.main([str(tmp_path / "1.json"), str(tmp_path / "2.json")]) == 0
    assert "12 cases" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        gradcheck.main([*run, "--shard", "3/2"])
    assert "'3/2' given; expected which part of how many, such as 2/8" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        gradcheck.main(["conv", "--shard", "1/2"])
    assert "the seed that all shards share" in capsys.readouterr().err


class Swallows:
    """x's gradient is 0 where a NaN in x makes it NaN, and so many times what it should be."""

    def __init__(self, times):
        self.times = times

    forward = staticmethod(sigmoid.forward)

    def backward(self, g, x):
        (gx,) = sigmoid.backward(g, x)
        return (np.where(np.isfinite(g), np.nan_to_num(gx), gx) * self.times,)


def test_what_one_shard_remarks_of_a_result_that_is_wrong_in_another_is_an_echo():
    run = {"examples": 50, "seed": 3, "laws": ["agreement", "contract"]}
    right, wrong = (judge("sigmoid", Swallows(times), shard=(times, 2), **run) for times in (1, 2))
    remarks = sum(n for note, n in right.warnings.items() if "elements of grad_x" in note)
    assert remarks
    assert not any("elements of grad_x" in note for note in wrong.warnings), "there it is dropped already"
    (together,) = merged([right, wrong])
    assert not any("elements of grad_x" in note for note in together.warnings)
    assert together.checks == right.checks + wrong.checks - remarks
    assert sum(merged([right, replace(right, shards=(2,))])[0].warnings.values()) == 2 * sum(right.warnings.values())
