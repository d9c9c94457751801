"""Rules of alerts and what they say, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.text import Text

from callscope.alerts.evaluate import amount, judge
from callscope.alerts.incidents import Notice
from callscope.alerts.reached import Undelivered, last_told_ms, undelivered
from callscope.alerts.reading import Past, trouble, troubles
from callscope.alerts.rehearsal import Rehearsal
from callscope.alerts.rule import Rule, Rules
from callscope.alerts.store import Seen, State
from callscope.cli.columns import Column, print_fact, print_line, render
from callscope.model.wire import format_ts
from callscope.report import figures
from callscope.report.safe_text import clean

_STYLES: Final = {"fired": "red", "repeated": "red", "resolved": "green", "firing": "red", "pending": "yellow"}
_WIDE: Final = 96
"""Characters from which there is room for a rule's kind beside its name; on a narrower terminal the name says more."""
_WIDTH: Final = len("2026-11-20 09:30  repeated  ")


def moment(at_ms: int | None) -> str | None:
    """As JSON has it."""
    return None if at_ms is None else format_ts(at_ms)


def listing(rules: Rules, state: State) -> dict[str, Any]:
    """The rules and where they stand, as JSON."""
    return {"file": rules.file, "rules": [_listed(rules, rule, state) for rule in rules.rules]}


def print_rules(console: Console, rules: Rules, state: State, *, now_ms: int) -> None:
    """A line a rule."""
    rows = [_listed(rules, rule, state) for rule in rules.rules]
    if not rows:
        line = f"There is no rule in {clean(rules.file)}: `callscope alerts init --file` writes some."
        print_line(console, Text(line))
        return
    seen = [state.seen.get(rule.name) for rule in rules.rules]
    narrow = console.is_terminal and console.width < _WIDE
    columns = [
        Column(name="RULE", cells=[Text(clean(row["name"])) for row in rows], left=True, cut=1),
        *([] if narrow else [Column(name="KIND", cells=[Text(row["kind"]) for row in rows], left=True)]),
        Column(name="SEVERITY", cells=[Text(row["severity"]) for row in rows], left=True),
        Column(
            name="STATE", cells=[Text(row["state"], style=_STYLES.get(row["state"], "")) for row in rows], left=True
        ),
        Column(
            name="VALUE",
            cells=[
                Text(figures.UNKNOWN if each is None else amount(each.value, rule.unit))
                for rule, each in zip(rules.rules, seen, strict=True)
            ],
        ),
        Column(name="LIMIT", cells=[Text(_limit(rule)) for rule in rules.rules]),
        Column(
            name="LAST TOLD",
            cells=[Text(_last_told(rule, state, now_ms)) for rule in rules.rules],
        ),
    ]
    render(console, columns)
    if not any(seen):
        line = "Nobody has looked at them yet: `callscope watch` does, and `callscope serve`."
        print_line(console, Text(line, style="dim"))
    for words in (*_waits(rules, state, now_ms), *(f"trouble: {each}" for each in troubles(rules.rules).values())):
        print_fact(console, "", clean(words), indent=0)


def _last_told(rule: Rule, state: State, now_ms: int) -> str:
    told_ms = last_told_ms(state, rule)
    is_missed = told_ms is None and any(each.error is not None for each in undelivered(state, rule))
    return "not yet" if is_missed else figures.short_moment(told_ms, now_ms=now_ms)


def _waits(rules: Rules, state: State, now_ms: int) -> list[str]:
    """What did not reach a target."""
    return [_wait(rule, each, now_ms) for rule in rules.rules for each in undelivered(state, rule)]


def _wait(rule: Rule, each: Undelivered, now_ms: int) -> str:
    why = "" if each.error is None else f": {each.error}"
    if each.next_ms is None:
        given_up = figures.short_moment(each.given_up_ms, now_ms=now_ms)
        return f"{rule.name}: not delivered to {each.target}, given up {given_up}{why}"
    again = "try" if each.error is None else "next try"
    when = figures.short_moment(each.next_ms, now_ms=now_ms) if each.next_ms > now_ms else "with the next look"
    many = f" ({figures.count(each.waiting, 'notice')})" if each.waiting > 1 else ""
    return f"{rule.name}: not delivered yet to {each.target}{many}, {again} {when}{why}"


def said(past: Past, rules: tuple[Rule, ...], at_ms: int) -> list[dict[str, Any]]:
    """What rules say at a moment, as JSON: without a state, so ``for`` and quiet hours are of no account."""
    return [
        {"rule": rule.name, "kind": rule.kind, "unit": rule.unit, **_plain(verdict)}
        for rule in rules
        for verdict in judge(rule, past.read(rule, at_ms))
    ]


