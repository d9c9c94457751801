"""Rules over the past: what would have been told, and when. Nothing is kept, nobody is told."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from callscope.alerts.incidents import Notice
from callscope.alerts.reading import Past
from callscope.alerts.rounds import look_at
from callscope.alerts.rule import Rule
from callscope.alerts.store import State


class Rehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    notices: tuple[Notice, ...]
    """In the order of time."""
    state: State
    """As it is after the last look."""
    looks: int


def moments(since_ms: int, until_ms: int, every_ms: int) -> range:
    """When to look: from the first moment on, and not after the last."""
    return range(since_ms, until_ms + 1, every_ms)


def rehearse(past: Past, rules: Iterable[Rule], looks: Iterable[int]) -> Rehearsal:
    """Look at each rule at each moment, as if nothing had been told before.

    Raises:
        CallscopeError: a rule cannot be looked at; says why.
    """
    moments_ms, wanted, notices, state = list(looks), list(rules), list[Notice](), State()
    for rule in wanted:
        of_rule = State()
        for at_ms in moments_ms:
            of_rule, told = look_at(past, rule, of_rule, at_ms)
            notices += told
        state = msgspec.structs.replace(
            state, incidents=(*state.incidents, *of_rule.incidents), seen={**state.seen, **of_rule.seen}
        )
    ordered = sorted(notices, key=lambda notice: notice.at_ms)
    return Rehearsal(notices=tuple(ordered), state=state, looks=len(moments_ms))
