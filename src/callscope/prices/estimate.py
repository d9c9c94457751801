"""What callscope estimates for one use of a service, in the form that a provider's figures are held against."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from callscope.model.cost import CostLine, CostStatus
from callscope.model.wire import format_ts
from callscope.prices.book import Found, PriceBook
from callscope.prices.names import model_names
from callscope.prices.units import UNITS

_ZERO: Final = Decimal(0)
_MICRO: Final = Decimal("0.000001")
_CACHED: Final = {
    "1M_input_text_tokens": "1M_cached_input_text_tokens",
    "1M_input_audio_tokens": "1M_cached_input_audio_tokens",
}
_WITHOUT_UNIT: Final = {
    "input_tokens": "input_text_tokens",
    "output_tokens": "output_text_tokens",
    "cached_tokens": "cached_input_text_tokens",
    "audio_seconds": "seconds",
    "session_seconds": "seconds",
    "call_seconds": "seconds",
}
"""What usage without a price counts, by its key."""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """One cost line, with where it belongs."""

    call_id: str
    provider: str
    """The catalogue's id, or as reported in lower case."""
    service: str
    model: str | None
    """The catalogue's name, or as reported."""
    day: str
    """UTC day as ``2026-11-21``."""
    request_id: str | None
    at_ms: int
    """Unix milliseconds."""
    usage_key: str | None
    unit: str | None
    """As in `CostLine.unit`."""
    quantity: Decimal | None
    """What was used, in ``unit``."""
    quantity_billed: Decimal | None
    """What is charged, in ``unit``."""
    price: Decimal | None
    """For one ``unit``, in the price's own currency."""
    usd: Decimal | None
    """None when it is not known."""
    status: CostStatus
    increment: Decimal = _ZERO
    """What one request, leg or session is rounded up to, in what ``unit`` counts."""
    cached_price: Decimal | None = None
    """Of input tokens: what one ``unit`` would cost had it been cached."""

    @property
    def counts(self) -> str | None:
        """What ``unit`` counts: `callscope.prices.units.Unit.usage`."""
        if self.unit in UNITS:
            return UNITS[self.unit].usage
        return _WITHOUT_UNIT.get(self.usage_key or "", self.usage_key)

    @property
    def used(self) -> Decimal | None:
        """``quantity``, counted."""
        return self._counted(self.quantity)

    @property
    def billed(self) -> Decimal | None:
        """``quantity_billed``, counted."""
        return self._counted(self.quantity if self.quantity_billed is None else self.quantity_billed)

    def _counted(self, quantity: Decimal | None) -> Decimal | None:
        if quantity is None or self.unit not in UNITS:
            return quantity
        # A third of a minute has no end; the seconds that it was made of have.
        return (quantity * UNITS[self.unit].per).quantize(_MICRO)


def estimate_of(
    line: CostLine, book: PriceBook, *, call_id: str, at_ms: int, usage: Mapping[str, Any] | None = None
) -> Estimate:
    """An estimate from a cost line.

    Args:
        line: as `callscope.prices.costing.cost_of` gave it.
        book: the prices that it was made with.
        call_id: the call it belongs to.
        at_ms: Unix milliseconds of the use.
        usage: the data of the ``usage`` event, where there is one.
    """
    told = usage or {}
    found = find(book, line.service, line.provider, line.model, at_ms=at_ms, told=told)
    entry = found.entry
    unit = UNITS.get(line.unit or "")
    increment = _ZERO
    if unit is not None and unit.family == "time":
        increment = (entry.increment_seconds if entry is not None else None) or Decimal(1)
    request_id = told.get("request_id")
    return Estimate(
        call_id=call_id,
        provider=provider_name(found, line.provider),
        service=line.service,
        model=model_name(found, line.model),
        day=format_ts(at_ms)[:10],
        request_id=request_id if isinstance(request_id, str) and request_id else None,
        at_ms=at_ms,
        usage_key=line.usage,
        unit=line.unit,
        quantity=line.quantity,
        quantity_billed=line.quantity_billed,
        price=line.price,
        usd=line.usd,
        status=line.status,
        increment=increment,
        cached_price=_cached_price(line, found),
    )


def find(
    book: PriceBook,
    service: str,
    provider: str | None,
    model: str | None,
    *,
    at_ms: int | None,
    told: Mapping[str, Any],
) -> Found:
    """The price of a service, in the way that ``told`` says it was used."""
    ways = {key: _word(told.get(key)) for key in ("mode", "plan", "direction", "region")}
    return book.find(service, provider, model, at_ms=at_ms, tier=_word(told.get("service_tier")), **ways)


def provider_name(found: Found, reported: str | None) -> str:
    """The name by which both sides call a provider."""
    if found.entry is not None:
        return found.entry.provider
    return found.provider.id if found.provider is not None else (reported or "unknown").lower()


def model_name(found: Found, reported: str | None) -> str | None:
    """The name by which both sides call a model: the catalogue's, else the shortest that a rule makes of it."""
    if found.entry is not None and found.entry.model != "*":
        return found.entry.model
    return None if reported is None else model_names(reported, found.provider)[-1]


def _cached_price(line: CostLine, found: Found) -> Decimal | None:
    cached = _CACHED.get(line.unit or "")
    if cached is None or found.entry is None or line.price is None:
        return None
    rates = found.entry.rates
    if rates.get(line.unit or "", _ZERO) * found.factor != line.price and found.entry.long_context is not None:
        rates = found.entry.long_context.rates
    return None if cached not in rates else rates[cached] * found.factor


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
