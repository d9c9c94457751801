"""A call of ours as a LiveKit session's report, in the shape of 1.8.9; what a report has no place for is named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Any, Final

from callscope.interop import aliases, livekit_ending, livekit_usage
from callscope.interop.livekit_values import json_text, mapping, objects, python_text, text
from callscope.model import event as events
from callscope.model.call import Call
from callscope.model.event import Event
from callscope.model.turn import Turn
from callscope.model.usage import UsageLine

_MS: Final = 1000
_ERRORS: Final = {"llm": "llm", "stt": "stt", "tts": "tts", "realtime": "realtime", "turn": "interruption"}
_ERROR_TYPES: Final = {
    "llm": "llm_error", "stt": "stt_error", "tts": "tts_error", "realtime": "realtime_model_error",
    "turn": "interruption_detection_error",
}  # fmt: skip
_STATUSES: Final = {"completed": "done", "failed": "error", "timed_out": "error", "cancelled": "cancelled"}
_IN_ITEMS: Final = frozenset({events.USAGE, events.BARGE_IN})
"""Events of ours that a report tells elsewhere: in its usage, in the message that was interrupted."""
_ROLES: Final = frozenset({"user", "assistant", "system", "developer"})


class Document:
    """A report, made from a call.

    Args:
        call: the call's envelope.
        turns: what both sides said.
        happened: its events.
    """

    def __init__(self, call: Call, turns: Iterable[Turn], happened: Iterable[Event]) -> None:
        self._call = call
        self._source = mapping(call.callscope.get("source"))
        self._items: list[dict[str, Any]] = []
        self._events: list[dict[str, Any]] = []
        self._errors: Counter[str] = Counter()
        self._left: Counter[str] = Counter()
        self._names: dict[str, str] = {}
        self._close: str | None = None
        self._initiator: str | None = None
        for event in happened:
            self._on_event(event)
        for turn in turns:
            self._on_turn(turn)
        self._items.sort(key=lambda each: float(each["created_at"]))
        self._events.sort(key=lambda each: float(each["created_at"]))

    def document(self) -> dict[str, Any]:
        """The report."""
        call = self._call
        labels = call.labels
        framework = mapping(call.callscope.get("framework"))
        is_theirs = framework.get("name") == "livekit-agents"
        lines = [_usage_line(each) for each in objects(call.callscope.get("usage"))]
        usage, left = livekit_usage.lines_of(lines)
        self._left.update(left)
        tags = text(labels.get("tags"))
        return {
            "job_id": text(labels.get("job_id")) or "",
            "room_id": call.call_id,
            "room": text(labels.get("room")) or "",
            "events": self._events,
            "audio_recording_path": call.recording_path,
            "audio_recording_started_at": self._sound_started_at(),
            "options": {},
            "chat_history": {"items": self._items},
            "timestamp": self._ended_ms / _MS,
            "usage": usage or None,
            "sdk_version": text(framework.get("version")) or "" if is_theirs else "",
            "agent_name": text(labels.get("agent_name")) or "",
            "tags": sorted(tag.strip() for tag in tags.split(",")) if tags else [],
            "duration_ms": None if call.started_at_ms is None else self._ended_ms - call.started_at_ms,
            "user_turns": sum(item.get("role") == "user" for item in self._items),
            "errors": {name: self._errors[name] for name in ("llm", "stt", "tts", "realtime", "interruption")},
            "close_reason": self._close_reason,
        }

    def not_told(self) -> list[str]:
        """What of the call is not in the document, for people."""
        call = self._call
        about = {
            "cost": call.cost,
            "latency percentiles": call.latency,
            "caller": call.caller,
            "callee": call.callee,
            "direction": call.direction,
            "trace id": call.trace_id,
            "error text": call.error or (self._errors.total() or None),
            "telephony provider": call.telephony_provider,
            "labels": self._labels_left(),
            "notes": call.callscope.get("notes"),
        }
        return [*(name for name, value in about.items() if value), *self._dropped()]

    def _labels_left(self) -> set[str]:
        labels = self._call.labels
        told = {"room", "job_id", "agent_name", "tags"}
        is_the_jobs = "agent" in labels and labels["agent"] == labels.get("agent_name")
        return {name for name in labels if name not in told and not (name == "agent" and is_the_jobs)}

    def _dropped(self) -> list[str]:
        return [f"{count} × {what}" if count > 1 else what for what, count in sorted(self._left.items())]

    @property
    def _ended_ms(self) -> int:
        """The call's end; of one that goes on, its last moment."""
        call = self._call
        if call.ended_at_ms is not None:
            return call.ended_at_ms
        told = [float(each["created_at"]) * _MS for each in (*self._events, *self._items)]
        return round(max([*told, float(call.started_at_ms or 0)]))

    @property
    def _close_reason(self) -> str | None:
        kept = text(self._source.get("close_reason")) or self._close
        return livekit_ending.close_reason_of(kept, status=self._call.status, initiator=self._initiator)

    def _sound_started_at(self) -> float | None:
        """The recording begins with the call."""
        call = self._call
        return None if call.recording_path is None or call.started_at_ms is None else call.started_at_ms / _MS

    def _on_turn(self, turn: Turn) -> None:
        if turn.role not in _ROLES or turn.ts_ms is None or turn.text is None:
            self._left[f"turn of {turn.role}" if turn.text is not None else "turn without text"] += 1
            return
        if turn.role == "assistant" and turn.heard == "":
            self._left["reply that nobody heard"] += 1  # LiveKit's history has none either
            return
        heard = turn.text if turn.heard is None else turn.heard
        if heard != turn.text:
            self._left["rest of a reply that was cut off"] += 1
        at_s = turn.ts_ms / _MS
        extra = turn.extra or {}
        item = {
            "id": text(extra.get("item_id")) or self._id("message", len(self._items)),
            "type": "message",
            "role": turn.role,
            "content": [heard],
            "interrupted": turn.interrupted,
            "extra": {},
            "metrics": mapping(extra.get("livekit_metrics")) or self._metrics(turn, at_s),
            "created_at": at_s,
        }
        self._items.append(item)
        self._events.append({"type": "conversation_item_added", "item": item, "created_at": at_s})

    def _metrics(self, turn: Turn, at_s: float) -> dict[str, Any]:
        metrics: dict[str, Any] = {}
        if turn.duration_ms is not None:
            metrics = {"started_speaking_at": at_s, "stopped_speaking_at": at_s + turn.duration_ms / _MS}
        response_ms = aliases.figure((turn.latency or {}).get("response_ms"))
        if turn.role == "assistant" and response_ms is not None:
            metrics["e2e_latency"] = response_ms / _MS
        return metrics

    def _on_event(self, event: Event) -> None:
        handle: Callable[[], dict[str, Any] | None] | None = {
            events.USER_STARTED_SPEAKING: lambda: self._state("user", "listening", "speaking"),
            events.USER_STOPPED_SPEAKING: lambda: self._state("user", "speaking", "listening"),
            events.AGENT_STARTED_SPEAKING: lambda: self._state("agent", "thinking", "speaking"),
            events.AGENT_STOPPED_SPEAKING: lambda: self._state("agent", "speaking", "listening"),
            events.TRANSCRIPT: lambda: self._transcript(event.data),
            events.TOOL_CALL: lambda: self._tool_call(event),
            events.TOOL_RESULT: lambda: self._tool_result(event),
            events.ERROR: lambda: self._error(event),
            "handoff": lambda: self._handoff(event),
            "false_interruption": lambda: {
                "type": "agent_false_interruption", "resumed": event.data.get("resumed") is True
            },
            events.CALL_ENDED: lambda: self._ended(event.data),
        }.get(event.type)  # fmt: skip
        if event.ts_ms is None or handle is None:
            if event.type not in _IN_ITEMS:
                self._left[f"event {event.type}"] += 1
            return
        told: dict[str, Any] | None = handle()
        if told is not None:
            self._events.append({**told, "created_at": event.ts_ms / _MS})

    def _state(self, side: str, old: str, new: str) -> dict[str, Any]:
        return {"type": f"{side}_state_changed", "old_state": old, "new_state": new}

    def _transcript(self, data: dict[str, Any]) -> dict[str, Any]:
        told = {"transcript": data.get("text") or "", "is_final": True, "item_id": None}
        return {
            "type": "user_input_transcribed",
            **told,
            "speaker_id": data.get("speaker_id"),
            "language": data.get("language"),
        }

    def _tool_call(self, event: Event) -> dict[str, Any]:
        data, at_s = event.data, (event.ts_ms or 0) / _MS
        call_id, name = str(data.get("tool_call_id") or ""), str(data.get("name") or "")
        self._names[call_id] = name
        item = {
            "id": self._id("call", len(self._items)),
            "type": "function_call",
            "call_id": call_id,
            "arguments": json_text(data.get("arguments")),
            "name": name,
            "created_at": at_s,
            "extra": {},
        }
        self._items.append(item)
        return {"type": "tool_execution_updated", "update": {"type": "tool_call_started", "function_call": item}}

    def _tool_result(self, event: Event) -> dict[str, Any]:
        data, at_s = event.data, (event.ts_ms or 0) / _MS
        call_id, outcome = str(data.get("tool_call_id") or ""), str(data.get("outcome") or "completed")
        status = _STATUSES.get(outcome, "done")
        is_error = status == "error"
        output = python_text(data.get("message") if is_error else data.get("result"))
        item = {
            "id": self._id("output", len(self._items)),
            "type": "function_call_output",
            "name": str(data.get("name") or self._names.get(call_id, "")),
            "call_id": call_id,
            "output": output,
            "is_error": is_error,
            "created_at": at_s,
            "reply_required": True,
        }
        self._items.append(item)
        update = {"type": "tool_call_ended", "id": call_id, "call_id": call_id, "message": output, "status": status}
        return {"type": "tool_execution_updated", "update": update}

    def _error(self, event: Event) -> dict[str, Any] | None:
        data = event.data
        stage = str(data.get("stage") or "")
        if stage == "llm" and self._call.provider_mode == "realtime":
            stage = "realtime"
        if stage not in _ERRORS:
            self._left[f"error of {stage or 'no stage'}"] += 1
            return None
        self._errors[_ERRORS[stage]] += 1
        told = {
            "type": _ERROR_TYPES[stage],
            "timestamp": (event.ts_ms or 0) / _MS,
            "label": str(data.get("processor") or ""),
            "recoverable": data.get("will_retry") is True or data.get("recoverable") is True,
        }
        source = {"model": str(data.get("model") or ""), "provider": str(data.get("provider") or "")}
        return {"type": "error", "error": told, "source": source}

    def _handoff(self, event: Event) -> dict[str, Any]:
        at_s = (event.ts_ms or 0) / _MS
        item = {
            "id": self._id("handoff", len(self._items)),
            "type": "agent_handoff",
            "old_agent_id": event.data.get("from"),
            "new_agent_id": str(event.data.get("to") or ""),
            "created_at": at_s,
        }
        self._items.append(item)
        return {"type": "conversation_item_added", "item": item}

    def _ended(self, data: dict[str, Any]) -> dict[str, Any] | None:
        self._initiator = text(data.get("initiator"))
        self._close = text(data.get("close_reason"))
        told = livekit_ending.close_reason_of(self._close, status=self._call.status, initiator=self._initiator)
        reasons = {name: word for word, name in livekit_ending.CLOSE_REASONS.items()}
        return {"type": "close", "error": None, "reason": reasons.get(told or "", "user_initiated")}

    def _id(self, kind: str, number: int) -> str:
        """The same for the same call, each time."""
        return "item_" + sha256(f"{self._call.call_id}\0{kind}\0{number}".encode()).hexdigest()[:12]


def _usage_line(told: dict[str, Any]) -> UsageLine:
    units = {str(unit): value for unit, value in mapping(told.get("units")).items() if aliases.figure(value)}
    return UsageLine(
        service=str(told.get("service") or "other"),
        provider=text(told.get("provider")),
        model=text(told.get("model")),
        reports=1,
        units=units,
    )
