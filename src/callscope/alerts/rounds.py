"""One look at a rule: what it reads, what that means, what is told of it."""

from __future__ import annotations

import msgspec

from callscope.alerts.evaluate import Verdict, judge
from callscope.alerts.incidents import Incident, Notice, step
from callscope.alerts.reading import Past
from callscope.alerts.rule import Rule, Rules
from callscope.alerts.store import Seen, State


def look_at(past: Past, rule: Rule, state: State, at_ms: int) -> tuple[State, tuple[Notice, ...]]:
    """The state after a look at a rule, and what is to be told.

    Args:
        past: the archive, with that moment in it.
        rule: one of the file.
        state: where alerts stand; its incidents of other rules stay as they are.
        at_ms: Unix milliseconds; never earlier than that of the look before.

    Raises:
        CallscopeError: the rule cannot be looked at; says why.
    """
    reading = past.read(rule, at_ms)
    verdicts = judge(rule, reading)
    own = {incident.key: incident for incident in state.incidents if incident.rule == rule.name}
    after, notices = step(rule, own, verdicts, at_ms, by_parts=reading.by_parts)
    others = tuple(incident for incident in state.incidents if incident.rule != rule.name)
    told = tuple(_with_calls(past, notice) for notice in notices)
    seen = _seen(state.seen.get(rule.name), reading.value, verdicts, after, told, at_ms)
    return (
        msgspec.structs.replace(state, incidents=(*others, *after.values()), seen={**state.seen, rule.name: seen}),
        told,
    )


def forget(state: State, rules: Rules) -> State:
    """The state of a file without what is of rules that are no more in it."""
    names = {rule.name for rule in rules.rules}
    there = {*state.seen, *state.arrived, *(each.rule for each in state.incidents)}
    there.update(each.notice.rule for each in state.lost)
    if names >= there:
        return state
    return msgspec.structs.replace(
        state,
        incidents=tuple(incident for incident in state.incidents if incident.rule in names),
        seen={name: seen for name, seen in state.seen.items() if name in names},
        arrived={name: at_ms for name, at_ms in state.arrived.items() if name in names},
        lost=tuple(each for each in state.lost if each.notice.rule in names),
    )


def _with_calls(past: Past, notice: Notice) -> Notice:
    if not notice.where or notice.state == "resolved":
        return notice
    return msgspec.structs.replace(notice, calls=past.shown(notice.where))


def _seen(
    before: Seen | None,
    value: float | None,
    verdicts: tuple[Verdict, ...],
    incidents: dict[str, Incident],
    told: tuple[Notice, ...],
    at_ms: int,
) -> Seen:
    firing = sum(incident.state == "firing" for incident in incidents.values())
    worst = max(verdicts, key=lambda verdict: (verdict.holds is True, verdict.value or 0), default=None)
    fired_ms = before.fired_ms if before is not None else None
    return Seen(
        at_ms=at_ms,
        value=value if worst is None else worst.value,
        holds=bool(firing) if worst is None else worst.holds,
        words="" if worst is None else worst.words,
        fired_ms=at_ms if any(notice.state == "fired" for notice in told) else fired_ms,
    )
