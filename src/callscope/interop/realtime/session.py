"""One session of the OpenAI Realtime API, event by event: what was said, waited for, used and cut off.

Shapes: the API's reference (server events and client events), the present names and those of the beta. Events come in
the order in which they came or went; each step depends on what was before only, so a running session and a log of it
tell the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar, Final

from callscope.interop.realtime.answer import Answer
from callscope.interop.realtime.caller import Caller
from callscope.interop.realtime.responses import Responses
from callscope.interop.realtime.settings import PROVIDER, Settings
from callscope.interop.realtime.speaker import Speaker
from callscope.interop.realtime.story import Story
from callscope.interop.realtime.tools import Tools
from callscope.interop.realtime.values import known, mapping, number, objects, sound_bytes, text
from callscope.model import event as kinds

MODE: Final = "realtime"
EXPIRED: Final = "the session expired"
_SILENT: Final = frozenset(
    {
        "conversation.created", "conversation.item.done", "conversation.item.retrieved", "conversation.item.retrieve",
        "conversation.item.delete", "conversation.item.deleted",
        "conversation.item.input_audio_transcription.delta", "conversation.item.input_audio_transcription.segment",
        "output_audio_buffer.clear", "response.cancel", "response.content_part.added", "response.content_part.done",
        "response.function_call_arguments.delta", "response.function_call_arguments.done",
        "response.output_item.added", "response.output_audio.done", "response.audio.done",
        "response.mcp_call_arguments.delta", "response.mcp_call_arguments.done", "response.mcp_call.completed",
        "response.mcp_call.failed", "mcp_list_tools.in_progress", "mcp_list_tools.completed",
    }
)  # fmt: skip
"""Events that say nothing which others do not say, or that only ask for what the server then reports."""
_HARMLESS: Final = frozenset(
    {"response_cancel_not_active", "input_audio_buffer_commit_empty", "conversation_already_has_active_response"}
)
"""Codes of requests that crossed with what the server did by itself: nothing failed."""
_EXPIRED_CODE: Final = "session_expired"
_MAX_KINDS: Final = 100


class Session:
    """What the events of one session come to, told to a story as soon as it is known.

    Args:
        story: to whom it is told.
        at_ms: Unix milliseconds of its beginning.
    """

    def __init__(self, story: Story, at_ms: float) -> None:
        self.last_ms = at_ms
        self.settings = Settings()
        self.computed: set[str] = set()
        """Names of what the events do not say and was worked out."""
        self.not_understood: Counter[str] = Counter()
        """Events of types that are not known, by type."""
        self.error: str | None = None
        """The last error."""
        self.is_expired = False
        self.is_created = False
        self.has_spoken = False
        """Whether the agent said or wrote anything."""
        self._story = story
        self._caller = Caller(story, self.settings, self.computed)
        self._responses = Responses(story, self.settings)
        self._speaker = Speaker(story, self.computed, overlapped=self._overlapped)
        self._tools = Tools(story)

    def take(self, at_ms: float, event: dict[str, Any]) -> None:
        """Take an event that came or went at a moment."""
        self.last_ms = at_ms = max(self.last_ms, at_ms)
        self._speaker.tick(at_ms)
        kind = str(event.get("type"))
        handler = self._HANDLERS.get(kind)
        if handler is not None:
            handler(self, at_ms, event)
        elif kind not in _SILENT and (kind in self.not_understood or len(self.not_understood) < _MAX_KINDS):
            self.not_understood[kind[:100]] += 1

    def finish(self, at_ms: float | None) -> None:
        """The session is over.

        Args:
            at_ms: Unix milliseconds of its end; None: nobody knows, and what was sent is taken as played.
        """
        end_ms = self.last_ms if at_ms is None else max(at_ms, self.last_ms)
        self._speaker.tick(end_ms)
        self._responses.finish(end_ms)
        self._caller.finish(end_ms)
        self._speaker.finish(None if at_ms is None else end_ms)
        self.last_ms = max(end_ms, self._speaker.last_ms)

    # -- the session ----------------------------------------------------------------------------------

    def _on_created(self, at_ms: float, event: dict[str, Any]) -> None:
        session = mapping(event.get("session"))
        before = self.settings.session_id
        self.settings.confirmed(session)
        if self.is_created:
            message = f"the connection was made anew: session {before} goes on as {self.settings.session_id}"
            self._story.event(kinds.WARNING, {"code": "reconnected", "message": message}, at_ms=at_ms)
            self._caller.reconnected()
        else:
            told = known(transport=PROVIDER, session_id=text(session.get("id")), expires_at=session.get("expires_at"))
            self._story.event(kinds.CLIENT_CONNECTED, told, at_ms=at_ms)
        self.is_created = True
        self._story.update(provider_mode=MODE, agent=self.settings.agent)

    def _on_updated(self, at_ms: float, event: dict[str, Any]) -> None:
        agent = self.settings.agent
        changed = self.settings.confirmed(mapping(event.get("session")))
        if not changed:
            return
        after = self.settings.agent
        told: dict[str, Any] = {"settings": changed}
        told.update({name: value for name, value in after.items() if value != agent.get(name)})
        self._story.event(kinds.SETTINGS_CHANGED, told, at_ms=at_ms)
        if after != agent:
            self._story.update(provider_mode=MODE, agent=after)

    def _on_update(self, _at_ms: float, event: dict[str, Any]) -> None:
        """What the client asks for counts only where no server says what is: a log of one side."""
        if not self.is_created:
            self.settings.asked(mapping(event.get("session")))

    def _on_error(self, at_ms: float, event: dict[str, Any]) -> None:
        self._error(at_ms, mapping(event.get("error")), stage="llm")

    def _on_limits(self, at_ms: float, event: dict[str, Any]) -> None:
        limits = {
            f"{text(each.get('name')) or 'limit'}_{key}": each[key]
            for each in objects(event.get("rate_limits"))
            for key in ("limit", "remaining", "reset_seconds")
            if number(each.get(key)) is not None
        }
        self._story.event("rate_limits", limits, at_ms=at_ms)

    # -- the caller -----------------------------------------------------------------------------------

    def _on_append(self, at_ms: float, event: dict[str, Any]) -> None:
        self._caller.appended(at_ms, event)

    def _on_commit(self, at_ms: float, _event: dict[str, Any]) -> None:
        self._caller.commits(at_ms)

    def _on_clear(self, _at_ms: float, _event: dict[str, Any]) -> None:
        self._caller.cleared()

    def _on_committed(self, at_ms: float, event: dict[str, Any]) -> None:
        self._caller.committed(at_ms, event)

    def _on_timeout(self, at_ms: float, event: dict[str, Any]) -> None:
        self._caller.timed_out(at_ms, event)

    def _on_speech_started(self, at_ms: float, event: dict[str, Any]) -> None:
        self._caller.started(at_ms, event)

    def _on_speech_stopped(self, at_ms: float, event: dict[str, Any]) -> None:
        self._caller.stopped(at_ms, event)

    def _on_transcript(self, at_ms: float, event: dict[str, Any]) -> None:
        self._caller.transcribed(at_ms, event)

    def _on_transcript_failed(self, at_ms: float, event: dict[str, Any]) -> None:
        self._error(at_ms, mapping(event.get("error")), stage="stt")
        self._caller.not_transcribed(at_ms, event)

    def _on_dtmf(self, at_ms: float, _event: dict[str, Any]) -> None:
        self._story.event(kinds.DTMF, {"by": "caller"}, at_ms=at_ms)

    def _on_item(self, at_ms: float, event: dict[str, Any]) -> None:
        """An item that the client adds, or of which the server says that it is there."""
        item = mapping(event.get("item"))
        if item.get("type") == "function_call_output":
            self._tools.returned(at_ms, item)
        elif item.get("type") == "message" and item.get("role") == "user":
            self._caller.item(at_ms, item, is_echo=event.get("type") != "conversation.item.create")

    # -- the agent ------------------------------------------------------------------------------------

    def _on_asks(self, at_ms: float, event: dict[str, Any]) -> None:
        self._responses.asks(at_ms, event)

    def _on_response(self, at_ms: float, event: dict[str, Any]) -> None:
        self._speaker.settle(at_ms)
        self._responses.created(at_ms, event)

    def _on_sound(self, at_ms: float, event: dict[str, Any]) -> None:
        answer = self._began(at_ms, event)
        answer.item(text(event.get("item_id")) or "", sound=True)
        length_ms = 1000 * sound_bytes(event.get("delta")) / self.settings.spoken_bytes_a_second
        self._speaker.sound(at_ms, answer, length_ms)

    def _on_word(self, at_ms: float, event: dict[str, Any]) -> None:
        answer = self._began(at_ms, event)
        delta = event.get("delta")
        if isinstance(delta, str):
            answer.word(text(event.get("item_id")) or "", str(event.get("content_index")), delta)

    def _on_said(self, at_ms: float, event: dict[str, Any]) -> None:
        said = text(event.get("transcript")) or text(event.get("text"))
        if said:
            self._began(at_ms, event).said(text(event.get("item_id")) or "", str(event.get("content_index")), said)

    def _on_output_item(self, at_ms: float, event: dict[str, Any]) -> None:
        item = mapping(event.get("item"))
        self._responses.of(event, at_ms).item(text(item.get("id")) or "")
        if item.get("type") == "function_call":
            self._tools.called(at_ms, item)
        elif item.get("type") == "mcp_call":
            self._tools.ran(at_ms, item)

    def _on_mcp(self, at_ms: float, event: dict[str, Any]) -> None:
        self._tools.begins(at_ms, text(event.get("item_id")) or "")

    def _on_mcp_failed(self, at_ms: float, _event: dict[str, Any]) -> None:
        self._error(at_ms, {"message": "the tools of an MCP server could not be listed"}, stage="tool")

    def _on_played(self, at_ms: float, event: dict[str, Any]) -> None:
        answer = self._responses.of(event, at_ms)
        self._speaker.played(at_ms, answer, str(event.get("type")).rpartition(".")[2])

    def _on_truncated(self, at_ms: float, event: dict[str, Any]) -> None:
        item = text(event.get("item_id")) or ""
        answer = self._responses.with_item(item)
        if answer is None:
            self.not_understood["truncation of an item that no response made"] += 1
        else:
            self._speaker.truncated(at_ms, answer, item, number(event.get("audio_end_ms")))

    def _on_done(self, at_ms: float, event: dict[str, Any]) -> None:
        response = mapping(event.get("response"))
        answer = self._responses.of({"response_id": response.get("id")}, at_ms)
        for item in objects(response.get("output")):
            answer.item(text(item.get("id")) or "")
            if item.get("type") == "function_call":
                self._tools.called(at_ms, item)
        self._responses.done(at_ms, answer, response)
        self._how_it_ended(at_ms, answer, response)
        asked_ms, begun_ms = self._caller.asked_ms, answer.first_ms
        if answer.begun_ms is None and not answer.is_played:
            latency_ms = None if asked_ms is None or begun_ms is None else begun_ms - asked_ms
            self._speaker.wordy(at_ms, answer, latency_ms=latency_ms)
        if answer.text and not answer.is_aside:
            self._caller.asked_ms = None
            self.has_spoken = True
        self._speaker.tick(at_ms)

    def _how_it_ended(self, at_ms: float, answer: Answer, response: dict[str, Any]) -> None:
        status, details = response.get("status"), mapping(response.get("status_details"))
        reason = text(details.get("reason"))
        if status == "cancelled":
            speech = self._caller.speech
            is_turn = reason == "turn_detected"
            since_ms = speech[0] if is_turn and speech is not None else at_ms
            self._speaker.cancelled(at_ms, answer, turn_detected=is_turn, since_ms=since_ms)
        elif status == "failed":
            self._error(at_ms, mapping(details.get("error")), stage="llm", request_id=answer.id)
        elif status == "incomplete":
            message = f"a response was cut short ({reason or 'nobody says why'})"
            told = {"code": reason or "incomplete", "message": message, "request_id": answer.id}
            self._story.event(kinds.WARNING, told, at_ms=at_ms)

    def _began(self, at_ms: float, event: dict[str, Any]) -> Answer:
        answer = self._responses.of(event, at_ms)
        answer.item(text(event.get("item_id")) or "")
        self._responses.began(at_ms, answer)
        return answer

    def _overlapped(self, answer: Answer, until_ms: float) -> bool:
        return answer.begun_ms is not None and self._caller.spoke_over(answer.begun_ms, until_ms)

    def _error(self, at_ms: float, error: dict[str, Any], *, stage: str, request_id: str | None = None) -> None:
        code = text(error.get("code"))
        message = text(error.get("message")) or code or text(error.get("type")) or "an error without a message"
        if code in _HARMLESS:
            if code == "conversation_already_has_active_response":
                self._responses.refused()
            self._story.event(kinds.WARNING, {"code": code, "message": message}, at_ms=at_ms)
            return
        self.error = message
        self.is_expired = self.is_expired or code == _EXPIRED_CODE
        told = known(
            message=message, error_code=code, exception_type=text(error.get("type")), stage=stage, provider=PROVIDER,
            model=self.settings.transcriber if stage == "stt" else self.settings.model, request_id=request_id,
            fatal=True if code == _EXPIRED_CODE else None,
        )  # fmt: skip
        self._story.event(kinds.ERROR, told, at_ms=at_ms)

    _HANDLERS: ClassVar[dict[str, Callable[[Session, float, dict[str, Any]], None]]] = {
        "session.created": _on_created,
        "session.updated": _on_updated,
        "session.update": _on_update,
        "transcription_session.created": _on_created,
        "transcription_session.updated": _on_updated,
        "transcription_session.update": _on_update,
        "input_audio_buffer.append": _on_append,
        "input_audio_buffer.commit": _on_commit,
        "input_audio_buffer.clear": _on_clear,
        "input_audio_buffer.cleared": _on_clear,
        "input_audio_buffer.committed": _on_committed,
        "input_audio_buffer.timeout_triggered": _on_timeout,
        "input_audio_buffer.speech_started": _on_speech_started,
        "input_audio_buffer.speech_stopped": _on_speech_stopped,
        "input_audio_buffer.dtmf_event_received": _on_dtmf,
        "conversation.item.input_audio_transcription.completed": _on_transcript,
        "conversation.item.input_audio_transcription.failed": _on_transcript_failed,
        "conversation.item.create": _on_item,
        "conversation.item.created": _on_item,
        "conversation.item.added": _on_item,
        "conversation.item.truncate": _on_truncated,
        "conversation.item.truncated": _on_truncated,
        "response.create": _on_asks,
        "response.created": _on_response,
        "response.output_audio.delta": _on_sound,
        "response.audio.delta": _on_sound,
        "response.output_audio_transcript.delta": _on_word,
        "response.audio_transcript.delta": _on_word,
        "response.output_text.delta": _on_word,
        "response.text.delta": _on_word,
        "response.output_audio_transcript.done": _on_said,
        "response.audio_transcript.done": _on_said,
        "response.output_text.done": _on_said,
        "response.text.done": _on_said,
        "response.output_item.done": _on_output_item,
        "response.mcp_call.in_progress": _on_mcp,
        "mcp_list_tools.failed": _on_mcp_failed,
        "response.done": _on_done,
        "output_audio_buffer.started": _on_played,
        "output_audio_buffer.stopped": _on_played,
        "output_audio_buffer.cleared": _on_played,
        "rate_limits.updated": _on_limits,
        "error": _on_error,
    }
