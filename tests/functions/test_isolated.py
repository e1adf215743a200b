"""Functions that the command line names run in a process of their own, which the judge outlives whatever they do."""

import textwrap
from collections import namedtuple

import numpy as np
import pytest

from checks import gradcheck, judge_function
from checks.functions.isolated import Functions
from checks.functions.wire import Forms
from checks.subjects.refusals import Crashed, Ended, Malformed, NotAnImplementation

MINE = """
import ctypes, os, sys
from collections import namedtuple
import numpy as np

CALLS = []
Two = namedtuple("Two", "a b")


def late():
    CALLS.append(1)
    return len(CALLS) > 60


def b(g, x):
    return 2 * g * x


def crashes(x):
    return ctypes.string_at(0)


def exits(x):
    if late():
        os._exit(0)
    return x * x


def leaves(x):
    if late():
        sys.exit(0)
    return x * x


def hangs(x):
    while late():
        pass
    return x * x


def eats(x):
    return x * x * np.ones(1 << 40)[0]


def wide(x):
    if len(x) > 100:
        os._exit(7)
    return x * x


def no_complex(x):
    print("nobody reads this")
    if x.dtype.kind == "c" or x.dtype.itemsize > 8:
        os._exit(0)
    return x * x


def writes(x):
    x *= 2
    return x / 2


def several(x):
    return Two(x * x, {1: x**3, "k": [x, None]})


def several_b(g, x):
    assert isinstance(g, Two) and list(g.b) == [1, "k"]
    return 2 * g.a * x + 3 * g.b[1] * x**2 + g.b["k"][0]


def forgets(g, x):
    return 2 * g.a * x + 3 * g.b[1] * x**2


def strange(x):
    return {"x": x[::-1, ::2], "shared": x, "text": "a"}


def shared(x):
    y = x.repeat(2).reshape(2, -1)
    return y[:, ::2], y[::-1], x
"""


@pytest.fixture
def judged(tmp_path, monkeypatch, capsys):
    """The command line of a function of the file above: exit code and output."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(textwrap.dedent(MINE), encoding="utf-8")

    def run(name, backward="b", *more):
        words = ["function", f"mine.py:{name}", "--backward", f"mine.py:{backward}", "--seed", "1", "--examples", "4"]
        code = gradcheck.function([*words[1:], "--inputs", "B,3" if name == "wide" else "2,3", *more], "gradoracle")
        return code, "".join(capsys.readouterr())

    return run


@pytest.mark.parametrize(
    ("name", "more", "said"),
    [
        ("crashes", (), "crashes: the process was killed by SIGSEGV"),
        ("exits", (), "exits: the process ended with exit code 0"),
        ("leaves", (), "leaves raised SystemExit: 0"),
        ("hangs", ("--timeout", "0.6"), "did not return within 0.6 s"),
        ("eats", (), "eats does not take inputs of shapes [(2, 3)]: Unable to allocate 8.00 TiB"),
        ("wide", (), "wide: the process ended with exit code 7"),
    ],
)
def test_what_ends_its_process_ends_in_exit_code_3(judged, name, more, said):
    code, output = judged(name, "b", *more)
    assert (code, said in output) == (3, True), output


def test_what_nobody_passes_and_what_is_printed_is_nothing_against_it(judged):
    code, output = judged("no_complex")
    assert code == 0, output
    assert "no_complex: right." in output
    assert "nobody reads" not in output


def test_what_is_written_to_is_seen(judged):
    code, output = judged("writes")
    assert code == 1
    assert "forward writes into x, which the caller goes on using" in output


def test_trees_come_back_in_the_form_in_which_they_went(judged):
    assert judged("several", "several_b")[0] == 0
    code, output = judged("several", "forgets")
    assert (code, "grad_x is wrong" in output) == (1, True)


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """Functions of the file above, by name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(textwrap.dedent(MINE), encoding="utf-8")
    started = []

    def named(name, backward="b"):
        started.append(Functions({"function": f"mine.py:{name}", "backward": f"mine.py:{backward}"}, 20.0, None))
        return started[-1]

    yield named
    for one in started:
        one.close()


def test_results_share_memory_here_as_they_do_there(mine):
    function = mine("shared").load().function
    x = np.arange(6.0)[::-1]
    some, turned, whole = function(x)
    assert np.shares_memory(some, turned)
    assert np.shares_memory(whole, x)
    assert not np.shares_memory(some, x)
    assert np.array_equal(turned, x.repeat(2).reshape(2, -1)[::-1])
    assert np.array_equal(some, turned[::-1, ::2])


def test_what_is_no_number_is_refused_and_the_process_goes_on(mine):
    function = mine("strange").load().function
    with pytest.raises(Malformed, match=r"strange returned <U1 \(str\); expected arrays of real numbers"):
        function(np.ones((2, 3)))
    with pytest.raises(Crashed, match=r"strange raised IndexError: too many indices") as raised:
        function(np.ones(2))
    assert raised.value.at.startswith("mine.py:")
    assert not isinstance(raised.value, Ended)


def test_what_a_function_brings_along_is_called_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = "import torch\n\ndef f(x, at):\n    return {'y': torch.sin(x[at])}\n"
    (tmp_path / "mine.py").write_text(source, encoding="utf-8")
    functions = Functions({"function": "torch:mine.py:f"}, 20.0, None)
    try:
        found = functions.load()
        report = judge_function(found.function, found.backward, "4 3:integers(0,4)", seed=1, examples=2, order=2)
        assert report.exit_code == 0, str(report)
        x, at = np.ones(4), np.array([0, 0, 3])
        moved = found.function.jvp((np.arange(4.0), None), x, at)
        assert np.allclose(moved["y"], np.cos(1.0) * at, rtol=1e-15)
    finally:
        functions.close()


def test_what_cannot_be_found_is_one_sentence(mine):
    with pytest.raises(NotAnImplementation, match=r"mine\.py has no severl; did you mean several\?"):
        mine("severl").load()


def test_forms_keep_what_json_has_not():
    two = namedtuple("two", "a b")  # noqa: PYI024, as users write them
    there, here = Forms(), Forms()
    tree = two({(1, 2): "x", "k": None}, [("y",), []])
    ends, again = [], []
    stood_for = here.tree(there.text(tree, ends), ends)
    assert ends == ["x", "y"]
    assert there.tree(here.text(stood_for, again), again) == tree
