"""The cost lines of one call, added up as they come, in memory that does not grow with the call.

Requests that nobody reported the usage of (a stream cut by a barge-in never tells) are estimated at the mean of those
that did report, of the same service, provider and model, and are marked. Without any they are unpriced.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, localcontext
from typing import Final

import msgspec

from callscope.model.cost import ESTIMATED, NOT_BILLED, UNPRICED, CostLine
from callscope.prices.costing import UNREPORTED
from callscope.prices.exact import EXACT, ZERO

_MOST_LINES: Final = 500
"""Different lines of one call; a call has some ten. Beyond it, lines are told apart by what they are of only."""
_MANY: Final = "one of many different reasons: see the usage events"

_Key = tuple[object, ...]
_Whose = tuple[str, str | None, str | None]


class _Sum:
    """Lines that differ in nothing but their quantities. What the first does not know, the sum does not know."""

    __slots__ = ("amount", "billed", "first", "quantity", "usd")

    def __init__(self, first: CostLine) -> None:
        self.first = first
        self.quantity, self.billed = first.quantity, first.quantity_billed
        self.amount, self.usd = first.amount, first.usd

    def add(self, line: CostLine) -> None:
        if self.quantity is not None:
            self.quantity += line.quantity or ZERO
        if self.billed is not None:
            self.billed += line.quantity_billed or ZERO
        if self.amount is not None:
            self.amount += line.amount or ZERO
        if self.usd is not None:
            self.usd += line.usd or ZERO

    def line(self) -> CostLine:
        if self.usd is self.first.usd and self.quantity is self.first.quantity:
            return self.first
        return msgspec.structs.replace(
            self.first, quantity=self.quantity, quantity_billed=self.billed, amount=self.amount, usd=self.usd
        )


class _Reports:
    """What requests of one service, provider and model came to."""

    __slots__ = ("billed", "complete", "requests", "usd")

    def __init__(self) -> None:
        self.requests = 0
        self.usd: Decimal | None = None
        self.complete = True
        self.billed = False

    def add(self, line: CostLine) -> None:
        self.billed = self.billed or line.status != NOT_BILLED
        if line.usd is None:
            self.complete = False
        else:
            self.usd = line.usd if self.usd is None else self.usd + line.usd


class Ledger:
    """The lines of one call. One thread at a time."""

    __slots__ = ("_billers", "_reports", "_sums", "_unreported")

    def __init__(self) -> None:
        self._sums: dict[_Key, _Sum] = {}
        self._billers: dict[_Whose, str | None] = {}
        self._reports: dict[_Whose, _Reports] = {}
        self._unreported: dict[_Whose, int] = {}

    def add(self, lines: Iterable[CostLine]) -> None:
        """Add the lines of one usage record, as `callscope.prices.costing.cost_of` gives them.

        Its line for ``unreported_requests`` is understood, as if `unreported` had been called.
        """
        with localcontext(EXACT):
            self._add(lines)

    def _add(self, lines: Iterable[CostLine]) -> None:
        reports: _Reports | None = None
        for line in lines:
            whose = (line.service, line.provider, line.model)
            if whose not in self._billers and len(self._billers) < _MOST_LINES:
                self._billers[whose] = line.billed_by
            if line.usage == UNREPORTED and line.status == UNPRICED:
                self.unreported(*whose, int(line.quantity or 0))
                continue
            key = (
                line.matched, line.usage, line.unit, line.status, line.price, line.reason, whose, line.currency,
                line.source, line.quantity is None, line.amount is None, line.usd is None,
            )  # fmt: skip
            known = self._sums.get(key)
            if known is not None:
                known.add(line)
            else:
                self._begin(key, line)
            if line.usage is not None:
                if reports is None:
                    reports = self._reports.get(whose)
                    if reports is None:
                        reports = self._reports[whose] = _Reports()
                    reports.requests += 1
                reports.add(line)

    def lines(self) -> list[CostLine]:
        """The sums so far, in the order in which they began; then what was not reported."""
        with localcontext(EXACT):
            unreported = [self._estimate(whose, requests) for whose, requests in self._unreported.items()]
        return [known.line() for known in self._sums.values()] + unreported

    def unreported(self, service: str, provider: str | None, model: str | None, requests: int) -> None:
        """Count requests that ended without a usage report; `lines` estimates them."""
        if requests > 0:
            whose = (service, provider, model)
            self._unreported[whose] = self._unreported.get(whose, 0) + requests

    def _begin(self, key: _Key, line: CostLine) -> None:
        if len(self._sums) < _MOST_LINES:
            self._sums[key] = _Sum(line)
            return
        line = msgspec.structs.replace(line, usage=None, reason=_MANY if line.reason else None)
        key = (line.status, line.service, line.currency, line.amount is None, line.usd is None)
        known = self._sums.get(key)
        if known is not None:
            known.add(line)
        else:
            self._sums[key] = _Sum(
                msgspec.structs.replace(
                    line, provider=None, model=None, biller=None, matched=None, unit=None, price=None, source=None,
                    quantity=None, quantity_billed=None,
                )
            )  # fmt: skip

    def _estimate(self, whose: _Whose, requests: int) -> CostLine:
        service, provider, model = whose
        biller = self._billers.get(whose)
        reports = self._reports.get(whose)
        line = CostLine(
            service=service,
            provider=provider,
            model=model,
            status=UNPRICED,
            biller=None if biller == provider else biller,
            usage=UNREPORTED,
            unit="request",
            quantity=Decimal(requests),
        )
        if reports is None or reports.usd is None:
            reason = "requests that ended without a usage report, and none of the same model that could be priced"
            return msgspec.structs.replace(line, reason=reason)
        mean = reports.usd / reports.requests
        amount = reports.usd * requests / reports.requests
        reason = "requests that ended without a usage report: taken as the mean of those with one"
        return msgspec.structs.replace(
            line,
            status=ESTIMATED if reports.billed else NOT_BILLED,
            quantity_billed=line.quantity,
            price=mean,
            amount=amount,
            usd=amount,
            reason=reason if reports.complete else f"{reason}, as far as those have a price",
        )
