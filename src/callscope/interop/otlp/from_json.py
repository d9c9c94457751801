"""OTLP as JSON: ids in hexadecimal digits, whole numbers as texts or numbers, enumerations as numbers or names."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from typing import Any, Final

from callscope.errors import UnreadableError
from callscope.interop.otlp.decoded import SPAN_DIGITS, TRACE_DIGITS, Decoded, Signal, is_id, moment
from callscope.interop.otlp.limits import REQUEST_RECORDS, Cutter
from callscope.interop.spans import LogRecord, Point, Span, SpanEvent
from callscope.model import wire

_KINDS: Final = {"INTERNAL": 1, "SERVER": 2, "CLIENT": 3, "PRODUCER": 4, "CONSUMER": 5}
_CODES: Final = {"STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2}
_DELTA: Final = frozenset({1, "AGGREGATION_TEMPORALITY_DELTA"})
_PLACES: Final[dict[Signal, tuple[str, str, str]]] = {
    "traces": ("resourceSpans", "scopeSpans", "spans"),
    "metrics": ("resourceMetrics", "scopeMetrics", "metrics"),
    "logs": ("resourceLogs", "scopeLogs", "logRecords"),
}


def decode(signal: Signal, body: bytes) -> Decoded:
    """The records of a request.

    Raises:
        UnreadableError: it is no such request.
    """
    document = _document(body)
    outer, middle, inner = _PLACES[signal]
    if not isinstance(document, dict) or not isinstance(document.get(outer, []), list):
        raise UnreadableError(f"the body is no OTLP/JSON of {signal}: it has no list {outer}")
    decoded = Decoded(records=[])
    for group, there in _each(decoded, document, outer, ""):
        cutter = Cutter()
        resource = _attributes(_dict(group.get("resource")).get("attributes"), cutter)
        for part, within in _each(decoded, group, middle, f"{there}."):
            scope = _dict(part.get("scope"))
            where = cutter.name(scope.get("name")), cutter.name(scope.get("version"))
            for each, place in _each(decoded, part, inner, f"{within}."):
                if len(decoded.records) >= REQUEST_RECORDS:
                    decoded.reject(f"a request may hold {REQUEST_RECORDS} records")
                elif signal == "traces":
                    why = _span(decoded, each, where, resource)
                    if why is not None:
                        decoded.reject(f"{place}: {why}", each)
                elif signal == "metrics":
                    _points(decoded, each, resource)
                else:
                    _log(decoded, each, where[0], resource)
    return decoded


def _each(decoded: Decoded, holder: dict[str, Any], key: str, where: str) -> Iterator[tuple[dict[str, Any], str]]:
    """The objects of a list, each with its place; what is none is left out, and told."""
    value = holder.get(key)
    if value is not None and not isinstance(value, list):
        decoded.reject(f"{where}{key} is no list", value)
        return
    for number, each in enumerate(value or ()):
        place = f"{where}{key}[{number}]"
        if isinstance(each, dict):
            yield each, place
        else:
            decoded.reject(f"{place} is no object", each)


def _document(body: bytes) -> Any:
    try:
        return wire.decode(body)
    except (ValueError, RecursionError):
        pass
    try:  # half a character or NaN in a text of somebody's is no reason to lose the batch
        value = json.loads(body, parse_constant=lambda _: None)
        return wire.decode(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"the body is no JSON ({error}): send OTLP/JSON") from error


def _span(decoded: Decoded, told: dict[str, Any], where: tuple[str, str], resource: dict[str, Any]) -> str | None:
    """Take a span; why it cannot be taken, where it cannot."""
    cutter = Cutter()
    trace_id, span_id = _id(told.get("traceId"), TRACE_DIGITS), _id(told.get("spanId"), SPAN_DIGITS)
    start_ns, end_ns = moment(told.get("startTimeUnixNano")), moment(told.get("endTimeUnixNano"))
    if trace_id is None or span_id is None:
        return "a span has no traceId of 32 or no spanId of 16 hexadecimal digits"
    if start_ns is None or end_ns is None:
        return f"span {span_id} has no startTimeUnixNano or no endTimeUnixNano"
    status = _dict(told.get("status"))
    events = [
        SpanEvent(
            name=cutter.name(each.get("name")),
            at_ns=moment(each.get("timeUnixNano")) or start_ns,
            attributes=_attributes(each.get("attributes"), cutter),
        )
        for each in cutter.events(list(_objects(told.get("events"))))
    ]
    decoded.records.append(
        Span(
            trace_id=trace_id,
            span_id=span_id,
            parent_id=_id(told.get("parentSpanId"), SPAN_DIGITS),
            name=cutter.name(told.get("name")),
            scope=where[0],
            scope_version=where[1],
            kind=_kind(told.get("kind")),
            start_ns=start_ns,
            end_ns=end_ns,
            status=_code(status.get("code")),
            status_message=cutter.text(_text(status.get("message"))),
            attributes=_attributes(told.get("attributes"), cutter),
            events=tuple(events),
            links=tuple(_links(told.get("links"), cutter)),
            resource=resource,
            cut=cutter.cut,
        )
    )
    return None


def _points(decoded: Decoded, told: dict[str, Any], resource: dict[str, Any]) -> None:
    cutter = Cutter()
    name = cutter.name(told.get("name"))
    for kind in ("sum", "gauge", "histogram"):
        shape = _dict(told.get(kind))
        for each in _objects(shape.get("dataPoints")):
            value = _number(each.get("asDouble", each.get("asInt", each.get("sum"))))
            if not name or value is None:
                continue  # a histogram without a sum, and kinds of points that tell no sum
            decoded.records.append(
                Point(
                    name=name,
                    value=value,
                    unit=cutter.name(told.get("unit")),
                    start_ns=moment(each.get("startTimeUnixNano")) or 0,
                    at_ns=moment(each.get("timeUnixNano")) or 0,
                    is_delta=shape.get("aggregationTemporality") in _DELTA,
                    attributes=_attributes(each.get("attributes"), cutter),
                    resource=resource,
                )
            )


def _log(decoded: Decoded, told: dict[str, Any], scope: str, resource: dict[str, Any]) -> None:
    cutter = Cutter()
    at_ns = moment(told.get("timeUnixNano")) or moment(told.get("observedTimeUnixNano"))
    severity = told.get("severityNumber")
    decoded.records.append(
        LogRecord(
            at_ns=at_ns or 0,
            body=_value(told.get("body"), cutter, 0),
            severity=severity if type(severity) is int else 0,
            scope=scope,
            attributes=_attributes(told.get("attributes"), cutter),
            trace_id=_id(told.get("traceId"), TRACE_DIGITS),
            span_id=_id(told.get("spanId"), SPAN_DIGITS),
            resource=resource,
        )
    )


def _attributes(told: object, cutter: Cutter) -> dict[str, Any]:
    return {
        cutter.name(each.get("key")): _value(each.get("value"), cutter, 0)
        for each in cutter.attributes(list(_objects(told)))
    }


def _value(told: object, cutter: Cutter, depth: int) -> Any:
    """What stands in an ``AnyValue``."""
    value = _dict(told)
    if cutter.is_too_deep(depth):
        return None
    for name in ("stringValue", "bytesValue"):
        if isinstance(value.get(name), str):
            return cutter.text(value[name])
    if isinstance(value.get("boolValue"), bool):
        return value["boolValue"]
    for name in ("intValue", "doubleValue"):
        if name in value:
            return _number(value[name])
    if "arrayValue" in value:
        items = cutter.some(list(_objects(_dict(value["arrayValue"]).get("values"))))
        return [_value(each, cutter, depth + 1) for each in items]
    if "kvlistValue" in value:
        pairs = cutter.some(list(_objects(_dict(value["kvlistValue"]).get("values"))))
        return {cutter.name(each.get("key")): _value(each.get("value"), cutter, depth + 1) for each in pairs}
    return None


def _links(told: object, cutter: Cutter) -> Iterator[str]:
    for each in cutter.events(list(_objects(told))):
        trace_id, span_id = _id(each.get("traceId"), TRACE_DIGITS), _id(each.get("spanId"), SPAN_DIGITS)
        if trace_id is not None and span_id is not None:
            yield f"{trace_id}:{span_id}"


def _id(value: object, digits: int) -> str | None:
    """An id as hexadecimal digits; base64, which protobuf's own JSON has instead, is read, too."""
    if not isinstance(value, str):
        return None
    if len(value) != digits and len(value) <= digits:
        try:
            value = base64.b64decode(value, validate=True).hex()
        except (binascii.Error, ValueError):
            return None
    value = value.lower()
    return value if is_id(value, digits) else None


def _number(value: object) -> float | None:
    """A finite number, also from its text."""
    if isinstance(value, str):
        try:
            value = int(value) if len(value) < 20 else None  # noqa: PLR2004 -- of 64 bits
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e300 < value < 1e300:  # noqa: PLR2004 -- finite
        return None
    return value if isinstance(value, float) or -(2**63) <= value < 2**63 else float(value)


def _kind(value: object) -> int:
    if isinstance(value, str):
        return _KINDS.get(value.removeprefix("SPAN_KIND_"), 0)
    return value if type(value) is int and 0 <= value <= len(_KINDS) else 0


def _code(value: object) -> int:
    if isinstance(value, str):
        return _CODES.get(value, 0)
    return value if type(value) is int and value in _CODES.values() else 0


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> Iterator[dict[str, Any]]:
    for each in value if isinstance(value, list) else ():
        if isinstance(each, dict):
            yield each
