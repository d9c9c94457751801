"""Budgets, and what has no price: what the cost page shows beside sums. Made in the background, from few envelopes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from callscope import config
from callscope.archive.paths import CALLS
from callscope.archive.price_file import read_budgets
from callscope.archive.reader import read_envelope
from callscope.archive.spend import CallSpend, call_spend
from callscope.index.calls import CallRow
from callscope.index.index import Index
from callscope.model.cost import UNPRICED, CostLine
from callscope.prices.biller import billers
from callscope.prices.budget import Budget, State
from callscope.query.query import CallQuery, Term
from callscope.report import budgets as report
from callscope.report.budgets import Budgets
from callscope.report.missing import Missing, missing
from callscope.report.price_book import price_book
from callscope.web.rows import narrowed
from callscope.web.spending import spent

MOST_READ: Final = 200
"""Calls whose envelopes are read."""
_UNPRICED: Final = Term(field="unpriced", op="above", values=(0.0,))


class Unpriced(msgspec.Struct, frozen=True, kw_only=True):
    """What has no known amount in the calls of a query."""

    found: tuple[Missing, ...]
    read: int
    """Calls that were looked at: the newest ones."""
    calls: int
    """Calls with something in them that has no known amount."""


def budgets_of(index: Index, *, now_ms: int) -> Budgets:
    """Where each budget stands; the same as `callscope.report.budgets.states`, from the index.

    A line's provider is known by its name and model alone, without the price that it was matched with. A budget per
    call is shown for the worst of the dearest calls and the newest ones with something unpriced.

    Raises:
        SettingError: the budgets file or the prices file has a mistake; says where.
    """
    path = config.budgets_file()
    if path is None:
        return Budgets(file=None, states=())
    budgets = read_budgets(path)
    biller = billers(price_book(None))
    sums = tuple(_sums(index, budgets, biller, now_ms=now_ms))
    states = [
        _worst_call(index, budget, biller, now_ms=now_ms)
        if budget.per == "call"
        else report.state_of_sums(budget, sums, now_ms=now_ms)
        for budget in budgets
    ]
    return Budgets(file=str(path), states=tuple(states))


def unpriced_of(index: Index, query: CallQuery, *, now_ms: int) -> Unpriced:
    """What has no known amount and why, by the newest `MOST_READ` calls with such a thing.

    Raises:
        SettingError: the prices file has a mistake, or the query cannot be answered.
    """
    asked = msgspec.structs.replace(narrowed(query, _UNPRICED), limit=MOST_READ)
    page = index.calls(asked, count=True)
    found = missing(_spends(index.root, page.calls, now_ms=now_ms), billers(price_book(None)))
    return Unpriced(found=tuple(found), read=len(page.calls), calls=page.total or len(page.calls))


def _sums(index: Index, budgets: Iterable[Budget], biller: report.Biller, *, now_ms: int) -> Iterable[report.Sum]:
    of_periods = [report.begins_ms(budget, now_ms) for budget in budgets if budget.per != "call"]
    if not of_periods:
        return
    for each in spent(index, CallQuery(since_ms=min(of_periods)), by=("day", "provider", "model", "service", "agent")):
        day_ms, provider, model, service, agent = each.key
        line = CostLine(service=str(service), provider=str(provider) or None, model=str(model) or None, status=UNPRICED)
        yield report.Sum(
            at_ms=int(day_ms),
            provider=biller(line),
            agent=str(agent) or None,
            usd=each.usd,
            lines=each.lines,
            unpriced=each.unpriced,
        )


def _worst_call(index: Index, budget: Budget, biller: report.Biller, *, now_ms: int) -> State:
    of_agent = () if budget.agent is None else (Term(field="agent", op="is", values=(budget.agent,)),)
    recent = CallQuery(terms=of_agent, since_ms=report.begins_ms(budget, now_ms), limit=MOST_READ)
    dearest = index.calls(msgspec.structs.replace(recent, sort="cost")).calls
    unknown = index.calls(msgspec.structs.replace(recent, terms=(*of_agent, _UNPRICED))).calls
    calls = {call.path: call for call in (*dearest, *unknown)}
    return report.worst_call(budget, _spends(index.root, calls.values(), now_ms=now_ms), now_ms=now_ms, biller=biller)


def _spends(root: Path, calls: Iterable[CallRow], *, now_ms: int) -> list[CallSpend]:
    return [
        call_spend(read_envelope(root / CALLS / call.path, now_ms=now_ms), started_at_ms=call.started_at_ms)
        for call in calls
    ]
