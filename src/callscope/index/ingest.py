"""Rows into tables: a batch of calls is one transaction, with everything that follows from them.

Within a transaction rows wait in memory and go to each table together. The words of a batch go to the full-text tables
at its end, in the order of their numbers: out of order, each step back would cost a write of all that is pending.
"""

from __future__ import annotations

import json
import sqlite3
from operator import itemgetter
from typing import Final

from callscope.index.extract import CallRows, Dimensions, Row
from callscope.index.rollups import hour_of, recompute

NUMBERS_A_SECOND: Final = 4096
DOCUMENT_BITS: Final = 20
_EPOCH_S: Final = 1_577_836_800
"""2020-01-01, from which calls are numbered."""
_LAST_S: Final = (1 << 31) - (1 << 24)
"""Documents' numbers have 63 bits; later calls are numbered from here on."""
_FULL: Final = 400
"""Calls whose rows wait in memory at most."""

_COLUMNS: Final = {
    "call": 31,
    "label": 3,
    "turn": 10,
    "exchange": 22,
    "event": 5,
    "tool": 4,
    "usage": 7,
    "cost_line": 11,
    "error": 11,
    "problem": 5,
    "document": 4,
}
_INSERTS: Final = {
    table: f"INSERT INTO {table} VALUES ({', '.join('?' * columns)})"  # noqa: S608 -- names of ours
    for table, columns in _COLUMNS.items()
}
_DIMENSIONS_AT: Final = 13
"""Where ``dimensions`` stands in a row of ``call``, without its number."""
_STARTED_AT: Final = 2
_PATH_AT: Final = 0
_CHILDREN: Final = ("label", "turn", "exchange", "event", "tool", "usage", "cost_line", "error", "problem")
_SEARCHED: Final = ("document_trigram", "document_word")
_SEARCH: Final = (
    "INSERT INTO {table} (rowid, text) SELECT document.id, document.text FROM json_each (?) AS call "  # noqa: S608 -- names of ours
    f"CROSS JOIN document ON document.id BETWEEN call.value << {DOCUMENT_BITS} "
    f"AND (call.value << {DOCUMENT_BITS}) + {(1 << DOCUMENT_BITS) - 1}"
)
"""One statement for all: a full-text table writes what is pending when a statement of many rows begins."""
_FORGET: Final = "INSERT INTO {table} ({table}, rowid, text) VALUES ('delete', ?, ?)"


