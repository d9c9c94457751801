"""Real sessions of LiveKit's, held against what their callers said and heard and against the ledger of their models."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from livekit_calls import Kept, kept_calls
from livekit_sound import AGENT, CALLER, Recording
from livekit_stories import LONG, STORY, record_all
from model_server import KEY
from offline_agent import EAR_RATE, MOUTH_RATE, Truth

from callscope.recorder.guard import log

pytestmark = pytest.mark.e2e

CLOSE_MS = 300
"""How far a moment may be from the caller's own clock: voice activity detection finds the edges of words a tenth of a
second late or early."""
SOUND_MS = 40
"""How far a sound may be from where the caller's own clock has it."""

Calls = dict[str, tuple[Truth, Kept]]


class _Complaints(logging.Handler):
    """What callscope had to say of itself."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(record.getMessage())


@pytest.fixture(scope="module")
def complaints() -> _Complaints:
    return _Complaints()


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory, complaints: _Complaints) -> Calls:
    """All stories, by name: the truth and the record."""
    log.addHandler(complaints)
    made = record_all(tmp_path_factory.mktemp("calls"), progress=print)
    log.removeHandler(complaints)
    return {name: (truth, kept_calls(archive)[name]) for name, (truth, archive) in made.items()}


def test_nothing_of_ours_fails_and_nothing_is_lost(calls: Calls, complaints: _Complaints) -> None:
    assert complaints.told == []
    assert [kept.metadata["callscope"]["lost"] for _, kept in calls.values()] == [{}] * len(calls)


def test_a_call_holds_the_words_of_both_sides(calls: Calls) -> None:
    assert calls["tools"][1].said == [
        ("assistant", "Parcel desk, hello."),
        ("user", "Where is my parcel?"),
        ("assistant", "It is in Berlin."),
        ("user", "Please call the driver."),
        ("assistant", "The driver does not answer."),
    ]


@pytest.mark.parametrize(
    ("name", "lines"), [("tools", 2), ("barge-in", 2), ("llm-recovers", 1), ("handoff", 1), ("fallback", 1)]
)
def test_a_wait_is_what_the_caller_waited(calls: Calls, name: str, lines: int) -> None:
    truth, kept = calls[name]
    waits = [turn["latency"]["response_ms"] for turn in kept.turns if turn["latency"]]
    assert len(waits) == lines
    for place, wait_ms in enumerate(waits):
        ended_ms = truth.said[place].stopped_at_ms
        heard_ms = min(each.started_at_ms for each in truth.heard if each.started_at_ms > ended_ms)
        told_ms = min(kept.moments("agent_started_speaking"), key=lambda at_ms: abs(at_ms - heard_ms))
        assert told_ms == pytest.approx(heard_ms, abs=CLOSE_MS + truth.late_ms)
        spoken_ms = max(at_ms for at_ms in kept.moments("user_stopped_speaking") if at_ms < told_ms)
        assert wait_ms == pytest.approx(told_ms - spoken_ms, abs=2)
        assert spoken_ms > ended_ms - CLOSE_MS
        waited_ms, late_ms = heard_ms - ended_ms, CLOSE_MS + truth.late_ms
        assert wait_ms < waited_ms + late_ms
        assert wait_ms > waited_ms - late_ms - truth.behind_ms  # sound that waits to be looked at ends late


def test_the_stages_of_a_wait_add_up_to_it(calls: Calls) -> None:
    latency = dict(calls["tools"][1].turns[2]["latency"])
    response_ms = latency.pop("response_ms")
    assert sum(latency.values()) == response_ms
    assert latency["tool_ms"] >= 150
    assert latency["llm_ms"] >= 200


@pytest.mark.parametrize("name", ["tools", "barge-in", "llm-recovers", "hang-up", "handoff", "typed", "fallback"])
def test_tokens_are_what_the_models_server_counted(calls: Calls, name: str) -> None:
    truth, kept = calls[name]
    told = [chat for chat in truth.models.chats if chat.usage_told]
    used = kept.usage("llm")
    assert used["input_tokens"] == sum(chat.prompt_tokens for chat in told)
    assert used["output_tokens"] == sum(chat.completion_tokens for chat in told)


@pytest.mark.parametrize("name", ["tools", "barge-in", "cough", "hang-up"])
def test_sound_and_characters_are_what_the_models_server_got(calls: Calls, name: str) -> None:
    truth, kept = calls[name]
    assert kept.usage("tts")["characters"] == truth.models.characters_spoken
    assert kept.usage("stt")["audio_seconds"] == pytest.approx(truth.models.seconds_heard, abs=0.1)


def test_a_tools_result_is_the_dict_that_it_gave(calls: Calls) -> None:
    kept = calls["tools"][1]
    assert kept.of("tool_call")[0]["arguments"] == {"number": "4711"}
    found = kept.of("tool_result")[0]
    assert found["result"] == {"number": "4711", "places": ["Berlin", "Hamburg"], "late": False}
    assert (found["name"], found["outcome"]) == ("find_parcel", "completed")
    assert found["duration_ms"] >= 150


def test_a_tool_that_fails_says_why(calls: Calls) -> None:
    failed = calls["tools"][1].of("tool_result")[1]
    assert (failed["outcome"], failed["message"]) == ("failed", "the driver's phone is off")


def test_an_answer_that_was_cut_off_tells_what_was_heard_of_it(calls: Calls) -> None:
    truth, kept = calls["barge-in"]
    answer = kept.turns[1]
    assert answer["text"] == LONG
    assert answer["interrupted"] is True
    assert LONG.startswith(answer["heard"])
    assert 5 < len(answer["heard"]) < len(LONG) * 0.8
    assert answer["duration_ms"] == pytest.approx(
        truth.heard[0].stopped_at_ms - truth.heard[0].started_at_ms, abs=CLOSE_MS + truth.late_ms
    )
    assert kept.of("barge_in") == [{"heard_characters": len(answer["heard"]), "generated_characters": len(LONG)}]


def test_a_cough_interrupts_nobody(calls: Calls) -> None:
    _, kept = calls["cough"]
    assert kept.of("false_interruption") == [{"resumed": True}]
    assert kept.of("barge_in") == []
    assert kept.said == [("user", "Tell me the whole story."), ("assistant", STORY)]
    assert "interrupted" not in kept.turns[1]
    assert kept.metadata["callscope"]["interruptions"] == 0


def test_a_hang_up_is_no_interruption(calls: Calls) -> None:
    _, kept = calls["hang-up"]
    answer = kept.turns[1]
    assert answer["text"] == LONG
    assert 5 < len(answer["heard"]) < len(LONG) * 0.8
    assert "interrupted" not in answer
    assert kept.metadata["callscope"]["end_reason"] == "the caller hung up"
    assert kept.metadata["status"] == "completed"
    assert kept.types()[-2:] == ["client_disconnected", "call_ended"]


def test_an_error_that_is_tried_again_is_got_over(calls: Calls) -> None:
    _, kept = calls["llm-recovers"]
    (error,) = kept.of("error")
    assert (error["stage"], error["category"], error["exception_type"]) == ("llm", "server", "APIStatusError")
    assert "this is refused" in error["message"]
    assert [each["error_id"] for each in kept.of("error_recovered")] == [error["error_id"]]
    assert kept.metadata["status"] == "completed"


def test_a_failover_tells_who_failed_and_who_took_over(calls: Calls) -> None:
    _, kept = calls["fallback"]
    assert {(error["model"], error["category"]) for error in kept.of("error")} == {("gone", "connectivity")}
    assert kept.of("service_switched")[0]["model"] == "gpt-4.1-mini"
    assert len(kept.of("error_recovered")) == len(kept.of("error"))
    assert kept.metadata["status"] == "completed"


def test_a_synthesizer_that_never_works_fails_the_call(calls: Calls) -> None:
    truth, kept = calls["no-voice"]
    assert truth.heard == []
    assert kept.metadata["status"] == "failed"
    assert "this is refused" in kept.metadata["error"]
    assert kept.metadata["callscope"]["end_reason"] == "an error ended the call"
    unheard = [(turn["text"], turn["heard"]) for turn in kept.turns if turn["role"] == "assistant"]
    assert unheard == [("Yes, I am here.", ""), ("Yes, I hear you.", "")]


def test_no_key_is_kept(calls: Calls) -> None:
    for _, kept in calls.values():
        assert KEY not in kept.all_text


def test_a_handoff_is_told_and_the_new_agents_words_are_kept(calls: Calls) -> None:
    _, kept = calls["handoff"]
    assert kept.of("handoff") == [{"from": "reception", "to": "complaints"}]
    assert kept.said[-1] == ("assistant", "This is complaints.")


def test_a_typed_call_has_turns_and_waits_but_no_sound(calls: Calls) -> None:
    _, kept = calls["typed"]
    assert kept.metadata["provider_mode"] == "text"
    assert kept.said == [
        ("user", "Are you open today?"),
        ("assistant", "Yes, until six."),
        ("user", "And where is my parcel?"),
        ("assistant", "In Berlin."),
    ]
    assert not {"agent_started_speaking", "user_started_speaking", "client_connected"} & set(kept.types())
    assert kept.turns[1]["latency"]["response_ms"] >= 120
    assert kept.turns[3]["latency"]["response_ms"] >= 120 + 150 + 120


def test_a_call_says_who_answered_and_with_what(calls: Calls) -> None:
    metadata = calls["tools"][1].metadata
    assert metadata["provider_mode"] == "pipeline"
    assert metadata["agent"]["model"] == "gpt-4.1-mini"
    assert metadata["agent"]["voice"] == "ash"
    assert metadata["agent"]["stt"]["model"] == "gpt-4o-mini-transcribe"
    assert metadata["callscope"]["framework"]["name"] == "livekit-agents"
    assert metadata["callscope"]["labels"]["agent_version"] == "2.4"


@pytest.mark.parametrize("name", ["tools", "barge-in", "cough", "no-voice", "hang-up", "llm-recovers"])
def test_the_callers_words_are_on_the_left_where_they_were_said(calls: Calls, name: str) -> None:
    truth, kept = calls[name]
    recording = Recording(kept)
    for said in truth.said:
        found_ms = recording.find(CALLER, said.sound, MOUTH_RATE, near_ms=said.started_at_ms)
        assert found_ms == pytest.approx(said.started_at_ms, abs=SOUND_MS + truth.late_ms)


@pytest.mark.parametrize("name", ["tools", "barge-in", "cough", "hang-up", "llm-recovers"])
def test_the_agents_words_are_on_the_right_where_they_were_heard(calls: Calls, name: str) -> None:
    truth, kept = calls[name]
    recording = Recording(kept)
    for heard in truth.heard:
        sound = np.concatenate(heard.pieces)
        found_ms = recording.find(AGENT, sound, EAR_RATE, near_ms=heard.started_at_ms)
        assert found_ms == pytest.approx(heard.started_at_ms, abs=SOUND_MS + truth.late_ms)


@pytest.mark.parametrize("name", ["tools", "barge-in", "cough", "no-voice", "hang-up", "llm-recovers"])
def test_where_nobody_was_heard_the_recording_is_silent(calls: Calls, name: str) -> None:
    """So an answer that was cut off, or paused, stops where the caller heard it stop."""
    truth, kept = calls[name]
    recording = Recording(kept)
    near_ms = SOUND_MS + truth.late_ms
    heard = [(each.started_at_ms, each.stopped_at_ms) for each in truth.heard]
    assert not recording.loud_outside(AGENT, heard, near_ms=near_ms)
    said = [(each.started_at_ms, each.stopped_at_ms) for each in truth.said]
    assert not recording.loud_outside(CALLER, said, near_ms=near_ms)


def test_the_edges_that_are_told_are_those_that_are_heard(calls: Calls) -> None:
    for name in ("tools", "barge-in", "hang-up"):
        truth, kept = calls[name]
        begins_ms = [began_ms for began_ms, _ in Recording(kept).stretches(AGENT)]
        told_ms = kept.moments("agent_started_speaking")
        assert begins_ms == pytest.approx(told_ms, abs=CLOSE_MS + truth.late_ms)


def test_sound_that_nobody_asked_for_is_not_kept(calls: Calls) -> None:
    for name in ("handoff", "fallback", "typed"):
        _, kept = calls[name]
        assert not (kept.path / "recording.wav").exists()
        assert "recording" not in kept.metadata["callscope"]
