from __future__ import annotations

from typing import Any

import pytest
from timeline_script import START, agent, at, caller, fold_of

from callscope.model.event import Event
from callscope.model.turn import Turn
from callscope.timeline.fold import Fold
from callscope.timeline.outcome import Outcome, decide, describe_error

GREETING = [at(0, "client_connected"), at(100, "tts_started"), at(300, "tts_first_audio"), *agent(400, 2000)]
HANG_UP = [at(20_000, "client_disconnected")]


def verdict(events: list[Event], **given: Any) -> Outcome:
    fold = fold_of(events)
    fold.finish(START + 30_000)
    return decide(fold.facts, **{"status": None, "error": None, "reason": None, **given})


def test_a_call_that_was_heard_and_answered_is_completed() -> None:
    outcome = verdict([*GREETING, *caller(3000, 4000), *agent(4800, 6000), *HANG_UP])
    assert outcome == Outcome(status="completed", error=None, reason="the caller hung up")


def test_an_explicit_status_is_honoured() -> None:
    silent = [*caller(0, 1000), at(1200, "tts_started"), *HANG_UP]
    assert verdict(silent, status="completed", reason="done").status == "completed"
    assert verdict(GREETING, status="no_answer", reason="nobody there") == Outcome(
        status="no_answer", error=None, reason="nobody there"
    )


def test_an_explicit_failure_without_words_gets_the_words_that_are_known() -> None:
    events = [*GREETING, at(2500, "error", message="connection refused", recovered=False)]
    assert verdict(events, status="failed").error == "connection refused"


def test_an_error_without_a_status_is_a_failure() -> None:
    assert verdict(GREETING, error="ValueError: no") == Outcome(
        status="failed", error="ValueError: no", reason="the call ended"
    )


def test_a_call_whose_synthesis_gave_no_sound_failed() -> None:
    requests = [
        event
        for n in range(3)
        for event in (
            at(1000 * n, "tts_started", request_id=str(n)),
            at(1000 * n + 500, "error", message=f"401 number {n}", stage="tts", recovered=True),
        )
    ]
    outcome = verdict([at(0, "client_connected"), *requests, *HANG_UP])
    assert outcome.status == "failed"
    assert outcome.error == (
        "the caller heard nothing: 3 replies were synthesized without sound; last error: 401 number 2"
    )


def test_synthesis_that_failed_throughout_is_a_failure_also_when_a_jingle_was_heard() -> None:
    events = [*agent(100, 900), at(1000, "tts_started"), at(1500, "error", message="quota", stage="tts"), *HANG_UP]
    outcome = verdict(events)
    assert outcome.status == "failed"
    assert outcome.error == "speech synthesis failed throughout: its only request gave no sound; last error: quota"
    outcome = verdict([*events[:-1], at(1600, "tts_started"), *HANG_UP])
    assert outcome.error == "speech synthesis failed throughout: none of 2 requests gave sound; last error: quota"


def test_sound_that_was_synthesized_and_never_played_was_not_heard() -> None:
    events = [*caller(0, 1000), at(1200, "tts_first_audio"), at(1500, "agent_stopped_speaking"), *HANG_UP]
    outcome = verdict(events)
    assert outcome.status == "failed"
    assert outcome.error == "the caller heard nothing: sound was synthesized and never played"


def test_an_agent_that_never_answers_a_caller_failed() -> None:
    outcome = verdict([*caller(0, 1000), *HANG_UP])
    assert outcome == Outcome(
        status="failed", error="the caller heard nothing: the agent never answered", reason="the caller hung up"
    )


def test_a_call_in_which_nothing_was_answered_but_the_greeting_failed_if_there_were_errors() -> None:
    events = [*GREETING, *caller(3000, 4000), at(4500, "error", message="401", stage="llm", recovered=False), *HANG_UP]
    assert verdict(events).error == "nothing that the caller said was answered; last error: 401"
    assert verdict([*GREETING, *caller(3000, 4000), *HANG_UP]).status == "completed"


def test_recovered_errors_and_repeated_causes_do_not_fail_a_call() -> None:
    events = [
        *GREETING,
        at(2500, "error", message="timeout", recovered=True, fatal=True),
        at(2600, "error", message="timeout again", duplicate_of="e1", fatal=True),
        *HANG_UP,
    ]
    assert verdict(events).status == "completed"
    assert fold_of(events).facts.errors == 1


def test_a_fatal_error_at_the_end_fails_a_call() -> None:
    events = [
        *GREETING,
        *caller(3000, 4000),
        *agent(4800, 6000),
        at(7000, "error", message="out of memory", fatal=True),
    ]
    assert verdict(events).error == "a fatal error ended the conversation: out of memory"


def test_a_fatal_error_after_which_the_agent_was_heard_is_over() -> None:
    events = [*GREETING, at(2500, "error", message="lost", fatal=True), *caller(3000, 4000), *agent(4800, 6000)]
    assert verdict(events).status == "completed"


