from __future__ import annotations

from timeline_script import agent, at, caller, exchanges_of, parts_of

from callscope.model.event import Event
from callscope.model.exchange import Exchange

TURN: list[Event] = [
    at(-3000, "user_started_speaking"),
    at(0, "user_stopped_speaking", delay_ms=200),
    at(230, "turn_detection", complete=True, processor="smart turn v3"),
    at(550, "transcript", provider="deepgram", model="nova-3", text="It's four four one two."),
    at(600, "user_turn_stopped", strategy="TurnAnalyzer"),
]
ANSWER: list[Event] = [
    at(640, "llm_started", request_id="l1", provider="openai", model="gpt-4.1-mini"),
    at(1080, "llm_first_token", request_id="l1"),
    at(1210, "tts_started", request_id="s1", provider="cartesia", model="sonic-3"),
    at(1400, "tts_first_audio", request_id="s1", leading_silence_ms=50),
    at(1500, "agent_started_speaking"),
]


def only(events: list[Event]) -> Exchange:
    (exchange,) = exchanges_of(events)
    return exchange


def test_each_stage_has_its_part_and_owner_and_together_they_are_the_wait() -> None:
    exchange = only(TURN + ANSWER)
    assert [(p.stage, p.label, p.owner, p.owner_kind, p.start_ms, p.duration_ms) for p in exchange.parts] == [
        ("endpointing", "Endpointing wait", "VAD stop_secs", "setting", 0, 200),
        ("transcription", "Transcription", "deepgram nova-3", "service", 200, 350),
        ("turn_detection", "Turn detection", "smart turn v3", "setting", 550, 50),
        ("handover", "Handover", "pipeline", "pipeline", 600, 40),
        ("llm", "LLM", "openai gpt-4.1-mini", "service", 640, 440),
        ("aggregation", "Sentence built", "pipeline", "pipeline", 1080, 130),
        ("synthesis", "Synthesis", "cartesia sonic-3", "service", 1210, 240),
        ("output", "Output", "pipeline", "pipeline", 1450, 50),
    ]
    assert exchange.response_ms == 1500


def test_what_nobody_measured_is_unexplained() -> None:
    exchange = only([*caller(-1000, 0), *ANSWER[1:]])
    assert parts_of(exchange) == [
        ("Endpointing wait", 200),
        ("Unexplained", 1010),
        ("Synthesis", 240),
        ("Output", 50),
    ]
    assert exchange.parts[1].owner_kind == "unknown"


def test_a_wait_of_which_nothing_is_known_is_unexplained_as_a_whole() -> None:
    exchange = only([*caller(-1000, 0, delay=0), *agent(700, 900)])
    assert parts_of(exchange) == [("Unexplained", 700)]


def test_the_strategy_owns_turn_detection_when_no_model_was_asked() -> None:
    exchange = only([TURN[0], TURN[1], *TURN[3:], *ANSWER])
    assert exchange.parts[2].owner == "TurnAnalyzer"


def test_a_tool_turn_shows_both_requests_and_the_tool_between_them() -> None:
    exchange = only(
        [
            *TURN,
            at(640, "llm_started", request_id="l1", model="gpt"),
            at(1080, "tool_call", tool_call_id="t1", name="lookup_order", arguments={"order": "4412"}),
            at(1090, "llm_stopped", request_id="l1", outcome="tool_call"),
            at(3180, "tool_result", tool_call_id="t1", outcome="completed"),
            at(3200, "llm_started", request_id="l2", model="gpt"),
            at(3770, "llm_first_token", request_id="l2"),
            at(3900, "tts_started", request_id="s1"),
            at(4100, "tts_first_audio", request_id="s1"),
            at(4120, "agent_started_speaking"),
        ]
    )
    assert parts_of(exchange)[4:] == [
        ("LLM, first call", 440),
        ("Tool lookup_order", 2100),
        ("Handover", 20),
        ("LLM, second call", 570),
        ("Sentence built", 130),
        ("Synthesis", 200),
        ("Output", 20),
    ]
    tool = exchange.parts[5]
    assert (tool.owner, tool.owner_kind) == ("lookup_order", "code")
    assert exchange.tools == ("lookup_order",)


