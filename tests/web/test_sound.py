"""What a recording looks like, also where it is torn, still written, or of a kind that cannot be drawn."""

from __future__ import annotations

import math
import os
import re
import struct
from array import array
from pathlib import Path
from typing import Any

import pytest

from callscope.archive.audio import Recording
from callscope.model.call import Call
from callscope.web.call.sound import BUCKETS, Sound, read_wave, sound_of

RATE = 8_000


def tone(level: float, *, frames: int = RATE) -> list[int]:
    return [round(level * 32_767 * math.sin(2 * math.pi * 440 * frame / RATE)) for frame in range(frames)]


def pcm(*channels: list[int]) -> bytes:
    samples = array("h", [sample for frame in zip(*channels, strict=True) for sample in frame])
    return samples.tobytes()


def wav(
    data: bytes, *, channels: int = 2, code: int = 1, bits: int = 16, told: int | None = None, before: bytes = b""
) -> bytes:
    size = channels * bits // 8
    form = struct.pack("<HHIIHH", code, channels, RATE, RATE * size, size, bits)
    chunks = before + b"fmt " + struct.pack("<I", len(form)) + form
    chunks += b"data" + struct.pack("<I", len(data) if told is None else told) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "recording.wav"


def call(**callscope: Any) -> Call:
    return Call(call_id="CA1", path="/archive/CA1", callscope=callscope)


def drawn(path: Path, **callscope: Any) -> Sound:
    found = sound_of(path, call(**callscope))
    assert found is not None
    return found


