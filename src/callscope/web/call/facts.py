"""The head of a call's page: five facts, badges, and what there is to know besides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from callscope.archive.reader import UNREADABLE, CallRecord
from callscope.model import call as statuses
from callscope.model import event as types
from callscope.model.call import IN_PROGRESS, Call
from callscope.model.exchange import Exchange
from callscope.report import figures
from callscope.timeline.percentiles import percentile
from callscope.timeline.summary import Timeline, settled, worst_of
from callscope.web.call.axis import Axis
from callscope.web.call.costs import Costs
from callscope.web.call.values import short, text_of
from callscope.web.call.waiting import waiting_ms

_TROUBLE: Final = {statuses.FAILED: "bad", statuses.ABANDONED: "bad", UNREADABLE: "bad"}
_LONG: Final = 160


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One of the five."""

    name: str
    value: str
    note: str = ""
    look: str = ""
    """``bad`` or ``warn`` when it is trouble."""
    since_ms: int | None = None
    """Unix milliseconds since when the value counts on; None: it stands."""
    is_clock: bool = False
    """It counts as ``1:24``."""


class Badge(msgspec.Struct, frozen=True):
    """A word that stands out."""

    text: str
    look: str


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What stands above all else."""

    call_id: str
    badges: tuple[Badge, ...]
    facts: tuple[Fact, ...]
    details: tuple[tuple[str, str], ...]
    """Names and values; what is not known is left out."""
    labels: tuple[tuple[str, str], ...]
    is_open: bool
    """The call goes on."""


def head_of(record: CallRecord, timeline: Timeline, costs: Costs, axis: Axis, *, now_ms: int, target_ms: int) -> Head:
    """The head of a call's page."""
    call, is_open = record.call, record.call.status == IN_PROGRESS
    waited = waiting_ms(timeline, now_ms) if is_open else None
    worst = worst_of(timeline.exchanges if waited is None else settled(timeline.exchanges))
    facts = [
        _outcome(call, axis),
        _wait(timeline, worst, target_ms) if waited is None else _waiting(worst, waited, now_ms, target_ms),
        Fact(
            name="Cost so far" if is_open else "Cost",
            value=costs.sum,
            note=costs.a_minute,
            look="" if costs.is_known or is_open else "warn",
        ),
        _interruptions(record, timeline),
        _errors(timeline),
    ]
    return Head(
        call_id=call.call_id,
        badges=tuple(_badges(call, timeline, worst, target_ms)),
        facts=tuple(facts),
        details=tuple((name, value) for name, value in _details(call, axis, record).items() if value),
        labels=tuple((short(str(name), _LONG), short(text_of(value), _LONG)) for name, value in call.labels.items()),
        is_open=is_open,
    )


def _outcome(call: Call, axis: Axis) -> Fact:
    if call.status == IN_PROGRESS:
        return Fact(
            name="In progress", value=figures.clock(axis.length_ms), since_ms=axis.origin_ms, is_clock=True, look="good"
        )
    reason = call.error or call.end_reason or ""
    return Fact(
        name="Outcome",
        value=call.status.replace("_", " "),
        note=short(reason, _LONG),
        look=_TROUBLE.get(call.status, ""),
    )


def _waiting(worst: Exchange | None, waited_ms: int, now_ms: int, target_ms: int) -> Fact:
    look = "bad" if waited_ms >= target_ms else ""
    note = ""
    if worst is not None:
        note = f"worst so far {figures.wait(worst.waited_ms)}{'' if worst.response_ms is not None else ', no answer'}"
    since_ms = now_ms - waited_ms
    return Fact(name="Waiting now", value=figures.wait(waited_ms), note=note, look=look, since_ms=since_ms)


