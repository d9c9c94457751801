"""What calls cost: how much, for whom, what has no price, and how far the budgets go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callscope.errors import SettingError
from callscope.index.calls import CallRow
from callscope.index.figures import Figures
from callscope.index.periods import DAY_MS, start_of
from callscope.model.call import IN_PROGRESS
from callscope.model.wire import format_ts
from callscope.query.canonical import unparse
from callscope.query.query import CallQuery, Term
from callscope.report import figures
from callscope.report.budgets import EXAMPLE, Budgets
from callscope.web import slow_pages
from callscope.web.asked import RANGES, Asked
from callscope.web.assumed import estimated_calls
from callscope.web.background import Told
from callscope.web.charts.bars import length
from callscope.web.charts.time_axis import TimeAxis
from callscope.web.cost_review import MOST_READ, Unpriced, budgets_of, unpriced_of
from callscope.web.pages import trend_charts
from callscope.web.pages.overview import added_up, axis_of, slot_addresses
from callscope.web.pages.tiles import by_share
from callscope.web.pages.trend_charts import Trend
from callscope.web.rows import narrowed
from callscope.web.site import Site
from callscope.web.slow_pages import Ask
from callscope.web.spending import Key, Spent, calls_by, regrouped, spent

TABS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "provider": ("Provider", ("provider",)),
    "service": ("Service", ("service",)),
    "model": ("Model", ("provider", "model")),
    "agent": ("Agent", ("agent", "version")),
    "day": ("Day", ("day",)),
}
"""Values of ``by``: the name, and what is told apart."""
_DEAREST: Final = 10
_FRESH_SECONDS: Final = 60.0
_MS_PER_MINUTE: Final = 60_000


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """An amount beside that of the time before."""

    before_usd: Decimal | None
    share: float | None
    """0.1: a tenth more. None: nothing known to compare with."""
    is_new: bool
    """Nothing of it was there before."""

    @property
    def words(self) -> str:
        """``new``, ``+6 %``, or a dash."""
        if self.is_new:
            return "new"
        return figures.UNKNOWN if self.share is None else by_share(self.share)


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the table."""

    names: tuple[str, ...]
    """Empty where unknown."""
    spent: Spent
    bar: float
    """Percent of the dearest group."""
    share: float | None
    """Of everything that is known."""
    change: Change | None
    """None: there is no time before."""
    calls: int
    calls_address: str


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """What all comes to."""

    calls: int
    """Those that are over: one that goes on is priced when it ends."""
    going_on: int
    minutes: float
    usd: Decimal | None
    lines: int
    unpriced: int
    """Lines without an amount."""
    unpriced_calls: int

    @property
    def usd_per_call(self) -> Decimal | None:
        """Known dollars by call."""
        return None if self.usd is None or not self.calls else self.usd / self.calls

    @property
    def usd_per_minute(self) -> Decimal | None:
        """Known dollars by minute."""
        return None if self.usd is None or self.minutes <= 0 else self.usd / Decimal(str(self.minutes))