def test_each_side_is_as_loud_as_it_was(path: Path) -> None:
    quiet, loud = tone(0.4), tone(0.8)
    path.write_bytes(wav(pcm(quiet + [0] * RATE, [0] * RATE + loud)))

    wave = read_wave(str(path))

    caller, agent = wave.peaks
    assert (wave.duration_ms, len(caller), len(agent)) == (2000, BUCKETS, BUCKETS)
    assert max(caller) == pytest.approx(0.5, abs=0.01)
    assert max(agent) == 1
    assert max(caller[BUCKETS // 2 :]) == 0
    assert max(agent[: BUCKETS // 2]) == 0


def test_silence_is_not_drawn_louder_than_it_is(path: Path) -> None:
    path.write_bytes(wav(pcm([3, -3] * RATE, [0, 0] * RATE)))

    assert max(max(each) for each in read_wave(str(path)).peaks) < 0.01


def test_a_long_recording_is_sampled_over_all_of_it(path: Path) -> None:
    seconds = 1800
    with path.open("wb") as file:
        file.write(wav(b"", told=seconds * RATE * 4))
        file.seek(44 + (seconds - 300) * RATE * 4)
        file.write(pcm(tone(0.5), tone(0.5)) * 300)

    wave = read_wave(str(path))

    speaking = [place for place, value in enumerate(wave.peaks[1]) if value > 0.5]
    assert wave.duration_ms == seconds * 1000
    assert speaking == list(range(500, 600))


def test_little_of_an_hour_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    length = 3600 * 16_000 * 4
    with path.open("wb") as file:
        file.write(wav(b"", told=length))
        file.truncate(44 + length)
    read = 0
    original = os.pread

    def counting(fd: int, count: int, offset: int) -> bytes:
        nonlocal read
        read += count
        return original(fd, count, offset)

    monkeypatch.setattr(os, "pread", counting)

    assert len(read_wave(str(path)).peaks[0]) == BUCKETS
    assert read < 6_000_000


@pytest.mark.parametrize("told", [0, 0xFFFF_FFFF, 10**6])
def test_a_header_that_does_not_know_its_length_is_read_as_far_as_the_file_goes(path: Path, told: int) -> None:
    path.write_bytes(wav(pcm(tone(0.5), tone(0.5)), told=told))

    assert read_wave(str(path)).duration_ms == 1000


def test_a_recording_that_is_being_written_is_drawn_as_far_as_it_is(path: Path) -> None:
    recording = Recording(path, sample_rate=RATE, channels=2)
    recording.append(pcm(tone(0.5), tone(0.5)))
    first = drawn(path)
    recording.append(pcm(tone(0.5), tone(0.5)))
    second = drawn(path)
    recording.close()

    assert (first.duration_ms, second.duration_ms) == (1000, 2000)


def test_a_recording_that_hardly_grew_is_not_read_again(path: Path) -> None:
    going_on = Call(call_id="CA1", path="/archive/CA1", status="in_progress")
    path.write_bytes(wav(pcm(tone(0.5), tone(0.5)) * 100, told=0))
    first = sound_of(path, going_on)
    with path.open("ab") as file:
        file.write(bytes(400))
    second = sound_of(path, going_on)
    ended = sound_of(path, call())
    with path.open("ab") as file:
        file.write(bytes(400_000))
    third = sound_of(path, going_on)

    assert first is not None
    assert second is not None
    assert ended is not None
    assert third is not None
    lengths = [found.duration_ms for found in (first, second, ended, third)]
    assert lengths == [100_000, 100_000, 100_012.5, 112_512.5]


def test_other_chunks_before_the_samples_are_passed_over(path: Path) -> None:
    path.write_bytes(wav(pcm(tone(0.5), tone(0.5)), before=b"LIST" + struct.pack("<I", 3) + b"abc\0"))

    assert read_wave(str(path)).duration_ms == 1000


def test_one_channel_is_drawn_as_both(path: Path) -> None:
    path.write_bytes(wav(pcm(tone(0.5)), channels=1))

    assert [track.who for track in drawn(path).tracks] == ["both"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "no WAV file"),
        (b"RIFF", "no WAV file"),
        (b"ID3" + bytes(500), "no WAV file"),
        (wav(b"")[:20], "no samples|not told|no WAV"),
        (wav(b"")[:36], "no samples"),
        (b"RIFF" + bytes(4) + b"WAVE" + b"data" + bytes(100), "format is not told"),
        (b"RIFF" + bytes(4) + b"WAVE" + b"junk\xff\xff\xff\xff" + bytes(100), "no WAV|no samples"),
        (b"RIFF" + bytes(4) + b"WAVE" + (b"junk" + bytes(4)) * 100_000, "no WAV|no samples"),
        (wav(bytes(800), channels=1, code=7, bits=8), "format 7, 8 bit"),
        (wav(bytes(800), channels=1, bits=8), "format 1, 8 bit"),
        (wav(bytes(900), channels=2, bits=24), "24 bit"),
        (wav(bytes(800), channels=0), "16-bit PCM"),
        (wav(bytes(800), channels=6, bits=16), "16-bit PCM"),
    ],
)
def test_what_cannot_be_drawn_can_be_played_and_says_why(path: Path, content: bytes, problem: str) -> None:
    path.write_bytes(content)

    found = drawn(path)

    assert found.tracks == ()
    assert re.search(problem, found.problem)


@pytest.mark.parametrize("frames", [0, 1, 7, 601])
def test_a_few_samples_are_enough(path: Path, frames: int) -> None:
    path.write_bytes(wav(pcm([9] * frames, [-9] * frames) + b"\1"))

    found = drawn(path)

    assert found.duration_ms == frames * 1000 / RATE
    assert found.view_box == f"0 0 {min(frames, BUCKETS)} 2"
    assert found.problem == ""


def test_it_begins_where_the_recorder_said(path: Path) -> None:
    path.write_bytes(wav(pcm(tone(0.5), tone(0.5))))

    found = drawn(path, recording={"offset_ms": 668})

    assert (found.offset_ms, found.end_ms, found.is_offset_known) == (668, 1668, True)


@pytest.mark.parametrize("recording", [None, {}, {"offset_ms": None}, {"offset_ms": "5"}, {"offset_ms": True}, "x"])
def test_it_says_when_nobody_knows_where_it_begins(path: Path, recording: Any) -> None:
    path.write_bytes(wav(pcm(tone(0.5), tone(0.5))))

    found = drawn(path, recording=recording)

    assert (found.offset_ms, found.is_offset_known) == (0, False)


def test_the_drawing_is_nothing_but_strokes(path: Path) -> None:
    path.write_bytes(wav(pcm(tone(0.9), tone(0.01))))

    for track in drawn(path).tracks:
        assert re.fullmatch(r"(M\d+\.5 \.?\d*\.?\d+v\d*\.\d+)+", track.path)
        assert len(track.path) < 10_000


def test_a_call_without_a_recording_has_no_sound(path: Path) -> None:
    assert sound_of(None, call()) is None
    assert sound_of(path, call()) is None
