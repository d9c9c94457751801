from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from call_tree import MINUTE_MS, NOW_MS, dead_writer, envelope, open_envelope, row, snapshot, touch_all, ts, write_call
from hypothesis import given, settings
from hypothesis import strategies as st

from callscope.archive.liveness import WriterFile
from callscope.archive.reader import read_call
from callscope.archive.repair import KEPT_AS, repair, repair_call

ROWS = [
    row(ts=ts(1000), turn_index=0, role="user", text="hi"),
    row(ts=ts(2500), turn_index=1, role="assistant", text="hello", latency={"response_ms": 800}),
]
EVENTS = [
    row(ts=ts(3000), type="usage", data={"service": "llm", "provider": "openai", "model": "gpt", "input_tokens": 5}),
    row(ts=ts(4000), type="usage", data={"service": "llm", "provider": "openai", "model": "gpt", "input_tokens": 7}),
]


def metadata(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((path / "metadata.json").read_text())
    return document


def kinds(path: Path) -> list[str]:
    return [action.kind for action in repair_call(path, now_ms=NOW_MS)]


def test_a_call_whose_writer_died_is_closed_with_what_its_rows_tell(tmp_path: Path) -> None:
    path = write_call(tmp_path, metadata=open_envelope(callscope=dead_writer()), transcript=ROWS, events=EVENTS)

    assert kinds(path) == ["closed"]

    closed = metadata(path)
    assert list(closed) == [*envelope(), "callscope"]
    assert (closed["status"], closed["ended_at"], closed["duration_ms"]) == ("abandoned", ts(4000), 4000)
    assert (closed["turns"], closed["latency"]["p50_ms"], closed["caller"]) == (2, 800, "***4567")
    assert closed["callscope"]["writer"]["id"] == "gone"
    assert closed["callscope"]["usage"][0]["units"] == {"input_tokens": 12}
    assert "ended without closing it" in closed["callscope"]["end_reason"]
    assert (path / "metadata.json").stat().st_mode & 0o777 == 0o600


def test_a_call_without_rows_is_closed_without_an_end_that_nobody_knows(tmp_path: Path) -> None:
    path = write_call(tmp_path, metadata=open_envelope(callscope=dead_writer()))

    assert kinds(path) == ["closed"]
    assert (metadata(path)["ended_at"], metadata(path)["duration_ms"], metadata(path)["turns"]) == (None, None, 0)
    assert kinds(path) == []


def test_a_call_in_progress_is_not_touched(tmp_path: Path) -> None:
    writer = WriterFile(tmp_path, "alive")
    path = write_call(tmp_path, metadata=open_envelope(callscope={"writer": {"id": "alive"}}), transcript=b'{"half')
    (path / ".tmp.1.json").write_text("{")
    before = snapshot(path)

    assert kinds(path) == []

    assert snapshot(path) == before
    writer.close(keep=False)


def test_a_call_that_another_writer_wrote_to_lately_is_not_touched(tmp_path: Path) -> None:
    path = write_call(tmp_path, metadata=open_envelope(), transcript=b'{"half')
    touch_all(path, NOW_MS - 10 * MINUTE_MS)

    assert kinds(path) == []
    touch_all(path, NOW_MS - 16 * MINUTE_MS)
    assert kinds(path) == ["newline", "closed"]


def test_a_torn_last_row_gets_its_newline_and_keeps_its_bytes(tmp_path: Path) -> None:
    path = write_call(tmp_path, metadata=envelope(), transcript=b'{"role":"user","text":"a"}\n{"ro', events=b"{}")

    assert kinds(path) == ["newline", "newline"]
    assert (path / "transcript.jsonl").read_bytes() == b'{"role":"user","text":"a"}\n{"ro\n'


def test_metadata_that_is_missing_is_made_from_the_rows(tmp_path: Path) -> None:
    path = write_call(tmp_path, "CA5", transcript=ROWS)
    touch_all(path, NOW_MS - 60 * MINUTE_MS)

    assert kinds(path) == ["rebuilt", "closed"]
    rebuilt = metadata(path)
    assert list(rebuilt) == [*envelope(), "callscope"]
    assert (rebuilt["call_id"], rebuilt["started_at"], rebuilt["turns"]) == ("CA5", ts(1000), 2)


def test_metadata_that_is_no_object_is_made_anew_and_kept_beside(tmp_path: Path) -> None:
    path = write_call(tmp_path, metadata=b'{"call_id": "CA5", "sta', transcript=ROWS)
    touch_all(path, NOW_MS - 60 * MINUTE_MS)

    assert kinds(path) == ["rebuilt", "closed"]
    assert (path / KEPT_AS).read_bytes() == b'{"call_id": "CA5", "sta'
    assert metadata(path)["status"] == "abandoned"


def test_a_replacement_that_was_cut_off_becomes_the_metadata_when_it_is_whole_and_newer(tmp_path: Path) -> None:
    path = write_call(tmp_path, metadata=open_envelope(callscope=dead_writer()), transcript=ROWS)
    (path / ".tmp.new.json").write_text(json.dumps(envelope(turns=2, status="completed")))

    assert kinds(path) == ["adopted"]
    assert (metadata(path)["status"], metadata(path)["turns"]) == ("completed", 2)
    assert not (path / ".tmp.new.json").exists()


def test_a_first_metadata_that_was_cut_off_is_adopted_and_closed(tmp_path: Path) -> None:
    path = write_call(tmp_path, transcript=ROWS)
    (path / ".tmp.first.json").write_text(json.dumps(open_envelope("CA-first", caller="***9999")))
    touch_all(path, NOW_MS - 60 * MINUTE_MS)

    assert kinds(path) == ["adopted", "closed"]
    assert (metadata(path)["call_id"], metadata(path)["caller"]) == ("CA-first", "***9999")
    assert (metadata(path)["started_at"], metadata(path)["duration_ms"]) == (ts(), 2500)


@pytest.mark.parametrize("content", ["", "{", '{"call_id": "other", "status": "completed"}', "[]", '{"a": 1}'])
def test_a_replacement_that_is_torn_or_of_another_call_is_removed(tmp_path: Path, content: str) -> None:
    path = write_call(tmp_path, metadata=open_envelope(callscope=dead_writer()))
    (path / ".tmp.x.json").write_text(content)

    assert kinds(path) == ["removed", "closed"]
    assert not (path / ".tmp.x.json").exists()


def test_a_young_replacement_of_an_ended_call_is_left_to_its_writer(tmp_path: Path) -> None:
    path = write_call(tmp_path, metadata=envelope())
    (path / ".tmp.x.json").write_text("{}")
    os.utime(path / ".tmp.x.json", ((NOW_MS - 1000) / 1000,) * 2)

    assert kinds(path) == []
    os.utime(path / ".tmp.x.json", ((NOW_MS - 61_000) / 1000,) * 2)
    assert kinds(path) == ["removed"]


def test_a_dry_run_tells_the_same_and_changes_nothing(tmp_path: Path) -> None:
    write_call(tmp_path, "a", metadata=open_envelope("a", callscope=dead_writer()), transcript=b'{"half')
    orphaned = write_call(tmp_path, "b", metadata=b"torn", transcript=ROWS)
    (orphaned / ".tmp.x.json").write_text("{")
    touch_all(orphaned, NOW_MS - 60 * MINUTE_MS)
    before = snapshot(tmp_path)

    told = list(repair(tmp_path, now_ms=NOW_MS, dry_run=True))

    assert snapshot(tmp_path) == before
    assert told == list(repair(tmp_path, now_ms=NOW_MS))
    assert {action.kind for action in told} == {"closed", "newline", "rebuilt", "removed"}


@pytest.mark.parametrize("target", ["metadata.json", "transcript.jsonl"])
def test_what_a_link_points_to_is_not_touched(tmp_path: Path, target: str) -> None:
    outside = tmp_path / "outside"
    outside.write_text('{"status": "in_progress"}')
    path = write_call(tmp_path, metadata=None if target == "metadata.json" else envelope())
    (path / target).symlink_to(outside)
    touch_all(path, NOW_MS - 60 * MINUTE_MS)

    repair_call(path, now_ms=NOW_MS)

    assert outside.read_text() == '{"status": "in_progress"}'
    assert (path / target).is_symlink()


_junk = st.none() | st.binary(max_size=60) | st.sampled_from([b"{", json.dumps(ROWS[0]).encode(), b'{"status":"x"}\n'])


@settings(max_examples=150, deadline=None)
@given(meta=_junk, transcript=_junk, events=_junk, orphan=_junk)
def test_repairing_twice_is_repairing_once_and_loses_no_row(
    tmp_path_factory: pytest.TempPathFactory,
    meta: bytes | None,
    transcript: bytes | None,
    events: bytes | None,
    orphan: bytes | None,
) -> None:
    root = tmp_path_factory.mktemp("archive")
    path = write_call(root, metadata=meta, transcript=transcript, events=events)
    if orphan is not None:
        (path / ".tmp.o.json").write_bytes(orphan)
    touch_all(path, NOW_MS - 60 * MINUTE_MS)
    before = read_call(path, now_ms=NOW_MS)

    assert "failed" not in kinds(path)

    once = snapshot(path)
    assert kinds(path) == []
    assert snapshot(path) == once
    after = read_call(path, now_ms=NOW_MS)
    assert (after.turns, after.events) == (before.turns, before.events)
    assert after.call.status != "in_progress"
