"""A session that is recorded here, of which insights come as well: one call, the recorded one, with both."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from one_session import calls, document, records, written
from opus_sound import ogg

from callscope.archive.annotate import annotate, notes_of
from callscope.archive.reader import read_call, read_metadata
from callscope.archive.verify import verify
from callscope.config import Settings
from callscope.importers.base.run import run
from callscope.interop import livekit_upload
from callscope.interop.livekit_report import Report
from callscope.interop.otlp.decoded import Decoded
from callscope.interop.spans import Record
from callscope.model.documents import Metadata
from callscope.receivers import inbox, sounds
from callscope.receivers.receiver import SILENCE_MS, Receiver
from callscope.recorder.call_log import CallLog
from callscope.recorder.keeper import Keeper
from callscope.recorder.logger import CallLogger

STORY = "tools"
ROOM = document(STORY)["room_id"]
JOB = document(STORY)["job_id"]
START_MS = Report(document(STORY)).started_ms or 0
SOUND_MS = round(document(STORY)["audio_recording_started_at"] * 1000)
SETTINGS = Settings(retention_days=0)
SAID = "I was recorded."
FILES = ("transcript.jsonl", "events.jsonl")


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.ms = START_MS + 60_000

    def __call__(self) -> int:
        return self.ms


@contextmanager
def recording(root: Path) -> Iterator[CallLogger]:
    logger = CallLogger(root, settings=SETTINGS)
    try:
        yield logger
    finally:
        assert logger.close()


def begin(logger: CallLogger, *, job: str = JOB) -> CallLog:
    """As the adapter begins a call."""
    framework = {"name": "livekit-agents", "version": "1.8.9"}
    labels = {"room": STORY, "job_id": job}
    log = logger.start_call(ROOM, at_ms=START_MS - 40, framework=framework, labels=labels)
    log.turn("user", SAID, at_ms=START_MS + 2_000, duration_ms=900)
    return log


def end(logger: CallLogger, log: CallLog) -> Path:
    log.end(reason="the story is told", at_ms=START_MS + 9_000)
    assert logger.flush(20)
    assert log.path is not None
    return log.path


def uploaded(root: Path) -> Record:
    """The report without events, and the sound that came with it."""
    sounds.keep(root, ROOM, ogg())
    return livekit_upload.record_of(document(STORY), has_sound=True)


def opened(root: Path, clock: Clock | None = None) -> Receiver:
    return Receiver(root, SETTINGS, now_ms=clock or Clock())


def take(receiver: Receiver, *held: Record) -> None:
    receiver.take(Decoded(records=list(held)))
    receiver.tell(all_of_them=True)


def files_of(path: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(file.relative_to(path)): (file.read_bytes(), file.stat().st_ino)
        for file in path.rglob("*")
        if file.is_file()
    }


def assert_is_one_call_with_all(root: Path, *, name: str = ROOM) -> Path:
    (path,) = calls(root)
    msgspec.json.decode((path / "metadata.json").read_bytes(), type=Metadata)  # nothing that docs/schema does not have
    record = read_call(path, now_ms=START_MS + 90_000)
    assert path.name == name
    assert [turn.text for turn in record.turns] == [SAID]
    told = record.call.callscope["also_told"]
    assert (told["format"], told["id"], told["spans"]) == ("otlp", ROOM, 55)
    assert json.loads((path / "source" / "livekit_report.json").read_bytes()) == document(STORY)
    assert (path / "source" / "spans.jsonl").read_bytes().count(b"\n") == len(records(STORY)) + 1
    assert [check.problems for check in verify(root, now_ms=START_MS + 90_000)] == [()]
    return path


def test_what_comes_of_a_session_that_was_recorded_is_put_beside_it(tmp_path: Path) -> None:
    with recording(tmp_path) as logger:
        path = end(logger, begin(logger))
    before = files_of(path)
    receiver = opened(tmp_path)
    take(receiver, *records(STORY), uploaded(tmp_path))
    assert_is_one_call_with_all(tmp_path)
    call = read_call(path, now_ms=START_MS).call
    assert (call.recording_path, call.callscope["recording"]["offset_ms"]) == (
        "recording.wav",
        SOUND_MS - (START_MS - 40),
    )
    assert {name: files_of(path)[name] for name in FILES if name in before} == {
        name: before[name] for name in FILES if name in before
    }
    assert list(inbox.place(tmp_path).glob("*.ogg")) == []

    after = files_of(path)
    take(receiver, *records(STORY)[:3])
    receiver.close()
    with opened(tmp_path):
        pass
    assert {name: bytes_ for name, (bytes_, _) in files_of(path).items() if name != "metadata.json"} == {
        name: bytes_ for name, (bytes_, _) in after.items() if name != "metadata.json"
    }


def test_a_recorded_call_that_has_its_own_sound_and_report_keeps_them(tmp_path: Path) -> None:
    own = {**document(STORY), "events": [{"type": "close", "reason": "job_shutdown", "created_at": 1_795_324_819.0}]}
    with recording(tmp_path) as logger:
        log = begin(logger)
        log.audio(b"\1\0" * 1_600, sample_rate=16_000, channels=1, at_ms=START_MS)
        path = end(logger, log)
    (path / "source").mkdir()
    written(path / "source" / "livekit_report.json", own)
    before = files_of(path)
    with opened(tmp_path) as receiver:
        take(receiver, *records(STORY), uploaded(tmp_path))
    assert calls(tmp_path) == [path]
    for name in ("recording.wav", "source/livekit_report.json"):
        assert files_of(path)[name] == before[name]
    assert not (path / sounds.OGG).exists()
    assert "also_told" in read_call(path, now_ms=START_MS).call.callscope


def test_while_it_is_recorded_nothing_is_touched_and_nothing_is_lost(tmp_path: Path) -> None:
    clock = Clock()
    receiver = opened(tmp_path, clock)
    with recording(tmp_path) as logger:
        log = begin(logger)
        assert logger.flush(20)
        (path,) = calls(tmp_path)
        before = files_of(path)
        take(receiver, *records(STORY)[:20])
        clock.ms += SILENCE_MS * 2
        assert receiver.tell() == 0
        take(receiver, *records(STORY)[20:], uploaded(tmp_path))
        assert files_of(path) == before
        assert calls(tmp_path) == [path]
        receiver.close()  # whoever receives may end before the call does
        assert len(list(inbox.place(tmp_path).glob("*.ogg"))) == 1
        receiver = opened(tmp_path, clock)
        receiver.tell(all_of_them=True)
        assert files_of(path) == before
        end(logger, log)
    clock.ms += 10_000
    assert receiver.tell() == 1
    receiver.close()
    path = assert_is_one_call_with_all(tmp_path)
    assert (path / "recording.wav").exists()
    assert receiver.counts["failed"] == 0


def test_a_call_of_insights_gives_way_to_the_recorded_one_that_appears_later(tmp_path: Path) -> None:
    receiver = opened(tmp_path)
    *most, session = sorted(records(STORY), key=lambda each: getattr(each, "name", "") == "agent_session")
    take(receiver, *most)
    (live,) = calls(tmp_path)
    with recording(tmp_path) as logger:
        log = begin(logger)
        assert logger.flush(20)
        take(receiver, session)
        assert read_call(live, now_ms=START_MS).call.status == "in_progress"
        end(logger, log)
    take(receiver, uploaded(tmp_path))
    receiver.close()
    path = assert_is_one_call_with_all(tmp_path, name=f"{ROOM}~2")
    assert (path / "recording.wav").exists()
    assert list(path.parent.glob(".keep~*")) == []


def test_two_calls_become_one_at_the_latest_when_nothing_comes_any_more(tmp_path: Path) -> None:
    clock = Clock()
    receiver = opened(tmp_path, clock)
    take(receiver, *records(STORY), livekit_upload.record_of(document(STORY), has_sound=False))
    with recording(tmp_path) as logger:
        end(logger, begin(logger))
    assert len(calls(tmp_path)) == 2
    clock.ms += SILENCE_MS
    receiver.tell()
    receiver.close()
    assert_is_one_call_with_all(tmp_path, name=f"{ROOM}~2")


def test_what_people_and_insights_left_in_the_other_call_is_carried(tmp_path: Path) -> None:
    with opened(tmp_path) as receiver:
        take(receiver, *records(STORY), uploaded(tmp_path))
    (told,) = calls(tmp_path)
    annotate(told, add_note="ask again", now_ms=START_MS)
    sound = (told / "recording.wav").read_bytes()
    with recording(tmp_path) as logger:
        end(logger, begin(logger))
    with opened(tmp_path) as receiver:  # the next thing that comes of it, here the same again
        take(receiver, *records(STORY)[:1])
    path = assert_is_one_call_with_all(tmp_path, name=f"{ROOM}~2")
    call = read_call(path, now_ms=START_MS).call
    assert [note.text for note in notes_of(call)] == ["ask again"]
    assert (path / "recording.wav").read_bytes() == sound
    assert call.callscope["recording"]["offset_ms"] == SOUND_MS - (START_MS - 40)


RECORDING = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from test_recorded_and_told import SETTINGS, begin
from callscope.recorder.logger import CallLogger
logger = CallLogger(Path(sys.argv[1]), settings=SETTINGS)
begin(logger)
assert logger.flush(20)
print("recorded", flush=True)
sys.stdin.read()
"""


