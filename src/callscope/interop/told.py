"""What spans come to, row by row: the same few sentences for every dialect."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final
from urllib.parse import urlsplit

from callscope.interop import aliases
from callscope.interop.hosts import provider_of_host
from callscope.interop.spans import ERROR, Span, SpanEvent
from callscope.model import event as events
from callscope.model.event import Event
from callscope.model.whole import WholeTurn

Row = WholeTurn | Event

_EVENTS_FIRST: Final = {
    # At one moment: what ends comes before what begins, and a turn's row after the events that measure it.
    events.CLIENT_CONNECTED: 0,
    events.USER_STARTED_SPEAKING: 1,
    events.BARGE_IN: 2,
    events.AGENT_STOPPED_SPEAKING: 3,
    events.USER_TURN_STARTED: 4,
    events.USER_STOPPED_SPEAKING: 5,
    events.TRANSCRIPT: 6,
    events.USER_TURN_STOPPED: 7,
    events.LLM_STARTED: 8,
    events.LLM_FIRST_TOKEN: 9,
    events.TTS_STARTED: 10,
    events.TTS_FIRST_AUDIO: 11,
    events.AGENT_STARTED_SPEAKING: 12,
    events.CLIENT_DISCONNECTED: 97,
    events.CALL_ENDED: 98,
}
_USUAL_PLACE: Final = 50
_TURN_PLACE: Final = 90
_OWN_PLACE: Final = -1
_MAX_WORDS: Final = 4_000
_PROVIDERS: Final = {
    "azure.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "gcp.gemini": "google",
    "gcp.vertex_ai": "google",
    "gcp.gen_ai": "google",
    "aws.bedrock": "aws",
    "x_ai": "xai",
    "mistral_ai": "mistral",
    "vertexai": "google",
}
"""Names of the conventions, by those of our price files."""
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_UNKNOWN: Final = frozenset({"unknown", "none", "not_given"})


class Told:
    """Collects what is understood of a conversation."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self.agent: dict[str, Any] = {}
        self.labels: dict[str, Any] = {}
        self.end: dict[str, Any] = {}
        self.about: dict[str, Any] = {}
        """For the call's source: what has no other place."""
        self.computed: set[str] = set()
        self.not_understood: Counter[str] = Counter()
        self.started_ms: int | None = None
        self.ended_ms: int | None = None
        """The end of what holds the whole call; None: it has not come."""
        self.has_root = True
        """Whether one span holds the whole call, so that its absence means something."""
        self.reported: set[str] = set()
        """Services whose usage is told."""
        self._rows: list[tuple[int, int, int, Row]] = []

    @property
    def is_empty(self) -> bool:
        """Whether nothing was told."""
        return not self._rows

    def rows(self) -> tuple[Row, ...]:
        """In the order of their moments; rows that were told in their own order, in that."""
        own = [row for _, place, _, row in self._rows if place == _OWN_PLACE]
        return tuple(own or [row for *_, row in sorted(self._rows, key=lambda each: each[:3])])

    def rows_in_order(self, rows: list[Row]) -> None:
        """Rows whose order is known already, and that are all there is."""
        self._rows += [(0, _OWN_PLACE, place, row) for place, row in enumerate(rows)]

    def event(self, kind: str, at_ms: float, **data: Any) -> None:
        """Something happened; what is None of it is left out."""
        at = round(at_ms)
        told = {name: value for name, value in data.items() if value is not None}
        place = _EVENTS_FIRST.get(kind, _USUAL_PLACE)
        self._rows.append((at, place, len(self._rows), Event(ts_ms=at, type=kind, data=told)))

    def turn(self, role: str, text: str | None, at_ms: float, **more: Any) -> None:
        """A side said something."""
        at = round(at_ms)
        row = WholeTurn(role=role, text=text, at_ms=at, **more)
        self._rows.append((at, _TURN_PLACE, len(self._rows), row))

    def usage(self, service: str, at_ms: float, units: dict[str, float], **facts: Any) -> None:
        """Something billable; nothing is told where there are no units."""
        if units:
            self.reported.add(service)
            self.event(events.USAGE, at_ms, service=service, **facts, **units)

    def missed(self, what: str) -> None:
        """Something was not understood."""
        self.not_understood[what[:100]] += 1

    def errors(self, span: Span, stage: str | None, **facts: Any) -> bool:
        """Tell of what failed in a span; whether anything did."""
        found = [each for each in span.events if each.name == "exception"]
        for each in found:
            self._exception(each, span, stage, facts)
        if found or span.status != ERROR:
            return bool(found)
        message = span.status_message or aliases.text(span.attributes, ("exception.message", "error.message"))
        kind = aliases.text(span.attributes, ("error.type", "exception.type"))
        self.event(
            events.ERROR,
            span.end_ms,
            message=(message or kind or f"{span.name} failed")[:_MAX_WORDS],
            exception_type=kind,
            error_id=span.span_id,
            stage=stage,
            **facts,
        )
        return True

    def _exception(self, event: SpanEvent, span: Span, stage: str | None, facts: dict[str, Any]) -> None:
        kind = aliases.text(event.attributes, ("exception.type",))
        message = aliases.text(event.attributes, ("exception.message",))
        self.event(
            events.ERROR,
            event.at_ms,
            message=(message or kind or f"{span.name} failed")[:_MAX_WORDS],
            exception_type=kind,
            stack=aliases.text(event.attributes, ("exception.stacktrace",)),
            error_id=f"{span.span_id}-{event.at_ns}",
            stage=stage,
            **facts,
        )


def who(span: Span, **more: Any) -> dict[str, Any]:
    """Whose model did a span's work, as events tell it."""
    told = {"provider": provider_of(span), "model": model_of(span), **more}
    return {name: value for name, value in told.items() if value is not None}


def provider_of(span: Span) -> str | None:
    """A provider's name as prices have it: ``api.openai.com`` is ``openai``."""
    told = aliases.text(span.attributes, aliases.PROVIDER)
    return None if told is None or told.lower() in _UNKNOWN else provider_named(told)


def provider_named(told: str) -> str:
    """The same, of a name or a host."""
    name = told.lower()
    if name in _PROVIDERS:
        return _PROVIDERS[name]
    try:
        host = urlsplit(f"//{name}").hostname if "." in name or ":" in name or name == "localhost" else None
    except ValueError:
        host = None
    if host is None:
        return name
    if host in _LOOPBACK:
        return "localhost"
    return provider_of_host(host)


def model_of(span: Span) -> str | None:
    """A model's name; None where there is none."""
    told = aliases.text(span.attributes, aliases.MODEL)
    return None if told is None or told.lower() in _UNKNOWN else told


def tokens_of(span: Span) -> dict[str, float]:
    """What a request used, by unit; what nobody told is not in it."""
    told = {unit: aliases.number(span.attributes, names) for unit, names in aliases.UNITS.items()}
    return {unit: value for unit, value in told.items() if value is not None}
