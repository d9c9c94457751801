"""A provider's charges, with the names, the currency and the amounts that our estimates are compared in."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import msgspec

from callscope.errors import SettingError
from callscope.model.cost import USD
from callscope.model.usage import SERVICES
from callscope.prices.book import Found, PriceBook
from callscope.prices.estimate import Estimate, find, model_name, provider_name
from callscope.prices.statements.charge import Charge
from callscope.prices.units import UNITS

_UNKNOWN_SERVICE: Final = "other"
_ZERO: Final = Decimal(0)


class Invoice:
    """The charges for usage of one provider.

    Args:
        provider: its name, as in the estimates.
    """

    def __init__(self, provider: str) -> None:
        self.provider = provider
        self.charges: list[Charge] = []
        self.other_usd = _ZERO
        """Charges that usage does not explain, as far as they have an exchange rate."""
        self.priced_by_us = False
        self._services: set[str] = set()
        self._all_services = False

    @property
    def services(self) -> frozenset[str]:
        """Those that the charges tell of; empty: all of the provider's."""
        return frozenset() if self._all_services else frozenset(self._services)

    def add(self, charge: Charge, services: tuple[str, ...]) -> None:
        """Add a charge of a statement that tells of these services, or of all."""
        self.charges.append(charge)
        self._services.update(services)
        self._all_services = self._all_services or not services

    def close(self, book: PriceBook, estimates: Iterable[Estimate]) -> list[str]:
        """Give every charge an amount in US dollars; tells what had to be left out.

        Quantities without an amount go to the amounts without a quantity that they belong to. Where no charge has an
        amount they are priced: at the list price, else at the mean of ours.

        Raises:
            SettingError: a currency has no exchange rate.
        """
        told = [charge for charge in self.charges if charge.amount is not None or not charge.rated]
        untold = [charge for charge in self.charges if charge.amount is None and charge.rated]
        if told:
            told, left = _with_quantities(told, untold)
            self.charges = [msgspec.structs.replace(charge, amount=_amount(charge, book)) for charge in told]
            what = "without an amount left out: the amounts that are given have quantities, or are not split alike"
            return [f"{self.provider}: {left} of {len(untold)} quantities {what}"] if left else []
        means = _means(estimates) if untold else {}
        priced = [(charge, _priced(charge, book, means)) for charge in untold]
        self.charges = [msgspec.structs.replace(charge, amount=usd) for charge, usd in priced if usd is not None]
        self.priced_by_us = bool(self.charges)
        return sorted(
            {
                f"{self.provider}: {charge.line_item} cannot be compared: there is no price of {charge.unit}"
                for charge, usd in priced
                if usd is None
            }
        )


def aligned(charge: Charge, book: PriceBook) -> Charge:
    """A charge with the names that estimates have."""
    found = _found(charge, book)
    return msgspec.structs.replace(
        charge, provider=provider_name(found, charge.provider), model=model_name(found, charge.model)
    )


def in_usd(charge: Charge, book: PriceBook) -> Decimal | None:
    """The amount in US dollars; None without one, or without an exchange rate."""
    if charge.amount is None or charge.currency == USD:
        return charge.amount
    return book.to_usd(charge.amount, charge.currency, charge.at_ms)


def _amount(charge: Charge, book: PriceBook) -> Decimal | None:
    usd = in_usd(charge, book)
    if usd is None and charge.amount is not None:
        raise SettingError(
            f"{charge.provider} charged {charge.amount} {charge.currency}, and there is no exchange rate: add "
            f"[fx.{charge.currency}] with usd and as_of to your prices file"
        )
    return usd


def _with_quantities(amounts: list[Charge], quantities: list[Charge]) -> tuple[list[Charge], int]:
    """Amounts with the quantities that another file tells for the same thing, and how many quantities are left.

    Deepgram's billing has dollars, its usage has hours: together they tell a price.
    """
    named: dict[tuple[object, ...], list[Charge]] = defaultdict(list)
    for charge in quantities:
        named[_thing(charge)].append(charge)
    alike = Counter(_thing(charge) for charge in amounts)
    found, left = [], len(quantities)
    for charge in amounts:
        same = named.get(_thing(charge), [])
        units = {each.unit for each in same}
        if charge.unit is None and charge.rated and len(units) == 1 and alike[_thing(charge)] == 1:
            quantity = sum((each.quantity or _ZERO for each in same), _ZERO)
            found.append(msgspec.structs.replace(charge, unit=same[0].unit, quantity=quantity))
            left -= len(same)
        else:
            found.append(charge)
    return found, left


def _thing(charge: Charge) -> tuple[object, ...]:
    return charge.day, charge.last_day, charge.service, charge.model, charge.mode


def _means(estimates: Iterable[Estimate]) -> dict[str, Decimal]:
    """Our mean price, in US dollars, of one of what is counted."""
    usd: dict[str, Decimal] = defaultdict(Decimal)
    quantity: dict[str, Decimal] = defaultdict(Decimal)
    for each in estimates:
        if each.usd is not None and each.counts is not None:
            usd[each.counts] += each.usd
            quantity[each.counts] += each.billed or _ZERO
    return {counts: usd[counts] / quantity[counts] for counts in usd if quantity[counts]}


def _priced(charge: Charge, book: PriceBook, means: dict[str, Decimal]) -> Decimal | None:
    """What a quantity costs at our price; None when there is none.

    Not by way of the costing: a day's sum is no request, and must meet neither minimum nor long-context rates.
    """
    found = _found(charge, book)
    if charge.quantity is None:
        return None
    entry = found.entry
    for unit, rate in entry.rates.items() if entry is not None else ():
        if UNITS[unit].usage == charge.unit:
            amount = charge.quantity / UNITS[unit].per * rate * found.factor
            return book.to_usd(amount, entry.currency if entry is not None else USD, charge.at_ms)
    return charge.quantity * means[charge.unit] if charge.unit in means else None


def _found(charge: Charge, book: PriceBook) -> Found:
    services = (charge.service,) if charge.service else SERVICES if charge.model else (_UNKNOWN_SERVICE,)
    told = {"mode": charge.mode}
    tried = [find(book, service, charge.provider, charge.model, at_ms=charge.at_ms, told=told) for service in services]
    return next((found for found in tried if found.entry is not None), tried[0])
