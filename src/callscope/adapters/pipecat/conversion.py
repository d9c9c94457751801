"""A stream of samples at another rate."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import soxr  # type: ignore[import-untyped]  # comes without types

_DTYPE: Final = "int16"
_NOTHING: Final = np.zeros(0, dtype=np.int16)


class Conversion:
    """Converts one channel piece by piece, without a seam between the pieces; it keeps a few milliseconds back.

    Args:
        from_rate: samples a second of what is given.
        to_rate: samples a second of what comes out; the same: nothing is changed.
    """

    def __init__(self, from_rate: int, to_rate: int) -> None:
        self._stream: Any = None
        if from_rate != to_rate:
            self._stream = soxr.ResampleStream(from_rate, to_rate, 1, dtype=_DTYPE)

    def more(self, pcm: bytes) -> bytes:
        """What comes out for 16-bit samples."""
        return pcm if self._stream is None else self._converted(np.frombuffer(pcm, dtype=np.int16), last=False)

    def rest(self) -> bytes:
        """What was kept back; nothing can be given after it."""
        return b"" if self._stream is None else self._converted(_NOTHING, last=True)

    def _converted(self, samples: np.ndarray[Any, np.dtype[np.int16]], *, last: bool) -> bytes:
        return bytes(self._stream.resample_chunk(samples, last=last).tobytes())
