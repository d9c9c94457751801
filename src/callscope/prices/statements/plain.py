"""The plain CSV that any bill can be written as: docs/reconcile.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from callscope.model.usage import SERVICES
from callscope.prices.statements.charge import Charge, Kind
from callscope.prices.statements.format import Format
from callscope.prices.statements.measure import measured
from callscope.prices.statements.row import Row

_JOINED_BY: Final = ("date", "requestid", "callid")


def _is_plain(columns: Mapping[str, Any]) -> bool:
    return {"provider", "amount"} <= columns.keys() and any(column in columns for column in _JOINED_BY)


def _charges(row: Row, provider: str, file: str) -> Iterator[Charge]:  # noqa: ARG001 -- a format's interface
    name = row.text("provider") or provider
    if not name:
        raise row.wrong("there is no provider")
    if not row.first(*_JOINED_BY):
        raise row.wrong("a date, a request_id or a call_id is needed")
    service = row.text("service")
    if service is not None and service not in SERVICES:
        raise row.wrong(f"the service {service!r} is none of {', '.join(SERVICES)}")
    kind = row.text("kind") or "usage"
    if kind not in {"usage", "other"}:
        raise row.wrong(f"the kind {kind!r} is neither usage nor other")
    word, given = row.text("unit"), row.number("quantity")
    unit, quantity = measured(given, word)
    if given is not None and word is not None and unit is None and kind == "usage":
        raise row.wrong(f"the unit {word!r} is not known: write seconds, minutes, characters, input_tokens, ...")
    day, last_day, at_ms = row.days("date")
    model = row.text("model")
    yield Charge(
        provider=name.lower(),
        service=service,
        model=model,
        day=day,
        last_day=last_day,
        at_ms=at_ms,
        request_id=row.text("requestid"),
        call_id=row.text("callid"),
        unit=unit,
        quantity=quantity,
        amount=row.must("amount"),
        currency=(row.text("currency") or "USD").upper(),
        line_item=row.text("lineitem") or model or service or "",
        kind=cast("Kind", kind),
    )


FORMAT: Final = Format("plain CSV", _is_plain, _charges)
