"""Traces as OTLP: JSON and protobuf of the same spans say the same, and files of each kind hold them."""

from __future__ import annotations

import base64
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from loopback_collector import Reply, collector, spans_of, trace

sys.path.append(str(Path(__file__).parents[1] / "cli"))
sys.path.append(str(Path(__file__).parents[1] / "exporters"))

from exported import NOW_MS, index_of
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from sample_calls import ORDER, run, write_order_call
from sample_calls import write as write_metadata

from callscope.errors import MissingExtraError, SettingError
from callscope.exporters.format import Done, Request
from callscope.exporters.otlp import FORMAT
from callscope.exporters.traces import document, messages
from callscope.exporters.traces.sender import RefusedError
from callscope.interop.spans import Span, SpanEvent
from callscope.query.query import CallQuery

_IDS = ("traceId", "spanId", "parentSpanId")


def parsed(text: bytes) -> Any:
    """A JSON request as the message that it is: ids are hexadecimal in OTLP, and base64 in protobuf's JSON."""
    request = json.loads(text)
    for span in spans_of(request):
        for name in _IDS:
            if name in span:
                span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    return json_format.ParseDict(request, ExportTraceServiceRequest())


@pytest.mark.parametrize("content", [False, True])
def test_json_and_protobuf_are_one_message(*, content: bool) -> None:
    spans = trace(content=content, openinference=content)

    message = parsed(document.request(spans))
    assert message == ExportTraceServiceRequest.FromString(messages.request(spans))
    assert len(message.resource_spans[0].scope_spans[0].spans) == len(spans)


def test_values_of_every_sort_keep_their_type() -> None:
    values = {
        "a": True,
        "b": -5,
        "c": 0.25,
        "d": "é\u202e",
        "e": {"f": [1, None, "x", []], "g": {}},
        "h": 2**62,
        "i": None,
    }
    event = SpanEvent(name="e", at_ns=2, attributes=values)
    spans = [
        Span(
            trace_id="0" * 31 + "1", span_id="0" * 15 + "2", name="n", start_ns=1, end_ns=3, attributes=values,
            events=(event,), status=2, status_message="m", kind=3, scope="s", scope_version="1", resource={"r": 1},
        ),
        Span(trace_id="0" * 31 + "1", span_id="0" * 15 + "3", parent_id="0" * 15 + "2", name="o", start_ns=1, end_ns=3),
    ]  # fmt: skip

    message = parsed(document.request(spans))
    assert message == ExportTraceServiceRequest.FromString(messages.request(spans))
    assert message.resource_spans[0].scope_spans[0].spans[0].attributes[4].value.kvlist_value.values[1].key == "g"
    assert len(message.resource_spans) == 2


def test_protobuf_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.proto.collector.trace.v1", None)

    with pytest.raises(MissingExtraError, match=r"callscope\[otlp\]"):
        messages.request(trace())


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    write_order_call(tmp_path / "archive")
    write_metadata(tmp_path / "archive", "other")
    return tmp_path / "archive"


def test_a_file_of_each_kind_holds_the_same_spans(archive: Path, tmp_path: Path) -> None:
    for name in ("a.json", "a.jsonl", "a.pb"):
        done = run("export", "--format", "otlp", "-o", str(tmp_path / name), "--root", str(archive))
        assert done.stdout.startswith(f"{tmp_path / name}  2 calls  "), done.stderr
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_bytes().splitlines()]
    spans = [span for line in lines for span in spans_of(line)]

    assert len(lines) == 2
    assert spans_of(json.loads((tmp_path / "a.json").read_bytes())) == spans
    message = ExportTraceServiceRequest.FromString((tmp_path / "a.pb").read_bytes())
    assert parsed((tmp_path / "a.json").read_bytes()) == message


def test_a_second_export_is_the_same_to_the_byte(archive: Path) -> None:
    first, again = (run("export", ORDER, "--format", "otlp", "--root", str(archive)) for _ in range(2))

    assert first.stdout == again.stdout
    assert len(first.stdout.splitlines()) == 1


def test_hostile_words_stay_inside_their_texts(archive: Path) -> None:
    done = run("export", ORDER, "--format", "otlp", "--content", "--root", str(archive))

    assert "fake row" in done.stdout
    assert len(done.stdout.splitlines()) == 1
    assert not [sign for sign in done.stdout.rstrip("\n") if not sign.isprintable()]


def test_calls_that_go_on_are_left_out_and_it_says_so(archive: Path) -> None:
    write_metadata(archive, "open", status="in_progress", ended_at=None, duration_ms=None)
    done = run("export", "--format", "otlp", "--root", str(archive))

    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == "note: 1 call in progress: left out\n"


def exported(root: Path, output: Path | None = None, **options: Any) -> Done:
    """What the format does, as the command asks it."""
    values: dict[str, Any] = {option.name: () if option.several else option.default for option in FORMAT.options}
    values |= {option.name: False for option in FORMAT.options if option.metavar is None}
    with index_of(root) as index:
        return FORMAT.run(
            Request(
                root=root,
                index=index,
                query=CallQuery(),
                now_ms=NOW_MS,
                output=output,
                force=False,
                options=values | options,
                stdout=io.BytesIO(),
            )
        )


@pytest.mark.parametrize(
    ("output", "options", "said"),
    [
        ("traces.txt", {}, "traces.txt is no name for it: end it in .jsonl or .json, or in .pb"),
        ("a.json", {"encoding": "protobuf"}, "a.json is no name for protobuf"),
        ("a.json", {"endpoint": "http://localhost:4318"}, "--endpoint and --output: give one of them"),
        (None, {"header": ("a=b",)}, "--header is of requests"),
        (None, {"endpoint": "localhost:4318"}, "is no address: give one as http://localhost:4318"),
        (None, {"endpoint": "http://u:secret@localhost"}, "holds a password: give it with --header"),
        (None, {"endpoint": "http://localhost", "header": ("no header",)}, "a header is NAME=VALUE"),
        (None, {"endpoint": "http://localhost", "header": ("content-type=a",)}, "content-type is set by callscope"),
    ],
)
def test_what_does_not_go_together_is_told(
    archive: Path, tmp_path: Path, output: str | None, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(SettingError) as told:
        exported(archive, None if output is None else tmp_path / output, **options)

    assert said in str(told.value)
    assert "secret" not in str(told.value)
    assert not list(tmp_path.glob("*.json"))


def test_an_export_is_sent_when_an_endpoint_is_given(archive: Path) -> None:
    with collector() as there:
        done = exported(archive, endpoint=there.url, service="desk")

    assert sorted(there.names) == [ORDER, "other"]
    assert len(there.requests) == 1
    sent = json.loads(there.requests[0].body)["resourceSpans"][0]
    assert sent["resource"] == {"attributes": [{"key": "service.name", "value": {"stringValue": "desk"}}]}
    assert done.notes == (f"{len(there.requests[0].spans)} spans of 2 calls sent to {there.url}/v1/traces",)


def test_an_endpoint_that_refuses_is_told_of(archive: Path) -> None:
    refusal = Reply(404, body=b"no such page", content_type="text/plain")
    with collector(refusal) as there, pytest.raises(RefusedError, match=r"404 Not Found \(no such page\); is this the"):
        exported(archive, endpoint=there.url)
