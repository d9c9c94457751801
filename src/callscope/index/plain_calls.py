"""Calls that ended and are exactly as callscope writes them, read in a third of the time.

Reading is most of what a first build does, and nearly all calls are plain: whole lines, the keys and types of schema
1.0. They are decoded into types, file by file. Whatever is otherwise in the least (a torn line, another writer's row, a
number beyond 64 bits, a call in progress) is left to `callscope.archive.reader.read_call`, which knows what to do. The
two give the same rows: a test holds them to it.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeVar

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
_BEFORE_A_NUMBER: Final = frozenset(b":,[ \t-")
_MINUTE: Final = len("2026-11-21T09:30")
_MOST_MINUTES: Final = 50_000
_ERRORS: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _TurnRow(msgspec.Struct, frozen=True, gc=False):
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


class _EventRow(msgspec.Struct, frozen=True, gc=False):
    ts: str
    type: Annotated[str, msgspec.Meta(min_length=1)]
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
            Event(ts_ms=_minutes[row.ts[:_MINUTE]] + _seconds[row.ts[_MINUTE:]], type=row.type, data=row.data)
            for row in _rows(_events, f"{directory}/{EVENTS}")
        ]
    except _NotPlainError:
        return None
    except _ERRORS:
        return None
    if orphans(directory):
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
    if _has_long_number(data):
        raise _NotPlainError
    return data


def _has_long_number(data: bytes) -> bool:
    """Whether there is a number of 19 digits or more, which a decoder may take for another; not those in text."""
    digits = data.translate(_DIGITS)
    place = digits.find(_LONG)
    while place >= 0:
        if place and data[place - 1] in _BEFORE_A_NUMBER:
            return True
        end = digits.find(b" ", place)
        place = digits.find(_LONG, end) if end >= 0 else -1
    return False


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


class _Minutes(dict[str, int]):
    """Unix milliseconds by the text of a minute, as ``2026-11-21T09:30``; filled as they are asked for."""

    def __missing__(self, text: str) -> int:
        found = wire.parse_ts(f"{text}:00.000Z")
        if found is None:
            raise _NotPlainError
        if len(self) >= _MOST_MINUTES:
            self.clear()
        self[text] = found
        return found


class _Seconds(dict[str, int]):
    """Milliseconds by the rest of a time, as ``:07.250Z``; filled as they are asked for. There are 60,000 of them."""

    def __missing__(self, text: str) -> int:
        number = text[1:3] + text[4:7]
        is_time = text[0:1] == ":" and text[3:4] == "." and text[7:] == "Z"
        if not (is_time and number.isascii() and number.isdecimal() and text[1] < "6"):
            raise _NotPlainError
        found = self[text] = int(number)
        return found


_minutes: Final = _Minutes()
_seconds: Final = _Seconds()


def _moment(ts: str) -> int:
    """Unix milliseconds of a time. Two look-ups: the rows of a call share their minutes."""
    return _minutes[ts[:_MINUTE]] + _seconds[ts[_MINUTE:]]
