r"""Rows, appended by one write of one line each.

Why one write: with ``O_APPEND`` the kernel puts a write at the end as a whole, so rows of several processes
never mix. (A buffered file writes long rows in pieces, and those do.)

Why the guard: a full disk takes a part of the last row, and a killed machine may leave one. The row after it
must not be glued to it. So a file that is opened and does not end in ``\n`` gets one first, in the same write
as the next row; and what a short write left is cut off again when it is still the end of the file, else
guarded the same way.

Descriptors are kept, the least recently used is closed: a process may have thousands of calls and few descriptors.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from callscope.archive.replace import FILE_MODE

_FLAGS: Final = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)

_MAX_OPEN: Final = 8192

Write = Callable[[int, bytes], int]


class Appender:
    """Appends lines to many files. Not for several threads at once.

    Args:
        max_open: files kept open.
        write: what puts bytes into a descriptor, `os.write` unless a test wants a failing disk.
    """

    def __init__(self, *, max_open: int, write: Write = os.write) -> None:
        self._max_open = max_open
        self._write = write
        self._fds: OrderedDict[str, int] = OrderedDict()
        self._torn: set[str] = set()

    def append(self, path: str, line: bytes) -> None:
        """Append one line, which ends in a newline and has none before.

        Raises:
            OSError: the row is not in the file; rows before and after it are unharmed.
        """
        fd = self._fds.get(path)
        if fd is None:
            fd = self._open(path)
        else:
            self._fds.move_to_end(path)
        guarded = b"\n" + line if path in self._torn else line
        written = self._write(fd, guarded)
        if written != len(guarded):
            self._finish(path, fd, guarded, written)
        self._torn.discard(path)

    def close(self, path: str) -> None:
        """Close one file's descriptor, if it is open."""
        fd = self._fds.pop(path, None)
        self._torn.discard(path)
        if fd is not None:
            os.close(fd)

    def close_all(self) -> None:
        """Close every descriptor."""
        for path in list(self._fds):
            self.close(path)

    def _open(self, path: str) -> int:
        while len(self._fds) >= self._max_open:
            self.close(next(iter(self._fds)))
        fd = os.open(path, _FLAGS, FILE_MODE)
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            os.close(fd)
            raise OSError(errno.EINVAL, "not a regular file", path)
        if status.st_size and os.pread(fd, 1, status.st_size - 1) != b"\n":
            self._torn.add(path)
        self._fds[path] = fd
        return fd

    def _finish(self, path: str, fd: int, line: bytes, written: int) -> None:
        """Write the rest of a row of which the disk took a part: succeeds, or fails with the reason."""
        try:
            while written < len(line):
                written += self._more(path, fd, line[written:])
        except OSError:
            self._undo(path, fd, line[: max(written, 0)])
            raise

    def _more(self, path: str, fd: int, rest: bytes) -> int:
        written = self._write(fd, rest)
        if written <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        return written

    def close_removed(self) -> None:
        """Close files that somebody removed: rows in them are nowhere, and the next row makes a new one."""
        for path, fd in list(self._fds.items()):
            if os.fstat(fd).st_nlink == 0:
                self.close(path)

    def _undo(self, path: str, fd: int, part: bytes) -> None:
        """Take back a part of a row where it is still the end of the file; else the next row needs a newline."""
        if not part:
            return
        self._torn.add(path)
        before = os.fstat(fd).st_size - len(part)
        if before < 0 or os.pread(fd, len(part), before) != part:
            return
        os.ftruncate(fd, before)
        if before == 0 or os.pread(fd, 1, before - 1) == b"\n":
            self._torn.discard(path)


def open_limit() -> int:
    """Descriptors the writer may keep: a quarter of what the process may have, so that the calls keep theirs."""
    try:
        import resource  # noqa: PLC0415 -- not on Windows
    except ImportError:
        return 128
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MAX_OPEN if soft < 0 else max(16, min(_MAX_OPEN, soft // 4))
