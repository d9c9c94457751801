"""What providers charged against what callscope estimated: the difference, what it is made of, and why.

Amounts are US dollars; a difference is estimate minus actual. Charges that usage does not explain (rental, tax,
credits) are listed, and are in no sum and no percentage.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final, Literal

import msgspec

from callscope.model.cost import NOT_BILLED
from callscope.prices.book import PriceBook
from callscope.prices.causes import causes_of
from callscope.prices.difference import PARTS, Part, differences_of, money
from callscope.prices.estimate import Estimate
from callscope.prices.invoice import Invoice, aligned, in_usd
from callscope.prices.joins import joined
from callscope.prices.shift import shift
from callscope.prices.statements.charge import Charge, Statement

Verdict = Literal["ok", "close", "off"]

OK_PERCENT: Final = Decimal(3)
TOLERANCE_PERCENT: Final = Decimal(20)
TOTAL: Final = "total"
_ZERO: Final = Decimal(0)


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """One provider, or all of them."""

    provider: str
    estimate_usd: Decimal
    actual_usd: Decimal
    """Charges for usage."""
    other_usd: Decimal
    """Charges that usage does not explain: beside ``actual_usd``."""
    difference_usd: Decimal
    """Estimate minus actual."""
    percent: Decimal | None
    """The difference in percent of what was charged; None when nothing was."""
    verdict: Verdict
    """``ok`` within 3 percent, ``close`` within the tolerance, ``off`` beyond."""
    parts: dict[Part, Decimal]
    """The difference by `callscope.prices.difference.PARTS`; they add up to it."""
    shifted_usd: Decimal = _ZERO
    """What was billed on the day before or after its use."""
    joined: dict[str, int] = {}
    """Charges for usage, by what they were joined by (`callscope.prices.joins.Join`)."""
    alone: int = 0
    """Charges for usage that nothing of ours stands against."""
    unbilled_usd: Decimal = _ZERO
    """Estimates of the statement's days that no charge stands against."""
    unpriced: int = 0
    """Our cost lines without a price."""
    unrated: int = 0
    """Charges that the provider has not priced yet: left out, and what stands against them."""
    priced_by_us: bool = False
    """Whether the provider told quantities only, and the amounts are our prices."""
    causes: tuple[str, ...] = ()
    """In words."""


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True):
    """The whole comparison."""

    providers: tuple[Comparison, ...]
    total: Comparison
    other: tuple[Charge, ...]
    """Charges that usage does not explain, in their own currency."""
    unstated: dict[str, Decimal]
    """Estimates in US dollars of providers that no statement tells of, in its days."""
    notes: tuple[str, ...]


def period_of(statements: Iterable[Statement]) -> tuple[str, str] | None:
    """First and last day of all charges; None when none tells a day."""
    days = [
        day
        for statement in statements
        for charge in statement.charges
        for day in (charge.day, charge.last_day)
        if day is not None
    ]
    return (min(days), max(days)) if days else None


def of_provider(statements: Iterable[Statement], provider: str, book: PriceBook) -> list[Statement]:
    """The statements with the charges of one provider only, given under any of its names."""
    wanted = aligned(Charge(provider=provider), book).provider
    return [
        msgspec.structs.replace(
            statement,
            charges=tuple(each for each in statement.charges if aligned(each, book).provider == wanted),
        )
        for statement in statements
    ]


def reconcile(
    statements: Sequence[Statement],
    estimates: Iterable[Estimate],
    book: PriceBook,
    *,
    tolerance_percent: Decimal = TOLERANCE_PERCENT,
) -> Reconciliation:
    """Compare.

    Args:
        statements: what providers gave.
        estimates: ours, for the statements' period and a day on both sides of it.
        book: for names, for exchange rates, and for the price of quantities that come without an amount.
        tolerance_percent: up to where a difference is ``close``.

    Raises:
        SettingError: a charge is in a currency without an exchange rate.
    """
    notes = [f"{statement.file}: {note}" for statement in statements for note in statement.notes]
    invoices: dict[str, Invoice] = {}
    other: list[Charge] = []
    for statement in statements:
        for given in statement.charges:
            charge = aligned(given, book)
            invoice = invoices.setdefault(charge.provider, Invoice(charge.provider))
            if charge.kind == "other":
                other.append(charge)
                invoice.other_usd += in_usd(charge, book) or _ZERO
            else:
                invoice.add(charge, statement.services)
    ours: dict[str, list[Estimate]] = defaultdict(list)
    for estimate in estimates:
        if estimate.status != NOT_BILLED:
            ours[estimate.provider].append(estimate)
    for invoice in invoices.values():
        invoice.charges = _with_modes(invoice.charges)
        notes += invoice.close(book, ours[invoice.provider])
    compared = [
        _compare(invoice, ours[name], tolerance_percent)
        for name, invoice in sorted(invoices.items())
        if invoice.charges or invoice.other_usd
    ]
    return Reconciliation(
        providers=tuple(compared),
        total=_total(compared, tolerance_percent),
        other=tuple(other),
        unstated=_unstated(ours, {each.provider for each in compared}, period_of(statements)),
        notes=tuple(notes),
    )


