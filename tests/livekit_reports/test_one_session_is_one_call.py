"""A session's spans and its report, imported one after the other or received: one call, the same in whatever order."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from one_session import SESSIONS, calls, content, document, records, with_events, written

from callscope.archive.annotate import annotate, notes_of
from callscope.archive.reader import read_call, read_metadata
from callscope.archive.verify import verify
from callscope.config import Settings
from callscope.importers.base.run import Summary, run
from callscope.interop import livekit_upload
from callscope.interop.otlp.decoded import Decoded
from callscope.interop.spans import Record, Span
from callscope.receivers.receiver import Receiver
from callscope.recorder.keeper import Keeper

SETTINGS = Settings(retention_days=0)
NOW_MS = 1_795_400_000_000
MAIN_TRACE = "93b0cd5257df5f51d835db165d737bdf"
"""Of barge-in."""


def imported(root: Path, *paths: Path, settings: Settings = SETTINGS, dry_run: bool = False) -> list[Summary]:
    """Reports and spans, told apart by their names, one import each."""
    found = []
    with Keeper(root, settings) as keeper:
        for path in paths:
            form = "otlp" if path.name.endswith(".spans.jsonl") else "livekit"
            found.append(run(form, [str(path)], keeper=keeper, dry_run=dry_run))
            assert found[-1].errors == []
    return found


def received(root: Path, *batches: list[Record]) -> None:
    receiver = Receiver(root, SETTINGS, now_ms=lambda: NOW_MS)
    for batch in batches:
        receiver.take(Decoded(records=batch))
        receiver.tell(all_of_them=True)
    receiver.close()


def story_files(story: str) -> tuple[Path, Path]:
    return SESSIONS / f"{story}.spans.jsonl", SESSIONS / f"{story}.report.json"


@pytest.mark.parametrize("story", ["barge-in", "tools"])
@pytest.mark.parametrize("transcript", ["full", "redact"])
def test_spans_and_report_come_to_the_same_call_whichever_is_imported_first(
    tmp_path: Path, story: str, transcript: Any
) -> None:
    settings = msgspec.structs.replace(SETTINGS, transcript=transcript)
    traces, report = story_files(story)
    one = imported(tmp_path / "one", traces, report, settings=settings)
    other = imported(tmp_path / "other", report, traces, settings=settings)
    assert [(each.new, each.replaced) for each in (*one, *other)] == [(1, 0), (0, 1)] * 2
    (first,), (second,) = calls(tmp_path / "one"), calls(tmp_path / "other")
    assert content(first) == content(second)
    assert first.name == second.name == document(story)["room_id"]
    assert (first / "source" / "livekit_report.json").read_bytes() == report.read_bytes()
    assert len((first / "source" / "spans.jsonl").read_bytes().splitlines()) == len(records(story))
    assert [check.problems for check in verify(tmp_path / "one", now_ms=NOW_MS)] == [()]

    for root in (tmp_path / "one", tmp_path / "other"):
        before = {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}
        again = imported(root, report, traces, report, settings=settings)
        assert [each.unchanged for each in again] == [1, 1, 1]
        assert {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("story", ["barge-in", "tools"])
def test_the_call_is_the_one_that_a_receiver_makes_of_both(tmp_path: Path, story: str) -> None:
    traces, report = story_files(story)
    imported(tmp_path / "imported", report, traces)
    upload = livekit_upload.record_of(document(story), has_sound=False)
    received(tmp_path / "received", records(story), [upload])
    (ours,), (theirs,) = calls(tmp_path / "imported"), calls(tmp_path / "received")
    for name in ("transcript.jsonl", "events.jsonl"):
        assert (ours / name).read_bytes() == (theirs / name).read_bytes()
    one, other = (read_metadata(str(path)) or {} for path in (ours, theirs))
    for name in ("status", "started_at", "ended_at", "agent", "turns", "latency", "cost"):
        assert one[name] == other[name]


def test_what_the_report_alone_knows_is_in_the_call(tmp_path: Path) -> None:
    traces, report = story_files("tools")
    imported(tmp_path, report, traces)
    (path,) = calls(tmp_path)
    record = read_call(path, now_ms=NOW_MS)
    assert any(line["units"].get("audio_seconds") for line in record.call.callscope["usage"])
    results = [event.data for event in record.events if event.type == "tool_result"]
    assert results[0]["result"] == {"number": "4711", "places": ["Berlin", "Hamburg"], "late": False}
    assert record.call.end_reason == "the story is told"  # which spans alone know


def test_a_report_with_events_is_not_lost_to_an_upload_without_them(tmp_path: Path) -> None:
    whole = written(tmp_path / "report.json", with_events("tools"))
    upload = livekit_upload.record_of(document("tools"), has_sound=False)
    *most, late = records("tools")
    imported(tmp_path / "root", whole)
    received(tmp_path / "root", most, [upload], [late])
    (path,) = calls(tmp_path / "root")
    assert (path / "source" / "livekit_report.json").read_bytes() == whole.read_bytes()
    assert (path / "source" / "spans.jsonl").read_bytes().count(b"\n") == len(records("tools")) + 1

    received(tmp_path / "other", [*most, upload, late])
    imported(tmp_path / "other", whole)
    (other,) = calls(tmp_path / "other")
    assert content(other) == content(path)
    assert imported(tmp_path / "other", whole)[0].unchanged == 1


def test_an_earlier_report_does_not_replace_a_later_one(tmp_path: Path) -> None:
    later = written(tmp_path / "later.json", with_events("tools"))
    earlier = written(tmp_path / "earlier.json", {**with_events("tools"), "timestamp": 1_795_324_800.0})
    imported(tmp_path / "root", later)
    assert imported(tmp_path / "root", earlier)[0].unchanged == 1


def test_spans_in_several_files_are_put_together(tmp_path: Path) -> None:
    held = records("barge-in")
    halves = [written(tmp_path / f"{number}.spans.jsonl", held[number::2]) for number in range(2)]
    imported(tmp_path / "halves", *reversed(halves))
    imported(tmp_path / "whole", story_files("barge-in")[0])
    (path,), (whole,) = calls(tmp_path / "halves"), calls(tmp_path / "whole")
    assert content(path) == content(whole)
    with Keeper(tmp_path / "once", SETTINGS) as keeper:
        run("otlp", list(map(str, halves)), keeper=keeper)
    assert content(calls(tmp_path / "once")[0]) == content(whole)


def older(each: Record) -> Record:
    """A span as agents before 1.8 sent it: it knows of no room."""
    assert isinstance(each, Span)
    gone = {"gen_ai.conversation.id", "lk.room_sid", "room_id", "job_id"}
    attributes = {key: value for key, value in each.attributes.items() if key not in gone}
    if each.name == "agent_session":
        attributes["lk.job_id"] = document("barge-in")["job_id"]
    return msgspec.structs.replace(each, attributes=attributes)


@pytest.mark.parametrize("is_first", [True, False])
def test_spans_of_before_1_8_are_found_by_the_job(tmp_path: Path, *, is_first: bool) -> None:
    held = [each for each in records("barge-in") if isinstance(each, Span) and each.trace_id == MAIN_TRACE]
    traces = written(tmp_path / "older.spans.jsonl", [older(each) for each in held])
    report = story_files("barge-in")[1]
    imported(tmp_path / "root", *((traces, report) if is_first else (report, traces)))
    (path,) = calls(tmp_path / "root")
    assert path.name == document("barge-in")["job_id"]
    assert sorted(file.name for file in (path / "source").iterdir()) == ["livekit_report.json", "spans.jsonl"]
    assert [each.unchanged for each in imported(tmp_path / "root", report, traces)] == [1, 1]


@pytest.mark.parametrize("is_first", [True, False])
def test_a_report_that_knows_the_job_alone_is_found_by_it(tmp_path: Path, *, is_first: bool) -> None:
    report = written(tmp_path / "report.json", {**document("tools"), "room_id": ""})
    traces = story_files("tools")[0]
    imported(tmp_path / "root", *((traces, report) if is_first else (report, traces)))
    (path,) = calls(tmp_path / "root")
    assert path.name == document("tools")["room_id"]


def test_another_job_in_the_same_room_is_another_call(tmp_path: Path) -> None:
    report = written(tmp_path / "report.json", {**document("tools"), "job_id": "AJ_another"})
    imported(tmp_path / "root", story_files("tools")[0], report)
    assert len(calls(tmp_path / "root")) == 2


@pytest.mark.parametrize("is_first", [True, False])
def test_a_session_is_found_where_the_policy_takes_its_names_for_numbers(tmp_path: Path, *, is_first: bool) -> None:
    settings = msgspec.structs.replace(SETTINGS, transcript="redact")

    def odd(content: bytes) -> bytes:
        job = document("tools")["job_id"].encode()
        return content.replace(job, b"+49 171 5551234")

    traces, report = tmp_path / "odd.spans.jsonl", tmp_path / "odd.json"
    for given, path in zip(story_files("tools"), (traces, report), strict=True):
        path.write_bytes(odd(given.read_bytes()))
    imported(tmp_path / "root", *((traces, report) if is_first else (report, traces)), settings=settings)
    (path,) = calls(tmp_path / "root")
    assert b"5551234" not in (path / "metadata.json").read_bytes()


def test_two_calls_of_one_session_that_are_there_become_one_with_what_people_wrote(tmp_path: Path) -> None:
    traces, report = story_files("tools")
    imported(tmp_path, traces)
    (first,) = calls(tmp_path)
    aside = tmp_path / "aside"
    shutil.move(first, aside)
    imported(tmp_path, report)
    shutil.move(aside, first.with_name(f"{first.name}~2"))  # as versions left it that did not know better
    for number, path in enumerate(calls(tmp_path)):
        annotate(path, add_note=f"note {number}", set_labels={f"label {number}": "x"}, now_ms=NOW_MS + number)
        (path / f"{number}.txt").write_text("beside")
    assert len(calls(tmp_path)) == 2

    (summary,) = imported(tmp_path, report)
    (path,) = calls(tmp_path)
    call = read_call(path, now_ms=NOW_MS).call
    assert summary.replaced == 1
    assert [note.text for note in notes_of(call)] == ["note 0", "note 1"]
    assert {"label 0", "label 1"} <= set(call.labels)
    assert [(path / f"{number}.txt").read_text() for number in range(2)] == ["beside"] * 2
    assert list(path.parent.glob(".keep~*")) == []


def test_where_the_policy_keeps_no_words_nothing_that_is_there_is_lost(tmp_path: Path) -> None:
    settings = msgspec.structs.replace(SETTINGS, transcript="off")
    traces, report = story_files("tools")
    imported(tmp_path, traces, settings=settings)
    (first,) = calls(tmp_path)
    before = content(first)
    imported(tmp_path, report, settings=settings)
    assert len(calls(tmp_path)) == 2
    assert content(first) == before


def test_what_the_policy_has_changed_stays_told_when_it_is_read_back(tmp_path: Path) -> None:
    settings = msgspec.structs.replace(SETTINGS, transcript="redact")
    told = document("tools")
    told["chat_history"]["items"][-1]["content"] = ["Write to anna@example.org."]
    report = written(tmp_path / "report.json", told)
    traces = story_files("tools")[0]
    root = tmp_path / "root"
    imported(root, report, traces, settings=settings)
    (path,) = calls(root)
    source = (read_metadata(str(path)) or {})["callscope"]["source"]
    assert source["originals"] == {"livekit_report.json": "redacted", "spans.jsonl": "as it came"}
    assert b"anna" not in b"".join(file.read_bytes() for file in path.rglob("*") if file.is_file())
    again = imported(root, report, traces, report, settings=settings)
    assert [each.unchanged for each in again] == [1, 1, 1]


def test_a_dry_run_tells_the_same_and_writes_nothing(tmp_path: Path) -> None:
    traces, report = story_files("tools")
    imported(tmp_path, traces)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert imported(tmp_path, report, dry_run=True)[0].replaced == 1
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


@pytest.mark.parametrize("step", ["exchange", "remember"])
def test_a_kill_in_between_leaves_a_whole_call_and_the_next_import_goes_on(tmp_path: Path, step: str) -> None:
    traces, report = story_files("tools")
    imported(tmp_path / "root", traces)
    imported(tmp_path / "whole", traces, report)
    (former,) = calls(tmp_path / "root")
    before = content(former)
    code = (
        "import os, signal, sys\n"
        "from callscope.archive import exchange, sources\n"
        "from callscope.importers.base.run import keep\n"
        "from pathlib import Path\n"
        f"where = exchange if {step!r} == 'exchange' else sources\n"
        f"setattr(where, {step!r}, lambda *_: os.kill(os.getpid(), signal.SIGKILL))\n"
        "keep('livekit', [sys.argv[1]], root=Path(sys.argv[2]))\n"
    )
    environment = {**os.environ, "PATTER_LOG_RETENTION_DAYS": "0"}
    command = [sys.executable, "-c", code, str(report), str(tmp_path / "root")]
    assert subprocess.run(command, env=environment, check=False).returncode == -9
    (path,) = calls(tmp_path / "root")
    whole = content(calls(tmp_path / "whole")[0])
    assert content(path) == (before if step == "exchange" else whole)
    imported(tmp_path / "root", report)
    (path,) = calls(tmp_path / "root")
    assert content(path) == whole
