"""The selected exchange: where the caller's wait went, whose time it was, what was used and what it cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Final

import msgspec

from callscope.archive.reader import CallRecord
from callscope.model import event as types
from callscope.model import exchange as stages
from callscope.model.call import IN_PROGRESS
from callscope.model.event import Event
from callscope.model.exchange import Exchange, OwnerKind, Part
from callscope.model.turn import Turn
from callscope.report import figures
from callscope.timeline.summary import Timeline
from callscope.web.call.axis import Axis, percent
from callscope.web.call.links import Links
from callscope.web.call.selection import Selection, waited_ms
from callscope.web.call.tool_calls import ToolCall
from callscope.web.call.turn_cost import TurnCost, turn_cost
from callscope.web.call.values import service_name, short, text_of, used

_LOOKS: Final = {
    stages.ENDPOINTING: "k-wait",
    stages.TRANSCRIPTION: "k-stt",
    stages.TURN_DETECTION: "k-wait",
    stages.HANDOVER: "k-other",
    stages.LLM: "k-llm",
    stages.TOOL: "k-tool",
    stages.AGGREGATION: "k-other",
    stages.SYNTHESIS: "k-tts",
    stages.OUTPUT: "k-agent",
}
_STAGES: Final = {
    stages.ENDPOINTING: "the endpointing wait",
    stages.TRANSCRIPTION: "transcription",
    stages.TURN_DETECTION: "turn detection",
    stages.HANDOVER: "the handover to the model",
    stages.LLM: "the LLM",
    stages.TOOL: "a tool",
    stages.AGGREGATION: "building the first sentence",
    stages.SYNTHESIS: "speech synthesis",
    stages.OUTPUT: "the way out to the caller",
}
_KINDS: Final[dict[OwnerKind, str]] = {
    "service": "service",
    "setting": "setting",
    "code": "your code",
    "pipeline": "pipeline",
    "unknown": "unknown",
}
_COUNTED_FROM: Final = {
    "turn": "Counted from the end of the caller's turn: the end of speech is not known.",
    "transcript": "Counted from the transcript: the end of speech is not known.",
    "row": "As the turn's own row tells it: the call has no events to take it apart with.",
}
_MOST_CHOICES: Final = 120
_LEAST_SHARE: Final = 0.4
_OWNER: Final = 80
_UNITS: Final = {
    "input_tokens": "tokens in",
    "output_tokens": "out",
    "cache_read_input_tokens": "cached",
    "cached_tokens": "cached",
    "reasoning_tokens": "reasoning",
    "audio_seconds": "s of sound",
    "characters": "characters",
    "session_seconds": "s of session",
    "call_seconds": "s of call",
}
"""Units that say what an exchange used; sums of others are among the call's costs."""


