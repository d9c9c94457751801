"""What budgets count over a stretch of time: spend by hour, and within the last hour by call."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from decimal import Decimal
from itertools import accumulate
from typing import Final

from callscope.alerts.rule import HOUR_MS
from callscope.index.index import Index
from callscope.index.spend import Key, Spend
from callscope.model.cost import UNPRICED, CostLine
from callscope.prices import budget as pure
from callscope.prices.budget import Budget, State
from callscope.query.query import CallQuery
from callscope.report.budgets import Biller, begins_ms

_BY: Final = ("provider", "model", "service", "agent")
_NANO: Final = 10**9
_Billed = tuple[str | None, str | None, int, int]
"""Provider, agent, billionths of a dollar, lines without an amount."""


class Spending:
    """What was spent by moments between two, in Unix milliseconds, on some budgets that are not per call."""

    def __init__(
        self, index: Index, budgets: Iterable[Budget], biller: Biller, *, since_ms: int, until_ms: int
    ) -> None:
        self._index = index
        self._biller = biller
        self.budgets = tuple(budgets)
        self._hour_ms = since_ms
        self._until_ms = since_ms
        self._since_the_hour: list[_Billed] = []
        first_ms = min((begins_ms(budget, since_ms) for budget in self.budgets), default=until_ms)
        by_hour: dict[int, list[_Billed]] = {}
        asked = CallQuery(since_ms=first_ms, until_ms=until_ms - until_ms % HOUR_MS)
        if first_ms < (asked.until_ms or 0):
            for key, spend in index.spend(asked, by=("hour", *_BY)):
                by_hour.setdefault(int(key[0]), []).append(self._billed(key[1:], spend))
        self._hours = sorted(by_hour)
        self._running = {
            budget.name: list(accumulate((_of(budget, by_hour[at]) for at in self._hours), _plus, initial=(0, 0)))
            for budget in self.budgets
        }

    def state(self, budget: Budget, at_ms: int) -> State:
        """Where a budget stood at a moment; moments are asked for in their order."""
        hour_ms = at_ms - at_ms % HOUR_MS
        running = self._running[budget.name]
        low = bisect_left(self._hours, begins_ms(budget, at_ms))
        high = bisect_left(self._hours, hour_ms)
        self._follow(hour_ms, at_ms)
        nano, unpriced = _of(budget, self._since_the_hour)
        return pure.state_of(
            budget,
            pure.period_of(budget, at_ms) or "",
            spent_usd=Decimal(running[high][0] - running[low][0] + nano) / _NANO,
            unpriced=running[high][1] - running[low][1] + unpriced,
        )

    def _follow(self, hour_ms: int, at_ms: int) -> None:
        """Add what was spent since the moment that was asked for before; anew in another hour."""
        if hour_ms != self._hour_ms or at_ms < self._until_ms:
            self._hour_ms = self._until_ms = hour_ms
            self._since_the_hour = []
        if at_ms > self._until_ms:
            asked = CallQuery(since_ms=self._until_ms, until_ms=at_ms)
            self._since_the_hour += [self._billed(key, spend) for key, spend in self._index.spend(asked, by=_BY)]
            self._until_ms = at_ms

    def _billed(self, key: Key, spend: Spend) -> _Billed:
        provider, model, service, agent = (str(each) for each in key)
        line = CostLine(service=service, provider=provider or None, model=model or None, status=UNPRICED)
        return self._biller(line), agent or None, round(spend.usd * _NANO), spend.unpriced


def _of(budget: Budget, billed: Iterable[_Billed]) -> tuple[int, int]:
    """What a budget counts of it."""
    total, missing = 0, 0
    for provider, agent, nano, unpriced in billed:
        part = pure.counted(budget, provider, agent, Decimal(0))
        if part is not None and part.usd is None:
            missing += 1
        elif part is not None:
            total, missing = total + nano, missing + unpriced
    return total, missing


def _plus(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return one[0] + other[0], one[1] + other[1]
