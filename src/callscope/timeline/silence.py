"""What should have been heard in a call and was not: silences, told once each, while they last.

A `SilenceWatch` takes a call's events in their order and says what is missing, by the moments of the events: the same
while the call goes on, where `advance` tells it that time has passed, and afterwards, from the files. It holds nothing
that grows with the call. Read this before a change:

- A silence is told at the moment at which it has lasted for the limit, and not again before the agent was heard.
- While the caller speaks or the agent is heard nobody waits. What the caller says while the agent speaks is waited for
  only if it cut the agent off: else nobody can tell whether the agent has answered it.
- A sound of the caller that was no turn, in which no word was recognised, or that was shorter than `LEAST_SPEECH_MS` in
  a call that recognises words, is a noise: nobody has to answer it.
- Where nobody reports what is heard (a call of turns alone), nothing is said.
- A caller's turn with text is words, in a call whose recogniser tells none by events. It belongs to what was heard of
  the caller since the agent was heard last, or else to what is answered: it is no word then.
- After the caller has left, nothing is missing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, Final

from callscope.model import event as events
from callscope.model.event import SILENCE, Event
from callscope.timeline.running import name_of, whole_ms
from callscope.timeline.silence_words import (
    NEVER_SPOKE,
    NO_ANSWER,
    NO_SOUND,
    NO_SYNTHESIS,
    NO_TRANSCRIPT,
    WATCHDOG,
    Silence,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from callscope.model.call import Call
    from callscope.model.turn import Turn

LIMIT_MS: Final = 8000
"""How long a silence lasts before it is told, where nobody has set it."""
LEAST_SPEECH_MS: Final = 1000
"""Speech, in sum, in which a word should have been recognised."""
EARLY_MS: Final = 250
"""A turn's own moment may lie this much before that of its sound."""
_LONG_SPEECH_MS: Final = 30_000
_LIMITS_OF_SPEECH: Final = 3
_MOST_TOOLS: Final = 64
_MOST_SYNTHESES: Final = 16

_WATCHDOG_WORDS: Final = re.compile(
    r"\bidle\b|\binactiv|\bwatchdog|\bdead[ _-]?air\b|\bheartbeat|\bsilence[ _-]?time|\bno[ _-]activity\b",
    re.IGNORECASE,
)
_WATCHDOG_CODES: Final = frozenset({"idle_timeout", "watchdog"})
_MS_PER_SECOND: Final = 1000


def is_watched(call: Call) -> bool:
    """Whether the writer of a call has watched it itself, so that its events tell of all silences."""
    return call.callscope.get("silence_seconds") is not None


def with_silences(
    rows: Iterable[Event],
    *,
    started_at_ms: int | None,
    ended_at_ms: int | None,
    reports_sound: bool = False,
    turns: Sequence[Turn] = (),
) -> list[Event]:
    """The events of a call that nobody watched, with those of its silences, each before what ended it.

    Args:
        rows: in the order of the file; where one of them tells of a silence, they come back as they are.
        started_at_ms: Unix milliseconds, as the next; None when unknown.
        ended_at_ms: of a call that goes on: None, and what is missing now is not told.
        reports_sound: what is heard in it is reported, by a framework.
        turns: of the call; each is taken at its moment.
    """
    watch = SilenceWatch(started_at_ms=started_at_ms, reports_sound=reports_sound)
    said = sorted((each for each in turns if each.ts_ms is not None), key=_due_ms, reverse=True)
    found: list[Event] = []
    for row in rows:
        if row.type == SILENCE:
            return list(rows)
        while said and row.ts_ms is not None and _due_ms(said[-1]) < row.ts_ms:
            watch.turn(said.pop())
        silences = watch.event(row)
        if silences:
            found += map(event_of, silences)
        found.append(row)
    for each in reversed(said):
        watch.turn(each)
    return found if ended_at_ms is None else [*found, *map(event_of, watch.finish(ended_at_ms))]


def event_of(silence: Silence) -> Event:
    """The event that tells of a silence."""
    return Event(ts_ms=silence.at_ms, type=SILENCE, data=silence.data)


def _due_ms(turn: Turn) -> int:
    return (turn.ts_ms or 0) + EARLY_MS


