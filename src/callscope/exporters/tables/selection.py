"""Which calls are exported: by day, with what tells whether a day has changed, and in small groups to be read."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from hashlib import blake2b
from typing import Final, NamedTuple

import msgspec

from callscope.index import database, regex
from callscope.index.index import Index
from callscope.index.matching import matching_calls, snapshot
from callscope.index.periods import DAY_MS
from callscope.query.query import CallQuery

AT_ONCE: Final = 200
"""Calls that are read together."""
_BITS: Final = 128


class Day(NamedTuple):
    """The calls of a query that began in one UTC day."""

    start_ms: int
    calls: int
    digest: str
    """Another one when any of the calls changed, came or went."""


@contextlib.contextmanager
def reading(index: Index) -> Iterator[sqlite3.Connection]:
    """A connection of its own to an index; what goes wrong with the file is told in words."""
    with contextlib.closing(database.readable(index.place, root=index.root)) as db:
        regex.install(db)
        try:
            yield db
        except sqlite3.DatabaseError as error:
            raise database.explain(error, index.place) from error


def days_of(db: sqlite3.Connection, query: CallQuery) -> list[Day]:
    """The days of a query that have calls, in their order."""
    found: dict[int, list[int]] = {}
    with snapshot(db):
        for rows in matching_calls(db, query, "c.started_at_ms, c.path, c.stamp, c.status"):
            for started_at_ms, *what in rows:
                day = found.setdefault(started_at_ms - started_at_ms % DAY_MS, [0, 0])
                day[0] += 1
                # A sum, so that the order does not matter: numbers of calls are others in an index that was made anew.
                day[1] += int.from_bytes(blake2b("\0".join(what).encode(), digest_size=_BITS // 8).digest())
    return [Day(start, calls, f"{digest % (1 << _BITS):x}") for start, (calls, digest) in sorted(found.items())]


def of_day(query: CallQuery, start_ms: int) -> CallQuery:
    """The query of one UTC day."""
    return msgspec.structs.replace(query, since_ms=start_ms, until_ms=start_ms + DAY_MS)


def whole_days(query: CallQuery) -> CallQuery:
    """The query with its time widened to whole UTC days: a part of a day must not take the place of the day."""
    since_ms, until_ms = query.since_ms, query.until_ms
    return msgspec.structs.replace(
        query,
        since_ms=None if since_ms is None else since_ms - since_ms % DAY_MS,
        until_ms=None if until_ms is None else -(-until_ms // DAY_MS) * DAY_MS,
    )


def paths_of(index: Index, query: CallQuery) -> Iterator[str]:
    """Where the calls of a query are, below ``<root>/calls``, in the order of their beginning: for formats of calls."""
    with reading(index) as db, snapshot(db):
        for rows in matching_calls(db, query, "c.path"):
            for (path,) in rows:
                yield path


def groups_of(db: sqlite3.Connection, query: CallQuery) -> Iterator[list[int]]:
    """The numbers of the calls of a query, in their order, a few at a time."""
    for rows in matching_calls(db, query, "c.id"):
        for first in range(0, len(rows), AT_ONCE):
            yield [number for (number,) in rows[first : first + AT_ONCE]]
