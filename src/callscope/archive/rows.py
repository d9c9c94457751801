"""Rows of transcript.jsonl and events.jsonl as turns and events, whichever writer's shape they have.

Two shapes of turn rows exist. One row a turn: ``role`` and ``text``. One row an exchange, as Patter's SDKs write it:
``user_text`` and ``agent_text``; it becomes a caller's turn and the agent's, the first message of a call (an empty
``user_text``) only the agent's. ``[interrupted]`` as ``agent_text`` says that the agent was cut off and that nobody
knows its words.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from callscope.model import wire
from callscope.model.event import Event
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
        turns.append(_turn(row, role="user", text=said, length="user_text_length", whole_row=lone))
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
        cost=_object(row.get("cost")),
        interrupted=cut or row.get("interrupted") is True,
        heard=_text(row.get("heard")),
        duration_ms=number(row.get("duration_ms")),
        extra=extra or None,
    )


def moment(row: dict[str, Any]) -> int | None:
    """Unix milliseconds of a row; None when it does not say."""
    ts_ms = wire.parse_ts(row.get("ts"))
    return ts_ms if ts_ms is not None else wire.parse_ts(row.get("timestamp"))


def _object(value: object) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return wire.encode(value).decode()
