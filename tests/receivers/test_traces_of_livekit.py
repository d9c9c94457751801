"""LiveKit Agents' traces as calls: real ones against the caller's own clock, and the names of older versions."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from sent_traces import FIXTURES, events, livekit, plain, span, told, turns

from callscope.interop.spans import Point, Record, Span
from callscope.model.event import Event
from callscope.model.whole import WholeCall
from callscope.timeline.summary import Timeline, summarise


def truth(name: str) -> dict[str, Any]:
    """What the caller said and heard, by the caller's own clock."""
    found: dict[str, Any] = json.loads((FIXTURES / f"livekit-1.8-{name}.truth.json").read_text())
    return found


def timeline(call: WholeCall) -> Timeline:
    return summarise(call.started_at_ms, call.ended_at_ms, (), [row for row in call.rows if isinstance(row, Event)])


def renamed(records: list[Record], names: dict[str, str], *, without: tuple[str, ...] = ()) -> list[Record]:
    """Spans with other names of attributes, as an older version has them."""
    found: list[Record] = []
    for each in records:
        assert isinstance(each, Span)
        attributes = {names.get(key, key): value for key, value in each.attributes.items()}
        kept = {key: value for key, value in attributes.items() if not key.startswith(without or ("-",))}
        found.append(msgspec.structs.replace(each, attributes=kept))
    return found


@pytest.mark.parametrize("name", ["tools", "barge-in"])
def test_the_words_and_the_waits_are_the_callers_own(name: str) -> None:
    call, was = told(livekit(name)), truth(name)

    assert [turn.text for turn in turns(call) if turn.role == "user"] == [said for said, _, _ in was["said"]]
    waits = []
    for _, _, stopped in was["said"]:
        waits.append(min(began for began, _ in was["heard"] if began > stopped) - stopped)
    answered = [each.response_ms for each in timeline(call).exchanges if each.kind == "exchange"]
    assert answered == pytest.approx(
        waits, abs=120
    )  # the session's clock of the caller's last sound is not the caller's


def test_what_was_generated_and_what_was_heard_are_told_apart() -> None:
    call = told(livekit("barge-in"))

    answer = next(turn for turn in turns(call) if turn.role == "assistant")
    assert answer.interrupted
    assert answer.heard == "Your parcel left our house on Monday, then it"
    assert answer.text is not None
    assert answer.text.endswith("where you can pick it up.")
    assert answer.duration_ms == pytest.approx(1_855, abs=50)
    assert len(events(call, "barge_in")) == 1
    assert timeline(call).interruptions == 1


def test_tools_are_told_with_what_they_gave_back() -> None:
    call = told(livekit("tools"))

    came = [(event.data["name"], event.data["outcome"]) for event in events(call, "tool_result")]
    assert came == [("find_parcel", "completed"), ("call_driver", "failed")]
    assert events(call, "tool_call")[0].data["arguments"] == {"number": "4711"}
    assert [turn.text for turn in turns(call) if turn.role == "assistant"] == [
        "Parcel desk, hello.", "It is in Berlin.", "The driver does not answer."
    ]  # fmt: skip


def test_tokens_and_characters_are_counted_once_and_unknown_seconds_are_said_to_be_unknown() -> None:
    usage = [event.data for event in events(told(livekit("tools")), "usage")]

    assert sum(each.get("input_tokens", 0) for each in usage) == 12 + 19 + 27 + 31
    assert sum(each.get("characters", 0) for each in usage) == len(
        "Parcel desk, hello.It is in Berlin.The driver does not answer."
    )
    heard = [each for each in usage if each["service"] == "stt"]
    assert [each["unreported_requests"] for each in heard] == [1, 1]
    assert not any("audio_seconds" in each for each in heard)


def test_a_typed_session_has_the_callers_words_and_no_speech() -> None:
    call = told(livekit("typed"))

    assert [(turn.role, turn.text) for turn in turns(call)] == [
        ("user", "Are you open today?"), ("assistant", "Yes, until six."),
        ("user", "And where is my parcel?"), ("assistant", "In Berlin."),
    ]  # fmt: skip
    assert call.fields["provider_mode"] == "text"
    assert not events(call, "agent_started_speaking", "user_started_speaking")


OLDER = {
    "lk.pii.user_transcript": "lk.user_transcript",
    "lk.pii.user_input": "lk.user_input",
    "lk.pii.response.text": "lk.response.text",
    "lk.pii.function_tool.arguments": "lk.function_tool.arguments",
    "lk.pii.function_tool.output": "lk.function_tool.output",
    "lk.pii.input_text": "lk.input_text",
}