def test_an_error_whose_words_were_kept_off_the_disk_is_told_by_its_kind() -> None:
    events = [*GREETING, at(2500, "error", message=None, exception_type="TimeoutError", fatal=True)]
    assert verdict(events).error == "a fatal error ended the conversation: TimeoutError"


def test_a_caller_who_hangs_up_before_anybody_spoke_canceled() -> None:
    assert verdict([at(0, "client_connected"), *HANG_UP]).status == "canceled"
    assert verdict([at(0, "client_connected")]).status == "completed"


def test_a_call_that_says_nothing_about_sound_is_completed() -> None:
    fold = Fold(started_at_ms=START)
    fold.turn(Turn(ts_ms=START, turn_index=0, role="user", text="hello"))
    fold.turn(Turn(ts_ms=START + 900, turn_index=1, role="assistant", text="hello"))
    fold.event(at(2000, "client_disconnected"))
    fold.finish(None)
    assert decide(fold.facts, status=None, error=None, reason=None).status == "completed"
    assert verdict([]).status == "completed"


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ([], "the call ended"),
        ([at(0, "client_disconnected", reason="websocket 1006")], "the caller hung up"),
        ([at(0, "call_ended", initiator="caller")], "the caller hung up"),
        ([at(0, "call_ended", initiator="agent"), at(50, "client_disconnected")], "the agent ended the call"),
        ([at(0, "call_ended", initiator="system", reason="idle timeout")], "the system ended the call: idle timeout"),
        ([at(0, "call_ended", reason="goodbye")], "goodbye"),
        ([at(0, "client_disconnected"), at(50, "call_ended", initiator="system")], "the caller hung up"),
    ],
)
def test_the_reason_is_always_in_words(events: list[Event], reason: str) -> None:
    assert verdict(events).reason == reason


def test_a_caller_who_came_back_did_not_hang_up() -> None:
    events = [*GREETING, at(3000, "client_disconnected"), at(4000, "client_connected"), at(9000, "call_ended")]
    assert verdict(events).reason == "the call ended"


def failed(ms: int, error_id: str, message: str, **more: Any) -> Event:
    return at(ms, "error", error_id=error_id, message=message, stage="llm", **more)


def recovered(ms: int, error_id: str) -> Event:
    return at(ms, "error_recovered", error_id=error_id, stage="llm", after_ms=500)


def test_an_error_that_a_later_event_calls_recovered_is_open_no_longer() -> None:
    events = [failed(100, "e1", "first"), failed(200, "e2", "second"), recovered(900, "e2")]
    facts = fold_of(events).facts
    assert (facts.errors, facts.errors_unrecovered, facts.errors_recovered) == (2, 1, 1)
    assert facts.last_error == "first"
    facts = fold_of([*events, recovered(1000, "e1")]).facts
    assert (facts.errors, facts.errors_unrecovered, facts.errors_recovered) == (2, 0, 2)
    assert facts.last_error is None


def test_a_call_is_not_blamed_on_an_error_that_was_got_over() -> None:
    errors = [failed(4500, "e1", "401"), recovered(5000, "e1")]
    unanswered = [*GREETING, *caller(3000, 4000), *errors, *HANG_UP]
    assert verdict(unanswered).status == "completed"
    assert verdict(unanswered, status="failed").error is None


def test_a_fatal_error_that_was_got_over_ends_no_call() -> None:
    events = [*GREETING, failed(2500, "e1", "lost", fatal=True), recovered(3000, "e1")]
    assert verdict(events).status == "completed"


def test_a_recovery_counts_once_and_only_for_an_error_that_is_known() -> None:
    events = [
        failed(100, "e1", "first", recovered=True),
        failed(200, "e2", "again", duplicate_of="e1"),
        failed(300, "e3", "third"),
        *(recovered(ms, error_id) for ms, error_id in ((400, "e1"), (500, "e2"), (600, "e3"), (700, "e3"))),
        at(800, "error_recovered", error_id=None),
        at(900, "error_recovered"),
    ]
    facts = fold_of(events).facts
    assert (facts.errors, facts.errors_unrecovered, facts.errors_recovered) == (2, 0, 2)


def test_of_errors_without_end_a_bounded_number_is_remembered() -> None:
    facts = fold_of(failed(ms, f"e{ms}", "no" * 1000) for ms in range(5000)).facts
    assert (facts.errors, facts.errors_unrecovered) == (5000, 5000)
    assert len(facts.open_errors) == 64


def test_an_error_of_an_unknown_kind_is_called_by_its_code() -> None:
    assert describe_error({"error_code": "timeout", "category": "unknown"}) == "timeout"
    assert describe_error({"error_code": "504", "category": "timeout"}) == "timeout"
    assert describe_error({"category": "unknown"}) == "an error without a message"
