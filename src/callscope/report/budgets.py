"""Budgets against the archive: how much of each is spent, and whether that is all that was spent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from callscope import config
from callscope.archive import spend
from callscope.archive.price_file import read_budgets
from callscope.archive.spend import CallSpend
from callscope.model.cost import ESTIMATED, CostLine
from callscope.prices import budget as pure
from callscope.prices.biller import billers
from callscope.prices.budget import Budget, Spend, State
from callscope.prices.exact import plain
from callscope.report import figures
from callscope.report.price_book import price_book

CALL_DAYS: Final = 30
"""A budget per call is shown for the call that stands worst in it in this time."""
EXAMPLE: Final = """\
schema = 1

[[budget]]
name = "Deepgram"
provider = "deepgram"
usd = "50"
per = "month"
thresholds = [50, 80, 100]
"""
"""A budgets file, for who has none."""

Biller = Callable[[CostLine], str | None]
_WORST_FIRST: Final = ("over", "warning", "unknown", "ok")


class Budgets(msgspec.Struct, frozen=True, kw_only=True):
    """A budgets file, and where each budget stands."""

    file: str | None
    """None: there is none."""
    states: tuple[State, ...]


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    """What cost lines of one day, provider and agent come to."""

    at_ms: float
    """Unix milliseconds; a moment of the day."""
    provider: str | None
    """The catalogue's id where it has one; None where nobody can tell."""
    agent: str | None
    usd: Decimal | None
    """What is known; None when nothing is."""
    lines: int
    unpriced: int
    """Lines without an amount."""


def states(archive: Path, file: str | None, *, now_ms: int) -> Budgets:
    """Where each budget stands now.

    Args:
        archive: the calls that money was spent on.
        file: the budgets file; None: the one of the environment or of the usual place.
        now_ms: Unix milliseconds.

    Raises:
        SettingError: the file is not there or has a mistake; says where. So with the prices file, which names hosts.
        UnreadableError: the archive cannot be read.
    """
    path = Path(file).expanduser() if file is not None else config.budgets_file()
    if path is None:
        return Budgets(file=None, states=())
    biller = billers(price_book(None))
    budgets = read_budgets(path)
    since_ms = min((begins_ms(budget, now_ms) for budget in budgets), default=now_ms)
    calls = tuple(spend.spend_of(archive, now_ms=now_ms, since_ms=since_ms))
    found = tuple(_state(budget, calls, now_ms, biller) for budget in budgets)
    return Budgets(file=str(path), states=found)


def state_of_sums(budget: Budget, sums: Iterable[Sum], *, now_ms: int) -> State:
    """Where a budget of a day, a week or a month stands now, by sums of its time and any other; not of one per call."""
    period = pure.period_of(budget, now_ms) or ""
    spent_usd, unpriced = Decimal(0), 0
    for each in sums:
        part = pure.counted(budget, each.provider, each.agent, each.usd or Decimal(0))
        if part is None or pure.period_of(budget, each.at_ms) != period:
            continue
        spent_usd += part.usd or 0
        unpriced += each.lines if part.usd is None else each.unpriced
    return pure.state_of(budget, period, spent_usd=spent_usd, unpriced=unpriced)


def document(budgets: Budgets) -> dict[str, Any]:
    """As JSON; dollars are strings, so that nothing is lost."""
    return {"file": budgets.file, "budgets": [_document(each) for each in budgets.states]}


def _document(state: State) -> dict[str, Any]:
    budget = state.budget
    return {
        "name": budget.name,
        "per": budget.per,
        "provider": budget.provider,
        "agent": budget.agent,
        "period": state.period,
        "spent_usd": plain(state.known_usd),
        "estimated": state.estimated,
        "limit_usd": plain(budget.usd),
        "share": None if state.known_usd is None else state.share,
        "unpriced": state.unpriced,
        "thresholds": list(budget.thresholds),
        "crossed": list(state.crossed),
        "verdict": state.verdict,
    }


def begins_ms(budget: Budget, now_ms: int) -> int:
    """The first moment of the budget's period that goes on."""
    today = datetime.fromtimestamp(now_ms // 1000, tz=UTC).replace(hour=0, minute=0, second=0)
    first = {
        "day": today,
        "week": today - timedelta(days=today.weekday()),
        "month": today.replace(day=1),
        "call": today - timedelta(days=CALL_DAYS),
    }[budget.per]
    return round(first.timestamp() * 1000)


def _state(budget: Budget, calls: Sequence[CallSpend], now_ms: int, biller: Biller) -> State:
    """The budget's state; of a budget per call the worst one."""
    if budget.per != "call":
        return pure.states([budget], _spends(calls, biller), at_ms=now_ms)[0]
    return worst_call(budget, calls, now_ms=now_ms, biller=biller)


def worst_call(budget: Budget, calls: Iterable[CallSpend], *, now_ms: int, biller: Biller) -> State:
    """The state of a budget per call: that of the call of the last `CALL_DAYS` days that stands worst in it.

    Of several that stand alike it is the first by path, in whatever order they come.
    """
    recent = [call for call in calls if call.started_at_ms >= begins_ms(budget, now_ms)]
    recent.sort(key=lambda call: call.path)
    found = [
        state
        for call in recent
        for state in pure.states([budget], _spends([call], biller), at_ms=now_ms, call_id=call.call_id)
    ]
    worst = sorted(found, key=lambda state: (_WORST_FIRST.index(state.verdict), -state.spent_usd))
    return worst[0] if worst else pure.state_of(budget, figures.UNKNOWN, spent_usd=Decimal(0), unpriced=0)


def _spends(calls: Iterable[CallSpend], biller: Biller) -> Iterator[Spend]:
    for call in calls:
        for line in call.lines:
            yield Spend(
                at_ms=call.started_at_ms,
                usd=line.usd,
                provider=biller(line),
                agent=call.agent,
                call_id=call.call_id,
                estimated=line.status == ESTIMATED,
            )
