"""Spans as OTLP's protobuf messages. Needs the extra ``otlp``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any, Final

from callscope.errors import MissingExtraError
from callscope.interop.spans import Span

CONTENT_TYPE: Final = "application/x-protobuf"


def require() -> None:
    """Raise `MissingExtraError` where the packages are not installed."""
    _modules()


def request(spans: Iterable[Span]) -> bytes:
    """An ``ExportTraceServiceRequest``. Requests behind each other are one request: that of all their spans."""
    service, trace = _modules()
    made = service.ExportTraceServiceRequest()
    for (scope, version), group in groupby(spans, key=lambda span: (span.scope, span.scope_version)):
        for _, of_one in groupby(group, key=lambda span: repr(span.resource)):
            found = list(of_one)
            resource = made.resource_spans.add()
            resource.resource.SetInParent()
            _pairs(resource.resource.attributes, found[0].resource)
            scoped = resource.scope_spans.add()
            scoped.scope.SetInParent()
            scoped.scope.name, scoped.scope.version = scope, version
            for span in found:
                _fill(scoped.spans.add(), span, trace)
    data: bytes = made.SerializeToString(deterministic=True)
    return data


def rejected(answer: bytes) -> tuple[int, str]:
    """How many spans an answer says were not taken, and why; raises `ValueError` when it is no such message."""
    service, _ = _modules()
    from google.protobuf.message import DecodeError  # noqa: PLC0415 -- an extra

    try:
        partial = service.ExportTraceServiceResponse.FromString(answer).partial_success
    except DecodeError as error:
        raise ValueError(str(error)) from error
    return partial.rejected_spans, partial.error_message


def _modules() -> tuple[Any, Any]:
    try:
        from opentelemetry.proto.collector.trace.v1 import trace_service_pb2  # noqa: PLC0415 -- an extra
        from opentelemetry.proto.trace.v1 import trace_pb2  # noqa: PLC0415 -- as above
    except ImportError as error:
        raise MissingExtraError("otlp", what="OTLP as protobuf") from error
    return trace_service_pb2, trace_pb2


def _fill(message: Any, span: Span, trace: Any) -> None:
    message.trace_id = bytes.fromhex(span.trace_id)
    message.span_id = bytes.fromhex(span.span_id)
    if span.parent_id is not None:
        message.parent_span_id = bytes.fromhex(span.parent_id)
    message.name = span.name
    message.kind = span.kind
    message.start_time_unix_nano = span.start_ns
    message.end_time_unix_nano = span.end_ns
    _pairs(message.attributes, span.attributes)
    for event in span.events:
        told = message.events.add(name=event.name, time_unix_nano=event.at_ns)
        _pairs(told.attributes, event.attributes)
    message.status.CopyFrom(trace.Status(code=span.status, message=span.status_message))


def _pairs(field: Any, values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        _value(field.add(key=key).value, value)


def _value(field: Any, value: Any) -> None:
    """Fill an ``AnyValue``; it stays empty for what is null."""
    if value is None:
        field.SetInParent()
    elif isinstance(value, bool):
        field.bool_value = value
    elif isinstance(value, int):
        field.int_value = value
    elif isinstance(value, float):
        field.double_value = value
    elif isinstance(value, str):
        field.string_value = value
    elif isinstance(value, Mapping):
        field.kvlist_value.SetInParent()
        _pairs(field.kvlist_value.values, value)
    else:
        field.array_value.SetInParent()
        for each in value:
            _value(field.array_value.values.add(), each)
