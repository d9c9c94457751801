"""LiveKit's report of a session (`SessionReport.to_dict()`, 1.3 to 1.8) as a whole call.

A report has no start: it is counted back from its end. Of the things that it does not have at all (the text of errors,
replies that nobody heard, who called whom, money) nothing is made up.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

from callscope.interop import aliases, livekit_ending, livekit_usage
from callscope.interop.livekit_values import mapping, ms, objects, text
from callscope.model import event as events

FORMAT: Final = "livekit.session_report"
ORIGINAL: Final = "livekit_report.json"
_KEYS: Final = frozenset(
    {
        "job_id", "room_id", "room", "events", "audio_recording_path", "audio_recording_started_at", "options",
        "chat_history", "timestamp", "usage", "sdk_version", "agent_name", "tags", "duration_ms", "user_turns",
        "errors", "close_reason",
    }
)  # fmt: skip
_TELLING: Final = ("events", "chat_history", "close_reason")
_EARLY_MS: Final = 200
"""So much before the start that was counted back, things of the session's beginning may be stamped."""
_SHAPES: Final = (("close_reason", "1.8.9"), ("usage", "1.5"))
"""Which key came when, the newest first."""


class Report:
    """A report as it is read.

    Args:
        document: the report.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.events = list(objects(document.get("events")))
        self.options = mapping(document.get("options"))

    @staticmethod
    def is_one(document: dict[str, Any]) -> bool:
        """Whether a document is a report."""
        named = text(document.get("room_id")) or text(document.get("job_id"))
        return named is not None and "timestamp" in document and any(key in document for key in _TELLING)

    @property
    def call_id(self) -> str:
        """The room's sid, which is also the id of the session's traces; without one, the job's id."""
        return text(self.document.get("room_id")) or text(self.document.get("job_id")) or ""

    @property
    def session(self) -> dict[str, str]:
        """What names the session, in whatever way it is told: ``room_id`` and ``job_id``, as far as they are known."""
        told = {name: text(self.document.get(name)) for name in ("room_id", "job_id")}
        return {name: value for name, value in told.items() if value is not None}

    @cached_property
    def items(self) -> list[dict[str, Any]]:
        """What was said and done, each item once: as the history has it, and what only an event tells."""
        found = list(objects(mapping(self.document.get("chat_history")).get("items")))
        there = {text(each.get("id")) for each in found}
        added = (mapping(each.get("item")) for each in self.events if each.get("type") == "conversation_item_added")
        found += [each for each in added if each and text(each.get("id")) not in there]
        return sorted(found, key=lambda each: aliases.figure(each.get("created_at")) or 0)

    @cached_property
    def added_ms(self) -> dict[str, float]:
        """When an item became part of the conversation, by its id."""
        told = {}
        for each in self.events:
            at_ms, id_ = ms(each.get("created_at")), mapping(each.get("item")).get("id")
            if each.get("type") == "conversation_item_added" and at_ms is not None and isinstance(id_, str):
                told[id_] = at_ms
        return told

    @cached_property
    def usage(self) -> list[dict[str, Any]]:
        """What was used over the session: the report's sums, else the last of its running ones."""
        lines = list(objects(self.document.get("usage")))
        if lines:
            return lines
        running = [each for each in self.events if each.get("type") == "session_usage_updated"]
        return list(objects(mapping(running[-1].get("usage")).get("model_usage"))) if running else []

    @cached_property
    def close(self) -> dict[str, Any] | None:
        """The event of the session's end; None when there is none."""
        return next((each for each in reversed(self.events) if each.get("type") == "close"), None)

    @cached_property
    def ending(self) -> livekit_ending.Ending:
        """Why it ended."""
        told = text((self.close or {}).get("reason")) or text(self.document.get("close_reason"))
        return livekit_ending.of(told)

    @cached_property
    def _made_ms(self) -> float | None:
        return ms(self.document.get("timestamp"))

    @cached_property
    def _moments(self) -> list[float]:
        told = [ms(each.get("created_at")) for each in self.events or self.items]
        return [at_ms for at_ms in told if at_ms is not None]

    @cached_property
    def started_ms(self) -> int | None:
        """The session's start, counted back from its end, or its first moment; None when nothing tells any."""
        duration_ms = aliases.figure(self.document.get("duration_ms"))
        told = list(self._moments) if self.events or duration_ms is None else []
        if self._made_ms is not None and (duration_ms is not None or not told):
            told.append(self._made_ms - (duration_ms or 0))
        return max(0, round(min(told))) if told else None

    def is_context(self, item: dict[str, Any]) -> bool:
        """Whether an item was put into the history before the session, and was not said in it."""
        at_ms = ms(item.get("created_at"))
        before = at_ms is not None and at_ms < (self.started_ms or 0) - _EARLY_MS
        return before and (not self.events or text(item.get("id")) not in self.added_ms)

    @cached_property
    def ended_ms(self) -> int | None:
        """The session's end; of one that was not closed, when the report was made."""
        told = ms((self.close or {}).get("created_at")) or self._made_ms or max(self._moments, default=None)
        return None if told is None else round(max(told, self.started_ms or 0))

    @cached_property
    def is_realtime(self) -> bool:
        """Whether the model spoke itself."""
        return livekit_usage.is_realtime(self.usage)

    @cached_property
    def is_typed(self) -> bool:
        """Whether nobody spoke: there was no sound."""
        if self.is_realtime or self.document.get("audio_recording_started_at"):
            return False
        if any(livekit_usage.kind_of(line) in {"stt_usage", "tts_usage"} for line in self.usage):
            return False
        states = (each.get("new_state") for each in self.events if each.get("type") == "user_state_changed")
        if "speaking" in states:
            return False
        spoken = (mapping(each.get("metrics")) for each in self.items if each.get("role") == "user")
        return not any("started_speaking_at" in each for each in spoken)

    @property
    def mode(self) -> str:
        """Ours: ``realtime``, ``text`` or ``pipeline``."""
        return "realtime" if self.is_realtime else "text" if self.is_typed else "pipeline"

    @property
    def version(self) -> str:
        """The SDK's, as it says; before 1.5 it does not, and the shape tells."""
        told = text(self.document.get("sdk_version"))
        return told or next((since for key, since in _SHAPES if key in self.document), "1.3 or 1.4")

    def unknown_keys(self) -> list[str]:
        """Keys that no version is known to have."""
        return sorted(self.document.keys() - _KEYS)

    def unfit(self) -> list[str]:
        """What is there in another form than any version gives it, and is left out, in words."""
        history = self.document.get("chat_history")
        places = [("", self.document, "events"), ("", self.document, "usage"), ("chat_history.", history, "items")]
        found = [] if history is None or isinstance(history, dict) else ["chat_history that is no object"]
        for where, holder, key in places:
            value = holder.get(key) if isinstance(holder, dict) else None
            if value is not None and not isinstance(value, list):
                found.append(f"{where}{key} that is no list")
            elif value is not None and not all(isinstance(each, dict) for each in value):
                found.append(f"{where}{key} with what is no object")
        return found


def error_words(kind: str, label: str | None) -> str:
    """An error of which the report has no text."""
    return f"{kind} of {label}: LiveKit's report does not say what" if label else f"{kind}: no text in LiveKit's report"


STAGES: Final = {
    "llm_error": "llm",
    "stt_error": "stt",
    "tts_error": "tts",
    "realtime_model_error": "llm",
    "interruption_detection_error": "turn",
}
"""An error event's kind, as the stage of it."""
COUNTED: Final = {"llm": "llm", "stt": "stt", "tts": "tts", "realtime": "llm", "interruption": "turn"}
"""What a report counts errors by, as the stage of it."""
WORKS: Final = {events.TRANSCRIPT: "stt", events.AGENT_STARTED_SPEAKING: "tts", events.TOOL_CALL: "llm"}
"""An event that shows that a stage works again."""
