"""How much of each budget is spent, in constant time: sums are kept, nothing is searched."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Final, Literal, NamedTuple

import msgspec

Per = Literal["day", "week", "month", "call"]
Verdict = Literal["ok", "warning", "over", "unknown"]

THRESHOLDS: Final = (80, 100)
"""Percent, where a budget does not say otherwise."""

_DAY_MS: Final = 86_400_000
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_ZERO: Final = Decimal(0)


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What may be spent in a period."""

    name: str
    usd: Decimal
    """Above 0."""
    per: Per
    provider: str | None = None
    """None: all of them together."""
    agent: str | None = None
    """None: all of them together."""
    thresholds: tuple[int, ...] = THRESHOLDS
    """Percent of ``usd``, ascending; crossing one is told."""


class Spend(msgspec.Struct, frozen=True, kw_only=True):
    """What something cost."""

    at_ms: float
    """Unix milliseconds."""
    usd: Decimal | None
    """None: usage without a price."""
    provider: str | None = None
    """The catalogue's id, where it has one: budgets name providers so."""
    agent: str | None = None
    call_id: str | None = None
    estimated: bool = False
    """Whether something about ``usd`` was assumed."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """A budget in one of its periods."""

    budget: Budget
    period: str
    spent_usd: Decimal
    """What is known to be spent: a lower bound where something is unpriced."""
    unpriced: int
    """Usage whose cost nobody knows."""
    share: float
    """``spent_usd`` by the budget; 1 is all of it."""
    crossed: tuple[int, ...]
    """Thresholds that are reached, in percent."""
    verdict: Verdict
    """``over`` from 100 % on, ``warning`` from the first threshold on; below it ``ok``, but ``unknown`` if
    anything is unpriced."""
    estimated: bool = False
    """Whether something about ``spent_usd`` was assumed; only sums of lines, as those of reports, tell."""

    @property
    def known_usd(self) -> Decimal | None:
        """``spent_usd``; None where nothing but zeros is known beside what is unpriced."""
        return None if self.unpriced and not self.spent_usd else self.spent_usd


class Crossing(msgspec.Struct, frozen=True, kw_only=True):
    """A threshold that was just reached, told once a threshold and period."""

    budget: Budget
    period: str
    threshold: int
    """Percent."""
    spent_usd: Decimal
    unpriced: int


class _Tally(NamedTuple):
    """Sums of one budget in one period. Replaced as a whole, so another thread never reads half a change."""

    usd: Decimal = _ZERO
    unpriced: int = 0
    estimated: bool = False
    elsewhere_usd: Decimal = _ZERO
    elsewhere_unpriced: int = 0
    peak_usd: Decimal = _ZERO
    """The most it ever came to: thresholds up to it are told."""

    @property
    def total_usd(self) -> Decimal:
        return self.usd + self.elsewhere_usd

    @property
    def total_unpriced(self) -> int:
        return self.unpriced + self.elsewhere_unpriced


def period_of(budget: Budget, at_ms: float, call_id: str | None = None) -> str | None:
    """The period in UTC as ``2026-11-21``, ``2026-W47`` or ``2026-11``; the call's id for a budget per call.

    None for a budget per call without a call. Raises ValueError for moments outside the years 1 to 9999.
    """
    if budget.per == "call":
        return call_id
    day = date.fromordinal(int(at_ms // _DAY_MS) + _EPOCH_DAY)
    if budget.per == "week":
        year, week, _ = day.isocalendar()
        return f"{year:04}-W{week:02}"
    return day.isoformat() if budget.per == "day" else day.isoformat()[:7]


class Counted(NamedTuple):
    """What a budget takes of an amount."""

    usd: Decimal | None


def counted(budget: Budget, provider: str | None, agent: str | None, usd: Decimal | None) -> Counted | None:
    """What a budget counts of what a provider bills for an agent; None when it is none of its business.

    What nobody knows the provider of may be this one's: for a budget of one provider it has no known amount.
    """
    if budget.agent is not None and budget.agent != agent:
        return None
    if budget.provider is None or budget.provider == provider:
        return Counted(usd)
    return Counted(None) if provider is None else None


def crossed(budget: Budget, before: Decimal, after: Decimal) -> tuple[int, ...]:
    """Thresholds, in percent, that a sum in US dollars reaches on its way from ``before`` to ``after``."""
    return tuple(one for one in budget.thresholds if before * 100 < budget.usd * one <= after * 100)


def state_of(budget: Budget, period: str, *, spent_usd: Decimal, unpriced: int, estimated: bool = False) -> State:
    """The state that sums come to."""
    reached = tuple(one for one in budget.thresholds if spent_usd * 100 >= budget.usd * one)
    verdict: Verdict = "unknown" if unpriced else "ok"
    if spent_usd >= budget.usd:
        verdict = "over"
    elif reached:
        verdict = "warning"
    return State(
        budget=budget,
        period=period,
        spent_usd=spent_usd,
        unpriced=unpriced,
        share=float(spent_usd / budget.usd),
        crossed=reached,
        verdict=verdict,
        estimated=estimated,
    )


def states(
    budgets: Iterable[Budget], spends: Iterable[Spend], *, at_ms: float, call_id: str | None = None
) -> list[State]:
    """Each budget in its period at a moment, from everything that was spent: for reports over an archive."""
    meter = Meter(budgets)
    for spend in spends:
        meter.add(spend.at_ms, spend.provider, spend.agent, spend.call_id, spend.usd, estimated=spend.estimated)
    return meter.states(at_ms, call_id)


class Meter:
    """Adds up what is spent as it is spent, in a time that grows with the number of budgets alone.

    `add`, `baseline` and `forget` are for one thread; `states` may be asked from any.
    """

    __slots__ = ("_budgets", "_tallies")

    def __init__(self, budgets: Iterable[Budget]) -> None:
        self._budgets = tuple(budgets)
        self._tallies: dict[tuple[str, str], _Tally] = {}

    def add(
        self,
        at_ms: float,
        provider: str | None,
        agent: str | None,
        call_id: str | None,
        usd: Decimal | None,
        *,
        estimated: bool = False,
    ) -> list[Crossing]:
        """Add one amount, None being unpriced, to every budget that it counts towards.

        Returns the thresholds that this reaches for the first time. Raises as `period_of` does.
        """
        found: list[Crossing] = []
        for budget in self._budgets:
            part = counted(budget, provider, agent, usd)
            period = period_of(budget, at_ms, call_id)
            if part is None or period is None:
                continue
            tally = self._tallies.get((budget.name, period), _Tally())
            if part.usd is None:
                tally = tally._replace(unpriced=tally.unpriced + 1)
            else:
                tally = tally._replace(usd=tally.usd + part.usd, estimated=tally.estimated or estimated)
            found += self._put(budget, period, tally)
        return found

    def baseline(self, name: str, period: str, usd: Decimal, unpriced: int) -> list[Crossing]:
        """Set what was spent elsewhere (before this process, or by others) in a period of the budget of that name.

        What `add` counted stays. Returns the thresholds that this reaches for the first time here: at the start of
        a process they may have been told before it. Raises KeyError for a name that is no budget's.
        """
        budget = {budget.name: budget for budget in self._budgets}[name]
        tally = self._tallies.get((name, period), _Tally())
        return self._put(budget, period, tally._replace(elsewhere_usd=usd, elsewhere_unpriced=unpriced))

    def states(self, at_ms: float, call_id: str | None = None) -> list[State]:
        """Each budget in its period at that moment, in the order they were given; those per call only with a call."""
        found = []
        for budget in self._budgets:
            period = period_of(budget, at_ms, call_id)
            if period is not None:
                tally = self._tallies.get((budget.name, period), _Tally())
                usd, unpriced = tally.total_usd, tally.total_unpriced
                found.append(state_of(budget, period, spent_usd=usd, unpriced=unpriced, estimated=tally.estimated))
        return found

    def forget(self, call_id: str) -> None:
        """Let go of a call that ended, so that budgets per call do not grow for ever."""
        for budget in self._budgets:
            if budget.per == "call":
                self._tallies.pop((budget.name, call_id), None)

    def _put(self, budget: Budget, period: str, tally: _Tally) -> list[Crossing]:
        total = tally.total_usd
        reached = crossed(budget, tally.peak_usd, total)
        self._tallies[budget.name, period] = tally._replace(peak_usd=max(tally.peak_usd, total))
        return [
            Crossing(budget=budget, period=period, threshold=one, spent_usd=total, unpriced=tally.total_unpriced)
            for one in reached
        ]
