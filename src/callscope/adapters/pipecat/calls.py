"""One call of a pipeline, from the first processor that is met to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from callscope.adapters.pipecat.errors import Errors
from callscope.adapters.pipecat.handlers import Dispatch, Handlers
from callscope.adapters.pipecat.inference import Inferences
from callscope.adapters.pipecat.metrics import Metrics
from callscope.adapters.pipecat.playing import Playing
from callscope.adapters.pipecat.services import Services, class_names, place, walk
from callscope.adapters.pipecat.sound import Sound
from callscope.adapters.pipecat.sound import find as find_sound
from callscope.adapters.pipecat.speech import Speech
from callscope.adapters.pipecat.synthesis import Syntheses
from callscope.adapters.pipecat.tools import Tools
from callscope.model import event as events

if TYPE_CHECKING:
    from collections.abc import Callable

    from callscope.recorder.call_log import CallLog

HUNG_UP: Final = "the caller hung up"
NEVER_STARTED: Final = "the pipeline did not start"
TORN_DOWN: Final = "the pipeline was torn down"
_CALLER_LEFT: Final = ("client disconnected", "hung up", "hang up", "hangup", "disconnected")
_SYSTEM: Final = ("timeout", "error", "can no longer do its job")


class PipelineCall:
    """What a pipeline does, told to a `CallLog`.

    Args:
        log: the call.
        worker: Pipecat's worker.
        services: its services, learned.
        telephony_provider: who is billed for the call's minutes; None when nobody is known.
        turn_frames: whether this Pipecat's aggregators tell turns as frames (1.3 does not).
        now_ms: Unix milliseconds by the pipeline's clock.
    """

    def __init__(
        self,
        log: CallLog,
        worker: Any,
        services: Services,
        *,
        telephony_provider: str | None,
        turn_frames: bool,
        now_ms: Callable[[], float],
    ) -> None:
        self._log = log
        self._now_ms = now_ms
        self._services = services
        self._telephony_provider = telephony_provider
        self._worker = worker
        self._began_ms = now_ms()
        self._stalled = False
        self._client_left = False
        self._started = False
        self._reason: str | None = None
        self._errors = Errors(log, services)
        self._inferences = Inferences(log, services, self._errors)
        self._syntheses = Syntheses(log, services, self._errors)
        playing = Playing(log, self._syntheses)
        self._speech = Speech(log, services, self._errors, playing, turn_frames=turn_frames)
        recorder = find_sound(worker.pipeline)
        self._sound = Sound(log, recorder, self._began_ms) if recorder is not None else None
        metrics = Metrics(log, services, self._inferences, self._syntheses)
        # The order matters: an error marks its request before the request ends, a response starts after the
        # caller's turn before it was written.
        self.dispatch = Dispatch(
            first=[
                self._handlers(),
                self._errors.handlers(),
                self._speech.handlers(),
                self._inferences.handlers(),
                self._syntheses.handlers(),
                Tools(log).handlers(),
                metrics.handlers(),
                self._sound.handlers() if self._sound is not None else {},
            ],
            every=[
                self._inferences.every_push(),
                self._syntheses.every_push(),
                self._speech.every_push(),
                self._sound.every_push() if self._sound is not None else {},
            ],
        )
        self._listen(worker.pipeline)

    def finish(self) -> None:
        """The pipeline is gone: write what is open and end the call."""
        now = self._now_ms()
        if self._sound is not None:
            self._sound.finish(now)
        self._inferences.finish(now)
        self._syntheses.finish(now)
        self._speech.finish(now)
        if self._telephony_provider:
            seconds = round(max(0.0, now - self._began_ms) / 1000, 3)
            self._log.usage("telephony", provider=self._telephony_provider, at_ms=now, call_seconds=seconds)
        if (
            self._reason is None
        ):  # no frame told of an end: it was torn down while it started, or stopped being observed
            self._tell_end("", "an error ended the call" if self._errors.fatal else TORN_DOWN, "system", now)
        if self._started:
            self._log.end(error=self._errors.fatal, reason=self._reason, at_ms=now)
        else:
            self._log.end(status="failed", error=NEVER_STARTED, reason=self._reason, at_ms=now)

    def _handlers(self) -> Handlers:
        return {
            "StartFrame": self._on_start,
            "ClientConnectedFrame": self._on_connected,
            "BotConnectedFrame": self._event(events.AGENT_CONNECTED),
            "EndFrame": self._on_end,
            "CancelFrame": self._on_end,
            "StopFrame": self._on_end,
            "UserMuteStartedFrame": self._event(events.USER_MUTE_STARTED),
            "UserMuteStoppedFrame": self._event(events.USER_MUTE_STOPPED),
            "STTMuteFrame": self._on_mute,
            "UserBackchannelFrame": self._event(events.USER_BACKCHANNEL),
            "BotBackchannelFrame": self._event(events.AGENT_BACKCHANNEL),
            "InputDTMFFrame": self._event(events.DTMF, {"by": "caller"}),
            "OutputDTMFFrame": self._event(events.DTMF, {"by": "agent"}),
            "OutputDTMFUrgentFrame": self._event(events.DTMF, {"by": "agent"}),
            "ServiceUpdateSettingsFrame": self._on_settings,
            "LLMContextSummaryResultFrame": self._event(events.CONTEXT_SUMMARIZED),
        }

    def _event(self, kind: str, told: dict[str, Any] | None = None) -> Callable[[Any, float], None]:
        return lambda _data, at_ms: self._log.event(kind, told, at_ms=at_ms)

    def _on_start(self, _data: Any, _at_ms: float) -> None:
        self._started = True

    def _on_connected(self, data: Any, at_ms: float) -> None:
        self._began_ms = at_ms
        transport = place(data.source)
        self._log.event(events.CLIENT_CONNECTED, {"transport": transport} if transport else None, at_ms=at_ms)

    def _on_mute(self, data: Any, at_ms: float) -> None:
        self._log.event(events.STT_MUTE, {"muted": data.frame.mute}, at_ms=at_ms)

    def _on_settings(self, data: Any, at_ms: float) -> None:
        """Which settings changed; of the values only those that say what is billed: others may hold private text."""
        frame = data.frame
        changes: dict[str, Any] = dict(frame.settings if frame.delta is None else frame.delta.given_fields())
        told: dict[str, Any] = {"settings": sorted(changes)}
        told.update({name: changes[name] for name in ("model", "voice") if isinstance(changes.get(name), str)})
        self._log.event(events.SETTINGS_CHANGED, told, at_ms=at_ms)

    def _on_end(self, data: Any, at_ms: float) -> None:
        self._speech.ending()
        if self._reason is not None:
            return
        told = getattr(data.frame, "reason", None)
        reason = str(told) if told else ""
        lowered = reason.lower()
        if self._client_left or any(word in lowered for word in _CALLER_LEFT):
            self._tell_end(reason, HUNG_UP, "caller", at_ms)
        elif self._errors.fatal or any(word in lowered for word in _SYSTEM):
            self._tell_end(reason, "an error ended the call", "system", at_ms)
        elif "CancelFrame" in class_names(data.frame):
            self._tell_end(reason, "the pipeline was cancelled", "system", at_ms)
        else:
            self._tell_end(reason, "the agent ended the call", "agent", at_ms)

    def _tell_end(self, reason: str, otherwise: str, initiator: str, at_ms: float) -> None:
        self._reason = reason or otherwise
        self._log.event(events.CALL_ENDED, {"reason": self._reason, "initiator": initiator}, at_ms=at_ms)

    # What comes as events of Pipecat's objects, not as frames.

    def _listen(self, pipeline: Any) -> None:
        heard: set[tuple[int, str]] = set()
        for processor in walk(pipeline):
            transport = getattr(processor, "_transport", None)  # input and output share it; it has no public name
            strategy = getattr(processor, "strategy", None)
            listened: tuple[tuple[Any, str, Any], ...] = (
                (transport, "on_client_disconnected", self._on_disconnected),
                (processor, "on_user_turn_stop_timeout", self._on_dead_air),
                (strategy, "on_service_switched", self._on_switched),
                (self._worker, "on_idle_timeout", self._on_idle),
                (self._worker, "on_heartbeat_timeout", self._on_no_heartbeat),
            )
            for thing, name, handler in listened:
                # Asked first, as Pipecat warns in the application's log of an event that a class does not have.
                if name in getattr(thing, "_event_handlers", ()) and (id(thing), name) not in heard:
                    heard.add((id(thing), name))
                    thing.add_event_handler(name, handler)

    def _on_disconnected(self, *_: Any) -> None:
        self._client_left = True
        self._log.event(events.CLIENT_DISCONNECTED, {"reason": HUNG_UP}, at_ms=self._now_ms())

    def _on_dead_air(self, *_: Any) -> None:
        self._speech.user_turn_times_out()
        told = {"code": "dead_air", "message": "the caller spoke, and nothing was recognised"}
        self._log.event(events.WARNING, told, at_ms=self._now_ms())

    def _on_idle(self, *_: Any) -> None:
        told = {"code": "idle_timeout", "message": "nothing was said for so long that the pipeline is idle"}
        self._log.event(events.WARNING, told, at_ms=self._now_ms())

    def _on_no_heartbeat(self, *_: Any) -> None:
        """Told again every few seconds while the pipeline is stuck; once is enough."""
        if not self._stalled:
            self._stalled = True
            told = {"code": "heartbeat_timeout", "message": "frames do not get through the pipeline: it is stuck"}
            self._log.event(events.WARNING, told, at_ms=self._now_ms())

    def _on_switched(self, _strategy: Any, processor: Any) -> None:
        service = self._services.of(processor)
        told = {"stage": service.kind, **service.facts()}
        self._log.event(
            events.SERVICE_SWITCHED,
            {name: value for name, value in told.items() if value is not None},
            at_ms=self._now_ms(),
        )
