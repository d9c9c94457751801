"""The longest waits, one by one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from archives import NOW_MS
from asked_index import QUERIES, index_of_many, matching

from callscope.errors import SettingError
from callscope.index.slowest import slowest
from callscope.query.language import parse
from callscope.query.query import STAGES


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    with index_of_many(tmp_path_factory.mktemp("archive")) as connection:
        yield connection


@pytest.mark.parametrize("text", [*QUERIES, "wait>2s since:2026-11-12", "p95<900ms"])
@pytest.mark.parametrize("limit", [1, 7, 50, 2_000])
def test_they_are_the_longest_of_all_exchanges_in_order(db: sqlite3.Connection, text: str, limit: int) -> None:
    among = matching(db, text)
    every = db.execute(
        "SELECT call, path, seq, exchange.started_at_ms, response_ms FROM exchange JOIN call ON call.id = call "
        "WHERE kind = 'exchange' AND response_ms IS NOT NULL"
    ).fetchall()
    wanted = sorted((-row[4], -row[0], row[2], row[1], row[3]) for row in every if row[0] in among)[:limit]
    found = slowest(db, parse(text, now_ms=NOW_MS), limit=limit)
    assert [(-each.response_ms, each.seq, each.path, each.started_at_ms) for each in found] == [
        (row[0], row[2], row[3], row[4]) for row in wanted
    ]


def test_the_biggest_stage_is_named(db: sqlite3.Connection) -> None:
    (first,) = slowest(db, parse("", now_ms=NOW_MS), limit=1)
    columns = ", ".join(f"{stage}_ms" for stage in STAGES)
    row = db.execute(
        f"SELECT {columns} FROM exchange JOIN call ON call.id = call WHERE path = ? AND seq = ?",  # noqa: S608 -- our names
        (first.path, first.seq),
    ).fetchone()
    known = {stage: wait_ms for stage, wait_ms in zip(STAGES, row, strict=True) if wait_ms is not None}
    assert first.stage is not None
    assert known[first.stage] == first.stage_ms == max(known.values())
    assert first.agent in {"billing", "front-desk", "sales"}


def test_nothing_is_no_error(db: sqlite3.Connection) -> None:
    assert slowest(db, parse("agent:nobody", now_ms=NOW_MS)) == []
    assert slowest(db, parse("", now_ms=NOW_MS), limit=0) == []
    with pytest.raises(SettingError):
        slowest(db, parse("label.:x", now_ms=NOW_MS))
