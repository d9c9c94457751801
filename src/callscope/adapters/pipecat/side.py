"""One side of a recording: its track, as a stream at the recording's rate."""

from __future__ import annotations

from array import array
from typing import Any

from callscope.adapters.pipecat.conversion import Conversion, converted
from callscope.adapters.pipecat.track import SAMPLE_BYTES, Track


class Side:
    """Takes frames, gives a stream of 16-bit samples. Silent until the first frame, whose rate the track has.

    Args:
        sample_rate: of the recording.
    """

    def __init__(self, sample_rate: int) -> None:
        self._sample_rate = sample_rate
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

    def spoken(self, frame: Any, until_ms: float) -> None:
        """A frame of which the last sample was spoken by then."""
        track = self._track_for(frame)
        track.spoken(_samples(frame, track.sample_rate), until_ms)

    def played(self, frame: Any, from_ms: float) -> None:
        """A frame that is played from then on."""
        track = self._track_for(frame)
        track.played(_samples(frame, track.sample_rate), from_ms)

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

    def _track_for(self, frame: Any) -> Track:
        if self._track is None:
            self._track = Track(frame.sample_rate)
            self._join(self._track)
        return self._track

    def _join(self, track: Track) -> None:
        """Let a track go on where the stream is."""
        track.begin(self._until_ms)
        self._conversion = Conversion(track.sample_rate, self._sample_rate)

    def _fill(self) -> None:
        """Silence up to where the stream is."""
        due = round((self._until_ms - self._began_ms) * self._sample_rate / 1000) - self._given_samples
        self._ready += bytes(max(0, due - self.ready_samples) * SAMPLE_BYTES)


def _samples(frame: Any, sample_rate: int) -> bytes:
    """A frame's samples at a rate; of several channels the first."""
    pcm: bytes = frame.audio[: len(frame.audio) // SAMPLE_BYTES * SAMPLE_BYTES]
    if frame.num_channels > 1:
        pcm = array("h", pcm)[:: frame.num_channels].tobytes()
    return converted(pcm, frame.sample_rate, sample_rate)
