"""A session's traces and its report, merged into one call: each fills the gaps of the other.

The traces have the moments of all work, the texts of errors, replies that nobody heard and what was generated of those
that were cut off. The report has what no span has: seconds of recognition, the caller's words in sessions of a model
that speaks itself, errors of recognisers, tags.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from callscope.interop import livekit_upload, livekit_values
from callscope.interop.livekit_call import whole
from callscope.interop.livekit_report import ORIGINAL, Report
from callscope.interop.spans import Record
from callscope.model import event as events
from callscope.model import wire
from callscope.model.call import ABANDONED
from callscope.model.event import Event
from callscope.model.usage import UNITS
from callscope.model.whole import WholeCall, WholeTurn

_NEAR_MS: Final = 1_500
_FAR_MS: Final = 60_000
_ROUNDING: Final = 0.01
_EDGES: Final = {
    events.USER_STARTED_SPEAKING: "user", events.USER_STOPPED_SPEAKING: "user", events.USER_TURN_STOPPED: "user",
    events.AGENT_STARTED_SPEAKING: "agent", events.AGENT_STOPPED_SPEAKING: "agent",
}  # fmt: skip
_ONCE: Final = frozenset({events.CALL_ENDED, events.CLIENT_DISCONNECTED, "handoff"})
"""Taken from the report only where the traces have none of it."""
_TOOLS: Final = frozenset({events.TOOL_CALL, events.TOOL_RESULT})


def completed(call: WholeCall, records: Iterable[Record]) -> WholeCall:
    """A call of traces with what its upload adds; the call itself where there is no upload.

    Args:
        call: as its spans tell it.
        records: all that came of it.
    """
    records = list(records)
    if call.source.get("dialect") == "livekit":
        call = msgspec.structs.replace(call, source={**call.source, "session": _session(call.source)})
    report = livekit_upload.report_in(records)
    return call if report is None else _with_sound(_merged(call, _told(report)), records)


def _session(source: dict[str, Any]) -> dict[str, str]:
    """What names the session; before 1.8 spans know of no room, and the conversation has the job's id."""
    id_, room_id, job_id = (livekit_values.text(source.get(name)) for name in ("id", "room_sid", "job_id"))
    told = {"room_id": room_id, "job_id": job_id}
    if room_id is None and id_ != job_id and not (id_ or "").startswith("trace:"):
        told["room_id"] = id_
    return {name: value for name, value in told.items() if value is not None}


def alone(records: Iterable[Record], source: dict[str, Any]) -> WholeCall | None:
    """The call of an upload without traces; None where there is no upload, or none that tells a moment.

    Args:
        records: all that came of it.
        source: its ``format`` and ``id``, as a call of traces would have them.
    """
    records = list(records)
    report = livekit_upload.report_in(records)
    if report is None or report.started_ms is None:
        return None
    call = _told(report)
    return _with_sound(msgspec.structs.replace(call, source={**call.source, **source}), records)


def _told(report: Report) -> WholeCall:
    return whole(report, {ORIGINAL: msgspec.json.format(wire.encode(wire.plain(report.document)), indent=2) + b"\n"})


def _with_sound(call: WholeCall, records: list[Record]) -> WholeCall:
    sound = livekit_upload.sound_in(records)
    return call if sound is None else msgspec.structs.replace(call, source={**call.source, "sound": sound})


def _merged(ours: WholeCall, theirs: WholeCall) -> WholeCall:
    turns, more = _turns(ours, theirs)
    happened = [row for row in ours.rows if isinstance(row, Event)]
    added = [*more, *_events(happened, [row for row in theirs.rows if isinstance(row, Event)])]
    results = _results(happened, theirs)
    rows = [results.get(id(row), turns.get(place, row)) for place, row in enumerate(ours.rows)]
    told = {"version": theirs.source["version"], "close_reason": theirs.source.get("close_reason")}
    counted = {name: theirs.source.get(name) for name in ("user_turns", "errors")}
    about = {name: value for name, value in {**told, **counted}.items() if value is not None}
    known = {*ours.source.get("computed", ())}
    has_end = ours.ended_at_ms is not None and not ("ended_at" in known and about.get("close_reason"))
    if not has_end and ours.end.get("status") == ABANDONED:  # silence was taken for its end
        ours = msgspec.structs.replace(ours, end=_told_reason(ours))
    computed = sorted({*(known if has_end else known - {"ended_at"}), *(["events"] if added else [])})
    return msgspec.structs.replace(
        ours,
        ended_at_ms=ours.ended_at_ms if has_end else theirs.ended_at_ms,
        fields=_fields(ours.fields, theirs.fields),
        rows=tuple(_in_order(_without_guesses(rows, theirs), added)),
        end=_end(ours, theirs),
        source={
            **{name: value for name, value in ours.source.items() if name != "computed"},
            **({"computed": computed} if computed else {}),
            "session": {**theirs.source["session"], **ours.source.get("session", {})},
            "report": about,
        },
        originals={**ours.originals, **theirs.originals},
    )


