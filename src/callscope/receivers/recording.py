"""The body of LiveKit's upload of a session: a multipart form with a header, the history and the sound.

The header is protobuf, ``livekit.MetricsRecordingHeader``; the six of its fields that are needed are read here, as the
package that has its class is no part of any extra of a receiver.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from callscope.errors import UnreadableError
from callscope.model import wire

_BOUNDARY: Final = re.compile(r'boundary="?([^";,]{1,200})"?', re.IGNORECASE)
_NAME: Final = re.compile(rb'name="?([A-Za-z_]{1,40})"?', re.IGNORECASE)
_MAX_PARTS: Final = 16
_TEXTS: Final = {1: "room_id", 6: "room", 8: "job_id", 11: "session_summary"}
_DURATION: Final = 3
_STARTED: Final = 4
_VARINT_BITS: Final = 70


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """What an upload holds."""

    header: dict[str, Any]
    """``room_id``, ``job_id``, ``room``; ``duration_ms`` and ``started_at`` (Unix seconds) where they are told."""
    summary: dict[str, Any]
    """The report without events and history; empty from agents that send none."""
    history: dict[str, Any]
    """The history; empty when it is not recorded."""
    sound: bytes
    """Ogg; empty when it is not recorded."""


def read(body: bytes, content_type: str) -> Upload:
    """The parts of a body.

    Raises:
        UnreadableError: it is no such form, or a part of it is not what it should be.
    """
    found = _BOUNDARY.search(content_type)
    if "multipart/" not in content_type.lower() or found is None:
        raise UnreadableError("the body is no multipart form: send multipart/form-data with a boundary")
    parts = dict(_parts(body, found[1].encode("latin-1", "replace")))
    if "header" not in parts:
        raise UnreadableError("the form has no part 'header'")
    header = _header(parts["header"])
    summary = _json(header.pop("session_summary", "").encode(), "session_summary of the header")
    history = _json(parts.get("chat_history", b""), "chat_history")
    return Upload(header=header, summary=summary, history=history, sound=parts.get("audio", b""))


def _parts(body: bytes, boundary: bytes) -> Iterator[tuple[str, bytes]]:
    """Names and contents; a form that breaks off is none."""
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if len(pieces) < 3 or not pieces[-1].startswith(b"--"):  # noqa: PLR2004 -- before, a part, after
        raise UnreadableError("the form breaks off, or has another boundary than its Content-Type says")
    if len(pieces) > _MAX_PARTS:
        raise UnreadableError(f"the form has more than {_MAX_PARTS} parts")
    for piece in pieces[1:-1]:
        head, end, content = piece.partition(b"\r\n\r\n")
        line = next((each for each in head.split(b"\r\n") if each.lower().startswith(b"content-disposition:")), b"")
        name = _NAME.search(line.replace(b"filename", b""))
        if end and name is not None:
            yield name[1].decode().lower(), content


def _json(content: bytes, what: str) -> dict[str, Any]:
    if not content:
        return {}
    try:
        value = wire.decode(content)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"{what} is no JSON ({error})") from error
    if not isinstance(value, dict):
        raise UnreadableError(f"{what} is no JSON object")
    return value


def _header(content: bytes) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for number, value in _fields(content):
        if number in _TEXTS and isinstance(value, bytes):
            told[_TEXTS[number]] = value.decode("utf-8", "replace")
        elif number == _DURATION and isinstance(value, int):
            told["duration_ms"] = value
        elif number == _STARTED and isinstance(value, bytes):
            moment = dict(_fields(value))
            seconds, nanos = moment.get(1, 0), moment.get(2, 0)
            if isinstance(seconds, int) and isinstance(nanos, int) and 0 < seconds < 1 << 40:
                told["started_at"] = seconds + nanos / 1e9
    if not told.get("room_id") and not told.get("job_id"):
        raise UnreadableError("the header names no room and no job")
    return told


def _fields(content: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Numbers and values of a protobuf message, whatever they mean."""
    place = 0
    while place < len(content):
        key, place = _varint(content, place)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, place = _varint(content, place)
            yield number, value
            continue
        if kind == 2:  # noqa: PLR2004 -- bytes that tell their length
            length, place = _varint(content, place)
        elif kind in {1, 5}:
            length = 8 if kind == 1 else 4
        else:
            raise UnreadableError("the header is no protobuf message")
        if place + length > len(content):
            raise UnreadableError("the header breaks off")
        yield number, content[place : place + length]
        place += length


def _varint(content: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while place < len(content) and shift < _VARINT_BITS:
        byte = content[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:  # noqa: PLR2004 -- the last byte has no high bit
            return value, place
    raise UnreadableError("the header breaks off")
