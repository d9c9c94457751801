"""Rows of transcript.jsonl and events.jsonl as turns and events, whichever writer's shape they have.

Two shapes of turn rows exist. One row a turn: ``role`` and ``text``. One row an exchange, as Patter's SDKs write it:
``user_text`` and ``agent_text``; it becomes a caller's turn and the agent's, the first message of a call (an empty
``user_text``) only the agent's. ``[interrupted]`` as ``agent_text`` says that the agent was cut off and that nobody
knows its words. Such a row has one moment, that of its writing, when the exchange is over: the caller's turn was
``total_ms`` before it, or earlier, for that is counted from the caller's first sound to the agent's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from callscope.model import wire
from callscope.model.event import AGENT_TEXT, Event
from callscope.model.turn import Turn

INTERRUPTED_TEXT: Final = "[interrupted]"
UNKNOWN_ROLE: Final = "unknown"
_FIELDS: Final = frozenset(
    {
        "schema_version",
        "ts",
        "timestamp",
        "turn_index",
        "role",
        "text",
        "latency",
        "cost",
        "interrupted",
        "heard",
        "duration_ms",
        "text_length",
        "user_text",
        "agent_text",
        "user_text_length",
        "agent_text_length",
    }
)
_USED: Final = {"stt_audio_seconds": ("stt", "audio_seconds"), "tts_characters": ("tts", "characters")}
"""What a row of an exchange says of its use of services, whose providers it does not name."""
_LONGEST_EXCHANGE_MS: Final = 3_600_000
_ROUNDING_MS: Final = 2
"""A turn's start and its length are rounded each for itself."""
_EVENT_FIELDS: Final = frozenset({"schema_version", "ts", "type", "data"})


def turns_of(row: dict[str, Any]) -> list[Turn]:
    """The turns that one row of transcript.jsonl tells of; empty when it tells of none."""
    if "user_text" in row or "agent_text" in row:
        return _exchange(row)
    if "role" not in row and "text" not in row:
        return []
    role = row.get("role")
    return [_turn(row, role=role if isinstance(role, str) and role else UNKNOWN_ROLE, text=_text(row.get("text")))]


def event_of(row: dict[str, Any]) -> Event | None:
    """The event of one row of events.jsonl; None when the row does not say what happened.

    Facts that stand beside ``type`` instead of in ``data`` are taken as its data.
    """
    kind = row.get("type")
    if not isinstance(kind, str) or not kind:
        return None
    data = row.get("data")
    if data is None:
        data = {key: value for key, value in row.items() if key not in _EVENT_FIELDS}
    elif not isinstance(data, dict):
        data = {"value": data}
    return Event(ts_ms=moment(row), type=kind, data=data)


def in_order(turns: list[Turn]) -> list[Turn]:
    """Turns as they were spoken: by index and time, where all of them have one; else as they were written."""
    if all(turn.turn_index is not None for turn in turns):
        return sorted(turns, key=lambda turn: (turn.turn_index, turn.ts_ms or 0))
    if all(turn.ts_ms is not None for turn in turns):
        return sorted(turns, key=lambda turn: turn.ts_ms or 0)
    return turns


def unwritten_turn(turns: Sequence[Turn], events: Iterable[Event]) -> Turn | None:
    """The agent's turn that was being spoken when its writer died; None when there is none.

    It is made of the words that began to play after the last turn of the agent: those are its text, and what was
    heard. A turn lasts from its moment for its duration.
    """
    written = [turn for turn in turns if turn.role == "assistant" and turn.ts_ms is not None]
    over_ms = max(((turn.ts_ms or 0) + (turn.duration_ms or 0) for turn in written), default=-_ROUNDING_MS)
    played = [
        (event.ts_ms, event.data)
        for event in events
        if event.type == AGENT_TEXT and event.ts_ms is not None and event.ts_ms > over_ms + _ROUNDING_MS
    ]
    if not played:
        return None
    words = [data["text"].strip() for _, data in played if isinstance(data.get("text"), str)]
    lengths = [data["text_length"] for _, data in played if type(data.get("text_length")) is int]
    indexes = [turn.turn_index for turn in turns if turn.turn_index is not None]
    began_ms = min(moment for moment, _ in played)
    return Turn(
        ts_ms=began_ms,
        turn_index=max(indexes, default=-1) + 1 if len(indexes) == len(turns) else None,
        role="assistant",
        text=" ".join(words) if words else None,
        heard=" ".join(words) if words else None,
        text_length=None if words else sum(lengths),
        duration_ms=max(moment for moment, _ in played) - began_ms,
    )


