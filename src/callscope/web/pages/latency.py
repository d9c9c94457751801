"""How long callers waited: how the waits are spread, what they are made of, when, and which were the longest."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callscope.errors import NotFoundError, SettingError
from callscope.index.histogram import NAMES as STAGE_NAMES
from callscope.index.histogram import RESPONSE
from callscope.index.index import Index
from callscope.index.periods import DAY_MS, start_of
from callscope.query.query import STAGES, CallQuery
from callscope.web import slow_pages
from callscope.web.asked import ALL, RANGES, Asked
from callscope.web.background import Told
from callscope.web.charts.axis import Scale
from callscope.web.pages import latency_parts as parts
from callscope.web.pages.latency_parts import HeatDay, Slow, Spread, StageRow
from callscope.web.rows import CALLS, rows
from callscope.web.site import Site
from callscope.web.slow_pages import Ask

GROUPS: Final = ("agent", "version", "provider", "model", "mode", "environment", "status")
_METRICS: Final = ("p95", "n")
_SLOWEST: Final = 20
_MOST_GROUPS: Final = 30
_SHARES_SECONDS: Final = 60.0
"""Age from which the shares of the stages are counted anew."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """A link among several of which one is chosen."""

    name: str
    address: str
    is_chosen: bool


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """What ``latency.html`` shows."""

    ranges: tuple[str, ...]
    stages: tuple[Choice, ...]
    groups: tuple[Choice, ...]
    metrics: tuple[Choice, ...]
    stage: str
    """As people read it."""
    kind: str
    """Its class."""
    by: str
    """Empty: not grouped."""
    scale: Scale | None
    """None: there are no such waits."""
    whole: Spread | None
    by_group: tuple[Spread, ...]
    left_out: int
    """Groups that are not in the table; those with the fewest waits."""
    stage_rows: tuple[StageRow, ...]
    shares_note: str
    """Why there are no shares; empty: there are."""
    days: tuple[HeatDay, ...]
    metric: str
    slowest: tuple[Slow, ...]
    all_address: str


def show(request: Request) -> Response:
    """``GET /latency``.

    Raises:
        SettingError: ``stage``, ``by`` or ``heat`` is none of those that there are.
    """
    site: Site = request.app.state.site
    asked = site.asked(request)
    stage = _chosen(asked, "stage", STAGE_NAMES, RESPONSE)
    by = _chosen(asked, "by", ("", *GROUPS), "")
    try:
        told = slow_pages.made(site, request, asked, lambda ask: _page(site, asked, stage, by, ask))
    except NotFoundError:
        told = Told(value=_nothing(asked, stage, by))
    if told.value is None:
        return slow_pages.counting(site, request, asked, told, "Latency")
    return site.page(
        request,
        "latency.html",
        told.value,
        title="Latency",
        current="Latency",
        asked=asked,
        live="index",
        styles=("charts.css", "latency.css"),
        scripts=("filter.js",),
    )


def _page(site: Site, asked: Asked, stage: str, by: str, ask: Ask) -> Latency:
    index, query = site.index, asked.query
    target_ms = float(site.target_ms) if stage == RESPONSE else None
    page = _nothing(asked, stage, by)
    found = index.distribution(query, stage=stage)
    scale = parts.scale_of([each for _, each in found])
    if scale is None and stage == RESPONSE:
        return page
    groups = index.distribution(query, stage=stage, by=by) if by and scale else []
    groups = sorted(groups, key=lambda group: (-group[1].n, str(group[0])))
    told = ask(f"shares {asked.range} {asked.text}", lambda: _shares(index, query), older_than_seconds=_SHARES_SECONDS)
    total = index.stats(query)[0][1]
    addresses = {name: asked.here(stage=None if name == RESPONSE else name) for name in STAGE_NAMES}
    metric, days = _heat(site, asked)
    return msgspec.structs.replace(
        page,
        scale=scale,
        whole=None
        if scale is None
        else parts.spread(found[0][1], scale, asked, stage=stage, name="all", target_ms=target_ms),
        by_group=tuple(
            parts.spread(
                each,
                scale,
                asked,
                stage=stage,
                name=str(key),
                of=parts.condition(by, str(key)),
                target_ms=target_ms,
            )
            for key, each in groups[:_MOST_GROUPS]
            if scale is not None
        ),
        left_out=max(len(groups) - _MOST_GROUPS, 0),
        stage_rows=parts.stage_rows(total, told.value or {}, addresses, stage),
        shares_note="" if told.value is not None else told.trouble or "Shares are being added up.",
        days=days,
        metric=metric,
        metrics=_choices(asked, "heat", {"p95": "p95", "n": "answers"}, metric, metric),
        slowest=parts.slow_rows(index.slowest(query, limit=_SLOWEST), target_ms=site.target_ms),
    )


def _nothing(asked: Asked, stage: str, by: str) -> Latency:
    return Latency(
        ranges=tuple(RANGES),
        stages=_choices(asked, "stage", parts.NAMES, stage, RESPONSE),
        groups=_choices(asked, "by", {"": "nothing", **{name: name for name in GROUPS}}, by, ""),
        metrics=(),
        stage=parts.NAMES[stage],
        kind=parts.KINDS.get(stage, "k-other"),
        by=by,
        scale=None,
        whole=None,
        by_group=(),
        left_out=0,
        stage_rows=(),
        shares_note="",
        days=(),
        metric="",
        slowest=(),
        all_address=asked.here(range=ALL),
    )


def _chosen(asked: Asked, name: str, known: tuple[str, ...], default: str) -> str:
    value = asked.parameters.get(name, default)
    if value not in known:
        raise SettingError(f"{name}={value!r} is not known: write one of {', '.join(each for each in known if each)}")
    return value


def _choices(asked: Asked, name: str, known: dict[str, str], chosen: str, default: str) -> tuple[Choice, ...]:
    return tuple(
        Choice(name=word, address=asked.here(**{name: None if value == default else value}), is_chosen=value == chosen)
        for value, word in known.items()
    )


def _shares(index: Index, query: CallQuery) -> dict[str, float]:
    """What part of all response time each stage took; of the response itself, all. Empty when nobody waited."""
    sums = ", ".join(f"total(e.{stage}_ms)" for stage in STAGES)
    found = rows(
        index,
        query,
        f"SELECT total(e.response_ms), {sums} FROM {CALLS} CROSS JOIN exchange AS e ON e.call = c.id "  # noqa: S608 -- names of ours
        "WHERE {calls} AND e.kind = 'exchange' AND e.response_ms IS NOT NULL",
    )
    whole, *of_stages = (float(str(value)) for value in found[0])
    if not whole:
        return {}
    return {RESPONSE: 1.0, **{stage: value / whole for stage, value in zip(STAGES, of_stages, strict=True)}}


def _heat(site: Site, asked: Asked) -> tuple[str, tuple[HeatDay, ...]]:
    """The newest days of what was asked for, by hour; without any hour of enough answers, by how many there were."""
    query = asked.query
    last_ms = (asked.now_ms if query.until_ms is None else min(query.until_ms, asked.now_ms)) - 1
    newest = msgspec.structs.replace(query, sort="started", descending=True, limit=1, cursor=None)
    calls = site.index.calls(newest).calls
    if not calls:
        return "p95", ()
    last_ms = min(last_ms, calls[0].started_at_ms)
    first_ms = start_of("day", last_ms) - (parts.HEAT_DAYS - 1) * DAY_MS
    if query.since_ms is not None:
        first_ms = max(first_ms, start_of("day", query.since_ms))
    since_ms = first_ms if query.since_ms is None else max(first_ms, query.since_ms)
    found = site.index.stats(msgspec.structs.replace(query, since_ms=since_ms), by=("hour",), stages=False)
    by_hour = {int(key[0]): figures for key, figures in found}
    has_enough = any(figures.response.p95_ms is not None for figures in by_hour.values())
    metric = _chosen(asked, "heat", _METRICS, "p95" if has_enough else "n")
    days = parts.heat_days(by_hour, asked, metric=metric, target_ms=site.target_ms, first_ms=first_ms, last_ms=last_ms)
    return metric, days


ROUTES: Final = (Route("/latency", show),)
