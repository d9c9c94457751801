"""The selected exchange: its parts add up, the biggest one is named, and another one can be chosen."""

from __future__ import annotations

import pytest
from call_scenes import START_MS, event, exchange, page, record, slow_call, turn

from callscope.web.call.page import CallPage
from callscope.web.call.waterfall import Detail


def detail(of: CallPage) -> Detail:
    assert of.detail is not None
    return of.detail


def test_the_slowest_exchange_is_explained_unless_another_is_asked_for() -> None:
    assert detail(page(slow_call())).wait_ms == 4_000
    assert detail(page(slow_call(), exchange="0")).wait_ms == 800


def test_a_greeting_is_explained_only_when_it_is_asked_for() -> None:
    greeted = record(
        [
            event(0, "client_connected"),
            event(5_000, "agent_started_speaking"),
            event(7_000, "agent_stopped_speaking"),
            *exchange(8_000, 900),
        ]
    )
    assert detail(page(greeted)).name == "exchange 1"
    greeting = detail(page(greeted, exchange="0"))
    assert (greeting.name, greeting.wait_ms, greeting.is_slow) == ("the greeting", 5_000, False)


@pytest.mark.parametrize(("t", "index"), [("0", 0), ("2.5", 0), ("11.9", 0), ("12", 1), ("29", 1)])
def test_a_moment_selects_the_exchange_that_it_is_in(t: str, index: int) -> None:
    assert detail(page(slow_call(), t=t)).index == index


@pytest.mark.parametrize("t", ["", "x", "nan", "inf", "-1", "1e99"])
def test_what_is_no_moment_selects_none(t: str) -> None:
    shown = page(slow_call(), t=t)
    assert shown.at_ms is None
    assert detail(shown).index == 1


def test_the_parts_follow_each_other_and_add_up_to_what_the_caller_waited() -> None:
    shown = detail(page(slow_call()))
    assert sum(part.duration_ms for part in shown.parts) == shown.wait_ms
    ends = 0.0
    for part in shown.parts:
        assert float(part.x[:-1]) == pytest.approx(ends, abs=0.5)
        ends = float(part.x[:-1]) + float(part.width[:-1])
    assert ends == pytest.approx(100, abs=0.5)


def test_the_sentence_names_the_biggest_part_and_whose_time_it_is() -> None:
    shown = detail(page(slow_call()))
    assert shown.sentence == "The biggest part, 3.49 s (87%), was the LLM: the time of openai gpt-4.1-mini."


def test_parts_of_one_stage_count_together_in_the_sentence() -> None:
    """Two requests of 700 ms around a tool of one second: the LLM took more than the tool."""
    rows = [
        event(1_000, "user_started_speaking"),
        event(2_000, "user_stopped_speaking", delay_ms=0),
        event(2_000, "llm_started", request_id="a", provider="openai", model="m"),
        event(2_700, "llm_stopped", request_id="a", outcome="tool_call"),
        event(2_700, "tool_call", tool_call_id="t", name="find"),
        event(3_700, "tool_result", tool_call_id="t", name="find", duration_ms=1_000),
        event(3_700, "llm_started", request_id="b", provider="openai", model="m"),
        event(4_400, "llm_first_token", request_id="b"),
        event(4_400, "agent_started_speaking"),
    ]
    assert detail(page(record(rows))).sentence.startswith("The biggest part, 1.40 s (58%), was the LLM")


def test_each_part_has_an_owner_and_a_hue() -> None:
    parts = {part.label: part for part in detail(page(slow_call())).parts}
    assert (parts["LLM"].owner, parts["LLM"].look) == ("openai gpt-4.1-mini", "k-llm")
    assert (parts["Endpointing wait"].owner, parts["Endpointing wait"].kind) == ("VAD stop_secs", "setting")
    assert parts["Transcription"].look == "k-stt"


