"""What a recording looks like: how loud each side is over time, from a part of its samples.

An hour of sound is 230 MB, so every stretch of the drawing is judged by a few short pieces of it, evenly spread; a
short recording is read whole. A recording that is still written, or whose header says less or more than there is, is
read as far as it goes. What is no plain PCM with one or two channels can be played, and is not drawn.
"""

from __future__ import annotations

import os
import struct
import sys
from array import array
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

import msgspec

from callscope.archive.reader import regular_file
from callscope.model.call import IN_PROGRESS, Call

BUCKETS: Final = 600
"""Stretches of time in a drawing."""
_SPOTS: Final = 8
"""Pieces of a stretch that are read."""
_SPOT_FRAMES: Final = 256
_HEAD_BYTES: Final = 12
_MAX_CHUNKS: Final = 64
"""Chunks of a file that are looked through for its format and its samples."""
_PCM: Final = 1
_EXTENSIBLE: Final = 0xFFFE
_SAMPLE_BYTES: Final = 2
_FULL: Final = 32_768
_QUIET: Final = 0.05
"""Of full scale: a recording that is never louder is drawn as quiet as it is."""
_SILENCE: Final = 0.02
_RATES: Final = range(1_000, 384_001)
_KEPT: Final = 32
"""Drawings kept in memory: a few kilobytes each."""
_GROWTH_BITS: Final = 9
"""A recording that is written is drawn anew when its size changes in this many leading bits, by 0.2 to 0.4 %."""


class Wave(msgspec.Struct, frozen=True):
    """The loudness of a recording, or why there is none."""

    channels: int
    sample_rate: int
    """Samples a second; 0 when unknown."""
    duration_ms: float | None
    """None when unknown."""
    peaks: tuple[tuple[float, ...], ...]
    """For each channel up to `BUCKETS` values from 0 to 1, over all of the duration; empty when it cannot be drawn."""
    problem: str = ""
    """Why it cannot be drawn."""


class Track(msgspec.Struct, frozen=True, kw_only=True):
    """One side's sound as it is drawn."""

    who: str
    """``caller`` or ``agent``; ``both`` of a recording with one channel."""
    path: str
    """For ``<path d>``, in the coordinates of `Sound.view_box`."""


class Sound(msgspec.Struct, frozen=True, kw_only=True):
    """A call's recording as its page shows it."""

    size: int
    """Bytes."""
    duration_ms: float | None
    """None when unknown."""
    sample_rate: int
    channels: int
    offset_ms: float
    """Where it begins, after the call's start; below zero: before."""
    is_offset_known: bool
    """Whether the recorder said where it begins; otherwise it is drawn from the call's start."""
    tracks: tuple[Track, ...]
    """Empty when it cannot be drawn."""
    view_box: str
    problem: str
    """Why it cannot be drawn; empty when it can."""

    @property
    def end_ms(self) -> float:
        """Where it ends, after the call's start; where it begins, when its length is not known."""
        return self.offset_ms + (self.duration_ms or 0)


def sound_of(path: Path | None, call: Call) -> Sound | None:
    """What there is to hear and to draw of a recording; None without one.

    Args:
        path: the recording: see `callscope.web.call.files.recording_of`.
        call: whose it is.
    """
    if path is None:
        return None
    try:
        status = path.stat(follow_symlinks=False)
    except OSError:
        return None
    if call.status == IN_PROGRESS:
        wave = _kept(str(path), status.st_size >> max(status.st_size.bit_length() - _GROWTH_BITS, 0), None)
    else:
        wave = _kept(str(path), status.st_size, status.st_mtime_ns)
    named = call.callscope.get("recording")
    offset = named.get("offset_ms") if isinstance(named, dict) else None
    is_known = isinstance(offset, int | float) and not isinstance(offset, bool)
    return Sound(
        size=status.st_size,
        duration_ms=wave.duration_ms,
        sample_rate=wave.sample_rate,
        channels=wave.channels,
        offset_ms=offset if is_known and isinstance(offset, int | float) else 0,
        is_offset_known=is_known,
        tracks=_tracks(wave.peaks),
        view_box=f"0 0 {max((len(peaks) for peaks in wave.peaks), default=0)} 2",
        problem=wave.problem,
    )


def read_wave(path: str) -> Wave:
    """Read a recording's loudness. Never raises; takes time for `BUCKETS` times some 2,000 samples at most."""
    with regular_file(path) as fd:
        if fd is None:
            return _unknown("it cannot be read")
        try:
            return _read(fd, os.fstat(fd).st_size)
        except OSError as error:
            return _unknown(f"it cannot be read ({error.strerror})")