def _with_modes(charges: list[Charge]) -> list[Charge]:
    """Quantities that do not tell their mode, with the only one that amounts for the same thing have."""
    modes: dict[tuple[object, ...], set[str | None]] = defaultdict(set)
    for charge in charges:
        if charge.amount is not None:
            modes[_thing(charge)].add(charge.mode)
    return [
        msgspec.structs.replace(charge, mode=next(iter(found)))
        if charge.amount is None and charge.mode is None and len(found := modes.get(_thing(charge), set())) == 1
        else charge
        for charge in charges
    ]


def _thing(charge: Charge) -> tuple[object, ...]:
    return charge.day, charge.last_day, charge.service, charge.model


def _compare(invoice: Invoice, estimates: list[Estimate], tolerance_percent: Decimal) -> Comparison:
    groups = joined(invoice.charges, estimates, services=invoice.services)
    unrated = [group for group in groups if any(not charge.rated for charge in group.charges)]
    rated = [group for group in groups if all(charge.rated for charge in group.charges)]
    outside = [group for group in rated if group.join == "outside"]
    found, shifted = shift(differences_of([group for group in rated if group.join != "outside"]), outside)
    estimate_usd = sum((each.estimate_usd for each in found), _ZERO)
    actual_usd = sum((each.actual_usd for each in found), _ZERO)
    parts = {part: sum((each.parts.get(part, _ZERO) for each in found), _ZERO) for part in PARTS}
    by_join: Counter[str] = Counter()
    for each in found:
        by_join[each.group.join] += len(each.group.charges)
    percent = _percent(estimate_usd - actual_usd, actual_usd)
    return Comparison(
        provider=invoice.provider,
        estimate_usd=estimate_usd,
        actual_usd=actual_usd,
        other_usd=invoice.other_usd,
        difference_usd=estimate_usd - actual_usd,
        percent=percent,
        verdict=_verdict(percent, tolerance_percent),
        parts={part: amount for part, amount in parts.items() if amount},
        shifted_usd=shifted,
        joined={join: count for join, count in by_join.items() if count},
        alone=sum(len(each.group.charges) for each in found if not each.group.estimates),
        unbilled_usd=sum((each.estimate_usd for each in found if not each.group.charges), _ZERO),
        unpriced=sum(estimate.usd is None for each in found for estimate in each.group.estimates),
        unrated=sum(len(group.charges) for group in unrated),
        priced_by_us=invoice.priced_by_us,
        causes=causes_of(invoice.provider, found),
    )


def _total(compared: Sequence[Comparison], tolerance_percent: Decimal) -> Comparison:
    estimate_usd = sum((each.estimate_usd for each in compared), _ZERO)
    actual_usd = sum((each.actual_usd for each in compared), _ZERO)
    parts = {part: sum((each.parts.get(part, _ZERO) for each in compared), _ZERO) for part in PARTS}
    by_join: Counter[str] = Counter()
    for each in compared:
        by_join.update(each.joined)
    percent = _percent(estimate_usd - actual_usd, actual_usd)
    return Comparison(
        provider=TOTAL,
        estimate_usd=estimate_usd,
        actual_usd=actual_usd,
        other_usd=sum((each.other_usd for each in compared), _ZERO),
        difference_usd=estimate_usd - actual_usd,
        percent=percent,
        verdict=_verdict(percent, tolerance_percent),
        parts={part: amount for part, amount in parts.items() if amount},
        shifted_usd=sum((each.shifted_usd for each in compared), _ZERO),
        joined=dict(by_join),
        alone=sum(each.alone for each in compared),
        unbilled_usd=sum((each.unbilled_usd for each in compared), _ZERO),
        unpriced=sum(each.unpriced for each in compared),
        unrated=sum(each.unrated for each in compared),
        priced_by_us=any(each.priced_by_us for each in compared),
    )


def _percent(difference: Decimal, actual: Decimal) -> Decimal | None:
    if not difference:
        return _ZERO
    return (difference / actual * 100).quantize(Decimal("0.01")) if actual > 0 else None


def _verdict(percent: Decimal | None, tolerance_percent: Decimal) -> Verdict:
    if percent is None or abs(percent) > tolerance_percent:
        return "off"
    return "ok" if abs(percent) <= OK_PERCENT else "close"


def _unstated(ours: dict[str, list[Estimate]], stated: set[str], period: tuple[str, str] | None) -> dict[str, Decimal]:
    if period is None:
        return {}
    sums = {
        name: sum(
            (money(each.usd) for each in found if each.usd is not None and period[0] <= each.day <= period[1]), _ZERO
        )
        for name, found in sorted(ours.items())
        if name not in stated
    }
    return {name: usd for name, usd in sums.items() if usd}