@pytest.mark.parametrize(
    ("framework", "mode", "setting"),
    [
        ("openai-realtime", "realtime", "turn_detection silence_duration_ms"),
        ("patter", "openai_realtime", "turn_detection silence_duration_ms"),
        ("livekit-agents", "realtime", "turn_detection silence_duration_ms"),
        ("livekit-agents", "pipeline", "VAD min_silence_duration"),
        ("pipecat", "realtime", "VAD stop_secs"),
        ("pipecat", None, "VAD stop_secs"),
    ],
)
def test_the_endpointing_wait_is_the_setting_that_decides_it_in_such_a_call(
    framework: str, mode: str | None, setting: str
) -> None:
    shown = page(slow_call(provider_mode=mode, callscope={"framework": {"name": framework}}))
    assert [part.owner for part in detail(shown).parts if part.label == "Endpointing wait"] == [setting]


def test_time_that_nothing_covers_is_named_and_hatched() -> None:
    rows = [row for row in exchange(1_000, 3_000) if "speaking" in row.type]
    shown = detail(page(record(rows)))
    (unexplained,) = [part for part in shown.parts if part.is_unexplained]
    assert unexplained.duration_ms == 2_800
    assert "unexplained" in shown.sentence


def test_an_exchange_without_an_answer_says_for_how_long() -> None:
    rows = [event(1_000, "user_started_speaking"), event(2_000, "user_stopped_speaking", delay_ms=200)]
    shown = detail(page(record(rows)))
    assert (shown.wait_ms, shown.silence_ms) == (None, 28_000)
    assert shown.sentence == "There was no answer: nothing was heard for 28.00 s."


def test_while_a_caller_waits_the_wait_grows_and_is_a_problem() -> None:
    rows = [event(1_000, "user_started_speaking"), event(2_000, "user_stopped_speaking", delay_ms=200)]
    going = record(rows, status="in_progress", ended_at_ms=None, duration_ms=None)
    shown = page(going, now_ms=START_MS + 9_500)
    assert detail(shown).silence_ms == 7_500
    assert detail(shown).sentence == "There is no answer yet."
    assert [problem.text for problem in shown.problems] == ["The caller is waiting: nothing was heard for 7.50 s now."]
    facts = {fact.name: fact for fact in shown.head.facts}
    assert (facts["Waiting now"].value, facts["Waiting now"].look) == ("7.50 s", "bad")
    assert facts["Waiting now"].since_ms == START_MS + 2_000
    assert facts["In progress"].value == "0:09"


def test_all_exchanges_can_be_chosen_and_the_slow_ones_stand_out() -> None:
    first, second = detail(page(slow_call())).choices
    assert (first.href, second.href) == ("?exchange=0#at", "?exchange=1#at")
    assert (first.look, second.look) == ("k-wait", "k-warn")
    assert second.height == "100%"
    assert second.is_selected


def test_of_very_many_exchanges_those_around_the_selected_one_can_be_chosen() -> None:
    rows = [row for number in range(300) for row in exchange(number * 10_000, 800, number=number)]
    shown = detail(page(record(rows, duration_ms=3_000_000, ended_at_ms=START_MS + 3_000_000), exchange="200"))
    assert len(shown.choices) == 120
    assert shown.left_out == 180
    assert [choice.name for choice in shown.choices if choice.is_selected] == ["200"]


def test_what_an_exchange_used_and_cost_is_told() -> None:
    used = slow_call()
    more = (
        event(13_000, "usage", service="stt", provider="deepgram", model="nova-3", audio_seconds=2.2),
        event(
            18_100, "usage", service="llm", provider="openai", model="gpt-4.1-mini", input_tokens=30, output_tokens=4
        ),
        event(18_200, "usage", service="llm", provider="openai", model="gpt-4.1-mini", input_tokens=10),
    )
    shown = detail(page(record((*used.events, *more), used.turns)))
    told = {each.name: each.quantities for each in shown.used}
    assert told == {"STT deepgram nova-3": "2.2 s of sound", "LLM openai gpt-4.1-mini": "40 tokens in, 4 out"}
    assert shown.cost is not None
    assert (shown.cost.words, shown.cost.unpriced) == ("≥ $0.00200", 1)


def test_a_call_without_events_is_explained_as_far_as_its_turns_tell() -> None:
    said = record(turns=[turn(1_000, 0, "user", "Hi"), turn(4_000, 1, "assistant", "Yes", latency={"total_ms": 2_200})])
    shown = detail(page(said))
    assert shown.wait_ms == 2_200
    assert "no events" in shown.note


def test_a_call_without_exchanges_has_nothing_to_explain() -> None:
    assert page(record()).detail is None
