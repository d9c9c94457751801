"""What goes wrong: errors that are the same but for their details, and each such group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callscope.errors import NotFoundError, SettingError
from callscope.index.calls import CallRow
from callscope.index.error_groups import ErrorGroup
from callscope.index.periods import DAY_MS, HOUR_MS, start_of
from callscope.model import wire
from callscope.query.query import CallQuery, Term
from callscope.report import error_states as states
from callscope.web.asked import RANGES, Asked
from callscope.web.charts.axis import Scale, linear_scale
from callscope.web.charts.bars import Bar, length, stacked
from callscope.web.charts.time_axis import TimeAxis, time_axis
from callscope.web.charts.words import short_number
from callscope.web.rows import CALLS, literal, narrowed, rows
from callscope.web.site import Site

SORTS: Final = {"last": "Last seen", "count": "Count", "first": "First seen"}
MOST: Final = 200
"""Groups on the page."""
_CALLS: Final = 50
_MOST_VALUES: Final = 8
_STACKS: Final = 20
"""Errors of a group among which a stack is looked for."""
_FROM: Final = f"FROM error AS e CROSS JOIN {CALLS} WHERE c.id = e.call AND e.call {{numbers}}"
_WHEN: Final = "ifnull(e.ts_ms, c.started_at_ms)"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A group in the list."""

    group: ErrorGroup
    """Of one that is gone, of the time before."""
    known: states.Line
    """How often, and what became of it."""
    spark: tuple[Bar, ...]
    address: str


