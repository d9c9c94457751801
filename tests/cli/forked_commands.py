"""Commands in processes of their own that begin where importing has ended.

Most of a command's time is its imports. Here a process has imported all commands once and forks for each one that is
asked for: that one has its own arguments, environment, directory and pipes, and ends as any process does. What a
start from nothing needs is proved by the tests that start commands that way. Other systems than Linux have no sockets
of this kind: there every command starts from nothing.
"""

from __future__ import annotations

import array
import atexit
import functools
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, TextIO

from callscope.cli.main import _MODULES, COMMANDS, main

_MOST_BYTES = 200_000
"""Of a request. A socket's own buffer takes it whole."""
_begun: dict[int, subprocess.Popen[bytes]] = {}
"""Commands that started from nothing."""


def run(args: tuple[str, ...], environ: Mapping[str, str], *, seconds: float) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run` with pipes for the output and nothing to read; raises `subprocess.TimeoutExpired`."""
    readings, writings = zip(os.pipe(), os.pipe(), strict=True)
    with ThreadPoolExecutor(len(readings)) as readers:
        nothing = os.open(os.devnull, os.O_RDONLY)
        fds = [nothing, *writings]
        pid = start(args, environ, fds)
        for fd in fds:
            os.close(fd)
        outputs = readers.map(_read, readings)
        code = end(pid, seconds=seconds)
        stdout, stderr = outputs
    if code is None:
        raise subprocess.TimeoutExpired(args, seconds, stdout, stderr)
    return subprocess.CompletedProcess(args, code, stdout, stderr)


def from_nothing(args: tuple[str, ...]) -> list[str]:
    """What starts a command with all that it imports."""
    return [sys.executable, "-c", "from callscope.cli.main import main; main()", *args]


def start(args: tuple[str, ...], environ: Mapping[str, str], fds: Sequence[int]) -> int:
    """Begin a command that has the three as its input, output and errors; its process id. One after the other."""
    if sys.platform != "linux":
        stdin, stdout, stderr = fds
        process = subprocess.Popen(from_nothing(args), env=dict(environ), stdin=stdin, stdout=stdout, stderr=stderr)
        _begun[process.pid] = process
        return process.pid
    request = json.dumps({"args": args, "environ": dict(environ), "directory": str(Path.cwd())}).encode()
    assert len(request) <= _MOST_BYTES, "start this one with subprocess"
    door = _door()
    socket.send_fds(door, [request], fds)
    return int(door.recv(100))


def end(pid: int, *, seconds: float) -> int | None:
    """How the command ended that was begun last; None when it did not, and was killed."""
    if pid in _begun:
        return _end_of(_begun.pop(pid), seconds)
    door = _door()
    door.settimeout(seconds)
    try:
        return int(door.recv(100))
    except TimeoutError:
        os.kill(pid, signal.SIGKILL)
        door.settimeout(None)
        door.recv(100)
        return None
    finally:
        door.settimeout(None)


def _end_of(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None


def _read(fd: int) -> str:
    with open(fd, encoding="utf-8") as file:
        return file.read()


@functools.cache
def _door() -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _MOST_BYTES)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())],
            env={**os.environ, "PYTHONUTF8": "1"}, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, process_group=0,
        )  # fmt: skip

    def close() -> None:
        ours.close()  # its end of the story: nobody asks any more
        process.wait()

    atexit.register(close)
    return ours


def _serve(door: socket.socket) -> None:
    """Answer until nobody is there to ask; returns in each child too, which is to become a command."""
    for name in COMMANDS:
        importlib.import_module(f"callscope.cli.commands.{_MODULES.get(name, name.replace('-', '_'))}")
    gc.freeze()  # nobody is to look through all that again at its end
    fd_bytes = array.array("i").itemsize
    while True:
        message, ancillary, _, _ = door.recvmsg(_MOST_BYTES, socket.CMSG_SPACE(3 * fd_bytes))
        if not message:
            os._exit(0)
        fds = array.array("i", ancillary[0][2][: 3 * fd_bytes])
        pid = os.fork()
        if pid == 0:
            door.close()
            _become(json.loads(message), fds)
            return
        for fd in fds:
            os.close(fd)
        door.send(str(pid).encode())
        door.send(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())


def _become(request: dict[str, Any], fds: array.array[int]) -> None:
    for place, fd in enumerate(fds):
        os.dup2(fd, place)
        os.close(fd)
    # What they write to is looked at when they are made. `PYTHONUTF8` gives them these errors.
    sys.stdin, sys.stdout = _stream(0, "r", "surrogateescape"), _stream(1, "w", "surrogateescape")
    sys.stderr = _stream(2, "w", "backslashreplace", buffering=1)
    os.environ.clear()
    os.environ.update(request["environ"])
    os.chdir(request["directory"])
    sys.path[0] = ""
    sys.argv = ["-c", *request["args"]]


def _stream(fd: int, mode: Literal["r", "w"], errors: str, *, buffering: int = -1) -> TextIO:
    return open(fd, mode, buffering, encoding="utf-8", errors=errors, closefd=False)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
    main()
