"""A call's events and turns, one by one, into exchanges. Read this before a change, and keep it true.

Three exchanges at most are held:

``_pending``  a sound of the caller that may be nothing: a backchannel while the agent speaks, a cough
``_waiting``  the caller's turn (or, before anybody spoke, the greeting) that no answer was heard to yet
``_playing``  the last one answered: its answer may still be cut off

::

    caller's sound ──▶ pending ──confirmed──▶ waiting ──the agent is heard──▶ playing ──the next one──▶ closed
                                                 └──── nobody answered ──────────────────────────────▶ closed

- A sound is confirmed by a caller turn that the framework opens or closes, by a barge-in, by the caller going
  on when the agent stops; at once while the agent is silent in a call that reported no turns so far.
- A sound while an exchange waits is a pause inside the sentence, and the wait starts anew. Only after the
  agent had the turn for more than `PAUSE_MS` is it the caller speaking again: nobody answered.
- The agent heard without an exchange waiting goes on with what it was saying: no exchange.
- ``barge_in``, or the agent stopping as interrupted after a sound of the caller, cuts off what is playing.
  After the caller has left nothing is cut off: a hang-up is not an interruption.
- As long as a call has shown neither ``agent_started_speaking`` nor ``agent_stopped_speaking``, the first
  synthesized sound stands in for the former, which replaces it if it comes for the same exchange.
- Marks of the work go to the exchange that waits; once it is answered, only late reports of earlier moments.
- Moments come from `Event.ts_ms`, order from the order of feeding. A row without a moment has the last one's.
- A call without any speaking edge gets its exchanges from its turns (`rows`). A reader that has both files
  feeds the events first, so that it knows.

Every step depends on what came before only, never on `drain`: the result is the same in any chunking.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from callscope.model import event as events
from callscope.model.exchange import Exchange, Part
from callscope.timeline.latency import row_latency, wait_start
from callscope.timeline.outcome import COUNTERS, Facts
from callscope.timeline.rows import Rows
from callscope.timeline.running import MAX_MARKS, Running, Said, keep, make_mark, name_of, owner_of, whole_ms
from callscope.timeline.waterfall import waterfall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from callscope.model.event import Event
    from callscope.model.turn import Turn

PAUSE_MS: Final = 2000
"""A caller who goes on within this time after the turn was the agent's has paused; later, spoken again."""