def _wait(timeline: Timeline, worst: Exchange | None, target_ms: int) -> Fact:
    note = _percentiles(
        sorted(
            each.response_ms for each in timeline.exchanges if each.kind == "exchange" and each.response_ms is not None
        )
    )
    if timeline.unanswered:
        many = f"{figures.count(timeline.unanswered, 'turn')} without an answer"
        note = f"{many}; {note}" if timeline.latency is not None else many
    if worst is None:
        return Fact(name="Worst wait", value=figures.UNKNOWN, note=note)
    if worst.response_ms is None:
        return Fact(name="Worst wait", value=figures.wait(worst.waited_ms), note=f"no answer; {note}", look="bad")
    look = "warn" if worst.response_ms >= target_ms else ""
    return Fact(name="Worst wait", value=figures.wait(worst.response_ms), note=note, look=look)


def _percentiles(waits: Sequence[int]) -> str:
    if not waits:
        return "no wait is known"
    p50 = f"p50 {figures.wait(percentile(waits, 0.5))}"
    if len(waits) < figures.ENOUGH:
        return f"{p50}, n {len(waits)}: not enough for p95"
    return f"{p50}, p95 {figures.wait(percentile(waits, 0.95))}, n {len(waits)}"


def _interruptions(record: CallRecord, timeline: Timeline) -> Fact:
    lost = 0
    for row in record.events:
        if row.type == types.BARGE_IN:
            heard, generated = row.data.get("heard_characters"), row.data.get("generated_characters")
            if type(heard) is int and type(generated) is int:
                lost += max(generated - heard, 0)
    note = f"{figures.count(lost, 'character')} not heard" if lost else ""
    return Fact(name="Interruptions", value=str(timeline.interruptions), note=note)


def _errors(timeline: Timeline) -> Fact:
    errors, recovered = timeline.facts.errors, timeline.facts.errors_recovered
    note = "recovered" if recovered == errors else f"{recovered} recovered" if recovered else "not recovered"
    look = "bad" if errors > recovered else "warn" if errors else ""
    return Fact(name="Errors", value=str(errors), note=note if errors else "", look=look)


def _badges(call: Call, timeline: Timeline, worst: Exchange | None, target_ms: int) -> list[Badge]:
    found = []
    if call.status == IN_PROGRESS:
        found.append(Badge("in progress", "live"))
    elif call.status in _TROUBLE:
        found.append(Badge(call.status, "bad"))
    if worst is not None and (worst.waited_ms or 0) >= target_ms:
        found.append(Badge("slow", "warn"))
    if timeline.unanswered:
        found.append(Badge("silent", "bad"))
    if timeline.interruptions:
        found.append(Badge(f"interrupted ×{timeline.interruptions}", ""))
    if timeline.facts.errors:
        found.append(Badge(figures.count(timeline.facts.errors, "error"), "bad"))
    return found


def _details(call: Call, axis: Axis, record: CallRecord) -> dict[str, str]:
    agent = call.agent
    name, version = text_of(agent.get("name") or call.labels.get("agent")), text_of(call.labels.get("agent_version"))
    length = axis.length_ms if call.status == IN_PROGRESS else call.duration_ms
    people = " → ".join(end for end in (call.caller, call.callee) if end)
    turns = len(record.turns)
    return {
        "Agent": short("@".join(word for word in (name, version) if word), _LONG),
        "Model": _stage(agent),
        "STT": _stage(agent.get("stt")),
        "TTS": _stage(agent.get("tts")),
        "Voice": short(text_of(agent.get("voice")), _LONG),
        "Framework": _framework(call),
        "Mode": short(call.provider_mode or "", _LONG),
        "Who": short(people, _LONG),
        "Direction": short(" · ".join(word for word in (call.direction, call.telephony_provider) if word), _LONG),
        "Length": f"{figures.clock(length)}, {figures.count(turns, 'turn')}" if length is not None else "",
        "Started": figures.moment(call.started_at_ms) if call.started_at_ms is not None else "",
        "Trace": short(call.trace_id or "", _LONG),
    }


def _stage(told: object) -> str:
    if not isinstance(told, dict):
        return ""
    return short(" ".join(text_of(told[key]) for key in ("provider", "model") if told.get(key)), _LONG)


def _framework(call: Call) -> str:
    told = call.callscope.get("framework")
    if not isinstance(told, dict):
        return ""
    return short(" ".join(text_of(told[key]) for key in ("name", "version") if told.get(key)), _LONG)
