"""Cost lines of one usage record at one price that was found."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from callscope.model.cost import ERROR, ESTIMATED, NOT_BILLED, PRICED, UNPRICED, USD, CostLine
from callscope.prices.book import Found, PriceBook
from callscope.prices.entry import Entry
from callscope.prices.exact import ZERO
from callscope.prices.reported import Number
from callscope.prices.units import UNITS

_SHARES: Final = {name: 1 / unit.per for name, unit in UNITS.items() if unit.family != "time"}
"""What one counted thing is of its unit, where that is exact: a millionth."""


class Tariff:
    """Makes the lines of one record; ``found`` says at which price.

    Args:
        book: for exchange rates.
        found: the price.
        service: as reported, like ``provider`` and ``model``.
        provider: who bills.
        model: of the service.
        at_ms: Unix milliseconds; None: unknown.
        assumed: what was assumed of the whole record; its lines are estimated.
    """

    __slots__ = (
        "about_record", "assumed", "at_ms", "biller", "book", "entry", "found", "matched", "model", "provider", "rates",
        "service", "version",
    )  # fmt: skip

    def __init__(
        self,
        book: PriceBook,
        found: Found,
        *,
        service: str,
        provider: str | None,
        model: str | None,
        at_ms: int | None,
        assumed: str | None = None,
    ) -> None:
        self.book = book
        self.found = found
        self.entry: Entry | None = found.entry
        self.rates: Mapping[str, Decimal] = {} if found.entry is None else found.entry.rates
        self.matched = None if found.entry is None else found.entry.id
        self.service = service
        self.provider = provider
        self.model = model
        self.at_ms = at_ms
        self.about_record = assumed
        self.assumed = found.assumed if assumed is None else joined(found.assumed, assumed)
        self.version = book.version
        # A line says who bills it where neither its price nor what was reported does: most lines stay as short.
        self.biller = None if found.biller == provider else found.biller

    def at(self, found: Found) -> Tariff:
        """The same record at another price."""
        return Tariff(
            self.book,
            found,
            service=self.service,
            provider=self.provider,
            model=self.model,
            at_ms=self.at_ms,
            assumed=self.about_record,
        )

    def charge(
        self, usage: str, unit: str, used: Number, billed: Number | None = None, *, assumed: str | None = None
    ) -> CostLine:
        """Charge ``billed`` (else ``used``), both in what the unit counts, as seconds, and not in the unit itself."""
        entry = self.entry
        assert entry is not None  # noqa: S101 -- who charges has looked for the rate
        price = self.rates[unit]
        if self.found.source == "discount":
            price = price * self.found.factor
        share = _SHARES.get(unit)
        if share is None:
            per = UNITS[unit].per
            quantity = used / per
            charged = quantity if billed is None else billed / per
            # Seconds times price first: 20 s at 0.03 a minute are 0.01, and not a rounded third of 0.03.
            amount = (used if billed is None else billed) * price / per
        else:
            quantity = used * share
            charged = quantity if billed is None else billed * share
            amount = charged * price
        assumed = self.assumed if assumed is None else joined(self.assumed, assumed)
        currency = entry.currency
        reason = assumed
        usd: Decimal | None = amount
        if currency != USD:
            usd = self.book.to_usd(amount, currency, self.at_ms) if amount else ZERO
            if usd is None:
                reason = joined(assumed, f"no exchange rate for {currency}: give one in your prices file")
        return CostLine(
            service=self.service,
            provider=self.provider,
            model=self.model,
            status=PRICED if assumed is None else ESTIMATED,
            matched=self.matched,
            usage=usage,
            unit=unit,
            quantity=quantity,
            quantity_billed=charged,
            price=price,
            amount=amount,
            currency=currency,
            usd=usd,
            source=self.found.source,
            catalogue=self.version,
            reason=reason,
        )

    def unpriced(self, usage: str | None, quantity: Number | None, reason: str | None) -> CostLine:
        """What was used and has no price."""
        return CostLine(
            service=self.service,
            provider=self.provider,
            model=self.model,
            status=UNPRICED,
            biller=self.biller if self.matched is None else None,
            matched=self.matched,
            usage=usage,
            quantity=None if quantity is None else Decimal(quantity),
            catalogue=self.version,
            reason=reason,
        )

    def error(self, usage: str | None, reason: str) -> CostLine:
        """What contradicts itself, or is no number."""
        return CostLine(
            service=self.service,
            provider=self.provider,
            model=self.model,
            status=ERROR,
            biller=self.biller,
            usage=usage,
            catalogue=self.version,
            reason=reason,
        )

    def free(self, usage: str | None, quantity: Number | None, reason: str) -> CostLine:
        """What nobody bills."""
        return CostLine(
            service=self.service,
            provider=self.provider,
            model=self.model,
            status=NOT_BILLED,
            biller=self.biller if self.matched is None else None,
            matched=self.matched,
            usage=usage,
            quantity=None if quantity is None else Decimal(quantity),
            quantity_billed=ZERO,
            amount=ZERO,
            usd=ZERO,
            catalogue=self.version,
            reason=reason,
        )

    def no_price(self, unit: str) -> str:
        """Why a quantity is unpriced: its unit is not among the entry's."""
        return f"{self.matched} has no price per {unit}, only per {', '.join(sorted(self.rates)) or 'nothing'}"


def joined(*reasons: str | None) -> str | None:
    """Several reasons as one; None when there is none."""
    return "; ".join(reason for reason in reasons if reason) or None
