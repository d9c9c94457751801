"""The user's own prices: their file as values. The form, with all that it may hold: examples/prices.toml.

Nothing in it is ever passed over: what cannot be used stops with file, line and what to write instead, because
a negotiated price that silently does not apply is a wrong bill.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final, NamedTuple

from callscope.model.cost import USD
from callscope.prices.check import misplaced, overlaps
from callscope.prices.entry import Entry, Provider
from callscope.prices.models import RESOLD, ModelIndex
from callscope.prices.names import host_of, model_names
from callscope.prices.own import Discount, Exchange, OwnPrices
from callscope.prices.source import PRICE_KEYS, check_dates, entry_of, known_currency, known_unit, schema
from callscope.prices.source import service as service_key
from callscope.prices.toml_lines import Reader, Table, nearest, parse
from callscope.prices.units import UNITS

_MAX_FACTOR: Final = Decimal(2)
_EVERY_MODEL: Final = "*"
_ALWAYS: Final = frozenset({"request", "credit", "call", "event", "message"})
_BY_TIME: Final = frozenset(unit for unit, size in UNITS.items() if size.family == "time")
_BY_TEXT: Final = frozenset(unit for unit, size in UNITS.items() if size.family in {"characters", "bytes"})
_BY_TOKEN: Final = frozenset(unit for unit, size in UNITS.items() if size.family == "tokens")
_CACHE_WRITES: Final = frozenset({"1M_cache_write_tokens", "1M_cache_write_1h_tokens"})
_UNITS_OF: Final[Mapping[str, frozenset[str]]] = {
    "llm": _ALWAYS | _BY_TOKEN,
    "stt": _ALWAYS | _BY_TIME | _BY_TOKEN - _CACHE_WRITES - {"1M_output_audio_tokens"},
    "tts": _ALWAYS | _BY_TIME | _BY_TEXT | _BY_TOKEN - _CACHE_WRITES,
    "realtime": _ALWAYS | _BY_TIME | _BY_TOKEN | {"text_message"},
    "telephony": _ALWAYS | _BY_TIME | {"month", "minute_month"},
}
"""Units that usage of a service can be told in. Services that are not here may have any."""
_ONE_SLIP: Final = 4
"""Letters that a word has at least, for one edit to be taken for a slip; shorter ones differ by one as it is."""
_TWO_SLIPS: Final = 8
"""Letters that a word has at least, for two edits to be taken for slips."""


class _Span(NamedTuple):
    """A stretch of time, and where it is written."""

    effective_from: int | None
    effective_to: int | None
    table: Table


def own_prices_of(text: str, *, file: str, catalogue_providers: Mapping[str, Provider]) -> OwnPrices:
    """The user's file, TOML or JSON; raises `SettingError` with file and line for whatever is wrong in it.

    Args:
        text: what is in the file.
        file: its name, for errors and for `OwnPrices.file`.
        catalogue_providers: by id.
    """
    top = parse(text, file=file).fields(_FILE, required=("schema",))
    known = by_name(catalogue_providers)
    prices = _prices(top.get("price", ()), known)
    plans = _plans(top["plans"], prices, known) if "plans" in top else {}
    _check_plans(top.get("price", ()), prices, plans, known)
    return OwnPrices(
        file=file,
        prices=prices,
        plans=plans,
        discounts=_discounts(top["discount"], known) if "discount" in top else (),
        exchange=_exchange(top["fx"]) if "fx" in top else (),
        hosts=_hosts(top["hosts"], known) if "hosts" in top else {},
    )


def by_name(providers: Mapping[str, Provider]) -> dict[str, Provider]:
    """Providers by id, alias and host: what `provider_id` looks into."""
    return {
        name: provider for provider in providers.values() for name in (*provider.hosts, *provider.aliases, provider.id)
    }


def provider_id(table: Table, key: str, name: str, known: Mapping[str, Provider], *, may_be_new: bool) -> str:
    """The provider that is meant by a name, which ``key`` of ``table`` holds or is.

    A new one is refused if it looks like a slip of the pen for one that is known.
    """
    name = host_of(name)
    labels = name.partition(":")[0].split(".")
    ends = [".".join(labels[start:]) for start in range(max(len(labels) - 1, 1))]
    if (found := next((known[end] for end in ends if end in known), None)) is not None:
        return found.id
    if may_be_new and not _slips(name, known):
        return name
    ids = {provider.id for provider in known.values()}
    raise table.error(key, f'unknown provider "{name}": {nearest(name, known if "." in name else ids)}')


def _prices(tables: Iterable[Table], known: Mapping[str, Provider]) -> tuple[Entry, ...]:
    prices = []
    kinds: dict[str, list[_Span]] = {}
    for table in tables:
        entry = _price(table, known)
        for problem in misplaced(entry):
            raise table.error(None, f"{problem}{table.inside}")
        spans = kinds.setdefault(entry.id.partition("@")[0], [])
        spans.append(_Span(entry.effective_from, entry.effective_to, table))
        prices.append(entry)
    for kind, spans in kinds.items():
        _refuse_overlap(spans, f"price of {kind}", "; prices of several units go into one, as rates = { .. }")
    return tuple(prices)


def _price(table: Table, known: Mapping[str, Provider]) -> Entry:
    fields = table.fields(_PRICE, required=("provider", "service", "model"))
    unit, price = fields.pop("unit", None), fields.pop("price", None)
    if "rates" in fields:
        if unit is not None or price is not None:
            raise table.error("rates", f'"rates" stands beside "unit" or "price"{table.inside}: write one of the two')
    elif unit is None or price is None:
        missing = "unit" if unit is None else "price"
        raise table.error(None, f'"{missing}" is missing{table.inside}: write "unit" and "price", or "rates"')
    else:
        fields["rates"] = {unit: price}
    fields["source"] = table.where()
    provider = provider_id(table, "provider", fields.pop("provider"), known, may_be_new=True)
    service = fields.pop("service")
    _check_units(table, fields["rates"], service)
    provider = RESOLD.get(provider, {}).get(service, provider)
    model = _model(table, fields.pop("model"), known.get(provider), service)
    return entry_of(table, fields, provider=provider, service=service, model=model)


def _check_units(table: Table, rates: Iterable[str], service: str) -> None:
    """Refuse a unit that no usage of the service is told in: it would never be charged."""
    units = _UNITS_OF.get(service, frozenset(UNITS))
    for unit in rates:
        if unit not in units:
            where, key = (table.table("rates"), unit) if "rates" in table.values else (table, "unit")
            raise where.error(key, f'{service} is not charged per "{unit}", only per {", ".join(sorted(units))}')


def _model(table: Table, written: str, provider: Provider | None, service: str) -> str:
    """The model's name as requests are looked up by it; refuses one that looks like another of the catalogue's."""
    if provider is None or provider.local or written == _EVERY_MODEL:
        return written
    index = ModelIndex(provider)
    name = _bare(written, provider)
    found = index.match(service, name, direction=None).model
    if (found is not None and found.service == service) or index.addon(service, name) is not None:
        return name
    if services := sorted(index.services_of(name)):
        listed = " or ".join(f'"{one}"' for one in services)
        raise table.error("service", f'"{name}" of {provider.id} is not {service}: write service = {listed}')
    alike = {
        listed: model.service
        for model in provider.models
        for listed in (model.model, *model.names)
        if _letters(listed) == _letters(name) and not listed.startswith(_EVERY_MODEL)
    }
    if alike:
        near = min(alike, key=lambda one: (alike[one] != service, one))
        raise table.error("model", f'unknown model "{written}": did you mean "{near}"?')
    return name


def _bare(model: str, provider: Provider) -> str:
    """The name without what stands before it; its date stays, because it may be what the price is for."""
    name, *others = model_names(model, provider)
    for shorter in others:
        if name.endswith(shorter) or _letters(name) == _letters(shorter):
            name = shorter
    return name


def _plans(table: Table, prices: Iterable[Entry], known: Mapping[str, Provider]) -> dict[str, str]:
    plans: dict[str, str] = {}
    for key in table.values:
        provider, plan = provider_id(table, key, key, known, may_be_new=False), table.text(key)
        own = {entry.plan for entry in prices if entry.provider == provider and entry.plan}
        _known_plan(table, key, plan, provider, _plans_of(known[provider]) | own)
        _put(plans, provider, plan, table, key)
    return plans


def _check_plans(
    tables: Iterable[Table], prices: Iterable[Entry], plans: Mapping[str, str], known: Mapping[str, Provider]
) -> None:
    """Refuse a price whose plan looks like a slip for one that is known: it would never apply."""
    for table, entry in zip(tables, prices, strict=True):
        if entry.plan and entry.plan != plans.get(entry.provider) and entry.provider in known:
            listed = _plans_of(known[entry.provider])
            if _slips(entry.plan, listed):
                _known_plan(table, "plan", entry.plan, entry.provider, listed)


def _known_plan(table: Table, key: str, plan: str, provider: str, listed: set[str]) -> None:
    if plan not in listed:
        plans = ", ".join(sorted(listed)) or "none"
        raise table.error(key, f'unknown plan "{plan}": plans of {provider} are {plans}')


def _plans_of(provider: Provider) -> set[str]:
    plans = {entry.plan for model in provider.models for entry in model.prices}
    return {plan for plan in (provider.plan, *plans) if plan}


def _discounts(table: Table, known: Mapping[str, Provider]) -> tuple[Discount, ...]:
    discounts = []
    kinds: dict[str, list[_Span]] = {}
    for key in table.values:
        provider = provider_id(table, key, key, known, may_be_new=False)
        for one in table.table_or_tables(key):
            fields = one.fields(_DISCOUNT, required=("factor",))
            check_dates(one, fields)
            discount = Discount(provider=provider, **fields)
            spans = kinds.setdefault(f"{provider} {discount.service or ''}".strip(), [])
            spans.append(_Span(discount.effective_from, discount.effective_to, one))
            discounts.append(discount)
    for kind, spans in kinds.items():
        _refuse_overlap(spans, f"discount of {kind}")
    return tuple(discounts)


def _exchange(table: Table) -> tuple[Exchange, ...]:
    rates = []
    for key in table.values:
        if known_currency(table, key, key) == USD:
            raise table.error(key, "US dollars have no exchange rate: every amount is shown in them")
        spans = []
        for one in table.table_or_tables(key):
            rate = Exchange(currency=key, **one.fields(_EXCHANGE, required=("usd", "as_of")))
            spans.append(_Span(rate.as_of, None, one))
            rates.append(rate)
        _refuse_overlap(spans, f"exchange rate of {key}")
    return tuple(rates)


def _hosts(table: Table, known: Mapping[str, Provider]) -> dict[str, str]:
    hosts: dict[str, str] = {}
    for key, value in table.values.items():
        if isinstance(value, dict):
            raise table.error(
                key, f'"{key}" is a table: a host with dots stands in quotes, as "{key}.internal" = "openai"'
            )
        if "/" in key:
            raise table.error(key, f'"{key}" must be a host alone, as "localhost:4000"')
        provider = provider_id(table, key, table.text(key), known, may_be_new=False)
        _put(hosts, key.lower(), provider, table, key)
    return hosts


def _put(values: dict[str, str], name: str, value: str, table: Table, key: str) -> None:
    if name in values:
        raise table.error(key, f'"{name}" stands twice{table.inside}, under different spellings')
    values[name] = value


def _refuse_overlap(spans: Iterable[_Span], what: str, hint: str = "") -> None:
    for earlier, later in overlaps(spans):
        raise later.table.error(
            None,
            f"another {what} at the same time as in {earlier.table.where()}: "
            f"let one end (effective_to) before the other begins (effective_from){hint}",
        )


def _slips(word: str, known: Iterable[str]) -> bool:
    """Whether a word is one of those but for an edit or two, or but for capitals, dashes and blanks.

    Other digits make another word: ``volume-500k`` is no slip for ``volume-250k``.
    """
    letters = _letters(word)
    for other in map(_letters, known):
        shorter = min(len(letters), len(other))
        edits = (shorter >= _ONE_SLIP) + (shorter >= _TWO_SLIPS)
        if _digits(letters) == _digits(other) and _within(letters, other, edits):
            return True
    return False


def _digits(letters: str) -> str:
    return "".join(letter for letter in letters if letter.isdigit())


def _letters(word: str) -> str:
    return "".join(letter for letter in word.lower() if letter.isalnum())


def _within(word: str, other: str, edits: int) -> bool:
    """Whether so many letters added, left out, changed or swapped with the next one lead from one to the other."""
    same = 0
    while same < min(len(word), len(other)) and word[same] == other[same]:
        same += 1
    word, other = word[same:], other[same:]
    if not word or not other:
        return len(word) + len(other) <= edits
    if not edits:
        return False
    swapped = word[:2] == other[1::-1] and _within(word[2:], other[2:], edits - 1)
    return swapped or any(_within(word[left:], other[right:], edits - 1) for left, right in ((1, 1), (1, 0), (0, 1)))


def _factor(table: Table, key: str) -> Decimal:
    value = table.money(key)
    if not value:
        raise table.error(key, f'"{key}" cannot be 0: what is free is written as a [[price]] with price = "0"')
    if value > _MAX_FACTOR:
        raise table.error(key, f'"{key}" is what list prices are multiplied by, at most 2: for 15 % off write "0.85"')
    return value


def _unit(table: Table, key: str) -> str:
    return known_unit(table, key, table.text(key))


_FILE: Final[Mapping[str, Reader]] = {
    "schema": schema,
    "plans": Table.table,
    "discount": Table.table,
    "price": Table.tables,
    "fx": Table.table,
    "hosts": Table.table,
}
_PRICE: Final[Mapping[str, Reader]] = {
    "provider": Table.text,
    "service": service_key,
    "model": Table.text,
    "unit": _unit,
    "price": Table.money,
    **PRICE_KEYS,
    # 0 is a term of its own here: none, where the list price has one.
    "increment_seconds": Table.money,
    "minimum_seconds": Table.money,
}
_DISCOUNT: Final[Mapping[str, Reader]] = {
    "factor": _factor,
    "service": service_key,
    "effective_from": Table.moment,
    "effective_to": Table.moment,
    "note": Table.text,
}
_EXCHANGE: Final[Mapping[str, Reader]] = {"usd": Table.positive, "as_of": Table.moment}
