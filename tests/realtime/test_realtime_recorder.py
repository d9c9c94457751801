"""Events of a session, told with their moments, become the call that they are."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from realtime_events import (
    client,
    created,
    done,
    part,
    pcm,
    server,
    session,
    sound,
    transcribed,
    usage,
    words,
)

from callscope.adapters.openai_realtime import SessionRecorder
from callscope.archive.reader import CallRecord, read_call
from callscope.recorder import current, guard
from callscope.recorder.logger import CallLogger
from callscope.timeline.summary import Timeline, summarise

T0 = 1_795_253_400_000
USED = usage(text=200, audio=70, cached_text=64, cached_audio=16, out_text=10, out_audio=40)


@pytest.fixture
def logger(tmp_path: Path) -> Iterator[CallLogger]:
    found = CallLogger(tmp_path / "calls-root")
    yield found
    found.close()


class Line:
    """A session on its way: what is told, at which millisecond after its beginning."""

    def __init__(self, logger: CallLogger, **options: Any) -> None:
        self.recorder = SessionRecorder(logger, **options)
        self._logger = logger

    def got(self, at_ms: float, *events: dict[str, Any]) -> None:
        for event in events:
            self.recorder.received(event, at_ms=T0 + at_ms)

    def sent(self, at_ms: float, *events: dict[str, Any]) -> None:
        for event in events:
            self.recorder.sent(event, at_ms=T0 + at_ms)

    def kept(self, end_ms: float, **how: Any) -> CallRecord:
        self.recorder.end(at_ms=T0 + end_ms, **how)
        assert self.recorder.call is not None
        assert self._logger.flush()
        assert self.recorder.call.path is not None
        return read_call(self.recorder.call.path, now_ms=T0 + 60_000)

    def begins(self, **changes: Any) -> None:
        self.got(0, server("session.created", session=session(**changes)))

    def asks(self, *, began_ms: int, ended_ms: int, item: str = "u1", said: str = "What is the weather?") -> None:
        """A caller's turn; the server decides half a second after its end, and begins response r1."""
        self.got(began_ms, server("input_audio_buffer.speech_started", audio_start_ms=began_ms, item_id=item))
        decided_ms = ended_ms + 500
        self.got(
            decided_ms,
            server("input_audio_buffer.speech_stopped", audio_end_ms=decided_ms, item_id=item),
            server("input_audio_buffer.committed", item_id=item, previous_item_id=None),
        )
        self.got(decided_ms + 20, created("r1"))
        self.got(decided_ms + 100, transcribed(item, said))


def events(record: CallRecord, kind: str) -> list[dict[str, Any]]:
    return [event.data for event in record.events if event.type == kind]


def moments(record: CallRecord, kind: str) -> list[int]:
    return [event.ts_ms - T0 for event in record.events if event.type == kind and event.ts_ms is not None]


def timeline(record: CallRecord) -> Timeline:
    return summarise(record.call.started_at_ms, record.call.ended_at_ms, record.turns, record.events, call=record.call)


def test_a_question_and_its_answer_have_their_words_wait_and_tokens(logger: CallLogger) -> None:
    line = Line(logger, labels={"agent_version": "2.4"}, caller="+12025550147")
    line.begins()
    line.asks(began_ms=1000, ended_ms=2000)
    line.got(2900, *words("r1", "a1", "It is four degrees."), sound("r1", "a1", 1000), sound("r1", "a1", 500))
    line.got(3000, done("r1", used=USED))
    line.got(9000, server("rate_limits.updated", rate_limits=[{"name": "tokens", "remaining": 38000}]))
    record = line.kept(10_000, reason="the caller hung up")

    assert [(turn.role, turn.text, turn.duration_ms) for turn in record.turns] == [
        ("user", "What is the weather?", 1000),
        ("assistant", "It is four degrees.", 1500),
    ]
    assert (moments(record, "agent_started_speaking"), moments(record, "agent_stopped_speaking")) == ([2900], [4400])
    (exchange,) = [each for each in timeline(record).exchanges if each.kind == "exchange"]
    assert exchange.response_ms == 900
    assert [(each.stage, each.duration_ms) for each in exchange.parts] == [
        ("endpointing", 500), ("unexplained", 20), ("llm", 380),
    ]  # fmt: skip
    used = {line["service"]: line["units"] for line in record.call.callscope["usage"]}
    assert used["realtime"] == {
        "input_tokens": 270, "output_tokens": 50, "total_tokens": 320, "cached_tokens": 80,
        "input_audio_tokens": 70, "output_audio_tokens": 40, "cached_audio_tokens": 16,
    }  # fmt: skip
    assert used["stt"]["input_audio_tokens"] == 30
    assert record.call.callscope["cost_status"] == "priced"
    # 136 + 54 fresh, 64 + 16 cached, 10 + 40 made at 4, 32, 0.4, 0.4, 16, 64; 30 + 9 of the transcriber
    assert record.call.cost is not None
    assert record.call.cost["realtime"] == pytest.approx((136 * 4 + 54 * 32 + 80 * 0.4 + 10 * 16 + 40 * 64) / 1e6)
    assert (record.call.call_id, record.call.status, record.call.end_reason) == (
        "sess_1", "completed", "the caller hung up",
    )  # fmt: skip
    assert record.call.agent["model"] == "gpt-realtime"
    assert record.call.agent["voice"] == "marin"
    assert record.call.provider_mode == "realtime"
    assert events(record, "rate_limits") == [{"tokens_remaining": 38000}]


