"""The sound of an application with an `AudioBufferProcessor` is kept while the call runs, each frame at its moment."""

from __future__ import annotations

import asyncio
import wave
from array import array
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pipecat.clocks.base_clock import BaseClock
from pipecat.frames import frames as pf
from pipecat.processors.audio.audio_buffer_processor import AudioBufferProcessor
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from scripted_bot import SAMPLE_RATE, SOUND_SECONDS_A_SENTENCE, Bot, Recorded, read, running

from callscope.adapters.pipecat import attach
from callscope.recorder.logger import CallLogger

FRAME_SECONDS = 0.05
CALLER = 0x0101
A_SENTENCE = SOUND_SECONDS_A_SENTENCE * SAMPLE_RATE


class HandClock(BaseClock):  # type: ignore[misc]
    """The pipeline's clock; time passes when the test lets it."""

    def __init__(self) -> None:
        self._now_ns = 1_000_000_000

    def start(self) -> None:
        """It runs by hand."""

    def get_time(self) -> int:
        return self._now_ns

    def wait(self, seconds: float) -> None:
        self._now_ns += round(seconds * 1_000_000_000)


class Slow(FrameProcessor):  # type: ignore[misc]
    """Needs some time for each of the caller's frames."""

    def __init__(self, clock: HandClock) -> None:
        super().__init__()
        self.clock = clock
        self.seconds = 0.0

    async def process_frame(self, frame: pf.Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, pf.InputAudioRawFrame):
            self.clock.wait(self.seconds)
        await self.push_frame(frame, direction)


class Talk:
    """A bot in a call whose time passes by hand."""

    def __init__(self, recorder: AudioBufferProcessor) -> None:
        self.recorder = recorder
        self.clock = HandClock()
        self.slow = Slow(self.clock)
        self.bot = Bot(after=[self.slow, recorder], clock=self.clock)

    async def caller(self, seconds: float, *, at_once: bool = False) -> None:
        """The caller's sound: each frame when it is full, or all of them when the last one is."""
        if at_once:
            self.clock.wait(seconds)
        for _ in range(round(seconds / FRAME_SECONDS)):
            if not at_once:
                self.clock.wait(FRAME_SECONDS)
            sound = CALLER.to_bytes(2, "little") * int(SAMPLE_RATE * FRAME_SECONDS)
            await self.bot.line.push_frame(pf.InputAudioRawFrame(audio=sound, sample_rate=SAMPLE_RATE, num_channels=1))
            await self.bot.worker.flush_pipeline()

    async def agent(self) -> None:
        """The agent's sentence, which leaves the pipeline at once."""
        await self.bot.greet("Hello.")

    async def interrupt(self) -> None:
        await self.bot.worker.queue_frame(pf.InterruptionFrame())
        await self.bot.worker.flush_pipeline()


Script = Callable[[Talk], Coroutine[Any, Any, None]]


@pytest.fixture
def recorded(calls: CallLogger, tmp_path: Path) -> Callable[[Script], Recorded]:
    """Runs a talk by a script and reads the call that it left."""

    def run(script: Script, recorder: AudioBufferProcessor | None = None) -> Recorded:
        async def call() -> None:
            talk = Talk(recorder or AudioBufferProcessor(auto_start_recording=True))
            attach(talk.bot.worker, calls)
            async with running(talk.bot):
                await script(talk)

        asyncio.run(call())
        assert calls.close()
        (found,) = read(tmp_path)
        return found

    return run


def samples(path: Path) -> tuple[array[int], array[int]]:
    """The caller's and the agent's samples of a recording."""
    with wave.open(str(path / "recording.wav")) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, SAMPLE_RATE)
        both = array("h", file.readframes(file.getnframes()))
    return both[0::2], both[1::2]


def moment_seconds(told: str) -> float:
    """Unix seconds of a moment as the files tell it."""
    return datetime.fromisoformat(told).timestamp()


@pytest.mark.parametrize("buffer_size", [0, SAMPLE_RATE])
@pytest.mark.parametrize("num_channels", [1, 2])
def test_both_sides_are_kept_apart_at_their_moments_whatever_the_processor_makes_of_them(
    recorded: Any, buffer_size: int, num_channels: int
) -> None:
    async def script(talk: Talk) -> None:
        await talk.caller(2)
        await talk.agent()
        await talk.caller(2)

    recorder = AudioBufferProcessor(num_channels=num_channels, buffer_size=buffer_size, auto_start_recording=True)
    call = recorded(script, recorder)
    caller, agent = samples(call.path)
    assert list(caller) == [CALLER] * 4 * SAMPLE_RATE
    begins = next(index for index, sample in enumerate(agent) if sample)
    assert begins == pytest.approx(2 * SAMPLE_RATE, abs=2)
    assert all(agent[begins : begins + round(A_SENTENCE)])
    assert not any(agent[begins + round(A_SENTENCE) :])
    assert call.metadata["callscope"]["recording"]["sample_rate"] == SAMPLE_RATE


def test_each_answer_begins_in_the_recording_where_its_event_says(recorded: Any) -> None:
    async def script(talk: Talk) -> None:
        for _ in range(3):
            await talk.caller(1.3)
            await talk.agent()
        await talk.caller(2)

    call = recorded(script)
    _, agent = samples(call.path)
    begins = [index for index in range(1, len(agent)) if agent[index] and not agent[index - 1]]
    seconds = [number * 1.3 for number in (1, 2, 3)]
    assert [index / SAMPLE_RATE for index in begins] == pytest.approx(seconds, abs=0.001)
    starts = [moment_seconds(each) for each in call.moments("agent_started_speaking")]
    assert [start - starts[0] for start in starts] == pytest.approx([0, 1.3, 2.6], abs=0.005)
    offset_seconds = call.metadata["callscope"]["recording"]["offset_ms"] / 1000
    began = moment_seconds(call.metadata["started_at"]) + offset_seconds
    assert starts[0] - began == pytest.approx(1.3, abs=0.01)


