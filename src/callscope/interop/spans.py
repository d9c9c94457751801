"""Spans, metric points and log records of OpenTelemetry as values, whatever they were sent as.

They are what ``source/spans.jsonl`` of a call holds, one JSON object a line, and what every dialect reads.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from callscope.model import wire

OK: Final = 1
ERROR: Final = 2
_NS: Final = 1_000_000


class SpanEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened at one moment of a span."""

    name: str
    at_ns: int
    """Unix nanoseconds."""
    attributes: dict[str, Any] = {}

    @property
    def at_ms(self) -> int:
        """Unix milliseconds."""
        return round(self.at_ns / _NS)


class Span(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="span", tag_field="is"):
    """One piece of work."""

    trace_id: str
    """32 hexadecimal digits in small letters."""
    span_id: str
    """16 of them."""
    parent_id: str | None = None
    name: str
    scope: str = ""
    """The instrumentation that tells of it."""
    scope_version: str = ""
    kind: int = 0
    start_ns: int
    """Unix nanoseconds."""
    end_ns: int
    status: int = 0
    """0 (nobody said), `OK` or `ERROR`."""
    status_message: str = ""
    attributes: dict[str, Any] = {}
    events: tuple[SpanEvent, ...] = ()
    links: tuple[str, ...] = ()
    """``trace_id:span_id`` of other spans."""
    resource: dict[str, Any] = {}
    """What is said of who sends it."""
    cut: int = 0
    """How many of its attributes, values or events were too many or too long, and were left out or cut."""

    @property
    def start_ms(self) -> int:
        """Unix milliseconds."""
        return round(self.start_ns / _NS)

    @property
    def end_ms(self) -> int:
        """Unix milliseconds; never before its start."""
        return max(self.start_ms, round(self.end_ns / _NS))

    @property
    def identity(self) -> str:
        """What is the same when it is sent again."""
        return f"{self.trace_id}:{self.span_id}"


class Point(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="point", tag_field="is"):
    """One figure of a metric: a sum over a time, for one set of attributes."""

    name: str
    value: float
    unit: str = ""
    start_ns: int = 0
    at_ns: int = 0
    is_delta: bool = False
    """It counts what came since the figure before it; otherwise, since its beginning."""
    attributes: dict[str, Any] = {}
    resource: dict[str, Any] = {}

    @property
    def identity(self) -> str:
        """What is the same when it is sent again."""
        series = wire.encode(sorted(self.attributes.items())).decode("utf-8", "replace")
        return f"{self.name}:{self.start_ns}:{self.at_ns}:{series}"


class LogRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="log", tag_field="is"):
    """One line of a log."""

    at_ns: int
    body: Any = None
    severity: int = 0
    """As OpenTelemetry counts: from 17, an error."""
    scope: str = ""
    attributes: dict[str, Any] = {}
    trace_id: str | None = None
    span_id: str | None = None
    resource: dict[str, Any] = {}

    @property
    def at_ms(self) -> int:
        """Unix milliseconds."""
        return round(self.at_ns / _NS)

    @property
    def identity(self) -> str:
        """What is the same when it is sent again."""
        body = wire.encode([self.body, sorted(self.attributes.items())]).decode("utf-8", "replace")
        return f"{self.at_ns}:{self.severity}:{body}"


Record = Span | Point | LogRecord
_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final[msgspec.json.Decoder[Record]] = msgspec.json.Decoder(Record)


def encode(record: Record) -> bytes:
    """A record as a line, without its end."""
    return _ENCODER.encode(record)


def decode(line: bytes) -> Record:
    """A record from its line.

    Raises:
        ValueError: it is none.
    """
    return _DECODER.decode(line)


def distinct(records: Iterable[Record]) -> list[Record]:
    """Each record once, in an order that does not depend on the order they came in.

    Of two spans with one id the one that says more is kept: exporters send again, and some send a span before its end.
    """
    kept: dict[tuple[str, str], tuple[tuple[int, int, bytes], Record]] = {}
    for record in records:
        key = type(record).__name__, record.identity
        there = kept.get(key)
        if there is not None and there[1] == record:
            continue
        line = encode(record)
        rank = (record.end_ns if isinstance(record, Span) else 0, len(line), line)
        if there is None or rank > there[0]:
            kept[key] = rank, record
    return [record for _, record in sorted(kept.values(), key=_place)]


def _place(held: tuple[tuple[int, int, bytes], Record]) -> tuple[int, int, bytes]:
    rank, record = held
    return (record.start_ns if isinstance(record, Span) else record.at_ns, rank[0], rank[2])
