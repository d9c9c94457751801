"""Figures over time and by what calls are told apart by.

What rollups know is answered from them, in milliseconds, whatever the number of calls: percentiles are then within 1 %
of exact, all else is exact. That is a query of nothing but a time and fields of `ROLLED_UP`, grouped by periods and
dimensions. Parts of the time that are less than an hour are answered from their calls and added.

Everything else (other terms, words, groups by a label) and what is of few calls is answered from the waits of the
matching calls, exactly. Groups by ``provider`` and ``model`` are by those of the agent; as terms of a query they mean
any service of the call, which rollups do not know.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec

from callscope.errors import SettingError
from callscope.index.figures import Figures, Tally
from callscope.index.grains import DIMENSIONS
from callscope.index.histogram import NAMES, RESPONSE
from callscope.index.matching import matching_calls, snapshot
from callscope.index.periods import DAY_MS, HOUR_MS, PERIODS, WEEK_MS, Segment, by_weeks, end_of, segments, start_of
from callscope.index.rolled_up import is_rolled_up, rows_of
from callscope.index.sums import OF_CALL, SUMS, Row
from callscope.query.query import CallQuery

Key = tuple[str | int, ...]
"""One value for each of ``by``: the first moment of a period in Unix milliseconds, or the text of a dimension or label;
empty when it is unknown."""

_ALL_DIMENSIONS: Final = f"SELECT id, {', '.join(DIMENSIONS)} FROM dimensions"  # noqa: S608 -- names of ours
_LABEL: Final = "label."
_LABEL_VALUE: Final = "ifnull((SELECT value FROM label WHERE call = c.id AND name = "
_FEW: Final = 500
"""Calls that are answered exactly, though rollups would do: it takes a few milliseconds."""
_CUT_WEEKS: Final = frozenset(PERIODS) - {"week"}
"""Periods that are not made of whole weeks."""
_MS_PER_MINUTE: Final = 60_000
_FAR: Final = 25
"""So many doublings of an hour before 1970 nobody called: SQL rounds towards 0, which is not down."""
_BLOBS_AT: Final = 2 + len(SUMS)
"""Where the histograms begin in what is read of a rollup."""


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
    groups = Groups(db, query, by=by, names=NAMES if stages else (RESPONSE,))
    first_ms = query.since_ms if query.since_ms is not None else groups.first_hour_ms
    last_ms = now_ms if query.until_ms is None else min(query.until_ms, now_ms)
    return [
        (key, tally.figures(minutes=groups.covered_ms(key, first_ms, last_ms) / _MS_PER_MINUTE))
        for key, tally in sorted(groups.tallies.items())
    ]


def _add_rollups(db: sqlite3.Connection, query: CallQuery, groups: Groups, names: Sequence[str]) -> None:
    cuts = segments(query.since_ms, query.until_ms, by_hour="hour" in groups.by)
    if not _CUT_WEEKS.intersection(groups.by):
        (last_week,) = db.execute("SELECT max(start_ms) FROM week_sum WHERE grain = 0").fetchone()
        cuts = by_weeks(cuts, last_week + WEEK_MS) if last_week is not None else cuts
    whole = [cut for cut in cuts if cut.source != "calls"]
    if sum(_of_all(db, query, cut, "total(calls)") for cut in whole) <= _FEW:
        _add_calls(db, query, groups, names)
        return
    blobs = dict.fromkeys("response" if name == RESPONSE else "stages" for name in names)
    columns = ("dimensions", "start_ms", *SUMS, *blobs)
    for cut in cuts:
        if cut.source == "calls":
            edge = msgspec.structs.replace(query, since_ms=cut.since_ms, until_ms=cut.until_ms)
            _add_calls(db, edge, groups, names)
        else:
            _add_rows(rows_of(db, query, cut, ", ".join(columns), by=groups.by), groups)
    if query.since_ms is None and whole:
        groups.started(_of_all(db, query, Segment("hour", None, whole[-1].until_ms), "min(start_ms)"))


def _of_all(db: sqlite3.Connection, query: CallQuery, cut: Segment, column: str) -> Any:
    """One figure of the rows that a query finds."""
    return rows_of(db, query, cut, column, by=()).fetchone()[0]


def _add_rows(rows: Iterable[Row], groups: Groups) -> None:
    together: dict[Row, list[Row]] = {}
    for row in rows:
        together.setdefault(row[: groups.told_apart], []).append(row)
    for found in together.values():
        columns = list(zip(*found, strict=True))
        tally = groups.tally(found[0][1], found[0][0], ())
        tally.add(tuple(map(sum, columns[2:_BLOBS_AT])))
        tally.add_histograms(*columns[_BLOBS_AT:])


def _add_calls(db: sqlite3.Connection, query: CallQuery, groups: Groups, names: Sequence[str]) -> None:
    """Add the calls of a query one by one, with their waits."""
    parameters = {f"label{place}": name for place, name in enumerate(groups.labels)}
    labels = "".join(f", {_LABEL_VALUE}:{parameter}), '')" for parameter in parameters)
    waits = ", ".join(f"w.{name}" for name in names)
    columns = f"{groups.period}, c.dimensions{labels}, c.started_at_ms, {OF_CALL}, {waits}"
    at = 2 + len(groups.labels)
    for rows in matching_calls(db, query, columns, waits=True, **parameters):
        together: dict[Row, list[Row]] = {}
        for row in rows:
            together.setdefault(row[:at], []).append(row)
        for (_, dimensions, *values), found in together.items():
            started, *by_column = list(zip(*found, strict=True))[at:]
            groups.started(min(started))
            tally = groups.tally(started[0], dimensions, tuple(values))
            tally.add(tuple(map(sum, by_column[: len(SUMS)])))
            tally.add_waits(zip(names, by_column[len(SUMS) :], strict=True))


class Groups:
    """What the calls of a query come to, by group. The arguments: see `trends`.

    Args:
        db: see `callscope.index.database`.
        query: which calls.
        by: what groups are made by.
        names: which waits are added up, of `NAMES`.
    """

    def __init__(self, db: sqlite3.Connection, query: CallQuery, *, by: tuple[str, ...], names: Sequence[str]) -> None:
        self.by = by
        self.labels = tuple(name.removeprefix(_LABEL) for name in by if name.startswith(_LABEL))
        self.first_hour_ms: int | None = None
        """The hour of the first call; None when there is none, or a time was asked for."""
        length_ms = HOUR_MS if "hour" in by else DAY_MS
        self.period = f"(c.started_at_ms + {length_ms << _FAR}) / {length_ms}" if set(by) & set(PERIODS) else "0"
        """In SQL, of a call: calls of the same one are in the same periods."""
        self.told_apart = 2 if set(by) & set(PERIODS) else 1
        """Columns of a rollup's row, dimensions and moment, of which each combination is in one group."""
        self.tallies: dict[Key, Tally] = {} if by else {(): Tally()}
        self._readers = [self._reader(name) for name in by]
        with snapshot(db):
            self.dimensions: dict[int, Row] = {row[0]: row[1:] for row in db.execute(_ALL_DIMENSIONS)}
            if self.labels or not is_rolled_up(query):
                _add_calls(db, query, self, names)
            else:
                _add_rollups(db, query, self, names)

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
        """Where calls of a moment, a combination of dimensions and labels are added up."""
        key = tuple([read(moment_ms, dimensions, labels) for read in self._readers])
        found = self.tallies.get(key)
        if found is None:
            found = self.tallies[key] = Tally()
        return found

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
