"""The columns that sums are made of, so that a rollup and an exact answer add up the same things.

All are whole numbers, so that a sum is the same in whatever order it was made: lengths are counted in microseconds,
money in billionths of a dollar. A greeting is no answer to anybody: neither its wait nor that it was cut off is in any
figure.
"""

from __future__ import annotations

from typing import Any, Final

from callscope.archive.reader import UNREADABLE
from callscope.model.call import COMPLETED, IN_PROGRESS

Row = tuple[Any, ...]

US_PER_MINUTE: Final = 60_000_000
NANO_PER_USD: Final = 1_000_000_000
UNFINISHED: Final = frozenset({IN_PROGRESS, UNREADABLE})
"""Statuses of calls of which nobody can say how they ended."""

_OF: Final = {
    "calls": "1",
    "completed": f"c.status = '{COMPLETED}'",
    "unfinished": f"c.status IN ('{IN_PROGRESS}', '{UNREADABLE}')",
    "duration_us": "CAST(round(min(ifnull(c.duration_ms, 0), 1e11) * 1000) AS INTEGER)",
    "turns": "ifnull(c.turns, 0)",
    "exchanges": "c.exchanges",
    "unanswered": "c.unanswered",
    "interruptions": "w.cut_off",
    "errors": "c.errors",
    "calls_with_errors": "c.errors > 0",
    "nano_usd": "CAST(round(min(ifnull(c.cost_usd, 0), 1e6) * 1e9) AS INTEGER)",
    "unpriced_calls": "(c.cost_usd IS NULL OR c.unpriced > 0)",
}
"""What is added up, by the names of the columns of ``hour`` and ``day_sum``: of one ``call AS c`` with its ``call_waits
AS w``. A call counts for three years and a million dollars at most, so that sums keep to 64 bits."""
SUMS: Final = tuple(_OF)
OF_CALL: Final = ", ".join(_OF.values())
"""`SUMS` of one call."""
