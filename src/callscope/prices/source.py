"""A provider's reviewed price file as values. The form: docs/design/prices.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, get_args

from callscope.model.usage import SERVICES
from callscope.prices.entry import Basis, Confidence, Entry, LongContext, Meter, Mode, Model, Provider, Scope
from callscope.prices.toml_lines import Reader, Table, choice, nearest, parse
from callscope.prices.units import UNITS

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CURRENCY: Final = re.compile(r"[A-Z]{3}", re.ASCII)
_APART: Final = ("mode", "plan", "tier", "region", "direction")
"""What tells the prices of one model apart, in the order of an id."""


def provider_of(text: str, *, file: str) -> Provider:
    """One provider's file; raises `SettingError` with file and line for whatever is wrong in it."""
    top = parse(text, file=file).fields(_FILE, required=("provider",))
    facts = top["provider"].fields(_PROVIDER, required=("id", "name"))
    defaults = top["defaults"].fields(_DEFAULTS) if "defaults" in top else {}
    lines: dict[str, str] = {}
    models = tuple(_model(table, facts["id"], defaults, lines) for table in top.get("model", ()))
    return Provider(**facts, models=models)


def entry_of(table: Table, fields: Mapping[str, Any], *, provider: str, service: str, model: str) -> Entry:
    """The price that stands in ``table``, whose keys were read to ``fields``; its id says what sets it apart."""
    check_dates(table, fields)
    parts = [provider, service, model, *(fields[name] for name in _APART if name in fields)]
    if fields.get("addon"):
        parts.append("addon")
    starts = fields.get("effective_from")
    day = "" if starts is None else f"@{(_EPOCH + timedelta(seconds=starts)).date().isoformat()}"
    return Entry(id="/".join(parts) + day, provider=provider, service=service, model=model, **fields)


def check_dates(table: Table, fields: Mapping[str, Any]) -> None:
    """Refuse what would end before it begins."""
    starts, ends = fields.get("effective_from"), fields.get("effective_to")
    if starts is not None and ends is not None and ends <= starts:
        raise table.error("effective_to", '"effective_to" must be later than "effective_from"')


def rates(table: Table, key: str) -> dict[str, Decimal]:
    """Reader of a table of prices by unit: at least one."""
    priced = table.table(key)
    if not priced.values:
        raise table.error(key, f'"{key}" holds no price: write one, as {key} = {{ minute = "0.0048" }}')
    return {known_unit(priced, unit, unit): priced.money(unit) for unit in priced.values}


def known_unit(table: Table, key: str, unit: str) -> str:
    """The unit, if it is one."""
    if unit not in UNITS:
        raise table.error(key, f'unknown unit "{unit}": {nearest(unit, UNITS)}')
    return unit


def currency(table: Table, key: str) -> str:
    """Reader of a currency's three letters."""
    return known_currency(table, key, table.text(key))


def known_currency(table: Table, key: str, value: str) -> str:
    """The currency, if it can be one."""
    if not _CURRENCY.fullmatch(value):
        raise table.error(key, f'"{value}" is no currency: write three capital letters, as "EUR"')
    return value


def schema(table: Table, key: str) -> int:
    """Reader of the number of a file's form."""
    value = table.values[key]
    if type(value) is not int or value != 1:
        raise table.error(key, f'"{key}" must be 1: this version of callscope reads no other')
    return value


def _model(table: Table, provider: str, defaults: Mapping[str, Any], lines: dict[str, str]) -> Model:
    fields = table.fields(_MODEL, required=("service", "model"))
    prices = []
    for priced in fields.pop("price", ()):
        facts = {**defaults, **priced.fields(_PRICE, required=("rates",))}
        entry = entry_of(priced, facts, provider=provider, service=fields["service"], model=fields["model"])
        if entry.id in lines:
            apart = ", ".join(_APART)
            raise priced.error(
                None, f'"{entry.id}" stands in {lines[entry.id]} already: give one of them another {apart} or day'
            )
        lines[entry.id] = priced.where()
        prices.append(entry)
    return Model(**fields, prices=tuple(prices))


def _hosts(table: Table, key: str) -> tuple[str, ...]:
    for host in (hosts := table.names(key)):
        if "/" in host:
            raise table.error(key, f'"{host}" in "{key}" must be a host alone, as "api.openai.com"')
    return hosts


def _patterns(table: Table, key: str) -> tuple[str, ...]:
    for pattern in (patterns := table.texts(key)):
        try:
            re.compile(pattern)
        except re.error as error:
            raise table.error(key, f'pattern "{pattern}" is not a regular expression: {error}') from None
    return patterns


def _long_context(table: Table, key: str) -> LongContext:
    keys = ("above_input_tokens", "rates")
    return LongContext(**table.table(key).fields({"above_input_tokens": Table.count, "rates": rates}, required=keys))


service: Final[Reader] = choice(*SERVICES)

PRICE_KEYS: Final[Mapping[str, Reader]] = MappingProxyType(
    {
        "rates": rates,
        "currency": currency,
        "mode": choice(*get_args(Mode)),
        "plan": Table.text,
        "tier": Table.text,
        "region": Table.text,
        "direction": choice("inbound", "outbound"),
        "effective_from": Table.moment,
        "effective_to": Table.moment,
        "meter": choice(*get_args(Meter)),
        "increment_seconds": Table.positive,
        "minimum_seconds": Table.positive,
        "scope": choice(*get_args(Scope)),
        "channels": choice("multiplied", "once"),
        "markup": choice("counted", "excluded", "counted_except_mark"),
        "note": Table.text,
    }
)
"""Keys that a price has in a provider's file and in the user's."""

_PRICE: Final[Mapping[str, Reader]] = {
    **PRICE_KEYS,
    "addon": Table.flag,
    "varies": Table.text,
    "basis": choice(*get_args(Basis)),
    "long_context": _long_context,
    "source": Table.text,
    "read_on": Table.day,
    "confidence": choice(*get_args(Confidence)),
}
_DEFAULTS: Final = {key: reader for key, reader in _PRICE.items() if key not in ("rates", "long_context")}
_MODEL: Final[Mapping[str, Reader]] = {
    "service": service,
    "model": Table.text,
    "names": Table.names,
    "patterns": _patterns,
    "price": Table.tables,
}
_PROVIDER: Final[Mapping[str, Reader]] = {
    "id": Table.name,
    "name": Table.text,
    "aliases": Table.names,
    "hosts": _hosts,
    "cached_inside_input": Table.flag,
    "reasoning_may_be_beside": Table.flag,
    "failed_requests": choice("free", "billed"),
    "local": Table.flag,
    "plan": Table.text,
}
_FILE: Final[Mapping[str, Reader]] = {"provider": Table.table, "defaults": Table.table, "model": Table.tables}
