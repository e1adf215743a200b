"""Programs in other languages: what is said to them and by them, and what becomes of those that do not keep to it."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from checks import Case, judge, ops
from checks.subjects import safetensors
from checks.subjects.bridges.exec import Program, frame, given, in_text
from checks.subjects.isolation import Isolated
from checks.subjects.process import Process
from checks.subjects.refusals import Crashed, Ended, Malformed, NotAnImplementation, Unsupported

ROOT = Path(__file__).parents[2]
SPEAKS = """
import struct, sys, json
def hear():
    length = sys.stdin.buffer.read(8)
    return sys.stdin.buffer.read(struct.unpack("<Q", length)[0]) if length else sys.exit(0)
def say(data):
    sys.stdout.buffer.write(struct.pack("<Q", len(data)) + data)
    sys.stdout.buffer.flush()
def told(metadata):
    text = json.dumps({"__metadata__": metadata}).encode()
    say(struct.pack("<Q", len(text)) + text)
def metadata(data):
    return json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])["__metadata__"]
"""
RIGHT = f"""{SPEAKS}
sys.path.insert(0, {str(ROOT)!r})
import numpy as np
from checks.subjects import safetensors
from reference import linear
while True:
    arrays, asked = safetensors.unpacked(hear())
    if asked["call"] == "start":
        told({{"name": "a program"}})
        continue
    if asked["call"] == "end":
        break
    inputs = [arrays.get(n) for n in ("x", "weight", "bias")]
    if asked["call"] == "forward":
        found = {{"y": linear.forward(*inputs)}}
    else:
        gradients = linear.backward(arrays["grad_output"], *inputs)
        found = {{"grad_" + n: g for n, g in zip(("x", "weight", "bias"), gradients) if g is not None}}
    CHANGE
    narrow = frozenset(found) if asked_dtype == "BF16" else frozenset()
    say(safetensors.packed(found, {{}}, bfloat16=narrow))
