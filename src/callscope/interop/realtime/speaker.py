"""When answers are heard, one after the other, and when one is cut off.

On a socket the server sends sound faster than it is played and plays nothing: the client begins with the first piece
and goes on without a gap while there is sound. Where the server plays it (WebRTC, SIP), it tells.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from callscope.interop.realtime.answer import Answer
from callscope.interop.realtime.story import Story
from callscope.interop.realtime.values import known
from callscope.model import event as kinds

_SETTLE_MS: Final = 1_000
"""So long after an answer was cancelled the client may still tell how far it was played."""


class Speaker:
    """The agent's side of the line.

    Args:
        story: to whom edges and turns are told.
        computed: names of what was worked out, added to.
    """

    def __init__(self, story: Story, computed: set[str], *, overlapped: Callable[[Answer, float], bool]) -> None:
        self._story = story
        self._computed = computed
        self._overlapped = overlapped
        self._queue: list[Answer] = []
        self._ends_ms = 0.0
        self.last_ms = 0.0
        """The last moment at which the agent is known to have been heard."""

    @property
    def playing(self) -> Answer | None:
        """The answer that is heard now."""
        return self._queue[0] if self._queue and self._queue[0].is_started_told else None

    def sound(self, at_ms: float, answer: Answer, length_ms: float) -> None:
        """A piece of an answer's sound came; a length of 0 where it was left out."""
        if answer.cut_ms is not None:  # what was generated, as a measure of what was heard
            answer.sound_ms += length_ms
        if answer.is_played or answer.is_over or answer.cut_ms is not None:
            return
        begins_ms = max(at_ms, self._ends_ms)
        if answer.begun_ms is None:
            answer.begun_ms = begins_ms
            self._queue.append(answer)
            self._computed.add("agent_started_speaking")
        answer.has_all_sound = answer.has_all_sound and length_ms > 0
        answer.sound_ms += length_ms
        answer.stops_ms = self._ends_ms = begins_ms + length_ms
        self.tick(at_ms)

    def played(self, at_ms: float, answer: Answer, kind: str) -> None:
        """The server says that it began to play an answer, played all of it, or dropped the rest."""
        if answer.is_over:
            return
        answer.is_played = True
        if answer not in self._queue:
            self._queue.append(answer)
        if answer.begun_ms is None or kind == "started":
            answer.begun_ms = at_ms if answer.begun_ms is None else min(at_ms, answer.begun_ms)
        if kind == "stopped":
            answer.stops_ms, answer.is_complete = at_ms, True
        elif kind == "cleared":
            self._cut(answer, at_ms)
            answer.is_cut_final = True
        self.tick(at_ms)

    def truncated(self, at_ms: float, answer: Answer, item_id: str, end_ms: float | None) -> None:
        """The client says how far an item was played when the caller interrupted."""
        begun_ms = answer.begun_ms
        played_ms = None if end_ms is None else answer.offset_ms(item_id) + end_ms
        if answer.is_over:
            if played_ms is not None and played_ms < answer.sound_ms and answer.cut_ms is None:
                answer.cut_ms, answer.heard_ms = at_ms, played_ms
                self._barge_in(answer, at_ms)
            return
        until_ms = at_ms if begun_ms is None or played_ms is None else min(at_ms, begun_ms + played_ms)
        if not answer.is_cut_final:
            answer.cut_ms, answer.heard_ms, answer.is_cut_final = until_ms, played_ms, True
            self._ends_ms = min(self._ends_ms, until_ms)
        self.tick(at_ms)

    def cancelled(self, at_ms: float, answer: Answer, *, turn_detected: bool, since_ms: float) -> None:
        """A response was stopped; unless the client tells better, what plays stopped at ``since_ms``."""
        answer.is_turn_detected = turn_detected
        is_sounding = answer.begun_ms is not None and not answer.is_over and not answer.is_played
        if is_sounding and not answer.is_cut_final:
            self._cut(answer, since_ms)
            answer.settle_ms = at_ms + _SETTLE_MS
        self.tick(at_ms)

    def tick(self, now_ms: float) -> None:
        """Tell what has happened by now."""
        while self._queue:
            answer = self._queue[0]
            begun_ms = answer.begun_ms
            if begun_ms is None:
                return
            if not answer.is_started_told:
                if answer.cut_ms is not None and answer.cut_ms <= begun_ms and answer.is_cut_final:
                    answer.begun_ms = None  # cut off before it was its turn
                    self._over(self._queue.pop(0), now_ms)
                    continue
                if begun_ms > now_ms:
                    return
                answer.is_started_told = True
                self._story.event(kinds.AGENT_STARTED_SPEAKING, at_ms=begun_ms)
            if not self._is_settled(answer, now_ms):
                return
            self._over(self._queue.pop(0), now_ms)

    def settle(self, now_ms: float) -> None:
        """Another response begins: nobody tells any more how far the ones that were cut off were heard."""
        for answer in self._queue:
            if answer.cut_ms is not None:
                answer.is_cut_final = answer.is_complete = True
        self.tick(now_ms)

    def finish(self, at_ms: float | None) -> None:
        """The session is over; None: nobody knows when, and what was sent is taken as played."""
        for answer in list(self._queue):
            answer.is_complete = answer.is_cut_final = True
            if at_ms is not None and answer.cut_ms is None:
                if answer.begun_ms is not None and answer.begun_ms >= at_ms:
                    answer.begun_ms = None
                elif answer.stops_ms is None or answer.stops_ms > at_ms:
                    answer.stops_ms = at_ms
        queue, self._queue = self._queue, []
        for answer in queue:
            if answer.begun_ms is not None and not answer.is_started_told:
                answer.is_started_told = True
                self._story.event(kinds.AGENT_STARTED_SPEAKING, at_ms=answer.begun_ms)
            self._over(answer, self.last_ms)

    def wordy(self, at_ms: float, answer: Answer, *, latency_ms: float | None) -> None:
        """An answer without sound is done."""
        if answer.is_over or answer.begun_ms is not None:
            return
        answer.is_over = True
        if answer.text and not answer.is_aside:
            latency = None if latency_ms is None else {"response_ms": round(latency_ms)}
            self._story.turn("assistant", answer.text, at_ms=answer.first_ms or at_ms, latency=latency)

    def _is_settled(self, answer: Answer, now_ms: float) -> bool:
        if answer.cut_ms is not None:
            told = answer.is_cut_final and answer.is_complete
            return told or (answer.settle_ms > 0 and now_ms >= answer.settle_ms)
        return answer.is_complete and answer.stops_ms is not None and answer.stops_ms <= now_ms

    def _cut(self, answer: Answer, at_ms: float) -> None:
        stops_ms = at_ms
        if not answer.is_played and answer.is_complete and answer.stops_ms is not None:
            stops_ms = min(at_ms, answer.stops_ms)
        answer.cut_ms = max(stops_ms, answer.begun_ms or stops_ms)
        self._ends_ms = min(self._ends_ms, answer.cut_ms)

    def _over(self, answer: Answer, now_ms: float) -> None:
        """The agent's edge and turn of an answer that is over."""
        answer.is_over = True
        begun_ms = answer.begun_ms
        if begun_ms is None:
            if answer.text and not answer.is_aside:
                self._story.turn("assistant", answer.text, at_ms=now_ms, heard="")
            return
        stops_ms = answer.cut_ms if answer.cut_ms is not None else answer.stops_ms
        stops_ms = begun_ms if stops_ms is None else max(begun_ms, stops_ms)
        self.last_ms = max(self.last_ms, stops_ms)
        interrupted = answer.cut_ms is not None and (
            answer.is_turn_detected or self._overlapped(answer, max(stops_ms, answer.cut_ms))
        )
        if interrupted:
            self._barge_in(answer, stops_ms)
        if not answer.is_played:
            self._computed.add("agent_stopped_speaking")
        self._story.event(kinds.AGENT_STOPPED_SPEAKING, {"interrupted": interrupted}, at_ms=stops_ms)
        heard = None
        if answer.cut_ms is not None or stops_ms < begun_ms + answer.sound_ms:
            heard = answer.heard(self._heard_ms(answer, stops_ms))
        self._story.turn(
            "assistant",
            answer.text or None,
            at_ms=begun_ms,
            duration_ms=round(stops_ms - begun_ms),
            interrupted=interrupted,
            heard=heard,
        )

    def _barge_in(self, answer: Answer, at_ms: float) -> None:
        played_ms = self._heard_ms(answer, at_ms)
        heard = answer.heard(played_ms)
        told = known(
            heard_ms=None if played_ms is None else round(played_ms),
            heard_characters=None if heard is None else len(heard),
            generated_characters=len(answer.text) or None,
            heard_estimated=True if heard else None,
        )
        if heard:
            self._computed.add("heard")
        self._story.event(kinds.BARGE_IN, told, at_ms=at_ms)

    @staticmethod
    def _heard_ms(answer: Answer, stops_ms: float) -> float | None:
        """How much of its sound was played: the client's own word, else the time it had."""
        if answer.heard_ms is not None:
            return answer.heard_ms
        return None if answer.begun_ms is None else max(0.0, stops_ms - answer.begun_ms)
