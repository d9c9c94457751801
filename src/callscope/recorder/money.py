"""Prices and budgets of one writer: read on its thread when the first call begins, then held in memory.

A mistake in the user's price file must never end in list prices that nobody asked for: calls are then recorded
without any cost, and say why. `callscope reprice` prices them once the file is right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from threading import Lock
from typing import Any, Final

import msgspec

from callscope.archive.once import is_first
from callscope.archive.price_file import read_book, read_budgets
from callscope.archive.spend import spend_of
from callscope.clock import monotonic_ns, now_ms
from callscope.config import Settings
from callscope.errors import SettingError
from callscope.model.cost import CostLine
from callscope.prices import shipped
from callscope.prices.book import PriceBook
from callscope.prices.budget import Budget, Crossing, Meter, State, applies, period_of
from callscope.prices.call_cost import CallCost, Line
from callscope.recorder.chores import Chores
from callscope.recorder.guard import log

_REFRESH_NS: Final = 60_000_000_000
_LONGEST_PERIOD_MS: Final = 31 * 86_400_000


class NoCost:
    """Stands for the cost of a call where the user's price file has a mistake.

    Args:
        problem: what is wrong with it.
    """

    def __init__(self, problem: str) -> None:
        self._problem = problem

    def add(self, usage: Mapping[str, Any], *, at_ms: int | None, direction: str | None = None) -> tuple[CostLine, ...]:  # noqa: ARG002 -- as `CallCost`
        """Nothing can be said of it."""
        return ()

    def turn(self) -> None:
        """Nothing can be said of it."""

    def of_line(self, line: Line | None) -> list[CostLine]:  # noqa: ARG002 -- as `CallCost`
        """Nothing can be said of it."""
        return []

    def document(self, line: Line | None = None) -> dict[str, Any]:  # noqa: ARG002 -- as `CallCost`
        """No cost, and why."""
        return {"cost": None, "cost_status": "error", "unpriced": 0, "cost_lines": [], "cost_problem": self._problem}


class Money:
    """What a writer knows of prices and budgets.

    Args:
        root: the archive.
        settings: which files to read.
        chores: for what takes a while.
        writer_id: whose calls are counted as they go on, and not read from the archive.
    """

    def __init__(self, root: Path, settings: Settings, chores: Chores, *, writer_id: str) -> None:
        self._root = root
        self._writer_id = writer_id
        self._settings = settings
        self._chores = chores
        self.book: PriceBook | None = None
        """None before the first call, and where the user's file has a mistake."""
        self._problem = ""
        self._budgets: tuple[Budget, ...] = ()
        self._meter: Meter | None = None
        self._counted_at_ns = 0
        self._lock = Lock()
        self._knows_others = False
        self._found: list[Crossing] = []

    def new_call(self) -> CallCost | NoCost:
        """The cost of a call that begins."""
        if self.book is None and not self._problem:
            self._load()
        return NoCost(self._problem) if self.book is None else CallCost(self.book)

    def spend(self, lines: Iterable[CostLine], *, at_ms: int, call_id: str, agent: str | None) -> list[dict[str, Any]]:
        """Count what was used; gives the data of a ``budget`` event for each threshold that it crossed."""
        meter = self._meter
        if meter is None:
            return []
        self._count_others()
        with self._lock:
            crossings, self._found = self._found, []
            for line in lines:
                crossings += meter.add(at_ms, self._provider(line), agent, call_id, line.usd)
        return [_told(each) for each in crossings if self._is_news(each)]

    def ended(self, call_id: str) -> None:
        """Let go of a call."""
        if self._meter is not None:
            with self._lock:
                self._meter.forget(call_id)

    def state(self, name: str, call_id: str | None) -> State | None:
        """How much of a budget is spent, from memory; None when there is no such budget, or none was read yet."""
        states = [] if self._meter is None else self._meter.states(now_ms(), call_id)
        state = next((state for state in states if state.budget.name == name), None)
        if state is None or self._knows_others or state.budget.per == "call" or state.verdict != "ok":
            return state
        return msgspec.structs.replace(state, verdict="unknown")  # what others spent is still being counted

    def _load(self) -> None:
        prices, budgets = self._settings.prices, self._settings.budgets
        try:
            self.book = read_book(None if prices is None else Path(prices))
        except SettingError as error:
            self._problem = str(error)
            log.error("callscope: calls are recorded without their cost: %s", error)
        try:
            self._budgets = () if budgets is None else read_budgets(Path(budgets))
        except SettingError as error:
            log.error("callscope: no budget is watched: %s", error)
        if self._budgets:
            self._meter = Meter(self._budgets)
            self._count_others()

    def _count_others(self) -> None:
        """Now and then, count what other processes and earlier ones spent, in a thread of its own."""
        now = monotonic_ns()
        if not self._counted_at_ns or now - self._counted_at_ns >= _REFRESH_NS:
            self._counted_at_ns = now
            self._chores.begin("budgets", self._count)

    def _count(self) -> None:
        now = now_ms()
        periods = [budget for budget in self._budgets if budget.per != "call"]
        sums = {budget.name: (Decimal(0), 0) for budget in periods}
        for call in spend_of(self._root, now_ms=now, since_ms=now - _LONGEST_PERIOD_MS):
            if call.writer_id == self._writer_id:
                continue
            for budget in periods:
                if period_of(budget, call.started_at_ms) != period_of(budget, now):
                    continue
                for line in call.lines:
                    if applies(budget, self._provider(line), call.agent):
                        usd, unpriced = sums[budget.name]
                        sums[budget.name] = (usd + line.usd, unpriced) if line.usd is not None else (usd, unpriced + 1)
        with self._lock:
            for budget in periods:
                if self._meter is not None:
                    self._found += self._meter.baseline(budget.name, period_of(budget, now) or "", *sums[budget.name])
        self._knows_others = True

    def _provider(self, line: CostLine) -> str | None:
        """The catalogue's id of who bills a line."""
        if line.matched is not None:
            return line.matched.partition("/")[0]
        return line.provider and (shipped.catalogue().named(line.provider.lower()) or line.provider)

    def _is_news(self, crossing: Crossing) -> bool:
        """Whether this process is the first to tell; and a line in the log when it is."""
        budget = crossing.budget
        name = f"{budget.name} {crossing.period} {crossing.threshold}"
        if budget.per != "call" and not is_first(self._root, "budgets", name):
            return False
        log.warning(
            "callscope: budget %s: %s of %s USD is spent in %s (%s %%)",
            budget.name, round(crossing.spent_usd, 4), budget.usd, crossing.period, crossing.threshold,
        )  # fmt: skip
        return True


def _told(crossing: Crossing) -> dict[str, Any]:
    return {
        "budget": crossing.budget.name,
        "period": crossing.period,
        "threshold_percent": crossing.threshold,
        "spent_usd": float(crossing.spent_usd),
        "limit_usd": float(crossing.budget.usd),
        "unpriced": crossing.unpriced,
    }
