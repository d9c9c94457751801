"""A call without secrets and personal data, to be sent to somebody: every text of it, and who called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from callscope.archive.paths import safe_name
from callscope.archive.reader import CallRecord
from callscope.model.call import Call, Problem
from callscope.model.event import Event
from callscope.model.turn import Turn
from callscope.redaction import policy
from callscope.redaction.policy import Policy
from callscope.redaction.text import redact_id

_POLICY: Final = Policy(phone="mask", transcript="redact")
_IDS: Final = ("call_id", "trace_id")
_WORDS: Final = ("error", "direction", "telephony_provider", "provider_mode")
_PEOPLE: Final = ("caller", "callee")
_ADDED_WORDS: Final = ("end_reason", "cost_problem")
_SHOWN: Final = ("recording", "cost_status", "unpriced", "cost_lines", "cost_catalogue", "actual", "framework")
"""What callscope adds and a page shows: figures, and names of services."""


def redacted(record: CallRecord) -> CallRecord:
    """The record with every text redacted, phone numbers masked, and what no page shows left out."""
    return CallRecord(
        call=_call(record.call),
        turns=tuple(_turn(turn) for turn in record.turns),
        events=tuple(_event(event) for event in record.events),
        problems=_problems(record.problems),
        unreadable=_problems(record.unreadable),
        turn_rows=record.turn_rows,
        event_rows=record.event_rows,
    )


def redacted_name(name: str) -> str:
    """A call's name as the name of a file."""
    return safe_name(redact_id(name))


def _call(call: Call) -> Call:
    changes: dict[str, Any] = {name: _id(getattr(call, name)) for name in _IDS}
    changes |= {name: _words(getattr(call, name)) for name in _WORDS}
    for name in _PEOPLE:
        raw = getattr(call, name)
        changes[name] = policy.phone_number(raw, _POLICY) if raw else raw
    return msgspec.structs.replace(
        call,
        path=redacted_name(call.path.replace("\\", "/").rpartition("/")[2]),
        status=_words(call.status),
        recording_path=None,
        agent=policy.fields(call.agent, _POLICY),
        callscope=_added(call.callscope),
        **changes,
    )


def _added(callscope: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {key: callscope[key] for key in _SHOWN if key in callscope}
    kept["labels"] = policy.fields(callscope["labels"], _POLICY) if isinstance(callscope.get("labels"), dict) else {}
    for key in _ADDED_WORDS:
        if isinstance(callscope.get(key), str):
            kept[key] = _words(callscope[key])
    notes = callscope.get("notes")
    kept["notes"] = [
        {**note, "text": _words(note["text"])}
        for note in (notes if isinstance(notes, list) else ())
        if isinstance(note, dict) and isinstance(note.get("text"), str)
    ]
    return kept


def _turn(turn: Turn) -> Turn:
    row = {name: value for name in ("text", "heard") if (value := getattr(turn, name)) is not None}
    said = policy.turn_row(row, _POLICY)
    return msgspec.structs.replace(
        turn,
        role=_words(turn.role),
        text=said.get("text"),
        heard=said.get("heard"),
        extra=None if turn.extra is None else policy.turn_row(turn.extra, _POLICY),
    )


def _event(event: Event) -> Event:
    data = policy.event_data(event.type, event.data, _POLICY)
    return msgspec.structs.replace(event, type=_id(event.type), data=data)


def _problems(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    return tuple(msgspec.structs.replace(each, message=_words(each.message)) for each in problems)


def _words(text: str | None) -> Any:
    return policy.words(text, _POLICY)


def _id(text: str | None) -> Any:
    return None if text is None else redact_id(text)
