"""The lanes of a call's time axis: what is drawn where, from events alone."""

from __future__ import annotations

import pytest
from call_scenes import LENGTH_MS, START_MS, event, exchange, page, record, slow_call, turn

from callscope.web.call.axis import Axis
from callscope.web.call.lanes import Bar, Lane, merged
from callscope.web.call.page import CallPage
from callscope.web.call.spans import Span


def lane(of: CallPage, name: str) -> Lane:
    return next(each for each in of.lanes if each.name == name)


def start_s(bar: Bar) -> float:
    return float(bar.x.removesuffix("%")) / 100 * LENGTH_MS / 1000


def length_s(bar: Bar) -> float:
    return float(bar.width.removesuffix("%")) / 100 * LENGTH_MS / 1000


def test_a_bar_is_where_its_events_are_and_leads_to_its_moment() -> None:
    (first, second) = lane(page(slow_call()), "Caller").bars
    assert (start_s(first), length_s(first)) == pytest.approx((1, 2), abs=0.01)
    assert start_s(second) == pytest.approx(12, abs=0.01)
    assert first.href == "?t=1#at"
    assert "Caller spoke for 2.00 s" in first.title


def test_lanes_without_anything_are_left_out() -> None:
    assert [each.name for each in page(slow_call()).lanes] == ["Caller", "Agent", "STT", "LLM", "TTS", "Trouble"]
    assert page(record()).lanes == ()


def test_a_request_is_drawn_until_its_first_word_and_until_its_end() -> None:
    first, rest = lane(page(record(exchange(1_000, 800))), "LLM").bars
    assert first.look == "k-llm first"
    assert (start_s(first), length_s(first)) == pytest.approx((3.31, 0.29), abs=0.01)
    assert (start_s(rest), length_s(rest)) == pytest.approx((3.6, 0.3), abs=0.01)
    assert "openai gpt-4.1-mini" in first.title


def test_words_that_were_not_heard_are_hatched_behind_those_that_were() -> None:
    cut = record(
        [*exchange(1_000, 1_000), event(6_000, "barge_in", heard_characters=20, generated_characters=50)],
    )
    spoken, unheard = lane(page(cut), "Agent").bars
    assert (start_s(spoken), length_s(spoken)) == pytest.approx((4, 2), abs=0.01)
    assert unheard.look == "hatched"
    assert (start_s(unheard), length_s(unheard)) == pytest.approx((6, 3), abs=0.01)
    assert "30 of 50 characters" in unheard.title


def test_an_answer_that_was_heard_to_its_end_has_nothing_hatched() -> None:
    cut = record([*exchange(1_000, 1_000), event(6_000, "barge_in", heard_characters=50, generated_characters=50)])
    (spoken,) = lane(page(cut), "Agent").bars
    assert spoken.look == "k-agent"


def test_speech_is_paired_by_its_moments_not_by_the_order_of_its_rows() -> None:
    """The end of speech is told late, after the transcript and even after the next beginning."""
    rows = [
        event(1_000, "user_started_speaking"),
        event(5_000, "user_started_speaking"),
        event(2_000, "user_stopped_speaking"),
        event(6_000, "user_stopped_speaking"),
    ]
    assert [start_s(bar) for bar in lane(page(record(rows)), "Caller").bars] == pytest.approx([1, 5], abs=0.01)


def test_speech_that_begins_again_without_an_end_had_ended_by_then() -> None:
    rows = [
        event(1_000, "user_started_speaking"),
        event(5_000, "user_started_speaking"),
        event(5_000, "user_started_speaking"),
        event(6_000, "user_stopped_speaking"),
    ]
    first, second = lane(page(record(rows)), "Caller").bars
    assert [start_s(first), length_s(first), start_s(second)] == pytest.approx([1, 4, 5], abs=0.01)
    assert "the end was not recorded" in first.title
    assert "Caller spoke for 1.00 s" in second.title


def test_without_speaking_edges_the_turns_tell_who_spoke() -> None:
    spoken = record(turns=[turn(2_000, 0, "user", "Hi", duration_ms=1_500), turn(9_000, 1, "assistant", "Hello")])
    known, unknown = lane(page(spoken), "Caller").bars[0], lane(page(spoken), "Agent").bars[0]
    assert length_s(known) == pytest.approx(1.5, abs=0.01)
    assert "how long is unknown" in unknown.title


def test_trouble_is_marked_with_a_shape_of_its_own() -> None:
    rows = [*exchange(1_000, 4_000), event(8_000, "barge_in"), event(9_000, "error", message="no voice", stage="tts")]
    marks = {mark.shape: mark for mark in lane(page(record(rows)), "Trouble").marks}
    assert set(marks) == {"slow", "barge", "error"}
    assert marks["error"].look == "k-bad"
    assert "no voice" in marks["error"].title


def test_a_failed_tool_is_drawn_as_trouble() -> None:
    rows = [
        event(1_000, "tool_call", tool_call_id="1", name="find"),
        event(3_000, "tool_result", tool_call_id="1", outcome="timed_out", duration_ms=2_000),
    ]
    (bar,) = lane(page(record(rows)), "Tools").bars
    assert bar.look == "k-bad"
    assert "find: timed out in 2.00 s" in bar.title


def test_events_outside_of_the_call_are_at_its_ends() -> None:
    rows = [event(-5_000, "user_started_speaking"), event(90_000, "user_stopped_speaking")]
    (bar,) = lane(page(record(rows)), "Caller").bars
    assert (bar.x, bar.width) == ("0%", "100%")


def test_an_hour_of_talk_is_drawn_with_few_bars_that_are_as_long_together() -> None:
    axis = Axis(origin_ms=START_MS, length_ms=3_600_000, ticks=())
    spans = [Span(start_ms=START_MS + at, end_ms=START_MS + at + 500, title="") for at in range(0, 3_600_000, 1_000)]
    few = merged(spans, most=200, axis=axis)
    assert len(few) == 200
    assert sum(span.end_ms - span.start_ms for span in few) == 3_600 * 500


@pytest.mark.parametrize(
    ("length_ms", "first", "second"),
    [(2_000, "0 s", "0.2 s"), (30_000, "0:00", "0:05"), (3_600_000, "0:00", "10:00"), (200_000_000, "0:00", "6:00:00")],
)
def test_ticks_suit_the_length_of_the_call(length_ms: int, first: str, second: str) -> None:
    ticks = page(record(ended_at_ms=START_MS + length_ms, duration_ms=length_ms)).axis.ticks
    assert [tick.label for tick in ticks][:2] == [first, second]
    assert len(ticks) <= 11


def test_the_wait_of_the_selected_exchange_is_shown_over_all_lanes() -> None:
    band = page(slow_call()).band
    assert band is not None
    assert band.is_slow
    assert (float(band.x[:-1]) * 300, float(band.width[:-1]) * 300) == pytest.approx((14_000, 4_000), abs=5)


def test_a_call_whose_clock_jumped_still_has_an_axis() -> None:
    rows = [event(1_000, "user_started_speaking"), event(10**12, "user_stopped_speaking")]
    assert page(record(rows, ended_at_ms=None, duration_ms=None)).axis.length_ms == 1_000
