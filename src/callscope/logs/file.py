"""The file that all processes of a directory append to.

Whole lines are appended under a shared lock, a batch at a time; to close a file its lock is taken exclusively,
without waiting. While that is held nobody is in a batch, and each batch looks first whether the file under the name is
still the one it has open. So a closed file is never written to again. The lock goes with its process.
"""

from __future__ import annotations

import contextlib
import errno
import os
import random
import stat
import time
from pathlib import Path
from typing import Final

from callscope.archive.append import Write
from callscope.archive.replace import FILE_MODE, make_dir
from callscope.logs import closed
from callscope.model.wire import format_ts

try:
    import fcntl
except ImportError:  # Windows: one process a directory there
    fcntl = None  # type: ignore[assignment]

_FLAGS: Final = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_NAME: Final = "{}.jsonl"
_TRIES: Final = 60
_PAUSE_SECONDS: Final = 0.0005


class SharedFile:
    """Appends to the file of the day, and closes it when it is full. For one thread.

    Args:
        directory: made when it is not there.
        max_bytes: a file is closed before it would be larger.
        write: puts bytes into a descriptor; `os.write` unless a test wants a failing disk.
    """

    def __init__(self, directory: Path, *, max_bytes: int, write: Write = os.write) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._write = write
        self._fd = -1
        self._day = ""
        self.untidy = False
        """Whether a file was closed, or a day begun, since this was last set to False."""

    def close(self) -> None:
        """Let the file go; also in a forked child, where the lock stays its parent's."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def append(self, lines: list[bytes], now_ms: int) -> tuple[int, OSError | None]:
        """Append lines to the file of a moment's day.

        Returns:
            How many are in the file, and why the others are not.
        """
        try:
            self._enter(sum(map(len, lines)), now_ms)
        except OSError as error:
            self.close()
            return 0, error
        try:
            return self._put(lines)
        except OSError as error:
            return 0, error
        finally:
            _unlock(self._fd)

    def _enter(self, size: int, now_ms: int) -> None:
        """Have the day's file open under a shared lock, with room for so many bytes if that can be had."""
        day = format_ts(now_ms)[:10]
        path = self._directory / _NAME.format(day)
        closing = _TRIES
        while True:
            if self._fd < 0 or day != self._day:
                self._open(path, day)
            _lock(self._fd, exclusive=False)
            if not _is(path, self._fd):
                self.close()
                continue
            length = os.fstat(self._fd).st_size
            if not length or length + size <= self._max_bytes or not closing:
                return
            _unlock(self._fd)
            closing -= 1
            if set_aside(self._directory, day, self._fd):
                self.untidy = True
                self.close()
            else:
                time.sleep(random.uniform(0, _PAUSE_SECONDS))  # noqa: S311 -- whoever comes first closes the file

    def _open(self, path: Path, day: str) -> None:
        self.close()
        make_dir(self._directory)
        fd = os.open(path, _FLAGS, FILE_MODE)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        self._fd, self._day = fd, day
        self.untidy = True

    def _put(self, lines: list[bytes]) -> tuple[int, OSError | None]:
        """One write; a line that a full disk took a part of is taken back, or ended before the next one."""
        length = os.fstat(self._fd).st_size
        torn = length and os.pread(self._fd, 1, length - 1) != b"\n"
        data = b"".join([b"\n", *lines] if torn else lines)
        done = self._write(self._fd, data)
        error: OSError | None = None
        try:
            while done < len(data):
                more = self._write(self._fd, data[done:])
                if more <= 0:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # noqa: TRY301 -- as the disk itself says it
                done += more
        except OSError as failed:
            error = failed
        whole = 0
        end = 1 if torn else 0
        for line in lines:
            if end + len(line) > done:
                break
            end += len(line)
            whole += 1
        if error is not None and done > end:
            self._take_back(data[end:done])
        return whole, error

    def _take_back(self, part: bytes) -> None:
        """Cut a torn line off where it is still the end and nobody else is writing; else a newline ends it later."""
        with contextlib.suppress(OSError):
            if _lock(self._fd, exclusive=True):
                before = os.fstat(self._fd).st_size - len(part)
                if before >= 0 and os.pread(self._fd, len(part), before) == part:
                    os.ftruncate(self._fd, before)


def set_aside(directory: Path, day: str, fd: int) -> bool:
    """Give the open file of a day the next number, so that nobody writes to it again; False: somebody is writing."""
    if not _lock(fd, exclusive=True):
        return False
    try:
        path = directory / _NAME.format(day)
        if _is(path, fd):
            path.rename(closed.next_name(directory, day))
    finally:
        _unlock(fd)
    return True


def close_day(directory: Path, day: str) -> bool:
    """Close the file of a day that is over; False when that has to wait."""
    try:
        fd = os.open(directory / _NAME.format(day), _FLAGS & ~os.O_CREAT)
    except FileNotFoundError:
        return True
    try:
        return set_aside(directory, day, fd)
    finally:
        os.close(fd)


def _lock(fd: int, *, exclusive: bool) -> bool:
    """Lock. The shared lock is waited for: who has the exclusive one holds it for microseconds."""
    if fcntl is None:  # Windows
        return True  # type: ignore[unreachable]
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB if exclusive else fcntl.LOCK_SH)
    except BlockingIOError:
        return False
    except OSError as error:  # a file system without locks: appended whole lines still do not mix
        if error.errno not in {errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL}:
            raise
        return not exclusive
    return True


def _unlock(fd: int) -> None:
    if fcntl is not None and fd >= 0:
        with contextlib.suppress(OSError):
            fcntl.flock(fd, fcntl.LOCK_UN)


def _is(path: Path, fd: int) -> bool:
    """Whether the file under a name is the one that is open."""
    try:
        there = path.lstat()
    except FileNotFoundError:
        return False
    here = os.fstat(fd)
    return (there.st_ino, there.st_dev) == (here.st_ino, here.st_dev)
