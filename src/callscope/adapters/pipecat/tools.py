"""Calls of the agent's own functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from callscope.adapters.pipecat.open import bound
from callscope.model import event as events

if TYPE_CHECKING:
    from callscope.adapters.pipecat.handlers import Handlers
    from callscope.recorder.call_log import CallLog


class Tools:
    """Function calls from start to outcome. Their frames are broadcast: each is told once."""

    def __init__(self, log: CallLog) -> None:
        self._log = log
        self._began_ms: dict[str, float] = {}

    def handlers(self) -> Handlers:
        """What to do at which frame's first push."""
        return {
            "FunctionCallInProgressFrame": self._on_call,
            "ExternalFunctionCallInProgressFrame": self._on_call,
            "FunctionCallResultFrame": self._on_result,
            "ExternalFunctionCallResultFrame": self._on_result,
            "FunctionCallCancelFrame": self._on_cancelled,
            "ExternalFunctionCallCancelFrame": self._on_cancelled,
        }

    def _on_call(self, data: Any, at_ms: float) -> None:
        frame = data.frame
        self._began_ms[frame.tool_call_id] = at_ms
        bound(self._began_ms)
        told = {"tool_call_id": frame.tool_call_id, "name": frame.function_name, "arguments": frame.arguments}
        self._log.event(events.TOOL_CALL, told, at_ms=at_ms)

    def _on_result(self, data: Any, at_ms: float) -> None:
        frame = data.frame
        properties = getattr(frame, "properties", None)
        if not getattr(properties if properties is not None else frame, "is_final", True):
            return  # progress of a call that goes on
        error = getattr(frame, "error", None)
        told = (
            {"outcome": "failed", "message": str(error)} if error else {"outcome": "completed", "result": frame.result}
        )
        self._tell(frame, at_ms, told)

    def _on_cancelled(self, data: Any, at_ms: float) -> None:
        late = getattr(data.frame, "run_llm", False)
        self._tell(data.frame, at_ms, {"outcome": "timed_out" if late else "cancelled"})

    def _tell(self, frame: Any, at_ms: float, told: dict[str, Any]) -> None:
        began = self._began_ms.pop(frame.tool_call_id, None)
        if began is not None:
            told["duration_ms"] = round(at_ms - began)
        self._log.event(
            events.TOOL_RESULT,
            {"tool_call_id": frame.tool_call_id, "name": frame.function_name, **told},
            at_ms=at_ms,
        )
