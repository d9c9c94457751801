"""What other processes and earlier ones spent, for budgets: sums by day, of which only changed days are read again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Final

from callscope.archive import listing
from callscope.archive.reader import read_envelope
from callscope.archive.spend import call_spend
from callscope.clock import monotonic_ns
from callscope.model.cost import CostLine
from callscope.prices.budget import Budget, counted, period_of

_LONGEST_PERIOD_MS: Final = 31 * 86_400_000
_SETTLED_MS: Final = 2_000
_NOTHING: Final = (Decimal(0), 0)

Sums = dict[str, tuple[Decimal, int]]
"""By budget: dollars, and lines without an amount."""


class Others:
    """The calls of an archive that this writer did not write.

    Args:
        root: the archive.
        budgets: of a day, a week or a month.
        writer_id: whose calls are left out.
        biller: who bills a line.
    """

    def __init__(
        self, root: Path, budgets: tuple[Budget, ...], *, writer_id: str, biller: Callable[[CostLine], str | None]
    ) -> None:
        self._root = root
        self._budgets = budgets
        self._writer_id = writer_id
        self._biller = biller
        self._days: dict[str, tuple[int, Sums]] = {}

    def spent(self, *, now_ms: int, until_ns: int | None = None) -> Iterator[tuple[str, str, Decimal, int]]:
        """For each budget its name, its period now, what was spent in it, and lines without an amount.

        Args:
            now_ms: Unix milliseconds.
            until_ns: of the monotonic clock, when to give up.

        Raises:
            OSError: a directory cannot be read; TimeoutError, which is one: it took too long.
        """
        days = [day for day in listing.days(self._root) if day.end_ms > now_ms - _LONGEST_PERIOD_MS]
        self._days = {day.name: self._day(day, now_ms, until_ns) for day in days}
        for budget in self._budgets:
            period = period_of(budget, now_ms) or ""
            usd, unpriced = _NOTHING
            for day in days:
                if period_of(budget, day.start_ms) == period:
                    more_usd, more_unpriced = self._days[day.name][1].get(budget.name, _NOTHING)
                    usd, unpriced = usd + more_usd, unpriced + more_unpriced
            yield budget.name, period, usd, unpriced

    def _day(self, day: listing.Day, now_ms: int, until_ns: int | None) -> tuple[int, Sums]:
        """A day's sums; its directory is touched whenever a call in it begins, ends or changes."""
        mtime_ns = day.path.stat().st_mtime_ns
        known = self._days.get(day.name)
        if known is not None and known[0] == mtime_ns:
            return known
        sums: Sums = {}
        for path in listing.calls_of(day.path):
            if until_ns is not None and monotonic_ns() > until_ns:
                raise TimeoutError
            call = call_spend(read_envelope(path, now_ms=now_ms), started_at_ms=day.start_ms)
            if call.writer_id == self._writer_id:
                continue
            for line in call.lines:
                provider = self._biller(line)
                for budget in self._budgets:
                    found = counted(budget, provider, call.agent, line.usd)
                    if found is not None:
                        usd, unpriced = sums.get(budget.name, _NOTHING)
                        sums[budget.name] = (usd + (found.usd or 0), unpriced + (found.usd is None))
        # Another change may have the same time as long as that is the present: such a day is read again.
        is_settled = now_ms - mtime_ns // 1_000_000 > _SETTLED_MS
        return (mtime_ns if is_settled else 0), sums
