"""A session's traces and what it uploads at its end, in any order, as one call."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from callscope.adapters.livekit.identity import job_facts
from callscope.interop import calls, livekit_upload, spans
from callscope.interop.livekit_report import ORIGINAL
from callscope.interop.spans import LogRecord, Record, Span, SpanEvent
from callscope.model.call import ABANDONED
from callscope.model.event import Event
from callscope.model.whole import WholeCall, WholeTurn
from callscope.timeline.summary import summarise

SESSIONS = Path(__file__).parent / "sessions"
MAIN_TRACE = "93b0cd5257df5f51d835db165d737bdf"
"""Of barge-in; a blocked event loop is told in a trace of its own."""
STORIES = ("barge-in", "tools")


def traces(story: str) -> list[Record]:
    """The spans of a real session of 1.8.9, without metrics and logs."""
    return [spans.decode(line) for line in (SESSIONS / f"{story}.spans.jsonl").read_bytes().splitlines()]


def summary(story: str) -> dict[str, Any]:
    """What the same session uploaded: its report without events."""
    found: dict[str, Any] = json.loads((SESSIONS / f"{story}.report.json").read_text())
    return found


def upload(document: dict[str, Any]) -> LogRecord:
    return livekit_upload.record_of(document, has_sound=False)


def told(records: list[Record]) -> WholeCall:
    (conversation,) = calls.gathered(records)
    assert calls.is_ready(conversation)
    call = calls.tell(conversation)
    assert call is not None
    return call


def turns(call: WholeCall) -> list[WholeTurn]:
    return [row for row in call.rows if isinstance(row, WholeTurn)]


def facts(call: WholeCall, kind: str) -> list[dict[str, Any]]:
    return [row.data for row in call.rows if isinstance(row, Event) and row.type == kind]


def used(call: WholeCall, service: str) -> Counter[str]:
    total: Counter[str] = Counter()
    for data in facts(call, "usage"):
        if data["service"] == service:
            total.update({unit: value for unit, value in data.items() if isinstance(value, int | float) and value > 0})
    return total


@pytest.mark.parametrize("story", STORIES)
def test_traces_and_upload_are_one_call_in_whatever_order_they_come(story: str) -> None:
    records = [*traces(story), upload(summary(story))]
    first = told(records)
    for seed in range(5):
        shuffled = [*records, *random.Random(seed).sample(records, 10)]
        random.Random(seed).shuffle(shuffled)
        again = told(shuffled)
        assert (again.rows, again.source) == (first.rows, first.source)
        assert (again.end, again.fields) == (first.end, first.fields)
    assert first.call_id == summary(story)["room_id"]
    assert first.source["format"] == calls.FORMAT
    assert json.loads(first.originals[ORIGINAL]) == summary(story)


@pytest.mark.parametrize("story", STORIES)
def test_seconds_of_recognition_come_from_the_report_and_nothing_is_counted_twice(story: str) -> None:
    alone, merged = told(traces(story)), told([*traces(story), upload(summary(story))])
    assert used(alone, "stt")["audio_seconds"] == 0
    assert any(data.get("unreported_requests") for data in facts(alone, "usage"))
    assert not any(data.get("unreported_requests") for data in facts(merged, "usage"))
    for line in summary(story)["usage"]:
        sums = used(merged, line["type"].removesuffix("_usage"))
        for theirs, ours in (
            ("input_tokens", "input_tokens"), ("output_tokens", "output_tokens"),
            ("characters_count", "characters"), ("audio_duration", "audio_seconds"),
        ):  # fmt: skip
            assert sums[ours] == pytest.approx(line.get(theirs, 0), abs=0.02)


def test_turns_are_those_of_the_traces_with_what_was_generated_and_what_was_heard() -> None:
    merged = told([*traces("barge-in"), upload(summary("barge-in"))])
    answer = turns(merged)[1]
    assert (answer.text or "").endswith("where you can pick it up.")
    assert (answer.heard, answer.interrupted) == ("Your parcel left our house on Monday, then it", True)
    assert [turn.role for turn in turns(merged)] == ["user", "assistant", "user", "assistant"]


def test_a_tools_result_is_the_reports_and_its_failure_that_of_the_log() -> None:
    held = (each for each in traces("tools") if isinstance(each, Span))
    tool = next(each for each in held if each.attributes.get("gen_ai.tool.name") == "call_driver")
    line = LogRecord(
        at_ns=tool.end_ns - 1_000_000,
        body="exception occurred while executing tool",
        severity=17,
        attributes={
            "room_id": summary("tools")["room_id"],
            "function": "call_driver",
            "exception.type": "RuntimeError",
            "exception.message": "the driver's phone is off",
        },
    )
    without = facts(told([*traces("tools"), upload(summary("tools"))]), "tool_result")
    assert without[1]["message"] == "An internal error occurred"
    merged = told([*traces("tools"), upload(summary("tools")), line])
    results = facts(merged, "tool_result")
    assert results[0]["result"] == {"number": "4711", "places": ["Berlin", "Hamburg"], "late": False}
    assert (results[1]["outcome"], results[1]["message"]) == ("failed", "the driver's phone is off")
    alone = told([*traces("tools"), line])
    assert facts(alone, "tool_result")[1]["message"] == "the driver's phone is off"
    # The adapter and the report tell it as what the tool gave, and as no error of the call.
    assert facts(merged, "error") == facts(alone, "error") == []


def test_an_exception_in_a_tools_span_is_what_the_tool_gave() -> None:
    raised = SpanEvent(name="exception", at_ns=1, attributes={"exception.message": "the driver's phone is off"})

    def raising(each: Record) -> Record:
        is_it = isinstance(each, Span) and each.attributes.get("gen_ai.tool.name") == "call_driver"
        return msgspec.structs.replace(each, events=(raised,), status=2) if is_it else each

    call = told([raising(each) for each in traces("tools")])
    assert facts(call, "tool_result")[1]["message"] == "the driver's phone is off"
    assert facts(call, "error") == []


def test_the_recogniser_is_not_blamed_for_the_silence_that_the_vad_waits_for() -> None:
    report: Record = upload(summary("tools"))
    tellings: list[list[Record]] = [traces("tools"), [*traces("tools"), report], [report]]
    for records in tellings:
        call = told(records)
        transcripts = facts(call, "transcript")
        assert [data["text"] for data in transcripts] == ["Where is my parcel?", "Please call the driver."]
        assert not any(name in data for data in transcripts for name in ("provider", "model"))
        events = [row for row in call.rows if isinstance(row, Event)]
        exchanges = summarise(call.started_at_ms, call.ended_at_ms, (), events).exchanges
        parts = [part for each in exchanges for part in each.parts if part.stage == "transcription"]
        assert [part.owner for part in parts] == ["", ""]
        assert [part.duration_ms for part in parts] == pytest.approx([271, 305], abs=1)
        assert {data["model"] for data in facts(call, "usage") if data["service"] == "stt"} == {
            "gpt-4o-mini-transcribe"
        }


@pytest.mark.parametrize(("agent_name", "label"), [("parcels", "parcels"), ("", None)])
def test_an_agent_is_called_by_its_jobs_name_in_whatever_way_its_session_is_told(
    agent_name: str, label: str | None
) -> None:
    def of(each: Record) -> Record:
        attributes = {name: agent_name if name == "lk.agent_name" else value for name, value in each.attributes.items()}
        return msgspec.structs.replace(each, attributes=attributes)

    document = {**summary("tools"), "agent_name": agent_name}
    spans = [of(each) for each in traces("tools")]
    job = SimpleNamespace(id="job", agent_name=agent_name, room=SimpleNamespace(sid="RM_1", name="tools"))
    _, labels = job_facts(SimpleNamespace(job=job))
    tellings = [told(spans), told([upload(document)]), told([*spans, upload(document)])]
    assert [each.fields["labels"].get("agent") for each in tellings] == [label] * 3
    assert labels.get("agent") == label


def test_the_end_is_the_jobs_own_reason() -> None:
    merged = told([*traces("tools"), upload(summary("tools"))])
    (end,) = facts(merged, "call_ended")
    assert (end["reason"], end["initiator"]) == ("the story is told", "agent")
    assert merged.source["report"]["close_reason"] == "CR_USER_INITIATED"


def test_the_callers_words_that_no_span_has_are_the_reports() -> None:

    def silent_of(each: Record) -> Record:
        attributes = {key: value for key, value in each.attributes.items() if "user" not in key}
        return msgspec.structs.replace(each, attributes=attributes)

    silent = [silent_of(each) for each in traces("barge-in")]
    assert [turn.text for turn in turns(told(silent)) if turn.role == "user"] == [None, None]
    merged, whole = (told([*held, upload(summary("barge-in"))]) for held in (silent, traces("barge-in")))
    assert [turn.text for turn in turns(merged)] == [turn.text for turn in turns(whole)]


def test_errors_that_no_span_tells_are_counted_by_the_report() -> None:
    document = {**summary("barge-in"), "errors": {"llm": 0, "stt": 2, "tts": 0, "realtime": 0, "interruption": 0}}
    errors = facts(told([*traces("barge-in"), upload(document)]), "error")
    assert [(data["stage"], data["code"]) for data in errors] == [("stt", "counted")] * 2


def test_a_reply_that_nobody_heard_stays_and_is_not_in_the_report() -> None:
    records = traces("barge-in")
    unheard = [each for each in records if not (isinstance(each, Span) and each.name == "agent_speaking")]
    document = summary("barge-in")
    items = document["chat_history"]["items"]
    document["chat_history"] = {"items": [item for item in items if item.get("role") != "assistant"]}
    merged = told([*unheard, upload(document)])
    assert [turn.heard for turn in turns(merged) if turn.role == "assistant"] == ["", ""]


def test_traces_of_before_1_8_are_joined_by_the_job() -> None:
    document = summary("barge-in")

    def older(each: Record) -> Record:
        assert isinstance(each, Span)
        gone = {"gen_ai.conversation.id", "lk.room_sid", "room_id", "job_id"}
        attributes = {key: value for key, value in each.attributes.items() if key not in gone}
        if each.name == "agent_session":
            attributes["lk.job_id"] = document["job_id"]
        return msgspec.structs.replace(each, attributes=attributes)

    held = [each for each in traces("barge-in") if isinstance(each, Span) and each.trace_id == MAIN_TRACE]
    older_traces = [older(each) for each in held]
    merged = told([*older_traces, upload(document)])
    assert merged.call_id == document["job_id"]
    assert used(merged, "stt")["audio_seconds"] > 0


def test_an_upload_without_traces_is_a_call_and_the_same_call_when_they_come() -> None:
    alone = told([upload(summary("tools"))])
    merged = told([upload(summary("tools")), *traces("tools")])
    assert (alone.source["format"], alone.source["id"]) == (merged.source["format"], merged.source["id"])
    assert [turn.text for turn in turns(alone)] == [turn.text for turn in turns(merged)]
    assert alone.source["revision"] < merged.source["revision"]


def test_an_upload_that_says_nothing_leaves_the_traces_as_they_are() -> None:
    alone = told(traces("tools"))
    for body in (None, "text", {}, {"room_id": summary("tools")["room_id"]}):
        record = msgspec.structs.replace(upload(summary("tools")), body=body)
        assert told([*traces("tools"), record]).rows == alone.rows


def test_silence_is_not_taken_for_the_end_where_the_report_tells_it() -> None:
    held = [each for each in traces("tools") if getattr(each, "name", "") != "agent_session"]
    ends = []
    for is_silent in (True, False):
        (conversation,) = calls.gathered([*held, upload(summary("tools"))], is_silent=is_silent)
        call = calls.tell(conversation)
        assert call is not None
        assert "ended_at" not in call.source.get("computed", ())
        ends.append((call.ended_at_ms, call.end))
    assert ends[0] == ends[1]
    assert ends[0][1].get("status") != ABANDONED
    (conversation,) = calls.gathered(held, is_silent=True)
    alone = calls.tell(conversation)
    assert alone is not None
    assert "ended_at" in alone.source["computed"]
