"""A whole call from LiveKit's report of a session."""

from __future__ import annotations

from typing import Any, Final

from callscope.interop.livekit_ending import HUNG_UP
from callscope.interop.livekit_events import Events
from callscope.interop.livekit_items import Items
from callscope.interop.livekit_report import COUNTED, FORMAT, Report, error_words
from callscope.interop.livekit_usage import DECIDERS, Used, kind_of
from callscope.interop.livekit_values import mapping, text, texts
from callscope.interop.told import Told
from callscope.model import event as events
from callscope.model.whole import WholeCall

_ALWAYS_COMPUTED: Final = ("started_at",)


def whole(report: Report, originals: dict[str, bytes]) -> WholeCall:
    """All that a report tells.

    Args:
        report: the report, which tells some moment (`Report.started_ms`).
        originals: what it came in, by file name.
    """
    told = Told()
    edges = Events(told, report)
    edges.tell()
    Items(told, report, edges).tell()
    ended_ms = report.ended_ms or 0
    _tell_usage(told, report, ended_ms)
    _tell_counted_errors(told, report, ended_ms)
    _tell_end(told, report, ended_ms)
    for key in report.unknown_keys():
        told.missed(f"key {key}")
    for what in report.unfit():
        told.missed(what)
    missed = {"not_understood": dict(sorted(told.not_understood.items()))} if told.not_understood else {}
    return WholeCall(
        call_id=report.call_id,
        started_at_ms=report.started_ms or 0,
        ended_at_ms=ended_ms,
        fields=_fields(report),
        rows=told.rows(),
        end=_end(report),
        source={
            "format": FORMAT,
            "id": report.call_id,
            "session": report.session,
            "version": report.version,
            "computed": sorted({*_ALWAYS_COMPUTED, *told.computed}),
            **_about(report),
            **told.about,
            **missed,
        },
        originals=originals,
    )


def _tell_usage(told: Told, report: Report, ended_ms: int) -> None:
    for line in report.usage:
        used = Used(line, realtime=report.is_realtime)
        if used.service is not None:
            told.usage(used.service, ended_ms, used.units, **used.facts)
        elif kind_of(line) not in DECIDERS:
            told.missed(f"usage of {kind_of(line)}")


def _tell_counted_errors(told: Told, report: Report, ended_ms: int) -> None:
    """Errors that a report counts, and has no event of."""
    if report.events:
        return
    for kind, count in mapping(report.document.get("errors")).items():
        if isinstance(count, int) and not isinstance(count, bool) and kind in COUNTED:
            for number in range(min(count, 100)):
                told.event(
                    events.ERROR,
                    ended_ms,
                    message=error_words(f"{kind}_error", None),
                    error_id=f"{kind}-{number + 1}",
                    stage=COUNTED[kind],
                    code="counted",
                )


def _tell_end(told: Told, report: Report, ended_ms: int) -> None:
    ending = report.ending
    if ending.initiator == "caller":
        told.event(events.CLIENT_DISCONNECTED, ended_ms, reason=HUNG_UP)
    if ending.close_reason is not None:
        told.event(
            events.CALL_ENDED,
            ended_ms,
            reason=ending.reason,
            initiator=ending.initiator,
            close_reason=ending.close_reason,
        )


def _end(report: Report) -> dict[str, Any]:
    ending = report.ending
    told = {
        "status": ending.status,
        "reason": ending.reason,
        "error": ending.reason if ending.close_reason == "error" else None,
    }
    return {name: value for name, value in told.items() if value is not None}


def _fields(report: Report) -> dict[str, Any]:
    document = report.document
    named = {name: text(document.get(name)) for name in ("room", "job_id", "agent_name")}
    tags = texts(document.get("tags"))
    labels = {**named, "agent": named["agent_name"], "tags": ", ".join(tags) or None}
    return {
        "provider_mode": report.mode,
        "agent": _agent(report),
        "labels": {name: value for name, value in labels.items() if value is not None},
        "framework": {"name": "livekit-agents", "version": text(document.get("sdk_version"))},
    }


def _agent(report: Report) -> dict[str, Any]:
    """Who the agent is: the first model of each kind that was used."""
    agent: dict[str, Any] = {}
    for line in report.usage:
        used = Used(line, realtime=report.is_realtime)
        if used.service in {"llm", "realtime"}:
            for name, value in used.facts.items():
                agent.setdefault(name, value)
        elif used.service is not None and used.facts:
            agent.setdefault(used.service, used.facts)
    return agent


def _about(report: Report) -> dict[str, Any]:
    """What has no other place."""
    told = {
        "close_reason": text(report.document.get("close_reason")),
        "user_turns": report.document.get("user_turns"),
        "errors": report.document.get("errors"),
    }
    return {name: value for name, value in told.items() if value is not None}