def test_a_request_still_writing_a_tool_call_is_llm_time_after_its_first_word() -> None:
    exchange = only(
        [
            *caller(-1000, 0, delay=0),
            at(100, "llm_started", request_id="l1"),
            at(300, "llm_first_token", request_id="l1"),
            at(500, "tool_call", tool_call_id="t1", name="look"),
            at(900, "tool_result", tool_call_id="t1"),
            *agent(1000, 1100),
        ]
    )
    assert parts_of(exchange) == [("Unexplained", 100), ("LLM", 400), ("Tool look", 400), ("Unexplained", 100)]


def test_a_request_that_never_gave_a_word_lasts_until_it_stopped() -> None:
    exchange = only(
        [
            *caller(-1000, 0, delay=0),
            at(100, "llm_started", request_id="l1"),
            at(1100, "llm_stopped", request_id="l1", outcome="failed"),
            at(1150, "llm_started", request_id="l2"),
            at(1400, "llm_first_token", request_id="l2"),
            *agent(1400, 1500),
        ]
    )
    assert parts_of(exchange) == [
        ("Unexplained", 100),
        ("LLM, first call", 1000),
        ("Unexplained", 50),
        ("LLM, second call", 250),
    ]


def test_two_tools_at_once_are_not_counted_twice() -> None:
    exchange = only(
        [
            *caller(-1000, 0, delay=0),
            at(0, "tool_call", tool_call_id="a", name="slow"),
            at(100, "tool_call", tool_call_id="b", name="quick"),
            at(300, "tool_result", tool_call_id="b"),
            at(800, "tool_result", tool_call_id="a"),
            *agent(800, 900),
        ]
    )
    assert parts_of(exchange) == [("Tool slow", 800)]


def test_a_tool_that_had_not_returned_when_the_agent_spoke_explains_nothing() -> None:
    exchange = only(
        [
            *TURN,
            *ANSWER[:1],
            at(1080, "tool_call", tool_call_id="t1", name="slow"),
            *ANSWER[2:],
            at(9000, "tool_result", tool_call_id="t1"),
        ]
    )
    assert "Tool slow" not in dict(parts_of(exchange))
    assert ("Synthesis", 240) in parts_of(exchange)


def test_a_transcript_for_the_record_only_does_not_cover_the_llm() -> None:
    exchange = only([*TURN[:3], TURN[4], *ANSWER[:2], at(1190, "transcript"), *ANSWER[2:]])
    assert parts_of(exchange)[:4] == [
        ("Endpointing wait", 200),
        ("Turn detection", 400),
        ("Handover", 40),
        ("LLM", 440),
    ]


def test_an_endpointing_delay_that_nobody_waited_for_ends_with_the_turn() -> None:
    exchange = only(
        [
            at(-1000, "user_started_speaking"),
            at(100, "user_turn_stopped"),
            at(0, "user_stopped_speaking", delay_ms=800),
            *agent(700, 900),
        ]
    )
    assert parts_of(exchange) == [("Endpointing wait", 100), ("Unexplained", 600)]


def test_counted_from_the_turn_the_wait_begins_with_the_handover() -> None:
    exchange = only([at(-500, "user_turn_started"), at(0, "user_turn_stopped"), *ANSWER])
    assert parts_of(exchange)[0] == ("Handover", 640)


def test_work_from_before_a_pause_is_no_part_of_the_wait() -> None:
    _, exchange = exchanges_of(
        [
            *agent(-9000, -8000),
            *caller(-5000, -3200),
            at(-3190, "llm_started", request_id="too early"),
            at(-3170, "llm_first_token", request_id="too early"),
            at(-3160, "tts_started", request_id="too early"),
            at(-3150, "tts_first_audio", request_id="too early"),
            *TURN,
            *ANSWER,
        ]
    )
    assert parts_of(exchange) == parts_of(only(TURN + ANSWER))


def test_sound_from_before_a_pause_is_not_on_its_way_out() -> None:
    _, exchange = exchanges_of(
        [
            *agent(-9000, -8000),
            *caller(-5000, -3200),
            at(-3160, "tts_started", request_id="too early"),
            at(-3150, "tts_first_audio", request_id="too early"),
            *caller(-3000, 0, delay=0),
            *agent(500, 900),
        ]
    )
    assert parts_of(exchange) == [("Unexplained", 500)]


