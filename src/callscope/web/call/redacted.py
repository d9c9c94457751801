"""A call without secrets and personal data, to be sent to somebody: every text of it, its name, and who called."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any, Final

import msgspec

from callscope.archive.reader import CallRecord
from callscope.model import wire
from callscope.model.call import Call, Problem
from callscope.model.event import Event
from callscope.model.turn import Turn
from callscope.model.wire import format_ts
from callscope.redaction import phone, policy
from callscope.redaction.keys import kind_of
from callscope.redaction.people import People
from callscope.redaction.policy import Policy
from callscope.redaction.text import redact_id

_POLICY: Final = Policy(phone="mask", transcript="redact")
_WORDS: Final = ("error", "direction", "telephony_provider", "provider_mode")
_CALLERS: Final = ("caller", "callee")
_ADDED_WORDS: Final = ("end_reason", "cost_problem")
_SHOWN: Final = ("recording", "cost_status", "unpriced", "cost_lines", "cost_catalogue", "actual", "framework")
"""What callscope adds and a page shows: figures, and names of services."""
_NAME: Final = frozenset({"name"})
"""Of an agent or a tool: nobody's."""
_DIGITS: Final = 8


def redacted(record: CallRecord) -> CallRecord:
    """The record with every text redacted, phone numbers masked, and what no page shows left out.

    Secrets, numbers and addresses go by their form; values under keys of people go whole, and their words from all
    other texts. The call's id is `redacted_name`.
    """
    people = People()
    call = record.call
    for name in dict.fromkeys((call.call_id, PurePath(call.path.replace("\\", "/")).name)):
        is_personal = redact_id(name) != name
        people.add(name, "person" if is_personal else "call", words=is_personal)
    for end in _CALLERS:
        told = getattr(call, end) or ""
        people.add("" if phone.is_masked(told) else told, "person")
    first = CallRecord(
        call=_call(call, people),
        turns=tuple(_turn(turn, people) for turn in record.turns),
        events=tuple(_event(event, people) for event in record.events),
        problems=_problems(record.problems, people),
        unreadable=_problems(record.unreadable, people),
        turn_rows=record.turn_rows,
        event_rows=record.event_rows,
    )
    return _hidden(first, people, redacted_name(call))


def redacted_name(call: Call) -> str:
    """A name for the call that tells its UTC day and nothing of its id: ``call-2026-11-21-3fa94c07``.

    The random id of the call's writer is in the hash, so that nobody finds the id by trying all phone numbers.
    """
    told = wire.encode([*_parts(call)[-4:], call.callscope.get("writer")])
    day = "undated" if call.started_at_ms is None else format_ts(call.started_at_ms)[:10]
    return f"call-{day}-{hashlib.sha256(told).hexdigest()[:_DIGITS]}"


def _parts(call: Call) -> tuple[str, ...]:
    return PurePath(call.path.replace("\\", "/")).parts


def _call(call: Call, people: People) -> Call:
    changes: dict[str, Any] = {name: _text(getattr(call, name), people) for name in _WORDS}
    for name in _CALLERS:
        raw = getattr(call, name)
        changes[name] = policy.phone_number(raw, _POLICY) if raw else raw
    return msgspec.structs.replace(
        call,
        status=_text(call.status, people),
        trace_id=_id(call.trace_id),
        recording_path=None,
        agent=policy.fields(people.read(call.agent, kept=_NAME), _POLICY),
        callscope=_added(call.callscope, people),
        **changes,
    )


def _added(callscope: dict[str, Any], people: People) -> dict[str, Any]:
    kept: dict[str, Any] = {key: callscope[key] for key in _SHOWN if key in callscope}
    labels = callscope.get("labels")
    kept["labels"] = policy.fields(people.read(labels), _POLICY) if isinstance(labels, dict) else {}
    for key in _ADDED_WORDS:
        if isinstance(callscope.get(key), str):
            kept[key] = _text(callscope[key], people)
    notes = callscope.get("notes")
    kept["notes"] = [
        {**note, "text": _text(note["text"], people)}
        for note in (notes if isinstance(notes, list) else ())
        if isinstance(note, dict) and isinstance(note.get("text"), str)
    ]
    return kept


def _turn(turn: Turn, people: People) -> Turn:
    return msgspec.structs.replace(
        turn,
        role=_text(turn.role, people),
        text=_text(turn.text, people),
        heard=_text(turn.heard, people),
        extra=None if turn.extra is None else policy.turn_row(people.read(turn.extra), _POLICY),
    )


def _event(event: Event, people: People) -> Event:
    kept = _NAME if kind_of("name", event_type=event.type) == "machine" else frozenset[str]()
    data = policy.event_data(event.type, people.read(event.data, kept=kept), _POLICY)
    return msgspec.structs.replace(event, type=_id(event.type), data=data)


def _problems(problems: Sequence[Problem], people: People) -> tuple[Problem, ...]:
    return tuple(msgspec.structs.replace(each, message=_text(each.message, people)) for each in problems)


def _text(text: str | None, people: People) -> Any:
    return None if text is None else policy.words(people.read_text(text), _POLICY)


def _id(text: str | None) -> Any:
    return None if text is None else redact_id(text)


def _hidden(record: CallRecord, people: People, name: str) -> CallRecord:
    """The record without the names that anything in it told, in texts that were read before these, too."""

    def hide(each: Any, *fields: str, **more: Any) -> Any:
        changes = {field: people.hide_in(getattr(each, field), field) for field in fields}
        return msgspec.structs.replace(each, **changes, **more)

    return msgspec.structs.replace(
        record,
        call=hide(record.call, *_WORDS, "trace_id", "agent", "callscope", call_id=name, path=name),
        turns=tuple(hide(turn, "text", "heard", "extra") for turn in record.turns),
        events=tuple(hide(event, "data") for event in record.events),
        problems=tuple(hide(each, "message") for each in record.problems),
        unreadable=tuple(hide(each, "message") for each in record.unreadable),
    )