def _fields(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    merged = {**theirs, **ours}
    for name in ("agent", "labels", "framework"):
        merged[name] = {**theirs.get(name, {}), **ours.get(name, {})}
    merged["provider_mode"] = ours.get("provider_mode") or theirs.get("provider_mode")
    return merged


def _end(ours: WholeCall, theirs: WholeCall) -> dict[str, Any]:
    """The traces know the job's reason; the error's own words are in the call's rows."""
    has_errors = any(isinstance(row, Event) and row.type == events.ERROR for row in ours.rows)
    told = {name: value for name, value in theirs.end.items() if name != "error" or not has_errors}
    return {**told, **ours.end}


def _told_reason(call: WholeCall) -> dict[str, Any]:
    """Why it ended, as a row says; what silence was taken for is left out."""
    told = (row.data.get("reason") for row in call.rows if isinstance(row, Event) and row.type == events.CALL_ENDED)
    return {"reason": reason} if (reason := next(told, None)) else {}


def _in_order(rows: list[WholeTurn | Event], added: list[WholeTurn | Event]) -> Iterable[WholeTurn | Event]:
    """Rows by their moments; what is added comes behind what was there in the same moment, turns last."""
    placed = [(_moment(row), 0, place, row) for place, row in enumerate(rows)]
    placed += [(_moment(row), 1 + isinstance(row, WholeTurn), place, row) for place, row in enumerate(added)]
    return (row for *_, row in sorted(placed, key=lambda each: each[:3]))


def _moment(row: WholeTurn | Event) -> int:
    at_ms = row.at_ms if isinstance(row, WholeTurn) else row.ts_ms
    return 0 if at_ms is None else at_ms


def _turns(ours: WholeCall, theirs: WholeCall) -> tuple[dict[int, WholeTurn], list[WholeTurn | Event]]:
    """Turns that both have, by their place in ours, and those that only the report has."""
    free = {place: row for place, row in enumerate(ours.rows) if isinstance(row, WholeTurn)}
    spoken = list(free.values())
    found: dict[int, WholeTurn] = {}
    more: list[WholeTurn | Event] = []
    for turn in theirs.rows:
        if not isinstance(turn, WholeTurn):
            continue
        place = _match(turn, free)
        if place is not None:
            found[place] = _one_turn(free.pop(place), turn)
        elif not any(_is_part(turn, each) for each in spoken):
            more.append(turn)
    return found, more


def _match(turn: WholeTurn, free: dict[int, WholeTurn]) -> int | None:
    near = [(abs(each.at_ms - turn.at_ms), place) for place, each in free.items() if _may_be_one(turn, each)]
    return min(near)[1] if near else None


def _may_be_one(turn: WholeTurn, other: WholeTurn) -> bool:
    """Whether two turns are the same: both have the same words, or one has no words and they began together."""
    if turn.role != other.role or abs(turn.at_ms - other.at_ms) > _FAR_MS:
        return False
    if not turn.text or not other.text:
        return abs(turn.at_ms - other.at_ms) <= _NEAR_MS
    one, two = _squeezed(turn.text), _squeezed(other.text)
    return one == two or (turn.heard is not None and two.startswith(one)) or one == _squeezed(other.heard or "")


def _is_part(turn: WholeTurn, other: WholeTurn) -> bool:
    """Whether a message is one step of an answer that the traces tell as a whole."""
    is_near = turn.role == other.role and abs(turn.at_ms - other.at_ms) <= _FAR_MS
    return is_near and _squeezed(turn.text or "") in _squeezed(other.text or "")


def _one_turn(ours: WholeTurn, theirs: WholeTurn) -> WholeTurn:
    text = theirs.text if ours.text is None else ours.text
    heard = theirs.heard if ours.heard is None else ours.heard
    is_all = heard is not None and not ours.interrupted and _squeezed(heard) == _squeezed(text or "")
    return msgspec.structs.replace(
        ours,
        text=text,
        heard=None if is_all else heard,
        duration_ms=theirs.duration_ms if ours.duration_ms is None else ours.duration_ms,
        extra={**theirs.extra, **ours.extra},
    )


def _squeezed(text: str) -> str:
    return "".join(text.split()).casefold()


def _events(ours: list[Event], theirs: list[Event]) -> list[WholeTurn | Event]:
    """Events that the traces have not."""
    kinds = {each.type for each in ours}
    sides = {_EDGES[kind] for kind in kinds if kind in _EDGES}
    tools = {each.data.get("tool_call_id") for each in ours if each.type == events.TOOL_CALL}
    failed = {each.data.get("stage") for each in ours if each.type == events.ERROR}
    added: list[WholeTurn | Event] = [
        each
        for each in theirs
        if (each.type in _EDGES and _EDGES[each.type] not in sides)
        or (each.type in _ONCE and each.type not in kinds)
        or (each.type in _TOOLS and each.data.get("tool_call_id") not in tools)
        or (each.type == events.ERROR and each.data.get("stage") not in failed)
    ]
    return [*added, *_missing_usage(ours, theirs)]


def _results(ours: list[Event], theirs: WholeCall) -> dict[int, Event]:
    """What tools gave, in both, by the identity of the row of ours: the report's value, the error of a span or a log.

    A span has the text of a text. Of a tool that failed LiveKit tells neither the model nor its report why.
    """
    told = {
        row.data.get("tool_call_id"): row.data
        for row in theirs.rows
        if isinstance(row, Event) and row.type == events.TOOL_RESULT
    }
    failures = [each for each in ours if each.type == events.ERROR and each.data.get("stage") in {"tool", None}]
    found = {}
    for each in ours:
        other = told.get(each.data.get("tool_call_id"))
        if each.type != events.TOOL_RESULT or other is None:
            continue
        data = {name: value for name, value in each.data.items() if name != "result"}
        if each.data.get("outcome") == "completed":
            data["result"] = other.get("result", each.data.get("result"))
        else:
            began_ms = _moment(each) - (each.data.get("duration_ms") or 0)
            causes = (one for one in failures if began_ms <= _moment(one) <= _moment(each))
            cause = next(causes, None)
            told_by = other if cause is None else cause.data
            data["message"] = each.data.get("message") or told_by.get("message")
        found[id(each)] = msgspec.structs.replace(each, data=data)
    return found


def _missing_usage(ours: list[Event], theirs: list[Event]) -> list[Event]:
    """What the session counted beyond what its requests tell."""
    told: Counter[tuple[Any, str]] = Counter()
    for each in ours:
        if each.type == events.USAGE:
            told.update({(each.data.get("service"), unit): each.data[unit] for unit in UNITS if unit in each.data})
    missing = []
    for each in theirs:
        if each.type != events.USAGE:
            continue
        service = each.data.get("service")
        units = {
            unit: round(each.data[unit] - told[service, unit], 6)
            for unit in UNITS
            if unit in each.data and each.data[unit] - told[service, unit] > _ROUNDING
        }
        told.subtract({(service, unit): each.data[unit] - units.get(unit, 0) for unit in UNITS if unit in each.data})
        if units:
            facts = {name: each.data[name] for name in ("service", "provider", "model") if name in each.data}
            missing.append(msgspec.structs.replace(each, data={**facts, **units, "reconciled": True}))
    return missing


def _without_guesses(rows: list[WholeTurn | Event], theirs: WholeCall) -> list[WholeTurn | Event]:
    """Without the remark that nobody knows what a service used, where the report knows it."""
    known = {row.data.get("service") for row in theirs.rows if isinstance(row, Event) and row.type == events.USAGE}
    return [row for row in rows if not (isinstance(row, Event) and _is_guess(row) and row.data.get("service") in known)]


def _is_guess(event: Event) -> bool:
    return event.type == events.USAGE and not any(unit in event.data for unit in UNITS)
