"""What rollups know of a query: whether they can answer it, and the rows that do."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from callscope.index.compile import compile_query
from callscope.index.grains import WHOLE, grain_of
from callscope.index.periods import Segment
from callscope.query.query import ROLLED_UP, CallQuery

Table = Literal["day_error", "day_spend", "hour_spend"]

_FIRST_MS: Final = -(2**63)
_END_MS: Final = 2**63 - 1


def is_rolled_up(query: CallQuery) -> bool:
    """Whether a query asks for nothing but a time and what rollups are kept by."""
    return not query.words and all(term.field in ROLLED_UP for term in query.terms)


def rows_of(
    db: sqlite3.Connection, query: CallQuery, segment: Segment, columns: str, *, by: Iterable[str]
) -> sqlite3.Cursor:
    """Columns of the rows of a segment that is not of calls, of the coarsest grain that can answer.

    Args:
        db: see `callscope.index.database`.
        query: for which `is_rolled_up` holds; its time is of no account.
        segment: of that time.
        columns: of the segment's table.
        by: what the rows have to tell apart; what is no dimension is of no account.
    """
    grain = grain_of((*by, *(term.field for term in query.terms)), hourly=segment.source == "hour")
    where, parameters = _where(db, query, segment, grain)
    return db.execute(f"SELECT {columns} FROM {segment.source} WHERE grain = :grain AND {where}", parameters)  # noqa: S608 -- names of ours


def totals_of(
    db: sqlite3.Connection, query: CallQuery, segment: Segment, table: Table, columns: str, *, by: str
) -> sqlite3.Cursor:
    """What the rows of whole days or hours come to by some of their columns: these, then ``columns``.

    ``d`` are the dimensions of each row. The query and the segment: see `rows_of`.
    """
    where, parameters = _where(db, query, segment, WHOLE)
    joined = "CROSS JOIN dimensions AS d ON d.id = dimensions" if "d." in by else ""
    return db.execute(f"SELECT {by}, {columns} FROM {table} {joined} WHERE {where} GROUP BY {by}", parameters)  # noqa: S608 -- names of ours


def _where(db: sqlite3.Connection, query: CallQuery, segment: Segment, grain: int) -> tuple[str, dict[str, str | int]]:
    """The time of a segment and the dimensions of a query as conditions, and their values."""
    parameters: dict[str, str | int] = {
        "grain": grain,
        "since_ms": _FIRST_MS if segment.since_ms is None else segment.since_ms,
        "until_ms": _END_MS if segment.until_ms is None else segment.until_ms,
    }
    where = "start_ms >= :since_ms AND start_ms < :until_ms"
    if query.terms:
        where += " AND dimensions IN (SELECT value FROM json_each(:among))"
        parameters["among"] = _dimensions_of(db, query, grain)
    return where, parameters


def _dimensions_of(db: sqlite3.Connection, query: CallQuery, grain: int) -> str:
    """The combinations of dimensions of a grain whose calls such a query finds: a JSON array of their numbers."""
    compiled = compile_query(msgspec.structs.replace(query, since_ms=None, until_ms=None), words=False)
    found = db.execute(
        "SELECT d.id FROM (SELECT id AS dimensions FROM dimensions WHERE grain = :grain) AS c "  # noqa: S608 -- from the compiler
        f"JOIN dimensions AS d ON d.id = c.dimensions WHERE {compiled.where}",
        {**compiled.parameters, "grain": grain},
    )
    return json.dumps([number for (number,) in found])
