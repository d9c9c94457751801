"""One session of the OpenAI Realtime API, event by event: what was said, waited for, used and cut off."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any, ClassVar, Final

from callscope.importers.base.shapes import Unknown, known, mapping, number, objects, text, within
from callscope.model import call as words
from callscope.model import event as kinds
from callscope.model.event import Event
from callscope.model.whole import WholeTurn

_IGNORED: Final = frozenset(
    {
        "conversation.created", "conversation.item.added", "conversation.item.done", "conversation.item.retrieved",
        "conversation.item.retrieve", "conversation.item.delete", "conversation.item.deleted",
        "conversation.item.input_audio_transcription.delta", "conversation.item.input_audio_transcription.segment",
        "conversation.item.truncate", "input_audio_buffer.append", "input_audio_buffer.commit",
        "input_audio_buffer.clear", "input_audio_buffer.cleared", "input_audio_buffer.committed",
        "input_audio_buffer.timeout_triggered", "output_audio_buffer.clear", "response.cancel", "response.create",
        "response.content_part.added", "response.content_part.done", "response.function_call_arguments.delta",
        "response.function_call_arguments.done", "response.output_item.added",
    }
)  # fmt: skip
"""Events that say nothing which others do not say, or that only ask for what the server then reports."""
_SOUND: Final = frozenset({"response.output_audio.delta", "response.audio.delta"})
_SOUND_DONE: Final = frozenset({"response.output_audio.done", "response.audio.done"})
_WORDS: Final = frozenset(
    {
        "response.output_audio_transcript.delta", "response.audio_transcript.delta", "response.output_text.delta",
        "response.text.delta",
    }
)  # fmt: skip
_WORDS_DONE: Final = frozenset(
    {
        "response.output_audio_transcript.done", "response.audio_transcript.done", "response.output_text.done",
        "response.text.done",
    }
)  # fmt: skip
_OUTCOMES: Final = {"completed": "completed", "cancelled": "interrupted", "failed": "failed", "incomplete": "completed"}
_BYTES_A_SECOND: Final = {"audio/pcmu": 8_000, "audio/pcma": 8_000, "g711_ulaw": 8_000, "g711_alaw": 8_000}
_PCM_BYTES_A_SECOND: Final = 48_000
_PROVIDER: Final = "openai"


class _Answer:
    """One response of the model."""

    def __init__(self, response_id: str, at_ms: int) -> None:
        self.id = response_id
        self.created_ms = at_ms
        self.first_ms: int | None = None
        self.heard_ms: int | None = None
        self.stopped_ms: int | None = None
        self.done_ms = at_ms
        self.sound_bytes = 0
        self.has_all_sound = True
        self.last_sound_ms = at_ms
        self.is_played = False
        self.text: list[str] = []
        self.cut_at_ms: int | None = None
        self.is_cut = False
        self.items: set[str] = set()


class RealtimeSession:
    """What the events of one session come to.

    Args:
        at_ms: Unix milliseconds of its first event.
    """

    def __init__(self, at_ms: int) -> None:
        self.started_at_ms = at_ms
        self.last_ms = at_ms
        self.session_id: str | None = None
        self.is_begun = False
        self.computed: set[str] = {"ended_at"}
        self.unknown = Unknown()
        self._session: dict[str, Any] = {}
        self._rows: list[tuple[int, int, WholeTurn | Event]] = []
        self._answers: dict[str, _Answer] = {}
        self._spoke_ms: dict[str, int] = {}
        self._silent_ms: dict[str, int] = {}
        self._names: dict[str, str] = {}
        self._told: set[str] = set()
        self._error: str | None = None

    def take(self, at_ms: int, event: dict[str, Any]) -> None:
        """Take an event that came or went at a moment, in the order of the log."""
        self.last_ms = max(self.last_ms, at_ms)
        self.is_begun = True
        kind = str(event.get("type"))
        handler = self._HANDLERS.get(kind)
        if handler is not None:
            handler(self, at_ms, event)
        elif kind in _SOUND:
            self._sound(at_ms, event)
        elif kind in _SOUND_DONE:
            self._answer(event, at_ms).last_sound_ms = at_ms
        elif kind in _WORDS:
            self._began(at_ms, event)
        elif kind in _WORDS_DONE:
            self._said(event, at_ms)
        elif kind not in _IGNORED:
            self.unknown.add(f"event {kind}")

    def rows(self) -> tuple[WholeTurn | Event, ...]:
        """All rows in the order of their moments; once."""
        for answer in self._answers.values():
            self._close(answer)
        return tuple(row for _, _, row in sorted(self._rows, key=lambda item: item[:2]))

    def fields(self) -> dict[str, Any]:
        """What is known of the call beside its rows."""
        voice = within(self._session, "audio", "output", "voice") or self._session.get("voice")
        agent = known(provider=_PROVIDER, model=self._model(), voice=text(voice))
        return {"provider_mode": "realtime", "agent": agent, "framework": {"name": "openai-realtime"}}

    def end(self) -> dict[str, Any]:
        """How it ended: the log does not say why."""
        if self._error is not None and not any(answer.text for answer in self._answers.values()):
            return {"status": words.FAILED, "error": self._error}
        return {"reason": "the log of the session ends here"}

    # -- handlers -------------------------------------------------------------------------------------

    def _on_session(self, at_ms: int, event: dict[str, Any]) -> None:
        session = mapping(event.get("session"))
        self.session_id = text(session.get("id")) or self.session_id
        self._session = {**self._session, **{name: value for name, value in session.items() if value is not None}}
        if event.get("type") == "session.created":
            self._add(at_ms, kinds.CLIENT_CONNECTED, {"transport": "openai"})

    def _on_speech_started(self, at_ms: int, event: dict[str, Any]) -> None:
        self._spoke_ms[str(event.get("item_id"))] = at_ms
        self._add(at_ms, kinds.USER_STARTED_SPEAKING, {})

    def _on_speech_stopped(self, at_ms: int, event: dict[str, Any]) -> None:
        detection = within(self._session, "audio", "input", "turn_detection") or self._session.get("turn_detection")
        silence_ms = number(mapping(detection).get("silence_duration_ms"))
        delay_ms = 0 if silence_ms is None else round(silence_ms)
        if delay_ms:
            self.computed.add("user_stopped_speaking")
        self._silent_ms[str(event.get("item_id"))] = at_ms - delay_ms
        data = {"delay_ms": delay_ms} if delay_ms else {}
        self._add(at_ms - delay_ms, kinds.USER_STOPPED_SPEAKING, data)

    def _on_transcript(self, at_ms: int, event: dict[str, Any]) -> None:
        said = text(event.get("transcript")) or ""
        item = str(event.get("item_id"))
        model = text(within(self._session, "audio", "input", "transcription", "model"))
        model = model or text(within(self._session, "input_audio_transcription", "model"))
        self._add(at_ms, kinds.TRANSCRIPT, known(text=said, provider=_PROVIDER, model=model))
        spoke_ms = self._spoke_ms.get(item, at_ms)
        silent_ms = self._silent_ms.get(item)
        length_ms = None if silent_ms is None or item not in self._spoke_ms else max(0, silent_ms - spoke_ms)
        turn = WholeTurn(role="user", text=said, at_ms=spoke_ms, duration_ms=length_ms)
        self._put(at_ms if silent_ms is None else silent_ms, 2, turn)
        usage = mapping(event.get("usage"))
        units = known(
            audio_seconds=number(usage.get("seconds")),
            input_tokens=number(usage.get("input_tokens")),
            output_tokens=number(usage.get("output_tokens")),
            input_audio_tokens=number(within(usage, "input_token_details", "audio_tokens")),
            input_text_tokens=number(within(usage, "input_token_details", "text_tokens")),
        )
        if units:
            self._add(at_ms, kinds.USAGE, {"service": "stt", "provider": _PROVIDER, "model": model, **units})

    def _on_transcript_failed(self, at_ms: int, event: dict[str, Any]) -> None:
        self._on_error(at_ms, {"error": {**mapping(event.get("error")), "stage": "stt"}})

    def _on_item(self, at_ms: int, event: dict[str, Any]) -> None:
        """A client's item, or the server's word that it is there: texts that were typed, and results of functions."""
        item = mapping(event.get("item"))
        key = text(item.get("id")) or text(item.get("call_id")) or ""
        if item.get("type") == "function_call_output":
            call_id = text(item.get("call_id")) or ""
            if f"result {call_id}" not in self._told:
                self._told.add(f"result {call_id}")
                data = known(tool_call_id=call_id, name=self._names.get(call_id), result=item.get("output"))
                self._add(at_ms, kinds.TOOL_RESULT, data)
        elif item.get("type") == "message" and item.get("role") == "user":
            parts = [part.get("text") for part in objects(item.get("content")) if part.get("type") == "input_text"]
            said = " ".join(filter(None, map(text, parts)))
            if said and not {key, said} & self._told:
                self._told |= {key, said} if key else {said}
                self._put(at_ms, 2, WholeTurn(role="user", text=said, at_ms=at_ms))

    def _on_created(self, at_ms: int, event: dict[str, Any]) -> None:
        answer = self._answer({"response_id": within(event, "response", "id")}, at_ms)
        data = known(request_id=answer.id, provider=_PROVIDER, model=self._model())
        self._add(at_ms, kinds.LLM_STARTED, data)

    def _on_output_item(self, at_ms: int, event: dict[str, Any]) -> None:
        item = mapping(event.get("item"))
        self._answer(event, at_ms).items.add(str(item.get("id")))
        if item.get("type") == "function_call":
            call_id, name = text(item.get("call_id")) or "", text(item.get("name")) or ""
            self._names[call_id] = name
            data = known(tool_call_id=call_id, name=name, arguments=item.get("arguments"))
            self._add(at_ms, kinds.TOOL_CALL, data)

    def _on_played(self, at_ms: int, event: dict[str, Any]) -> None:
        answer = self._answer(event, at_ms)
        if event.get("type") == "output_audio_buffer.started":
            answer.heard_ms, answer.is_played = at_ms, True
        else:
            answer.stopped_ms = at_ms
            answer.is_cut = answer.is_cut or event.get("type") == "output_audio_buffer.cleared"

    def _on_truncated(self, at_ms: int, event: dict[str, Any]) -> None:
        item = str(event.get("item_id"))
        answer = next((each for each in self._answers.values() if item in each.items), None)
        if answer is None:
            self.unknown.add("truncation of an item that no response made")
            return
        answer.is_cut = True
        played_ms = number(event.get("audio_end_ms"))
        begun_ms = answer.heard_ms
        if answer.stopped_ms is None:
            told = None if begun_ms is None or played_ms is None else begun_ms + round(played_ms)
            answer.stopped_ms = at_ms if told is None else min(at_ms, told)

    def _on_done(self, at_ms: int, event: dict[str, Any]) -> None:
        response = mapping(event.get("response"))
        answer = self._answer({"response_id": response.get("id")}, at_ms)
        answer.items |= {str(item.get("id")) for item in objects(response.get("output"))}
        answer.done_ms = at_ms
        status = text(response.get("status")) or "completed"
        usage = mapping(response.get("usage"))
        data = {"request_id": answer.id, "outcome": _OUTCOMES.get(status, "completed"), "usage_reported": bool(usage)}
        self._add(at_ms, kinds.LLM_STOPPED, data)
        if usage:
            about = {"service": "realtime", "provider": _PROVIDER, "model": self._model(), "request_id": answer.id}
            self._add(at_ms, kinds.USAGE, {**about, **_units(usage)})
        details = mapping(response.get("status_details"))
        if status == "cancelled" and details.get("reason") == "turn_detected":
            answer.is_cut = True
        if status == "failed":
            self._on_error(at_ms, {"error": {**mapping(details.get("error")), "stage": "llm"}})

    def _on_error(self, at_ms: int, event: dict[str, Any]) -> None:
        error = mapping(event.get("error"))
        message = text(error.get("message")) or text(error.get("code")) or text(error.get("type")) or "an error"
        data = known(
            message=message, error_code=text(error.get("code")), exception_type=text(error.get("type")),
            stage=text(error.get("stage")) or "llm", provider=_PROVIDER, model=self._model(),
        )  # fmt: skip
        self._error = message
        self._add(at_ms, kinds.ERROR, data)

    def _on_limits(self, at_ms: int, event: dict[str, Any]) -> None:
        limits = {
            f"{text(each.get('name')) or 'limit'}_{key}": each[key]
            for each in objects(event.get("rate_limits"))
            for key in ("limit", "remaining", "reset_seconds")
            if number(each.get(key)) is not None
        }
        self._add(at_ms, "rate_limits", limits)

    def _on_dtmf(self, at_ms: int, _event: dict[str, Any]) -> None:
        self._add(at_ms, kinds.DTMF, {"by": "caller"})

    # -- answers --------------------------------------------------------------------------------------

    def _began(self, at_ms: int, event: dict[str, Any]) -> _Answer:
        answer = self._answer(event, at_ms)
        if answer.first_ms is None:
            answer.first_ms = at_ms
            data = {"request_id": answer.id, "ttft_ms": at_ms - answer.created_ms}
            self._add(at_ms, kinds.LLM_FIRST_TOKEN, data)
        return answer

    def _sound(self, at_ms: int, event: dict[str, Any]) -> None:
        answer = self._began(at_ms, event)
        answer.last_sound_ms = at_ms
        if answer.heard_ms is None:
            answer.heard_ms = at_ms
        size = _size(event.get("delta"))
        answer.has_all_sound = answer.has_all_sound and size > 0
        answer.sound_bytes += size

    def _said(self, event: dict[str, Any], at_ms: int) -> None:
        answer = self._answer(event, at_ms)
        answer.items.add(str(event.get("item_id")))
        said = text(event.get("transcript")) or text(event.get("text"))
        if said:
            answer.text.append(said)

    def _close(self, answer: _Answer) -> None:
        """The agent's turn, and when it was heard."""
        begun_ms = answer.heard_ms
        said = " ".join(answer.text)
        if begun_ms is None:
            if said:  # an answer in text alone
                at_ms = answer.first_ms or answer.created_ms
                self._put(answer.done_ms, 2, WholeTurn(role="assistant", text=said, at_ms=at_ms))
            return
        stopped_ms = answer.stopped_ms
        if stopped_ms is None:
            self.computed.add("agent_stopped_speaking")
            played_ms = round(1000 * answer.sound_bytes / self._bytes_a_second()) if answer.has_all_sound else 0
            stopped_ms = max(begun_ms + played_ms, begun_ms if answer.has_all_sound else answer.last_sound_ms)
        if not answer.is_played:
            self.computed.add("agent_started_speaking")
        self._add(begun_ms, kinds.AGENT_STARTED_SPEAKING, {})
        if answer.is_cut:
            self._put(stopped_ms, 0, Event(ts_ms=stopped_ms, type=kinds.BARGE_IN, data={}))
        self._put(
            stopped_ms,
            1,
            Event(ts_ms=stopped_ms, type=kinds.AGENT_STOPPED_SPEAKING, data={"interrupted": answer.is_cut}),
        )
        turn = WholeTurn(
            role="assistant",
            text=said,
            at_ms=begun_ms,
            duration_ms=max(0, stopped_ms - begun_ms),
            interrupted=answer.is_cut,
        )
        # A turn stands where it was over: what it used, and how long it was waited for, is known there.
        self._put(max(stopped_ms, answer.done_ms), 2, turn)
        self.last_ms = max(self.last_ms, stopped_ms)

    def _answer(self, event: dict[str, Any], at_ms: int) -> _Answer:
        response_id = text(event.get("response_id")) or (next(reversed(self._answers), None) or "response")
        if response_id not in self._answers:
            self._answers[response_id] = _Answer(response_id, at_ms)
        answer = self._answers[response_id]
        if text(event.get("item_id")):
            answer.items.add(str(event["item_id"]))
        return answer

    def _model(self) -> str | None:
        return text(self._session.get("model"))

    def _bytes_a_second(self) -> int:
        form = within(self._session, "audio", "output", "format", "type") or self._session.get("output_audio_format")
        return _BYTES_A_SECOND.get(str(form), _PCM_BYTES_A_SECOND)

    def _add(self, at_ms: int, kind: str, data: dict[str, Any]) -> None:
        self._put(at_ms, 1, Event(ts_ms=at_ms, type=kind, data=data))

    def _put(self, at_ms: int, order: int, row: WholeTurn | Event) -> None:
        self._rows.append((at_ms, order, row))

    _HANDLERS: ClassVar[dict[str, Callable[[RealtimeSession, int, dict[str, Any]], None]]] = {
        "session.created": _on_session,
        "session.updated": _on_session,
        "session.update": _on_session,
        "input_audio_buffer.speech_started": _on_speech_started,
        "input_audio_buffer.speech_stopped": _on_speech_stopped,
        "input_audio_buffer.dtmf_event_received": _on_dtmf,
        "conversation.item.input_audio_transcription.completed": _on_transcript,
        "conversation.item.input_audio_transcription.failed": _on_transcript_failed,
        "conversation.item.create": _on_item,
        "conversation.item.created": _on_item,
        "conversation.item.truncated": _on_truncated,
        "response.created": _on_created,
        "response.output_item.done": _on_output_item,
        "response.done": _on_done,
        "output_audio_buffer.started": _on_played,
        "output_audio_buffer.stopped": _on_played,
        "output_audio_buffer.cleared": _on_played,
        "rate_limits.updated": _on_limits,
        "error": _on_error,
    }


def _units(usage: dict[str, Any]) -> dict[str, Any]:
    given, made = mapping(usage.get("input_token_details")), mapping(usage.get("output_token_details"))
    cached = mapping(given.get("cached_tokens_details"))
    return known(
        input_tokens=number(usage.get("input_tokens")),
        output_tokens=number(usage.get("output_tokens")),
        total_tokens=number(usage.get("total_tokens")),
        input_text_tokens=number(given.get("text_tokens")),
        input_audio_tokens=number(given.get("audio_tokens")),
        cached_tokens=number(given.get("cached_tokens")),
        cached_text_tokens=number(cached.get("text_tokens")),
        cached_audio_tokens=number(cached.get("audio_tokens")),
        output_text_tokens=number(made.get("text_tokens")),
        output_audio_tokens=number(made.get("audio_tokens")),
    )


def _size(delta: object) -> int:
    """Bytes of a piece of sound; 0 where the log left it out."""
    if not isinstance(delta, str) or not delta:
        return 0
    try:
        return len(base64.b64decode(delta, validate=True))
    except (binascii.Error, ValueError):
        return 0
