"""Errors by day, costs by day and hour, kept with each transaction: calls that come add, calls that go take away.

Costs are whole billionths of a dollar, so that adding and taking away is exact. Of errors, the first and the last
moment cannot be taken away; so the rows of the fingerprints that came or went are made anew from the errors of their
day, which an index finds.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final

from callscope.index.numbers import documents_of, numbers_between
from callscope.index.periods import DAY_MS, HOUR_MS
from callscope.index.sums import NANO_PER_USD
from callscope.model import wire

_SPEND_KEY: Final = "start_ms, dimensions, service, provider, model"
_ADD: Final = (
    "INSERT INTO {} VALUES (?, ?, ?, ?, ?, ?, ?, ?) "  # noqa: S608 -- names of ours
    f"ON CONFLICT ({_SPEND_KEY}) DO UPDATE SET nano_usd = nano_usd + excluded.nano_usd, "
    "lines = lines + excluded.lines, unpriced = unpriced + excluded.unpriced"
)
_EMPTY: Final = f"DELETE FROM {{}} WHERE ({_SPEND_KEY}) = (?, ?, ?, ?, ?) AND lines = 0"  # noqa: S608 -- as above
_FORGET: Final = "DELETE FROM day_error WHERE start_ms = ? AND dimensions = ? AND fingerprint = ?"
_COUNT: Final = (
    "INSERT INTO day_error SELECT ?1, ?2, ?3, count(*), count(DISTINCT e.call), sum(e.recovered), "
    "min(coalesce(e.ts_ms, c.started_at_ms)), max(coalesce(e.ts_ms, c.started_at_ms)), max(e.call) "
    "FROM error AS e INDEXED BY error_by_fingerprint CROSS JOIN call AS c ON c.id = e.call "
    "WHERE e.fingerprint = ?3 COLLATE NOCASE AND e.fingerprint = ?3 AND e.call BETWEEN ?5 AND ?6 "
    "AND c.dimensions = ?2 AND c.started_at_ms >= ?1 AND c.started_at_ms < ?4 HAVING count(*) > 0"
)
_DEAREST_USD: Final = 1e6
"""A line counts for no more, so that sums keep to 64 bits."""
_NOTHING: Final = (0, 0, 0)

Row = Sequence[Any]
_Spend = dict[tuple[int, int, str, str, str], tuple[int, int, int]]
"""By the columns of `_SPEND_KEY`: billionths of a dollar, lines, lines without an amount."""


def billed_of(db: sqlite3.Connection, number: int) -> list[Row]:
    """Service, provider, model and dollars of a call's cost lines."""
    blocks = db.execute("SELECT cost_lines FROM detail WHERE id BETWEEN ? AND ?", documents_of(number))
    # Not by SQLite: older ones read the last digit of a fraction otherwise than it was written.
    return [(*line[:3], line[-1]) for (block,) in blocks for line in wire.decode(block.encode())]


def nano_of(usd: float | None) -> int:
    """Whole billionths of a dollar; 0 of what is not known."""
    return 0 if usd is None else round(min(usd, _DEAREST_USD) * NANO_PER_USD)


class DayTotals:
    """What changes in ``day_error``, ``day_spend`` and ``hour_spend`` with one transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._spend: _Spend = {}
        """By hour."""
        self._errors: set[tuple[int, int, str]] = set()

    def put(self, started_at_ms: int, dimensions: int, *, errors: Iterable[Row], billed: Iterable[Row]) -> None:
        """A call comes: its rows of ``error``, and service, provider, model and dollars of its cost lines."""
        self._note(started_at_ms, dimensions, fingerprints=(row[2] for row in errors), lines=billed, sign=1)

    def take_out(self, number: int, started_at_ms: int, dimensions: int) -> None:
        """A call goes; its rows are still there."""
        fingerprints = [row[0] for row in self._db.execute("SELECT fingerprint FROM error WHERE call = ?", (number,))]
        lines = billed_of(self._db, number)
        self._note(started_at_ms, dimensions, fingerprints=fingerprints, lines=lines, sign=-1)

    def write(self) -> None:
        """Make the tables right; the rows of all calls are in theirs."""
        for table, spend in (("hour_spend", self._spend), ("day_spend", _by_day(self._spend))):
            added = [(*key, *found) for key, found in spend.items() if found != _NOTHING]
            self._db.executemany(_ADD.format(table), added)
            self._db.executemany(_EMPTY.format(table), list(spend))
        for day, dimensions, fingerprint in sorted(self._errors):
            end = day + DAY_MS
            self._db.execute(_FORGET, (day, dimensions, fingerprint))
            self._db.execute(_COUNT, (day, dimensions, fingerprint, end, *numbers_between(day, end)))
        self.clear()

    def clear(self) -> None:
        """Forget what was not written."""
        self._spend.clear()
        self._errors.clear()

    def _note(
        self,
        started_at_ms: int,
        dimensions: int,
        *,
        fingerprints: Iterable[str],
        lines: Iterable[Row],
        sign: int,
    ) -> None:
        day, hour = started_at_ms - started_at_ms % DAY_MS, started_at_ms - started_at_ms % HOUR_MS
        for service, provider, model, usd in lines:
            key = (hour, dimensions, service, provider, model)
            nano, count, unpriced = self._spend.get(key, _NOTHING)
            self._spend[key] = (nano + sign * nano_of(usd), count + sign, unpriced + sign * (usd is None))
        self._errors.update((day, dimensions, fingerprint) for fingerprint in fingerprints)


def _by_day(hours: _Spend) -> _Spend:
    days: _Spend = {}
    for (hour_ms, dimensions, service, provider, model), found in hours.items():
        key = (hour_ms - hour_ms % DAY_MS, dimensions, service, provider, model)
        nano, lines, unpriced = days.get(key, _NOTHING)
        days[key] = (nano + found[0], lines + found[1], unpriced + found[2])
    return days
