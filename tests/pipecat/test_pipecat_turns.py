"""What was said, what of it was heard, and by whom it was ended."""

from __future__ import annotations

from typing import Any

from pipecat.frames import frames as pf
from pipecat.pipeline.pipeline import Pipeline
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from scripted_bot import STORY, Answer, Bot, Heard, Voice, hear_one_sentence


async def interrupt_after_a_sentence(bot: Bot) -> None:
    await hear_one_sentence(bot)
    await bot.line.start_speaking()
    await bot.until("BotStoppedSpeakingFrame")
    bot.loudspeaker.playing.set()


def test_an_answer_that_was_cut_off_keeps_what_was_generated_and_what_was_heard(record: Any) -> None:
    call = record(lambda: Bot([STORY]), interrupt_after_a_sentence)

    told = call.turns[1]
    assert told["text"] == "Once there was a king. He had a horse. The end."
    assert told["heard"] == "Once there was a king."
    assert told["interrupted"] is True
    assert call.of("barge_in") == [{"heard_characters": 22, "generated_characters": 47}]


def test_the_aggregator_telling_a_cut_off_answer_again_makes_no_second_turn(record: Any) -> None:
    call = record(lambda: Bot([STORY]), interrupt_after_a_sentence)

    assert [role for role, _ in call.texts()] == ["user", "assistant"]


def test_an_answer_that_was_heard_to_its_end_is_not_interrupted(record: Any) -> None:
    async def exchange(bot: Bot) -> None:
        await bot.ask("Tell me a story.")

    call = record(lambda: Bot([STORY]), exchange)

    assert call.turns[1]["text"] == "Once there was a king. He had a horse. The end."
    assert "interrupted" not in call.turns[1]
    assert "heard" not in call.turns[1]
    assert call.turns[1]["latency"]["response_ms"] > 0


def test_the_last_turn_is_not_interrupted_when_the_caller_hangs_up_in_the_middle_of_it(record: Any) -> None:
    async def hang_up(bot: Bot) -> None:
        bot.loudspeaker.playing.clear()
        await bot.say("Tell me a story.")
        await bot.until("BotStartedSpeakingFrame")
        await bot.until("LLMFullResponseEndFrame")
        await bot.worker.cancel(reason="client disconnected")

    call = record(lambda: Bot([STORY]), hang_up)

    assert call.of("barge_in") == []
    assert call.texts()[-1] == ("assistant", "Once there was a king. He had a horse. The end.")
    assert "interrupted" not in call.turns[-1]
    assert call.metadata["callscope"]["end_reason"] == "client disconnected"


def test_of_the_last_turn_the_part_that_was_heard_before_the_hang_up_is_told(record: Any) -> None:
    async def hang_up(bot: Bot) -> None:
        await hear_one_sentence(bot)
        await bot.worker.cancel(reason="client disconnected")

    call = record(lambda: Bot([STORY]), hang_up)

    told = call.turns[-1]
    assert told["text"] == "Once there was a king. He had a horse. The end."
    assert told["heard"] == "Once there was a king."
    assert "interrupted" not in told


def test_a_greeting_is_a_turn_of_its_own(record: Any) -> None:
    async def greet(bot: Bot) -> None:
        await bot.greet("Welcome to the shop.")
        await bot.ask("Tell me a story.")

    call = record(lambda: Bot([STORY]), greet)

    assert [role for role, _ in call.texts()] == ["assistant", "user", "assistant"]
    assert call.texts()[0] == ("assistant", "Welcome to the shop.")


def test_a_greeting_that_is_left_out_of_the_context_is_a_turn_too(record: Any) -> None:
    async def greet(bot: Bot) -> None:
        bot.skip("BotStoppedSpeakingFrame")
        await bot.worker.queue_frame(pf.TTSSpeakFrame("One moment please.", append_to_context=False))
        await bot.until("BotStoppedSpeakingFrame")
        await bot.say("Tell me a story.")
        await bot.until("BotStoppedSpeakingFrame")

    call = record(lambda: Bot([STORY]), greet)

    assert [role for role, _ in call.texts()] == ["assistant", "user", "assistant"]
    assert call.texts()[0] == ("assistant", "One moment please.")


def test_an_answer_that_was_cut_off_before_its_first_sound_is_no_turn(record: Any) -> None:
    async def too_late(bot: Bot) -> None:
        await bot.say("Tell me a story.")
        await bot.until("LLMTextFrame")
        await bot.ask("No, wait.")

    slow = Answer(("Once ", "upon a time."), hang_before=1)
    call = record(lambda: Bot([slow, Answer(("All right.",))]), too_late)

    assert call.texts() == [("user", "Tell me a story."), ("user", "No, wait."), ("assistant", "All right.")]
    assert [stopped["outcome"] for stopped in call.of("llm_stopped")] == ["interrupted", "completed"]


