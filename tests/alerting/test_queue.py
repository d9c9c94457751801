"""Notices on their way: at least once, in their order, with a delay that grows, and not for ever."""

from __future__ import annotations

from typing import Any

import pytest
from noticed import AT_MS, notice, target

from callscope.alerts import queue
from callscope.alerts.queue import Outcome, delay_ms, due, enqueue, settle
from callscope.alerts.store import Delivery, State

HOOK, CHAT = target("webhook", "hook"), target("apprise", "chat")


def names(found: tuple[Delivery, ...]) -> list[tuple[str, str]]:
    return [(each.target, each.notice.id) for each in found]


def failed(number: int = 1, **more: Any) -> Outcome:
    return Outcome(**{"notice": notice(number), "target": "hook", "error": "no", **more})


def test_a_notice_is_due_at_once_for_each_target() -> None:
    state = enqueue(State(), notice(), [HOOK, CHAT])

    assert names(due(state.pending, now_ms=AT_MS, busy=())) == [("hook", "notice-1"), ("chat", "notice-1")]


def test_a_notice_that_is_decided_again_is_not_sent_to_a_target_twice() -> None:
    state = enqueue(State(), notice(), [HOOK])

    assert names(enqueue(state, notice(), [HOOK, CHAT]).pending) == [("hook", "notice-1"), ("chat", "notice-1")]


def test_a_busy_target_waits_and_the_others_do_not() -> None:
    state = enqueue(State(), notice(), [HOOK, CHAT])

    assert names(due(state.pending, now_ms=AT_MS, busy={"hook"})) == [("chat", "notice-1")]


def test_an_end_waits_for_its_beginning_and_other_incidents_do_not() -> None:
    over = notice(2, incident="incident-1", state="resolved", at_ms=AT_MS + 1)
    state = State()
    for each in (notice(1), over, notice(3, at_ms=AT_MS + 2)):
        state = enqueue(state, each, [HOOK])
    state = settle(state, failed(), now_ms=AT_MS, jitter=0.5)

    assert names(due(state.pending, now_ms=AT_MS + 5, busy=())) == [("hook", "notice-3")]
    state = settle(state, failed(3, error=None), now_ms=AT_MS + 5, jitter=0.5)
    assert due(state.pending, now_ms=AT_MS + 6, busy=()) == ()
    assert names(due(state.pending, now_ms=AT_MS + 10_000, busy=())) == [("hook", "notice-1")]
    state = settle(state, failed(error=None), now_ms=AT_MS + 10_000, jitter=0.5)
    assert names(due(state.pending, now_ms=AT_MS + 10_000, busy=())) == [("hook", "notice-2")]


def test_the_delay_doubles_up_to_a_quarter_of_an_hour() -> None:
    assert [delay_ms(attempts, jitter=0.5) // 1000 for attempts in range(1, 10)] == [
        10, 20, 40, 80, 160, 320, 640, 900, 900,
    ]  # fmt: skip
    assert delay_ms(10**9, jitter=0.5) == 900_000


@pytest.mark.parametrize(("jitter", "expected_ms"), [(0.0, 7_500), (0.5, 10_000), (1.0, 12_500)])
def test_delays_are_spread_by_a_quarter_to_both_sides(jitter: float, expected_ms: int) -> None:
    assert delay_ms(1, jitter=jitter) == expected_ms


def test_a_receiver_may_ask_for_more_time_but_not_for_ever() -> None:
    assert delay_ms(1, jitter=0.5, asked_ms=60_000) == 60_000
    assert delay_ms(1, jitter=0.5, asked_ms=1_000) == 10_000
    assert delay_ms(1, jitter=0.5, asked_ms=10**12) == 3_600_000


def test_what_fails_is_counted_and_says_why() -> None:
    state = settle(enqueue(State(), notice(), [HOOK]), failed(), now_ms=AT_MS, jitter=0.5)

    (waiting,) = state.pending
    assert (waiting.attempts, waiting.error, waiting.due_ms) == (1, "no", AT_MS + 10_000)
    assert (state.delivered["hook"].failed, state.delivered["hook"].last_error) == (1, "no")


def test_what_arrives_is_counted_and_gone() -> None:
    state = settle(enqueue(State(), notice(), [HOOK]), failed(error=None), now_ms=AT_MS + 3, jitter=0.5)

    assert state.pending == ()
    assert (state.delivered["hook"].sent, state.delivered["hook"].last_sent_ms) == (1, AT_MS + 3)


def test_a_refusal_is_not_tried_again() -> None:
    state = settle(enqueue(State(), notice(), [HOOK]), failed(is_final=True), now_ms=AT_MS, jitter=0.5)

    assert state.pending == ()
    assert (state.delivered["hook"].given_up, state.delivered["hook"].failed) == (1, 1)


@pytest.mark.parametrize("outcome", [failed(is_final=True), failed(error="late")])
def test_what_is_given_up_is_lost_until_a_later_notice_of_the_rule_arrives_there(outcome: Outcome) -> None:
    late_ms = AT_MS + queue.GIVE_UP_MS
    lost = settle(enqueue(State(), notice(), [HOOK, CHAT]), outcome, now_ms=late_ms, jitter=0.5)
    elsewhere = settle(lost, failed(error=None, target="chat"), now_ms=late_ms, jitter=0.5)
    arrived = settle(enqueue(elsewhere, notice(2), [HOOK]), failed(2, error=None), now_ms=late_ms + 1, jitter=0.5)

    assert [(each.target, each.error) for each in lost.lost] == [("hook", outcome.error)]
    assert lost.arrived == {}
    assert [each.target for each in elsewhere.lost] == ["hook"]
    assert elsewhere.arrived == {"slow answers": late_ms}
    assert arrived.lost == ()
    assert arrived.arrived == {"slow answers": late_ms + 1}


def test_a_notice_is_given_up_with_the_first_failure_after_a_day() -> None:
    state = enqueue(State(), notice(), [HOOK])
    just_before = settle(state, failed(), now_ms=AT_MS + queue.GIVE_UP_MS - 1, jitter=0.5)
    after = settle(just_before, failed(), now_ms=AT_MS + queue.GIVE_UP_MS, jitter=0.5)

    assert len(just_before.pending) == 1
    assert after.pending == ()
    assert after.delivered["hook"].given_up == 1


def test_an_outcome_of_a_delivery_that_is_gone_changes_nothing() -> None:
    assert settle(State(), failed(), now_ms=AT_MS, jitter=0.5) == State()


def test_deliveries_to_a_target_that_left_the_file_are_given_up() -> None:
    state = enqueue(State(), notice(), [HOOK, CHAT])

    state = queue.drop_unknown(state, {"chat"}, now_ms=AT_MS)

    assert names(state.pending) == [("chat", "notice-1")]
    assert state.delivered["hook"].given_up == 1


def test_the_queue_of_one_target_is_bounded_and_the_oldest_go() -> None:
    state = State()
    for number in range(queue.MOST_WAITING + 3):
        state = enqueue(state, notice(number), [HOOK])

    assert len(state.pending) == queue.MOST_WAITING
    assert state.pending[0].notice.id == "notice-3"
    assert state.delivered["hook"].given_up == 3
