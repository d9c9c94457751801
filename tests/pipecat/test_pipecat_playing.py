"""The agent's words are told as they begin to be played: a sentence at a time, or about a second of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pipecat.frames import frames as pf
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from scripted_bot import STORY, Bot, Voice, WordVoice, hear_one_sentence, read

from callscope.adapters.pipecat.errors import Errors
from callscope.adapters.pipecat.playing import Playing
from callscope.adapters.pipecat.services import Services
from callscope.adapters.pipecat.synthesis import Syntheses

SENTENCES = ["Once there was a king.", "He had a horse.", "The end."]


async def tell_a_story(bot: Bot) -> None:
    await bot.ask("Tell me a story.")


@pytest.mark.parametrize("make_voice", [Voice, lambda: WordVoice(sentences=3)], ids=["by sentence", "by word"])
def test_each_sentence_of_an_answer_is_told_once_while_the_agent_speaks(
    record: Any, make_voice: Callable[[], FrameProcessor]
) -> None:
    call = record(lambda: Bot([STORY], voice=make_voice()), tell_a_story)

    assert call.of("agent_text") == [{"text": sentence, "request_id": "tts-1"} for sentence in SENTENCES]
    told = call.kinds("agent_started_speaking", "agent_text", "agent_stopped_speaking")
    assert told == ["agent_started_speaking", *["agent_text"] * 3, "agent_stopped_speaking"]


def test_a_sentence_that_did_not_begin_is_not_told(record: Any) -> None:
    async def interrupted(bot: Bot) -> None:
        await hear_one_sentence(bot)
        await bot.line.start_speaking()
        await bot.until("BotStoppedSpeakingFrame")
        bot.loudspeaker.playing.set()

    call = record(lambda: Bot([STORY]), interrupted)

    assert [told["text"] for told in call.of("agent_text")] == SENTENCES[:2]


def test_an_answer_without_sound_has_no_words_that_play(record: Any) -> None:
    async def unheard(bot: Bot) -> None:
        await bot.say("Tell me a story.")
        await bot.until("TTSStoppedFrame")

    call = record(lambda: Bot([STORY], voice=Voice(failing=True)), unheard)

    assert call.of("agent_text") == []


class Speech(FrameProcessor):  # type: ignore[misc]
    """Sound and words at once, without an announcement, as speech-to-speech models give them."""

    async def process_frame(self, frame: pf.Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        if isinstance(frame, pf.LLMFullResponseEndFrame):
            await self.push_frame(pf.TTSStartedFrame())
            for word in " ".join(SENTENCES).split():
                await self.push_frame(pf.TTSAudioRawFrame(b"\x10\x20" * 800, sample_rate=16_000, num_channels=1))
                spoken = pf.TTSTextFrame(f"{word} ", "sentence")
                spoken.includes_inter_frame_spaces = True
                await self.push_frame(spoken)
            await self.push_frame(pf.TTSStoppedFrame())


def test_words_that_nobody_announced_are_gathered_to_sentences(record: Any) -> None:
    call = record(lambda: Bot([STORY], voice=Speech()), tell_a_story)

    assert " ".join(told["text"] for told in call.of("agent_text")) == " ".join(SENTENCES)
    assert len(call.of("agent_text")) == 4, "the first word at once, then sentences"


@pytest.fixture
def told(calls: Any, tmp_path: Any) -> Callable[[Callable[[Playing], None]], list[str]]:
    """Runs a script of what the output plays, and reads what was told."""

    def run(script: Callable[[Playing], None]) -> list[str]:
        log, services = calls.start_call("a-call"), Services()
        script(Playing(log, Syntheses(log, services, Errors(log, services))))
        log.end()
        calls.close()
        return [data["text"] for data in read(tmp_path)[0].of("agent_text")]

    return run


def word(text: str, context: str | None = None) -> pf.TTSTextFrame:
    return pf.TTSTextFrame(text, "word", context_id=context)


def announcement(text: str, context: str) -> pf.AggregatedTextFrame:
    return pf.AggregatedTextFrame(text, "sentence", context_id=context)


def test_words_without_an_end_are_told_about_every_second(told: Any) -> None:
    def ten_words_a_second(playing: Playing) -> None:
        playing.starts(0)
        for index in range(30):
            playing.plays(word(f"w{index}"), index * 100)
        playing.stops(3_000)

    texts = told(ten_words_a_second)

    assert [len(text.split()) for text in texts] == [1, 10, 10, 9]


def test_words_that_wait_are_told_although_no_other_follows(told: Any) -> None:
    def pause(playing: Playing) -> None:
        playing.starts(0)
        playing.plays(word("one"), 0)
        playing.plays(word("two"), 100)
        playing.goes_on(500)
        playing.goes_on(1_100)
        playing.plays(word("three."), 1_200)
        playing.forget()

    assert told(pause) == ["one", "two", "three."]


def test_words_of_two_requests_are_not_told_together(told: Any) -> None:
    def one_after_another(playing: Playing) -> None:
        playing.starts(0)
        playing.plays(word("one", "first"), 0)
        playing.plays(word("two", "first"), 100)
        playing.plays(word("three.", "second"), 200)

    assert told(one_after_another) == ["one", "two", "three."]


def test_the_next_answer_is_announced_while_the_last_turn_is_being_written(told: Any) -> None:
    def two_answers(playing: Playing) -> None:
        playing.announces(announcement("Done", "first"), 0)
        playing.starts(0)
        playing.plays(word("Done", "first"), 50)
        playing.stops(100)
        playing.announces(announcement("Next.", "second"), 200)
        playing.turn_ends(dropped=False)
        playing.starts(300)

    assert told(two_answers) == ["Done", "Next."]


def test_what_never_began_of_an_answer_is_not_told_with_the_next(told: Any) -> None:
    def lost_words(playing: Playing) -> None:
        playing.announces(announcement("Done.", "first"), 0)
        playing.announces(announcement("Never said.", "first"), 0)
        playing.starts(0)
        playing.stops(100)
        playing.turn_ends(dropped=False)
        playing.announces(announcement("Next.", "second"), 200)
        playing.starts(300)

    assert told(lost_words) == ["Done.", "Next."]


def test_what_waited_when_the_agent_was_cut_off_is_not_told_later(told: Any) -> None:
    def cut_off(playing: Playing) -> None:
        playing.starts(0)
        playing.announces(announcement("One.", "first"), 0)
        playing.announces(announcement("Two.", "first"), 0)
        playing.announces(announcement("Three.", "second"), 0)
        playing.stops(100)
        playing.turn_ends(dropped=True)
        playing.plays(word("One.", "first"), 150)
        playing.starts(200)
        playing.plays(word("Four."), 300)

    assert told(cut_off) == ["One.", "Four."]


def test_of_sentences_that_are_announced_together_each_begins_when_those_before_are_played(told: Any) -> None:
    def killed_in_the_second(playing: Playing) -> None:
        for sentence in SENTENCES:
            playing.announces(announcement(sentence, "first"), 0)
        playing.starts(100)
        for at_ms, said in enumerate(["Once", "there", "was", "a", "king.", "He"], 200):
            playing.plays(word(said, "first"), at_ms)

    assert told(killed_in_the_second) == SENTENCES[:2]


def test_words_that_never_sound_do_not_pile_up(told: Any) -> None:
    def mute(playing: Playing) -> None:
        for at_ms in range(5_000):
            playing.plays(word("word"), at_ms)
        playing.starts(5_000)

    (text,) = told(mute)
    assert len(text.split()) == 1_024
