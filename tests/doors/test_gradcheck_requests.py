"""What a command line asks for: every case keeps to what is pinned, and what no case can have is refused."""

from __future__ import annotations

import pytest

from checks import gradcheck, judge
from checks.command.arguments import USAGE_ERROR
from reference import conv

FEW = ("--examples", "8", "--seed", "3", "--laws", "exact")


@pytest.fixture
def tried(monkeypatch):
    """The shapes of x and weight and the parameters of each call that a command line makes of the implementation."""

    def run(*arguments):
        calls = []

        class Recording:
            def forward(self, x, weight, bias, **parameters):
                calls.append((x.shape, weight.shape, parameters))
                return conv.forward(x, weight, bias, **parameters)

            backward = staticmethod(conv.backward)

        monkeypatch.setattr(
            gradcheck, "judge", lambda op, **options: judge(op, **{**options, "implementation": Recording})
        )
        assert gradcheck.main(["conv", "--examples", "12", "--seed", "5", "--laws", "exact", "-q", *arguments]) == 0
        assert len(calls) >= 12, "every case calls forward"
        return calls

    return run


PARAMETERS = [
    ("--stride 2", {"stride": 2}),
    ("--stride 2,1", {"stride": (2, 1)}),
    ("--padding same", {"padding": "same"}),
    ("--padding full", {"padding": "full"}),
    ("--padding valid", {"padding": "valid"}),
    ("--padding 0", {"padding": 0}),
    ("--padding 1,0,2", {"padding": (1, 0, 2)}),
    ("--dilation 3", {"dilation": 3}),
    ("--dilation 1,2", {"dilation": (1, 2)}),
    ("--groups 3", {"groups": 3}),
    ("--flip", {"flip": True}),
    ("--no-flip", {"flip": False}),
    ("--stride 3 --padding 2 --dilation 2 --groups 2 --flip", {"stride": 3, "padding": 2, "groups": 2, "flip": True}),
]


@pytest.mark.parametrize(("options", "expected"), PARAMETERS, ids=[options for options, _ in PARAMETERS])
def test_a_pinned_parameter_holds_in_every_case(tried, options, expected):
    for _, _, parameters in tried(*options.split()):
        assert {name: parameters[name] for name in expected} == expected


SHAPES = [  # the options, then some of: axes, size, kernel, channels in and out, batch
    ("--kernel 3,5", {"axes": 2, "kernel": (3, 5)}),
    ("--kernel 2 --dims 2", {"kernel": (2, 2)}),
    ("--size 9,7", {"axes": 2, "size": (9, 7)}),
    ("--size 4 --dims 3", {"size": (4, 4, 4)}),
    ("--dims 1", {"axes": 1}),
    ("--dims 3", {"axes": 3}),
    ("--channels 4,6", {"channels": (4, 6)}),
    ("--channels 3", {"channels": (3, 3)}),
    ("--batch 0", {"batch": 0}),
    ("--batch 4", {"batch": 4}),
    ("--stride 2,2 --size 5", {"size": (5, 5)}),
    ("--groups 2 --channels 4,6 --size 8 --kernel 3,2", {"channels": (4, 6), "size": (8, 8), "kernel": (3, 2)}),
]


@pytest.mark.parametrize(("options", "expected"), SHAPES, ids=[options for options, _ in SHAPES])
def test_a_pinned_shape_holds_in_every_case(tried, options, expected):
    for x, weight, _ in tried(*options.split()):
        found = {"axes": len(x) - 2, "size": x[2:], "kernel": weight[2:], "batch": x[0]}
        found["channels"] = (x[1], weight[0])
        assert {name: found[name] for name in expected} == expected


def test_what_is_not_pinned_varies(tried):
    calls = tried("--stride", "2")
    assert len({x[2:] for x, _, _ in calls}) > 3
    assert len({weight[2:] for _, weight, _ in calls}) > 3
    for name in ("padding", "dilation", "groups", "flip"):
        assert len({parameters[name] for _, _, parameters in calls}) > 1, name


@pytest.fixture
def refusal(capsys):
    """The one sentence with which a command line is refused."""

    def run(*arguments):
        with pytest.raises(SystemExit) as stopped:
            gradcheck.main(arguments)
        err = capsys.readouterr().err
        assert stopped.value.code == USAGE_ERROR == 2
        assert err.startswith("gradcheck: ")
        assert err.count("\n") == 1, err
        assert err.endswith("\n")
        return err.removeprefix("gradcheck: ").rstrip("\n")

    return run


