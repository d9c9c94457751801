"""Silences of a real pipeline: what the framework knows of them, and what its absence of frames tells."""

from __future__ import annotations

import asyncio
from typing import Any

from pipecat.frames import frames as pf
from scripted_bot import PATIENCE_SECONDS, Answer, Bot, Voice

from callscope.recorder import current


def kinds(call: Any) -> list[str]:
    return [silence["kind"] for silence in call.of("silence")]


async def conversation(bot: Bot) -> None:
    await bot.greet("Welcome.")
    await bot.ask("How are you?")


def test_a_good_call_has_none(record: Any) -> None:
    call = record(lambda: Bot([Answer(("I am fine.",))]), conversation)

    assert kinds(call) == []
    assert call.metadata["callscope"]["silence_seconds"] == 8


def test_a_voice_that_fails_is_a_synthesis_without_sound_and_an_agent_that_never_spoke(record: Any) -> None:
    async def unheard(bot: Bot) -> None:
        await bot.say("Tell me a story.")
        await bot.until("ErrorFrame")
        await bot.until("TTSStoppedFrame")

    make = lambda: Bot([Answer(("Once there was a king.",))], voice=Voice(failing=True, stop_frame_timeout_s=0.05))  # noqa: E731
    call = record(make, unheard)

    assert kinds(call) == ["no_synthesis", "never_spoke"]
    assert call.metadata["status"] == "failed"


def test_a_pipeline_that_is_idle_is_ended_by_a_watchdog(record: Any) -> None:
    async def wait(bot: Bot) -> None:
        await bot.until("CancelFrame")

    call = record(lambda: Bot([], idle_timeout_secs=1.0), wait)

    (warning,) = [each for each in call.of("warning") if each["code"] == "idle_timeout"]
    assert warning["message"]
    assert kinds(call) == ["watchdog"]


def test_a_pipeline_that_is_stuck_says_so_once(record: Any) -> None:
    async def stuck(bot: Bot) -> None:
        timeouts = 0
        twice = asyncio.Event()

        async def count(_: Any) -> None:
            nonlocal timeouts
            timeouts += 1
            if timeouts > 1:
                twice.set()

        bot.worker.add_event_handler("on_heartbeat_timeout", count)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await twice.wait()

    def make() -> Bot:
        bot = Bot([])
        bot.worker.params.enable_heartbeats = True
        bot.worker.params.heartbeats_period_secs = 60.0
        bot.worker.params.heartbeats_monitor_secs = 0.05
        return bot

    call = record(make, stuck)

    assert [each["code"] for each in call.of("warning")].count("heartbeat_timeout") == 1


def test_an_exception_that_the_pipeline_and_the_application_tell_is_one_error(record: Any) -> None:
    broken = ConnectionResetError("the line broke")

    async def tell_twice(bot: Bot) -> None:
        await bot.ear.push_error("the recogniser is gone", exception=broken)
        await bot.until("ErrorFrame")

    def make() -> Bot:
        bot = Bot([])

        async def tell(_processor: Any, _frame: pf.Frame) -> None:
            call = current.call()
            assert call is not None
            call.error(broken, stage="application")

        bot.worker.add_event_handler("on_pipeline_error", tell)
        return bot

    call = record(make, tell_twice)

    first, second = call.of("error")
    assert second["duplicate_of"] == first["error_id"]
    assert first["category"] == "connectivity"
    assert call.metadata["callscope"]["errors"] == 1
