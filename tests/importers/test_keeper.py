"""Whole calls on disk: as the recorder writes them, in one step, once a source."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import wave
from pathlib import Path
from typing import Any

import msgspec
import pytest
import whole_calls
from whole_calls import SETTINGS, START_MS, whole, write_wav

from callscope.archive import exchange, liveness
from callscope.archive.annotate import annotate, notes_of
from callscope.archive.listing import list_calls
from callscope.archive.prune import prune
from callscope.archive.reader import read_call, read_envelope
from callscope.archive.repair import repair
from callscope.archive.verify import verify, verify_call
from callscope.config import Settings
from callscope.errors import SettingError, UnreadableError
from callscope.model.event import Event
from callscope.model.whole import WholeCall, WholeTurn
from callscope.recorder.keeper import Keeper, Kept
from callscope.recorder.logger import CallLogger

NOW_MS = START_MS + 60_000


def put(root: Path, call: WholeCall, settings: Settings = SETTINGS) -> Kept:
    with Keeper(root, settings) as keeper:
        return keeper.put(call)


def metadata(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((path / "metadata.json").read_bytes())
    return document


def source(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = metadata(path)["callscope"]["source"]
    return found


@pytest.mark.parametrize("transcript", ["full", "redact", "off"])
def test_a_whole_call_is_on_disk_as_the_recorder_would_have_written_it(tmp_path: Path, transcript: Any) -> None:
    settings = msgspec.structs.replace(SETTINGS, transcript=transcript)
    recorded = whole_calls.record(tmp_path / "recorded", settings=settings)
    kept = put(tmp_path / "kept", whole(), settings).path

    ours, theirs = metadata(kept), metadata(recorded)
    assert ours["cost"]["total"] > 0
    assert ours["callscope"]["exchanges"] == 1
    assert transcript == "off" or ours["callscope"]["actual"]
    for document in (ours, theirs):
        del document["callscope"]["writer"]
        document["callscope"].pop("source", None)
        document["callscope"].pop("silence_seconds", None)  # nobody listened while it went on
    assert json.dumps(ours) == json.dumps(theirs)
    for name in ("transcript.jsonl", "events.jsonl"):
        assert (kept / name).read_bytes() == (recorded / name).read_bytes()
    assert kept.relative_to(tmp_path / "kept") == recorded.relative_to(tmp_path / "recorded")


def test_what_is_kept_verifies_and_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    kept = put(tmp_path, whole(originals={"report.json": b'{"a": 1}'})).path

    assert [check.problems for check in verify(tmp_path, now_ms=NOW_MS)] == [()]
    assert list(repair(tmp_path, now_ms=NOW_MS)) == []
    for path in (kept, *kept.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    assert read_call(kept, now_ms=NOW_MS).problems == ()


def test_the_same_source_with_the_same_content_changes_nothing(tmp_path: Path) -> None:
    first = put(tmp_path, whole())
    before = (first.path / "metadata.json").stat().st_ino
    second = put(tmp_path, whole())

    assert (first.state, second.state) == ("new", "unchanged")
    assert second.path == first.path
    assert (first.path / "metadata.json").stat().st_ino == before


def test_the_same_source_with_more_in_it_replaces_the_call(tmp_path: Path) -> None:
    first = put(tmp_path, whole())
    more = (*whole().rows, WholeTurn(role="user", text="Never mind.", at_ms=START_MS + 5_500))
    second = put(tmp_path, whole(rows=more))

    assert (second.path, second.state) == (first.path, "replaced")
    assert [turn.text for turn in read_call(second.path, now_ms=NOW_MS).turns][-1] == "Never mind."
    assert len(list_calls(tmp_path, now_ms=NOW_MS, limit=9).calls) == 1
    assert [path.name for path in first.path.parent.iterdir()] in [["CA1", ".sources"], [".sources", "CA1"]]


def test_another_call_of_the_same_id_gets_a_directory_of_its_own(tmp_path: Path) -> None:
    recorded = whole_calls.record(tmp_path)
    before = (recorded / "metadata.json").read_bytes()
    one = put(tmp_path, whole())
    other = put(tmp_path, whole(source={"format": "another", "id": "CA1"}))

    assert (one.path.name, other.path.name) == ("CA1~2", "CA1~3")
    assert (recorded / "metadata.json").read_bytes() == before
    assert put(tmp_path, whole()) == Kept(one.path, "unchanged")
    assert put(tmp_path, whole(source={"format": "another", "id": "CA1"})).state == "unchanged"


def test_a_source_is_found_by_its_calls_id_where_the_small_files_are_gone(tmp_path: Path) -> None:
    whole_calls.record(tmp_path)
    first = put(tmp_path, whole())
    shutil.rmtree(first.path.parent / ".sources")

    assert put(tmp_path, whole()) == Kept(first.path, "unchanged")


def test_a_call_whose_start_and_id_become_known_better_moves_and_stays_one(tmp_path: Path) -> None:
    first = put(tmp_path, whole("trace-1", source={"format": "otlp", "id": "t1"}))
    second = put(tmp_path, whole("CA7", source={"format": "otlp", "id": "t1"}, started_at_ms=START_MS - 86_000_000))

    assert second.state == "replaced"
    assert not first.path.exists()
    assert second.path.name == "CA7"
    assert second.path.parent != first.path.parent
    third = put(tmp_path, whole("CA7", source={"format": "otlp", "id": "t1"}, started_at_ms=START_MS - 86_000_000))
    assert third == Kept(second.path, "unchanged")


def test_what_a_person_added_and_what_others_put_beside_it_outlives_a_replacement(tmp_path: Path) -> None:
    path = put(tmp_path, whole(originals={"a.json": b"[1]"})).path
    annotate(path, set_labels={"team": "blue"}, add_note="ask again", now_ms=NOW_MS)
    (path / "logs.jsonl").write_bytes(b"{}\n")
    inbox = (path / "source" / "spans.jsonl").open("ab", buffering=0)
    with inbox:
        inbox.write(b"one\n")
        put(tmp_path, whole(originals={"a.json": b"[2]"}, end={"reason": "done"}))
        inbox.write(b"two\n")

    call = read_envelope(path, now_ms=NOW_MS)
    assert call.labels == {"team": "blue", "version": "7"}
    assert [note.text for note in notes_of(call)] == ["ask again"]
    assert (path / "logs.jsonl").read_bytes() == b"{}\n"
    assert (path / "source" / "spans.jsonl").read_bytes() == b"one\ntwo\n"
    assert (path / "source" / "a.json").read_bytes() == b"[2]"


def test_sound_is_copied_with_its_place_on_the_calls_clock(tmp_path: Path) -> None:
    wav = write_wav(tmp_path / "sound.wav")
    path = put(tmp_path / "root", whole(sound=wav, sound_started_at_ms=START_MS + 150)).path

    with wave.open(str(path / "recording.wav"), "rb") as sound:
        assert (sound.getnframes(), sound.getframerate(), sound.getnchannels()) == (800, 8_000, 2)
    assert metadata(path)["recording_path"] == "recording.wav"
    recording = metadata(path)["callscope"]["recording"]
    assert recording == {"offset_ms": 150, "sample_rate": 8000, "channels": 2, "duration_ms": 100, "lost_chunks": 0}
    assert verify_call(path, now_ms=NOW_MS).problems == ()

    again = put(tmp_path / "root", whole(end={"reason": "another"}))  # told anew without the sound
    assert (again.state, metadata(path)["callscope"]["recording"]) == ("replaced", recording)
    assert (path / "recording.wav").exists()


@pytest.mark.parametrize(("channels", "sample_bytes"), [(3, 2), (1, 1)])
def test_sound_of_another_form_is_refused_and_nothing_is_half_there(
    tmp_path: Path, channels: int, sample_bytes: int
) -> None:
    wav = write_wav(tmp_path / "sound.wav", channels=channels, sample_bytes=sample_bytes)
    with pytest.raises(UnreadableError, match="16-bit PCM"):
        put(tmp_path / "root", whole(sound=wav))
    assert [path for path in (tmp_path / "root").rglob("*") if path.is_file()] == []


def test_a_source_without_a_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="has no id"):
        put(tmp_path, whole(source={"format": "test"}))


def test_originals_without_anything_to_hide_are_kept_byte_for_byte(tmp_path: Path) -> None:
    originals = {"report.json": b'{ "b":1,\n\n"a" : [2.50] }', "two.jsonl": b'{"x":1}\n\n[ ]', "deep/../x": b"\x00\xff"}
    path = put(tmp_path, whole(originals=originals)).path

    assert (path / "source" / "report.json").read_bytes() == originals["report.json"]
    assert (path / "source" / "two.jsonl").read_bytes() == originals["two.jsonl"]
    assert len(list((path / "source").iterdir())) == 3
    assert set(source(path)["originals"].values()) == {"as it came"}
    assert source(path)["not_understood"] == {"mood": 2}
    assert source(path)["computed"] == ["latency"]


def test_originals_do_not_hold_what_the_policy_keeps_off_the_disk(tmp_path: Path) -> None:
    report = {
        "customer": {"number": "+15550001234"},
        "said": ["My card is 4111 1111 1111 1111", "call 15550001234"],
        "n": 15550001234,
        "api_key": "sk-proj-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    }
    originals = {"r.json": json.dumps(report).encode(), "r.bin": b"\xff+15550001234", "r.txt": b"call +15550001234"}
    for transcript, phone in (("full", "mask"), ("redact", "mask"), ("off", "hash_only"), ("full", "full")):
        settings = Settings(transcript=transcript, phone=phone, retention_days=0)  # type: ignore[arg-type]
        path = put(tmp_path / f"{transcript}-{phone}", whole(originals=originals), settings).path
        everything = b"".join(file.read_bytes() for file in (path / "source").iterdir())
        how = source(path)["originals"]
        assert (b"15550001234" in everything) == (phone == "full")
        assert (b"4111" in everything) == (transcript == "full")
        assert b"sk-proj" not in everything
        assert (path / "source" / "r.bin").exists() == (phone == "full")
        assert (path / "source" / "r.txt").exists() == (transcript != "off")
        assert how["r.json"] == "redacted"
        if phone != "full":
            assert how["r.bin"].startswith("not kept")


def test_a_call_that_goes_on_is_in_progress_as_long_as_its_keeper_lives(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path, SETTINGS)
    going = whole(ended_at_ms=None, end={})
    path = keeper.put(going).path
    assert read_envelope(path, now_ms=NOW_MS).status == "in_progress"
    assert list(repair(tmp_path, now_ms=NOW_MS)) == []
    assert keeper.put(going).state == "unchanged"
    keeper.close()
    assert read_envelope(path, now_ms=NOW_MS).status == "abandoned"
    assert liveness.read_ledgers(tmp_path) == []

    with Keeper(tmp_path, SETTINGS) as next_keeper:  # the same content, and yet alive again
        assert next_keeper.put(going) == Kept(path, "replaced")
        assert read_envelope(path, now_ms=NOW_MS).status == "in_progress"
        assert next_keeper.put(whole()).state == "replaced"
        assert read_envelope(path, now_ms=NOW_MS).status == "completed"


def test_a_call_that_was_closed_for_its_dead_keeper_goes_on_when_more_comes(tmp_path: Path) -> None:
    with Keeper(tmp_path, SETTINGS) as keeper:
        path = keeper.put(whole(ended_at_ms=None, end={})).path
    assert [action.kind for action in repair(tmp_path, now_ms=NOW_MS)] == ["closed"]
    assert metadata(path)["status"] == "abandoned"

    assert put(tmp_path, whole()) == Kept(path, "replaced")
    assert metadata(path)["status"] == "completed"


def test_many_threads_put_one_call_and_it_is_there_once(tmp_path: Path) -> None:
    with Keeper(tmp_path, SETTINGS) as keeper:
        threads = [
            threading.Thread(target=keeper.put, args=(whole(end={"reason": str(number % 2)}),)) for number in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(list_calls(tmp_path, now_ms=NOW_MS, limit=9).calls) == 1
    assert [check.problems for check in verify(tmp_path, now_ms=NOW_MS)] == [()]


def test_old_days_go_with_their_sources(tmp_path: Path) -> None:
    path = put(tmp_path, whole(originals={"a.json": b"[1]"})).path
    report = prune(tmp_path, days=1, now_ms=START_MS + 10 * 86_400_000)
    assert report.paths == (str(path),)
    assert report.errors == ()
    assert not path.parent.exists()


def test_what_a_kernel_without_exchange_leaves_is_put_back(tmp_path: Path) -> None:
    path = put(tmp_path, whole()).path
    aside = path.with_name(f".keep~dead~123~was~{path.name}")
    path.rename(aside)
    left = path.with_name(".keep~dead~456")
    left.mkdir()

    assert put(tmp_path, whole("CA2", source={"format": "test", "id": "2"})).state == "new"
    assert put(tmp_path, whole()) == Kept(path, "unchanged")
    assert not left.exists()


def test_a_call_is_replaced_where_the_kernel_cannot_exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "_library", lambda: None)
    path = put(tmp_path, whole()).path
    assert put(tmp_path, whole(end={"reason": "done"})) == Kept(path, "replaced")
    assert metadata(path)["callscope"]["end_reason"] == "done"
    assert sorted(each.name for each in path.parent.iterdir()) == [".sources", "CA1"]


PUTTING_ALL = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from whole_calls import SETTINGS, whole
from callscope.recorder.keeper import Keeper
with Keeper(Path(sys.argv[1]), SETTINGS) as keeper:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(60):
        keeper.put(whole(f"CA{number}"))
"""


