"""What calls cost, by time and by what the money went to."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from callscope.errors import SettingError
from callscope.index import regex
from callscope.index.day_totals import nano_of
from callscope.index.grains import DIMENSIONS
from callscope.index.matching import matching_calls, snapshot
from callscope.index.numbers import DOCUMENT_BITS
from callscope.index.periods import HOUR_MS, PERIODS, segments, start_of
from callscope.index.rolled_up import Table, is_rolled_up, totals_of
from callscope.index.sums import NANO_PER_USD
from callscope.query.query import CallQuery

Key = tuple[str | int, ...]
"""One value for each of ``by``: the first moment of a period in Unix milliseconds, or a text; empty when unknown."""

_OF_LINES: Final = ("service", "provider", "model")
_OF_CALLS: Final = tuple(name for name in DIMENSIONS if name not in _OF_LINES)
_TOTALS: Final = "sum(nano_usd), sum(lines), sum(unpriced)"
_LINES: Final = (
    "(SELECT group_concat(cost_lines, char(10)) FROM detail "  # noqa: S608 -- numbers of ours
    f"WHERE id BETWEEN c.id << {DOCUMENT_BITS} AND (c.id << {DOCUMENT_BITS}) + {(1 << DOCUMENT_BITS) - 1})"
)
"""Of ``call AS c``: a JSON array for each of its rows of ``detail``."""


class Spend(msgspec.Struct, frozen=True, kw_only=True):
    """What some cost lines come to."""

    usd: float
    """The sum of what is known: a lower bound where ``unpriced`` > 0."""
    lines: int
    unpriced: int
    """Lines without an amount."""


class _Line(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A row of ``cost_line`` as ``detail`` has it."""

    service: str
    provider: str
    model: str
    status: Any
    unit: Any
    quantity: Any
    amount: Any
    currency: Any
    usd: float | None


_decoder: Final = msgspec.json.Decoder(list[_Line])


def spend(
    db: sqlite3.Connection, query: CallQuery, *, by: tuple[str, ...] = ("day", "provider")
) -> list[tuple[Key, Spend]]:
    """What the matching calls cost by group, in the order of their keys; groups without cost lines are absent.

    A query of nothing but a time, agent, version, mode, status and environment is answered from sums by day and hour,
    whatever the number of calls; any other from the cost lines of its calls.

    Args:
        db: see `callscope.index.database`.
        query: which calls; its sort, limit and cursor are of no account.
        by: ``hour``, ``day``, ``week``, ``month`` (UTC, of the call's start); ``service``, ``provider``, ``model`` of
            the cost line; ``agent``, ``version``, ``mode``, ``status``, ``environment`` of the call. Empty: all
            together.

    Raises:
        SettingError: ``by`` names something else, or see `callscope.index.compile.compile_query`.
    """
    for name in by:
        if name not in {*PERIODS, *_OF_LINES, *_OF_CALLS}:
            known = ", ".join((*PERIODS, *_OF_LINES, *_OF_CALLS))
            raise SettingError(f"there is no spend by {name!r}: write {known}")
    regex.install(db)
    groups: dict[Key, list[int]] = {}
    readers = [_reader(name) for name in by]
    with snapshot(db):
        for moment_ms, names, figures in _totals(db, query, by):
            key = tuple(read(moment_ms, names) for read in readers)
            found = groups.setdefault(key, [0, 0, 0])
            for place, figure in enumerate(figures):
                found[place] += figure
    return [
        (key, Spend(usd=nano / NANO_PER_USD, lines=lines, unpriced=unpriced))
        for key, (nano, lines, unpriced) in sorted(groups.items())
        if lines
    ]


def _reader(name: str) -> Callable[[int, dict[str, str]], str | int]:
    for period in PERIODS:
        if name == period:
            return lambda moment_ms, _names: start_of(period, moment_ms)
    return lambda _moment_ms, names: names[name]


def _totals(
    db: sqlite3.Connection, query: CallQuery, by: tuple[str, ...]
) -> Iterator[tuple[int, dict[str, str], tuple[int, int, int]]]:
    """Moments, what lines are told apart by, and their billionths of a dollar, number, and number without an amount."""
    if not is_rolled_up(query):
        yield from _of_lines(db, query)
        return
    columns = [name for name in (*_OF_LINES, *_OF_CALLS) if name in by]
    for cut in segments(query.since_ms, query.until_ms, by_hour="hour" in by):
        if cut.source == "calls":
            yield from _of_lines(db, msgspec.structs.replace(query, since_ms=cut.since_ms, until_ms=cut.until_ms))
            continue
        table: Table = "hour_spend" if cut.source == "hour" else "day_spend"
        told_apart = [
            "start_ms" if set(by) & set(PERIODS) else "start_ms * 0",
            *(_column(name, table) for name in columns),
        ]
        for moment_ms, *row in totals_of(db, query, cut, table, _TOTALS, by=", ".join(told_apart)):
            *names, nano, lines, unpriced = row
            yield moment_ms, dict(zip(columns, names, strict=True)), (nano, lines, unpriced)


def _column(name: str, table: Table) -> str:
    return f"{table}.{name}" if name in _OF_LINES else f"d.{name}"


def _of_lines(db: sqlite3.Connection, query: CallQuery) -> Iterator[tuple[int, dict[str, str], tuple[int, int, int]]]:
    """The same by hour, from the lines of each call."""
    sums: dict[tuple[int, int, str, str, str], list[int]] = {}
    for rows in matching_calls(db, query, f"c.started_at_ms, c.dimensions, {_LINES}"):
        for started_at_ms, combination, text in rows:
            hour_ms = started_at_ms - started_at_ms % HOUR_MS
            for line in _decoder.decode_lines(text or b""):
                for each in line:
                    key = (hour_ms, combination, each.service, each.provider, each.model)
                    found = sums.get(key) or sums.setdefault(key, [0, 0, 0])
                    found[0] += nano_of(each.usd)
                    found[1] += 1
                    found[2] += each.usd is None
    dimensions: dict[int, dict[str, str]] = {}
    for number, *values in db.execute(f"SELECT id, {', '.join(_OF_CALLS)} FROM dimensions"):  # noqa: S608 -- names of ours
        dimensions[number] = dict(zip(_OF_CALLS, values, strict=True))
    for (hour_ms, combination, service, provider, model), (nano, lines, unpriced) in sums.items():
        names = dimensions[combination] | {"service": service, "provider": provider, "model": model}
        yield hour_ms, names, (nano, lines, unpriced)
