"""Traces to send: real ones of Pipecat and LiveKit, and small ones made here."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import msgspec

from callscope.config import Settings
from callscope.interop import calls
from callscope.interop.otlp import from_json, from_protobuf
from callscope.interop.otlp.decoded import Decoded
from callscope.interop.spans import Record, Span
from callscope.model import wire
from callscope.model.event import Event
from callscope.model.whole import WholeCall, WholeTurn

SESSIONS = Path(__file__).resolve().parents[3] / "shared" / "data" / "sessions"
FIXTURES = Path(__file__).parent / "fixtures"
START_NS = 1_795_000_000_000_000_000
SETTINGS = Settings()
PIPECAT = {
    "pipecat-barge-in": "CAaaaabbbbccccddddeeeeffff00001111",
    "pipecat-no-barge-in": "CA11112222333344445555666677778888",
}


def pipecat(name: str) -> list[Record]:
    """The spans of a real Pipecat call, in the order in which they were sent."""
    files = sorted((SESSIONS / name / "otlp-protobuf").glob("*.pb"))
    return [each for file in files for each in from_protobuf.decode("traces", file.read_bytes()).records]


def livekit(name: str) -> list[Record]:
    """The spans of a real LiveKit session."""
    return from_protobuf.decode("traces", (FIXTURES / f"livekit-1.8-{name}.pb").read_bytes()).records


def span(name: str, start_s: float, end_s: float, attributes: dict[str, Any] | None = None, **more: Any) -> Span:
    """A span that begins and ends so many seconds after the call."""
    values: dict[str, Any] = {
        "trace_id": "a" * 32,
        "span_id": random.Random(f"{name}{start_s}").randbytes(8).hex(),
        "name": name,
        "start_ns": START_NS + round(start_s * 1e9),
        "end_ns": START_NS + round(end_s * 1e9),
        "attributes": attributes or {},
    }
    return Span(**(values | more))


def told(records: list[Record], *, is_silent: bool = False) -> WholeCall:
    """The one call that records are of."""
    (conversation,) = calls.gathered(records, is_silent=is_silent)
    call = calls.tell(conversation)
    assert call is not None
    return call


def turns(call: WholeCall) -> list[WholeTurn]:
    return [row for row in call.rows if isinstance(row, WholeTurn)]


def events(call: WholeCall, *types: str) -> list[Event]:
    return [row for row in call.rows if isinstance(row, Event) and (not types or row.type in types)]


def decoded(*records: Record) -> Decoded:
    return Decoded(records=list(records))


def as_json(*spans: Record) -> bytes:
    """A request of OTLP/JSON, for the attributes that the tests use."""
    document = {
        "resourceSpans": [
            {"scopeSpans": [{"scope": {"name": each.scope}, "spans": [_json(each)]}]}
            for each in spans
            if isinstance(each, Span)
        ]
    }
    assert len(from_json.decode("traces", wire.encode(document)).records) == len(spans)
    return wire.encode(document)


def _json(each: Span) -> dict[str, Any]:
    return {
        "traceId": each.trace_id,
        "spanId": each.span_id,
        "parentSpanId": each.parent_id or "",
        "name": each.name,
        "startTimeUnixNano": str(each.start_ns),
        "endTimeUnixNano": str(each.end_ns),
        "attributes": [{"key": key, "value": _value(value)} for key, value in each.attributes.items()],
    }


def _value(value: object) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": value}


def plain(call: WholeCall) -> Any:
    """A call as something that is compared."""
    return msgspec.to_builtins(call)


def small_call(trace: str = "a", conversation: str = "C1", *, is_over: bool = True) -> list[Span]:
    """A call of one turn, as Pipecat traces it, in the order in which its spans end."""
    trace_id = trace * 32
    turn, whole = span("turn", 0.0, 6.0).span_id, span("conversation", 0.0, 8.0).span_id
    named = {"conversation.id": conversation}
    made = [
        span("stt", 0.0, 2.0, {"transcript": "Are you open?", "is_final": True, "metrics.ttfb": 0.5}, parent_id=turn),
        span("llm", 2.0, 3.0, {"gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 9}, parent_id=turn),
        span("tts", 2.5, 3.0, {"text": "Yes.", "metrics.ttfb": 0.2}, parent_id=turn),
        span("turn", 0.0, 6.0, {**named, "turn.number": 1, "turn.user_bot_latency_seconds": 1.2}, parent_id=whole),
        span("conversation", 0.0, 8.0, named),
    ]
    made = [msgspec.structs.replace(each, trace_id=trace_id, scope="pipecat") for each in made]
    return made if is_over else made[:-1]
