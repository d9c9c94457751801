"""A disk that fails when it is told to."""

from __future__ import annotations

import errno
import os
import threading


class Disk:
    """Stands in for `os.write`: give it as ``write`` to `CallLogger`.

    It is a real disk until told otherwise: bytes that it takes are really written.
    """

    def __init__(self) -> None:
        self._error: int | None = None
        self._room: int | None = None
        self._open = threading.Event()
        self._open.set()
        self.reached = threading.Event()
        """Set when a write has come to a stalled disk."""

    def fill(self, *, room: int = 0) -> None:
        """Be full after ``room`` more bytes: the last write is short, those after it fail."""
        self._room = room

    def break_with(self, code: int) -> None:
        """Fail each write with an error of `errno`."""
        self._error = code

    def stall(self) -> None:
        """Let writes wait until `mend`."""
        self.reached.clear()
        self._open.clear()

    def mend(self) -> None:
        """Work again."""
        self._error = None
        self._room = None
        self._open.set()

    def __call__(self, fd: int, data: bytes) -> int:
        """Write, or fail as told; returns the number of bytes taken."""
        if not self._open.is_set():
            self.reached.set()
            self._open.wait()
        if self._error is not None:
            raise OSError(self._error, os.strerror(self._error))
        if self._room is None:
            return os.write(fd, data)
        if self._room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = os.write(fd, data[: self._room])
        self._room -= written
        return written
