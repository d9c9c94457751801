"""What of an answer's sound has been heard by now: what a LiveKit output was given, played along with it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from callscope.adapters.sound.track import SAMPLE_BYTES

if TYPE_CHECKING:
    from callscope.adapters.sound.stereo import Stereo

_JITTER_MS: Final = 60
"""So much later than the sound before it was over, sound may come and still follow it without a gap."""
_MAX_HELD_SECONDS: Final = 300
"""Of sound that is still to be played. What is given further ahead is left out."""


class Playback:
    """Plays what the output was given, on paper: from the moment that it says it began, as long as it is not paused.

    An output is given sound as fast as it is synthesized, and says when it begins (all versions), which stretches
    it has played (rooms, since 1.8) and how much it was in the end. To wait for the end would lose a long answer's
    sound with a process that is killed in it; so it is reckoned by the clock, and put right by what is told.
    All moments are Unix milliseconds.
    """

    def __init__(self, stereo: Stereo) -> None:
        self._stereo = stereo
        self._sample_rate = 1
        self._pieces: deque[bytes] = deque()
        self._held_samples = 0
        self._is_paused = False
        self._has_begun = False
        self._runs_from_ms: float | None = None
        """When the stretch began that is being played; None while nothing is."""
        self._run_samples = 0
        self._answer_samples = 0
        self._ended_ms = 0.0

    @property
    def waits(self) -> bool:
        """Whether sound is still to be played."""
        return bool(self._pieces)

    def given(self, pcm: bytes, sample_rate: int, at_ms: float) -> None:
        """The output was given sound, one channel of 16-bit samples."""
        self.advance(at_ms)
        if sample_rate != self._sample_rate:
            self._drop()
            self._sample_rate = sample_rate
            self._run(at_ms)
        elif not self._pieces and self._run_samples and at_ms - self._ended_ms > _JITTER_MS:
            self._run(at_ms)
        if self._held_samples < _MAX_HELD_SECONDS * sample_rate:
            self._pieces.append(pcm)
            self._held_samples += len(pcm) // SAMPLE_BYTES

    def began(self, at_ms: float) -> None:
        """The output began to play what it was given."""
        if not self._has_begun:
            self._has_begun = True
            self._runs_from_ms = at_ms
            self._run(at_ms)

    def paused(self, at_ms: float) -> None:
        """The output is told to pause."""
        self.advance(at_ms)
        self._is_paused = True
        self._runs_from_ms = None

    def resumed(self, at_ms: float) -> None:
        """The output is told to go on."""
        if self._is_paused:
            self._is_paused = False
            if self._has_begun:
                self._runs_from_ms = at_ms
                self._run(at_ms)

    def cut_off(self, at_ms: float) -> None:
        """The output is told to drop what it has not played."""
        self.advance(at_ms)
        self._drop()
        self._runs_from_ms = None

    def progressed(self, until_seconds: float, *, dropped_seconds: float) -> None:
        """The output tells how much it has played.

        Args:
            until_seconds: how far into the answer's sound.
            dropped_seconds: how much of what follows will never be played, if it pauses.
        """
        ahead = self._answer_samples - self._samples(until_seconds)
        if ahead > 0:
            self._ended_ms -= ahead * 1000 / self._sample_rate
            self._stereo.cut(self._ended_ms)
        self._give(-ahead)
        if self._is_paused:
            self._take(self._samples(dropped_seconds) - max(0, ahead))

    def finished(self, at_ms: float, played_seconds: float, *, interrupted: bool) -> None:
        """The output is done with an answer."""
        if not self._has_begun:  # it does not tell when it begins
            self._ended_ms = at_ms - played_seconds * 1000
            self._give(self._samples(played_seconds))
        elif interrupted:
            self.advance(at_ms)
        elif not self._is_paused:
            self._give(self._held_samples)
        self._drop()
        self._has_begun = False
        self._runs_from_ms = None
        self._answer_samples = 0

    def advance(self, at_ms: float) -> None:
        """Play up to a moment."""
        if self._runs_from_ms is not None:
            self._give(self._samples((at_ms - self._runs_from_ms) / 1000) - self._run_samples)

    def _run(self, at_ms: float) -> None:
        """A stretch of sound begins, if any is played."""
        if self._runs_from_ms is not None:
            self._runs_from_ms = self._ended_ms = at_ms
            self._run_samples = 0

    def _give(self, samples: int) -> None:
        pcm = self._take(samples)
        if pcm:
            self._stereo.played(pcm, self._sample_rate, self._ended_ms)
            count = len(pcm) // SAMPLE_BYTES
            self._run_samples += count
            self._ended_ms += count * 1000 / self._sample_rate

    def _take(self, samples: int) -> bytes:
        """The next samples of those that are held, as many as there are; the answer is so far then."""
        taken = bytearray()
        size = samples * SAMPLE_BYTES
        while self._pieces and len(taken) < size:
            piece = self._pieces.popleft()
            left = size - len(taken)
            taken += piece[:left]
            if len(piece) > left:
                self._pieces.appendleft(piece[left:])
        count = len(taken) // SAMPLE_BYTES
        self._held_samples -= count
        self._answer_samples += count
        return bytes(taken)

    def _drop(self) -> None:
        self._pieces.clear()
        self._held_samples = 0

    def _samples(self, seconds: float) -> int:
        return round(seconds * self._sample_rate)
