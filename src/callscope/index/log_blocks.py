"""Which lines of logs are where: blocks of some 64 KiB, with what is needed to pass them over.

The lines stay in their files. A row for each of five million lines would take more than the compressed files do, and
would hold words a second time; a block tells in 100 bytes whether any of 200 lines may be an answer. What the blocks do
not cover is read from the file, so an answer is never older than the files, whether or not somebody had the time, the
right or the disk to bring this up to date. It is done when somebody asks for lines, and never together with calls.

A block ends with the first line that makes it long enough, and a commit holds whole lines with the place to go on from:
killed at any moment and started again, the rows are the same.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from callscope.archive.log_files import LogFile, LogFiles, Span
from callscope.archive.log_line import LineReader
from callscope.index.deadline import Deadline
from callscope.index.log_query import LogQuery, Matcher

_BLOCK_BYTES: Final = 64 * 1024
_COMMIT_BLOCKS: Final = 64
_MARK_BYTES: Final = 256
_FILES: Final = "SELECT id, name, inode, size, mtime_ns, offset, mark, at_ms FROM log_file"
_BLOCKS: Final = """
    SELECT start, stop, before_ms, last_ms, loggers FROM log_block AS b
    WHERE file = ? AND last_ms >= ? AND first_ms < ? AND level >= ?
"""
_OF_CALL: Final = " AND EXISTS (SELECT 1 FROM log_call AS c WHERE c.call_id = ? AND c.block = b.id)"
_LAST: Final = """
    SELECT id, start, stop, before_ms, first_ms, last_ms, level, lines, loggers FROM log_block
    WHERE file = ? ORDER BY start DESC LIMIT 1
"""
_ADD: Final = "INSERT INTO log_file (name, inode, size, mtime_ns, offset, mark, at_ms) VALUES (?, ?, ?, ?, ?, ?, ?)"
_CHANGE: Final = """
    UPDATE log_file SET name = ?, inode = ?, size = ?, mtime_ns = ?, offset = ?, mark = ?, at_ms = ? WHERE id = ?
