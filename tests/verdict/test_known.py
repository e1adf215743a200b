"""Known failures: what a file may hold, what matches, and the file that is written from a run."""

import numpy as np
import pytest

from checks import Verdict, gradcheck, judge
from checks.laws import laws
from checks.verdict.known import Known, as_toml, load, unmatched
from reference import conv

ENTRY = {"op": "conv", "law": "exact", "gradient": "grad_x", "reason": "why"}


class Turned:
    """The input gradient is wrong where the kernel is dilated."""

    def forward(self, *inputs, **parameters):
        return conv.forward(*inputs, **parameters)

    def backward(self, *arrays, dilation=1, **parameters):
        grad_x, *others = conv.backward(*arrays, dilation=dilation, **parameters)
        wrong = dilation != 1 and set(dilation if isinstance(dilation, tuple) else (dilation,)) != {1}
        return (-grad_x if wrong else grad_x, *others)


def write(path, *entries):
    text = "".join("[[known]]\n" + "".join(f'{key} = "{value}"\n' for key, value in entry.items()) for entry in entries)
    (path / "known.toml").write_text(text)
    return path / "known.toml"


def test_what_is_known_is_no_failure(tmp_path):
    entries = load(write(tmp_path, ENTRY | {"condition": "dilation > 1"}), laws())
    report = judge("conv", Turned, seed=3, examples=40, laws=["exact"], known=entries)
    assert report.exit_code == 0
    assert report.counts[Verdict.KNOWN] > 0
    assert not report.failures
    assert unmatched(entries, report) == []
    assert f", {report.counts[Verdict.KNOWN]} known;" in str(report)


def test_what_is_not_known_stays_a_failure_on_its_smallest_case():
    known = Known("conv", "exact", "grad_x", "why", "dilation == 3")
    report = judge("conv", Turned, seed=3, examples=60, laws=["exact"], known=[known])
    assert report.exit_code == 1
    assert report.counts[Verdict.KNOWN] > 0
    (failure,) = report.failures
    assert np.max(failure.problem.parameters["dilation"]) == 2


def test_an_entry_that_matches_nothing_is_told():
    known = Known("conv", "exact", "grad_weight", "why")
    report = judge("conv", Turned, seed=3, examples=20, laws=["exact"], known=[known])
    assert unmatched([known], report) == [known]
    other_law = judge("conv", seed=3, examples=5, laws=["forward"], known=[known])
    assert unmatched([known], other_law) == [], "that law was not asked"


@pytest.mark.parametrize(
    ("condition", "matches"),
    [
        ("dilation > 1", True),
        ("dilation > 2", False),
        ("dilation == 2 and dims == 1", True),
        ("dilation != 2", False),
        ("dims >= 2", False),
        ("flip == False", True),
        ("padding == 0", True),
        ("padding == same", False),
        ("rows left over == yes", False),
        ("kernel <= 1 and stride < 2", True),
    ],
)
def test_conditions_are_about_parameters_and_what_was_tried(condition, matches):
    pins = {"dims": 1, "size": 1, "kernel": 1, "stride": 1, "padding": 0, "dilation": 2, "groups": 1, "flip": False}
    report = judge("conv", Turned, seed=3, examples=5, laws=["exact"], batch=1, channels=(1, 1), **pins)
    (failure,) = report.failures
    assert Known("conv", "exact", "grad_x", "why", condition).matches(failure) == matches


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([ENTRY | {"reason": ""}], "entry 1: reason is empty; say why this is known to fail"),
        ([ENTRY, ENTRY | {"reason": "other"}], "entry 2: conv, exact, grad_x stands there twice"),
        ([{"op": "conv", "law": "exact", "reason": "why"}], "entry 1: gradient is missing"),
        ([ENTRY | {"reasn": "why"}], "entry 1: there is no 'reasn'; did you mean reason?"),
        ([ENTRY | {"op": "cnov"}], "entry 1: there is no op 'cnov'; did you mean conv?"),
        ([ENTRY | {"law": "exat"}], "entry 1: there is no law 'exat'; did you mean exact?"),
        ([ENTRY | {"gradient": "grad_w"}], "entry 1: conv has no 'grad_w'; did you mean grad_x?"),
        ([ENTRY | {"condition": "dilation"}], "entry 1: condition 'dilation' is none; expected such as 'dilation > 1"),
        ([ENTRY | {"condition": "dialtion > 1"}], "entry 1: conv has no 'dialtion'; did you mean dilation?"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_in_a_sentence(tmp_path, entries, words):
    with pytest.raises(ValueError, match="entry") as refused:
        load(write(tmp_path, *entries), laws())
    assert words in str(refused.value)


def test_what_is_no_such_file_is_refused(tmp_path):
    (tmp_path / "bad.toml").write_text("[[known]\n")
    (tmp_path / "other.toml").write_text("[tool]\n")
    for name, words in (("bad", "is no TOML: "), ("other", "has 'tool'; expected"), ("none", "cannot be read: ")):
        with pytest.raises(ValueError, match=words):
            load(tmp_path / f"{name}.toml", laws())


def test_the_file_of_a_run_is_refused_until_reasons_are_written(tmp_path):
    report = judge("conv", Turned, seed=3, examples=40, laws=["exact", "agreement"])
    path = tmp_path / "known.toml"
    path.write_text(as_toml([report]))
    with pytest.raises(ValueError, match="entry 1: reason is empty"):
        load(path, laws())
    path.write_text(path.read_text().replace('reason = ""', 'reason = "being worked on"'))
    entries = load(path, laws())
    assert {(e.op, e.law, e.gradient) for e in entries} == {
        ("conv", "exact", "grad_x"),
        ("conv", "agreement", "grad_x"),
    }
    assert judge("conv", Turned, seed=3, examples=40, laws=["exact", "agreement"], known=entries).exit_code == 0


def test_the_command_line_writes_and_reads_them(tmp_path, capsys):
    (tmp_path / "mine.py").write_text(
        "from reference import conv\n"
        "def forward(*a, **p): return conv.forward(*a, **p)\n"
        "def backward(*a, **p): return (lambda x, *o: (-x, *o))(*conv.backward(*a, **p))\n"
    )
    path = str(tmp_path / "known.toml")
    how = ["conv", "--impl", str(tmp_path / "mine.py"), "--seed", "4", "--examples", "15", "--laws", "exact", "-q"]
    assert gradcheck.main([*how, "--write-known", path]) == 1
    text = (tmp_path / "known.toml").read_text()
    assert "# negated\n[[known]]\n" in text
    (tmp_path / "known.toml").write_text(text.replace('reason = ""', 'reason = "signs"'))
    assert gradcheck.main([*how, "--known", path]) == 0
    capsys.readouterr()
    assert gradcheck.main(["conv", *how[3:], "--known", path]) == 1, "the reference is right"
    assert "the known failure conv, exact, grad_x no longer fails; remove it from" in capsys.readouterr().err
