"""The first page: is it getting worse, and what to look at first."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callscope.errors import NotFoundError
from callscope.index.figures import Figures
from callscope.index.index import Index
from callscope.index.periods import Period, start_of
from callscope.query.canonical import unparse
from callscope.query.query import CallQuery
from callscope.web import slow_pages
from callscope.web.asked import ALL, RANGES, Asked
from callscope.web.background import Told
from callscope.web.charts.time_axis import TimeAxis, time_axis
from callscope.web.cost_review import budgets_of
from callscope.web.pages import first_problems, trend_charts
from callscope.web.pages.first_problems import Found, calls_address
from callscope.web.pages.tiles import Tile, tiles
from callscope.web.pages.trend_charts import Spent, Trend
from callscope.web.site import Site
from callscope.web.slow_pages import Ask
from callscope.web.spending import spent
from callscope.web.template import ago

_MIDNIGHT: Final = "T00:00:00.000Z"
"""A day alone is its first moment, too, and shorter: a page has many such links."""
_COUNTING: Final = "being added up; reload to see"
_BUDGETS_SECONDS: Final = 60.0
_COUNTED_SECONDS: Final = 15.0
"""Ages from which what is counted in the background is counted anew."""
_OLD_MS: Final = 60_000
"""From which age on a drawing says how old it is."""


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """What ``overview.html`` shows."""

    ranges: tuple[str, ...]
    tiles: tuple[Tile, ...]
    problems: Found
    trends: tuple[Trend, ...]
    waiting: str
    """Which drawing is not there yet, and why; empty: all are."""
    calls: int
    is_compared: bool
    """Whether there were calls in the period before."""
    all_address: str
    """Of the same page over all times."""


class FirstVisit(msgspec.Struct, frozen=True, kw_only=True):
    """What ``first_visit.html`` shows: there are no calls yet."""

    root: str
    """Of the archive, quoted as a shell wants it."""
    is_reading: bool
    """The archive is being read for the first time, so there may be some."""


def show(request: Request) -> Response:
    """``GET /``."""
    site: Site = request.app.state.site
    asked = site.asked(request)
    if _is_first_visit(site):
        first = FirstVisit(root=shlex.quote(str(site.root)), is_reading=site.refresher.progress.complete_ms is None)
        return site.page(
            request, "first_visit.html", first, title="Overview", current="Overview", asked=asked, live="index"
        )
    told = slow_pages.made(site, request, asked, lambda ask: _page(site, asked, ask))
    if told.value is None:
        return slow_pages.counting(site, request, asked, told, "Overview")
    return site.page(
        request,
        "overview.html",
        told.value,
        title="Overview",
        current="Overview",
        asked=asked,
        live="index",
        styles=("charts.css", "overview.css"),
        scripts=("filter.js",),
    )


def _is_first_visit(site: Site) -> bool:
    """Whether no call is known yet."""
    try:
        return not site.index.freshness.calls
    except NotFoundError:
        return True


def _page(site: Site, asked: Asked, ask: Ask) -> Overview:
    now = _total(site.index, asked.query)
    before = None if asked.before is None else _total(site.index, asked.before)
    is_compared = before is not None and before.calls > 0
    spent_of_budgets = ask(
        "budgets", lambda: budgets_of(site.index, now_ms=site.now_ms()), older_than_seconds=_BUDGETS_SECONDS
    )
    lost = ask(
        f"lost {asked.range} {asked.text}",
        lambda: first_problems.count_lost(site.index, asked.query),
        older_than_seconds=_COUNTED_SECONDS,
    )
    trends, waiting = _trends(site, asked, ask) if now.calls else ((), "")
    return Overview(
        ranges=tuple(RANGES),
        tiles=tiles(now, before, _addresses(asked)),
        problems=first_problems.find(
            site.index, asked, compared=is_compared, target_ms=site.target_ms, budgets=spent_of_budgets, lost=lost
        ),
        trends=trends,
        waiting=waiting,
        calls=now.calls,
        is_compared=is_compared,
        all_address=asked.here(range=ALL),
    )


def axis_of(index: Index, asked: Asked) -> TimeAxis | None:
    """The periods of what was asked for, from its first call on where it says no beginning; None: no call is in it."""
    until_ms = asked.now_ms if asked.query.until_ms is None else min(asked.query.until_ms, asked.now_ms)
    since_ms = asked.query.since_ms
    if since_ms is None:
        oldest = msgspec.structs.replace(asked.query, sort="started", descending=False, limit=1, cursor=None)
        first = index.calls(oldest).calls
        if not first:
            return None
        since_ms = first[0].started_at_ms
    return time_axis(since_ms, until_ms) if since_ms < until_ms else None


def slot_addresses(asked: Asked, axis: TimeAxis) -> tuple[str, ...]:
    """The calls of each period, as far as they were asked for."""
    return tuple(_calls_between(asked, slot.start_ms, slot.end_ms) for slot in axis.slots)


def _calls_between(asked: Asked, start_ms: int, end_ms: int) -> str:
    since_ms, until_ms = asked.query.since_ms, asked.query.until_ms
    query = msgspec.structs.replace(
        asked.query,
        since_ms=start_ms if since_ms is None else max(start_ms, since_ms),
        until_ms=end_ms if until_ms is None else min(end_ms, until_ms),
    )
    return asked.to("/calls", q=unparse(query).replace(_MIDNIGHT, ""), range=None)


def _total(index: Index, query: CallQuery) -> Figures:
    return index.stats(query, stages=False)[0][1]


def _addresses(asked: Asked) -> dict[str, str]:
    """Where tiles lead, by their names."""
    kept = None if asked.has_own_time else asked.range
    return {
        "Calls": calls_address(asked),
        "Spend": asked.to("/cost", range=kept),
        "Response p50": asked.to("/latency", range=kept),
        "Response p95": asked.to("/latency", range=kept),
        "Interrupted": calls_address(asked, "interrupted"),
        "With an error": asked.to("/errors", range=kept),
    }


def _trends(site: Site, asked: Asked, ask: Ask) -> tuple[tuple[Trend, ...], str]:
    axis = axis_of(site.index, asked)
    if axis is None:
        return (), ""
    by_slot: dict[int, Figures] = {}
    for key, figures in site.index.stats(asked.query, by=(axis.period,), stages=False):
        by_slot[int(key[0])] = figures
    addresses = slot_addresses(asked, axis)
    found = [trend_charts.latency(axis, by_slot, addresses, target_ms=site.target_ms)]
    waiting = []
    spent_by = _spent(site, asked, axis.period, ask)
    if spent_by.value is not None:
        found.append(_aged(trend_charts.spend(axis, spent_by.value, addresses), spent_by.at_ms, asked.now_ms))
    else:
        waiting.append(f"Spend: {spent_by.trouble or _COUNTING}.")
    ended = _by_status(site, asked, axis.period, ask)
    if ended.value is not None:
        found.append(_aged(trend_charts.outcomes(axis, ended.value, addresses), ended.at_ms, asked.now_ms))
    else:
        waiting.append(f"Outcomes: {ended.trouble or _COUNTING}.")
    return tuple(found), " ".join(waiting)


def _aged(trend: Trend, at_ms: int | None, now_ms: int) -> Trend:
    if at_ms is None or now_ms - at_ms < _OLD_MS:
        return trend
    return msgspec.structs.replace(trend, age=f"as of {ago(at_ms, now_ms=now_ms)}")


def _by_status(site: Site, asked: Asked, period: Period, ask: Ask) -> Told[dict[tuple[int, str], int]]:
    """Calls by period and status; in the background, as rollups of many days by status are many rows."""
    return ask(
        f"outcomes {asked.range} {period} {asked.text}",
        lambda: {
            (int(key[0]), str(key[1])): figures.calls
            for key, figures in site.index.stats(asked.query, by=(period, "status"), stages=False)
        },
        older_than_seconds=_COUNTED_SECONDS,
    )


def _spent(site: Site, asked: Asked, period: Period, ask: Ask) -> Told[Spent]:
    """By provider; in the background, as the lines of each call may have to be read."""

    def make() -> Spent:
        found = spent(site.index, asked.query, by=(period, "provider", "service"))
        return added_up(
            period,
            [
                (int(each.key[0]), str(each.key[1]), str(each.key[2]), float(each.usd or 0), each.unpriced)
                for each in found
            ],
        )

    return ask(f"spend {asked.range} {period} {asked.text}", make, older_than_seconds=_COUNTED_SECONDS)


def added_up(period: Period, lines: Sequence[tuple[int, str, str, float, int]]) -> Spent:
    """Moments as the periods that they are in, with provider, service, dollars and what is unpriced."""
    found: dict[tuple[int, str, str], tuple[float, int]] = {}
    for moment_ms, provider, service, usd, unpriced in lines:
        key = (start_of(period, moment_ms), provider, service)
        known, parts = found.get(key, (0.0, 0))
        found[key] = known + usd, parts + unpriced
    return found


ROUTES: Final = (Route("/", show),)