class Today(msgspec.Struct, frozen=True, kw_only=True):
    """The UTC day so far, as ``callscope cost --today`` sums it up."""

    now: Figures
    before: Figures
    """Up to the same time of the day before."""
    change: Change
    until: str
    address: str


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What ``cost.html`` shows."""

    total: Total
    before: Total | None
    """None: there is no time before."""
    change: Change | None
    by: str
    tabs: tuple[tuple[str, str, str], ...]
    """Key, name, address."""
    ranges: tuple[str, ...]
    groups: tuple[Group, ...]
    is_compared: bool
    """Whether groups stand beside those of the time before."""
    trend: Trend | None
    """None: nothing was spent."""
    today: Today
    dearest: tuple[CallRow, ...]
    estimated: frozenset[int]
    """The numbers of those with something assumed."""
    dearest_address: str
    budgets: Told[Budgets]
    example: str
    """A budgets file, for who has none."""
    unpriced: Told[Unpriced]
    unpriced_address: str
    most_read: int


def show(request: Request) -> Response:
    """``GET /cost``."""
    site: Site = request.app.state.site
    asked = site.asked(request, default_range="30d")
    by = request.query_params.get("by", "provider")
    if by not in TABS:
        raise SettingError(f"by={by!r} is nothing that costs are added up by: write one of {', '.join(TABS)}")
    told = slow_pages.made(site, request, asked, lambda ask: _page(site, asked, by, ask))
    if told.value is None:
        return slow_pages.counting(site, request, asked, told, "Cost")
    return site.page(
        request,
        "cost.html",
        told.value,
        title="Cost",
        current="Cost",
        asked=asked,
        live="index",
        styles=("charts.css", "cost.css"),
    )


def _page(site: Site, asked: Asked, by: str, ask: Ask) -> Cost:
    axis, columns = axis_of(site.index, asked), TABS[by][1]
    unit = "hour" if axis is not None and axis.period == "hour" else "day"
    lines = spent(site.index, asked.query, by=_told_apart(unit, columns))
    total = _total(site, asked.query, site.index.stats(asked.query, stages=False)[0][1], lines)
    before, lines_before = _before(site, asked, columns)
    is_compared = before is not None and before.calls > 0
    dearest = _dearest(site, asked)
    return Cost(
        total=total,
        before=before,
        change=None if before is None else _change(total.usd, before.usd, is_new=not before.calls),
        by=by,
        tabs=tuple((key, name, asked.here(by=key)) for key, (name, _) in TABS.items()),
        ranges=tuple(RANGES),
        groups=_groups(site, asked, by, lines, lines_before if is_compared else None),
        is_compared=is_compared and by != "day",
        trend=None if axis is None or not lines else _trend(asked, axis, lines),
        today=_today(site, asked),
        dearest=dearest,
        estimated=estimated_calls(dearest, site.index),
        dearest_address=asked.adding("sort:-cost" if asked.query.sort == "started" else "", "/calls"),
        budgets=ask(
            "budgets",
            lambda: budgets_of(site.index, now_ms=site.now_ms()),
            older_than_seconds=_FRESH_SECONDS,
        ),
        example=EXAMPLE,
        unpriced=ask(
            f"unpriced {asked.range} {asked.text}",
            lambda: unpriced_of(site.index, asked.query, now_ms=site.now_ms()),
            older_than_seconds=_FRESH_SECONDS,
        ),
        unpriced_address=_adding(asked, Term(field="unpriced", op="above", values=(0.0,))),
        most_read=MOST_READ,
    )


def _dearest(site: Site, asked: Asked) -> tuple[CallRow, ...]:
    query = narrowed(asked.query, Term(field="cost", op="above", values=(0.0,)))
    return site.index.calls(msgspec.structs.replace(query, sort="cost", limit=_DEAREST)).calls


def _told_apart(period: str, columns: Sequence[str]) -> tuple[str, ...]:
    """What lines are told apart by for all of the page: what the drawing needs first, then what the table does."""
    return tuple(dict.fromkeys((period, "provider", "service", *(name for name in columns if name != "day"))))


def _trend(asked: Asked, axis: TimeAxis, lines: Sequence[Spent]) -> Trend:
    by_slot = added_up(
        axis.period,
        [(int(each.key[0]), str(each.key[1]), str(each.key[2]), float(each.usd or 0), each.unpriced) for each in lines],
    )
    return trend_charts.spend(axis, by_slot, slot_addresses(asked, axis))


def _before(site: Site, asked: Asked, columns: Sequence[str]) -> tuple[Total | None, list[Spent]]:
    """The time before, and its lines; None: there is no such time."""
    if asked.before is None:
        return None, []
    figures = site.index.stats(asked.before, stages=False)[0][1]
    lines = spent(site.index, asked.before, by=_told_apart("month", columns)) if figures.calls else []
    return _total(site, asked.before, figures, lines), lines


def _total(site: Site, query: CallQuery, figures: Figures, groups: Sequence[Spent]) -> Total:
    known = [each.usd for each in groups if each.usd is not None]
    open_ones = narrowed(query, Term(field="status", op="is", values=(IN_PROGRESS,)))
    going_on = site.index.calls(msgspec.structs.replace(open_ones, limit=1), count=True).total or 0
    return Total(
        calls=figures.calls - going_on,
        going_on=going_on,
        minutes=figures.minutes,
        usd=sum(known, Decimal(0)) if known else None,
        lines=sum(each.lines for each in groups),
        unpriced=sum(each.unpriced for each in groups),
        unpriced_calls=figures.unpriced_calls,
    )


def _groups(
    site: Site, asked: Asked, by: str, lines: Sequence[Spent], lines_before: Sequence[Spent] | None
) -> tuple[Group, ...]:
    """Dearest first; days from the last to the first, which have no time before."""
    key_of = _key_of(TABS[by][1])
    now, before = regrouped(lines, key_of), None
    if lines_before is not None and by != "day":
        before = {each.key: each for each in regrouped(lines_before, key_of)}
    if by == "day":
        now.sort(key=lambda each: each.key, reverse=True)
    else:
        now.sort(key=lambda each: (each.usd or 0, each.usd is not None, each.lines), reverse=True)
    calls = calls_by(site.index, asked.query, TABS[by][1]) if now else {}
    most = max((float(each.usd or 0) for each in now), default=0.0)
    total_usd = sum((each.usd or Decimal(0) for each in now), Decimal(0))
    return tuple(_group(each, calls.get(each.key, 0), before, asked, by, most, total_usd) for each in now)


def _key_of(columns: Sequence[str]) -> Callable[[Key], Key]:
    """From a key of `_told_apart` to that of a row of the table."""
    if columns == ("day",):
        return lambda key: (start_of("day", int(key[0])),)
    places = [_told_apart("", columns).index(name) for name in columns]
    return lambda key: tuple(key[place] for place in places)


def _group(
    each: Spent, calls: int, before: dict[Key, Spent] | None, asked: Asked, by: str, most: float, total_usd: Decimal
) -> Group:
    earlier = None if before is None else before.get(each.key)
    change = (
        None if before is None else _change(each.usd, None if earlier is None else earlier.usd, is_new=earlier is None)
    )
    names = tuple(format_ts(part)[:10] if isinstance(part, int) else part for part in each.key)
    return Group(
        names=names,
        spent=each,
        bar=length(float(each.usd or 0), most),
        share=None if not total_usd or each.usd is None else float(each.usd / total_usd),
        change=change,
        calls=calls,
        calls_address=_calls_of(asked, by, names),
    )


def _calls_of(asked: Asked, by: str, names: tuple[str, ...]) -> str:
    """The calls of a group; a day's without the range, and without a filter that names another time."""
    if by == "day":
        others = msgspec.structs.replace(asked.query, since_ms=None, until_ms=None)
        return asked.to("/calls", q=f"{unparse(others)} on:{names[0]}".strip(), range=None)
    return _adding(
        asked, *(Term(field=field, op="is", values=(name,)) for field, name in zip(TABS[by][1], names, strict=True))
    )


