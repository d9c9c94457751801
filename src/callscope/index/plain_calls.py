"""Calls that ended and are exactly as callscope writes them, read in a third of the time.

Reading is most of what a first build does, and nearly all calls are plain: whole lines, the keys and types of schema
1.0. They are decoded into types, file by file. Whatever is otherwise in the least (a torn line, another writer's row, a
number beyond 64 bits, a call in progress) is left to `callscope.archive.reader.read_call`, which knows what to do. The
two give the same rows: a test holds them to it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final, TypeVar

import msgspec

from callscope.archive import envelope, rows
from callscope.archive.paths import EVENTS, METADATA, TRANSCRIPT
from callscope.archive.reader import CallRecord, orphans, read_file
from callscope.model import wire
from callscope.model.call import ABANDONED, IN_PROGRESS, Call
from callscope.model.event import Event
from callscope.model.turn import Turn

_DIGITS: Final = bytes(b"0"[0] if byte in b"0123456789" else 32 for byte in range(256))
_LONG: Final = b"0" * 19
_LONG_NUMBER: Final = re.compile(rb"[:,\[ \t-][0-9]{19}")
_STAMP_LENGTH: Final = len("2026-11-21T09:30:00.250Z")
_SECONDS: Final = len("2026-11-21T09:30:00")
_ERRORS: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _TurnRow(msgspec.Struct, frozen=True):
    ts: str
    role: str
    text: str | None = None
    turn_index: int | None = None
    latency: dict[str, Any] | None = None
    cost: dict[str, Any] | None = None
    interrupted: bool = False
    heard: str | None = None
    duration_ms: int | float | None = None
    text_length: int | None = None
    user_text: Any = msgspec.UNSET
    agent_text: Any = msgspec.UNSET


class _EventRow(msgspec.Struct, frozen=True):
    ts: str
    type: str
    data: dict[str, Any]


_Row = TypeVar("_Row", _TurnRow, _EventRow)

_metadata: Final = msgspec.json.Decoder(dict[str, Any])
_turns: Final = msgspec.json.Decoder(_TurnRow)
_events: Final = msgspec.json.Decoder(_EventRow)


class _NotPlainError(Exception):
    """It is to be read with more care."""


def read_plain(directory: str) -> CallRecord | None:
    """A call as `read_call` gives it, but for `Turn.extra`; None when it is not plain. Never raises."""
    try:
        call = _call(directory)
        turns = [_turn(row) for row in _rows(_turns, f"{directory}/{TRANSCRIPT}")]
        events = [
            Event(ts_ms=_moment(row.ts), type=row.type, data=row.data)
            for row in _rows(_events, f"{directory}/{EVENTS}")
        ]
    except _NotPlainError:
        return None
    except _ERRORS:
        return None
    if orphans(directory) or not all(event.type for event in events):
        return None
    return CallRecord(
        call=call,
        turns=tuple(rows.in_order(turns)),
        events=tuple(events),
        turn_rows=len(turns),
        event_rows=len(events),
    )


def _call(directory: str) -> Call:
    document = _metadata.decode(_content(f"{directory}/{METADATA}"))
    call = envelope.call_of(document, path=directory)
    if call.status in {IN_PROGRESS, ABANDONED} or None in (call.started_at_ms, call.turns):
        raise _NotPlainError
    if envelope.problems_of(document, call):
        raise _NotPlainError
    return call


def _rows(decoder: msgspec.json.Decoder[_Row], path: str) -> list[_Row]:
    data = _content(path)
    found = decoder.decode_lines(data)
    if len(found) != data.count(b"\n") or (data and not data.endswith(b"\n")):
        raise _NotPlainError  # a row over several lines, several in one, or nothing in one
    return found


def _content(path: str) -> bytes:
    content = read_file(path)
    data = content.data or b""
    if content.complaint is not None:
        raise _NotPlainError
    if _LONG in data.translate(_DIGITS) and _LONG_NUMBER.search(data):  # the run of digits is rare, and found faster
        raise _NotPlainError
    return data


def _turn(row: _TurnRow) -> Turn:
    if row.user_text is not msgspec.UNSET or row.agent_text is not msgspec.UNSET:
        raise _NotPlainError
    return Turn(
        ts_ms=_moment(row.ts),
        turn_index=row.turn_index,
        role=row.role or rows.UNKNOWN_ROLE,
        text=row.text,
        latency=row.latency,
        cost=row.cost,
        interrupted=row.interrupted,
        heard=row.heard,
        duration_ms=row.duration_ms,
        text_length=row.text_length,
    )


def _moment(ts: str) -> int:
    """Unix milliseconds of a time; most rows of a call share their second with others."""
    fraction = ts[_SECONDS + 1 : -1]
    if (
        len(ts) == _STAMP_LENGTH
        and ts[_SECONDS] == "."
        and ts[-1] == "Z"
        and fraction.isascii()
        and fraction.isdecimal()
    ):
        second = _second(ts[:_SECONDS])
        if second is not None:
            return second + int(fraction)
    found = wire.parse_ts(ts)
    if found is None:
        raise _NotPlainError
    return found


@lru_cache(maxsize=4096)
def _second(text: str) -> int | None:
    return wire.parse_ts(f"{text}Z")
