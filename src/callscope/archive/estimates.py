"""What each use of a service in an archive is estimated to cost, to be held against what its provider charged.

Usage is priced anew, request by request, from the events: only they tell the moment and the request id. What a call
costs beyond its events (its telephone line, requests that reported no usage) is taken from its sums.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from callscope.archive import listing
from callscope.archive.listing import DAY_MS
from callscope.archive.reader import CallRecord, read_call
from callscope.clock import now_ms
from callscope.model.cost import CostLine
from callscope.model.event import USAGE
from callscope.prices.book import PriceBook
from callscope.prices.call_cost import CallCost, Line
from callscope.prices.estimate import Estimate, estimate_of
from callscope.prices.ledger import Ledger


def estimates(
    root: Path, *, since_ms: int | None = None, until_ms: int | None = None, book: PriceBook
) -> Iterator[Estimate]:
    """The estimates of a stretch of time, newest day first.

    Args:
        root: the archive.
        since_ms: Unix milliseconds; use from then on, also of calls that began up to a day before.
        until_ms: Unix milliseconds; use before then.
        book: the prices.

    Raises:
        NotFoundError: there is no such directory.
        UnreadableError: a directory may not be listed.
    """
    now = now_ms()
    earlier_ms = None if since_ms is None else since_ms - DAY_MS  # a call may go on past midnight
    for day in listing.days_between(root, since_ms=earlier_ms, until_ms=until_ms):
        for path in listing.calls_of(day.path):
            for estimate in estimates_of(read_call(path, now_ms=now), book, day_start_ms=day.start_ms):
                if (since_ms is None or estimate.at_ms >= since_ms) and (until_ms is None or estimate.at_ms < until_ms):
                    yield estimate


def estimates_of(record: CallRecord, book: PriceBook, *, day_start_ms: int) -> Iterator[Estimate]:
    """The estimates of one call.

    Args:
        record: the call.
        book: the prices.
        day_start_ms: Unix milliseconds, for a call that does not say when it began.
    """
    call = record.call
    started_at_ms = day_start_ms if call.started_at_ms is None else call.started_at_ms
    cost, told = CallCost(book), Ledger()
    for event in record.events:
        if event.type == USAGE:
            at_ms = started_at_ms if event.ts_ms is None else event.ts_ms
            lines = cost.add(event.data, at_ms=at_ms, direction=call.direction)
            told.add(lines)
            usage = {"direction": call.direction, **event.data}
            for line in lines:
                yield estimate_of(line, book, call_id=call.call_id, at_ms=at_ms, usage=usage)
    for line in _beyond(cost, told, record, started_at_ms):
        usage = {"direction": call.direction}
        yield estimate_of(line, book, call_id=call.call_id, at_ms=started_at_ms, usage=usage)


def _beyond(cost: CallCost, told: Ledger, record: CallRecord, started_at_ms: int) -> list[CostLine]:
    """The lines of a call's sums that its events do not tell of."""
    call = record.call
    seconds = None if call.duration_ms is None else call.duration_ms / 1000
    line = Line(provider=call.telephony_provider, direction=call.direction, seconds=seconds, at_ms=started_at_ms)
    by_events = set(told.lines())
    return [each for each in cost.cost(line).lines if each not in by_events]