class _Synthesis:
    """A request for sound that is not over."""

    __slots__ = ("first_ms", "has_text", "started_ms")

    def __init__(self, started_ms: int, *, has_text: bool) -> None:
        self.started_ms = started_ms
        self.has_text = has_text
        self.first_ms: int | None = None


class SilenceWatch:
    """The state of one call.

    Args:
        started_at_ms: Unix milliseconds; None when unknown.
        limit_ms: how long a silence lasts before it is told.
        reports_sound: what is heard is reported in this call, though nothing was yet: a framework does that.
    """

    def __init__(self, *, started_at_ms: int | None, limit_ms: int = LIMIT_MS, reports_sound: bool = False) -> None:
        self.reports_sound = reports_sound
        self._limit_ms = limit_ms
        self._now_ms = started_at_ms
        self._found: list[Silence] = []
        self._left_ms: int | None = None
        self._connected_ms: int | None = None
        # The caller
        self._caller_edges = self._turns_reported = self._was_recognised = self._expects_words = False
        self._muted = False
        self._speech_from_ms: int | None = None
        self._speech_ms = 0  # since the agent was heard last, or a word was recognised
        self._words = self._turn_closed = False  # since the agent was heard last
        self._wait_from_ms: int | None = None
        self._asked_from_ms: int | None = None  # the caller's first sound since the agent was heard last
        self._told_wait = self._told_words = False
        # The agent
        self._agent_edges = self._spoke = self._generated = False
        self._agent_from: int | None = None
        self._quiet_ms: int | None = None  # when anybody was heard last
        self._told_sound = self._told_synthesis = self._synthesis_reported = False
        self._sound_until_ms = 0
        self._queued_ms = 0
        self._barked = False  # a watchdog has said that it ends the call
        self._unknown_sound = self._spans_synthesis = False
        self._syntheses: dict[str, _Synthesis] = {}
        # The work
        self._tools: dict[str, str] = {}
        self._llm = False

    def event(self, event: Event) -> list[Silence]:
        """Take the next event; gives back what was found to be missing up to its moment."""
        step = self._STEPS.get(event.type)
        if step is None:
            return []
        ts_ms, now_ms = event.ts_ms, self._now_ms
        if ts_ms is None:
            ts_ms = now_ms
        if ts_ms is None:
            return []
        self._pass(ts_ms)
        if now_ms is None or ts_ms > now_ms:
            self._now_ms = ts_ms
        step(self, ts_ms, event.data)
        if not self._found:
            return []
        found, self._found = self._found, []
        return found

    def turn(self, turn: Turn) -> None:
        """Take a turn, once the events before it were taken: who tells no words by events tells them so."""
        if self._was_recognised or turn.ts_ms is None:
            return
        if turn.role == "user":
            asked_ms, has_words = self._asked_from_ms, turn.text_length if turn.text is None else turn.text.strip()
            if has_words and asked_ms is not None and turn.ts_ms >= asked_ms - EARLY_MS:
                self._words = True
        elif turn.role == "assistant" and not self._agent_edges:
            self._words = False  # nobody tells when the answer is heard

    def advance(self, by_ms: int) -> list[Silence]:
        """Say what is missing when nothing has happened for that long since the last event."""
        if self._now_ms is None:
            return []
        self._pass(self._now_ms + by_ms)
        found, self._found = self._found, []
        return found

    def finish(self, ended_at_ms: int) -> list[Silence]:
        """The call is over; gives back what is missing then."""
        ended_ms = ended_at_ms if self._left_ms is None else min(self._left_ms, ended_at_ms)
        self._pass(ended_ms)
        asked = self._words or self._turn_closed or self._speech_ms >= LEAST_SPEECH_MS or self._generated
        if self.reports_sound and not self._spoke and not self._told_wait and asked:
            since_ms = self._first_wait_ms()
            self._tell(NEVER_SPOKE, ended_ms, ended_ms if since_ms is None else min(since_ms, ended_ms))
            self._told_wait = True
        found, self._found = self._found, []
        return found

    # What is missing

    def _pass(self, now_ms: int) -> None:
        """Look at what should have come by now."""
        if self._left_ms is not None:
            return
        limit_ms = self._limit_ms
        if self._agent_from is None:
            wait_ms = self._wait_from_ms
            if wait_ms is not None and now_ms - wait_ms >= limit_ms and not self._told_wait:
                self._wait_is_long(wait_ms)
            elif not self._spoke and not self._told_wait and self.reports_sound:
                self._greeting_is_late(now_ms)
        elif self._spans_synthesis and not self._told_sound:
            self._sound_is_missing(now_ms)
        if self._speech_from_ms is not None:
            self._words_are_missing(now_ms)
        for synthesis in self._syntheses.values() if self._syntheses else ():
            heard = self._agent_from is not None or (self._quiet_ms or 0) >= synthesis.started_ms
            if self._told_synthesis:
                break
            if synthesis.first_ms is None and not heard and now_ms - synthesis.started_ms >= limit_ms:
                self._no_synthesis(synthesis, synthesis.started_ms + limit_ms)

    def _wait_is_long(self, wait_ms: int) -> None:
        if self._words or self._llm or self._tools or self._syntheses:
            kind = NO_ANSWER
        elif self._expects_words or self._was_recognised:
            if self._muted or self._speech_ms < LEAST_SPEECH_MS:
                return
            kind = NO_TRANSCRIPT
        elif self._turn_closed or (not self._turns_reported and self._speech_ms >= LEAST_SPEECH_MS):
            kind = NO_ANSWER
        else:
            return
        self._told_wait = True
        kind = NEVER_SPOKE if kind == NO_ANSWER and not self._spoke else kind
        self._tell(kind, wait_ms + self._limit_ms, wait_ms)

    def _greeting_is_late(self, now_ms: int) -> None:
        """Nobody has spoken since the connection; once the caller has, it is the answer that is waited for."""
        since_ms = self._connected_ms
        if since_ms is None or self._caller_edges or self._words or now_ms - since_ms < self._limit_ms:
            return
        self._told_wait = True
        self._tell(NEVER_SPOKE, since_ms + self._limit_ms, since_ms)

    def _sound_is_missing(self, now_ms: int) -> None:
        producing = any(each.first_ms is not None for each in self._syntheses.values())
        since_ms = max(self._sound_until_ms, self._agent_from or 0)
        if producing or self._unknown_sound or now_ms - since_ms < self._limit_ms:
            return
        self._told_sound = True
        self._tell(NO_SOUND, since_ms + self._limit_ms, since_ms)

    def _words_are_missing(self, now_ms: int) -> None:
        """Long speech without a word; some recognisers give theirs only when the caller stops."""
        since_ms = self._speech_from_ms or 0
        longest_ms = max(_LIMITS_OF_SPEECH * self._limit_ms, _LONG_SPEECH_MS)
        told = self._told_words or self._told_wait or self._muted or not self._was_recognised
        if not told and self._agent_from is None and now_ms - since_ms >= longest_ms:
            self._told_words = True
            self._tell(NO_TRANSCRIPT, since_ms + longest_ms, since_ms)

    def _no_synthesis(self, synthesis: _Synthesis, at_ms: int) -> None:
        if synthesis.has_text:
            self._told_synthesis = True
            self._tell(NO_SYNTHESIS, at_ms, synthesis.started_ms)

    def _tell(self, kind: str, at_ms: int, since_ms: int) -> None:
        stage, name = "", ""
        if kind in {NO_ANSWER, NEVER_SPOKE}:
            if self._tools:
                stage, name = "tool", next(reversed(self._tools.values()))
            elif self._syntheses:
                stage = "tts"
            elif self._llm:
                stage = "llm"
        self._found.append(Silence(kind=kind, at_ms=at_ms, since_ms=since_ms, stage=stage, name=name))

    def _first_wait_ms(self) -> int | None:
        return self._connected_ms if self._connected_ms is not None else self._wait_from_ms

    # The caller

    def _user_started(self, ts_ms: int, _data: Mapping[str, Any]) -> None:
        self._caller_edges = self.reports_sound = True
        self._barked = False
        self._speech_from_ms = ts_ms
        self._wait_from_ms = None
        if self._asked_from_ms is None:
            self._asked_from_ms = ts_ms

    def _user_stopped(self, ts_ms: int, _data: Mapping[str, Any]) -> None:
        self._caller_edges = self.reports_sound = True
        if self._speech_from_ms is not None:
            self._speech_ms += max(0, ts_ms - self._speech_from_ms)
        self._speech_from_ms = None
        if self._quiet_ms is None or ts_ms >= self._quiet_ms or self._agent_from is not None:
            self._wait_from_ms = ts_ms
        self._quiet_ms = max(self._quiet_ms or 0, ts_ms)

    def _turn_started(self, _ts_ms: int, _data: Mapping[str, Any]) -> None:
        self._turns_reported = self.reports_sound = True

    def _turn_stopped(self, ts_ms: int, _data: Mapping[str, Any]) -> None:
        self._turns_reported = self.reports_sound = True
        self._turn_closed = self._turn_closed or self._agent_from is None
        if not self._caller_edges and self._agent_from is None and self._wait_from_ms is None:
            self._wait_from_ms = ts_ms

    def _transcript(self, ts_ms: int, data: Mapping[str, Any]) -> None:
        text = data.get("text")
        if isinstance(text, str) and not text.strip():
            return
        self._was_recognised = self._words = True
        self._speech_ms = 0
        self._told_words = False
        if not self._caller_edges and self._agent_from is None and self._wait_from_ms is None:
            self._wait_from_ms = ts_ms

    def _warned(self, ts_ms: int, data: Mapping[str, Any]) -> None:
        code = name_of(data.get("code"))
        if code in _WATCHDOG_CODES:
            self._barked = True
        elif code == "dead_air":  # the framework has given up waiting for words
            self._expects_words = True
            missing = not (self._words or self._told_wait or self._muted or self._agent_from is not None)
            if missing and self._speech_ms >= LEAST_SPEECH_MS:
                self._told_wait = True
                since_ms = self._wait_from_ms if self._wait_from_ms is not None else ts_ms
                self._tell(NO_TRANSCRIPT, ts_ms, min(since_ms, ts_ms))

    def _mute(self, _ts_ms: int, _data: Mapping[str, Any]) -> None:
        self._muted = True

    def _unmute(self, _ts_ms: int, _data: Mapping[str, Any]) -> None:
        self._muted = False

    def _stt_mute(self, _ts_ms: int, data: Mapping[str, Any]) -> None:
        self._muted = data.get("muted") is True

    # The agent

    def _agent_started(self, ts_ms: int, _data: Mapping[str, Any]) -> None:
        self._agent_edges = self.reports_sound = True
        if self._agent_from is None:
            self._agent_from = ts_ms
            self._sound_until_ms = ts_ms + self._queued_ms
            self._spans_synthesis = bool(self._queued_ms or self._syntheses)
            self._queued_ms = 0
        self._is_heard(ts_ms)

    def _agent_stopped(self, ts_ms: int, data: Mapping[str, Any]) -> None:
        self._agent_edges = self.reports_sound = True
        self._agent_from = None
        self._queued_ms = 0
        self._told_sound = self._unknown_sound = self._spans_synthesis = False
        if data.get("interrupted") is True:
            if self._wait_from_ms is not None:
                self._wait_from_ms = max(self._wait_from_ms, ts_ms)
        else:
            self._no_longer_waits()
        self._quiet_ms = max(self._quiet_ms or 0, ts_ms)

    def _agent_text(self, ts_ms: int, _data: Mapping[str, Any]) -> None:
        self._sound_until_ms = max(self._sound_until_ms, ts_ms)
        self._is_heard(ts_ms)

    def _is_heard(self, ts_ms: int) -> None:
        self._spoke = True
        self._barked = False
        self._no_longer_waits()
        self._quiet_ms = max(self._quiet_ms or 0, ts_ms)

    def _no_longer_waits(self) -> None:
        self._wait_from_ms = None
        self._asked_from_ms = self._speech_from_ms
        self._words = self._turn_closed = self._told_wait = self._told_words = False
        self._speech_ms = 0

    # The work

    def _llm_started(self, _ts_ms: int, _data: Mapping[str, Any]) -> None:
        self._llm = True

    def _llm_first(self, _ts_ms: int, _data: Mapping[str, Any]) -> None:
        self._generated = True

    def _llm_stopped(self, _ts_ms: int, _data: Mapping[str, Any]) -> None:
        self._llm = False

    def _tool_call(self, _ts_ms: int, data: Mapping[str, Any]) -> None:
        if len(self._tools) < _MOST_TOOLS:
            self._tools[name_of(data.get("tool_call_id"))] = name_of(data.get("name"))

    def _tool_result(self, _ts_ms: int, data: Mapping[str, Any]) -> None:
        self._tools.pop(name_of(data.get("tool_call_id")), None)

    def _tts_started(self, ts_ms: int, data: Mapping[str, Any]) -> None:
        self.reports_sound = self._generated = True
        self._spans_synthesis = self._agent_from is not None
        self._syntheses[name_of(data.get("request_id"))] = _Synthesis(ts_ms, has_text=data.get("text_length") != 0)
        if len(self._syntheses) > _MOST_SYNTHESES:
            del self._syntheses[next(iter(self._syntheses))]

    def _tts_first(self, ts_ms: int, data: Mapping[str, Any]) -> None:
        self.reports_sound = self._generated = self._synthesis_reported = True
        self._told_synthesis = False
        synthesis = self._syntheses.get(name_of(data.get("request_id")))
        if synthesis is not None:
            synthesis.first_ms = ts_ms
        if not self._agent_edges:  # nobody tells when it is played, as far as is known
            self._is_heard(ts_ms)

    def _tts_stopped(self, ts_ms: int, data: Mapping[str, Any]) -> None:
        synthesis = self._syntheses.pop(name_of(data.get("request_id")), None)
        seconds = data.get("audio_seconds")
        known = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        sound_ms = whole_ms(seconds * _MS_PER_SECOND) if known and seconds is not None else 0
        if synthesis is None:
            return
        if synthesis.first_ms is not None or sound_ms:
            self._unknown_sound = self._unknown_sound or not known
            if self._agent_from is None:
                self._queued_ms += sound_ms
            else:
                self._sound_until_ms = max(self._sound_until_ms, synthesis.first_ms or ts_ms) + sound_ms
            return
        heard = self._agent_from is not None or (self._quiet_ms or 0) >= synthesis.started_ms
        over = data.get("interrupted") is True or self._left_ms is not None
        if not over and not self._told_synthesis and (known or self._synthesis_reported or not heard):
            self._no_synthesis(synthesis, ts_ms)

    # The line

    def _connected(self, ts_ms: int, _data: Mapping[str, Any]) -> None:
        self._left_ms = None
        if self._connected_ms is None:
            self._connected_ms = ts_ms

    def _left(self, ts_ms: int, _data: Mapping[str, Any]) -> None:
        if self._left_ms is None:
            self._left_ms = ts_ms

    def _ended(self, ts_ms: int, data: Mapping[str, Any]) -> None:
        reason = data.get("reason")
        by_itself = data.get("initiator") in (None, "system")
        told = isinstance(reason, str) and _WATCHDOG_WORDS.search(reason) is not None
        if self._left_ms is None and by_itself and (told or self._barked):
            since_ms = next((each for each in (self._quiet_ms, self._connected_ms) if each is not None), ts_ms)
            self._tell(WATCHDOG, ts_ms, min(since_ms, ts_ms))
        self._left(ts_ms, data)

    _STEPS: ClassVar[dict[str, Callable[[SilenceWatch, int, Mapping[str, Any]], None]]] = {
        events.CLIENT_CONNECTED: _connected,
        events.CLIENT_DISCONNECTED: _left,
        events.CALL_ENDED: _ended,
        events.USER_STARTED_SPEAKING: _user_started,
        events.USER_STOPPED_SPEAKING: _user_stopped,
        events.USER_TURN_STARTED: _turn_started,
        events.USER_TURN_STOPPED: _turn_stopped,
        events.TRANSCRIPT: _transcript,
        events.AGENT_STARTED_SPEAKING: _agent_started,
        events.AGENT_STOPPED_SPEAKING: _agent_stopped,
        events.AGENT_TEXT: _agent_text,
        events.LLM_STARTED: _llm_started,
        events.LLM_FIRST_TOKEN: _llm_first,
        events.LLM_STOPPED: _llm_stopped,
        events.TOOL_CALL: _tool_call,
        events.TOOL_RESULT: _tool_result,
        events.TTS_STARTED: _tts_started,
        events.TTS_FIRST_AUDIO: _tts_first,
        events.TTS_STOPPED: _tts_stopped,
        events.USER_MUTE_STARTED: _mute,
        events.USER_MUTE_STOPPED: _unmute,
        events.STT_MUTE: _stt_mute,
        events.WARNING: _warned,
    }
