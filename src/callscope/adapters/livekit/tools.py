"""Calls of the agent's own functions."""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING, Any, Final

from callscope.adapters.livekit.moments import known, moment, ms
from callscope.model import event as events

if TYPE_CHECKING:
    from callscope.recorder.call_log import CallLog

_MAX_OPEN: Final = 64
_MAX_LITERAL: Final = 16_000
_OUTCOMES: Final = {"done": "completed", "error": "failed", "cancelled": "cancelled"}


class Tools:
    """Function calls from start to outcome: as they happen, or (in 1.3) when all of a step have ended."""

    def __init__(self, log: CallLog) -> None:
        self._log = log
        self._open: dict[str, tuple[str, float]] = {}
        self._ended: dict[str, None] = {}

    def on_update(self, event: Any) -> None:
        """One step of one call (``tool_execution_updated``)."""
        update = event.update
        at_ms = moment(event)
        if update.type == "tool_call_started":
            self._starts(update.function_call, at_ms)
        elif update.type == "tool_call_ended":
            outcome = _OUTCOMES.get(update.status, update.status)
            key = "message" if outcome == "failed" else "result"
            told = {"outcome": outcome, key: value_of(update.message) if key == "result" else update.message}
            self._ends(update.call_id, at_ms, told)

    def on_executed(self, event: Any) -> None:
        """All calls of a step with their outputs, in two lists: what was not told before is told now."""
        at_ms = moment(event)
        for call, output in zip(event.function_calls, event.function_call_outputs, strict=False):
            if call.call_id in self._ended:
                continue
            if call.call_id not in self._open:
                self._starts(call, min(at_ms, ms(getattr(call, "created_at", None)) or at_ms))
            if output is None:  # in 1.3, of a tool that asked for no reply
                told: dict[str, Any] = {"outcome": "completed"}
            elif output.is_error:
                told = {"outcome": "failed", "message": output.output}
            else:
                told = {"outcome": "completed", "result": value_of(output.output)}
            self._ends(call.call_id, at_ms, told)

    def finish(self, at_ms: float) -> None:
        """The session is over: what still runs is not waited for."""
        for call_id in list(self._open):
            self._ends(call_id, at_ms, {"outcome": "cancelled"})

    def _starts(self, call: Any, at_ms: float) -> None:
        self._open[call.call_id] = (call.name, at_ms)
        told = {"tool_call_id": call.call_id, "name": call.name, "arguments": _arguments(call.arguments)}
        self._log.event(events.TOOL_CALL, told, at_ms=at_ms)

    def _ends(self, call_id: str, at_ms: float, told: dict[str, Any]) -> None:
        began = self._open.pop(call_id, None)
        if call_id in self._ended:
            return
        self._ended[call_id] = None
        while len(self._ended) > _MAX_OPEN:
            del self._ended[next(iter(self._ended))]
        name, began_ms = began or (None, None)
        duration_ms = round(at_ms - began_ms) if began_ms is not None else None
        self._log.event(
            events.TOOL_RESULT,
            known({"tool_call_id": call_id, "name": name, **told, "duration_ms": duration_ms}),
            at_ms=at_ms,
        )


def value_of(told: object) -> Any:
    """A tool's result: LiveKit tells a dict or a list as Python's text of it, which is read back."""
    if not isinstance(told, str) or len(told) > _MAX_LITERAL or not told.startswith(("{", "[", "(")):
        return told
    try:
        return ast.literal_eval(told)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return told


def _arguments(told: object) -> Any:
    try:
        return json.loads(told) if isinstance(told, str) else told
    except ValueError:
        return told
