"""The sound that an application's own `AudioBufferProcessor` collects is kept while the call runs."""

from __future__ import annotations

import asyncio
import wave
from array import array
from pathlib import Path
from typing import Any

import pytest
from pipecat.frames import frames as pf
from pipecat.processors.audio.audio_buffer_processor import AudioBufferProcessor
from scripted_bot import SAMPLE_RATE, SOUND_SECONDS_A_SENTENCE, Bot, Recorded, read, running

from callscope.adapters.pipecat import attach
from callscope.recorder.logger import CallLogger

FRAME_SECONDS = 0.02
CALLER = 0x0101


def samples(path: Path) -> tuple[array[int], array[int]]:
    """The caller's and the agent's samples of a recording."""
    with wave.open(str(path / "recording.wav")) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, SAMPLE_RATE)
        both = array("h", file.readframes(file.getnframes()))
    return both[0::2], both[1::2]


async def talk(bot: Bot, seconds: float) -> None:
    """The caller's sound, and signs of life as voice activity detection gives them."""
    for number in range(round(seconds / FRAME_SECONDS)):
        sound = CALLER.to_bytes(2, "little") * int(SAMPLE_RATE * FRAME_SECONDS)
        await bot.line.push_frame(pf.InputAudioRawFrame(audio=sound, sample_rate=SAMPLE_RATE, num_channels=1))
        if number % 10 == 9:
            await bot.worker.flush_pipeline()
            await bot.line.push_frame(pf.UserSpeakingFrame())


@pytest.mark.parametrize("buffer_size", [0, SAMPLE_RATE])
@pytest.mark.parametrize("num_channels", [1, 2])
def test_both_sides_are_kept_apart_whatever_the_processor_makes_of_them(
    calls: CallLogger, tmp_path: Path, buffer_size: int, num_channels: int
) -> None:
    async def call() -> None:
        recorder = AudioBufferProcessor(num_channels=num_channels, buffer_size=buffer_size, auto_start_recording=True)
        bot = Bot(after=[recorder])
        attach(bot.worker, calls)
        async with running(bot):
            await talk(bot, 2)
            await bot.greet("Hello.")
            await talk(bot, 1)

    asyncio.run(call())
    assert calls.close()
    (recorded,) = read(tmp_path)
    caller, agent = samples(recorded.path)
    assert sum(sample == CALLER for sample in caller) == 3 * SAMPLE_RATE
    assert sum(sample != 0 for sample in agent) == pytest.approx(SOUND_SECONDS_A_SENTENCE * SAMPLE_RATE, rel=0.05)
    assert not any(sample == CALLER for sample in agent)
    assert recorded.metadata["callscope"]["recording"]["sample_rate"] == SAMPLE_RATE


def test_the_recording_is_there_before_the_call_has_ended(calls: CallLogger, tmp_path: Path) -> None:
    seen: list[Recorded] = []

    async def call() -> None:
        bot = Bot(after=[AudioBufferProcessor(auto_start_recording=True)])
        attach(bot.worker, calls)
        async with running(bot):
            await talk(bot, 3)
            calls.flush()
            (recorded,) = read(tmp_path)
            assert len(samples(recorded.path)[0]) >= 2 * SAMPLE_RATE
            seen.append(recorded)

    asyncio.run(call())
    assert calls.close()
    assert seen


def test_the_applications_own_handler_still_gets_everything_at_once(calls: CallLogger, tmp_path: Path) -> None:
    given: list[int] = []

    async def call() -> None:
        recorder = AudioBufferProcessor(auto_start_recording=True)

        async def keep(_recorder: Any, audio: bytes, _sample_rate: int, _num_channels: int) -> None:
            given.append(len(audio))

        recorder.add_event_handler("on_audio_data", keep)
        bot = Bot(after=[recorder])
        attach(bot.worker, calls)
        async with running(bot):
            await talk(bot, 3)

    asyncio.run(call())
    assert calls.close()
    assert given == [3 * SAMPLE_RATE * 2]
    (recorded,) = read(tmp_path)
    assert len(samples(recorded.path)[0]) == 3 * SAMPLE_RATE


def test_a_pipeline_without_such_a_processor_leaves_no_recording(record: Any) -> None:
    async def greet(bot: Bot) -> None:
        await bot.greet("Hello.")

    call = record(Bot, greet)

    assert not (call.path / "recording.wav").exists()
    assert "recording" not in call.metadata["callscope"]
