"""One side's sound, put where it was heard by the moments at which it passed."""

from __future__ import annotations

from collections import deque
from typing import Final

SAMPLE_BYTES: Final = 2
_JITTER_MS: Final = 60
"""So much later than it should, sound may pass and still follow what was before it without a gap."""
_TAKEN_MS: Final = 100
"""Sound whose place was given away longer ago than this is left out: it would be heard too late, and all after it."""
_MAX_WAITING_MS: Final = 120_000


class _Piece:
    __slots__ = ("pcm", "start_ms")

    def __init__(self, start_ms: float, pcm: bytes) -> None:
        self.start_ms = start_ms
        self.pcm = pcm


class Track:
    """Sound waits here until its place cannot change any more, then is taken as one stream with its silences.

    Two things may move a piece. What comes in a burst, as after a stall of the network or of a slow processor, was
    spoken before the burst, each piece before the next. And what waits to be played is never heard once it is cut.

    Args:
        sample_rate: samples a second; 16-bit, one channel.
    """

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._pieces: deque[_Piece] = deque()
        self._end_ms = float("-inf")
        self._began_ms = 0.0
        self._taken_samples = 0

    @property
    def first_ms(self) -> float | None:
        """Unix milliseconds of the first sample that waits; None when nothing does."""
        self._settle()
        return self._pieces[0].start_ms if self._pieces else None

    @property
    def end_ms(self) -> float | None:
        """Unix milliseconds of the end of what waits; None when nothing does."""
        return self._end_ms if self._pieces else None

    def spoken(self, pcm: bytes, until_ms: float) -> None:
        """Sound of which the last sample was spoken by then, or before what is spoken next."""
        self._add(until_ms - self._length_ms(pcm), pcm)

    def played(self, pcm: bytes, from_ms: float) -> None:
        """Sound that is played from then on, or after what is still to be played."""
        self._add(from_ms if from_ms - self._end_ms > _JITTER_MS else self._end_ms, pcm)

    def cut(self, at_ms: float) -> None:
        """Nothing that waits is played from that moment on."""
        while self._pieces and self._pieces[-1].start_ms >= at_ms:
            self._pieces.pop()
        if self._pieces and self._end_ms > at_ms:
            last = self._pieces[-1]
            last.pcm = last.pcm[: self._samples(at_ms - last.start_ms) * SAMPLE_BYTES]
        self._end_ms = min(self._end_ms, at_ms)

    def begin(self, at_ms: float) -> None:
        """The stream begins at that moment."""
        self._began_ms = at_ms
        self._taken_samples = 0

    def take(self, until_ms: float) -> bytes:
        """The samples from where the last take ended to that moment, silence where there was no sound."""
        self._settle()
        room = self._samples(until_ms - self._began_ms) - self._taken_samples
        if room <= 0:
            return b""
        stream = bytearray(room * SAMPLE_BYTES)
        filled = 0
        while self._pieces and filled < room:
            piece = self._pieces[0]
            due = self._samples(piece.start_ms - self._began_ms) - self._taken_samples
            if due >= room:
                break
            self._pieces.popleft()
            if due < filled - self._samples(_TAKEN_MS):
                continue
            start = due if due > filled + self._samples(_JITTER_MS) else filled
            fitting = piece.pcm[: (room - start) * SAMPLE_BYTES]
            stream[start * SAMPLE_BYTES : start * SAMPLE_BYTES + len(fitting)] = fitting
            filled = start + len(fitting) // SAMPLE_BYTES
            if len(fitting) < len(piece.pcm):
                self._pieces.appendleft(_Piece(until_ms, piece.pcm[len(fitting) :]))
        self._taken_samples += room
        return bytes(stream)

    def _add(self, start_ms: float, pcm: bytes) -> None:
        end_ms = start_ms + self._length_ms(pcm)
        if not self._pieces or end_ms - self._pieces[0].start_ms <= _MAX_WAITING_MS:
            self._pieces.append(_Piece(start_ms, pcm))
            self._end_ms = end_ms

    def _settle(self) -> None:
        """Move each piece that reaches into the next one before it."""
        limit_ms = float("inf")
        for piece in reversed(self._pieces):
            piece.start_ms = limit_ms = min(piece.start_ms, limit_ms - self._length_ms(piece.pcm))

    def _length_ms(self, pcm: bytes) -> float:
        return len(pcm) // SAMPLE_BYTES * 1000 / self.sample_rate

    def _samples(self, duration_ms: float) -> int:
        return round(duration_ms * self.sample_rate / 1000)
