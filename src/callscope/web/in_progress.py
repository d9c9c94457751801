"""Calls in progress as their files are now."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from callscope.archive.paths import CALLS
from callscope.archive.reader import read_call
from callscope.index.calls import CallRow
from callscope.model.call import IN_PROGRESS
from callscope.model.turn import Turn
from callscope.query.query import CallQuery, Term
from callscope.report.going_on import Now, now_of
from callscope.timeline.summary import settled, summarise, worst_of
from callscope.web.site import Site

MOST: Final = 50
"""Calls that are shown with their words; the newest."""
_LAST_TURNS: Final = 3


class LiveCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call that goes on."""

    row: CallRow
    now: Now
    turns: tuple[Turn, ...]
    """The last ones."""
    worst_ms: int | None
    """The longest that the caller waited so far, answered or not; a wait that goes on is `now`."""
    worst_is_unanswered: bool
    interruptions: int
    errors: int


def live_calls(site: Site) -> tuple[tuple[LiveCall, ...], int]:
    """The newest calls in progress, at most `MOST`, stuck ones first; and how many there are in all."""
    now_ms = site.now_ms()
    in_progress = Term(field="status", op="is", values=(IN_PROGRESS,))
    found = site.index.calls(CallQuery(terms=(in_progress,), limit=MOST), count=True)
    calls = [live for row in found.calls if (live := _live(row, site.root, now_ms)) is not None]
    calls.sort(key=lambda call: not call.now.is_stuck)
    return tuple(calls), found.total or len(calls)


def _live(row: CallRow, root: Path, now_ms: int) -> LiveCall | None:
    """As its files are now; None when it ended since the index was brought up to date."""
    record = read_call(root / CALLS / row.path, now_ms=now_ms)
    call = record.call
    if call.status != IN_PROGRESS:
        return None
    timeline = summarise(call.started_at_ms, call.ended_at_ms, record.turns, record.events, call=call)
    worst = worst_of(settled(timeline.exchanges))
    return LiveCall(
        row=row,
        now=now_of(record, timeline, now_ms=now_ms),
        turns=record.turns[-_LAST_TURNS:],
        worst_ms=worst.waited_ms if worst is not None else None,
        worst_is_unanswered=worst is not None and worst.response_ms is None,
        interruptions=timeline.interruptions,
        errors=timeline.facts.errors,
    )
