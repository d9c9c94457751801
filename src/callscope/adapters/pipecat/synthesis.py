"""Requests to the synthesizers of a pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from callscope.adapters.pipecat.open import bound, known
from callscope.model import event as events

if TYPE_CHECKING:
    from callscope.adapters.pipecat.errors import Errors
    from callscope.adapters.pipecat.handlers import Handlers
    from callscope.adapters.pipecat.services import Service, Services
    from callscope.recorder.call_log import CallLog

_SAMPLE_BYTES: Final = 2


class Synthesis:
    """One request to a synthesizer."""

    __slots__ = ("context", "first_audio", "id", "leading_silence_ms", "seconds", "service", "ttfb_ms")

    def __init__(self, id_: str, service: Service, context: object) -> None:
        self.id = id_
        self.service = service
        self.context = context
        self.first_audio = False
        self.seconds = 0.0
        self.ttfb_ms: float | None = None
        self.leading_silence_ms: float | None = None


class Syntheses:
    """Keeps which requests are open and tells of their starts, first sounds and ends."""

    def __init__(self, log: CallLog, services: Services, errors: Errors) -> None:
        self._log = log
        self._services = services
        self._errors = errors
        self._count = 0
        self._open: dict[str, Synthesis] = {}
        self._text_lengths: dict[object, int] = {}
        self._requests: dict[object, str] = {}
        self._early_ttfb_ms: dict[str, float] = {}

    def handlers(self) -> Handlers:
        """What to do at which frame's first push."""
        return {
            "AggregatedTextFrame": self._on_text,
            "TTSStartedFrame": self._on_started,
            "TTSAudioRawFrame": self._on_audio,
            "TTSStoppedFrame": self._on_stopped,
        }

    def every_push(self) -> Handlers:
        """What to do at every push: an interruption cuts a request off when it reaches its service."""
        return {"InterruptionFrame": self._on_interruption}

    def waiting(self, processor: str) -> Synthesis | None:
        """The latest open request of a synthesizer, while its first sound has not come."""
        latest = next((each for each in reversed(self._open.values()) if each.service.name == processor), None)
        return latest if latest is not None and not latest.first_audio else None

    def request_of(self, context: object) -> str | None:
        """The latest request for a context, which may be over: its sound is played later. None: nobody knows."""
        return self._requests.get(context)

    def took(self, processor: str, ttfb_ms: float) -> None:
        """The first sound came that long after the text went out; this may be told before the request's start is."""
        synthesis = self.waiting(processor)
        if synthesis is not None:
            synthesis.ttfb_ms = ttfb_ms
        else:
            self._early_ttfb_ms[processor] = ttfb_ms

    def finish(self, at_ms: float) -> None:
        """The call is over: close what is open."""
        for id_ in list(self._open):
            self._close(id_, at_ms, interrupted=True)

    def _on_text(self, data: Any, _at_ms: float) -> None:
        frame = data.frame
        if type(frame).__name__ == "AggregatedTextFrame" and frame.context_id and not frame.skip_tts:
            self._text_lengths[frame.context_id] = self._text_lengths.get(frame.context_id, 0) + len(frame.text)
            bound(self._text_lengths)

    def _on_started(self, data: Any, at_ms: float) -> None:
        service = self._services.of(data.source)
        context = getattr(data.frame, "context_id", None)
        synthesis = Synthesis(self._next(), service, context)
        synthesis.ttfb_ms = self._early_ttfb_ms.pop(service.name, None)
        self._open[synthesis.id] = synthesis
        bound(self._open)
        if context is not None:
            self._requests[context] = synthesis.id
            bound(self._requests)
        told = {"request_id": synthesis.id, "text_length": self._text_lengths.get(context), **service.facts()}
        self._log.event(events.TTS_STARTED, known(told), at_ms=at_ms)

    def _on_audio(self, data: Any, at_ms: float) -> None:
        if self._services.is_output(data.source):
            return  # the same sound again, cut for playing
        frame = data.frame
        synthesis = self._matching(data)
        if synthesis is None:
            return
        synthesis.seconds += len(frame.audio) / (frame.sample_rate * frame.num_channels * _SAMPLE_BYTES)
        if synthesis.first_audio:
            return
        synthesis.first_audio = True
        told = {
            "request_id": synthesis.id,
            "ttfb_ms": None if synthesis.ttfb_ms is None else round(synthesis.ttfb_ms),
            "leading_silence_ms": None if synthesis.leading_silence_ms is None else round(synthesis.leading_silence_ms),
        }
        self._log.event(events.TTS_FIRST_AUDIO, known(told), at_ms=at_ms)
        self._errors.worked("tts", synthesis.service.name, at_ms)

    def _on_stopped(self, data: Any, at_ms: float) -> None:
        synthesis = None if self._services.is_output(data.source) else self._matching(data)
        if synthesis is not None:
            self._close(synthesis.id, at_ms, interrupted=False)

    def _matching(self, data: Any) -> Synthesis | None:
        context = getattr(data.frame, "context_id", None)
        name = data.source.name
        mine = [each for each in reversed(self._open.values()) if each.service.name == name]
        return next(
            (each for each in mine if context is not None and each.context == context),
            mine[0] if mine else None,
        )

    def _close(self, id_: str, at_ms: float, *, interrupted: bool) -> None:
        synthesis = self._open.pop(id_)
        self._text_lengths.pop(synthesis.context, None)
        told = {"request_id": id_, "audio_seconds": round(synthesis.seconds, 3), "interrupted": interrupted}
        self._log.event(events.TTS_STOPPED, told, at_ms=at_ms)

    def _on_interruption(self, data: Any, at_ms: float) -> None:
        names = {data.source.name, data.destination.name}
        for name in names:
            self._early_ttfb_ms.pop(name, None)
        for synthesis in [each for each in self._open.values() if each.service.name in names]:
            self._close(synthesis.id, at_ms, interrupted=True)

    def _next(self) -> str:
        self._count += 1
        return f"tts-{self._count}"
