"""What is watched for, what is wrong now, what was, and whether anybody was told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callscope.alerts import history, reading
from callscope.alerts.incidents import Incident, Notice
from callscope.alerts.lookout import Lookout
from callscope.alerts.rule import DAY_MS, HOUR_MS, MINUTE_MS, Quiet, Rule, Rules, Target, Unit
from callscope.alerts.store import Delivered, Delivery, Seen, State
from callscope.report import figures
from callscope.web.alerting import Firing
from callscope.web.site import Site
from callscope.web.template import money, number, share

MOST: Final = 50
"""Incidents of the past on the page."""
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LOOKS: Final = {"critical": "bad", "warning": "warn", "info": ""}


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """An incident that goes on."""

    name: str
    key: str
    severity: str
    look: str
    words: str
    since_ms: int
    file: str
    """Of its rule; empty: there is one file alone."""
    told: int
    told_ms: int | None
    missed: tuple[str, ...]
    """Targets that do not have all that was told."""
    is_missed: bool
    """Whether these are all there are: nobody knows of it."""
    next_ms: int | None
    """When it is told again if it goes on; None: never."""
    link: str
    calls: tuple[tuple[str, str], ...]
    """Name and address of calls that show it."""


class RuleLine(msgspec.Struct, frozen=True, kw_only=True):
    """A rule, and what it said last."""

    name: str
    what: str
    where: str
    severity: str
    look: str
    state: str
    """``firing``, ``pending``, ``well``, ``not enough to tell``, ``not looked at yet``."""
    is_firing: bool
    value: str
    limit: str
    window: str
    since_ms: int | None
    next_ms: int | None
    quiet: str
    targets: tuple[str, ...]


class TargetLine(msgspec.Struct, frozen=True, kw_only=True):
    """A target, and what became of what was sent there."""

    name: str
    kind: str
    waiting: tuple[Delivery, ...]
    told: Delivered
    is_failing: bool
    next_ms: int | None
    """When what failed is sent again; None: nothing waits."""


class BookLine(msgspec.Struct, frozen=True, kw_only=True):
    """A file of rules."""

    file: str
    looked_ms: int | None
    """When its rules were last looked at; None: never."""
    rules: tuple[RuleLine, ...]
    targets: tuple[TargetLine, ...]


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """An incident that was told of."""

    name: str
    """Of its rule."""
    key: str
    severity: str
    look: str
    words: str
    since_ms: int
    over_ms: int | None
    """None: it goes on, or its end was not told."""
    is_going_on: bool
    told: int
    link: str
    calls: tuple[tuple[str, str], ...]
    is_test: bool


class AlertsPage(msgspec.Struct, frozen=True, kw_only=True):
    """What ``alerts.html`` shows."""

    rules_file: str
    has_rules: bool
    """Whether there is a file of rules that can be read."""
    lookout: Lookout | None
    is_watching: bool
    is_left_out: bool
    troubles: tuple[str, ...]
    firing: tuple[Line, ...]
    books: tuple[BookLine, ...]
    """Those that can be read, the one that is watched first."""
    past: tuple[Past, ...]
    past_total: int


def show(request: Request) -> Response:
    """``GET /alerts``."""
    site: Site = request.app.state.site
    return site.page(
        request,
        "alerts.html",
        page_of(site),
        title="Alerts",
        current="Alerts",
        live="index",
        styles=("alerts.css",),
    )


def page_of(site: Site) -> AlertsPage:
    """The page as it is now."""
    now_ms, alerting = site.now_ms(), site.alerting
    books, state_trouble = alerting.books()
    notices, history_trouble = alerting.notices()
    now = alerting.lookout
    is_watching = now is not None and now.is_watching(now_ms=now_ms)
    said = () if now is None or not is_watching else now.problems
    troubles = (*said, *(each for each in (state_trouble, history_trouble) if each))
    wrong = [book.trouble for book in books if book.trouble]
    wrong += (
        words for book in books if book.rules is not None for words in reading.troubles(book.rules.rules).values()
    )
    troubles = (*(each for each in wrong if not any(each in one for one in troubles)), *troubles)
    last = {each.incident: each for each in notices}
    firing = alerting.firing()
    stories = history.stories(notices)
    return AlertsPage(
        rules_file=str(alerting.rules_file),
        has_rules=any(book.rules is not None for book in books),
        lookout=now,
        is_watching=is_watching,
        is_left_out=alerting.is_left_out,
        troubles=troubles,
        firing=tuple(_line(each, last.values(), is_alone=len(books) == 1) for each in firing),
        books=tuple(_book(book.file, book.rules, book.state) for book in books if book.rules is not None),
        past=tuple(_past(story, firing) for story in stories[:MOST]),
        past_total=len(stories),
    )


def in_unit(value: float | None, unit: Unit) -> str:
    """A value as people read it."""
    if value is None:
        return figures.UNKNOWN
    match unit:
        case "usd":
            return money(value)
        case "ms":
            return figures.wait(value) if value < MINUTE_MS else figures.clock(value)
        case "share":
            return share(value)
        case "bytes":
            return figures.size(round(value))
        case "times":
            return f"{number(value)} times"
        case _:
            return number(value)


def limit(rule: Rule) -> str:
    """``at least 2.00 s``; with what is usual where that is asked for."""
    said = []
    if rule.threshold is not None:
        said.append(f"{rule.direction.replace('_', ' ')} {in_unit(rule.threshold, rule.unit)}")
    if rule.usual is not None:
        said.append(f"{_worse(rule.unit, rule.usual.worse_by)}in {length(rule.usual.baseline_ms)} before")
    return (" " if rule.unit == "times" else ", ").join(said)


def _worse(unit: str, worse_by: float) -> str:
    if unit == "times":
        return "the rate "
    by = f"{100 * worse_by:g} points " if unit == "share" else f"{share(worse_by, 0)} "
    return f"{by if worse_by else ''}worse than "


def length(length_ms: int) -> str:
    """``30 s``, ``15 min``, ``1 h``, ``7 d``."""
    for name, unit_ms in (("d", DAY_MS), ("h", HOUR_MS), ("min", MINUTE_MS)):
        if length_ms >= unit_ms and length_ms % unit_ms == 0:
            return f"{length_ms // unit_ms} {name}"
    return f"{length_ms / 1000:g} s"


def quiet_hours(quiet: Quiet | None) -> str:
    """``22:00 to 07:00 Europe/Berlin, Sat Sun``; empty: none."""
    if quiet is None:
        return ""

    def clock(minute: int) -> str:
        return f"{minute // 60:02}:{minute % 60:02}"

    days = "" if len(set(quiet.days)) == len(_DAYS) else ", " + " ".join(_DAYS[day] for day in quiet.days)
    return f"{clock(quiet.from_minute)} to {clock(quiet.to_minute)} {quiet.zone}{days}"


def address(link: str) -> str:
    """A page of this dashboard; empty: the link is none."""
    return link if link.startswith("/") and not link.startswith(("//", "/\\")) else ""


def _book(file: str, rules: Rules, state: State) -> BookLine:
    return BookLine(
        file=file,
        looked_ms=state.looked_ms,
        rules=tuple(_rule(rule, rules, state) for rule in rules.rules),
        targets=tuple(_target(target, state) for target in rules.targets),
    )


def _is_of(notice: Notice, incident: Incident) -> bool:
    return (notice.rule, notice.key, notice.since_ms) == (incident.rule, incident.key, incident.since_ms)


def _missed(firing: Firing) -> tuple[str, ...]:
    """Targets that did not get what was told of an incident, though it was tried."""
    state = firing.book.state
    tried = [(each.target, each.notice) for each in state.pending if each.error is not None]
    tried += ((each.target, each.notice) for each in state.lost)
    return tuple(dict.fromkeys(target for target, notice in tried if _is_of(notice, firing.incident)))


def _line(firing: Firing, notices: Iterable[Notice], *, is_alone: bool) -> Line:
    each, rule = firing.incident, firing.rule
    told = [one for one in notices if _is_of(one, each)]
    missed = _missed(firing)
    rules = firing.book.rules
    targets = set() if rule is None or rules is None else {target.name for target in rules.targets_of(rule)}
    severity = "not in the rules" if rule is None else rule.severity
    return Line(
        name=each.rule,
        key=each.key,
        severity=severity,
        look=_LOOKS.get(severity, "warn"),
        words=each.words,
        since_ms=each.since_ms,
        file="" if is_alone else firing.book.file,
        told=each.told,
        told_ms=each.told_ms,
        missed=missed,
        is_missed=bool(missed) and targets <= set(missed),
        next_ms=_next_ms(rule, each),
        link=address(told[-1].link) if told else "",
        calls=_calls(told[-1]) if told else (),
    )


def _next_ms(rule: Rule | None, incident: Incident) -> int | None:
    if rule is None or rule.repeat_ms is None or incident.told_ms is None or incident.state != "firing":
        return None
    return incident.told_ms + rule.repeat_ms


def _rule(rule: Rule, rules: Rules, state: State) -> RuleLine:
    seen = state.seen.get(rule.name)
    own = [each for each in state.incidents if each.rule == rule.name and each.state != "known"]
    firing = [each for each in own if each.state == "firing"]
    begun = min((each.since_ms for each in firing or own), default=None)
    nexts = [moment for each in firing if (moment := _next_ms(rule, each)) is not None]
    return RuleLine(
        name=rule.name,
        what=rule.shape.what,
        where=rule.where,
        severity=rule.severity,
        look=_LOOKS[rule.severity],
        state=_state(seen, firing=bool(firing), pending=bool(own)),
        is_firing=bool(firing),
        value=figures.UNKNOWN if seen is None else in_unit(seen.value, rule.unit),
        limit=limit(rule),
        window=_window(rule),
        since_ms=begun,
        next_ms=min(nexts, default=None),
        quiet=quiet_hours(rule.quiet),
        targets=tuple(target.name for target in rules.targets_of(rule)),
    )


def _window(rule: Rule) -> str:
    if rule.shape.only_now:
        return "now"
    if rule.kind == "budget":
        return "the budget's period"
    return f"last {length(rule.window_ms)}" if rule.per == "window" else f"this {rule.per}"


def _state(seen: Seen | None, *, firing: bool, pending: bool) -> str:
    if firing:
        return "firing"
    if seen is None:
        return "not looked at yet"
    if pending:
        return "holds, not for long enough yet"
    return "not enough to tell" if seen.holds is None else "well"


def _target(target: Target, state: State) -> TargetLine:
    told = state.delivered.get(target.name, Delivered())
    waiting = tuple(each for each in state.pending if each.target == target.name)
    last_failed = (told.last_error_ms or 0) > (told.last_sent_ms or 0)
    return TargetLine(
        name=target.name,
        kind=target.kind,
        waiting=waiting,
        told=told,
        is_failing=last_failed or any(each.error for each in waiting),
        next_ms=min((each.due_ms for each in waiting if each.error), default=None),
    )


def _past(story: history.Story, firing: Iterable[Firing]) -> Past:
    first, last = story.first, story.last
    goes_on = {(each.incident.rule, each.incident.key, each.incident.since_ms) for each in firing}
    return Past(
        name=first.rule,
        key=first.key,
        severity=first.severity,
        look=_LOOKS[first.severity],
        words=first.words,
        since_ms=first.since_ms,
        over_ms=last.at_ms if story.is_over else None,
        is_going_on=not story.is_over and (first.rule, first.key, first.since_ms) in goes_on,
        told=story.told,
        link=address(first.link),
        calls=_calls(first),
        is_test=first.test,
    )


def _calls(notice: Notice) -> tuple[tuple[str, str], ...]:
    return tuple((call.call_id, call.path) for call in notice.calls)


ROUTES: Final = (Route("/alerts", show),)
