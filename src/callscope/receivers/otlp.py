"""OTLP over HTTP, without the HTTP: from a request's body to the answer's, in the request's own encoding."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

import msgspec

from callscope.errors import MissingExtraError, UnreadableError
from callscope.interop.otlp import from_json, from_protobuf
from callscope.interop.otlp.decoded import Decoded, Signal
from callscope.interop.otlp.limits import REQUEST_BYTES
from callscope.receivers.gathering import FullError

if TYPE_CHECKING:
    from callscope.receivers.receiver import Receiver

JSON: Final = "application/json"
PROTOBUF: Final = "application/x-protobuf"
RETRY_AFTER_SECONDS: Final = 10
_PACKED: Final = frozenset({"gzip", "deflate", "x-gzip"})
_ANY_HEADER: Final = 47  # zlib: gzip or zlib, whichever it is
_VARINT: Final = 128

_INVALID_ARGUMENT: Final = 3
_RESOURCE_EXHAUSTED: Final = 8
_UNIMPLEMENTED: Final = 12
_UNAVAILABLE: Final = 14


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a sender is told."""

    status: int
    body: bytes
    content_type: str
    headers: dict[str, str] = {}


def answer(receiver: Receiver, signal: Signal, body: bytes, *, content_type: str, encoding: str = "") -> Answer:
    """Take a request in.

    Args:
        receiver: where its records go.
        signal: which of the three kinds it is.
        body: as it came.
        content_type: the header; parameters are passed over.
        encoding: the header ``Content-Encoding``; empty when there is none.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in {JSON, PROTOBUF}:
        said = f"Content-Type is {kind[:100] or 'missing'}: send {PROTOBUF} or {JSON}"
        return refuse(415, said, JSON, headers={"Accept": f"{PROTOBUF}, {JSON}"})
    try:
        decoded = decode(signal, body, kind=kind, encoding=encoding)
    except _TooLongError as error:
        return refuse(413, str(error), kind)
    except UnreadableError as error:
        return refuse(400, str(error), kind)
    except MissingExtraError as error:
        return refuse(415, f"{error}, or send {JSON} (OTEL_EXPORTER_OTLP_PROTOCOL=http/json)", kind)
    except LookupError as error:
        return refuse(415, str(error.args[0]), kind)
    try:
        taken = receiver.take(decoded)
    except FullError:
        return busy("too many traces are open at once", kind, status=429)
    except OSError as error:
        return busy(f"the archive cannot be written ({error.strerror or error})", kind)
    return accepted(signal, kind, rejected=taken.rejected, why=taken.why)


def decode(signal: Signal, body: bytes, *, kind: str, encoding: str = "") -> Decoded:
    """The records of a request.

    Raises:
        UnreadableError: it is none.
        MissingExtraError: it is protobuf, and the extra is not installed.
        LookupError: it is packed in a way that is not known.
    """
    plain = _unpacked(body, encoding.strip().lower())
    return from_json.decode(signal, plain) if kind == JSON else from_protobuf.decode(signal, plain)


def accepted(signal: Signal, kind: str, *, rejected: int = 0, why: str = "") -> Answer:
    """All of it was taken, or all but some records that must not be sent again."""
    name = {"traces": "rejectedSpans", "metrics": "rejectedDataPoints", "logs": "rejectedLogRecords"}[signal]
    if kind == JSON:
        partial = {"partialSuccess": {name: str(rejected), "errorMessage": why}} if rejected else {}
        return Answer(status=200, body=msgspec.json.encode(partial), content_type=JSON)
    message = _field(2, why.encode()) if why else b""
    body = _field(1, _number(1, rejected) + message) if rejected else b""
    return Answer(status=200, body=body, content_type=PROTOBUF)


def refuse(status: int, why: str, kind: str, *, headers: dict[str, str] | None = None) -> Answer:
    """It was not taken; the body is a ``google.rpc.Status`` in the request's encoding."""
    code = {413: _RESOURCE_EXHAUSTED, 415: _UNIMPLEMENTED, 429: _RESOURCE_EXHAUSTED, 503: _UNAVAILABLE}.get(
        status, _INVALID_ARGUMENT
    )
    if kind == PROTOBUF:
        body = _number(1, code) + _field(2, why.encode("utf-8", "replace"))
    else:
        body = msgspec.json.encode({"code": code, "message": why.encode("utf-8", "replace").decode()})
    return Answer(status=status, body=body, content_type=kind, headers=headers or {})


def busy(why: str, kind: str, *, status: int = 503) -> Answer:
    """It is to be sent again a little later."""
    return refuse(status, why, kind, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def too_long(kind: str) -> Answer:
    """The body is longer than is taken."""
    return refuse(413, str(_TooLongError()), kind)


class _TooLongError(Exception):
    def __str__(self) -> str:
        return f"the body is longer than {REQUEST_BYTES >> 20} MB unpacked: send smaller batches"


def _unpacked(body: bytes, encoding: str) -> bytes:
    if encoding in {"", "identity"}:
        if len(body) > REQUEST_BYTES:
            raise _TooLongError
        return body
    if encoding not in _PACKED:
        raise LookupError(f"Content-Encoding is {encoding[:100]}: send gzip, or none")
    unpacker = zlib.decompressobj(_ANY_HEADER)
    try:
        plain = unpacker.decompress(body, REQUEST_BYTES + 1)
    except zlib.error as error:
        raise UnreadableError(f"the body is no {encoding} ({error})") from error
    if len(plain) > REQUEST_BYTES:
        raise _TooLongError
    if not unpacker.eof:
        raise UnreadableError(f"the body is {encoding} that breaks off")
    return plain


def _number(field: int, value: int) -> bytes:
    return bytes([field << 3]) + _varint(value)


def _field(field: int, content: bytes) -> bytes:
    return bytes([field << 3 | 2]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= _VARINT:
        out.append(value % _VARINT | _VARINT)
        value //= _VARINT
    return bytes([*out, value])
