"""Errors that are the same but for their details, as groups."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from callscope.index import regex
from callscope.index.compile import call_numbers, compile_query
from callscope.index.deadline import limited
from callscope.index.matching import snapshot
from callscope.index.periods import segments
from callscope.index.rolled_up import is_rolled_up, totals_of
from callscope.query.query import CallQuery

SECONDS: Final = 10.0
_OF_DAYS: Final = "sum(errors), sum(calls), sum(recovered), min(first_ms), max(last_ms), max(newest_call)"


class ErrorGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Errors of one fingerprint."""

    fingerprint: str
    pattern: str
    """The message without its variable parts."""
    example: str
    """The message of the newest one, as it was written: not safe to print as it is."""
    stage: str
    """Where it happened; empty when unknown, as with the next three."""
    provider: str
    exception_type: str
    category: str
    count: int
    calls: int
    """Calls in which it happened."""
    recovered: int
    """How many of them did no harm: the call went on by other means."""
    first_ms: int
    """The moment of the first one, in Unix milliseconds; the start of its call where it does not say."""
    last_ms: int
    example_call: str
    """The directory of the newest call in which it happened, below ``<root>/calls``."""
    example_call_id: str


def error_groups(db: sqlite3.Connection, query: CallQuery, *, limit: int = 50) -> list[ErrorGroup]:
    """Groups of the errors in the calls of a query, the most frequent first.

    Where the query asks for errors (``error:timeout``, ``fingerprint:...``), only those are counted, not what else
    went wrong in the same calls. Its order, limit and cursor are of no account.

    Raises:
        SettingError: it takes more than `SECONDS`, or see `callscope.index.compile.compile_query`.
    """
    regex.install(db)
    groups: dict[str, _Counted] = {}
    with limited(db, SECONDS), snapshot(db):
        for fingerprint, *figures in _counted(db, query):
            one, other = groups.get(fingerprint), _Counted(*figures)
            groups[fingerprint] = other if one is None else one.plus(other)
        order = sorted(groups, key=lambda name: (-groups[name].errors, -groups[name].last_ms, name))
        return [_group(db, fingerprint, groups[fingerprint]) for fingerprint in order[:limit]]


class _Counted(NamedTuple):
    """Errors of one fingerprint."""

    errors: int
    calls: int
    recovered: int
    first_ms: int
    last_ms: int
    newest: int
    """The number of the newest call."""

    def plus(self, other: _Counted) -> _Counted:
        """These and those of other calls."""
        return _Counted(
            self.errors + other.errors,
            self.calls + other.calls,
            self.recovered + other.recovered,
            min(self.first_ms, other.first_ms),
            max(self.last_ms, other.last_ms),
            max(self.newest, other.newest),
        )


def _counted(db: sqlite3.Connection, query: CallQuery) -> Iterator[tuple[Any, ...]]:
    """Fingerprints with the fields of `_Counted`; no call counts for a fingerprint twice."""
    if not is_rolled_up(query):
        yield from _one_by_one(db, query)
        return
    for cut in segments(query.since_ms, query.until_ms, by_hour=False):
        if cut.source == "day_sum":
            yield from totals_of(db, query, cut, "day_error", _OF_DAYS, by="fingerprint")
        else:
            yield from _one_by_one(db, msgspec.structs.replace(query, since_ms=cut.since_ms, until_ms=cut.until_ms))


def _one_by_one(db: sqlite3.Connection, query: CallQuery) -> sqlite3.Cursor:
    compiled = compile_query(query, words=True, one_by_one=True)
    first, last = call_numbers(query)
    return db.execute(
        "SELECT e.fingerprint, count(*), count(DISTINCT e.call), sum(e.recovered), "  # noqa: S608 -- from the compiler
        "min(coalesce(e.ts_ms, c.started_at_ms)), max(coalesce(e.ts_ms, c.started_at_ms)), max(e.call) "
        "FROM error AS e CROSS JOIN call AS c ON c.id = e.call "
        f"WHERE e.call BETWEEN :first AND :last AND ({compiled.errors}) AND {compiled.where} GROUP BY e.fingerprint",
        {**compiled.parameters, "first": first, "last": last},
    )


def _group(db: sqlite3.Connection, fingerprint: str, counted: _Counted) -> ErrorGroup:
    pattern, example, stage, provider, exception_type, category, path, call_id = db.execute(
        "SELECT e.pattern, e.message, e.stage, e.provider, e.exception_type, e.category, c.path, c.call_id "
        "FROM error AS e JOIN call AS c ON c.id = e.call "
        "WHERE e.call = ? AND e.fingerprint = ? ORDER BY e.seq DESC LIMIT 1",
        (counted.newest, fingerprint),
    ).fetchone()
    return ErrorGroup(
        fingerprint=fingerprint,
        pattern=pattern,
        example=example,
        stage=stage,
        provider=provider,
        exception_type=exception_type,
        category=category,
        count=counted.errors,
        calls=counted.calls,
        recovered=counted.recovered,
        first_ms=counted.first_ms,
        last_ms=counted.last_ms,
        example_call=path,
        example_call_id=call_id,
    )
