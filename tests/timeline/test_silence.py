"""What should have been heard and was not: each kind, told once, at its moment; and what is no silence."""

from __future__ import annotations

from typing import Any

import pytest
from timeline_script import START, at

from callscope.model.event import Event
from callscope.model.turn import Turn
from callscope.query.fields import CHOICES
from callscope.timeline.outcome import decide
from callscope.timeline.silence import SilenceWatch, with_silences
from callscope.timeline.silence_words import IN_SHORT, KINDS, NO_ANSWER, sentence
from callscope.timeline.summary import Timeline, summarise

SECOND = 1000


def caller(start_ms: int, stop_ms: int, *, text: str | None = "hello", turn: bool = True) -> list[Event]:
    """The caller says something, and the framework closes the turn."""
    rows = [at(start_ms, "user_started_speaking"), at(stop_ms, "user_stopped_speaking", delay_ms=200)]
    if turn:
        rows[1:1] = [at(start_ms, "user_turn_started")]
    if text is not None:
        rows.append(at(stop_ms + 250, "transcript", text=text))
    return rows + ([at(stop_ms + 300, "user_turn_stopped")] if turn else [])


def agent(start_ms: int, stop_ms: int, *, interrupted: bool = False) -> list[Event]:
    return [at(start_ms, "agent_started_speaking"), at(stop_ms, "agent_stopped_speaking", interrupted=interrupted)]


GREETED = [at(0, "client_connected"), *agent(500, 2000)]


def told(*rows: Event, end_ms: int = 60_000) -> list[dict[str, Any]]:
    found = with_silences(rows, started_at_ms=START, ended_at_ms=START + end_ms)
    return [{**row.data, "at_ms": (row.ts_ms or 0) - START} for row in found if row.type == "silence"]


def said(at_ms: int, role: str, text: str | None, *, length: int | None = None) -> Turn:
    return Turn(ts_ms=START + at_ms, turn_index=0, role=role, text=text, text_length=length)


def found_with(turns: list[Turn], *rows: Event, end_ms: int = 60_000) -> list[tuple[str, int]]:
    timeline = summarise(START, START + end_ms, turns, rows)
    return [(row.data["kind"], (row.ts_ms or 0) - START) for row in timeline.silences]


def kinds(*rows: Event, end_ms: int = 60_000) -> list[str]:
    return [each["kind"] for each in told(*rows, end_ms=end_ms)]


def seen(*rows: Event, end_ms: int = 60_000) -> Timeline:
    return summarise(START, START + end_ms, [], rows)


def test_a_caller_who_hears_nothing_after_a_turn_is_told_of_once_at_the_limit() -> None:
    (silence,) = told(*GREETED, *caller(3000, 5000))

    assert silence["kind"] == "no_answer"
    assert (silence["since_ms"] - START, silence["waited_ms"], silence["at_ms"]) == (5000, 8000, 13_000)
    assert silence["message"] == "Nothing was heard for 8.0 s after the caller's turn"


def test_an_answer_within_the_limit_is_no_silence() -> None:
    assert kinds(*GREETED, *caller(3000, 5000), *agent(12_900, 15_000)) == []


def test_a_caller_who_asks_again_and_again_is_one_silence_until_the_agent_is_heard() -> None:
    again = [*caller(15_000, 16_000), *caller(30_000, 31_000)]

    assert kinds(*GREETED, *caller(3000, 5000), *again) == ["no_answer"]
    answered = [*again, *agent(32_000, 33_000), *caller(34_000, 35_000)]
    assert kinds(*GREETED, *caller(3000, 5000), *answered) == ["no_answer", "no_answer"]


@pytest.mark.parametrize(
    ("work", "stage", "words"),
    [
        ([at(6000, "tool_call", tool_call_id="1", name="lookup_order")], "tool", "the tool lookup_order was running"),
        ([at(6000, "llm_started", request_id="1")], "llm", "the LLM was at work"),
        ([at(6000, "llm_started", request_id="1"), at(7000, "llm_stopped", request_id="1")], None, None),
    ],
)
def test_a_silence_says_what_was_going_on(work: list[Event], stage: str | None, words: str | None) -> None:
    rows = [*GREETED, *caller(3000, 5000), *work]
    (silence,) = told(*rows)

    assert silence.get("stage") == stage
    (problem,) = [each for each in seen(*rows).problems if each.kind in {"unanswered", "silence"}]
    assert "nothing was heard for 55.00 s" in problem.text
    assert words is None or words in problem.text