def usage_of(turns: Iterable[Turn]) -> Iterator[dict[str, Any]]:
    """What rows of exchanges say that they used, as the data of ``usage`` events; a 0 is not believed."""
    for turn in turns:
        for key, (service, unit) in _USED.items() if turn.extra else ():
            quantity = number((turn.extra or {}).get(key))
            if quantity:
                yield {"service": service, unit: quantity}


def whole(value: object) -> int | None:
    """A whole number, also one that a writer left as ``3.0``; None for anything else."""
    if type(value) is int:
        return value
    return int(value) if isinstance(value, float) and value.is_integer() else None


def number(value: object) -> float | None:
    """A number as it is; None for anything else."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _exchange(row: dict[str, Any]) -> list[Turn]:
    turns = []
    said, answered = _text(row.get("user_text")), _text(row.get("agent_text"))
    lone = "agent_text" not in row
    if said != "" and (said is not None or "user_text" in row):
        caller = _turn(row, role="user", text=said, length="user_text_length", whole_row=lone)
        turns.append(caller if lone else msgspec.structs.replace(caller, ts_ms=_caller_moment(row, caller.ts_ms)))
    if not lone:
        cut = answered == INTERRUPTED_TEXT
        text = None if cut else answered
        turns.append(_turn(row, role="assistant", text=text, length="agent_text_length", cut=cut))
    return turns


def _turn(
    row: dict[str, Any],
    *,
    role: str,
    text: str | None,
    length: str = "text_length",
    cut: bool = False,
    whole_row: bool = True,
) -> Turn:
    """One turn; with ``whole_row`` it takes what the row says beside the words, which belongs to one turn only."""
    turn = Turn(
        ts_ms=moment(row),
        turn_index=whole(row.get("turn_index")),
        role=role,
        text=text,
        text_length=whole(row.get(length)),
    )
    if not whole_row:
        return turn
    extra = {key: value for key, value in row.items() if key not in _FIELDS}
    return msgspec.structs.replace(
        turn,
        latency=_object(row.get("latency")),
        cost=_cost(row.get("cost")),
        interrupted=cut or row.get("interrupted") is True,
        heard=_text(row.get("heard")),
        duration_ms=number(row.get("duration_ms")),
        extra=extra or None,
    )


def _caller_moment(row: dict[str, Any], written_ms: int | None) -> int | None:
    """When the caller began, in a row of an exchange that was written at its end."""
    total_ms = number((_object(row.get("latency")) or {}).get("total_ms"))
    if written_ms is None or total_ms is None or not 0 < total_ms < _LONGEST_EXCHANGE_MS:
        return written_ms
    return max(0, written_ms - round(total_ms))


def moment(row: dict[str, Any]) -> int | None:
    """Unix milliseconds of a row; None when it does not say."""
    ts_ms = wire.parse_ts(row.get("ts"))
    return ts_ms if ts_ms is not None else wire.parse_ts(row.get("timestamp"))


def _cost(value: object) -> dict[str, Any] | None:
    """US dollars by part; Patter's documentation has one number."""
    usd = number(value)
    return {"total": usd} if usd is not None else _object(value)


def _object(value: object) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return wire.encode(value).decode()
