"""The tables at the end of a call's page: events, log lines, the raw envelope; one of them is shown at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from callscope.archive.reader import CallRecord
from callscope.model import wire
from callscope.model.event import Event
from callscope.report.safe_text import clean_json
from callscope.web.call.axis import Axis
from callscope.web.call.links import Links
from callscope.web.call.values import short, text_of

COSTS: Final = "costs"
EVENTS: Final = "events"
TOOLS: Final = "tools"
LOG: Final = "log"
RAW: Final = "raw"
LOG_LINE: Final = "log"
"""Type of an event that is a line of a log."""
_PAGE: Final = 500
_SHORT: Final = 120
_LONG: Final = 4_000
_RAW: Final = 200_000
_INDENT: Final = 2


class Tab(msgspec.Struct, frozen=True):
    """A table to choose."""

    name: str
    title: str
    count: int | None
    href: str


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    """An event."""

    since_ms: int | None
    """Milliseconds after the call's start."""
    href: str
    type: str
    data: str
    """The beginning of its facts, as JSON."""
    whole: str
    """All of them when the beginning is not all; empty otherwise."""


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of the events."""

    rows: tuple[EventRow, ...]
    first: int
    """1-based number of the first one."""
    total: int
    previous: str
    """Address of the page before; empty: this is the first."""
    next: str


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a log."""

    since_ms: int | None
    href: str
    level: str
    text: str
    is_trouble: bool


def tabs_of(record: CallRecord, links: Links, *, costs: int, tools: int) -> tuple[Tab, ...]:
    """The tables that there are."""
    lines = sum(row.type == LOG_LINE for row in record.events)
    found = [(COSTS, "Costs", costs), (EVENTS, "Events", len(record.events)), (TOOLS, "Tools", tools)]
    found += [(LOG, "Log", lines)] if lines else []
    return (
        *(Tab(name, title, count, links.tab(name)) for name, title, count in found),
        Tab(RAW, "Raw", None, links.tab(RAW)),
    )


def event_page(events: Sequence[Event], axis: Axis, links: Links, *, first: str) -> EventPage:
    """500 events from the ``first``, a 1-based number as in an address; in a file all of them."""
    if links.is_file:
        rows = tuple(_event_row(row, axis, links) for row in events)
        return EventPage(rows=rows, first=1, total=len(rows), previous="", next="")
    start = int(first) - 1 if first.isascii() and first.isdecimal() and len(first) < 10 else 0  # noqa: PLR2004 -- digits
    start = max(min(start, len(events) - 1), 0)
    shown = events[start : start + _PAGE]
    return EventPage(
        rows=tuple(_event_row(row, axis, links) for row in shown),
        first=start + 1,
        total=len(events),
        previous=links.tab(EVENTS, first=str(max(start - _PAGE, 0) + 1)) if start else "",
        next=links.tab(EVENTS, first=str(start + _PAGE + 1)) if start + _PAGE < len(events) else "",
    )


def log_lines(events: Sequence[Event], axis: Axis, links: Links) -> tuple[LogLine, ...]:
    """The first 500 lines of the log among a call's events."""
    found = []
    for row in [row for row in events if row.type == LOG_LINE][:_PAGE]:
        since_ms, href = _moment(row, axis, links)
        level = short(text_of(row.data.get("level")), _SHORT).upper()
        text = short(text_of(row.data.get("message")) or text_of(row.data), _LONG)
        is_trouble = level in ("ERROR", "CRITICAL", "FATAL")
        found.append(LogLine(since_ms=since_ms, href=href, level=level, text=text, is_trouble=is_trouble))
    return tuple(found)


def pretty(document: object) -> str:
    """A document as JSON for people."""
    text = clean_json(msgspec.json.format(wire.encode(document), indent=_INDENT).decode())
    return short(text, _RAW)


def _event_row(row: Event, axis: Axis, links: Links) -> EventRow:
    data = text_of(row.data) if row.data else ""
    since_ms, href = _moment(row, axis, links)
    whole = short(pretty(row.data), _LONG) if len(data) > _SHORT else ""
    return EventRow(since_ms=since_ms, href=href, type=row.type, data=short(data, _SHORT), whole=whole)


def _moment(row: Event, axis: Axis, links: Links) -> tuple[int | None, str]:
    if row.ts_ms is None:
        return None, ""
    since_ms = max(axis.since(row.ts_ms), 0)
    return since_ms, links.at(since_ms)
