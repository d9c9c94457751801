"""What calls cost by whatever tells cost lines apart, from the index."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec

from callscope.index.index import Index
from callscope.query.query import CallQuery
from callscope.web.rows import CALLS, rows

_DAY_MS: Final = 86_400_000
_HOUR_MS: Final = 3_600_000
_COLUMNS: Final = {
    "hour": f"c.started_at_ms - c.started_at_ms % {_HOUR_MS}",
    "day": f"c.started_at_ms - c.started_at_ms % {_DAY_MS}",
    "provider": "l.provider",
    "service": "l.service",
    "model": "l.model",
    "agent": "d.agent",
    "version": "d.version",
}
_PLACES: Final = 9

Key = tuple[str | int, ...]
"""One value for each of ``by``: of ``day`` its first moment in Unix milliseconds; a text is empty when unknown."""


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What a group of cost lines comes to."""

    key: Key
    usd: Decimal | None
    """What is known; None when nothing is."""
    lines: int
    unpriced: int
    """Lines without an amount."""
    calls: int | None
    """None: not counted."""


def spent(index: Index, query: CallQuery, *, by: Sequence[str]) -> list[Spent]:
    """Cost lines of the calls of a query by group, in no order. Raises as `callscope.web.rows.rows` does."""
    columns = ", ".join(_COLUMNS[name] for name in by)
    numbers = ", ".join(str(i + 1) for i in range(len(by)))
    # CROSS JOIN: from the calls of the time to their lines, not through all lines there are.
    found = rows(
        index,
        query,
        f"SELECT {columns}, sum(l.usd), count(*), count(*) - count(l.usd), count(DISTINCT l.call) "  # noqa: S608 -- names of ours
        f"FROM {CALLS} CROSS JOIN cost_line AS l ON l.call = c.id WHERE {{calls}} GROUP BY {numbers}",
    )
    return [_spent(row[: len(by)], *row[len(by) :]) for row in found]


def _spent(key: Sequence[object], usd: object, lines: object, unpriced: object, calls: object) -> Spent:
    return Spent(
        key=tuple(part if isinstance(part, int) else str(part) for part in key),
        usd=None if usd is None else round(Decimal(str(usd)), _PLACES),
        lines=int(str(lines)),
        unpriced=int(str(unpriced)),
        calls=int(str(calls)),
    )
