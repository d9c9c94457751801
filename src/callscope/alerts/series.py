"""Calls over a stretch of time, so that any window in it can be summed up without asking again.

Whole hours come from rollups where these can answer (a time, agent, version, mode, status, environment); what is less
than an hour at the ends of a window, and every other question, from the calls themselves, which are read once. A call
counts in the moment of its start.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from operator import add
from typing import Any, Final

import msgspec

from callscope.alerts.rule import HOUR_MS
from callscope.index.call_waits import unpacked
from callscope.index.histogram import RESPONSE, bucket_of, gather
from callscope.index.matching import matching_calls, snapshot
from callscope.index.periods import Segment
from callscope.index.rolled_up import is_rolled_up, rows_of
from callscope.query.query import CallQuery
from callscope.timeline.percentiles import percentile

Sums = tuple[int, ...]

ENDLESS_MS: Final = 10**14
"""The length of a call that goes on."""
OF_CALLS: Final[Mapping[str, str]] = {
    "calls": "1",
    "ended": "c.status NOT IN ('in_progress', 'unreadable')",
    "completed": "c.status = 'completed'",
    "calls_with_errors": "c.errors > 0",
    "answered": "c.exchanges - c.unanswered",
    "interruptions": "w.cut_off",
    "nano_usd": "CAST(round(min(ifnull(c.cost_usd, 0), 1e6) * 1e9) AS INTEGER)",
    "unpriced_calls": "(c.cost_usd IS NULL OR c.unpriced > 0)",
    "over": "c.status <> 'in_progress'",
    "over_unpriced": "(c.status <> 'in_progress' AND (c.cost_usd IS NULL OR c.unpriced > 0))",
    "lost": "c.lost",
    "started_ms": "c.started_at_ms",
    "length_ms": (
        "CASE WHEN c.ended_at_ms IS NOT NULL THEN c.ended_at_ms - c.started_at_ms "
        f"WHEN c.status = 'in_progress' THEN {ENDLESS_MS} ELSE CAST(ifnull(c.duration_ms, 0) AS INTEGER) END"
    ),
    "silent": (
        "(c.unanswered > 0 OR ifnull(c.event_types IN (SELECT t.id FROM event_types AS t, json_each(t.types) AS e "
        "WHERE e.value = 'silence'), 0))"
    ),
    "labelled": "EXISTS (SELECT 1 FROM label WHERE call = c.id AND name = :label)",
    "good": (
        "ifnull((SELECT lower(value) FROM label WHERE call = c.id AND name = :label) "
        "IN (SELECT value FROM json_each(:good)), 0)"
    ),
}
"""What can be added up, of ``call AS c`` with its ``call_waits AS w``."""
_ROLLED: Final[Mapping[str, str]] = {
    "calls": "calls",
    "ended": "calls - unfinished",
    "completed": "completed",
    "calls_with_errors": "calls_with_errors",
    "answered": "exchanges - unanswered",
    "interruptions": "interruptions",
    "nano_usd": "nano_usd",
    "unpriced_calls": "unpriced_calls",
}
"""The same of a row of ``hour``; what is not here is known of calls alone."""


class Waits:
    """Waits of a window: those of whole hours as histograms, within 1 % of exact, the others as they are."""

    __slots__ = ("_gathered", "_values", "n")

    def __init__(self, name: str, values: Sequence[int], blobs: Iterable[bytes]) -> None:
        self._values = sorted(values)
        self._gathered = gather(blobs).get(name)
        self.n = len(self._values)
        if self._gathered is not None:
            self.n += self._gathered.edges()[0]
            if self._values:
                self._gathered.add(self._values)

    def quantile(self, share: float) -> float | None:
        """Milliseconds below which a share (0 to 1) of them lies; None of nothing."""
        if self._gathered is not None:
            return self._gathered.quantiles([share])[0]
        return percentile(self._values, share) if self._values else None

    def above(self, wait_ms: float) -> int:
        """How many are longer: of those in histograms, those in a longer bucket."""
        if self._gathered is None:
            return self.n - bisect_left(self._values, wait_ms)
        first, counts = self._gathered.histogram().counts()
        return sum(counts[max(0, bucket_of(int(wait_ms)) + 1 - first) :])


class Series:
    """The calls of a query between two moments. Moments are Unix milliseconds.

    Args:
        db: see `callscope.index.database`.
        query: which calls; its own time is of no account.
        columns: of `OF_CALLS`.
        since_ms: nothing earlier is asked for; with ``until_ms``, nothing later.
        wait: which waits, of `callscope.index.histogram.NAMES`; None: none.
        parameters: those of the columns.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        query: CallQuery,
        columns: tuple[str, ...],
        *,
        since_ms: int,
        until_ms: int,
        wait: str | None = None,
        **parameters: object,
    ) -> None:
        self._db = db
        self._query = query
        self._columns = columns
        self._wait = wait
        self._parameters = parameters
        self._first_ms = since_ms - since_ms % HOUR_MS
        self._end_ms = -(-until_ms // HOUR_MS) * HOUR_MS
        self._hours: dict[int, _Hour] = {}
        self._rolls_up = is_rolled_up(query) and set(columns) <= set(_ROLLED)
        if not self._rolls_up:
            self._read_calls(self._first_ms, self._end_ms)
        self._blobs: dict[int, list[bytes]] = {}
        self._running = self._run()

    def sums(self, since_ms: int, until_ms: int) -> Sums:
        """The columns of the calls that began in a stretch."""
        first, last = -(-since_ms // HOUR_MS) * HOUR_MS, until_ms - until_ms % HOUR_MS
        if first >= last:
            return self._added(self._rows(since_ms, until_ms))
        whole = tuple(
            high - low for low, high in zip(self._running[self._at(first)], self._running[self._at(last)], strict=True)
        )
        edges = self._added([*self._rows(since_ms, first), *self._rows(last, until_ms)])
        return tuple(map(add, whole, edges))

    def waits(self, since_ms: int, until_ms: int) -> Waits:
        """The waits of the calls that began in a stretch."""
        name = self._wait or RESPONSE
        first, last = -(-since_ms // HOUR_MS) * HOUR_MS, until_ms - until_ms % HOUR_MS
        if first >= last or not self._rolls_up:
            return Waits(name, unpacked(row[-1] for row in self._rows(since_ms, until_ms)), ())
        edges = [*self._rows(since_ms, first), *self._rows(last, until_ms)]
        blobs = (blob for hour in range(first, last, HOUR_MS) for blob in self._blobs.get(hour, ()))
        return Waits(name, unpacked(row[-1] for row in edges), blobs)

    def pieces(self, since_ms: int, until_ms: int) -> Iterator[tuple[int | None, Sequence[tuple[int, ...]]]]:
        """The columns of each call that began in a stretch, by hour: with its first moment; None: a part of an hour."""
        first, last = -(-since_ms // HOUR_MS) * HOUR_MS, until_ms - until_ms % HOUR_MS
        if first >= last:
            yield None, self._rows(since_ms, until_ms)
            return
        yield None, self._rows(since_ms, first)
        self._read_missing(first, last)
        for at in range(first, last, HOUR_MS):
            yield at, self._hours[at].rows
        yield None, self._rows(last, until_ms)

    def _at(self, hour_ms: int) -> int:
        return min(max((hour_ms - self._first_ms) // HOUR_MS, 0), len(self._running) - 1)

    def _added(self, rows: Sequence[tuple[Any, ...]]) -> Sums:
        columns = list(zip(*rows, strict=True))[: len(self._columns)]
        return tuple(map(sum, columns)) if columns else (0,) * len(self._columns)

    def _run(self) -> list[Sums]:
        """What the columns come to from the first hour to the beginning of each."""
        nothing = (0,) * len(self._columns)
        hours = range(self._first_ms, self._end_ms, HOUR_MS)
        by_hour = self._rolled() if self._rolls_up else {at: self._added(self._hours[at].rows) for at in hours}
        found = (by_hour.get(at, nothing) for at in hours)
        return list(accumulate(found, lambda one, other: tuple(map(add, one, other)), initial=nothing))

    def _rolled(self) -> dict[int, Sums]:
        columns = [_ROLLED[name] for name in self._columns]
        if self._wait is not None:
            columns.append("response" if self._wait == RESPONSE else "stages")
        segment = Segment("hour", self._first_ms, self._end_ms)
        found: dict[int, Sums] = {}
        with snapshot(self._db):
            for at, *row in rows_of(self._db, self._query, segment, f"start_ms, {', '.join(columns)}", by=()):
                if self._wait is not None:
                    self._blobs.setdefault(at, []).append(row.pop())
                found[at] = tuple(map(add, found[at], row)) if at in found else tuple(row)
        return found

    def _rows(self, since_ms: int, until_ms: int) -> list[tuple[Any, ...]]:
        if since_ms >= until_ms:
            return []
        first, end = since_ms - since_ms % HOUR_MS, -(-until_ms // HOUR_MS) * HOUR_MS
        self._read_missing(first, end)
        found: list[tuple[Any, ...]] = []
        for at in range(first, end, HOUR_MS):
            hour = self._hours[at]
            found += hour.rows[bisect_left(hour.starts, since_ms) : bisect_left(hour.starts, until_ms)]
        return found

    def _read_missing(self, first_ms: int, end_ms: int) -> None:
        missing = [at for at in range(first_ms, end_ms, HOUR_MS) if at not in self._hours]
        if missing:
            self._read_calls(missing[0], missing[-1] + HOUR_MS)

    def _read_calls(self, since_ms: int, until_ms: int) -> None:
        """Read whole hours of calls."""
        for at in range(since_ms, until_ms, HOUR_MS):
            self._hours[at] = _Hour([], [])
        wanted = [OF_CALLS[name] for name in self._columns] + ([f"w.{self._wait}"] if self._wait else [])
        columns = ", ".join(["c.started_at_ms", *wanted])
        query = msgspec.structs.replace(self._query, since_ms=since_ms, until_ms=until_ms)
        found: list[tuple[Any, ...]] = []
        with snapshot(self._db):
            for rows in matching_calls(self._db, query, columns, waits=True, **self._parameters):
                found += rows
        for started_ms, *row in sorted(found, key=lambda row: int(row[0])):
            hour = self._hours[started_ms - started_ms % HOUR_MS]
            hour.starts.append(started_ms)
            hour.rows.append(tuple(row))


class _Hour(msgspec.Struct, gc=False):
    starts: list[int]
    rows: list[tuple[Any, ...]]
