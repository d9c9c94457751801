"""A stream of samples at another rate, by the resampler that LiveKit brings."""

from __future__ import annotations

from typing import Any

from livekit import rtc


class Conversion:
    """Converts one channel piece by piece, without a seam between the pieces; it keeps a few milliseconds back.

    Args:
        from_rate: samples a second of what is given.
        to_rate: samples a second of what comes out; the same: nothing is changed.
    """

    def __init__(self, from_rate: int, to_rate: int) -> None:
        self._stream: Any = None
        if from_rate != to_rate:
            self._stream = rtc.AudioResampler(from_rate, to_rate, num_channels=1)

    def more(self, pcm: bytes) -> bytes:
        """What comes out for 16-bit samples."""
        if self._stream is None or not pcm:
            return pcm
        return _joined(self._stream.push(bytearray(pcm)))

    def rest(self) -> bytes:
        """What was kept back; nothing can be given after it."""
        return b"" if self._stream is None else _joined(self._stream.flush())


def _joined(frames: list[Any]) -> bytes:
    return b"".join(bytes(frame.data) for frame in frames)
