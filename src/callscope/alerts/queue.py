"""Notices on their way: what is sent next, and what becomes of a delivery that failed. Pure; the state is on disk.

A notice is in the state before anybody is told, and leaves it when it was delivered: it is sent at least once. To one
target one notice goes at a time, so that a receiver in trouble is not stormed; those of one incident in their order, so
that nobody hears of an end before its beginning. An incident whose notice fails does not hold up the others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

import msgspec

from callscope.alerts.incidents import Notice
from callscope.alerts.rule import Target
from callscope.alerts.store import Delivered, Delivery, Lost, State

FIRST_DELAY_MS: Final = 10_000
MOST_DELAY_MS: Final = 15 * 60_000
MOST_ASKED_MS: Final = 3_600_000
"""Of the delay that a receiver may ask for."""
GIVE_UP_MS: Final = 24 * 3_600_000
"""Age of a notice from which a failure is the last one."""
MOST_WAITING: Final = 1_000
"""Deliveries to one target; beyond it the oldest go, counted as given up."""
_JITTER: Final = 0.25


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one attempt."""

    notice: Notice
    target: str
    error: str | None = None
    """Why it did not arrive; None: it did."""
    is_final: bool = False
    retry_after_ms: int | None = None


def enqueue(state: State, notice: Notice, targets: Iterable[Target]) -> State:
    """The state with a notice on its way to targets, due at once. One that is on its way already is not added again."""
    there = {(each.notice.id, each.target) for each in state.pending}
    more = tuple(
        Delivery(notice=notice, target=target.name, due_ms=notice.at_ms)
        for target in targets
        if (notice.id, target.name) not in there
    )
    state = msgspec.structs.replace(state, pending=(*state.pending, *more))
    for target in {each.target for each in more}:
        waiting = [each for each in state.pending if each.target == target]
        for oldest in waiting[: max(0, len(waiting) - MOST_WAITING)]:
            state = _given_up(state, oldest, f"more than {MOST_WAITING} notices waited for it", at_ms=notice.at_ms)
    return state


def due(pending: Iterable[Delivery], *, now_ms: int, busy: Collection[str]) -> tuple[Delivery, ...]:
    """What to send now: one for each target that is not ``busy``, the one that is due for longest."""
    found: dict[str, Delivery] = {}
    begun: set[tuple[str, str]] = set()
    for each in pending:
        of_incident = (each.target, each.notice.incident)
        is_first = of_incident not in begun
        begun.add(of_incident)
        if not is_first or each.target in busy or each.due_ms > now_ms:
            continue
        if each.target not in found or each.due_ms < found[each.target].due_ms:
            found[each.target] = each
    return tuple(found.values())


def next_due_ms(pending: Iterable[Delivery], *, busy: Collection[str]) -> int | None:
    """When the next delivery is due; None: none waits for the time."""
    return min((each.due_ms for each in pending if each.target not in busy), default=None)


def settle(state: State, outcome: Outcome, *, now_ms: int, jitter: float) -> State:
    """The state after an attempt.

    Args:
        state: before it.
        outcome: what became of it; of a delivery that is not in the state, nothing changes.
        now_ms: Unix milliseconds.
        jitter: from 0 to 1: where in its range the next delay is, so that many senders do not come back at once.
    """
    for each in state.pending:
        if each.notice.id == outcome.notice.id and each.target == outcome.target:
            return _settled(state, each, outcome, now_ms=now_ms, jitter=jitter)
    return state


def drop_unknown(state: State, targets: Collection[str], *, now_ms: int) -> State:
    """The state without deliveries to targets that are no longer in the file, counted as given up."""
    for each in state.pending:
        if each.target not in targets:
            state = _given_up(state, each, "there is no such target any more", at_ms=now_ms)
    return state


def delay_ms(attempts: int, *, jitter: float, asked_ms: int | None = None) -> int:
    """How long to wait after so many failed attempts: doubled each time up to a quarter of an hour, give or take."""
    own = min(MOST_DELAY_MS, FIRST_DELAY_MS << min(attempts - 1, 30))
    own = round(own * (1 + _JITTER * (2 * jitter - 1)))
    return max(own, min(asked_ms or 0, MOST_ASKED_MS))


def _settled(state: State, each: Delivery, outcome: Outcome, *, now_ms: int, jitter: float) -> State:
    told = state.delivered.get(each.target, Delivered())
    if outcome.error is None:
        told = msgspec.structs.replace(told, sent=told.sent + 1, last_sent_ms=now_ms)
        return _arrived(_without(state, each, told), each, at_ms=now_ms)
    told = msgspec.structs.replace(told, failed=told.failed + 1, last_error=outcome.error, last_error_ms=now_ms)
    if outcome.is_final or now_ms - each.notice.at_ms >= GIVE_UP_MS:
        told = msgspec.structs.replace(told, given_up=told.given_up + 1)
        return _lost(_without(state, each, told), each, outcome.error, at_ms=now_ms)
    attempts = each.attempts + 1
    later = msgspec.structs.replace(
        each,
        attempts=attempts,
        error=outcome.error,
        due_ms=now_ms + delay_ms(attempts, jitter=jitter, asked_ms=outcome.retry_after_ms),
    )
    pending = tuple(later if one is each else one for one in state.pending)
    return msgspec.structs.replace(state, pending=pending, delivered={**state.delivered, each.target: told})


def _given_up(state: State, each: Delivery, why: str, *, at_ms: int) -> State:
    told = state.delivered.get(each.target, Delivered())
    told = msgspec.structs.replace(told, given_up=told.given_up + 1, last_error=why, last_error_ms=at_ms)
    return _lost(_without(state, each, told), each, why, at_ms=at_ms)


def _arrived(state: State, each: Delivery, *, at_ms: int) -> State:
    return msgspec.structs.replace(
        state,
        arrived={**state.arrived, each.notice.rule: at_ms},
        lost=tuple(lost for lost in state.lost if not _is_of(lost, each)),
    )


def _lost(state: State, each: Delivery, why: str, *, at_ms: int) -> State:
    others = tuple(lost for lost in state.lost if not _is_of(lost, each))
    lost = Lost(notice=each.notice, target=each.target, at_ms=at_ms, error=why)
    return msgspec.structs.replace(state, lost=(*others, lost))


def _is_of(lost: Lost, each: Delivery) -> bool:
    return (lost.notice.rule, lost.target) == (each.notice.rule, each.target)


def _without(state: State, each: Delivery, told: Delivered) -> State:
    pending = tuple(one for one in state.pending if one is not each)
    return msgspec.structs.replace(state, pending=pending, delivered={**state.delivered, each.target: told})