def test_an_interruption_has_what_was_heard_of_the_answer(logger: CallLogger) -> None:
    line = Line(logger)
    line.begins()
    line.asks(began_ms=1000, ended_ms=2000)
    line.got(3000, sound("r1", "a1", 4000), *words("r1", "a1", "one two three four five six seven eight"))
    line.got(5000, server("input_audio_buffer.speech_started", audio_start_ms=5000, item_id="u2"))
    line.sent(5010, client("conversation.item.truncate", item_id="a1", content_index=0, audio_end_ms=1900))
    line.got(
        5020,
        done("r1", "cancelled", reason="turn_detected", used=USED),
        server("conversation.item.truncated", item_id="a1", content_index=0, audio_end_ms=1900),
    )
    record = line.kept(6000)

    agent = record.turns[-1]
    assert (agent.interrupted, agent.heard, agent.duration_ms) == (True, "one two three", 1900)
    assert agent.text == "one two three four five six seven eight"
    assert events(record, "barge_in") == [
        {"heard_ms": 1900, "heard_characters": 13, "generated_characters": 39, "heard_estimated": True}
    ]
    assert moments(record, "agent_stopped_speaking") == [4900]
    assert events(record, "agent_stopped_speaking") == [{"interrupted": True}]
    assert [each.interrupted for each in timeline(record).exchanges if each.kind == "exchange"] == [True]
    assert events(record, "llm_stopped")[0]["outcome"] == "interrupted"


def test_an_answer_whose_sound_is_all_generated_is_cut_off_while_it_is_played(logger: CallLogger) -> None:
    line = Line(logger)
    line.begins()
    line.got(500, created("r1"), sound("r1", "a1", 6000), *words("r1", "a1", "a b c d e f"), done("r1", used=USED))
    line.got(2500, server("input_audio_buffer.speech_started", audio_start_ms=2500, item_id="u1"))
    line.sent(2510, client("conversation.item.truncate", item_id="a1", content_index=0, audio_end_ms=2000))
    record = line.kept(9000)
    assert [(turn.interrupted, turn.heard) for turn in record.turns] == [(True, "a b")]


def test_a_cancelled_answer_of_which_nobody_tells_more_stopped_when_the_caller_began(logger: CallLogger) -> None:
    line = Line(logger)
    line.begins()
    line.got(500, created("r1"), sound("r1", "a1", 6000), *words("r1", "a1", "a b c d e f"))
    line.got(3500, server("input_audio_buffer.speech_started", audio_start_ms=3500, item_id="u1"))
    line.got(3600, done("r1", "cancelled", reason="turn_detected"))
    line.got(5000, server("rate_limits.updated", rate_limits=[]))
    record = line.kept(9000)
    assert [(turn.interrupted, turn.heard, turn.duration_ms) for turn in record.turns] == [(True, "a b c", 3000)]
    (used,) = record.call.callscope["usage"]
    assert (used["unreported_requests"], used["units"]) == (1, {})


def test_what_the_application_stops_is_no_interruption(logger: CallLogger) -> None:
    line = Line(logger)
    line.begins()
    line.got(500, created("r1"), sound("r1", "a1", 6000), *words("r1", "a1", "a b c d e f"))
    line.got(2500, done("r1", "cancelled", reason="client_cancelled", used=USED))
    record = line.kept(9000)
    assert [(turn.interrupted, turn.heard) for turn in record.turns] == [(False, "a b")]
    assert events(record, "barge_in") == []


