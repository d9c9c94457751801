"""The calls that a query finds, one by one, and their exchanges: what is exact, where rollups are not enough."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Final

from callscope.index.compile import FROM, compile_query
from callscope.index.plan import as_rows, few_calls
from callscope.index.sums import OF_EXCHANGE, Row
from callscope.query.query import CallQuery

_AT_ONCE: Final = 2_000
"""Calls whose exchanges are asked for together."""


@contextlib.contextmanager
def snapshot(db: sqlite3.Connection) -> Iterator[None]:
    """All that is read inside is of one moment, whatever is written meanwhile."""
    if db.in_transaction:
        yield
        return
    db.execute("BEGIN")
    try:
        yield
    finally:
        db.execute("ROLLBACK")


def matching_calls(db: sqlite3.Connection, query: CallQuery, columns: str, **parameters: object) -> sqlite3.Cursor:
    """These columns of ``call AS c`` and ``dimensions AS d`` for each call that matches, in any order.

    ``parameters`` are those of the columns. The query's own sort, limit and cursor are of no account.
    """
    compiled = compile_query(query, words=True)
    values = {**compiled.parameters, **parameters}
    few = few_calls(db, compiled.sources, compiled.parameters)
    if few is None:
        return db.execute(f"SELECT {columns} FROM {FROM} WHERE {compiled.where}", values)  # noqa: S608 -- from the compiler, and columns of ours
    return db.execute(
        f"SELECT {columns} FROM json_each(:few) AS few CROSS JOIN call AS c ON c.id = few.value "  # noqa: S608 -- as above
        f"JOIN dimensions AS d ON d.id = c.dimensions WHERE {compiled.where}",
        {**values, "few": as_rows(few)},
    )


def exchanges_of(db: sqlite3.Connection, calls: Sequence[int]) -> Iterator[list[Row]]:
    """The exchanges of calls, greetings left out, in pieces: (call, *`OF_EXCHANGE`)."""
    for at in range(0, len(calls), _AT_ONCE):
        yield db.execute(
            f"SELECT e.call, {OF_EXCHANGE} FROM json_each(?) AS wanted "  # noqa: S608 -- constants of ours
            "CROSS JOIN exchange AS e ON e.call = wanted.value WHERE e.kind = 'exchange'",
            (json.dumps(calls[at : at + _AT_ONCE]),),
        ).fetchall()
