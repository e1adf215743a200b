"""What depends on the operating system, with the calls of those faked that this one is not."""

import builtins
import ctypes
import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from checks.subjects import system


@pytest.fixture
def windows(monkeypatch):
    """Windows, as far as its calls go that are asked for: a pipe with three bytes in it at the second look."""
    looks = []

    def peek(handle, buffer, size, read, waiting, left):
        looks.append(handle.value)
        waiting._obj.value = 3 * (len(looks) > 1)
        return len(looks) < 4

    def memory(status):
        assert ctypes.cast(status, ctypes.POINTER(ctypes.c_uint32))[0] == 64
        ctypes.cast(status, ctypes.POINTER(ctypes.c_uint64))[1] = 1 << 34
        return 1

    kernel = SimpleNamespace(PeekNamedPipe=peek, GlobalMemoryStatusEx=memory)
    msvcrt = SimpleNamespace(get_osfhandle=lambda d: d + 1000, open_osfhandle=lambda n, _flags: n - 1000)
    inheritable = []
    monkeypatch.setattr(system, "WINDOWS", True)
    monkeypatch.setitem(sys.modules, "msvcrt", msvcrt)
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(kernel32=kernel), raising=False)
    monkeypatch.setattr(os, "set_handle_inheritable", lambda h, yes: inheritable.append((h, yes)), raising=False)
    monkeypatch.setattr(os, "O_BINARY", 0, raising=False)
    monkeypatch.setattr(subprocess, "STARTUPINFO", lambda **how: how, raising=False)
    monkeypatch.setattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 512, raising=False)
    return SimpleNamespace(looks=looks, inheritable=inheritable)


def test_threads_of_a_process_beside_others_sleep_while_they_wait(monkeypatch):
    """Unless whoever starts the judge has said how they wait."""
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    assert system.passing({})[1]["env"] == {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert system.patient()["OMP_WAIT_POLICY"] == "ACTIVE"


def test_on_windows_handles_are_passed_and_opened(windows):
    told, how = system.passing({"replies": 7, "inputs": 8})
    assert told == {"replies": 1007, "inputs": 1008}
    started = {"startupinfo": {"lpAttributeList": {"handle_list": [1007, 1008]}}, "creationflags": 512}
    assert how == {**started, "env": system.patient()}
    assert windows.inheritable == [(1007, True), (1008, True)]
    assert [system.passed(number) for number in told.values()] == [7, 8]


def test_on_windows_a_pipe_is_looked_at_until_there_is_something(windows):
    assert not system.readable(7, 0)
    assert system.readable(7, 5)
    assert windows.looks == [1007, 1007]
    windows.looks[:] = [0] * 4
    assert system.readable(7, 5), "that the other end is closed is found by reading"


def test_on_windows_a_process_ends_with_what_it_started(windows, monkeypatch):
    called = []
    monkeypatch.setattr(subprocess, "run", lambda words, **_: called.append(words))
    running = SimpleNamespace(pid=42, kill=lambda: called.append("kill"), wait=lambda: called.append("wait"))
    system.end(running)
    assert called == [["taskkill", "/T", "/F", "/PID", "42"], "kill", "wait"]


@pytest.mark.parametrize("code", [3, 0xC0000005])
def test_on_windows_a_process_ends_with_the_code_of_another_signed(windows, monkeypatch, code):
    codes = []
    monkeypatch.setattr(os, "_exit", codes.append)
    system.end_as(code)
    assert codes == [code if code < 1 << 31 else code - (1 << 32)]


@pytest.mark.skipif(system.WINDOWS, reason="Windows has no signals of this kind")
@pytest.mark.parametrize("code", [-signal.SIGKILL, -signal.SIGSEGV, 5] if not system.WINDOWS else [])
def test_a_process_ends_as_another_did(code):
    script = f"from checks.subjects.system import end_as; end_as({int(code)})"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == code


def test_on_windows_the_memory_is_asked_for(windows):
    assert system.physical_memory() == 1 << 34


def test_where_there_are_no_limits_none_is_set(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name == "resource":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    system.limit(1 << 20)  # would leave this process no memory to go on


def test_the_memory_that_nobody_tells_is_none(monkeypatch):
    def unknown(name):
        raise ValueError(name)

    monkeypatch.setattr(os, "sysconf", unknown)
    assert system.physical_memory() is None


@pytest.mark.parametrize("missing", [(), ("pwritev", "preadv"), ("pwritev", "preadv", "memfd_create")])
def test_a_file_is_written_and_read_from_anywhere(monkeypatch, missing):
    for name in missing:
        monkeypatch.delattr(os, name, raising=False)
    file = system.file()
    try:
        system.write_at(file, [b"abc", b"", memoryview(b"def")], 4)
        system.write_at(file, [b"X"], 5)
        assert system.read_at(file, 8, 2) == b"\0\0aXcdef"
        assert system.read_at(file, 8, 8) == b"ef", "what is not there is not made up"
    finally:
        os.close(file)
