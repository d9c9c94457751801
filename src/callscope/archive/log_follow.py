"""Log lines as they come: from every file that grows, over its rotation, over midnight, from any number of processes.

Nothing here waits: a command looks, prints and sleeps. A file is followed by its descriptor, so its last lines are read
also when it has another name by then, or none. A closed file that appears is one that was followed, which its first
bytes tell, or one that was begun and closed between two looks, and is read whole.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Self

from callscope.archive.log_files import LogFile, LogFiles, inflated, list_files, plain, split
from callscope.archive.log_line import LineReader, LogLine

_HEAD_BYTES: Final = 512
_BACK_BYTES: Final = 64 * 1024
_NS_PER_MS: Final = 1_000_000
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)

_Known = tuple[int, int, int]


class LogFollower:
    """Follows from where a look at the files ended. Close it.

    Args:
        logs: the files; they may be closed afterwards.
    """

    def __init__(self, logs: LogFiles) -> None:
        self._directory = logs.directory
        self._followed: dict[int, _Followed] = {}
        self._closed = {_known(file) for file in logs.files if file.is_compressed}
        """Compressed files that were there at the last look."""
        self._heads: set[bytes] = set()
        """Beginnings of files that were followed to their end."""
        for file in logs.files:
            fd = logs.descriptor(file)
            if fd is not None:
                self._followed[file.inode] = _Followed(file, os.dup(fd), _last_end(fd, file.size))

    def look(self) -> list[LogLine]:
        """The lines that came since the last look, in the order of time.

        Raises:
            UnreadableError: the directory may not be read.
        """
        files = list_files(self._directory)
        # Who has another name by now, or none, is never written to again, so what is read after this is all of it.
        growing = {file.inode for file in files if file.is_growing}
        found: list[LogLine] = []
        for inode, followed in list(self._followed.items()):
            is_closed = inode not in growing
            found += followed.read(is_closed=is_closed)
            if is_closed:
                self._heads.add(followed.head())
                followed.close()
                del self._followed[inode]
        for file in files:
            if file.inode not in self._followed and _known(file) not in self._closed:
                found += self._begin(file)
        self._closed = {_known(file) for file in files if file.is_compressed}
        return sorted(found, key=lambda line: line[:3])

    def close(self) -> None:
        """Let go of the files."""
        while self._followed:
            self._followed.popitem()[1].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self, file: LogFile) -> list[LogLine]:
        """The lines of a file that is new, or another name of one that was followed."""
        try:
            fd = os.open(file.path, _FLAGS)
        except OSError:
            return []  # it has another name by now: the next look finds it
        followed = _Followed(file, fd, 0)
        if file.is_growing:
            self._followed[os.fstat(fd).st_ino] = followed
            return followed.read(is_closed=False)
        try:
            head = followed.head()
            if head in self._heads:
                return []
            self._heads.add(head)
            return followed.read(is_closed=True)
        finally:
            followed.close()


class _Followed:
    """A file that is open."""

    def __init__(self, file: LogFile, fd: int, offset: int) -> None:
        self._file = file
        self._fd = fd
        self._offset = offset
        self._reader = LineReader(file.place, file.bounds, before_ms=file.mtime_ns // _NS_PER_MS)

    def read(self, *, is_closed: bool) -> list[LogLine]:
        """The lines since the last time."""
        found: list[LogLine] = []
        try:
            for line in split(self._chunks(), self._offset, is_open=not is_closed):
                self._offset = line.end
                found += self._reader.read(line.start, line.data, is_cut=line.is_cut)
        except (OSError, zlib.error, EOFError):
            pass  # what comes before the damage is told; `callscope logs` tells of the damage
        return found

    def head(self) -> bytes:
        """The first bytes of its lines."""
        try:
            if not self._file.is_compressed:
                return os.pread(self._fd, _HEAD_BYTES, 0)
            head = b""
            for chunk in inflated(self._fd):
                head += chunk
                if len(head) >= _HEAD_BYTES:
                    break
            return head[:_HEAD_BYTES]
        except (OSError, zlib.error, EOFError):
            return b""

    def close(self) -> None:
        """Let go of it."""
        os.close(self._fd)

    def _chunks(self) -> Iterator[bytes]:
        if self._file.is_compressed:
            return inflated(self._fd)
        return plain(self._fd, self._offset, os.fstat(self._fd).st_size)


def _known(file: LogFile) -> _Known:
    return file.inode, file.size, file.mtime_ns


def _last_end(fd: int, size: int) -> int:
    """Behind the last line of a file of which the last bytes may be half a line."""
    at = size
    while at > 0:
        start = max(at - _BACK_BYTES, 0)
        found = os.pread(fd, at - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        at = start
    return 0
