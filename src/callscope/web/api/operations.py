"""The operations of the API: what each is asked, what it answers, and how it finds the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from callscope.archive.paths import CALLS
from callscope.archive.reader import UNREADABLE, read_call
from callscope.archive.spend import call_spend, cost_document
from callscope.errors import UnreadableError
from callscope.index.calls import CallPage
from callscope.index.compare import Comparison
from callscope.index.error_groups import ErrorGroup
from callscope.index.figures import Figures
from callscope.index.index import Freshness
from callscope.index.search import HitPage
from callscope.index.spend import Spend
from callscope.query.language import parse
from callscope.query.query import CallQuery
from callscope.report import documents
from callscope.timeline.summary import summarise
from callscope.web.api.parameters import AFTER, BY, COUNT, LIMIT, RANGE, RANKED, SPEND_BY, STAGES, Parameter, Q
from callscope.web.asked import ALL, RANGES
from callscope.web.call.files import call_directory
from callscope.web.in_progress import LiveCall, live_calls
from callscope.web.site import Site

Values = Mapping[str, str]


class StatsRow(msgspec.Struct, frozen=True, kw_only=True):
    """A group of calls."""

    key: dict[str, str | int]
    """By what it is grouped: its value; a period is its first moment in Unix milliseconds."""
    figures: Figures


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """Figures by group, in the order of their keys."""

    by: tuple[str, ...]
    rows: tuple[StatsRow, ...]


class SpendRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a group of cost lines comes to."""

    key: dict[str, str | int]
    """By what it is grouped: its value; a period is its first moment in Unix milliseconds."""
    spend: Spend


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """Spend by group, in no order."""

    by: tuple[str, ...]
    rows: tuple[SpendRow, ...]


class LiveCalls(msgspec.Struct, frozen=True, kw_only=True):
    """Calls in progress, newest first, with what happens in each."""

    calls: tuple[LiveCall, ...]
    total: int


class Errors(msgspec.Struct, frozen=True, kw_only=True):
    """Errors that are alike, as groups."""

    groups: tuple[ErrorGroup, ...]


class CallDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A call with all that is known of it, as `callscope show --json` prints it."""

    call: dict[str, Any]
    turns: list[dict[str, Any]]
    exchanges: list[dict[str, Any]]
    events: list[dict[str, Any]]
    problems: list[dict[str, Any]]


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How far the index is."""

    index: Freshness
    reading: int
    """Calls that a refresh has read which goes on now."""
    to_read: int
    trouble: str | None
    """Why the last refresh failed."""
    problems: tuple[str, ...]
    """Places of the archive that could not be listed."""
    version: str


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """An address of the API."""

    path: str
    """Below ``/api``; ``{name}`` is a parameter."""
    name: str
    summary: str
    parameters: tuple[Parameter, ...]
    answer: Any
    """The type of the answer."""
    run: Callable[[Site, Values], Any]


def calls(site: Site, values: Values) -> CallPage:
    """A page of calls."""
    query = _query(site, values, limited=True)
    return site.index.calls(query, count=values.get("count") == "1")


def call(site: Site, values: Values) -> CallDocument:
    """One call, from its files.

    Raises:
        NotFoundError: there is no such call.
        UnreadableError: its metadata cannot be read.
    """
    path = call_directory(site.root, values)
    record = read_call(path, now_ms=site.now_ms())
    if record.call.status == UNREADABLE:
        raise UnreadableError(f"the files of {path} cannot be read")
    found = summarise(record.call.started_at_ms, record.call.ended_at_ms, record.turns, record.events, call=record.call)
    return CallDocument(
        call=documents.call(record.call)
        | cost_document(
            record.call, call_spend(record.call, started_at_ms=record.call.started_at_ms or 0, record=record)
        )
        | {"path": path.relative_to(site.root / CALLS).as_posix()},
        turns=[documents.turn(turn) for turn in record.turns],
        exchanges=[documents.exchange(exchange) for exchange in found.exchanges],
        events=[documents.event(event) for event in record.events],
        problems=documents.problems(record.problems, found.problems),
    )


def search(site: Site, values: Values) -> HitPage:
    """A page of what was said."""
    return site.index.search(_query(site, values, limited=True), ranked=values.get("ranked") == "1")


def stats(site: Site, values: Values) -> Stats:
    """Figures by group."""
    by = tuple(values["by"].split(",")) if values.get("by") else ()
    found = site.index.stats(_query(site, values), by=by, stages=values.get("stages") != "0")
    rows = [StatsRow(key=dict(zip(by, key, strict=True)), figures=figures) for key, figures in found]
    return Stats(by=by, rows=tuple(rows))