""".replace('told({{"name"', 'told({{"name"')


@pytest.fixture
def program(tmp_path):
    """A command line that runs this script."""

    def made(script):
        path = tmp_path / "runner.py"
        path.write_text(script, encoding="utf-8")
        return f"exec:{sys.executable} {path}"

    return made


def right(change=""):
    """A program that does all of `linear`, but for what is done to what it found."""
    remember = 'asked_dtype = asked["dtype"]\n        told('
    return RIGHT.replace("told({", remember + "{").replace("CHANGE", change or "pass")


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_a_program_that_is_right_is_right(program, dtype):
    report = judge("linear", program(right()), dtype=dtype, examples=3, seed=1, laws=["exact", "contract"])
    assert report, str(report)
    assert report.implementation == "a program"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("import os; os.abort()", "killed by SIGABRT"),
        (f"{SPEAKS}\nhear(); told({{}}); hear(); sys.exit('no memory left')", "exit code 1; it wrote: no memory left"),
        (f"{SPEAKS}\nhear(); told({{}}); hear(); sys.exit(0)", "ended with exit code 0"),
        ("print('hello, this is a runner that talks')", "wrote what is no frame"),
        (f"{SPEAKS}\nhear(); say(b'x' * 40)", "wrote a frame that is none"),
        (f"{SPEAKS}\nhear(); told({{}}); hear(); told({{'error': 'singular'}})", "singular"),
        (f"{SPEAKS}\nhear(); told({{}}); hear(); told({{}})", "y"),
    ],
)
def test_what_does_not_keep_to_it_gives_no_result(program, script, said):
    with pytest.raises((Crashed, Malformed, NotAnImplementation), match=said):
        called(program(script))


def test_last_words_are_waited_for(program, monkeypatch):
    listen = Process._listen
    monkeypatch.setattr(Process, "_listen", lambda self: (time.sleep(0.3), listen(self)))
    with pytest.raises(NotAnImplementation, match="wrote what is no frame"):
        called(program("print('hello, this is a runner that talks')"))


def called(spec, dtype="float64", **limits):
    """What forward of such a program gives in the process that isolates it."""
    op = ops.find("linear")
    isolated = Isolated(op, spec, dtype, **limits)
    try:
        isolated.load()
        return isolated.forward(Case(op, (np.ones((1, 2)), np.ones((1, 2)), None), {}, np.ones((1, 1))))
    finally:
        isolated.close()


def test_a_program_that_hangs_or_takes_all_memory_is_ended(program):
    with pytest.raises(Ended, match=r"did not return within 0\.5 s"):
        called(program(f"{SPEAKS}\nhear(); told({{}}); hear()\nwhile True: pass"), timeout=0.5)
    with pytest.raises(Ended, match="MemoryError"):
        called(program(f"{SPEAKS}\nhear(); told({{}}); hear(); b = bytearray(1 << 33)"), memory=1 << 31)


def test_what_it_does_not_do_is_not_supported(program):
    with pytest.raises(Unsupported, match="three axes"):
        called(program(f"{SPEAKS}\nhear(); told({{}})\nwhile True: hear(); told({{'unsupported': 'three axes'}})"))
    with pytest.raises(NotAnImplementation, match="does not do linear in float32: float64 only"):
        called(program(f"{SPEAKS}\nhear(); told({{'unsupported': 'float64 only'}})"), "float32")


@pytest.mark.parametrize(
    ("spec", "said"),
    [("exec:", "names no program"), ("exec:./nowhere", "cannot be started"), ("exec:'", "cannot be started")],
)
def test_what_cannot_be_started_is_said_in_a_sentence(spec, said):
    with pytest.raises(NotAnImplementation, match=said):
        called(spec)


def test_parameters_are_texts():
    assert in_text({"stride": (2, 1), "padding": "same", "flip": True, "eps": 1e-5, "none": None, "groups": 3}) == {
        "stride": "2,1", "padding": "same", "flip": "true", "eps": "1e-05", "groups": "3",
    }  # fmt: skip


def test_safetensors_are_read_as_written_and_nonsense_is_refused():
    arrays = {
        "a": np.arange(6.0).reshape(2, 3).T,
        "b": np.float32([1.5, -2]),
        "c": np.array(3),
        "d": np.zeros((0, 2), np.float16),
    }
    data = safetensors.packed(arrays, {"call": "forward"}, bfloat16=frozenset({"b"}))
    back, told = safetensors.unpacked(data)
    assert told == {"call": "forward"}
    assert all(np.array_equal(back[n], a) and back[n].shape == a.shape for n, a in arrays.items())
    assert int.from_bytes(data[:8], "little") % 8 == 0
    for wrong in (
        b"",
        data[:20],
        data[:-1],
        data.replace(b'"F64"', b'"F63"'),
        data.replace(b"[3,2]", b"[3,9]"),
        b"\x02" + bytes(7) + b"[]",
    ):
        with pytest.raises(ValueError, match=r"expected|has \d+|read"):
            safetensors.unpacked(wrong)


def test_the_protocol_shows_what_is_really_said(program):
    """The transcript in docs/protocol.md, header by header."""
    op = ops.find("linear")
    runner = Program.started(program(right()).removeprefix("exec:"))
    x, weight, g = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]), np.array([[5.0]])
    inputs = given(op, (x, weight, None))
    said = []
    for asked in (
        frame("start", {"op": "linear", "dtype": "F64", "inputs": "x,weight,bias"}),
        frame("forward", in_text({}), inputs),
        frame("backward", in_text({}), {"grad_output": g, **inputs}),
    ):
        found, told = runner.ask(asked)
        said += [f"→ {header(asked[8:])}", f"← {header(safetensors.packed(found, told))}"]
        said += [f"  {name} = {a.ravel().tolist()}" for name, a in found.items()]
    said.append(f"→ {header(frame('end', {})[8:])}")
    runner.end()
    assert runner.running.returncode == 0
    text = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```\n(→.*?)```", text, re.DOTALL)
    assert shown.strip().splitlines() == said


def header(data):
    """The header of a frame, as it is written."""
    return data[8 : 8 + int.from_bytes(data[:8], "little")].decode().strip()
