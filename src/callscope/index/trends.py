"""Figures over time and by what calls are told apart by.

What rollups know is answered from them, in milliseconds, whatever the number of calls: percentiles are then within 1 %
of exact, all else is exact. That is a query of nothing but a time and fields of `ROLLED_UP`, grouped by periods and
dimensions. Parts of the time that are less than an hour are answered from their calls and added.

Everything else (other terms, words, groups by a label) and what is of few calls is answered from the exchanges of the
matching calls, exactly. Groups by ``provider`` and ``model`` are by those of the agent; as terms of a query they mean
any service of the call, which rollups do not know.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from callscope.errors import SettingError
from callscope.index.figures import Figures, Tally
from callscope.index.matching import exchanges_of, matching_calls, snapshot
from callscope.index.periods import HOUR_MS, PERIODS, Segment, end_of, segments, start_of
from callscope.index.rolled_up import dimensions_of, is_rolled_up, rows_of
from callscope.index.sums import OF_CALL, SUMS, Row
from callscope.query.query import CallQuery

Key = tuple[str | int, ...]
"""One value for each of ``by``: the first moment of a period in Unix milliseconds, or the text of a dimension or label;
empty when it is unknown."""

DIMENSIONS: Final = ("agent", "version", "provider", "model", "mode", "status", "environment")
"""What calls are told apart by, as the columns of ``dimensions``; of provider and model, those of the agent."""

_ALL_DIMENSIONS: Final = f"SELECT id, {', '.join(DIMENSIONS)} FROM dimensions"  # noqa: S608 -- names of ours
_STATUS_AT: Final = DIMENSIONS.index("status")
_LABEL: Final = "label."
_LABEL_VALUE: Final = "ifnull((SELECT value FROM label WHERE call = c.id AND name = "
_FEW: Final = 500
"""Calls that are answered exactly, though rollups would do: it takes a few milliseconds."""
_MS_PER_MINUTE: Final = 60_000


def trends(
    db: sqlite3.Connection, query: CallQuery, *, by: tuple[str, ...], now_ms: int, stages: bool = True
) -> list[tuple[Key, Figures]]:
    """The figures of the matching calls by group, in the order of their keys; groups without calls are absent.

    Args:
        db: see `callscope.index.database`.
        query: which calls; its sort, limit and cursor are of no account.
        by: periods (``hour``, ``day``, ``week``, ``month``), `DIMENSIONS` and ``label.<name>``. Empty: one row for all
            calls, also when there are none.
        now_ms: Unix milliseconds, the end of a time without end.
        stages: also the percentiles of each stage; without them many groups take less time.

    Raises:
        SettingError: ``by`` names something else.
    """
    groups = _Groups(by)
    with snapshot(db):
        groups.dimensions = {row[0]: row[1:] for row in db.execute(_ALL_DIMENSIONS)}
        if groups.labels or not is_rolled_up(query):
            _add_calls(db, query, groups)
        else:
            _add_rollups(db, query, groups)
    first_ms = query.since_ms if query.since_ms is not None else groups.first_hour_ms
    last_ms = now_ms if query.until_ms is None else min(query.until_ms, now_ms)
    return [
        (key, tally.figures(minutes=groups.covered_ms(key, first_ms, last_ms) / _MS_PER_MINUTE, stages=stages))
        for key, tally in sorted(groups.tallies.items())
    ]


def _add_rollups(db: sqlite3.Connection, query: CallQuery, groups: _Groups) -> None:
    cuts = segments(query.since_ms, query.until_ms, by_hour="hour" in groups.by)
    dimensions = dimensions_of(db, query)
    whole = [cut for cut in cuts if cut.source != "calls"]
    if sum(_calls_of(db, cut, dimensions) for cut in whole) <= _FEW:
        _add_calls(db, query, groups)
        return
    for cut in cuts:
        if cut.source == "calls":
            _add_calls(db, msgspec.structs.replace(query, since_ms=cut.since_ms, until_ms=cut.until_ms), groups)
        else:
            _add_rows(rows_of(db, cut, dimensions, f"start_ms, dimensions, histograms, {', '.join(SUMS)}"), groups)
    if query.since_ms is None and whole:
        hours = Segment("hour", None, whole[-1].until_ms)
        groups.started(rows_of(db, hours, dimensions, "min(start_ms)").fetchone()[0])


def _calls_of(db: sqlite3.Connection, cut: Segment, dimensions: str) -> int:
    return int(rows_of(db, cut, dimensions, "total(calls)").fetchone()[0])


def _add_rows(rows: Iterable[Row], groups: _Groups) -> None:
    for start_ms, dimensions, histograms, *sums in rows:
        tally = groups.tally(start_ms, dimensions, ())
        tally.add(groups.status(dimensions), tuple(sums))
        tally.add_histograms(histograms)


def _add_calls(db: sqlite3.Connection, query: CallQuery, groups: _Groups) -> None:
    """Add the calls of a query one by one, with their exchanges."""
    names = {f"label{place}": name for place, name in enumerate(groups.labels)}
    labels = "".join(f", {_LABEL_VALUE}:{parameter}), '')" for parameter in names)
    at = 3 + len(SUMS)
    tallies: dict[int, Tally] = {}
    for row in matching_calls(db, query, f"c.id, c.started_at_ms, c.dimensions, {OF_CALL}{labels}", **names):
        groups.started(row[1])
        tally = tallies[row[0]] = groups.tally(row[1], row[2], row[at:])
        tally.add(groups.status(row[2]), row[3:at])
    for exchanges in exchanges_of(db, sorted(tallies)):
        rows_of: dict[Tally, list[Row]] = {}
        for exchange in exchanges:
            rows_of.setdefault(tallies[exchange[0]], []).append(exchange)
        for tally, rows in rows_of.items():
            _, cut_off, *waits = zip(*rows, strict=True)
            tally.add_exchanges(sum(cut_off), waits)


class _Groups:
    """Which group a call belongs to."""

    def __init__(self, by: tuple[str, ...]) -> None:
        self.by = by
        self.labels = tuple(name.removeprefix(_LABEL) for name in by if name.startswith(_LABEL))
        self.dimensions: dict[int, Row] = {}
        self.first_hour_ms: int | None = None
        self.tallies: dict[Key, Tally] = {} if by else {(): Tally()}
        self._readers = [self._reader(name) for name in by]

    def _reader(self, name: str) -> Callable[[int, int, Row], str | int]:
        """How a group's value is found from a call's moment, dimensions and labels."""
        for period in PERIODS:
            if name == period:
                return lambda moment_ms, _dimensions, _labels: start_of(period, moment_ms)
        if name in DIMENSIONS:
            at = DIMENSIONS.index(name)
            return lambda _moment_ms, dimensions, _labels: str(self.dimensions[dimensions][at])
        if name.startswith(_LABEL) and name != _LABEL:
            place = self.labels.index(name.removeprefix(_LABEL))
            return lambda _moment_ms, _dimensions, labels: str(labels[place])
        raise SettingError(
            f"there are no groups by {name!r}: write {', '.join((*PERIODS, *DIMENSIONS))} or label.<name>"
        )

    def tally(self, moment_ms: int, dimensions: int, labels: Row) -> Tally:
        key = tuple([read(moment_ms, dimensions, labels) for read in self._readers])
        found = self.tallies.get(key)
        if found is None:
            found = self.tallies[key] = Tally()
        return found

    def status(self, dimensions: int) -> str:
        return str(self.dimensions[dimensions][_STATUS_AT])

    def started(self, moment_ms: int | None) -> None:
        """A call began then."""
        if moment_ms is not None and (self.first_hour_ms is None or moment_ms < self.first_hour_ms):
            self.first_hour_ms = moment_ms - moment_ms % HOUR_MS

    def covered_ms(self, key: Key, first_ms: int | None, last_ms: int) -> int:
        """How much of the time that was asked for is in a group's periods."""
        if first_ms is None:
            return 0
        for name, value in zip(self.by, key, strict=True):
            for period in PERIODS:
                if name == period and isinstance(value, int):
                    first_ms, last_ms = max(first_ms, value), min(last_ms, end_of(period, value))
        return last_ms - first_ms
