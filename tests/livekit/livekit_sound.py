"""A call's ``recording.wav``, held against sound and moments that are known otherwise."""

from __future__ import annotations

import wave
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
import soxr  # type: ignore[import-untyped]  # it ships none
from livekit_calls import Kept

CALLER: Final = 0
AGENT: Final = 1
_AUDIBLE: Final = 400
"""Of 32767: quieter samples are silence."""
_JOIN_MS: Final = 400
"""Silence up to this is a pause inside one stretch of sound."""
_WORD_MS: Final = 300
"""So much of a sound is looked for at a time."""
_AROUND_MS: Final = 500
_ALIKE: Final = 0.5

Samples = np.ndarray[Any, np.dtype[np.int16]]


class Recording:
    """The two channels of a call, by Unix milliseconds."""

    def __init__(self, kept: Kept) -> None:
        with wave.open(str(kept.path / "recording.wav")) as file:
            assert (file.getnchannels(), file.getsampwidth()) == (2, 2)
            self.rate = file.getframerate()
            self._sides = np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16).reshape(-1, 2)
        started_at = datetime.fromisoformat(kept.metadata["started_at"])
        self.began_ms = started_at.timestamp() * 1000 + kept.metadata["callscope"]["recording"]["offset_ms"]

    def find(self, side: int, sound: Samples, rate: int, *, near_ms: float) -> float:
        """When a sound begins there; raises `AssertionError` where no word of it is within half a second.

        Its first word decides. On a busy machine a gap may go through that, and then the next one does.
        """
        wanted = soxr.resample(sound, rate, self.rate).astype(np.float64)
        step = self.rate * _WORD_MS // 1000
        best = 0.0
        for skipped in range(0, max(1, len(wanted) - step // 2), step):
            at_ms = near_ms + skipped * 1000 / self.rate
            alike, found_ms = self._word(side, wanted[skipped : skipped + step], at_ms)
            if alike > _ALIKE:
                return float(found_ms - skipped * 1000 / self.rate)
            best = max(best, alike)
        raise AssertionError(f"a sound is not there: at best {best:.2f} alike")

    def _word(self, side: int, wanted: np.ndarray[Any, np.dtype[np.float64]], near_ms: float) -> tuple[float, float]:
        """How much alike the place is that is most alike, and its moment."""
        first = max(0, round((near_ms - _AROUND_MS - self.began_ms) * self.rate / 1000))
        window = self._sides[first : first + len(wanted) + 2 * _AROUND_MS * self.rate // 1000, side].astype(np.float64)
        if len(window) < len(wanted):
            return 0.0, near_ms
        products = np.correlate(window, wanted, mode="valid")
        energies = np.convolve(window**2, np.ones(len(wanted)), mode="valid")
        alike = products / np.sqrt(np.maximum(energies, 1.0) * np.sum(wanted**2))
        best = int(np.argmax(alike))
        return float(alike[best]), float(self.began_ms + (first + best) * 1000 / self.rate)

    def stretches(self, side: int) -> list[tuple[float, float]]:
        """When something is heard, from and to."""
        return loud(self._sides[:, side], self.rate, self.began_ms)

    def loud_outside(self, side: int, known: list[tuple[float, float]], *, near_ms: float) -> list[tuple[float, float]]:
        """The stretches that are not within known ones."""
        return [
            (began_ms, ended_ms)
            for began_ms, ended_ms in self.stretches(side)
            if not any(from_ms - near_ms <= began_ms and ended_ms <= to_ms + near_ms for from_ms, to_ms in known)
        ]


def loud(samples: Samples, rate: int, began_ms: float) -> list[tuple[float, float]]:
    """When something is heard, from and to; what begins at a moment."""
    found: list[tuple[float, float]] = []
    for place in np.flatnonzero(np.abs(samples.astype(np.int32)) > _AUDIBLE).tolist():
        at_ms = began_ms + place * 1000 / rate
        if found and at_ms - found[-1][1] <= _JOIN_MS:
            found[-1] = (found[-1][0], at_ms)
        else:
            found.append((at_ms, at_ms))
    return found


def of_ogg(path: Path) -> tuple[Samples, int]:
    """The channels of an Ogg file, side by side, and their rate."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="s16", layout="stereo", rate=stream.rate)
        frames = [made for frame in container.decode(stream) for made in resampler.resample(frame)]
        return np.concatenate([frame.to_ndarray().reshape(-1, 2) for frame in frames]), stream.rate
