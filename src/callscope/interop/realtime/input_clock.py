"""When the caller's sound was sent: a place in the sound of the session as a moment."""

from __future__ import annotations

from collections import deque
from typing import Final

_MAX_PIECES: Final = 4096
"""Over a minute of pieces of 20 ms."""
_LATEST_MS: Final = 15_000
"""So long after the sound itself its end is told at the latest."""


class InputClock:
    """Maps milliseconds of sound that was appended to Unix milliseconds.

    The server tells where in the sound the caller began and stopped; when that sound was sent is when it was spoken,
    as far as the client knows. Without appended sound (a call over WebRTC, a log without it) nothing is known.
    """

    def __init__(self) -> None:
        self._pieces: deque[tuple[float, float]] = deque(maxlen=_MAX_PIECES)
        self.length_ms = 0.0
        """Of all the sound so far."""
        self.since_commit: tuple[float, float] | None = None
        """Where in the sound, and when, what was not committed yet began."""

    def append(self, at_ms: float, length_ms: float) -> None:
        """A piece of sound was sent."""
        if self.since_commit is None:
            self.since_commit = (self.length_ms, at_ms)
        self.length_ms += length_ms
        self._pieces.append((self.length_ms, at_ms))

    def commit(self) -> tuple[float, float] | None:
        """Everything so far is a turn: when it began, and its length; None when there is nothing."""
        begun, self.since_commit = self.since_commit, None
        return None if begun is None else (begun[1], self.length_ms - begun[0])

    def moment(self, position_ms: float | None, *, until_ms: float) -> float | None:
        """When a place in the sound was spoken; None when that is not known, or not plausible."""
        if position_ms is None or not 0 <= position_ms <= self.length_ms:
            return None
        found: float | None = None
        for end_ms, at_ms in reversed(self._pieces):
            if end_ms < position_ms:
                break
            found = at_ms - (end_ms - position_ms)
        if found is None or not until_ms - _LATEST_MS <= found <= until_ms:
            return None
        return found
