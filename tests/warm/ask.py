"""Stands where `python` is looked for: hands arguments, folder, environment and streams over, and ends as they end."""

import json
import os
import sys
from array import array
from socket import AF_UNIX, SCM_RIGHTS, SHUT_WR, SOL_SOCKET, socket

address, *arguments = sys.argv[1:]
if arguments[:1] != ["-m"] and not os.path.isfile("".join(arguments[:1])):  # noqa: PTH113, pathlib takes longer
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606, as it was asked for
with socket(AF_UNIX) as asked:
    asked.connect(address)
    asked.sendmsg([b"."], [(SOL_SOCKET, SCM_RIGHTS, array("i", [0, 1, 2]))])
    asked.sendall(json.dumps([arguments, os.getcwd(), dict(os.environ)]).encode())  # noqa: PTH109, pathlib takes longer
    asked.shutdown(SHUT_WR)
    sys.exit(int(asked.recv(16)))
