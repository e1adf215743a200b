"""What differs from one operating system to another, for the process of an implementation: and nothing else does.

It runs on POSIX. What stands here for Windows follows the documents of its calls, and is tested by faking them; nobody has
run it there yet. A limit that a system does not have is not set: only Linux holds a process to the memory that RLIMIT_DATA
allows it (macOS takes the number and does not count mappings), Windows has no such limits.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn

WINDOWS = sys.platform == "win32"
PARTS = 256  # that are written at once; POSIX promises 16, Linux and macOS take 1024
LOOKING = 0.001  # seconds between two looks at a pipe, where none can be waited for


def limit(memory: int | None) -> None:
    """Hold this process to so many bytes of data, and to no dump of its memory where it crashes, where the system can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    if memory:
        resource.setrlimit(resource.RLIMIT_DATA, (memory,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def physical_memory() -> int | None:
    """Bytes of memory that the machine has, or None if the system does not say."""
    if WINDOWS:
        status = (ctypes.c_uint64 * 8)()  # MEMORYSTATUSEX: two words of 32 bits, the total, and six more
        ctypes.cast(status, ctypes.POINTER(ctypes.c_uint32))[0] = ctypes.sizeof(status)
        return int(status[1]) if _kernel().GlobalMemoryStatusEx(ctypes.byref(status)) else None
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None


def passing(descriptors: Mapping[str, int]) -> tuple[dict[str, int], dict[str, Any]]:
    """The numbers by which a new process opens these, and what Popen is told so that it has them, and no Ctrl-C."""
    if not WINDOWS:
        how = {"pass_fds": list(descriptors.values()), "start_new_session": True, "env": patient()}
        return dict(descriptors), how
    import msvcrt

    handles = {name: msvcrt.get_osfhandle(d) for name, d in descriptors.items()}  # type: ignore[attr-defined]  # Windows
    for handle in handles.values():
        os.set_handle_inheritable(handle, True)  # type: ignore[attr-defined]
    startup = subprocess.STARTUPINFO(lpAttributeList={"handle_list": list(handles.values())})  # type: ignore[attr-defined]
    group = subprocess.CREATE_NEW_PROCESS_GROUP  # type: ignore[attr-defined]
    return handles, {"startupinfo": startup, "creationflags": group, "env": patient()}


def patient() -> dict[str, str]:
    """The environment of a process beside others, whose threads are to sleep while they wait for one another.

    OpenMP's are as many as the cores, and spin unless they are told: of several processes each then keeps the others
    from what it waits for. How many threads there are stays as it is.
    """
    return {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}


def passed(number: int) -> int:
    """The descriptor that such a number stands for, in the new process."""
    if not WINDOWS:
        return number
    import msvcrt

    return int(msvcrt.open_osfhandle(number, os.O_BINARY))  # type: ignore[attr-defined]


def end(running: subprocess.Popen[bytes]) -> None:
    """End a process and whatever it started, at once."""
    if WINDOWS:
        with suppress(OSError):
            words = ["taskkill", "/T", "/F", "/PID", str(running.pid)]
            subprocess.run(words, capture_output=True, check=False)  # noqa: S603, Windows' own, with a number
        running.kill()
    else:
        try:
            os.killpg(running.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            running.kill()
    running.wait()


def end_as(code: int) -> NoReturn:
    """End this process as one did that ended with this code: by the same signal, which POSIX makes a negative one."""
    if code < 0 and not WINDOWS:
        with suppress(OSError):  # SIGKILL and SIGSTOP, which nobody can handle
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(ctypes.c_int32(code).value)  # Windows counts faults from 2³¹ on, which os._exit does not take


def readable(descriptor: int, seconds: float) -> bool:
    """Whether there is something to read, or the other end is closed, within so long: Windows waits for sockets only."""
    if not WINDOWS:
        return bool(select.select([descriptor], [], [], seconds)[0])
    import msvcrt

    deadline, waiting = time.monotonic() + seconds, ctypes.c_uint32()
    handle = ctypes.c_void_p(msvcrt.get_osfhandle(descriptor))  # type: ignore[attr-defined]
    while True:
        found = _kernel().PeekNamedPipe(handle, None, 0, None, ctypes.byref(waiting), None)
        if not found or waiting.value:  # not found: the pipe is broken, which reading then says
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(LOOKING)


def file() -> int:
    """A file without a name, in memory where the system has such files."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("gradoracle")
    with tempfile.TemporaryFile() as made:
        return os.dup(made.fileno())


def write_at(descriptor: int, parts: Sequence[Any], offset: int) -> None:
    """Write these bytes, one after the other, from so far into a file."""
    if hasattr(os, "pwritev"):
        for at in range(0, len(parts), PARTS):
            offset += os.pwritev(descriptor, parts[at : at + PARTS], offset)
        return
    os.lseek(descriptor, offset, os.SEEK_SET)
    for part in parts:
        left = memoryview(part).cast("B")
        while left:
            left = left[os.write(descriptor, left) :]


def read_at(descriptor: int, size: int, offset: int) -> bytearray:
    """So many bytes from so far into a file, or as many as there are."""
    found = bytearray(size)
    if hasattr(os, "preadv"):
        del found[os.preadv(descriptor, [found], offset) :]
        return found
    os.lseek(descriptor, offset, os.SEEK_SET)
    have = 0
    while have < size and (more := os.read(descriptor, size - have)):
        found[have : have + len(more)] = more
        have += len(more)
    del found[have:]
    return found


def _kernel() -> Any:
    return ctypes.windll.kernel32  # type: ignore[attr-defined]  # Windows
