from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from asked_calls import ask, small_archive, write
from rich.cells import cell_len
from rich.text import Text
from sample_calls import HOSTILE, run, run_on_terminal

BY_AGENT = "SELECT agent, count(*) AS calls FROM calls GROUP BY agent ORDER BY agent"


def test_an_answer_is_a_table(tmp_path: Path) -> None:
    small_archive(tmp_path)

    lines = run("sql", BY_AGENT, "--root", str(tmp_path)).stdout.splitlines()

    assert lines[0].split() == ["agent", "calls"]
    assert ["billing", "2"] in [line.split() for line in lines]
    assert len({len(line) for line in lines}) == 1


def test_the_same_as_json_and_as_csv(tmp_path: Path) -> None:
    small_archive(tmp_path)
    document = ask("sql", BY_AGENT, root=tmp_path)

    text = run("sql", BY_AGENT, "--csv", "--root", str(tmp_path)).stdout
    names, *rows = csv.reader(io.StringIO(text))

    assert names == document["columns"] == ["agent", "calls"]
    assert [[agent, int(calls)] for agent, calls in rows] == document["rows"]
    assert document["complete"] is True


@pytest.mark.parametrize("statement", [";", " ", "-- only a comment", "/* one */ ;"])
def test_no_statement_is_a_mistake(tmp_path: Path, statement: str) -> None:
    write(tmp_path, "one")

    done = run("sql", "--root", str(tmp_path), "--", statement)

    assert (done.returncode, done.stdout) == (2, "")
    assert "SELECT agent, count(*) FROM calls" in done.stderr


def test_what_is_unknown_is_a_dash_and_in_json_null(tmp_path: Path) -> None:
    write(tmp_path, "one")
    statement = "SELECT cost_usd, x'00ff' AS raw FROM call"

    assert run("sql", statement, "--root", str(tmp_path)).stdout.splitlines()[1].split() == ["–", "2", "bytes"]
    assert ask("sql", statement, root=tmp_path)["rows"] == [[None, "AP8="]]
    assert run("sql", statement, "--csv", "--root", str(tmp_path)).stdout == "cost_usd,raw\n,00ff\n"


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM call",
        "DROP TABLE call",
        "ATTACH 'x' AS y",
        "PRAGMA journal_mode = DELETE",
        "nonsense",
        "SELECT 1; SELECT 2",
    ],
)
def test_it_only_reads(tmp_path: Path, statement: str) -> None:
    write(tmp_path, "one")

    done = run("sql", statement, "--root", str(tmp_path))

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert ask("sql", "SELECT count(*) FROM call", root=tmp_path)["rows"] == [[1]]


def test_time_and_rows_are_limited_and_that_is_said(tmp_path: Path) -> None:
    write(tmp_path, "one")
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT "

    many = run("sql", f"{endless}i FROM n", "--limit", "5", "--root", str(tmp_path))
    long = run("sql", f"{endless}max(i) FROM n", "--seconds", "0.2", "--root", str(tmp_path))

    assert many.stdout.split() == ["i", "1", "2", "3", "4", "5"]
    assert many.stderr == "not everything: the first 5 rows: --limit allows more\n"
    assert long.returncode == 0
    assert long.stderr == "not everything: the time was up after 0 rows: --seconds allows more\n"


def test_the_schema_explains_every_table(tmp_path: Path) -> None:
    schema = run("sql", "--schema", "--root", str(tmp_path)).stdout
    write(tmp_path, "one")
    tables = ask(
        "sql",
        "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE '%\\_%' ESCAPE '\\'",
        root=tmp_path,
    )

    assert tables["rows"]
    assert all(f" {name} " in schema for (name,) in tables["rows"])


def test_a_mistake_is_told(tmp_path: Path) -> None:
    both = run("sql", BY_AGENT, "--json", "--csv", "--root", str(tmp_path))

    assert (both.returncode, run("sql", "--root", str(tmp_path)).returncode) == (2, 2)
    assert "choose one" in both.stderr


@pytest.mark.parametrize("columns", [80, 140])
@pytest.mark.parametrize("statement", ["SELECT * FROM calls", "SELECT role, text FROM turns", 'SELECT 1 AS "\x1b[2J"'])
def test_it_fits_a_terminal_and_hostile_values_are_harmless(tmp_path: Path, statement: str, columns: int) -> None:
    small_archive(tmp_path)
    write(tmp_path, "odd", agent=HOSTILE, call_id=HOSTILE * 20, error=HOSTILE)

    output = run_on_terminal("sql", statement, "--root", str(tmp_path), columns=columns)

    assert not {"\x07", "\u202e", "\x9b", "\r"} & set(output)
    assert "\x1b[2J" not in output
    assert max(cell_len(line) for line in Text.from_ansi(output).plain.splitlines()) <= columns
