"""Whether what a rule had to tell reached anybody, by the state of its file. Pure."""

from __future__ import annotations

import msgspec

from callscope.alerts.incidents import Notice
from callscope.alerts.rule import Rule
from callscope.alerts.store import Delivery, State


class Undelivered(msgspec.Struct, frozen=True, kw_only=True):
    """What a target did not get yet, or never will."""

    target: str
    notice: Notice
    """The last one."""
    waiting: int
    """Notices of the rule on their way there; 0: it was given up."""
    attempts: int = 0
    next_ms: int | None = None
    """When to try (again), in Unix milliseconds; None: never."""
    given_up_ms: int | None = None
    error: str | None = None
    """Why it did not arrive; None: nothing was tried yet. Not safe to print as it is."""


def undelivered(state: State, rule: Rule) -> tuple[Undelivered, ...]:
    """One a target that does not have all that the rule told."""
    waiting: dict[str, list[Delivery]] = {}
    for each in state.pending:
        if each.notice.rule == rule.name:
            waiting.setdefault(each.target, []).append(each)
    found = [_waiting(target, own) for target, own in waiting.items()]
    found += (
        Undelivered(target=lost.target, notice=lost.notice, waiting=0, given_up_ms=lost.at_ms, error=lost.error)
        for lost in state.lost
        if lost.notice.rule == rule.name and lost.target not in waiting
    )
    return tuple(found)


def last_told_ms(state: State, rule: Rule) -> int | None:
    """When somebody was last told of a rule, in Unix milliseconds; None: never, or not yet."""
    if rule.name in state.arrived:
        return state.arrived[rule.name]
    # A version before this did not write down what arrived: what is neither on its way nor lost did.
    seen = state.seen.get(rule.name)
    return None if seen is None or undelivered(state, rule) else seen.fired_ms


def _waiting(target: str, own: list[Delivery]) -> Undelivered:
    """Those of one target; at least one."""
    tried = [each for each in own if each.error is not None]
    first = min(tried or own, key=lambda each: each.due_ms)
    return Undelivered(
        target=target,
        notice=own[-1].notice,
        waiting=len(own),
        attempts=first.attempts,
        next_ms=first.due_ms,
        error=first.error,
    )
