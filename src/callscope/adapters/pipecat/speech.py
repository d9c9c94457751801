"""Who spoke when, what was said, and what of it was heard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from callscope.adapters.pipecat.handlers import Handlers, is_upstream
from callscope.adapters.pipecat.onset import Onset
from callscope.adapters.pipecat.services import stop_strategy
from callscope.adapters.pipecat.words import Words, joined
from callscope.model import event as events

if TYPE_CHECKING:
    from callscope.adapters.pipecat.errors import Errors
    from callscope.adapters.pipecat.playing import Playing
    from callscope.adapters.pipecat.services import Services
    from callscope.recorder.call_log import CallLog

_CLOCKS_AGREE_MS: Final = 10_000
_CUT_WITHIN_MS: Final = 1_000
"""The output stops at once when it is interrupted; an agent that is still heard later was not."""
_MAX_PENDING: Final = 64
_TIMEOUT: Final = "timeout"
"""What ended a turn that no strategy ended (``user_turn_stop_timeout``)."""


class Speech:
    """Frames of both speakers into speaking edges, barge-ins and turns.

    A caller's turn is what the user aggregator gave the language model; where no aggregator tells (as in 1.3,
    or in a pipeline without one), it is the transcripts of the turn. An agent's turn is what the assistant
    aggregator put in the context, which is what was played; where nobody tells, it ends with the agent's sound.
    """

    def __init__(
        self, log: CallLog, services: Services, errors: Errors, playing: Playing, *, turn_frames: bool
    ) -> None:
        self._log = log
        self._services = services
        self._errors = errors
        self._playing = playing
        self._turn_frames = turn_frames
        self._ending = False
        self._user_speaking = False
        self._user_turn_open = False
        self._user_turn_timed_out = False
        self._user_began_ms: float | None = None
        self._user_ended_ms: float | None = None
        self._pending: list[tuple[str, bool]] = []
        self._speaking = False
        self._onset = Onset()
        self._words = Words()
        self._worded_ms: float | None = None
        self._began_ms: float | None = None
        self._ended_ms: float | None = None
        self._interrupted_at_ms: float | None = None
        self._late_commit = False

    def handlers(self) -> Handlers:
        """What to do at which frame's first push."""
        return {
            "VADUserStartedSpeakingFrame": self._on_sound_started,
            "VADUserStoppedSpeakingFrame": self._on_sound_stopped,
            "UserStartedSpeakingFrame": self._on_user_turn_started,
            "UserStoppedSpeakingFrame": self._on_user_turn_stopped,
            "TranscriptionFrame": self._on_transcript,
            "LLMContextUserTurnFrame": self._on_user_turn,
            "LLMFullResponseStartFrame": self._on_response_started,
            "LLMTextFrame": self._on_generated,
            "BotStartedSpeakingFrame": self._on_agent_started,
            "BotSpeakingFrame": self._on_agent_goes_on,
            "BotStoppedSpeakingFrame": self._on_agent_stopped,
            "LLMContextAssistantTurnFrame": self._on_agent_turn,
        }

    def every_push(self) -> Handlers:
        """What to do at every push: what the output transport pushes again has been played."""
        return {
            "AggregatedTextFrame": self._on_spoken_text,
            "TTSStartedFrame": self._on_synthesis,
            "TTSAudioRawFrame": self._on_sound,
            "InterruptionFrame": self._on_interruption,
        }

    def ending(self) -> None:
        """The call is ending: what is cut off from here on, the caller did not interrupt."""
        self._ending = True

    def user_turn_times_out(self) -> None:
        """The caller's turn is about to be closed, as no strategy has."""
        self._user_turn_timed_out = True

    def finish(self, at_ms: float) -> None:
        """The call is over: write what is open."""
        if self._speaking:
            self._speaking = False
            self._ended_ms = at_ms
            self._playing.stops(at_ms)
            self._log.event(events.AGENT_STOPPED_SPEAKING, {"interrupted": False}, at_ms=at_ms)
        if not (self._aggregated("LLMUserAggregator") and not self._user_turn_open):
            self._flush_user()
        self._give_up_agent()

    # The caller.

    def _on_sound_started(self, data: Any, at_ms: float) -> None:
        if is_upstream(data):  # comes in pairs that do not know of each other
            return
        began = _decided(data.frame, at_ms) - data.frame.start_secs * 1000
        self._user_speaking = True
        if self._user_began_ms is None:
            self._user_began_ms = began
        self._log.event(events.USER_STARTED_SPEAKING, at_ms=began)

    def _on_sound_stopped(self, data: Any, at_ms: float) -> None:
        if is_upstream(data):
            return
        delay_ms = data.frame.stop_secs * 1000
        self._user_speaking = False
        self._user_ended_ms = _decided(data.frame, at_ms) - delay_ms
        self._log.event(events.USER_STOPPED_SPEAKING, {"delay_ms": round(delay_ms)}, at_ms=self._user_ended_ms)

    def _on_user_turn_started(self, _data: Any, at_ms: float) -> None:
        if self._aggregated("LLMUserAggregator"):
            self._pending.clear()
        else:
            self._flush_user()
        if not self._speaking and self._began_ms is not None:
            self._close_agent(interrupted=False)
        self._user_turn_open = True
        self._user_turn_timed_out = False
        if self._user_began_ms is None:
            self._user_began_ms = at_ms
        self._log.event(events.USER_TURN_STARTED, at_ms=at_ms)

    def _on_user_turn_stopped(self, data: Any, at_ms: float) -> None:
        self._user_turn_open = False
        strategy = _TIMEOUT if self._user_turn_timed_out else stop_strategy(data.source)
        self._log.event(events.USER_TURN_STOPPED, {"strategy": strategy} if strategy else None, at_ms=at_ms)

    def _on_transcript(self, data: Any, at_ms: float) -> None:
        frame = data.frame
        service = self._services.of(data.source)
        language = getattr(frame, "language", None)
        told = {"text": frame.text, "language": str(language) if language else None, **service.facts()}
        self._log.event(
            events.TRANSCRIPT, {name: value for name, value in told.items() if value is not None}, at_ms=at_ms
        )
        self._errors.worked("stt", service.name, at_ms)
        if len(self._pending) < _MAX_PENDING:
            self._pending.append((frame.text, frame.includes_inter_frame_spaces))

    def _on_user_turn(self, data: Any, at_ms: float) -> None:
        self._write_user(data.frame.text, at_ms)

    def _flush_user(self) -> None:
        """Write the transcripts as a turn, where no aggregator does."""
        text = joined(self._pending).strip()
        if text:
            self._write_user(text, self._user_ended_ms)

    def _write_user(self, text: str, at_ms: float | None) -> None:
        began = self._user_began_ms if self._user_began_ms is not None else at_ms
        ended = self._user_ended_ms
        duration = ended - began if began is not None and ended is not None and ended >= began else None
        self._pending.clear()
        self._user_began_ms = None
        self._log.turn("user", text, at_ms=began, duration_ms=duration)

    # The agent.

    def _on_response_started(self, _data: Any, _at_ms: float) -> None:
        if not self._user_turn_open and not self._aggregated("LLMUserAggregator"):
            self._flush_user()
        self._words.new_response()

    def _on_generated(self, data: Any, at_ms: float) -> None:
        self._note_first_word(at_ms)
        self._words.generated(data.frame.text)

    def _on_spoken_text(self, data: Any, at_ms: float) -> None:
        self._note_first_word(at_ms)
        frame = data.frame
        spoken = type(frame).__name__ == "TTSTextFrame"
        spaced = frame.includes_inter_frame_spaces
        if self._services.is_output(data.source):
            if spoken:
                self._words.played(frame.text, spaced=spaced, committed=frame.append_to_context)
                self._playing.plays(frame, at_ms)
            elif not frame.skip_tts and getattr(frame, "will_be_spoken", True):
                self._playing.announces(frame, at_ms)
        elif not self._services.is_output(data.destination):
            return  # once on its way is enough: the hop into the output transport, which every text takes
        elif spoken:
            self._words.synthesized(frame.text, spaced=spaced)
        elif not frame.skip_tts:
            self._words.announced(frame.text, spaced=spaced)

    def _note_first_word(self, at_ms: float) -> None:
        if self._words.is_empty:
            self._worded_ms = at_ms

    def _on_synthesis(self, data: Any, _at_ms: float) -> None:
        if self._services.is_output(data.destination):
            self._onset.response()

    def _on_sound(self, data: Any, at_ms: float) -> None:
        if self._services.is_output(data.source):
            return  # the same sound again, cut for playing
        self._words.sounded = True
        if self._services.is_output(data.destination) and self._onset.sounds():
            self._start_agent(at_ms)

    def _on_agent_started(self, _data: Any, at_ms: float) -> None:
        if self._onset.starts(at_ms):
            self._start_agent(at_ms)

    def _start_agent(self, at_ms: float) -> None:
        self._speaking = True
        self._late_commit = False
        if self._began_ms is None:
            self._began_ms = at_ms
        self._log.event(events.AGENT_STARTED_SPEAKING, at_ms=at_ms)
        self._playing.starts(at_ms)

    def _on_agent_goes_on(self, _data: Any, at_ms: float) -> None:
        self._playing.goes_on(at_ms)

    def _on_agent_stopped(self, _data: Any, at_ms: float) -> None:
        self._onset.stops()
        if not self._speaking:
            return
        self._speaking = False
        self._ended_ms = at_ms
        self._playing.stops(at_ms)
        cut_at, self._interrupted_at_ms = self._interrupted_at_ms, None
        interrupted = cut_at is not None and at_ms - cut_at <= _CUT_WITHIN_MS
        if interrupted:
            self._onset.cut(at_ms)
        if interrupted and (self._user_speaking or self._user_turn_open):
            heard, said = self._words.heard(), self._words.said()
            counts = {"heard_characters": len(heard), "generated_characters": max(len(said), len(heard))}
            self._log.event(events.BARGE_IN, counts, at_ms=cut_at)
        self._log.event(events.AGENT_STOPPED_SPEAKING, {"interrupted": interrupted}, at_ms=at_ms)
        if interrupted or self._words.is_committed or self._is_said():
            self._close_agent(interrupted=interrupted)

    def _on_interruption(self, data: Any, at_ms: float) -> None:
        """One comes with every turn of the caller; it takes effect where it reaches the output."""
        if self._ending or not self._services.is_output(data.destination):
            return
        if self._speaking:
            self._interrupted_at_ms = at_ms
        else:
            self._give_up_agent()

    def _on_agent_turn(self, data: Any, at_ms: float) -> None:
        if self._late_commit and self._words.is_empty:
            self._late_commit = False
            return
        self._note_first_word(at_ms)
        self._words.committed(data.frame.text)
        if not self._speaking:
            self._close_agent(interrupted=False)

    def _is_said(self) -> bool:
        """Whether the agent has said what it had to say, where nobody will tell."""
        expects = self._aggregated("LLMAssistantAggregator") and self._words.goes_to_context
        return not expects and self._words.is_played

    def _give_up_agent(self) -> None:
        """No more is coming: write what was heard, or failed to be. A reply that was cut off unheard is no turn."""
        voiceless = not (self._services.all("tts") or self._services.all("realtime"))
        if self._began_ms is not None or voiceless or self._errors.failing("tts"):
            self._close_agent(interrupted=False)
        self._words = Words()
        self._playing.forget()

    def _close_agent(self, *, interrupted: bool) -> None:
        """Write the agent's open turn, if anything was said in it."""
        words, began, ended = self._words, self._began_ms, self._ended_ms
        self._words = Words()
        self._began_ms = self._ended_ms = self._interrupted_at_ms = None
        self._playing.turn_ends(dropped=interrupted)
        heard = words.heard()
        text = words.said() if interrupted or self._ending or not heard else words.context or heard
        if not text:
            return
        self._late_commit = not words.is_committed
        duration = ended - began if began is not None and ended is not None else None
        if began is None and not words.sounded and (words.is_given or self._errors.failing("tts")):
            heard, partly = "", True  # without sound its text still passes the output, as if it had been played
        else:
            partly = interrupted or (self._ending and began is not None and len(heard) < len(text))
        self._log.turn(
            "assistant",
            text,
            at_ms=began if began is not None else self._worded_ms,
            duration_ms=duration,
            interrupted=interrupted,
            heard=heard if partly else None,
        )

    def _aggregated(self, name: str) -> bool:
        """Whether an aggregator of that class tells the turns of its side."""
        return self._turn_frames and name in self._services.classes


def _decided(frame: Any, at_ms: float) -> float:
    """When voice activity detection decided, by the frame's own wall clock where that can be."""
    told_ms: float = frame.timestamp * 1000
    return told_ms if abs(told_ms - at_ms) < _CLOCKS_AGREE_MS else at_ms
