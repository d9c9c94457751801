"""A session with a speech-to-speech model behind a real socket, held against its caller and the model's ledger."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import aiohttp
import numpy as np
import pytest
from livekit.agents import Agent, AgentSession
from livekit.plugins import openai
from livekit_calls import Kept, kept_calls
from livekit_sound import AGENT, CALLER, Recording
from livekit_stories import DISTURBED_MS, LONG, RECORDINGS
from model_server import KEY
from offline_agent import EAR_RATE, MOUTH_RATE, Caller, Truth, connect
from realtime_voice import MODEL, Line, RealtimeVoice, usage

from callscope.adapters.livekit import record
from callscope.recorder.logger import CallLogger

pytestmark = pytest.mark.e2e

LINES = [
    Line(
        "Where is my parcel?",
        "It is in Berlin.",
        usage(text=100, audio=40, cached_text=64, cached_audio=0, spoken_text=8, spoken=50),
    ),
    Line(
        "What happened to my parcel?",
        LONG,
        usage(text=120, audio=90, cached_text=64, cached_audio=32, spoken_text=30, spoken=200),
    ),
    Line(
        "No, where is it now?",
        "It is at the corner.",
        usage(text=150, audio=160, cached_text=96, cached_audio=64, spoken_text=9, spoken=60),
    ),
]
CLOSE_MS = 300
SOUND_MS = 40


class Told:
    """What there is to look at."""

    def __init__(self, truth: Truth, voice: RealtimeVoice, kept: Kept) -> None:
        self.truth = truth
        self.voice = voice
        self.kept = kept


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """One call; recorded again when the machine disturbed it."""
    for number in range(RECORDINGS):
        root = tmp_path_factory.mktemp(f"recording-{number}")
        calls = CallLogger(root)
        truth, voice = asyncio.run(_call(calls))
        assert calls.close()
        if truth.late_ms <= DISTURBED_MS:
            break
    assert not truth.gave_up
    return Told(truth, voice, kept_calls(root)["spoken"])


async def _call(calls: CallLogger) -> tuple[Truth, RealtimeVoice]:
    """Two answers that are heard to their ends, and between them one that is not."""
    web = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False))  # certificates take a third of a second
    async with RealtimeVoice(LINES).serving() as voice, web:
        model = openai.realtime.RealtimeModel(model=MODEL, base_url=voice.base_url, api_key=KEY, http_session=web)
        turns: Any = {"turn_detection": "realtime_llm"}
        session: AgentSession[Any] = AgentSession(llm=model, vad=None, turn_handling=turns, user_away_timeout=None)
        mouth, ear = connect(session)
        record(session, logger=calls, call_id="spoken", sound=True)
        caller = Caller(session, voice, mouth, ear)  # type: ignore[arg-type]  # the models, as far as a caller asks
        gave_up = ""
        try:
            await session.start(Agent(instructions="Answer in one sentence."))
            await caller.say(LINES[0].caller)
            await caller.listen()
            await caller.say(LINES[1].caller)
            await caller.hear(more_than_ms=1500)
            await caller.say(LINES[2].caller)
            await caller.listen()
        except TimeoutError as error:
            gave_up = str(error)
        finally:
            await session.aclose()
            with suppress(TimeoutError):
                await asyncio.wait_for(caller.closed.wait(), 10)
    truth = Truth(caller.said, ear.heard, voice, max(mouth.late_ms, ear.late_ms), gave_up=gave_up)  # type: ignore[arg-type]
    return truth, voice


def test_a_speech_to_speech_call_has_the_words_of_both_sides(told: Told) -> None:
    assert told.kept.metadata["provider_mode"] == "realtime"
    said = [(role, text) for line in LINES for role, text in (("user", line.caller), ("assistant", line.agent))]
    assert told.kept.said == said


def test_its_tokens_are_those_of_the_models_ledger_by_kind(told: Told) -> None:
    used = told.voice.used
    came = [each["input_token_details"] for each in used]
    assert told.kept.usage("realtime") == {
        "input_tokens": sum(each["input_tokens"] for each in used),
        "output_tokens": sum(each["output_tokens"] for each in used),
        "total_tokens": sum(each["total_tokens"] for each in used),
        "input_audio_tokens": sum(each["audio_tokens"] for each in came),
        "cache_read_input_tokens": sum(each["cached_tokens"] for each in came),
        "cached_audio_tokens": sum(each["cached_tokens_details"]["audio_tokens"] for each in came),
        "output_audio_tokens": sum(each["output_token_details"]["audio_tokens"] for each in used),
    }
    assert told.kept.usage("stt") == {"input_tokens": 60, "output_tokens": 18}


def test_an_answer_that_was_cut_off_is_told_as_far_as_it_was_heard(told: Told) -> None:
    answer = told.kept.turns[3]
    assert answer["interrupted"] is True
    assert LONG.startswith(answer["heard"])
    assert 5 < len(answer["heard"]) < len(LONG) * 0.8
    assert told.kept.of("barge_in") == [{"heard_characters": len(answer["heard"]), "generated_characters": len(LONG)}]


def test_the_model_was_told_the_same_of_it(told: Told) -> None:
    answer = told.kept.turns[3]
    (truncated_ms,) = told.voice.truncated_ms
    assert answer["duration_ms"] == pytest.approx(truncated_ms, abs=CLOSE_MS + told.truth.late_ms)


def test_a_wait_is_what_the_models_ear_says_it_was(told: Told) -> None:
    """It finds the end of speech late: a wait is never longer than what the caller waited."""
    for place, turn in enumerate(turn for turn in told.kept.turns if turn["role"] == "assistant"):
        wait_ms = told.truth.wait_ms(place)
        assert 0 < turn["latency"]["response_ms"] < wait_ms + CLOSE_MS + told.truth.late_ms


def test_its_sound_is_where_it_was_said_and_heard(told: Told) -> None:
    recording, near_ms = Recording(told.kept), SOUND_MS + told.truth.late_ms
    for said in told.truth.said:
        found_ms = recording.find(CALLER, said.sound, MOUTH_RATE, near_ms=said.started_at_ms)
        assert found_ms == pytest.approx(said.started_at_ms, abs=near_ms)
    for heard in told.truth.heard:
        found_ms = recording.find(AGENT, np.concatenate(heard.pieces), EAR_RATE, near_ms=heard.started_at_ms)
        assert found_ms == pytest.approx(heard.started_at_ms, abs=near_ms)
    known = [(each.started_at_ms, each.stopped_at_ms) for each in told.truth.heard]
    assert not recording.loud_outside(AGENT, known, near_ms=near_ms)


def test_no_key_of_the_model_is_kept(told: Told) -> None:
    assert KEY not in told.kept.all_text
