"""What each format's documents come to: the vendors' own shapes, as their documentation has them."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from whole_calls import SETTINGS

from callscope.archive.reader import CallRecord, read_call
from callscope.errors import UnreadableError
from callscope.importers import jsonl, openai_realtime, patter, retell, vapi
from callscope.importers.base import formats
from callscope.importers.base.original import Original
from callscope.model.whole import WholeCall, WholeTurn
from callscope.recorder.keeper import Keeper
from callscope.timeline.summary import summarise

FIXTURES = Path(__file__).parent / "fixtures"
NOW_MS = 1_795_300_000_000


def original(name: str, content: bytes | None = None) -> Original:
    return Original(place=name, name=name, content=(FIXTURES / name).read_bytes() if content is None else content)


def only(calls: list[WholeCall]) -> WholeCall:
    (call,) = calls
    return call


def kept(root: Path, call: WholeCall) -> CallRecord:
    with Keeper(root, SETTINGS) as keeper:
        return read_call(keeper.put(call).path, now_ms=NOW_MS)


def said(call: WholeCall) -> list[tuple[str, str | None]]:
    return [(row.role, row.text) for row in call.rows if isinstance(row, WholeTurn)]


def events(record: CallRecord, kind: str) -> list[dict[str, Any]]:
    return [event.data for event in record.events if event.type == kind]


def test_every_module_is_a_format_with_a_line_of_help() -> None:
    assert {"jsonl", "openai-realtime", "patter", "retell", "vapi"} <= set(formats.names())
    for name in formats.names():
        assert formats.named(name).HELP.endswith(".")


def test_a_vapi_report_has_its_turns_tools_costs_and_wait(tmp_path: Path) -> None:
    call = only(vapi.translate(original("vapi_report.json")))
    record = kept(tmp_path, call)

    assert said(call)[0] == ("assistant", "Hello, Blue Dental, how can I help?")
    assert [turn.role for turn in record.turns] == ["assistant", "user", "assistant", "user"]
    assert record.turns[2].latency == {
        "response_ms": 1300, "endpointing_ms": 390, "transcription_ms": 180, "llm_ms": 420, "tts_ms": 310,
    }  # fmt: skip
    assert record.turns[1].duration_ms == 1500
    assert record.call.latency == {"p50_ms": 1300, "p95_ms": 1300, "p99_ms": 1300}
    assert events(record, "tool_call") == [
        {"tool_call_id": "call_1", "name": "opening_hours", "arguments": '{"day": "saturday"}'}
    ]
    assert events(record, "tool_result")[0]["result"] == '{"open": "9-13"}'
    assert (record.call.status, record.call.end_reason) == ("completed", "customer ended call")
    assert (record.call.caller, record.call.callee, record.call.direction) == ("***1234", "***9876", "inbound")
    assert record.call.recording_path == "https://storage.example.com/stereo.wav"
    assert record.call.duration_ms == 30_500
    assert record.call.agent["model"] == "gpt-4.1"


def test_what_vapi_charged_stands_beside_the_estimate_and_never_in_it(tmp_path: Path) -> None:
    record = kept(tmp_path, only(vapi.translate(original("vapi_report.json"))))
    actual = {(each["service"], each["provider"]): each["amount"] for each in record.call.callscope["actual"]}

    assert actual == {
        ("telephony", "twilio"): "0.0071",
        ("stt", "deepgram"): "0.005",
        ("llm", "openai"): "0.003",
        ("tts", "elevenlabs"): "0.012",
        ("other", "vapi"): "0.051",
    }
    lines = {(line["service"], line.get("usage")): line.get("usd") for line in record.call.callscope["cost_lines"]}
    assert lines["llm", "output_tokens"] == "0.000496"
    assert record.call.callscope["cost_status"] == "partial"


def test_what_vapi_says_and_nobody_understands_is_counted_and_kept(tmp_path: Path) -> None:
    call = only(vapi.translate(original("vapi_report.json")))
    record = kept(tmp_path, call)

    assert record.call.callscope["source"]["not_understood"] == {
        "cost of type crystal-ball": 1,
        "message with role hologram": 1,
    }
    source = (Path(record.call.path) / "source" / "vapi.json").read_text()
    assert "hologram" in source
    assert "555 000 1234" in source  # spoken words are kept as the transcript policy says
    assert "+15550001234" not in source


def test_vapi_calls_that_failed_or_were_not_answered_say_so(tmp_path: Path) -> None:
    first, second, third = json.loads((FIXTURES / "vapi_calls.json").read_bytes())
    unanswered = only(vapi.translate(original("a", json.dumps(first).encode())))
    failed = only(vapi.translate(original("b", json.dumps(second).encode())))

    assert unanswered.end["status"] == "no_answer"
    assert unanswered.source["computed"] == ["started_at"]
    assert unanswered.fields["callee"] == "+15550004321"
    assert unanswered.rows[0].data["provider_reported"] == 0.001  # type: ignore[union-attr]
    record = kept(tmp_path, failed)
    assert (record.call.status, record.call.error) == ("failed", "the model's provider did not answer")
    assert record.turns[0].ts_ms == failed.started_at_ms + 2_500
    assert vapi.translate(original("c", json.dumps(third).encode())) == []


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("customer-busy", "busy"),
        ("assistant-forwarded-call", "completed"),
        ("voicemail", "completed"),
        ("manually-canceled", "canceled"),
        ("pipeline-error-openai-llm-failed", "failed"),
        ("twilio-failed-to-connect-call", "failed"),
        ("something-new", None),
    ],
)
def test_vapis_reasons_for_an_end_become_our_words(reason: str, status: str | None) -> None:
    document = {"id": "1", "status": "ended", "createdAt": 1795253412, "endedReason": reason}
    call = only(vapi.translate(original("x", json.dumps(document).encode())))

    assert call.end.get("status") == status
    assert ("not_understood" in call.source) == (status is None)


def test_other_messages_of_vapis_webhook_tell_of_no_call_that_has_ended() -> None:
    message = {"message": {"type": "status-update", "status": "in-progress", "call": {"id": "1"}}}
    assert vapi.translate(original("x", json.dumps(message).encode())) == []


def test_a_retell_call_has_its_words_on_the_calls_clock(tmp_path: Path) -> None:
    call = only(retell.translate(original("retell_call.json")))
    record = kept(tmp_path, call)

    assert [(turn.role, turn.ts_ms, turn.duration_ms) for turn in record.turns] == [
        ("assistant", 1795253412700, 1200),
        ("user", 1795253415000, 1900),
        ("assistant", 1795253418400, 1600),
    ]
    assert record.turns[2].latency == {"response_ms": 1490}
    assert record.call.latency == {"p50_ms": 1490, "p95_ms": 1490, "p99_ms": 1490}
    assert events(record, "tool_result") == [{"tool_call_id": "tool_1", "result": "ok", "outcome": "completed"}]
    assert events(record, "dtmf") == [{"by": "caller"}]  # which key is not kept
    assert events(record, "analysis")[0]["sentiment"] == "Neutral"
    assert record.call.status == "completed"
    assert record.call.labels == {"agent_version": "3"}
    assert call.source["not_understood"] == {"entry with role telepathy": 1}


def test_what_retell_charged_is_told_in_dollars(tmp_path: Path) -> None:
    record = kept(tmp_path, only(retell.translate(original("retell_call.json"))))
    actual = {each["service"]: each["amount"] for each in record.call.callscope["actual"]}

    assert actual == {"tts": "0.021", "llm": "0.015", "telephony": "0.0045"}
    assert record.call.cost is None


@pytest.mark.parametrize(
    ("reason", "status"),
    [("dial_no_answer", "no_answer"), ("dial_busy", "busy"), ("error_asr", "failed"), ("inactivity", "completed")],
)
def test_retells_reasons_for_an_end_become_our_words(reason: str, status: str) -> None:
    document = {"call_id": "1", "call_status": "ended", "start_timestamp": NOW_MS, "disconnection_reason": reason}
    assert only(retell.translate(original("x", json.dumps(document).encode()))).end["status"] == status


def test_retells_latencies_are_not_put_to_turns_that_they_may_not_be_of() -> None:
    document = json.loads((FIXTURES / "retell_call.json").read_bytes())
    document["call"]["latency"]["e2e"]["values"] = [1000, 1490]
    call = only(retell.translate(original("x", json.dumps(document).encode())))

    assert all(row.latency is None for row in call.rows if isinstance(row, WholeTurn))
    assert "latencies that are not as many as answers" in call.source["not_understood"]


def test_vapis_latencies_are_not_put_to_turns_that_they_may_not_be_of() -> None:
    document = json.loads((FIXTURES / "vapi_report.json").read_bytes())
    document["message"]["artifact"]["performanceMetrics"]["turnLatencies"] *= 2
    call = only(vapi.translate(original("x", json.dumps(document).encode())))

    assert all(row.latency is None for row in call.rows if isinstance(row, WholeTurn))
    assert "turn latencies that are not as many as answers" in call.source["not_understood"]


def test_a_realtime_log_has_waits_tools_tokens_and_what_was_cut_off(tmp_path: Path) -> None:
    call = only(openai_realtime.translate(original("realtime_session.jsonl")))
    record = kept(tmp_path, call)
    timeline = summarise(call.started_at_ms, call.ended_at_ms, record.turns, record.events)

    assert [(turn.role, turn.text, turn.interrupted) for turn in record.turns] == [
        ("user", "What is the weather in Oslo?", False),
        ("assistant", "It is four degrees in Oslo, and the wind", True),
        ("user", "Thanks, bye.", False),
    ]
    first = timeline.exchanges[0]
    assert (first.response_ms, first.interrupted) == (1500, True)
    assert [part.stage for part in first.parts] == ["endpointing", "unexplained", "llm", "tool", "handover", "llm"]
    assert record.turns[1].duration_ms == 1000
    usage = {(line["service"], line["model"]): line["units"] for line in record.call.callscope["usage"]}
    assert usage["realtime", "gpt-realtime"]["input_tokens"] == 620
    assert usage["realtime", "gpt-realtime"]["output_audio_tokens"] == 50
    assert usage["stt", "gpt-4o-mini-transcribe"]["input_audio_tokens"] == 30
    assert record.turns[1].cost is not None
    assert record.turns[1].cost["total"] == pytest.approx(0.0103046)  # its own and what hearing the caller took
    assert events(record, "tool_result") == [{"tool_call_id": "call_1", "name": "weather", "result": '{"c": 4}'}]
    assert events(record, "rate_limits")[0]["tokens_remaining"] == 38000
    assert call.source["not_understood"] == {"event response.hologram.delta": 1}
    assert "user_stopped_speaking" in call.source["computed"]


def test_a_realtime_log_of_two_sessions_is_two_calls() -> None:
    log = (FIXTURES / "realtime_session.jsonl").read_bytes()
    calls = openai_realtime.translate(original("x", log + log.replace(b"sess_1", b"sess_2")))
    assert [call.call_id for call in calls] == ["sess_1", "sess_2"]
    assert calls[0].originals["realtime.jsonl"] == log


def test_how_long_the_agent_was_heard_is_told_by_its_sound_where_the_log_has_it() -> None:
    lines = [
        {"ts": 1795253412.0, "type": "session.created", "session": {"id": "s", "output_audio_format": "g711_ulaw"}},
        {"ts": 1795253413.0, "type": "response.created", "response": {"id": "r"}},
        {"ts": 1795253413.5, "type": "response.audio.delta", "response_id": "r", "delta": "f39/" * 2_000},
        {"ts": 1795253413.6, "type": "response.audio_transcript.done", "response_id": "r", "transcript": "Hi."},
        {"ts": 1795253413.7, "type": "response.done", "response": {"id": "r", "status": "completed"}},
    ]
    call = only(openai_realtime.translate(original("x", b"\n".join(json.dumps(line).encode() for line in lines))))
    (turn,) = [row for row in call.rows if isinstance(row, WholeTurn)]
    assert (turn.text, turn.duration_ms) == ("Hi.", 750)
    assert call.ended_at_ms == 1795253414250


def test_lines_of_ones_own_become_calls(tmp_path: Path) -> None:
    first, second = jsonl.translate(original("calls.jsonl"))
    record = kept(tmp_path, first)

    assert said(first) == [("user", "Hello?"), ("assistant", "Hi there.")]
    assert record.call.latency == {"p50_ms": 900, "p95_ms": 900, "p99_ms": 900}
    assert record.call.cost is not None
    assert first.source["not_understood"] == {"key mood": 1}
    assert (second.call_id, second.end["status"]) == ("own-2", "failed")
    assert second.source["computed"] == ["started_at", "ended_at"]


def test_a_patter_call_is_read_for_what_it_is(tmp_path: Path) -> None:
    (found,) = list(patter.originals(FIXTURES / "patter_tree"))
    assert isinstance(found, Original)
    record = kept(tmp_path, only(patter.translate(found)))
    theirs = read_call(FIXTURES / "patter_tree" / "calls" / "2026" / "05" / "20" / "CA77", now_ms=NOW_MS)

    assert [(t.role, t.text, t.ts_ms) for t in record.turns] == [(t.role, t.text, t.ts_ms) for t in theirs.turns]
    assert record.call.status == theirs.call.status == "failed"
    assert record.call.cost == theirs.call.cost
    assert record.call.latency == theirs.call.latency
    assert record.call.duration_ms == theirs.call.duration_ms
    assert [(e.ts_ms, e.type) for e in record.events] == [(e.ts_ms, e.type) for e in theirs.events]
    assert record.events[1].data["error_code"] == "timeout"
    assert record.call.caller == "***1234"
    assert "15550001234" not in (Path(record.call.path) / "source" / "metadata.json").read_text()
    assert (Path(record.call.path) / "source" / "transcript.jsonl").read_bytes() == found.files["transcript.jsonl"]


@pytest.mark.parametrize(
    ("form", "content", "why"),
    [
        (vapi, b"[]", "is no JSON object"),
        (vapi, b'{"a": 1}', "is no call of Vapi"),
        (vapi, b'{"id": "1", "status": "ended"}', "neither startedAt nor createdAt"),
        (retell, b"nonsense", "is no JSON"),
        (retell, b'{"call": {"call_id": "x"}}', "is no call of Retell"),
        (retell, b'{"call_id": "x", "call_status": "ended"}', "neither start_timestamp"),
        (openai_realtime, b'{"type": "session.created"}', ":1 has no time"),
        (openai_realtime, b'{"ts": 1795253412, "type": "x"}\n{"ts": 1}', ":2 holds no event"),
        (openai_realtime, b'{"ts": 1795253412, "type": "x"}\n{', ":2 is no JSON"),
        (jsonl, b'{"role": "user"}', ":1 has no call_id"),
        (jsonl, b'{"call_id": "a", "ts": 1}\n[', ":2 is no JSON"),
        (jsonl, b'{"call_id": "a"}', "tells no moment"),
    ],
)
def test_what_is_none_of_a_format_is_told_with_its_place(form: formats.Format, content: bytes, why: str) -> None:
    with pytest.raises(UnreadableError, match=why) as caught:
        form.translate(Original(place="calls.json", name="calls.json", content=content))
    assert str(caught.value).startswith("calls.json")


@pytest.mark.parametrize("form", [vapi, retell, openai_realtime, jsonl])
def test_no_value_of_a_wrong_type_is_more_than_a_clear_error(form: formats.Format) -> None:
    """Each value of each fixture, replaced by something else: a call, nothing, or an `UnreadableError`."""
    names = {vapi: "vapi_report.json", retell: "retell_call.json", openai_realtime: "realtime_session.jsonl"}
    content = (FIXTURES / names.get(form, "calls.jsonl")).read_bytes()  # type: ignore[call-overload]
    documents = content.split(b"\n") if form in (openai_realtime, jsonl) else [content]
    lines = [json.loads(document) for document in documents if document.strip()]
    for line in lines:
        for holder, key in _places(line):
            before = holder[key]
            for wrong in (None, 5, "x", [1], {"a": None}, -1e300):
                holder[key] = wrong
                broken = b"\n".join(json.dumps(each).encode() for each in lines)
                with contextlib.suppress(UnreadableError):
                    form.translate(Original(place="p", name="n", content=broken))
            holder[key] = before


def _places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found.append((value, key))
        found += _places(item)
    return found
