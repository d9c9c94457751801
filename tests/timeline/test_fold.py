from __future__ import annotations

from typing import Any

import pytest
from timeline_script import START, agent, at, caller, exchanges_of, fold_of

from callscope.model.event import Event
from callscope.model.turn import Turn
from callscope.timeline.fold import Fold
from callscope.timeline.running import MAX_MARKS, Running


def test_the_caller_waits_from_the_last_sound_to_the_first_of_the_agent() -> None:
    (exchange,) = exchanges_of([*caller(1000, 3000), *agent(3900, 6000)])
    assert exchange.kind == "exchange"
    assert exchange.started_at_ms == START + 1000
    assert (exchange.wait_from_ms, exchange.wait_from) == (START + 3000, "speech")
    assert exchange.answered_at_ms == START + 3900
    assert exchange.response_ms == 900
    assert not exchange.interrupted


def test_a_greeting_waits_from_the_connection_and_is_no_exchange() -> None:
    greeting, exchange = exchanges_of(
        [at(100, "client_connected"), *agent(900, 2000), *caller(3000, 4000), *agent(4500, 5000)]
    )
    assert (greeting.kind, greeting.index, greeting.response_ms) == ("greeting", 0, 800)
    assert greeting.wait_from == "connection"
    assert (exchange.kind, exchange.index, exchange.response_ms) == ("exchange", 1, 500)


def test_a_greeting_without_a_connection_waits_from_the_start_of_the_call() -> None:
    (greeting,) = exchanges_of(agent(700, 2000))
    assert (greeting.started_at_ms, greeting.response_ms) == (START, 700)


def test_a_greeting_of_a_call_that_says_no_beginning_has_no_wait() -> None:
    fold = Fold(started_at_ms=None)
    for event in agent(700, 2000):
        fold.event(event)
    (greeting,) = fold.finish(None)
    assert (greeting.started_at_ms, greeting.wait_from_ms, greeting.response_ms) == (START + 700, None, None)


def test_a_caller_who_speaks_first_gets_an_answer_and_no_greeting() -> None:
    (exchange,) = exchanges_of([at(0, "client_connected"), *caller(500, 1000), *agent(1800, 2000)])
    assert (exchange.kind, exchange.response_ms) == ("exchange", 800)


def test_a_pause_inside_a_sentence_stays_one_exchange_and_the_wait_starts_anew() -> None:
    (exchange,) = exchanges_of([*caller(0, 1000), *caller(1600, 3000), *agent(3700, 5000)])
    assert exchange.started_at_ms == START
    assert exchange.response_ms == 700


def test_a_long_pause_inside_an_open_turn_stays_one_exchange() -> None:
    events = [
        at(0, "user_started_speaking"),
        at(10, "user_turn_started"),
        at(1000, "user_stopped_speaking", delay_ms=200),
        at(5000, "user_started_speaking"),
        at(6000, "user_stopped_speaking", delay_ms=200),
        at(6300, "user_turn_stopped"),
        *agent(7000, 8000),
    ]
    (exchange,) = exchanges_of(events)
    assert exchange.response_ms == 1000


def test_the_agent_going_on_is_no_new_exchange() -> None:
    (exchange,) = exchanges_of([*caller(0, 1000), *agent(1500, 2000), *agent(2600, 4000)])
    assert exchange.response_ms == 500


def test_a_caller_who_speaks_again_was_not_answered() -> None:
    lost, exchange = exchanges_of([*caller(0, 1000), *caller(9000, 10_000), *agent(10_600, 12_000)])
    assert (lost.answered_at_ms, lost.response_ms, lost.parts) == (None, None, ())
    assert lost.silence_ms == 8000
    assert exchange.response_ms == 600


def test_silence_lasts_until_the_next_sound_also_when_its_turn_is_told_later() -> None:
    lost, _ = exchanges_of([*caller(0, 1000, turn_after=300), *caller(9000, 10_000, turn_after=300)], ended=20_000)
    assert lost.silence_ms == 8000


def test_a_turn_closed_after_its_answer_began_does_not_open_another() -> None:
    (exchange,) = exchanges_of(
        [
            *[event for event in caller(0, 1000, turn_after=600) if event.type != "user_turn_stopped"],
            at(1500, "agent_started_speaking"),
            at(1600, "user_turn_stopped"),
            at(3000, "agent_stopped_speaking"),
        ]
    )
    assert exchange.response_ms == 500


