"""A collector on the loopback interface, which answers as it is told to and keeps what it took; and traced calls."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, NamedTuple

from callscope.interop.spans import Span
from callscope.interop.trace import TraceOptions, trace_of
from callscope.model.call import Call
from callscope.model.event import Event
from callscope.model.turn import Turn

START_MS = 1_795_253_412_000  # 2026-11-21T09:30:12Z


class Reply(NamedTuple):
    """An answer."""

    status: int = 200
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes = b"{}"
    content_type: str = "application/json"


class Request(NamedTuple):
    """What came."""

    path: str
    headers: dict[str, str]
    body: bytes
    """Inflated."""

    @property
    def spans(self) -> list[dict[str, Any]]:
        return spans_of(json.loads(self.body))


class Collector:
    """Answers with ``replies`` in their order, and with 200 after them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.replies: list[Reply] = []
        self.requests: list[Request] = []

    @property
    def names(self) -> list[str]:
        """Conversations of the calls' own spans, in the order in which they came."""
        return [
            attributes(span)["gen_ai.conversation.id"]
            for request in self.requests
            for span in request.spans
            if "parentSpanId" not in span
        ]


@contextmanager
def collector(*replies: Reply) -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Content-Encoding"] == "gzip"
            headers = {name.lower(): value for name, value in self.headers.items()}
            made.requests.append(Request(self.path, headers, gzip.decompress(body)))
            reply = made.replies.pop(0) if made.replies else Reply()
            self.send_response(reply.status)
            for name, value in {**reply.headers, "Content-Type": reply.content_type}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- its interface
            """Not to the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Collector(f"http://127.0.0.1:{server.server_port}")
    made.replies = list(replies)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def spans_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        span for resource in document["resourceSpans"] for scope in resource["scopeSpans"] for span in scope["spans"]
    ]


def attributes(span: dict[str, Any]) -> dict[str, Any]:
    """Of a span as JSON, those whose values are texts and figures."""
    return {each["key"]: next(iter(each["value"].values()), None) for each in span["attributes"]}


def at(ms: int, kind: str, **data: Any) -> Event:
    return Event(ts_ms=START_MS + ms, type=kind, data=data)


def said(ms: int, role: str, text: str | None, index: int, **more: Any) -> Turn:
    return Turn(ts_ms=START_MS + ms, role=role, text=text, turn_index=index, **more)


def call(**fields: Any) -> Call:
    told = {
        "call_id": "c1",
        "path": "",
        "status": "completed",
        "started_at_ms": START_MS,
        "ended_at_ms": START_MS + 9_000,
    }
    return Call(**{**told, **fields})


EVENTS = (
    at(0, "client_connected"),
    at(1000, "user_started_speaking"),
    at(2000, "user_stopped_speaking", delay_ms=200),
    at(2190, "usage", service="stt", provider="deepgram", model="nova-3", audio_seconds=1.2),
    at(2300, "transcript", text="my card is 4111 1111 1111 1111", provider="deepgram", model="nova-3", language="en"),
    at(2310, "user_turn_stopped"),
    at(2320, "llm_started", request_id="r1", provider="anthropic", model="claude", processor="LLM#0"),
    at(2700, "llm_first_token", request_id="r1", ttft_ms=380),
    at(
        2800, "usage", service="llm", provider="anthropic", model="claude", request_id="r1",
        input_tokens=10, output_tokens=5, cache_read_input_tokens=90,
    ),
    at(2900, "llm_stopped", request_id="r1", outcome="tool_call"),
    at(2950, "tool_call", tool_call_id="t1", name="pay", arguments={"to": "Ann"}),
    at(3450, "tool_result", tool_call_id="t1", name="pay", outcome="failed", message="Ann has moved", result=None),
    at(3500, "llm_started", request_id="r2", provider="anthropic", model="claude"),
    at(3600, "error", message="it said Ann", stage="llm", exception_type="APIError", category="server"),
    at(3610, "llm_stopped", request_id="r2", outcome="failed"),
    at(3700, "usage", service="tts", provider="cartesia", model="sonic", characters=9),
    at(3710, "tts_started", request_id="s1", provider="cartesia", model="sonic", text_length=9),
    at(3800, "tts_first_audio", request_id="s1", ttfb_ms=90),
    at(4000, "agent_started_speaking"),
    at(4100, "usage", service="tts", provider="cartesia", model="sonic", characters=4),
    at(4200, "tts_stopped", request_id="s1", audio_seconds=2.5),
    at(5000, "user_started_speaking"),
    at(5100, "barge_in", heard_characters=3, generated_characters=13),
    at(5120, "agent_stopped_speaking", interrupted=True),
    at(6000, "user_stopped_speaking", delay_ms=100),
    at(8900, "client_disconnected", reason="the caller hung up"),
)  # fmt: skip
TURNS = (
    said(1000, "user", "my card is 4111 1111 1111 1111", 0),
    said(4000, "assistant", "Sorry, Ann.", 1, interrupted=True, heard="Sor", cost={"total": 0.5, "llm": 0.25}),
    said(5000, "user", "never mind", 2),
)


def trace(
    events: tuple[Event, ...] = EVENTS, turns: tuple[Turn, ...] = TURNS, *, of: Call | None = None, **options: Any
) -> tuple[Span, ...]:
    return trace_of(of or call(), turns, events, TraceOptions(**options))


def named(spans: tuple[Span, ...], name: str) -> Span:
    """The first span whose name begins so."""
    return next(span for span in spans if span.name.startswith(name))
