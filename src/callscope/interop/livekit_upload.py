"""What LiveKit uploads when a session is over, as a record among its traces, so that both become one call.

The upload's report is the one of `livekit_report` without events; the history comes beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from callscope.interop.livekit_report import Report
from callscope.interop.livekit_values import mapping, ms, objects, text
from callscope.interop.spans import LogRecord, Record

SCOPE: Final = "callscope.livekit_report"
_SOUND: Final = "callscope.has_sound"
_SOUND_MS: Final = "callscope.sound.started_at_ms"
_NS: Final = 1_000_000


def record_of(report: dict[str, Any], *, has_sound: bool) -> LogRecord:
    """An upload as a record.

    Args:
        report: the report, with its history as far as it came.
        has_sound: whether its sound came with it.
    """
    at_ms = ms(report.get("timestamp")) or 0
    named = {name: text(report.get(name)) for name in ("room_id", "job_id")}
    attributes: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
    if has_sound:
        attributes[_SOUND] = True
        began_ms = ms(report.get("audio_recording_started_at"))
        if began_ms is not None:
            attributes[_SOUND_MS] = round(began_ms)
    return LogRecord(at_ns=round(at_ms * _NS), body=report, scope=SCOPE, attributes=attributes)


def is_one(record: Record) -> bool:
    """Whether a record is an upload that can be read."""
    if not isinstance(record, LogRecord) or record.scope != SCOPE:
        return False
    return isinstance(record.body, dict) and Report.is_one(record.body)


def report_in(records: Iterable[Record]) -> Report | None:
    """The report among some records, the one that tells most; None when there is none."""
    found = [each for each in records if isinstance(each, LogRecord) and is_one(each)]
    return Report(max(found, key=rank).body) if found else None


def rank(record: LogRecord) -> tuple[bool, int]:
    """Which of two reports tells more: one with the session's events, else the later one."""
    return any(objects(mapping(record.body).get("events"))), record.at_ns


def sound_in(records: Iterable[Record]) -> dict[str, Any] | None:
    """The sound among some records: ``of``, its session's name, and ``started_at_ms``; None when there is none."""
    for each in records:
        if isinstance(each, LogRecord) and is_one(each) and each.attributes.get(_SOUND) is True:
            return {"of": Report(each.body).call_id, "started_at_ms": each.attributes.get(_SOUND_MS)}
    return None


def put_together(summary: object, history: object, header: dict[str, Any]) -> dict[str, Any]:
    """A report from the parts of an upload.

    Args:
        summary: the report without events and history; agents before 1.8.9 send none.
        history: the history.
        header: what the upload's header says: ``room_id``, ``job_id``, ``room``, ``duration_ms``, ``started_at``.
    """
    report = dict(mapping(summary))
    started_at, duration_ms = header.get("started_at"), header.get("duration_ms")
    for name in ("room_id", "job_id", "room"):
        if not text(report.get(name)):
            report[name] = header.get(name) or ""
    if "timestamp" not in report and started_at:
        report["timestamp"] = started_at + (duration_ms or 0) / 1000
        report["duration_ms"] = duration_ms
    if not report.get("audio_recording_started_at") and started_at:
        report["audio_recording_started_at"] = started_at
    report.setdefault("timestamp", None)
    report["chat_history"] = mapping(history)
    return report