def test_a_call_that_ends_during_an_answer_keeps_what_was_heard(logger: CallLogger) -> None:
    line = Line(logger)
    line.begins()
    line.got(1000, created("r1"), sound("r1", "a1", 4000), *words("r1", "a1", "a b c d"), done("r1", used=USED))
    record = line.kept(3000)
    assert [(turn.text, turn.heard, turn.interrupted) for turn in record.turns] == [("a b c d", "a b", False)]
    assert moments(record, "agent_stopped_speaking") == [3000]


def test_answers_are_played_one_after_the_other(logger: CallLogger) -> None:
    line = Line(logger)
    line.begins()
    line.got(1000, created("r1"), sound("r1", "a1", 2000), *words("r1", "a1", "One moment."), done("r1", used=USED))
    line.got(1500, created("r2"), sound("r2", "a2", 1000), *words("r2", "a2", "Here."), done("r2", used=USED))
    record = line.kept(9000)
    assert moments(record, "agent_started_speaking") == [1000, 3000]
    assert moments(record, "agent_stopped_speaking") == [3000, 4000]
    assert [turn.text for turn in record.turns] == ["One moment.", "Here."]


def test_where_the_server_plays_the_sound_its_own_moments_count(logger: CallLogger) -> None:
    line = Line(logger)
    line.begins()
    line.asks(began_ms=1000, ended_ms=2000)
    line.got(2700, *words("r1", "a1", "Hello you."))
    line.got(2800, server("output_audio_buffer.started", response_id="r1"), done("r1", used=USED))
    line.got(4100, server("output_audio_buffer.stopped", response_id="r1"))
    line.got(
        5000, created("r2"), server("output_audio_buffer.started", response_id="r2"), *words("r2", "a2", "And more.")
    )
    line.got(6000, server("input_audio_buffer.speech_started", audio_start_ms=6000, item_id="u2"))
    line.got(
        6050, server("output_audio_buffer.cleared", response_id="r2"), done("r2", "cancelled", reason="turn_detected")
    )
    record = line.kept(9000)
    assert moments(record, "agent_started_speaking") == [2800, 5000]
    assert moments(record, "agent_stopped_speaking") == [4100, 6050]
    assert [(turn.interrupted, turn.heard) for turn in record.turns if turn.role == "assistant"] == [
        (False, None), (True, None),
    ]  # fmt: skip


def test_when_the_caller_spoke_is_read_off_the_sound_that_was_sent(logger: CallLogger) -> None:
    line = Line(logger)
    line.begins()
    for piece in range(40):
        line.sent(100 + 50 * piece, client("input_audio_buffer.append", audio=pcm(50)))
    # The piece that ends at 50 ms of the sound went at 100, so the sound is 50 ms ahead of the line.
    line.got(900, server("input_audio_buffer.speech_started", audio_start_ms=400, item_id="u1"))
    line.got(2100, server("input_audio_buffer.speech_stopped", audio_end_ms=1900, item_id="u1"))
    record = line.kept(3000)
    assert moments(record, "user_started_speaking") == [750]
    assert moments(record, "user_stopped_speaking") == [1450]
    assert events(record, "user_stopped_speaking") == [{"delay_ms": 650}]


def test_a_turn_that_the_client_ends_waits_from_there(logger: CallLogger) -> None:
    manual = {**session()["audio"], "input": {"format": {"type": "audio/pcmu"}, "turn_detection": None}}
    line = Line(logger)
    line.begins(audio=manual)
    line.sent(1000, client("input_audio_buffer.append", audio=pcm(50)))
    line.sent(2000, client("input_audio_buffer.commit"), client("response.create"))
    line.got(2100, server("input_audio_buffer.committed", item_id="u1", previous_item_id=None))
    line.got(2200, created("r1"))
    line.got(2600, sound("r1", "a1", 500), *words("r1", "a1", "Yes."), done("r1", used=USED))
    record = line.kept(5000)
    (exchange,) = [each for each in timeline(record).exchanges if each.kind == "exchange"]
    assert (exchange.wait_from, exchange.response_ms) == ("turn", 600)
    assert [(each.stage, each.duration_ms) for each in exchange.parts] == [("llm", 600)]
    assert [(turn.role, turn.text) for turn in record.turns] == [("user", None), ("assistant", "Yes.")]


