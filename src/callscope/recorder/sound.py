"""The sound of one call on its way to recording.wav, kept on the call's clock."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from callscope.archive.audio import Recording

_MAX_DRIFT_MS: Final = 250
"""How much later than the sound before it a chunk may come before silence is put between them."""
_MAX_SILENCE_MS: Final = 600_000
"""A longer gap is a wrong clock rather than silence: it is not filled, the sound goes on where it was."""
_RATES: Final = range(1_000, 384_001)
_CHANNELS: Final = (1, 2)


class Sound:
    """Writes the chunks of one call; the form of the first good one holds for the call.

    Args:
        started_at_ms: the call's start in Unix milliseconds.
    """

    def __init__(self, started_at_ms: int) -> None:
        self.lost_chunks = 0
        self._started_at_ms = started_at_ms
        self._recording: Recording | None = None
        self._failed = False
        self._info: dict[str, Any] = {}

    def add(self, path: Path, ts_ms: int, pcm: bytes, *, sample_rate: int, channels: int) -> bool:
        """Add a chunk whose first sample was at ``ts_ms``, and tell whether it was the first.

        Raises:
            OSError: it cannot be kept; what is there stays valid.
        """
        if self._failed or sample_rate not in _RATES or channels not in _CHANNELS:
            self.lost_chunks += 1
            return False
        try:
            return self._add(path, ts_ms, pcm, sample_rate, channels)
        except OSError:
            self._failed = self._recording is None
            self.lost_chunks += 1
            raise

    def info(self, lost_before: int) -> dict[str, Any]:
        """What metadata says about the sound; ``lost_before`` are chunks that never reached the writer."""
        lost = self.lost_chunks + lost_before
        return {"recording": {**self._info, "lost_chunks": lost}} if self._info or lost else {}

    def close(self) -> None:
        """Close the file. Sound that comes later is lost."""
        if self._recording is not None:
            self._info["duration_ms"] = round(self._recording.duration_ms)
            self._recording.close()
            self._recording = None
        self._failed = True

    def _add(self, path: Path, ts_ms: int, pcm: bytes, sample_rate: int, channels: int) -> bool:
        first = self._recording is None
        if self._recording is None:
            self._recording = Recording(path, sample_rate=sample_rate, channels=channels)
            offset_ms = ts_ms - self._started_at_ms
            self._info = {"offset_ms": offset_ms, "sample_rate": sample_rate, "channels": channels}
        recording = self._recording
        if (recording.sample_rate, recording.channels) != (sample_rate, channels):
            self.lost_chunks += 1
            return False
        due_ms = ts_ms - self._started_at_ms - self._info["offset_ms"]
        if _MAX_DRIFT_MS < due_ms - recording.duration_ms <= _MAX_SILENCE_MS:
            recording.pad_to(due_ms)
        recording.append(pcm)
        return first
