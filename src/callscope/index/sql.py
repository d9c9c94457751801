"""Questions in SQL, by people: reading alone, in a bounded time, with a bounded answer.

Three locks, each of which would do: the file is opened for reading (``mode=ro``), the connection is told so
(``query_only``), and an authorizer allows nothing but reading tables, calling functions and a few pragmas that
describe tables. No other file can be attached.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Final

from callscope.errors import SettingError
from callscope.index import database, full_text, regex
from callscope.index.deadline import Deadline, interrupting, is_of_a_function, was_interrupted
from callscope.index.globs import clean

Value = str | int | float | bytes | None

_MAX_VALUE_BYTES: Final = 16 * 1024 * 1024
"""Of one value: ``zeroblob`` and the like could fill the memory."""
_MAX_STATEMENT_BYTES: Final = 1_000_000
_ALLOWED: Final = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE})
_PRAGMAS: Final = frozenset(
    {"table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "data_version"}
)
_VIRTUAL: Final = (
    "pragma_table_info ('call')",
    "json_each ('[]')",
    "json_tree ('[]')",
)
_FORBIDDEN_FUNCTIONS: Final = frozenset({"load_extension", "fts3_tokenizer"})


def run_sql(
    place: Path, root: Path, statement: str, *, seconds: float, rows: int
) -> tuple[list[str], list[tuple[Value, ...]], bool]:
    """The answer to one statement.

    Args:
        place: the index's file.
        root: the archive that it is of.
        statement: ``SELECT ...`` over the tables and views of ``schema.sql``; it may use ``REGEXP``.
        seconds: how long it may take.
        rows: how many rows it may give.

    Returns:
        The names of the columns (none when the time was up before the first row), the rows, and whether these are
        all: not when the time was up, or there are more.

    Raises:
        SettingError: there is no statement, SQLite does not understand it, or it would do more than read.
        NotFoundError, UnreadableError: see `callscope.index.database.readable`.
    """
    with contextlib.closing(database.readable(place, root=root)) as db:
        regex.install(db)
        try:
            for virtual in (*full_text.tables(db), *_VIRTUAL):  # setting these up would not be allowed
                db.execute(f"SELECT * FROM {virtual} LIMIT 0")  # noqa: S608 -- names of ours
        except sqlite3.DatabaseError as error:
            raise database.explain(error, place) from error
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_VALUE_BYTES)
        db.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, _MAX_STATEMENT_BYTES)
        db.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        db.set_authorizer(_authorize)
        found: list[tuple[Value, ...]] = []
        columns: list[str] = []
        try:
            with interrupting(db, Deadline(seconds)):
                cursor = db.execute(clean(statement))
                if cursor.description is None:
                    raise SettingError(
                        "there is no statement: write one as in SELECT agent, count(*) FROM calls GROUP BY 1"
                    )
                columns = [column[0] for column in cursor.description]
                for row in cursor:
                    if len(found) == rows:
                        return columns, found, False
                    found.append(row)
        except sqlite3.Error as error:
            if was_interrupted(error):
                return columns, found, False
            raise SettingError(_explained(error)) from error
        except sqlite3.Warning as error:  # several statements, in older versions of Python
            raise SettingError(_explained(error)) from error
        return columns, found, True


def _authorize(action: int, first: str | None, second: str | None, _database: str | None, _trigger: str | None) -> int:
    if action in _ALLOWED:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() not in _FORBIDDEN_FUNCTIONS:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA and (first or "").lower() in _PRAGMAS:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def _explained(error: Exception) -> str:
    if isinstance(error, sqlite3.OperationalError) and is_of_a_function(error):
        return "the statement cannot be run: a regular expression is wrong, or takes too long"
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_AUTH:
        return f"the statement cannot be run ({error}): only reading is allowed, with SELECT"
    return f"the statement cannot be run: {error}"
