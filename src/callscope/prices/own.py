"""The user's own prices: what was negotiated, which plans are held, what a currency is worth."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from callscope.prices.entry import Entry

_TERMS: Final = ("meter", "increment_seconds", "minimum_seconds", "scope", "channels", "markup")


class Discount(msgspec.Struct, frozen=True, kw_only=True):
    """A factor on every list price of a provider, in a stretch of time."""

    provider: str
    factor: Decimal
    service: str | None = None
    """None: all of them."""
    effective_from: int | None = None
    effective_to: int | None = None
    note: str = ""


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """What one unit of a currency is worth in US dollars, from a day on."""

    currency: str
    usd: Decimal
    as_of: int
    """Unix seconds."""


class OwnPrices(msgspec.Struct, frozen=True, kw_only=True):
    """One file of the user's. They win over list prices."""

    file: str = ""
    prices: tuple[Entry, ...] = ()
    """``model`` may be ``*``: every model of that service. Terms that a price leaves out are the list price's."""
    plans: dict[str, str] = {}
    """Plan by provider."""
    discounts: tuple[Discount, ...] = ()
    exchange: tuple[Exchange, ...] = ()
    hosts: dict[str, str] = {}
    """Provider by the host or name that is reported: a gateway on loopback, say, behind which OpenAI bills."""


NONE = OwnPrices()
"""No file."""


def with_terms(price: Entry, listed: Entry | None) -> Entry:
    """A price of the user's, with the terms that it leaves out taken from the list price; 0 seconds say "none"."""
    terms = {name: getattr(price, name) for name in _TERMS}
    if listed is not None:
        terms = {name: getattr(listed, name) if value is None else value for name, value in terms.items()}
    for name in ("increment_seconds", "minimum_seconds"):
        terms[name] = terms[name] or None
    return msgspec.structs.replace(price, **terms)
