"""What a call cost: its sum, by service, and every price that applied."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from callscope.archive.reader import CallRecord
from callscope.archive.spend import LINES, OPEN, RECORDED, CallSpend
from callscope.model import cost as words
from callscope.model.cost import Cost, CostLine, CostStatus, total
from callscope.prices.units import UNITS
from callscope.report import figures
from callscope.report.money import at_least, money
from callscope.web.call.turn_cost import turn_cost
from callscope.web.call.values import decimal, service_name, short, used

_LEAST_REST: Final = Decimal("0.000001")
"""US dollars: the parts of a turn are rounded, and what rounding leaves is nothing that anybody was charged for."""
_DATE: Final = 10
_NAME: Final = 120
_LEAST_MS: Final = 1_000
"""Of a call that says something of a minute."""
_LOOKS: Final[dict[CostStatus, str]] = {
    words.PRICED: "",
    words.ESTIMATED: "warn",
    words.PARTIAL: "warn",
    words.UNPRICED: "warn",
    words.ERROR: "bad",
    words.NOT_BILLED: "",
}


class CostRow(msgspec.Struct, frozen=True, kw_only=True):
    """A price that applied, or the lack of one."""

    of: str
    usage: str
    quantity: str
    """What was counted, in ``usage``: tokens, seconds, characters."""
    price: str
    """For one unit, as ``$0.4 / 1M input text tokens``."""
    amount: str
    status: str
    look: str
    source: str
    """Where the price comes from and of what day it is."""
    matched: str
    reason: str


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a call's cost."""

    sum: str
    """As people read it, with what it lacks."""
    is_known: bool
    parts: tuple[tuple[str, str], ...]
    """Service and its sum."""
    rows: tuple[CostRow, ...]
    reasons: tuple[str, ...]
    """Why the sum is not simply so, each once."""
    charged: tuple[str, ...]
    """What providers reported themselves."""
    note: str
    """What else is to be said of the sum."""
    a_minute: str
    """US dollars a minute; empty when the sum or the length is not known."""
    rest: str
    """What is in no turn."""


def costs_of(record: CallRecord, spend: CallSpend) -> Costs:
    """What the envelope tells of the cost; of a call in progress, what its turns tell so far."""
    cost = spend.cost
    if spend.source == OPEN:
        return _so_far(record)
    problem = record.call.callscope.get("cost_problem")
    return Costs(
        sum=_amount(cost),
        is_known=cost.usd is not None,
        parts=_parts(cost),
        rows=tuple(_row(line) for line in cost.lines),
        reasons=tuple(cost.reasons),
        charged=tuple(
            f"{short(each.provider or service_name(each.service), _NAME)} charged "
            f"{decimal(each.amount)} {short(each.currency, 8)}"
            for each in cost.actual
        ),
        note=f"Not priced: {problem}" if isinstance(problem, str) else _turns_alone(record, cost),
        a_minute=_a_minute(cost, record.call.duration_ms),
        rest=_rest(record, spend),
    )


def _so_far(record: CallRecord) -> Costs:
    told = turn_cost(record.turns)
    known = told is not None and told.usd is not None
    return Costs(
        sum=told.words if told is not None and known else figures.UNKNOWN,
        is_known=known,
        parts=tuple((service_name(name), money(usd, 0)) for name, usd in told.parts.items()) if told else (),
        rows=(),
        reasons=(),
        charged=(),
        note="In its turns so far. The call is priced when it ends.",
        a_minute="",
        rest="",
    )


def _amount(cost: Cost) -> str:
    if cost.status == words.NOT_BILLED:
        return "not billed"
    return money(cost.usd, cost.unpriced, estimated=_is_estimated(cost))


def _is_estimated(cost: Cost) -> bool:
    return any(line.status == words.ESTIMATED for line in cost.lines)


def _parts(cost: Cost) -> tuple[tuple[str, str], ...]:
    lines: dict[str, list[CostLine]] = {}
    for line in cost.lines:
        lines.setdefault(line.service, []).append(line)
    sums = sorted(((service, total(each)) for service, each in lines.items()), key=lambda part: -(part[1].usd or 0))
    return tuple((service_name(short(service, _NAME)), _amount(part)) for service, part in sums)


def _turns_alone(record: CallRecord, cost: Cost) -> str:
    told = turn_cost(record.turns) if cost.usd is None else None
    return f"Its turns tell of {told.words}." if told is not None and told.usd is not None else ""


def _a_minute(cost: Cost, duration_ms: float | None) -> str:
    length_ms = figures.known(duration_ms)
    if not cost.usd or length_ms is None or length_ms < _LEAST_MS:
        return ""
    usd = cost.usd * 60_000 / Decimal(str(length_ms))
    return f"{at_least(usd, cost.unpriced, estimated=_is_estimated(cost))} a minute"


def _row(line: CostLine) -> CostRow:
    unit = short((line.unit or "").replace("_", " "), _NAME)
    sign, currency = ("$", "") if line.currency == words.USD else ("", f" {short(line.currency, 8)}")
    dated = (line.catalogue or "")[:_DATE]
    source = {"catalogue": "list price", "override": "your price", "discount": "your discount"}.get(line.source or "")
    return CostRow(
        of=short(" ".join(name for name in (service_name(line.service), line.provider, line.model) if name), _NAME),
        usage=short((line.usage or figures.UNKNOWN).replace("_", " "), _NAME),
        quantity=used(_counted(line)),
        price=f"{sign}{decimal(line.price)}{currency} / {unit}" if line.price is not None else "",
        amount=_amount_of(line),
        status=line.status.replace("_", " "),
        look=_LOOKS.get(line.status, ""),
        source=" ".join(word for word in (source, dated) if word) if line.price is not None else "",
        matched=line.matched or "",
        reason=line.reason or "",
    )


def _amount_of(line: CostLine) -> str:
    if line.amount is None and line.usd is None:
        return figures.UNKNOWN
    usd = money(line.usd, 0, estimated=line.status == words.ESTIMATED)
    if line.currency == words.USD or line.amount is None:
        return usd
    shown = f"{decimal(line.amount)} {short(line.currency, 8)}"
    return f"{shown} = {usd}" if line.usd is not None else shown


def _counted(line: CostLine) -> Decimal | None:
    """What is charged, in tokens, seconds or characters; what is not billed, as it was used."""
    is_charged = line.quantity_billed is not None and line.status != words.NOT_BILLED
    billed = line.quantity_billed if is_charged else line.quantity
    unit = UNITS.get(line.unit or "")
    return billed if billed is None or unit is None else billed * unit.per


def _rest(record: CallRecord, spend: CallSpend) -> str:
    """What the call cost beside its turns, so that these and the rest come to its total; empty for nothing."""
    told = turn_cost(record.turns)
    if told is None or told.usd is None or spend.cost.usd is None or spend.source not in (LINES, RECORDED):
        return ""
    rest = spend.cost.usd - told.usd
    if rest < _LEAST_REST:
        return ""
    left: dict[str, Decimal] = {}
    for line in spend.cost.lines:
        left[line.service] = left.get(line.service, Decimal(0)) + (line.usd or 0)
    of = [service for service, usd in left.items() if usd - told.parts.get(service, Decimal(0)) >= _LEAST_REST]
    names = ", ".join(service_name(short(service, _NAME)) for service in of)
    return f"{money(rest, 0)} is in no turn{f': {names}' if names else ''}."
