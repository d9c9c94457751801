"""Prices and budgets of one writer: read on its thread when the first call begins, then held in memory.

A mistake in the user's price file must never end in list prices that nobody asked for: calls are then recorded
without any cost, and say why. `callscope reprice` prices them once the file is right.

Processes that spend at the same time see of each other what ended calls left on the disk. So whoever spent something
counts all of it again once its call is on the disk, within a minute, and a last time at its end: the last of them to
end sees what they all spent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock
from typing import Any, Final

import msgspec

from callscope.archive.once import is_first
from callscope.archive.price_file import read_book, read_budgets
from callscope.clock import monotonic_ns, now_ms
from callscope.config import Settings
from callscope.errors import SettingError
from callscope.model.cost import CostLine
from callscope.prices.biller import billers
from callscope.prices.book import PriceBook
from callscope.prices.budget import Crossing, Meter, State
from callscope.prices.call_cost import CallCost, Line
from callscope.prices.costing import UNREPORTED
from callscope.recorder.chores import Chores
from callscope.recorder.guard import log
from callscope.recorder.others import Others

_REFRESH_NS: Final = 60_000_000_000
_LAST_COUNT_NS: Final = 1_000_000_000
"""What the count at a writer's end may take: somebody waits for the end."""


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

    def at_end(self, line: Line) -> list[CostLine]:  # noqa: ARG002 -- as `CallCost`
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
        self._meter: Meter | None = None
        self._others: Others | None = None
        self._counted_at_ns = 0
        self._lock = Lock()
        self._knows_others = False
        self._found: list[Crossing] = []
        """Told in the log already; they are events of the next call that uses something."""
        self._is_due = False
        self._closing = Event()

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
        self._is_due = True
        self._count_others()
        crossings: list[Crossing] = []
        with self._lock:
            news, self._found = self._found, []
            for line in lines:
                if line.usage == UNREPORTED and line.usd is None:
                    continue  # estimated when the call ends
                crossings += meter.add(at_ms, self._biller(line), agent, call_id, line.usd)
        return [_told(each) for each in (*news, *(each for each in crossings if self._is_news(each)))]

    def ended(self, call_id: str) -> None:
        """Let go of a call."""
        if self._meter is not None:
            with self._lock:
                self._meter.forget(call_id)

    def written(self) -> None:
        """What an ended call spent is on the disk: what all calls come to is counted again, within a minute."""
        if self._is_due and self._others is not None:
            self._begin(self._count_when_due)

    def close(self) -> None:
        """Everything is written: count a last time, for what was spent since and what others spent meanwhile."""
        self._closing.set()
        if self._is_due and self._others is not None:
            # What this finds no time for, the next process tells when it starts.
            with suppress(OSError):
                self._count(until_ns=monotonic_ns() + _LAST_COUNT_NS)

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
            budgets_read = () if budgets is None else read_budgets(Path(budgets))
        except SettingError as error:
            budgets_read = ()
            log.error("callscope: no budget is watched: %s", error)
        if budgets_read and self.book is not None:
            self._biller = billers(self.book)
            self._meter = Meter(budgets_read)
            shared = tuple(budget for budget in budgets_read if budget.per != "call")
            self._others = Others(self._root, shared, writer_id=self._writer_id, biller=self._biller)
            self._count_others()

    def _count_others(self) -> None:
        """Now and then, count what other processes and earlier ones spent, in a thread of its own."""
        now = monotonic_ns()
        if not self._counted_at_ns or now - self._counted_at_ns >= _REFRESH_NS:
            self._begin(self._count)

    def _begin(self, work: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # no thread begins any more when the interpreter ends; `close` counts
            self._chores.begin("budgets", work)

    def _count_when_due(self) -> None:
        while self._is_due:
            wait_ns = self._counted_at_ns + _REFRESH_NS - monotonic_ns()
            if self._closing.wait(max(0, wait_ns) / 1e9):
                return
            self._count()

    def _count(self, *, until_ns: int | None = None) -> None:
        meter, others = self._meter, self._others
        if meter is None or others is None:
            return
        self._counted_at_ns = monotonic_ns()
        self._is_due = False
        found = list(others.spent(now_ms=now_ms(), until_ns=until_ns))
        with self._lock:
            crossings = [each for sums in found for each in meter.baseline(*sums)]
        self._knows_others = True
        news = [each for each in crossings if self._is_news(each)]
        with self._lock:
            self._found += news

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
