from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from call_tree import NOW_MS, envelope, write_call
from hypothesis import given, settings
from hypothesis import strategies as st

from callscope.archive.jsonl import parse_rows
from callscope.archive.reader import read_call, read_envelope
from callscope.model import wire
from callscope.timeline.summary import summarise

_numbers = st.integers() | st.floats() | st.sampled_from([10**400, -(10**30), 2**63, 1e308])
_values = st.recursive(
    st.none() | st.booleans() | _numbers | st.text() | st.just("2026-11-21T09:30:00Z"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
_keys = st.sampled_from(
    [
        "schema_version", "ts", "timestamp", "turn_index", "role", "text", "latency", "cost", "interrupted", "heard",
        "duration_ms", "user_text", "agent_text", "type", "data", "call_id", "started_at", "ended_at", "status",
        "caller", "agent", "turns", "error", "recording_path", "callscope", "writer", "labels", "p50", "p50_ms",
    ]
)  # fmt: skip
_rows = st.dictionaries(_keys, _values, max_size=8)
_odd = [b"\n", b"{", b'{"', b"\\ud800", b"NaN", b"\xef\xbb\xbf", b"\0", b"\r"]
_pieces = st.binary(max_size=40) | st.sampled_from(_odd)
_junk = st.lists(_pieces, max_size=8).map(b"".join)
_files = st.lists(_rows.map(lambda row: json.dumps(row).encode()) | _junk, max_size=6).map(b"\n".join)


def _read(metadata: bytes, transcript: bytes, events: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write_call(Path(folder), metadata=metadata, transcript=transcript, events=events)
        record = read_call(path, now_ms=NOW_MS)
        assert read_envelope(path, now_ms=NOW_MS).call_id == record.call.call_id
        wire.encode(record)
        summarise(record.call.started_at_ms, record.call.ended_at_ms, record.turns, record.events)


@settings(max_examples=300, deadline=None)
@given(metadata=_junk, transcript=_junk, events=_junk)
def test_no_bytes_make_the_reader_raise(metadata: bytes, transcript: bytes, events: bytes) -> None:
    _read(metadata, transcript, events)


@settings(max_examples=300, deadline=None)
@given(metadata=_rows, transcript=_files, events=_files)
def test_no_values_make_the_reader_raise(metadata: dict[str, Any], transcript: bytes, events: bytes) -> None:
    _read(json.dumps(metadata).encode(), transcript, events)


@settings(deadline=None)
@given(rows=st.lists(st.dictionaries(st.text(), st.text() | st.integers(-(2**63), 2**63 - 1)), max_size=20))
def test_what_was_written_whole_is_read_whole(rows: list[dict[str, Any]]) -> None:
    data = b"".join(wire.encode(row) + b"\n" for row in rows)

    parsed = parse_rows(data, file="events.jsonl", growing=False)

    assert [row for _, row in parsed.rows] == rows
    assert parsed.problems == []


@settings(deadline=None)
@given(cut=st.integers(1, 200), text=st.text())
def test_wherever_a_row_is_torn_the_row_glued_to_it_is_read(cut: int, text: str) -> None:
    torn = json.dumps(envelope(text=text)).encode()[:cut]
    whole = {"schema_version": "1.0", "ts": "2026-11-21T09:30:00.000Z", "role": "user", "text": text}

    parsed = parse_rows(torn + json.dumps(whole).encode() + b"\n", file="transcript.jsonl", growing=False)

    assert [row for _, row in parsed.rows] == [wire.plain(whole)]
    assert len(parsed.problems) == 1