def test_an_answer_that_nobody_could_hear_as_its_synthesis_failed_is_kept_as_unheard(record: Any) -> None:
    async def unheard(bot: Bot) -> None:
        await bot.say("Tell me a story.")
        await bot.until("ErrorFrame")
        await bot.until("TTSStoppedFrame")

    call = record(lambda: Bot([Answer(("Once there was a king.",))], voice=Voice(failing=True)), unheard)

    assert call.texts() == [("user", "Tell me a story."), ("assistant", "Once there was a king.")]
    assert call.turns[-1]["heard"] == ""
    assert call.turns[-1]["ts"] < call.events[-1]["ts"], "it has the moment of its words, not of its being given up"
    assert call.kinds("agent_started_speaking") == []
    assert call.metadata["status"] != "completed"


def test_a_caller_whose_speech_was_not_recognised_leaves_no_turn(record: Any) -> None:
    async def mumble(bot: Bot) -> None:
        await bot.line.start_speaking()
        await bot.line.stop_speaking()
        await bot.until("VADUserStoppedSpeakingFrame", 2)

    call = record(Bot, mumble)

    assert call.turns == []
    assert call.kinds("user_started_speaking", "user_stopped_speaking") == [
        "user_started_speaking",
        "user_stopped_speaking",
    ]


def test_two_languages_of_spacing_make_one_text() -> None:
    from callscope.adapters.pipecat.words import joined

    assert joined([("Hel", True), ("lo ", True), ("you.", False), ("Bye.", False)]) == "Hello you. Bye."


async def interrupt_with_a_chunk_in_flight(bot: Bot) -> None:
    """The output plays one more chunk after it stopped, says that the agent starts, and so never says it again."""
    told: list[pf.Frame] = []

    async def play_one_more(speaker: Any, frame: pf.Frame) -> None:
        if isinstance(frame, pf.BotStoppedSpeakingFrame) and not told:
            told.append(frame)
            await speaker._media_senders[None]._bot_currently_speaking()

    bot.loudspeaker.add_event_handler("on_after_push_frame", play_one_more)
    await interrupt_after_a_sentence(bot)
    await bot.until("BotStartedSpeakingFrame", 2)
    await bot.line.push_frame(Heard(text="Stop."))
    await bot.line.stop_speaking()
    await bot.until("BotStoppedSpeakingFrame")
    assert bot.watch.pushed["BotStartedSpeakingFrame"] == 2


def test_a_chunk_in_flight_when_the_agent_is_cut_off_is_no_start_and_hides_no_answer(record: Any) -> None:
    call = record(lambda: Bot([STORY, Answer(("All right.",))]), interrupt_with_a_chunk_in_flight)

    assert call.kinds("user_turn_stopped", "agent_started_speaking", "agent_stopped_speaking", "barge_in") == [
        "user_turn_stopped",
        "agent_started_speaking",
        "barge_in",
        "agent_stopped_speaking",
        "user_turn_stopped",
        "agent_started_speaking",
        "agent_stopped_speaking",
    ]
    assert call.texts()[1:] == [
        ("assistant", "Once there was a king. He had a horse. The end."),
        ("user", "Stop."),
        ("assistant", "All right."),
    ]
    assert call.turns[-1]["latency"]["response_ms"] > 0


def test_an_answer_right_after_a_cut_with_its_own_start_is_told_once(record: Any) -> None:
    async def interrupt_and_ask(bot: Bot) -> None:
        await interrupt_after_a_sentence(bot)
        await bot.line.push_frame(Heard(text="Stop."))
        await bot.line.stop_speaking()
        await bot.until("BotStoppedSpeakingFrame")

    call = record(lambda: Bot([STORY, Answer(("All right.",))]), interrupt_and_ask)

    assert call.kinds("agent_started_speaking") == ["agent_started_speaking"] * 2
    assert call.texts()[-1] == ("assistant", "All right.")


def test_a_greeting_without_sound_which_the_aggregator_took_for_spoken_is_kept_as_unheard(record: Any) -> None:
    async def greet(bot: Bot) -> None:
        await bot.worker.queue_frame(pf.TTSSpeakFrame("Welcome to the shop."))
        await bot.until("LLMContextAssistantTurnFrame")

    call = record(lambda: Bot(voice=Voice(failing=True, stop_frame_timeout_s=0.05)), greet)

    assert call.texts() == [("assistant", "Welcome to the shop.")]
    assert call.turns[0]["heard"] == ""


def test_an_answer_whose_sound_goes_another_way_than_the_output_is_not_called_unheard(record: Any) -> None:
    class Avatar(FrameProcessor):  # type: ignore[misc]
        """Takes the sound, as one does that makes a picture of it."""

        async def process_frame(self, frame: pf.Frame, direction: FrameDirection) -> None:
            await super().process_frame(frame, direction)
            if not isinstance(frame, pf.TTSAudioRawFrame):
                await self.push_frame(frame, direction)

    async def greet(bot: Bot) -> None:
        await bot.worker.queue_frame(pf.TTSSpeakFrame("Welcome to the shop."))
        await bot.until("LLMContextAssistantTurnFrame")

    call = record(lambda: Bot(voice=Pipeline([Voice(), Avatar()])), greet)

    assert call.texts() == [("assistant", "Welcome to the shop.")]
    assert "heard" not in call.turns[0]