def test_sounds_that_are_no_turn_need_no_answer() -> None:
    cough = [at(5000, "user_started_speaking"), at(5200, "user_stopped_speaking", delay_ms=200)]
    conversation = [*GREETED, *caller(2500, 3000), *agent(3500, 4500)]

    assert kinds(*conversation, *cough) == []
    noise = caller(5000, 5600, text=None)
    assert kinds(*conversation, *noise) == []


@pytest.mark.parametrize("moment_ms", [2900, 3000, 3600, 9000])
@pytest.mark.parametrize("words", [("Yes please", None), (None, 10)])
def test_a_turn_with_text_is_words_where_no_recogniser_tells_any(
    moment_ms: int, words: tuple[str | None, int | None]
) -> None:
    rows = [*GREETED, *caller(3000, 3600, text=None, turn=False), *agent(14_600, 16_000)]
    turn = said(moment_ms, "user", words[0], length=words[1])

    assert found_with([turn, said(14_600, "assistant", "Fine.")], *rows) == [("no_answer", 11_600)]
    assert found_with([], *rows) == []


@pytest.mark.parametrize("turn", [
    said(3600, "user", None), said(3600, "user", " "), said(3600, "user", None, length=0),
    said(1000, "user", "of what was answered"), said(3600, "assistant", "Well"), said(3600, "system", "noise"),
])  # fmt: skip
def test_a_sound_that_no_turn_with_text_tells_of_is_a_noise(turn: Turn) -> None:
    rows = [*GREETED, *caller(3000, 3600, text=None, turn=False), *agent(14_600, 16_000)]

    assert found_with([turn], *rows) == []


def test_a_turn_that_is_told_late_belongs_to_what_was_answered() -> None:
    watch = SilenceWatch(started_at_ms=START)
    for row in [
        *GREETED,
        *caller(3000, 3600, text=None, turn=False),
        *agent(4000, 6000),
        at(7000, "user_started_speaking"),
    ]:
        watch.event(row)
    watch.turn(said(3000, "user", "Yes please"))
    watch.event(at(7300, "user_stopped_speaking"))

    assert watch.advance(20_000) == []


def test_an_answer_that_only_a_turn_tells_of_is_one() -> None:
    rows = caller(3000, 3600, text=None, turn=False)

    assert found_with([said(3600, "user", "Yes"), said(4000, "assistant", "Fine.")], *rows) == []
    assert found_with([said(3600, "user", "Yes")], *rows) == [("never_spoke", 11_600)]


def test_a_backchannel_while_the_agent_speaks_needs_no_answer() -> None:
    speaks = [at(6000, "agent_started_speaking"), *caller(7000, 7300), at(9000, "agent_stopped_speaking")]

    assert kinds(*GREETED, *caller(3000, 5000), *speaks) == []


def test_a_caller_who_cut_the_agent_off_is_waiting() -> None:
    cut = [
        at(6000, "agent_started_speaking"),
        at(7000, "user_started_speaking"),
        at(7400, "agent_stopped_speaking", interrupted=True),
        at(9000, "user_stopped_speaking", delay_ms=200),
        at(9100, "transcript", text="stop"),
        at(9200, "user_turn_stopped"),
    ]

    (silence,) = told(*GREETED, *caller(3000, 5000), *cut)
    assert (silence["kind"], silence["since_ms"] - START) == ("no_answer", 9000)


def test_speech_in_which_no_word_was_recognised_is_told_where_words_were_before() -> None:
    conversation = [*GREETED, *caller(2500, 3000), *agent(3500, 4500)]

    assert kinds(*conversation, *caller(5000, 7000, text=None)) == ["no_transcript"]
    stuck = [at(5000, "user_started_speaking")]
    assert kinds(*conversation, *stuck, at(50_000, "llm_started")) == ["no_transcript"]


def test_a_framework_that_gives_up_waiting_for_words_is_believed_unless_it_was_a_noise() -> None:
    gave_up = at(10_000, "warning", code="dead_air", message="x")

    assert kinds(*GREETED, *caller(3000, 5000, text=None), gave_up) == ["no_transcript"]
    assert kinds(*GREETED, *caller(3000, 3300, text=None), gave_up) == []


