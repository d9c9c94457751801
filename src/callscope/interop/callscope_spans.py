"""Traces of callscope's own export, read back: every row of the call is an event of one of its spans.

See `callscope.interop.gen_ai` for how a row is told. What was not exported (words, unless asked for; phone numbers
beyond their last digits) is not in the call that comes of it. Rows that have not come are counted as missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callscope.interop import aliases, gen_ai
from callscope.interop.spans import Span, SpanEvent
from callscope.interop.told import Row, Told
from callscope.model.call import IN_PROGRESS
from callscope.model.event import Event
from callscope.model.whole import WholeTurn

_TURN_KEYS = frozenset({"text", "latency", "cost", "interrupted", "heard", "duration_ms", "turn_index"})
_WORDS = {
    "direction": gen_ai.DIRECTION,
    "telephony_provider": gen_ai.TELEPHONY,
    "provider_mode": gen_ai.MODE,
    "caller": gen_ai.CALLER,
    "callee": gen_ai.CALLEE,
    "trace_id": gen_ai.TRACE_ID,
}


def is_of(span: Span) -> bool:
    """Whether a span is of an export of ours."""
    return span.scope == gen_ai.SCOPE


def has_rows(spans: list[Span]) -> bool:
    """Whether the way back is in them: an export may leave the rows out."""
    return any(
        gen_ai.EVENT_ROW in event.attributes or gen_ai.TURN_ROW in event.attributes
        for span in spans
        for event in span.events
    )


def tell(told: Told, spans: list[Span]) -> None:
    """Tell of a call, from its spans in any order."""
    root = next((each for each in spans if gen_ai.EXPORT in each.attributes), None)
    events: dict[int, Row] = {}
    turns: dict[int, Row] = {}
    for span in spans:
        for each in span.events:
            place = aliases.figure(each.attributes.get(gen_ai.EVENT_ROW))
            if place is not None:
                events[int(place)] = _event(each)
            place = aliases.figure(each.attributes.get(gen_ai.TURN_ROW))
            if place is not None:
                turns[int(place)] = _turn(each)
    told.rows_in_order(_woven([row for _, row in sorted(events.items())], [row for _, row in sorted(turns.items())]))
    if root is None:
        return
    told.started_ms = root.start_ms
    if root.attributes.get(gen_ai.STATUS) != IN_PROGRESS:
        told.ended_ms = root.end_ms
    _tell_call(told, root.attributes)
    for name, count in ((gen_ai.EVENT_ROWS, len(events)), (gen_ai.TURN_ROWS, len(turns))):
        missing = (aliases.figure(root.attributes.get(name)) or 0) - count
        if missing > 0:
            told.not_understood[f"rows that have not come ({name})"] = int(missing)


def _tell_call(told: Told, attributes: Mapping[str, Any]) -> None:
    for field, name in _WORDS.items():
        value = aliases.text(attributes, (name,))
        if value is not None:
            told.fields[field] = value
    framework = aliases.text(attributes, (gen_ai.FRAMEWORK,))
    if framework is not None:
        version = aliases.text(attributes, (gen_ai.FRAMEWORK_VERSION,))
        told.fields["framework"] = {"name": framework, **({"version": version} if version else {})}
    agent = aliases.structure(attributes.get(gen_ai.AGENT))
    if isinstance(agent, dict):
        told.agent.update(agent)
    for name, value in attributes.items():
        if name.startswith(gen_ai.LABEL):
            told.labels[name.removeprefix(gen_ai.LABEL)] = aliases.structure(value)
    told.end["status"] = aliases.text(attributes, (gen_ai.STATUS,))
    told.end["error"] = aliases.text(attributes, (gen_ai.CALL_ERROR,))
    told.end["reason"] = aliases.text(attributes, (gen_ai.CALL_END_REASON,))
    seconds = aliases.number(attributes, (gen_ai.DURATION,))
    told.end["duration_ms"] = None if seconds is None else round(seconds * 1000)


def _event(told: SpanEvent) -> Event:
    data = _data(told)
    at_ms = None if told.attributes.get(gen_ai.MOMENT_UNKNOWN) is True else told.at_ms
    return Event(ts_ms=at_ms, type=str(told.attributes.get(gen_ai.ROW_TYPE) or told.name), data=data)


def _turn(told: SpanEvent) -> WholeTurn:
    data = _data(told)
    place = aliases.figure(data.get("turn_index"))
    latency, cost = data.get("latency"), data.get("cost")
    return WholeTurn(
        role=str(told.attributes.get(gen_ai.ROW_TYPE) or "assistant"),
        text=_text(data.get("text")),
        at_ms=told.at_ms,
        turn_index=None if place is None else int(place),
        duration_ms=aliases.figure(data.get("duration_ms")),
        latency=latency if isinstance(latency, dict) else None,
        cost=cost if isinstance(cost, dict) else None,
        interrupted=data.get("interrupted") is True,
        heard=_text(data.get("heard")),
        extra={name: value for name, value in data.items() if name not in _TURN_KEYS},
    )


def _data(told: SpanEvent) -> dict[str, Any]:
    return {
        name.removeprefix(gen_ai.DATA): value for name, value in told.attributes.items() if name.startswith(gen_ai.DATA)
    }


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _woven(events: list[Row], turns: list[Row]) -> list[Row]:
    """One list of both, each in its own order: a turn stands after the events up to its moment."""
    woven: list[Row] = []
    waiting = list(reversed(events))
    for turn in turns:
        at_ms = _moment(turn)
        while waiting and (_moment(waiting[-1]) or 0) <= (at_ms or 0):
            woven.append(waiting.pop())
        woven.append(turn)
    return [*woven, *reversed(waiting)]


def _moment(row: Row) -> int | None:
    return row.ts_ms if isinstance(row, Event) else row.at_ms
