"""python -m checks.explain: what it prints, in every format, and what it refuses."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from functools import partial
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from math_core import LatexToMathML

from checks import explain
from checks.formulas.notation import letter_of
from checks.ops import find, ops
from checks.render.explanation import SCHEMA
from reference import conv
from tests.doors.explained import CENTRE, EQUATION, explained

FIELDS = "schema op shapes parameters letters indices_from formulas where asked_where untold"


@pytest.fixture
def run(capsys):
    """The exit code of a command line, and what it prints on either stream."""
    return partial(explained, capsys)


@pytest.fixture
def printed(run):
    """What a command line prints that explains without a remark."""

    def main(*arguments):
        code, out, err = run(*arguments)
        assert (code, err) == (0, "")
        return out

    return main


def test_the_last_example_of_the_page_is_printed_as_the_page_has_it(printed):
    assert printed(*CENTRE) == f"{EQUATION}          document 002, eq. 3; L7, the page's last example\n"


# What 002 works out, row by row of docs/derivations.
WORKED = [
    ("", "Z[1,1]", "Z₁,₁ = V₁,₁·K₁,₁ + V₁,₂·K₁,₂ + V₂,₁·K₂,₁ + V₂,₂·K₂,₂", "002, eq. 1; L4"),
    ("", "Z[1,2]", "Z₁,₂ = V₁,₂·K₁,₁ + V₁,₃·K₁,₂ + V₂,₂·K₂,₁ + V₂,₃·K₂,₂", "002, eq. 1; L4"),
    ("", "Z[2,1]", "Z₂,₁ = V₂,₁·K₁,₁ + V₂,₂·K₁,₂ + V₃,₁·K₂,₁ + V₃,₂·K₂,₂", "002, eq. 1; L4"),
    ("", "Z[2,2]", "Z₂,₂ = V₂,₂·K₁,₁ + V₂,₃·K₁,₂ + V₃,₂·K₂,₁ + V₃,₃·K₂,₂", "002, eq. 1; L4"),
    ("", "K[1,1]", "∂J/∂K₁,₁ = V₁,₁·G₁,₁ + V₁,₂·G₁,₂ + V₂,₁·G₂,₁ + V₂,₂·G₂,₂", "002, eq. 2; L5"),
    ("", "V[1,1]", "∂J/∂V₁,₁ = K₁,₁·G₁,₁", "002, eq. 3; L6"),
    ("", "V[2,2]", EQUATION, "002, eq. 3; L7, the page's last example"),
    ("--dims 1", "V[1]", "∂J/∂V₁ = K₁·G₁", "002, eq. 3; L8"),
    ("--dims 1", "V[2]", "∂J/∂V₂ = K₂·G₁ + K₁·G₂", "002, eq. 3; L8"),
    # and a few that it does not
    ("", "V[1,2]", "∂J/∂V₁,₂ = K₁,₂·G₁,₁ + K₁,₁·G₁,₂", "002, eq. 3"),
    ("--bias", "Z[1,1]", "Z₁,₁ = V₁,₁·K₁,₁ + V₁,₂·K₁,₂ + V₂,₁·K₂,₁ + V₂,₂·K₂,₂ + b", "002, eq. 1"),
    ("", "b", "∂J/∂b = G₁,₁ + G₁,₂ + G₂,₁ + G₂,₂", "001, B5"),
    ("--dims 1 --stride 2", "V[2]", "∂J/∂V₂ = K₂·G₁", "002, eq. 3"),
    ("--dims 1 --stride 3", "V[3]", "∂J/∂V₃ = 0", "002, eq. 3"),
    ("--flip", "V[1,1]", "∂J/∂V₁,₁ = K₂,₂·G₁,₁", "002, eq. 3; turned: 003, P5"),
    (
        "--base 0",
        "V[1,1]",
        "∂J/∂V₁,₁ = K₁,₁·G₀,₀ + K₁,₀·G₀,₁ + K₀,₁·G₁,₀ + K₀,₀·G₁,₁",
        "002, eq. 3; L7, the page's last example",
    ),
    ("--names a,w,o,δ", "a[1,1]", "∂J/∂a₁,₁ = w₁,₁·δ₁,₁", "002, eq. 3; L6"),
    ("--names own", "x[1,1]", "∂J/∂x[1,1] = weight[1,1]·grad_output[1,1]", "002, eq. 3; L6"),
    ("", "x[1,1]", "∂J/∂x[1,1] = weight[1,1]·grad_output[1,1]", "002, eq. 3; L6"),
    ("--channels 1,2", "V[1,1,1]", "∂J/∂V₁,₁,₁ = K₁,₁,₁,₁·G₁,₁,₁ + K₂,₁,₁,₁·G₂,₁,₁", "002, eq. 3"),
]


@pytest.mark.parametrize(("options", "wrt", "equation", "source"), WORKED)
def test_elements_and_where_the_documents_have_them(printed, options, wrt, equation, source):
    assert printed("conv", *options.split(), "--wrt", wrt) == f"{equation}          document {source}\n"


def test_several_formulas_stand_in_blocks_with_their_sources(printed):
    assert printed("conv", "--dims", "1") == (
        "Z: document 002, eq. 1\n"
        "  Z₁ = V₁·K₁ + V₂·K₂\n"
        "  Z₂ = V₂·K₁ + V₃·K₂\n"
        "\n"
        "∂J/∂V: document 002, eq. 3\n"
        "  ∂J/∂V₁ = K₁·G₁\n"
        "  ∂J/∂V₂ = K₂·G₁ + K₁·G₂\n"
        "  ∂J/∂V₃ = K₂·G₂\n"
        "\n"
        "∂J/∂K: document 002, eq. 2\n"
        "  ∂J/∂K₁ = V₁·G₁ + V₂·G₂\n"
        "  ∂J/∂K₂ = V₂·G₁ + V₃·G₂\n"
    )


def test_other_letters_are_explained(printed):
    assert printed("similarity", "--dims", "1", "--wrt", "y[1]").splitlines()[1:] == [
        "where r₁ = √(x₁² + x₂²)",
        "where q = √(t₁² + t₂²)",
    ]
    shown = printed("batch_norm", "--wrt", "x[1,1]")
    assert shown.startswith("∂J/∂x₁,₁ = γ/σ·(G₁,₁ − G\u0304 − x\u0302₁,₁·s)          document 004, C19\n")
    assert [line.split()[1] for line in shown.splitlines()[1:]] == ["σ", "G\u0304", "x\u0302₁,₁", "s", "μ", "ε"]


@pytest.mark.parametrize("name", ops())
def test_every_op_is_explained_without_any_option(printed, name):
    """As text: a block for y and for each gradient, under its name."""
    op = find(name)
    letters = [letter_of(op, array) for array in ("y", *op.takes.differentiable) if array not in op.takes.optional]
    shown = printed(name)
    headers = [line for line in shown.splitlines() if line and line[0] != " " and not line.startswith("where ")]
    assert [re.split(": |$", line)[0] for line in headers] == [letters[0], *(f"∂J/∂{letter}" for letter in letters[1:])]
    assert shown.count("  ∂J/∂") >= len(letters) - 1


@pytest.mark.parametrize("name", ops())
def test_every_op_is_explained_in_every_format(printed, name):
    lines = [line for line in printed(name).splitlines() if line.startswith(("  ", "where "))]
    math = printed(name, "--format", "mathml").splitlines()
    assert [ET.fromstring(line).get("display") for line in math] == ["block"] * len(lines)
    latex = printed(name, "--format", "latex").splitlines()
    converter = LatexToMathML(fancy_error=False)
    assert len([converter.convert_with_local_state(line, displaystyle=True) for line in latex]) == len(lines)
    document = json.loads(printed(name, "--format", "json"))
    assert [f["text"] for f in document["formulas"]] == [line[2:] for line in lines if line[0] == " "]
    assert [f["text"] for f in document["where"]] == [line[6:] for line in lines if line[0] == "w"]


def test_the_other_formats_have_the_same_equation(printed):
    right = r"K_{2,2}\,G_{1,1} + K_{2,1}\,G_{1,2} + K_{1,2}\,G_{2,1} + K_{1,1}\,G_{2,2}"
    assert printed(*CENTRE, "--format", "latex") == rf"\frac{{\partial J}}{{\partial V_{{2,2}}}} = {right}" + "\n"
    math = ET.fromstring(printed(*CENTRE, "--format", "mathml"))
    assert "".join(math.itertext()) == "∂J∂V2,2=K2,2·G1,1+K2,1·G1,2+K1,2·G2,1+K1,1·G2,2"


def test_json_holds_everything_and_its_terms_multiply_out(printed):
    document = json.loads(printed("conv", "--dims", "1", "--format", "json"))
    assert list(document) == [
        "schema",
        "op",
        "shapes",
        "parameters",
        "letters",
        "indices_from",
        "formulas",
        "where",
        "asked_where",
        "untold",
    ]
    assert document["schema"] == SCHEMA == "gradoracle-formulas/1"
    assert document["shapes"] == {"x": [1, 1, 3], "weight": [1, 1, 2], "bias": None, "y": [1, 1, 2]}
    assert document["letters"] == {"x": "V", "weight": "K", "y": "Z", "grad_output": "G"}
    assert (document["indices_from"], document["parameters"]["stride"]) == (1, 1)
    rng = np.random.default_rng(0)
    arrays = {n: rng.integers(-9, 10, s) for n, s in document["shapes"].items() if s}
    arrays["grad_output"] = rng.integers(-9, 10, arrays["y"].shape)
    x, w, g = (arrays[n].astype(float) for n in ("x", "weight", "grad_output"))
    right = dict(zip(("grad_x", "grad_weight"), conv.backward(g, x, w, None), strict=False)) | {
        "y": conv.forward(x, w, None)
    }
    counted = dict.fromkeys(right, 0)
    for formula in document["formulas"]:
        worth = sum(
            Fraction(term["coefficient"]) * np.prod([arrays[name][tuple(i)] for name, i in term["factors"]])
            for term in formula["terms"]
        )
        assert worth == right[formula["of"]][tuple(formula["index"])]
        counted[formula["of"]] += 1
        assert ET.fromstring(formula["mathml"]).tag == "mrow"
        assert formula["text"].startswith("Z" if formula["of"] == "y" else "∂J/∂")
        assert formula["latex"].startswith("Z_" if formula["of"] == "y" else r"\frac{\partial J}")
        assert formula["source"].startswith("document 002")
    assert counted == {name: array.size for name, array in right.items()}


def test_json_of_what_is_no_polynomial_has_definitions_in_place_of_terms(printed):
    document = json.loads(printed("local_response_norm", "--format", "json"))
    assert {formula["terms"] for formula in document["formulas"]} == {None}
    assert {"text": "β = 3/4", "latex": r"\beta = \frac{3}{4}"} in document["where"]


MINE = """
import os, time
from reference import conv

