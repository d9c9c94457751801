"""SQL by people: it reads, ends in time, and does nothing else."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path

import pytest
from recorded import Failure, Recorded, put

from callscope.errors import NotFoundError, SettingError
from callscope.index import database
from callscope.index.deadline import Deadline, interrupting
from callscope.index.sql import Value, run_sql


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    db = database.writable(place(root), root=root)
    put(
        db,
        [
            Recorded(name=f"c{number}", agent="desk", failures=(Failure("x"),), documents=(("user", "a refund"),))
            for number in range(5)
        ],
    )
    db.close()
    return root


def place(root: Path) -> Path:
    return root.parent / "index.sqlite"


def ask(
    root: Path, statement: str, *, seconds: float = 5.0, rows: int = 100
) -> tuple[list[str], list[tuple[Value, ...]], bool]:
    return run_sql(place(root), root, statement, seconds=seconds, rows=rows)


def test_an_answer_has_names_and_rows(root: Path) -> None:
    assert ask(root, "SELECT call_id AS id, 1 FROM calls ORDER BY 1 LIMIT 2") == (
        ["id", "1"],
        [("c0", 1), ("c1", 1)],
        True,
    )


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM turns",
        "SELECT * FROM errors",
        "SELECT * FROM exchanges",
        "WITH x AS (SELECT 1) SELECT * FROM x",
        "SELECT count(*) FROM document_trigram WHERE document_trigram MATCH 'refund'",
        "SELECT snippet(document_word, 0, '[', ']', '', 8) FROM document_word WHERE document_word MATCH 'refund'",
        "SELECT * FROM call WHERE call_id REGEXP '^c[0-2]'",
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT * FROM n",
        "SELECT value FROM json_each('[1, 2]')",
        "PRAGMA table_info (call)",
        "SELECT * FROM pragma_table_info('call')",
        "SELECT name FROM sqlite_master",
        "EXPLAIN QUERY PLAN SELECT * FROM call",
        "VALUES (1), (2)",
        "SELECT count(*) FROM call; ",
    ],
)  # fmt: skip
def test_reading_is_allowed(root: Path, statement: str) -> None:
    assert ask(root, statement)[2]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM call",
        "UPDATE call SET agent = 'x'",
        "INSERT INTO about VALUES ('a', 'b')",
        "DROP TABLE call",
        "CREATE TABLE x (y)",
        "CREATE TEMP TABLE x (y)",
        "CREATE VIRTUAL TABLE v USING fts5vocab (document_word, row)",
        "INSERT INTO document_trigram (document_trigram) VALUES ('rebuild')",
        "ATTACH '/etc/passwd' AS other",
        "ATTACH ':memory:' AS other",
        "DETACH main",
        "PRAGMA query_only = OFF",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA writable_schema = ON",
        "PRAGMA user_version = 9",
        "VACUUM",
        "VACUUM INTO '/tmp/callscope-stolen'",
        "REINDEX",
        "ANALYZE",
        "BEGIN IMMEDIATE",
        "COMMIT",
        "SAVEPOINT x",
        "SELECT load_extension('x')",
        "SELECT writefile('/tmp/callscope-x', 'y')",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE call",
        "WITH x AS (SELECT 1) DELETE FROM call",
        "SELECT zeroblob(1000000000)",
        "SELECT no_such_column FROM call",
        "SELECT '(' REGEXP '('",
        "SELEC 1",
        "\ud800",
        "SELECT '" + "x" * 2_000_000 + "'",
    ],
)  # fmt: skip
def test_anything_else_is_an_error_and_changes_nothing(root: Path, statement: str) -> None:
    before = place(root).read_bytes()

    with pytest.raises(SettingError):
        ask(root, statement)

    assert place(root).read_bytes() == before
    assert not Path("/tmp/callscope-stolen").exists()


def test_nothing_asked_is_a_mistake(root: Path) -> None:
    with pytest.raises(SettingError, match="there is no statement"):
        ask(root, "-- only a comment")


def test_rows_are_limited_and_it_is_told(root: Path) -> None:
    assert ask(root, "SELECT call_id FROM call ORDER BY id", rows=2)[1:] == ([("c0",), ("c1",)], False)
    assert len(ask(root, "SELECT call_id FROM call", rows=5)[1]) == 5
    assert ask(root, "SELECT call_id FROM call", rows=5)[2]


def test_time_is_limited_and_it_is_told(root: Path) -> None:
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n"
    started = time.perf_counter()
    columns, rows, complete = ask(root, endless, seconds=0.2)

    assert time.perf_counter() - started < 5
    assert (columns, rows, complete) == ([], [], False)


def test_a_message_of_sqlite_is_passed_on(root: Path) -> None:
    with pytest.raises(SettingError, match="no such column: colour"):
        ask(root, "SELECT colour FROM call")
    with pytest.raises(SettingError, match="only reading"):
        ask(root, "DELETE FROM call")


def test_an_index_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        run_sql(tmp_path / "none.sqlite", tmp_path, "SELECT 1", seconds=1, rows=1)

    assert list(tmp_path.iterdir()) == []


def test_it_reads_while_another_writes(root: Path) -> None:
    writer = sqlite3.connect(place(root), isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("DELETE FROM label")
    try:
        assert ask(root, "SELECT count(*) FROM call")[1] == [(5,)]
    finally:
        writer.execute("ROLLBACK")
        writer.close()


def test_who_interrupts_a_statement_is_not_told_that_the_time_was_up() -> None:
    db = sqlite3.connect(":memory:")
    forever = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"

    with pytest.raises(KeyboardInterrupt), interrupting(db, Deadline(60)):
        threading.Timer(0.05, db.interrupt).start()
        db.execute(forever)
