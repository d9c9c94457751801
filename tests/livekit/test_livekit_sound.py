"""Whether sound is kept, and that nothing changes on its way through."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from livekit.agents import AgentSession
from livekit.agents.voice.events import AgentStateChangedEvent, CloseEvent, CloseReason
from livekit_calls import kept_calls
from offline_agent import EAR_RATE, Ear, Mouth

from callscope.adapters.livekit import record
from callscope.adapters.livekit.hearing import HeardInput, HeardOutput
from callscope.config import Settings
from callscope.recorder.logger import CallLogger
from livekit import rtc


def started(session: AgentSession[Any], *, livekit_records: bool = False) -> None:
    """What `AgentSession.start` does last."""
    session.options.recording_options["audio"] = livekit_records
    session.emit("agent_state_changed", AgentStateChangedEvent(old_state="initializing", new_state="listening"))


def closed(session: AgentSession[Any]) -> None:
    session.emit("close", CloseEvent(reason=CloseReason.TASK_COMPLETED))


def session_with_sound() -> AgentSession[Any]:
    session: AgentSession[Any] = AgentSession(vad=None)
    session.input.audio, session.output.audio = Mouth(), Ear()
    return session


@pytest.mark.parametrize(
    ("given", "livekit_records", "transcript", "kept"),
    [
        ({}, False, "full", False),
        ({}, True, "full", True),
        ({}, True, "redact", False),
        ({}, True, "off", False),
        ({"sound": None}, True, "full", True),
        ({"sound": True}, False, "full", True),
        ({"sound": True}, False, "redact", True),
        ({"sound": False}, True, "full", False),
    ],
)
def test_sound_is_kept_where_somebody_said_so(
    tmp_path: Path, given: dict[str, Any], *, livekit_records: bool, transcript: Any, kept: bool
) -> None:
    calls = CallLogger(tmp_path, settings=Settings(transcript=transcript))

    async def run() -> None:
        session = session_with_sound()
        ways = session.input.audio, session.output.audio
        record(session, logger=calls, **given)
        started(session, livekit_records=livekit_records)
        assert ((session.input.audio, session.output.audio) != ways) is kept
        closed(session)

    asyncio.run(run())
    assert calls.close()


@pytest.mark.parametrize("sound", ["yes", 1, "off"])
def test_a_word_that_is_no_choice_is_an_error(sound: Any) -> None:
    with pytest.raises(TypeError, match="give True, False or None"):
        record(object(), sound=sound)


def test_a_way_out_is_as_it_was_and_is_heard_once(tmp_path: Path) -> None:
    calls = CallLogger(tmp_path)

    async def run() -> None:
        session = session_with_sound()
        record(session, logger=calls, sound=True)
        started(session)
        out, way_in = session.output.audio, session.input.audio
        assert isinstance(out, HeardOutput)
        assert isinstance(way_in, HeardInput)
        assert (out.sample_rate, out.can_pause) == (EAR_RATE, True)
        started(session)
        assert session.output.audio is out
        assert session.input.audio is way_in
        closed(session)

    asyncio.run(run())
    assert calls.close()


def test_another_way_out_is_heard_too(tmp_path: Path) -> None:
    """An avatar takes the place of the room's output in the middle of a call."""
    calls = CallLogger(tmp_path)

    async def run() -> None:
        session = session_with_sound()
        record(session, logger=calls, call_id="one", sound=True)
        started(session)
        ear = Ear()
        session.output.audio = ear
        started(session)
        output = session.output.audio
        assert output is not None
        await _speak(output)
        assert ear.heard
        closed(session)

    asyncio.run(run())
    assert calls.close()
    assert (kept_calls(tmp_path)["one"].path / "recording.wav").stat().st_size > 100 * EAR_RATE // 1000


def test_a_note_that_fails_hurts_nobody() -> None:
    told: list[str] = []

    class Broken:
        def __getattr__(self, name: str) -> Callable[..., None]:
            raise RuntimeError(name)

    async def run() -> None:
        ear = Ear()
        output = HeardOutput(ear, Broken(), told.append)
        await _speak(output)
        assert ear.heard
        assert (await anext(HeardInput(Mouth(), Broken(), told.append))).samples_per_channel == 320

    asyncio.run(run())
    assert len(told) >= 4


def test_a_session_in_which_nothing_sounds_leaves_no_recording(tmp_path: Path) -> None:
    calls = CallLogger(tmp_path)

    async def run() -> None:
        session: AgentSession[Any] = AgentSession(vad=None)
        record(session, logger=calls, call_id="one", sound=True)
        started(session)
        closed(session)

    asyncio.run(run())
    assert calls.close()
    assert not (kept_calls(tmp_path)["one"].path / "recording.wav").exists()


async def _speak(output: Any) -> None:
    """A tenth of a second of noise, to its end."""
    noise = np.random.default_rng(7).integers(-9_000, 9_000, EAR_RATE // 10).astype(np.int16)
    await output.capture_frame(rtc.AudioFrame(noise.tobytes(), EAR_RATE, 1, len(noise)))
    output.flush()
    await output.wait_for_playout()