def _adding(asked: Asked, *terms: Term) -> str:
    return asked.adding(unparse(CallQuery(terms=terms)), "/calls")


def _change(now_usd: Decimal | None, before_usd: Decimal | None, *, is_new: bool) -> Change:
    known = now_usd is not None and before_usd
    return Change(
        before_usd=before_usd,
        share=float(now_usd / before_usd - 1) if known and now_usd is not None and before_usd is not None else None,
        is_new=is_new,
    )


def _today(site: Site, asked: Asked) -> Today:
    others = msgspec.structs.replace(asked.query, since_ms=None, until_ms=None)
    midnight = asked.now_ms - asked.now_ms % DAY_MS
    now, before = (
        site.index.stats(
            msgspec.structs.replace(others, since_ms=midnight - back_ms, until_ms=asked.now_ms + 1 - back_ms),
            stages=False,
        )[0][1]
        for back_ms in (0, DAY_MS)
    )
    return Today(
        now=now,
        before=before,
        change=_change(_dollars(now.cost_usd), _dollars(before.cost_usd), is_new=not before.calls),
        until=format_ts(asked.now_ms)[11:16],
        address=asked.here(q=f"{unparse(others)} on:today".strip(), range=None),
    )


def _dollars(usd: float | None) -> Decimal | None:
    return None if usd is None else Decimal(str(usd))


ROUTES: Final = (Route("/cost", show),)
