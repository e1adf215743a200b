"""Imports what takes seconds, and forks for each who asks (ask.py), until it is terminated."""

from __future__ import annotations

import atexit
import json
import os
import runpy
import socket
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import NoReturn

IMPORTED = ("numpy", "torch", "hypothesis", "checks")


def serve(listening: socket.socket) -> NoReturn:
    """Answer each who asks in a fork, since what is asked for may end its process as it likes."""
    own = [path for path in sys.path if path != str(Path.cwd())]
    for name in IMPORTED:
        import_module(name)
    while True:
        asked, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            _answer(asked, own)
        asked.close()
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _answer(asked: socket.socket, own: list[str]) -> NoReturn:
    """Run it in a fork of this one, and say how that ended."""
    _, streams, _, _ = socket.recv_fds(asked, 1, 3)
    arguments, folder, environment = json.loads(b"".join(iter(lambda: asked.recv(1 << 16), b"")))
    command = os.fork()
    if command == 0:
        asked.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        _run(arguments, own)
    code = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
    asked.sendall(str(code if code >= 0 else 128 - code).encode())
    os._exit(0)


def _run(arguments: list[str], own: list[str]) -> NoReturn:
    """As the interpreter would, from its search path to its exit code."""
    is_module = arguments[0] == "-m"
    what, *rest = arguments[1:] if is_module else arguments
    first = Path.cwd() if is_module else Path(what).resolve().parent
    sys.path[:] = [str(first), *os.environ["PYTHONPATH"].split(os.pathsep), *own]
    sys.argv[:] = [what, *rest]
    try:
        if is_module:
            runpy.run_module(what, run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(what, run_name="__main__")
        code: object = 0
    except SystemExit as ended:
        code = ended.code
    except BaseException:  # noqa: BLE001, whatever it is, the interpreter shows it
        sys.excepthook(*sys.exc_info())
        code = 1
    if isinstance(code, str):
        sys.stderr.write(f"{code}\n")
    threading._shutdown()  # type: ignore[attr-defined]  # as the interpreter does before it ends
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
