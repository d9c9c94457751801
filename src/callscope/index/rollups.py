"""Sums by hour, day and week for each combination of dimensions, of each grain: made anew from what they are made of.

A call belongs to the hour (UTC) in which it began. What is added up: `callscope.index.sums`. A cell is an hour and a
combination of all dimensions; its row is made from its calls. The other rows are made from rows: a day's from those of
its hours, a week's from those of its days, and those of a coarser grain (`callscope.index.grains`) from those of a
finer one. Nothing is adjusted, so nothing can drift.

A week has rows once it is over: before the week of the newest call. So calls that are new cost no sums of weeks.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

from callscope.index.call_waits import unpacked
from callscope.index.grains import DIMENSIONS, HOURLY, MADE_OF, WHOLE, coarser, number_of
from callscope.index.histogram import NAMES, RESPONSE, pack_all, pack_values
from callscope.index.periods import DAY_MS, HOUR_MS, WEEK_MS, start_of
from callscope.index.sums import OF_CALL, SUMS, Row

Cell = tuple[int, int]
"""The first moment of an hour in Unix milliseconds, and the number of a combination of all dimensions."""

Table = Literal["hour", "day_sum", "week_sum"]

_BLOBS: Final = ("response", "stages")
_COLUMNS: Final = (*SUMS, *_BLOBS)
_KEY: Final = ("grain", "start_ms", "dimensions")
_SELECT: Final = f"SELECT {', '.join(_COLUMNS)} FROM"
_HOURS: Final = DAY_MS // HOUR_MS
_INSERT: Final = f"({', '.join((*_KEY, *_COLUMNS))}) VALUES ({', '.join('?' * (len(_KEY) + len(_COLUMNS)))})"
_WAITS: Final = ", ".join(f"w.{name}" for name in NAMES)
_OF_CELL: Final = (
    f"SELECT {OF_CALL}, {_WAITS} FROM call AS c INDEXED BY call_by_dimensions "  # noqa: S608 -- constants of ours
    "CROSS JOIN call_waits AS w ON w.call = c.id "
    "WHERE c.dimensions = ? AND c.started_at_ms >= ? AND c.started_at_ms < ?"
)
_DIMENSIONS: Final = f"SELECT id, grain, {', '.join(DIMENSIONS)} FROM dimensions"  # noqa: S608 -- as above
_ALL_OF: Final = f"SELECT dimensions, {', '.join(_COLUMNS)} FROM"
_OF_DAY: Final = f"{_SELECT} hour WHERE grain = ? AND start_ms IN ({', '.join('?' * _HOURS)}) AND dimensions = ?"
_DAYS: Final = WEEK_MS // DAY_MS
_OF_WEEK: Final = f"{_SELECT} day_sum WHERE grain = ? AND start_ms IN ({', '.join('?' * _DAYS)}) AND dimensions = ?"
_IN_WEEK: Final = "SELECT DISTINCT dimensions FROM day_sum WHERE grain = ? AND start_ms >= ? AND start_ms < ?"
_FORGET_WEEKS: Final = "DELETE FROM week_sum WHERE grain = ? AND start_ms >= ?"


def hour_of(started_at_ms: int) -> int:
    """The first moment of the hour that a call belongs to; both in Unix milliseconds."""
    return started_at_ms - started_at_ms % HOUR_MS


def recompute(db: sqlite3.Connection, cells: Iterable[Cell]) -> None:
    """Make the rows of these cells and all that is made of them right; part of the caller's transaction.

    Only what is different is written; a row that has no calls any more goes.
    """
    rollups = _Rollups(db)
    by_day: dict[int, list[Cell]] = {}
    for cell in sorted(cells):
        by_day.setdefault(cell[0] - cell[0] % DAY_MS, []).append(cell)
    by_week: dict[int, set[int]] = {}
    for day, of_day in by_day.items():
        by_week.setdefault(start_of("week", day), set()).update(rollups.recompute_day(day, of_day))
    if by_week:
        rollups.recompute_weeks(by_week)


class _Rollups:
    """The tables of one index."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._names: dict[int, tuple[str, ...]] = {}
        self._numbers: dict[tuple[int, tuple[str, ...]], int] = {}
        for number, grain, *names in db.execute(_DIMENSIONS):
            self._names[number] = tuple(names)
            self._numbers[grain, tuple(names)] = number

    def recompute_day(self, day: int, cells: Iterable[Cell]) -> list[int]:
        """Make cells of one day right, and what is made of them; the dimensions of the cells that changed."""
        changed: dict[int, list[int]] = {}
        for hour, dimensions in cells:
            if self._replace("hour", (WHOLE, hour, dimensions), self._of_calls(hour, dimensions)):
                changed.setdefault(hour, []).append(dimensions)
        for hour, of_hour in changed.items():
            self._recompute_coarser("hour", hour, of_hour, HOURLY)
        of_day = sorted({each for of_hour in changed.values() for each in of_hour})
        hours = range(day, day + DAY_MS, HOUR_MS)
        for dimensions in of_day:
            row = _sum(self._db.execute(_OF_DAY, (WHOLE, *hours, dimensions)).fetchall())
            self._replace("day_sum", (WHOLE, day, dimensions), row)
        self._recompute_coarser("day_sum", day, of_day, range(WHOLE))
        return of_day

    def recompute_weeks(self, changed: Mapping[int, Iterable[int]]) -> None:
        """Make the weeks right that are over, after days of some weeks changed: the weeks with those dimensions."""
        days = [start for (start,) in self._db.execute("SELECT start_ms FROM day_sum WHERE grain = 0")]
        newest = start_of("week", max(days)) if days else -(2**63)
        self._db.executemany(_FORGET_WEEKS, [(grain, newest) for grain in range(WHOLE + 1)])
        known = {start for (start,) in self._db.execute("SELECT start_ms FROM week_sum WHERE grain = 0")}
        weeks = {start_of("week", day) for day in days} - known | changed.keys()
        for week in sorted(each for each in weeks if each < newest):
            if week in known:
                self._recompute_week(week, sorted(changed[week]))
            else:
                of_week = self._db.execute(_IN_WEEK, (WHOLE, week, week + WEEK_MS)).fetchall()
                self._recompute_week(week, [dimensions for (dimensions,) in of_week])

    def _recompute_week(self, week: int, of_week: Sequence[int]) -> None:
        if not of_week:
            return
        days = range(week, week + WEEK_MS, DAY_MS)
        for dimensions in of_week:
            row = _sum(self._db.execute(_OF_WEEK, (WHOLE, *days, dimensions)).fetchall())
            self._replace("week_sum", (WHOLE, week, dimensions), row)
        self._recompute_coarser("week_sum", week, of_week, range(WHOLE))

    def _recompute_coarser(self, table: Table, start_ms: int, dimensions: Sequence[int], grains: Sequence[int]) -> None:
        """Make those rows of coarser grains right that some combinations of all dimensions are part of."""
        for grain, finer in MADE_OF.items():
            if grain not in grains:
                continue
            parts: dict[int, list[Row]] = {self._coarser(each, grain): [] for each in dimensions}
            query = f"{_ALL_OF} {table} WHERE grain = ? AND start_ms = ?"
            for each, *row in self._db.execute(query, (finer, start_ms)):
                of_row = parts.get(self._coarser(each, grain))
                if of_row is not None:
                    of_row.append(tuple(row))
            for coarse, rows in parts.items():
                self._replace(table, (grain, start_ms, coarse), _sum(rows))

    def _of_calls(self, hour: int, dimensions: int) -> Row | None:
        found = self._db.execute(_OF_CELL, (dimensions, hour, hour + HOUR_MS)).fetchall()
        if not found:
            return None
        columns = list(zip(*found, strict=True))
        waits = {name: unpacked(column) for name, column in zip(NAMES, columns[len(SUMS) :], strict=True)}
        response = waits.pop(RESPONSE)
        return (*map(sum, columns[: len(SUMS)]), pack_values({RESPONSE: response}), pack_values(waits))

    def _coarser(self, dimensions: int, grain: int) -> int:
        """The number of a combination with those dimensions alone that a grain tells apart."""
        names = coarser(self._names[dimensions], grain)
        number = self._numbers.get((grain, names))
        if number is None:
            number = self._numbers[grain, names] = number_of(self._db, names, grain)
            self._names[number] = names
        return number

    def _replace(self, table: Table, key: tuple[int, int, int], row: Row | None) -> bool:
        """Make a row this one; whether it was another."""
        is_it = "WHERE grain = ? AND start_ms = ? AND dimensions = ?"
        before = self._db.execute(f"{_SELECT} {table} {is_it}", key).fetchone()
        if before == row:
            return False
        if row is None:
            self._db.execute(f"DELETE FROM {table} {is_it}", key)  # noqa: S608 -- names of ours
        else:
            self._db.execute(f"INSERT OR REPLACE INTO {table} {_INSERT}", (*key, *row))
        return True


def _sum(rows: Sequence[Row]) -> Row | None:
    """Rows as one; None of none."""
    if not rows:
        return None
    if len(rows) == 1:
        return rows[0]
    *sums, response, stages = zip(*rows, strict=True)
    return (*map(sum, sums), pack_all(response), pack_all(stages))
