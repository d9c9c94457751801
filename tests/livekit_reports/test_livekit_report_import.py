"""LiveKit's reports as calls: real ones of 1.3 to 1.8, and the shapes of the versions between."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from older_reports import DERIVED, NOW_MS, REAL, SETTINGS, call_of, content_of, happened, report, said

from callscope.archive.reader import CallRecord, read_call
from callscope.errors import UnreadableError
from callscope.importers import livekit
from callscope.importers.base import run
from callscope.importers.base.original import Original
from callscope.interop.livekit_report import ORIGINAL
from callscope.recorder.keeper import Keeper


def kept(root: Path, document: dict[str, Any]) -> CallRecord:
    with Keeper(root, SETTINGS) as keeper:
        return read_call(keeper.put(call_of(document)).path, now_ms=NOW_MS)


@pytest.mark.parametrize("name", [*REAL, *DERIVED])
def test_a_report_becomes_a_call_with_all_that_was_said_in_it(name: str) -> None:
    document = report(name)
    call = call_of(document)

    messages = [item for item in document["chat_history"]["items"] if item["type"] == "message"]
    assert said(call) == [(item["role"], item["content"][0]) for item in messages]
    assert call.call_id == document["room_id"]
    assert "not_understood" not in call.source
    assert "started_at" in call.source["computed"]
    assert call.originals[ORIGINAL] == content_of(document)
    assert call.ended_at_ms is not None
    moments = [each["created_at"] * 1000 for each in document["events"]]
    assert call.started_at_ms <= round(min(moments))
    assert call.ended_at_ms == round(moments[-1])
    assert document["events"][-1]["type"] == "close"


@pytest.mark.parametrize("name", [*REAL, *DERIVED])
def test_usage_is_what_the_report_says_or_unknown(name: str) -> None:
    document = report(name)
    told = {data["service"]: data for data in happened(call_of(document), "usage")}
    lines = document.get("usage")
    if lines is None:
        assert told == {}
        return
    tokens = next(line for line in lines if "input_tokens" in line)
    assert told["llm"]["input_tokens"] == tokens["input_tokens"]
    assert told["llm"]["output_tokens"] == tokens["output_tokens"]
    for line in lines:
        if "characters_count" in line:
            assert told["tts"]["characters"] == line["characters_count"]
        elif "audio_duration" in line:
            assert told["stt"]["audio_seconds"] == pytest.approx(line["audio_duration"])
            assert "characters" not in told["stt"]


def test_of_running_sums_only_the_last_one_counts() -> None:
    document = report("tools-1.8.9")
    whole = happened(call_of(document), "usage")
    document["usage"] = None
    last = happened(call_of(document), "usage")
    assert {data["service"]: data["input_tokens"] for data in last if "input_tokens" in data} == {"llm": 89}
    assert {data["service"] for data in last} == {data["service"] for data in whole}


@pytest.mark.parametrize("name", ["tools-1.8.9", "tools as of 1.7", "tools as of 1.5", "typed-1.3.12", "typed-1.5.17"])
def test_a_tools_result_is_read_back_and_its_failure_is_told(name: str) -> None:
    call = call_of(report(name))
    results = happened(call, "tool_result")
    calls = happened(call, "tool_call")
    assert [data["name"] for data in calls] == ["find_parcel", "call_driver"]
    assert calls[0]["arguments"] == {"number": "4711"}
    assert results[0]["result"] == {"number": "4711", "places": ["Berlin", "Hamburg"], "late": False}
    assert [data["outcome"] for data in results] == ["completed", "failed"]
    with_events = any(each["type"] == "tool_execution_updated" for each in report(name)["events"])
    assert results[1]["message"] == ("the driver's phone is off" if with_events else "An internal error occurred")


def test_waits_are_those_that_livekit_measured(tmp_path: Path) -> None:
    for name in ("tools", "barge-in", "cough", "handoff", "llm-recovers"):
        document = report(f"{name}-1.8.9")
        record = kept(tmp_path / name, document)
        messages = [item for item in document["chat_history"]["items"] if item.get("role") == "assistant"]
        measured = [item["metrics"]["e2e_latency"] * 1000 for item in messages if "e2e_latency" in item["metrics"]]
        told = [turn.latency["response_ms"] for turn in record.turns if turn.latency is not None]
        assert told == pytest.approx(measured, abs=15)


def test_the_parts_of_a_wait_are_counted_back_and_marked(tmp_path: Path) -> None:
    record = kept(tmp_path, report("barge-in-1.8.9"))
    latency = record.turns[1].latency or {}
    assert sum(value for name, value in latency.items() if name != "response_ms") == latency["response_ms"]
    assert latency["llm_ms"] > 0
    computed = record.call.callscope["source"]["computed"]
    assert {"llm_started", "llm_first_token", "tts_started", "tts_first_audio"} <= set(computed)


def test_an_answer_is_interrupted_when_the_caller_spoke_over_it(tmp_path: Path) -> None:
    record = kept(tmp_path, report("barge-in-1.8.9"))
    answer = record.turns[1]
    assert (answer.interrupted, answer.heard) == (True, "Your parcel left our house on Monday, then it")
    # LiveKit stamps the end of the caller's turn, 3.3 s after the first sound: the agent was silent after 1.8 s.
    assert answer.duration_ms == pytest.approx(1845, abs=5)
    assert record.call.callscope["interruptions"] == 1


def test_a_cough_is_a_false_interruption_and_the_answer_is_one_turn(tmp_path: Path) -> None:
    record = kept(tmp_path, report("cough-1.8.9"))
    assert [event.data for event in record.events if event.type == "false_interruption"] == [{"resumed": True}]
    assert record.call.callscope["interruptions"] == 0
    assert record.turns[1].duration_ms == pytest.approx(6272, abs=5)


def test_a_hang_up_interrupts_nobody(tmp_path: Path) -> None:
    record = kept(tmp_path, report("hang-up-1.8.9"))
    assert record.turns[-1].interrupted is False
    assert record.turns[-1].heard == "Your parcel left our house on"
    assert record.call.end_reason == "the caller hung up"
    assert record.call.status == "completed"
    assert [event.data["initiator"] for event in record.events if event.type == "call_ended"] == ["caller"]


def test_without_events_the_end_of_an_interrupted_answer_is_reckoned_from_the_callers_sound(tmp_path: Path) -> None:
    document = {name: value for name, value in report("barge-in-1.8.9").items() if name != "events"}
    record = kept(tmp_path, document)
    answer = record.turns[1]
    assert (answer.interrupted, answer.heard) == (True, "Your parcel left our house on Monday, then it")
    assert answer.duration_ms == pytest.approx(1845, abs=60)
    assert "speaking edges" in record.call.callscope["source"]["computed"]
    waits = [turn.latency["response_ms"] for turn in record.turns if turn.latency]
    assert waits == pytest.approx([1107, 554], abs=10)


def test_errors_have_their_stage_and_no_made_up_text(tmp_path: Path) -> None:
    record = kept(tmp_path, report("no-voice-1.8.9"))
    errors = [event.data for event in record.events if event.type == "error"]
    assert [data["stage"] for data in errors] == ["tts"] * 4
    assert [data["will_retry"] for data in errors] == [True, False, True, False]
    assert all("does not say" in data["message"] for data in errors)
    assert (record.call.status, record.call.error) == ("failed", "an error ended the call")

    got_over = call_of(report("llm-recovers-1.8.9"))
    assert [data["error_id"] for data in happened(got_over, "error_recovered")] == ["error-1"]


@pytest.mark.parametrize(
    ("close_reason", "status"),
    [
        ("CR_USER_INITIATED", "completed"),
        ("CR_PARTICIPANT_DISCONNECTED", "completed"),
        ("CR_COMPLETED", "completed"),
        ("CR_JOB_SHUTDOWN", "completed"),
        ("CR_ERROR", "failed"),
        (None, "abandoned"),
    ],
)
def test_a_close_reason_is_a_status_and_is_kept_as_it_is(tmp_path: Path, close_reason: str | None, status: str) -> None:
    document = report("tools-1.8.9")
    document["events"] = [each for each in document["events"] if each["type"] != "close"]
    document["close_reason"] = close_reason
    record = kept(tmp_path, document)
    assert record.call.status == status
    assert record.call.callscope["source"].get("close_reason") == close_reason


def test_a_typed_session_has_no_speaking_edges_and_waits_from_the_message(tmp_path: Path) -> None:
    record = kept(tmp_path, report("typed-1.7.1"))
    assert record.call.provider_mode == "text"
    assert not [event for event in record.events if event.type.endswith("_speaking")]
    assert all(turn.latency is not None for turn in record.turns if turn.role == "assistant")


def test_a_handoff_is_told_and_the_first_agent_is_none(tmp_path: Path) -> None:
    record = kept(tmp_path, report("handoff-1.8.9"))
    handoffs = [event.data for event in record.events if event.type == "handoff"]
    assert handoffs == [{"from": "reception", "to": "complaints"}]


def test_what_stood_in_the_history_before_the_session_was_not_said_in_it() -> None:
    document = report("tools-1.8.9")
    before = {
        "id": "item_old", "type": "message", "role": "user", "content": ["Last week's question"],
        "interrupted": False, "created_at": document["events"][0]["created_at"] - 86_400,
    }  # fmt: skip
    document["chat_history"]["items"].insert(0, before)
    call = call_of(document)
    assert "Last week's question" not in [text for _, text in said(call)]
    assert call.source["context_items"] == 1
    assert call.started_at_ms == call_of(report("tools-1.8.9")).started_at_ms


def test_a_model_that_speaks_itself_is_billed_as_one() -> None:
    document = report("typed-1.7.1")
    document["usage"] = [
        {
            "type": "llm_usage", "provider": "api.openai.com", "model": "gpt-realtime", "input_tokens": 100,
            "input_audio_tokens": 80, "output_tokens": 50, "output_audio_tokens": 40, "input_cached_tokens": 30,
            "session_duration": 12.5,
        },
        {"type": "stt_usage", "provider": "api.openai.com", "model": "whisper-1", "input_tokens": 5},
    ]  # fmt: skip
    call = call_of(document)
    assert call.fields["provider_mode"] == "realtime"
    told = {data["service"]: data for data in happened(call, "usage")}
    assert told["realtime"] == {
        "service": "realtime", "provider": "openai", "model": "gpt-realtime", "input_tokens": 100,
        "output_tokens": 50, "cache_read_input_tokens": 30, "input_audio_tokens": 80, "output_audio_tokens": 40,
        "session_seconds": 12.5,
    }  # fmt: skip
    assert "audio_seconds" not in told["stt"]


def test_anthropics_cached_tokens_are_taken_out_of_the_input_again() -> None:
    document = report("typed-1.7.1")
    document["usage"] = [
        {"type": "llm_usage", "provider": "anthropic", "input_tokens": 100, "input_cached_tokens": 60},
    ]
    (data,) = happened(call_of(document), "usage")
    assert (data["input_tokens"], data["cache_read_input_tokens"]) == (40, 60)


def test_kinds_of_usage_are_told_apart_by_their_keys() -> None:
    document = report("tools as of 1.7")
    document["usage"].append({"provider": "livekit", "model": "turn-detector", "total_requests": 7})
    assert {data["service"] for data in happened(call_of(document), "usage")} == {"llm", "stt", "tts"}


def test_what_is_not_known_is_counted_and_hides_nothing() -> None:
    document = report("tools-1.8.9")
    document["events"].insert(3, {"type": "from_the_future", "created_at": document["events"][3]["created_at"]})
    document["chat_history"]["items"].append({"type": "hologram", "created_at": document["timestamp"]})
    document["mood"] = "fine"
    call = call_of(document)
    assert call.source["not_understood"] == {"event from_the_future": 1, "item hologram": 1, "key mood": 1}
    assert len(said(call)) == 5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "report.json is no JSON"),
        (b'{"call_id": "1"}', "is no session report of LiveKit: it has `room_id` or `job_id`"),
        (b'{"room_id": "RM_1", "timestamp": null, "events": []}', "tells no moment"),
    ],
)
def test_what_is_no_report_says_what_one_is(content: bytes, message: str) -> None:
    with pytest.raises(UnreadableError, match=message):
        livekit.translate(Original(place="report.json", name="report.json", content=content))


def test_values_of_any_kind_in_any_place_do_not_stop_an_import(tmp_path: Path) -> None:
    document = report("tools-1.8.9")
    wrong: list[Any] = [None, 7, "text", [], {}, -1.5, True]
    for place, value in enumerate(wrong):
        changed = json.loads(json.dumps(document))
        for event in changed["events"]:
            for name in event:
                if name not in {"type", "created_at"}:
                    event[name] = value
        for item in changed["chat_history"]["items"]:
            for name in item:
                if name not in {"type", "created_at", "role"}:
                    item[name] = value
        changed["options"] = changed["usage"] = changed["tags"] = changed["errors"] = value
        kept(tmp_path / str(place), changed)


@pytest.mark.parametrize(
    ("name", "value"),
    [("timestamp", 1e14), ("timestamp", -5), ("duration_ms", 1e15), ("duration_ms", -1), ("events", [{}])],
)
def test_moments_beyond_all_time_are_none(tmp_path: Path, name: str, value: Any) -> None:
    document = report("tools-1.8.9")
    document[name] = value
    assert len(kept(tmp_path, document).turns) == 5


def test_importing_again_changes_nothing(tmp_path: Path) -> None:
    for name in ("tools-1.8.9", "typed-1.3.12"):
        (tmp_path / f"{name}.json").write_bytes(content_of(report(name)))
    with Keeper(tmp_path / "root", SETTINGS) as keeper:
        first = run.run("livekit", [str(tmp_path)], keeper=keeper)
        again = run.run("livekit", [str(tmp_path)], keeper=keeper)
    assert (first.new, first.errors) == (2, [])
    assert (again.unchanged, again.new, again.replaced) == (2, 0, 0)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"events": "none"}, "events that is no list"),
        ({"usage": {"llm": 1}}, "usage that is no list"),
        ({"usage": [1]}, "usage with what is no object"),
        ({"chat_history": []}, "chat_history that is no object"),
        ({"chat_history": {"items": "hello"}}, "chat_history.items that is no list"),
    ],
)
def test_what_has_another_form_than_any_version_gives_it_is_told(change: dict[str, Any], what: str) -> None:
    call = call_of({**report("tools-1.8.9"), **change})
    assert call.source["not_understood"] == {what: 1}


def test_what_a_report_has_not_or_has_empty_is_understood() -> None:
    call = call_of({**report("typed-1.8.9"), "usage": None, "events": []})
    assert "not_understood" not in call.source
