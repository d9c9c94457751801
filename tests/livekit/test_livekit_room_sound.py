"""The way out into a LiveKit room, without a room: its own output plays into a source that nobody listens to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from livekit.agents.voice.room_io._output import _ParticipantAudioOutput
from livekit_calls import kept_calls
from livekit_sound import AGENT, Recording

from callscope.adapters.livekit.hearing import HeardOutput
from callscope.adapters.livekit.sound import Sound
from callscope.clock import now_ms
from callscope.recorder.logger import CallLogger
from livekit import rtc

pytestmark = pytest.mark.e2e

RATE = 24_000
CLOSE_MS = 60
SECONDS = 4
PAUSE_MS = 500


def test_an_answer_that_a_room_paused_and_cut_off_is_recorded_as_the_room_played_it(tmp_path: Path) -> None:
    calls = CallLogger(tmp_path)
    played = asyncio.run(_answer(calls))
    assert calls.close()
    heard = Recording(kept_calls(tmp_path)["room"]).stretches(AGENT)
    assert len(heard) == len(played) == 2
    assert played[1].offset - played[0].duration > 0.05  # a room drops what it holds when it pauses
    for (began_ms, ended_ms), run in zip(heard, played, strict=True):
        assert began_ms == pytest.approx(run.started_at * 1000, abs=CLOSE_MS)
        assert ended_ms - began_ms == pytest.approx(run.duration * 1000, abs=CLOSE_MS)
    recording = Recording(kept_calls(tmp_path)["room"])
    resumed = _speech()[round(played[1].offset * RATE) :]
    found_ms = recording.find(AGENT, resumed, RATE, near_ms=played[1].started_at * 1000)
    assert found_ms == pytest.approx(played[1].started_at * 1000, abs=CLOSE_MS)


async def _answer(calls: CallLogger) -> list[Any]:
    """Play an answer, with a pause in it, and cut it off; what the room says that it played."""
    call = calls.start_call("room")
    sink = _ParticipantAudioOutput(
        None, sample_rate=RATE, num_channels=1, track_publish_options=rtc.TrackPublishOptions()
    )
    sink._subscribed_fut.set_result(None)
    sink._forwarding_task = asyncio.create_task(sink._forward_audio())
    runs: list[Any] = []
    sink.on("playback_progressed", runs.append)
    sound = Sound(call, None, wanted=lambda: True, caught=pytest.fail)
    output = HeardOutput(sink, sound, pytest.fail)
    for piece in np.split(_speech(), SECONDS * 20):
        await output.capture_frame(rtc.AudioFrame(piece.tobytes(), RATE, 1, len(piece)))
    output.flush()
    await _until(lambda: sink._source_pushed_duration > 1.2)
    output.pause()
    await _until(lambda: len(runs) == 1)
    paused_ms = now_ms()
    await _until(lambda: now_ms() - paused_ms > PAUSE_MS)
    output.resume()
    await _until(lambda: sink._source_pushed_duration > 2.4)
    output.clear_buffer()
    await output.wait_for_playout()
    sound.finish(now_ms())
    call.end()
    await sink.aclose()
    return [run for run in runs if run.duration > 0.02]


def _speech() -> np.ndarray[Any, np.dtype[np.int16]]:
    """Noise, no stretch of which is like another one."""
    return np.random.default_rng(7).integers(-9_000, 9_000, SECONDS * RATE).astype(np.int16)


async def _until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 -- the output plays in real time and has no event for it
        await asyncio.sleep(0.005)