def test_what_the_caller_said_while_it_could_not_come_is_put_where_it_was_said(recorded: Any) -> None:
    async def script(talk: Talk) -> None:
        await talk.caller(1)
        await talk.caller(3, at_once=True)
        await talk.agent()
        await talk.caller(2)

    caller, agent = samples(recorded(script).path)
    assert list(caller) == [CALLER] * 6 * SAMPLE_RATE
    assert next(index for index, sample in enumerate(agent) if sample) == pytest.approx(4 * SAMPLE_RATE, abs=2)


def test_what_the_pipeline_is_slow_with_is_put_where_it_was_said(recorded: Any) -> None:
    async def script(talk: Talk) -> None:
        await talk.caller(1)
        talk.slow.seconds = 0.4
        await talk.caller(0.05)
        talk.slow.seconds = 0.0
        talk.clock.wait(0.6)
        await talk.caller(2)

    caller, _ = samples(recorded(script).path)
    said, unsaid = round(1.05 * SAMPLE_RATE), 1 * SAMPLE_RATE
    assert list(caller) == [CALLER] * said + [0] * unsaid + [CALLER] * 2 * SAMPLE_RATE


@pytest.mark.parametrize("muted_seconds", [2, 8])
def test_a_caller_who_is_muted_is_silent_for_so_long(recorded: Any, muted_seconds: int) -> None:
    async def script(talk: Talk) -> None:
        await talk.caller(1)
        talk.clock.wait(muted_seconds)
        await talk.caller(2)

    caller, _ = samples(recorded(script).path)
    assert list(caller) == [CALLER] * SAMPLE_RATE + [0] * muted_seconds * SAMPLE_RATE + [CALLER] * 2 * SAMPLE_RATE


def test_sound_that_the_transport_tells_of_when_it_is_over_began_before(recorded: Any) -> None:
    async def script(talk: Talk) -> None:
        await talk.caller(1)
        talk.bot.loudspeaker.playing.clear()
        await talk.bot.worker.queue_frame(pf.TTSSpeakFrame("Hello."))
        await talk.bot.until("BotStartedSpeakingFrame")
        talk.clock.wait(0.2)
        talk.bot.loudspeaker.playing.set()
        await talk.bot.until("BotStoppedSpeakingFrame")
        await talk.caller(2)

    _, agent = samples(recorded(script).path)
    assert next(index for index, sample in enumerate(agent) if sample) == pytest.approx(SAMPLE_RATE, abs=2)


def test_an_agent_that_is_cut_off_is_silent_from_that_moment(recorded: Any) -> None:
    async def script(talk: Talk) -> None:
        await talk.caller(1)
        await talk.agent()
        await talk.caller(0.1)
        await talk.interrupt()
        await talk.caller(2)

    _, agent = samples(recorded(script).path)
    assert sum(sample != 0 for sample in agent) == pytest.approx(0.1 * SAMPLE_RATE, abs=2)


def test_nothing_is_kept_while_the_application_does_not_record(recorded: Any) -> None:
    async def script(talk: Talk) -> None:
        await talk.caller(1)
        await talk.recorder.stop_recording()
        await talk.caller(1)
        await talk.recorder.start_recording()
        await talk.caller(2)

    caller, _ = samples(recorded(script).path)
    assert list(caller) == [CALLER] * SAMPLE_RATE + [0] * SAMPLE_RATE + [CALLER] * 2 * SAMPLE_RATE


def test_the_recording_is_there_before_the_call_has_ended(calls: CallLogger, tmp_path: Path) -> None:
    seen: list[Recorded] = []

    async def call() -> None:
        talk = Talk(AudioBufferProcessor(auto_start_recording=True))
        attach(talk.bot.worker, calls)
        async with running(talk.bot):
            await talk.caller(4)
            calls.flush()
            (recorded,) = read(tmp_path)
            assert len(samples(recorded.path)[0]) >= 2 * SAMPLE_RATE
            seen.append(recorded)

    asyncio.run(call())
    assert calls.close()
    assert seen


def test_the_applications_own_handler_still_gets_everything_at_once(recorded: Any) -> None:
    given: list[int] = []
    recorder = AudioBufferProcessor(auto_start_recording=True)

    async def keep(_recorder: Any, audio: bytes, _sample_rate: int, _num_channels: int) -> None:
        given.append(len(audio))

    recorder.add_event_handler("on_audio_data", keep)

    async def script(talk: Talk) -> None:
        await talk.caller(3)

    call = recorded(script, recorder)
    assert len(given) == 1
    assert given[0] >= 3 * SAMPLE_RATE * 2
    assert len(samples(call.path)[0]) == 3 * SAMPLE_RATE


def test_a_pipeline_without_such_a_processor_leaves_no_recording(record: Any) -> None:
    async def greet(bot: Bot) -> None:
        await bot.greet("Hello.")

    call = record(Bot, greet)

    assert not (call.path / "recording.wav").exists()
    assert "recording" not in call.metadata["callscope"]
