"""The index of logs: the same answers as the files give, kept up with little, and worth nothing when it is lost."""

from __future__ import annotations

import gzip
import os
import random
import select
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from log_samples import HOSTILE, START_MS, hostile_archive, line, put

from callscope.archive.log_files import LogFile, LogFiles, RawLine
from callscope.errors import SettingError
from callscope.index import database
from callscope.index.index import Index
from callscope.index.log_blocks import LogReport
from callscope.index.log_lines import log_lines
from callscope.index.log_query import LogQuery

ALL = 1_000_000
PROGRAM = """
import sys
from pathlib import Path
from callscope.archive.log_files import LogFile, LogFiles, RawLine
from callscope.index import log_blocks
from callscope.index.index import Index
log_blocks._COMMIT_BLOCKS = 1
print("ready", flush=True)
root = Path(sys.argv[1])
with LogFiles(root) as logs, Index.open(root, place=Path(sys.argv[2])) as index:
    index.refresh_logs(logs, budget_seconds=1000)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "root"
    (path / "logs").mkdir(parents=True)
    return path


@pytest.fixture
def place(tmp_path: Path, root: Path) -> Path:
    """Of an index that is there."""
    found = tmp_path / "index.sqlite"
    database.writable(found, root=root).close()
    return found


def refreshed(root: Path, place: Path, *, seconds: float = 1000) -> LogReport:
    with LogFiles(root) as logs, Index.open(root, place=place) as index:
        return index.refresh_logs(logs, budget_seconds=seconds)


def asked(root: Path, place: Path | None, query: LogQuery) -> list[tuple[Any, ...]]:
    with LogFiles(root) as logs:
        if place is None:
            return list(log_lines(logs, query).lines)
        with Index.open(root, place=place) as index:
            return list(index.log_lines(logs, query).lines)


def dump(place: Path) -> list[tuple[Any, ...]]:
    """All that the index knows of logs, without its own numbers."""
    db = sqlite3.connect(place)
    try:
        return db.execute(
            "SELECT f.name, f.size, f.offset, f.mark, f.at_ms, start, stop, before_ms, first_ms, last_ms, level, "
            "lines, loggers, "
            "(SELECT group_concat(call_id) FROM (SELECT call_id FROM log_call WHERE block = b.id ORDER BY 1)) "
            "FROM log_file AS f LEFT JOIN log_block AS b ON b.file = f.id ORDER BY f.name, start"
        ).fetchall()
    finally:
        db.close()


QUERIES = [
    LogQuery(limit=ALL),
    LogQuery(limit=7),
    LogQuery(rank=4, limit=ALL),
    LogQuery(rank=5, limit=40),
    LogQuery(call_id="CA1", limit=ALL),
    LogQuery(call_id="CA1", rank=3, logger="pipecat", limit=25),
    LogQuery(call_id="nobody"),
    LogQuery(logger="PipeCat", limit=ALL),
    LogQuery(logger="pipecat.services.llm", limit=3),
    LogQuery(logger="pipe", limit=ALL),
    LogQuery(grep="timeout", limit=ALL),
    LogQuery(grep=r"(?i)T\wMEOUT|another century", limit=ALL),
    LogQuery(grep="^bytes .* nobody$", limit=ALL),
    LogQuery(text="TIMEOUT", limit=50),
    LogQuery(since_ms=START_MS - 41_000_000, until_ms=START_MS - 39_500_000, limit=ALL),
    LogQuery(since_ms=START_MS - 100_000_000, until_ms=START_MS - 61_000_000, rank=4, limit=11),
    LogQuery(until_ms=START_MS - 90_000_000, limit=5),
    LogQuery(limit=0),
]


def test_the_index_gives_the_answers_that_the_files_give(root: Path, place: Path) -> None:
    hostile_archive(root, lines=500)
    put(root, "2026-11-21.2.jsonl.gz", *HOSTILE)
    report = refreshed(root, place)
    assert report.complete
    assert report.lines == len(asked(root, None, LogQuery(limit=ALL)))
    for query in QUERIES:
        from_files = asked(root, None, query)
        assert asked(root, place, query) == from_files, query
        assert len(from_files) <= query.limit
    assert len(asked(root, None, QUERIES[0])) > 3_000
    assert asked(root, None, QUERIES[6]) == []


def test_answers_are_those_of_the_files_also_when_the_index_is_behind(root: Path, place: Path) -> None:
    hostile_archive(root, lines=300)
    assert not refreshed(root, place, seconds=0).complete
    put(root, "2026-11-21.jsonl", b'0"}\n', *(line(n, f"new {n}", call_id="CA1", level="error") for n in range(50)))
    put(root, "2026-11-22.jsonl", line(10**7, "next day"))
    (root / "logs" / "2026-11-20.1.jsonl.gz").unlink()
    (root / "logs" / "2026-11-20.2.jsonl").rename(root / "logs" / "2026-11-20.3.jsonl")
    for query in QUERIES:
        assert asked(root, place, query) == asked(root, None, query), query


def test_the_newest_lines_come_last_and_those_of_one_moment_as_they_were_written(root: Path) -> None:
    put(root, "2026-11-21.1.jsonl.gz", line(500, "c"), line(100, "a"), line(500, "d"))
    put(root, "2026-11-21.jsonl", line(500, "e"), line(300, "b"))
    assert [found[7] for found in asked(root, None, LogQuery())] == ["a", "b", "c", "d", "e"]
    assert [found[7] for found in asked(root, None, LogQuery(limit=2))] == ["d", "e"]


def test_files_whose_times_overlap_are_read_as_far_as_it_needs(root: Path, place: Path) -> None:
    put(root, "2026-11-21.1.jsonl.gz", *(line(n, f"a{n}") for n in range(100)), line(10_000_000, "last"))
    put(root, "2026-11-21.2.jsonl.gz", *(line(n, f"b{n}") for n in range(200, 300)))
    refreshed(root, place)
    for kept in (None, place):
        assert [found[7] for found in asked(root, kept, LogQuery(limit=2))] == ["b299", "last"]


@pytest.mark.parametrize(
    "pattern", ["timeout", "(?i)TIMEOUT", "(?i)kelvin s", "n=1 m", "^bot$", "(?:time){1}out", "timeout|x"]
)
def test_a_pattern_finds_words_however_they_were_written(root: Path, pattern: str) -> None:
    put(
        root,
        "2026-11-21.jsonl",
        b'{"event":"\\u0074imeout","logger":"bot"}\n',
        '{"event":"timeout \N{KELVIN SIGN}elvin \N{LATIN SMALL LETTER LONG S}","logger":"bot"}\n'.encode(),
        line(1, "timeout Kelvin S", data={"n": 1, "m": 2}),
    )
    found = asked(root, None, LogQuery(grep=f"(?m){pattern}" if not pattern.startswith("(?i)") else pattern))
    assert len(found) == {"(?i)kelvin s": 2, "n=1 m": 1}.get(pattern, 3)


def test_only_what_is_new_is_read(root: Path, place: Path) -> None:
    put(root, "2026-11-21.1.jsonl.gz", *(line(n, "old") for n in range(100)))
    put(root, "2026-11-21.jsonl", *(line(n, "x" * 300) for n in range(1_000)), b'{"half')
    assert refreshed(root, place) == LogReport(lines=1_100, complete=True)
    assert refreshed(root, place) == LogReport(complete=True)
    put(root, "2026-11-21.jsonl", b'":1}\n', line(2_000, "more"))
    assert refreshed(root, place) == LogReport(lines=2, complete=True)


def test_a_file_that_is_closed_keeps_its_rows_until_it_is_compressed(root: Path, place: Path) -> None:
    path = put(root, "2026-11-21.jsonl", *(line(n, "x") for n in range(100)))
    refreshed(root, place)
    closed = path.rename(path.with_name("2026-11-21.1.jsonl"))
    put(root, "2026-11-21.jsonl", line(200, "y"))
    assert refreshed(root, place) == LogReport(lines=1, complete=True)
    closed.with_name("2026-11-21.1.jsonl.gz").write_bytes(gzip.compress(closed.read_bytes()))
    closed.unlink()
    assert refreshed(root, place) == LogReport(lines=100, removed=1, complete=True)
    assert refreshed(root, place) == LogReport(complete=True)


def test_another_file_under_the_same_name_is_read_anew(root: Path, place: Path) -> None:
    path = put(root, "2026-11-21.jsonl", *(line(n, "one") for n in range(100)))
    refreshed(root, place)
    content = b"".join(line(n, "two", level="error") for n in range(200))
    with path.open("r+b") as file:  # the same inode, as a reused one is
        file.write(content)
    assert {found[7] for found in asked(root, place, LogQuery())} == {"two"}
    assert refreshed(root, place).removed == 1
    assert len(asked(root, place, LogQuery(rank=4))) == 200


def test_rows_of_removed_files_go(root: Path, place: Path) -> None:
    hostile_archive(root, lines=200)
    refreshed(root, place)
    for path in (root / "logs").iterdir():
        path.unlink()
    refreshed(root, place)
    assert dump(place) == []
    db = sqlite3.connect(place)
    assert db.execute("SELECT count(*) FROM log_call").fetchone() == (0,)
    db.close()


def test_rows_do_not_depend_on_how_often_it_was_refreshed(root: Path, tmp_path: Path, place: Path) -> None:
    other = tmp_path / "other.sqlite"
    database.writable(other, root=root).close()
    dice = random.Random(3)
    for start in range(0, 3_000, 150):
        lines = [line(n, "z" * dice.randrange(200), call_id=f"CA{n % 7}") for n in range(start, start + 150)]
        put(root, "2026-11-21.jsonl", *lines, *dice.sample(HOSTILE, 2))
        refreshed(root, place)
    refreshed(root, other)
    assert dump(place) == dump(other)
    assert len(dump(place)) > 5


def test_killed_at_any_moment_and_started_again_the_rows_are_the_same(root: Path, place: Path, tmp_path: Path) -> None:
    hostile_archive(root, lines=1_000)
    other = tmp_path / "other.sqlite"
    database.writable(other, root=root).close()
    began = time.perf_counter()
    refreshed(root, other)
    whole_seconds = time.perf_counter() - began
    dice, killed = random.Random(5), 0
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(root), str(place)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        fd = os.pidfd_open(process.pid)
        killed += not select.select([fd], [], [], whole_seconds * dice.uniform(0.05, 0.3))[0]
        os.close(fd)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert asked(root, place, QUERIES[4]) == asked(root, None, QUERIES[4])
    assert killed
    refreshed(root, place)
    assert dump(place) == dump(other)


def test_without_an_index_none_is_made(root: Path, tmp_path: Path) -> None:
    put(root, "2026-11-21.jsonl", line(0, "a"))
    assert refreshed(root, tmp_path / "none.sqlite") == LogReport()
    assert not (tmp_path / "none.sqlite").exists()
    assert len(asked(root, tmp_path / "none.sqlite", LogQuery())) == 1


def test_an_index_of_the_schema_before_gets_its_tables_and_keeps_its_calls(
    root: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.unlink()
    with monkeypatch.context() as patch:
        patch.setattr(database, "_MIGRATIONS", {database.SCHEMA - 1: "schema.sql"})
        patch.setattr(database, "SCHEMA", database.SCHEMA - 1)
        db = database.writable(place, root=root)
        db.execute("INSERT INTO about VALUES ('kept', 'yes')")
        db.close()
    put(root, "2026-11-21.jsonl", line(0, "a"))
    assert len(asked(root, place, LogQuery())) == 1
    assert refreshed(root, place).lines == 1
    assert database.told(place, "kept") == "yes"


def test_a_damaged_index_does_not_keep_anybody_from_lines(root: Path, place: Path) -> None:
    put(root, "2026-11-21.jsonl", line(0, "a"))
    place.write_bytes(b"SQLite format 3\0" + b"\xff" * 9_000)
    for side in ("-wal", "-shm"):
        Path(f"{place}{side}").unlink(missing_ok=True)
    assert len(asked(root, place, LogQuery())) == 1


def test_who_finds_the_index_being_written_asks_the_files(root: Path, place: Path) -> None:
    put(root, "2026-11-21.jsonl", line(0, "a"))
    with database.lock(place) as held:
        assert held
        assert refreshed(root, place) == LogReport()
        assert len(asked(root, place, LogQuery())) == 1


def test_an_expression_that_takes_for_ever_ends(root: Path) -> None:
    put(root, "2026-11-21.jsonl", line(0, "a" * 5_000))
    with pytest.raises(SettingError, match="takes too long: write it without nested repeats"):
        asked(root, None, LogQuery(grep="(a|a)*$b"))


class Counting(LogFiles):
    """Counts the lines that are read."""

    read = 0

    def raw_lines(self, file: LogFile, start: int = 0, end: int | None = None) -> Iterator[RawLine]:
        for each in super().raw_lines(file, start, end):
            self.read += 1
            yield each


@pytest.mark.parametrize(
    ("query", "found", "most"), [(LogQuery(rank=4), 1, 600), (LogQuery(call_id="CA20"), 100, 1_200)]
)
def test_blocks_let_most_of_the_files_be(root: Path, place: Path, query: LogQuery, found: int, most: int) -> None:
    lines = [line(n, "x" * 200, level="info", call_id=f"CA{n // 100}") for n in range(5_000)]
    put(root, "2026-11-21.jsonl", *lines, line(6_000, "bad", level="error"))
    refreshed(root, place)
    with Counting(root) as logs, Index.open(root, place=place) as index:
        assert len(index.log_lines(logs, query).lines) == found
        assert logs.read < most
