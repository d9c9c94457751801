"""Traces in files, of any framework that the receiver understands.

A file holds one request (JSON, as a collector's file exporter writes it, or protobuf), requests as lines of JSON, or
the lines of a call's ``source/spans.jsonl``. Nothing more comes of a file: a call whose end is not in it ends with its
last span. See docs/otlp.md.
"""

from __future__ import annotations

from typing import Any, Final

from callscope.errors import UnreadableError
from callscope.importers.base.original import Original
from callscope.interop import calls, spans
from callscope.interop.otlp import from_json, from_protobuf
from callscope.interop.otlp.decoded import Signal
from callscope.interop.spans import Record
from callscope.model import wire
from callscope.model.whole import WholeCall

HELP: Final = "OpenTelemetry traces: OTLP as JSON, lines of JSON or protobuf."
UNIT: Final = "file"
_SIGNALS: Final[dict[str, Signal]] = {"resourceSpans": "traces", "resourceMetrics": "metrics", "resourceLogs": "logs"}


def translate(original: Original) -> list[WholeCall]:
    """The calls of a file; none when nothing in it is one.

    Raises:
        UnreadableError: it holds no OTLP.
    """
    content = original.content
    start = content.lstrip()[:1]
    records = _protobuf(original) if start not in {b"{", b"["} else _json(original, content)
    told = (calls.tell(each) for each in calls.gathered(records, is_silent=True))
    return [call for call in told if call is not None]


def _protobuf(original: Original) -> list[Record]:
    try:
        return from_protobuf.decode("traces", original.content).records
    except UnreadableError as error:
        raise original.unreadable("is neither OTLP/JSON nor an OTLP/protobuf request of traces") from error


def _json(original: Original, content: bytes) -> list[Record]:
    try:
        whole = wire.decode(content)
    except (ValueError, RecursionError):
        whole = None
    if whole is not None:
        return [
            each for document in (whole if isinstance(whole, list) else [whole]) for each in _one(original, document)
        ]
    records: list[Record] = []
    for number, line in enumerate(content.split(b"\n"), 1):
        if line.strip():
            try:
                document = wire.decode(line)
            except (ValueError, RecursionError) as error:
                raise UnreadableError(f"{original.place}:{number} is no JSON ({error})") from error
            records += _one(original, document, line=number)
    return records


def _one(original: Original, document: Any, *, line: int | None = None) -> list[Record]:
    """The records of one request, or the one of a line of ours."""
    where = original.place if line is None else f"{original.place}:{line}"
    if isinstance(document, dict):
        for key, signal in _SIGNALS.items():
            if key in document:
                return from_json.decode(signal, wire.encode(document)).records
        if "is" in document:
            try:
                return [spans.decode(wire.encode(document))]
            except ValueError as error:
                raise UnreadableError(f"{where} is no record of a spans.jsonl ({error})") from error
    raise UnreadableError(f"{where} is no OTLP/JSON: it has no {', no '.join(_SIGNALS)}")