class Ingest:
    """Puts calls into the index and takes them out. Nothing is to be seen before `commit`.

    Args:
        db: see `callscope.index.database.writable`. One `Ingest` at a time.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._dimensions: dict[Dimensions, int] = {}
        self._begin_anew()

    def put(self, rows: CallRows) -> int:
        """Put a call in, in place of what is known of it; its number. The same call keeps its number, if it may."""
        self.begin()
        path, started_at_ms = str(rows.call[_PATH_AT]), int(rows.call[_STARTED_AT] or 0)
        number = self._take_out(path)
        second = _second(started_at_ms)
        if number is None or number // NUMBERS_A_SECOND != second:
            number = self._free_number(second)
        second = number // NUMBERS_A_SECOND
        self._kept[second] = max(number, self._kept.get(second, number))
        self._dirty.add(hour_of(started_at_ms))
        self._keep(number, rows)
        self._waiting.add(path)
        self._put.add(number)
        if len(self._waiting) >= _FULL:
            self._flush()
        return number

    def remove(self, path: str) -> bool:
        """Take a call out; whether it was in."""
        self.begin()
        return self._take_out(path) is not None

    def commit(self, *, sums: bool = True) -> None:
        """Make everything since the last commit to be seen, all of it at once.

        Args:
            sums: make the sums of the hours that changed, too; without it, they wait for the next commit that does.
        """
        if not self._db.in_transaction:
            return
        self._flush()
        numbers = json.dumps(sorted(self._put))
        for table in _SEARCHED:
            self._db.execute(_SEARCH.format(table=table), (numbers,))
        self._db.executemany("INSERT OR IGNORE INTO dirty_hour VALUES (?)", [(hour,) for hour in self._dirty])
        if sums:
            recompute(self._db, {hour for (hour,) in self._db.execute("SELECT start_ms FROM dirty_hour")})
            self._db.execute("DELETE FROM dirty_hour")
        self._db.execute("COMMIT")
        self._begin_anew()

    def rollback(self) -> None:
        """Forget everything since the last commit."""
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
        self._dimensions.clear()
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._tables: dict[str, list[Row]] = {table: [] for table in _COLUMNS}
        self._waiting: set[str] = set()
        self._put: set[int] = set()
        self._dirty: set[int] = set()
        self._last: dict[int, int] = {}
        self._kept: dict[int, int] = {}

    def begin(self) -> None:
        """Begin a transaction, for what else belongs to it; `put` and `remove` do so themselves."""
        if not self._db.in_transaction:
            self._db.execute("BEGIN IMMEDIATE")

    def _keep(self, number: int, rows: CallRows) -> None:
        tables = self._tables
        call, leading = rows.call, (number,)
        dimensions = self._dimension(rows.dimensions)
        tables["call"].append((number, *call[:_DIMENSIONS_AT], dimensions, *call[_DIMENSIONS_AT:]))
        for table, found in zip(_CHILDREN, (rows.labels, rows.turns, *rows[4:-1]), strict=True):
            if found:
                tables[table] += [leading + row for row in found]
        first = number << DOCUMENT_BITS
        tables["document"] += [(first + place, *row) for place, row in enumerate(rows.documents)]

    def _flush(self) -> None:
        """Hand what waits to SQLite."""
        for table, rows in self._tables.items():
            if rows:
                rows.sort(key=itemgetter(0))
                self._db.executemany(_INSERTS[table], rows)
                rows.clear()
        self._waiting.clear()

    def _take_out(self, path: str) -> int | None:
        """Delete a call and all that is of it; its number, None when it was not in."""
        if path in self._waiting:
            self._flush()
        found = self._db.execute("SELECT id, started_at_ms FROM call WHERE path = ?", (path,)).fetchone()
        if found is None:
            return None
        number, started_at_ms = int(found[0]), int(found[1])
        self._dirty.add(hour_of(started_at_ms))
        span = _documents_of(number)
        if number in self._put:
            self._put.discard(number)  # its words are not in the full-text tables yet
        else:
            words = self._db.execute("SELECT id, text FROM document WHERE id BETWEEN ? AND ?", span).fetchall()
            for table in _SEARCHED:
                self._db.executemany(_FORGET.format(table=table), words)
        self._db.execute("DELETE FROM document WHERE id BETWEEN ? AND ?", span)
        for table in _CHILDREN:
            self._db.execute(f"DELETE FROM {table} WHERE call = ?", (number,))  # noqa: S608 -- names of ours
        self._db.execute("DELETE FROM call WHERE id = ?", (number,))
        return number

    def _free_number(self, second: int) -> int:
        """The number after the last one of a second, or of the next second that is not full."""
        while True:
            first = second * NUMBERS_A_SECOND
            last = self._last.get(second)
            if last is None:
                query = "SELECT max(id) FROM call WHERE id BETWEEN ? AND ?"
                known = self._db.execute(query, (first, first + NUMBERS_A_SECOND - 1)).fetchone()[0]
                # A call that keeps its number is out of its table while it waits.
                last = max(first - 1 if known is None else int(known), self._kept.get(second, first - 1))
            if last < first + NUMBERS_A_SECOND - 1:
                self._last[second] = last + 1
                return last + 1
            second += 1

    def _dimension(self, dimensions: Dimensions) -> int:
        number = self._dimensions.get(dimensions)
        if number is None:
            names = "agent, version, provider, model, mode, status, environment"
            self._db.execute(
                f"INSERT OR IGNORE INTO dimensions ({names}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 -- as above
                dimensions,
            )
            found = self._db.execute(
                f"SELECT id FROM dimensions WHERE ({names}) = (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 -- as above
                dimensions,
            ).fetchone()
            number = self._dimensions[dimensions] = int(found[0])
        return number


def _second(started_at_ms: int) -> int:
    return min(started_at_ms // 1000 - _EPOCH_S, _LAST_S)


def _documents_of(number: int) -> tuple[int, int]:
    first = number << DOCUMENT_BITS
    return first, first + (1 << DOCUMENT_BITS) - 1