def test_a_function_call_and_its_result_are_told_once(logger: CallLogger) -> None:
    line = Line(logger)
    line.begins()
    call = {
        "id": "f1",
        "type": "function_call",
        "call_id": "call_1",
        "name": "weather",
        "arguments": '{"city": "Oslo"}',
    }
    line.got(1000, created("r1"))
    line.got(1200, server("response.output_item.done", response_id="r1", output_index=0, item=call))
    line.got(
        1210, server("response.done", response={"id": "r1", "status": "completed", "output": [call], "usage": USED})
    )
    output = {"type": "function_call_output", "call_id": "call_1", "output": '{"c": 4}'}
    line.sent(1700, client("conversation.item.create", item=output), client("response.create"))
    line.got(1720, server("conversation.item.added", item={**output, "id": "i9"}, previous_item_id="f1"))
    line.got(1750, created("r2"))
    record = line.kept(5000)
    assert events(record, "tool_call") == [
        {"tool_call_id": "call_1", "name": "weather", "arguments": '{"city": "Oslo"}'}
    ]
    assert events(record, "tool_result") == [{"tool_call_id": "call_1", "name": "weather", "result": '{"c": 4}'}]
    assert moments(record, "tool_result") == [1700]
    assert moments(record, "llm_started") == [1000, 1700]


def test_a_function_of_an_mcp_server_has_its_time_and_its_failure(logger: CallLogger) -> None:
    line = Line(logger)
    line.begins()
    line.got(1000, created("r1"))
    line.got(1100, server("response.mcp_call.in_progress", item_id="m1", output_index=0))
    error = {"type": "http_error", "code": 500, "message": "no such city"}
    item = {"id": "m1", "type": "mcp_call", "name": "weather", "server_label": "w", "arguments": "{}", "error": error}
    line.got(1900, server("response.output_item.done", response_id="r1", output_index=0, item=item))
    record = line.kept(5000)
    assert (moments(record, "tool_call"), moments(record, "tool_result")) == ([1100], [1900])
    assert events(record, "tool_result")[0]["outcome"] == "failed"
    assert events(record, "tool_result")[0]["message"] == "no such city"


def test_typed_messages_are_turns_and_wait_for_the_first_word(logger: CallLogger) -> None:
    line = Line(logger)
    line.begins()
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi there"}]}
    for at_ms in (1000, 5000):
        line.sent(at_ms, client("conversation.item.create", item=item), client("response.create"))
        line.got(at_ms + 20, server("conversation.item.added", item={**item, "id": f"i{at_ms}"}, previous_item_id=None))
        response = f"r{at_ms}"
        line.got(at_ms + 50, created(response))
        line.got(at_ms + 300, part("response.output_text.delta", response, "a1", delta="Hello."))
        line.got(at_ms + 400, done(response, used=USED))
    record = line.kept(9000)
    assert [turn.text for turn in record.turns] == ["Hi there", "Hello.", "Hi there", "Hello."]
    assert [turn.latency["response_ms"] for turn in record.turns if turn.latency] == [300, 300]


def test_an_answer_outside_of_the_conversation_is_no_turn(logger: CallLogger) -> None:
    line = Line(logger)
    line.begins()
    line.sent(1000, client("response.create", response={"conversation": "none", "output_modalities": ["text"]}))
    line.got(1050, created("r1"), part("response.output_text.delta", "r1", "a1", delta="sales"), done("r1", used=USED))
    record = line.kept(9000)
    assert record.turns == ()
    assert record.call.callscope["usage"][0]["units"]["output_tokens"] == 50


def test_names_of_the_beta_tell_the_same(logger: CallLogger) -> None:
    line = Line(logger)
    beta = {"id": "s", "model": "gpt-4o-realtime-preview", "voice": "alloy", "output_audio_format": "g711_ulaw"}
    line.got(0, {"type": "session.created", "session": beta})
    line.got(1000, {"type": "response.created", "response": {"id": "r1"}})
    about = {"response_id": "r1", "item_id": "a1", "content_index": 0}
    line.got(1200, {"type": "response.audio.delta", "delta": "f39/" * 2_000, **about})
    line.got(1210, {"type": "response.audio_transcript.done", "transcript": "Hi.", **about})
    line.got(1300, {"type": "response.done", "response": {"id": "r1", "status": "completed", "usage": USED}})
    record = line.kept(5000)
    assert [(turn.text, turn.duration_ms) for turn in record.turns] == [("Hi.", 750)]
    assert record.call.agent["voice"] == "alloy"


