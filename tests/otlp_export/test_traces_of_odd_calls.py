"""Whatever a call's files hold, its trace is one that every reader takes."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some
from loopback_collector import START_MS, call, spans_of, trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from callscope.exporters.traces import document, messages
from callscope.interop import gen_ai
from callscope.model import event as events
from callscope.model.event import Event
from callscope.model.turn import Turn

_TYPES = [value for name, value in vars(events).items() if name.isupper() and isinstance(value, str)]
_KEYS = some.sampled_from(
    ["request_id", "tool_call_id", "name", "service", "stage", "model", "provider", "ttft_ms", "input_tokens",
     "characters", "audio_seconds", "outcome", "message", "arguments", "delay_ms", "finalize_ms", "x"]
)  # fmt: skip
_TEXT = some.text(some.characters(codec=None), max_size=6) | some.sampled_from(
    ["llm", "tts", "stt", "failed", "r1", "\ud800"]
)
_VALUES: some.SearchStrategy[Any] = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | _TEXT,
    lambda inner: some.lists(inner, max_size=2) | some.dictionaries(_TEXT, inner, max_size=2),
    max_leaves=4,
)
_MOMENTS = some.none() | some.integers(START_MS - 50, START_MS + 9_000) | some.sampled_from([0, 253_402_300_799_999])
_EVENTS = some.builds(
    Event, ts_ms=_MOMENTS, type=some.sampled_from(_TYPES) | _TEXT, data=some.dictionaries(_KEYS, _VALUES, max_size=4)
)
_TURNS = some.builds(
    Turn,
    ts_ms=_MOMENTS,
    turn_index=some.none() | some.integers(0, 5),
    role=some.sampled_from(["user", "assistant", "\ud800"]),
    text=some.none() | _TEXT,
    latency=some.none() | some.dictionaries(_TEXT, _VALUES, max_size=2),
    cost=some.none() | some.dictionaries(some.sampled_from(["total", "llm", "unpriced"]), _VALUES),
    duration_ms=some.none() | some.floats(-1, 1e6),
)
_CALLS = some.builds(
    call,
    call_id=_TEXT,
    started_at_ms=_MOMENTS,
    ended_at_ms=_MOMENTS,
    turns=some.none() | some.integers(),
    duration_ms=some.none() | some.floats(),
    agent=some.dictionaries(some.sampled_from(["name", "voice", "x"]), _VALUES),
    cost=some.none() | some.dictionaries(some.sampled_from(["total", "llm"]), _VALUES),
    callscope=some.dictionaries(
        some.sampled_from(["labels", "usage", "framework", "cost_status", "unpriced"]), _VALUES
    ),
)


@settings(max_examples=150, deadline=None)
@given(some.lists(_EVENTS, max_size=12).map(tuple), some.lists(_TURNS, max_size=4).map(tuple), _CALLS, some.booleans())
def test_every_call_is_a_tree_that_both_encodings_hold(
    rows: tuple[Event, ...],
    turns: tuple[Turn, ...],
    of: Any,
    words: bool,  # noqa: FBT001 -- what is drawn
) -> None:
    spans = trace(rows, turns, of=of, content=words, openinference=words)

    told = spans_of(json.loads(document.request(spans)))
    message = ExportTraceServiceRequest.FromString(messages.request(spans))
    sent = [span for resource in message.resource_spans for scope in resource.scope_spans for span in scope.spans]
    ids = [span["spanId"] for span in told]
    assert ids == [span.span_id.hex() for span in sent]
    assert len(set(ids)) == len(ids)
    assert {span.get("parentSpanId", ids[0]) for span in told} <= set(ids)
    assert all(span.start_ns <= span.end_ns for span in spans)
    counted = sum(gen_ai.EVENT_ROW in event.attributes for span in spans for event in span.events)
    assert counted == (len(rows) if spans else 0)
