"""Sums by hour and by day for each combination of dimensions: made anew from the calls, so that they cannot drift.

A call belongs to the hour (UTC) in which it began. What is added up: `callscope.index.sums`.
"""

from __future__ import annotations

import json
import math
import sqlite3
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from callscope.index.histogram import NAMES, pack, pack_values, unpack_all
from callscope.index.periods import DAY_MS, HOUR_MS
from callscope.index.sums import INTERRUPTIONS_AT, OF_CALL, OF_EXCHANGE, SUMS, Row

_AT_ONCE: Final = 20_000
"""Exchanges in memory at most: an hour may hold any number."""
_COLUMNS: Final = ("start_ms", "dimensions", *SUMS, "histograms")
_SELECT: Final = f"SELECT {', '.join(_COLUMNS)} FROM"
_INSERT: Final = f"({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"


def hour_of(started_at_ms: int) -> int:
    """The first moment of the hour that a call belongs to; both in Unix milliseconds."""
    return started_at_ms - started_at_ms % HOUR_MS


def recompute(db: sqlite3.Connection, hours: Iterable[int]) -> None:
    """Make the rows of these hours (their first moments) and of their days right; part of the caller's transaction.

    Only what is different is written; a row that has no calls any more goes.
    """
    changed: dict[int, set[int]] = {}
    for hour in sorted(hours):
        dimensions = _replace(db, "hour", hour, _sums_of_hour(db, hour))
        changed.setdefault(hour - hour % DAY_MS, set()).update(dimensions)
    for day, dimensions in changed.items():
        _replace(db, "day_sum", day, _sums_of_day(db, day, dimensions), among=dimensions)


def _replace(
    db: sqlite3.Connection, table: str, start_ms: int, rows: dict[int, Row], *, among: set[int] | None = None
) -> set[int]:
    """Make the rows of one moment these, or those ``among`` some dimensions; the dimensions whose row changed."""
    found = db.execute(f"{_SELECT} {table} WHERE start_ms = ?", (start_ms,))
    before = {row[1]: row[2:] for row in found if among is None or row[1] in among}
    changed = {each for each in before.keys() | rows.keys() if before.get(each) != rows.get(each)}
    db.executemany(
        f"DELETE FROM {table} WHERE start_ms = ? AND dimensions = ?",  # noqa: S608 -- names of ours
        [(start_ms, each) for each in changed & before.keys()],
    )
    db.executemany(f"INSERT INTO {table} {_INSERT}", [(start_ms, each, *rows[each]) for each in changed & rows.keys()])
    return changed


def _sums_of_hour(db: sqlite3.Connection, hour: int) -> dict[int, Row]:
    """The row of each combination of dimensions, without its key."""
    span = (hour, hour + HOUR_MS)
    in_hour = "c.started_at_ms >= ? AND c.started_at_ms < ?"
    calls = db.execute(f"SELECT c.dimensions, {OF_CALL} FROM call AS c WHERE {in_hour}", span).fetchall()  # noqa: S608 -- constants of ours
    waits = _Waits()
    exchanges = db.execute(
        f"SELECT c.dimensions, {OF_EXCHANGE} FROM call AS c CROSS JOIN exchange AS e ON e.call = c.id "  # noqa: S608 -- as above
        f"WHERE {in_hour} AND e.kind = 'exchange'",
        span,
    )
    while piece := exchanges.fetchmany(_AT_ONCE):
        waits.add(piece)
    rows = {}
    for dimensions, columns in _by_dimensions(calls):
        sums = [_sum(column) for column in columns]
        sums[INTERRUPTIONS_AT] = waits.cut_off.get(dimensions, 0)
        rows[dimensions] = (*sums, waits.packed(dimensions))
    return rows


def _sums_of_day(db: sqlite3.Connection, day: int, among: set[int]) -> dict[int, Row]:
    found = db.execute(
        f"SELECT dimensions, {', '.join(SUMS)}, histograms FROM hour WHERE start_ms >= ? AND start_ms < ? "  # noqa: S608 -- names of ours
        "AND dimensions IN (SELECT value FROM json_each(?))",
        (day, day + DAY_MS, json.dumps(list(among))),
    ).fetchall()
    return {
        dimensions: (*(_sum(column) for column in sums), pack(unpack_all(histograms)))
        for dimensions, (*sums, histograms) in _by_dimensions(found)
    }


def _by_dimensions(rows: list[Row]) -> Iterator[tuple[int, list[Row]]]:
    """Dimensions, which come first in each row, and the other columns of their rows."""
    rows.sort(key=itemgetter(0))
    for dimensions, group in groupby(rows, key=itemgetter(0)):
        _, *columns = zip(*group, strict=True)
        yield dimensions, columns


def _sum(values: Sequence[Any]) -> float:
    """Exact also of fractions, so that the order of the calls does not matter."""
    return math.fsum(values) if type(values[0]) is float else sum(values)


class _Waits:
    """Waits by dimensions and name, from pieces."""

    def __init__(self) -> None:
        self.cut_off: dict[int, int] = {}
        self._values: dict[int, dict[str, array[int]]] = {}

    def add(self, exchanges: list[Row]) -> None:
        for dimensions, (cut_off, *waits) in _by_dimensions(exchanges):
            self.cut_off[dimensions] = self.cut_off.get(dimensions, 0) + sum(cut_off)
            kept = self._values.setdefault(dimensions, {})
            for name, column in zip(NAMES, waits, strict=True):
                kept.setdefault(name, array("q")).extend([value for value in column if value is not None])

    def packed(self, dimensions: int) -> bytes:
        return pack_values(self._values.get(dimensions, {}))