def test_changed_settings_are_told_by_name_and_never_the_instructions(logger: CallLogger) -> None:
    line = Line(logger)
    line.begins()
    audio = {**session()["audio"], "output": {"voice": "cedar"}}
    line.got(1000, server("session.updated", session=session(audio=audio, instructions="A secret recipe.")))
    record = line.kept(2000)
    assert events(record, "settings_changed") == [
        {"settings": ["audio.output.voice", "instructions"], "voice": "cedar"}
    ]
    assert record.call.agent["voice"] == "cedar"


def test_errors_have_their_code_and_crossed_requests_are_warnings(logger: CallLogger) -> None:
    line = Line(logger)
    line.begins()
    error = {"type": "invalid_request_error", "code": "invalid_value", "message": "Invalid value: 'x'."}
    line.got(1000, server("error", error=error))
    crossed = {"type": "invalid_request_error", "code": "response_cancel_not_active", "message": "No active response."}
    line.got(1100, server("error", error=crossed))
    failed = {"type": "failed", "error": {"type": "server_error", "code": "rate_limit_exceeded", "message": "Slow."}}
    response = {"id": "r1", "status": "failed", "output": [], "status_details": failed}
    line.got(1200, created("r1"), server("response.done", response=response))
    record = line.kept(2000)
    assert [(each["error_code"], each["message"]) for each in events(record, "error")] == [
        ("invalid_value", "Invalid value: 'x'."), ("rate_limit_exceeded", "Slow."),
    ]  # fmt: skip
    assert [each["code"] for each in events(record, "warning")] == ["response_cancel_not_active"]


def test_a_session_that_expires_says_so(logger: CallLogger) -> None:
    line = Line(logger)
    line.begins()
    error = {"type": "invalid_request_error", "code": "session_expired", "message": "Your session hit the maximum."}
    line.got(3_600_000, server("error", error=error))
    record = line.kept(3_600_100)
    assert (record.call.status, record.call.end_reason) == ("failed", "the session expired")
    assert "Your session hit the maximum." in (record.call.error or "")


def test_a_call_that_talked_until_its_session_expired_has_failed(logger: CallLogger) -> None:
    line = Line(logger)
    line.begins()
    line.asks(began_ms=1000, ended_ms=2000)
    line.got(2700, sound("r1", "a1", 500), *words("r1", "a1", "Yes."), done("r1", used=USED))
    error = {"type": "invalid_request_error", "code": "session_expired", "message": "Your session hit the maximum."}
    line.got(3_600_000, server("error", error=error))
    assert line.kept(3_600_100).call.status == "failed"


def test_an_answer_that_is_given_up_still_has_its_usage_counted_as_unknown(logger: CallLogger) -> None:
    line = Line(logger)
    line.begins()
    line.got(500, created("r1"), sound("r1", "a1", 6000), *words("r1", "a1", "a b c d e f"))
    line.got(2500, server("input_audio_buffer.speech_started", audio_start_ms=2500, item_id="u1"))
    line.sent(2510, client("conversation.item.truncate", item_id="a1", content_index=0, audio_end_ms=2000))
    line.got(4000, created("r2"))
    line.got(4100, done("r2", used=USED))
    record = line.kept(5000)
    (used,) = [line for line in record.call.callscope["usage"] if line["service"] == "realtime"]
    assert (used["reports"], used["unreported_requests"]) == (1, 1)
    assert len(events(record, "llm_stopped")) == 2