def print_said(console: Console, verdicts: list[dict[str, Any]], *, at_ms: int) -> None:
    """Two lines a verdict."""
    for verdict in verdicts:
        word, style = {True: ("holds", "red"), False: ("well", "green"), None: ("unknown", "dim")}[verdict["holds"]]
        print_line(console, Text(f"{word:<8}", style=style).append(clean(verdict["rule"]), style="default"))
        print_fact(console, "  └", clean(verdict["words"] or figures.UNKNOWN), indent=4)
    if not verdicts:
        print_line(console, Text("No rule says anything."))
    print_line(console, Text(f"\nat {figures.moment(at_ms)}", style="dim"))


def rehearsed(
    found: Rehearsal, *, since_ms: int, until_ms: int, every_ms: int, problems: Iterable[str] = ()
) -> dict[str, Any]:
    """What would have been told, as JSON."""
    return {
        "since": moment(since_ms),
        "until": moment(until_ms),
        "every_ms": every_ms,
        "looks": found.looks,
        "notices": [_notice(notice) for notice in found.notices],
        "firing": [
            {"rule": incident.rule, "key": incident.key, "since": moment(incident.since_ms)}
            for incident in found.state.incidents
            if incident.state == "firing"
        ],
        "problems": list(problems),
    }


def print_notices(console: Console, found: Rehearsal, rules: tuple[Rule, ...], *, since_ms: int, until_ms: int) -> None:
    """What would have been told: two lines each, then how often each rule would have."""
    for notice in found.notices:
        at = figures.moment(notice.at_ms)[:16]
        line = Text(f"{at}  ").append(f"{notice.state:<8}", style=_STYLES[notice.state])
        print_line(console, line.append(f"  {clean(notice.rule)} ({notice.severity})"))
        shown = f" e.g. {', '.join(clean(call.call_id) for call in notice.calls)}" if notice.calls else ""
        print_fact(console, "  └", f"{clean(notice.words)}{shown}", indent=4)
    if found.notices:
        console.print()
    fired = {rule.name: 0 for rule in rules}
    for notice in found.notices:
        fired[notice.rule] += notice.state == "fired"
    columns = [
        Column(name="RULE", cells=[Text(clean(name)) for name in fired], left=True, cut=1),
        Column(name="FIRED", cells=[Text(f"{times:,}") for times in fired.values()]),
    ]
    if fired:
        render(console, columns)
    span = f"{figures.moment(since_ms)[:16]} to {figures.moment(until_ms)}"
    print_line(console, Text(f"\n{figures.count(found.looks, 'look')}, {span}; nobody was told", style="dim"))


def _listed(rules: Rules, rule: Rule, state: State) -> dict[str, Any]:
    seen = state.seen.get(rule.name)
    incidents = [each for each in state.incidents if each.rule == rule.name and each.state in {"pending", "firing"}]
    firing = [each for each in incidents if each.state == "firing"]
    return {
        "name": rule.name,
        "kind": rule.kind,
        "severity": rule.severity,
        "where": rule.where,
        "unit": rule.unit,
        "threshold": rule.threshold,
        "state": "firing" if firing else "pending" if incidents else _calm(seen),
        "value": None if seen is None else seen.value,
        "words": None if seen is None else seen.words,
        "looked": None if seen is None else moment(seen.at_ms),
        "last_told": moment(last_told_ms(state, rule)),
        "undelivered": [
            {
                "target": each.target,
                "notice": each.notice.id,
                "waiting": each.waiting,
                "attempts": each.attempts,
                "next_try": moment(each.next_ms),
                "given_up": moment(each.given_up_ms),
                "error": each.error,
            }
            for each in undelivered(state, rule)
        ],
        "firing_since": moment(min((each.since_ms for each in firing), default=None)),
        "targets": [target.name for target in rules.targets_of(rule)],
        "place": rule.place,
        "problem": trouble(rule),
    }


def _calm(seen: Seen | None) -> str:
    """The state of a rule without an incident."""
    if seen is None:
        return "unseen"
    return "unknown" if seen.holds is None else "well"


def _limit(rule: Rule) -> str:
    sign = "<" if rule.direction == "below" else "≥"
    if rule.threshold is None:
        return "usual"
    return f"{sign} {amount(rule.threshold, rule.unit)}"


def _plain(verdict: object) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(verdict)
    return fields


def _notice(notice: Notice) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(notice)
    fields["at"], fields["since"] = moment(fields.pop("at_ms")), moment(fields.pop("since_ms"))
    return fields
