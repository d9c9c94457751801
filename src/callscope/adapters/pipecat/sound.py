"""The sound of a call that has an `AudioBufferProcessor`, put together by the moments at which its frames passed.

What that processor puts together itself is not taken. It pads each side up to the other whenever one of them is a
little late, and fills in silence for a stall though the sound that was late still comes: its tracks grow longer than
the call, by a second or two in twenty on a busy machine. So only what it is told is taken, and whether it records.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any, Final

from callscope.adapters.pipecat.services import class_names, walk
from callscope.adapters.pipecat.side import Side

if TYPE_CHECKING:
    from callscope.adapters.pipecat.handlers import Handlers
    from callscope.recorder.call_log import CallLog

_PROCESSOR: Final = "AudioBufferProcessor"
_CHUNK_MS: Final = 500
_LAG_MS: Final = 1_000
"""Sound is written this much later: by then what was late has come, and what was cut off is known."""
_PATIENCE_MS: Final = 5_000
"""So long the caller's sound may fail to come before its place is taken for silence."""
_MAX_ON_THE_WAY: Final = 1_024
"""Frames of the caller that are in the pipeline; more than these do not come out of it."""
_PAUSE_MS: Final = 5_000
"""A longer silence of both sides is left to the recorder to fill."""


class Sound:
    """Keeps what reaches one processor as caller left, agent right, whatever it makes of that itself.

    Args:
        log: the call.
        processor: Pipecat's `AudioBufferProcessor`.
        began_ms: Unix milliseconds of the call's start, before which there is no sound.
    """

    def __init__(self, log: CallLog, processor: Any, began_ms: float) -> None:
        self._log = log
        self._processor = processor
        self._began_ms = began_ms
        self._sample_rate = 0
        self._caller = self._agent = Side(0)
        self._came_ms: dict[int, float] = {}
        self._agent_starts_ms: float | None = None
        self._run_began_ms: float | None = None
        self._run_samples = 0
        self._until_ms = self._looked_ms = began_ms

    def handlers(self) -> Handlers:
        """What to do at which frame's first push."""
        return {"InputAudioRawFrame": self._on_caller_comes}

    def every_push(self) -> Handlers:
        """What to do at every push; only those into the processor count."""
        return {
            "InputAudioRawFrame": self._on_caller,
            "OutputAudioRawFrame": self._on_agent,
            "BotStartedSpeakingFrame": self._on_agent_starts,
            "BotStoppedSpeakingFrame": self._on_agent_stops,
            "InterruptionFrame": self._on_interruption,
        }

    def finish(self, at_ms: float) -> None:
        """The call is over: write what waits."""
        self._agent.cut(at_ms)
        ends = [end for side in (self._caller, self._agent) if (end := side.end_ms) is not None]
        if ends:
            self._write(max(ends))
        self._end_run()

    def _on_caller_comes(self, data: Any, at_ms: float) -> None:
        """The caller's sound enters the pipeline, which may be slow with it."""
        self._came_ms[data.frame.id] = at_ms
        if len(self._came_ms) > _MAX_ON_THE_WAY:
            del self._came_ms[next(iter(self._came_ms))]

    def _on_caller(self, data: Any, at_ms: float) -> None:
        if data.destination is self._processor:
            came_ms = self._came_ms.pop(data.frame.id, at_ms)
            if self._records(data.frame):
                self._look(at_ms)
                self._caller.spoken(data.frame, came_ms)

    def _on_agent(self, data: Any, at_ms: float) -> None:
        if data.destination is self._processor and self._records(data.frame):
            self._look(at_ms)
            starts_ms, self._agent_starts_ms = self._agent_starts_ms, None
            self._agent.played(data.frame, at_ms if starts_ms is None else starts_ms)

    def _on_agent_starts(self, data: Any, at_ms: float) -> None:
        """A transport may tell of a sound when it has been played; of its start it tells before."""
        if data.destination is self._processor:
            self._agent_starts_ms = at_ms

    def _on_agent_stops(self, data: Any, _at_ms: float) -> None:
        if data.destination is self._processor:
            self._agent_starts_ms = None

    def _on_interruption(self, data: Any, at_ms: float) -> None:
        if data.destination is self._processor:
            self._agent.cut(at_ms)

    def _records(self, frame: Any) -> bool:
        """Whether the application has this frame recorded."""
        if not (self._processor._recording and frame.audio):  # noqa: SLF001 -- it has no public name
            return False
        if not self._sample_rate:
            self._sample_rate = self._processor.sample_rate
            self._caller, self._agent = Side(self._sample_rate), Side(self._sample_rate)
        return True

    def _look(self, now_ms: float) -> None:
        """Write what is final, twice a second."""
        if now_ms - self._looked_ms < _CHUNK_MS:
            return
        self._looked_ms = now_ms
        end_ms = self._caller.end_ms
        here_ms = self._until_ms if end_ms is None else end_ms
        self._write(min(now_ms - _LAG_MS, max(here_ms, now_ms - _PATIENCE_MS)))

    def _write(self, until_ms: float) -> None:
        """Write up to a moment; nothing when no sound waits."""
        waiting = [first for side in (self._caller, self._agent) if (first := side.first_ms) is not None]
        first_ms = max(self._began_ms, min(waiting, default=until_ms))
        if first_ms >= until_ms:
            return
        if self._run_began_ms is None or first_ms - self._until_ms > _PAUSE_MS:
            self._end_run()
            self._begin_run(first_ms)
        if until_ms > self._until_ms:
            self._until_ms = until_ms
            self._caller.take(until_ms)
            self._agent.take(until_ms)
            self._keep()

    def _begin_run(self, at_ms: float) -> None:
        self._run_began_ms = self._until_ms = at_ms
        self._run_samples = 0
        self._caller.begin(at_ms)
        self._agent.begin(at_ms)

    def _end_run(self) -> None:
        if self._run_began_ms is not None:
            self._caller.end()
            self._agent.end()
            self._keep()

    def _keep(self) -> None:
        samples = min(self._caller.ready_samples, self._agent.ready_samples)
        if not samples or self._run_began_ms is None:
            return
        both = array("h", bytes(samples * 4))
        both[0::2] = array("h", self._caller.give(samples))
        both[1::2] = array("h", self._agent.give(samples))
        at_ms = self._run_began_ms + self._run_samples * 1000 / self._sample_rate
        self._run_samples += samples
        self._log.audio(both.tobytes(), sample_rate=self._sample_rate, channels=2, at_ms=at_ms)


def find(pipeline: Any) -> Any | None:
    """The first sound-keeping processor of a pipeline; None when there is none."""
    return next((each for each in walk(pipeline) if _PROCESSOR in class_names(each)), None)
