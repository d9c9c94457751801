from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from call_tree import MINUTE_MS, NOW_MS, dead_writer, envelope, open_envelope, row, snapshot, touch_all, ts, write_call
from hypothesis import given, settings
from hypothesis import strategies as st

from callscope.archive.liveness import WriterFile
from callscope.archive.reader import read_call
from callscope.archive.repair import KEPT_AS, repair, repair_call
from callscope.archive.verify import verify_call
from callscope.model.documents import TurnRow

ROWS = [
    row(ts=ts(1000), turn_index=0, role="user", text="hi"),
    row(ts=ts(2500), turn_index=1, role="assistant", text="hello", latency={"response_ms": 800}),
]
EVENTS = [
    row(ts=ts(3000), type="usage", data={"service": "llm", "provider": "openai", "model": "gpt", "input_tokens": 5}),
    row(ts=ts(4000), type="usage", data={"service": "llm", "provider": "openai", "model": "gpt", "input_tokens": 7}),
]
USER = row(ts=ts(5000), turn_index=2, role="user", text="where is it")


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


def ledger(root: Path, writer: str, **fields: Any) -> None:
    sign = WriterFile(root, writer)
    sign.beat({"writer": {"id": writer, "host": "here"}, **fields})
    sign.close(keep=True)
    os.utime(root / ".callscope" / "writers" / f"{writer}.json", (1, 1))  # another machine's sign of life, long ago


def told(path: Path) -> list[str]:
    return [problem.message for problem in verify_call(path, now_ms=NOW_MS).problems]


def started(**counts: Any) -> dict[str, Any]:
    """What callscope says at the start of a call whose writer is gone."""
    return {**dead_writer(), "exchanges": 0, "accepted": 0, "written": 0, "lost": {}, **counts}


def test_a_closed_call_has_the_ledger_of_its_rows_instead_of_the_starts_zeros(tmp_path: Path) -> None:
    path = write_call(tmp_path, metadata=open_envelope(callscope=started()), transcript=ROWS, events=EVENTS)

    assert kinds(path) == ["closed"]

    ours = metadata(path)["callscope"]
    assert (ours["accepted"], ours["written"], ours["lost"], ours["exchanges"]) == (4, 4, {}, 1)
    assert told(path) == []


def test_what_a_killed_writer_lost_is_taken_from_its_own_file(tmp_path: Path) -> None:
    ledger(tmp_path, "gone", lost={"disk_full": 9}, calls={"call-1": {"disk_full": 6}, "other": {"disk_full": 3}})
    ledger(tmp_path, "else", lost={"disk_full": 2}, calls={"call-1": {"disk_full": 2}})
    callscope = started(lost={"disk_full": 4, "invalid": 1})
    path = write_call(tmp_path, metadata=open_envelope(callscope=callscope), transcript=ROWS, events=EVENTS)

    repair_call(path, now_ms=NOW_MS)

    ours = metadata(path)["callscope"]
    assert (ours["accepted"], ours["written"], ours["lost"]) == (11, 4, {"disk_full": 6, "invalid": 1})
    assert told(path) == ["rows were lost: 6 disk_full, 1 invalid"]


def test_a_call_whose_metadata_was_lost_too_gets_its_writer_and_losses_from_the_writers_file(tmp_path: Path) -> None:
    ledger(tmp_path, "gone", lost={"disk_full": 6}, calls={"call-1": {"disk_full": 6}})
    path = write_call(tmp_path, transcript=ROWS[:1])
    touch_all(path, NOW_MS - 60 * MINUTE_MS)

    repair_call(path, now_ms=NOW_MS)

    ours = metadata(path)["callscope"]
    assert (ours["accepted"], ours["written"], ours["lost"]) == (7, 1, {"disk_full": 6})
    assert ours["writer"] == {"id": "gone", "host": "here"}


@pytest.mark.parametrize("calls", [None, [], {"call-1": 3}, {"call-1": {"disk_full": "many"}}, {"other": {"x": 1}}])
def test_a_writers_file_that_does_not_tell_of_the_call_changes_nothing(tmp_path: Path, calls: Any) -> None:
    ledger(tmp_path, "gone", lost={"disk_full": 6}, calls=calls)
    path = write_call(tmp_path, metadata=open_envelope(callscope=started()), transcript=ROWS)

    repair_call(path, now_ms=NOW_MS)

    assert (metadata(path)["callscope"]["accepted"], metadata(path)["callscope"]["lost"]) == (2, {})


SPOKEN = [
    row(ts=ts(2500), type="agent_text", data={"text": "hello"}),
    row(ts=ts(6000), type="agent_text", data={"text": "Let me look.", "request_id": "1"}),
    row(ts=ts(7500), type="agent_text", data={"text": " It was shipped. ", "request_id": "1"}),
]


def test_what_the_agent_was_saying_when_its_writer_died_gets_its_row_once(tmp_path: Path) -> None:
    path = write_call(
        tmp_path, metadata=open_envelope(callscope=started()), transcript=[*ROWS, USER], events=[*EVENTS, *SPOKEN]
    )
    before = read_call(path, now_ms=NOW_MS)

    assert kinds(path) == ["spoken", "closed"]

    last = json.loads((path / "transcript.jsonl").read_text().splitlines()[-1])
    assert msgspec.convert(last, TurnRow, strict=True).heard == "Let me look. It was shipped."
    after = read_call(path, now_ms=NOW_MS)
    assert after.turns == before.turns
    assert (after.unwritten, after.problems, after.call.turns) == (None, (), 4)
    assert metadata(path)["callscope"]["written"] == 9
    assert told(path) == []
    assert kinds(path) == []


def test_a_torn_row_does_not_harm_the_agents_last_one(tmp_path: Path) -> None:
    transcript = b"".join(json.dumps(each).encode() + b"\n" for each in ROWS) + b'{"schema_version": "1.0", "ts'
    path = write_call(tmp_path, metadata=open_envelope(), transcript=transcript, events=SPOKEN)
    touch_all(path, NOW_MS - 60 * MINUTE_MS)

    assert kinds(path) == ["newline", "spoken", "closed"]

    assert [turn.text for turn in read_call(path, now_ms=NOW_MS).turns] == [
        "hi",
        "hello",
        "Let me look. It was shipped.",
    ]
    assert metadata(path)["turns"] == 3


def test_an_abandoned_call_that_was_closed_without_the_agents_last_turn_gets_it_too(tmp_path: Path) -> None:
    callscope = started(accepted=5, written=5)
    closed = envelope(status="abandoned", turns=2, callscope=callscope, error=None)
    path = write_call(tmp_path, metadata=closed, transcript=ROWS, events=SPOKEN)
    assert "callscope repair" in told(path)[0]

    assert kinds(path) == ["spoken"]

    assert (metadata(path)["turns"], metadata(path)["callscope"]["written"]) == (3, 6)
    assert told(path) == []
    assert kinds(path) == []


def test_a_dry_run_tells_of_the_agents_last_turn_and_does_not_write_it(tmp_path: Path) -> None:
    path = write_call(tmp_path, metadata=open_envelope(callscope=started()), transcript=ROWS, events=SPOKEN)
    before = snapshot(path)

    dry = repair_call(path, now_ms=NOW_MS, dry_run=True)

    assert snapshot(path) == before
    assert dry == repair_call(path, now_ms=NOW_MS)


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
