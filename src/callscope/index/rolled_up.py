"""What rollups know of a query: whether they can answer it, and the rows that do."""

from __future__ import annotations

import json
import sqlite3
from typing import Final

import msgspec

from callscope.index.compile import compile_query
from callscope.index.periods import Segment
from callscope.query.query import ROLLED_UP, CallQuery

_FIRST_MS: Final = -(2**63)
_END_MS: Final = 2**63 - 1


def is_rolled_up(query: CallQuery) -> bool:
    """Whether a query asks for nothing but a time and what rollups are kept by."""
    return not query.words and all(term.field in ROLLED_UP for term in query.terms)


def dimensions_of(db: sqlite3.Connection, query: CallQuery) -> str:
    """The combinations of dimensions whose calls such a query finds: a JSON array of their numbers."""
    compiled = compile_query(msgspec.structs.replace(query, since_ms=None, until_ms=None), words=False)
    found = db.execute(
        "SELECT d.id FROM (SELECT id AS dimensions FROM dimensions) AS c JOIN dimensions AS d ON d.id = c.dimensions "  # noqa: S608 -- from the compiler
        f"WHERE {compiled.where}",
        compiled.parameters,
    )
    return json.dumps([number for (number,) in found])


def rows_of(db: sqlite3.Connection, segment: Segment, dimensions: str, columns: str) -> sqlite3.Cursor:
    """Columns of the rows of a segment that is not of calls, for the combinations that `dimensions_of` gave."""
    since_ms = _FIRST_MS if segment.since_ms is None else segment.since_ms
    until_ms = _END_MS if segment.until_ms is None else segment.until_ms
    return db.execute(
        f"SELECT {columns} FROM {segment.source} WHERE start_ms >= ? AND start_ms < ? "  # noqa: S608 -- names of ours
        "AND dimensions IN (SELECT value FROM json_each(?))",
        (since_ms, until_ms, dimensions),
    )
