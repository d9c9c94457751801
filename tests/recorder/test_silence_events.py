"""A silence is an event on disk while it lasts, and part of what is said of the call."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from callscope import CallLogger, SettingError, Settings
from callscope.archive.reader import read_call
from callscope.config import load
from callscope.model.event import Event
from callscope.model.whole import WholeCall, WholeTurn
from callscope.recorder import told
from callscope.recorder.keeper import Keeper
from callscope.recorder.told import Told
from callscope.testing import call_dirs, metadata, rows
from callscope.timeline.summary import summarise

SOON = Settings(silence_seconds=1)
PATIENCE_SECONDS = 10


@pytest.fixture
def silent() -> Iterator[threading.Event]:
    """Set when a silence is on disk."""
    found = threading.Event()

    def listen(one: Told) -> None:
        if one.type == "silence":
            found.set()

    told.listeners.append(listen)
    yield found
    told.listeners.remove(listen)


def test_a_silence_is_on_disk_while_it_lasts(tmp_path: Path, silent: threading.Event) -> None:
    logger = CallLogger(tmp_path, settings=SOON)
    call = logger.start_call("a")
    call.event("agent_started_speaking")
    call.event("agent_stopped_speaking")
    call.event("user_started_speaking")
    call.event("user_stopped_speaking", {"delay_ms": 200})
    call.event("transcript", {"text": "hello?"})
    call.event("tool_call", {"tool_call_id": "1", "name": "lookup"})
    assert silent.wait(PATIENCE_SECONDS)

    (directory,) = call_dirs(tmp_path)
    (silence,) = [row["data"] for row in rows(directory, "events.jsonl") if row["type"] == "silence"]
    assert (silence["kind"], silence["waited_ms"], silence["stage"], silence["name"]) == (
        "no_answer",
        1000,
        "tool",
        "lookup",
    )
    call.event("client_disconnected")
    call.end()
    logger.close()

    envelope = metadata(directory)
    assert (envelope["status"], envelope["callscope"]["silence_seconds"]) == ("failed", 1)
    assert envelope["error"] == "the caller was left without an answer until the call ended"
    assert envelope["callscope"]["lost"] == {}


@pytest.mark.parametrize("transcript", ["full", "redact", "off"])
def test_a_turn_of_a_recording_without_transcript_events_is_words(
    transcript: str, tmp_path: Path, silent: threading.Event
) -> None:
    settings = Settings(silence_seconds=1, transcript=transcript)  # type: ignore[arg-type]
    logger = CallLogger(tmp_path, settings=settings)
    call = logger.start_call("a")
    call.event("agent_started_speaking")
    call.event("agent_stopped_speaking")
    call.event("user_started_speaking")
    call.event("user_stopped_speaking")
    call.turn("user", "Yes please")
    assert silent.wait(PATIENCE_SECONDS)
    call.end()
    logger.close()

    found = [row["data"] for row in rows(call_dirs(tmp_path)[0], "events.jsonl") if row["type"] == "silence"]
    assert [(each["kind"], each["waited_ms"]) for each in found] == [("no_answer", 1000)]


def test_a_short_sound_without_a_turn_is_no_silence(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path, settings=SOON)
    call = logger.start_call("a", at_ms=1)
    for at_ms, kind in [(100, "agent_started_speaking"), (900, "agent_stopped_speaking"),
                        (1000, "user_started_speaking"), (1600, "user_stopped_speaking")]:  # fmt: skip
        call.event(kind, at_ms=at_ms)
    call.turn("user", " ", at_ms=1600)
    call.end(at_ms=60_000)
    logger.close()

    kinds = [row["type"] for row in rows(call_dirs(tmp_path)[0], "events.jsonl")]
    assert "silence" not in kinds


@pytest.mark.parametrize("moment_ms", [3000, 3600])
def test_a_turn_of_a_call_that_is_kept_whole_is_words_for_its_outcome_as_for_its_readers(
    moment_ms: int, tmp_path: Path
) -> None:
    at_ms = 1_600_000_000_000
    edges = [(500, "agent_started_speaking"), (2000, "agent_stopped_speaking"),
             (3000, "user_started_speaking"), (3600, "user_stopped_speaking")]  # fmt: skip
    turn = WholeTurn(role="user", text="Yes please", at_ms=at_ms + moment_ms)
    events = [Event(ts_ms=at_ms + after_ms, type=kind, data={}) for after_ms, kind in edges]
    call = WholeCall(
        call_id="a",
        started_at_ms=at_ms,
        ended_at_ms=at_ms + 20_000,
        rows=(*events[:2], turn, *events[2:]) if moment_ms == edges[2][0] else (*events, turn),
        source={"format": "test", "id": "a"},
    )
    with Keeper(tmp_path, Settings()) as keeper:
        path = keeper.put(call).path

    record = read_call(path, now_ms=at_ms + 30_000)
    found = summarise(at_ms, at_ms + 20_000, record.turns, record.events, call=record.call).silences
    assert [row.data["kind"] for row in found] == ["no_answer"]
    assert metadata(path)["status"] == "failed"
    assert metadata(path)["error"] == "the caller was left without an answer until the call ended"


def test_a_call_of_other_times_is_judged_by_its_own_moments(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    at_ms = 1_600_000_000_000
    call = logger.start_call("a", at_ms=at_ms, framework={"name": "pipecat", "version": "1"})
    call.event("client_connected", at_ms=at_ms)
    call.event("agent_started_speaking", at_ms=at_ms + 12_000)
    call.event("agent_stopped_speaking", at_ms=at_ms + 13_000)
    call.end(at_ms=at_ms + 14_000)
    logger.close()

    (directory,) = call_dirs(tmp_path)
    found = [(row["type"], row["ts"][-7:]) for row in rows(directory, "events.jsonl")]
    assert found[1] == ("silence", "48.000Z")
    assert [kind for kind, _ in found].count("silence") == 1
    assert metadata(directory)["status"] == "completed"


@pytest.mark.parametrize("transcript", ["redact", "off"])
def test_what_kind_of_silence_it_was_is_kept_whatever_the_policy(transcript: str, tmp_path: Path) -> None:
    logger = CallLogger(tmp_path, settings=Settings(transcript=transcript))  # type: ignore[arg-type]
    call = logger.start_call("a", at_ms=1)
    call.event("tts_started", {"request_id": "1", "text_length": 5}, at_ms=5)
    call.event("tts_stopped", {"request_id": "1", "audio_seconds": 0}, at_ms=50)
    call.end(at_ms=100)
    logger.close()

    found = [row["data"] for row in rows(call_dirs(tmp_path)[0], "events.jsonl") if row["type"] == "silence"]
    assert [each["kind"] for each in found] == ["no_synthesis", "never_spoke"]
    assert (found[0]["since_ms"], found[0]["waited_ms"]) == (5, 45)


def test_the_limit_is_a_setting_and_a_typo_in_it_is_told() -> None:
    assert load({"CALLSCOPE_SILENCE_SECONDS": "20"}).silence_seconds == 20
    wrong = load({"CALLSCOPE_SILENCE_SECONDS": "soon"})
    assert wrong.silence_seconds == 8
    assert "CALLSCOPE_SILENCE_SECONDS='soon' is not understood" in wrong.problems[0]
    with pytest.raises(SettingError, match="silence_seconds is 0"):
        Settings(silence_seconds=0)
