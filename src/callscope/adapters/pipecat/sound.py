"""The sound of a pipeline's `AudioBufferProcessor`, kept while the call runs.

That processor hands its sound out when its ``buffer_size`` is reached, which by default is at the end only, so a
killed call would leave none. Its size is not changed here: that would cut what the application's own handlers get into
pieces. Instead what both of its tracks have in common is copied now and then; that part no longer changes.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any, Final

from callscope.adapters.pipecat.services import class_names, walk

if TYPE_CHECKING:
    from collections.abc import Callable

    from callscope.recorder.call_log import CallLog

_PROCESSOR: Final = "AudioBufferProcessor"
_SAMPLE_BYTES: Final = 2
_CHUNK_SECONDS: Final = 0.5


class Sound:
    """Keeps one processor's two tracks as caller left, agent right, whatever it makes of them itself.

    Args:
        log: the call.
        processor: Pipecat's `AudioBufferProcessor`.
        now_ms: Unix milliseconds by the pipeline's clock.
    """

    def __init__(self, log: CallLog, processor: Any, now_ms: Callable[[], float]) -> None:
        self._log = log
        self._processor = processor
        self._now_ms = now_ms
        self._began_ms: float | None = None
        self._kept_frames = 0
        self._buffer: object = None
        self._copied = 0
        processor.add_event_handler("on_track_audio_data", self._on_tracks)

    def look(self) -> None:
        """Copy what is new and final, if there is enough of it. A few microseconds when there is not."""
        caller: bytearray | None = getattr(self._processor, "_user_audio_buffer", None)
        agent: bytearray | None = getattr(self._processor, "_bot_audio_buffer", None)
        sample_rate = self._processor.sample_rate
        if caller is None or agent is None or not sample_rate:
            return
        if caller is not self._buffer:  # a new one since the last was handed out
            self._buffer, self._copied = caller, 0
        end = min(len(caller), len(agent))
        if end - self._copied >= _CHUNK_SECONDS * sample_rate * _SAMPLE_BYTES:
            start, self._copied = self._copied, end
            self._keep(bytes(caller[start:end]), bytes(agent[start:end]), sample_rate)

    def _on_tracks(self, _processor: Any, caller: bytes, agent: bytes, sample_rate: int, _num_channels: int) -> None:
        start, self._copied = self._copied, 0
        self._buffer = None
        self._keep(bytes(caller[start:]), bytes(agent[start:]), sample_rate)

    def _keep(self, caller: bytes, agent: bytes, sample_rate: int) -> None:
        size = max(len(caller), len(agent)) // _SAMPLE_BYTES * _SAMPLE_BYTES
        frames = size // _SAMPLE_BYTES
        if not frames:
            return
        if self._began_ms is None:
            self._began_ms = self._now_ms() - frames * 1000 / sample_rate
        both = array("h", bytes(size * 2))
        both[0::2] = array("h", caller[:size].ljust(size, b"\0"))
        both[1::2] = array("h", agent[:size].ljust(size, b"\0"))
        at_ms = self._began_ms + self._kept_frames * 1000 / sample_rate
        self._kept_frames += frames
        self._log.audio(both.tobytes(), sample_rate=sample_rate, channels=2, at_ms=at_ms)


def find(pipeline: Any) -> Any | None:
    """The first sound-keeping processor of a pipeline; None when there is none."""
    return next((each for each in walk(pipeline) if _PROCESSOR in class_names(each)), None)
