"""What begins, goes on and ends: verdicts one after the other become notices. Pure.

An incident is of a rule and a key: empty for most kinds, the fingerprint for errors, the name for budgets. It is
``pending`` while it holds for less than the rule's ``for``, ``firing`` from then on, and gone when it has not held for
``recover_for``; of a new error, ``known`` from then on, and never told again. A verdict that cannot tell changes
nothing.

In quiet hours nobody is told, and the state goes on. At their end what fires and was not told is told; what began and
ended in them is never told; an end is told then, if the beginning was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Final, Literal

import msgspec

from callscope.alerts.evaluate import Shown, Verdict
from callscope.alerts.quiet import is_quiet
from callscope.alerts.rule import Rule, Severity, Unit

NoticeState = Literal["fired", "repeated", "resolved"]
IncidentState = Literal["pending", "firing", "over", "known"]
"""``over``: it ended in quiet hours, and that is to be told at their end."""
Incidents = Mapping[str, "Incident"]
"""Of one rule, by key."""

_MOST_KNOWN: Final = 10_000
"""New errors of a rule that are remembered; the oldest are forgotten."""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What people are told: that an incident began, goes on, or is over. It is the same whenever it is sent."""

    id: str
    """The same for the same notice, also when it is sent twice."""
    incident: str
    """The same for all notices of one incident."""
    rule: str
    kind: str
    key: str
    """What of the rule: a fingerprint, a budget's name; mostly empty."""
    state: NoticeState
    severity: Severity
    at_ms: int
    """When it was decided, in Unix milliseconds."""
    since_ms: int
    """When the incident began to hold."""
    value: float | None
    unit: Unit
    threshold: float | None
    words: str
    """One sentence for people. May hold words of errors: not safe to print as it is."""
    where: str
    """The query that shows it, with its time."""
    calls: tuple[Shown, ...] = ()
    link: str = ""
    """A page of the dashboard, as a path with its query: ``/calls?q=...``."""
    test: bool = False
    """Nothing happened: somebody tries whether notices arrive."""


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """Where one of a rule's incidents stands."""

    rule: str
    key: str
    state: IncidentState
    since_ms: int
    """When it began to hold."""
    fired_ms: int | None = None
    """When it was decided that it fires; None before."""
    told_ms: int | None = None
    """When it was last told; None: not yet, quiet hours hold it back."""
    told: int = 0
    """How often."""
    well_since_ms: int | None = None
    """Since when it has not held, while it fires."""
    value: float | None = None
    """The last known, as with the next two."""
    threshold: float | None = None
    words: str = ""
    where: str = ""
    """The query that shows it, when it last held; so with the page."""
    link: str = ""


def step(
    rule: Rule, incidents: Incidents, verdicts: Iterable[Verdict], at_ms: int, *, by_parts: bool = False
) -> tuple[dict[str, Incident], tuple[Notice, ...]]:
    """What a rule's incidents become by what it says at a moment, and what is to be told of it.

    Args:
        rule: whose verdicts they are.
        incidents: where they stand; left as it is.
        verdicts: one a key.
        at_ms: Unix milliseconds; never earlier than in the step before.
        by_parts: a key without a verdict does not hold any more; else nothing is known of it.
    """
    said = {verdict.key: verdict for verdict in verdicts}
    found: dict[str, Incident] = {}
    notices: list[Notice] = []
    for key in dict.fromkeys((*incidents, *said)):
        verdict = said.get(key) or Verdict(key=key, holds=False if by_parts else None)
        after, state = _step(rule, incidents.get(key), verdict, at_ms)
        if state is not None and after is not None:
            notices.append(_notice(rule, after, state, at_ms))
            after = msgspec.structs.replace(after, told=after.told + 1, told_ms=at_ms)
            if state == "resolved":
                after = _ended(rule, after)
        if after is not None:
            found[key] = after
    return _bounded(found), tuple(notices)


def _step(rule: Rule, was: Incident | None, verdict: Verdict, at_ms: int) -> tuple[Incident | None, NoticeState | None]:
    """The incident after a verdict, and what is to be told, if anything."""
    now = _after(rule, was, verdict, at_ms)
    if now is None or now.state in {"pending", "known"} or is_quiet(rule.quiet, at_ms):
        return now, None
    if now.state == "over":
        return now, "resolved"
    if now.told_ms is None:
        return now, "fired"
    is_due = rule.repeat_ms is not None and at_ms - now.told_ms >= rule.repeat_ms
    return now, "repeated" if is_due and now.well_since_ms is None else None


def _after(rule: Rule, was: Incident | None, verdict: Verdict, at_ms: int) -> Incident | None:
    if was is not None and was.state == "known":
        return was
    if verdict.holds is None:
        return was
    if not verdict.holds:
        return None if was is None else _well(rule, was, verdict, at_ms)
    if was is None:
        was = Incident(rule=rule.name, key=verdict.key, state="pending", since_ms=at_ms)
    if was.state == "over":  # it came back before its end was told: it goes on
        was = msgspec.structs.replace(was, state="firing")
    fires = was.state == "firing" or at_ms - was.since_ms >= rule.for_ms
    return msgspec.structs.replace(
        was,
        state="firing" if fires else "pending",
        fired_ms=was.fired_ms if was.fired_ms is not None or not fires else at_ms,
        well_since_ms=None,
        value=verdict.value,
        threshold=verdict.threshold,
        words=verdict.words,
        where=verdict.where,
        link=verdict.link,
    )


def _well(rule: Rule, was: Incident, verdict: Verdict, at_ms: int) -> Incident | None:
    """It does not hold at this moment."""
    if was.state == "pending":
        return None
    since_ms = at_ms if was.well_since_ms is None else was.well_since_ms
    now = msgspec.structs.replace(was, well_since_ms=since_ms)
    if verdict.words:
        now = msgspec.structs.replace(now, value=verdict.value, threshold=verdict.threshold, words=verdict.words)
    if was.state == "over" or at_ms - since_ms < rule.recover_for_ms:
        return now
    if now.told_ms is None:  # a new error stays to be told when the quiet ends: it is not new then, and matters
        return now if rule.kind == "new_error" else None
    return msgspec.structs.replace(now, state="over")


def _ended(rule: Rule, incident: Incident) -> Incident | None:
    """What is left of it."""
    return msgspec.structs.replace(incident, state="known") if rule.kind == "new_error" else None


def _bounded(incidents: dict[str, Incident]) -> dict[str, Incident]:
    known = [key for key, incident in incidents.items() if incident.state == "known"]
    for key in known[: max(0, len(known) - _MOST_KNOWN)]:
        del incidents[key]
    return incidents


def _notice(rule: Rule, incident: Incident, state: NoticeState, at_ms: int) -> Notice:
    name = _digest(rule.name, incident.key, str(incident.since_ms))
    is_known = state == "resolved" and rule.kind == "new_error"
    return Notice(
        id=_digest(name, state, str(incident.told)),
        incident=name,
        rule=rule.name,
        kind=rule.kind,
        key=incident.key,
        state=state,
        severity=rule.severity,
        at_ms=at_ms,
        since_ms=incident.since_ms,
        value=incident.value,
        unit=rule.unit,
        threshold=incident.threshold,
        words=f"Not new any more: {incident.words}" if is_known else incident.words,
        where=incident.where,
        link=incident.link,
    )


def _digest(*parts: str) -> str:
    return blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
