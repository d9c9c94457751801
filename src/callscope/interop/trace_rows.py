"""Rows of a call as events of spans: what the way back is made of, and what other programs show at its moment."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import msgspec

from callscope.interop import gen_ai
from callscope.interop.spans import SpanEvent
from callscope.model import event as events
from callscope.model import wire
from callscope.model.event import Event
from callscope.model.turn import Turn
from callscope.redaction import phone, text
from callscope.redaction import policy as redaction
from callscope.redaction.policy import Policy

_NS_PER_MS: Final = 1_000_000
_LAST_MS: Final = (2**63 - 1) // _NS_PER_MS
"""In the year 2262, the last moment that readers with signed numbers hold."""
WITH_WORDS: Final = Policy(phone="mask", transcript="redact")
"""Words leave the machine without what `redact` takes out of them, whatever they are like on the disk."""
WITHOUT_WORDS: Final = Policy(phone="mask", transcript="off")
TELLING: Final = frozenset(
    {
        events.BARGE_IN,
        events.ERROR,
        events.ERROR_RECOVERED,
        events.SILENCE,
        events.WARNING,
        events.SERVICE_SWITCHED,
        events.DTMF,
        events.AGENT_STARTED_SPEAKING,
        events.USER_STOPPED_SPEAKING,
    }
)
"""What other programs show with profit; the rest is for the way back."""
_SHORTEST_NUMBER: Final = 9
"""Digits. Shorter ones are dates and numbers of builds as often."""
_TURN_KEYS: Final = ("turn_index", "text", "latency", "cost", "interrupted", "heard", "duration_ms", "text_length")
_OF_EXCEPTIONS: Final = {
    "exception_type": gen_ai.EXCEPTION_TYPE,
    "message": gen_ai.EXCEPTION_MESSAGE,
    "stack": gen_ai.EXCEPTION_STACK,
}


def event_row(row: int | None, event: Event, at_ms: int, policy: Policy) -> SpanEvent:
    """A row of events.jsonl.

    Args:
        row: its 0-based place; None where it is for other programs alone, as not all rows are told.
        event: what it tells.
        at_ms: Unix milliseconds at which it stands; of a row without a moment, those of the row before it.
        policy: what may be told of it.
    """
    data = _plain(redaction.event_data(event.type, event.data, policy))
    attributes: dict[str, Any] = {} if row is None else {gen_ai.EVENT_ROW: row}
    attributes[gen_ai.ROW_TYPE] = event.type
    name = event.type
    if event.type == events.ERROR:
        name = gen_ai.EXCEPTION
        said = {"exception_type": error_type(event.data), **{key: data[key] for key in _OF_EXCEPTIONS if key in data}}
        attributes |= {_OF_EXCEPTIONS[key]: value for key, value in said.items()}
    return _span_event(name, at_ms, attributes, data, is_known=event.ts_ms is not None)


def turn_row(row: int, turn: Turn, at_ms: int, policy: Policy) -> SpanEvent:
    """A row of transcript.jsonl, likewise."""
    fields = msgspec.structs.asdict(turn)
    told = {key: fields[key] for key in _TURN_KEYS if fields[key] is not None and fields[key] is not False}
    masked = redaction.turn_row({**(turn.extra or {}), **told}, policy)
    if turn.text is None:
        masked.pop("text", None)
    attributes: dict[str, Any] = {gen_ai.TURN_ROW: row, gen_ai.ROW_TYPE: turn.role}
    return _span_event(f"turn {turn.role}", at_ms, attributes, _plain(masked), is_known=turn.ts_ms is not None)


def error_type(data: dict[str, Any]) -> str:
    """The low-cardinality name of a failure: its exception's type, else its category."""
    for key in ("exception_type", "category"):
        value = data.get(key)
        if isinstance(value, str) and value and value != "unknown":
            return value
    return gen_ai.OTHER_ERROR


def fields(value: dict[str, Any], policy: Policy) -> dict[str, Any]:
    """The agent or the labels of metadata, without words that may not be told, and without phone numbers."""
    told = _plain(redaction.fields(value, policy))
    return {key: _without_number(each) for key, each in told.items() if each is not None}


def party(number: str | None) -> str | None:
    """A caller or a callee, masked: the phone policy of the archive may have been another one."""
    return (number if phone.is_masked(number) else phone.mask(number)) if number else None


@lru_cache(maxsize=64)
def conversation(call_id: str) -> str:
    """A call's id; its hash where it is or holds a phone number, a card or an address."""
    return call_id if text.redact_id(call_id) == call_id else phone.hashed(call_id)


def nanoseconds(ms: int) -> int:
    """Unix nanoseconds of Unix milliseconds, in what the format holds."""
    return min(max(ms, 0), _LAST_MS) * _NS_PER_MS


def _span_event(
    name: str, at_ms: int, attributes: dict[str, Any], data: dict[str, Any], *, is_known: bool
) -> SpanEvent:
    if not is_known:
        attributes[gen_ai.MOMENT_UNKNOWN] = True
    attributes = _plain(attributes)
    attributes |= {f"{gen_ai.DATA}{key}": value for key, value in data.items() if value is not None}
    return SpanEvent(name=wire.name(name), at_ns=nanoseconds(at_ms), attributes=attributes)


def _plain(data: dict[str, Any]) -> dict[str, Any]:
    plain = wire.plain(data)
    return plain if isinstance(plain, dict) else {}


def _without_number(value: Any) -> Any:
    if isinstance(value, str):
        digits = sum(char.isdecimal() for char in value)
        return phone.mask(value) if digits >= _SHORTEST_NUMBER and phone.is_number(value) else value
    if isinstance(value, dict):
        return {key: _without_number(each) for key, each in value.items()}
    return [_without_number(each) for each in value] if isinstance(value, list) else value
