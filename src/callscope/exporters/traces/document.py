"""Spans as OTLP/JSON: ids in hexadecimal, 64-bit integers as texts, names in camelCase."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, Final

import msgspec

from callscope.interop.spans import Span, SpanEvent
from callscope.report.safe_text import clean_json

CONTENT_TYPE: Final = "application/json"
_encode: Final = msgspec.json.Encoder().encode


def request(spans: Iterable[Span]) -> bytes:
    """An ``ExportTraceServiceRequest``, on one line."""
    return b'{"resourceSpans":[' + b",".join(map(encoded, resources(spans))) + b"]}"


def resources(spans: Iterable[Span]) -> Iterator[dict[str, Any]]:
    """The elements of its ``resourceSpans``: one for each run of spans with one resource and scope."""
    for (_, scope, version), group in groupby(spans, key=_sender):
        found = list(group)
        yield {
            "resource": {"attributes": attributes(found[0].resource)},
            "scopeSpans": [{"scope": {"name": scope, "version": version}, "spans": [_span(each) for each in found]}],
        }


def encoded(element: dict[str, Any]) -> bytes:
    """One of those as JSON; signs that a terminal obeys, or that turn its writing round, are escapes."""
    text = _encode(element)
    return text if text.isascii() and b"\x7f" not in text else clean_json(text.decode()).encode()


def attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Key-value pairs, in their order."""
    return [{"key": key, "value": _value(value)} for key, value in values.items()]


def _sender(span: Span) -> tuple[bytes, str, str]:
    return _encode(span.resource), span.scope, span.scope_version


def _span(span: Span) -> dict[str, Any]:
    found: dict[str, Any] = {"traceId": span.trace_id, "spanId": span.span_id}
    if span.parent_id is not None:
        found["parentSpanId"] = span.parent_id
    found |= {
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
        "attributes": attributes(span.attributes),
    }
    if span.events:
        found["events"] = [_event(each) for each in span.events]
    status: dict[str, Any] = {"message": span.status_message} if span.status_message else {}
    if span.status:
        status["code"] = span.status
    return {**found, "status": status}


def _event(event: SpanEvent) -> dict[str, Any]:
    return {"timeUnixNano": str(event.at_ns), "name": event.name, "attributes": attributes(event.attributes)}


def _value(value: Any) -> dict[str, Any]:
    """An ``AnyValue``; one with nothing in it for what is null."""
    if value is None:
        return {}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, Mapping):
        return {"kvlistValue": {"values": attributes(value)}}
    return {"arrayValue": {"values": [_value(each) for each in value]}}
