"""What something cost: one line a price that applied, and what a set of lines adds up to.

Money is `decimal.Decimal` from the catalogue to the file; only what is shown to people is rounded. In JSON a
Decimal is a string, so that nothing is lost on the way.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final, Literal

import msgspec

CostStatus = Literal["priced", "estimated", "partial", "unpriced", "not_billed", "error"]

PRICED: Final = "priced"
"""Usage and price are both known."""
ESTIMATED: Final = "estimated"
"""There is an amount, and something about it was assumed; `CostLine.reason` says what."""
PARTIAL: Final = "partial"
"""Part of it has an amount and part has none: the amount is a lower bound. Of a sum, never of a line."""
UNPRICED: Final = "unpriced"
"""There is no price for it, or no usage was told: the amount is unknown, which is not 0."""
NOT_BILLED: Final = "not_billed"
"""Nobody bills it: it runs on the user's own machine, or the provider does not charge for failures."""
ERROR: Final = "error"
"""The usage contradicts itself; nothing was computed."""

USD: Final = "USD"

PriceSource = Literal["catalogue", "override", "discount"]


class CostLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One price applied to one quantity: ``amount`` is ``quantity_billed`` times ``price``."""

    service: str
    """One of `callscope.model.usage.SERVICES`."""
    provider: str | None
    """As reported, by whatever name: see `billed_by`."""
    model: str | None
    """As reported."""
    status: CostStatus
    biller: str | None = None
    """Who bills it, by the name that prices go by; None where ``matched`` or ``provider`` says it."""
    matched: str | None = None
    """Id of the price that applied; None without one."""
    usage: str | None = None
    """The usage key that was counted, as ``input_tokens``; of an add-on ``addon:`` and its name."""
    unit: str | None = None
    """The unit as it is billed, as ``minute`` or ``1M_input_text_tokens``; see `callscope.prices.units`."""
    quantity: Decimal | None = None
    """What was used, in ``unit``."""
    quantity_billed: Decimal | None = None
    """What is charged, in ``unit``: after rounding, minimum and channels."""
    price: Decimal | None = None
    """For one ``unit``, in ``currency``."""
    amount: Decimal | None = None
    """In ``currency``; None when it is not known."""
    currency: str = USD
    usd: Decimal | None = None
    """``amount`` in US dollars; None when it is not known, or when there is no exchange rate."""
    source: PriceSource | None = None
    """Where the price comes from."""
    catalogue: str | None = None
    """Version of the catalogue."""
    reason: str | None = None
    """Why it is not simply ``priced``, and what would make it so."""

    @property
    def billed_by(self) -> str | None:
        """Who bills it, by the name that prices go by, as it was known when it was priced.

        Of lines that were priced before they had a ``biller``: the provider of the price that applied; without one, as
        reported.
        """
        if self.biller is not None:
            return self.biller
        return self.provider if self.matched is None else self.matched.partition("/")[0]


class Actual(msgspec.Struct, frozen=True, kw_only=True):
    """An amount that the provider itself reported. Kept beside the estimate, never mixed into it."""

    service: str
    provider: str | None
    amount: Decimal
    currency: str = USD


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What lines add up to."""

    status: CostStatus
    usd: Decimal | None
    """Sum of what is known; None when nothing is. A lower bound where ``status`` is ``partial``."""
    lines: tuple[CostLine, ...] = ()
    actual: tuple[Actual, ...] = ()

    @property
    def reasons(self) -> list[str]:
        """Why the sum is not simply ``priced``, each reason once."""
        return list(dict.fromkeys(line.reason for line in self.lines if line.reason))

    @property
    def unpriced(self) -> int:
        """Lines whose amount is not known."""
        return sum(line.usd is None for line in self.lines)


def total(lines: Iterable[CostLine], actual: Iterable[Actual] = ()) -> Cost:
    """Add lines up; the sum of no lines is ``unpriced``: nothing is known of it."""
    kept = tuple(lines)
    known = [line.usd for line in kept if line.usd is not None]
    return Cost(
        status=status_of(line.status if line.usd is not None else _unknown(line) for line in kept),
        usd=sum(known, Decimal(0)) if known else None,
        lines=kept,
        actual=tuple(actual),
    )


def status_of(statuses: Iterable[CostStatus]) -> CostStatus:
    """The status of a sum, from those of its parts."""
    found = set(statuses)
    unknown = found & {UNPRICED, ERROR}
    known = found - unknown
    if PARTIAL in found or (unknown and known):
        return PARTIAL
    if unknown:
        return ERROR if ERROR in unknown else UNPRICED
    if ESTIMATED in known:
        return ESTIMATED
    if PRICED in known:
        return PRICED
    return NOT_BILLED if known else UNPRICED


def _unknown(line: CostLine) -> CostStatus:
    return ERROR if line.status == ERROR else UNPRICED