def test_two_processes_that_import_the_same_at_once_make_each_call_once(tmp_path: Path) -> None:
    program = [sys.executable, "-c", PUTTING_ALL, str(tmp_path), str(Path(__file__).parent)]
    children = [subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2)]
    for child in children:
        assert child.stdout is not None
        child.stdout.readline()
    for child in children:
        assert child.stdin is not None
        child.stdin.write(b"go\n")
        child.stdin.flush()
    for child in children:
        child.communicate()
        assert child.returncode == 0
    assert len(list_calls(tmp_path, now_ms=NOW_MS, limit=999).calls) == 60


PUTTING = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from whole_calls import SETTINGS, whole
from callscope.recorder.keeper import Keeper
keeper = Keeper(Path(sys.argv[1]), SETTINGS)
number = 0
while True:
    number += 1
    keeper.put(whole(end={"reason": str(number)}, originals={"n.txt": str(number).encode()}))
    if number == 1:
        print("going", flush=True)
"""


def test_a_keeper_that_is_killed_at_any_moment_leaves_the_old_call_or_the_new_one(tmp_path: Path) -> None:
    for count in range(6):
        child = subprocess.Popen(
            [sys.executable, "-c", PUTTING, str(tmp_path), str(Path(__file__).parent)], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        child.stdout.readline()
        for _ in range(3 + count * 7):  # some moments of work of our own: no clock decides when it dies
            read_call(whole_path(tmp_path), now_ms=NOW_MS)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()

        (check,) = verify(tmp_path, now_ms=NOW_MS)
        assert check.problems == ()
        reason = metadata(whole_path(tmp_path))["callscope"]["end_reason"]
        assert (whole_path(tmp_path) / "source" / "n.txt").read_text() == reason
    with Keeper(tmp_path, SETTINGS) as keeper:
        kept = keeper.put(whole())
    assert kept.state == "replaced"
    assert sorted(path.name for path in kept.path.parent.iterdir()) == [".sources", "CA1"]


def whole_path(root: Path) -> Path:
    return next(path for path in (root / "calls").glob("*/*/*/CA1"))


def unanswered() -> tuple[WholeTurn | Event, ...]:
    """The caller asks, nobody answers, and the line ends half a minute later."""
    told = [(1_000, "agent_started_speaking"), (2_000, "agent_stopped_speaking"), (3_000, "user_started_speaking"),
            (4_500, "user_stopped_speaking")]  # fmt: skip
    edges = [Event(ts_ms=START_MS + at, type=kind, data={}) for at, kind in told]
    words = Event(ts_ms=START_MS + 4_600, type="transcript", data={"text": "Are you open?", "final": True})
    left = Event(ts_ms=START_MS + 34_000, type="client_disconnected", data={"reason": "the caller hung up"})
    return (*edges, words, WholeTurn(role="user", text="Are you open?", at_ms=START_MS + 3_000), left)


def test_the_outcome_is_the_one_that_the_recorder_gives_with_the_silences_that_readers_find(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path / "recorded", settings=SETTINGS)
    log = logger.start_call("CA1", at_ms=START_MS, framework={"name": "pipecat"})
    for row in unanswered():
        if isinstance(row, Event):
            log.event(row.type, row.data, at_ms=row.ts_ms)
        else:
            log.turn(row.role, row.text, at_ms=row.at_ms)
    log.end(at_ms=START_MS + 34_000)
    assert logger.close()
    assert log.path is not None
    recorded = metadata(log.path)
    call = whole(rows=unanswered(), ended_at_ms=START_MS + 34_000, end={}, fields={"framework": {"name": "pipecat"}})
    path = put(tmp_path / "kept", call).path
    kept = metadata(path)
    assert (kept["status"], kept["error"]) == (recorded["status"], recorded["error"])
    assert kept["status"] == "failed"
    assert "without an answer" in kept["error"]
    record = read_call(path, now_ms=NOW_MS)
    assert "silence" not in {event.type for event in record.events}  # readers find it, it gets no row
    assert put(tmp_path / "kept", call).state == "unchanged"


def test_what_the_source_says_of_the_outcome_counts(tmp_path: Path) -> None:
    call = whole(rows=unanswered(), ended_at_ms=START_MS + 34_000, end={"status": "canceled"})
    assert metadata(put(tmp_path, call).path)["status"] == "canceled"


def test_silences_that_the_source_tells_are_not_found_again(tmp_path: Path) -> None:
    told = Event(ts_ms=START_MS + 4_700, type="silence", data={"kind": "no_transcript", "seconds": 8})
    call = whole(rows=(*unanswered()[:-1], told, unanswered()[-1]), ended_at_ms=START_MS + 34_000, end={})
    assert metadata(put(tmp_path, call).path)["status"] == "completed"


def test_documents_in_texts_of_an_original_are_looked_into(tmp_path: Path) -> None:
    inner = '{"at": 1795324808.9178953, "to": "anna@example.org"}'
    lines = [json.dumps({"attributes": {"metrics": inner}}), json.dumps({"attributes": {"metrics": '{"at": 17.5}'}})]
    settings = msgspec.structs.replace(SETTINGS, transcript="redact")
    path = put(tmp_path, whole(originals={"spans.jsonl": "\n".join(lines).encode()}), settings).path
    first, second = (path / "source" / "spans.jsonl").read_text().splitlines()
    assert json.loads(json.loads(first)["attributes"]["metrics"]) == {"at": 1795324808.9178953, "to": "[email]"}
    assert second == lines[1]
