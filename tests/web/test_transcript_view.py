"""The transcript of a call's page: what was said and heard, and what happened beside it."""

from __future__ import annotations

from typing import Any

from call_scenes import event, exchange, page, record, slow_call, turn

from callscope.archive.reader import CallRecord
from callscope.web.call.transcript import Row, words_of


def rows(of: CallRecord, **chosen: Any) -> tuple[Row, ...]:
    return page(of, **chosen).transcript.rows


def test_every_turn_is_there_with_its_moment_and_who_spoke() -> None:
    told = [(row.place.since_ms, row.who, row.words) for row in rows(slow_call()) if row.kind == "turn"]
    assert told[:2] == [(1_000, "Caller", "Hello?"), (3_800, "Agent", "Hello. How can I help?")]
    assert len(told) == 4


def test_an_answer_shows_its_wait_and_its_cost_and_whether_it_was_slow() -> None:
    quick, slow = [row for row in rows(slow_call()) if row.who == "Agent"]
    assert (quick.wait_ms, quick.is_slow, quick.cost) == (800, False, "$0.00110")
    assert (slow.wait_ms, slow.is_slow, slow.cost) == (4_000, True, "≥ $0.00200")
    assert slow.wait_href == "?exchange=1#at"


def test_words_that_were_not_heard_are_apart_from_those_that_were() -> None:
    cut = turn(0, 1, "assistant", "We deliver on Monday and on Friday.", interrupted=True, heard="We deliver")
    assert words_of(cut) == ("We deliver", "on Monday and on Friday.", "")
    assert words_of(turn(0, 1, "assistant", "We deliver.", heard="")) == ("", "We deliver.", "")


def test_words_heard_that_are_not_the_beginning_are_told_in_full() -> None:
    other = turn(0, 1, "assistant", "We deliver.", interrupted=True, heard="You deliver")
    assert words_of(other) == ("We deliver.", "", "interrupted; heard: You deliver")


def test_words_that_were_kept_off_the_disk_are_said_to_be() -> None:
    off = [turn(0, 0, "assistant", None, text_length=12), turn(900, 1, "user", None, interrupted=True, heard="")]
    assert words_of(off[0]) == ("", "", "words not recorded, 12 characters")
    assert words_of(off[1]) == ("", "", "interrupted, not heard, words not recorded")
    assert page(record(turns=off)).transcript.is_kept_off
    assert not page(slow_call()).transcript.is_kept_off


def test_a_tool_is_one_row_with_what_it_was_asked_and_what_it_answered() -> None:
    used = [
        event(14_500, "tool_call", tool_call_id="a", name="find", arguments={"order": 7}),
        event(14_600, "tool_call", tool_call_id="b", name="other", arguments={"x": "y" * 200}),
        event(15_600, "tool_result", tool_call_id="a", outcome="failed", message="gone", duration_ms=1_100),
    ]
    found, pending = [row for row in rows(record(used)) if row.tool is not None]
    assert found.tool is not None
    assert (found.tool.name, found.tool.arguments, found.tool.result) == ("find", '{"order":7}', "gone")
    assert (found.tool.outcome, found.tool.is_failure, found.tool.duration_ms) == ("failed", True, 1_100)
    assert pending.tool is not None
    assert (pending.tool.outcome, pending.tool.duration_ms) == ("no result", None)
    assert (found.is_folded, pending.is_folded) == (False, True)


def test_a_result_without_its_call_is_shown_where_the_call_would_be() -> None:
    (row,) = rows(record([event(5_000, "tool_result", tool_call_id="a", name="find", duration_ms=2_000, result=1)]))
    assert row.place.since_ms == 3_000


def test_errors_stand_where_they_happened_with_their_stack() -> None:
    failed = record(
        [
            *exchange(1_000, 800),
            event(3_200, "error", error_id="e", message="refused", stage="llm", provider="openai", stack="File x"),
            event(3_300, "error", message="refused", duplicate_of="e"),
            event(4_000, "error_recovered", error_id="e", after_ms=800),
        ],
        [turn(1_000, 0, "user", "Hello?"), turn(3_800, 1, "assistant", "Hi")],
    )
    kinds = [(row.kind, row.words, row.stack) for row in rows(failed)]
    assert kinds[1] == ("error", "LLM (openai): refused; recovered after 800 ms", "File x")
    assert [kind for kind, _, _ in kinds] == ["turn", "error", "turn"]


def test_barge_ins_silence_and_the_end_of_the_call_are_told_between_the_turns() -> None:
    told = [
        *exchange(1_000, 800),
        event(5_000, "barge_in", heard_characters=3, generated_characters=9),
        event(8_000, "user_started_speaking"),
        event(9_000, "user_stopped_speaking", delay_ms=200),
        event(29_000, "client_disconnected", reason="hung up"),
    ]
    words = {row.kind: row.words for row in rows(record(told))}
    assert words["barge_in"] == "The caller spoke over the agent: 6 of 9 characters were generated and not heard."
    assert words["unanswered"].startswith("The caller was not answered: nothing was heard for 20.00 s")
    assert words["note"] == "The caller's side left: hung up"


def test_the_row_at_the_selected_moment_is_selected() -> None:
    (selected,) = [row for row in rows(slow_call(), t="12.5") if row.is_selected]
    assert selected.words == "Where is it?"


def test_without_a_moment_the_answer_of_the_selected_exchange_is_selected() -> None:
    (selected,) = [row for row in rows(slow_call()) if row.is_selected]
    assert selected.words == "On its way."
    inside = [row.words for row in rows(slow_call(), exchange="0") if row.place.is_in_exchange]
    assert inside == ["Hello?", "Hello. How can I help?"]


def test_rows_without_a_moment_stay_behind_the_one_before_them() -> None:
    loose = [turn(1_000, 0, "user", "one"), turn(None, 1, "assistant", "two"), turn(9_000, 2, "user", "three")]
    told = rows(record(turns=loose))
    assert [row.words for row in told] == ["one", "two", "three"]
    assert (told[1].place.since_ms, told[1].place.href) == (None, "")


def test_a_role_of_another_writer_is_kept_as_it_is_called() -> None:
    (row,) = rows(record(turns=[turn(0, 0, "supervisor", "listening")]))
    assert (row.who, row.look) == ("supervisor", "k-other")