class PartView(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the wait as it is drawn."""

    label: str
    owner: str
    kind: str
    look: str
    is_unexplained: bool
    x: str
    width: str
    duration_ms: int


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """An exchange to select."""

    name: str
    href: str
    height: str
    """Of its bar, in percent of the longest wait."""
    y: str
    x: str
    width: str
    look: str
    title: str
    is_selected: bool


class Used(msgspec.Struct, frozen=True):
    """What one service did during an exchange."""

    name: str
    quantities: str


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """The selected exchange."""

    index: int
    name: str
    """``exchange 2`` or ``the greeting``."""
    at_ms: int
    """Milliseconds after the call's start."""
    href: str
    wait_ms: int | None
    silence_ms: int | None
    """Of an exchange without an answer."""
    is_slow: bool
    sentence: str
    note: str
    parts: tuple[PartView, ...]
    choices: tuple[Choice, ...]
    left_out: int
    """Exchanges that have no bar among the choices."""
    previous: str
    """Address of the exchange before; empty: this is the first."""
    next: str
    used: tuple[Used, ...]
    cost: TurnCost | None
    tools: tuple[ToolCall, ...]


def details_of(
    record: CallRecord, timeline: Timeline, calls: Sequence[ToolCall], axis: Axis, links: Links, *, target_ms: int
) -> tuple[Detail, ...]:
    """Every exchange, for a file in which none can be chosen."""
    selections = (
        Selection(at_ms=None, exchange=each, next_ms=following.started_at_ms if following is not None else None)
        for each, following in pairwise([*timeline.exchanges, None])
    )
    found = (detail_of(record, timeline, calls, each, axis, links, target_ms=target_ms) for each in selections)
    return tuple(detail for detail in found if detail is not None)


def detail_of(
    record: CallRecord,
    timeline: Timeline,
    calls: Sequence[ToolCall],
    selection: Selection,
    axis: Axis,
    links: Links,
    *,
    target_ms: int,
) -> Detail | None:
    """The selected exchange; None in a call without exchanges."""
    exchange, exchanges = selection.exchange, timeline.exchanges
    if exchange is None:
        return None
    place = next(number for number, each in enumerate(exchanges) if each.index == exchange.index)
    choices = _choices(exchanges, place, links, target_ms)
    is_greeting, is_open = exchange.kind == "greeting", record.call.status == IN_PROGRESS
    return Detail(
        index=exchange.index,
        name=name_of(exchange),
        at_ms=max(axis.since(exchange.started_at_ms), 0),
        href=links.exchange(exchange.index),
        wait_ms=exchange.response_ms,
        silence_ms=exchange.silence_ms,
        is_slow=(waited_ms(exchange) or 0) >= target_ms and not is_greeting,
        sentence=sentence_of(exchange, is_open=is_open and place == len(exchanges) - 1),
        note=_COUNTED_FROM.get(exchange.wait_from or "", ""),
        parts=tuple(_part(part, exchange.response_ms) for part in exchange.parts if exchange.response_ms),
        choices=choices,
        left_out=len(exchanges) - len(choices),
        previous=links.exchange(exchanges[place - 1].index) if place else "",
        next=links.exchange(exchanges[place + 1].index) if place + 1 < len(exchanges) else "",
        used=_used(row for row in record.events if selection.holds(row.ts_ms)),
        cost=turn_cost(_turns(record.turns, selection)),
        tools=tuple(call for call in calls if selection.holds(call.start_ms)),
    )


def name_of(exchange: Exchange) -> str:
    """``exchange 2``, ``the greeting``."""
    return "the greeting" if exchange.kind == "greeting" else f"exchange {exchange.index}"


def sentence_of(exchange: Exchange, *, is_open: bool = False) -> str:
    """The biggest part of the wait, and whose time it is; ``is_open``: an answer may still come."""
    if exchange.answered_at_ms is None:
        if is_open:
            return "There is no answer yet."
        if exchange.silence_ms is None:
            return "There was no answer."
        return f"There was no answer: nothing was heard for {figures.wait(exchange.silence_ms)}."
    if not exchange.response_ms or not exchange.parts:
        return "How long the caller waited is not known." if exchange.response_ms is None else ""
    sums: dict[tuple[str, str, OwnerKind], int] = {}
    for part in exchange.parts:
        key = (part.stage, part.owner, part.owner_kind)
        sums[key] = sums.get(key, 0) + part.duration_ms
    stage, owner, kind = max(sums, key=lambda key: sums[key])
    took = sums[stage, owner, kind]
    share = f"{figures.wait(took)} ({took / exchange.response_ms:.0%})"
    if stage == stages.UNEXPLAINED:
        if len(sums) == 1:
            return "Where it went is not known: no stage of it was recorded."
        return f"The biggest part, {share}, is unexplained: no recorded stage covers it."
    return f"The biggest part, {share}, was {_STAGES.get(stage, stage)}: {_whose(short(owner, _OWNER), kind)}."


def _whose(owner: str, kind: OwnerKind) -> str:
    if kind == "service":
        return f"the time of {owner}" if owner else "the time of a service that was not named"
    if kind == "setting":
        return f"a setting, {owner}" if owner else "a setting"
    if kind == "code":
        return f"your own code, {owner}" if owner else "your own code"
    return "the pipeline's own time"


def _part(part: Part, total_ms: int | None) -> PartView:
    total_ms = total_ms or 1
    start = part.start_ms / total_ms * 100
    width = max(part.duration_ms / total_ms * 100, _LEAST_SHARE)
    kind = _KINDS[part.owner_kind]
    owner = short(part.owner, _OWNER)
    return PartView(
        label=part.label,
        owner="" if owner == kind or (owner and owner in part.label) else owner,
        kind="" if part.stage == stages.UNEXPLAINED or (owner and part.owner_kind == "service") else kind,
        look=_LOOKS.get(part.stage, "k-wait"),
        is_unexplained=part.stage == stages.UNEXPLAINED,
        x=percent(min(start, 100 - width)),
        width=percent(width),
        duration_ms=part.duration_ms,
    )


def _choices(exchanges: Sequence[Exchange], place: int, links: Links, target_ms: int) -> tuple[Choice, ...]:
    """A bar for each exchange; of very many, those around the selected one."""
    first = min(max(place - _MOST_CHOICES // 2, 0), max(len(exchanges) - _MOST_CHOICES, 0))
    shown = exchanges[first : first + _MOST_CHOICES]
    longest = max((waited_ms(each) or 0 for each in shown), default=0) or 1
    step = 100 / max(len(shown), 12)
    return tuple(
        _choice(each, number * step, step, longest, links, target_ms, is_selected=first + number == place)
        for number, each in enumerate(shown)
    )


def _choice(
    exchange: Exchange, x: float, step: float, longest_ms: int, links: Links, target_ms: int, *, is_selected: bool
) -> Choice:
    waited = waited_ms(exchange)
    height = max((waited or 0) / longest_ms * 100, 4)
    is_unanswered = exchange.answered_at_ms is None
    is_slow = waited is not None and waited >= target_ms and exchange.kind != "greeting"
    what = f"no answer, {figures.wait(waited)} of silence" if is_unanswered else f"waited {figures.wait(waited)}"
    return Choice(
        name="Greeting" if exchange.kind == "greeting" else str(exchange.index),
        href=links.exchange(exchange.index),
        height=percent(height),
        y=percent(100 - height),
        x=percent(x),
        width=percent(step * 0.8),
        look="k-bad" if is_unanswered and waited else "k-warn" if is_slow else "k-wait",
        title=f"{name_of(exchange)}: {what}".capitalize(),
        is_selected=is_selected,
    )


def _turns(turns: Iterable[Turn], selection: Selection) -> Iterable[Turn]:
    return (turn for turn in turns if selection.holds(turn.ts_ms))


def _used(events: Iterable[Event]) -> tuple[Used, ...]:
    """Quantities by service and model, added up over reports."""
    sums: dict[str, dict[str, float]] = {}
    for row in events:
        if row.type != types.USAGE:
            continue
        service, provider, model = (text_of(row.data.get(key)) for key in ("service", "provider", "model"))
        name = short(" ".join(word for word in (service_name(service), provider, model) if word))
        units = sums.setdefault(name, {})
        for unit in _UNITS:
            quantity = figures.known(row.data.get(unit))
            if quantity:
                units[unit] = units.get(unit, 0) + quantity
    return tuple(
        Used(
            name,
            ", ".join(f"{used(Decimal(str(quantity)))} {_UNITS[unit]}" for unit, quantity in units.items())
            or figures.UNKNOWN,
        )
        for name, units in sums.items()
    )