def test_a_muted_caller_is_not_expected_to_be_understood() -> None:
    conversation = [*GREETED, *caller(2500, 3000), *agent(3500, 4500), at(4600, "user_mute_started")]

    assert kinds(*conversation, *caller(5000, 7000, text=None)) == []


def test_an_agent_that_never_speaks_is_told_of_while_the_call_goes_on_and_at_its_end() -> None:
    silent = [at(0, "client_connected"), at(1000, "tts_started", request_id="1", text_length=5)]

    assert "never_spoke" in kinds(*silent)
    assert kinds(at(0, "client_connected"), *caller(1000, 3000), end_ms=4000) == ["never_spoke"]
    assert kinds(at(0, "client_connected"), *caller(1000, 3000)) == ["never_spoke"]


def test_a_caller_who_leaves_at_once_has_missed_nothing() -> None:
    assert kinds(at(0, "client_connected"), at(1500, "client_disconnected"), end_ms=2000) == []


def test_a_caller_who_speaks_first_and_long_is_listened_to() -> None:
    assert kinds(at(0, "client_connected"), *caller(5000, 20_000), *agent(21_000, 22_000)) == []


def test_an_agent_that_is_said_to_speak_without_a_sound_is_told_of() -> None:
    synthesis = [
        at(5500, "tts_started", request_id="1", text_length=20),
        at(5600, "tts_first_audio", request_id="1"),
        at(5700, "agent_started_speaking"),
        at(5800, "tts_stopped", request_id="1", audio_seconds=2.0, interrupted=False),
    ]
    rows = [*GREETED, *caller(3000, 5000), *synthesis]

    (silence,) = told(*rows, at(40_000, "agent_stopped_speaking"))
    assert (silence["kind"], silence["at_ms"]) == ("no_sound", 15_700)
    assert kinds(*rows, at(12_000, "agent_stopped_speaking")) == []


def test_a_long_reply_whose_sound_was_made_at_once_is_no_silence() -> None:
    long = [
        at(5500, "tts_started", request_id="1", text_length=900),
        at(5600, "tts_first_audio", request_id="1"),
        at(6900, "tts_stopped", request_id="1", audio_seconds=40.0, interrupted=False),
        *agent(7000, 47_000),
    ]

    assert kinds(*GREETED, *caller(3000, 5000), *long) == []


def test_sound_that_no_synthesis_made_is_not_missed() -> None:
    assert kinds(*GREETED, *caller(3000, 5000), *agent(6000, 50_000)) == []


@pytest.mark.parametrize(
    ("text_length", "end", "found"),
    [(9, {}, ["no_synthesis"]), (9, {"interrupted": True}, []), (0, {}, [])],
    ids=["text", "cut off", "no text"],
)
def test_text_that_became_no_sound_is_told_of(text_length: int, end: dict[str, Any], found: list[str]) -> None:
    rows = [
        at(3000, "tts_started", request_id="1", text_length=text_length),
        at(3100, "tts_stopped", request_id="1", audio_seconds=0.0, **end),
    ]

    assert kinds(*GREETED, *rows) == found


def test_a_synthesis_that_hangs_is_told_of_once() -> None:
    rows = [at(3000, "tts_started", request_id="1", text_length=9), at(4000, "tts_started", request_id="2")]

    assert kinds(*GREETED, *rows) == ["no_synthesis"]


@pytest.mark.parametrize(
    ("reason", "by", "found"),
    [
        ("idle timeout", "system", [("watchdog", 48_000)]),
        ("dead air", None, [("watchdog", 48_000)]),
        ("the caller's heartbeat was lost", "system", [("watchdog", 48_000)]),
        ("idle timeout", "agent", []),
        ("the caller hung up", "caller", []),
    ],
)
def test_a_watchdog_that_ends_a_call_is_told_of(reason: str, by: str | None, found: list[tuple[str, int]]) -> None:
    end = at(50_000, "call_ended", reason=reason, initiator=by)

    assert [(each["kind"], each["waited_ms"]) for each in told(*GREETED, end)] == found


