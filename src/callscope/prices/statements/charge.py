"""What a provider says it charged, whichever way it said so."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

Kind = Literal["usage", "other"]


class Charge(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a provider's own figures."""

    provider: str
    """Lower case, as ``deepgram``."""
    service: str | None = None
    """One of `callscope.model.usage.SERVICES`; None when it does not say."""
    model: str | None = None
    day: str | None = None
    """UTC day as ``2026-11-21``; None when only an id tells what it is for."""
    last_day: str | None = None
    """Last day, inclusive, of a charge for more than one."""
    at_ms: int | None = None
    """Unix milliseconds."""
    request_id: str | None = None
    call_id: str | None = None
    unit: str | None = None
    """What ``quantity`` counts, as `callscope.prices.units.Unit.usage` says it: ``seconds``, ``input_text_tokens``."""
    quantity: Decimal | None = None
    as_billed: bool = True
    """Whether ``quantity`` is after the provider's rounding."""
    amount: Decimal | None = None
    """In ``currency``; None where only quantities are told."""
    currency: str = "USD"
    line_item: str = ""
    """The provider's own words for it."""
    kind: Kind = "usage"
    """``other``: rental, subscription, tax, credit: nothing that usage explains."""
    mode: str | None = None
    """``streaming`` or ``batch``; None when it does not say."""
    rated: bool = True
    """False: the provider has not put a price on it yet."""


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a provider's figures."""

    file: str
    format: str
    charges: tuple[Charge, ...]
    services: tuple[str, ...] = ()
    """The services that it tells of; empty: all of its providers'."""
    notes: tuple[str, ...] = ()
    """What makes it less than it seems."""