@lru_cache(maxsize=_KEPT)
def _kept(path: str, size: int, mtime_ns: int | None) -> Wave:  # noqa: ARG001 -- what makes it another recording
    return read_wave(path)


def _read(fd: int, size: int) -> Wave:
    form, start, told = _chunks(fd, size)
    if form is None:
        return _unknown("it is no WAV file" if start is None else "its format is not told")
    code, channels, sample_rate, bits = form
    if start is None:
        return _unknown("there are no samples in it")
    if code != _PCM or bits != 8 * _SAMPLE_BYTES or channels not in (1, 2) or sample_rate not in _RATES:
        return _unknown(f"its format is not 16-bit PCM with one or two channels (format {code}, {bits} bit)")
    rest = size - start
    # A header from before the last samples, or one that never knew its length, tells of nothing or of too much.
    length = told if 0 < told <= rest else rest
    frames = length // (channels * _SAMPLE_BYTES)
    duration_ms = frames * 1000 / sample_rate
    peaks = _peaks(fd, start, frames, channels)
    return Wave(channels=channels, sample_rate=sample_rate, duration_ms=duration_ms, peaks=peaks)


def _chunks(fd: int, size: int) -> tuple[tuple[int, int, int, int] | None, int | None, int]:
    """The format (code, channels, rate, bits), where the samples begin, and their bytes as the header tells them."""
    head, form, at = os.pread(fd, _HEAD_BYTES, 0), None, _HEAD_BYTES
    if head[:4] not in (b"RIFF", b"RF64") or head[8:12] != b"WAVE":
        return None, None, 0
    for _ in range(_MAX_CHUNKS):
        named = os.pread(fd, 8, at)
        if len(named) < 8:  # noqa: PLR2004 -- a chunk's name and length
            break
        name, length = struct.unpack("<4sI", named)
        if name == b"data":
            return form, at + 8, length
        if name == b"fmt ":
            form = _format(os.pread(fd, min(length, 40), at + 8))
        at += 8 + length + length % 2
        if at >= size:
            break
    return form, None, 0


def _format(content: bytes) -> tuple[int, int, int, int] | None:
    if len(content) < 16:  # noqa: PLR2004 -- the shortest form of it
        return None
    code, channels, sample_rate, _, _, bits = struct.unpack_from("<HHIIHH", content)
    if code == _EXTENSIBLE and len(content) >= 26:  # noqa: PLR2004 -- its sub-format begins with the code
        (code,) = struct.unpack_from("<H", content, 24)
    return code, channels, sample_rate, bits


def _peaks(fd: int, start: int, frames: int, channels: int) -> tuple[tuple[float, ...], ...]:
    frame_bytes = channels * _SAMPLE_BYTES
    buckets = min(BUCKETS, frames)
    peaks: list[list[int]] = [[] for _ in range(channels)]
    for bucket in range(buckets):
        first, after = frames * bucket // buckets, frames * (bucket + 1) // buckets
        samples = array("h")
        for spot, count in _spots(first, after):
            data = os.pread(fd, count * frame_bytes, start + spot * frame_bytes)
            samples.frombytes(data[: len(data) - len(data) % frame_bytes])
        if sys.byteorder == "big":
            samples.byteswap()
        for channel, found in enumerate(peaks):
            own = samples[channel::channels]
            found.append(max(max(own), -min(own)) if own else 0)  # noqa: PLW3301 -- thrice as quick
    loudest = max((max(each, default=0) for each in peaks), default=0)
    scale = max(loudest, _QUIET * _FULL)
    return tuple(tuple(round(value / scale, 3) for value in each) for each in peaks)


def _spots(first: int, after: int) -> list[tuple[int, int]]:
    """The pieces of a stretch that are read, as first frame and number of frames."""
    if after - first <= _SPOTS * _SPOT_FRAMES:
        return [(first, after - first)]
    return [(first + (after - first) * spot // _SPOTS, _SPOT_FRAMES) for spot in range(_SPOTS)]


def _tracks(peaks: Sequence[Sequence[float]]) -> tuple[Track, ...]:
    names = ("both",) if len(peaks) == 1 else ("caller", "agent")
    return tuple(Track(who=who, path=_path(each)) for who, each in zip(names, peaks, strict=False) if each)


def _path(peaks: Sequence[float]) -> str:
    """Upright strokes around the middle, one a unit; silence is a dot, so that it is seen as sound."""
    halves = (max(value, _SILENCE) for value in peaks)
    return "".join(f"M{place}.5 {_short(1 - half)}v{_short(2 * half)}" for place, half in enumerate(halves))


def _short(value: float) -> str:
    return f"{value:.2f}".lstrip("0")


def _unknown(problem: str) -> Wave:
    return Wave(channels=0, sample_rate=0, duration_ms=None, peaks=(), problem=problem)
