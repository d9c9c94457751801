"""A server as a process, and how long its answers take."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

_ROUNDS: Final = 40
_WARM: Final = 3
_ENOUGH_S: Final = 8.0
"""A page is not asked again when it has taken this long."""
_PATIENCE_S: Final = 120.0


class Server:
    """A process that answers on a port of this machine."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, begun: float) -> None:
        self.port = port
        self._process = process
        self._begun = begun

    def ready_seconds(self, path: str = "/") -> float:
        """From the start of the process to the first whole answer."""
        while time.perf_counter() - self._begun < _PATIENCE_S:
            with contextlib.suppress(OSError, http.client.HTTPException):
                status, _ = self.get(path)
                if status == http.client.OK:
                    return time.perf_counter() - self._begun
            if self._process.poll() is not None:
                raise RuntimeError("the server ended")
            time.sleep(0.01)
        raise TimeoutError(path)

    def get(self, path: str) -> tuple[int, int]:
        """Status and bytes of one answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", path, headers={"Accept": "text/html,*/*"})
        answer = connection.getresponse()
        size = len(answer.read())
        connection.close()
        return answer.status, size

    def measure(self, path: str) -> dict[str, Any]:
        """Median and p95 of a page in milliseconds, its bytes and status."""
        begun = time.perf_counter()
        for _ in range(_WARM):
            status, size = self.get(path)
        times: list[float] = []
        while len(times) < _ROUNDS and (len(times) < _WARM or time.perf_counter() - begun < _ENOUGH_S):
            before = time.perf_counter()
            self.get(path)
            times.append((time.perf_counter() - before) * 1000)
        ordered = sorted(times)
        return {
            "path": path,
            "status": status,
            "bytes": size,
            "n": len(times),
            "median_ms": statistics.median(times),
            "p95_ms": ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))],
        }

    def memory_mb(self) -> float:
        """What the process holds now."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextlib.contextmanager
def serving(
    arguments: Sequence[str], *, environ: Mapping[str, str] | None = None, python: str = sys.executable
) -> Iterator[Server]:
    """A process of Python with ``{port}`` of the arguments replaced; ended in the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [python, *(each.replace("{port}", str(port)) for each in arguments)]
    begun = time.perf_counter()
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}  # as installed
    whole = kept | dict(environ or {})
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=whole)
    try:
        yield Server(process, port, begun)
    finally:
        process.terminate()
        process.wait()
