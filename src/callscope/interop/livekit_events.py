"""The events of a LiveKit session's report, row by row: who spoke when, transcripts, tools, errors, the end."""

from __future__ import annotations

from typing import Any, Final

from callscope.interop import aliases
from callscope.interop.livekit_report import STAGES, WORKS, Report, error_words
from callscope.interop.livekit_values import arguments_of, mapping, ms, objects, result_of, text
from callscope.interop.told import Told, provider_named
from callscope.model import event as events

_SILENT: Final = frozenset(
    {
        "conversation_item_added", "session_usage_updated", "metrics_collected", "speech_created", "debug_message",
        "overlapping_speech", "close", "agent_handoff", "agent_config_update",
    }
)  # fmt: skip
"""What is told elsewhere, or tells nothing of the call; it stays in the original."""
_OUTCOMES: Final = {"done": "completed", "error": "failed", "cancelled": "cancelled"}


class Sound:
    """Stretches in which a side was heard; Unix milliseconds."""

    def __init__(self) -> None:
        self.stretches: list[tuple[float, float]] = []
        self.since_ms: float | None = None
        """The beginning of the one that goes on; None: it is silent."""

    def begin(self, at_ms: float) -> None:
        """It began."""
        self.since_ms = at_ms if self.since_ms is None else self.since_ms

    def end(self, at_ms: float) -> None:
        """It ended."""
        if self.since_ms is not None:
            self.stretches.append((self.since_ms, max(self.since_ms, at_ms)))
            self.since_ms = None

    def overlaps(self, since_ms: float, until_ms: float) -> bool:
        """Whether any of it lies in a time."""
        return any(began <= until_ms and ended > since_ms for began, ended in self.stretches)

    def within(self, since_ms: float, until_ms: float) -> tuple[float, float] | None:
        """From the first to the last of it that began in a time; None when nothing did."""
        found = [each for each in self.stretches if since_ms <= each[0] <= until_ms]
        return (found[0][0], max(ended for _, ended in found)) if found else None


