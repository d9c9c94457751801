"""What happens right now in a call that goes on: who speaks, how long the caller has waited, what it cost so far."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final, Literal

import msgspec

from callscope.archive.reader import CallRecord
from callscope.model import event as types
from callscope.model.event import Event
from callscope.model.turn import Turn
from callscope.report import figures
from callscope.timeline.summary import Timeline

Doing = Literal["connecting", "caller speaks", "agent speaks", "caller waits", "quiet"]

STUCK_WAIT_MS: Final = 10_000
"""A caller who waits longer than this has been forgotten: answers that come at all come sooner."""
STUCK_QUIET_MS: Final = 60_000
"""Nothing at all for so long: a pipeline that hangs, or a caller who left without a word."""

_SPEAKERS: Final[dict[str, Doing]] = {
    types.USER_STARTED_SPEAKING: "caller speaks",
    types.AGENT_STARTED_SPEAKING: "agent speaks",
    types.USER_STOPPED_SPEAKING: "quiet",
    types.AGENT_STOPPED_SPEAKING: "quiet",
}


class Now(msgspec.Struct, frozen=True, kw_only=True):
    """A moment of a call in progress."""

    doing: Doing
    since_ms: int | None
    """Unix milliseconds: since when; None when nobody knows."""
    last_ms: int | None
    """Unix milliseconds of the newest row; None: there is none."""
    is_stuck: bool
    """The caller waits, or nothing happens, for longer than it ever should."""
    usd: Decimal | None
    """What its turns cost so far, in US dollars; None: nothing is known."""
    unpriced: int
    """Turns with something in them that has no amount."""


def now_of(record: CallRecord, timeline: Timeline, *, now_ms: int) -> Now:
    """What happens in a call.

    Args:
        record: its files as they are.
        timeline: what they add up to.
        now_ms: Unix milliseconds.
    """
    doing, since_ms = _doing(record.events, timeline)
    moments = [*(event.ts_ms for event in record.events), *(turn.ts_ms for turn in record.turns)]
    last_ms = max((moment_ms for moment_ms in moments if moment_ms is not None), default=None)
    latest_ms = record.call.started_at_ms if last_ms is None else last_ms
    waits_ms = now_ms - since_ms if doing == "caller waits" and since_ms is not None else 0
    usd, unpriced = _cost(record.turns)
    return Now(
        doing=doing,
        since_ms=since_ms if since_ms is not None else latest_ms,
        last_ms=last_ms,
        is_stuck=waits_ms > STUCK_WAIT_MS or (latest_ms is not None and now_ms - latest_ms > STUCK_QUIET_MS),
        usd=usd,
        unpriced=unpriced,
    )


def _doing(events: Sequence[Event], timeline: Timeline) -> tuple[Doing, int | None]:
    edge = next((each for each in reversed(events) if each.type in _SPEAKERS), None)
    if edge is None:
        return ("quiet", None) if timeline.exchanges or events else ("connecting", None)
    doing = _SPEAKERS[edge.type]
    waiting = timeline.exchanges[-1] if timeline.exchanges else None
    if doing == "quiet" and waiting is not None and waiting.answered_at_ms is None and waiting.kind == "exchange":
        return "caller waits", waiting.wait_from_ms
    return doing, edge.ts_ms


def _cost(turns: Iterable[Turn]) -> tuple[Decimal | None, int]:
    usd, unpriced = None, 0
    for turn in turns:
        if not turn.cost:
            continue
        known = figures.known(turn.cost.get("total"))
        if known is not None:
            usd = (usd or Decimal(0)) + Decimal(str(known))
        unpriced += known is None or bool(turn.cost.get("unpriced"))
    return usd, unpriced