def cost(site: Site, values: Values) -> Costs:
    """Spend by group."""
    by = tuple(values["by"].split(",")) if values.get("by") else ()
    found = site.index.spend(_query(site, values), by=by)
    rows = [SpendRow(key=dict(zip(by, key, strict=True)), spend=spend) for key, spend in found]
    return Costs(by=by, rows=tuple(rows))


def live(site: Site, _values: Values) -> LiveCalls:
    """Calls in progress."""
    found, total = live_calls(site)
    return LiveCalls(calls=found, total=total)


def errors(site: Site, values: Values) -> Errors:
    """Errors as groups."""
    limit = int(values.get("limit", LIMIT.schema["default"]))
    return Errors(groups=tuple(site.index.errors(_query(site, values), limit=limit)))


def compare(site: Site, values: Values) -> Comparison:
    """Two sets of calls."""
    now_ms = site.now_ms()
    return site.index.compare(parse(values["a"], now_ms=now_ms), parse(values["b"], now_ms=now_ms))


def health(site: Site, _values: Values) -> Health:
    """How far the index is."""
    progress = site.refresher.progress
    return Health(
        index=site.index.freshness,
        reading=progress.read,
        to_read=progress.to_read,
        trouble=progress.trouble,
        problems=progress.problems,
        version=site.version,
    )


def _query(site: Site, values: Values, *, limited: bool = False) -> CallQuery:
    now_ms = site.now_ms()
    query = parse(values.get("q", ""), now_ms=now_ms)
    length_ms = RANGES[values.get("range", ALL)]
    if length_ms is not None and query.since_ms is None and query.until_ms is None:
        query = msgspec.structs.replace(query, since_ms=now_ms - length_ms)
    if limited and "limit" in values:
        query = msgspec.structs.replace(query, limit=int(values["limit"]))
    if limited and values.get("after"):
        query = msgspec.structs.replace(query, cursor=values["after"])
    return query


_PLACE: Final = tuple(
    Parameter(name=name, text=text, schema=schema, required=True, where="path")
    for name, text, schema in (
        (
            "year",
            "Of the UTC day of its start; with the others, `path` of a call in a list.",
            {"type": "string", "pattern": "^[0-9]{4}$"},
        ),
        ("month", "Likewise.", {"type": "string", "pattern": "^[0-9]{2}$"}),
        ("day", "Likewise.", {"type": "string", "pattern": "^[0-9]{2}$"}),
        ("name", "Of its directory.", {"type": "string"}),
    )
)
_SIDES: Final = tuple(
    Parameter(name=name, text=f"{text} calls, in the query language.", schema={"type": "string"}, required=True)
    for name, text in (("a", "The one set of"), ("b", "The other set of"))
)
OPERATIONS: Final = (
    Operation(
        path="/calls",
        name="calls",
        summary="A page of calls",
        parameters=(Q, RANGE, AFTER, LIMIT, COUNT),
        answer=CallPage,
        run=calls,
    ),
    Operation(
        path="/calls/{year}/{month}/{day}/{name}",
        name="call",
        summary="One call with turns, exchanges, events",
        parameters=_PLACE,
        answer=CallDocument,
        run=call,
    ),
    Operation(
        path="/search",
        name="search",
        summary="What was said, newest first",
        parameters=(Q, RANGE, AFTER, LIMIT, RANKED),
        answer=HitPage,
        run=search,
    ),
    Operation(
        path="/stats",
        name="stats",
        summary="Counts, percentiles, rates and costs by group",
        parameters=(Q, RANGE, BY, STAGES),
        answer=Stats,
        run=stats,
    ),
    Operation(
        path="/cost",
        name="cost",
        summary="Spend by group, from cost lines",
        parameters=(Q, RANGE, SPEND_BY),
        answer=Costs,
        run=cost,
    ),
    Operation(path="/live", name="live", summary="Calls in progress", parameters=(), answer=LiveCalls, run=live),
    Operation(
        path="/errors",
        name="errors",
        summary="Errors that are alike",
        parameters=(Q, RANGE, LIMIT),
        answer=Errors,
        run=errors,
    ),
    Operation(
        path="/compare", name="compare", summary="Two sets of calls", parameters=_SIDES, answer=Comparison, run=compare
    ),
    Operation(path="/health", name="health", summary="How far the index is", parameters=(), answer=Health, run=health),
)