def test_a_caller_whose_words_nobody_writes_down_has_turns_without_words(logger: CallLogger) -> None:
    line = Line(logger)
    audio = {**session()["audio"], "input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 500}}}
    line.begins(audio=audio)
    line.got(1000, server("input_audio_buffer.speech_started", audio_start_ms=1000, item_id="u1"))
    line.got(2500, server("input_audio_buffer.speech_stopped", audio_end_ms=2500, item_id="u1"))
    line.got(2510, server("input_audio_buffer.committed", item_id="u1", previous_item_id=None))
    record = line.kept(3000)
    assert [(turn.role, turn.text, turn.duration_ms) for turn in record.turns] == [("user", None, 1000)]


def test_a_call_is_on_disk_while_it_goes_on(logger: CallLogger) -> None:
    line = Line(logger)
    line.begins()
    line.asks(began_ms=1000, ended_ms=2000)
    line.got(2700, sound("r1", "a1", 1000), *words("r1", "a1", "Yes."), done("r1", used=USED))
    line.got(4000, server("rate_limits.updated", rate_limits=[]))
    assert line.recorder.call is not None
    assert logger.flush()
    assert line.recorder.call.path is not None
    record = read_call(line.recorder.call.path, now_ms=T0 + 4000)
    assert [turn.text for turn in record.turns] == ["What is the weather?", "Yes."]
    line.kept(5000)


@pytest.mark.parametrize("broken", ["{", b"\xff", "[1]", 7, None, object()])
def test_what_is_no_event_never_reaches_the_session(logger: CallLogger, broken: Any) -> None:
    guard.reraise = False
    line = Line(logger)
    line.begins()
    line.recorder.received(broken, at_ms=T0)
    line.recorder.sent(broken, at_ms=T0)
    assert line.kept(100).call.status != "abandoned"


def test_values_of_any_type_never_reach_the_session(logger: CallLogger) -> None:
    line = Line(logger)
    line.begins()
    kinds = ["response.created", "response.done", "response.output_audio.delta", "conversation.item.truncate", "error",
             "input_audio_buffer.speech_stopped", "conversation.item.create", "response.output_item.done",
             "session.updated", "output_audio_buffer.started", "rate_limits.updated", "response.output_text.done",
             "conversation.item.input_audio_transcription.completed", "input_audio_buffer.append"]  # fmt: skip
    names = ("session", "response", "item", "error", "delta", "audio", "item_id", "response_id", "audio_end_ms",
             "transcript", "usage", "rate_limits", "content_index", "text")  # fmt: skip
    for value in (None, 7, "x", [1], {"id": [1], "content": 3, "usage": [1]}, True, float("nan")):
        for kind in kinds:
            line.got(100, {"type": kind, **dict.fromkeys(names, value)})
    line.kept(1000)


def test_nothing_is_done_when_recording_is_off() -> None:
    recorder = SessionRecorder(CallLogger(None))
    with recorder:
        recorder.received("{")
        recorder.sent(server("session.created", session=session()))
        assert not recorder.enabled
        assert recorder.call is None
        assert current.call() is None


def test_the_code_of_a_block_runs_for_its_call_and_its_failure_is_told(logger: CallLogger) -> None:
    recorder = SessionRecorder(logger, call_id="mine")
    with pytest.raises(ValueError, match="broken"), recorder:
        recorder.received(server("session.created", session=session()))
        assert current.call() is recorder.call
        raise ValueError("broken")
    assert current.call() is None
    assert logger.flush()
    assert recorder.call is not None
    assert recorder.call.path is not None
    record = read_call(recorder.call.path, now_ms=T0)
    assert (record.call.call_id, record.call.status, record.call.end_reason) == (
        "mine", "failed", "the agent's code failed",
    )  # fmt: skip


def test_a_long_session_does_not_grow(logger: CallLogger) -> None:
    line = Line(logger)
    line.begins()
    for number in range(300):
        line.got(number * 10, created(f"r{number}"), sound(f"r{number}", f"a{number}", 1))
        line.got(number * 10 + 5, done(f"r{number}", used=USED))
        item = {"type": "message", "role": "user", "id": f"i{number}", "content": []}
        line.got(number * 10 + 6, server("conversation.item.added", item=item, previous_item_id=None))
        line.got(number * 10 + 7, {"type": f"made.up.{number}"})
    inside = line.recorder._session
    assert inside is not None
    assert len(inside._responses._answers) <= 16
    assert len(inside._speaker._queue) <= 1
    assert len(inside.not_understood) <= 100
    line.kept(9000)


def test_threads_may_tell_events_at_once(logger: CallLogger) -> None:
    line = Line(logger)
    line.begins()

    def appends() -> None:
        for _ in range(200):
            line.sent(1000, client("input_audio_buffer.append", audio=pcm(1)))

    threads = [threading.Thread(target=appends) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    inside = line.recorder._session
    assert inside is not None
    assert inside._caller._clock.length_ms == pytest.approx(800)
    logging.getLogger("callscope").debug("told by four threads")
    line.kept(2000)
