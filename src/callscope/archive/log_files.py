"""The files of an archive's logs, as they were at one moment, read forwards in bounded memory.

::

    <root>/logs/2026-11-22.jsonl         lines are appended to it
    <root>/logs/2026-11-22.3.jsonl       closed, and about to be compressed
    <root>/logs/2026-11-22.1.jsonl.gz    closed, the oldest of the day

Files are renamed, compressed and removed while they are read. What is still plain is therefore opened at once, and
stays readable under whatever name; what is compressed does not change any more. Other files that end in ``.jsonl`` or
``.jsonl.gz`` are read, too; of these nobody knows the day.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import re
import stat
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from callscope.archive import paths
from callscope.archive.log_line import MAX_BYTES, Bounds, LineReader, LogLine, Place
from callscope.errors import UnreadableError
from callscope.model.wire import LAST_MS

DAY_MS: Final = 86_400_000
SLACK_MS: Final = 3_600_000
"""How far after the day of its file a line's moment is believed: clocks that are a little off. Before, it is a day:
lines may have waited for a disk."""
_NAME: Final = re.compile(r"(?:([0-9]{4}-[0-9]{2}-[0-9]{2})(?:\.([0-9]{1,9}))?|.+)\.jsonl(\.gz)?", re.DOTALL)
_CHUNK_BYTES: Final = 256 * 1024
_TRIES: Final = 50
"""Looks at the directory until nothing changes in between: files are closed every few minutes at most."""
_GZIP: Final = 31
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


class LogFile(NamedTuple):
    """A file, when it was looked at."""

    path: str
    name: str
    start_ms: int | None
    """Unix milliseconds of its day's first moment; None: nobody knows its day."""
    number: int | None
    """Of a closed one; None: lines may be appended."""
    is_compressed: bool
    inode: int
    size: int
    """Bytes; lines that came later are left out."""
    mtime_ns: int

    @property
    def place(self) -> Place:
        """Where it is in the order of files."""
        day = "" if self.start_ms is None else self.name[:10]
        return day, sys.maxsize if self.number is None else self.number, self.name

    @property
    def bounds(self) -> Bounds:
        """Moments that are believed of its lines, and so the first and the last that one can be placed at."""
        if self.start_ms is None:
            return Bounds(0, LAST_MS)
        return Bounds(self.start_ms - DAY_MS, self.start_ms + DAY_MS + SLACK_MS)

    @property
    def before_ms(self) -> int:
        """Place in time of a line before which there is none that tells any."""
        return self.start_ms or 0

    @property
    def is_growing(self) -> bool:
        """Whether its last line, without an end, may be one that is being written."""
        return self.number is None and not self.is_compressed


class RawLine(NamedTuple):
    """A line as it is in a file."""

    start: int
    end: int
    """Of the byte behind its end."""
    data: bytes
    is_cut: bool
    """It is longer than `MAX_BYTES`, and this is its beginning."""


class Span(NamedTuple):
    """A part of a file: whole lines."""

    start: int
    end: int | None
    """None: all that there is."""
    before_ms: int
    """Place in time of the line before it."""


