"""The full-text tables: words, for ranked search; and trigrams, for substrings and regular expressions, if wanted.

Trigrams take half of a first build and a third of the file, so they can be switched off: the choice is kept in
``about``, and the table is there or not. A question that needs it then fails with an error that says what to do.
"""

from __future__ import annotations

import re
import sqlite3
from importlib import resources
from typing import Final

WORDS: Final = "document_word"
TRIGRAMS: Final = "document_trigram"
CHOICE: Final = "search"
"""Name of the choice in ``about``."""
ON: Final = "on"
OFF: Final = "off"
_BULK_HASH_BYTES: Final = 32 * 1024 * 1024
_HASH_BYTES: Final = 1024 * 1024


def tables(db: sqlite3.Connection) -> tuple[str, ...]:
    """Those that there are."""
    found = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE name IN (?, ?)", (TRIGRAMS, WORDS))}
    return tuple(name for name in (TRIGRAMS, WORDS) if name in found)


def switch(db: sqlite3.Connection, *, on: bool) -> None:
    """Have trigrams or not, whole or not at all: of what is in the index they are made at once."""
    if (TRIGRAMS in tables(db)) == on:
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        if on:
            db.execute(_statement())
            _remember(db, TRIGRAMS, _BULK_HASH_BYTES)
            db.execute(f"INSERT INTO {TRIGRAMS} ({TRIGRAMS}) VALUES ('rebuild')")  # noqa: S608 -- a name of ours
            _remember(db, TRIGRAMS, _HASH_BYTES)
        else:
            db.execute(f"DROP TABLE {TRIGRAMS}")
        db.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (CHOICE, ON if on else OFF))
        db.execute("COMMIT")
    except sqlite3.Error:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def bulk(db: sqlite3.Connection, *, on: bool) -> None:
    """Let each table gather more in memory before it writes; or end that."""
    for table in tables(db):
        _remember(db, table, _BULK_HASH_BYTES if on else _HASH_BYTES)


def is_missing(error: sqlite3.Error) -> bool:
    """Whether an error says that there are no trigrams."""
    return str(error) == f"no such table: {TRIGRAMS}"


def _remember(db: sqlite3.Connection, table: str, size_bytes: int) -> None:
    db.execute(f"INSERT INTO {table} ({table}, rank) VALUES ('hashsize', ?)", (size_bytes,))  # noqa: S608 -- a name of ours


def _statement() -> str:
    """What makes the table of trigrams, from the schema."""
    schema = resources.files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")
    found = re.search(rf"CREATE VIRTUAL TABLE {TRIGRAMS} [^;]*", schema)
    if found is None:
        raise RuntimeError(f"schema.sql makes no {TRIGRAMS}")
    return found[0]