"""


class LogReport(msgspec.Struct, frozen=True, kw_only=True):
    """What bringing it up to date did."""

    lines: int = 0
    """That were read."""
    removed: int = 0
    """Files that are gone, or were closed and have another content on the disk."""
    complete: bool = False
    """Whether nothing is left to do; False when the time was up, or somebody else is at it."""


class Known(NamedTuple):
    """A file of which the blocks cover the beginning."""

    id: int
    offset: int
    at_ms: int
    """Place in time of the last line before ``offset``."""
    is_whole: bool
    """Whether the blocks cover all of it."""
    name: str
    """As it was when it was read."""


class Candidates(NamedTuple):
    """Parts of a file that may hold answers."""

    spans: list[Span]
    last_ms: int
    """No line in them is placed later."""


def known_files(db: sqlite3.Connection, logs: LogFiles) -> dict[str, Known]:
    """The files that are known, as they are named now: by inode, and by what they hold."""
    rows = {row[2]: row for row in db.execute(_FILES)}
    found = {}
    for file in logs.files:
        row = rows.get(file.inode)
        if row is not None and _is_same(file, row, logs):
            found[file.name] = Known(row[0], row[5], row[7], row[3] == file.size, row[1])
    return found


def candidates(db: sqlite3.Connection, file: LogFile, known: Known, query: LogQuery, matcher: Matcher) -> Candidates:
    """The parts of a file that may hold answers: of its blocks, and what they do not cover."""
    asked: list[int | str] = [known.id, query.since_ms, query.until_ms, query.rank]
    if query.call_id is not None:
        asked.append(query.call_id)
    sql = _BLOCKS + (_OF_CALL if query.call_id is not None else "") + " ORDER BY start"
    spans: list[Span] = []
    last_ms = 0
    for start, stop, before_ms, block_last_ms, loggers in db.execute(sql, asked):
        if query.logger and not any(map(matcher.takes_logger, json.loads(loggers))):
            continue
        last_ms = max(last_ms, block_last_ms)
        if spans and spans[-1].end == start:
            spans[-1] = spans[-1]._replace(end=stop)
        else:
            spans.append(Span(start, stop, before_ms))
    if known.is_whole:
        return Candidates(spans, last_ms)
    return Candidates([*spans, Span(known.offset, None, known.at_ms)], file.bounds.last_ms)


def refresh_blocks(db: sqlite3.Connection, logs: LogFiles, deadline: Deadline) -> LogReport:
    """Bring the blocks up to date with the files, the newest first. Hold the lock of the index."""
    known = known_files(db, logs)
    kept = {each.id for each in known.values()}
    gone = [row[0] for row in db.execute("SELECT id FROM log_file") if row[0] not in kept]
    if gone:
        _remove(db, gone)
    lines, complete = 0, True
    for file in reversed(logs.files):
        before = known.get(file.name)
        if before is not None and before.is_whole and before.name == file.name:
            continue
        if deadline.passed and lines:
            complete = False
            break
        task = _File(db, logs, file, before)
        complete = task.read(deadline) and complete
        lines += task.lines
    return LogReport(lines=lines, removed=len(gone), complete=complete)


class _File:
    """One file, read on from where its blocks end."""

    def __init__(self, db: sqlite3.Connection, logs: LogFiles, file: LogFile, known: Known | None) -> None:
        self._db = db
        self._logs = logs
        self._file = file
        self._offset = known.offset if known is not None else 0
        self._reader = LineReader(
            file.place, file.bounds, before_ms=known.at_ms if known is not None else file.before_ms
        )
        self._id = known.id if known is not None else None
        self._blocks: list[_Block] = []
        self.lines = 0

    def read(self, deadline: Deadline) -> bool:
        """Read it to its end, or until the time is up, but never nothing; whether it is read."""
        block = self._last_block()
        for line in self._logs.raw_lines(self._file, self._offset):
            if block is None:
                block = _Block(line.start, self._reader.at_ms)
            for each in self._reader.read(line.start, line.data, is_cut=line.is_cut):
                block.add(each.at_ms, each.rank, each.logger, each.call_id)
                self.lines += 1
            block.stop = self._offset = line.end
            if block.stop - block.start >= _BLOCK_BYTES:
                self._blocks.append(block)
                block = None
                if len(self._blocks) >= _COMMIT_BLOCKS:
                    self._commit()
                    if deadline.passed:
                        return False
        if block is not None:
            self._blocks.append(block)
        self._commit(is_whole=not self._logs.is_damaged(self._file))
        return True

    def _last_block(self) -> _Block | None:
        """The last block, when there is room in it."""
        if self._id is None:
            return None
        row = self._db.execute(_LAST, (self._id,)).fetchone()
        if row is None or row[2] - row[1] >= _BLOCK_BYTES:
            return None
        calls = {call for (call,) in self._db.execute("SELECT call_id FROM log_call WHERE block = ?", row[:1])}
        return _Block.of(row, calls)

    def _commit(self, *, is_whole: bool = False) -> None:
        """The blocks so far, and where to go on; the size is that of a file that was read whole, else -1."""
        file, db = self._file, self._db
        mark = _mark(file, self._offset, self._logs)
        size = file.size if is_whole else -1
        row = (file.name, file.inode, size, file.mtime_ns, self._offset, mark, self._reader.at_ms)
        db.execute("BEGIN IMMEDIATE")  # what ends in between is undone when the connection is closed
        if self._id is None:
            self._id = db.execute(_ADD, row).lastrowid
        else:
            db.execute(_CHANGE, (*row, self._id))
        for block in self._blocks:
            self._put(block)
        db.execute("COMMIT")
        self._blocks.clear()

    def _put(self, block: _Block) -> None:
        row = (
            block.id,
            self._id,
            block.start,
            block.stop,
            block.before_ms,
            block.first_ms,
            block.last_ms,
            block.rank,
            block.lines,
            json.dumps(sorted(block.loggers)),
        )
        block.id = self._db.execute(
            "INSERT OR REPLACE INTO log_block VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row
        ).lastrowid
        self._db.executemany(
            "INSERT OR IGNORE INTO log_call VALUES (?, ?)", [(call, block.id) for call in sorted(block.calls)]
        )


class _Block:
    """A block that is being filled."""

    def __init__(self, start: int, before_ms: int) -> None:
        self.id: int | None = None
        self.start = self.stop = start
        self.before_ms = before_ms
        self.first_ms = self.last_ms = before_ms
        self.rank = -1
        self.lines = 0
        self.loggers: set[str] = set()
        self.calls: set[str] = set()

    @classmethod
    def of(cls, row: tuple[int, int, int, int, int, int, int, int, str], calls: set[str]) -> _Block:
        """A block as it was written."""
        block = cls(row[1], row[3])
        block.id, block.stop, block.first_ms, block.last_ms, block.rank, block.lines = row[0], row[2], *row[4:8]
        block.loggers, block.calls = set(json.loads(row[8])), calls
        return block

    def add(self, at_ms: int, rank: int, logger: str, call_id: str) -> None:
        """One more line."""
        self.first_ms = min(self.first_ms, at_ms) if self.lines else at_ms
        self.last_ms = max(self.last_ms, at_ms) if self.lines else at_ms
        self.rank = max(self.rank, rank)
        self.lines += 1
        self.loggers.add(logger)
        if call_id:
            self.calls.add(call_id)


def _remove(db: sqlite3.Connection, files: Iterable[int]) -> None:
    ids = [(each,) for each in files]
    db.execute("BEGIN IMMEDIATE")
    db.executemany("DELETE FROM log_call WHERE block IN (SELECT id FROM log_block WHERE file = ?)", ids)
    db.executemany("DELETE FROM log_block WHERE file = ?", ids)
    db.executemany("DELETE FROM log_file WHERE id = ?", ids)
    db.execute("COMMIT")


def _is_same(file: LogFile, row: tuple[int, str, int, int, int, int, bytes, int], logs: LogFiles) -> bool:
    """Whether a file is the one that was read: an inode alone may be somebody else's by now."""
    _, name, _, size, mtime_ns, offset, mark, _ = row
    if file.is_compressed:
        return name.endswith(".gz") and size in {file.size, -1} and mtime_ns == file.mtime_ns
    # A day's name tells which moments are believed, so that of another day is another file.
    return not name.endswith(".gz") and name[:10] == file.name[:10] and mark == _mark(file, offset, logs)


def _mark(file: LogFile, offset: int, logs: LogFiles) -> bytes:
    if file.is_compressed:
        return b""
    first = min(offset, _MARK_BYTES)
    told = logs.bytes_at(file, 0, first) + logs.bytes_at(file, max(offset - _MARK_BYTES, 0), first)
    return hashlib.blake2b(told, digest_size=16).digest()
