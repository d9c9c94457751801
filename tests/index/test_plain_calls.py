"""The quick way to read a call gives what the careful way gives, or leaves the call to it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from archives import NOW_MS, Said, many, small_archive, write, write_files
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callscope.archive.reader import CallRecord, read_call
from callscope.index.extract import CallRows, rows_of
from callscope.index.plain_calls import read_plain
from callscope.testing import call_dirs


def rows(record: CallRecord) -> CallRows:
    return rows_of(record, path="2026/11/21/x", stamp="")


def test_a_call_as_callscope_writes_it_is_plain(tmp_path: Path) -> None:
    many(tmp_path, 20)
    for path in call_dirs(tmp_path):
        record = read_plain(str(path))
        assert record is not None
        assert record == read_call(path, now_ms=NOW_MS)


def test_calls_that_go_on_or_are_of_other_writers_are_left_to_the_careful_reader(tmp_path: Path) -> None:
    calls = small_archive(tmp_path)

    plain = {name for name, path in calls.items() if read_plain(str(path)) is not None}

    assert plain.isdisjoint({"live", "torn", "hostile", "CA-patter"})
    assert {"refund", "barged", "silent", "chinese"} <= plain


def test_a_killed_replacement_of_the_envelope_is_no_plain_call(tmp_path: Path) -> None:
    path = write(tmp_path, "call")
    (path / ".tmp.ab.json").write_text("{}")

    assert read_plain(str(path)) is None


EDGES = [
    "",
    " ",
    "\r",
    "null",
    "[]",
    "{}",
    '{"schema_version":"1.0","ts":"2026-11-2',
    '{"ts":"2026-11-21T09:30:00.250Z","role":"user","text":"a"}{"ts":"2026-11-21T09:30:01Z","role":"user","text":"b"}',
    '{"ts":"2026-11-21T09:30:00.250Z",\n"role":"user","type":"x","data":{}}',
    '{"ts":"2026-11-21T09:30:00.250Z","type":"x","data":{"n":123456789012345678901234567890}}',
    '{"ts":"2026-11-21T09:30:00.250Z","role":"user","text":NaN,"type":"x","data":{"n":NaN}}',
    '{"ts":"2026-11-21T09:30:00.250Z","role":"user","text":"\\ud800","type":"x","data":{"t":"\\ud800"}}',
    '{"ts":"2026-11-21T09:30:00.250Z","role":"user","text":"\x00","type":"x","data":{"t":"\x00"}}',
    "\ufeff{}",
]
TIMES: list[Any] = [
    "2026-11-21T09:30:00.250Z",
    "2026-11-21T09:30:00Z",
    "2026-11-21T11:30:00.250+02:00",
    "2026-11-21 09:30",
    "2026-11-21T09:30:00.²50Z",
    "2026-11-21T09:30:00. 50Z",
    "2026-13-21T09:30:00.250Z",
    "0001-01-01T00:00:00.000Z",
    "soon",
    "",
    None,
    1_795_253_400,
    1_795_253_400_123.5,
    True,
    [],
]
ODD: list[Any] = [None, True, 0, -1, 1.5, 3.0, 1e300, 2**63, "", "user", [], {}, {"response_ms": 5}, {"total": 0.1}]
moments = st.sampled_from(TIMES)
odd = st.sampled_from(ODD)
turn_rows = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant"]) | odd, "text": st.text(max_size=5) | odd},
    optional={
        "ts": moments,
        "timestamp": moments,
        "turn_index": st.integers(0, 5) | odd,
        "latency": odd,
        "cost": odd,
        "interrupted": odd,
        "heard": odd,
        "duration_ms": odd,
        "text_length": odd,
        "user_text": odd,
        "more": odd,
    },
)
event_rows = st.fixed_dictionaries(
    {"type": st.sampled_from(["error", "tool_call", "user_started_speaking", "user_stopped_speaking", "usage"]) | odd},
    optional={"ts": moments, "timestamp": moments, "data": st.dictionaries(st.text(max_size=3), odd, max_size=2) | odd},
)
documents = st.fixed_dictionaries(
    {"status": st.sampled_from(["completed", "failed", "abandoned", "ended", "odd"]) | odd, "turns": st.just(1) | odd},
    optional={
        "started_at": moments,
        "ended_at": moments,
        "duration_ms": odd,
        "schema_version": st.sampled_from(["1.0", "2.0"]) | odd,
        "call_id": odd,
        "error": odd,
        "callscope": st.dictionaries(st.sampled_from(["labels", "cost_lines", "usage"]), odd) | odd,
    },
)


@pytest.mark.parametrize(
    "edge", [*EDGES, *(json.dumps({"ts": ts, "role": "user", "type": "x", "data": {}}) for ts in TIMES)]
)
@pytest.mark.parametrize("file", ["transcript.jsonl", "events.jsonl"])
@pytest.mark.parametrize("end", ["\n", ""])
def test_one_odd_line_among_plain_ones_reads_the_same(tmp_path: Path, edge: str, file: str, end: str) -> None:
    path = write(tmp_path, "call")
    with (path / file).open("ab") as rows_of_file:
        rows_of_file.write(f"{edge}{end}".encode("utf-8", "surrogatepass"))

    plain = read_plain(str(path))

    if plain is not None:
        assert rows(plain) == rows(read_call(path, now_ms=NOW_MS))


def lines(row: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[bytes]:
    line = row.map(json.dumps) | st.sampled_from(EDGES)
    return st.tuples(st.lists(line, max_size=4), st.sampled_from(["\n", ""])).map(
        lambda found: ("\n".join(found[0]) + (found[1] if found[0] else "")).encode("utf-8", "surrogatepass")
    )


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(document=documents, transcript=lines(turn_rows), events=lines(event_rows))
def test_both_ways_give_the_same_rows(
    tmp_path: Path, document: dict[str, Any], transcript: bytes, events: bytes
) -> None:
    shutil.rmtree(tmp_path / "calls", ignore_errors=True)
    path = write_files(tmp_path, "x", NOW_MS, metadata=document, transcript=transcript, events=events)

    plain = read_plain(str(path))

    if plain is not None:
        assert rows(plain) == rows(read_call(path, now_ms=NOW_MS))


def test_a_turn_that_is_plain_keeps_all_that_the_index_needs(tmp_path: Path) -> None:
    path = write(tmp_path, "call", said=[Said("a", "b", interrupted=True), Said("c", None)])
    record = read_plain(str(path))

    assert record is not None
    assert [(turn.role, turn.text, turn.interrupted) for turn in record.turns] == [
        ("user", "a", False),
        ("assistant", "b", True),
        ("user", "c", False),
    ]
