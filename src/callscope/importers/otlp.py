"""Traces in files, of any framework that the receiver understands.

A file holds one request (JSON, as a collector's file exporter writes it, or protobuf), requests as lines of JSON, or
the lines of a call's ``source/spans.jsonl``. Nothing more comes of a file: a call whose end is not in it ends with its
last span. Records that cannot be taken are told with the file's first call, and kept beside it. See docs/otlp.md.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from callscope.errors import UnreadableError
from callscope.importers.base.original import Original
from callscope.interop import calls, spans
from callscope.interop.otlp import from_json, from_protobuf
from callscope.interop.otlp.decoded import Decoded, Signal
from callscope.model import wire
from callscope.model.whole import WholeCall

HELP: Final = "OpenTelemetry traces: OTLP as JSON, lines of JSON or protobuf."
UNIT: Final = "file"
LEFT_OUT: Final = "left_out.jsonl"
"""Of a call's ``source/``: records of its file that could not be taken, one a line."""
_SIGNALS: Final[dict[str, Signal]] = {"resourceSpans": "traces", "resourceMetrics": "metrics", "resourceLogs": "logs"}


def translate(original: Original) -> list[WholeCall]:
    """The calls of a file; none when nothing in it is one.

    Raises:
        UnreadableError: it holds no OTLP, or none of its records can be taken.
    """
    content = original.content
    start = content.lstrip()[:1]
    decoded = _protobuf(original) if start not in {b"{", b"["} else _json(original, content)
    told = (calls.tell(each) for each in calls.gathered(decoded.records, is_silent=True))
    found = [call for call in told if call is not None]
    if not decoded.rejected:
        return found
    why = f"{decoded.rejected} of its records cannot be taken, the first: {decoded.why}"
    if not found:
        raise original.unreadable(f"holds nothing that can be taken: {why}")
    return [_with_left_out(found[0], decoded, original.name), *found[1:]]


def _with_left_out(call: WholeCall, decoded: Decoded, name: str) -> WholeCall:
    """A call that tells what of its file could not be taken; nobody knows of which call of the file it was."""
    what = f"records of {name} that cannot be taken, the first: {decoded.why}"
    kept = {LEFT_OUT: b"".join(wire.encode(each) + b"\n" for each in decoded.left_out)} if decoded.left_out else {}
    return msgspec.structs.replace(
        call,
        source={**call.source, "not_understood": {**call.source.get("not_understood", {}), what: decoded.rejected}},
        originals={**call.originals, **kept},
    )


def _protobuf(original: Original) -> Decoded:
    try:
        return from_protobuf.decode("traces", original.content)
    except UnreadableError as error:
        raise original.unreadable("is neither OTLP/JSON nor an OTLP/protobuf request of traces") from error


def _json(original: Original, content: bytes) -> Decoded:
    try:
        whole = wire.decode(content)
    except (ValueError, RecursionError):
        whole = None
    decoded = Decoded(records=[])
    if whole is not None:
        for document in whole if isinstance(whole, list) else [whole]:
            _take(decoded, document, original.place)
        return decoded
    for number, line in enumerate(content.split(b"\n"), 1):
        if line.strip():
            where = f"{original.place}:{number}"
            try:
                document = wire.decode(line)
            except (ValueError, RecursionError) as error:
                raise UnreadableError(f"{where} is no JSON ({error})") from error
            _take(decoded, document, where)
    return decoded


def _take(decoded: Decoded, document: Any, where: str) -> None:
    """Take the records of one request, or the one of a line of ours."""
    if isinstance(document, dict):
        for key, signal in _SIGNALS.items():
            if key in document:
                try:
                    part = from_json.decode(signal, wire.encode(document))
                except UnreadableError as error:
                    raise UnreadableError(f"{where}: {error}") from error
                decoded.add(part, where=where.rpartition("/")[2])
                return
        if "is" in document:
            try:
                decoded.records.append(spans.decode(wire.encode(document)))
            except ValueError as error:
                raise UnreadableError(f"{where} is no record of a spans.jsonl ({error})") from error
            return
    raise UnreadableError(f"{where} is no OTLP/JSON: it has no {', no '.join(_SIGNALS)}")