class Right:
    forward = staticmethod(conv.forward)
    backward = staticmethod(conv.backward)

class Hangs(Right):
    @staticmethod
    def backward(*arrays, **parameters):
        time.sleep(60)

class Aborts(Right):
    @staticmethod
    def backward(*arrays, **parameters):
        os.abort()

class Refuses(Right):
    @staticmethod
    def backward(*arrays, **parameters):
        raise NotImplementedError("not yet")

class HangsAlways(Hangs):
    forward = Hangs.backward
"""


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    path = tmp_path_factory.mktemp("mine") / "mine.py"
    path.write_text(MINE, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "wrt", "code", "said"),
    [
        ("Right", "V[2,2]", 0, ""),
        ("Aborts", "V", 3, "∂J/∂V: it fails: backward: the process was killed by SIGABRT"),
        ("Hangs", "V", 3, "∂J/∂V: it fails: backward did not return within 0.2 s"),
        ("Refuses", "K", 3, "∂J/∂K: it does not support this: not yet"),
    ],
)
def test_it_runs_in_a_process_of_its_own(run, mine, name, wrt, code, said):
    spec = f"{mine}:{name}"
    found, out, err = run("conv", "--wrt", wrt, "--impl", spec, "--timeout", "0.2" if name == "Hangs" else "10")
    assert (found, err) == (code, f"explain: {spec}, {said}\n" if said else "")
    assert out.startswith("∂J/∂")


def test_what_hangs_too_often_is_not_asked_again(run, mine):
    code, _, err = run("conv", "--dims", "1", "--bias", "--impl", f"{mine}:HangsAlways", "--timeout", "0.05")
    assert code == 3
    assert "Z: it fails: forward did not return within 0.05 s" in err
    assert "∂J/∂b: it crashed or hung too often to be asked again" in err


def test_what_cannot_be_loaded_is_said(run, mine):
    assert run("conv", "--impl", f"{mine}:Nothing") == (3, "", f"explain: {mine} has no Nothing\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("cnov", "there is no op 'cnov'; did you mean conv?"),
        ("conv --strid 2", "conv has no option --strid; did you mean --stride?"),
        ("conv --dtype float32", "conv has no option --dtype; known: "),
        ("conv extra", "what is 'extra' for?; known: "),
        ("sigmoid --bias", "sigmoid has no option --bias; did you mean --base?"),
        ("conv --wrt Q", "there is no array 'Q'; known: Z, V, K, y, x, weight\n"),
        ("conv --wrt weigth", "there is no array 'weigth'; did you mean weight?"),
        ("conv --wrt V[", "wrt 'V['; expected an array, such as V, or one element of it, V[1,1]"),
        ("conv --wrt V[4,4]", "V[4,4] does not exist; V goes from V[1,1] to V[3,3]"),
        ("conv --wrt V[1,2,3]", "V[1,2,3]: 3 given where 2 are expected, from V[1,1] to V[3,3]"),
        ("conv --wrt V[one,1]", "V[one,1]; expected whole numbers, such as V[1,1]"),
        ("conv --wrt G", "G has no gradient; Z, V, K have formulas"),
        ("cross_entropy --wrt t", "t has no gradient; E, z have formulas"),
        ("conv --names A,B", "names A,B; expected 4, for x, weight, y and grad_output"),
        ("conv --names A,A,C,D", "names A,A,C,D; expected a letter or a word for each array, no two the same"),
        ("cross_entropy --names p,t,E,G", "names p,t,E,G; p stands for something else in these formulas"),
        (
            "conv --format tex",
            "--format: 'tex' given; expected text or latex or mathml or json or svg or png; did you mean text?",
        ),
        ("conv --base 2", "--base: '2' given; expected 0 to 1"),
        ("conv --stride 0", "--stride: '0' given; expected at least 1"),
        ("conv --size 1 --kernel 3", "a kernel of 3 spans 3 and does not fit into size 1 with padding 0; "),
        ("conv --size 3,3 --kernel 2,2,2", "kernel 2,2,2 and size 3,3 speak of different numbers of axes; "),
        ("conv --channels 3,4 --groups 2", "groups 2 does not divide channels 3,4; "),
        ("conv --batch 0", "y (0, 1, 2, 2) has no elements, so there is nothing to write"),
        (
            "conv --size 100",
            "x (1, 1, 100, 100), weight (1, 1, 2, 2), y (1, 1, 99, 99): 128209 products are too many to be",
        ),
        ("conv --book b.html", "--book is about all derivations; expected nothing beside it, not conv"),
        (
            "--book /no/such/folder/b.html",
            "--book /no/such/folder/b.html cannot be written; expected a file in a folder that exists",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(run, arguments, sentence):
    code, out, err = run(*arguments.split())
    assert (code, out) == (2, "")
    assert err.startswith(f"explain: {sentence}")
    assert err.count("\n") == 1


def test_an_op_is_needed(run):
    code, _, err = run()
    assert code == 2
    assert err.startswith("explain: name an op: ")


def test_help_names_every_option(run):
    code, out, _ = run("conv", "--help")
    assert code == 0
    for option in [
        "stride",
        "padding",
        "dilation",
        "groups",
        "flip",
        "dims",
        "kernel",
        "size",
        "channels",
        "batch",
        "wrt",
        "bias",
        "names",
        "base",
        "format",
        "impl",
    ]:
        assert f"--{option}" in out
    assert "--book" not in out
    assert "--book" in run("--help")[1]


def test_ctrl_c_ends_it_quietly(run, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(explain.explanation, "explain", interrupted)
    assert run("conv") == (3, "", "")
