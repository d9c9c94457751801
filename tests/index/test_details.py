"""What a call is made of: kept as JSON, shown by views as rows, whatever is in it and however long it is."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from archives import NOW_MS, Said, Tool, cost_line, small_archive, write, write_files

from callscope.archive.reader import CallRecord, read_call
from callscope.index import extract
from callscope.index.database import writable
from callscope.index.extract import rows_of
from callscope.index.ingest import Ingest
from callscope.model.call import Call
from callscope.model.event import Event
from callscope.model.turn import Turn
from callscope.timeline.summary import summarise


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = writable(tmp_path / "index.sqlite", root=tmp_path)
    yield connection
    connection.close()


def put(db: sqlite3.Connection, record: CallRecord, name: str = "x") -> int:
    ingest = Ingest(db)
    number = ingest.put(rows_of(record, path=f"2026/11/21/{name}", stamp=""))
    ingest.commit()
    return number


def event(number: int, data: dict[str, Any]) -> Event:
    return Event(ts_ms=NOW_MS + number, type="odd", data=data)


def turn(number: int, text: str | None = "words") -> Turn:
    return Turn(ts_ms=NOW_MS + number, turn_index=number, role="user", text=text)


def record(turns: list[Turn] | None = None, events: list[Event] | None = None) -> CallRecord:
    call = Call(call_id="x", path="x", started_at_ms=NOW_MS, status="completed")
    return CallRecord(call=call, turns=tuple(turns or ()), events=tuple(events or ()))


def test_the_views_show_what_the_files_hold(db: sqlite3.Connection, tmp_path: Path) -> None:
    for name, path in small_archive(tmp_path / "root").items():
        found = read_call(path, now_ms=NOW_MS)
        number = put(db, found, name)

        turns = db.execute(
            "SELECT turn_index, ts_ms, role, text, heard, interrupted FROM turn WHERE call = ? ORDER BY seq", (number,)
        )
        assert turns.fetchall() == [
            (each.turn_index, each.ts_ms, each.role, each.text and extract.storable(each.text), each.heard,
             int(each.interrupted))
            for each in found.turns
        ]  # fmt: skip
        events = db.execute("SELECT ts_ms, type, data FROM event WHERE call = ? ORDER BY seq", (number,)).fetchall()
        assert [(ts_ms, kind) for ts_ms, kind, _ in events] == [(each.ts_ms, each.type) for each in found.events]
        if name != "hostile":
            assert [json.loads(data) for _, _, data in events] == [each.data for each in found.events]


def test_the_parts_of_a_wait_are_rows(db: sqlite3.Connection, tmp_path: Path) -> None:
    found = read_call(small_archive(tmp_path / "root")["refund"], now_ms=NOW_MS)
    number = put(db, found)

    exchanges = summarise(found.call.started_at_ms, found.call.ended_at_ms, found.turns, found.events).exchanges
    rows = db.execute(
        "SELECT exchange, seq, stage, label, owner, owner_kind, start_ms, duration_ms FROM part WHERE call = ?",
        (number,),
    )
    assert rows.fetchall() == [
        (each.index, seq, part.stage, part.label, part.owner, part.owner_kind, part.start_ms, part.duration_ms)
        for each in exchanges
        for seq, part in enumerate(each.parts)
    ]


def test_cost_lines_and_usage_are_rows(db: sqlite3.Connection, tmp_path: Path) -> None:
    lines = [cost_line("llm", "openai", "0.002439", model="gpt-4.1"), cost_line("tts", "unheard-of", None)]
    number = put(db, read_call(write(tmp_path / "root", "call", lines=lines), now_ms=NOW_MS))

    spent = "SELECT seq, service, provider, model, usd FROM cost_line WHERE call = ?"
    assert db.execute(spent, (number,)).fetchall() == [
        (0, "llm", "openai", "gpt-4.1", 0.002439),
        (1, "tts", "unheard-of", "", None),
    ]
    used = db.execute("SELECT service, provider, model FROM used WHERE call = ?", (number,)).fetchall()
    assert {("llm", "openai", "gpt-4.1"), ("tts", "unheard-of", "")} <= set(used)


@pytest.mark.parametrize("count", [extract.A_BLOCK - 1, extract.A_BLOCK, extract.A_BLOCK + 1, 3 * extract.A_BLOCK + 5])
def test_a_long_call_is_in_several_rows_and_looks_like_one(db: sqlite3.Connection, count: int) -> None:
    number = put(db, record([turn(each, f"word {each}") for each in range(count)], [event(1, {"n": 0})]))

    assert db.execute("SELECT count(*) FROM detail").fetchone() == (-(-count // extract.A_BLOCK),)
    rows = db.execute("SELECT seq, turn_index, text FROM turn WHERE call = ? ORDER BY seq", (number,)).fetchall()
    assert rows == [(each, each, f"word {each}") for each in range(count)]
    assert db.execute("SELECT seq, type FROM event WHERE call = ?", (number,)).fetchall() == [(0, "odd")]


def test_a_turn_without_a_document_keeps_its_text(db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract, "MAX_DOCUMENTS", 2)
    texts = ["one", None, "", "two", "three", "four"]

    put(db, record([turn(seq, text) for seq, text in enumerate(texts)]))

    assert [text for (text,) in db.execute("SELECT text FROM turn ORDER BY seq")] == texts
    assert [text for (text,) in db.execute("SELECT text FROM document ORDER BY id")] == ["one", "two"]


@pytest.mark.parametrize("depth", [30, 400, 2_000])
def test_data_nested_too_deeply_for_sqlite_does_not_hide_the_rest(db: sqlite3.Connection, depth: int) -> None:
    deep: dict[str, Any] = {}
    for _ in range(depth):
        deep = {"a": [deep]}

    put(db, record([], [event(0, {"n": 1}), event(1, deep), event(2, {"n": 2})]))

    rows = db.execute("SELECT seq, json_extract(data, '$.n') FROM event ORDER BY seq").fetchall()
    assert rows == [(0, 1), (1, None), (2, 2)]


def test_sets_are_stored_once(db: sqlite3.Connection, tmp_path: Path) -> None:
    for name in ("a", "b"):
        said = [Said("hello", "Good morning")]
        put(db, read_call(write(tmp_path / "root", name, said=said, tools=[Tool("lookup")]), now_ms=NOW_MS), name)

    assert db.execute(
        "SELECT count(*), count(DISTINCT event_types), count(DISTINCT services) FROM call"
    ).fetchone() == (
        2,
        1,
        1,
    )
    kinds = {kind for (kind,) in db.execute("SELECT type FROM event_type")}
    assert kinds == {kind for (kind,) in db.execute("SELECT DISTINCT type FROM event")}


def test_a_call_of_nothing_has_no_details(db: sqlite3.Connection, tmp_path: Path) -> None:
    empty = {"status": "no_answer", "started_at": "2026-11-21T09:30:00Z", "ended_at": "2026-11-21T09:30:20Z"}
    path = write_files(tmp_path / "root", "x", NOW_MS, metadata=empty, transcript=b"", events=b"")
    number = put(db, read_call(path, now_ms=NOW_MS))

    for view in ("turn", "event", "part", "usage"):
        assert db.execute(f"SELECT count(*) FROM {view} WHERE call = ?", (number,)).fetchone() == (0,)  # noqa: S608 -- our views