def test_a_turn_whose_end_was_never_told_does_not_take_that_of_the_next() -> None:
    _, second = exchanges_of(
        [
            at(0, "user_turn_started"),
            at(900, "transcript"),
            *agent(1500, 3000),
            at(5000, "user_turn_started"),
            at(6000, "user_turn_stopped"),
            *agent(6700, 8000),
        ]
    )
    assert (second.wait_from, second.response_ms) == ("turn", 700)


@pytest.mark.parametrize("last", ["client_disconnected", "call_ended", None])
def test_a_last_turn_without_an_answer_is_silent_until_the_call_ends(last: str | None) -> None:
    events = caller(0, 1000)
    if last:
        events.append(at(5000, last))
    (exchange,) = exchanges_of(events, ended=5000 if last is None else 60_000)
    assert exchange.silence_ms == 4000


def test_a_caller_whom_the_end_of_the_call_cut_off_was_not_left_without_an_answer() -> None:
    assert exchanges_of([at(0, "user_started_speaking"), at(900, "client_disconnected")]) == []


def test_a_backchannel_opens_no_exchange() -> None:
    (exchange,) = exchanges_of(
        [*caller(0, 1000), at(1500, "agent_started_speaking"), *caller(3000, 3300), at(9000, "agent_stopped_speaking")]
    )
    assert not exchange.interrupted
    assert exchange.response_ms == 500


def test_a_sound_that_the_framework_takes_for_no_turn_opens_no_exchange() -> None:
    events = [*caller(0, 1000, turn_after=400), *agent(1500, 3000), *caller(5000, 5200), *agent(30_000, 31_000)]
    (exchange,) = exchanges_of(events)
    assert exchange.response_ms == 500


def test_a_caller_who_goes_on_when_the_agent_is_done_has_the_turn() -> None:
    first, second = exchanges_of(
        [
            *caller(0, 1000),
            at(1500, "agent_started_speaking"),
            at(2800, "user_started_speaking"),
            at(3000, "agent_stopped_speaking"),
            at(5000, "user_stopped_speaking", delay_ms=200),
            *agent(5900, 7000),
        ]
    )
    assert not first.interrupted
    assert (second.started_at_ms, second.response_ms) == (START + 2800, 900)


BARGE_INS: dict[str, list[Event]] = {
    "turn, barge_in, stopped": [
        at(2500, "user_started_speaking"),
        at(2700, "user_turn_started"),
        at(2710, "barge_in", heard_characters=31, generated_characters=128),
        at(2720, "agent_stopped_speaking", interrupted=True),
    ],
    "turn before the sound": [
        at(2700, "user_turn_started"),
        at(2500, "user_started_speaking"),
        at(2710, "barge_in"),
        at(2720, "agent_stopped_speaking", interrupted=True),
    ],
    "barge_in only": [at(2500, "user_started_speaking"), at(2710, "barge_in"), at(2720, "agent_stopped_speaking")],
    "stopped as interrupted only": [
        at(2500, "user_started_speaking"),
        at(2720, "agent_stopped_speaking", interrupted=True),
    ],
    "the sound told last": [
        at(2720, "agent_stopped_speaking", interrupted=True),
        at(2500, "user_started_speaking"),
    ],
    "barge_in told last": [
        at(2500, "user_started_speaking"),
        at(2720, "agent_stopped_speaking", interrupted=True),
        at(2730, "barge_in"),
    ],
}


@pytest.mark.parametrize("order", BARGE_INS)
def test_a_barge_in_cuts_the_answer_and_opens_an_exchange(order: str) -> None:
    first, second = exchanges_of(
        [
            *caller(0, 1000),
            at(1500, "agent_started_speaking"),
            *BARGE_INS[order],
            at(4000, "user_stopped_speaking", delay_ms=200),
            *agent(4800, 6000),
        ]
    )
    assert first.interrupted
    assert (second.started_at_ms, second.response_ms) == (START + 2500, 800)
    assert not second.interrupted


def test_a_greeting_can_be_cut_off() -> None:
    greeting, exchange = exchanges_of(
        [
            at(0, "client_connected"),
            at(500, "agent_started_speaking"),
            *BARGE_INS["turn, barge_in, stopped"],
            at(4000, "user_stopped_speaking", delay_ms=200),
            *agent(4800, 6000),
        ]
    )
    assert (greeting.kind, greeting.interrupted) == ("greeting", True)
    assert exchange.response_ms == 800


