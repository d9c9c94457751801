"""Old calls priced anew, from the usage that their events hold. What they cost before is kept beside it.

Only the envelope changes: rows are append-only, so the turns keep the costs of their day.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from callscope.archive import jsonl, listing
from callscope.archive.paths import METADATA
from callscope.archive.reader import CallRecord, read_call, read_file
from callscope.archive.replace import touch_day, write_json
from callscope.archive.spend import LINES, call_spend, cost_with
from callscope.model.call import IN_PROGRESS, Call
from callscope.model.cost import Cost
from callscope.model.event import USAGE
from callscope.model.wire import format_ts
from callscope.prices.book import PriceBook
from callscope.prices.call_cost import CallCost, Line

_ROUNDED: Final = Decimal("0.000000001")
"""Sums are kept as numbers of 64 bits: what differs by less is the same."""
_KEPT: Final = ("cost_status", "cost_lines", "cost_catalogue")


class Repriced(msgspec.Struct, frozen=True, kw_only=True):
    """One call whose cost is not what it was."""

    call_id: str
    path: str
    started_at_ms: int | None
    before: Cost
    after: Cost

    @property
    def difference_usd(self) -> Decimal | None:
        """How much dearer it is now; None where one of the two is not known, or has nothing but what has no price."""
        before, after = _known(self.before), _known(self.after)
        return None if before is None or after is None else after - before


def repriced(
    root: Path, book: PriceBook, *, now_ms: int, since_ms: int | None = None, until_ms: int | None = None
) -> Iterator[Repriced]:
    """Calls that would cost something else with these prices, newest day first; nothing is written.

    Calls that go on are left alone, and so is what another writer recorded without telling the usage: all that could
    be computed of it is the telephone line, and that must not take the place of a whole call's cost.

    Raises:
        NotFoundError: there is no such directory.
        UnreadableError: a directory may not be listed.
    """
    for day in listing.days_between(root, since_ms=since_ms, until_ms=until_ms):
        for path in sorted(listing.calls_of(day.path)):
            record = read_call(path, now_ms=now_ms)
            started_at_ms = day.start_ms if record.call.started_at_ms is None else record.call.started_at_ms
            within = (since_ms is None or started_at_ms >= since_ms) and (until_ms is None or started_at_ms < until_ms)
            cost = _new_cost(record, book) if within else None
            if cost is None:
                continue
            before = call_spend(record.call, started_at_ms=started_at_ms).cost
            after = cost_with(record, cost.cost(line_of(record.call)))
            if _differs(before, after):
                yield Repriced(
                    call_id=record.call.call_id,
                    path=record.call.path,
                    started_at_ms=record.call.started_at_ms,
                    before=before,
                    after=after,
                )


def reprice_call(path: Path, book: PriceBook, *, now_ms: int) -> bool:
    """Price one call anew and keep what it cost before; whether its envelope was replaced.

    Raises:
        OSError: the envelope could not be written; it is as it was.
    """
    record = read_call(path, now_ms=now_ms)
    content = read_file(str(path / METADATA)).data
    document = jsonl.decode_object(content or b"")
    cost = _new_cost(record, book)
    if document is None or cost is None:
        return False
    added = document.get("callscope")
    ours = added if isinstance(added, dict) else {}
    new = cost.document(line_of(record.call))
    priced = new.pop("cost")
    former = ours.get("former_costs")
    kept = {"replaced_at": format_ts(now_ms), "cost": document.get("cost"), **{key: ours.get(key) for key in _KEPT}}
    if not isinstance(kept["cost_lines"], list):
        kept["cost_lines"] = []
    new["former_costs"] = [*(former if isinstance(former, list) else []), kept]
    ours = {key: value for key, value in ours.items() if key != "cost_problem"} | new
    own = _is_of_the_agent(record.call)
    write_json(path / METADATA, {**document, "cost": document.get("cost") if own else priced, "callscope": ours})
    touch_day(path)
    return True


def cost_of_record(record: CallRecord, book: PriceBook) -> CallCost | None:
    """What a call's usage comes to; None when nobody told any."""
    cost = CallCost(book)
    told = [event for event in record.events if event.type == USAGE]
    if not told and not record.call.telephony_provider:
        return None
    for event in told:
        cost.add(event.data, at_ms=event.ts_ms, direction=record.call.direction)
    return cost


def _new_cost(record: CallRecord, book: PriceBook) -> CallCost | None:
    """What a call would cost; None where it goes on, or where nobody told its usage and we never priced it."""
    told = any(event.type == USAGE for event in record.events)
    if record.call.status == IN_PROGRESS or not (told or isinstance(record.call.callscope.get("cost_lines"), list)):
        return None
    return cost_of_record(record, book)


def line_of(call: Call) -> Line:
    """What a call came over."""
    return Line(
        provider=call.telephony_provider,
        direction=call.direction,
        seconds=None if call.duration_ms is None else call.duration_ms / 1000,
        at_ms=call.started_at_ms,
    )


def _known(cost: Cost) -> Decimal | None:
    return None if cost.unpriced and not cost.usd else cost.usd


def _differs(before: Cost, after: Cost) -> bool:
    """Whether more than the version of the catalogue changed."""

    def essence(cost: Cost) -> list[Any]:
        return sorted(
            (line.service, line.billed_by or "", line.model or "", line.usage or "", line.status, str(line.usd))
            for line in cost.lines
        )

    return before.status != after.status or before.usd != after.usd or essence(before) != essence(after)


def _is_of_the_agent(call: Call) -> bool:
    """Whether the cost at the top level was given by the program itself, and is not the sum of the lines."""
    spend = call_spend(call, started_at_ms=0)
    if spend.recorded_usd is None:
        return False
    summed = spend.cost.usd if spend.source == LINES else None
    return summed is None or abs(spend.recorded_usd - summed) > _ROUNDED
