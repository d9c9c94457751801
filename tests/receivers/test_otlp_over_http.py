"""OTLP over HTTP: what is answered to whom, on the dashboard's port and on a port of its own."""

from __future__ import annotations

import gzip
import json
import re
import signal
import subprocess
import sys
import time
import urllib.request
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from sent_traces import SETTINGS, as_json, small_call, span
from starlette.testclient import TestClient

from callscope.archive.reader import read_metadata
from callscope.index.index import Index
from callscope.interop.otlp import from_protobuf
from callscope.interop.otlp.limits import REQUEST_BYTES
from callscope.receivers import otlp
from callscope.receivers.gathering import Capacity
from callscope.receivers.otlp import JSON, PROTOBUF
from callscope.receivers.receiver import Receiver
from callscope.receivers.routes import Door
from callscope.web.app import create_app as dashboard_app
from callscope.web.receiving import create_app
from callscope.web.safety import Access
from callscope.web.site import Site

TOKEN = "a-token-that-nobody-knows"  # noqa: S105 -- of this test alone
CALL = as_json(*small_call())
FIXTURE = Path(__file__).parent / "fixtures" / "livekit-1.8-typed.pb"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "calls"


@pytest.fixture
def client(root: Path) -> Iterator[TestClient]:
    door = Door(root, lambda place: Receiver(place, SETTINGS))
    with TestClient(create_app(door), base_url="http://localhost") as client:
        yield client


def told_calls(root: Path) -> dict[str, Any]:
    found = [read_metadata(str(path.parent)) or {} for path in root.glob("calls/*/*/*/*/metadata.json")]
    return {str(document["call_id"]): document for document in found}


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (CALL, {}),
        (gzip.compress(CALL), {"Content-Encoding": "gzip"}),
        (zlib.compress(CALL), {"Content-Encoding": "deflate"}),
        (CALL, {"Content-Type": "application/json; charset=utf-8"}),
    ],
)
def test_json_is_answered_in_json(client: TestClient, body: bytes, headers: dict[str, str]) -> None:
    answer = client.post("/v1/traces", content=body, headers={"Content-Type": JSON, **headers})

    assert (answer.status_code, answer.json()) == (200, {})
    assert answer.headers["content-type"] == JSON


def test_protobuf_is_answered_in_protobuf(client: TestClient, root: Path) -> None:
    body = gzip.compress(FIXTURE.read_bytes())
    answer = client.post("/v1/traces", content=body, headers={"Content-Type": PROTOBUF, "Content-Encoding": "gzip"})

    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, b"", PROTOBUF)
    client.__exit__(None, None, None)
    assert len(told_calls(root)) == 1
    client.__enter__()


@pytest.mark.parametrize("bad", [{"traceId": "not an id"}, "notaspan", None, ["a"]])
def test_a_span_that_cannot_be_taken_is_named_and_the_others_are_taken(client: TestClient, bad: Any) -> None:
    document = json.loads(CALL)
    document["resourceSpans"][0]["scopeSpans"][0]["spans"].append(bad)
    answer = client.post("/v1/traces", json=document)

    assert answer.status_code == 200
    assert answer.json()["partialSuccess"]["rejectedSpans"] == "1"
    assert "resourceSpans[0].scopeSpans[0].spans[1]" in answer.json()["partialSuccess"]["errorMessage"]


def test_partial_success_in_protobuf_is_read_by_the_published_classes() -> None:
    body = otlp.accepted("traces", PROTOBUF, rejected=300, why="a span has no id").body

    partial = ExportTraceServiceResponse.FromString(body).partial_success
    assert (partial.rejected_spans, partial.error_message) == (300, "a span has no id")


