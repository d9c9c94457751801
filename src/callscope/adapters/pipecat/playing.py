"""The agent's words as they begin to be played, for the record of a call that dies before their turn is written."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from callscope.adapters.pipecat.open import MAX_OPEN, known
from callscope.adapters.pipecat.words import Parts, joined, plain
from callscope.model import event as events

if TYPE_CHECKING:
    from callscope.adapters.pipecat.synthesis import Syntheses
    from callscope.recorder.call_log import CallLog

_EVERY_MS: Final = 1_000
_MAX_PARTS: Final = 1_024
"""Words that wait to be told; they are only ever many where no sound comes."""
_SENTENCE_ENDS: Final = (".", "!", "?", "…", "。", "！", "？", "।", "؟")


class Playing:
    """Tells ``agent_text``: whole sentences where the synthesizer announces them, else words by the second.

    Synthesizers that tell words announce all sentences of an answer before the first has sound, and the others
    each one right before its own. So a sentence begins when the agent sounds and the ones before it are played.
    Speech-to-speech models announce nothing: there, what is played is told itself.
    """

    def __init__(self, log: CallLog, syntheses: Syntheses) -> None:
        self._log = log
        self._syntheses = syntheses
        self._sounding = False
        self._announced = False
        self._upcoming: deque[tuple[str, bool, object]] = deque(maxlen=MAX_OPEN)
        self._unplayed = 0
        self._context: object = None
        self._over: object = None
        self._parts: Parts = []
        self._told_ms: float | None = None

    def announces(self, frame: Any, at_ms: float) -> None:
        """The output has come to a sentence that is to be spoken."""
        self._announced = True
        self._upcoming.append((frame.text, frame.includes_inter_frame_spaces, _context(frame)))
        self._begin(at_ms)

    def plays(self, frame: Any, at_ms: float) -> None:
        """The output has played something."""
        if self._announced:
            self._unplayed -= len(plain(frame.text))
            self._begin(at_ms)
        elif _context(frame) is None or _context(frame) != self._over:  # not the last words of a turn that is written
            self._add(frame.text, frame.includes_inter_frame_spaces, _context(frame), at_ms)

    def starts(self, at_ms: float) -> None:
        """The agent can be heard."""
        self._sounding = True
        self._begin(at_ms)
        self._tell_in_time(at_ms)

    def goes_on(self, at_ms: float) -> None:
        """The agent is still heard."""
        self._tell_in_time(at_ms)

    def stops(self, at_ms: float) -> None:
        """The agent is not heard any more."""
        self._sounding = False
        self._tell(at_ms)

    def turn_ends(self, *, dropped: bool) -> None:
        """The turn is written. Unless all that waited was dropped, another answer's sentences are still to come."""
        others = [] if dropped else [each for each in self._upcoming if each[2] != self._context]
        self.forget()
        self._upcoming.extend(others)
        self._announced = bool(others)

    def forget(self) -> None:
        """Nothing that was announced is coming."""
        self._upcoming.clear()
        self._parts = []
        self._announced = False
        self._unplayed = 0
        self._over = self._context
        self._context = self._told_ms = None

    def _begin(self, at_ms: float) -> None:
        while self._sounding and self._upcoming and self._unplayed <= 0:
            text, spaced, context = self._upcoming.popleft()
            self._unplayed += len(plain(text))
            self._add(text, spaced, context, at_ms)

    def _add(self, text: str, spaced: bool, context: object, at_ms: float) -> None:  # noqa: FBT001 -- as in `Parts`
        if self._parts and context != self._context:
            self._tell(at_ms)
        self._context = context
        if len(self._parts) < _MAX_PARTS:
            self._parts.append((text, spaced))
        if text.rstrip().endswith(_SENTENCE_ENDS):
            if self._sounding:
                self._tell(at_ms)
        else:
            self._tell_in_time(at_ms)

    def _tell_in_time(self, at_ms: float) -> None:
        if self._sounding and (self._told_ms is None or at_ms - self._told_ms >= _EVERY_MS):
            self._tell(at_ms)

    def _tell(self, at_ms: float) -> None:
        text = joined(self._parts).strip()
        self._parts = []
        if text:
            self._told_ms = at_ms
            told = {"text": text, "request_id": self._syntheses.request_of(self._context)}
            self._log.event(events.AGENT_TEXT, known(told), at_ms=at_ms)


def _context(frame: Any) -> object:
    return getattr(frame, "context_id", None)
