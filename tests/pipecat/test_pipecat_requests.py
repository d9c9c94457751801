"""Requests to services: what they took, what is billed for them, and what nobody reported."""

from __future__ import annotations

import asyncio
from typing import Any

from pipecat.frames import frames as pf
from pipecat.metrics.metrics import LLMTokenUsage
from pipecat.pipeline.llm_switcher import LLMSwitcher
from pipecat.pipeline.service_switcher import ServiceSwitcherStrategyManual
from scripted_bot import Answer, Bot, Mind


async def cut_off(bot: Bot) -> None:
    """The caller speaks again while the language model is at work."""
    await bot.say("Tell me a story.")
    await bot.until("LLMFullResponseStartFrame")
    await bot.ask("No, wait.")


def test_a_request_that_was_cut_off_before_its_first_token_has_no_latency(record: Any) -> None:
    call = record(lambda: Bot([Answer(("Once.",), hang_before=0), Answer(("All right.",))]), cut_off)

    assert [each["request_id"] for each in call.of("llm_first_token")] == ["llm-2"]
    assert call.of("llm_stopped")[0] == {
        "request_id": "llm-1",
        "outcome": "interrupted",
        "usage_reported": False,
    }


def test_a_request_that_ended_without_a_usage_report_is_counted(record: Any) -> None:
    call = record(lambda: Bot([Answer(("Once.",), hang_before=0), Answer(("All right.",))]), cut_off)

    (line,) = [each for each in call.metadata["callscope"]["usage"] if each["service"] == "llm"]
    assert (line["reports"], line["unreported_requests"]) == (1, 1)
    assert line["units"]["input_tokens"] == 33


def test_a_request_that_the_provider_refused_is_not_missing_a_report(record: Any) -> None:
    async def ask(bot: Bot) -> None:
        await bot.say("Tell me a story.")
        await bot.until("ErrorFrame")
        await bot.until("LLMFullResponseEndFrame")

    class Refused(Exception):  # noqa: N818 -- what a client raises
        status_code = 401

    call = record(lambda: Bot([Answer(error=Refused("no"))]), ask)

    assert call.of("llm_stopped") == [{"request_id": "llm-1", "outcome": "failed"}]
    assert not [each for each in call.of("usage") if "unreported_requests" in each]


def test_a_request_that_is_open_when_the_call_ends_is_counted_too(record: Any) -> None:
    async def hang_up(bot: Bot) -> None:
        await bot.say("Tell me a story.")
        await bot.until("LLMFullResponseStartFrame")
        await bot.worker.cancel()

    call = record(lambda: Bot([Answer(("Once.",), hang_before=0)]), hang_up)

    assert [each["unreported_requests"] for each in call.of("usage") if each["service"] == "llm"] == [1]


def test_cached_tokens_are_kept_as_the_provider_counts_them(record: Any) -> None:
    usage = LLMTokenUsage(
        prompt_tokens=100,
        completion_tokens=20,
        total_tokens=120,
        cache_read_input_tokens=64,
        cache_creation_input_tokens=0,
        reasoning_tokens=8,
    )

    async def ask(bot: Bot) -> None:
        await bot.ask("How are you?")

    call = record(lambda: Bot([Answer(("Fine.",), usage=usage)]), ask)

    (line,) = [each for each in call.metadata["callscope"]["usage"] if each["service"] == "llm"]
    assert line["units"] == {
        "input_tokens": 100,
        "output_tokens": 20,
        "total_tokens": 120,
        "cache_read_input_tokens": 64,
        "cache_creation_input_tokens": 0,
        "reasoning_tokens": 8,
    }


def test_several_services_of_one_kind_are_kept_apart(record: Any) -> None:
    minds = [Mind([Answer(("One.",))], model="small"), Mind([Answer(("Two.",))], model="large")]

    async def switch(bot: Bot) -> None:
        switched = asyncio.Event()
        bot.mind.strategy.add_event_handler("on_service_switched", lambda *_: switched.set())
        await bot.ask("How are you?")
        await bot.worker.queue_frame(pf.ManuallySwitchServiceFrame(service=minds[1]))
        await switched.wait()
        await bot.ask("And now?")

    def switching() -> Bot:
        return Bot(mind=LLMSwitcher(llms=minds, strategy_type=ServiceSwitcherStrategyManual))

    call = record(switching, switch)

    lines = [each for each in call.metadata["callscope"]["usage"] if each["service"] == "llm"]
    assert [(each["model"], each["reports"]) for each in lines] == [("large", 1), ("small", 1)]
    assert [each["model"] for each in call.of("llm_started")] == ["small", "large"]
    assert [each["model"] for each in call.of("service_switched")] == ["large"]


async def look_up(params: Any) -> None:
    await params.result_callback({"state": "in transit"})


def with_tool() -> Bot:
    mind = Mind([Answer(tool=("lookup_order", {"order": "742"})), Answer(("It is on its way.",))])
    mind.register_function("lookup_order", look_up)
    return Bot(mind=mind)


def test_a_call_of_the_agents_own_code_is_told_once_with_its_outcome(record: Any) -> None:
    async def ask(bot: Bot) -> None:
        await bot.ask("Where is my order?")

    call = record(with_tool, ask)

    assert call.of("tool_call") == [
        {"tool_call_id": "call-lookup_order", "name": "lookup_order", "arguments": {"order": "742"}}
    ]
    (result,) = call.of("tool_result")
    assert (result["outcome"], result["result"]) == ("completed", {"state": "in transit"})
    assert [each["outcome"] for each in call.of("llm_stopped")] == ["tool_call", "completed"]
    assert call.texts() == [("user", "Where is my order?"), ("assistant", "It is on its way.")]


def test_synthesis_is_told_from_its_start_to_its_end(record: Any) -> None:
    async def ask(bot: Bot) -> None:
        await bot.ask("How are you?")

    call = record(lambda: Bot([Answer(("Fine. And you?",))]), ask)

    assert call.kinds("tts_started", "tts_first_audio", "tts_stopped") == [
        "tts_started",
        "tts_first_audio",
        "tts_stopped",
    ]
    assert "ttfb_ms" in call.of("tts_first_audio")[0]
    assert call.of("tts_stopped")[0]["audio_seconds"] > 0
    assert [each["characters"] for each in call.of("usage") if each["service"] == "tts"] == [5, 8]
