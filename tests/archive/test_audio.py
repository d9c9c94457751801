from __future__ import annotations

import wave
from pathlib import Path

import pytest

from callscope.archive.audio import Recording


def test_the_file_is_a_valid_wav_after_every_append(tmp_path: Path) -> None:
    path = tmp_path / "recording.wav"
    recording = Recording(path, sample_rate=8000, channels=2)

    for number in range(1, 4):
        recording.append(b"\x01\x02\x03\x04" * 160)
        with wave.open(str(path)) as wav:
            assert (wav.getnchannels(), wav.getframerate(), wav.getsampwidth()) == (2, 8000, 2)
            assert wav.getnframes() == 160 * number
    recording.close()


def test_sound_beyond_the_header_is_ignored_as_after_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "recording.wav"
    recording = Recording(path, sample_rate=8000, channels=1)
    recording.append(b"\x01\x00" * 10)
    with path.open("ab") as rest:
        rest.write(b"\x02\x00" * 7)

    with wave.open(str(path)) as wav:
        assert wav.readframes(100) == b"\x01\x00" * 10
    recording.append(b"\x03\x00" * 2)
    with wave.open(str(path)) as wav:
        assert wav.readframes(100) == b"\x01\x00" * 10 + b"\x03\x00" * 2


def test_missing_sound_becomes_silence(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "recording.wav", sample_rate=1000, channels=2)
    recording.append(b"\x01\x00\x01\x00" * 100)

    recording.pad_to(250)

    assert recording.frames == 250
    assert recording.duration_ms == 250


def test_an_existing_file_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "recording.wav"
    path.write_bytes(b"mine")

    with pytest.raises(FileExistsError):
        Recording(path, sample_rate=8000, channels=2)

    assert path.read_bytes() == b"mine"
