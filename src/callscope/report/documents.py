"""Calls, turns, events and exchanges as the JSON that commands print.

Times are RFC 3339 as in the files; keys keep the files' names. What is unknown is null.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from callscope.model.call import Call, Problem
from callscope.model.event import Event
from callscope.model.exchange import Exchange
from callscope.model.turn import Turn
from callscope.model.wire import format_ts
from callscope.timeline.summary import Problem as Trouble


def call(value: Call) -> dict[str, Any]:
    """The envelope, with ``path`` and ``labels`` beside the keys of metadata.json."""
    return {
        "call_id": value.call_id,
        "status": value.status,
        "started_at": _moment(value.started_at_ms),
        "ended_at": _moment(value.ended_at_ms),
        "duration_ms": value.duration_ms,
        "turns": value.turns,
        "latency": value.latency,
        "cost": value.cost,
        "error": value.error,
        "path": value.path,
        "labels": value.labels,
        "trace_id": value.trace_id,
        "caller": value.caller,
        "callee": value.callee,
        "direction": value.direction,
        "telephony_provider": value.telephony_provider,
        "provider_mode": value.provider_mode,
        "agent": value.agent,
        "recording_path": value.recording_path,
        "callscope": value.callscope,
    }


def turn(value: Turn) -> dict[str, Any]:
    """A turn, whichever shape its row had."""
    fields = msgspec.to_builtins(value)
    return {"ts": _moment(fields.pop("ts_ms")), **fields}


def event(value: Event) -> dict[str, Any]:
    """An event."""
    return {"ts": _moment(value.ts_ms), "type": value.type, "data": value.data}


def exchange(value: Exchange) -> dict[str, Any]:
    """An exchange with its waterfall; its moments are Unix milliseconds, as its parts are counted from them."""
    fields: dict[str, Any] = msgspec.to_builtins(value)
    return fields


def problems(in_files: Iterable[Problem], in_call: Iterable[Trouble]) -> list[dict[str, Any]]:
    """What could not be read (``kind`` is ``file``), and what went wrong in the call."""
    return [
        *({"kind": "file", "at": None, "file": p.file, "line": p.line, "message": p.message} for p in in_files),
        *({"kind": t.kind, "at": _moment(t.at_ms), "file": None, "line": None, "message": t.text} for t in in_call),
    ]


def _moment(ts_ms: int | None) -> str | None:
    return None if ts_ms is None else format_ts(ts_ms)
