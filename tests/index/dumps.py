"""What an index holds, without what may differ between two indexes of the same archive: numbers and stamps."""

from __future__ import annotations

import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

from callscope.index.database import readable

CHILDREN = (
    "call_waits", "label", "turn", "exchange", "part", "event", "tool", "usage", "cost_line", "error", "problem",
)  # fmt: skip
SEARCHED = ("document_trigram", "document_word")
DOCUMENT_BITS = 20


def dump(place: Path, root: Path) -> dict[str, Any]:
    """All rows by the path of their call; sums by their dimensions. Checks the full-text tables on the way."""
    db = readable(place, root=root)
    try:
        return dump_of(db)
    finally:
        db.close()


def dump_of(db: sqlite3.Connection) -> dict[str, Any]:
    """The same from an open connection."""
    paths = dict(db.execute("SELECT id, path FROM call"))
    dimensions = {row[0]: row[1:8] for row in db.execute("SELECT * FROM dimensions")}
    found: dict[str, Any] = {"call": {}}
    sets = {name: dict(db.execute(f"SELECT * FROM {name}")) for name in ("event_types", "services")}  # noqa: S608 -- our tables
    columns = [row[1] for row in db.execute("PRAGMA table_info (call)")]
    for row in db.execute("SELECT * FROM call"):
        call = dict(zip(columns, row, strict=True))
        del call["id"], call["stamp"]
        named = {name: numbered[call[name]] for name, numbered in sets.items()}
        found["call"][call["path"]] = call | named | {"dimensions": dimensions[call["dimensions"]]}
    for table in CHILDREN:
        found[table] = sorted(((paths[row[0]], *row[1:]) for row in _rows(db, table)), key=repr)
    documents = [(row[0], *row[1:]) for row in db.execute("SELECT * FROM document ORDER BY id")]
    found["document"] = sorted(
        ((paths[row[0] >> DOCUMENT_BITS], row[0] & ((1 << DOCUMENT_BITS) - 1), *row[1:]) for row in documents), key=repr
    )
    assert _ids(db, "document_word") == Counter(row[0] for row in documents)
    for table in ("hour", "day_sum", "week_sum", "day_error", "day_spend", "hour_spend"):
        rows = _rows(db, table)
        names = [column[0] for column in rows.description]
        told = [dict(zip(names, row, strict=True)) for row in rows]
        kept = [row | {"dimensions": dimensions[row["dimensions"]]} for row in told]
        for row in kept:
            if "newest_call" in row:
                row["newest_call"] >>= 12  # calls of one second are numbered as they come
        found[table] = sorted(kept, key=repr)
    assert db.execute("SELECT count(*) FROM dirty_hour").fetchone() == (0,)
    return found


def check_words(db: sqlite3.Connection) -> None:
    """Hold the full-text tables to the documents, word by word; needs a connection that may write."""
    for table in SEARCHED:
        db.execute(f"INSERT INTO {table} ({table}, rank) VALUES ('integrity-check', 1)")  # noqa: S608 -- our tables


def _ids(db: sqlite3.Connection, table: str) -> Counter[int]:
    return Counter(row[0] for row in _rows(db, f"{table}_docsize"))


def _rows(db: sqlite3.Connection, table: str) -> sqlite3.Cursor:
    return db.execute(f"SELECT * FROM {table}")  # noqa: S608 -- our tables
