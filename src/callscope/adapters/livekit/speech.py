"""Who speaks when: the session's states of both sides, with the moments of the sound itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from callscope.adapters.livekit import models
from callscope.adapters.livekit.moments import moment
from callscope.clock import now_ms
from callscope.model import event as events

if TYPE_CHECKING:
    from callscope.recorder.call_log import CallLog

_AT_ONCE_MS: Final = 50


class Speech:
    """Speaking edges of both sides.

    LiveKit stamps the caller's edges with the moment of the sound, as far as its voice activity detection knows it, and
    tells them later. A session without sound has no edges: nobody speaks.
    """

    def __init__(self, log: CallLog, session: Any) -> None:
        self._log = log
        self._session = session
        self.user_speaking = False
        self.user_began_ms: float | None = None
        self.user_ended_ms: float | None = None
        self.agent_speaking = False
        self.agent_began_ms: float | None = None
        """When the answer that is spoken, or was last, began; None before the first one."""
        self.agent_ended_ms: float | None = None
        self._is_written = False
        self._dates_back = False

    @property
    def audible(self) -> bool:
        """Whether the agent has a way to be heard."""
        output = self._session.output
        return output.audio is not None and bool(getattr(output, "audio_enabled", True))

    @property
    def closing(self) -> bool:
        """Whether the session is being closed: what is cut off then, nobody interrupted."""
        session = self._session
        return bool(getattr(session, "_closing", False)) or getattr(session, "_closing_task", None) is not None

    def on_user_state(self, event: Any) -> None:
        """The caller begins to speak, stops, or has been silent for long."""
        at_ms = moment(event)
        if event.new_state == "speaking":
            self.user_speaking = True
            self.user_began_ms, self.user_ended_ms = at_ms, None
            self._log.event(events.USER_STARTED_SPEAKING, at_ms=at_ms)
            return
        if event.old_state == "speaking":
            at_ms = self._end_of_sound(at_ms)
            self.user_speaking = False
            self.user_ended_ms = at_ms
            delay_ms = max(0, round(now_ms() - at_ms))
            self._log.event(events.USER_STOPPED_SPEAKING, {"delay_ms": delay_ms}, at_ms=at_ms)
        if event.new_state == "away":
            self._log.event("user_away", at_ms=at_ms)

    def on_agent_state(self, event: Any) -> None:
        """The agent is heard, or no more."""
        at_ms = moment(event)
        if event.new_state == "speaking":
            if not self.audible:
                return
            self.agent_speaking = True
            if self.agent_began_ms is None or self._is_written:
                self.agent_began_ms = at_ms
            self._is_written = False
            self.agent_ended_ms = None
            self._log.event(events.AGENT_STARTED_SPEAKING, at_ms=at_ms)
        elif self.agent_speaking:
            self._agent_stops(at_ms, interrupted=self.is_cut_off(self._session.current_speech))

    def is_cut_off(self, handle: Any) -> bool:
        """Whether the caller spoke over the agent, who then was stopped for good, as far as is known now."""
        return not self.closing and bool(getattr(handle, "interrupted", False)) and self.overlapped()

    def overlapped(self) -> bool:
        """Whether the caller made a sound while the agent was heard."""
        if self.agent_began_ms is None or self.user_began_ms is None:
            return False
        in_time = self.agent_ended_ms is None or self.user_began_ms <= self.agent_ended_ms
        return in_time and (self.user_ended_ms is None or self.user_ended_ms > self.agent_began_ms)

    def turn_written(self) -> None:
        """The agent's turn is written: the next sound begins another one."""
        self._is_written = True

    @property
    def is_heard(self) -> bool:
        """Whether something was heard of the turn that comes."""
        return self.agent_began_ms is not None and not self._is_written

    def finish(self, at_ms: float) -> None:
        """The session is over: who still speaks, stops."""
        if self.agent_speaking:
            self._agent_stops(at_ms, interrupted=False)
        if self.user_speaking:
            self.user_speaking = False
            self._log.event(events.USER_STOPPED_SPEAKING, {"delay_ms": 0}, at_ms=at_ms)

    def _end_of_sound(self, at_ms: float) -> float:
        """When the caller fell silent. LiveKit 1.3 stamps it when that was decided, which is a set silence later."""
        if now_ms() - at_ms > _AT_ONCE_MS:
            self._dates_back = True
        if self._dates_back or self.user_began_ms is None or models.is_realtime(models.current(self._session, "llm")):
            return at_ms
        options = getattr(models.current(self._session, "vad"), "_opts", None)  # has no public name
        silence_s = getattr(options, "min_silence_duration", 0)
        return max(self.user_began_ms, at_ms - silence_s * 1000)

    def _agent_stops(self, at_ms: float, *, interrupted: bool) -> None:
        self.agent_speaking = False
        self.agent_ended_ms = at_ms
        self._log.event(events.AGENT_STOPPED_SPEAKING, {"interrupted": interrupted}, at_ms=at_ms)
