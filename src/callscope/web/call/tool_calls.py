"""Calls of the agent's tools, each with its result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from callscope.model import event as types
from callscope.model.event import Event
from callscope.report import figures
from callscope.web.call.values import text_of

FAILED: Final = frozenset({"failed", "timed_out", "error", "timeout"})
PENDING: Final = "no result"


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent asked of one tool, and what came back."""

    name: str
    start_ms: int | None
    """Unix milliseconds; None when the row does not say."""
    end_ms: int | None
    """Unix milliseconds; None while there is no result."""
    duration_ms: float | None
    arguments: str
    """As JSON."""
    result: str
    """As JSON; the message of a failure."""
    outcome: str
    """``completed``, ``failed``, ``timed out``, ``cancelled``, ``no result``."""
    is_failure: bool


def tool_calls(events: Sequence[Event]) -> tuple[ToolCall, ...]:
    """The calls in their order. A result without a call is a call whose beginning nobody saw."""
    results: dict[str, list[Event]] = {}
    for row in events:
        if row.type == types.TOOL_RESULT:
            results.setdefault(text_of(row.data.get("tool_call_id")), []).append(row)
    found = []
    for row in events:
        if row.type == types.TOOL_CALL:
            waiting = results.get(text_of(row.data.get("tool_call_id")))
            found.append(_tool_call(row, waiting.pop(0) if waiting else None))
    found += [_tool_call(None, row) for rows in results.values() for row in rows]
    return tuple(sorted(found, key=lambda call: (call.start_ms is None, call.start_ms or 0)))


def _tool_call(call: Event | None, result: Event | None) -> ToolCall:
    asked: dict[str, Any] = call.data if call is not None else {}
    got: dict[str, Any] = result.data if result is not None else {}
    duration_ms = figures.known(got.get("duration_ms"))
    end_ms = result.ts_ms if result is not None else None
    start_ms = call.ts_ms if call is not None else None
    if start_ms is None and end_ms is not None:
        start_ms = end_ms - round(duration_ms or 0)
    if duration_ms is None and start_ms is not None and end_ms is not None:
        duration_ms = max(end_ms - start_ms, 0)
    outcome = text_of(got.get("outcome")) or ("returned" if result is not None else PENDING)
    said = [text_of(got.get(key)) for key in ("message", "result") if got.get(key) is not None]
    return ToolCall(
        name=text_of(asked.get("name")) or text_of(got.get("name")) or "tool",
        start_ms=start_ms,
        end_ms=end_ms,
        duration_ms=duration_ms,
        arguments=text_of(asked.get("arguments")),
        result=" ".join(said),
        outcome=outcome.replace("_", " "),
        is_failure=outcome in FAILED,
    )
