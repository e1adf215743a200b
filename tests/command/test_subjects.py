"""Several ops, implementations and dtypes in one run: what is judged, and how what makes no sense is refused."""

import json

import pytest

from checks import gradcheck

BOTH = "from reference import conv as Conv, linear\nclass Linear:\n    forward = staticmethod(linear.forward)\n    \
def backward(self, *arrays):\n        return (-linear.backward(*arrays)[0], *linear.backward(*arrays)[1:])\n"
FEW = ("--examples", "5", "--seed", "1", "--laws", "exact", "-q")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(BOTH)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_each_op_is_judged_by_its_own_implementation_in_each_dtype(folder, capsys):
    impls = ("--impl", "conv=mine.py:Conv", "--impl", "linear=mine.py:Linear")
    assert gradcheck.main(["conv,linear", *impls, "--dtypes", "float64,float32", *FEW]) == 1
    assert [line.split("  ") for line in capsys.readouterr().out.splitlines()] == [
        ["conv: right.", "reference.conv, float64"],
        ["conv: right.", "reference.conv, float32"],
        ["linear: grad_x is wrong.", "Linear, float64"],
        ["linear: grad_x is wrong.", "Linear, float32"],
    ]


def test_a_file_lists_them(folder, capsys):
    (folder / "all.toml").write_text(
        '[[implementation]]\nop = "linear"\nimpl = "mine.py:Linear"\ndtype = "float32"\n'
        '[[implementation]]\nop = "conv"\nimpl = "mine.py:Conv"\n'
    )
    assert gradcheck.main(["all", "--impls", "all.toml", "--jobs", "1", *FEW]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["linear: grad_x is wrong.  Linear, float32", "conv: right.  reference.conv, float64"]


@pytest.mark.parametrize(
    ("words", "file", "refusal"),
    [
        ("conv,liner", "", "there is no op 'liner'; did you mean linear?"),
        (
            "conv,linear --impl mine.py:Conv",
            "",
            "--impl mine.py:Conv is about one op of several; expected OP=mine.py:Conv",
        ),
        ("conv,linear --impl conv=mine.py", "", "no implementation of linear is named; expected --impl linear=WHAT"),
        ("conv --compile", "", "--compile is about what --impl names; expected --impl torch or the like"),
        ("conv --impl mine.py --compile", "", "--compile asks the compiler of a framework, and mine.py is in none"),
        ("conv --impl linear=mine.py", "", "an implementation of linear is named, which is not judged"),
        ("conv --dtypes float64,float23", "", "there is no dtype 'float23'; did you mean float32?"),
        ("all --impls none.toml", "", "none.toml cannot be read: No such file or directory"),
        ("all --impls f.toml", "[[implementation]", "f.toml is no TOML: "),
        ("all --impls f.toml", "[conv]", "f.toml: it has conv; expected tables [[implementation]]"),
        ("all --impls f.toml", "implementation = 1", "f.toml: expected tables [[implementation]]"),
        ("all --impls f.toml", '[[implementation]]\nop = "conv"', "f.toml: [[implementation]] 1 has no impl"),
        (
            "all --impls f.toml",
            '[[implementation]]\nopp = "conv"',
            "[[implementation]] 1 has 'opp'; did you mean op?",
        ),
        ("all --impls f.toml", "[[implementation]]\nop = 1", "f.toml: [[implementation]] 1: op is 1; expected a text"),
        (
            "all --impls f.toml",
            '[[implementation]]\nop = "con"\nimpl = "m"',
            "1: there is no op 'con'; did you mean conv?",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(folder, capsys, words, file, refusal):
    (folder / "f.toml").write_text(file)
    with pytest.raises(SystemExit) as stopped:
        gradcheck.main(words.split())
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert refusal in said
    assert said.count("\n") == 1


def test_the_others_are_judged_where_one_cannot_be_loaded(folder, capsys):
    """And what stands at the end is of that one: a file to start from."""
    (folder / "mine.py").write_text("from reference.relu import *\nclass Half:\n    def forward(self, x): return x\n")
    given = ["linear,relu", "--impl", "linear=mine.py:Half", "--impl", "relu=mine.py", "--jobs", "1", *FEW]
    assert gradcheck.main([*given, "--json", "both.json"]) == 3
    out, said = capsys.readouterr()
    assert "linear: nothing could be judged, since it could not be loaded.  mine.py:Half, float64" in out
    assert "relu: right." in out
    assert "Half has no backward" in said
    assert "Half" in said.partition("A file to start from")[2]
    first, second = json.loads((folder / "both.json").read_text())["reports"]
    assert [(r["op"], r["exit_code"]) for r in (first, second)] == [("linear", 3), ("relu", 0)]
    assert "Half has no backward" in next(iter(first["unsupported"]))


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["linear", "--impl", "mine.py:Missing"], "mine.py has no Missing"),
        (["--function", "mine.py:f", "--backward", "mine.py:Missing", "--inputs", "3"], "mine.py has no Missing"),
        (
            ["--function", "mine.py:f", "--backward", "mine.py:f", "--inputs", "3"],
            "f does not take inputs of shapes [(3,)]",
        ),
    ],
    ids=["an op", "a function", "a function that raises"],
)
def test_files_say_that_nothing_was_judged(folder, capsys, words, why):
    """Those of an earlier run would pass for the verdict of this one."""
    (folder / "mine.py").write_text("def f(x, w): return x @ w\n")
    files = {"--json": "one.json", "--junit": "one.xml", "--html": "one.html", "--markdown": "one.md"}
    for name in files.values():
        (folder / name).write_text("right, said an earlier run")
    assert gradcheck.main([*words, *(word for pair in files.items() for word in pair)]) == 3
    assert why in capsys.readouterr().err
    (report,) = json.loads((folder / "one.json").read_text())["reports"]
    assert (report["verdict"], report["exit_code"]) == ("not judged", 3)
    assert why in next(iter(report["unsupported"]))
    assert 'errors="1"' in (folder / "one.xml").read_text()
    assert all("nothing could be judged" in (folder / name).read_text() for name in list(files.values())[1:])