@pytest.mark.parametrize("names", [{}, OLDER])
@pytest.mark.parametrize("name", ["tools", "barge-in"])
def test_older_names_tell_the_same_story(name: str, names: dict[str, str]) -> None:
    new = told(livekit(name))
    old = told(renamed(livekit(name), names, without=("gen_ai.tool.", "gen_ai.operation")))

    assert [(turn.role, turn.text, turn.heard) for turn in turns(old)] == [
        (turn.role, turn.text, turn.heard) for turn in turns(new)
    ]
    assert [(event.type, event.data.get("name"), event.ts_ms) for event in events(old)] == [
        (event.type, event.data.get("name"), event.ts_ms) for event in events(new)
    ]


def test_up_to_1_6_tokens_may_stand_in_a_text_of_json_alone() -> None:
    old = told(renamed(livekit("tools"), {}, without=("gen_ai.usage",)))

    usage = [event.data for event in events(old, "usage") if event.data["service"] == "llm"]
    assert sum(each["input_tokens"] for each in usage) == 12 + 19 + 27 + 31


def test_a_session_that_names_its_room_is_called_by_it_and_one_that_names_a_job_by_that() -> None:
    def named(*spans: Span) -> str:
        return told(list(spans)).call_id

    turn = span("agent_turn", 1, 2, {"lk.response.text": "Hello."}, scope="livekit-agents")
    job = span("agent_session", 0, 9, {"lk.job_id": "AJ_1"}, scope="livekit-agents")
    room = span("agent_session", 0, 9, {"lk.job_id": "AJ_1", "lk.room_sid": "RM_1"}, scope="livekit-agents")

    assert named(turn) == turn.trace_id
    assert named(turn, job) == "AJ_1"
    assert named(turn, room) == "RM_1"


def test_an_attempt_that_failed_and_was_made_again_is_an_error_that_is_got_over() -> None:
    parent = span("llm_request", 1.0, 2.0, scope="livekit-agents")
    failed = {"exception.message": "overloaded", "exception.type": "APIStatusError"}
    spans = [
        span("agent_session", 0, 9, {"lk.room_sid": "RM_1"}, scope="livekit-agents"),
        parent,
        span("llm_request_run", 1.0, 1.2, failed, scope="livekit-agents", parent_id=parent.span_id, status=2),
        span("llm_request_run", 1.3, 2.0, scope="livekit-agents", parent_id=parent.span_id),
    ]

    (error,) = events(told([*spans]), "error")

    assert error.data["message"] == "overloaded"
    assert error.data["recovered"] is True
    assert error.data["stage"] == "llm"


def test_what_failed_is_told_once_however_many_spans_around_it_repeat_it() -> None:
    outer = span("llm_node", 1.0, 2.0, scope="livekit-agents", status=2, status_message="overloaded")
    inner = span("llm_request", 1.1, 2.0, scope="livekit-agents", status=2, status_message="overloaded")
    inner = msgspec.structs.replace(inner, parent_id=outer.span_id)
    session = span("agent_session", 0, 9, {"lk.room_sid": "RM_1"}, scope="livekit-agents")

    assert len(events(told([session, outer, inner]), "error")) == 1


@pytest.mark.parametrize("is_delta", [True, False])
def test_seconds_of_a_metric_are_summed_or_the_last_sum_is_taken(*, is_delta: bool) -> None:
    session = span("agent_session", 0, 9, {"lk.room_sid": "RM_1"}, scope="livekit-agents")
    points = [
        Point(
            name="lk.agents.usage.stt_audio_duration",
            value=value,
            start_ns=1,
            at_ns=at,
            is_delta=is_delta,
            attributes={"room_id": "RM_1", "job_id": "AJ_1"},
        )
        for at, value in ((2, 3.0), (3, 5.0))
    ]

    (usage,) = events(told([session, *points, points[0]]), "usage")

    assert usage.data["audio_seconds"] == (8.0 if is_delta else 5.0)


def test_the_callers_number_and_the_real_reason_of_the_end_are_told() -> None:
    named = {"lk.room_sid": "RM_1", "lk.pii.sip.phoneNumber": "+15550001234"}
    spans = [
        span("agent_session", 0, 9, named, scope="livekit-agents"),
        span("session_close", 9, 9.1, {"lk.close_reason": "user_initiated"}, scope="livekit-agents"),
        span("job_shutdown", 9, 9.2, {"lk.shutdown.reason": "participant disconnected"}, scope="livekit-agents"),
    ]  # fmt: skip

    call = told([*spans])

    assert call.fields["caller"] == "+15550001234"
    assert call.end["reason"] == "the caller hung up"


def test_order_changes_nothing() -> None:
    for name in ("tools", "barge-in"):
        records = livekit(name)
        assert plain(told(records[::-1] + records)) == plain(told(records))
