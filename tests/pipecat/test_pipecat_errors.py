"""What failed: once per cause, without keys, and whether the call got over it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from pipecat.frames import frames as pf
from pipecat.pipeline.llm_switcher import LLMSwitcher
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.service_switcher import ServiceSwitcherStrategyFailover
from scripted_bot import Answer, Bot, Mind, Voice

from callscope.adapters.pipecat.errors import Errors
from callscope.adapters.pipecat.open import MAX_OPEN
from callscope.adapters.pipecat.services import Services
from callscope.recorder.logger import CallLogger

KEY = "sk-proj-MadeUpForThisTest0123456789abcdefghij"


class Refused(Exception):  # noqa: N818 -- what a client raises
    """What a provider's client raises when a key is wrong."""

    status_code = 401


def refusing() -> Answer:
    return Answer(error=Refused(f"Incorrect API key provided: {KEY}."))


async def fail_then_answer(bot: Bot) -> None:
    await bot.say("How are you?")
    await bot.until("ErrorFrame")
    await bot.until("LLMFullResponseEndFrame")
    await bot.ask("I said, how are you?")


def test_a_key_inside_an_exception_is_nowhere_on_disk(record: Any) -> None:
    call = record(lambda: Bot([refusing(), Answer(("Fine.",))]), fail_then_answer)

    assert "MadeUpForThisTest" not in call.everything
    (error,) = call.of("error")
    assert error["exception_type"] == "Refused"
    assert error["category"] == "authentication"
    assert "in _answer" in error["stack"]


def test_an_error_tells_whose_it_is(record: Any) -> None:
    call = record(lambda: Bot([refusing(), Answer(("Fine.",))]), fail_then_answer)

    (error,) = call.of("error")
    assert (error["stage"], error["model"]) == ("llm", "mind-1")
    assert error["processor"].startswith("Mind#")


def test_an_error_that_was_recovered_is_listed_and_said_to_be_recovered(record: Any) -> None:
    call = record(lambda: Bot([refusing(), Answer(("Fine.",))]), fail_then_answer)

    (error,) = call.of("error")
    (recovered,) = call.of("error_recovered")
    assert recovered["error_id"] == error["error_id"]
    assert recovered["stage"] == "llm"
    assert recovered["after_ms"] >= 0
    assert call.metadata["callscope"]["errors"] == 1


def test_all_errors_of_a_stage_are_recovered_when_it_works_again_and_those_of_others_are_not(record: Any) -> None:
    async def fail_twice(bot: Bot) -> None:
        await bot.ear.push_error("the line broke")
        await bot.say("How are you?")
        await bot.until("ErrorFrame", 2)
        await bot.until("LLMFullResponseEndFrame")
        await bot.ear.push_error("the line broke again")
        await fail_then_answer(bot)

    call = record(lambda: Bot([refusing(), refusing(), Answer(("Fine.",))]), fail_twice)

    stages = {error["error_id"]: error["stage"] for error in call.of("error")}
    assert stages == {"error-1": "stt", "error-2": "llm", "error-3": "stt", "error-4": "llm"}
    assert [each["error_id"] for each in call.of("error_recovered")] == ["error-1", "error-3", "error-2", "error-4"]


def test_a_stage_that_never_works_recovers_nothing(record: Any) -> None:
    async def unheard(bot: Bot) -> None:
        for count, text in enumerate(("Tell me a story.", "Hello?"), start=1):
            await bot.say(text)
            await bot.until("ErrorFrame", count)
            await bot.until("TTSStoppedFrame")

    answers = [Answer(("Once there was a king.",)), Answer(("Hello.",))]
    call = record(lambda: Bot(answers, voice=Voice(failing=True, stop_frame_timeout_s=0.05)), unheard)

    assert call.of("error_recovered") == []


def test_of_errors_without_end_a_bounded_number_is_held(calls: CallLogger) -> None:
    services = Services()
    voice = Voice()
    services.learn(Pipeline([voice]))
    errors = Errors(calls.start_call("many"), services)
    on_error = errors.handlers()["ErrorFrame"]
    for at_ms in range(0, 1000 * MAX_OPEN, 1000):
        on_error(SimpleNamespace(frame=pf.ErrorFrame("no"), source=voice), at_ms)
    on_error(SimpleNamespace(frame=pf.ErrorFrame("no"), source=voice), 1000 * MAX_OPEN)

    assert len(errors._open) == MAX_OPEN
    errors.worked("tts", voice.name, 0)
    assert not errors.failing("tts")


def test_a_failover_which_pipecat_itself_tells_nobody_is_listed(record: Any) -> None:
    minds = [Mind([refusing()], model="first"), Mind([Answer(("Fine.",))], model="second")]
    told: list[pf.ErrorFrame] = []

    def switching() -> Bot:
        bot = Bot(mind=LLMSwitcher(llms=minds, strategy_type=ServiceSwitcherStrategyFailover))
        bot.worker.add_event_handler("on_pipeline_error", lambda _, error: told.append(error))
        return bot

    call = record(switching, fail_then_answer)

    assert told == []
    (error,) = call.of("error")
    assert (error["model"], error["recovered"]) == ("first", True)
    assert [each["model"] for each in call.of("service_switched")] == ["second"]


def test_one_cause_that_is_reported_twice_is_one_error_and_a_duplicate(record: Any) -> None:
    async def unheard(bot: Bot) -> None:
        await bot.say("Tell me a story.")
        await bot.until("ErrorFrame", 2)

    def failing() -> Bot:
        voice = Voice(failing=True, stop_frame_timeout_s=0.05)
        return Bot([Answer(("Once there was a king.",))], voice=voice)

    call = record(failing, unheard)

    first, second = call.of("error")
    assert "duplicate_of" not in first
    assert "no audio" in second["message"]
    assert second["duplicate_of"] == first["error_id"]


def test_the_same_exception_in_two_frames_is_a_duplicate_and_another_one_is_not(record: Any) -> None:
    async def report(bot: Bot) -> None:
        same = ValueError("one")
        for error in (same, same, ValueError("one")):
            await bot.mind.push_error("it failed", exception=error)
        await bot.until("ErrorFrame", 3)

    call = record(Bot, report)

    assert [each.get("duplicate_of") for each in call.of("error")] == [None, "error-1", None]


def test_an_error_that_ends_the_call_is_told_as_its_reason(record: Any) -> None:
    async def die(bot: Bot) -> None:
        error = pf.ErrorFrame("everything is broken")
        error.fatal = True
        await bot.mind.push_error_frame(error)
        await asyncio.wait_for(bot.worker.wait(), 30)

    call = record(Bot, die)

    (error,) = call.of("error")
    assert (error["fatal"], error["recovered"]) == (True, False)
    assert call.metadata["status"] == "failed"
    assert "everything is broken" in call.metadata["error"]
    assert call.of("call_ended")[0]["initiator"] == "system"
