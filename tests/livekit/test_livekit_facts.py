"""What is read from LiveKit's own objects: parties, endings, models, figures."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from livekit.agents import Agent, AgentSession, metrics
from livekit.agents.voice.events import (
    AgentStateChangedEvent,
    CloseEvent,
    CloseReason,
    MetricsCollectedEvent,
    UserStateChangedEvent,
)
from livekit_calls import Kept, kept_calls
from offline_agent import Ear

from callscope.adapters.livekit import ending, identity, models, record, tools
from callscope.adapters.livekit.speech import Speech
from callscope.config import Settings
from callscope.recorder import current
from callscope.recorder.logger import CallLogger
from livekit import rtc

META = metrics.base.Metadata


class Participant:
    """Somebody in a room, as far as the adapter looks at one."""

    def __init__(self, **attributes: str) -> None:
        self.kind = rtc.ParticipantKind.PARTICIPANT_KIND_SIP
        self.attributes = {f"sip.{name}": value for name, value in attributes.items()}


class Room(rtc.EventEmitter[str]):  # type: ignore[misc]  # LiveKit is not followed by the type checker
    """A room without a network."""

    def __init__(self) -> None:
        super().__init__()
        self.remote_participants: dict[str, Participant] = {}


class Job:
    """A job with a room."""

    def __init__(self) -> None:
        self.room = Room()


def recorded(tmp_path: Path, happens: Callable[[AgentSession[Any]], None], ctx: Any = None) -> Kept:
    """What is left of a session in which this happened."""
    calls = CallLogger(tmp_path)

    async def run() -> None:
        session: AgentSession[Any] = AgentSession(vad=None)
        record(session, ctx, logger=calls, call_id="one")
        happens(session)
        session.emit("close", CloseEvent(reason=CloseReason.TASK_COMPLETED))

    asyncio.run(run())
    assert calls.close()
    return kept_calls(tmp_path)["one"]


def measured(figures: Any) -> Callable[[AgentSession[Any]], None]:
    return lambda session: session.emit("metrics_collected", MetricsCollectedEvent(metrics=figures))


def test_a_telephone_that_calls_in_has_its_numbers_on_the_right_sides() -> None:
    found = identity.party(
        Participant(phoneNumber="+12025550147", trunkPhoneNumber="+12025550100", ruleID="SDR_1", callID="SCL_1")
    )
    assert found is not None
    assert (found.caller, found.callee, found.direction) == ("+12025550147", "+12025550100", "inbound")
    assert found.labels == {"sip_call_id": "SCL_1"}


def test_a_telephone_that_is_called_has_its_numbers_on_the_right_sides() -> None:
    found = identity.party(Participant(phoneNumber="+12025550147", trunkPhoneNumber="+12025550100"))
    assert found is not None
    assert (found.caller, found.callee, found.direction) == ("+12025550100", "+12025550147", "outbound")


def test_a_browser_is_no_telephone() -> None:
    assert identity.party(Participant()) is None


def test_a_caller_by_telephone_is_masked_counted_and_seen_to_leave(tmp_path: Path) -> None:
    job, phone = Job(), Participant(phoneNumber="+12025550147", trunkPhoneNumber="+12025550100", ruleID="SDR_1")

    def calls_and_leaves(_session: AgentSession[Any]) -> None:
        job.room.emit("participant_connected", phone)
        job.room.emit("sip_dtmf_received", object())
        job.room.emit("participant_disconnected", phone)

    kept = recorded(tmp_path, calls_and_leaves, job)
    assert kept.types()[:3] == ["client_connected", "dtmf", "client_disconnected"]
    assert (kept.metadata["caller"], kept.metadata["callee"]) == ("***0147", "***0100")
    assert kept.metadata["telephony_provider"] == "livekit_sip"
    assert "call_seconds" in kept.usage("telephony")
    assert "5550147" not in kept.all_text


@pytest.mark.parametrize(
    ("told", "provider"),
    [
        ("api.openai.com", "openai"),
        ("my-place.openai.azure.com:443", "azure"),
        ("127.0.0.1:4711", "localhost"),
        ("models.example.org", "models.example.org"),
        ("Deepgram", "deepgram"),
        ("unknown", None),
        (None, None),
    ],
)
def test_a_provider_has_one_name_whatever_a_plugin_says(told: str | None, provider: str | None) -> None:
    assert models.provider_of(told) == provider


@pytest.mark.parametrize(
    ("close", "job_reason", "reason", "initiator"),
    [
        ("participant_disconnected", "", "the caller hung up", "caller"),
        ("user_initiated", "user requested", "the agent ended the call", "agent"),
        ("user_initiated", "the shift is over", "the shift is over", "agent"),
        ("user_initiated", "room disconnected", "room disconnected", "system"),
        ("job_shutdown", "parent process shutdown", "parent process shutdown", "system"),
        ("participant_disconnected", "room disconnected", "the caller hung up", "caller"),
    ],
)
def test_an_ending_is_the_sessions_unless_the_job_knows_better(
    close: str, job_reason: str, reason: str, initiator: str
) -> None:
    told = ending.with_job(ending.of(CloseEvent(reason=CloseReason(close))), job_reason)
    assert (told.reason, told.initiator) == (reason, initiator)


@pytest.mark.parametrize(
    ("told", "value"),
    [("{'a': [1, None]}", {"a": [1, None]}), ("in Berlin", "in Berlin"), ("{no dict}", "{no dict}"), (None, None)],
)
def test_a_tools_result_is_read_back_where_it_can_be(told: str | None, value: object) -> None:
    assert tools.value_of(told) == value


def test_anthropics_cached_tokens_are_beside_its_input(tmp_path: Path) -> None:
    figures = metrics.LLMMetrics(
        label="l", request_id="r", timestamp=1.0, duration=1.0, ttft=0.5, cancelled=False, completion_tokens=7,
        prompt_tokens=100, prompt_cached_tokens=60, cache_creation_tokens=30, total_tokens=107, tokens_per_second=7.0,
        metadata=META(model_name="claude-sonnet-4-5", model_provider="anthropic"),
    )  # fmt: skip
    used = recorded(tmp_path, measured(figures)).usage("llm")
    assert (used["input_tokens"], used["cache_read_input_tokens"], used["cache_creation_input_tokens"]) == (10, 60, 30)


def test_a_speech_to_speech_model_tells_its_sound_and_its_requests(tmp_path: Path) -> None:
    figures = metrics.RealtimeModelMetrics(
        label="l", request_id="r", timestamp=1_795_000_000.0, duration=2.0, ttft=0.4, cancelled=False, input_tokens=90,
        output_tokens=60, total_tokens=150, tokens_per_second=30.0,
        input_token_details=metrics.RealtimeModelMetrics.InputTokenDetails(
            audio_tokens=70, text_tokens=20, image_tokens=0, cached_tokens=50,
            cached_tokens_details=metrics.RealtimeModelMetrics.CachedTokenDetails(
                audio_tokens=40, text_tokens=10, image_tokens=0
            ),
        ),
        output_token_details=metrics.RealtimeModelMetrics.OutputTokenDetails(
            text_tokens=10, audio_tokens=50, image_tokens=0
        ),
        metadata=META(model_name="gpt-realtime", model_provider="api.openai.com"),
    )  # fmt: skip
    kept = recorded(tmp_path, measured(figures))
    assert kept.usage("realtime") == {
        "input_tokens": 90, "output_tokens": 60, "total_tokens": 150, "cache_read_input_tokens": 50,
        "cached_audio_tokens": 40, "input_audio_tokens": 70, "output_audio_tokens": 50,
    }  # fmt: skip
    assert [kept.types().count(kind) for kind in ("llm_started", "llm_first_token", "llm_stopped")] == [1, 1, 1]


def test_what_the_session_counted_before_it_was_recorded_is_added_once(tmp_path: Path) -> None:
    def figures(tokens: int) -> metrics.LLMMetrics:
        return metrics.LLMMetrics(
            label="l", request_id="r", timestamp=1.0, duration=1.0, ttft=0.5, cancelled=False, completion_tokens=tokens,
            prompt_tokens=0, prompt_cached_tokens=0, total_tokens=tokens, tokens_per_second=7.0,
            metadata=META(model_name="gpt-4.1", model_provider="api.openai.com"),
        )  # fmt: skip

    def happens(session: AgentSession[Any]) -> None:
        for tokens in (5, 7):
            session._usage_collector.collect(figures(tokens))
        measured(figures(7))(session)

    used = recorded(tmp_path, happens)
    assert used.usage("llm")["output_tokens"] == 12
    assert [told.get("reconciled") for told in used.of("usage")] == [None, True]


def test_the_callers_edges_are_told_with_the_moments_of_the_sound(tmp_path: Path) -> None:
    now = time.time()

    def speaks(session: AgentSession[Any]) -> None:
        for old, new, at in (("listening", "speaking", now - 3), ("speaking", "listening", now - 1)):
            session.emit("user_state_changed", UserStateChangedEvent(old_state=old, new_state=new, created_at=at))

    kept = recorded(tmp_path, speaks)
    assert kept.moments("user_started_speaking") == [pytest.approx((now - 3) * 1000, abs=2)]
    assert kept.moments("user_stopped_speaking") == [pytest.approx((now - 1) * 1000, abs=2)]
    assert kept.of("user_stopped_speaking")[0]["delay_ms"] >= 1000


def test_who_speaks_over_the_agent_interrupts_it_unless_the_session_is_being_closed(tmp_path: Path) -> None:
    class Stopped:
        interrupted = True

    def happens(session: AgentSession[Any]) -> None:
        session.output.audio = Ear()
        speech = Speech(CallLogger(None).start_call(), session)
        speech.on_agent_state(AgentStateChangedEvent(old_state="thinking", new_state="speaking"))
        assert speech.is_cut_off(Stopped()) is False
        speech.on_user_state(UserStateChangedEvent(old_state="listening", new_state="speaking"))
        assert speech.is_cut_off(Stopped()) is True
        session._closing = True
        assert speech.is_cut_off(Stopped()) is False

    recorded(tmp_path, happens)


def test_a_report_is_kept_as_far_as_the_policy_allows(tmp_path: Path) -> None:
    class Report:
        def to_dict(self) -> dict[str, Any]:
            return {"room_id": "RM_1", "chat_history": {"items": [{"content": ["call +12025550147"]}]}}

    class JobWithReport:
        def make_session_report(self, _session: Any) -> Report:
            return Report()

    def kept(transcript: Literal["full", "off"]) -> str:
        calls = CallLogger(tmp_path / transcript, settings=Settings(transcript=transcript))

        async def run() -> None:
            session: AgentSession[Any] = AgentSession(vad=None)
            recorder = record(session, JobWithReport(), logger=calls, call_id="one", caller="+12025550147")
            session.emit("close", CloseEvent(reason=CloseReason.TASK_COMPLETED))
            await recorder.keep_report()

        asyncio.run(run())
        assert calls.close()
        return (kept_calls(tmp_path / transcript)["one"].path / "source" / "livekit_report.json").read_text()

    assert json.loads(kept("full"))["chat_history"] == {"items": [{"content": ["call ***0147"]}]}
    assert "call" not in kept("off")


def test_a_session_is_not_touched_while_recording_is_off() -> None:
    async def run() -> None:
        session: AgentSession[Any] = AgentSession(vad=None)
        before = {name: len(listeners) for name, listeners in session._events.items()}
        recorder = record(session, logger=CallLogger(None))
        assert recorder.enabled is False
        assert {name: len(listeners) for name, listeners in session._events.items()} == before
        assert current.call() is None

    asyncio.run(run())


def test_a_session_is_recorded_once_and_its_log_lines_belong_to_it(tmp_path: Path) -> None:
    calls = CallLogger(tmp_path)

    async def run() -> None:
        session: AgentSession[Any] = AgentSession(vad=None)
        recorder = record(session, logger=calls, call_id="one")
        assert record(session, logger=calls) is recorder
        assert current.call() is recorder.call
        session.emit("close", CloseEvent(reason=CloseReason.USER_INITIATED))

    asyncio.run(run())
    assert calls.close()
    assert list(kept_calls(tmp_path)) == ["one"]


def test_an_agents_nodes_are_its_own_again_after_the_call(tmp_path: Path) -> None:
    agent = Agent(instructions="Answer.")

    def happens(session: AgentSession[Any]) -> None:
        session._agent = agent
        session._update_agent_state("listening")
        assert "llm_node" in vars(agent)

    recorded(tmp_path, happens)
    assert "llm_node" not in vars(agent)
    assert "tts_node" not in vars(agent)


def test_an_option_that_there_is_not_is_an_error() -> None:
    async def run() -> None:
        with pytest.raises(TypeError, match="no option 'label'"):
            record(AgentSession(vad=None), logger=CallLogger(None), label="typo")

    asyncio.run(run())
