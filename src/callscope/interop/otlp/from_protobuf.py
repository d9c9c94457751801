"""OTLP as protobuf, by the published classes of the extra ``otlp``; imported when the first such request comes."""

from __future__ import annotations

import base64
import math
from typing import Any, Final

from callscope.errors import MissingExtraError, UnreadableError
from callscope.interop.otlp.decoded import SPAN_DIGITS, TRACE_DIGITS, Decoded, Signal, is_id
from callscope.interop.otlp.limits import REQUEST_RECORDS, Cutter
from callscope.interop.spans import LogRecord, Point, Span, SpanEvent

_LAST_NS: Final = 1 << 63
_DELTA: Final = 1


def decode(signal: Signal, body: bytes) -> Decoded:
    """The records of a request.

    Raises:
        MissingExtraError: the extra is not installed.
        UnreadableError: it is no such request.
    """
    request = _request(signal)
    from google.protobuf.json_format import MessageToDict  # noqa: PLC0415 -- comes with the extra
    from google.protobuf.message import DecodeError  # noqa: PLC0415 -- as above

    try:
        request.ParseFromString(body)
    except DecodeError as error:
        raise UnreadableError(f"the body is no OTLP/protobuf of {signal} ({error})") from error
    decoded = Decoded(records=[])
    outer, middle, inner = {
        "traces": ("resource_spans", "scope_spans", "spans"),
        "metrics": ("resource_metrics", "scope_metrics", "metrics"),
        "logs": ("resource_logs", "scope_logs", "log_records"),
    }[signal]
    for row, group in enumerate(getattr(request, outer)):
        cutter = Cutter()
        resource = _attributes(group.resource.attributes, cutter)
        for column, part in enumerate(getattr(group, middle)):
            where = cutter.name(part.scope.name), cutter.name(part.scope.version)
            for number, each in enumerate(getattr(part, inner)):
                if len(decoded.records) >= REQUEST_RECORDS:
                    decoded.reject(f"a request may hold {REQUEST_RECORDS} records")
                elif signal == "traces":
                    why = _span(decoded, each, where, resource)
                    if why is not None:
                        place = f"{outer}[{row}].{middle}[{column}].{inner}[{number}]"
                        decoded.reject(f"{place}: {why}", *([MessageToDict(each)] if decoded.keeps_more else []))
                elif signal == "metrics":
                    _points(decoded, each, resource)
                else:
                    _log(decoded, each, where[0], resource)
    return decoded


def _request(signal: Signal) -> Any:
    try:
        if signal == "traces":
            from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # noqa: PLC0415 -- an extra
                ExportTraceServiceRequest,
            )

            return ExportTraceServiceRequest()
        if signal == "metrics":
            from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (  # noqa: PLC0415 -- an extra
                ExportMetricsServiceRequest,
            )

            return ExportMetricsServiceRequest()
        from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (  # noqa: PLC0415 -- an extra
            ExportLogsServiceRequest,
        )

        return ExportLogsServiceRequest()
    except ImportError as error:
        raise MissingExtraError("otlp", what="OTLP as protobuf") from error


def _span(decoded: Decoded, told: Any, where: tuple[str, str], resource: dict[str, Any]) -> str | None:
    """Take a span; why it cannot be taken, where it cannot."""
    trace_id, span_id = told.trace_id.hex(), told.span_id.hex()
    start_ns, end_ns = told.start_time_unix_nano, told.end_time_unix_nano
    if not is_id(trace_id, TRACE_DIGITS) or not is_id(span_id, SPAN_DIGITS):
        return "a span has no trace id of 16 or no span id of 8 bytes"
    if start_ns >= _LAST_NS or end_ns >= _LAST_NS:
        return f"span {span_id} begins or ends beyond all time"
    cutter = Cutter()
    parent_id = told.parent_span_id.hex()
    decoded.records.append(
        Span(
            trace_id=trace_id,
            span_id=span_id,
            parent_id=parent_id if is_id(parent_id, SPAN_DIGITS) else None,
            name=cutter.name(told.name),
            scope=where[0],
            scope_version=where[1],
            kind=told.kind,
            start_ns=start_ns,
            end_ns=end_ns,
            status=told.status.code,
            status_message=cutter.text(told.status.message),
            attributes=_attributes(told.attributes, cutter),
            events=tuple(
                SpanEvent(
                    name=cutter.name(each.name),
                    at_ns=min(each.time_unix_nano or start_ns, _LAST_NS),
                    attributes=_attributes(each.attributes, cutter),
                )
                for each in cutter.events(told.events)
            ),
            links=tuple(
                f"{each.trace_id.hex()}:{each.span_id.hex()}"
                for each in cutter.events(told.links)
                if is_id(each.trace_id.hex(), TRACE_DIGITS) and is_id(each.span_id.hex(), SPAN_DIGITS)
            ),
            resource=resource,
            cut=cutter.cut,
        )
    )
    return None


def _points(decoded: Decoded, told: Any, resource: dict[str, Any]) -> None:
    cutter = Cutter()
    kind = told.WhichOneof("data")
    if kind not in {"sum", "gauge", "histogram"} or not told.name:
        return
    shape = getattr(told, kind)
    for each in shape.data_points:
        if kind == "histogram":
            value = each.sum if each.HasField("sum") else None
        else:
            name = each.WhichOneof("value")
            value = getattr(each, name) if name else None
        if value is None or not math.isfinite(value):
            continue
        decoded.records.append(
            Point(
                name=cutter.name(told.name),
                value=value,
                unit=cutter.name(told.unit),
                start_ns=min(each.start_time_unix_nano, _LAST_NS),
                at_ns=min(each.time_unix_nano, _LAST_NS),
                is_delta=getattr(shape, "aggregation_temporality", 0) == _DELTA,
                attributes=_attributes(each.attributes, cutter),
                resource=resource,
            )
        )


def _log(decoded: Decoded, told: Any, scope: str, resource: dict[str, Any]) -> None:
    cutter = Cutter()
    trace_id, span_id = told.trace_id.hex(), told.span_id.hex()
    decoded.records.append(
        LogRecord(
            at_ns=min(told.time_unix_nano or told.observed_time_unix_nano, _LAST_NS),
            body=_value(told.body, cutter, 0),
            severity=told.severity_number,
            scope=scope,
            attributes=_attributes(told.attributes, cutter),
            trace_id=trace_id if is_id(trace_id, TRACE_DIGITS) else None,
            span_id=span_id if is_id(span_id, SPAN_DIGITS) else None,
            resource=resource,
        )
    )


def _attributes(told: Any, cutter: Cutter) -> dict[str, Any]:
    return {cutter.name(each.key): _value(each.value, cutter, 0) for each in cutter.attributes(told)}


def _value(told: Any, cutter: Cutter, depth: int) -> Any:
    kind = told.WhichOneof("value")
    if kind is None or cutter.is_too_deep(depth):
        return None
    value = getattr(told, kind)
    if kind == "string_value":
        return cutter.text(value)
    if kind == "double_value":
        return value if math.isfinite(value) else None
    if kind == "bytes_value":
        return cutter.text(base64.b64encode(value).decode("ascii"))
    if kind == "array_value":
        return [_value(each, cutter, depth + 1) for each in cutter.some(value.values)]
    if kind == "kvlist_value":
        return {cutter.name(each.key): _value(each.value, cutter, depth + 1) for each in cutter.some(value.values)}
    return value
