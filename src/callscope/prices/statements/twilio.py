"""Twilio: call records (JSON, and the console's CSV) and Usage Records.

Prices are negative texts: what was taken from the balance. A call without a price is not rated yet. A leg that another
call began counts for that call.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from callscope.prices.statements.charge import Charge
from callscope.prices.statements.format import Format
from callscope.prices.statements.measure import measured
from callscope.prices.statements.row import Row, day_of

_TELEPHONY: Final = "telephony"
_TOTAL: Final = "totalprice"
_USED: Final = ("calls", "trunking", "mediastreams", "media-streams")
"""Beginnings of the categories that a call's length explains."""


def _is_calls(document: Mapping[str, Any]) -> bool:
    return isinstance(document.get("calls"), list) or {"sid", "duration", "price"} <= document.keys()


def _is_usage(document: Mapping[str, Any]) -> bool:
    return isinstance(document.get("usage_records"), list)


def _is_log(columns: Mapping[str, Any]) -> bool:
    return {"duration", "price"} <= columns.keys() and bool({"callsid", "sid"} & columns.keys())


def _calls(page: Row, provider: str, file: str) -> Iterator[Charge]:  # noqa: ARG001 -- a format's interface
    for call in page.rows("calls") if "calls" in page.values else [page]:
        yield _call(
            call,
            provider,
            call_id=call.first("parent_call_sid", "sid"),
            at_ms=call.moment("start_time", "date_created"),
            currency=call.text("price_unit"),
        )


def _log(row: Row, provider: str, file: str) -> Iterator[Charge]:  # noqa: ARG001 -- a format's interface
    yield _call(
        row,
        provider,
        call_id=row.first("parentcallsid", "callsid", "sid"),
        at_ms=row.moment("starttime", "startdate", "datecreated", "date"),
        currency=row.first("priceunit", "currency"),
    )


def _call(call: Row, provider: str, *, call_id: str | None, at_ms: int | None, currency: str | None) -> Charge:
    if call_id is None:
        raise call.wrong("there is no call SID")
    price = call.number("price")
    direction = call.text("direction") or ""
    return Charge(
        provider=provider,
        service=_TELEPHONY,
        day=day_of(at_ms),
        at_ms=at_ms,
        call_id=call_id,
        unit="seconds",
        quantity=call.number("duration"),
        as_billed=False,
        amount=None if price is None else Decimal(0) - price,
        currency=(currency or "USD").upper(),
        line_item=f"call {direction}".strip(),
        rated=price is not None,
    )


def _usage(page: Row, provider: str, file: str) -> Iterator[Charge]:  # noqa: ARG001 -- a format's interface
    for record in page.rows("usage_records"):
        category = record.text("category") or ""
        first, last = day_of(record.moment("start_date")), day_of(record.moment("end_date"))
        used = category.startswith(_USED)
        unit, quantity = measured(record.number("usage"), record.text("usage_unit")) if used else (None, None)
        yield Charge(
            provider=provider,
            service=_TELEPHONY if used else None,
            day=first,
            last_day=last if first and last and last > first else None,
            unit=unit,
            quantity=quantity,
            amount=record.must("price"),
            currency=(record.text("price_unit") or "USD").upper(),
            line_item=category,
            kind="usage" if used else "other",
        )


def _without_sums(charges: list[Charge]) -> Iterable[Charge]:
    """Without the sums of others in the file: ``calls`` holds ``calls-inbound``, ``totalprice`` holds everything."""
    named = {(charge.line_item, charge.day, charge.last_day) for charge in charges}
    for charge in charges:
        rest = {name for name, *days in named if days == [charge.day, charge.last_day]} - {charge.line_item}
        parts = {name for name in rest if charge.line_item == _TOTAL or name.startswith(f"{charge.line_item}-")}
        if not parts and (charge.amount or charge.quantity or charge.kind == "usage"):
            yield charge


FORMATS: Final = (
    Format("Twilio call records (JSON)", _is_calls, _calls, provider="twilio", partial=True),
    Format("Twilio Usage Records (JSON)", _is_usage, _usage, provider="twilio", kept=_without_sums),
)
CALL_LOG: Final = Format("Twilio call log (CSV)", _is_log, _log, provider="twilio", partial=True)
