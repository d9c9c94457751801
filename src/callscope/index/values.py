"""The values that fields have in an archive, for who completes a query that is being typed.

The most frequent of the newest calls come first: their number is bounded, so it takes milliseconds whatever there is.
Behind them come others that begin so, in the order of the alphabet, each found in an index behind the one before.
"""

# ruff: noqa: S608 -- names of tables and columns of ours; values are bound

from __future__ import annotations

import sqlite3
from typing import Final, NamedTuple

from callscope.errors import SettingError
from callscope.index.globs import clean
from callscope.query.completions import ASKED

_NEWEST: Final = 1_000
"""Calls whose values are counted."""
_LABEL: Final = "label."
_OF_SERVICES: Final = frozenset({"provider", "model"})
_LAST: Final = "\U0010ffff"
_FIRST_CALL: Final = f"SELECT coalesce(min(id), 0) FROM (SELECT id FROM call ORDER BY id DESC LIMIT {_NEWEST})"


class _Source(NamedTuple):
    """A table with a column ``call``, and an index that begins with ``among`` and the column."""

    table: str
    column: str
    among: str = "1"
    collation: str = "NOCASE"
    """Of the column in that index."""


def values(db: sqlite3.Connection, field: str, *, prefix: str = "", limit: int = 20) -> list[str]:
    """Known values of a field, without the unknown one.

    Args:
        db: see `callscope.index.database.readable`.
        field: one of `callscope.query.completions.ASKED`; ``label.``: the names of labels; ``label.<name>``.
        prefix: what they begin with; the case of ASCII letters does not matter.
        limit: how many.

    Raises:
        SettingError: of this field no values are known.
    """
    if field not in ASKED and not field.startswith(_LABEL):
        raise SettingError(f"no values are known of {field!r}: of {', '.join(ASKED)}, label. and label.<name> they are")
    wanted = {"from": clean(prefix), "until": clean(prefix) + _LAST, "label": clean(field.removeprefix(_LABEL))}
    if field == "tool":
        return _of_calls(db, _Source("tool", "name"), wanted, limit)
    if field == _LABEL:
        return _of_calls(db, _Source("label", "name", collation="BINARY"), wanted, limit)
    if field.startswith(_LABEL):
        return _of_calls(db, _Source("label", "value", "name = :label"), wanted, limit)
    found: list[str] = []
    if field in _OF_SERVICES:
        found += _of_sets(db, "services", f"SELECT DISTINCT services AS id, {field} AS value FROM service", wanted)
    own = _of_sets(db, "dimensions", f"SELECT id, {field} AS value FROM dimensions", wanted)
    return [*found, *(value for value in own if value not in found)][:limit]


def _of_sets(db: sqlite3.Connection, column: str, sets: str, wanted: dict[str, str]) -> list[str]:
    """Values of what calls share, of which there are few: all of them, those of the newest calls first."""
    newest = f"SELECT {column} AS id FROM call ORDER BY call.id DESC LIMIT {_NEWEST}"
    rows = db.execute(
        f"SELECT sets.value FROM ({sets}) AS sets "
        f"LEFT JOIN (SELECT id, count(*) AS calls FROM ({newest}) GROUP BY id) AS newest ON newest.id = sets.id "
        f"WHERE sets.value <> '' AND {_begins('sets.value', 'NOCASE')} "
        f"AND EXISTS (SELECT 1 FROM call WHERE {column} = sets.id) GROUP BY 1 ORDER BY total(newest.calls) DESC, 1",
        wanted,
    )
    return [value for (value,) in rows]


def _of_calls(db: sqlite3.Connection, source: _Source, wanted: dict[str, str], limit: int) -> list[str]:
    """Values that every call has of its own, of which there may be as many as calls."""
    wanted["first"] = db.execute(_FIRST_CALL).fetchone()[0]
    found = _counted(db, source, wanted, limit)
    if len(found) < limit:
        found += [value for value in _in_order(db, source, wanted, limit) if value not in found]
    return found[:limit]


def _counted(db: sqlite3.Connection, source: _Source, wanted: dict[str, str], limit: int) -> list[str]:
    """Those of the newest calls. ``+`` keeps SQLite from the index of the column: it is longer."""
    table, column, among, collation = source
    rows = db.execute(
        f"SELECT {column} FROM {table} WHERE call >= :first AND +{among} AND +{column} <> '' "
        f"AND {_begins(f'+{column}', collation)} GROUP BY +{column} ORDER BY count(*) DESC, 1 LIMIT {limit:d}",
        wanted,
    )
    return [value for (value,) in rows]


def _in_order(db: sqlite3.Connection, source: _Source, wanted: dict[str, str], limit: int) -> list[str]:
    table, column, among, collation = source
    named = f"{column} COLLATE {collation}"
    after = (
        f"SELECT {column} FROM {table} WHERE {among} AND {named} > found.value AND {named} < :until "
        f"ORDER BY {named} LIMIT 1"
    )
    first = f"SELECT min({named}) FROM {table} WHERE {among} AND {_begins(column, collation)} AND {column} <> ''"
    rows = db.execute(
        f"WITH RECURSIVE found (value) AS ({first} UNION ALL SELECT ({after}) FROM found WHERE value IS NOT NULL) "
        f"SELECT value FROM found WHERE value IS NOT NULL LIMIT {limit:d}",
        wanted,
    )
    return [value for (value,) in rows]


def _begins(column: str, collation: str) -> str:
    return f"{column} COLLATE {collation} >= :from AND {column} COLLATE {collation} < :until"