class Errors(msgspec.Struct, frozen=True, kw_only=True):
    """What ``errors.html`` shows."""

    lines: tuple[Line, ...]
    is_all: bool
    """Whether there are no more groups than these, the most frequent ones."""
    errors: int
    axis: TimeAxis
    sort: str
    sorts: tuple[tuple[str, str, str], ...]
    """Key, name, address."""
    state: str
    """The state that is asked for; empty: all."""
    states: tuple[tuple[str, str, int], ...]
    """Each with its address and how many groups; empty where there is no time before."""
    ranges: tuple[str, ...]


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A call in which it happened."""

    call: CallRow
    times: int
    first_ms: int
    at_s: float
    """Of the call, when it first happened."""
    address: str


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """How many of some calls it happened in."""

    names: tuple[str, ...]
    with_it: int
    calls: int
    bar: float


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """What ``error_group.html`` shows."""

    fingerprint: str
    group: ErrorGroup | None
    """None: nothing of it in this time."""
    known: ErrorGroup
    """Of all time."""
    stack: str | None
    stack_call: str
    """Directory of the call that the stack is of."""
    axis: TimeAxis
    scale: Scale
    bars: tuple[Bar, ...]
    counts: tuple[int, ...]
    """By period of the axis."""
    seen: tuple[Seen, ...]
    calls: int
    after_address: str | None
    calls_address: str
    shares: tuple[tuple[str, tuple[Share, ...]], ...]
    """By agent and version, and by model: a heading and its rows."""
    ranges: tuple[str, ...]
    back: str


def show(request: Request) -> Response:
    """``GET /errors``."""
    site: Site = request.app.state.site
    asked = site.asked(request)
    sort = request.query_params.get("sort", "last")
    if sort not in SORTS:
        raise SettingError(f"sort={sort!r} is no order of errors: write one of {', '.join(SORTS)}")
    found = site.index.errors(asked.query, limit=MOST + 1)
    axis = _axis(asked, found)
    counts = _counts(site, asked.query, axis)
    known = states.with_states(site.index, asked.query, found[:MOST], now_ms=asked.now_ms, is_all=len(found) <= MOST)
    state = request.query_params.get("state", "")
    if state and state not in states.STATES:
        raise SettingError(f"state={state!r} is no state of errors: write one of {', '.join(states.STATES)}")
    shown = sorted(
        (line for line in known if line.state == state or (not state and line.state != "gone")),
        key=lambda line: _place(line.group, sort),
        reverse=True,
    )
    page = Errors(
        lines=tuple(_line(line, counts.get(line.group.fingerprint, {}), axis, asked) for line in shown),
        is_all=len(found) <= MOST,
        errors=sum(line.count for line in shown),
        axis=axis,
        sort=sort,
        sorts=tuple((key, name, asked.here(sort=key)) for key, name in SORTS.items()),
        state=state,
        states=_states(known, asked),
        ranges=tuple(RANGES),
    )
    return site.page(
        request,
        "errors.html",
        page,
        title="Errors",
        current="Errors",
        asked=asked,
        live="index",
        styles=("charts.css", "errors.css"),
    )


def show_group(request: Request) -> Response:
    """``GET /errors/{fingerprint}``."""
    site: Site = request.app.state.site
    asked = site.asked(request)
    is_it = Term(field="fingerprint", op="is", values=(request.path_params["fingerprint"].replace("*", ""),))
    query, always = narrowed(asked.query, is_it), CallQuery(terms=(is_it,))
    known = next(iter(site.index.errors(always, limit=1)), None)
    if known is None:
        raise NotFoundError(f"no error has the fingerprint {is_it.values[0]}: the calls with it may have been deleted")
    group = next(iter(site.index.errors(query, limit=1)), None)
    axis = _axis(asked, () if group is None else (group,))
    by_slot = _counts(site, query, axis).get(known.fingerprint, {})
    counts = tuple(by_slot.get(slot.start_ms, 0) for slot in axis.slots)
    scale = linear_scale(max(counts), short_number, most=min(max(*counts, 1), 4))
    seen = site.index.calls(
        msgspec.structs.replace(query, limit=_CALLS, cursor=request.query_params.get("after")), count=True
    )
    stack, stack_call = _stack(site, known)
    page = Group(
        fingerprint=known.fingerprint,
        group=group,
        known=known,
        stack=stack,
        stack_call=stack_call,
        axis=axis,
        scale=scale,
        bars=stacked([[count] for count in counts], axis.slots, scale),
        counts=counts,
        seen=_seen(site, known.fingerprint, seen.calls),
        calls=seen.total or 0,
        after_address=None if seen.next is None else asked.here(after=seen.next),
        calls_address=asked.adding(f"fingerprint:{known.fingerprint}", "/calls"),
        shares=tuple(
            (name, _shares(site, asked.query, query, by))
            for name, by in (("Agent and version", ("agent", "version")), ("Agent's model", ("provider", "model")))
        ),
        ranges=tuple(RANGES),
        back=asked.to("/errors"),
    )
    title = f"{known.exception_type or 'Error'} · Errors"
    return site.page(
        request,
        "error_group.html",
        page,
        title=title,
        current="Errors",
        asked=asked,
        styles=("charts.css", "errors.css"),
    )


def _axis(asked: Asked, groups: Iterable[ErrorGroup]) -> TimeAxis:
    """The time that was asked for; without a beginning, from the first error on."""
    until_ms = asked.query.until_ms or asked.now_ms
    since_ms = asked.query.since_ms
    if since_ms is None:
        since_ms = min((group.first_ms for group in groups), default=until_ms - DAY_MS)
    return time_axis(min(since_ms, until_ms - HOUR_MS), until_ms)


def _counts(site: Site, query: CallQuery, axis: TimeAxis) -> dict[str, dict[int, int]]:
    """Errors by fingerprint and period. What happened outside the axis (in a call that began in it) is at its end."""
    unit_ms = HOUR_MS if axis.period == "hour" else DAY_MS
    first, last = axis.slots[0].start_ms, axis.slots[-1].start_ms
    found: dict[str, dict[int, int]] = {}
    for fingerprint, moment, count in rows(
        site.index,
        query,
        f"SELECT e.fingerprint, {_WHEN} - {_WHEN} % {unit_ms}, count(*) {_FROM} "
        "AND {calls} AND ({errors}) GROUP BY 1, 2",
    ):
        start = min(max(start_of(axis.period, int(str(moment))), first), last)
        of_group = found.setdefault(str(fingerprint), {})
        of_group[start] = of_group.get(start, 0) + int(str(count))
    return found


def _states(known: list[states.Line], asked: Asked) -> tuple[tuple[str, str, int], ...]:
    """The states with the addresses of their groups, all first."""
    if all(line.before is None for line in known):
        return ()
    many = Counter(line.state for line in known)
    every = len(known) - many["gone"]
    return (
        ("all", asked.here(state=None), every),
        *((state, asked.here(state=state), many[state]) for state in states.STATES),
    )


def _place(group: ErrorGroup, sort: str) -> tuple[int, int]:
    return {"last": group.last_ms, "count": group.count, "first": group.first_ms}[sort], group.count


def _line(known: states.Line, counts: dict[int, int], axis: TimeAxis, asked: Asked) -> Line:
    column = [[counts.get(slot.start_ms, 0)] for slot in axis.slots]
    return Line(
        group=known.group,
        known=known,
        spark=tuple(
            bar
            for bar in stacked(column, axis.slots, Scale(low=0, high=max(1, *(row[0] for row in column))))
            if bar.pieces
        ),
        address=asked.to(f"/errors/{known.group.fingerprint}"),
    )


def _stack(site: Site, known: ErrorGroup) -> tuple[str | None, str]:
    """Of the newest errors of the group that has one; and the directory of its call."""
    for path, data in rows(
        site.index,
        CallQuery(),
        "SELECT c.path, v.data FROM (SELECT call, seq FROM error "  # noqa: S608 -- numbers and names of ours
        f"WHERE fingerprint = {literal(known.fingerprint)} COLLATE NOCASE ORDER BY call DESC LIMIT {_STACKS}) AS e "
        "CROSS JOIN event AS v ON v.call = e.call AND v.seq = e.seq CROSS JOIN call AS c ON c.id = e.call",
    ):
        told = wire.decode(str(data).encode())
        stack = told.get("stack") if isinstance(told, dict) else None
        if isinstance(stack, str) and stack.strip():
            return stack, str(path)
    return None, ""


def _seen(site: Site, fingerprint: str, calls: tuple[CallRow, ...]) -> tuple[Seen, ...]:
    if not calls:
        return ()
    numbers = ", ".join(str(call.id) for call in calls)
    found = {
        number: (int(str(times)), int(str(first_ms)))
        for number, times, first_ms in rows(
            site.index,
            CallQuery(terms=(Term(field="fingerprint", op="is", values=(fingerprint,)),)),
            f"SELECT c.id, count(*), min({_WHEN}) {_FROM} AND c.id IN ({numbers}) AND ({{errors}}) GROUP BY 1",
        )
    }
    return tuple(_seen_in(call, *found[call.id]) for call in calls if call.id in found)


def _seen_in(call: CallRow, times: int, first_ms: int) -> Seen:
    at_s = max(first_ms - call.started_at_ms, 0) / 1000
    return Seen(call=call, times=times, first_ms=first_ms, at_s=at_s, address=f"/calls/{quote(call.path)}?t={at_s:.1f}")


def _shares(site: Site, every: CallQuery, query: CallQuery, by: tuple[str, ...]) -> tuple[Share, ...]:
    """What it happens in most first."""
    with_it = {key: figures.calls for key, figures in site.index.stats(query, by=by, stages=False)}
    calls = {key: figures.calls for key, figures in site.index.stats(every, by=by, stages=False)}
    ranked = sorted(with_it.items(), key=lambda item: -item[1])[:_MOST_VALUES]
    most = max((count / calls[key] for key, count in ranked if calls.get(key)), default=0.0)
    return tuple(
        Share(
            names=tuple(map(str, key)),
            with_it=count,
            calls=calls.get(key, count),
            bar=length(count / (calls.get(key) or count), most),
        )
        for key, count in ranked
    )


ROUTES: Final = (Route("/errors", show), Route("/errors/{fingerprint}", show_group))
