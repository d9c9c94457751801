"""Traces in the GenAI conventions, in OpenInference's, and of our own export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from sent_traces import FIXTURES, SETTINGS, as_json, events, small_call, span, told, turns

from callscope.archive.reader import read_call
from callscope.errors import UnreadableError
from callscope.importers import otlp
from callscope.importers.base.original import Original
from callscope.importers.base.run import run
from callscope.interop import calls
from callscope.interop.spans import encode
from callscope.interop.trace import TraceOptions, trace_of
from callscope.recorder.keeper import Keeper

NOW_MS = 1_795_000_100_000
ASKED = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "Are you open?"}]}])
SAID = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "Until six."}]}])


def conversation(**more: Any) -> list[Any]:
    named = {"gen_ai.conversation.id": "C1", **more}
    whole = span("invoke_workflow shop", 0, 9, {**named, "gen_ai.operation.name": "invoke_workflow"})
    turn = span(
        "invoke_agent clerk", 1, 4,
        {**named, "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "clerk"}, parent_id=whole.span_id,
    )  # fmt: skip
    chat = span(
        "chat m", 1, 3,
        {
            **named, "gen_ai.operation.name": "chat", "gen_ai.provider.name": "azure.ai.openai",
            "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 9, "gen_ai.usage.cache_write.input_tokens": 4,
            "gen_ai.response.time_to_first_chunk": 0.5, "gen_ai.input.messages": ASKED, "gen_ai.output.messages": SAID,
        }, parent_id=turn.span_id,
    )  # fmt: skip
    tool = span(
        "execute_tool hours", 2, 2.5,
        {**named, "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "hours", "error.type": "timeout"},
        parent_id=turn.span_id,
    )  # fmt: skip
    return [whole, turn, chat, tool, span("GET /hours", 2, 2.4, parent_id=tool.span_id)]


def test_a_turn_of_the_conventions_is_two_turns_of_a_call() -> None:
    call = told(conversation())

    assert call.call_id == "C1"
    assert [(turn.role, turn.text) for turn in turns(call)] == [("user", "Are you open?"), ("assistant", "Until six.")]
    (usage,) = events(call, "usage")
    assert usage.data == {
        "service": "llm", "provider": "azure", "model": "m", "input_tokens": 9, "cache_creation_input_tokens": 4,
        "request_id": next(each.span_id for each in conversation() if each.name == "chat m"),
    }  # fmt: skip
    assert events(call, "llm_first_token")[0].data["ttft_ms"] == 500
    assert events(call, "tool_result")[0].data["outcome"] == "failed"
    assert call.source["not_understood"] == {"span GET /hours": 1}
    assert call.ended_at_ms is not None


def test_without_content_the_turns_are_there_and_their_words_unknown() -> None:
    spans = [
        msgspec.structs.replace(each, attributes={k: v for k, v in each.attributes.items() if "messages" not in k})
        for each in conversation()
    ]

    assert [(turn.role, turn.text) for turn in turns(told(spans))] == [("assistant", None)]


def test_openinferences_traces_of_one_session_are_one_call_that_ends_with_silence() -> None:
    spans = []
    for number, trace in enumerate("abc"):
        spans.append(
            span(
                "ChatCompletion", number * 10, number * 10 + 2,
                {
                    "openinference.span.kind": "LLM", "session.id": "S1", "llm.model_name": "m",
                    "llm.token_count.prompt": 7, "llm.input_messages.0.message.role": "system",
                    "llm.input_messages.0.message.content": "Be brief.", "llm.input_messages.1.message.role": "user",
                    "llm.input_messages.1.message.content": f"Question {number}",
                    "llm.output_messages.0.message.role": "assistant",
                    "llm.output_messages.0.message.content": f"Answer {number}",
                }, trace_id=trace * 32,
            )
        )  # fmt: skip

    assert told([*spans]).ended_at_ms is None
    call = told([*spans], is_silent=True)

    assert [turn.text for turn in turns(call)] == [
        text for number in range(3) for text in (f"Question {number}", f"Answer {number}")
    ]
    assert call.ended_at_ms is not None
    assert "status" not in call.end
    assert len(events(call, "usage")) == 3


def test_a_trace_without_any_conversation_is_a_call_when_its_root_has_come() -> None:
    spans = [
        msgspec.structs.replace(
            each, attributes={k: v for k, v in each.attributes.items() if k != "gen_ai.conversation.id"}
        )
        for each in conversation()
    ]

    def ready(*held: Any) -> list[bool]:
        return [calls.is_ready(each) for each in calls.gathered(list(held))]

    assert ready(*spans[1:]) == [False]
    assert ready(*spans) == [True]
    assert ready(span("GET /", 0, 1)) == [False]


def stored(tmp_path: Path) -> Path:
    with Keeper(tmp_path / "first", SETTINGS) as keeper:
        return keeper.put(told([*small_call()])).path


@pytest.mark.parametrize("content", [True, False])
def test_our_own_export_comes_back_as_the_same_call(tmp_path: Path, *, content: bool) -> None:
    """Every row of both files; without content, all but the words."""
    was = read_call(stored(tmp_path), now_ms=NOW_MS)
    spans = trace_of(was.call, was.turns, was.events, TraceOptions(content=content))
    with Keeper(tmp_path / "second", SETTINGS) as keeper:
        path = keeper.put(told([*reversed(spans)])).path
    again = read_call(path, now_ms=NOW_MS)

    def rows(stored_call: Any) -> list[Any]:
        return [
            (row.ts_ms, row.type, {k: v for k, v in row.data.items() if k not in {"text", "text_length"}})
            for row in stored_call.events
        ]

    assert rows(again) == rows(was)
    assert [(row.role, row.ts_ms, row.interrupted, row.duration_ms, row.latency) for row in again.turns] == [
        (row.role, row.ts_ms, row.interrupted, row.duration_ms, row.latency) for row in was.turns
    ]
    assert [row.text for row in again.turns] == ([row.text for row in was.turns] if content else [None, None])
    for name in ("call_id", "status", "started_at_ms", "ended_at_ms", "latency", "labels", "agent", "trace_id"):
        assert getattr(again.call, name) == getattr(was.call, name), name
    assert again.call.callscope["usage"] == was.call.callscope["usage"]


def test_a_call_that_is_exported_while_it_goes_on_goes_on(tmp_path: Path) -> None:
    with Keeper(tmp_path, SETTINGS) as keeper:
        was = read_call(keeper.put(told([*small_call(is_over=False)])).path, now_ms=NOW_MS)
        spans = trace_of(was.call, was.turns, was.events, TraceOptions())

    assert told([*spans]).ended_at_ms is None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("request.json", as_json(*small_call())),
        ("requests.jsonl", b"\n".join(as_json(each) for each in small_call())),
        ("spans.jsonl", b"\n".join(encode(each) for each in small_call())),
    ],
)
def test_traces_in_files_are_imported(name: str, content: bytes) -> None:
    (call,) = otlp.translate(Original(place=name, name=name, content=content))

    assert call.call_id == "C1"
    assert [turn.text for turn in turns(call)] == ["Are you open?", "Yes."]


NO_ID = b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "zz", "spanId": "1"}]}]}]}'


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe", b"{}", b'{"calls": []}', b'{"is":"span"}', b"{\n", b'{"resourceSpans": "x"}', NO_ID, b"[1]"],
)
def test_a_file_that_holds_no_traces_is_refused_with_its_place(content: bytes) -> None:
    with pytest.raises(UnreadableError, match="odd"):
        otlp.translate(Original(place="odd.json", name="odd.json", content=content))


def test_a_line_that_is_no_request_is_told_with_its_number() -> None:
    content = as_json(*small_call()) + b'\n{"resourceLogs": 7}\n'
    with pytest.raises(UnreadableError, match=r"odd\.jsonl:2: the body is no OTLP/JSON of logs"):
        otlp.translate(Original(place="odd.jsonl", name="odd.jsonl", content=content))


def test_one_span_that_cannot_be_taken_keeps_the_others_in() -> None:
    content = as_json(*small_call()) + b"\n" + NO_ID
    (call,) = otlp.translate(Original(place="traces.jsonl", name="traces.jsonl", content=content))
    assert call.call_id == "C1"


def with_bad_spans(*bad: Any) -> bytes:
    """The request of a small call whose first span has others beside it."""
    document = json.loads(as_json(*small_call()))
    document["resourceSpans"][0]["scopeSpans"][0]["spans"] += bad
    return json.dumps(document).encode()


@pytest.mark.parametrize(("bad", "said"), [({"traceId": "zz"}, "no traceId"), ("notaspan", "is no object")])
@pytest.mark.parametrize("are_lines", [True, False])
def test_a_span_of_a_file_that_cannot_be_taken_is_told_and_kept(
    tmp_path: Path, bad: Any, said: str, *, are_lines: bool
) -> None:
    content = with_bad_spans(bad, {"spanId": "b"})
    place = tmp_path / "sent.jsonl"
    place.write_bytes(as_json(*small_call("b", "C2")) + b"\n" + content + b"\n" if are_lines else content)
    with Keeper(tmp_path / "calls", SETTINGS) as keeper:
        summary, again = (run("otlp", [str(place)], keeper=keeper) for _ in range(2))

    (what,) = summary.not_understood
    where = "sent.jsonl:2" if are_lines else "sent.jsonl"
    first = f"{where}: resourceSpans[0].scopeSpans[0].spans[1]"
    assert what.startswith(f"records of sent.jsonl that cannot be taken, the first: {first}")
    assert said in what
    assert summary.not_understood == again.not_understood == {what: 2}
    assert (summary.errors, summary.new, again.unchanged) == ([], 1 + are_lines, 1 + are_lines)
    (kept,) = (tmp_path / "calls").rglob("left_out.jsonl")
    assert [json.loads(each) for each in kept.read_text().splitlines()] == [bad, {"spanId": "b"}]


def test_a_span_of_a_protobuf_file_that_cannot_be_taken_is_told_and_kept() -> None:
    request = ExportTraceServiceRequest.FromString((FIXTURES / "livekit-1.8-typed.pb").read_bytes())
    request.resource_spans[0].scope_spans[0].spans.add(name="nobody's", trace_id=b"short")
    place = len(request.resource_spans[0].scope_spans[0].spans) - 1
    original = Original(place="a.pb", name="a.pb", content=request.SerializeToString())

    (call,) = otlp.translate(original)

    (what,) = (name for name in call.source["not_understood"] if name.startswith("records"))
    assert what == (
        "records of a.pb that cannot be taken, the first: "
        f"resource_spans[0].scope_spans[0].spans[{place}]: a span has no trace id of 16 or no span id of 8 bytes"
    )
    assert json.loads(call.originals["left_out.jsonl"])["name"] == "nobody's"


def test_a_file_of_no_call_does_not_hide_what_cannot_be_taken() -> None:
    document = json.loads(as_json(span("GET /", 0, 1)))
    document["resourceSpans"][0]["scopeSpans"][0]["spans"].append("notaspan")
    original = Original(place="a.json", name="a.json", content=json.dumps(document).encode())

    with pytest.raises(UnreadableError, match=r"a\.json holds nothing .* 1 of its records .*spans\[1\] is no object"):
        otlp.translate(original)


def test_two_requests_of_openinferences_traces_have_their_own_tokens_when_they_are_exported(tmp_path: Path) -> None:
    def request(start_s: float, tokens: int) -> Any:
        told = {
            "openinference.span.kind": "LLM", "session.id": "S1", "llm.model_name": "m",
            "llm.token_count.prompt": tokens, "llm.token_count.completion": 1,
        }  # fmt: skip
        return span("ChatCompletion", start_s, start_s + 0.5, told, parent_id=turn.span_id)

    turn = span("turn", 0, 4, {"openinference.span.kind": "AGENT", "session.id": "S1", "input.value": "Open?"})
    with Keeper(tmp_path, SETTINGS) as keeper:
        kept = keeper.put(told([turn, request(1, 100), request(2, 200)], is_silent=True))
    record = read_call(kept.path, now_ms=NOW_MS)
    spans = trace_of(record.call, record.turns, record.events, TraceOptions(openinference=True))

    requests = [each.attributes for each in spans if each.attributes.get("openinference.span.kind") == "LLM"]
    assert [each["llm.token_count.prompt"] for each in requests] == [100, 200]
    assert [each["llm.token_count.total"] for each in requests] == [101, 201]
