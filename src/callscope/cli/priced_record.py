"""One usage record with its price: what ``callscope price`` gives for it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from callscope.model import cost as words
from callscope.model.cost import Cost, CostLine, total
from callscope.model.usage import SERVICES
from callscope.model.wire import parse_ts
from callscope.prices.book import PriceBook
from callscope.prices.costing import UNREPORTED, actual_of, cost_of
from callscope.prices.ledger import Ledger
from callscope.prices.reported import FACTS, KNOWN, shown

CALL: Final = "call"
_OF_RECORD: Final = frozenset({"service", "provider", "model", "at", "usage", "components"})


class Priced(msgspec.Struct, frozen=True, kw_only=True):
    """A record's result."""

    service: str
    provider: str | None
    model: str | None
    cost: Cost
    components: tuple[Priced, ...] = ()


def price(record: Mapping[str, Any], book: PriceBook) -> Priced:
    """The record's price; what is wrong inside the record is in the result, nothing raises."""
    if record.get("service") == CALL:
        return _call(record, book)
    return _one(record, book, None, at=None)


def document(priced: Priced) -> dict[str, Any]:
    """The result as JSON: amounts as strings with all their digits."""
    cost = priced.cost
    found: dict[str, Any] = {
        "status": cost.status,
        "usd": exact(cost.usd),
        "lines": [_fields(line) for line in cost.lines],
        "reasons": cost.reasons,
    }
    if cost.actual:
        found["actual"] = [_fields(actual) for actual in cost.actual]
    if priced.service == CALL:
        found["components"] = [document(component) for component in priced.components]
    return found


def exact(amount: Decimal | None) -> str | None:
    """All digits, without an exponent and without zeros at the end."""
    if amount is None:
        return None
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _call(record: Mapping[str, Any], book: PriceBook) -> Priced:
    ledger = Ledger()
    wrong: list[CostLine] = []
    parts = record.get("components")
    if not isinstance(parts, list):
        wrong.append(_error(record, f"components is {shown(parts)}: give a list of records"))
        parts = []
    usage, why = _usage(record)
    if why is None and usage.keys() - FACTS - {"provider_reported"}:
        why = f"usage of a call is in its components, not beside them: {', '.join(sorted(usage.keys() - FACTS))}"
    if why is not None:
        wrong.append(_error(record, why))
    components = [_one(part, book, ledger, at=record.get("at")) for part in parts]
    actual = [each for component in components for each in component.cost.actual]
    of_call = actual_of(service=CALL, provider=_name(record, "provider"), usage=usage)
    return Priced(
        service=CALL,
        provider=_name(record, "provider"),
        model=_name(record, "model"),
        cost=total([*ledger.lines(), *wrong], [*([of_call] if of_call else []), *actual]),
        components=tuple(components),
    )


def _one(record: object, book: PriceBook, of_call: Ledger | None, *, at: object) -> Priced:
    """A record that is no call. Its lines go to ``of_call``, too: over a call, what was not reported is estimated."""
    fields = record if isinstance(record, Mapping) else {}
    service, provider, model = _name(fields, "service"), _name(fields, "provider"), _name(fields, "model")
    usage, wrong = _usage(fields) if fields is record else ({}, f"a component is {shown(record)}: give a record")
    moment = fields.get("at", at)
    at_ms = _moment(moment)
    wrong = wrong or _what_is_wrong(fields, moment, at_ms)
    if wrong is not None or service is None:
        line = _error(fields, wrong or "no service")
        if of_call is not None:
            of_call.add([line])
        return Priced(service=service or "other", provider=provider, model=model, cost=total([line]))
    lines = cost_of(book, service=service, provider=provider, model=model, usage=usage, at_ms=at_ms)
    actual = actual_of(service=service, provider=provider, usage=usage)
    if of_call is not None:
        of_call.add(lines)
    if len(lines) > 1 or lines[0].usage == UNREPORTED:
        alone = Ledger()
        alone.add(lines)
        lines = tuple(alone.lines())
    return Priced(service=service, provider=provider, model=model, cost=total(lines, [actual] if actual else []))


def _what_is_wrong(record: Mapping[str, Any], moment: object, at_ms: int | None) -> str | None:
    service = record.get("service")
    if service not in SERVICES:
        return f"service is {shown(service)}: write one of {', '.join((*SERVICES, CALL))}"
    for key in ("provider", "model"):
        if not isinstance(record.get(key), str | None):
            return f"{key} is {shown(record[key])}: give a name"
    if moment is not None and at_ms is None:
        return f"at is {shown(moment)}: give a time as 2026-11-21T09:30:00Z, a day, or Unix seconds or milliseconds"
    return None


def _usage(record: Mapping[str, Any]) -> tuple[dict[str, object], str | None]:
    """Usage keys of the record and of its ``usage``, which wins. What else is in a record is its writer's own."""
    usage = record.get("usage")
    beside = {key: value for key, value in record.items() if key in KNOWN and key not in _OF_RECORD}
    if usage is None:
        return beside, None
    if not isinstance(usage, Mapping):
        return beside, f"usage is {shown(usage)}: give an object"
    return {**beside, **usage}, None


def _moment(value: object) -> int | None:
    if isinstance(value, Decimal):
        value = float(value)
    elif isinstance(value, str) and value.strip().isascii() and value.strip().isdecimal():
        value = int(value) if len(value) <= len("253402300799999") else -1
    return parse_ts(value)


def _error(record: Mapping[str, Any], reason: str) -> CostLine:
    return CostLine(
        service=_name(record, "service") or "other",
        provider=_name(record, "provider"),
        model=_name(record, "model"),
        status=words.ERROR,
        reason=reason,
    )


def _name(record: Mapping[str, Any], key: str) -> str | None:
    value = record.get(key)
    return value if isinstance(value, str) and value else None


def _fields(value: msgspec.Struct) -> dict[str, Any]:
    fields = msgspec.structs.asdict(value)
    return {key: exact(field) if isinstance(field, Decimal) else field for key, field in fields.items()}
