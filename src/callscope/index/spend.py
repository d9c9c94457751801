"""What calls cost, by day and by what the money went to."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from callscope.errors import SettingError
from callscope.index import regex
from callscope.index.day_totals import billed_of, nano_of
from callscope.index.grains import DIMENSIONS
from callscope.index.matching import matching_calls, snapshot
from callscope.index.periods import DAY_MS, Period, segments, start_of
from callscope.index.rolled_up import is_rolled_up, totals_of
from callscope.index.sums import NANO_PER_USD
from callscope.query.query import CallQuery

Key = tuple[str | int, ...]
"""One value for each of ``by``: the first moment of a period in Unix milliseconds, or a text; empty when unknown."""

_PERIODS: Final[tuple[Period, ...]] = ("day", "week", "month")
_OF_LINES: Final = ("service", "provider", "model")
_OF_CALLS: Final = tuple(name for name in DIMENSIONS if name not in _OF_LINES)
_TOTALS: Final = "sum(nano_usd), sum(lines), sum(unpriced)"


class Spend(msgspec.Struct, frozen=True, kw_only=True):
    """What some cost lines come to."""

    usd: float
    """The sum of what is known: a lower bound where ``unpriced`` > 0."""
    lines: int
    unpriced: int
    """Lines without an amount."""


def spend(
    db: sqlite3.Connection, query: CallQuery, *, by: tuple[str, ...] = ("day", "provider")
) -> list[tuple[Key, Spend]]:
    """What the matching calls cost by group, in the order of their keys; groups without cost lines are absent.

    A query of nothing but a time, agent, version, mode, status and environment is answered from sums by day, whatever
    the number of calls; any other from the cost lines of its calls.

    Args:
        db: see `callscope.index.database`.
        query: which calls; its sort, limit and cursor are of no account.
        by: ``day``, ``week``, ``month`` (UTC, of the call's start); ``service``, ``provider``, ``model`` of the cost
            line; ``agent``, ``version``, ``mode``, ``status``, ``environment`` of the call. Empty: all together.

    Raises:
        SettingError: ``by`` names something else, or see `callscope.index.compile.compile_query`.
    """
    for name in by:
        if name not in {*_PERIODS, *_OF_LINES, *_OF_CALLS}:
            known = ", ".join((*_PERIODS, *_OF_LINES, *_OF_CALLS))
            raise SettingError(f"there is no spend by {name!r}: write {known}")
    regex.install(db)
    groups: dict[Key, list[int]] = {}
    readers = [_reader(name) for name in by]
    with snapshot(db):
        for day_ms, names, figures in _totals(db, query, by):
            key = tuple(read(day_ms, names) for read in readers)
            found = groups.setdefault(key, [0, 0, 0])
            for place, figure in enumerate(figures):
                found[place] += figure
    return [
        (key, Spend(usd=nano / NANO_PER_USD, lines=lines, unpriced=unpriced))
        for key, (nano, lines, unpriced) in sorted(groups.items())
        if lines
    ]


def _reader(name: str) -> Callable[[int, dict[str, str]], str | int]:
    for period in _PERIODS:
        if name == period:
            return lambda day_ms, _names: start_of(period, day_ms)
    return lambda _day_ms, names: names[name]


def _totals(
    db: sqlite3.Connection, query: CallQuery, by: tuple[str, ...]
) -> Iterator[tuple[int, dict[str, str], tuple[int, int, int]]]:
    """Days, what lines are told apart by, and their billionths of a dollar, number, and number without an amount."""
    if not is_rolled_up(query):
        yield from _of_lines(db, query)
        return
    columns = [name for name in (*_OF_LINES, *_OF_CALLS) if name in by]
    told_apart = ["start_ms" if set(by) & set(_PERIODS) else "start_ms * 0", *(_column(name) for name in columns)]
    for cut in segments(query.since_ms, query.until_ms, by_hour=False):
        if cut.source != "day_sum":
            yield from _of_lines(db, msgspec.structs.replace(query, since_ms=cut.since_ms, until_ms=cut.until_ms))
            continue
        for day_ms, *row in totals_of(db, query, cut, "day_spend", _TOTALS, by=", ".join(told_apart)):
            *names, nano, lines, unpriced = row
            yield day_ms, dict(zip(columns, names, strict=True)), (nano, lines, unpriced)


def _column(name: str) -> str:
    return f"day_spend.{name}" if name in _OF_LINES else f"d.{name}"


def _of_lines(db: sqlite3.Connection, query: CallQuery) -> Iterator[tuple[int, dict[str, str], tuple[int, int, int]]]:
    """The same, line by line."""
    dimensions: dict[int, dict[str, str]] = {}
    for number, *names in db.execute(f"SELECT id, {', '.join(_OF_CALLS)} FROM dimensions"):  # noqa: S608 -- names of ours
        dimensions[number] = dict(zip(_OF_CALLS, names, strict=True))
    for rows in matching_calls(db, query, "c.id, c.started_at_ms, c.dimensions"):
        for number, started_at_ms, combination in rows:
            for service, provider, model, usd in billed_of(db, number):
                names = dimensions[combination] | {"service": service, "provider": provider, "model": model}
                yield started_at_ms - started_at_ms % DAY_MS, names, (nano_of(usd), 1, int(usd is None))
