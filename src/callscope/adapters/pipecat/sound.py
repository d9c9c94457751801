"""The sound of a call that has an `AudioBufferProcessor`, put together by the moments at which its frames passed.

What that processor puts together itself is not taken. It pads each side up to the other whenever one of them is a
little late, and fills in silence for a stall though the sound that was late still comes: its tracks grow longer than
the call, by a second or two in twenty on a busy machine. So only what it is told is taken, and whether it records.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any, Final

from callscope.adapters.pipecat.conversion import Conversion
from callscope.adapters.pipecat.services import class_names, walk
from callscope.adapters.sound.stereo import Stereo
from callscope.adapters.sound.track import SAMPLE_BYTES

if TYPE_CHECKING:
    from callscope.adapters.pipecat.handlers import Handlers
    from callscope.recorder.call_log import CallLog

_PROCESSOR: Final = "AudioBufferProcessor"
_CHUNK_MS: Final = 500
_MAX_ON_THE_WAY: Final = 1_024
"""Frames of the caller that are in the pipeline; more than these do not come out of it."""


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
        self._stereo: Stereo | None = None
        self._came_ms: dict[int, float] = {}
        self._agent_starts_ms: float | None = None
        self._looked_ms = began_ms

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
        if self._stereo is not None:
            self._stereo.finish(at_ms)

    def _on_caller_comes(self, data: Any, at_ms: float) -> None:
        """The caller's sound enters the pipeline, which may be slow with it."""
        self._came_ms[data.frame.id] = at_ms
        if len(self._came_ms) > _MAX_ON_THE_WAY:
            del self._came_ms[next(iter(self._came_ms))]

    def _on_caller(self, data: Any, at_ms: float) -> None:
        if data.destination is self._processor:
            came_ms = self._came_ms.pop(data.frame.id, at_ms)
            stereo = self._recording(data.frame, at_ms)
            if stereo is not None:
                stereo.spoken(_one_channel(data.frame), data.frame.sample_rate, came_ms)

    def _on_agent(self, data: Any, at_ms: float) -> None:
        stereo = self._recording(data.frame, at_ms) if data.destination is self._processor else None
        if stereo is not None:
            starts_ms, self._agent_starts_ms = self._agent_starts_ms, None
            from_ms = at_ms if starts_ms is None else starts_ms
            stereo.played(_one_channel(data.frame), data.frame.sample_rate, from_ms)

    def _on_agent_starts(self, data: Any, at_ms: float) -> None:
        """A transport may tell of a sound when it has been played; of its start it tells before."""
        if data.destination is self._processor:
            self._agent_starts_ms = at_ms

    def _on_agent_stops(self, data: Any, _at_ms: float) -> None:
        if data.destination is self._processor:
            self._agent_starts_ms = None

    def _on_interruption(self, data: Any, at_ms: float) -> None:
        if data.destination is self._processor and self._stereo is not None:
            self._stereo.cut(at_ms)

    def _recording(self, frame: Any, now_ms: float) -> Stereo | None:
        """Where a frame goes that the application has recorded, else None; twice a second, what is final is written."""
        if not (self._processor._recording and frame.audio):  # noqa: SLF001 -- it has no public name
            return None
        if self._stereo is None:
            rate = self._processor.sample_rate
            self._stereo = Stereo(self._log, self._began_ms, Conversion, sample_rate=rate)
        if now_ms - self._looked_ms >= _CHUNK_MS:
            self._looked_ms = now_ms
            self._stereo.write(now_ms)
        return self._stereo


def find(pipeline: Any) -> Any | None:
    """The first sound-keeping processor of a pipeline; None when there is none."""
    return next((each for each in walk(pipeline) if _PROCESSOR in class_names(each)), None)


def _one_channel(frame: Any) -> bytes:
    """A frame's samples; of several channels the first."""
    pcm: bytes = frame.audio[: len(frame.audio) // SAMPLE_BYTES * SAMPLE_BYTES]
    return array("h", pcm)[:: frame.num_channels].tobytes() if frame.num_channels > 1 else pcm
