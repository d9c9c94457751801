"""The calls that a query finds, one by one: what is exact, where rollups are not enough."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from typing import Final

from callscope.index.compile import call_numbers, compile_query
from callscope.index.plan import as_rows, few_calls
from callscope.index.sums import Row
from callscope.query.query import CallQuery

_FEW: Final = 10_000
"""Calls that are looked up by their numbers: sooner than what the calls of a month take to be gone through."""
_AT_ONCE: Final = 5_000
"""Calls whose rows are in memory together."""


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


def matching_calls(
    db: sqlite3.Connection, query: CallQuery, columns: str, *, waits: bool = False, **parameters: object
) -> Iterator[list[Row]]:
    """These columns for each call that matches, in any order, in pieces.

    Args:
        db: see `callscope.index.database`.
        query: its sort, limit and cursor are of no account.
        columns: of ``call AS c``.
        waits: also of ``call_waits AS w``.
        parameters: those of the columns.
    """
    compiled = compile_query(query, words=True)
    values: dict[str, object] = {**compiled.parameters, **parameters}
    few = few_calls(db, compiled.sources, compiled.parameters, most=_FEW)
    if few is None:  # in the order of their numbers, which is how they lie on the disk
        table, among = "call AS c NOT INDEXED", "c.id BETWEEN :first_number AND :last_number"
        values["first_number"], values["last_number"] = call_numbers(query)
    else:
        table, among = "json_each(:few) AS few CROSS JOIN call AS c ON c.id = few.value", "1"
        values["few"] = as_rows(sorted(few))
    joined = "CROSS JOIN call_waits AS w ON w.call = c.id" if waits else ""
    cursor = db.execute(f"SELECT {columns} FROM {table} {joined} WHERE {among} AND {compiled.where}", values)  # noqa: S608 -- from the compiler, and columns of ours
    while rows := cursor.fetchmany(_AT_ONCE):
        yield rows