class Events:
    """Tells a report's events.

    Args:
        told: the call.
        report: whose events.
    """

    def __init__(self, told: Told, report: Report) -> None:
        self.user = Sound()
        self.agent = Sound()
        self.answered: list[float] = []
        """When the agent began to answer, by the session's states; also where nobody is heard."""
        self.tools: set[str] = set()
        """Calls that were told."""
        self._told = told
        self._report = report
        self._turn_open = False
        self._running: dict[str, tuple[Any, float]] = {}
        self._failed: list[tuple[str, str, float]] = []
        self._errors = 0

    def tell(self) -> None:
        """Tell all of them."""
        handlers = {
            "user_state_changed": self._on_user_state,
            "agent_state_changed": self._on_agent_state,
            "user_input_transcribed": self._on_transcript,
            "user_transcription_timeout": self._on_dead_air,
            "agent_false_interruption": self._on_false_interruption,
            "eot_prediction": self._on_prediction,
            "user_turn_exceeded": self._on_exceeded,
            "tool_execution_updated": self._on_tool,
            "function_tools_executed": self._on_tools,
            "error": self._on_error,
        }
        for each in self._report.events:
            kind, at_ms = text(each.get("type")) or "without a type", ms(each.get("created_at"))
            handle = handlers.get(kind)
            if handle is not None and at_ms is not None:
                handle(each, at_ms)
            elif kind not in _SILENT:
                self._told.missed(f"event {kind}")
        end_ms = float(self._report.ended_ms or 0)
        self._finish(end_ms)

    def _on_user_state(self, each: dict[str, Any], at_ms: float) -> None:
        if each.get("new_state") == "speaking":
            self.user.begin(at_ms)
            self._told.event(events.USER_STARTED_SPEAKING, at_ms)
        elif each.get("old_state") == "speaking":
            self.user.end(at_ms)
            self._told.event(events.USER_STOPPED_SPEAKING, at_ms)
        if each.get("new_state") == "away":
            self._told.event("user_away", at_ms)

    def _on_agent_state(self, each: dict[str, Any], at_ms: float) -> None:
        if each.get("old_state") == "initializing" and not self._report.is_typed:
            self._told.event(events.CLIENT_CONNECTED, at_ms, transport="livekit")
            self._told.computed.add("client_connected")
        if each.get("new_state") == "speaking":
            self.answered.append(at_ms)
            self._turn_open = False
            if not self._report.is_typed:
                self.agent.begin(at_ms)
                self._told.event(events.AGENT_STARTED_SPEAKING, at_ms)
                self._worked("tts", at_ms)
                self._worked("llm", at_ms)
        elif each.get("old_state") == "speaking" and not self._report.is_typed:
            self.agent.end(at_ms)
            self._told.event(events.AGENT_STOPPED_SPEAKING, at_ms)

    def _on_transcript(self, each: dict[str, Any], at_ms: float) -> None:
        words = text(each.get("transcript"))
        if each.get("is_final") is not True or words is None:
            return
        if not self._turn_open and not self._report.is_realtime and self.agent.since_ms is None:
            self._turn_open = True
            self._told.event(events.USER_TURN_STARTED, at_ms)
        language, speaker = text(each.get("language")), text(each.get("speaker_id"))
        self._told.event(events.TRANSCRIPT, at_ms, text=words, language=language, speaker_id=speaker)
        self._worked(WORKS[events.TRANSCRIPT], at_ms)

    def _on_dead_air(self, each: dict[str, Any], at_ms: float) -> None:
        speech_ms = ms(each.get("speech_duration"))
        self._told.event(
            events.WARNING,
            at_ms,
            code="dead_air",
            message="the caller spoke, and nothing was recognised",
            speech_ms=None if speech_ms is None else round(speech_ms),
        )

    def _on_false_interruption(self, each: dict[str, Any], at_ms: float) -> None:
        self._told.event("false_interruption", at_ms, resumed=each.get("resumed") is True)

    def _on_prediction(self, each: dict[str, Any], at_ms: float) -> None:
        probability, threshold = aliases.figure(each.get("probability")), aliases.figure(each.get("threshold"))
        if probability is None:
            return
        duration_ms = ms(each.get("inference_duration"))
        self._told.event(
            events.TURN_DETECTION,
            at_ms,
            complete=threshold is not None and probability >= threshold,
            probability=probability,
            duration_ms=None if duration_ms is None else round(duration_ms),
        )

    def _on_exceeded(self, each: dict[str, Any], at_ms: float) -> None:
        words = aliases.figure(each.get("accumulated_word_count"))
        message = "the caller's turn was longer than it may be"
        self._told.event(events.WARNING, at_ms, code="user_turn_exceeded", message=message, words=words)

    def _on_tool(self, each: dict[str, Any], at_ms: float) -> None:
        update = mapping(each.get("update"))
        kind = update.get("type")
        if kind == "tool_call_started":
            self._starts(mapping(update.get("function_call")), at_ms)
        elif kind == "tool_call_ended":
            status = text(update.get("status")) or ""
            outcome, message = _OUTCOMES.get(status, status or None), update.get("message")
            told = {"message": message} if outcome == "failed" else {"result": result_of(message)}
            self._ends(text(update.get("call_id")) or text(update.get("id")), at_ms, outcome=outcome, **told)

    def _on_tools(self, each: dict[str, Any], at_ms: float) -> None:
        """All calls of a step, in two lists: what was not told before is told now."""
        outputs = {text(output.get("call_id")): output for output in objects(each.get("function_call_outputs"))}
        for call in objects(each.get("function_calls")):
            call_id = text(call.get("call_id"))
            if call_id in self._running or call_id not in self.tools:
                self.tell_tool(call, mapping(outputs.get(call_id)), at_ms)

    def tell_tool(self, call: dict[str, Any], output: dict[str, Any], ended_ms: float) -> None:
        """Tell a call of a tool and what came of it, from two items."""
        if text(call.get("call_id")) not in self._running:
            self._starts(call, min(ended_ms, ms(call.get("created_at")) or ended_ms))
        failed = output.get("is_error") is True
        told = {"message": output.get("output")} if failed else {"result": result_of(output.get("output"))}
        self._ends(text(call.get("call_id")), ended_ms, outcome="failed" if failed else "completed", **told)

    def _starts(self, call: dict[str, Any], at_ms: float) -> None:
        call_id, name = text(call.get("call_id")), text(call.get("name"))
        if call_id is None:
            self._told.missed("tool call without an id")
            return
        self.tools.add(call_id)
        self._running[call_id] = name, at_ms
        arguments = arguments_of(call.get("arguments"))
        self._told.event(events.TOOL_CALL, at_ms, tool_call_id=call_id, name=name, arguments=arguments)
        self._worked(WORKS[events.TOOL_CALL], at_ms)

    def _ends(self, call_id: str | None, at_ms: float, **told: Any) -> None:
        name, began_ms = self._running.pop(call_id or "", (None, None))
        if began_ms is None:
            return  # told before, or one whose beginning nobody told
        duration_ms = max(0, round(at_ms - began_ms))
        self._told.event(events.TOOL_RESULT, at_ms, tool_call_id=call_id, name=name, **told, duration_ms=duration_ms)

    def _on_error(self, each: dict[str, Any], at_ms: float) -> None:
        error, source = mapping(each.get("error")), mapping(each.get("source"))
        kind = text(error.get("type")) or "error"
        stage = STAGES.get(kind, "other")
        provider, model = text(source.get("provider")), text(source.get("model"))
        moment_ms = ms(error.get("timestamp")) or at_ms
        self._errors += 1
        error_id = f"error-{self._errors}"
        self._told.event(
            events.ERROR,
            moment_ms,
            message=error_words(kind, text(error.get("label"))),
            error_id=error_id,
            stage=stage,
            processor=text(error.get("label")),
            provider=None if provider is None else provider_named(provider),
            model=model,
            will_retry=error.get("recoverable") if isinstance(error.get("recoverable"), bool) else None,
        )
        self._failed.append((stage, error_id, moment_ms))

    def _worked(self, stage: str, at_ms: float) -> None:
        """A stage did its work: its errors before are got over."""
        for failed, error_id, failed_ms in self._failed:
            if failed == stage and at_ms > failed_ms:
                self._told.event(
                    events.ERROR_RECOVERED, at_ms, error_id=error_id, stage=stage, after_ms=round(at_ms - failed_ms)
                )
                self._told.computed.add("error_recovered")
        self._failed = [each for each in self._failed if each[0] != stage or at_ms <= each[2]]

    def _finish(self, end_ms: float) -> None:
        """The session is over: who still speaks, stops; what still runs is not waited for."""
        if self.agent.since_ms is not None:
            self._told.event(events.AGENT_STOPPED_SPEAKING, end_ms)
        if self.user.since_ms is not None:
            self._told.event(events.USER_STOPPED_SPEAKING, end_ms)
        self.agent.end(end_ms)
        self.user.end(end_ms)
        for call_id in list(self._running):
            self._ends(call_id, end_ms, outcome="cancelled")