@pytest.mark.parametrize(
    ("body", "headers", "status", "said"),
    [
        (b"{", {"Content-Type": JSON}, 400, "no JSON"),
        (b"[]", {"Content-Type": JSON}, 400, "resourceSpans"),
        (b"\xff\xff", {"Content-Type": PROTOBUF}, 400, "no OTLP/protobuf"),
        (b"plain", {"Content-Type": JSON, "Content-Encoding": "gzip"}, 400, "no gzip"),
        (gzip.compress(CALL)[:-9], {"Content-Type": JSON, "Content-Encoding": "gzip"}, 400, "breaks off"),
        (CALL, {"Content-Type": "text/plain"}, 415, "send application/x-protobuf or application/json"),
        (CALL, {"Content-Type": JSON, "Content-Encoding": "br"}, 415, "send gzip"),
        (b" " * (REQUEST_BYTES + 1), {"Content-Type": JSON}, 413, "smaller batches"),
        (
            gzip.compress(b" " * (REQUEST_BYTES + 1)),
            {"Content-Type": JSON, "Content-Encoding": "gzip"},
            413,
            "smaller batches",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_for_good(
    client: TestClient, root: Path, body: bytes, headers: dict[str, str], status: int, said: str
) -> None:
    answer = client.post("/v1/traces", content=body, headers=headers)

    assert answer.status_code == status
    assert said.encode() in answer.content
    assert "retry-after" not in answer.headers
    assert not told_calls(root)


def test_a_sender_waits_while_too_much_is_open(root: Path) -> None:
    receiver = Receiver(root, SETTINGS, capacity=Capacity(buckets=1))
    first, second = as_json(*small_call("a", is_over=False)), as_json(*small_call("b", is_over=False))
    assert otlp.answer(receiver, "traces", first, content_type=JSON).status == 200
    receiver.tell()

    answer = otlp.answer(receiver, "traces", second, content_type=JSON)

    assert (answer.status, answer.headers) == (429, {"Retry-After": "10"})
    receiver.close()


def test_a_sender_waits_while_another_process_has_the_archive(client: TestClient, root: Path) -> None:
    with Receiver(root, SETTINGS):
        answer = client.post("/v1/traces", content=CALL, headers={"Content-Type": JSON})

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "10"
    assert "another process receives" in answer.json()["message"]


def test_without_the_extra_protobuf_is_refused_with_what_to_install(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("opentelemetry.proto")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry.proto", None)

    answer = client.post("/v1/traces", content=b"", headers={"Content-Type": PROTOBUF})

    assert answer.status_code == 415
    assert b"pip install 'callscope[otlp]'" in answer.content
    assert b"http/json" in answer.content


def test_only_who_may_is_answered(root: Path) -> None:
    access = Access(hosts=frozenset({"calls.example"}), any_address=True, token=TOKEN)
    door = Door(root, lambda place: Receiver(place, SETTINGS))
    headers = {"Content-Type": JSON}
    with TestClient(create_app(door, access=access), base_url="http://calls.example") as client:

        def status(**more: str) -> int:
            return client.post("/v1/traces", content=CALL, headers={**headers, **more}).status_code

        assert status() == 401
        assert status(authorization="Bearer wrong") == 401
        assert status(authorization=f"Bearer {TOKEN}", host="evil.example") == 421
        assert status(authorization=f"Bearer {TOKEN}", origin="http://evil.example") == 403
        assert status(authorization=f"Bearer {TOKEN}") == 200
        assert client.get("/v1/traces", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 405


def test_metrics_tell_the_seconds_that_spans_do_not(client: TestClient, root: Path) -> None:
    session = span("agent_session", 0, 9, {"lk.room_sid": "RM_1"}, scope="livekit-agents")
    point = {
        "asDouble": 4.5,
        "startTimeUnixNano": "1",
        "timeUnixNano": "2",
        "attributes": [
            {"key": "room_id", "value": {"stringValue": "RM_1"}},
            {"key": "model_name", "value": {"stringValue": "nova-3"}},
            {"key": "model_provider", "value": {"stringValue": "deepgram"}},
        ],
    }
    metric = {"name": "lk.agents.usage.stt_audio_duration", "sum": {"dataPoints": [point]}}
    client.post("/v1/metrics", json={"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]})
    client.post("/v1/traces", content=as_json(session), headers={"Content-Type": JSON})
    client.__exit__(None, None, None)

    (line,) = told_calls(root)["RM_1"]["callscope"]["usage"]
    assert (line["provider"], line["model"], line["units"]) == ("deepgram", "nova-3", {"audio_seconds": 4.5})
    client.__enter__()


def test_a_log_line_with_an_exception_is_an_error_of_its_call(client: TestClient, root: Path) -> None:
    session = span("agent_session", 0, 9, {"lk.room_sid": "RM_1"}, scope="livekit-agents")
    record = {
        "timeUnixNano": str(session.start_ns + 10**9),
        "severityNumber": 17,
        "body": {"stringValue": "a tool failed"},
        "attributes": [
            {"key": "room_id", "value": {"stringValue": "RM_1"}},
            {"key": "exception.type", "value": {"stringValue": "RuntimeError"}},
            {"key": "exception.message", "value": {"stringValue": "the driver's phone is off"}},
        ],
    }
    client.post("/v1/traces", content=as_json(session), headers={"Content-Type": JSON})
    client.post("/v1/logs", json={"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]})
    client.__exit__(None, None, None)

    assert told_calls(root)["RM_1"]["callscope"]["errors"] == 1
    client.__enter__()


PROGRAM = "from callscope.cli.commands.receive import command; command()"


@pytest.mark.e2e
def test_callscope_receive_listens_and_ends_with_what_it_did(root: Path) -> None:
    program = [sys.executable, "-c", PROGRAM, "--root", str(root), "--port", "0"]
    with subprocess.Popen(program, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        address = re.search(r"http://127\.0\.0\.1:\d+", process.stderr.readline())
        assert address is not None
        request = urllib.request.Request(f"{address[0]}/v1/traces", data=CALL, headers={"Content-Type": JSON})  # noqa: S310 -- loopback
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 -- loopback
            assert answer.status == 200
        until = time.monotonic() + 60
        while "C1" not in told_calls(root) and time.monotonic() < until:
            time.sleep(0.02)
        assert told_calls(root)["C1"]["status"] == "completed"
        process.send_signal(signal.SIGTERM)
        said = process.stderr.read()
        assert process.wait(60) == 0
    assert "received 5 records" in said


def test_the_protobuf_reader_gives_what_is_in_a_request() -> None:
    assert len(from_protobuf.decode("traces", FIXTURE.read_bytes()).records) == 22


def test_the_dashboard_receives_on_its_own_port(root: Path, tmp_path: Path) -> None:
    with Index.open(root, place=tmp_path / "index.sqlite") as index:
        site = Site(root, index, now_ms=lambda: 1_795_000_100_000, version="0")
        with TestClient(dashboard_app(site, refreshing=False), base_url="http://localhost") as client:
            taken = client.post("/v1/traces", content=CALL, headers={"Content-Type": JSON})
            other_site = client.post("/v1/traces", content=CALL, headers={"Content-Type": JSON, "origin": "http://x"})

    assert (taken.status_code, other_site.status_code) == (200, 403)
    assert told_calls(root)["C1"]["status"] == "completed"
