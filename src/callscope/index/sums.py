"""The columns that sums are made of, so that a rollup and an exact answer add up the same things.

A greeting is no answer to anybody: neither its wait nor that it was cut off is in any figure.
"""

from __future__ import annotations

from typing import Any, Final

from callscope.query.query import STAGES

Row = tuple[Any, ...]

SUMS: Final = (
    "calls",
    "duration_ms",
    "turns",
    "exchanges",
    "unanswered",
    "interruptions",
    "errors",
    "calls_with_errors",
    "cost_usd",
    "unpriced_calls",
)
"""What is added up, as the columns of ``hour`` and ``day_sum`` are named."""
INTERRUPTIONS_AT: Final = SUMS.index("interruptions")
OF_CALL: Final = (
    "1, ifnull(c.duration_ms, 0.0), ifnull(c.turns, 0), c.exchanges, c.unanswered, 0, c.errors, c.errors > 0, "
    "ifnull(c.cost_usd, 0.0), (c.cost_usd IS NULL OR c.unpriced > 0)"
)
"""The same of one ``call AS c``; its interruptions are counted from its exchanges."""
OF_EXCHANGE: Final = ", ".join(
    ("(e.interrupted AND e.answered_at_ms IS NOT NULL)", "e.response_ms", *(f"e.{stage}_ms" for stage in STAGES))
)
"""Of ``exchange AS e``: whether its answer was cut off, then its waits in the order of
`callscope.index.histogram.NAMES`; NULL where there is none."""
