"""A side's sound is where it was heard, however it came, and stays there in a long call."""

from __future__ import annotations

import random
from array import array

import numpy as np
import pytest
from pipecat.frames import frames as pf

from callscope.adapters.pipecat.conversion import Conversion
from callscope.adapters.pipecat.sound import _one_channel
from callscope.adapters.sound.side import Side
from callscope.adapters.sound.track import Track

RATE = 8_000
FRAME_MS = 20
FRAME_SAMPLES = RATE * FRAME_MS // 1000
LAG_MS = 1_000


def frame(value: int = 1, samples: int = FRAME_SAMPLES) -> bytes:
    return array("h", [value] * samples).tobytes()


def values(pcm: bytes) -> list[int]:
    return array("h", pcm).tolist()


def track() -> Track:
    found = Track(RATE)
    found.begin(0)
    return found


def test_sound_that_comes_a_little_late_leaves_no_gap() -> None:
    microphone = track()
    for number in range(50):
        late_ms = 45 if number % 7 == 3 else 0
        microphone.spoken(frame(), (number + 1) * FRAME_MS + late_ms)
    assert values(microphone.take(1_000)) == [1] * RATE


def test_a_burst_was_spoken_before_it_came() -> None:
    microphone = track()
    microphone.spoken(frame(1), 20)
    for value in (2, 3, 4):
        microphone.spoken(frame(value), 80)
    assert values(microphone.take(80)) == [value for value in (1, 2, 3, 4) for _ in range(FRAME_SAMPLES)]


def test_what_is_taken_in_parts_is_what_is_taken_at_once() -> None:
    once, parts = track(), track()
    for each in (once, parts):
        for number in range(10):
            each.spoken(frame(number + 1), (number + 1) * FRAME_MS)
    taken = b"".join(parts.take(until_ms) for until_ms in (3, 33, 90, 91, 200))
    assert taken == once.take(200)


def test_sound_that_is_played_early_follows_what_is_played_before_it() -> None:
    speaker = track()
    speaker.played(frame(1), 100)
    speaker.played(frame(2), 101)
    speaker.played(frame(3), 300)
    heard = values(speaker.take(320))
    assert [heard.index(value) * 1000 // RATE for value in (1, 2, 3)] == [100, 120, 300]
    assert len([value for value in heard if value]) == 3 * FRAME_SAMPLES


def test_what_waits_to_be_played_is_not_heard_after_a_cut() -> None:
    speaker = track()
    for value in (1, 2, 3):
        speaker.played(frame(value), 0)
    speaker.cut(30)
    speaker.played(frame(4), 100)
    assert values(speaker.take(120)) == (
        [1] * FRAME_SAMPLES + [2] * (FRAME_SAMPLES // 2) + [0] * (70 * RATE // 1000) + [4] * FRAME_SAMPLES
    )


def test_a_cut_of_what_was_taken_already_changes_nothing() -> None:
    speaker = track()
    speaker.played(frame(1), 0)
    assert values(speaker.take(20)) == [1] * FRAME_SAMPLES
    speaker.cut(10)
    assert speaker.end_ms is None


@pytest.mark.parametrize("clock", [0.9998, 1, 1.0002])
def test_half_an_hour_later_it_is_still_in_step(clock: float) -> None:
    """Of a caller whose clock is wrong, frames that come late now and then, and two stalls of the network."""
    chance = random.Random(7)
    microphone = track()
    frames = 30 * 60 * 1000 // FRAME_MS
    marked = frames - 500
    stream = array("h")
    now_ms = 0.0
    for number in range(frames):
        spoken_ms = (number + 1) * FRAME_MS * clock
        now_ms = max(now_ms, spoken_ms + chance.uniform(0, 30), *((spoken_ms + 800,) if number % 40_000 == 999 else ()))
        microphone.spoken(frame(2 if number == marked else 1), now_ms)
        if number % 25 == 0:
            stream.frombytes(microphone.take(now_ms - LAG_MS))
    stream.frombytes(microphone.take(now_ms))
    assert stream.index(2) * 1000 / RATE == pytest.approx(marked * FRAME_MS * clock, abs=150)
    heard = len(stream) - stream.count(0)
    assert heard >= (frames - 20) * FRAME_SAMPLES


def test_sound_that_is_far_ahead_of_its_moment_does_not_fill_the_memory() -> None:
    speaker = track()
    for _ in range(200):
        speaker.played(frame(samples=RATE), 0)
    assert speaker.end_ms == 120_000


def raw(pcm: bytes, rate: int, channels: int = 1) -> pf.OutputAudioRawFrame:
    return pf.OutputAudioRawFrame(audio=pcm, sample_rate=rate, num_channels=channels)


def test_a_side_of_another_rate_is_converted_and_keeps_its_moments() -> None:
    side = Side(24_000, Conversion)
    side.begin(0)
    side.take(500)
    for number in range(50):
        side.spoken(frame(1000), RATE, 1_000 + (number + 1) * FRAME_MS)
    for until_ms in (900, 1_400, 2_000, 2_300):
        side.take(until_ms)
    side.end()
    samples = np.frombuffer(side.give(side.ready_samples), dtype=np.int16)
    loud = np.flatnonzero(samples > 500)
    assert (loud[0] / 24, loud[-1] / 24) == pytest.approx((1_000, 2_000), abs=1)
    assert len(samples) == pytest.approx(2_300 * 24, abs=2)


def test_a_rate_that_changes_in_the_middle_changes_no_moment() -> None:
    side = Side(RATE, Conversion)
    side.begin(0)
    side.played(frame(5), RATE, 0)
    side.played(frame(5, 2 * FRAME_SAMPLES), 2 * RATE, FRAME_MS)
    side.take(60)
    assert side.end_ms is None
    samples = values(side.give(side.ready_samples))
    assert len(samples) == 60 * RATE // 1000
    assert all(samples[: 2 * FRAME_SAMPLES - 20])
    assert not any(samples[2 * FRAME_SAMPLES :])


def test_of_several_channels_the_first_is_kept() -> None:
    assert (
        values(_one_channel(raw(array("h", [3, 9] * FRAME_SAMPLES).tobytes(), RATE, channels=2))) == [3] * FRAME_SAMPLES
    )