def test_a_framework_that_says_it_is_idle_and_then_ends_is_a_watchdog_whatever_the_reason() -> None:
    rows = [at(50_000, "warning", code="idle_timeout"), at(50_100, "call_ended", initiator="system", reason="stopped")]

    assert kinds(*GREETED, *rows) == ["watchdog"]


def test_after_the_caller_has_left_nothing_is_missing() -> None:
    assert kinds(*GREETED, *caller(3000, 5000), at(9000, "client_disconnected"), at(40_000, "llm_started")) == []


def test_calls_of_which_nobody_reports_sound_are_not_judged() -> None:
    assert kinds(at(0, "client_connected"), at(1000, "llm_started"), at(2000, "tool_call", name="x")) == []


def test_synthesized_sound_is_an_answer_where_nobody_tells_what_is_played() -> None:
    sound = [at(5500, "tts_started", request_id="1"), at(6000, "tts_first_audio", request_id="1")]

    assert kinds(*caller(3000, 5000), *sound) == []


def test_while_a_call_goes_on_time_that_passes_is_enough() -> None:
    watch = SilenceWatch(started_at_ms=START, limit_ms=2000)
    for row in [*GREETED, *caller(3000, 5000)]:
        assert watch.event(row) == []

    assert watch.advance(1600) == []
    (silence,) = watch.advance(1800)
    assert (silence.kind, silence.at_ms - START) == (NO_ANSWER, 7000)
    assert watch.advance(10_000) == []


def test_what_a_call_tells_of_itself_is_not_looked_for_again() -> None:
    rows = [*GREETED, *caller(3000, 5000), Event(ts_ms=START + 10_000, type="silence", data={})]

    assert with_silences(rows, started_at_ms=START, ended_at_ms=START + 60_000) == rows


def test_silences_are_before_what_ended_them() -> None:
    rows = [*GREETED, *caller(3000, 5000), *agent(20_000, 21_000)]
    found = [row.type for row in with_silences(rows, started_at_ms=START, ended_at_ms=START + 60_000)]

    assert found.index("silence") == found.index("agent_started_speaking", 4) - 1


@pytest.mark.parametrize(
    ("rows", "status"),
    [
        ([*GREETED, *caller(3000, 5000), at(20_000, "client_disconnected")], "failed"),
        ([*GREETED, *caller(3000, 5000), at(60_000, "call_ended", reason="idle", initiator="system")], "failed"),
        ([*GREETED, *caller(3000, 5000), at(20_000, "call_ended", reason="bye", initiator="agent")], "completed"),
        ([*GREETED, *caller(3000, 5000), *agent(20_000, 21_000), at(25_000, "client_disconnected")], "completed"),
        ([*GREETED, at(60_000, "call_ended", reason="idle timeout", initiator="system")], "completed"),
    ],
    ids=["hung up in silence", "watchdog in silence", "the agent ended it", "late answer", "the caller is gone"],
)
def test_a_call_that_ends_in_silence_has_failed(rows: list[Event], status: str) -> None:
    outcome = decide(seen(*rows).facts, status=None, error=None, reason=None)

    assert outcome.status == status


def test_a_problem_tells_of_a_silence_that_no_exchange_is() -> None:
    rows = [*GREETED, at(3000, "tts_started", request_id="1"), at(3100, "tts_stopped", request_id="1", audio_seconds=0)]

    (problem,) = [each for each in seen(*rows).problems if each.kind == "silence"]
    assert problem.text == "Text was given to the synthesis, and no sound came."


def test_wrong_types_are_no_reason_to_stop() -> None:
    odd: list[Any] = [None, 1, "x", [], {}, True, float("nan"), 10**400, -1]
    watch = SilenceWatch(started_at_ms=None)
    for kind in SilenceWatch._STEPS:
        for value in odd:
            keys = ("text", "request_id", "audio_seconds", "tool_call_id", "name", "code", "reason", "initiator")
            watch.event(Event(ts_ms=START, type=kind, data=dict.fromkeys(keys, value)))
            watch.advance(60_000)
    assert all(sentence({"kind": value, "waited_ms": value, "stage": value, "name": value}) for value in odd)


def test_the_language_of_queries_knows_all_kinds() -> None:
    assert CHOICES["silence"] == KINDS
    assert set(IN_SHORT) == set(KINDS) - {NO_ANSWER}
