"""One side of a recording: its track, as a stream at the recording's rate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from callscope.adapters.sound.track import SAMPLE_BYTES, Track


class Conversion(Protocol):
    """A stream of one channel at another rate."""

    def more(self, pcm: bytes, /) -> bytes:
        """What comes out for 16-bit samples."""

    def rest(self) -> bytes:
        """What was kept back; nothing can be given after it."""


Convert = Callable[[int, int], Conversion]
"""Makes a conversion from one rate to another, with what the framework brings for it."""


class Side:
    """Takes sound of one channel, gives a stream of 16-bit samples.

    It is silent until its first sound, whose rate its track has.

    Args:
        sample_rate: of the recording.
        convert: makes the conversion to it.
    """

    def __init__(self, sample_rate: int, convert: Convert) -> None:
        self._sample_rate = sample_rate
        self._convert = convert
        self._track: Track | None = None
        self._conversion: Conversion | None = None
        self._began_ms = self._until_ms = 0.0
        self._ready = bytearray()
        self._given_samples = 0

    @property
    def first_ms(self) -> float | None:
        """Unix milliseconds of the first sample that waits; None when nothing does."""
        return self._track.first_ms if self._track else None

    @property
    def end_ms(self) -> float | None:
        """Unix milliseconds of the end of what waits; None when nothing does."""
        return self._track.end_ms if self._track else None

    @property
    def ready_samples(self) -> int:
        """How many samples there are to `give`."""
        return len(self._ready) // SAMPLE_BYTES

    def spoken(self, pcm: bytes, sample_rate: int, until_ms: float) -> None:
        """Sound of which the last sample was spoken by then."""
        track = self._track_for(sample_rate)
        track.spoken(self._converted(pcm, sample_rate, track.sample_rate), until_ms)

    def played(self, pcm: bytes, sample_rate: int, from_ms: float) -> None:
        """Sound that is played from then on."""
        track = self._track_for(sample_rate)
        track.played(self._converted(pcm, sample_rate, track.sample_rate), from_ms)

    def cut(self, at_ms: float) -> None:
        """Nothing that waits is played from that moment on."""
        if self._track:
            self._track.cut(at_ms)

    def begin(self, at_ms: float) -> None:
        """A new stream begins at that moment."""
        self._began_ms = self._until_ms = at_ms
        self._ready.clear()
        self._given_samples = 0
        if self._track:
            self._join(self._track)

    def take(self, until_ms: float) -> None:
        """Make ready what there is up to that moment."""
        self._until_ms = until_ms
        if self._track and self._conversion:
            self._ready += self._conversion.more(self._track.take(until_ms))
        else:
            self._fill()

    def end(self) -> None:
        """Make ready what the conversion has kept back: the stream is over."""
        if self._conversion:
            self._ready += self._conversion.rest()
        self._fill()

    def give(self, samples: int) -> bytes:
        """That many of the samples that are ready."""
        size = samples * SAMPLE_BYTES
        given = bytes(self._ready[:size])
        del self._ready[:size]
        self._given_samples += samples
        return given

    def _track_for(self, sample_rate: int) -> Track:
        if self._track is None:
            self._track = Track(sample_rate)
            self._join(self._track)
        return self._track

    def _join(self, track: Track) -> None:
        """Let a track go on where the stream is."""
        track.begin(self._until_ms)
        self._conversion = self._convert(track.sample_rate, self._sample_rate)

    def _fill(self) -> None:
        """Silence up to where the stream is."""
        due = round((self._until_ms - self._began_ms) * self._sample_rate / 1000) - self._given_samples
        self._ready += bytes(max(0, due - self.ready_samples) * SAMPLE_BYTES)

    def _converted(self, pcm: bytes, from_rate: int, to_rate: int) -> bytes:
        """A piece by itself at another rate."""
        if from_rate == to_rate:
            return pcm
        conversion = self._convert(from_rate, to_rate)
        return conversion.more(pcm) + conversion.rest()