class LogFiles:
    """An archive's logs. Close it: what is still plain is open.

    Args:
        root: the archive; there need be no logs in it.

    Raises:
        UnreadableError: the directory may not be read.
    """

    def __init__(self, root: Path) -> None:
        self.directory = root / paths.LOGS
        self._open: dict[str, int] = {}
        self._problems: dict[str, str] = {}
        try:
            self.files = self._look()
        except UnreadableError:
            self.close()
            raise
        """In order, the oldest first."""

    @property
    def problems(self) -> tuple[str, ...]:
        """Files that are there and could not be read, or not to their end."""
        return tuple(self._problems.values())

    def is_damaged(self, file: LogFile) -> bool:
        """Whether something of it could not be read."""
        return file.name in self._problems

    def raw_lines(self, file: LogFile, start: int = 0, end: int | None = None) -> Iterator[RawLine]:
        """Lines from one place to another, both at the beginning of a line. What cannot be read is a problem."""
        last = self._last(file, end)
        return split(self._chunks(file, start, last), start, is_open=file.is_growing)

    def lines(self, file: LogFile, spans: Sequence[Span] | None = None) -> Iterator[LogLine]:
        """The lines of a file, or of parts of it, which follow each other."""
        if not file.is_compressed or spans is None:
            for span in spans if spans is not None else (Span(0, None, file.before_ms),):
                yield from self._read(file, span, self.raw_lines(file, span.start, span.end))
            return
        if spans:  # it can be read from its beginning alone, so it is, once
            yield from self._picked(file, spans)

    def descriptor(self, file: LogFile) -> int | None:
        """Of a file that is still plain; None when it could not be opened."""
        return self._open.get(file.path)

    def bytes_at(self, file: LogFile, start: int, length: int) -> bytes:
        """Some bytes of a file that is still plain; fewer, where there are fewer."""
        fd = self._open.get(file.path)
        try:
            return b"" if fd is None else os.pread(fd, length, start)
        except OSError:
            return b""

    def close(self) -> None:
        """Close the files."""
        while self._open:
            os.close(self._open.popitem()[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _look(self) -> tuple[LogFile, ...]:
        """The files, with those open that are plain; again, when one was renamed meanwhile."""
        for _ in range(_TRIES):
            self.close()
            self._problems.clear()
            before = list_files(self.directory)
            opened = [found for file in before if (found := self._opened(file)) is not None]
            now = {(file.name, file.inode) for file in list_files(self.directory)}
            if now == {(file.name, file.inode) for file in before}:
                break
        plain = {file.name for file in opened if not file.is_compressed}
        return tuple(file for file in opened if not (file.is_compressed and file.name.removesuffix(".gz") in plain))

    def _opened(self, file: LogFile) -> LogFile | None:
        """The file as it is now; None when it is not there any more, or cannot be read."""
        if file.is_compressed:
            return file
        try:
            fd = os.open(file.path, _FLAGS)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._complain(file, error)
            return None
        self._open[file.path] = fd
        found = os.fstat(fd)
        return file._replace(inode=found.st_ino, size=found.st_size, mtime_ns=found.st_mtime_ns)

    def _last(self, file: LogFile, end: int | None) -> int | None:
        if file.is_compressed:
            return end
        return file.size if end is None else min(end, file.size)

    def _chunks(self, file: LogFile, start: int, end: int | None) -> Iterator[bytes]:
        try:
            if not file.is_compressed:
                yield from plain(self._open.get(file.path), start, end or 0)
                return
            fd = self._reopened(file)
            if fd is None:
                return
            try:
                yield from _part(inflated(fd), start, end)
            finally:
                os.close(fd)
        except (OSError, zlib.error, EOFError) as error:
            self._complain(file, error)

    def _reopened(self, file: LogFile) -> int | None:
        """A compressed file; None when it was removed meanwhile, as the oldest of a day are."""
        with contextlib.suppress(FileNotFoundError):
            return os.open(file.path, _FLAGS)
        for other in list_files(self.directory):  # or it has another number now
            if other.inode == file.inode and other.is_compressed and other.size == file.size:
                with contextlib.suppress(FileNotFoundError):
                    return os.open(other.path, _FLAGS)
        return None

    def _picked(self, file: LogFile, spans: Sequence[Span]) -> Iterator[LogLine]:
        """The lines of some parts of a compressed file."""
        last = spans[-1].end
        raw = self.raw_lines(file, spans[0].start, last)
        line = next(raw, None)
        for span in spans:
            reader = LineReader(file.place, file.bounds, before_ms=span.before_ms)
            while line is not None and line.start < span.start:
                line = next(raw, None)
            while line is not None and (span.end is None or line.start < span.end):
                yield from reader.read(line.start, line.data, is_cut=line.is_cut)
                line = next(raw, None)

    def _read(self, file: LogFile, span: Span, raw: Iterator[RawLine]) -> Iterator[LogLine]:
        reader = LineReader(file.place, file.bounds, before_ms=span.before_ms)
        for line in raw:
            yield from reader.read(line.start, line.data, is_cut=line.is_cut)

    def _complain(self, file: LogFile, error: Exception) -> None:
        if isinstance(error, OSError):
            what = f"cannot be read ({error.strerror}): check its owner and mode"
        else:
            what = f"is damaged ({error}): what comes before the damage was read"
        self._problems[file.name] = f"{file.path} {what}"


def list_files(directory: Path) -> list[LogFile]:
    """The files of a directory of logs in order, the oldest first; none where there is no directory.

    Raises:
        UnreadableError: it may not be read.
    """
    try:
        with os.scandir(directory) as entries:
            found = [_file(entry) for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise UnreadableError(f"{directory} cannot be read ({error.strerror}): check its owner and mode") from error
    return sorted((file for file in found if file is not None), key=lambda file: file.place)


def _file(entry: os.DirEntry[str]) -> LogFile | None:
    match = _NAME.fullmatch(entry.name)
    if match is None or entry.name.startswith("."):
        return None
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    start_ms = _day(match[1]) if match[1] else None
    return LogFile(
        path=entry.path,
        name=entry.name,
        start_ms=start_ms,
        number=int(match[2]) if match[2] and start_ms is not None else None,
        is_compressed=bool(match[3]),
        inode=status.st_ino,
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
    )


def _day(text: str) -> int | None:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        return None
    start = dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp()
    return round(start * 1000) if start >= 0 else None


def split(chunks: Iterator[bytes], start: int, *, is_open: bool) -> Iterator[RawLine]:
    """Lines of a file from ``start`` on; what is behind the last end is one, too, unless it may be written on."""
    rest, dropped, at = b"", 0, start
    for chunk in chunks:
        pieces = chunk.split(b"\n")
        pieces[0] = rest + pieces[0]
        rest = pieces.pop()
        for piece in pieces:
            end = at + len(piece) + dropped + 1
            yield RawLine(at, end, piece[:MAX_BYTES], len(piece) > MAX_BYTES)
            at, dropped = end, 0
        if len(rest) > MAX_BYTES + 1:  # one more, so that it is known to be too long
            dropped += len(rest) - MAX_BYTES - 1
            rest = rest[: MAX_BYTES + 1]
    if rest and not is_open:
        yield RawLine(at, at + len(rest) + dropped, rest[:MAX_BYTES], len(rest) > MAX_BYTES)


def plain(fd: int | None, start: int, end: int) -> Iterator[bytes]:
    """The bytes of a plain file from one place to another, or as far as there are any."""
    while fd is not None and start < end:
        data = os.pread(fd, min(_CHUNK_BYTES, end - start), start)
        if not data:
            return  # it was cut
        start += len(data)
        yield data


def inflated(fd: int) -> Iterator[bytes]:
    """What a compressed file holds. Raises `zlib.error` or `EOFError` where it is damaged."""
    engine, at, is_begun = zlib.decompressobj(_GZIP), 0, False
    while data := os.pread(fd, _CHUNK_BYTES, at):
        at += len(data)
        while data:
            is_begun = True
            found = engine.decompress(data, _CHUNK_BYTES)
            while found:
                yield found
                data = engine.unconsumed_tail
                found = engine.decompress(data, _CHUNK_BYTES) if not engine.eof else b""
            data = engine.unconsumed_tail
            if engine.eof:
                data, engine, is_begun = engine.unused_data.lstrip(b"\0"), zlib.decompressobj(_GZIP), False
    if is_begun:
        raise EOFError("it ends too early")


def _part(chunks: Iterator[bytes], start: int, end: int | None) -> Iterator[bytes]:
    at = 0
    for chunk in chunks:
        first, last = max(start - at, 0), len(chunk) if end is None else min(end - at, len(chunk))
        if first < last:
            yield chunk[first:last]
        at += len(chunk)
        if end is not None and at >= end:
            return