@pytest.mark.parametrize("with_sound", [False, True])
def test_a_hang_up_is_no_interruption(with_sound: bool) -> None:  # noqa: FBT001 -- a parameter of the test
    events = [*caller(0, 1000), at(1500, "agent_started_speaking")]
    if with_sound:
        events.append(at(2900, "user_started_speaking"))
    events += [
        at(3000, "client_disconnected"),
        at(3010, "agent_stopped_speaking", interrupted=True),
        at(3020, "barge_in"),
    ]
    (exchange,) = exchanges_of(events)
    assert not exchange.interrupted


def test_an_agent_stopped_by_the_application_was_not_interrupted_by_the_caller() -> None:
    (exchange,) = exchanges_of([*caller(0, 1000), *agent(1500, 2000, interrupted=True)])
    assert not exchange.interrupted


def test_the_end_of_speech_may_be_told_after_the_answer_began() -> None:
    (exchange,) = exchanges_of(
        [
            at(0, "user_started_speaking"),
            at(1500, "agent_started_speaking"),
            at(1000, "user_stopped_speaking", delay_ms=800),
            at(4000, "agent_stopped_speaking"),
        ]
    )
    assert exchange.response_ms == 500


def test_an_agent_that_talks_on_over_the_caller_did_not_answer() -> None:
    first, second = exchanges_of(
        [
            *caller(0, 1000),
            at(1500, "agent_started_speaking"),
            at(2000, "user_turn_started"),
            at(2010, "user_started_speaking"),
            at(2500, "agent_stopped_speaking"),
            at(2600, "agent_started_speaking"),
            at(3000, "agent_stopped_speaking"),
            at(4000, "user_stopped_speaking", delay_ms=200),
            *agent(4700, 5000),
        ]
    )
    assert first.response_ms == 500
    assert second.response_ms == 700


def test_without_ends_of_speech_the_wait_is_counted_from_the_end_of_the_turn() -> None:
    (exchange,) = exchanges_of(
        [at(0, "user_turn_started"), at(900, "transcript"), at(1000, "user_turn_stopped"), *agent(1600, 2000)]
    )
    assert (exchange.wait_from, exchange.response_ms) == ("turn", 600)


def test_without_turns_either_the_wait_is_counted_from_the_transcript() -> None:
    first, second = exchanges_of(
        [at(900, "transcript"), *agent(1600, 2000), at(5000, "transcript"), *agent(5400, 6000)]
    )
    assert [(each.wait_from, each.response_ms) for each in (first, second)] == [
        ("transcript", 700),
        ("transcript", 400),
    ]


def test_the_first_synthesized_sound_stands_in_where_nobody_tells_when_the_agent_is_heard() -> None:
    first, second = exchanges_of(
        [
            *caller(0, 1000),
            at(1400, "tts_first_audio", request_id="a", leading_silence_ms=50),
            *caller(5000, 6000),
            at(6700, "tts_first_audio", request_id="b"),
        ]
    )
    assert [each.response_ms for each in (first, second)] == [450, 700]


def test_the_agent_being_heard_replaces_its_stand_in() -> None:
    (exchange,) = exchanges_of(
        [*caller(0, 1000), at(1400, "tts_first_audio", request_id="a"), *agent(1500, 3000)],
    )
    assert exchange.response_ms == 500


def test_nothing_stands_in_once_a_call_tells_when_the_agent_is_heard() -> None:
    _, lost = exchanges_of(
        [
            *caller(0, 1000),
            *agent(1500, 3000),
            *caller(5000, 6000),
            at(6700, "tts_first_audio", request_id="b"),
        ],
        ended=9000,
    )
    assert (lost.response_ms, lost.silence_ms) == (None, 3000)


def test_tools_are_named_in_order_also_those_called_during_the_answer() -> None:
    (exchange,) = exchanges_of(
        [
            *caller(0, 1000),
            at(1200, "tool_call", tool_call_id="1", name="lookup_order"),
            *agent(1500, 3000),
            at(3100, "tool_call", tool_call_id="2", name="send_mail"),
        ]
    )
    assert exchange.tools == ("lookup_order", "send_mail")


def test_rows_without_a_moment_and_with_the_wrong_types_are_taken_as_they_are() -> None:
    hostile: dict[str, Any] = {"delay_ms": "soon", "request_id": ["a"], "name": 3, "leading_silence_ms": float("nan")}
    kinds = ["user_started_speaking", "user_stopped_speaking", "llm_started", "tool_call", "tts_first_audio"]
    events = [Event(ts_ms=None, type=kind, data=hostile) for kind in [*kinds, "agent_started_speaking"]]
    (exchange,) = exchanges_of(events)
    assert exchange.response_ms == 0
    fold = Fold(started_at_ms=None)
    for event in events:
        fold.event(event)
    assert fold.finish(None) == []


