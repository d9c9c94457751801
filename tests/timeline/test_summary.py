from __future__ import annotations

from typing import Any

from timeline_script import START, agent, at, caller

from callscope.model.turn import Turn
from callscope.timeline.summary import Timeline, summarise, worst_of


def turn(ms: int, role: str, index: int, **more: Any) -> Turn:
    return Turn(ts_ms=START + ms, turn_index=index, role=role, text="words", **more)


def summed(*events: Any, turns: list[Turn] | None = None) -> Timeline:
    return summarise(START, START + 60_000, turns or [], [event for each in events for event in each])


def texts(timeline: Timeline) -> list[tuple[int, str, str]]:
    return [(problem.at_ms - START, problem.kind, problem.text) for problem in timeline.problems]


def test_figures_leave_the_greeting_out() -> None:
    timeline = summed(agent(9000, 9500), caller(10_000, 11_000), agent(11_500, 12_000), caller(14_000, 15_000))
    assert timeline.latency == {"p50_ms": 500, "p95_ms": 500, "p99_ms": 500}
    assert timeline.unanswered == 1
    assert (timeline.facts.answered, timeline.facts.unanswered) == (1, 1)


def test_the_worst_wait_is_the_longest_answered_or_not() -> None:
    answered = summed(agent(9000, 9500), caller(10_000, 11_000), agent(14_000, 15_000), caller(16_000, 17_000))
    assert answered.worst_wait_ms == 43_000, "from 17 s to the end, without an answer"
    worst = worst_of(answered.exchanges)
    assert worst is not None
    assert (worst.index, worst.response_ms, worst.waited_ms) == (2, None, 43_000)
    assert answered.latency == {"p50_ms": 3_000, "p95_ms": 3_000, "p99_ms": 3_000}, "of answered waits alone"

    quick = summed(caller(10_000, 11_000), caller(11_500, 12_000), agent(15_000, 60_000))
    assert quick.worst_wait_ms == 3_000


def test_a_greeting_is_no_wait() -> None:
    timeline = summed([at(0, "client_connected")], agent(9000, 9500))
    assert timeline.worst_wait_ms is None
    assert worst_of(timeline.exchanges) is None


def test_turns_are_matched_by_their_own_moments_and_by_those_of_their_rows() -> None:
    events = (
        [at(0, "client_connected")],
        agent(500, 2000),
        caller(3000, 4000),
        [at(4800, "agent_started_speaking"), at(6000, "user_started_speaking"), at(6200, "barge_in")],
        [at(6210, "agent_stopped_speaking", interrupted=True), at(7000, "user_stopped_speaking", delay_ms=200)],
        agent(7900, 9000),
    )
    turns = [
        turn(500, "assistant", 0),
        turn(3000, "user", 1),
        turn(3900, "user", 2),
        turn(6250, "assistant", 3, interrupted=True),  # written when it was cut off, after the caller began
        turn(6000, "user", 4),
        turn(7900, "assistant", 5),
        turn(8500, "assistant", 6),
    ]
    timeline = summed(*events, turns=turns)
    assert [(each.user_turn_index, each.agent_turn_index) for each in timeline.exchanges] == [
        (None, 0),
        (2, 3),
        (4, 5),
    ]
    assert timeline.interruptions == 1


def test_a_call_of_turns_only_is_summed_up_from_them() -> None:
    turns = [turn(0, "user", 0), turn(900, "assistant", 1, latency={"response_ms": 700})]
    timeline = summarise(None, None, turns, [])
    assert timeline.latency == {"p50_ms": 700, "p95_ms": 700, "p99_ms": 700}
    assert timeline.exchanges[0].agent_turn_index == 1


def test_a_long_wait_names_its_largest_part() -> None:
    timeline = summed(
        caller(0, 1000),
        [at(1300, "tool_call", tool_call_id="1", name="lookup_order"), at(3400, "tool_result", tool_call_id="1")],
        agent(5120, 6000),
    )
    assert texts(timeline) == [
        (1000, "slow", "The caller waited 4.12 s; 2.10 s of it was the tool lookup_order."),
    ]


def test_a_long_wait_for_a_greeting_of_unknown_cause_says_so() -> None:
    assert texts(summed([at(0, "client_connected")], agent(3500, 4000))) == [
        (0, "slow", "The caller waited for the greeting 3.50 s; where it went is not known."),
    ]


def test_silence_is_told_with_its_end() -> None:
    timeline = summed(caller(0, 1000), caller(9000, 10_000), [at(15_000, "client_disconnected")])
    assert texts(timeline) == [
        (
            1000,
            "unanswered",
            "The caller was not answered: nothing was heard for 8.00 s, until the caller spoke again.",
        ),
        (10_000, "unanswered", "The caller was not answered: nothing was heard for 5.00 s, until the call ended."),
    ]


def test_a_barge_in_tells_what_was_not_heard() -> None:
    timeline = summed(
        [
            at(100, "barge_in", heard_characters=31, generated_characters=128),
            at(200, "barge_in", heard_characters=9),
            at(300, "barge_in", heard_characters=8, generated_characters=9),
            at(400, "barge_in", heard_characters=9, generated_characters=9),
        ],
    )
    assert [text for _, _, text in texts(timeline)] == [
        "The caller spoke over the agent: 97 of 128 characters were generated and not heard.",
        "The caller spoke over the agent.",
        "The caller spoke over the agent: 1 of 9 characters was generated and not heard.",
        "The caller spoke over the agent: all that was generated had been heard.",
    ]


def test_errors_are_told_once_a_cause_with_where_they_came_from() -> None:
    timeline = summed(
        [
            at(100, "error", message="401 unauthorized", stage="tts", provider="cartesia", recovered=True),
            at(200, "error", message="completed with no audio", duplicate_of="e1"),
            at(300, "error", exception_type="ValueError", fatal=True),
        ]
    )
    assert texts(timeline) == [
        (100, "error", "TTS (cartesia): 401 unauthorized; recovered"),
        (300, "error", "Error: ValueError; fatal"),
    ]


def test_an_error_that_was_got_over_says_after_how_long() -> None:
    timeline = summed(
        [
            at(100, "error", error_id="e1", message="timeout.", stage="llm", fatal=True),
            at(200, "error", error_id="e2", message="no sound", stage="tts"),
            at(300, "error", error_id="e3", message="no words", stage="stt", recovered=False),
            at(1340, "error_recovered", error_id="e1", stage="llm", after_ms=1240),
            at(1400, "error_recovered", error_id="e3", stage="stt"),
        ]
    )
    assert texts(timeline) == [
        (100, "error", "LLM: timeout; recovered after 1.24 s"),
        (200, "error", "TTS: no sound"),
        (300, "error", "STT: no words; recovered"),
    ]


def test_requests_without_usage_are_one_problem_at_the_first_of_them() -> None:
    unreported = [at(ms, "usage", service="llm", request_id=str(ms), unreported_requests=1) for ms in (700, 900)]
    reported = [at(800, "usage", service="llm", input_tokens=3), at(850, "usage", unreported_requests="hm")]
    assert texts(summed(unreported[:1], reported)) == [
        (700, "unreported", "1 LLM request ended without a usage report: what it cost can only be estimated."),
    ]
    assert texts(summed(unreported, reported)) == [
        (700, "unreported", "2 LLM requests ended without a usage report: what they cost can only be estimated."),
    ]


def test_a_quick_call_has_no_problems() -> None:
    assert summed(agent(500, 900), caller(1000, 2000), agent(2500, 4000)).problems == ()