def test_a_recorded_call_whose_process_was_killed_is_closed_and_has_what_came_beside_it(tmp_path: Path) -> None:
    folders = [str(Path(__file__).parent)]
    command = [sys.executable, "-c", RECORDING, str(tmp_path), *folders]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as recorder:
        assert recorder.stdout is not None
        assert recorder.stdout.readline() == b"recorded\n"
        receiver = opened(tmp_path)
        take(receiver, *records(STORY), uploaded(tmp_path))
        assert "also_told" not in (read_metadata(str(calls(tmp_path)[0])) or {})["callscope"]
        os.kill(recorder.pid, signal.SIGKILL)
    receiver.tell(all_of_them=True)
    receiver.close()
    path = assert_is_one_call_with_all(tmp_path)
    call = read_call(path, now_ms=START_MS + 90_000).call
    assert (call.status, call.ended_at_ms is not None) == ("abandoned", True)


def test_a_session_of_another_job_in_the_room_is_another_call(tmp_path: Path) -> None:
    with recording(tmp_path) as logger:
        end(logger, begin(logger, job="AJ_another"))
    with opened(tmp_path) as receiver:
        take(receiver, *records(STORY))
    assert [path.name for path in calls(tmp_path)] == [ROOM, f"{ROOM}~2"]


@pytest.mark.parametrize("transcript", ["full", "redact", "off"])
def test_an_import_of_a_recorded_session_is_put_beside_it_and_waits_for_its_end(
    tmp_path: Path, transcript: Any
) -> None:
    settings = msgspec.structs.replace(SETTINGS, transcript=transcript)
    report = written(tmp_path / "report.json", document(STORY))
    traces = written(tmp_path / "traces.jsonl", records(STORY))
    root = tmp_path / "root"
    with recording(root) as logger, Keeper(root, settings) as keeper:
        log = begin(logger)
        assert logger.flush(20)
        (error,) = run("livekit", [str(report)], keeper=keeper).errors
        assert f"{report}: session {ROOM!r} is being recorded right now" in error
        path = end(logger, log)
        rows = (path / "transcript.jsonl").read_bytes()
        assert run("otlp", [str(traces)], keeper=keeper, dry_run=True).replaced == 1
        for form, given in (("livekit", report), ("otlp", traces)):
            summary = run(form, [str(given)], keeper=keeper)
            assert (summary.replaced, summary.errors) == (1, [])
        if transcript != "off":
            assert run("livekit", [str(report)], keeper=keeper).unchanged == 1
            assert run("otlp", [str(traces)], keeper=keeper).unchanged == 1
    assert calls(root) == [path]
    assert (path / "transcript.jsonl").read_bytes() == rows
    assert sorted(file.name for file in (path / "source").iterdir()) == ["livekit_report.json", "spans.jsonl"]