def test_latency_for_an_assistant_row_adds_up_and_is_given_once() -> None:
    fold = fold_of(
        [
            *caller(0, 1000),
            at(1250, "llm_started", request_id="a"),
            at(1600, "llm_first_token", request_id="a"),
            at(1900, "agent_started_speaking"),
        ]
    )
    latency = fold.current_latency()
    assert latency == {"response_ms": 900, "endpointing_ms": 200, "unexplained_ms": 350, "llm_ms": 350}
    assert fold.current_latency() is None


def test_the_row_of_an_answer_that_was_cut_off_has_its_own_latency() -> None:
    fold = fold_of(
        [*caller(0, 1000), at(1500, "agent_started_speaking"), *BARGE_INS["turn, barge_in, stopped"]],
    )
    latency = fold.current_latency()
    assert latency is not None
    assert latency["response_ms"] == 500


def test_greetings_and_unanswered_turns_give_a_row_no_latency() -> None:
    assert fold_of(agent(500, 900)).current_latency() is None
    assert fold_of(caller(500, 900)).current_latency() is None


def _turn(ms: int | None, role: str, index: int, **more: Any) -> Turn:
    return Turn(ts_ms=None if ms is None else START + ms, turn_index=index, role=role, text="words", **more)


def _folded(turns: list[Turn]) -> Fold:
    fold = Fold(started_at_ms=START)
    for turn in turns:
        fold.turn(turn)
    return fold


def test_a_call_without_speaking_edges_gets_its_exchanges_from_its_turns() -> None:
    greeting, first, second, lost = _folded(
        [
            _turn(100, "assistant", 0),
            _turn(2000, "user", 1),
            _turn(2500, "user", 2),
            _turn(4000, "assistant", 3, latency={"response_ms": 812.4}),
            _turn(5000, "assistant", 4, latency={"response_ms": 5}),
            _turn(8000, "user", 5),
            _turn(8000, "tool", 6),
            _turn(9000, "assistant", 7, latency={"total_ms": 3000, "user_speech_duration_ms": 2100}, interrupted=True),
            _turn(10_000, "user", 8),
        ]
    ).finish(None)
    assert (greeting.kind, greeting.response_ms, greeting.agent_turn_index) == ("greeting", None, 0)
    assert (first.response_ms, first.wait_from, first.wait_from_ms) == (812, "row", START + 4000 - 812)
    assert (first.user_turn_index, first.agent_turn_index) == (2, 3)
    assert sum(part.duration_ms for part in first.parts) == 812
    assert (second.response_ms, second.interrupted, second.agent_turn_index) == (900, True, 7)
    assert (lost.answered_at_ms, lost.response_ms, lost.index) == (None, None, 3)


def test_turns_make_no_exchanges_once_a_call_has_speaking_edges() -> None:
    fold = fold_of([*caller(0, 1000), *agent(1500, 2000)])
    fold.turn(_turn(0, "user", 0))
    fold.turn(_turn(1500, "assistant", 1, latency={"response_ms": 5}))
    (exchange,) = fold.finish(None)
    assert exchange.response_ms == 500


def test_turns_without_moments_have_that_of_the_turn_before() -> None:
    (exchange,) = _folded([_turn(700, "user", 0), _turn(None, "assistant", 1)]).finish(None)
    assert (exchange.started_at_ms, exchange.answered_at_ms) == (START + 700, START + 700)


def test_of_ends_of_speech_that_come_without_end_the_newest_are_kept() -> None:
    running = Running("exchange", START)

    for ms in range(20):
        running.caller_stopped(START + ms, delay_ms=0)

    assert [end.ts_ms - START for end in running.ends] == list(range(12, 20))


@pytest.mark.parametrize(("others", "known"), [(MAX_MARKS - 2, True), (MAX_MARKS - 1, False)])
def test_a_request_before_very_many_others_is_forgotten(others: int, known: bool) -> None:  # noqa: FBT001 -- a parameter of the test
    requests = [at(1100, "llm_started", request_id="first")]
    requests += [at(1101 + place, "llm_started", request_id=f"{place}") for place in range(others)]
    answer = [at(2000, "llm_first_token", request_id="first"), *agent(2100, 3000)]

    (exchange,) = exchanges_of([*caller(0, 1000), *requests, *answer])

    assert ("llm" in {part.stage for part in exchange.parts}) == known
