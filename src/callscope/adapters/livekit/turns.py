"""What both sides said: transcripts, the conversation's messages as turns, and what of an answer was heard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from callscope.adapters.livekit import models
from callscope.adapters.livekit.moments import known, moment, ms
from callscope.adapters.livekit.requests import squeezed
from callscope.clock import now_ms
from callscope.model import event as events

if TYPE_CHECKING:
    from callscope.adapters.livekit.errors import Errors
    from callscope.adapters.livekit.requests import Requests
    from callscope.adapters.livekit.speech import Speech
    from callscope.adapters.livekit.syntheses import Syntheses
    from callscope.recorder.call_log import CallLog

_ROLES: Final = {"developer": "system"}
_ALMOST_ALL: Final = 0.97
"""So much of an answer's sound played counts as all of it."""


class Turns:
    """Messages of the conversation into turns.

    LiveKit puts into a message what was played of it, where its output follows the words; all of it where not, and
    then the share of its sound that was played tells how many words were heard. What was generated comes from the
    agent's nodes.
    """

    def __init__(
        self, log: CallLog, session: Any, *, speech: Speech, requests: Requests, syntheses: Syntheses, errors: Errors
    ) -> None:
        self._log = log
        self._session = session
        self._speech = speech
        self._requests = requests
        self._syntheses = syntheses
        self._errors = errors
        self._turn_open = False
        self._asked_ms: float | None = None
        self._answered_ms: float | None = None

    def on_transcript(self, event: Any) -> None:
        """The recogniser's final text arrived; what it guessed before that is left out."""
        if not event.is_final or not event.transcript:
            return
        at_ms = moment(event)
        speech_to_speech = models.is_realtime(models.current(self._session, "llm"))
        ear = models.current(self._session, "llm" if speech_to_speech else "stt")
        language = getattr(event, "language", None)
        if not self._turn_open and not speech_to_speech and not self._speech.agent_speaking:
            self._turn_open = True
            self._log.event(events.USER_TURN_STARTED, at_ms=at_ms)
        told = {
            "text": event.transcript,
            "language": str(language) if language else None,
            "speaker_id": getattr(event, "speaker_id", None),
            **models.facts(ear),
        }
        self._log.event(events.TRANSCRIPT, known(told), at_ms=at_ms)
        self._errors.worked("stt", at_ms)

    def on_agent_state(self, event: Any) -> None:
        """In a session without sound, the first word of an answer is out."""
        if event.new_state == "speaking" and not self._speech.audible and self._answered_ms is None:
            self._answered_ms = moment(event)

    def on_message(self, item: Any) -> None:
        """A message of the conversation: the caller's when it was answered, the agent's when it was played."""
        text = (getattr(item, "text_content", None) or "").strip()
        metrics = getattr(item, "metrics", None) or {}
        if item.role == "user":
            self._on_user(text, metrics)
        elif item.role == "assistant":
            self._on_agent(text, metrics)
        elif text:
            self._log.turn(_ROLES.get(item.role, item.role), text)

    def finish(self) -> None:
        """The session is over: replies that could not be spoken are turns of which nothing was heard."""
        self._write_unheard()

    def _on_user(self, text: str, metrics: Any) -> None:
        self._write_unheard()
        now = now_ms()
        self._turn_open = False
        self._asked_ms, self._answered_ms = min(now, self._requests.open_since()), None
        began_ms = ms(metrics.get("started_speaking_at"))
        ended_ms = ms(metrics.get("stopped_speaking_at"))
        delay_s = metrics.get("end_of_turn_delay")
        if ended_ms is not None and delay_s is not None:
            decided_ms = min(float(now), ended_ms + delay_s * 1000)
            code_ms = _rounded(metrics.get("on_user_turn_completed_delay"))
            told = known({"strategy": self._strategy(), "code_ms": code_ms})
            self._log.event(events.USER_TURN_STOPPED, told, at_ms=decided_ms)
        duration_ms = ended_ms - began_ms if began_ms is not None and ended_ms is not None else None
        if text:
            self._log.turn("user", text, at_ms=began_ms or now, duration_ms=_positive(duration_ms))

    def _on_agent(self, text: str, metrics: Any) -> None:
        speech = self._speech
        if speech.audible and not speech.is_heard and self._errors.failing("tts"):
            return  # LiveKit 1.3 takes it for said; `_write_unheard` tells what became of it
        began_ms = speech.agent_began_ms if speech.is_heard else None
        ended_ms = speech.agent_ended_ms if speech.agent_ended_ms is not None else float(now_ms())
        handle = self._session.current_speech
        interrupted = speech.is_heard and speech.is_cut_off(handle)
        cut = interrupted or speech.closing or bool(getattr(handle, "interrupted", False))
        said = self._generated(text) if cut or self._errors.failing("tts") else text
        heard = self._heard(text, said, (ended_ms - began_ms) if began_ms is not None else None) if cut else text
        if interrupted and began_ms is not None:
            counts = {"heard_characters": len(heard), "generated_characters": max(len(said), len(heard))}
            self._log.event(events.BARGE_IN, counts, at_ms=ended_ms)
        if text:
            partly = interrupted or squeezed(heard) != squeezed(said)
            self._log.turn(
                "assistant",
                said,
                at_ms=began_ms if began_ms is not None else ms(metrics.get("started_speaking_at")),
                duration_ms=_positive(ended_ms - began_ms) if began_ms is not None else None,
                latency=self._latency(),
                interrupted=interrupted,
                heard=heard if partly else None,
            )
        speech.turn_written()

    def _generated(self, heard: str) -> str:
        """All of an answer of which this is what LiveKit kept."""
        synthesis = self._syntheses.of(heard)
        generated = self._requests.generated(heard) or (synthesis.words.strip() if synthesis else heard)
        return generated if len(generated) >= len(heard) else heard

    def _heard(self, text: str, said: str, played_ms: float | None) -> str:
        """What was heard: LiveKit's own word where it says less than all, else as many words as were played."""
        if squeezed(text) != squeezed(said) or played_ms is None:
            return text
        synthesis = self._syntheses.of(text)
        if synthesis is None or not synthesis.audio_seconds:
            return text
        share = played_ms / (synthesis.audio_seconds * 1000)
        if share >= _ALMOST_ALL:
            return text
        words = text.split()
        return " ".join(words[: int(len(words) * share)])

    def _latency(self) -> dict[str, Any] | None:
        """In a session without sound: from the message to the first word of its answer."""
        asked_ms, answered_ms, self._asked_ms = self._asked_ms, self._answered_ms, None
        if self._speech.audible or asked_ms is None or answered_ms is None or answered_ms < asked_ms:
            return None
        return {"response_ms": round(answered_ms - asked_ms)}

    def _write_unheard(self) -> None:
        if not self._speech.agent_speaking:
            for words, at_ms in self._syntheses.unheard():
                text = self._requests.generated(words) or words
                self._log.turn("assistant", text, at_ms=at_ms, heard="")

    def _strategy(self) -> str | None:
        """Who decides that the caller's turn is over: ``vad``, ``stt``, ``manual``, or a model's name."""
        detection = getattr(self._session, "turn_detection", None)
        return models.text_of(detection if isinstance(detection, str) else getattr(detection, "model", None))


def _rounded(seconds: object) -> int | None:
    return round(seconds * 1000) if isinstance(seconds, int | float) and seconds > 0 else None


def _positive(duration_ms: float | None) -> int | None:
    return round(duration_ms) if duration_ms is not None and duration_ms >= 0 else None
