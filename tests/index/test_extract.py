"""A call as rows: what is in which column, and that everything which may be in a call can be stored."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from archives import NOW_MS, Error, Said, Tool, cost_line, keep_alive, small_archive, write, write_files, write_patter
from dumps import dump_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callscope.archive.reader import CallRecord, read_call
from callscope.index.database import writable
from callscope.index.extract import CallRows, rows_of
from callscope.index.fingerprint import fingerprint, pattern_of
from callscope.index.ingest import Ingest
from callscope.model.call import Call, Problem
from callscope.model.event import Event
from callscope.model.turn import Turn


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = writable(tmp_path / "index.sqlite", root=tmp_path)
    yield connection
    connection.close()


def rows(path: Path) -> CallRows:
    return rows_of(read_call(path, now_ms=NOW_MS), path="/".join(path.parts[-4:]), stamp="")


def stored(db: sqlite3.Connection, path: Path) -> dict[str, Any]:
    """The row of ``call``, by column."""
    ingest = Ingest(db)
    ingest.put(rows(path))
    ingest.commit()
    found: dict[str, Any] = dump_of(db)["call"]["/".join(path.parts[-4:])]
    return found


def test_a_call_tells_what_lists_show(db: sqlite3.Connection, tmp_path: Path) -> None:
    call = stored(db, small_archive(tmp_path)["refund"])

    assert call["status"] == "completed"
    assert call["turns"] == 5
    assert (call["exchanges"], call["unanswered"], call["interruptions"], call["errors"]) == (2, 0, 0, 0)
    assert (call["worst_ms"], call["p50_ms"]) == (1800, 1250)
    assert (call["cost_usd"], call["cost_status"], call["unpriced"]) == (0.313, "priced", 0)
    assert call["end_reason"] == "the caller hung up"
    assert call["dimensions"] == ("front-desk", "2.4", "openai", "gpt-4.1", "pipeline", "completed", "prod")


def test_what_has_no_price_is_unknown_and_not_nothing(db: sqlite3.Connection, tmp_path: Path) -> None:
    lines = [cost_line("llm", "openai", "0.5"), cost_line("tts", "unheard-of", None)]
    call = stored(db, write(tmp_path, "partly", lines=lines))
    none = stored(db, write(tmp_path, "none", lines=lines[1:]))

    assert (call["cost_usd"], call["cost_status"], call["unpriced"]) == (0.5, "partial", 1)
    assert (none["cost_usd"], none["cost_status"], none["unpriced"]) == (None, "unpriced", 1)


def test_the_parts_of_an_exchange_are_summed_by_stage_and_add_up(tmp_path: Path) -> None:
    found = rows(small_archive(tmp_path)["refund"])

    exchange = next(row for row in found.exchanges if row[1] == "exchange")
    response_ms, stages = exchange[4], exchange[7:17]
    parts = json.loads(found.details[0][3])[exchange[0]]
    assert response_ms == 1800
    assert sum(int(stage) for stage in stages if stage is not None) == response_ms
    assert (stages[0], stages[4], stages[5]) == (200, 1200, 50)
    assert sum(part[5] for part in parts) == response_ms
    assert json.loads(str(exchange[-1])) == ["lookup_order"]


def test_what_can_be_searched_is_turns_tools_and_errors(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "call",
        said=[Said("cancel it", "Done.")],
        tools=[
            Tool("lookup", {"order": 7}, {"état": "envoyé"}),
            Tool("pay", "all of it", outcome="failed", message="card declined"),
        ],
        errors=[Error("boom")],
    )

    found = [(kind, text) for kind, _, text in rows(path).documents]

    assert found == [
        ("user", "cancel it"),
        ("assistant", "Done."),
        ("arguments", '{"order":7}'),
        ("result", '{"état":"envoyé"}'),
        ("arguments", "all of it"),
        ("error", "card declined"),
        ("error", "boom"),
    ]


def test_tools_are_counted_with_their_failures(tmp_path: Path) -> None:
    tools = [Tool("a"), Tool("b", outcome="failed"), Tool("a", outcome="timed_out"), Tool("c", outcome="cancelled")]

    assert sorted(rows(write(tmp_path, "call", tools=tools)).tools) == [("a", 2, 1), ("b", 1, 1), ("c", 1, 0)]


def test_an_error_that_was_got_over_says_so_and_a_duplicate_is_no_second_one(tmp_path: Path) -> None:
    events = [
        {"type": "error", "data": {"message": "a", "error_id": "1"}},
        {"type": "error", "data": {"message": "b", "duplicate_of": "1"}},
        {"type": "error_recovered", "data": {"error_id": "1"}},
        {"type": "error", "data": {"message": "c", "stage": "tts"}},
    ]
    found = rows(write_files(tmp_path, "call", NOW_MS, metadata={"call_id": "call"}, events=events))

    assert [(row[0], row[4], row[9]) for row in found.errors] == [(0, "a", 1), (3, "c", 0)]


def test_the_error_of_another_writers_call_is_one(tmp_path: Path) -> None:
    path = write_patter(tmp_path, "CA1", started_at_ms=NOW_MS, rows=[], error="LLM provider error: 503")

    found = rows(path)

    assert [(row[0], row[4]) for row in found.errors] == [(-1, "LLM provider error: 503")]
    assert ("error", -1, "LLM provider error: 503") in found.documents


def test_a_question_that_is_being_answered_is_not_unanswered(db: sqlite3.Connection, tmp_path: Path) -> None:
    said = [Said("hello"), Said("are you there", None)]
    keep_alive(tmp_path)
    alive = stored(
        db, write(tmp_path, "live", said=said, status="in_progress", writer={"id": "w"}, started_at_ms=NOW_MS)
    )
    ended = stored(db, write(tmp_path, "ended", said=said, started_at_ms=NOW_MS))

    assert (alive["status"], alive["exchanges"], alive["unanswered"]) == ("in_progress", 1, 0)
    assert (ended["status"], ended["exchanges"], ended["unanswered"]) == ("completed", 2, 1)
    assert alive["worst_ms"] == alive["p50_ms"], "the wait that goes on is none yet"
    assert ended["worst_ms"] > ended["p50_ms"], "a wait without an answer is one"


def test_a_row_is_as_wide_as_its_table(db: sqlite3.Connection, tmp_path: Path) -> None:
    ingest = Ingest(db)
    for path in small_archive(tmp_path).values():
        ingest.put(rows(path))
    ingest.commit()

    assert all(dump_of(db)[table] for table in ("turn", "exchange", "event", "tool", "error", "label", "cost_line"))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(), max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
kinds = st.sampled_from(
    ["error", "tool_call", "tool_result", "usage", "user_started_speaking", "user_stopped_speaking", "barge_in", "x\0"]
)
KEYS = (
    "message name tool_call_id arguments result outcome stage provider error_id delay_ms service input_tokens "
    "unreported_requests exception_type recovered request_id"
)
facts = st.dictionaries(st.sampled_from(KEYS.split()), json_values, max_size=6)
moments = st.none() | st.integers(0, 253_402_300_799_999)
turns = st.builds(
    Turn,
    ts_ms=moments,
    turn_index=st.none() | st.integers(),
    role=st.sampled_from(["user", "assistant"]) | st.text(st.characters(), max_size=5),
    text=st.none() | st.text(st.characters(), max_size=20),
    latency=st.none() | facts,
    cost=st.none() | st.dictionaries(st.sampled_from(["total", "llm"]), json_values),
    heard=st.none() | st.text(st.characters(), max_size=5),
    interrupted=st.booleans(),
    duration_ms=st.none() | st.integers() | st.floats(),
)
calls = st.builds(
    Call,
    call_id=st.text(st.characters(), max_size=9),
    path=st.just("/calls/2026/11/21/x"),
    started_at_ms=moments,
    ended_at_ms=moments,
    duration_ms=st.none() | st.integers() | st.floats(),
    status=st.sampled_from(["completed", "in_progress", "unreadable", "odd\ud800"]),
    agent=st.dictionaries(st.sampled_from(["name", "provider", "model"]), json_values),
    turns=st.none() | st.integers(),
    cost=st.none() | st.dictionaries(st.sampled_from(["total", "llm"]), json_values),
    error=st.none() | st.text(st.characters(), max_size=9),
    callscope=st.fixed_dictionaries(
        {},
        optional={
            "labels": st.dictionaries(st.text(st.characters(), max_size=8), json_values, max_size=4) | json_values,
            "usage": st.lists(facts | json_values, max_size=3),
            "cost_lines": st.lists(facts | json_values, max_size=3) | json_values,
            "lost": st.dictionaries(st.text(), json_values, max_size=3) | json_values,
            "end_reason": json_values,
        },
    ),
)
records = st.builds(
    CallRecord,
    call=calls,
    turns=st.lists(turns, max_size=5).map(tuple),
    events=st.lists(st.builds(Event, ts_ms=moments, type=kinds, data=facts), max_size=8).map(tuple),
    problems=st.lists(
        st.builds(Problem, file=st.text(st.characters()), line=st.none() | st.integers(0, 99), message=st.text()),
        max_size=2,
    ).map(tuple),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(record=records)
def test_whatever_is_in_a_call_can_be_stored_and_taken_out(db: sqlite3.Connection, record: CallRecord) -> None:
    ingest = Ingest(db)
    found = rows_of(record, path="2026/11/21/x", stamp="")
    ingest.put(found)
    ingest.commit()

    assert len(db.execute("SELECT * FROM event").fetchall()) == len(record.events)
    assert [row[1:] for row in db.execute("SELECT * FROM document ORDER BY id")] == list(found.documents)
    assert rows_of(record, path="2026/11/21/x", stamp="") == found
    ingest.remove("2026/11/21/x")
    ingest.commit()
    assert not any(rows for table, rows in dump_of(db).items() if table != "call")


@pytest.mark.parametrize(
    ("message", "pattern"),
    [
        ("Request timed out after 30.5 s", "Request timed out after <duration>"),
        ("Request timed out after 1200ms", "Request timed out after <duration>"),
        ("Error code: 429 - rate limited", "Error code: 429 - rate limited"),
        ("503 Service Unavailable", "503 Service Unavailable"),
        ("retry 3 of 5", "retry <number> of <number>"),
        ("no route to 10.0.0.7:5432", "no route to <address>"),
        ("request req_011CSHoEeqs5C35K2UUqR7Fy failed", "request <id> failed"),
        ("call 550e8400-e29b-41d4-a716-446655440000 is gone", "call <id> is gone"),
        ("object at 0x7f3a2b is busy", "object at <id> is busy"),
        ("GET https://api.example.com/v1/x/77?key=a failed", "GET <url https://api.example.com> failed"),
        ("file 'a b.wav' is missing", "file <text> is missing"),
        ("it can't be done and won't be", "it can't be done and won't be"),
        ("at 2026-11-21T10:00:00.123Z it broke", "at <time> it broke"),
        ("two\n  lines", "two lines"),
        ("no voice for ann@example.com", "no voice for <address>"),
    ],
)
def test_a_pattern_is_a_message_without_its_details(message: str, pattern: str) -> None:
    assert pattern_of(message) == pattern


@given(number=st.integers(0, 10**9), other=st.integers(0, 10**9))
def test_errors_that_differ_in_numbers_alone_are_of_one_kind(number: int, other: int) -> None:
    one, two = (f"connection {value} closed after {value / 7:.2f} s" for value in (number, other))

    assert pattern_of(one) == pattern_of(two)


@given(message=st.text(st.characters(), max_size=5000))
def test_a_pattern_is_short_and_on_one_line(message: str) -> None:
    pattern = pattern_of(message)

    assert len(pattern) <= 300
    assert "\n" not in pattern


@pytest.mark.parametrize("piece", ["a", "0", "a0", "-", "'", "a@", "1.", "req_", "http://", " 1", "\t"])
def test_a_hostile_message_takes_no_long_time(piece: str) -> None:
    program = "from callscope.index.fingerprint import pattern_of; pattern_of(%r * 100_000)"

    subprocess.run([sys.executable, "-c", program % piece], check=True, timeout=20)


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    known = {"provider": "openai", "stage": "llm", "exception_type": "APITimeoutError", "pattern": "timed out"}

    assert fingerprint(**known) == fingerprint(**{name: value.upper() for name, value in known.items()})
    assert fingerprint(**known) == "2ee2a147d8f756d2"
    assert fingerprint(**{**known, "stage": "tts"}) != fingerprint(**known)
