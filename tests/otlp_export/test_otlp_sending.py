"""Spans sent over HTTP to a collector that is not always well."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from loopback_collector import Collector, Reply, collector, trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from callscope.exporters.traces.endpoint import HEADERS, endpoint
from callscope.exporters.traces.sender import AT_ONCE, Encoding, RefusedError, Sender, UnreachableError

SPANS = trace()


class Pauses(list[float]):
    """What would have been waited."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def sender(there: Collector, pauses: Pauses, *, encoding: Encoding = "json", tries: int | None = 3) -> Sender:
    return Sender(endpoint(there.url), encoding=encoding, tries=tries, wait=pauses)


def test_it_is_sent_again_until_it_is_taken() -> None:
    pauses = Pauses()
    with collector(Reply(503), Reply(429, {"Retry-After": "7"})) as there:
        sent = sender(there, pauses).send(SPANS)

    assert sent.spans == len(SPANS)
    assert [request.body for request in there.requests] == [there.requests[0].body] * 3
    assert [span["spanId"] for span in there.requests[2].spans] == [span.span_id for span in SPANS]
    assert (there.requests[0].path, there.requests[0].headers["content-type"]) == ("/v1/traces", "application/json")
    assert 0.5 <= pauses[0] <= 1
    assert pauses[1] == 7


def test_a_pause_may_be_asked_for_as_a_date() -> None:
    pauses = Pauses()
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=120), usegmt=True)
    with collector(*[Reply(503, {"Retry-After": asked}) for asked in (soon, "soon", "-3", "1e99", "nan")]) as there:
        sender(there, pauses, tries=9).send(SPANS)

    assert 60 < pauses[0] <= 120
    assert 1 <= pauses[1] <= 2  # what cannot be read is no answer: its own pause, doubled
    assert pauses[2:4] == [0, 600]
    assert 8 <= pauses[4] <= 16


@pytest.mark.parametrize("status", [400, 401, 404, 413, 500, 302])
def test_what_is_refused_is_not_sent_again(status: int) -> None:
    pauses = Pauses()
    body = json.dumps({"code": 3, "message": "no \x1b[2Jsuch thing"}).encode()
    with (
        collector(Reply(status, {"Location": "http://127.0.0.1:1/"}, body)) as there,
        pytest.raises(RefusedError) as told,
    ):
        sender(there, pauses).send(SPANS)

    assert (len(there.requests), pauses) == (1, [])
    assert f"refused it: it answered {status}" in str(told.value)
    assert "such thing)" in str(told.value)
    assert "\x1b" not in str(told.value)
    assert told.value.is_of_the_request is (status in {400, 413})


def test_who_is_not_there_is_tried_so_often_and_no_more() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    pauses = Pauses()

    with pytest.raises(UnreachableError, match="did not take it, tried 3 times: Connection refused"):
        Sender(endpoint(url), tries=3, wait=pauses).send(SPANS)
    assert len(pauses) == 2


def test_protobuf_is_sent_as_such() -> None:
    with collector() as there:
        sender(there, Pauses(), encoding="protobuf").send(SPANS)

    assert there.requests[0].headers["content-type"] == "application/x-protobuf"
    message = ExportTraceServiceRequest.FromString(there.requests[0].body)
    assert [span.span_id.hex() for span in message.resource_spans[0].scope_spans[0].spans] == [
        span.span_id for span in SPANS
    ]


def test_what_was_rejected_of_it_is_told() -> None:
    partial = ExportTraceServiceResponse(
        partial_success=ExportTracePartialSuccess(rejected_spans=2, error_message="too old")
    )
    as_json = json.dumps({"partialSuccess": {"rejectedSpans": "2", "errorMessage": "too old"}}).encode()
    replies = (
        Reply(body=as_json),
        Reply(body=partial.SerializeToString(), content_type="application/x-protobuf"),
        Reply(body=b"<html>", content_type="text/html"),
        Reply(status=202, body=b""),
    )
    with collector(*replies) as there:
        sent = [sender(there, Pauses()).send(SPANS) for _ in replies]

    assert [(each.spans, each.rejected, each.why) for each in sent] == [
        *[(len(SPANS) - 2, 2, "too old")] * 2,
        *[(len(SPANS), 0, "")] * 2,
    ]


def test_many_spans_are_several_requests() -> None:
    with collector() as there:
        sender(there, Pauses()).send([SPANS[0]] * (AT_ONCE + 1))

    assert [len(request.spans) for request in there.requests] == [AT_ONCE, 1]


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://localhost:4318", "http://localhost:4318/v1/traces"),
        ("http://localhost:4318/", "http://localhost:4318/v1/traces"),
        ("http://localhost:6006/v1/traces", "http://localhost:6006/v1/traces"),
        ("https://host/api/otel?key=1#x", "https://host/api/otel/v1/traces?key=1"),
    ],
)
def test_an_address_leads_to_the_traces(given: str, url: str) -> None:
    assert endpoint(given).url == url
    assert "key" not in endpoint(given).shown


def test_headers_come_from_the_environment_and_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HEADERS, "authorization=Basic%20a%3D%3D, x-team=one")
    with collector() as there:
        Sender(endpoint(there.url, ["X-Team=two"])).send(SPANS)

    sent = there.requests[0].headers
    assert (sent["authorization"], sent["x-team"]) == ("Basic a==", "two")
