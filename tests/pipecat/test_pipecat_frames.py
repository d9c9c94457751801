"""What frames mean: each moment once, and only what it is."""

from __future__ import annotations

from typing import Any

from pipecat.frames import frames as pf
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMUserAggregator, LLMUserAggregatorParams
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.turns.user_stop import DeferredUserTurnStopStrategy, SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from scripted_bot import STOP_SECS, Answer, Bot

from callscope.adapters.pipecat.handlers import Dispatch
from callscope.adapters.pipecat.open import MAX_OPEN, bound
from callscope.adapters.pipecat.services import stop_strategy


def aggregator(*stop: Any) -> LLMUserAggregator:
    strategies = UserTurnStrategies(stop=list(stop))
    return LLMUserAggregator(LLMContext(), params=LLMUserAggregatorParams(user_turn_strategies=strategies))


class PassOn(FrameProcessor):  # type: ignore[misc]
    """Pushes every frame once more."""

    async def process_frame(self, frame: pf.Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


async def one_exchange(bot: Bot) -> None:
    await bot.ask("How are you?")


def test_a_frame_that_many_processors_push_is_recorded_once(record: Any) -> None:
    def longer() -> Bot:
        return Bot([Answer(("I am fine.",))], before=[PassOn(), PassOn()], after=[PassOn(), PassOn()])

    call = record(longer, one_exchange)

    assert len(call.of("transcript")) == 1
    assert len(call.of("llm_started")) == 1
    assert [usage["characters"] for usage in call.of("usage") if usage["service"] == "tts"] == [10]
    assert call.texts() == [("user", "How are you?"), ("assistant", "I am fine.")]


def test_of_a_frame_that_is_broadcast_both_ways_only_one_is_recorded(record: Any) -> None:
    call = record(lambda: Bot([Answer(("I am fine.",))]), one_exchange)

    assert call.kinds("user_turn_started", "user_turn_stopped") == ["user_turn_started", "user_turn_stopped"]
    assert call.kinds("agent_started_speaking", "agent_stopped_speaking") == [
        "agent_started_speaking",
        "agent_stopped_speaking",
    ]


def test_the_end_of_a_turn_tells_the_strategy_that_decided_it(record: Any) -> None:
    call = record(lambda: Bot([Answer(("I am fine.",))]), one_exchange)

    assert call.of("user_turn_stopped") == [{"strategy": "SpeechTimeout"}]


def test_a_strategy_that_leaves_the_end_of_a_turn_to_another_does_not_decide_it() -> None:
    inner = SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0.0)
    deciding = SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0.0)

    assert stop_strategy(aggregator(DeferredUserTurnStopStrategy(inner), deciding)) == "SpeechTimeout"
    assert stop_strategy(aggregator(inner, deciding)) is None, "either may have been the one"
    assert stop_strategy(PassOn()) is None


def test_a_turn_that_ran_into_the_time_limit_was_ended_by_nobody_else(record: Any) -> None:
    async def mumble(bot: Bot) -> None:
        await bot.line.start_speaking()
        await bot.line.stop_speaking()
        await bot.until("UserStoppedSpeakingFrame")

    def impatient() -> Bot:
        never = SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=60)
        return Bot(turns=UserTurnStrategies(stop=[never]), turn_stop_timeout=0.05)

    call = record(impatient, mumble)

    assert [warning["code"] for warning in call.of("warning")] == ["dead_air"]
    assert call.of("user_turn_stopped") == [{"strategy": "timeout"}]


def test_voice_activity_comes_in_pairs_that_do_not_know_each_other_and_is_recorded_once(record: Any) -> None:
    call = record(lambda: Bot([Answer(("I am fine.",))]), one_exchange)

    assert call.kinds("user_started_speaking", "user_stopped_speaking") == [
        "user_started_speaking",
        "user_stopped_speaking",
    ]
    assert call.of("user_stopped_speaking") == [{"delay_ms": STOP_SECS * 1000}]


def test_the_end_of_speech_is_stamped_with_its_own_moment_not_with_that_of_its_report(record: Any) -> None:
    call = record(lambda: Bot([Answer(("I am fine.",))]), one_exchange)

    kinds = {event["type"]: event["ts"] for event in call.events}
    assert kinds["user_stopped_speaking"] < kinds["client_connected"] < kinds["transcript"]


def test_an_interruption_while_the_agent_is_silent_is_no_barge_in(record: Any) -> None:
    async def two_exchanges(bot: Bot) -> None:
        await bot.ask("How are you?")
        await bot.ask("Where are you?")
        assert bot.watch.pushed["InterruptionFrame"] == 2

    call = record(lambda: Bot([Answer(("I am fine.",)), Answer(("Here.",))]), two_exchanges)

    assert call.of("barge_in") == []
    assert not any(turn.get("interrupted") for turn in call.turns)


async def interrupted(bot: Bot) -> None:
    bot.loudspeaker.playing.clear()
    await bot.say("Tell me a story.")
    await bot.until("TTSStoppedFrame")
    await bot.until("BotStartedSpeakingFrame")
    await bot.line.start_speaking()
    await bot.until("BotStoppedSpeakingFrame")
    bot.loudspeaker.playing.set()


def test_a_caller_who_speaks_over_the_agent_is_a_barge_in(record: Any) -> None:
    call = record(lambda: Bot([Answer(("Once there ", "was a king."))]), interrupted)

    assert call.of("barge_in") == [{"heard_characters": 0, "generated_characters": 22}]
    assert call.of("agent_stopped_speaking")[0] == {"interrupted": True}
    assert call.metadata["callscope"]["interruptions"] == 1


def test_the_figures_of_the_start_which_measured_nothing_are_dropped(record: Any) -> None:
    async def greeting_only(bot: Bot) -> None:
        await bot.until("MetricsFrame")
        await bot.greet("Hello.")

    call = record(Bot, greeting_only)

    assert call.of("metrics") == []
    assert call.of("llm_first_token") == []


def test_before_pipecat_told_first_pushes_they_are_found_by_the_ids_of_frames() -> None:
    class OldPush:
        def __init__(self, frame: pf.Frame) -> None:
            self.frame = frame
            self.direction = FrameDirection.DOWNSTREAM

    dispatch = Dispatch(first=[{"LLMTextFrame": lambda *_: None}], every=[])
    push = OldPush(pf.LLMTextFrame("a"))
    pushes = [dispatch.is_first(push), dispatch.is_first(push), dispatch.is_first(OldPush(pf.LLMTextFrame("b")))]

    assert pushes == [True, False, True]
    for _ in range(10_000):
        dispatch.is_first(OldPush(pf.LLMTextFrame("c")))
    assert len(dispatch._ids) == 4096


def test_frames_that_nobody_cares_about_are_known_by_their_class() -> None:
    dispatch = Dispatch(first=[{"LLMTextFrame": lambda *_: None}], every=[])

    assert dispatch.wants(pf.InputAudioRawFrame) is None
    assert dispatch.wants(pf.VisionTextFrame) is not None, "a child of a frame that is handled is handled"


def test_of_what_never_ends_only_the_newest_is_remembered() -> None:
    table = dict.fromkeys(range(3 * MAX_OPEN))
    bound(table)

    assert list(table) == list(range(2 * MAX_OPEN, 3 * MAX_OPEN))
