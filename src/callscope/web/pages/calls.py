"""The list of calls: which, in which order, and what stands out; and the same calls as a file."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from callscope import config
from callscope.errors import NotFoundError, SettingError
from callscope.index.calls import CallPage, CallRow
from callscope.index.index import Index
from callscope.query import quantities
from callscope.query.completions import HELP, FieldHelp
from callscope.query.query import CallQuery
from callscope.web import saved_views
from callscope.web.asked import ALL, RANGES, Asked
from callscope.web.call_line import CallLine, call_lines
from callscope.web.charts.wait_bar import TARGET_PERCENT
from callscope.web.filter_text import conditions, with_setting, without
from callscope.web.saved_views import View
from callscope.web.site import Site

MAX_CSV_ROWS: Final = 100_000
_CSV_PAGE: Final = 1_000
_COUNT_SECONDS: Final = 0.05
"""How long a page waits for the number of all calls."""
_NEWEST_FIRST: Final = "-started"


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A link of the page."""

    name: str
    address: str
    is_current: bool = False


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column's header; a link that sorts by it."""

    name: str
    address: str
    sorted: str
    """``ascending``, ``descending``, or empty."""
    is_number: bool = False
    is_optional: bool = False
    """Whether a narrow window leaves it out."""


class SavedView(msgspec.Struct, frozen=True, kw_only=True):
    """A saved view as a link."""

    view: View
    address: str
    is_current: bool


class Calls(msgspec.Struct, frozen=True, kw_only=True):
    """What ``calls.html`` shows."""

    text: str
    """The filter as it was typed."""
    range: str
    problem: str
    """What is wrong with the filter, and its place in it; empty: nothing."""
    has_calls: bool
    """Whether there is any call at all."""
    is_built: bool
    """Whether the archive was read once; before, calls may be missing."""
    root: str
    """The archive, as a shell takes it."""
    total: int | None
    """Calls on all pages; None: counting them takes too long."""
    lines: tuple[CallLine, ...]
    columns: dict[str, Column]
    chips: tuple[Link, ...]
    """The conditions; each link leaves one out."""
    quick: tuple[Link, ...]
    """Conditions that may be added."""
    ranges: tuple[Link, ...]
    """None when the filter names a time itself."""
    views: tuple[SavedView, ...]
    views_problem: str
    csv: str
    first: str | None
    """Address of the first page; None: this is it."""
    next: str | None
    help: tuple[tuple[FieldHelp, str], ...]
    """What can be asked for, with the address of its example."""
    target_ms: int
    target_percent: str


def show(request: Request) -> Response:
    """``GET /calls``."""
    site: Site = request.app.state.site
    problem = ""
    try:
        asked = site.asked(request, default_range=ALL)
        found = _page(site.index, asked)
        lines = call_lines(found.calls, asked, site.index, target_ms=site.target_ms)
    except SettingError as error:
        problem = str(error)
        asked, found, lines = _without_filter(request, site), CallPage(calls=(), next=None), ()
    text = request.query_params.get("q", "").strip()
    page = _shown(site, asked, found, lines, text=text, problem=problem)
    return site.page(
        request,
        "calls.html",
        page,
        title="Calls",
        current="Calls",
        asked=asked,
        live="" if problem else "index",
        styles=("calls.css", "filter.css"),
        scripts=("filter.js",),
        status=400 if problem else 200,
    )


def as_csv(request: Request) -> Response:
    """``GET /calls.csv``: all calls of a filter in the order of its page, at most `MAX_CSV_ROWS`."""
    from callscope.web.csv_rows import csv_rows  # noqa: PLC0415 -- brings csv, which no page needs

    site: Site = request.app.state.site
    asked = site.asked(request, default_range=ALL)
    query = msgspec.structs.replace(asked.query, limit=_CSV_PAGE, cursor=None)
    first = site.index.calls(query)  # whatever is wrong with the question is told before the answer begins
    return StreamingResponse(
        csv_rows(_pages(site.index, query, first)),
        media_type="text/csv; charset=utf-8; header=present",
        headers={"Content-Disposition": 'attachment; filename="calls.csv"'},
    )