class Fold:
    """The state of one call, with the size of its open exchanges whatever the call's length.

    Args:
        started_at_ms: the call's start in Unix milliseconds; a greeting waits from it when no
            ``client_connected`` tells better.

    Attributes:
        facts: running counts that `outcome.decide` needs.
    """

    __slots__ = (
        "_agent_speaks",
        "_closed",
        "_count",
        "_left_ms",
        "_now_ms",
        "_pending",
        "_playing",
        "_rows",
        "_speech",
        "_turns_reported",
        "_waiting",
        "facts",
    )

    def __init__(self, *, started_at_ms: int | None) -> None:
        self.facts = Facts()
        self._now_ms = started_at_ms
        self._rows = Rows(started_at_ms)
        self._closed: list[Exchange] = []
        self._count = 0
        self._pending: Running | None = None
        self._playing: Running | None = None
        self._waiting: Running | None = Running("greeting", started_at_ms or 0)
        self._waiting.wait_known = started_at_ms is not None
        self._speech: Running | None = None  # what the caller's open sound belongs to
        self._agent_speaks = False
        self._turns_reported = False
        self._left_ms: int | None = None

    def event(self, event: Event) -> None:
        """Take the next event of events.jsonl."""
        self.feed((event,))

    def feed(self, rows: Iterable[Event]) -> None:
        """Take the next events of events.jsonl. An index reads millions of them: this loop calls what it must."""
        facts, counter_of, step_of, now_ms = self.facts, COUNTERS.get, self._STEPS.get, self._now_ms
        for event in rows:
            kind = event.type
            counter = counter_of(kind)
            if counter is not None:
                counter(facts, event.data)
            step = step_of(kind)
            if step is None:
                continue
            ts_ms = event.ts_ms
            if ts_ms is None:
                ts_ms = now_ms
                if ts_ms is None:
                    continue  # no moment is known yet
            if now_ms is None and self._waiting is not None:
                self._waiting.started_at_ms = ts_ms
            self._now_ms = now_ms = ts_ms
            step(self, ts_ms, event)

    def turn(self, turn: Turn) -> None:
        """Take the next turn of transcript.jsonl."""
        self.facts.count_turn(turn)
        if not self.facts.has_speaking_edges:
            self._close_row(self._rows.turn(turn, index=self._count))

    def drain(self) -> list[Exchange]:
        """The exchanges that closed since the last drain, in order."""
        closed, self._closed = self._closed, []
        return closed

    def current_latency(self) -> dict[str, int] | None:
        """For an assistant row: the latency of the answer that is being played.

        ``response_ms``, and ``<stage>_ms`` for each stage, which add up to it. Given out once an exchange: a
        second row of the same answer, and what the agent says unasked, get None, as do greetings.
        """
        running = self._playing
        if self._waiting is not None and self._waiting.stand_in_ms is not None:
            running = self._waiting
        if running is None or running.told or running.kind == "greeting":
            return None
        answered_at_ms = running.answered_at_ms if running.answered_at_ms is not None else running.stand_in_ms
        if answered_at_ms is None:
            return None
        start_ms, _ = wait_start(running, answered_at_ms)
        if start_ms is None:
            return None
        running.told = True
        return row_latency(answered_at_ms - start_ms, waterfall(running, start_ms, answered_at_ms))

    def finish(self, ended_at_ms: int | None) -> list[Exchange]:
        """The rest. The call ended at ``ended_at_ms`` (Unix), or when its events told that somebody left."""
        waiting, self._waiting, self._pending = self._waiting, None, None
        if waiting is not None and waiting.stand_in_ms is not None:
            self._play(waiting, waiting.stand_in_ms)
            waiting = None
        self._close(self._playing)
        self._playing = None
        if waiting is not None and waiting.kind == "exchange":
            until_ms = next((each for each in (self._left_ms, ended_at_ms, self._now_ms) if each is not None), 0)
            if wait_start(waiting, until_ms)[0] is not None:  # else the end of the call cut the caller off
                waiting.until_ms = until_ms
                self._close(waiting)
        if not self.facts.has_speaking_edges:
            self._close_row(self._rows.close(index=self._count))
        return self.drain()

    # The caller

    def _user_started(self, ts_ms: int, _event: Event) -> None:
        if self._gone(ts_ms):
            return
        waiting = self._open_turn(ts_ms)
        if waiting is not None:
            waiting.caller_started(ts_ms)
            self._speech = waiting
            return
        pending = self._new(ts_ms)
        pending.caller_started(ts_ms)
        self._pending = self._speech = pending
        playing = self._playing
        if playing is not None and playing.cut_at_ms is not None and ts_ms <= playing.cut_at_ms:
            playing.interrupted = True
            self._confirm(pending)
        elif not self._agent_speaks and not self._turns_reported:
            self._confirm(pending)

    def _user_stopped(self, ts_ms: int, event: Event) -> None:
        target, self._speech = self._speech, None
        if target is None:
            target = self._late(ts_ms) or self._pending or self._open_turn(ts_ms)
        if target is None:  # an end whose beginning nobody told
            self._user_started(ts_ms, event)
            target, self._speech = self._speech, None
        if target is not None:
            target.caller_stopped(ts_ms, whole_ms(event.data.get("delay_ms")))

    def _turn_started(self, ts_ms: int, _event: Event) -> None:
        self._turns_reported = True
        if not self._gone(ts_ms):
            self._turn_of(ts_ms).turn_open = True

    def _turn_stopped(self, ts_ms: int, event: Event) -> None:
        self._turns_reported = True
        target = self._late(ts_ms)
        playing = self._playing
        if playing is not None and playing.turn_open and self._waiting is None and self._pending is None:
            target = playing  # answered before its turn was closed
        if target is None:
            if self._gone(ts_ms) and self._waiting is None:
                return
            target = self._turn_of(ts_ms)
        target.turn_open = False
        keep(target.turn_stops, Said(ts_ms, name_of(event.data.get("strategy"))))

    def _transcript(self, ts_ms: int, event: Event) -> None:
        target = self._fresh_pending(ts_ms) or self._open_turn(ts_ms) or self._late(ts_ms)
        if target is None:
            if self.facts.caller_edges or self._gone(ts_ms):
                return  # it belongs to a sound that was no turn
            target = self._confirm(self._new(ts_ms))
        keep(target.transcripts, Said(ts_ms, owner_of(event.data)))

    def _turn_detection(self, _ts_ms: int, event: Event) -> None:
        target = self._pending or self._waiting
        if target is not None:
            target.detector = name_of(event.data.get("processor")) or name_of(event.data.get("model"))

    # The agent

    def _agent_started(self, ts_ms: int, _event: Event) -> None:
        if self._gone(ts_ms):
            return
        self._agent_speaks = True
        waiting = self._waiting
        if waiting is not None and waiting.answerable:
            self._play(waiting, ts_ms)
            self._waiting = None
        elif self._playing is not None:
            self._playing.cut_at_ms = None
        if self._pending is not None and not self._pending.speaking:
            self._pending = None

    def _agent_stopped(self, ts_ms: int, event: Event) -> None:
        self._agent_speaks = False
        if self._left_ms is not None and ts_ms >= self._left_ms:
            return
        pending = self._fresh_pending(ts_ms)
        if event.data.get("interrupted") is True:
            if pending is not None or (self._waiting is not None and self._waiting.over_agent):
                self._cut(ts_ms)
            elif self._playing is not None:
                self._playing.cut_at_ms = ts_ms
        elif pending is not None and pending.speaking and not self._turns_reported:
            self._confirm(pending)

    def _barge_in(self, ts_ms: int, _event: Event) -> None:
        if not self._gone(ts_ms):
            self._agent_speaks = False
            self._cut(ts_ms)

    def _cut(self, ts_ms: int) -> None:
        """The caller spoke over the agent, who stopped: what plays is cut off, the caller has the turn."""
        waiting = self._waiting
        if waiting is None or waiting.kind == "greeting" or waiting.stand_in_ms is not None:
            self._confirm(self._fresh_pending(ts_ms) or self._new(ts_ms))
        if self._playing is not None:
            self._playing.interrupted = True

    # The work on the answer

    def _work(self, ts_ms: int, event: Event) -> None:
        target = self._waiting or self._pending or self._late(ts_ms)
        if target is not None:
            keep(target.marks, make_mark(ts_ms, event.type, event.data), MAX_MARKS)

    def _tool_call(self, ts_ms: int, event: Event) -> None:
        caller = self._waiting or self._playing
        if caller is not None:
            caller.called_tool(name_of(event.data.get("name")))
        self._work(ts_ms, event)

    def _first_audio(self, ts_ms: int, event: Event) -> None:
        waiting = self._waiting
        known = self.facts.has_agent_edges or waiting is None or waiting.stand_in_ms is not None
        if not known and waiting is not None and waiting.answerable and not waiting.speaking:
            waiting.stand_in_ms = ts_ms + whole_ms(event.data.get("leading_silence_ms"))
        self._work(ts_ms, event)

    # The line

    def _connected(self, ts_ms: int, _event: Event) -> None:
        self._left_ms = None
        waiting = self._waiting
        if waiting is not None and waiting.kind == "greeting" and not waiting.start_known:
            waiting.started_at_ms = ts_ms
            waiting.wait_known = waiting.start_known = True

    def _left(self, ts_ms: int, _event: Event) -> None:
        if self._left_ms is None:
            self._left_ms = ts_ms

    def _gone(self, ts_ms: int) -> bool:
        return self._left_ms is not None and ts_ms > self._left_ms

    # Exchanges

    def _new(self, ts_ms: int) -> Running:
        running = Running("exchange", ts_ms)
        running.over_agent = self._agent_speaks
        return running

    def _fresh_pending(self, ts_ms: int) -> Running | None:
        """The sound that is not confirmed yet, unless it is long over."""
        pending = self._pending
        if pending is not None and not _given_up(pending, ts_ms):
            return pending
        return None

    def _open_turn(self, ts_ms: int) -> Running | None:
        """The exchange that a sound at this moment is still a part of."""
        waiting = self._waiting
        if waiting is None or waiting.kind == "greeting" or waiting.stand_in_ms is not None:
            return None
        return None if _given_up(waiting, ts_ms) else waiting

    def _late(self, ts_ms: int) -> Running | None:
        """The exchange that was answered after this moment, of which only now is told."""
        playing = self._playing
        if playing is None or playing.answered_at_ms is None or ts_ms > playing.answered_at_ms:
            return None
        return playing

    def _turn_of(self, ts_ms: int) -> Running:
        """The exchange of a turn that the framework opened or closed."""
        pending = self._fresh_pending(ts_ms)
        if pending is not None:
            return self._confirm(pending)
        return self._open_turn(ts_ms) or self._confirm(self._new(ts_ms))

    def _confirm(self, running: Running) -> Running:
        """The caller has the turn: what waited is answered by its stand-in, or was never answered."""
        previous, self._waiting, self._pending = self._waiting, running, None
        if previous is None:
            return running
        if previous.stand_in_ms is not None:
            self._play(previous, previous.stand_in_ms)
        elif previous.kind == "greeting":
            running.marks = previous.marks  # what was meant to greet may still be what answers
        else:
            previous.until_ms = running.started_at_ms
            self._close(self._playing)
            self._playing = None
            self._close(previous)
        return running

    def _play(self, running: Running, ts_ms: int) -> None:
        self._close(self._playing)
        running.answered_at_ms = ts_ms
        self._playing = running

    def _close(self, running: Running | None) -> None:
        if running is None or not self.facts.has_speaking_edges:
            return
        self._append(_exchange(running, self._count))

    def _close_row(self, exchange: Exchange | None) -> None:
        if exchange is not None:
            self._append(exchange)

    def _append(self, exchange: Exchange) -> None:
        self._count += 1
        self.facts.count_exchange(
            answered=exchange.answered_at_ms is not None,
            interrupted=exchange.interrupted,
            greeting=exchange.kind == "greeting",
        )
        self._closed.append(exchange)

    _STEPS: ClassVar[dict[str, Callable[[Fold, int, Event], None]]] = {
        events.CLIENT_CONNECTED: _connected,
        events.CLIENT_DISCONNECTED: _left,
        events.CALL_ENDED: _left,
        events.USER_STARTED_SPEAKING: _user_started,
        events.USER_STOPPED_SPEAKING: _user_stopped,
        events.USER_TURN_STARTED: _turn_started,
        events.USER_TURN_STOPPED: _turn_stopped,
        events.AGENT_STARTED_SPEAKING: _agent_started,
        events.AGENT_STOPPED_SPEAKING: _agent_stopped,
        events.TRANSCRIPT: _transcript,
        events.TURN_DETECTION: _turn_detection,
        events.LLM_STARTED: _work,
        events.LLM_FIRST_TOKEN: _work,
        events.LLM_STOPPED: _work,
        events.TOOL_CALL: _tool_call,
        events.TOOL_RESULT: _work,
        events.TTS_STARTED: _work,
        events.TTS_FIRST_AUDIO: _first_audio,
        events.BARGE_IN: _barge_in,
    }


def _given_up(running: Running, ts_ms: int) -> bool:
    quiet_since_ms = running.quiet_since_ms
    return quiet_since_ms is not None and ts_ms - quiet_since_ms > PAUSE_MS


def _exchange(running: Running, index: int) -> Exchange:
    answered_at_ms = running.answered_at_ms
    until_ms = answered_at_ms if answered_at_ms is not None else running.until_ms
    start_ms, source = wait_start(running, until_ms) if until_ms is not None else (None, None)
    response_ms = silence_ms = None
    parts: tuple[Part, ...] = ()
    if start_ms is not None and until_ms is not None:
        if answered_at_ms is None:
            silence_ms = until_ms - start_ms
        else:
            response_ms = until_ms - start_ms
            parts = waterfall(running, start_ms, until_ms)
    return Exchange(
        index=index,
        kind=running.kind,
        started_at_ms=running.started_at_ms,
        wait_from_ms=start_ms,
        wait_from=source,
        answered_at_ms=answered_at_ms,
        response_ms=response_ms,
        parts=parts,
        interrupted=running.interrupted,
        tools=tuple(running.tools),
        silence_ms=silence_ms,
    )
