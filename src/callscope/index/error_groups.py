"""Errors that are the same but for their details, as groups."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import msgspec

from callscope.index import regex
from callscope.index.compile import FROM, compile_query
from callscope.index.deadline import limited
from callscope.index.matching import snapshot
from callscope.query.query import CallQuery

SECONDS: Final = 10.0


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
    compiled = compile_query(query, words=True, one_by_one=True)
    found = f"FROM error AS e CROSS JOIN {FROM} WHERE c.id = e.call AND ({compiled.errors}) AND {compiled.where}"
    with limited(db, SECONDS), snapshot(db):
        groups = db.execute(
            "SELECT e.fingerprint, count(*), count(DISTINCT e.call), sum(e.recovered), "
            f"min(coalesce(e.ts_ms, c.started_at_ms)), max(coalesce(e.ts_ms, c.started_at_ms)), max(e.call) {found} "
            f"GROUP BY e.fingerprint ORDER BY 2 DESC, 6 DESC, 1 LIMIT {limit:d}",
            compiled.parameters,
        ).fetchall()
        return [_group(db, *row) for row in groups]


def _group(db: sqlite3.Connection, fingerprint: str, *figures: Any) -> ErrorGroup:
    count, calls, recovered, first_ms, last_ms, newest = figures
    pattern, example, stage, provider, exception_type, category, path, call_id = db.execute(
        "SELECT e.pattern, e.message, e.stage, e.provider, e.exception_type, e.category, c.path, c.call_id "
        "FROM error AS e JOIN call AS c ON c.id = e.call "
        "WHERE e.call = ? AND e.fingerprint = ? ORDER BY e.seq DESC LIMIT 1",
        (newest, fingerprint),
    ).fetchone()
    return ErrorGroup(
        fingerprint=fingerprint,
        pattern=pattern,
        example=example,
        stage=stage,
        provider=provider,
        exception_type=exception_type,
        category=category,
        count=count,
        calls=calls,
        recovered=recovered,
        first_ms=first_ms,
        last_ms=last_ms,
        example_call=path,
        example_call_id=call_id,
    )
