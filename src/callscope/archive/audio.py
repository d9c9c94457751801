"""recording.wav: 16-bit PCM that is a valid file at every moment.

Sound is appended, then the two lengths in the header are brought up to date. A kill between the two leaves a
file whose header tells of a little less than is there, which every reader takes.
Format: RIFF/WAVE as in "Multimedia Programming Interface and Data Specifications 1.0" (IBM, Microsoft, 1991).
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Final

from callscope.archive.replace import FILE_MODE, write_all

_HEADER: Final = struct.Struct("<4sI4s4sIHHIIHH4sI")
_LENGTHS: Final = ((4, 36), (40, 0))
"""Where the header keeps a length, and what it counts beside the samples."""
_MAX_BYTES: Final = 0xFFFF_FFFF - 36
_SAMPLE_BYTES: Final = 2
_SILENCE_CHUNK: Final = bytes(64 * 1024)


class Recording:
    """One call's sound.

    Args:
        path: the file to be made; an existing one is not touched.
        sample_rate: samples a second, per channel.
        channels: 2 for caller left, agent right.

    Raises:
        OSError: it could not be made, or it exists.
    """

    def __init__(self, path: Path, *, sample_rate: int, channels: int) -> None:
        self.sample_rate = sample_rate
        self.channels = channels
        self._bytes = 0
        self._frame_bytes = channels * _SAMPLE_BYTES
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), FILE_MODE)
        header = _HEADER.pack(
            b"RIFF", 36, b"WAVE", b"fmt ", 16, 1, channels, sample_rate,
            sample_rate * self._frame_bytes, self._frame_bytes, 8 * _SAMPLE_BYTES, b"data", 0,
        )  # fmt: skip
        write_all(self._fd, header)

    @property
    def frames(self) -> int:
        """Samples per channel so far."""
        return self._bytes // self._frame_bytes

    @property
    def duration_ms(self) -> float:
        """Length so far."""
        return self.frames * 1000 / self.sample_rate

    def append(self, pcm: bytes) -> None:
        """Add interleaved 16-bit little-endian samples; a last half frame is cut.

        Raises:
            OSError: the disk takes no more, or the file has reached the format's 4 GiB; what was there is still valid.
        """
        pcm = pcm[: len(pcm) - len(pcm) % self._frame_bytes]
        if self._bytes + len(pcm) > _MAX_BYTES:
            raise OSError(27, "a WAV file holds no more than 4 GiB")
        os.lseek(self._fd, _HEADER.size + self._bytes, os.SEEK_SET)
        write_all(self._fd, pcm)
        self._bytes += len(pcm)
        self._tell_lengths()

    def pad_to(self, duration_ms: float) -> None:
        """Fill with silence up to a moment, so that sound that never came does not shift what follows."""
        missing = int(duration_ms * self.sample_rate / 1000) - self.frames
        while missing > 0:
            frames = min(missing, len(_SILENCE_CHUNK) // self._frame_bytes)
            self.append(_SILENCE_CHUNK[: frames * self._frame_bytes])
            missing -= frames

    def close(self) -> None:
        """Close the file, which needs no finishing."""
        os.close(self._fd)

    def _tell_lengths(self) -> None:
        for offset, more in _LENGTHS:
            os.pwrite(self._fd, struct.pack("<I", self._bytes + more), offset)
