"""What a call's rows tell of its use and cost, where its envelope tells nothing.

Three writers leave it there alone: one of ours that died before it wrote the sums (``usage`` events), Patter's SDKs
(seconds heard and characters spoken in each row, of providers that no file names), and those that follow Patter's
documentation (a cost in each row).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import msgspec

from callscope.archive import jsonl, rows
from callscope.archive.paths import EVENTS, TRANSCRIPT
from callscope.archive.reader import read_file
from callscope.model.event import USAGE, Event
from callscope.model.usage import SERVICES, UsageLine, sum_usage

if TYPE_CHECKING:
    from callscope.archive.reader import CallRecord
    from callscope.model.turn import Turn

_USAGE: Final = f'"{USAGE}"'.encode()
_MOST: Final = 10**9
"""US dollars: no turn costs more."""


class RowUsage(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over a call's rows."""

    reported: tuple[UsageLine, ...] = ()
    """Of ``usage`` events."""
    unnamed: tuple[UsageLine, ...] = ()
    """Of rows that do not say whose service it was."""
    usd: dict[str, Decimal] = {}
    """What turns cost, by service; what a turn does not split is of ``other``. Empty when none says."""
    turns: int = 0
    """Turns of the agent, and others with a cost."""
    without_cost: int = 0
    """Those of them of which not everything has a cost; a 0 is not believed."""


def usage_of(record: CallRecord) -> RowUsage:
    """Of a call that was read."""
    return _summed(record.turns, record.events)


def read_usage(directory: str) -> RowUsage:
    """Of the files in a call's directory. Never raises; what cannot be read tells nothing."""
    turns = [turn for row in _rows(directory, TRANSCRIPT) for turn in rows.turns_of(row)]
    has_usage = _USAGE in (read_file(f"{directory}/{EVENTS}").data or b"")
    found = [rows.event_of(row) for row in _rows(directory, EVENTS)] if has_usage else []
    return _summed(turns, [event for event in found if event is not None])


def _rows(directory: str, name: str) -> Iterable[dict[str, Any]]:
    data = read_file(f"{directory}/{name}").data
    return (row for _, row in jsonl.parse_rows(data or b"", file=name, growing=True).rows)


def _summed(turns: Iterable[Turn], events: Iterable[Event]) -> RowUsage:
    said = tuple(turns)
    costs = [_cost(turn.cost or {}) for turn in said if turn.cost or turn.role == "assistant"]
    usd: dict[str, Decimal] = {}
    for parts, _ in costs:
        for service, amount in parts.items():
            usd[service] = usd.get(service, Decimal(0)) + amount
    return RowUsage(
        reported=tuple(sum_usage(event.data for event in events if event.type == USAGE)),
        unnamed=tuple(sum_usage(rows.usage_of(said))),
        usd=usd,
        turns=len(costs),
        without_cost=sum(not is_all for _, is_all in costs),
    )


def _cost(cost: Mapping[str, Any]) -> tuple[dict[str, Decimal], bool]:
    """What a turn cost by service, and whether that is all of it."""
    parts = {name: amount for name in SERVICES if (amount := _dollars(cost.get(name)))}
    total = _dollars(cost.get("total"))
    rest = total - sum(parts.values(), Decimal(0)) if total else Decimal(0)
    if rest > Decimal("0.000001"):  # writers round each part for itself
        parts["other"] = parts.get("other", Decimal(0)) + rest
    return parts, bool(parts) and not cost.get("unpriced")


def _dollars(value: object) -> Decimal | None:
    amount = rows.number(value)
    return Decimal(str(amount)) if amount is not None and 0 < amount < _MOST else None
