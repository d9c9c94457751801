"""Rows into tables: a batch of calls is one transaction, with everything that follows from them.

Within a transaction rows wait in memory and go to each table together. The words of a batch go to the full-text tables
at its end, in the order of their numbers: out of order, each step back would cost a write of all that is pending.
"""

from __future__ import annotations

import json
import sqlite3
from operator import itemgetter
from typing import Any, Final

from callscope.index import call_waits, full_text
from callscope.index.day_totals import DayTotals
from callscope.index.extract import CallRows, Dimensions
from callscope.index.grains import WHOLE, number_of
from callscope.index.numbers import DOCUMENT_BITS, NUMBERS_A_SECOND, documents_of, second_of
from callscope.index.rollups import Cell, hour_of, recompute

_FULL: Final = 400
"""Calls whose rows wait in memory at most."""
_MOST_KNOWN: Final = 10_000
"""Sets of words whose numbers are remembered."""

_COLUMNS: Final = {
    "call": 33,
    "label": 3,
    "exchange": 21,
    "call_waits": 1 + len(call_waits.COLUMNS),
    "tool": 4,
    "error": 11,
    "problem": 5,
    "detail": 6,
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
_CHILDREN: Final = ("label", "exchange", "tool", "error", "problem")
_OF_A_CALL: Final = (*_CHILDREN, "call_waits")
_CHANGED: Final = (
    "INSERT INTO about VALUES ('changes', '1') ON CONFLICT (name) DO UPDATE SET value = CAST(value AS INTEGER) + 1"
)
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
        self._sets: dict[tuple[str, str], int] = {}
        self._totals = DayTotals(db)
        self._searched = full_text.tables(db)
        self._begin_anew()

    def put(self, rows: CallRows) -> int:
        """Put a call in, in place of what is known of it; its number. The same call keeps its number, if it may."""
        self.begin()
        path, started_at_ms = str(rows.call[_PATH_AT]), int(rows.call[_STARTED_AT] or 0)
        number = self._take_out(path)
        second = second_of(started_at_ms)
        if number is None or number // NUMBERS_A_SECOND != second:
            number = self._free_number(second)
        second = number // NUMBERS_A_SECOND
        self._kept[second] = max(number, self._kept.get(second, number))
        dimensions = self._dimension(rows.dimensions)
        self._dirty.add((hour_of(started_at_ms), dimensions))
        self._totals.put(started_at_ms, dimensions, errors=rows.errors, billed=rows.billed)
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
        for table in self._searched:
            self._db.execute(_SEARCH.format(table=table), (numbers,))
        self._totals.write()
        if self._dirty:
            self._db.execute(_CHANGED)
        if sums:
            recompute(self._db, self._dirty.union(self._db.execute("SELECT start_ms, dimensions FROM dirty_hour")))
            self._db.execute("DELETE FROM dirty_hour")
        else:
            self._db.executemany("INSERT OR IGNORE INTO dirty_hour VALUES (?, ?)", list(self._dirty))
        self._db.execute("COMMIT")
        self._begin_anew()

    def rollback(self) -> None:
        """Forget everything since the last commit."""
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
        self._dimensions.clear()
        self._sets.clear()
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._tables: dict[str, list[tuple[Any, ...]]] = {table: [] for table in _COLUMNS}
        self._totals.clear()
        self._waiting: set[str] = set()
        self._put: set[int] = set()
        self._dirty: set[Cell] = set()
        self._last: dict[int, int] = {}
        self._kept: dict[int, int] = {}

    def begin(self) -> None:
        """Begin a transaction, for what else belongs to it; `put` and `remove` do so themselves."""
        if not self._db.in_transaction:
            self._db.execute("BEGIN IMMEDIATE")

    def _keep(self, number: int, rows: CallRows) -> None:
        tables = self._tables
        call, leading = rows.call, (number,)
        told = (
            self._dimension(rows.dimensions),
            self._set("event_types (types)", rows.event_types),
            self._set("services (used)", rows.services),
        )
        tables["call"].append((number, *call[:_DIMENSIONS_AT], *told, *call[_DIMENSIONS_AT:]))
        tables["call_waits"].append((number, *rows.waits))
        children = (rows.labels, rows.exchanges, rows.tools, rows.errors, rows.problems)
        for table, found in zip(_CHILDREN, children, strict=True):
            if found:
                tables[table] += [leading + row for row in found]
        first = number << DOCUMENT_BITS
        tables["detail"] += [(first + place, *row) for place, row in enumerate(rows.details)]
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
        query = "SELECT id, started_at_ms, dimensions FROM call WHERE path = ?"
        found = self._db.execute(query, (path,)).fetchone()
        if found is None:
            return None
        number, started_at_ms, dimensions = map(int, found)
        self._dirty.add((hour_of(started_at_ms), dimensions))
        self._totals.take_out(number, started_at_ms, dimensions)
        span = documents_of(number)
        if number in self._put:
            self._put.discard(number)  # its words are not in the full-text tables yet
        else:
            words = self._db.execute("SELECT id, text FROM document WHERE id BETWEEN ? AND ?", span).fetchall()
            for table in self._searched:
                self._db.executemany(_FORGET.format(table=table), words)
        for table in ("document", "detail"):
            self._db.execute(f"DELETE FROM {table} WHERE id BETWEEN ? AND ?", span)  # noqa: S608 -- names of ours
        for table in _OF_A_CALL:
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
            number = self._dimensions[dimensions] = number_of(self._db, dimensions, WHOLE)
        return number

    def _set(self, table: str, text: str) -> int:
        """The number of a set of words in ``table (column)``."""
        number = self._sets.get((table, text))
        if number is None:
            name, _, column = table.partition(" ")
            self._db.execute(f"INSERT OR IGNORE INTO {table} VALUES (?)", (text,))  # noqa: S608 -- names of ours
            found = self._db.execute(f"SELECT id FROM {name} WHERE {column} = ?", (text,)).fetchone()  # noqa: S608 -- as above
            number = int(found[0])
            if len(self._sets) < _MOST_KNOWN:
                self._sets[table, text] = number
        return number
