"""FOCUS, the FinOps Foundation's open format of bills, as CSV with the columns of version 1.2."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from callscope.model.usage import SERVICES
from callscope.prices.statements.charge import Charge
from callscope.prices.statements.format import Format
from callscope.prices.statements.measure import measured
from callscope.prices.statements.row import Row, day_of, last_day_of

_NEEDED: Final = frozenset({"billedcost", "chargecategory", "chargeperiodstart"})


def _is_focus(columns: Mapping[str, Any]) -> bool:
    return columns.keys() >= _NEEDED


def _charges(row: Row, provider: str, file: str) -> Iterator[Charge]:  # noqa: ARG001 -- a format's interface
    name = row.first("providername", "provider", "serviceprovidername", "publishername") or provider
    if not name:
        raise row.wrong("there is no ProviderName: give --provider")
    tags = _tags(row)
    at_ms = row.moment("chargeperiodstart")
    day = day_of(at_ms)
    service = row.first("servicename", "servicesubcategory")
    meter = row.first("skumeter") or ""
    unit, quantity = measured(row.number("consumedquantity"), row.text("consumedunit"), meter=meter)
    if unit is None:
        unit, quantity = measured(row.number("pricingquantity"), row.text("pricingunit"), meter=meter)
    yield Charge(
        provider=name.lower(),
        service=service if service in SERVICES else None,
        model=tags.first("model") or row.first("skuid"),
        day=day,
        last_day=last_day_of(day, row.moment("chargeperiodend")),
        request_id=tags.first("request_id"),
        call_id=tags.first("call_id") or row.first("resourceid"),
        unit=unit,
        quantity=quantity,
        amount=row.must("billedcost"),
        currency=(row.first("billingcurrency") or "USD").upper(),
        line_item=row.first("chargedescription", "skumeter", "skuid", "servicename") or "",
        kind="usage" if (row.text("chargecategory") or "").lower() == "usage" else "other",
    )


def _tags(row: Row) -> Row:
    text = row.text("tags")
    try:
        tags = json.loads(text) if text else {}
    except ValueError as error:
        raise row.wrong(f"Tags is no JSON: {error}") from error
    if not isinstance(tags, dict):
        raise row.wrong("Tags is no JSON object")
    return Row(tags, f"{row.where}: Tags")


FORMAT: Final = Format("FOCUS (CSV)", _is_focus, _charges)
