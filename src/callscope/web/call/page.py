"""All that the page of one call shows, put together from its files. Pure: what is read comes in, a value goes out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from callscope.archive.reader import CallRecord
from callscope.archive.spend import call_spend
from callscope.index.log_lines import LogAnswer
from callscope.timeline.summary import Timeline, summarise
from callscope.web.call import tables
from callscope.web.call.axis import Axis, axis_of
from callscope.web.call.costs import Costs, costs_of
from callscope.web.call.facts import Head, head_of
from callscope.web.call.lanes import Band, Lane, band_of, lanes_of
from callscope.web.call.links import Links
from callscope.web.call.log_lines import LogPart, log_part
from callscope.web.call.notes import Notes
from callscope.web.call.problems import ProblemLine, problems_of
from callscope.web.call.selection import selection_of
from callscope.web.call.sound import Sound
from callscope.web.call.tables import EventPage, LogLine, Tab
from callscope.web.call.tool_calls import ToolCall, tool_calls
from callscope.web.call.transcript import Scene, Transcript, transcript_of
from callscope.web.call.waiting import until_now
from callscope.web.call.waterfall import Detail, detail_of, details_of


class ListPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where in a list the call is: addresses, empty where there is none."""

    back: str = ""
    previous: str = ""
    next: str = ""


class CallPage(msgspec.Struct, frozen=True, kw_only=True):
    """What ``call.html`` shows."""

    links: Links
    is_file: bool
    """The page is an exported file: no forms, no tabs, and every exchange is taken apart."""
    place: ListPlace
    head: Head
    problems: tuple[ProblemLine, ...]
    axis: Axis
    lanes: tuple[Lane, ...]
    band: Band | None
    """The wait of the selected exchange."""
    at_ms: int | None
    """The selected moment in milliseconds after the call's start; None: none is."""
    at_x: str
    """The same as a place on the axis."""
    transcript: Transcript
    detail: Detail | None
    """The selected exchange; None: the call has none."""
    details: tuple[Detail, ...]
    """In a file: all of them."""
    tab: str
    """Name of the table that is shown."""
    tabs: tuple[Tab, ...]
    costs: Costs
    tools: tuple[ToolCall, ...]
    events: EventPage | None
    """None unless this is the table that is shown; the same of ``log`` and ``raw``."""
    log: tuple[LogLine, ...] | None
    raw: str | None
    """The envelope as JSON."""
    lines: LogPart | None
    """Lines of logs; None: there are none."""
    files: tuple[str, ...]
    """Names of the call's text files."""
    sound: Sound | None
    notes: Notes | None

    @property
    def address(self) -> str:
        """Of the page."""
        return self.links.address


_NOWHERE: Final = ListPlace()


def call_page(
    record: CallRecord,
    links: Links,
    chosen: Mapping[str, str],
    *,
    now_ms: int,
    target_ms: int,
    place: ListPlace = _NOWHERE,
    metadata: Mapping[str, Any] | None = None,
    files: tuple[str, ...] = (),
    sound: Sound | None = None,
    notes: Notes | None = None,
    lines: LogAnswer | None = None,
) -> CallPage:
    """The page of a call.

    Args:
        record: its files.
        links: addresses of this page; they say whether it is a file.
        chosen: what an address selects: ``t``, ``exchange``, ``tab``, ``first`` (of the events), and lines of logs.
        now_ms: Unix milliseconds, up to which a call in progress goes.
        target_ms: the wait from which it is slow.
        place: where in a list it is.
        metadata: the envelope as it is in its file; None when there is none that can be read.
        files: names of its text files.
        sound: its recording.
        notes: its labels and notes.
        lines: lines of logs that belong to it, as ``chosen`` asks for them; None: the archive has no logs.
    """
    call, events = record.call, record.events
    timeline = until_now(timeline_of(record), call, now_ms=now_ms)
    axis = axis_of(record, now_ms=now_ms, sound_end_ms=sound.end_ms if sound is not None else 0)
    calls = tool_calls(events)
    costs = costs_of(record, call_spend(call, started_at_ms=axis.origin_ms))
    selection = selection_of(
        timeline.exchanges, start_ms=axis.origin_ms, t=chosen.get("t", ""), exchange=chosen.get("exchange", "")
    )
    scene = Scene(axis=axis, links=links, selection=selection, target_ms=target_ms)
    tabs = tables.tabs_of(record, links, costs=len(costs.rows), tools=len(calls))
    tab = next((each.name for each in tabs if each.name == chosen.get("tab")), tables.COSTS)

    def is_shown(name: str) -> bool:
        return links.is_file or tab == name

    return CallPage(
        links=links,
        is_file=links.is_file,
        place=place,
        head=head_of(record, timeline, costs, axis, now_ms=now_ms, target_ms=target_ms),
        problems=problems_of(record, timeline, axis, links, target_ms=target_ms),
        axis=axis,
        lanes=lanes_of(record, timeline, calls, axis, links, has_sound=bool(sound is not None and sound.tracks)),
        band=band_of(selection.exchange, axis, target_ms=target_ms),
        at_ms=axis.since(selection.at_ms) if selection.at_ms is not None else None,
        at_x=axis.x(selection.at_ms) if selection.at_ms is not None else "",
        transcript=transcript_of(record, timeline, calls, scene),
        detail=detail_of(record, timeline, calls, selection, axis, links, target_ms=target_ms),
        details=details_of(record, timeline, calls, axis, links, target_ms=target_ms) if links.is_file else (),
        tab=tab,
        tabs=tabs,
        costs=costs,
        tools=calls,
        events=tables.event_page(events, axis, links, first=chosen.get("first", "1"))
        if is_shown(tables.EVENTS)
        else None,
        log=tables.log_lines(events, axis, links) if is_shown(tables.LOG) else None,
        raw=(tables.pretty(metadata) if metadata is not None else "") if is_shown(tables.RAW) else None,
        lines=log_part(lines, axis, links, chosen),
        files=files,
        sound=sound,
        notes=notes,
    )


def timeline_of(record: CallRecord) -> Timeline:
    """What a call's rows add up to."""
    return summarise(record.call.started_at_ms, record.call.ended_at_ms, record.turns, record.events, call=record.call)
