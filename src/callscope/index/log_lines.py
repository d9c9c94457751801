"""Lines of logs that answer a question, from the files, and from the blocks that tell which parts to read.

With and without an index the answer is the same: blocks only say what need not be read.
"""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from callscope.archive.log_files import LogFile, LogFiles, Span
from callscope.archive.log_line import LogLine
from callscope.index.log_blocks import candidates, known_files
from callscope.index.log_query import LogQuery, Matcher


class LogAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The newest lines that fit."""

    lines: tuple[LogLine, ...]
    """The oldest first."""
    more: bool
    """Whether older ones fit, too."""
    problems: tuple[str, ...] = ()
    """Files that could not be read, or not to their end."""


class _Part(NamedTuple):
    last_ms: int
    file: LogFile
    spans: list[Span]


class _Newest:
    """The newest lines among those that come, in any order."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: list[tuple[int, tuple[str, int, str], int, LogLine]] = []

    def add(self, line: LogLine) -> None:
        """One more line; one more than the limit is kept, which tells that there are more."""
        item = (line.at_ms, line.file, line.offset, line)
        if len(self._kept) <= self._limit:
            heapq.heappush(self._kept, item)
        else:
            heapq.heappushpop(self._kept, item)

    @property
    def since_ms(self) -> int:
        """Earlier lines have no chance any more."""
        return self._kept[0][0] if len(self._kept) > self._limit else -1

    def answer(self, problems: tuple[str, ...]) -> LogAnswer:
        """All of them in order."""
        lines = [item[3] for item in sorted(self._kept, key=lambda item: item[:3])]
        more = len(lines) > self._limit
        return LogAnswer(lines=tuple(lines[1:] if more else lines), more=more, problems=problems)


def log_lines(logs: LogFiles, query: LogQuery, db: sqlite3.Connection | None = None) -> LogAnswer:
    """The lines of an archive's logs that fit.

    Args:
        logs: the files.
        query: what is asked.
        db: the index, where there is one.

    Raises:
        SettingError: the regular expression is none, or takes too long.
    """
    matcher = Matcher(query)
    newest = _Newest(query.limit)
    for part in _parts(logs, query, matcher, db):
        if part.last_ms < newest.since_ms:
            break
        for line in logs.lines(part.file, part.spans):
            if line.at_ms >= newest.since_ms and matcher.takes(line):
                newest.add(line)
    return newest.answer(logs.problems)


def _parts(logs: LogFiles, query: LogQuery, matcher: Matcher, db: sqlite3.Connection | None) -> list[_Part]:
    """What is to be read, from the latest to the earliest: what comes later may not be needed."""
    if db is None:
        return _ordered(_whole(file) for file in logs.files if _may_answer(file, query))
    db.execute("BEGIN")  # blocks and how far they go are of one moment
    try:
        return _ordered(_known_parts(db, logs, query, matcher))
    finally:
        db.execute("COMMIT")


def _known_parts(db: sqlite3.Connection, logs: LogFiles, query: LogQuery, matcher: Matcher) -> Iterator[_Part]:
    known = known_files(db, logs)
    for file in logs.files:
        if not _may_answer(file, query):
            continue
        told = known.get(file.name)
        if told is None:
            yield _whole(file)
            continue
        found = candidates(db, file, told, query, matcher)
        if found.spans:
            yield _Part(found.last_ms, file, found.spans)


def _whole(file: LogFile) -> _Part:
    return _Part(file.bounds.last_ms, file, [Span(0, None, file.before_ms)])


def _may_answer(file: LogFile, query: LogQuery) -> bool:
    return file.bounds.last_ms >= query.since_ms and file.bounds.first_ms < query.until_ms


def _ordered(parts: Iterable[_Part]) -> list[_Part]:
    return sorted(parts, key=lambda part: (part.last_ms, part.file.place), reverse=True)