def test_silence_at_the_beginning_of_the_sound_ends_with_the_answer() -> None:
    exchange = only(
        [
            *caller(-1000, 0, delay=0),
            at(0, "tts_started", request_id="s1"),
            at(300, "tts_first_audio", request_id="s1", leading_silence_ms=400),
            *agent(500, 900),
        ]
    )
    assert parts_of(exchange) == [("Synthesis", 500)]


def test_a_moment_after_the_answer_explains_nothing_of_it_even_if_told_before() -> None:
    exchange = only(
        [
            *caller(-1000, 0, delay=0),
            at(100, "tool_call", tool_call_id="t", name="slow"),
            at(9000, "tool_result", tool_call_id="t"),
            *agent(500, 900),
        ]
    )
    assert parts_of(exchange) == [("Unexplained", 500)]


def test_a_request_that_ended_in_a_tool_call_lasts_until_it_stopped() -> None:
    exchange = only(
        [
            *caller(-1000, 0, delay=0),
            at(0, "llm_started", request_id="l1"),
            at(200, "llm_first_token", request_id="l1"),
            at(400, "llm_stopped", request_id="l1", outcome="tool_call"),
            at(400, "tool_call", tool_call_id="t", name="look"),
            at(500, "tool_result", tool_call_id="t"),
            *agent(500, 900),
        ]
    )
    assert parts_of(exchange) == [("LLM", 400), ("Tool look", 100)]


def test_one_end_of_a_turn_is_handed_over_once() -> None:
    exchange = only(
        [
            *caller(-1000, 0, delay=0, turn_after=100),
            at(150, "llm_started", request_id="l1"),
            at(300, "llm_stopped", request_id="l1", outcome="failed"),
            at(700, "llm_started", request_id="retry"),
            at(900, "llm_first_token", request_id="retry"),
            *agent(900, 1000),
        ]
    )
    assert parts_of(exchange) == [
        ("Turn detection", 100),
        ("Handover", 50),
        ("LLM, first call", 150),
        ("Unexplained", 400),
        ("LLM, second call", 200),
    ]


def test_marks_of_a_later_turn_do_not_leak_in() -> None:
    later = [
        at(1600, "llm_stopped", request_id="l1", outcome="completed"),
        at(1700, "tts_started", request_id="s2"),
        at(1800, "tts_first_audio", request_id="s2"),
        at(5000, "agent_stopped_speaking"),
        *caller(6000, 7000, turn_after=250),
        at(7300, "llm_started", request_id="l9"),
        at(7400, "llm_first_token", request_id="l9"),
        *agent(8000, 9000),
    ]
    first, _ = exchanges_of([*TURN, *ANSWER, *later])
    assert parts_of(first) == parts_of(only(TURN + ANSWER))


def test_a_mark_that_is_told_late_counts_at_its_own_moment() -> None:
    moved = [*ANSWER[:3], ANSWER[4], ANSWER[3]]
    assert parts_of(only(TURN + moved)) == parts_of(only(TURN + ANSWER))


def test_a_greeting_has_parts_too() -> None:
    (greeting,) = exchanges_of([at(0, "client_connected"), *ANSWER])
    assert parts_of(greeting) == [
        ("Unexplained", 640),
        ("LLM", 440),
        ("Sentence built", 130),
        ("Synthesis", 240),
        ("Output", 50),
    ]


def test_of_very_many_marks_the_newest_explain_the_end_of_the_wait() -> None:
    loop = [
        event
        for turn in range(500)
        for event in (
            at(100 + 10 * turn, "tool_call", tool_call_id=str(turn), name="poll"),
            at(108 + 10 * turn, "tool_result", tool_call_id=str(turn)),
        )
    ]
    exchange = only([*caller(-1000, 0, delay=0), *loop, *agent(6000, 7000)])
    assert len(exchange.parts) <= 2 * 256 + 1
    assert exchange.parts[-2].label == "Tool poll"
    assert sum(part.duration_ms for part in exchange.parts) == 6000
    assert len(exchange.tools) == 64