REFUSED = [  # the command line, and the words that its refusal has to contain: given, expected, close
    ("conv --groups 3 --channels 4,6", ["groups 3", "channels 4,6", "groups 1 or 2 would", "channels 6,6"]),
    ("conv --kernel 9 --size 3", ["kernel of 9", "size 3", "padding 0", "--padding 3", "--size 9"]),
    ("conv --kernel 3,5 --size 9,2", ["kernel of 5", "size 2", "--padding 2", "--size 5"]),
    ("conv --kernel 3 --size 5 --dilation 3", ["kernel of 3", "dilation 3", "spans 7", "size 5", "--padding 1"]),
    ("conv --kernel 9 --size 3 --padding 1", ["kernel of 9", "size 3 with padding 1", "--padding 3", "--size 7"]),
    ("conv --strid 2", ["no option --strid", "did you mean --stride?"]),
    ("conv --strid=2", ["no option --strid;", "did you mean --stride?"]),
    ("conv --stride 0", ["--stride", "'0'", "expected at least 1"]),
    ("conv --stride -1", ["--stride", "'-1'", "expected at least 1"]),
    ("conv --stride two", ["--stride", "'two'", "expected a whole number, or one for each axis such as 2,1"]),
    ("conv --stride 1.5", ["--stride", "'1.5'", "expected a whole number"]),
    ("conv --stride 2,", ["--stride", "'2,'", "expected a whole number"]),
    ("conv --stride ²", ["--stride", "'²'", "expected a whole number"]),
    ("conv --stride", ["--stride", "expected one argument"]),
    ("conv --stride 1,1,1,1", ["stride 1,1,1,1", "4 entries", "expected 1, 2 or 3"]),
    ("conv --dims 2 --stride 1,1,1", ["dims 2", "stride 1,1,1", "one number or 2"]),
    ("conv --kernel 3,3 --size 5,5,5", ["kernel 3,3", "size 5,5,5", "different numbers of axes"]),
    ("conv --dims 4", ["--dims", "'4'", "expected 1 to 3"]),
    ("conv --padding smae", ["--padding", "'smae'", "valid, same, full"]),
    ("conv --padding -1", ["--padding", "'-1'", "expected at least 0"]),
    ("conv --channels 4,5,6", ["--channels", "'4,5,6'", "expected two whole numbers such as 4,6"]),
    ("conv --channels 0", ["--channels", "'0'", "expected at least 1"]),
    ("conv --groups 0", ["--groups", "'0'", "expected at least 1"]),
    ("conv --batch -1", ["--batch", "'-1'", "expected at least 0"]),
    ("conv --laws exat", ["no law 'exat'", "did you mean exact?"]),
    ("conv --laws exact,,", ["no law ''", "known: exact, forward"]),
    ("conv --dtype float8", ["dtype 'float8'", "did you mean float64?"]),
    ("conv --examples 0", ["--examples", "'0'", "expected at least 1"]),
    ("conv --seed -1", ["--seed", "'-1'", "expected at least 0"]),
    ("conv --seed x", ["--seed", "'x'", "expected a whole number"]),
    ("conv extra", ["'extra'", "--stride"]),
    ("conv conv", ["'conv'", "--stride"]),
    ("cnov", ["no op 'cnov'", "did you mean conv?"]),
    ("cnov --stride 2", ["no op 'cnov'", "did you mean conv?"]),
    ("all --seeed 1", ["--seeed", "--seed"]),
    ("", ["op", "conv"]),
    ("-q", ["op", "conv"]),
]


@pytest.mark.parametrize(("arguments", "words"), REFUSED, ids=[arguments or "nothing" for arguments, _ in REFUSED])
def test_an_impossible_request_is_refused_in_one_sentence(refusal, arguments, words):
    sentence = refusal(*arguments.split())
    for word in words:
        assert word in sentence, sentence


@pytest.mark.parametrize("path", ["missing/report.json", "."])
def test_a_json_path_that_cannot_be_written_is_refused(refusal, tmp_path, path):
    sentence = refusal("conv", *FEW, "--json", str(tmp_path / path))
    assert f"--json {tmp_path / path}" in sentence
    assert "cannot be written; expected a file in a folder that exists" in sentence


def test_a_case_too_large_for_any_memory_is_refused_not_a_traceback(refusal):
    assert "99999999999" in refusal("conv", "--stride", "99999999999", *FEW[:4])