def _page(index: Index, asked: Asked) -> CallPage:
    query = asked.query
    after = asked.parameters.get("after")
    if after:
        query = msgspec.structs.replace(query, cursor=after)
    try:
        found = index.calls(query)
        if found.next is None and query.cursor is None:
            return msgspec.structs.replace(found, total=len(found.calls))
        return msgspec.structs.replace(found, total=index.count(query, seconds=_COUNT_SECONDS))
    except NotFoundError:  # no index yet: the page's notice says how far it is
        return CallPage(calls=(), next=None, total=0)


def _pages(index: Index, query: CallQuery, first: CallPage) -> Iterator[tuple[CallRow, ...]]:
    page, rows = first, len(first.calls)
    yield page.calls
    while page.next is not None and rows < MAX_CSV_ROWS:
        page = index.calls(msgspec.structs.replace(query, cursor=page.next))
        rows += len(page.calls)
        yield page.calls


def _without_filter(request: Request, site: Site) -> Asked:
    """What the links of a page start from whose filter or place in a list is not understood."""
    name = request.query_params.get("range", ALL)
    is_known = name in RANGES and name != ALL
    return Asked(
        path=request.url.path,
        text="",
        range=name if is_known else ALL,
        query=CallQuery(),
        now_ms=site.now_ms(),
        has_own_time=False,
        parameters={"range": name} if is_known else {},
    )


def _shown(site: Site, asked: Asked, found: CallPage, lines: tuple[CallLine, ...], *, text: str, problem: str) -> Calls:
    views, views_problem = _views(asked)
    freshness = site.index.freshness
    return Calls(
        text=text,
        range=asked.parameters.get("range", ""),
        problem=problem,
        has_calls=freshness.calls > 0,
        is_built=freshness.is_built,
        root=shlex.quote(str(site.root)),
        total=found.total,
        lines=lines,
        columns={column.name: column for column in _columns(asked)},
        chips=_chips(asked),
        quick=() if problem else _quick(asked, site.target_ms),
        ranges=_ranges(asked),
        views=views,
        views_problem=views_problem,
        csv=asked.to("/calls.csv"),
        first=asked.here() if "after" in asked.parameters else None,
        next=None if found.next is None else asked.here(after=found.next),
        help=tuple((entry, asked.to("/calls", q=entry.example)) for entry in HELP if entry.name != "cursor"),
        target_ms=site.target_ms,
        target_percent=TARGET_PERCENT,
    )


def _columns(asked: Asked) -> Iterator[Column]:
    """Headers that sort: the other way round where the list is in their order already."""
    for name, sort, rising_first, is_number in (
        ("Time", "started", False, False),
        ("Agent", "agent", True, False),
        ("Length", "duration", False, True),
        ("Worst wait", "worst", False, True),
        ("Interr.", "interruptions", False, True),
        ("Cost", "cost", False, True),
        ("Signs", "errors", False, False),
    ):
        is_current = asked.query.sort == sort
        rising = asked.query.descending if is_current else rising_first
        value = sort if rising else f"-{sort}"
        sorted_so = ("descending" if asked.query.descending else "ascending") if is_current else ""
        text = with_setting(asked.text, "sort", None if value == _NEWEST_FIRST else value)
        yield Column(name=name, address=asked.here(q=text), sorted=sorted_so, is_number=is_number)


def _chips(asked: Asked) -> tuple[Link, ...]:
    return tuple(
        Link(name=condition.text, address=asked.here(q=without(asked.text, condition)))
        for condition in conditions(asked.text)
    )


def _quick(asked: Asked, target_ms: float) -> tuple[Link, ...]:
    there = {condition.text.lower() for condition in conditions(asked.text)}
    words = ("failed", "silent", "interrupted", f"wait>{quantities.written(target_ms, unit='ms')}", "live")
    return tuple(Link(name=word, address=asked.adding(word)) for word in words if word not in there)


def _ranges(asked: Asked) -> tuple[Link, ...]:
    if asked.has_own_time:
        return ()
    return tuple(
        Link(name=name, address=asked.here(range=None if name == ALL else name), is_current=name == asked.range)
        for name in RANGES
    )


def _views(asked: Asked) -> tuple[tuple[SavedView, ...], str]:
    try:
        views = saved_views.read_views(config.views_file())
    except SettingError as error:
        return (), str(error)
    return tuple(
        SavedView(
            view=view,
            address=asked.here(q=view.query, range=None if view.range == ALL else view.range),
            is_current=(view.query, view.range) == (asked.text, asked.range),
        )
        for view in views
    ), ""


ROUTES: Final = (Route("/calls", show), Route("/calls.csv", as_csv))
