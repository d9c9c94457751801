"""What happens right now in a call that goes on: who speaks, how long the caller has waited, what it cost so far."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final, Literal

import msgspec

from callscope.archive.reader import CallRecord
from callscope.archive.reprice import cost_of_record, line_of
from callscope.errors import SettingError
from callscope.model import event as types
from callscope.model.cost import ESTIMATED, Cost
from callscope.model.event import Event
from callscope.model.turn import Turn
from callscope.prices.book import PriceBook
from callscope.prices.call_cost import TELEPHONY
from callscope.report import figures
from callscope.report.price_book import price_book
from callscope.timeline.summary import Timeline

Doing = Literal["connecting", "caller speaks", "agent speaks", "caller waits", "quiet"]

STUCK_WAIT_MS: Final = 10_000
"""A caller who waits longer than this has been forgotten: answers that come at all come sooner."""
STUCK_QUIET_MS: Final = 60_000
"""Nothing at all for so long: a pipeline that hangs, or a caller who left without a word."""
_ROUNDED: Final = Decimal("0.000001")
"""Turns tell their cost in floats; what differs by less is the same."""

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
    """What is known of what it would cost if it ended now, in US dollars; None: nothing is."""
    unpriced: int
    """What of it has no amount; ``usd`` is a lower bound then."""
    estimated: bool = False
    """Whether something about ``usd`` was assumed, as the length of a line that is still open."""


def now_of(record: CallRecord, timeline: Timeline, *, now_ms: int, book: PriceBook | None = None) -> Now:
    """What happens in a call.

    Args:
        record: its files as they are.
        timeline: what they add up to.
        now_ms: Unix milliseconds.
        book: the prices; None: they are read. With a mistake in the prices file, what its turns cost is all that is
            known of its cost.
    """
    doing, since_ms = _doing(record.events, timeline)
    moments = [*(event.ts_ms for event in record.events), *(turn.ts_ms for turn in record.turns)]
    last_ms = max((moment_ms for moment_ms in moments if moment_ms is not None), default=None)
    latest_ms = record.call.started_at_ms if last_ms is None else last_ms
    waits_ms = now_ms - since_ms if doing == "caller waits" and since_ms is not None else 0
    usd, unpriced, estimated = _cost(record, now_ms, book)
    return Now(
        doing=doing,
        since_ms=since_ms if since_ms is not None else latest_ms,
        last_ms=last_ms,
        is_stuck=waits_ms > STUCK_WAIT_MS or (latest_ms is not None and now_ms - latest_ms > STUCK_QUIET_MS),
        usd=usd,
        unpriced=unpriced,
        estimated=estimated,
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


def _cost(record: CallRecord, now_ms: int, book: PriceBook | None) -> tuple[Decimal | None, int, bool]:
    """Known dollars, how much has no amount, and whether something was assumed.

    Turns tell what was used up to the last of them. What was used since then only the usage tells that was reported,
    so that is priced, and with it the line that the call comes over, as when the call ends. The recorder may know
    prices that are not known here: what it wrote to the turns is known in any case.
    """
    usd, unpriced = _of_turns(record.turns)
    told = any(event.type == types.USAGE for event in record.events)
    if not told:
        has_line = bool(record.call.telephony_provider) and not any(
            TELEPHONY in (turn.cost or {}) for turn in record.turns
        )
        return usd, unpriced + has_line, False
    priced = _priced(record, now_ms, book)
    if priced is None:
        return usd, max(unpriced, 1), False
    known = None if priced.unpriced and not priced.usd else priced.usd
    if usd is not None and (known is None or usd - known > _ROUNDED):
        return usd, max(unpriced, priced.unpriced, 1), False
    return known, priced.unpriced, any(line.status == ESTIMATED and line.usd is not None for line in priced.lines)


def _priced(record: CallRecord, now_ms: int, book: PriceBook | None) -> Cost | None:
    """What the call would cost if it ended now; None without prices."""
    try:
        cost = cost_of_record(record, price_book(None) if book is None else book)
    except SettingError:
        return None
    if cost is None:
        return None
    line, started_at_ms = line_of(record.call), record.call.started_at_ms
    seconds = None if started_at_ms is None else max(0, now_ms - started_at_ms) / 1000
    return cost.cost(msgspec.structs.replace(line, seconds=seconds))


def _of_turns(turns: Iterable[Turn]) -> tuple[Decimal | None, int]:
    usd, unpriced = None, 0
    for turn in turns:
        if not turn.cost:
            continue
        known = figures.known(turn.cost.get("total"))
        if known is not None:
            usd = (usd or Decimal(0)) + Decimal(str(known))
        unpriced += known is None or bool(turn.cost.get("unpriced"))
    return usd, unpriced
